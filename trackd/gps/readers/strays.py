"""Places that cannot be: a digit turned over in a file puts a kart beside the track, or across its line, for one row.

A row is a stray when it lies away from where the rows before it lead, from where those behind it come from, and from
between its neighbours: from all of them, for a receiver that finds its place again jumps too, but stays there. How far is
away follows from how well the other rows of the same file agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND, Micros
from trackd.gps.lines import Plane
from trackd.gps.trace import Array, Point, Times, Trace

AWAY_LEAST_M, AWAY_END_M = 0.6, 1.2
"""At 12 m/s over the line it is 50 ms; steady receivers keep within 0.4 m. Of the first and the last row less is known."""

AWAY_TIMES = 10
"""So many times what is usual while driving is away: with steady receivers under half a metre, with phones some metres."""

TURNING_MPS2 = 30.0
"""No kart brakes or turns harder: so much between two rows it may be beside what its neighbours foretell."""

MISTIMED_M = 0.25
"""A row farther than this from where its time puts it, but well placed for one amid its neighbours, has a damaged time."""

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
        usual_m = AWAY_TIMES * _usual(away_m, trace.t_us[rows], x[rows], y[rows])
        least_m = np.maximum(max(AWAY_LEAST_M, usual_m), _turned_m(trace.t_us[rows]))
        least_m[[0, -1]] = np.maximum(least_m[[0, -1]], AWAY_END_M)
        stray = away_m > least_m
        stray |= _mistimed(trace.t_us[rows], x[rows], y[rows], gap_us, max(MISTIMED_M, usual_m))
        if not stray.any():
            break
        rows = rows[~stray]
    return only(trace, rows), rows


def only(trace: Trace, rows: Times) -> Trace:
    """The trace of these rows (k,)."""
    if len(rows) == len(trace):
        return trace
    accuracy = None if trace.accuracy_m is None else trace.accuracy_m[rows]
    return Trace(trace.t_us[rows], trace.lat_deg[rows], trace.lon_deg[rows], trace.speed_mps[rows], accuracy)


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


def _mistimed(t_us: Times, x: Array, y: Array, gap_us: Micros, least_m: float) -> NDArray[np.bool_]:
    """Which rows (n,) lie amid their neighbours, as the rows of a steady logger do, but not at the time they tell."""
    around_us = t_us[2:] - t_us[:-2]
    by_time_m, amid_m = (np.hypot(*(each[:-2] + part * (each[2:] - each[:-2]) - each[1:-1] for each in (x, y)))
                         for part in ((t_us[1:-1] - t_us[:-2]) / around_us, 0.5))
    told = (around_us <= 2 * gap_us) & (by_time_m > least_m) & (amid_m < by_time_m / 3)
    told[1:] &= by_time_m[1:] > by_time_m[:-1]             # beside such a row its neighbours seem half as far off
    told[:-1] &= by_time_m[:-1] >= by_time_m[1:]
    return np.concatenate(([False], told, [False]))


def _turned_m(t_us: Times) -> Array:
    """How far each row (n,) may be from the middle between its neighbours because the kart turned."""
    step_s = np.diff(t_us) / SECOND
    beside_s = np.minimum(np.append(step_s, step_s[-1]), np.insert(step_s, 0, step_s[0]))
    return np.asarray(TURNING_MPS2 / 2 * beside_s**2)


def _usual(away_m: Array, t_us: Times, x: Array, y: Array) -> float:
    """The middle one of the rows at which the kart drives; of a kart that stands nothing follows."""
    drives = np.hypot(np.diff(x), np.diff(y)) > DRIVING_MPS / SECOND * np.diff(t_us)
    return float(np.median(away_m[1:][drives])) if drives.any() else 0.0
