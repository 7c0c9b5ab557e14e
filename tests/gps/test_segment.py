"""Laps out of traces: what counts, what does not, and how well it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gps.drive import LINE_DEG_PER_S, NEAR_DEG, PLANE, RADIUS_M, ROUND, Drive, gate, laps_of, trace_at
from trackd.gps.lines import Plane
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Gate, Point, Trace

TIMES_S = [41.2, 39.5, 40.1, 38.7, 39.9]


def full(laps: tuple[GpsLap, ...]) -> list[GpsLap]:
    return [lap for lap in laps if lap.kind == "full"]


def times_s(laps: tuple[GpsLap, ...]) -> list[float]:
    return [lap.time_us / 1e6 for lap in full(laps)]


def some(trace: Trace, keep: np.ndarray) -> Trace:
    return Trace(trace.t_us[keep], trace.lat_deg[keep], trace.lon_deg[keep], trace.speed_mps[keep])


lap_times = st.lists(st.floats(20, 90), min_size=1, max_size=6)
steady = settings(derandomize=True, deadline=None, max_examples=40)


@pytest.mark.parametrize("rate_hz", [5, 8, 10, 25])
def test_every_lap_is_found_to_the_millisecond_with_its_sectors_and_partial_stretches(rate_hz: float) -> None:
    drive, crossed = laps_of(TIMES_S)
    laps = segment(drive.trace(rate_hz, phase_s=0.013), ROUND)
    assert [(lap.number, lap.kind) for lap in laps] == [(0, "out"), *((n, "full") for n in range(1, 6)), (6, "in")]
    assert times_s(laps) == pytest.approx(TIMES_S, abs=0.001)
    assert [lap.start_us / 1e6 for lap in full(laps)] == pytest.approx(crossed[:-1], abs=0.001)
    for lap, time_s in zip(full(laps), TIMES_S, strict=True):
        first_s = NEAR_DEG / LINE_DEG_PER_S + (120 - NEAR_DEG) / 330 * (time_s - 2 * NEAR_DEG / LINE_DEG_PER_S)
        expected_s = [first_s, time_s - 2 * first_s, first_s]
        assert [each / 1e6 for each in lap.sectors_us if each] == pytest.approx(expected_s, abs=0.001)
        assert (lap.flags, lap.quality, sum(each or 0 for each in lap.sectors_us)) == ((), "valid", lap.time_us)
    assert [laps[0].quality, laps[-1].quality] == ["incomplete", "incomplete"]
    assert laps[0].sectors_us == (None, None, None)
    assert laps[1].max_speed_kmh == pytest.approx(np.radians(LINE_DEG_PER_S) * RADIUS_M * 3.6, abs=0.1)


@steady
@given(lap_times, st.floats(0, 0.1), st.sampled_from([8.0, 10.0, 25.0]))
def test_any_drive_forwards_gives_its_laps_and_the_same_drive_backwards_none(given_s: list[float], phase_s: float,
                                                                            rate_hz: float) -> None:
    drive, _ = laps_of(given_s)
    trace = drive.trace(rate_hz, phase_s=phase_s)
    assert times_s(segment(trace, ROUND)) == pytest.approx(given_s, abs=0.002)
    back = Trace(trace.t_us, trace.lat_deg[::-1], trace.lon_deg[::-1], trace.speed_mps[::-1])
    assert [lap.kind for lap in segment(back, ROUND)] == ["out"]


@steady
@given(lap_times, st.integers(-10**12, 10**12), st.floats(0, 360), st.floats(-60, 60))
def test_neither_another_clock_nor_a_track_turned_or_elsewhere_changes_a_lap(given_s: list[float], shift_us: int,
                                                                           turn_deg: float, lat_deg: float) -> None:
    drive, _ = laps_of(given_s)
    trace = drive.trace(10)
    laps = segment(trace, ROUND)
    later = segment(replace(trace, t_us=trace.t_us + shift_us), ROUND)
    assert later == tuple(replace(lap, start_us=lap.start_us + shift_us) for lap in laps)
    there = replace(ROUND, start_finish=_turned_gate(turn_deg, lat_deg), sectors=())
    turned = segment(_turned(trace, turn_deg, lat_deg), there)
    assert times_s(turned) == pytest.approx(times_s(laps), abs=0.001)


def _turn(lat: np.ndarray, lon: np.ndarray, turn_deg: float, lat_deg: float) -> tuple[np.ndarray, np.ndarray]:
    x, y = PLANE.xy(lat, lon)
    there, c, s = Plane.about(Point(lat_deg, -100.0)), np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return lat_deg + (x * s + y * c) / there.north_m, -100.0 + (x * c - y * s) / there.east_m


def _turned(trace: Trace, turn_deg: float, lat_deg: float) -> Trace:
    lat, lon = _turn(trace.lat_deg, trace.lon_deg, turn_deg, lat_deg)
    return replace(trace, lat_deg=lat, lon_deg=lon)


def _turned_gate(turn_deg: float, lat_deg: float) -> Gate:
    line = ROUND.start_finish
    ends = (np.array([line.a.lat_deg, line.b.lat_deg]), np.array([line.a.lon_deg, line.b.lon_deg]))
    (a, b), (c, d) = _turn(*ends, turn_deg, lat_deg)
    heading_deg = ((line.heading_deg or 0) - turn_deg) % 360
    return Gate("start_finish", Point(float(a), float(c)), Point(float(b), float(d)), heading_deg)


@steady
@given(st.integers(0, 2**31), st.floats(0.05, 2.0))
def test_a_kart_parked_on_the_line_makes_no_lap_however_its_places_wander(seed: int, sd_m: float) -> None:
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, sd_m / 20, (6000, 2)), axis=0)
    wander = np.clip(wander, -10, 10) + rng.normal(0, 0.05, (6000, 2))
    parked = trace_at(np.arange(6000) / 10, np.array([RADIUS_M, 0.0]) + wander)
    assert full(segment(parked, ROUND)) == []


def test_a_sample_exactly_on_the_line_counts_once() -> None:
    t_s = np.arange(0, 100, 0.1)
    angle = np.radians(-60 + 9 * t_s)                    # 9 degrees a second: on the line at 6.666..., 46.666..., 86.666...
    hit = np.argmin(np.abs(t_s - 20 / 3))
    angle[hit] = 0.0
    trace = trace_at(t_s, RADIUS_M * np.stack((np.cos(angle), np.sin(angle)), axis=1))
    assert trace.lat_deg[hit] == ROUND.start_finish.a.lat_deg == ROUND.start_finish.b.lat_deg
    laps = segment(trace, replace(ROUND, sectors=()))
    assert [lap.kind for lap in laps] == ["out", "full", "full", "in"]
    assert laps[1].start_us == round(t_s[hit] * 1e6)


def test_a_spin_on_the_line_makes_no_lap_and_takes_none() -> None:
    t = np.array([0.0, 10, 12, 15, 55, 95, 100])
    angle = np.array([-90.0, 3, -20, 4, 364, 724, 770])   # over it, back over it, on again, and two laps
    laps = segment(_drive(t, angle), replace(ROUND, sectors=()))
    assert [lap.kind for lap in laps] == ["out", "full", "full", "in"]
    assert full(laps)[0].time_us / 1e6 == pytest.approx(54.556 - 9.677, abs=0.02), "from the first time over the line"


def _drive(t: np.ndarray, angle: np.ndarray) -> Trace:
    return Drive(t, angle).trace(10)


@steady
@given(st.integers(0, 2**31))
def test_where_samples_are_missing_no_lap_is_lost_or_wrong_without_a_flag(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drive, _ = laps_of(TIMES_S)
    trace = drive.trace(10)
    laps = segment(some(trace, rng.random(len(trace)) >= 0.1), replace(ROUND, sectors=()))
    for lap in full(laps):
        alike = [time_s for time_s in TIMES_S if abs(lap.time_us / 1e6 - time_s) < 0.02]
        assert alike or "gap" in lap.flags
    assert len(full(laps)) == len(TIMES_S) or any("gap" in lap.flags for lap in laps)


def test_a_gap_over_the_line_is_bridged_as_an_estimate_or_the_lap_says_that_it_is_lost() -> None:
    drive, crossed = laps_of(TIMES_S)
    trace = drive.trace(10)
    t_s = trace.t_us / 1e6
    short = segment(some(trace, np.abs(t_s - crossed[2]) > 0.6), replace(ROUND, sectors=()))
    assert times_s(short) == pytest.approx(TIMES_S, abs=0.05)
    estimated = ("gap", "estimated", "uncertain")
    assert [lap.flags for lap in full(short)] == [(), estimated, estimated, (), ()]
    assert [lap.quality for lap in full(short)] == ["valid", "warning", "warning", "valid", "valid"]
    long = segment(some(trace, np.abs(t_s - crossed[2]) > 3), replace(ROUND, sectors=()))
    assert times_s(long) == pytest.approx([TIMES_S[0], TIMES_S[1] + TIMES_S[2], *TIMES_S[3:]], abs=0.002)
    assert [lap.quality for lap in full(long)] == ["valid", "invalid", "valid", "valid"]


def test_a_missed_sector_line_is_none_on_both_sides_and_never_zero() -> None:
    drive, crossed = laps_of(TIMES_S)
    trace = drive.trace(10)
    at_s = crossed[1] + 13.2
    laps = full(segment(some(trace, np.abs(trace.t_us / 1e6 - at_s) > 2), ROUND))
    assert [each is None for each in laps[1].sectors_us] == [True, True, False]
    assert {"gap", "sector_missed"} <= set(laps[1].flags)
    assert laps[1].time_us / 1e6 == pytest.approx(TIMES_S[1], abs=0.002)


def test_limits_and_pit_lines_flag_a_lap_and_take_none_away() -> None:
    drive, _ = laps_of([20.0, 40.0, 90.0])
    layout = replace(ROUND, sectors=(), min_lap_us=25_000_000, max_lap_us=60_000_000, pit_in=gate("pit_in", 300))
    laps = full(segment(drive.trace(10), layout))
    assert [(lap.flags, lap.quality) for lap in laps] == [
        (("pit", "below_minimum"), "invalid"), (("pit",), "warning"), (("pit", "above_maximum"), "invalid")]


def test_a_line_without_a_direction_is_driven_as_it_is_driven_most() -> None:
    drive, _ = laps_of(TIMES_S)
    trace = drive.trace(10)
    free = replace(ROUND, start_finish=gate("start_finish", 0, heading=False), sectors=())
    assert times_s(segment(trace, free)) == pytest.approx(TIMES_S, abs=0.001)
    back = Trace(trace.t_us, trace.lat_deg[::-1], trace.lon_deg[::-1], trace.speed_mps)
    assert times_s(segment(back, free)) == pytest.approx(TIMES_S[::-1], abs=0.001)


def test_a_straight_beside_the_line_is_not_the_line() -> None:
    drive, _ = laps_of(TIMES_S)
    near = replace(ROUND, start_finish=gate("start_finish", 0, half_m=4), sectors=())
    aside = drive.trace(10, noise_m=np.tile([5.5, 0.0], (10_000, 1)))
    assert full(segment(aside, near)) == []


def test_of_drifting_places_the_stated_sigma_holds_for_95_of_100_laps() -> None:
    rng, runs, n = np.random.default_rng(7), 60, 9_000
    drift, keep = np.empty((n, runs, 2)), np.exp(-0.1 / 60)
    drift[0] = rng.normal(0, 1.0, (runs, 2))
    shocks = rng.normal(0, np.sqrt(1 - keep**2), (n, runs, 2))
    for i in range(1, n):
        drift[i] = keep * drift[i - 1] + shocks[i]
    drift += rng.normal(0, 0.05, drift.shape)
    drive, _ = laps_of([40.0] * 20)
    laps = [lap for run in range(runs)
            for lap in full(segment(drive.trace(10, noise_m=drift[:, run]), replace(ROUND, sectors=())))]
    assert len(laps) == 20 * runs
    assert 0.93 <= sum(abs(lap.time_us - 40_000_000) <= 1.96 * lap.sigma_us for lap in laps) / len(laps) <= 0.97
