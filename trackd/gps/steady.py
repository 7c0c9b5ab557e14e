"""How much the places of a trace jump from one to the next, and the way under it where they jump much.

A receiver that wanders within a minute cannot be told from a kart that drives elsewhere; one whose places are each off by
themselves can: no kart's way bends so within four samples. What is left of it once it is smoothed is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trackd.core.time import SECOND, Micros
from trackd.gps.lines import Plane
from trackd.gps.trace import Array, Point, Times, Trace

LOOKED_AT = 2_000
"""So many samples tell how much they jump."""

FASTER_HZ = 4.0
"""Of slower samples a kart's own way bends as much as their noise."""

NOISY_M = 0.18
"""Places that jump by less, one standard deviation, are taken as they are: loggers that filter tell 0.01 m, one whose clock
is uneven 0.13 m.
"""

HALF_US: Micros = SECOND // 2
WIDE_HALF_US: Micros = SECOND
WIDE_M = 0.5
"""A quadratic is laid through the samples half a second before and after, through those of a second each where they jump by
more than ``WIDE_M``: of a kart's way it takes off centimetres.
"""

MAD = 1.4826
BLOCK = 200_000
"""Pairs of sample and neighbour held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Steadied:
    """A trace, smoothed where its places jumped; ``white_m``: by how much each still is off by itself, one standard
    deviation, NaN where its samples are too slow to tell.
    """

    trace: Trace
    white_m: float


def steadied(trace: Trace, gap_us: Micros) -> Steadied:
    """The trace as laps are to be found in it."""
    if len(trace) < 8 or trace.rate_hz < FASTER_HZ:
        return Steadied(trace, float("nan"))
    middle = len(trace) // 2
    some = slice(max(0, middle - LOOKED_AT // 2), middle + LOOKED_AT // 2)
    plane = Plane.about(Point(float(trace.lat_deg[middle]), float(trace.lon_deg[middle])))
    x, y = plane.xy(trace.lat_deg[some], trace.lon_deg[some])
    white = max(jumps_m(trace.t_us[some], each, gap_us) for each in (x, y))
    if white < NOISY_M:
        return Steadied(trace, white)
    half_us = WIDE_HALF_US if white > WIDE_M else HALF_US
    x, y = plane.xy(trace.lat_deg, trace.lon_deg)
    x, y, left = _quadratic(trace.t_us, x, y, half_us, trace.rate_hz)
    lat_deg, lon_deg = plane.middle.lat_deg + y / plane.north_m, plane.middle.lon_deg + x / plane.east_m
    return Steadied(replace(trace, lat_deg=lat_deg, lon_deg=lon_deg), white * left)


def jumps_m(t_us: Times, x_m: Array, gap_us: Micros) -> float:
    """The standard deviation of what single places are off: by the third divided differences of four samples in a row,
    which a way that bends evenly leaves at 0. NaN for fewer than four without a gap.
    """
    t = sliding_window_view((t_us - t_us[0]) / SECOND, 4)
    rows = np.diff(t, axis=1).max(axis=1) <= gap_us / SECOND if len(t) else np.zeros(0, dtype=bool)
    t, x = t[rows], sliding_window_view(x_m, 4)[rows]
    if not len(t):
        return float("nan")
    apart = t[:, :, None] - t[:, None, :] + np.eye(4)
    weights = 1 / apart.prod(axis=2)
    told = np.einsum("ij,ij->i", weights, x) / np.sqrt(np.einsum("ij,ij->i", weights, weights))
    return MAD * float(np.median(np.abs(told)))


def _quadratic(t_us: Times, x: Array, y: Array, half_us: Micros, rate_hz: float) -> tuple[Array, Array, float]:
    """Places (n,) each moved onto the quadratic through its neighbours in time, by least squares; and how much of what
    they jump is left, as a share.
    """
    reach = max(1, round(half_us / SECOND * rate_hz))
    n, step = len(t_us), max(1, BLOCK // (2 * reach + 1))
    columns, left = [], []
    for first in range(0, n, step):
        rows = np.arange(first, min(first + step, n))
        about = rows[:, None] + np.arange(-reach, reach + 1)
        near = (about >= 0) & (about < n)
        about = np.clip(about, 0, n - 1)
        t = (t_us[about] - t_us[rows, None]) / half_us
        weight = (near & (np.abs(t) <= 1)).astype(np.float64)
        share, sure = _kernel(weight, t)
        columns.append([np.where(sure, np.einsum("ij,ij->i", share, each[about]), each[rows]) for each in (x, y)])
        left.append(np.where(sure, np.einsum("ij,ij->i", share, share), 1.0))
    smooth_x, smooth_y = (np.concatenate([each[axis] for each in columns]) for axis in (0, 1))
    return smooth_x, smooth_y, sqrt(float(np.median(np.concatenate(left))))


def _kernel(weight: Array, t: Array) -> tuple[Array, NDArray[np.bool_]]:
    """What the neighbours (n, m) of each sample are multiplied by for the value of their quadratic at it; and whether there
    are enough of them for one. By Cramer's rule on the normal equations with the moments s0 .. s4 of t.
    """
    square = t * t
    s0, s1, s2 = weight.sum(axis=1), np.einsum("ij,ij->i", weight, t), np.einsum("ij,ij->i", weight, square)
    s3, s4 = np.einsum("ij,ij,ij->i", weight, t, square), np.einsum("ij,ij,ij->i", weight, square, square)
    a, b, c = s2 * s4 - s3**2, s2 * s3 - s1 * s4, s1 * s3 - s2**2
    whole = s0 * a + s1 * b + s2 * c
    sure = (s0 >= 5) & (whole > 1e-9)
    share = weight * (a[:, None] + b[:, None] * t + c[:, None] * square) / np.where(sure, whole, 1.0)[:, None]
    return share, sure
