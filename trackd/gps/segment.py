"""A trace against a layout: every lap with its sectors, its uncertainty, and what is not sound about it.

A crossing of the line counts when the kart drives over it in the direction that counts, and has been away from it since
the last one: a kart that is parked on the line, or spins on it, makes one. Everything follows from the samples alone; a
lap over samples that are missing is kept and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND, Micros
from trackd.gps.layouts import Layout
from trackd.gps.lines import Crossings, Line, crossings
from trackd.gps.trace import Array, Gate, Times, Trace

AWAY_M = 15.0
"""So far from the line a kart must have been before it can cross it again."""

LEAST_MPS = 3.0
"""Slower a receiver's own wandering is not told from driving (METHODS 1.1)."""

BACK_US: Micros = 30 * SECOND
"""A crossing backwards takes back the next one forwards within this time: a kart that turned round on the line."""

GAP_US: Micros = SECOND // 2
"""A longer time without a sample is a gap; at a slow rate, one of more than two and a half samples."""

PROBED = 16

RATE_FROM = 20_000
"""So many samples tell how fast they come."""

BRIDGED_US: Micros = 3 * SECOND
"""Over a gap of at most this a crossing is still placed, as an estimate."""

LOST_US: Micros = 5 * SECOND
"""In a longer gap a kart may have done anything: the lap is invalid."""

DRIFT_M, DRIFT_US, WHITE_M = 1.0, 60 * SECOND, 0.05
"""A receiver's error: slow drift of this standard deviation and time constant, and noise from sample to sample."""

UNCERTAIN_US: Micros = 250_000
"""A lap known no better than this is a warning."""


@dataclass(frozen=True, slots=True)
class GpsLap:
    """One lap, or the stretch before the first (``out``) and after the last (``in``). Times are microseconds: ``start_us``
    on the recording's clock, ``sigma_us`` one standard deviation of the lap time. ``sectors_us``: None where a line was
    missed. ``flags``: gap, estimated, below_minimum, above_maximum, pit, uncertain, sector_missed.
    """

    number: int                  # 0 for the stretch before lap 1
    kind: str                    # full out in
    start_us: Micros
    time_us: Micros
    sigma_us: Micros
    sectors_us: tuple[Micros | None, ...]
    max_speed_kmh: float | None
    flags: tuple[str, ...] = ()
    quality: str = "valid"       # valid warning invalid incomplete

    @property
    def end_us(self) -> Micros:
        """On the recording's clock."""
        return self.start_us + self.time_us


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """The crossings that count, in order, each (k,)."""

    t_us: Array
    before: Times
    speed_mps: Array
    step_us: Times


INVALID = frozenset({"below_minimum", "above_maximum", "lost"})


def segment(trace: Trace, layout: Layout) -> tuple[GpsLap, ...]:
    """All laps of a recording, in order; only an ``out`` stretch where the line was never crossed."""
    gap_us = _gap_us(trace)
    line = passed(trace, layout.start_finish, gap_us)
    starts_us = np.concatenate(([trace.t_us[0]], line.t_us))
    ends_us = np.concatenate((line.t_us, [trace.t_us[-1]]))
    sectors = _sectors(trace, layout.sectors, gap_us, starts_us, ends_us)
    steps_us = np.diff(trace.t_us)
    wide = np.flatnonzero(steps_us > gap_us)
    pits = [passed(trace, gate, gap_us).t_us for gate in (layout.pit_in, layout.pit_out) if gate]
    fastest = _fastest(trace, line.before)
    laps = []
    last = len(line.t_us)
    for number, (start_us, end_us) in enumerate(zip(starts_us, ends_us, strict=True)):
        kind = "out" if number == 0 else "in" if number == last else "full"
        if kind != "full" and end_us - start_us <= 0:
            continue
        within = wide[(trace.t_us[wide + 1] > start_us) & (trace.t_us[wide] < end_us)]
        flags = ["gap"] * bool(len(within)) + ["lost"] * bool(len(within) and steps_us[within].max() > LOST_US)
        flags += ["pit"] * any(bool(((each > start_us) & (each < end_us)).any()) for each in pits)
        lap = GpsLap(number, kind, _whole(start_us), _whole(end_us) - _whole(start_us), 0, sectors[number], fastest[number],
                     tuple(flags))
        laps.append(_judged(lap, line, layout, gap_us) if kind == "full" else replace(lap, quality="incomplete"))
    return tuple(laps)


def _whole(t_us: float) -> Micros:
    return round(float(t_us))


def _gap_us(trace: Trace) -> Micros:
    return max(GAP_US, int(2.5 * np.median(np.diff(trace.t_us[:RATE_FROM]))))


def passed(trace: Trace, gate: Gate, gap_us: Micros) -> Passed:
    """The crossings of a line that count. Where the gate names no direction, it is the one more often driven."""
    line = Line.of(gate)
    found = crossings(trace, line, longest_us=max(BRIDGED_US, gap_us))
    right = found.forward
    if gate.heading_deg is None and 2 * np.count_nonzero(right) < len(right):
        right = ~right
    kept = _counted(found, right, partial(_was_away, trace, line))
    return Passed(found.t_us[kept], found.before[kept], found.speed_mps[kept], found.step_us[kept])


def _counted(found: Crossings, right: NDArray[np.bool_], was_away: Callable[[int, int], bool]) -> list[int]:
    """Which of them count: forwards, driven, and after the kart has been away."""
    kept: list[int] = []
    armed, back_us, since = True, -inf, 0
    for index in range(len(found.t_us)):
        at = int(found.before[index])
        if not armed:
            armed = bool(kept) and was_away(since, at + 1)
        if not right[index]:
            if found.speed_mps[index] >= LEAST_MPS:
                back_us = float(found.t_us[index])
            continue
        if found.speed_mps[index] < LEAST_MPS or not armed:
            continue
        turned, back_us = found.t_us[index] - back_us <= BACK_US, -inf
        if turned and kept:
            continue
        kept.append(index)
        armed, since = False, at + 1
    return kept


def _was_away(trace: Trace, line: Line, first: int, last: int) -> bool:
    """Whether any of these samples lies far from the line; a few of them nearly always tell."""
    for every in (PROBED, 1):
        some = slice(first, last, every)
        if first < last and np.abs(line.ahead_m(trace.lat_deg[some], trace.lon_deg[some])).max() >= AWAY_M:
            return True
    return False


def _sectors(trace: Trace, gates: tuple[Gate, ...], gap_us: Micros, starts_us: Array,
             ends_us: Array) -> list[tuple[Micros | None, ...]]:
    """Sector times of each stretch. Lines come in their order; one that was missed leaves None on both sides of it."""
    if not gates:
        return [()] * len(starts_us)
    lines = [passed(trace, gate, gap_us).t_us for gate in gates]
    found = []
    for index, (start_us, end_us) in enumerate(zip(starts_us, ends_us, strict=True)):
        marks: list[Micros | None] = [_whole(start_us) if index else None]
        since = start_us
        for line in lines:
            at = int(np.searchsorted(line, since, side="right"))
            hit = at < len(line) and line[at] < end_us
            marks.append(_whole(line[at]) if hit else None)
            since = line[at] if hit else since
        marks.append(_whole(end_us) if index + 1 < len(starts_us) else None)
        found.append(tuple(None if a is None or b is None else b - a for a, b in pairwise(marks)))
    return found


def _fastest(trace: Trace, before: Times) -> list[float | None]:
    """The highest speed of each stretch, km/h; None where the logger told none."""
    edges = np.concatenate(([0], before + 1))
    most = np.fmax.reduceat(trace.speed_mps, edges)
    return [None if np.isnan(each) else round(float(each) * 3.6, 1) for each in most]


def _judged(lap: GpsLap, line: Passed, layout: Layout, gap_us: Micros) -> GpsLap:
    """A full lap with its uncertainty, its flags and what they come to."""
    edges = (lap.number - 1, lap.number)
    sigma_us = _sigma_us(lap.time_us, [float(line.speed_mps[i]) for i in edges])
    bridged = [int(line.step_us[i]) for i in edges if line.step_us[i] > gap_us]
    sigma_us = sqrt(sigma_us**2 + sum(step_us**2 / 12 for step_us in bridged))
    flags = [*lap.flags]
    flags += ["estimated"] * bool(bridged)
    flags += ["below_minimum"] * (layout.min_lap_us is not None and lap.time_us < layout.min_lap_us)
    flags += ["above_maximum"] * (layout.max_lap_us is not None and lap.time_us > layout.max_lap_us)
    flags += ["uncertain"] * (sigma_us > UNCERTAIN_US)
    flags += ["sector_missed"] * (None in lap.sectors_us)
    quality = "invalid" if INVALID.intersection(flags) else "warning" if flags else "valid"
    return replace(lap, sigma_us=_whole(sigma_us), flags=tuple(flags), quality=quality)


def _sigma_us(time_us: Micros, speeds_mps: list[float]) -> float:
    """How well a lap is known from places alone. The same drift at both ends cancels: what counts is by how much it wanders
    in a lap, over the speed across the line (METHODS 0).
    """
    v, w = (max(LEAST_MPS, speed) for speed in speeds_mps)
    alike = exp(-time_us / DRIFT_US)
    drift = DRIFT_M**2 * (1 / v**2 + 1 / w**2 - 2 * alike / (v * w))
    white = WHITE_M**2 * (1 / v**2 + 1 / w**2)
    return sqrt(drift + white) * SECOND
