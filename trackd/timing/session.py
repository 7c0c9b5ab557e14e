"""A session as the fold over its part of the journal: events in, heat and verdicts out, in any order of arrival.

Passings can arrive late (a RESEND after a lost frame, two loops with different delays). What lies before something
already applied is sorted in and the whole session folded again, so the result never depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trackd.core.errors import Refused
from trackd.core.time import SECOND, Micros
from trackd.timing import finish
from trackd.timing.crossing import whose
from trackd.timing.events import Crossing, Event, Tick, Verdict, place
from trackd.timing.flags import FLAG_ORDERS, LIVE, NEXT, OPEN, State, why_not
from trackd.timing.heat import Heat, reduce

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
    log: list[Event] = field(default_factory=list)                 # in order of arrival since it was last folded whole
    verdicts: dict[int, Verdict] = field(default_factory=dict)     # crossing seq -> verdict

    @classmethod
    def new(cls, heat: Heat) -> Session:
        """A session before its first event."""
        return cls(start=heat, heat=heat)

    @classmethod
    def of(cls, heat: Heat, events: Sequence[Event]) -> Session:
        """The session that these events make, whatever their order."""
        session = cls.new(heat)
        session.log = sorted((each for event in events for each in _moments(event)), key=place)
        session._fold()
        return session

    def apply(self, event: Event, *, with_earlier: Sequence[Crossing] = ()) -> Outcome:
        """Take in one event; ``with_earlier`` are passings from before the session that an `attach` brings along."""
        if not with_earlier and _in_order(self.heat, event):
            self.heat, verdict = reduce(self.heat, event)
            self.log.append(event)
            if verdict is not None:
                self.verdicts[event.seq] = verdict
            return Outcome(verdict)
        self.log = sorted((*self.log, *with_earlier, *_moments(event)), key=place)
        self._fold()
        return Outcome(self.verdicts.get(event.seq), again=True)

    def drop(self, seqs: set[int]) -> bool:
        """Forget these crossings, which belong to another session now. True when any of them was here."""
        if seqs.isdisjoint(self.verdicts):
            return False
        self.log = [event for event in self.log if event.seq not in seqs]
        self._fold()
        return True

    def _fold(self) -> None:
        heat, verdicts = self.start, {}
        for event in self.log:
            heat, verdict = reduce(heat, event)
            if verdict is not None:
                verdicts[event.seq] = verdict
        self.heat, self.verdicts = heat, verdicts

    def mark(self) -> tuple[Heat, list[Event], int, dict[int, Verdict]]:
        """A place to go ``back`` to when what was applied since could not be stored."""
        return self.heat, self.log, len(self.log), self.verdicts

    def back(self, mark: tuple[Heat, list[Event], int, dict[int, Verdict]]) -> None:
        """Forget everything applied since ``mark``."""
        self.heat, self.log, length, self.verdicts = mark
        for event in self.log[length:]:
            self.verdicts.pop(event.seq, None)
        del self.log[length:]

    def holders(self) -> dict[int, str | None]:
        """Which kart each crossing of this session belongs to."""
        owners = {e.seq: whose(self.heat, e) for e in self.log if isinstance(e, Crossing)}
        return {seq: entry.kart if entry else None for seq, entry in owners.items()}


def _moments(event: Event) -> tuple[Event, ...]:
    """The event and, where it holds since the start, the moment it was given: until then time has passed."""
    return (event,) if place(event)[0] == event.at_us else (event, Tick(event.seq, event.at_us))


def _in_order(heat: Heat, event: Event) -> bool:
    """Whether applying the event now gives the same as folding all events in track time order."""
    at_us, _ = place(event)
    if at_us != event.at_us:
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


def check(heat: Heat, name: str, args: dict[str, object]) -> None:
    """Raise Refused, with the reason in words, when the order is not possible now."""
    if name in FLAG_ORDERS:
        if name not in NEXT[heat.state]:
            raise Refused(why_not(heat.state, name))
        if name == "stage" and not heat.entries:
            raise Refused("'stage' is not possible: the heat has no karts yet.")
    elif name in ("join", "leave"):
        _check_entry(heat, name, str(args["kart"]))
    elif name == "bind":
        if heat.state not in OPEN:
            raise Refused(why_not(heat.state, name))
        if str(args["kart"]) not in heat.entries:
            raise Refused(f"Kart {args['kart']} is not in this heat.")
    elif name == "attach":
        if heat.state not in LIVE:
            raise Refused(why_not(heat.state, name))
    else:
        raise Refused(f"There is no order '{name}'.")


def _check_entry(heat: Heat, name: str, kart: str) -> None:
    if heat.state not in LIVE | {State.SCHEDULED}:
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
