"""Penalties as layers: what ranks of an entry once race control has decided (R23). Laps and crossings stay untouched.

A penalty acts at once, live as in the result, and in this order: time, laps, places; who is disqualified comes last.
Taking one away gives exactly the order before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable

import msgspec

from trackd.core.time import SECOND, Micros
from trackd.timing.finish import NEVER
from trackd.timing.laps import Entry, Penalty


class Total(msgspec.Struct, frozen=True):
    """What ranks of an entry: its laps, and when it had completed each of them, under the penalties laid over it.

    Who loses laps keeps the time of its last crossing ("relegation keeps finish time", R23): the laps are taken from the
    front, so its n-th ranking lap ends where the lap ended that it drove as its ``n + taken``-th.
    """

    entry: Entry
    laps: int                    # that rank: what a count back leaves, less ``taken``
    taken: int = 0               # laps, by penalties
    added_us: Micros = 0         # by time penalties
    disqualified: bool = False

    @property
    def placed(self) -> bool:
        """Whether it has a place: it has begun, and is not disqualified."""
        return self.entry.out and not self.disqualified

    def crossed_us(self, laps: int) -> Micros:
        """When it had completed ``laps`` of the laps that rank, as a decoder saw it; 0 laps: when it began the first."""
        driven, entry = laps + self.taken, self.entry
        if driven:
            return entry.laps[driven - 1].end_us
        if entry.laps:
            return entry.laps[0].start_us
        return entry.opened_us if entry.opened_us is not None else NEVER

    def laps_by(self, at_us: Micros) -> int:
        """How many of the laps that rank it had completed at ``at_us`` of track time; below 0 while working laps off."""
        return bisect_right(self.entry.laps, at_us, key=lambda lap: lap.end_us) - self.taken


def total(entry: Entry, at_most: int | None = None) -> Total:
    """The entry under its penalties. ``at_most``: laps beyond these do not rank (R7). Laps never fall below 0."""
    laps = len(entry.laps) if at_most is None else min(at_most, len(entry.laps))
    if not entry.penalties:
        return Total(entry, laps)
    sums = {"time": 0, "laps": 0}
    for penalty in entry.penalties:
        if penalty.kind in sums:
            sums[penalty.kind] += penalty.value
    taken = min(sums["laps"], laps)
    return Total(entry, laps - taken, taken, sums["time"], any(penalty.kind == "dsq" for penalty in entry.penalties))


def put_back(places: list[list[Total]], stopped: Callable[[Entry], bool]) -> list[list[Total]]:
    """The order after the penalties in places, each laid over the order the one before it left, as they were given.

    ``places`` holds the placed entries in order, those that share a place together. Who is put back leaves a shared place
    and never comes between two that share one: it stands behind both. It stops at the last place there is, and one that
    goes on (or has finished) never comes behind those at the end that stopped.
    """
    given = sorted(((penalty.seq, each, penalty.value) for place in places for each in place
                    for penalty in each.entry.penalties if penalty.kind == "positions"), key=lambda one: one[0])
    for _, each, value in given:
        at = next(index for index, place in enumerate(places) if any(other is each for other in place))
        rest = [[other for other in place if other is not each] for place in places]
        last = max((index for index, place in enumerate(rest)
                    if any(stopped(each.entry) or not stopped(other.entry) for other in place)), default=-1)
        to, passed_by = at, 0
        while passed_by < value and to <= last:
            passed_by += len(rest[to])
            to += 1
        if to > at:
            places = [place for place in (*rest[:to], [each], *rest[to:]) if place]
    return places


def words(penalties: Iterable[Penalty]) -> tuple[str, ...]:
    """What a row says of them: ``+5 s``, ``-1 lap``, ``-3 places``, ``lap 4 deleted``, ``disqualified``."""
    return tuple(_words(penalty) for penalty in penalties)


def _words(penalty: Penalty) -> str:
    value = penalty.value
    if penalty.kind == "time":
        return f"{value / SECOND:+.6f}".rstrip("0").rstrip(".") + " s"
    if penalty.kind == "laps":
        return f"-{value} lap{'' if value == 1 else 's'}"
    if penalty.kind == "positions":
        return f"-{value} place{'' if value == 1 else 's'}"
    return f"lap {value} deleted" if penalty.kind == "lap" else "disqualified"
