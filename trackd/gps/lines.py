"""Where a trace crosses a line, and when: segment against segment in a plane about the line, vectorised.

The plane is a local one: metres east and north of the line's middle, exact to millimetres over a kart track. A crossing
lies between samples i and i+1 when the signed distance to the line changes sign, f_i < 0 <= f_{i+1} going forward; its
moment is interpolated linearly (METHODS 1.1: better interpolation gains nothing at 8 Hz and above).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND
from trackd.gps.trace import LON_MOST, Array, Gate, Point, Times, Trace

EQUATOR_M, SQUARED_ECCENTRICITY = 6_378_137.0, 0.00669437999014
"""WGS84."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Metres east and north of a place."""

    middle: Point
    east_m: float                # of one degree of longitude there
    north_m: float               # of one degree of latitude

    @classmethod
    def about(cls, middle: Point) -> Plane:
        """The plane that touches the ellipsoid at ``middle``."""
        lat = radians(middle.lat_deg)
        curve = 1 - SQUARED_ECCENTRICITY * sin(lat) ** 2
        along = EQUATOR_M * (1 - SQUARED_ECCENTRICITY) / curve**1.5
        return cls(middle, radians(1) * EQUATOR_M / sqrt(curve) * cos(lat), radians(1) * along)

    def xy(self, lat_deg: Array, lon_deg: Array) -> tuple[Array, Array]:
        """Arrays (n,) in degrees to metres east, metres north."""
        return self.east_deg(lon_deg) * self.east_m, (lat_deg - self.middle.lat_deg) * self.north_m

    def point(self, place: Point) -> tuple[float, float]:
        """One place."""
        return ((place.lon_deg - self.middle.lon_deg + 540) % 360 - 180) * self.east_m, (
            place.lat_deg - self.middle.lat_deg) * self.north_m

    def east_deg(self, lon_deg: Array) -> Array:
        """How far east longitudes (n,) are; a track may lie on the 180th meridian, where they jump by 360 degrees."""
        east = lon_deg - self.middle.lon_deg
        if abs(self.middle.lon_deg) > LON_MOST - 1:
            east = (east + 540) % 360 - 180
        return east


@dataclass(frozen=True, slots=True)
class Line:
    """A gate in the plane about its middle. ``along``: the unit vector from its middle to its end ``b``; ``across``: the
    one in the direction that counts; ``half_m``: half its length.
    """

    plane: Plane
    along: tuple[float, float]
    across: tuple[float, float]
    half_m: float

    @classmethod
    def of(cls, gate: Gate) -> Line:
        """The line of a gate; without a heading any of the two directions across is taken."""
        long_deg = (gate.b.lon_deg - gate.a.lon_deg + 540) % 360 - 180
        middle_deg = (gate.a.lon_deg + long_deg / 2 + 540) % 360 - 180
        plane = Plane.about(Point((gate.a.lat_deg + gate.b.lat_deg) / 2, middle_deg))
        half_x, half_y = plane.point(gate.b)
        half_m = hypot(half_x, half_y)
        along = (half_x / half_m, half_y / half_m) if half_m else (1.0, 0.0)
        across = (-along[1], along[0])
        if gate.heading_deg is not None:
            heading = radians(gate.heading_deg)
            if across[0] * sin(heading) + across[1] * cos(heading) < 0:
                across = (along[1], -along[0])
        return cls(plane, along, across, half_m)

    def ahead_m(self, lat_deg: Array, lon_deg: Array) -> Array:
        """How far places (n,) lie behind the line, in the direction that counts; negative before it."""
        ahead = self.plane.east_deg(lon_deg) * (self.across[0] * self.plane.east_m)
        ahead += (lat_deg - self.plane.middle.lat_deg) * (self.across[1] * self.plane.north_m)
        return ahead

    def aside_m(self, lat_deg: Array, lon_deg: Array) -> Array:
        """How far places (n,) lie beside its middle, along the line."""
        x, y = self.plane.xy(lat_deg, lon_deg)
        return x * self.along[0] + y * self.along[1]


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Where a trace crosses one line, each (k,): ``t_us`` float64 on the trace's clock, ``before`` the sample it follows,
    ``forward`` whether in the direction that counts, ``aside_m`` where on the line, from its middle towards its end ``b``,
    ``speed_mps`` over ground about there, ``step_us`` from the sample before to the one after.
    """

    t_us: Array
    before: Times
    forward: NDArray[np.bool_]
    aside_m: Array
    speed_mps: Array
    step_us: Times


WIDER_M = 0.5
"""A line is taken for this much longer at each end: places are no better known."""

STEEPEST_COS = 0.5
"""Who crosses at more than 60 degrees from the direction of the line drives along it, not over it (METHODS 1.1)."""

AROUND_US = 400_000
"""How fast a kart crosses, and which way, is told by the samples so long before and after: from one to the next, at 25 Hz
or more, what a receiver wanders is no less than what a kart drives.
"""

CHUNK = 16_384
"""So many samples at a time: what is worked out of them stays in the processor's cache."""


def crossings(trace: Trace, line: Line, *, longest_us: int, wider_m: float = WIDER_M) -> Crossings:
    """Every crossing of the line, in both directions, in order. Over more than ``longest_us`` without a sample nobody
    knows where the kart was, and nothing is found. A sample exactly on the line counts once: with what follows it.
    """
    lat, lon, t_us = trace.lat_deg, trace.lon_deg, trace.t_us
    at = np.concatenate([_sides_changed(line, lat[i:i + CHUNK + 1], lon[i:i + CHUNK + 1]) + i
                         for i in range(0, max(1, len(trace) - 1), CHUNK)])
    at = at[t_us[at + 1] - t_us[at] <= longest_us]
    ahead, then = line.ahead_m(lat[at], lon[at]), line.ahead_m(lat[at + 1], lon[at + 1])
    start, end = line.aside_m(lat[at], lon[at]), line.aside_m(lat[at + 1], lon[at + 1])
    part = ahead / (ahead - then)
    aside, step_us = start + part * (end - start), t_us[at + 1] - t_us[at]
    moments = t_us[at].astype(np.float64) + part * step_us
    low = np.minimum(at, np.searchsorted(t_us, moments - AROUND_US))
    high = np.maximum(at + 1, np.searchsorted(t_us, moments + AROUND_US, "right") - 1)
    along = line.ahead_m(lat[high], lon[high]) - line.ahead_m(lat[low], lon[low])
    moved = np.hypot(along, line.aside_m(lat[high], lon[high]) - line.aside_m(lat[low], lon[low]))
    on = (np.abs(aside) <= line.half_m + wider_m) & (np.abs(along) >= STEEPEST_COS * moved) & ((ahead < 0) == (along > 0))
    speed = moved[on] / (t_us[high[on]] - t_us[low[on]]) * SECOND
    return Crossings(moments[on], at[on], ahead[on] < 0, aside[on], speed, step_us[on])


def _sides_changed(line: Line, lat_deg: Array, lon_deg: Array) -> Times:
    """The samples after which the trace is on the other side of the endless line."""
    before = line.ahead_m(lat_deg, lon_deg) < 0
    return np.flatnonzero(before[1:] != before[:-1])
