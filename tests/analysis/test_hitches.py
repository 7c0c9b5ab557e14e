"""Places written a moment late do not make a delta ripple; what a driver does is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.analysis import circuit
from tests.analysis.circuit import SPEED, drive, driven, slower
from tests.gps.real import SSKC, layout, read_real
from trackd.analysis.delta import delta, lay
from trackd.analysis.hitches import unhitched
from trackd.analysis.laps import LapTrace, lap_trace
from trackd.analysis.reference import line_of_laps, way_m
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Array, Trace

LINE = circuit.line()
ALIKE = 1 / SPEED


def held_back(trace: Trace, every_s: float = 1.0, late_s: float = 0.04) -> Trace:
    """The trace of a logger that lays its receiver's places on a clock of its own: over a fifth of each second they come
    later and later, then at once on time again.
    """
    part = (trace.t_us / 1e6 % every_s) / every_s
    meant_us = trace.t_us - late_s * 1e6 * np.clip((part - 0.8) / 0.2, 0, 1)
    lat, lon = (np.interp(meant_us, trace.t_us, each) for each in (trace.lat_deg, trace.lon_deg))
    return replace(trace, lat_deg=lat, lon_deg=lon)


def ripple_us(delta_us: Array) -> float:
    """What a delta differs by from itself over 30 m, rms, away from the ends."""
    return float(np.std((delta_us - np.convolve(delta_us, np.ones(31) / 31, "same"))[40:-40]))


def pair(trace: Trace, laps: list[GpsLap]) -> list[LapTrace]:
    return [lap_trace(trace, lap) for lap in laps[:2]]


def test_places_held_back_for_a_fifth_of_each_second_leave_no_ripple() -> None:
    trace, laps = drive([ALIKE, slower(0.2, 300, 360)], 20, white_m=0.005, phase_s=0.0)
    first, second = pair(held_back(trace, 1.03), laps)
    _, told = delta(second, first, LINE)
    raw = [replace(lap, speed_mps=np.full(len(lap), np.nan)) for lap in (first, second)]
    _, rippled = delta(raw[1], raw[0], LINE)                         # without speeds nothing tells what is wrong
    assert ripple_us(rippled) > 10_000
    assert ripple_us(told) < ripple_us(rippled) / 2
    assert (told[0], told[-1]) == (0, second.time_us - first.time_us)


def test_e4_a_delta_ends_at_the_difference_of_the_lap_times_however_places_hitch() -> None:
    trace, laps = drive([ALIKE, slower(0.2, 300, 360)], 20, drift_m=0.5, white_m=0.02)
    for lap_of in (trace, held_back(trace, 1.03)):
        first, second = pair(lap_of, laps)
        _, told = delta(second, first, LINE)
        assert abs(told[-1] - (laps[1].time_us - laps[0].time_us)) <= 20_000


@pytest.mark.parametrize("rate_hz", [5, 10, 25])
def test_places_that_are_on_time_are_left_where_they_are(rate_hz: float) -> None:
    for lap in driven([ALIKE, slower(0.3, 300, 340)], rate_hz, drift_m=0.5, white_m=0.02, speed_mps=0.05):
        way = way_m(*LINE.plane.xy(lap.lat_deg, lap.lon_deg))
        moved = np.abs(unhitched(lap, way) - way)
        assert moved.max() < 0.3
        assert np.mean(moved > 0) < 0.05
        still = replace(lap, speed_mps=np.full(len(lap), np.nan))
        assert np.array_equal(unhitched(still, way), way)


def test_a_slide_of_some_metres_and_a_lap_of_three_samples_are_no_hitch() -> None:
    lap = driven([ALIKE], 10)[0]
    way = way_m(*LINE.plane.xy(lap.lat_deg, lap.lon_deg))
    slid = way + np.where(np.arange(len(way)) >= 100, 5.0, 0.0)
    assert np.abs(unhitched(lap, slid) - slid).max() < 0.2
    short = replace(lap, t_us=lap.t_us[:3], lat_deg=lap.lat_deg[:3], lon_deg=lap.lon_deg[:3], speed_mps=lap.speed_mps[:3])
    assert np.array_equal(unhitched(short, way[:3]), way[:3])


def test_a_real_20_hz_file_whose_places_hitch_makes_a_smooth_delta(shared: Path) -> None:
    found = read_real(shared, SSKC)
    laps = [lap_trace(found.trace, lap) for lap in segment(found.trace, layout(shared, SSKC, found)) if lap.kind == "full"]
    clean = sorted(laps, key=lambda lap: lap.time_us)[:8]
    line = line_of_laps(clean)
    assert line
    for lap in clean[1:]:
        _, told = delta(lap, clean[0], line)
        raw = [replace(each, speed_mps=np.full(len(each), np.nan)) for each in (lap, clean[0])]
        _, rippled = delta(raw[0], raw[1], line)
        steps = [np.abs(np.diff(each, n=2))[40:-40] for each in (told, rippled)]
        assert np.percentile(steps[0], 99) < 0.6 * np.percentile(steps[1], 99)
        assert ripple_us(told) < ripple_us(rippled)
        assert told[-1] == lap.time_us - clean[0].time_us
        assert lay(line, lap).method == "line"
