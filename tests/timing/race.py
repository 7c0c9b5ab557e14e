"""A session told in seconds: orders and crossings go into a real fold, in the order in which they are written."""

from __future__ import annotations

from itertools import count
from typing import Any

from trackd.timing.board import Row
from trackd.timing.events import LINE, Crossing, Event, Order, Tick, Verdict
from trackd.timing.formats import Rules, parse_length
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry
from trackd.timing.session import Session, check
from trackd.timing.standings import standings


def us(seconds: float) -> int:
    """Seconds, as a test writes them, in microseconds."""
    return round(seconds * 1_000_000)


def fresh(length: str, karts: int | list[str], **rules: Any) -> Heat:
    """A heat nobody has staged. ``grace_s`` and ``min_lap_s`` are in seconds."""
    for name in ("grace", "min_lap", "max_lap"):
        if f"{name}_s" in rules:
            rules[f"{name}_us"] = us(rules.pop(f"{name}_s"))
    numbers = [str(n + 1) for n in range(karts)] if isinstance(karts, int) else karts
    return Heat(Rules(parse_length(length), **rules), {kart: Entry(kart, f"driver-{kart}") for kart in numbers})


class Race:
    """A heat, green at 0 s unless told otherwise. ``at`` gives what happened when, for one kart after the other."""

    def __init__(self, length: str, karts: int | list[str], *, green: bool = True, **rules: Any) -> None:
        self.session = Session.new(fresh(length, karts, **rules))
        self.seq = count(1)
        self.events: list[Event] = []
        if green:
            self.order(-1, "stage")
            self.order(0, "green")

    @property
    def heat(self) -> Heat:
        return self.session.heat

    @property
    def entries(self) -> dict[str, Entry]:
        return self.heat.entries

    def order(self, at_s: float, name: str, **args: Any) -> None:
        check(self.heat, name, args)
        self._apply(Order(next(self.seq), us(at_s) + BASE, name, "Ada", args))

    def cross(self, at_s: float, kart: str | None, role: str = LINE, *, transponder: str | None = None,
              epoch: str = "p3:1/0") -> Verdict:
        event = Crossing(next(self.seq), us(at_s) + BASE, transponder or f"t{kart}", kart, role, epoch)
        verdict = self._apply(event)
        assert verdict is not None
        return verdict

    def tick(self, at_s: float) -> None:
        self._apply(Tick(next(self.seq), us(at_s) + BASE))

    def run(self, **crossings: str) -> None:
        """``k1="10 40.5 71", k2="11 42"``: crossings of karts 1 and 2 in seconds, applied in the order of time."""
        both = [(float(at_s), name[1:]) for name, text in crossings.items() for at_s in text.split()]
        for at_s, kart in sorted(both):
            self.cross(at_s, kart)

    def laps(self) -> dict[str, int]:
        return {kart: len(entry.laps) for kart, entry in self.entries.items()}

    def times(self, kart: str) -> list[float]:
        return [lap.time_us / 1e6 for lap in self.entries[kart].laps]

    def since_s(self, at_us: int | None) -> float | None:
        """An instant of the heat as seconds since green at 0 s."""
        return None if at_us is None else (at_us - BASE) / 1e6

    def rows(self) -> dict[str, Row]:
        return {row.kart: row for row in standings(self.heat)}

    def places(self) -> list[tuple[int | None, str]]:
        return [(row.position, row.kart) for row in standings(self.heat)]

    def _apply(self, event: Event) -> Verdict | None:
        self.events.append(event)
        return self.session.apply(event).verdict


BASE = 1_795_000_000_000_000
"""Track time of 0 s: nothing may depend on it being small."""
