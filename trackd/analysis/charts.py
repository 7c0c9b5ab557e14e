"""Numbers of the charts of a race, from lap times alone: who was where after each lap, how far behind, how laps spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from trackd.core.time import MS, SECOND, Micros

WIDTHS_US = (*(each * MS for each in (10, 20, 50, 100, 200, 500)), *(each * SECOND for each in (1, 2, 5, 10, 30, 60)))
"""Widths of a bin a person can read."""

BINS = 40
"""No more bins than this: the width grows until they do."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts`` of lap times from each edge up to the next; ``edges_us`` one more, whole multiples of ``width_us``."""

    width_us: Micros
    edges_us: tuple[Micros, ...]
    counts: tuple[int, ...]


def elapsed(laps: Mapping[str, Sequence[Micros]],
            start_us: Mapping[str, Micros] | None = None) -> dict[str, tuple[Micros, ...]]:
    """When each kart ended each of its laps. ``laps``: the times of each, in order, from the start; ``start_us``: when the
    clock of a kart began, where karts do not start together.
    """
    return {kart: tuple(accumulate(times, initial=(start_us or {}).get(kart, 0)))[1:] for kart, times in laps.items()}


def lap_chart(laps: Mapping[str, Sequence[Micros]],
              start_us: Mapping[str, Micros] | None = None) -> dict[str, tuple[int, ...]]:
    """The position of each kart after each lap it drove: among those that drove as many, by when they did. Two at the same
    moment stand as they are given.
    """
    ended = elapsed(laps, start_us)
    places: dict[str, list[int]] = {kart: [] for kart in laps}
    for lap in range(max(map(len, ended.values()), default=0)):
        driven = [kart for kart in ended if len(ended[kart]) > lap]
        for place, kart in enumerate(sorted(driven, key=lambda kart: ended[kart][lap]), 1):
            places[kart].append(place)
    return {kart: tuple(each) for kart, each in places.items()}


def best_chart(laps: Mapping[str, Sequence[Micros]]) -> dict[str, tuple[int, ...]]:
    """The position of each kart by the best lap so far after each lap it drove, where best laps rank: among those that
    drove as many. Two as fast stand as they are given.
    """
    best = {kart: tuple(accumulate(times, min)) for kart, times in laps.items()}
    places: dict[str, list[int]] = {kart: [] for kart in laps}
    for lap in range(max(map(len, best.values()), default=0)):
        driven = [kart for kart in best if len(best[kart]) > lap]
        for place, kart in enumerate(sorted(driven, key=lambda kart: best[kart][lap]), 1):
            places[kart].append(place)
    return {kart: tuple(each) for kart, each in places.items()}


def gap_chart(laps: Mapping[str, Sequence[Micros]],
              start_us: Mapping[str, Micros] | None = None) -> dict[str, tuple[Micros, ...]]:
    """How long after the first kart to do so each kart ended each lap."""
    ended = elapsed(laps, start_us)
    count = max(map(len, ended.values()), default=0)
    first = [min(each[lap] for each in ended.values() if len(each) > lap) for lap in range(count)]
    return {kart: tuple(at - best for at, best in zip(each, first, strict=False)) for kart, each in ended.items()}


def histogram(times_us: Sequence[Micros], width_us: Micros | None = None) -> Histogram | None:
    """How often lap times fall where. Without a width it is the rule of Freedman and Diaconis, 2 IQR / n^(1/3), rounded up
    to one a person can read. None of no lap. Raises ValueError for a width that is not positive.
    """
    if not times_us:
        return None
    if width_us is not None and width_us <= 0:
        raise ValueError("a bin has a width")
    low, high = min(times_us), max(times_us)
    width = width_us or _width_us(times_us, high - low)
    first = low // width
    count = high // width - first + 1
    counts = np.bincount([time_us // width - first for time_us in times_us], minlength=count)
    return Histogram(width, tuple((first + each) * width for each in range(count + 1)), tuple(map(int, counts)))


def _width_us(times_us: Sequence[Micros], range_us: Micros) -> Micros:
    quarter, three = np.quantile(times_us, (0.25, 0.75))
    wanted = max(2 * float(three - quarter) / len(times_us) ** (1 / 3), range_us / BINS)
    return next((each for each in WIDTHS_US if each >= wanted), max(WIDTHS_US[-1], round(wanted)))
