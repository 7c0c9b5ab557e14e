"""Invented drives: a round track with a line at its east end, driven by the second."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

import numpy as np

from trackd.gps.layouts import Layout
from trackd.gps.lines import Plane
from trackd.gps.trace import Array, Gate, Point, Trace

MIDDLE = Point(51.34, 12.37)
PLANE = Plane.about(MIDDLE)
RADIUS_M = 90.0
LINE_DEG_PER_S, NEAR_DEG = 9.0, 15.0


def place(east_m: float, north_m: float) -> Point:
    return Point(float(MIDDLE.lat_deg + north_m / PLANE.north_m), float(MIDDLE.lon_deg + east_m / PLANE.east_m))


def gate(role: str, angle_deg: float, *, half_m: float = 8, heading: bool = True) -> Gate:
    """A line across the track at an angle from east, anticlockwise, as the track is driven."""
    c, s = np.cos(radians(angle_deg)), np.sin(radians(angle_deg))
    ends = [place((RADIUS_M + each) * c, (RADIUS_M + each) * s) for each in (-half_m, half_m)]
    return Gate(role, *ends, heading_deg=float(-angle_deg % 360) if heading else None)


ROUND = Layout(gate("start_finish", 0), (gate("sector:1", 120), gate("sector:2", 240)), name="Round")


@dataclass(frozen=True)
class Drive:
    """``angle_deg`` (n,): where the kart is on the circle, 360 a lap, at ``t_s`` (n,)."""

    t_s: Array
    angle_deg: Array

    def trace(self, rate_hz: float = 10, *, noise_m: Array | None = None, phase_s: float = 0.0) -> Trace:
        """As a receiver would tell it. ``noise_m`` (n, 2) is added to the places, metres east and north."""
        t_s = np.arange(self.t_s[0] + phase_s, self.t_s[-1], 1 / rate_hz)
        angle = np.radians(np.interp(t_s, self.t_s, self.angle_deg))
        xy = np.stack((RADIUS_M * np.cos(angle), RADIUS_M * np.sin(angle)), axis=1)
        if noise_m is not None:
            xy = xy + noise_m[: len(xy)]
        return trace_at(t_s, xy)


def trace_at(t_s: Array, xy_m: Array) -> Trace:
    """A trace at these moments and places, metres east and north of the middle of the track."""
    t_us = np.round(t_s * 1e6).astype(np.int64)
    speed = np.hypot(*np.gradient(xy_m, axis=0).T) / np.gradient(t_s)
    return Trace(t_us, MIDDLE.lat_deg + xy_m[:, 1] / PLANE.north_m, MIDDLE.lon_deg + xy_m[:, 0] / PLANE.east_m, speed)


def laps_of(times_s: list[float], *, before_deg: float = 60, after_deg: float = 45) -> tuple[Drive, list[float]]:
    """Laps of these times, and the moments at which the line was crossed: always at ``LINE_DEG_PER_S``, as the speed does
    not jump on a line.
    """
    t, angle, crossed = [0.0], [-before_deg], [before_deg / LINE_DEG_PER_S]
    for time_s in times_s:
        start_s, turn = crossed[-1], 360 * (len(crossed) - 1)
        near_s = NEAR_DEG / LINE_DEG_PER_S
        t += [start_s + near_s, start_s + time_s - near_s]
        angle += [turn + NEAR_DEG, turn + 360 - NEAR_DEG]
        crossed.append(start_s + time_s)
    t.append(crossed[-1] + after_deg / LINE_DEG_PER_S)
    angle.append(360 * len(times_s) + after_deg)
    return Drive(np.array(t), np.array(angle)), crossed
