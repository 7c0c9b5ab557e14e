"""A session as the fold over its part of the journal: events in, heat and verdicts out, in any order of arrival.

Passings can arrive late (a RESEND after a lost frame, two loops with different delays). What lies before something
already applied is sorted in and the whole session folded again, so the result never depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from msgspec.structs import replace

from trackd.core.errors import Refused
from trackd.core.time import SECOND, Micros
from trackd.timing import finish
from trackd.timing.crossing import bound, whose
from trackd.timing.edits import edits, lay, undone
from trackd.timing.events import Crossing, Event, Order, Verdict
from trackd.timing.flags import FLAG_ORDERS, LIVE, NEXT, OPEN, State, why_not
from trackd.timing.heat import Heat
from trackd.timing.reduce import reduce
from trackd.timing.taps import near_a_tap

ATTACH_AT_MOST_US: Micros = 600 * SECOND
"""Passings from before the session can be attached to it for ten minutes (A21). The `attach` order carries them."""


@dataclass(slots=True)
class Outcome:
    """What one event changed. ``again``: everything was folded again, all verdicts and laps may differ."""

    verdict: Verdict | None = None
    again: bool = False


@dataclass(slots=True)
class Session:
    """A heat with the events that made it. ``apply`` is the only way to change it; ``mark``/``back`` take it back."""

    start: Heat
    heat: Heat
    log: list[Event] = field(default_factory=list)                 # as they came; edits are laid over it to fold
    verdicts: dict[int, Verdict] = field(default_factory=dict)     # crossing seq -> verdict
    holders: dict[int, str | None] = field(default_factory=dict)   # crossing seq -> kart it belonged to then

    @classmethod
    def new(cls, heat: Heat) -> Session:
        """A session before its first event."""
        heat = replace(heat, entries={kart: replace(e, id=e.id or kart) for kart, e in heat.entries.items()})
        return cls(start=heat, heat=heat)

    @classmethod
    def of(cls, heat: Heat, events: Sequence[Event]) -> Session:
        """The session that these events make, whatever their order."""
        session = cls.new(heat)
        session.log = list(events)
        session._fold()
        return session

    def apply(self, event: Event) -> Outcome:
        """Take in one event, and the passings from before the session that an `attach` brings along."""
        if isinstance(event, Order):
            self.log += self._brought(event)
        self.log.append(event)
        if not _in_order(self.heat, event):
            self._fold()
            return Outcome(self.verdicts.get(event.seq), again=True)
        return Outcome(self._reduce(event))

    def tried(self, event: Event) -> Session:
        """What the session would be with this event, without taking it in."""
        brought = self._brought(event) if isinstance(event, Order) else []
        trial = Session(self.start, self.heat, [*self.log, *brought, event])
        trial._fold()
        return trial

    def after(self, event: Event) -> Heat:
        """What the heat would be with this event."""
        return self.tried(event).heat

    def laid(self) -> list[Event]:
        """The events as they count, in order: with what edits changed, and the crossings they made."""
        return lay(self.start, self.log)[1]

    def drop(self, seqs: Set[int]) -> bool:
        """Forget these crossings, which belong to another session now. True when any of them was here."""
        if seqs.isdisjoint(self.verdicts):
            return False
        self.log = [event for event in self.log if event.seq not in seqs or not isinstance(event, Crossing)]
        self._fold()
        return True

    def take(self, crossings: Sequence[Crossing]) -> None:
        """These crossings, heard earlier, belong to this session now."""
        self.log += crossings
        self._fold()

    @property
    def attached(self) -> dict[int, Crossing]:
        """The crossings that an `attach` which stands has brought."""
        orders = [event for event in self.log if isinstance(event, Order)]
        gone = undone(orders)
        return {each[0]: Crossing(*each) for order in orders if order.name == "attach" and order.seq not in gone
                for each in order.args.get("crossings", ())}

    def _brought(self, order: Order) -> list[Crossing]:
        """The crossings that come with an `attach`, given or given again, and are not here yet."""
        if order.name not in ("attach", "redo"):
            return []
        seq = order.seq if order.name == "attach" else order.args["of"]
        given = (e for e in (*self.log, order) if isinstance(e, Order) and e.seq == seq and e.name == "attach")
        brought = [Crossing(*each) for attach in given for each in attach.args.get("crossings", ())]
        here = {each.seq for each in self.log if isinstance(each, Crossing)} if brought else set()
        return [each for each in brought if each.seq not in here]

    def _reduce(self, event: Event) -> Verdict | None:
        if not isinstance(event, Crossing):
            self.heat, _ = reduce(self.heat, event)
            return None
        heat = self.heat
        kart = bound(heat, event) if heat.binds else event.kart
        self.holders[event.seq] = kart if kart in heat.entries else None
        self.heat, verdict = reduce(heat, event)
        if verdict is not None:
            self.verdicts[event.seq] = verdict
        return verdict

    def _fold(self) -> None:
        self.heat, events = lay(self.start, self.log)
        self.verdicts, self.holders = {}, {}
        for event in events:
            self._reduce(event)


def _in_order(heat: Heat, event: Event) -> bool:
    """Whether applying the event now gives the same as folding all events in track time order."""
    at_us = event.at_us
    if isinstance(event, Crossing):
        if heat.taps and near_a_tap(heat, at_us):
            return False
    elif isinstance(event, Order) and edits(event):
        return False
    if at_us >= heat.last_us:
        return True
    if not isinstance(event, Crossing) or at_us <= heat.barrier_us or heat.state is not State.RUNNING:
        return False
    up_us = finish.time_up(heat)
    if heat.start_us is None or (up_us is not None and heat.last_us >= up_us):
        return False
    if heat.rules.length.laps is not None:      # the leader's laps move the flag: the order among karts matters
        return False
    entry = whose(heat, event)
    return entry is None or at_us >= entry.last_us


def check(heat: Heat, name: str, args: Mapping[str, object]) -> None:
    """Raise Refused, with the reason in words, when the order is not possible now. `timing.resolve` has the others'."""
    if name in FLAG_ORDERS:
        if name not in NEXT[heat.state]:
            raise Refused(why_not(heat.state, name))
        if name == "stage" and not heat.entries:
            raise Refused("'stage' is not possible: the heat has no karts yet.")
    elif name in ("join", "leave"):
        _check_entry(heat, name, args)
    elif name in ("bind", "assign"):
        if heat.state not in OPEN:
            raise Refused(why_not(heat.state, name))
        if name == "bind" and str(args["kart"]) not in heat.entries:
            raise Refused(f"Kart {args['kart']} is not in this heat.")
    elif (name == "attach" and heat.state not in LIVE) or (name == "set" and heat.state not in OPEN):
        raise Refused(why_not(heat.state, name))


def _check_entry(heat: Heat, name: str, args: Mapping[str, object]) -> None:
    kart, since_start = str(args["kart"]), args.get("since") == "start"
    afterwards = since_start and heat.state is State.PROVISIONAL        # it ran, and nobody had entered it
    if heat.state not in LIVE | {State.SCHEDULED} and not afterwards:
        raise Refused(why_not(heat.state, name))
    known = heat.entries.get(kart)
    if name == "leave" and (known is None or known.left):
        raise Refused(f"Kart {kart} is not in this heat.")
    if name == "join" and known is not None:
        if not known.left:
            raise Refused(f"Kart {kart} is in this heat already.")
        driver = args.get("driver_id") or args.get("driver")
        if driver is not None and driver != known.driver_id and known.driver_id is not None and known.out:
            raise Refused(f"Kart {kart} has laps of another driver in this heat. Let it come back without naming one, "
                          "or take another kart.")
    if name == "join" and since_start and any(kart in karts for _, *karts in heat.swaps):
        raise Refused(f"Kart {kart} was swapped in this heat. It can only join from now on.")


def legal_orders(heat: Heat) -> frozenset[str]:
    """The flag orders possible now."""
    orders = frozenset(NEXT[heat.state])
    return orders - {"stage"} if not heat.entries else orders
