"""Places that cannot be: a digit turned over in a file puts a kart beside the track, or across its line, for one row.

A row is a stray when it lies away from where the rows before it lead, from where those behind it come from, and from
between its neighbours: from all of them, for a receiver that finds its place again jumps too, but stays there. How far is
away follows from how well the other rows of the same file agree.
"""

from __future__ import annotations

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.lines import Plane
from trackd.gps.trace import Array, Point, Times, Trace

AWAY_LEAST_M = 1.2
"""At 24 m/s over the line it is 50 ms; receivers themselves jump by a metre now and then."""

AWAY_TIMES = 10
"""So many times what is usual while driving is away: with steady receivers under half a metre, with phones some metres."""

DRIVING_MPS = 3.0

GAP_US: Micros = SECOND // 2
"""Over a longer time nothing is foretold (METHODS 1.1); at a slow rate, over one of more than two and a half rows."""

PASSES = 4
"""Two strays side by side hide each other; the next pass, without others, finds them."""


def but_strays(trace: Trace) -> tuple[Trace, Times]:
    """The trace without them, and which of its rows (k,) those are."""
    plane = Plane.about(Point(float(np.median(trace.lat_deg)), float(np.median(trace.lon_deg))))
    x, y = plane.xy(trace.lat_deg, trace.lon_deg)
    gap_us = max(GAP_US, int(2.5 * np.median(np.diff(trace.t_us))))
    rows = np.arange(len(trace))
    for _ in range(PASSES):
        if len(rows) < 4:
            break
        away_m = _away_m(trace.t_us[rows], x[rows], y[rows], gap_us)
        stray = away_m > max(AWAY_LEAST_M, AWAY_TIMES * _usual(away_m, trace.t_us[rows], x[rows], y[rows]))
        if not stray.any():
            break
        rows = rows[~stray]
    if len(rows) == len(trace):
        return trace, rows
    accuracy = None if trace.accuracy_m is None else trace.accuracy_m[rows]
    return Trace(trace.t_us[rows], trace.lat_deg[rows], trace.lon_deg[rows], trace.speed_mps[rows], accuracy), rows


def _away_m(t_us: Times, x: Array, y: Array, gap_us: Micros) -> Array:
    """How far each row (n,) lies from the nearest of the places its neighbours foretell; 0 where they are too far off."""
    n = len(t_us)
    away = np.full(n, np.inf)
    step = np.diff(t_us).astype(np.float64)
    for rows, a, b in ((slice(2, n), slice(0, n - 2), slice(1, n - 1)),            # from the two before
                       (slice(0, n - 2), slice(1, n - 1), slice(2, n)),            # from the two behind
                       (slice(1, n - 1), slice(0, n - 2), slice(2, n))):           # from either side
        part = (t_us[rows] - t_us[a]) / (t_us[b] - t_us[a])
        off = np.hypot(x[a] + part * (x[b] - x[a]) - x[rows], y[a] + part * (y[b] - y[a]) - y[rows])
        off[np.maximum(step[:-1], step[1:]) > gap_us] = np.inf
        away[rows] = np.minimum(away[rows], off)
    return np.where(np.isfinite(away), away, 0.0)


def _usual(away_m: Array, t_us: Times, x: Array, y: Array) -> float:
    """The middle one of the rows at which the kart drives; of a kart that stands nothing follows."""
    drives = np.hypot(np.diff(x), np.diff(y)) > DRIVING_MPS / SECOND * np.diff(t_us)
    return float(np.median(away_m[1:][drives])) if drives.any() else 0.0
