"""How steady laps are, whether a driver fades or improves, and where the pace stepped (METHODS 5).

A word is said only where the numbers carry it: else it is ``steady``, or ``unknown`` of too few laps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import erfc, sqrt

import numpy as np

from trackd.analysis.laps import TimedLap
from trackd.core.time import MS, Micros
from trackd.gps.trace import Array

MAD = 1.4826
"""What the median distance from the median is multiplied by to give a standard deviation."""

CORE = 0.6
"""The fastest share of the laps that says how much laps vary: incidents are not among them."""

GATE_SIGMA, GATE_SHARE = 3.0, 0.03
"""Slower than the median by more than the greater of these (standard deviations, share of the median) is an outlier."""

SANE = 1.1
"""So many times the mean and slower is no part of the sanitized average."""

CLOSE_US: Micros = 100 * MS
"""Within so much of the best a lap is as good."""

WARM_UP = 2
"""Laps at the begin of a rental stint that say nothing about a trend."""

TREND_LAPS = 8
"""Fewer laps have no trend."""

TOLD_US: Micros = 100 * MS
"""A trend that comes to less over the laps, or a step that does, is none."""

DRAWN = 1000
"""So many times the laps are drawn anew for the interval."""

LONG, LEVEL = 24, 1.96
"""Of more laps both intervals are the same, and drawing would take seconds and hundreds of megabytes; that of 95 %."""

STEP_LAPS, ALLOWED, ALARM, CLIPPED = 8, 0.5, 5.0, 3.0
"""The two-sided CUSUM: laps it needs; in standard deviations what it allows, at what sum it says so, and the most that one
lap is off: lap times have heavy tails.
"""

STEP_ERRORS, MEDIAN_ERROR = 3.0, 1.2533
"""Standard errors a step must come to, and the error of a median of n, in standard deviations over the root of n."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Why a lap is not clean: in, out, incomplete, yellow, slow; empty where it is."""

    lap: TimedLap
    reason: str = ""

    @property
    def clean(self) -> bool:
        """Whether it counts."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Consistency:
    """Of clean laps. ``spread_us``: 1.4826 times the median distance from the median; ``cv`` standard deviation over mean;
    ``sanitized_us``: see there; ``off_us``: how far laps are from the mean, on average; ``close`` laps within 0.1 s of the
    best (FEATURES R20).
    """

    laps: int
    best_us: Micros
    mean_us: Micros
    median_us: Micros
    sanitized_us: Micros
    deviation_us: Micros
    spread_us: Micros
    cv: float
    close: int
    off_us: Micros


@dataclass(frozen=True, slots=True)
class Trend:
    """How lap times go. ``slope_us`` a lap, with its 95 % interval; ``laps`` it was worked out of. ``word``: fading,
    improving, steady; unknown of too few laps, and then there is no slope. ``p``: how often laps that go nowhere rise or
    fall as steadily by chance.
    """

    word: str
    laps: int
    slope_us: float | None = None
    low_us: float | None = None
    high_us: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A change of pace. ``at``: index of the first lap after it; medians on either side; ``word``: slower, faster."""

    at: int
    before_us: Micros
    after_us: Micros
    word: str


def judged(laps: Sequence[TimedLap]) -> tuple[Judged, ...]:
    """Each lap, and why it is not clean. Slow is slower than the median of the others by more than 3 % of it, and by
    more than three standard deviations, as the fastest 60 % of them vary.
    """
    reasons = [lap.kind if lap.kind != "full" else "incomplete" if not lap.complete else "yellow" if lap.yellow else ""
               for lap in laps]
    times = np.sort([lap.time_us for lap, reason in zip(laps, reasons, strict=True) if not reason])
    if not len(times):
        return tuple(map(Judged, laps, reasons))
    core, usual = times[:max(1, int(np.ceil(CORE * len(times))))], float(np.median(times))
    most = usual + max(GATE_SIGMA * _spread(core), GATE_SHARE * usual)
    return tuple(Judged(lap, reason or "slow" * (lap.time_us > most)) for lap, reason in zip(laps, reasons, strict=True))


def consistency(times_us: Sequence[Micros]) -> Consistency | None:
    """The numbers of clean laps; None of no lap."""
    if not times_us:
        return None
    times = np.array(times_us, dtype=np.float64)
    best, mean, deviation = float(times.min()), float(times.mean()), float(times.std(ddof=1)) if len(times) > 1 else 0.0
    return Consistency(len(times), round(best), round(mean), round(float(np.median(times))),
                       sanitized_us(times_us), round(deviation), round(_spread(times)), deviation / mean if mean else 0.0,
                       int(np.count_nonzero(times <= best + CLOSE_US)), round(float(np.abs(times - mean).mean())))


def sanitized_us(times_us: Sequence[Micros]) -> Micros:
    """The sanitized average of one lap or more that are neither in, out nor yellow: their mean without those that are more
    than 10 % slower than the mean of all (FEATURES R20).
    """
    times = np.array(times_us, dtype=np.float64)
    return round(float(times[times <= SANE * times.mean()].mean()))


def rising(times_us: Sequence[Micros]) -> tuple[Micros, ...]:
    """The mean of the best, of the best two, of the best three laps and so on (n,): the raising average."""
    return tuple(total // count for count, total in enumerate(accumulate(sorted(times_us)), 1))


def percentile(value: float, field: Sequence[float]) -> float | None:
    """The share of the field (0 to 100) that is above a value: of spreads, those less steady. None without a field."""
    ordered = sorted(field)
    if not ordered:
        return None
    above = len(ordered) - bisect_left(ordered, value)
    ties = sum(each == value for each in ordered)
    return 100 * (above - ties / 2) / len(ordered)


def trend(laps: Sequence[tuple[int, Micros]], *, warm_up: int = WARM_UP, seed: int = 0) -> Trend:
    """Whether a stint of clean laps (number from 1, time) gets slower or faster: the median of all slopes between two laps
    (Theil-Sen), its interval by drawing the laps anew, of more than ``LONG`` laps by the ranks of the slopes (Sen).
    ``warm_up``: the first laps, by number, are left out. Fading or improving only where the interval excludes 0 and the
    whole comes to more than 0.1 s. The same laps give the same answer.
    """
    kept = [(number, time_us) for number, time_us in laps if number > warm_up]
    if len(kept) < TREND_LAPS or len({number for number, _ in kept}) < TREND_LAPS:
        return Trend("unknown", len(kept))
    x, y = np.array(kept, dtype=np.float64).T
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = (y[:, None] - y) / (x[:, None] - x)
    slopes[~np.isfinite(slopes)] = np.inf                  # one lap drawn twice has no slope with itself
    upper = slopes[np.triu_indices(len(x), 1)]
    upper = upper[np.isfinite(upper)]
    if len(kept) > LONG:
        half = LEVEL * sqrt(_pairs_variance(len(kept))) / len(upper) / 2
        low, high = np.quantile(upper, (0.5 - half, 0.5 + half))
    else:
        low, high = np.quantile(_drawn(slopes, np.random.default_rng(seed)), (0.025, 0.975))
    slope = float(np.median(upper))
    told = (low > 0 or high < 0) and abs(slope) * (x.max() - x.min() + 1) > TOLD_US
    word = "steady" if not told else "fading" if slope > 0 else "improving"
    return Trend(word, len(kept), slope, float(low), float(high), _by_chance(y[np.argsort(x, kind="stable")]))


def _by_chance(times: Array) -> float:
    """The probability (two-sided) that laps without a trend, in any order, have as many pairs the same way as these: the
    test of Mann and Kendall, with ties, by the normal distribution. ``times`` (n,), n at least 8.
    """
    n = len(times)
    pairs = int(np.sign(np.diff(times[np.stack(np.triu_indices(n, 1))], axis=0)).sum())
    ties = np.unique(times, return_counts=True)[1]
    variance = _pairs_variance(n) - float((ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    return erfc(max(0, abs(pairs) - 1) / sqrt(variance) / sqrt(2)) if variance else 1.0


def _pairs_variance(n: int) -> float:
    """Of how many more pairs of n laps rise than fall, by chance (Kendall)."""
    return n * (n - 1) * (2 * n + 5) / 18


def _drawn(slopes: Array, rng: np.random.Generator) -> Array:
    """The median slope (DRAWN,) of as many laps drawn with repetition, each time, from slopes (n, n); inf is none."""
    n = len(slopes)
    drawn = rng.integers(0, n, (DRAWN, n))
    a, b = np.triu_indices(n, 1)
    rows = np.sort(slopes[drawn[:, a], drawn[:, b]], axis=1)
    count = np.count_nonzero(np.isfinite(rows), axis=1)
    each = np.arange(DRAWN)
    medians = (rows[each, np.maximum(count - 1, 0) // 2] + rows[each, count // 2]) / 2
    some: Array = medians[count > 0]
    return some


def step_change(times_us: Sequence[Micros]) -> Step | None:
    """Where the pace of clean laps in order stepped, if it did. It did where the sum of what they are above, or below,
    their median, less half a standard deviation each, passes five of them. The deviation is that of neighbouring laps,
    which a step does not widen; the place is where laps are furthest from their mean, summed up. Told only where both sides
    differ by more than three standard errors and 0.1 s: by simulation, of laps of one pace with heavy tails, in 2 % of
    stints.
    """
    times = np.array(times_us, dtype=np.float64)
    if len(times) < STEP_LAPS:
        return None
    sigma = MAD * float(np.median(np.abs(np.diff(times)))) / sqrt(2)
    if not sigma:
        return None
    off = np.clip((times - np.median(times)) / sigma, -CLIPPED, CLIPPED)
    if max(_most(off), _most(-off)) <= ALARM:
        return None
    at = int(np.argmax(np.abs(np.cumsum(times - times.mean())[:-1]))) + 1
    before, after = float(np.median(times[:at])), float(np.median(times[at:]))
    error = MEDIAN_ERROR * sigma * sqrt(1 / at + 1 / (len(times) - at))
    if abs(after - before) <= max(STEP_ERRORS * error, TOLD_US):
        return None
    return Step(at, round(before), round(after), "slower" if after > before else "faster")


def _most(off: Array) -> float:
    """The highest the one-sided sum comes to."""
    return max(accumulate(off.tolist(), lambda held, each: max(0.0, held + each - ALLOWED), initial=0.0))


def _spread(values: Array) -> float:
    return MAD * float(np.median(np.abs(values - np.median(values))))
