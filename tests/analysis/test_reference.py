"""The reference line: that it is the track, and that a lap is found on it where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis import circuit
from tests.gps.drive import ROUND, laps_of, place
from trackd.analysis.laps import LapTrace, lap_trace
from trackd.analysis.reference import line_of_laps, line_of_points, project, way_m
from trackd.gps.segment import segment


def truth_m(laps: int, rate_hz: float, lap: LapTrace) -> np.ndarray:
    """Where each sample of a lap at the usual pace is."""
    clock = np.concatenate(([0.0], np.cumsum(1 / circuit.SPEED) * circuit.FINE_M))
    return np.interp(lap.t_us / 1e6, clock, circuit.S)


def apart_m(line_x: np.ndarray, line_y: np.ndarray) -> np.ndarray:
    """From each point of a line to the middle of the track; the frames share their origin: the start."""
    return np.array([np.hypot(circuit.X - x, circuit.Y - y).min() for x, y in zip(line_x, line_y, strict=True)])


def test_the_median_of_ten_noisy_laps_is_the_middle_of_the_track_closed_and_stepped_by_the_metre() -> None:
    line = line_of_laps(circuit.driven([1 / circuit.SPEED] * 10, 10, drift_m=0.3, white_m=0.05, seed=3))
    assert line
    assert line.laps == 10
    assert line.length_m == pytest.approx(circuit.LENGTH_M, rel=0.005)
    assert (line.x_m[0], line.y_m[0], line.s_m[0]) == (line.x_m[-1], line.y_m[-1], 0)
    assert np.ptp(np.diff(line.s_m)) == pytest.approx(0, abs=1e-9)
    x, y = line.x_m - line.x_m[0], line.y_m - line.y_m[0]
    assert np.median(apart_m(x, y)) < 0.4
    assert np.max(np.abs(line.speed_mps - np.interp(line.s_m, circuit.S[:-1], circuit.SPEED))) < 0.8


def test_a_lap_that_went_another_way_has_no_part_in_the_line_and_no_lap_gives_none() -> None:
    good = circuit.driven([1 / circuit.SPEED] * 3, 25)
    short = replace(good[0], lat_deg=good[0].lat_deg[0] + (good[0].lat_deg - good[0].lat_deg[0]) * 0.9)
    line = line_of_laps([*good, short])
    assert line
    assert line.laps == 3
    assert line_of_laps([]) is None
    still = replace(good[0], lat_deg=np.full(len(good[0]), 51.0), lon_deg=np.full(len(good[0]), 12.0))
    assert line_of_laps([still]) is None


def test_where_one_lap_tells_no_speed_the_others_do_and_where_none_does_it_is_unknown() -> None:
    laps = circuit.driven([1 / circuit.SPEED] * 2, 25)
    mute = [replace(lap, speed_mps=np.full(len(lap), np.nan)) for lap in laps]
    one, none = line_of_laps([laps[0], mute[1]]), line_of_laps(mute)
    assert one
    assert none
    assert np.isfinite(one.speed_mps).all()
    assert np.isnan(none.speed_mps).all()


@pytest.mark.parametrize("rate_hz", [5, 10, 25])
def test_samples_are_found_where_they_are_to_the_decimetre_with_the_side_they_are_on(rate_hz: float) -> None:
    line = circuit.line()
    aside = np.full(len(circuit.S) - 1, 1.5)
    lap = circuit.driven([1 / circuit.SPEED] * 2, rate_hz, aside_m=[aside, aside])[1]
    found = project(line, lap)
    scaled = truth_m(2, rate_hz, lap) * line.length_m / circuit.LENGTH_M
    assert np.max(np.abs(found.s_m - scaled)) < 0.7               # a smoothed bend turns within a metre
    assert np.median(found.offset_m) == pytest.approx(1.5, abs=0.05)
    assert found.p95_m == pytest.approx(1.5, abs=0.4)
    assert np.hypot(*found.bias_m) < 0.1                          # all on the left is no error of the receiver


def test_a_lap_that_is_displaced_tells_by_how_much() -> None:
    line, lap = circuit.line(), circuit.driven([1 / circuit.SPEED], 10)[0]
    moved = replace(lap, lat_deg=lap.lat_deg - 1.2 / line.plane.north_m, lon_deg=lap.lon_deg + 0.8 / line.plane.east_m)
    assert project(line, moved).bias_m == pytest.approx((0.8, -1.2), abs=0.1)


def paperclip(inward_m: float, rate_hz: float = 10) -> LapTrace:
    """Two straights of 200 m, 8 m apart, driven at 20 m/s: the first so far towards the second shortly before the bend, the
    second so far towards the first in its middle.
    """
    t = np.arange(0, 2 * 200 / 20 + 2 * np.pi * 4 / 5, 1 / rate_hz)
    bend = np.pi * 4 / 5
    x, y = np.empty(len(t)), np.empty(len(t))
    for i, at in enumerate(t):
        if at < 10:
            x[i], y[i] = 20 * at, inward_m * np.interp(at, [6, 7.5, 9.4, 9.9], [0, 1, 1, 0])
        elif at < 10 + bend:
            angle = (at - 10) * 5 / 4
            x[i], y[i] = 200 + 4 * np.sin(angle), 4 - 4 * np.cos(angle)
        elif at < 20 + bend:
            x[i], y[i] = 200 - 20 * (at - 10 - bend), 8 - inward_m * np.sin(np.pi * (at - 10 - bend) / 10)
        else:
            angle = (at - 20 - bend) * 5 / 4
            x[i], y[i] = -4 * np.sin(angle), 4 + 4 * np.cos(angle)
    points = [place(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    time_us = round(float(t[-1]) * 1e6)
    return LapTrace(np.linspace(0, time_us, len(t)), np.array([p.lat_deg for p in points]),
                    np.array([p.lon_deg for p in points]), np.full(len(t), 20.0), 0, time_us, time_us)


def test_the_straight_beside_is_never_taken_for_the_one_that_is_driven() -> None:
    line = line_of_laps([paperclip(0)])
    assert line
    lap = paperclip(5)                                            # where it is 5 m off, the other straight is nearer
    found = project(line, lap)
    assert np.diff(found.s_m).min() > -0.5
    assert np.max(np.abs(np.diff(found.s_m))) < 4
    assert found.s_m[-1] == pytest.approx(line.length_m, abs=2)
    assert np.max(np.abs(found.offset_m)) == pytest.approx(5, abs=0.3)


def test_a_kart_that_stands_in_the_middle_of_a_lap_is_found_again_when_it_goes_on() -> None:
    line, lap = circuit.line(), circuit.driven([1 / circuit.SPEED], 10)[0]
    at, count, rng = 200, 3000, np.random.default_rng(2)
    wander = rng.normal(0, 0.3, (2, count))
    lat = np.insert(lap.lat_deg, at, lap.lat_deg[at] + wander[0] / line.plane.north_m)
    lon = np.insert(lap.lon_deg, at, lap.lon_deg[at] + wander[1] / line.plane.east_m)
    stood = replace(lap, t_us=np.linspace(0, lap.time_us, len(lat)), lat_deg=lat, lon_deg=lon, speed_mps=np.zeros(len(lat)))
    found = project(line, stood)
    assert np.max(np.abs(found.s_m[at:at + count] - project(line, lap).s_m[at])) < 3
    assert found.s_m[-1] == pytest.approx(line.length_m, abs=1)


def test_a_drawn_line_begins_where_it_crosses_the_start_and_one_that_does_not_is_none() -> None:
    angles = np.radians(np.arange(40, 400, 12))
    points = [place(90 * float(np.cos(a)), 90 * float(np.sin(a))) for a in angles]
    line = line_of_points(points, ROUND.start_finish)
    assert line
    assert line.laps == 0
    assert np.isnan(line.speed_mps).all()
    assert line.length_m == pytest.approx(2 * np.pi * 90, rel=0.01)
    start = line.place(0)
    assert (start.lat_deg, start.lon_deg) == pytest.approx((place(90, 0).lat_deg, place(90, 0).lon_deg), abs=1e-5)
    drive, _ = laps_of([40.0])
    trace = drive.trace(10)
    lap = next(lap_trace(trace, lap) for lap in segment(trace, ROUND) if lap.kind == "full")
    assert project(line, lap).p95_m < 1
    assert line_of_points(points[::-1], ROUND.start_finish) is None          # against the direction of the line
    assert line_of_points(points[3:9], ROUND.start_finish) is None
    assert line_of_points(points[:2], ROUND.start_finish) is None
    assert way_m(np.array([0.0, 3.0]), np.array([0.0, 4.0])).tolist() == [0, 5]
