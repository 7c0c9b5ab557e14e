"""Laps nobody drove in one piece, each with where it comes from: the theoretical best, the rolling best, the field's.

The best lap was driven. A rolling best was driven too, in one piece, but from another place of the track than its line. A
composite is a sum of sectors of several laps; it may take the entry of one and the exit of another, and falls without limit
the finer the sectors are (METHODS 4): 3 to 8 of them, of clean laps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trackd.analysis.delta import LaidLap, grid_m
from trackd.analysis.laps import TimedLap
from trackd.core.time import MS, Micros


@dataclass(frozen=True, slots=True)
class Part:
    """A sector of a composite and the lap it was driven in. ``sector`` counts from 1."""

    sector: int
    time_us: Micros
    lap: str
    by: str


@dataclass(frozen=True, slots=True)
class Composite:
    """A sum of sectors, in driving order; ``laps`` says of how many laps they were chosen."""

    time_us: Micros
    parts: tuple[Part, ...]
    laps: int


@dataclass(frozen=True, slots=True)
class Rolling:
    """A lap driven in one piece from any place of the track: from ``start_m`` behind the line (None: from the beginning of
    ``sector``, which counts from 1) in the lap at index ``first`` to the same place in the next, or of the one lap alone.
    """

    time_us: Micros
    first: int
    laps: tuple[int, ...]
    start_m: float | None = None
    sector: int | None = None


def best_lap(laps: Sequence[TimedLap]) -> TimedLap | None:
    """The fastest complete full lap; of two as fast, the earlier."""
    return min(_whole(laps), key=lambda lap: lap.time_us, default=None)


def composite(laps: Sequence[TimedLap], *, nth: int = 1) -> Composite | None:
    """The sum of the best sectors: of one driver's clean laps the theoretical best, over several drivers or karts the field
    composite. ``nth`` 2: of the second best ones, which one lucky sector does not make. None where a sector was measured
    fewer times than that, or laps differ in how many they have.
    """
    count = {len(lap.sectors_us) for lap in laps if lap.sectors_us}
    if len(count) != 1:
        return None
    parts = []
    for sector in range(count.pop()):
        driven = sorted(((time_us, index) for index, lap in enumerate(laps)
                         if lap.sectors_us and (time_us := lap.sectors_us[sector]) is not None))
        if len(driven) < nth:
            return None
        time_us, index = driven[nth - 1]
        parts.append(Part(sector + 1, time_us, laps[index].lap, laps[index].by))
    return Composite(sum(part.time_us for part in parts), tuple(parts), sum(bool(lap.sectors_us) for lap in laps))


def rolling_of_sectors(laps: Sequence[TimedLap]) -> Rolling | None:
    """The fastest run of as many sectors as the lap has, over the line or not. ``laps``: those of one stint, each following
    the one before it, clean or not: a run that has a sector missing, or a part of an in- or out-lap, does not count.
    """
    count = max((len(lap.sectors_us) for lap in laps), default=0)
    times = [time_us if _counts(lap) else None for lap in laps for time_us in (*lap.sectors_us, *[None] * count)[:count]]
    runs = []
    for at in range(len(times) - count + 1 if count else 0):
        run = [time_us for time_us in times[at:at + count] if time_us is not None]
        if len(run) == count:
            runs.append((sum(run), at))
    if not runs:
        return None
    time_us, at = min(runs)
    first, sector = divmod(at, count)
    return Rolling(time_us, first, (first, first + 1) if sector else (first,), None, sector + 1)


def rolling(laps: Sequence[LaidLap]) -> Rolling | None:
    """The fastest lap from any place of the track, to the metre: never slower than the best lap. ``laps`` of one recording
    in order; only where one ends as the next begins is it driven in one piece. As well known as a lap by GPS, and the best
    of many places is a little too good. None where no lap is on the line.
    """
    best = None
    for index, lap in enumerate(laps):
        if len(lap.s_m) and (best is None or lap.lap.time_us < best.time_us):
            best = Rolling(lap.lap.time_us, index, (index,), 0.0)
    for index, (lap, then) in enumerate(pairwise(laps)):
        joined = abs(lap.lap.start_us + lap.lap.span_us - then.lap.start_us) <= MS
        if not joined or not len(lap.s_m) or not len(then.s_m):
            continue
        at_m = grid_m(lap.line)[:-1]
        times = lap.lap.time_us - lap.t_us(at_m) + then.t_us(at_m)
        if np.isnan(times).all():
            continue
        place = int(np.nanargmin(times))
        if best is None or round(float(times[place])) < best.time_us:
            best = Rolling(round(float(times[place])), index, (index, index + 1), float(at_m[place]))
    return best


def _counts(lap: TimedLap) -> bool:
    return lap.kind == "full" and not lap.yellow


def _whole(laps: Sequence[TimedLap]) -> list[TimedLap]:
    return [lap for lap in laps if lap.kind == "full" and lap.complete]
