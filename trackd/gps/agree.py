"""How well the crossings of a recording and the passings of karts agree, under every alignment of the one with the other.

An alignment lays one crossing on one passing of one kart; all others then fall where they fall. Where the kart passed
within ``NEAR_US`` the two are held against each other; elsewhere a passing was missed, or it was another kart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lgamma, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND, Micros
from trackd.gps.trace import Array, Times

NEAR_US = 4 * SECOND
"""A passing further from a crossing than this is another lap's (METHODS 1.3)."""

FITS = 4.0
"""A crossing and a passing are one when they differ by at most so many standard deviations."""

ANCHORS = 8
"""So many crossings of a session are laid on every passing; one of them must have a passing for an alignment to be seen."""

BLOCK = 400_000
"""Pairs of crossing and alignment held at a time: some 20 MB."""

ABOUT_US = 20 * SECOND
"""Where the clock is known, alignments so long before and after tell how often a stranger passes: half a lap."""

LEAST_STRANGERS = 0.01
"""No clock makes strangers rarer than this."""

BETTER = 0.25
"""Crossings are at best known to such a part of what is stated; a smaller score is luck."""

FIELD_LEAST = 5
"""Karts it takes to say how far apart drivers are."""

MAD, MEAN_AD = 1.4826, 1.2533
"""What the median, and the mean, of the distances from the median are multiplied by to give a standard deviation."""

OWN = 1.25
"""So much of the spread of its few laps a recording may at least have: eight laps tell it to a fourth."""


@dataclass(frozen=True, slots=True, eq=False)
class Passings:
    """The passings of all karts on one axis (p,), kart after kart, each moved by its own stride so that no two meet."""

    karts: tuple[str, ...]
    at_us: Times                         # on the track's clock
    owner: Times                         # index into karts
    rank: Times                          # place among the passings of its kart
    count: Times                         # (karts,)
    axis_us: Times                       # increasing over all karts
    base_us: Times                       # (karts,) moment that lies at 0 of the axis

    def off_us(self, owner: Times, at_us: Times) -> Times:
        """From these moments (a, n) of these karts (a,) to their nearest passing; huge where it is another kart's."""
        asked = at_us - self.base_us[owner][:, None]
        after = np.minimum(np.searchsorted(self.axis_us, asked), len(self.axis_us) - 1)
        late, early = self.axis_us[after] - asked, self.axis_us[np.maximum(after - 1, 0)] - asked
        return np.where(np.abs(early) < np.abs(late), early, late)


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Every alignment (a,): whose it is, and how well it fits. ``near``: crossings with a passing near, ``rms_us`` theirs;
    ``inliers``, ``score_us``, ``offset_us``: of those that fit one another. ``strangers`` (n + 1,): how many alignments
    are expected that could have so many inliers; where the clock is known fewer than one may be. ``permitted``: by the
    clock; the others lie just beyond it, as rivals.
    """

    owner: Times
    offset_us: Array
    near: Times
    rms_us: Array
    inliers: Times
    score_us: Array
    strangers: Array
    permitted: NDArray[np.bool_]


def passings_of(candidates: Mapping[str, Times], span_us: Micros) -> Passings:
    """All karts' passings, for questions about moments at most ``span_us`` before the first or after the last of them."""
    karts = tuple(candidates)
    count = np.array([len(candidates[kart]) for kart in karts])
    at_us = np.concatenate([candidates[kart] for kart in karts])
    owner = np.repeat(np.arange(len(karts)), count)
    stride = int(at_us.max() - at_us.min()) + 2 * span_us + 4 * NEAR_US
    base = at_us.min() - stride * np.arange(len(karts))
    rank = np.arange(len(at_us)) - np.repeat(np.cumsum(count) - count, count)
    return Passings(karts, at_us, owner, rank, count, at_us - base[owner], base)


def fits_of(crossings_us: Times, passings: Passings, sigma_us: float,
            clock_us: tuple[Micros, Micros] | None = None) -> Fits:
    """Every alignment of crossings (n,) int64 with passings, where the clock permits it. O(p * n log p) for a heat: of long
    recordings of long sessions only every second, third or later crossing is laid on the passings.
    """
    n, wide = len(crossings_us), FITS * sigma_us
    step = max(1, min(n, int(passings.count.max())) // ANCHORS)
    offset = passings.at_us[:, None] - crossings_us[::step]
    low, high = clock_us or (offset.min(), offset.max())
    p, i = np.nonzero((offset >= low - wide - NEAR_US) & (offset <= high + wide + NEAR_US))
    if clock_us is None:
        strangers = np.maximum(_strangers(passings, n, step, p, i), 1.0)
    else:
        strangers = np.maximum(_about(passings, n, step, offset, (low - wide, high + wide)), LEAST_STRANGERS)
    owner, offset, i = passings.owner[p], offset[p, i], i * step
    blocks = range(0, max(len(owner), 1), max(1, BLOCK // n))
    parts = [_rows(passings.off_us(owner[at:at + blocks.step], crossings_us + offset[at:at + blocks.step, None]), wide)
             for at in blocks]
    near, rms, inliers, centre, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    permitted = (offset >= low - wide) & (offset <= high + wide)
    return Fits(owner, offset + centre, near, rms, inliers, score, strangers, permitted)


def _strangers(passings: Passings, n: int, step: int, p: Times, i: Times) -> Array:
    """How many alignments, of passing ``p`` with every ``step``-th crossing ``i``, could have 0, 1 ... n inliers."""
    crossing, owner = i * step, passings.owner[p]
    before = np.minimum(crossing, passings.rank[p])
    overlap = before + np.minimum(n - crossing, passings.count[owner] - passings.rank[p])
    count: Array = np.bincount(np.minimum(overlap, n), step / overlap, n + 1)[::-1].cumsum()[::-1]
    return count


def _about(passings: Passings, n: int, step: int, offset: Times, clock_us: tuple[float, float]) -> Array:
    """How many alignments are expected within what the clock permits: as many as there are about it, in its share."""
    low, high = clock_us
    far = max(ABOUT_US - (high - low) / 2, 0.0)
    share = (high - low) / (high - low + 2 * far)
    return share * _strangers(passings, n, step, *np.nonzero((offset >= low - far) & (offset <= high + far)))


def _rows(off_us: Times, wide_us: float) -> tuple[Array, Array, Array, Array, Array]:
    """What the columns of Fits hold, from how far crossings lie from passings (a, n). The inliers are those that agree with
    the crossing laid on its passing, then those that agree with these.
    """
    near = np.abs(off_us) <= NEAR_US
    nears, _, rms = _count_mean_rms(off_us, near)
    _, centre, _ = _count_mean_rms(off_us, np.abs(off_us) <= 1.5 * wide_us)
    rest = off_us - centre[:, None]
    inliers, mean, score = _count_mean_rms(rest, np.abs(rest) <= wide_us)
    return nears, rms, inliers, centre + mean, score


def _count_mean_rms(values: Array | Times, which: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Of each row's marked values: how many, their mean, and their rms about it."""
    held = np.where(which, values, 0.0)
    count = which.sum(1)
    least = np.maximum(count, 1)
    mean = held.sum(1) / least
    return count, mean, np.sqrt(np.maximum((held * held).sum(1) / least - mean * mean, 0.0))


def log_chance(crossings_us: Times, candidates: Mapping[str, Times], fits: Fits, sigma_us: float) -> Array:
    """For each alignment (a,) the logarithm of how many strangers are expected to fit as well: their number times the
    chance that as many laps of another driver sum up to the same moments.

    With m inliers d = m - 1 laps are compared. A stranger's differ by a normal of sd ``lap_us`` each, and all together by
    how far apart drivers are. The chance is at most that density at 0 times the volume in which the rms stays below the
    score, sqrt(m) V_d (score sqrt(m))^d. The density at its peak errs towards asking a person. Receivers are often better
    than what is stated for them: a score below sigma counts, down to a part of it.
    """
    lap_us, drivers_us = spreads(crossings_us, candidates, sigma_us)
    table = [0.0] * 2
    for m, strangers in zip(range(2, len(fits.strangers)), fits.strangers[2:], strict=True):
        d = m - 1
        ball = 0.5 * d * log(pi) - lgamma(0.5 * d + 1) + 0.5 * (d + 1) * log(m)
        peak = -0.5 * d * log(2 * pi * lap_us**2) - 0.5 * log(1 + d * (drivers_us / lap_us)**2)
        table.append(ball + peak + log(strangers))
    log_score = np.log(np.maximum(fits.score_us, BETTER * sigma_us))
    expected: Array = np.array(table)[fits.inliers] + np.maximum(fits.inliers - 1, 0) * log_score
    return expected


def spreads(crossings_us: Times, candidates: Mapping[str, Times], sigma_us: float) -> tuple[float, float]:
    """By how much laps of two drivers differ from lap to lap, and all in all; standard deviations in microseconds.

    Robust, so that a spin or a missed passing does not pass for character. A recording of a driver steadier than the field
    is as easily mistaken as its own laps are alike.
    """
    laps = [np.diff(t) for t in candidates.values() if len(t) > FIELD_LEAST // 2]
    usual = [float(np.median(x)) for x in laps]
    field = _spread(np.concatenate([x - u for x, u in zip(laps, usual, strict=True)])) if laps else 0.0
    own = np.diff(crossings_us)
    own = own[own < 1.5 * np.median(own)]
    steady = MEAN_AD * float(np.mean(np.abs(own - np.median(own))))
    lap = sqrt(2) * (min(field, OWN * steady) if laps else steady)
    drivers = _spread(np.array(usual)) if len(usual) >= FIELD_LEAST else 0.0
    return max(lap, sigma_us), drivers


def _spread(values: Array | NDArray[np.int64]) -> float:
    return MAD * float(np.median(np.abs(values - np.median(values))))
