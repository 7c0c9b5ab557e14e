"""Which layout a recording was driven on: by how its laps follow the reference line of each, else by the lines alone.

A wrong layout would make lap times of another course, so what could be read in two ways is left to a person: `unknown` is
an answer. The measures are those of METHODS 1.2; a lap is laid on the reference from start line to start line, so that
two straights side by side are never taken for one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import atan2, degrees, isfinite, nan

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND
from trackd.gps.layouts import Layout
from trackd.gps.lines import Line, Plane, crossings
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Array, Point, Trace

ON_LINE_M = 6.0
"""A part of the reference is driven where a lap comes this close to it (METHODS 1.2)."""

FURTHEST_M = 5.0
"""A lap with any place further from the reference does not follow it: five places in 100 are enough for a chicane, or a
short way across. In a drift of 1.5 m 6 of 350 recordings of one lap are left unknown, and 2 of 700 longer ones."""

COVERED, P95_M, LONGER, FORWARD = 0.97, 4.0, 0.03, 0.99
"""Least share of the reference that is driven, most distance of 95 in 100 places, most difference in length, least share
of the way driven forwards (METHODS 1.2)."""

BIAS_M = 5.0
"""A receiver's places may all be off by so much: it is taken off before anything is measured."""

CLEARLY, CLEARLY_M = 2.0, 3.0
"""Of two references that laps follow one is out when even the best lap lies so many times, and so much, further from it."""

MOST = 2 / 3
"""So many of the laps must fit; the others may have a spin, the pit, or places that were lost."""

JUDGED = 12
"""Laps looked at, spread over the recording: more tell nothing new."""

STEP_M, REACH = 3.0, 0.05
"""Places on a lap and on the reference are this far apart; they are sought so much of a lap before and after where the
distance driven puts them."""

TAKEN_HZ = 5.0
"""So often places are taken for the length of a lap: noise between closer ones would add to it."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a recording goes with one layout. ``laps``: those looked at; ``fitting``: those that could be of this layout.
    The measures are medians over them, NaN where there is no reference line or no lap: ``coverage`` the share of the
    reference driven, ``p95_m`` and ``furthest_m`` how far 95 in 100 places and all of them lie from it,
    ``length_ratio`` the way driven over its length, ``direction`` the share of the way driven forwards. ``closest_m``:
    ``furthest_m`` of the lap where it is least.
    """

    layout: str
    laps: int = 0
    fitting: int = 0
    coverage: float = nan
    p95_m: float = nan
    furthest_m: float = nan
    length_ratio: float = nan
    direction: float = nan
    closest_m: float = nan
    by_reference: bool = False
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Recognition:
    """``layout`` is the key of the layout, "" where it is unknown; ``reason`` says why, ``evidence`` has all candidates."""

    layout: str
    reason: str
    evidence: tuple[Likeness, ...] = ()


def recognise(trace: Trace, layouts: Mapping[str, Layout]) -> Recognition:
    """The layout a recording was driven on. ``layouts``: by any key, those it may be; layouts of other venues do no harm.

    With a reference line: two laps in three follow it and no lap follows another as well. Without: its lines are crossed
    as they should be in most laps, and no other layout that begins there is left.
    """
    seen = tuple(_likeness(trace, key, layout) for key, layout in layouts.items())
    names = {key: layout.name or key for key, layout in layouts.items()}
    following = sorted((each for each in seen if each.by_reference and each.fitting), key=lambda each: each.furthest_m)
    if not following:
        return _by_lines(seen, names)
    best = following[0]
    clear_m = max(CLEARLY * best.furthest_m, best.furthest_m + CLEARLY_M)
    rivals = [each for each in following[1:] if each.closest_m < clear_m]
    if rivals:
        both = " and ".join(names[each.layout] for each in (best, *rivals))
        return Recognition("", f"There are laps that follow the reference lines of {both}.", seen)
    if best.fitting < MOST * best.laps:
        return Recognition("", f"{best.sentence} The others were driven elsewhere.", seen)
    return Recognition(best.layout, best.sentence, seen)


def _by_lines(seen: tuple[Likeness, ...], names: Mapping[str, str]) -> Recognition:
    """Without a reference nothing tells the way between the lines: any other layout that is begun there is a doubt."""
    begun = [each for each in seen if each.laps]
    left = [each for each in begun if each.by_reference or 2 * each.fitting > each.laps]
    if not begun:
        return Recognition("", "No start line was crossed twice in its direction.", seen)
    if len(left) == 1 and not left[0].by_reference:
        return Recognition(left[0].layout, left[0].sentence, seen)
    if len(left) > 1:
        both = " and ".join(names[each.layout] for each in left)
        return Recognition("", f"It could be {both}: no lap follows the reference line of one of them alone.", seen)
    return Recognition("", (left or begun)[0].sentence, seen)


def _likeness(trace: Trace, key: str, layout: Layout) -> Likeness:
    name = layout.name or key
    course = _course(layout) if layout.reference else None
    if layout.reference and course is None:
        return Likeness(key, sentence=f"The reference line of {name} does not cross its start line in its direction.")
    laps = [lap for lap in segment(trace, course.layout if course else layout)
            if lap.kind == "full" and not {"gap", "lost"} & set(lap.flags)]
    laps = [laps[i] for i in np.unique(np.linspace(0, len(laps) - 1, min(JUDGED, len(laps))).astype(int))]
    if not laps:
        return Likeness(key, by_reference=course is not None,
                        sentence=f"The start line of {name} was not crossed twice in its direction.")
    if course is None:
        fitting = sum(not {"sector_missed", "below_minimum", "above_maximum"} & set(lap.flags) for lap in laps)
        sentence = f"{fitting} of {len(laps)} laps cross the lines of {name} in their order."
        return Likeness(key, len(laps), fitting, sentence=sentence)
    return _following(key, name, course, [_measures(trace, lap, course) for lap in laps])


def _following(key: str, name: str, course: _Course, rows: list[tuple[float, ...]]) -> Likeness:
    """What the measures of its laps come to."""
    measures = np.array(rows)
    coverage, p95_m, furthest_m, ratio, direction, bias_m = measures.T
    fits = ((coverage >= COVERED) & (p95_m <= P95_M) & (furthest_m <= FURTHEST_M) & (np.abs(ratio - 1) <= LONGER)
            & (direction >= FORWARD) & (bias_m <= BIAS_M))
    fitting = int(fits.sum())
    middle = np.median(measures[fits] if fitting else measures, axis=0)
    cover, p95, furthest, longer, forward, _ = (float(each) for each in middle)
    sentence = (f"{fitting} of {len(rows)} laps follow the reference line of {name}: {cover:.0%} of it driven, "
                f"{p95:.1f} m beside it, {longer * course.length_m:.0f} m for {course.length_m:.0f} m.")
    return Likeness(key, len(rows), fitting, cover, p95, furthest, longer, forward, float(furthest_m.min()),
                    by_reference=True, sentence=sentence)


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """The reference of a layout, once round from its start line on. ``places`` (n, 2) metres, ``ahead`` (n, 2) the unit
    vectors it is driven along. ``layout`` names the direction in which that crosses the line.
    """

    layout: Layout
    plane: Plane
    places: Array
    ahead: Array
    length_m: float


def _course(layout: Layout) -> _Course | None:
    """None where the reference does not cross the start line in the direction that counts."""
    line = Line.of(layout.start_finish)
    lat, lon = (np.array([getattr(each, of) for each in (*layout.reference, layout.reference[0])])
                for of in ("lat_deg", "lon_deg"))
    x, y = line.plane.xy(lat, lon)
    way_m = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    fresh = np.concatenate(([True], np.diff(way_m) > 0))
    x, y, lat, lon, way_m = x[fresh], y[fresh], lat[fresh], lon[fresh], way_m[fresh]
    around = Trace(np.round(way_m * SECOND).astype(np.int64), lat, lon, np.full(len(lat), nan))     # metres for seconds
    found = crossings(around, line, longest_us=around.duration_us)
    right = np.flatnonzero(found.forward) if layout.start_finish.heading_deg is not None else np.arange(len(found.t_us))
    if not len(right):
        return None
    start_m, before = found.t_us[right[0]] / SECOND, found.before[right[0]]
    heading_deg = degrees(atan2(x[before + 1] - x[before], y[before + 1] - y[before])) % 360
    length_m = float(way_m[-1])
    count = max(8, round(length_m / STEP_M))
    at_m = (start_m + np.arange(count) * length_m / count) % length_m
    places = np.stack((np.interp(at_m, way_m, x), np.interp(at_m, way_m, y)), axis=1)
    gate = layout.start_finish if layout.start_finish.heading_deg is not None else replace(
        layout.start_finish, heading_deg=heading_deg)
    return _Course(replace(layout, start_finish=gate), line.plane, places, _ahead(places), length_m)


def _ahead(places: Array) -> Array:
    """The direction of a closed line at its places, unit vectors (n, 2)."""
    along = np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)
    unit: Array = along / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    return unit


def _driven(trace: Trace, lap: GpsLap, plane: Plane, count: int) -> tuple[Array, float]:
    """``count`` places of a lap, equally far apart along it (count, 2), and how long it is, metres. The first lies on the
    line.
    """
    first, last = np.searchsorted(trace.t_us, (lap.start_us, lap.end_us))
    every = max(1, round((last - first) * SECOND / lap.time_us / TAKEN_HZ))
    t_us = np.concatenate(([lap.start_us], trace.t_us[first:last:every][1:], [lap.end_us])).astype(np.float64)
    around = slice(max(0, first - 1), last + 1)
    x, y = plane.xy(*(np.interp(t_us, trace.t_us[around], each[around]) for each in (trace.lat_deg, trace.lon_deg)))
    way_m = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    at_m = np.arange(count) * (way_m[-1] / count)
    return np.stack((np.interp(at_m, way_m, x), np.interp(at_m, way_m, y)), axis=1), float(way_m[-1])


def _nearest(places: Array, line: Array) -> tuple[NDArray[np.int64], Array]:
    """For each place (n, 2) the nearest one of a closed line (n, 2), sought about the same part of the way round: its
    index, which may lie before 0 or beyond n, and how far the place is from it (n, 2).
    """
    count = len(line)
    reach = max(2, round(REACH * count))
    about = np.arange(count)[:, None] + np.arange(-reach, reach + 1)
    off = places[:, None, :] - line[about % count]
    best = np.argmin(np.einsum("ijk,ijk->ij", off, off), axis=1)
    rows = np.arange(count)
    return about[rows, best], off[rows, best]


def _measures(trace: Trace, lap: GpsLap, course: _Course) -> tuple[float, ...]:
    """Coverage, p95, furthest, length ratio, direction and bias of one lap; distances are measured without the bias."""
    count, step_m = len(course.places), course.length_m / len(course.places)
    places, way_m = _driven(trace, lap, course.plane, count)
    at, off = _nearest(places, course.places)
    ahead = course.ahead[at % count]
    beside = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    along_m, aside_m = np.einsum("ij,ij->i", off, ahead), np.einsum("ij,ij->i", off, beside)
    bias = np.linalg.lstsq(beside, aside_m)[0]
    apart_m = np.hypot(aside_m - beside @ bias, np.maximum(np.abs(along_m) - step_m, 0))
    hit = np.zeros(count, dtype=bool)
    hit[at[apart_m <= ON_LINE_M] % count] = True
    hit |= np.roll(hit, 1) | np.roll(hit, -1)                       # the places of a lap leave some out
    forwards = np.diff(at * step_m + along_m) > 0
    return (float(hit.mean()), float(np.percentile(apart_m, 95)), float(apart_m.max()), way_m / course.length_m,
            float(forwards.mean()), float(np.hypot(*bias)))


LAPS, APART_M, SMOOTHED = 10, 1.0, 5
"""A reference line is the middle of at most so many laps; it has a place a metre, averaged over so many (METHODS 2)."""

UNFIT = frozenset({"gap", "lost", "estimated", "pit", "below_minimum", "above_maximum"})


def reference_of(trace: Trace, laps: Sequence[GpsLap]) -> tuple[Point, ...]:
    """The line good laps follow, once round from the start line, in the order it is driven; () where no lap is clean.

    ``laps``: of this trace, by the layout being drawn. Of the fastest clean ones that of middling length is taken, and
    moved sideways, place by place, to the median of all: what one of them did alone leaves no trace.
    """
    clean = sorted((lap for lap in laps if lap.kind == "full" and not UNFIT.intersection(lap.flags)),
                   key=lambda lap: lap.time_us)[:LAPS]
    if not clean:
        return ()
    first = int(np.searchsorted(trace.t_us, clean[0].start_us))
    plane = Plane.about(Point(float(trace.lat_deg[first]), float(trace.lon_deg[first])))
    lengths_m = [_driven(trace, lap, plane, 2)[1] for lap in clean]
    middling = int(np.argsort(lengths_m)[len(clean) // 2])
    count = max(8, round(lengths_m[middling] / APART_M))
    driven = [_driven(trace, lap, plane, count)[0] for lap in clean]
    line = driven[middling]
    ahead = _ahead(line)
    beside = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    aside_m = [-np.einsum("ij,ij->i", _nearest(line, each)[1], beside) for each in driven]
    line = line + np.median(aside_m, axis=0)[:, None] * beside
    around = np.concatenate((line[-(SMOOTHED // 2):], line, line[:SMOOTHED // 2]))
    x, y = (np.convolve(around[:, axis], np.full(SMOOTHED, 1 / SMOOTHED), mode="valid") for axis in (0, 1))
    lat, lon = plane.middle.lat_deg + y / plane.north_m, plane.middle.lon_deg + x / plane.east_m
    return tuple(Point(float(a), float(b)) for a, b in zip(lat, lon, strict=True) if isfinite(a))
