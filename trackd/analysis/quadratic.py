"""Local quadratic least squares: a value and its slope from the samples around it ("Savitzky-Golay", METHODS 3)."""

from __future__ import annotations

from functools import cache

import numpy as np

from trackd.gps.trace import Array


@cache
def _kernels(half: int) -> tuple[Array, Array]:
    """What ``2 * half + 1`` equally spaced samples are multiplied by: for the value, and for its slope a step. Both are
    the solution of the normal equations of c0 + c1 j + c2 j^2 for j = -half..half, at j = 0.
    """
    j = np.arange(-half, half + 1.0)
    fit = np.linalg.pinv(np.vander(j, 3, increasing=True))
    return fit[0][::-1], fit[1][::-1]


def smoothed(values: Array, half: int, *, ring: bool = False) -> tuple[Array, Array]:
    """Values (n,) at equal steps to their smoothed values (n,) and slopes a step (n,), each from ``half`` neighbours on
    either side. ``ring``: the last is followed by the first; else what lies beyond an end is the mirror of what lies
    before it. NaN spreads to what it takes part in.
    """
    half = min(half, (len(values) - 1) // 2)
    if half < 1:
        return values.copy(), np.full(len(values), np.nan)
    wide = np.pad(values, half, "wrap") if ring else np.pad(values, half, "reflect", reflect_type="odd")
    value, slope = _kernels(half)
    return np.convolve(wide, value, "valid"), np.convolve(wide, slope, "valid")
