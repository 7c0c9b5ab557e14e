"""The corners of a layout, found once on its reference line, and how each lap drives them (METHODS 3).

A corner keeps its number and its place: laps are measured in the windows of the line, never by corners of their own.
Without pedals nobody knows whether a kart brakes or merely rolls: what slows down is called braking or lift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import radians

import numpy as np
from numpy.typing import NDArray

from trackd.analysis.delta import KMH, LaidLap, Loss, losses
from trackd.analysis.laps import LapTrace
from trackd.analysis.quadratic import smoothed
from trackd.analysis.reference import ReferenceLine
from trackd.core.time import SECOND, Micros
from trackd.gps.trace import Array

TIGHTEST_M = 30.0
"""A wider bend is not a corner for a rental kart."""

LEAST_S, LEAST_M = 0.2, 3.0
"""A bend that takes less is no corner; the metres count where speeds are unknown."""

LEAST_TURN = radians(15)
"""Nor is one that turns less: of real laps such a kink is found on some and not on others."""

APART_M = 5.0
"""Two bends the same way that are closer are one corner."""

AROUND_M = 15.0
"""From so far before a corner to so far behind it a lap is measured, but never into half of the way to the next."""

RENTAL_CUTS_KMH = (45.0, 60.0)
"""A start for rental karts: slower than the first is a slow corner, faster than the second a fast one."""

HARD_MPS2, GENTLE_MPS2 = -2.0, -1.0
"""Braking or lift begins when a kart slows by more than the first and ends when by less than the second."""

LONG_S, CLOSE_S = 0.15, 0.2
"""It lasts at least this long; two that are closer are one."""

FITTED_S = 0.2
"""Speed is smoothed over so long on either side: 5 samples at 10 Hz, 11 at 25 Hz."""

WANDER_S = 60.0
"""A receiver's error forgets itself in about so long (METHODS 0)."""


@dataclass(frozen=True, slots=True)
class Corner:
    """A corner of a layout; metres along the reference line. ``entry_m`` and ``exit_m`` bound the window it is measured in,
    ``begin_m`` and ``end_m`` the bend itself, ``apex_m`` is where the line is slowest (where speeds are unknown: tightest),
    ``tightest_m`` where it bends most, with ``radius_m``. ``speed_kmh`` at the apex and ``pace`` (slow, medium, fast): None
    where unknown. ``direction``: left, right. ``called``: a name somebody gave it.
    """

    number: int
    direction: str
    entry_m: float
    begin_m: float
    apex_m: float
    tightest_m: float
    end_m: float
    exit_m: float
    radius_m: float
    speed_kmh: float | None
    pace: str | None = None
    called: str = ""

    @property
    def name(self) -> str:
        """As it is called: T1, where nobody gave it a name."""
        return self.called or f"T{self.number}"


@dataclass(frozen=True, slots=True)
class Braking:
    """A stretch of braking or lift, metres along the line. ``from_kmh``: at its begin; ``hardest_mps2`` is negative."""

    from_m: float
    to_m: float
    from_kmh: float
    hardest_mps2: float


@dataclass(frozen=True, slots=True)
class CornerDriven:
    """A corner in one lap; None where unknown. ``entry_kmh`` where braking or lift begins, at ``slowed_m``, or else at the
    entry of the corner; ``apex_kmh`` the least speed in the bend, at ``apex_m``; ``exit_kmh`` at its exit. ``time_us`` from
    entry to exit; ``lost_us`` of it to the lap it is compared with, negative is won, ``sigma_us`` one standard deviation.
    """

    number: int
    entry_kmh: float | None
    apex_kmh: float | None
    apex_m: float | None
    exit_kmh: float | None
    slowed_m: float | None
    time_us: Micros | None
    lost_us: Micros | None
    sigma_us: Micros


def corners_of(line: ReferenceLine, cuts_kmh: tuple[float, float] | None = None) -> tuple[Corner, ...]:
    """The corners of a line, T1 the first after the start/finish line; a bend that line lies in is cut by it. ``cuts_kmh``:
    see ``paced``.
    """
    kappa = curvature(line)
    runs = [(a, b) for side in (1, -1) for a, b in _joined(_runs(side * kappa > 1 / TIGHTEST_M), line, APART_M)]
    kept = [(line.s_m[a], line.s_m[b - 1]) for a, b in sorted(runs) if _lasts(line, kappa, a, b)]
    return corners_between(line, [(float(a), float(b)) for a, b in kept], cuts_kmh)


def corners_between(line: ReferenceLine, bends_m: Sequence[tuple[float, float]],
                    cuts_kmh: tuple[float, float] | None = None) -> tuple[Corner, ...]:
    """Corners whose bends (begin, end) somebody chose, in driving order."""
    kappa, s = curvature(line), line.s_m
    edges = [0.0, *((end + begin) / 2 for (_, end), (begin, _) in pairwise(bends_m)), line.length_m]
    found = []
    for n, (begin, end) in enumerate(bends_m):
        at = np.flatnonzero((s >= begin) & (s <= end))
        if not len(at):
            at = np.array([int(np.argmin(np.abs(s - begin)))])
        speeds, tightest = line.speed_mps[at], at[int(np.argmax(np.abs(kappa[at])))]
        told = bool(np.isfinite(speeds).all())
        apex = at[int(np.argmin(speeds))] if told else tightest
        found.append(Corner(
            n + 1, "left" if kappa[tightest] > 0 else "right", max(edges[n], begin - AROUND_M), begin, float(s[apex]),
            float(s[tightest]), end, min(edges[n + 1], end + AROUND_M), float(1 / max(abs(kappa[tightest]), 1e-6)),
            float(line.speed_mps[apex]) * KMH if told else None))
    return paced(found, cuts_kmh)


def paced(corners: Sequence[Corner], cuts_kmh: tuple[float, float] | None = None) -> tuple[Corner, ...]:
    """The corners with their pace: slow below the first cut, fast above the second. None: the cuts are the terciles of the
    layout's own apex speeds.
    """
    told = [each.speed_kmh for each in corners if each.speed_kmh is not None]
    if not told:
        return tuple(replace(each, pace=None) for each in corners)
    low, high = cuts_kmh or terciles(told)
    return tuple(replace(each, pace=None if (v := each.speed_kmh) is None else
                         "slow" if v < low else "fast" if v > high else "medium") for each in corners)


def terciles(values: Sequence[float]) -> tuple[float, float]:
    """Below the first lies a third of the values, above the second another."""
    low, high = np.quantile(values, (1 / 3, 2 / 3))
    return float(low), float(high)


def curvature(line: ReferenceLine) -> Array:
    """1 / radius at each point of the line (m,), per metre, positive to the left."""
    east, north = (smoothed(column[:-1], 3, ring=True)[1] for column in (line.x_m, line.y_m))
    heading = np.unwrap(np.arctan2(north, east))
    turns = 2 * np.pi * np.round((heading[-1] - heading[0]) / (2 * np.pi))
    once = np.concatenate((heading[-4:] - turns, heading, heading[:4] + turns))
    step = line.length_m / (len(line.s_m) - 1)
    bend = smoothed(once, 3)[1][4:-4] / step
    return np.append(bend, bend[0])


def brakings(laid: LaidLap) -> tuple[Braking, ...]:
    """Where a lap slows down, in order. Empty where it does not, where it is not on the line, or speeds are unknown."""
    if not len(laid.s_m):
        return ()
    t_s, speed, slope = _even(laid.lap)
    step_s = float(t_s[1] - t_s[0])
    hard, ended = slope < HARD_MPS2, ~(slope <= GENTLE_MPS2)
    told = np.flatnonzero(hard | ended)
    last = np.searchsorted(told, np.arange(len(slope)), side="right") - 1
    slowing = (last >= 0) & hard[told[np.maximum(last, 0)]] if len(told) else np.zeros(len(slope), dtype=bool)
    found = []
    for a, b in _close(_runs(slowing), CLOSE_S / step_s):
        if (b - a) * step_s < LONG_S:
            continue
        begin = _between(slope, a, HARD_MPS2)
        edges = np.interp((np.array([begin, b - 1])) * step_s * SECOND, laid.lap.t_us, laid.s_m)
        from_kmh = float(np.interp(begin, np.arange(len(speed)), speed)) * KMH
        found.append(Braking(float(edges[0]), float(edges[1]), from_kmh, float(np.nanmin(slope[a:b]))))
    return tuple(found)


def measured(corners: Sequence[Corner], lap: LaidLap, against: LaidLap | None = None) -> tuple[CornerDriven, ...]:
    """Each corner as this lap drove it, and the time it lost there to another lap."""
    slowed, zones = brakings(lap), [(each.entry_m, each.exit_m) for each in corners]
    speed = _smooth_kmh(lap)
    times = lap.t_us(np.array(zones, dtype=np.float64).ravel()).reshape(-1, 2)
    lost = losses(lap, against, zones) if against else [Loss(*each) for each in zones]
    wander_us = _wander_us(lap, against, zones, times) if against else np.zeros(len(zones))
    found, since = [], 0.0
    for corner, (start, end), loss, wander in zip(corners, times, lost, wander_us.tolist(), strict=True):
        braked = [each for each in slowed if since <= each.from_m <= corner.apex_m]
        at = np.linspace(corner.begin_m, corner.end_m, max(2, round(2 * (corner.end_m - corner.begin_m)) + 1))
        bend = lap.column(speed, at) if len(lap.s_m) else np.array([np.nan])
        known = bool(np.isfinite(bend).all())
        slowest = int(np.argmin(bend)) if known else 0
        found.append(CornerDriven(
            corner.number, braked[-1].from_kmh if braked else _at(lap, speed, corner.entry_m),
            float(bend[slowest]) if known else None, float(at[slowest]) if known else None, _at(lap, speed, corner.exit_m),
            braked[-1].from_m if braked else None, None if np.isnan(end - start) else round(float(end - start)),
            loss.lost_us, round(float(np.hypot(loss.sigma_us, wander)))))
        since = corner.apex_m
    return tuple(found)


def _wander_us(lap: LaidLap, against: LaidLap, zones: Sequence[tuple[float, float]], times_us: Array) -> Array:
    """How much of the time between entry and exit (k,) is due to the receivers' errors having wandered meanwhile, one
    standard deviation in microseconds. ``times_us`` (k, 2): when the lap was at either; 0 where that is unknown.

    An error of d metres that forgets itself in tau changes by d sqrt(2 (1 - exp(-t / tau))) along the line in t, on each
    lap. How large d is tells what the laps lie beside the line: the mean of such an error over a lap of T has the variance
    d^2 2 (x - 1 + exp(-x)) / x^2, x = T / tau, in each direction. By simulation of ten-corner laps of 42 s, of one
    recording or two, intervals of 95 % hold the truth in 91 to 98 of 100 corners where the error wanders by 1 to 2.5 m
    (without this in 82 to 96), and in 99 or more where by 0.5 m or less, for no corner is said to be known to under 30 ms.
    """
    lasts_s = np.nan_to_num(times_us[:, 1] - times_us[:, 0]) / SECOND
    x = lap.lap.time_us / SECOND / WANDER_S
    share = 2 * (x - 1 + np.exp(-x)) / x**2
    error_m2 = sum(each**2 for each in (*lap.bias_m, *against.bias_m)) / 4 / share
    long_m = np.array([end - start for start, end in zones])
    metres = np.sqrt(2 * error_m2 * 2 * (1 - np.exp(-lasts_s / WANDER_S)))
    wandered: Array = metres * lasts_s / np.maximum(long_m, 1e-6) * SECOND
    return wandered


def _smooth_kmh(laid: LaidLap) -> Array:
    """The lap's speed at its samples (n,), smoothed."""
    if not len(laid.s_m):
        return np.empty(0)
    t_s, speed, _ = _even(laid.lap)
    return np.interp(laid.lap.t_us / SECOND, t_s, speed) * KMH


def _even(lap: LapTrace) -> tuple[Array, Array, Array]:
    """Seconds, speed m/s and acceleration m/s2 of a whole lap at even steps (k,), k at least 2: its own rate."""
    count = max(2, round(lap.time_us / float(np.median(np.diff(lap.t_us)))) + 1)
    t_s = np.linspace(0, lap.time_us / SECOND, count)
    step_s = float(t_s[1])
    raw = np.interp(t_s, lap.t_us / SECOND, lap.speed_mps)
    speed, slope = smoothed(raw, max(1, round(FITTED_S / step_s)))
    return t_s, speed, slope / step_s


def _at(lap: LaidLap, speed_kmh: Array, at_m: float) -> float | None:
    found = float(lap.column(speed_kmh, np.array([at_m]))[0])
    return None if np.isnan(found) else found


def _between(values: Array, index: int, level: float) -> float:
    """Where between the sample before and this one the values pass a level, as a fraction of an index."""
    if index == 0 or not values[index - 1] > level:
        return float(index)
    return index - float((level - values[index]) / (values[index - 1] - values[index]))


def _runs(which: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where marks stand in a row: (first, one after the last)."""
    edges = np.flatnonzero(np.diff(which.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _close(runs: list[tuple[int, int]], apart: float) -> list[tuple[int, int]]:
    """Runs with fewer steps between them than this are one."""
    found: list[tuple[int, int]] = []
    for a, b in runs:
        if found and a - found[-1][1] + 1 < apart:
            found[-1] = (found[-1][0], b)
        else:
            found.append((a, b))
    return found


def _joined(runs: list[tuple[int, int]], line: ReferenceLine, apart_m: float) -> list[tuple[int, int]]:
    return _close(runs, apart_m * (len(line.s_m) - 1) / line.length_m)


def _lasts(line: ReferenceLine, kappa: Array, first: int, after: int) -> bool:
    long_m, speed = float(line.s_m[after - 1] - line.s_m[first]), float(np.mean(line.speed_mps[first:after]))
    turn = abs(float(kappa[first:after].sum())) * line.length_m / (len(line.s_m) - 1)
    return long_m >= (LEAST_M if np.isnan(speed) else LEAST_S * speed) and turn >= LEAST_TURN
