"""What people have seen stays, whatever an order given later changes: a flag that was shown, a heat that was over.

An edit lays itself over crossings of the past. The flags of that past were seen: it does not show the chequered flag at
another time, nor does it send a kart out again that has had it, nor open a heat that is over. Each such order carries
what had been seen when it was given. Taking it back takes this back with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trackd.core.time import Micros
from trackd.timing import finish
from trackd.timing.events import Order, place
from trackd.timing.flags import State
from trackd.timing.heat import Heat

BEGINS = ("restart", "reinstate")
"""Orders that put the heat on a grid: what is held of one part of a session says nothing about the parts beside it."""


def held(heat: Heat, now_us: Micros) -> list[Any]:
    """What had been seen, for the ``held`` of an order that reaches back: when the chequered flag was shown, when the heat
    was over, the crossings at which karts took the flag, and the moment before which time was not up (track time).
    """
    if heat.state in (State.FINISHING, State.PROVISIONAL):
        took = sorted(e.opened_seq for e in heat.entries.values() if e.finished_us is not None)
        return [heat.chequered_us, heat.ended_us, took, heat.chequered_us]
    up_us = finish.time_up(heat)
    return [None, None, [], None if up_us is None else min(up_us, now_us)]


@dataclass(slots=True)
class Part:
    """A session from one grid to the next, and what later orders say of it. ``since``: where it begins in the fold."""

    since: tuple[Micros, int] = (0, 0)
    up_us: Micros = 0
    ended_us: Micros = 0
    finish: tuple[int, Micros] | None = None     # (crossing, its moment) that shows chequered
    flags: list[Order] = field(default_factory=list)
    took: set[int] = field(default_factory=set)

    def hold(self, order: Order) -> None:
        """Keep what the order says had been seen."""
        chequered_us, ended_us, took, up_us = (*order.args["held"], None, None)[:4]
        if chequered_us is not None:
            self.flags.append(Order(order.seq, chequered_us, "held_chequered", order.by))
        if ended_us is not None:
            self.flags.append(Order(order.seq, ended_us, "held_end", order.by))
        self.took.update(took or ())
        self.up_us, self.ended_us = max(self.up_us, up_us or 0), max(self.ended_us, ended_us or 0)

    def end_at(self, crossing: int, at_us: Micros) -> None:
        """Somebody says which crossing ends it: what was seen before counts no more (B10)."""
        self.flags.clear()
        self.took.clear()
        self.ended_us, self.finish = 0, (crossing, at_us)

    def orders(self) -> list[Order]:
        """What the fold is told."""
        if not (self.up_us or self.ended_us or self.finish):
            return self.flags
        args = {"up_us": self.up_us, "ended_us": self.ended_us, "finish": self.finish[0] if self.finish else 0}
        return [Order(self.since[1], self.since[0], "held_from", "", args), *self.flags]


def parts(orders: Sequence[Order]) -> list[Part]:
    """The parts of a session, in order. ``orders`` are those that stand, with what they stand for told apart."""
    return [Part(), *(Part(place(each)) for each in sorted(orders, key=place) if each.name in BEGINS)]


def part_at(of: Sequence[Part], at_us: Micros) -> Part:
    """The part in which a moment lies."""
    return of[bisect_right(of, at_us, key=lambda part: part.since[0]) - 1]
