"""Whether a unit's GPS laps agree with the loop's, over many laps: its bias, its spread, and a warning when either is more
than places that wander explain (FEATURES E13).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import MS, Micros, lap_text
from trackd.gps.trace import Array
from trackd.gps.verify import allowed_us

FEWEST = 10
"""Laps it takes to say anything of a unit."""

MAD = 1.4826
"""The median distance from the median, times this, is the standard deviation of normal errors."""

CLIPPED = 3.0
"""Laps further off than so many spreads (a crossing the receiver lost) do not enter the bias."""

SURE = 2.7
"""A bias is one when it is so many times its own standard error: by chance in 1 of 140 units, and in far fewer where laps
follow one another, as what the receiver's drift adds to one it takes from the next.
"""

LEAST_BIAS_US: Micros = 10 * MS
"""A smaller bias, however certain, is of no concern."""

WIDE_US: Micros = 150 * MS
"""A spread above this is worth a warning (E13) ..."""

WIDER = 1.5
"""... and up to so many times the unit's own stated error it is said that the line explains it: where it is crossed slowly
sound units spread as much.
"""

MANY_OFF = 0.10
"""More laps than this outside the tolerance are not chance: of a sound unit it is fewer than 1 in 100."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What pairs of lap times say of a unit, microseconds. ``bias_us``: GPS minus loop, the mean without outliers;
    ``sure_us``: as much of a bias may be chance; ``spread_us``: 1.4826 x the median distance from the median;
    ``within``: the share of laps inside their tolerance. NaN, and no warning, for fewer than ``FEWEST`` laps.
    """

    laps: int
    bias_us: float = nan
    sure_us: float = nan
    spread_us: float = nan
    within: float = nan
    warning: str = ""


def agreement(loop_us: NDArray[np.int64], gps_us: NDArray[np.int64], sigma_us: Array,
              tolerance_us: Micros | None = None) -> Agreement:
    """How the GPS laps of one unit agree with the loop. All arrays (n,): the same laps timed by both, and how well the GPS
    one is said to be known; in any order, of one day or of the last hundred laps. ``tolerance_us``: what is allowed at
    least, as in `verify`.
    """
    n = len(loop_us)
    if n < FEWEST:
        return Agreement(n)
    off_us = np.asarray(gps_us, dtype=np.float64) - np.asarray(loop_us, dtype=np.float64)
    stated_us = np.asarray(sigma_us, dtype=np.float64)
    centre = float(np.median(off_us))
    spread_us = MAD * float(np.median(np.abs(off_us - centre)))
    usual_us = float(np.median(stated_us))
    kept = off_us[np.abs(off_us - centre) <= CLIPPED * max(spread_us, usual_us)]
    bias_us, sure_us = float(kept.mean()), SURE * max(float(kept.std(ddof=1)), usual_us) / sqrt(len(kept))
    allowed = [allowed_us(each) if tolerance_us is None else allowed_us(each, tolerance_us) for each in stated_us]
    off = int(np.count_nonzero(np.abs(off_us) > np.array(allowed)))
    sentences = (_biased(n, bias_us, sure_us), _spread(spread_us, usual_us), _off(n, off))
    return Agreement(n, bias_us, sure_us, spread_us, 1 - off / n, " ".join(each for each in sentences if each))


def _biased(n: int, bias_us: float, sure_us: float) -> str:
    if abs(bias_us) <= max(sure_us, LEAST_BIAS_US):
        return ""
    which = "longer" if bias_us > 0 else "shorter"
    return (f"Over {n} laps its lap times are {_seconds(abs(bias_us))} {which} than the loop's; "
            f"up to {_seconds(sure_us)} would be chance.")


def _spread(spread_us: float, usual_us: float) -> str:
    if spread_us <= WIDE_US:
        return ""
    told = f"Its lap times differ from the loop's by {_seconds(spread_us)} from lap to lap; "
    if spread_us <= WIDER * usual_us:
        return f"{told}where the line is crossed so slowly {_seconds(usual_us)} is usual."
    return f"{told}{_seconds(max(WIDE_US, usual_us))} is usual."


def _off(n: int, off: int) -> str:
    return f"{off} of {n} laps are further from the loop's than is allowed." if off > MANY_OFF * n else ""


def _seconds(duration_us: float) -> str:
    return f"{lap_text(int(duration_us))} s"
