"""A trace against a layout: every lap with its sectors, its uncertainty, and what is not sound about it.

A crossing of the line counts when the kart drives over it in the direction that counts, and has been away from it since
the last one: a kart that is parked on the line, or spins on it, makes one. Everything follows from the samples alone; a
lap over samples that are missing is kept and says so.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, isnan, sqrt

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.counted import Passed, passed
from trackd.gps.layouts import Layout
from trackd.gps.lines import Line
from trackd.gps.steady import jumps_m, steadied
from trackd.gps.trace import Array, Gate, Times, Trace

GAP_US: Micros = SECOND // 2
"""A longer time without a sample is a gap; at a slow rate, one of more than two and a half samples."""

RATE_FROM = 20_000
"""So many samples tell how fast they come."""

LOST_US: Micros = 5 * SECOND
"""In a longer gap a kart may have done anything: the lap is invalid."""

DRIFT_M, DRIFT_US, WHITE_M = 1.0, 60 * SECOND, 0.05
"""A receiver's error: slow drift of this standard deviation and time constant, and noise from sample to sample, or more."""

TELLING = 6
"""So many times from one place on the line to the next tell by how much they wander, with what drivers do."""

MAD, CLIPPED = 1.4826, 3.0
"""A place that lies so many standard deviations off, by the median, was a slip."""

BENDS_MPS2 = 3.0
"""Between two samples a kart speeds up or slows down by so much: what a straight line between them is wrong by."""

LEAST_MPS = 0.5
"""Slower crossings are not told from standing."""

UNCERTAIN_US: Micros = 250_000
"""A lap known no better than this is a warning."""


@dataclass(frozen=True, slots=True)
class GpsLap:
    """One lap, or the stretch before the first (``out``) and after the last (``in``). Times are microseconds: ``start_us``
    on the recording's clock, ``sigma_us`` one standard deviation of the lap time. ``sectors_us``: None where a line was
    missed. ``flags``: gap, lost, estimated, pit, below_minimum, above_maximum, uncertain, sector_missed; beside (a crossing
    lies beyond an end of the line), slow (the kart hardly moved at one), turned (it came back over the line in between),
    soon (it took much less than the others).
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


INVALID = frozenset({"below_minimum", "above_maximum", "lost"})

SOON = 0.5
"""A lap shorter than so much of the usual one is a warning (METHODS 1.1)."""


def segment(trace: Trace, layout: Layout) -> tuple[GpsLap, ...]:
    """All laps of a recording, in order; only an ``out`` stretch where the line was never crossed."""
    gap_us = gap_of(trace)
    steady = steadied(trace, gap_us)
    line = passed(steady.trace, layout.start_finish, gap_us)
    error = _error(steady.trace, layout.start_finish, line, steady.white_m, gap_us)
    starts_us = np.concatenate(([trace.t_us[0]], line.t_us))
    ends_us = np.concatenate((line.t_us, [trace.t_us[-1]]))
    sectors = _sectors(steady.trace, layout.sectors, gap_us, starts_us, ends_us)
    steps_us = np.diff(trace.t_us)
    wide = np.flatnonzero(steps_us > gap_us)
    pits = [passed(steady.trace, gate, gap_us).t_us for gate in (layout.pit_in, layout.pit_out) if gate]
    fastest = _fastest(trace, line.before)
    laps = []
    last = len(line.t_us)
    for number, (start_us, end_us) in enumerate(zip(starts_us, ends_us, strict=True)):
        kind = "out" if number == 0 else "in" if number == last else "full"
        if kind != "full" and end_us - start_us <= 0:
            continue
        within = wide[(trace.t_us[wide + 1] > start_us) & (trace.t_us[wide] < end_us)] if len(wide) else wide
        flags = ["gap"] * bool(len(within)) + ["lost"] * bool(len(within) and steps_us[within].max() > LOST_US)
        flags += ["pit"] * any(bool(((each > start_us) & (each < end_us)).any()) for each in pits)
        lap = GpsLap(number, kind, _whole(start_us), _whole(end_us) - _whole(start_us), 0, sectors[number], fastest[number],
                     tuple(flags))
        laps.append(_judged(lap, line, layout, gap_us, error) if kind == "full" else replace(lap, quality="incomplete"))
    return tuple(laps)


def _whole(t_us: float) -> Micros:
    return round(float(t_us))


def gap_of(trace: Trace) -> Micros:
    """A step between samples longer than this is a gap."""
    return max(GAP_US, int(2.5 * np.median(np.diff(trace.t_us[:RATE_FROM]))))


@dataclass(frozen=True, slots=True)
class _Error:
    """What places at the line are off by, standard deviations: slowly, and each by itself."""

    drift_m: float
    white_m: float


def _error(trace: Trace, gate: Gate, line: Passed, white_m: float, gap_us: Micros) -> _Error:
    """What samples tell of it, never less than receivers do: those about the line where they are too slow to tell more, and
    by how much the places on the line move from lap to lap.
    """
    if isnan(white_m) and len(line.before):
        about = np.unique(np.clip(line.before[:, None] + np.arange(-2, 4), 0, len(trace) - 1))
        told = Line.of(gate)
        white_m = jumps_m(trace.t_us[about], told.ahead_m(trace.lat_deg[about], trace.lon_deg[about]), gap_us)
    white_m = max(WHITE_M, white_m) if white_m > 0 else WHITE_M
    moved_m = np.diff(line.aside_m)
    if len(moved_m) < TELLING:
        return _Error(DRIFT_M, white_m)
    usual = np.abs(moved_m) <= CLIPPED * MAD * np.median(np.abs(moved_m))
    spread_m = float(np.sqrt(np.mean(moved_m[usual]**2) / 2))
    wander_m = sqrt(max(spread_m**2 - white_m**2, 0.0) / (1 - exp(-line.usual_us / DRIFT_US)))
    return _Error(max(DRIFT_M, wander_m), white_m)


def _sectors(trace: Trace, gates: tuple[Gate, ...], gap_us: Micros, starts_us: Array,
             ends_us: Array) -> list[tuple[Micros | None, ...]]:
    """Sector times of each stretch. Lines come in their order; one that was missed leaves None on both sides of it."""
    if not gates:
        return [()] * len(starts_us)
    lines = [passed(trace, gate, gap_us).t_us.tolist() for gate in gates]
    found = []
    for index, (start_us, end_us) in enumerate(zip(starts_us, ends_us, strict=True)):
        marks: list[Micros | None] = [_whole(start_us) if index else None]
        since = start_us
        for line in lines:
            at = bisect_right(line, since)
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


def _judged(lap: GpsLap, line: Passed, layout: Layout, gap_us: Micros, error: _Error) -> GpsLap:
    """A full lap with its uncertainty, its flags and what they come to."""
    edges = (lap.number - 1, lap.number)
    sigma_us = _sigma_us(lap.time_us, line, edges, error)
    bridged = [int(line.step_us[i]) for i in edges if line.step_us[i] > gap_us]
    sigma_us = sqrt(sigma_us**2 + sum(step_us**2 / 12 for step_us in bridged))
    flags = [*lap.flags]
    flags += ["estimated"] * bool(bridged)
    flags += ["beside"] * any(line.beside[i] for i in edges)
    flags += ["slow"] * any(line.slow[i] for i in edges)
    flags += ["turned"] * bool(line.turned[edges[0]])
    flags += ["soon"] * (lap.time_us < SOON * line.usual_us)
    flags += ["below_minimum"] * (layout.min_lap_us is not None and lap.time_us < layout.min_lap_us)
    flags += ["above_maximum"] * (layout.max_lap_us is not None and lap.time_us > layout.max_lap_us)
    flags += ["uncertain"] * (sigma_us > UNCERTAIN_US)
    flags += ["sector_missed"] * (None in lap.sectors_us)
    quality = "invalid" if INVALID.intersection(flags) else "warning" if flags else "valid"
    return replace(lap, sigma_us=_whole(sigma_us), flags=tuple(flags), quality=quality)


def _sigma_us(time_us: Micros, line: Passed, edges: tuple[int, int], error: _Error) -> float:
    """How well a lap is known from places alone. The same drift at both ends cancels: what counts is by how much it wanders
    in a lap, over the speed across the line (METHODS 0).
    """
    v, w = (max(LEAST_MPS, float(line.speed_mps[i])) for i in edges)
    alike = exp(-time_us / DRIFT_US)
    drift = error.drift_m**2 * (1 / v**2 + 1 / w**2 - 2 * alike / (v * w))
    bends = (BENDS_MPS2 / 8 * (float(line.step_us[i]) / SECOND)**2 for i in edges)
    white = sum((error.white_m**2 + bend_m**2) / speed**2 for bend_m, speed in zip(bends, (v, w), strict=True))
    return sqrt(drift + white) * SECOND
