"""Places that nobody measured: Race Studio and others lay rows evenly on the straight line between the places a receiver
told, also over an outage of many seconds. A lap over such a stretch would be made up; without those rows it has a gap.

A stretch counts as laid when it goes evenly to millimetres, as nothing that drives does, and the speeds told beside it are
others: who truly went straight and evenly was told to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND, Micros
from trackd.gps.lines import Plane
from trackd.gps.trace import Point, Trace

SPAN_US: Micros = 2 * SECOND
"""Over less the line across is crossed within some 15 ms of the truth."""

STRAIGHT_M = 0.003
"""So near to even motion nothing that drives stays for so long: 6 mm/s2 are more."""

MOVED_M = 5.0
PARTS = (0.25, 0.5, 0.75)
OTHER = 0.02
"""Speeds this share apart are others."""

UNMEASURED = "Rows left out because nobody measured their places, which lie evenly on a straight line: {0}."


def laid(trace: Trace) -> NDArray[np.bool_]:
    """Which rows (n,) lie within such a stretch, its ends aside."""
    n, nowhere = len(trace), np.zeros(len(trace), dtype=np.bool_)
    span = int(np.ceil(SPAN_US / float(np.median(np.diff(trace.t_us)))))
    if not 4 <= span < n or np.isnan(trace.speed_mps).all():
        return nowhere
    x, y = Plane.about(Point(float(trace.lat_deg[0]), float(trace.lon_deg[0]))).xy(trace.lat_deg, trace.lon_deg)
    begin, end = slice(0, -span), slice(span, None)
    span_us = trace.t_us[end] - trace.t_us[begin]
    way_x, way_y = x[end] - x[begin], y[end] - y[begin]
    way_m = np.hypot(way_x, way_y)
    even = way_m > MOVED_M
    told_mps = (trace.speed_mps[begin] + trace.speed_mps[end]) / 2
    for share in PARTS:
        part = round(share * span)
        middle = slice(part, n - span + part)
        weight = (trace.t_us[middle] - trace.t_us[begin]) / span_us
        even &= np.hypot(x[begin] + weight * way_x - x[middle], y[begin] + weight * way_y - y[middle]) < STRAIGHT_M
        told_mps += trace.speed_mps[middle]
    if not even.any():
        return nowhere
    told = told_mps / (1 + len(PARTS)) / np.maximum(way_m, MOVED_M) * span_us / SECOND
    return _within(even, np.abs(told - 1) > OTHER, span)


def _within(even: NDArray[np.bool_], other: NDArray[np.bool_], span: int) -> NDArray[np.bool_]:
    """The rows within runs of even stretches (k,) in one of which at least the speeds are others; (k + span,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], even, [False])).astype(np.int8)))
    inside = np.zeros(len(even) + span, dtype=np.bool_)
    for first, behind in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if other[first:behind].any():
            inside[first + 1:behind + span - 1] = True
    return inside
