"""The track of the demo, which is nowhere: its middle, how fast a kart is where on it, its lines as a layout. Pure.

It lies on open water in the Adriatic, where no track can be taken for it. A kart is as fast as its grip in corners, its
engine and its brakes allow; a lap takes ``LAP_S`` by that.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

MIDDLE_LAT, MIDDLE_LON = 44.2, 13.4
NORTH_M, EAST_M = 111_112.0, 79_924.0
"""Metres of a degree there, on the WGS84 ellipsoid."""

CORNERS: tuple[tuple[float, float, float], ...] = (
    (-56, 0, 13), (82, 0, 12), (94, 38, 11), (64, 52, 10), (46, 30, 9), (16, 34, 10), (20, 66, 11), (70, 78, 12),
    (60, 110, 13), (-28, 98, 18), (-66, 74, 12), (-44, 44, 11), (-82, 28, 13))
"""Where the straights would meet, metres east and north, and the radius of the corner there; driven in this order."""

STEP_M = 1.0
GRIP, PULL, BRAKE, TOP_MPS = 16.0, 3.6, 7.5, 24.0
"""Metres a second squared sideways, forwards and backwards; metres a second."""

LINES = {"start_finish": 0.0, "sector:1": 0.29, "sector:2": 0.61}
"""Where the loops lie: shares of the way round from the line."""

PIT_IN_M, PIT_OUT_M = -34.0, 24.0
"""The pit lane runs along the line: so far before it and behind it."""

LINE_M = 12.0
"""Half a timing line: it spans the pit lane, too."""


class Spot(NamedTuple):
    """A place on the course: metres east and north, and the way it is driven in radians from east."""

    east_m: float
    north_m: float
    heading: float


def _ring() -> list[tuple[float, float]]:
    """Straights and arcs as places, about a metre apart, from the middle of the first straight."""
    places: list[tuple[float, float]] = []
    count = len(CORNERS)
    for i in range(1, count + 1):
        (ax, ay, _), (x, y, radius), (bx, by, _) = (CORNERS[(i + k) % count] for k in (-1, 0, 1))
        coming, leaving = math.atan2(y - ay, x - ax), math.atan2(by - y, bx - x)
        turn = (leaving - coming + math.pi) % math.tau - math.pi
        cut = radius * math.tan(abs(turn) / 2)                      # of both straights
        side = math.copysign(math.pi / 2, turn)
        mx = x - cut * math.cos(coming) + radius * math.cos(coming + side)
        my = y - cut * math.sin(coming) + radius * math.sin(coming + side)
        steps = max(2, round(radius * abs(turn) / STEP_M))
        places += [(mx + radius * math.cos(coming - side + turn * n / steps),
                    my + radius * math.sin(coming - side + turn * n / steps)) for n in range(steps + 1)]
    (ax, ay), (bx, by) = places[-1], places[0]
    return [((ax + bx) / 2, (ay + by) / 2), *places]


def _even(ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same as places ``STEP_M`` apart, or a little less, all round."""
    way = [0.0, *accumulate(math.dist(a, b) for a, b in pairwise([*ring, ring[0]]))]
    count = math.ceil(way[-1] / STEP_M)
    found = []
    for n in range(count):
        at = way[-1] * n / count
        i = bisect_right(way, at) - 1
        part, (ax, ay), (bx, by) = (at - way[i]) / (way[i + 1] - way[i]), ring[i], ring[(i + 1) % len(ring)]
        found.append((ax + part * (bx - ax), ay + part * (by - ay)))
    return found


def _headed(places: list[tuple[float, float]]) -> list[Spot]:
    spots, before = [], 0.0
    for n, (x, y) in enumerate(places):
        (ax, ay), (bx, by) = places[n - 2], places[(n + 2) % len(places)]
        heading = math.atan2(by - ay, bx - ax)
        before += (heading - before + math.pi) % math.tau - math.pi  # it goes on round and round, without a jump
        spots.append(Spot(x, y, before))
    return spots


def _speeds(spots: list[Spot]) -> list[float]:
    """Metres a second at each place: as fast as grip, engine and brakes allow, round and round."""
    count = len(spots)
    bends = [abs(spots[(n + 1) % count].heading - spots[n - 1].heading) % math.tau / (2 * STEP_M) for n in range(count)]
    speeds = [min(TOP_MPS, math.sqrt(GRIP / max(min(bend, math.tau / 2 / STEP_M - bend), 1e-6))) for bend in bends]
    for order, most in ((range(count), PULL), (range(count - 1, -1, -1), BRAKE)):
        last = speeds[order[-1]]
        for n in (*order, *order):
            last = speeds[n] = min(speeds[n], math.sqrt(last**2 + 2 * most * STEP_M))
    return speeds


SPOTS = _headed(_even(_ring()))
SPEEDS = _speeds(SPOTS)
LENGTH_M = len(SPOTS) * STEP_M
CLOCK_S = [0.0, *accumulate(STEP_M / speed for speed in SPEEDS)]
"""Seconds from the line to each place, by a kart that does all it can."""

LAP_S = CLOCK_S[-1]


def line_m(role: str) -> float:
    """How far behind the line a loop lies, in metres. Raises KeyError for a role the course does not have."""
    return {"pit_in": LENGTH_M + PIT_IN_M, "pit_out": PIT_OUT_M}.get(role) or LINES[role] * LENGTH_M


def shares() -> tuple[float, ...]:
    """How a lap splits over the stretches between its loops, the one to the line last."""
    ends = [CLOCK_S[round(line_m(role))] for role in LINES if role != "start_finish"]
    return tuple((b - a) / LAP_S for a, b in pairwise([0.0, *ends, LAP_S]))


def spot(way_m: float) -> Spot:
    """The middle of the course so far from the line; further than a lap is the next one."""
    at = way_m / STEP_M % len(SPOTS)
    n = int(at)
    part, a, b = at - n, SPOTS[n % len(SPOTS)], SPOTS[(n + 1) % len(SPOTS)]
    turn = (b.heading - a.heading + math.pi) % math.tau - math.pi
    east_m, north_m = (x + part * (y - x) for x, y in zip(a[:2], b[:2], strict=True))
    return Spot(east_m, north_m, a.heading + part * turn)


def degrees_at(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of a place."""
    return MIDDLE_LAT + north_m / NORTH_M, MIDDLE_LON + east_m / EAST_M


def layout(name: str) -> dict[str, Any]:
    """The course as a layout in GeoJSON: its lines, and the way round."""
    features = [_feature("reference", [(each.east_m, each.north_m) for each in (*SPOTS[::4], SPOTS[0])])]
    for role in LINES:
        at = spot(line_m(role))
        left = (-math.sin(at.heading) * LINE_M, math.cos(at.heading) * LINE_M)
        ends = [(at.east_m + side * left[0], at.north_m + side * left[1]) for side in (1, -1)]
        features.append(_feature(role, ends, heading_deg=round((90 - math.degrees(at.heading)) % 360, 1)))
    return {"type": "FeatureCollection", "features": features,
            "properties": {"name": name, "direction": "anticlockwise", "min_lap_s": 20, "max_lap_s": 120}}


def _feature(role: str, places: list[tuple[float, float]], **more: float) -> dict[str, Any]:
    points = [(round(lon, 7), round(lat, 7)) for lat, lon in (degrees_at(*each) for each in places)]
    return {"type": "Feature", "properties": {"role": role, **more},
            "geometry": {"type": "LineString", "coordinates": [list(each) for each in points]}}
