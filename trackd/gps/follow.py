"""How a lap follows a reference line: laid on it from start line to start line, so that two straights side by side are
never taken for one another, and without what the receiver wandered by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, degrees, nan

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND
from trackd.gps.layouts import Layout
from trackd.gps.lines import Line, Plane, crossings
from trackd.gps.segment import GpsLap
from trackd.gps.trace import Array, Trace

ON_LINE_M = 6.0
"""A part of the reference is driven where a lap comes this close to it (METHODS 1.2)."""

FURTHEST_M = 4.5
"""A lap with any place further from the reference does not follow it: five places in 100 are enough for a chicane, or a
short way across. In a drift of 1.5 m none of 1,400 recordings of one lap is left unknown or taken for another.
"""

FORWARD = 0.99
"""Least share of the way driven forwards (METHODS 1.2)."""

HOPELESS = 4
"""So many times further away no receiver's error is the reason."""

KNOT_S, WANDERS_M, BESIDE_M = 12.0, 1.2, 2.0
"""A receiver wanders in a lap: by an offset told every so many seconds that changes by so much from one to the
next, one standard deviation, where places lie so far beside the reference for other reasons. A chicane is too short.
"""

STEP_M, REACH = 3.0, 0.05
"""Places on a lap and on the reference are this far apart; they are sought so much of a lap before and after where the
distance driven puts them."""

TAKEN_HZ = 5.0
"""So often places are taken for the length of a lap: noise between closer ones would add to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The reference of a layout, once round from its start line on. ``places`` (n, 2) metres, ``ahead`` (n, 2) the unit
    vectors it is driven along. ``layout`` names the direction in which that crosses the line.
    """

    layout: Layout
    plane: Plane
    places: Array
    ahead: Array
    length_m: float


def course_of(layout: Layout) -> Course | None:
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
    return Course(replace(layout, start_finish=gate), line.plane, places, along(places), length_m)


def along(places: Array) -> Array:
    """The direction of a closed line at its places, unit vectors (n, 2)."""
    ahead = np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)
    unit: Array = ahead / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    return unit


def driven(trace: Trace, lap: GpsLap, plane: Plane, count: int) -> tuple[Array, float]:
    """``count`` places of a lap, equally far apart along it (count, 2), and how long it is, metres. The first lies on the
    line.
    """
    first, last = np.searchsorted(trace.t_us, (lap.start_us, lap.end_us))
    every = max(1, round((last - first) * SECOND / lap.time_us / TAKEN_HZ))
    t_us = np.concatenate(([lap.start_us], trace.t_us[first:last:every][1:], [lap.end_us])).astype(np.float64)
    around = slice(max(0, first - 1), last + 1)
    x, y = (np.interp(t_us, trace.t_us[around], each) for each in plane.xy(trace.lat_deg[around], trace.lon_deg[around]))
    way_m = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    at_m = np.arange(count) * (way_m[-1] / count)
    return np.stack((np.interp(at_m, way_m, x), np.interp(at_m, way_m, y)), axis=1), float(way_m[-1])


def nearest(places: Array, line: Array) -> tuple[NDArray[np.int64], Array]:
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


def measures_of(trace: Trace, lap: GpsLap, course: Course) -> tuple[float, ...]:
    """Coverage, p95, furthest, length ratio, direction and bias of one lap; distances are measured without the bias. Places
    that do not follow are laid on the reference once more, without what the receiver was off by the first time.
    """
    count, step_m = len(course.places), course.length_m / len(course.places)
    places, way_m = driven(trace, lap, course.plane, count)
    bias = np.zeros((count, 2))
    for _ in range(2):
        at, off = nearest(places - bias, course.places)
        ahead = course.ahead[at % count]
        beside = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
        along_m, aside_m = (off * ahead).sum(axis=1), (off * beside).sum(axis=1)
        more = _wandering(beside, aside_m, lap.time_us / SECOND)
        bias = bias + more
        apart_m = np.hypot(aside_m - (beside * more).sum(axis=1), np.maximum(np.abs(along_m) - step_m, 0))
        forwards = float((np.diff(at * step_m + along_m) > 0).mean())
        if apart_m.max() > HOPELESS * FURTHEST_M or (apart_m.max() <= FURTHEST_M and forwards >= FORWARD):
            break
    hit = np.zeros(count, dtype=bool)
    hit[at[apart_m <= ON_LINE_M] % count] = True
    hit |= np.roll(hit, 1) | np.roll(hit, -1)                       # the places of a lap leave some out
    return (float(hit.mean()), float(np.percentile(apart_m, 95)), float(apart_m.max()), way_m / course.length_m, forwards,
            float(np.hypot(*bias.mean(axis=0))))


def _wandering(beside: Array, aside_m: Array, lap_s: float) -> Array:
    """By how much the receiver was off at each place of a lap (n, 2), metres, by least squares of the places' distances
    ``aside_m`` (n,) along the unit vectors ``beside`` (n, 2).
    """
    n, knots = len(beside), max(2, round(lap_s / KNOT_S) + 1)
    at = np.linspace(0, knots - 1, n)
    shares = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(knots)))
    told = (beside[:, :, None] * shares[:, None, :]).reshape(n, 2 * knots) / BESIDE_M
    steps = np.diff(np.eye(knots), axis=0) / WANDERS_M
    stiff = told.T @ told
    for axis in (slice(knots), slice(knots, None)):
        stiff[axis, axis] += steps.T @ steps
    found = np.linalg.solve(stiff + 1e-9 * np.eye(2 * knots), told.T @ (aside_m / BESIDE_M))
    off: Array = shares @ found.reshape(2, knots).T
    return off
