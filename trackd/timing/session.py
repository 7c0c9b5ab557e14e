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
from trackd.timing.crossing import whose
from trackd.timing.edits import TAP_WINDOW_US, edits, lay, undone
from trackd.timing.events import Crossing, Event, Order, Verdict
from trackd.timing.flags import FLAG_ORDERS, LIVE, NEXT, OPEN, State, why_not
from trackd.timing.heat import Heat
from trackd.timing.reduce import reduce

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

    def apply(self, event: Event, *, with_earlier: Sequence[Crossing] = ()) -> Outcome:
        """Take in one event; ``with_earlier`` are passings from before the session that an `attach` brings along."""
        self.log += (*with_earlier, event)
        if with_earlier or not _in_order(self.heat, event):
            self._fold()
            return Outcome(self.verdicts.get(event.seq), again=True)
        return Outcome(self._reduce(event))

    def after(self, event: Event) -> Heat:
        """What the heat would be with this event, without taking it in."""
        trial = Session(self.start, self.heat, [*self.log, event])
        trial._fold()
        return trial.heat

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
    def given_up(self) -> dict[int, str | None]:
        """Crossings an `attach` had brought and its undo gave up, with the karts they were read on."""
        orders = [event for event in self.log if isinstance(event, Order)]
        gone = undone(orders)
        brought = {each[0]: each[3] for o in orders if o.name == "attach" and o.seq in gone for each in o.args["crossings"]}
        return {seq: kart for seq, kart in brought.items() if seq not in self.verdicts}

    def _reduce(self, event: Event) -> Verdict | None:
        if isinstance(event, Crossing):
            entry = whose(self.heat, event)
            self.holders[event.seq] = entry.kart if entry else None
        self.heat, verdict = reduce(self.heat, event)
        if verdict is not None:
            self.verdicts[event.seq] = verdict
        return verdict

    def _fold(self) -> None:
        self.heat, events = lay(self.start, self.log)
        self.verdicts, self.holders = {}, {}
        for event in events:
            self._reduce(event)

    def mark(self) -> tuple[Heat, list[Event], int, dict[int, Verdict], dict[int, str | None]]:
        """A place to go ``back`` to when what was applied since could not be stored."""
        return self.heat, self.log, len(self.log), self.verdicts, self.holders

    def back(self, mark: tuple[Heat, list[Event], int, dict[int, Verdict], dict[int, str | None]]) -> None:
        """Forget everything applied since ``mark``."""
        self.heat, self.log, length, self.verdicts, self.holders = mark
        for event in self.log[length:]:
            self.verdicts.pop(event.seq, None)
            self.holders.pop(event.seq, None)
        del self.log[length:]


def _in_order(heat: Heat, event: Event) -> bool:
    """Whether applying the event now gives the same as folding all events in track time order."""
    if isinstance(event, Order) and edits(event):
        return False
    at_us = event.at_us
    entry = whose(heat, event) if isinstance(event, Crossing) else None
    if entry is not None and entry.opened_source == "tap" and at_us - (entry.opened_us or 0) <= TAP_WINDOW_US:
        return False                            # the read may be the one the tap stood for
    if at_us >= heat.last_us:
        return True
    if not isinstance(event, Crossing) or at_us <= heat.barrier_us or heat.state is not State.RUNNING:
        return False
    up_us = finish.time_up(heat)
    if heat.start_us is None or (up_us is not None and heat.last_us >= up_us):
        return False
    if heat.rules.length.laps is not None:      # the leader's laps move the flag: the order among karts matters
        return False
    return entry is None or at_us >= entry.last_us


def check(heat: Heat, name: str, args: Mapping[str, object]) -> None:
    """Raise Refused, with the reason in words, when the order is not possible now. `timing.resolve` has the others'."""
    if name in FLAG_ORDERS:
        if name not in NEXT[heat.state]:
            raise Refused(why_not(heat.state, name))
        if name == "stage" and not heat.entries:
            raise Refused("'stage' is not possible: the heat has no karts yet.")
    elif name in ("join", "leave"):
        _check_entry(heat, name, str(args["kart"]), since_start=args.get("since") == "start")
    elif name in ("bind", "assign"):
        if heat.state not in OPEN:
            raise Refused(why_not(heat.state, name))
        if name == "bind" and str(args["kart"]) not in heat.entries:
            raise Refused(f"Kart {args['kart']} is not in this heat.")
    elif (name == "attach" and heat.state not in LIVE) or (name == "set" and heat.state not in OPEN):
        raise Refused(why_not(heat.state, name))


def _check_entry(heat: Heat, name: str, kart: str, *, since_start: bool) -> None:
    afterwards = since_start and heat.state is State.PROVISIONAL        # it ran, and nobody had entered it
    if heat.state not in LIVE | {State.SCHEDULED} and not afterwards:
        raise Refused(why_not(heat.state, name))
    known = heat.entries.get(kart)
    if name == "leave" and (known is None or known.left):
        raise Refused(f"Kart {kart} is not in this heat.")
    if name == "join" and known is not None and not known.left:
        raise Refused(f"Kart {kart} is in this heat already.")


def legal_orders(heat: Heat) -> frozenset[str]:
    """The flag orders possible now."""
    orders = frozenset(NEXT[heat.state])
    return orders - {"stage"} if not heat.entries else orders
