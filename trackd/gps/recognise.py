"""Which layout a recording was driven on: by how its laps follow the reference line of each, else by the lines alone.

A wrong layout would make lap times of another course, so what could be read in two ways is left to a person: `unknown` is
an answer. The measures are those of METHODS 1.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from trackd.gps.follow import FORWARD, FURTHEST_M, Course, along, course_of, driven, measures_of, nearest
from trackd.gps.layouts import Layout
from trackd.gps.lines import Plane
from trackd.gps.segment import GpsLap, gap_of, segment
from trackd.gps.steady import steadied
from trackd.gps.trace import Point, Trace

COVERED, P95_M, LONGER, LONGER_M = 0.97, 4.0, 0.03, 15.0
"""Least share of the reference that is driven, most distance of 95 in 100 places, most difference in length (METHODS 1.2).
On a short track lines through its hairpins differ by more of its length.
"""

BIAS_M = 6.0
"""A receiver's places may be off by so much on the whole: it is taken off before anything is measured."""

CLEARLY, CLEARLY_M = 2.0, 3.0
"""Of two references that laps follow one is out when even the best lap lies so many times, and so much, further from it."""

MOST = 2 / 3
"""So many of the laps must fit; the others may have a spin, the pit, or places that were lost."""

JUDGED = 12
"""Laps looked at, spread over the recording: more tell nothing new."""


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
    trace = steadied(trace, gap_of(trace)).trace
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
    course = course_of(layout) if layout.reference else None
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
    return _following(key, name, course, [measures_of(trace, lap, course) for lap in laps])


def _following(key: str, name: str, course: Course, rows: list[tuple[float, ...]]) -> Likeness:
    """What the measures of its laps come to."""
    measures, longer = np.array(rows), max(LONGER, LONGER_M / course.length_m)
    coverage, p95_m, furthest_m, ratio, direction, bias_m = measures.T
    fits = ((coverage >= COVERED) & (p95_m <= P95_M) & (furthest_m <= FURTHEST_M) & (np.abs(ratio - 1) <= longer)
            & (direction >= FORWARD) & (bias_m <= BIAS_M))
    fitting = int(fits.sum())
    middle = np.median(measures[fits] if fitting else measures, axis=0)
    cover, p95, furthest, share, forward, _ = (float(each) for each in middle)
    sentence = (f"{fitting} of {len(rows)} laps follow the reference line of {name}: {cover:.0%} of it driven, "
                f"{p95:.1f} m beside it, {share * course.length_m:.0f} m for {course.length_m:.0f} m.")
    return Likeness(key, len(rows), fitting, cover, p95, furthest, share, forward, float(furthest_m.min()),
                    by_reference=True, sentence=sentence)


LAPS, APART_M, SMOOTHED = 10, 1.0, 5
"""A reference line is the middle of at most so many laps; it has a place a metre, averaged over so many (METHODS 2)."""

UNFIT = frozenset({"gap", "lost", "estimated", "pit", "below_minimum", "above_maximum", "turned", "soon", "slow"})


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
    lengths_m = [driven(trace, lap, plane, 2)[1] for lap in clean]
    middling = int(np.argsort(lengths_m)[len(clean) // 2])
    count = max(8, round(lengths_m[middling] / APART_M))
    ways = [driven(trace, lap, plane, count)[0] for lap in clean]
    line = ways[middling]
    ahead = along(line)
    beside = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    aside_m = [-np.einsum("ij,ij->i", nearest(line, each)[1], beside) for each in ways]
    line = line + np.median(aside_m, axis=0)[:, None] * beside
    around = np.concatenate((line[-(SMOOTHED // 2):], line, line[:SMOOTHED // 2]))
    x, y = (np.convolve(around[:, axis], np.full(SMOOTHED, 1 / SMOOTHED), mode="valid") for axis in (0, 1))
    lat, lon = plane.middle.lat_deg + y / plane.north_m, plane.middle.lon_deg + x / plane.east_m
    return tuple(Point(float(a), float(b)) for a, b in zip(lat, lon, strict=True) if isfinite(a))
