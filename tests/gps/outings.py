"""One invented outing anywhere on earth, at any rate, with its true laps; and what a logger makes of its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from tests.gps.courses import VENUE
from trackd.core.time import SECOND
from trackd.gps.layouts import Layout
from trackd.gps.lines import Plane
from trackd.gps.trace import Array, Gate, Point

START = datetime(2026, 6, 14, 13, 30, tzinfo=UTC)
COURSE = VENUE["long"]
PIT_M, STANDS_S = 60.0, 3.0
"""The outing begins with the kart standing so long, so far before the line."""

LEIPZIG, OREGON = Point(51.34, 12.37), Point(45.36, -123.0)
QUITO, SYDNEY, RIO, CUPAR = Point(-0.004, -78.4), Point(-33.8, 151.0), Point(-22.97, -43.4), Point(56.3, -0.001)
SUVA = Point(-18.05, 179.9)
PLACES = {"leipzig": LEIPZIG, "oregon": OREGON, "on the equator": QUITO, "sydney": SYDNEY, "rio": RIO,
          "on the meridian": CUPAR, "suva": SUVA}


@dataclass(frozen=True, slots=True, eq=False)
class Outing:
    """What is true of one outing. Arrays (n,): seconds since its start, degrees, m/s, degrees from north."""

    t_s: Array
    lat: Array
    lon: Array
    speed: Array
    heading: Array
    crossings_s: Array
    layout: Layout
    rate_hz: float
    start: datetime = START

    @property
    def laps_us(self) -> list[int]:
        return [round(each * SECOND) for each in np.diff(self.crossings_s)]

    def instants(self) -> list[datetime]:
        return [self.start + timedelta(microseconds=round(t * SECOND)) for t in self.t_s.tolist()]


def drive(at: Point = LEIPZIG, rate_hz: float = 10.0, laps: int = 2, start: datetime = START) -> Outing:
    """The long course, driven some times round at 5 to 13 m/s and a little on; every sample where the kart truly was."""
    fine = np.arange(0, laps * 80 + 60, 0.001)
    pace = np.where(fine < STANDS_S, 0.0, np.minimum(4 * (fine - STANDS_S), 9 + 4 * np.sin(fine / 5)))
    way = np.concatenate(([0.0], np.cumsum(pace[:-1] * 0.001))) - PIT_M
    length = len(COURSE)                                       # a metre a place, nearly
    end = fine[np.searchsorted(way, (laps + 0.4) * length)]
    t = np.arange(0, end, 1 / rate_hz)
    here = np.interp(t, fine, way)
    xy, ahead = (_on(COURSE, here + step) for step in (0.0, 0.05))
    step = (ahead - xy) / 0.05                                 # metres a place, and which way
    pace_mps = np.interp(t, fine, pace) * np.hypot(*step.T)
    plane = Plane.about(at)
    lines = tuple(_line(plane, at, index, role)
                  for index, role in ((0, "start_finish"), (length // 3, "sector:1"), (2 * length // 3, "sector:2")))
    crossed = np.interp(np.arange(laps + 1) * length, way, fine)
    heading = np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360
    lat, lon = at.lat_deg + xy[:, 1] / plane.north_m, at.lon_deg + xy[:, 0] / plane.east_m
    return Outing(t, lat, lon, pace_mps, heading, crossed, Layout(lines[0], lines[1:]), rate_hz, start)


def _on(course: Array, way: Array) -> Array:
    ring = np.concatenate((course, course[:1]))
    at = way % len(course)
    return np.stack([np.interp(at, np.arange(len(ring)), ring[:, axis]) for axis in (0, 1)], axis=1)


def _line(plane: Plane, at: Point, index: int, role: str) -> Gate:
    ahead = COURSE[(index + 1) % len(COURSE)] - COURSE[index - 1]
    east, north = ahead / np.hypot(*ahead)
    ends = [COURSE[index] + side * np.array([-north, east]) for side in (-7.0, 7.0)]
    a, b = (Point(float(at.lat_deg + y / plane.north_m), float(at.lon_deg + x / plane.east_m)) for x, y in ends)
    return Gate(role, a, b, float(np.degrees(np.arctan2(east, north)) % 360))


def held(outing: Outing, rate_hz: float) -> Outing:
    """The rows of a logger that writes faster than its receiver measures, and repeats what it told last."""
    t = np.arange(0, outing.t_s[-1], 1 / rate_hz)
    last = np.maximum(np.searchsorted(outing.t_s, t + 1e-6, side="right") - 1, 0)
    return replace(outing, t_s=t, lat=outing.lat[last], lon=outing.lon[last], speed=outing.speed[last],
                   heading=outing.heading[last], rate_hz=rate_hz)


def lost(outing: Outing, seconds: float, *, how: str) -> Outing:
    """The receiver loses its place a little before the second crossing, and for so long its place is ``held`` with the kart
    told to stand, ``driven`` on with the speed as it was, or ``laid`` evenly on the line to where it is found again.
    """
    begin = int((outing.crossings_s[1] - 0.4 * seconds) * outing.rate_hz)
    end = begin + round(seconds * outing.rate_hz)
    lat, lon, speed = outing.lat.copy(), outing.lon.copy(), outing.speed.copy()
    on = np.arange(end - begin) / (end - begin) * (how == "laid")
    for place in (lat, lon):
        place[begin:end] = place[begin] + (place[end] - place[begin]) * on
    speed[begin:end] = 0.0 if how == "held" else speed[begin] + (speed[end] - speed[begin]) * on
    return replace(outing, lat=lat, lon=lon, speed=speed)
