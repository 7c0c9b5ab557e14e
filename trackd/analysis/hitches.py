"""Places that a logger wrote a moment late: how far a kart had truly come at each sample.

Some loggers lay the receiver's places on their own clock and, where the two have drifted apart, hold them back for a few
rows and then catch up: for a quarter of a second a kart seems slower, then much faster. The speed the receiver measured by
itself knows nothing of it. Seen in a real 20 Hz file: up to 0.6 m, each second for some seconds, which makes a delta ripple
by 0.04 s.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trackd.analysis.laps import LapTrace
from trackd.core.time import SECOND
from trackd.gps.trace import Array

HITCH_M = 0.2
"""What the way driven differs from the speeds by, against the second about it; less is the receiver's noise ..."""

BEGUN_M = 0.06
"""... and from where to where it does."""

MOST_M = 3.0
"""More is no hitch: the kart slides, or the places are lost."""

HALF_US = SECOND // 2
"""A hitch is shorter than this; so long before and after is looked at."""

LEAST_MPS = 3.0


def unhitched(lap: LapTrace, way_m: Array) -> Array:
    """How far the kart had come at each sample (n,), never decreasing: ``way_m`` (n,) along its places, moved where these
    hitch. The same where the logger told no speed.
    """
    if len(lap) < 4 or not np.isfinite(lap.speed_mps).all():
        return way_m
    step_s = np.diff(lap.t_us) / SECOND
    driven = np.concatenate(([0.0], np.cumsum((lap.speed_mps[1:] + lap.speed_mps[:-1]) / 2 * step_s)))
    ahead = way_m - driven
    half = max(1, min(round(HALF_US / SECOND / float(np.median(step_s))), (len(lap) - 1) // 2))
    usual = np.median(sliding_window_view(np.pad(ahead, half, "reflect", reflect_type="odd"), 2 * half + 1), axis=1)
    off = ahead - usual
    some = (np.abs(off) >= BEGUN_M) & (lap.speed_mps >= LEAST_MPS)
    some[[0, -1]] = False
    run = np.cumsum(np.diff(some, prepend=False))                    # odd where some, a number for each stretch
    most = np.zeros(run[-1] + 1)
    np.maximum.at(most, run, np.abs(off))
    hitch = some & (most[run] >= HITCH_M) & (most[run] <= MOST_M)
    return np.maximum.accumulate(np.minimum(way_m - np.where(hitch, off, 0.0), way_m[-1]))
