"""Invented tracks of many shapes, and drives over them of which every crossing of the line is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import radians

import numpy as np
from numpy.typing import NDArray

from tests.gps.drive import MIDDLE
from trackd.gps.layouts import Layout
from trackd.gps.lines import Plane
from trackd.gps.trace import Gate, Point, Trace

Array = NDArray[np.float64]

FINE_M = 0.1
GRIP, PULL, BRAKE = 9.0, 2.5, 5.0

CORNERS: dict[str, tuple[list[tuple[float, float]], float]] = {
    # where the corners are, the first side holds the line in its middle; how many metres a corner is rounded over
    "indoor": ([(0, 0), (55, 0), (55, 6), (8, 6), (8, 12), (55, 12), (55, 18), (0, 18)], 5.0),
    "hall": ([(0, 0), (16, 0), (16, -60), (10, -60), (10, -8), (4, -8), (4, -70), (0, -70)], 5.0),
    "hairpin": ([(0, 0), (16, 0), (16, 7), (-70, 7), (-70, 40), (-90, 40), (-90, 0)], 5.0),
    "outdoor": ([(0, 0), (190, 0), (190, 60), (120, 60), (120, 110), (220, 110), (220, 180), (60, 180), (60, 120),
                 (-60, 120), (-60, 0)], 18.0),
    "eight": ([(0, 0), (90, 0), (90, 60), (40, 60), (40, -50), (-50, -50), (-50, 0)], 14.0),
    "triangle": ([(0, 0), (240, 0), (120, 160)], 20.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Once round in steps of ``FINE_M``: places (n, 2), unit normals to the left (n, 2), seconds a step (n,)."""

    places: Array
    left: Array
    pace_s: Array

    @property
    def length_m(self) -> float:
        return len(self.places) * FINE_M

    def xy(self, went_m: Array, aside_m: Array | float = 0.0) -> Array:
        """Where it is after so many metres from the line, so far to the left of the middle."""
        at = np.asarray(went_m) / FINE_M
        return _round(self.places, at) + np.asarray(aside_m)[..., None] * _round(self.left, at)


def _round(ring: Array, at: Array) -> Array:
    low = np.floor(at).astype(np.int64)
    part = (at - low)[:, None]
    return ring[low % len(ring)] * (1 - part) + ring[(low + 1) % len(ring)] * part


@cache
def track(shape: str, top_kmh: float = 70.0) -> Track:
    """A track by its shape; karts go as fast as grip, engine and brakes allow, at most ``top_kmh``."""
    corners, round_m = CORNERS[shape]
    ring = np.array([*corners, corners[0]], dtype=float)
    ring = np.concatenate(([(ring[0] + ring[1]) / 2], ring[1:-1], ring[:1], [(ring[0] + ring[1]) / 2]))
    way = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))))
    count = round(way[-1] / FINE_M)
    at = np.arange(count) * way[-1] / count
    line = np.stack([np.interp(at, way, ring[:, axis]) for axis in (0, 1)], axis=1)
    for width_m in (round_m, round_m / 2):
        width = int(width_m / FINE_M) | 1
        around = np.concatenate((line[-(width // 2):], line, line[:width // 2]))
        line = np.stack([np.convolve(around[:, axis], np.full(width, 1 / width), "valid") for axis in (0, 1)], axis=1)
    ahead = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    step = np.hypot(*ahead.T) / 2
    unit = ahead / (2 * step)[:, None]
    turn = np.angle(np.exp(1j * np.diff(np.arctan2(unit[:, 1], unit[:, 0]), append=np.arctan2(unit[0, 1], unit[0, 0]))))
    speed = np.minimum(top_kmh / 3.6, np.sqrt(GRIP / np.maximum(np.abs(turn) / step, 1e-9)))
    for _ in range(2):
        for order, most in ((range(count), PULL), (range(count - 1, -1, -1), BRAKE)):
            last = float(speed[order[-1]])
            for i in order:
                last = speed[i] = min(float(speed[i]), float(np.sqrt(last**2 + 2 * most * FINE_M)))
    return Track(line, np.stack((-unit[:, 1], unit[:, 0]), axis=1), step / speed)


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """Moments (n,) seconds, metres from the line since the start of lap 1 (n,) and beside the middle (n,)."""

    on: Track
    t_s: Array
    went_m: Array
    aside_m: Array

    def crossed_s(self, *, at_m: float = 0.0) -> Array:
        """When the line was crossed forwards: k lengths after the start."""
        rise = np.floor((self.went_m - at_m) / self.on.length_m)
        steps = np.flatnonzero(np.diff(rise) > 0)
        level = rise[steps + 1] * self.on.length_m + at_m
        part = (level - self.went_m[steps]) / (self.went_m[steps + 1] - self.went_m[steps])
        return self.t_s[steps] + part * (self.t_s[steps + 1] - self.t_s[steps])

    def then(self, *parts: tuple[float, float]) -> Drive:
        """The same, and after it so many metres in so many seconds at one speed, part by part."""
        t = np.concatenate((self.t_s, self.t_s[-1] + np.cumsum([s for _, s in parts])))
        went = np.concatenate((self.went_m, self.went_m[-1] + np.cumsum([m for m, _ in parts])))
        return Drive(self.on, t, went, np.concatenate((self.aside_m, np.full(len(parts), self.aside_m[-1]))))

    def places(self, t_s: Array) -> Array:
        """Where it truly was (n, 2)."""
        went = np.interp(t_s, self.t_s, self.went_m)
        return self.on.xy(went, np.interp(t_s, self.t_s, self.aside_m))


def laps(on: Track, count: int, rng: np.random.Generator, *, before_m: float = 60.0, after_m: float = 60.0,
         wide_m: float = 0.5, standing: bool = False, spread: float = 0.02) -> Drive:
    """So many laps, each at its own pace and on its own line, from ``before_m`` before the line to ``after_m`` behind it;
    ``standing``: from rest.
    """
    size = len(on.places)
    first, last = round(-before_m / FINE_M), count * size + round(after_m / FINE_M)
    steps = np.arange(first, last)
    factor = 1 + np.interp(steps / size, np.arange(-2, count + 3), rng.normal(0, spread, count + 5))
    pace = on.pace_s[steps % size] * np.maximum(factor, 0.8)
    if standing:
        gone_m = (np.arange(len(steps)) + 0.5) * FINE_M
        pace = np.maximum(pace, FINE_M / np.sqrt(2 * PULL * gone_m))
    t = np.concatenate(([0.0], np.cumsum(pace)))
    knots = 7 * (count + 4)
    aside = np.interp(np.arange(first, last + 1) / size, np.linspace(-2, count + 2, knots), rng.normal(0, wide_m, knots))
    return Drive(on, t, (np.arange(first, last + 1) * FINE_M).astype(np.float64), aside.astype(np.float64))


@dataclass(frozen=True, slots=True)
class Receiver:
    """How a drive is told. ``drift_m``, ``tau_s``: places that wander; ``white_m``: each is off by itself; ``dropped``: the
    share of samples that is missing; ``jitter``: how unevenly they come, as a share of a step; ``at`` where on earth.
    """

    rate_hz: float = 10.0
    drift_m: float = 0.0
    tau_s: float = 60.0
    white_m: float = 0.0
    dropped: float = 0.0
    jitter: float = 0.0
    at: Point = MIDDLE
    turn_deg: float = 0.0

    def told(self, drive: Drive, rng: np.random.Generator) -> Trace:
        """The trace. Its clock is that of the drive."""
        t = np.arange(drive.t_s[0] + rng.uniform(0, 1 / self.rate_hz), drive.t_s[-1], 1 / self.rate_hz)
        t = np.sort(t + rng.uniform(-0.5, 0.5, len(t)) * self.jitter / self.rate_hz)
        t = np.round(t, 6)[np.diff(np.round(t, 6), prepend=-1e9) > 0]
        t = t[rng.random(len(t)) >= self.dropped]
        xy = drive.places(t)
        if self.drift_m:
            keep = np.exp(-np.diff(t, prepend=t[0]) / self.tau_s)
            shocks = rng.normal(0, 1, (len(t), 2)) * (self.drift_m * np.sqrt(1 - keep**2))[:, None]
            here = rng.normal(0, self.drift_m, 2)
            for i in range(len(t)):
                here = here * keep[i] + shocks[i]
                xy[i] += here
        xy = xy + rng.normal(0, self.white_m, xy.shape)
        lat, lon = self.on_earth(xy)
        return Trace(np.round(t * 1e6).astype(np.int64), lat, lon, np.full(len(t), np.nan))

    def on_earth(self, xy: Array) -> tuple[Array, Array]:
        """Metres (n, 2) to latitudes and longitudes; these jump at 180 degrees."""
        c, s = np.cos(radians(self.turn_deg)), np.sin(radians(self.turn_deg))
        plane = Plane.about(self.at)
        lon = self.at.lon_deg + (c * xy[:, 0] - s * xy[:, 1]) / plane.east_m
        return self.at.lat_deg + (s * xy[:, 0] + c * xy[:, 1]) / plane.north_m, (lon + 180) % 360 - 180

    def gate(self, on: Track, *, role: str = "start_finish", at_m: float = 0.0, half_m: float = 6.0, shift_m: float = 0.0,
             heading: float | None = 0.0, turned: bool = False) -> Gate:
        """A line across the track; ``shift_m`` to the left; ``heading`` by so many degrees wrong, None: it has none."""
        middle, side = on.xy(np.array([at_m]))[0], _round(on.left, np.array([at_m / FINE_M]))[0]
        ends = np.array([middle + side * (shift_m - half_m), middle + side * (shift_m + half_m)])
        lat, lon = self.on_earth(ends[::-1] if turned else ends)
        degrees = None
        if heading is not None:
            degrees = float((np.degrees(np.arctan2(side[1], -side[0])) - self.turn_deg + heading) % 360)
        return Gate(role, Point(float(lat[0]), float(lon[0])), Point(float(lat[1]), float(lon[1])), degrees)

    def layout(self, on: Track, **line: float | bool | None) -> Layout:
        """A layout with nothing but a start line."""
        return Layout(self.gate(on, **line), name="Invented")  # type: ignore[arg-type]


HIGH, SOUTH, DATE_LINE = Point(69.7, 18.9), Point(-36.9, 174.8), Point(-16.8, 179.9995)


def joined(*traces: Trace) -> Trace:
    """One recording of several, whose clocks go on."""
    columns = ("t_us", "lat_deg", "lon_deg", "speed_mps")
    return Trace(*(np.concatenate([getattr(each, of) for each in traces]) for of in columns))


def without(trace: Trace, keep: NDArray[np.bool_]) -> Trace:
    """What is left of it."""
    return replace(trace, t_us=trace.t_us[keep], lat_deg=trace.lat_deg[keep], lon_deg=trace.lon_deg[keep],
                   speed_mps=trace.speed_mps[keep])
