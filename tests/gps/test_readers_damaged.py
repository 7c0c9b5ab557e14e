"""Damaged files: refused with a sentence, or read for what is sound of them; no lap comes out that nobody drove."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.gps import damage, drive
from tests.gps.real import ADRIA, FILES, FRANCIACORTA, content, layout, read_real
from tests.gps.written import SPEED_MPS, START, WRITTEN, Drive
from trackd.core.time import SECOND
from trackd.gps.layouts import Layout
from trackd.gps.readers import formats
from trackd.gps.readers.strays import but_strays
from trackd.gps.trace import Gate, Point, Recording, Trace, Unreadable

TEXTS = tuple(name for name in FILES if name != ADRIA)                         # test_xrk has that one
SEEDS, CUTS = 6, 12
ROUND = Layout(Gate("start_finish", Point(51.34, 12.37 - 36.648 / 69_700), Point(51.34, 12.37 - 20.648 / 69_700)))
"""The west end of the invented drive, which it passes twice."""


@cache
def sound(shared: Path, name: str) -> tuple[bytes, Recording, Layout]:
    recording = read_real(shared, name)
    return content(shared, name), recording, layout(shared, name, recording)


def written(name: str) -> tuple[bytes, Recording]:
    data = WRITTEN[name]().encode()
    return data, formats.read(data)


def nothing_invented(damaged: bytes, name: str, recording: Recording, where: Layout) -> Recording | None:
    """Read it, and look for laps that were none."""
    found = damage.read(damaged, name)
    assert found is None or damage.invented(found, recording, where) == []
    return found


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("spoil", [damage.flipped, damage.overwritten])
def test_two_thousand_damaged_bytes_leave_true_laps_only(shared: Path, name: str, spoil: damage.Spoil) -> None:
    data, recording, where = sound(shared, name)
    laps = len(damage.full(recording, where))
    read = [nothing_invented(spoil(data, seed), name, recording, where) for seed in range(SEEDS)]
    kept = [damage.full(each, where) for each in read if each]
    assert name == FRANCIACORTA or kept                                        # half of its rows are hit
    assert all(each.faults for each in read if each)                           # none goes for sound
    assert laps == 0 or max(map(len, kept)) == laps


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_cut_off_keeps_the_laps_before_the_cut(shared: Path, name: str) -> None:
    data, recording, where = sound(shared, name)
    for at in np.random.default_rng(1).integers(1, len(data) // 1024 + 1, CUTS).tolist():
        nothing_invented(data[:at * 1024], name, recording, where)
    most = nothing_invented(data[:len(data) - 1024], name, recording, where)
    assert most
    assert len(damage.full(most, where)) >= len(damage.full(recording, where)) - 1


@pytest.mark.soak
@pytest.mark.parametrize("name", TEXTS)
def test_cut_at_every_kilobyte_and_damaged_in_500_ways_no_text_gives_a_false_lap(shared: Path, name: str) -> None:
    data, recording, where = sound(shared, name)
    for at in range(1, len(data) // 1024 + 1):
        nothing_invented(data[:at * 1024], name, recording, where)
    for seed in range(500):
        for spoil in (damage.flipped, damage.overwritten):
            nothing_invented(spoil(data, seed), name, recording, where)


@pytest.mark.parametrize("name", WRITTEN)
def test_any_cut_through_an_invented_file_leaves_what_was_driven(name: str) -> None:
    data, recording = written(name)
    assert len(damage.full(recording, ROUND)) == 1
    for at in np.random.default_rng(2).integers(0, len(data), 60).tolist():
        found = nothing_invented(data[:at], "", recording, ROUND)
        if found:
            assert np.all(np.isin(found.trace.t_us, recording.trace.t_us))
            driven = np.searchsorted(recording.trace.t_us, found.trace.t_us)
            away_m = np.hypot((found.trace.lat_deg - recording.trace.lat_deg[driven]) * 111_250,
                              (found.trace.lon_deg - recording.trace.lon_deg[driven]) * 69_700)
            assert away_m.max() < 1.3


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("spoil", [damage.flipped, damage.overwritten])
def test_damaged_bytes_of_an_invented_file_give_no_false_lap(name: str, spoil: damage.Spoil) -> None:
    data, recording = written(name)
    for seed in range(40):
        for count in (1, 10, 100):
            nothing_invented(spoil(data, seed, count), "", recording, ROUND)


@pytest.mark.parametrize("ending", [".csv", ".vbo", ".nmea", ".dovex", ".gpx", ".xrk", ".xrz", ".drk", ""])
def test_random_bytes_are_refused_whatever_their_name(ending: str) -> None:
    for seed in range(10):
        with pytest.raises(Unreadable):
            formats.read(damage.noise(seed), f"a{ending}")


@pytest.mark.parametrize("name", WRITTEN)
def test_random_bytes_behind_a_sound_head_invent_nothing(name: str) -> None:
    data, recording = written(name)
    for seed, at in enumerate((200, 1_000, 5_000, 20_000)):
        nothing_invented(data[:at] + damage.noise(seed), "", recording, ROUND)
        nothing_invented(data[:at] + damage.noise(seed) + data[at:], "", recording, ROUND)


# Strays


def round_trip(rate_hz: float = 10) -> Trace:
    course, _ = drive.laps_of([40.0, 40.0])
    return course.trace(rate_hz)


def moved(trace: Trace, at: int | slice, metres: float) -> Trace:
    lat = trace.lat_deg.copy()
    lat[at] += metres / drive.PLANE.north_m
    return Trace(trace.t_us, lat, trace.lon_deg, trace.speed_mps)


@pytest.mark.parametrize("metres", [1.5, -8.0, 3_000.0, 4_000_000.0])
@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_place_out_of_line_is_left_out_alone(metres: float, at: int) -> None:
    trace = round_trip()
    kept, rows = but_strays(moved(trace, at, metres))
    assert rows.tolist() == np.delete(np.arange(len(trace)), at).tolist()
    assert kept.t_us.tolist() == trace.t_us[rows].tolist()


@pytest.mark.parametrize("metres", [0.7, -0.9])
def test_a_place_less_than_a_metre_out_of_line_is_left_out_where_the_receiver_is_steady(metres: float) -> None:
    trace = round_trip()
    assert but_strays(moved(trace, 100, metres))[1].tolist() == np.delete(np.arange(len(trace)), 100).tolist()
    course, _ = drive.laps_of([40.0, 40.0])
    shaky = course.trace(noise_m=np.random.default_rng(5).normal(0, 0.2, (4_000, 2)))
    assert len(but_strays(moved(shaky, 100, metres))[1]) == len(shaky)


@pytest.mark.parametrize("late_ms", [-70, 40, 90])
def test_a_row_whose_time_does_not_fit_its_place_is_left_out_alone(late_ms: int) -> None:
    trace = round_trip()
    t_us = trace.t_us.copy()
    t_us[100] += late_ms * 1000
    assert but_strays(replace(trace, t_us=t_us))[1].tolist() == np.delete(np.arange(len(trace)), 100).tolist()


def test_rows_at_uneven_times_that_fit_their_places_are_kept() -> None:
    trace = round_trip(50)
    rows = np.flatnonzero(np.random.default_rng(6).random(len(trace)) < 0.6)
    uneven = Trace(trace.t_us[rows], trace.lat_deg[rows], trace.lon_deg[rows], trace.speed_mps[rows])
    assert len(but_strays(uneven)[1]) == len(rows)


@pytest.mark.parametrize(("at", "beside"), [(1, 0), (-2, -1)])
def test_where_nobody_knows_which_of_the_two_last_rows_is_out_of_line_both_are_left_out(at: int, beside: int) -> None:
    trace = round_trip()
    _, rows = but_strays(moved(trace, at, 20.0))
    assert rows.tolist() == np.delete(np.arange(len(trace)), [at, beside]).tolist()


@pytest.mark.parametrize(("first_m", "second_m"), [(30.0, -200.0), (40.0, 20.8)])    # of the latter, one hides the other
def test_two_places_out_of_line_side_by_side_are_left_out(first_m: float, second_m: float) -> None:
    trace = round_trip()
    _, rows = but_strays(moved(moved(trace, 50, first_m), 51, second_m))
    assert rows.tolist() == np.delete(np.arange(len(trace)), [50, 51]).tolist()


def test_a_receiver_that_finds_its_place_again_keeps_every_row() -> None:
    trace = round_trip()
    assert len(but_strays(moved(trace, slice(200, 400), 6.0))[1]) == len(trace)


@pytest.mark.parametrize("rate_hz", [1, 5, 10, 25])
@pytest.mark.parametrize("noise_m", [0.0, 0.3, 2.0])
def test_a_wandering_receiver_keeps_every_row_at_any_rate(rate_hz: float, noise_m: float) -> None:
    course, _ = drive.laps_of([40.0, 40.0])
    noise = np.random.default_rng(3).normal(0, noise_m, (4_000, 2))
    trace = course.trace(rate_hz, noise_m=noise)
    assert len(but_strays(trace)[1]) == len(trace)


def test_nothing_is_foretold_over_a_gap() -> None:
    trace = round_trip()
    keep = np.r_[0:100, 300:len(trace)]
    parted = Trace(trace.t_us[keep], trace.lat_deg[keep], trace.lon_deg[keep], trace.speed_mps[keep])
    assert len(but_strays(parted)[1]) == len(parted)
    assert len(but_strays(moved(parted, 100, 20.0))[1]) == len(parted) - 1
    keep = np.r_[0:100, 150, 300:len(trace)]
    alone = Trace(trace.t_us[keep], trace.lat_deg[keep], trace.lon_deg[keep], trace.speed_mps[keep])
    assert len(but_strays(alone)[1]) == len(alone)


def test_a_stray_in_a_file_is_left_out_of_every_column_and_counted() -> None:
    lat, stamp = f"{Drive.lat[100]:.8f}", f"{round((START.timestamp() + 10) * 1000)},"
    lines = [line.replace(lat, f"{Drive.lat[100] + 1e-4:.8f}") if line.startswith(stamp) else line
             for line in WRITTEN["dovex"]().splitlines()]
    recording = formats.read("\n".join(lines).encode())
    assert recording.faults == ("Rows left out because their place cannot be: 1.",)
    assert 10 * SECOND not in recording.trace.t_us
    assert len(recording.channels["rpm"]) == len(recording.trace)
    assert np.max(np.abs(recording.trace.speed_mps - SPEED_MPS)) < 1e-3
