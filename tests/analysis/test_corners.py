"""Corners: found once, where they are; measured in every lap, as it was driven."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.analysis import circuit
from tests.analysis.circuit import CORNERS, LENGTH_M, SPEED, S, driven, slower
from tests.gps.drive import ROUND, laps_of
from trackd.analysis.corners import RENTAL_CUTS_KMH, brakings, corners_between, corners_of, measured, paced, terciles
from trackd.analysis.delta import lay
from trackd.analysis.laps import LapTrace, lap_trace
from trackd.analysis.reference import ReferenceLine, line_of_laps
from trackd.gps.segment import segment

LINE = circuit.line()
FOUND = corners_of(LINE)
ALIKE = 1 / SPEED
APEX_KMH = [3.6 * SPEED[(S[:-1] >= each.from_m) & (S[:-1] < each.to_m)].min() for each in CORNERS]
ONSETS_M = S[:-1][np.flatnonzero(np.diff(circuit.BRAKED.astype(int), prepend=0) == 1)]


def noisy_line(seed: int, rate_hz: float = 10) -> ReferenceLine:
    line = line_of_laps(driven([ALIKE] * 10, rate_hz, drift_m=0.5, white_m=0.05, speed_mps=0.05, seed=seed))
    assert line
    return line


@pytest.mark.parametrize("line", [LINE, noisy_line(1), noisy_line(2, 25)], ids=["exact", "10 Hz", "25 Hz"])
def test_all_ten_corners_and_no_other_are_found_with_their_place_direction_and_speed(line: ReferenceLine) -> None:
    found = corners_of(line)
    assert [each.name for each in found] == [f"T{n}" for n in range(1, 11)]
    assert [each.direction for each in found] == [each.direction for each in CORNERS]
    for corner, true, apex_kmh in zip(found, CORNERS, APEX_KMH, strict=True):
        assert (corner.begin_m, corner.end_m) == pytest.approx((true.from_m, true.to_m), abs=4)
        assert corner.speed_kmh == pytest.approx(apex_kmh, abs=0.6)
        assert corner.entry_m < corner.begin_m <= corner.apex_m <= corner.end_m < corner.exit_m
        assert corner.begin_m <= corner.tightest_m <= corner.end_m
    for one, two in pairwise(found):
        assert one.exit_m <= two.entry_m                         # windows never share a metre


def test_the_radius_of_a_corner_is_the_one_it_was_built_with() -> None:
    assert [each.radius_m for each in FOUND] == pytest.approx([12, 15, 10, 20, 14] * 2, rel=0.05)


def test_a_track_that_only_bends_wide_has_no_corner() -> None:
    trace = laps_of([40.0, 40.0])[0].trace(10)
    laps = [lap_trace(trace, lap) for lap in segment(trace, ROUND) if lap.kind == "full"]
    line = line_of_laps(laps)
    assert line
    assert corners_of(line) == ()
    assert measured((), lay(line, laps[0])) == ()


def test_corners_are_slow_medium_and_fast_by_thirds_or_by_cuts_of_ones_own() -> None:
    speeds = {pace: [each.speed_kmh or 0 for each in FOUND if each.pace == pace] for pace in ("slow", "medium", "fast")}
    assert [len(each) for each in speeds.values()] == [3, 4, 3]
    assert max(speeds["slow"]) < min(speeds["medium"]) < max(speeds["medium"]) < min(speeds["fast"])
    assert terciles([30.0, 40.0, 50.0, 60.0]) == (40.0, 50.0)
    assert RENTAL_CUTS_KMH == (45, 60)
    assert [each.pace for each in corners_of(LINE, (40.0, 50.0))] == [
        "slow" if v < 40 else "fast" if v > 50 else "medium" for v in APEX_KMH]
    assert [each.pace for each in paced([replace(each, speed_kmh=42.0) for each in FOUND])] == ["medium"] * 10


def test_corners_somebody_chose_keep_their_bends_and_one_without_speeds_has_no_pace() -> None:
    mute = replace(LINE, speed_mps=np.full(len(LINE.s_m), np.nan))
    chosen = corners_between(mute, [(30.0, 50.0), (129.0, 151.0)])
    assert [(each.number, each.begin_m, each.end_m, each.speed_kmh, each.pace) for each in chosen] == [
        (1, 30.0, 50.0, None, None), (2, 129.0, 151.0, None, None)]
    assert all(each.apex_m == each.tightest_m for each in chosen)
    assert len(corners_of(mute)) == 10
    assert len(corners_between(LINE, [(45.2, 45.3)])) == 1


@pytest.mark.parametrize(("rate_hz", "late_m"), [(10, 0.9), (25, 0.4)])
def test_braking_or_lift_begins_within_a_metre_or_so_of_where_it_did_and_apexes_are_as_slow_as_they_were(
        rate_hz: float, late_m: float) -> None:
    """METHODS 3: onset +0.9 +- 0.5 m at 10 Hz, +0.4 +- 0.3 m at 25 Hz; apex -0.08 +- 0.11 km/h; ten corners.

    Places drift by 0.5 m, which here comes on top."""
    off_m, off_kmh, zones = [], [], []
    for seed in range(6):
        for lap in driven([ALIKE] * 3, rate_hz, drift_m=0.5, white_m=0.03, speed_mps=0.03, seed=seed)[:3]:
            laid = lay(LINE, lap)
            found = brakings(laid)
            zones.append(len(found))
            off_m += [float(each.from_m - ONSETS_M[np.argmin(np.abs(ONSETS_M - each.from_m))]) for each in found]
            off_kmh += [(corner.apex_kmh or 0) - true for corner, true in zip(measured(FOUND, laid), APEX_KMH, strict=True)]
            assert all(each.to_m > each.from_m and each.hardest_mps2 < -2 for each in found)
    assert np.mean(zones) == pytest.approx(len(ONSETS_M), abs=0.2)
    assert np.mean(off_m) == pytest.approx(late_m, abs=0.5)
    assert np.std(off_m) < 1.2
    assert np.mean(off_kmh) == pytest.approx(-0.08, abs=0.08)
    assert np.std(off_kmh) < 0.15


def test_rolling_with_the_engine_holding_back_is_no_braking() -> None:
    lap = driven([ALIKE], 10)[0]
    rolls = replace(lap, speed_mps=20 - 1.0 * lap.t_us / 1e6 % 15)
    steady = replace(lap, speed_mps=np.full(len(lap), 15.0))
    assert brakings(lay(LINE, steady)) == ()
    assert len(brakings(lay(LINE, replace(rolls, speed_mps=20 - 0.2 * lap.t_us / 1e6)))) == 0


def test_what_was_lost_in_one_corner_is_said_of_that_corner_alone() -> None:
    zone = CORNERS[2]
    ref, lap = (lay(LINE, each) for each in driven([ALIKE, slower(0.3, zone.from_m, zone.to_m)], 25))
    corners = measured(FOUND, lap, ref)
    assert [each.number for each in corners] == list(range(1, 11))
    assert [each.lost_us or 0 for each in corners] == pytest.approx([0, 0, 300_000, *[0] * 7], abs=8_000)
    assert corners[2].sigma_us == pytest.approx(30_000, rel=0.02)
    before = measured(FOUND, ref)[2]
    assert before.lost_us is None
    assert (corners[2].apex_kmh or 99) < (before.apex_kmh or 0) - 3
    assert (corners[2].time_us or 0) - (before.time_us or 0) == corners[2].lost_us


def test_entry_speed_is_that_where_braking_begins_and_exit_speed_that_at_the_exit() -> None:
    corners = measured(FOUND, lay(LINE, driven([ALIKE], 25)[0]))
    for corner, window, onset in zip(corners[1:], FOUND[1:], ONSETS_M[1:], strict=True):
        assert corner.slowed_m == pytest.approx(onset, abs=1.6)
        at = S[:-1] * LINE.length_m / LENGTH_M
        assert corner.entry_kmh == pytest.approx(3.6 * np.interp(corner.slowed_m or 0, at, SPEED), abs=0.8)
        assert corner.exit_kmh == pytest.approx(3.6 * np.interp(window.exit_m, at, SPEED), abs=0.8)


def test_a_corner_that_nobody_slows_down_for_takes_its_entry_speed_at_its_entry() -> None:
    lap = driven([ALIKE], 25)[0]
    since = lay(LINE, replace(lap, speed_mps=np.where(lap.t_us < 20e6, lap.speed_mps, 11.0)))
    first, last = measured(FOUND, since)[0], measured(FOUND, since)[-1]
    assert first.slowed_m is not None
    assert (last.slowed_m, last.entry_kmh, last.apex_kmh) == (None, pytest.approx(39.6), pytest.approx(39.6))


def test_laps_without_speed_or_off_the_line_have_unknown_corners() -> None:
    lap = driven([ALIKE], 10)[0]
    mute = lay(LINE, replace(lap, speed_mps=np.full(len(lap), np.nan)))
    for corner in measured(FOUND, mute, mute):
        assert (corner.entry_kmh, corner.apex_kmh, corner.apex_m, corner.exit_kmh, corner.slowed_m) == (None,) * 5
        assert corner.lost_us == 0
        assert corner.time_us
    gone = lay(LINE, replace(lap, lat_deg=lap.lat_deg[::-1], lon_deg=lap.lon_deg[::-1]))
    for corner in measured(FOUND, gone, mute):
        assert (corner.entry_kmh, corner.apex_kmh, corner.exit_kmh, corner.time_us, corner.lost_us) == (None,) * 5
    assert brakings(gone) == brakings(mute) == ()
    part = replace(lap, speed_mps=np.where(lap.t_us < 20e6, lap.speed_mps, np.nan))
    known = [corner.apex_kmh is not None for corner in measured(FOUND, lay(LINE, part))]
    assert known == sorted(known, reverse=True)
    assert 2 < sum(known) < 9


def smooth_line(rng: np.random.Generator, sd_m: float) -> np.ndarray:
    """A line that differs from the middle by so much, in a few slow waves round the lap."""
    at = 2 * np.pi * S[:-1] / LENGTH_M
    waves = sum(rng.normal() * np.cos(n * at) + rng.normal() * np.sin(n * at) for n in range(1, 9))
    out: np.ndarray = waves / np.std(waves) * sd_m
    return out


@pytest.mark.parametrize(("drift_m", "least", "most"), [(0.5, 0.95, 1.0), (1.0, 0.9, 0.99), (1.5, 0.9, 0.99)])
def test_what_a_corner_lost_lies_within_the_stated_uncertainty_as_often_as_that_says(
        drift_m: float, least: float, most: float) -> None:
    """Equal laps, of one recording and of two, lines that differ by 0.25 m: nothing was lost anywhere."""
    rng, held = np.random.default_rng(3), []
    for trial in range(50):
        def laps(count: int) -> list[LapTrace]:
            return driven([ALIKE] * count, 10, aside_m=[smooth_line(rng, 0.25) for _ in range(count)],
                                  drift_m=drift_m, white_m=0.03, seed=int(rng.integers(1 << 30)))
        one, other = laps(2) if trial % 2 else (*laps(1), *laps(1))
        for each in measured(FOUND, lay(LINE, one), lay(LINE, other)):
            assert each.lost_us is not None
            held.append(abs(each.lost_us) <= 1.96 * each.sigma_us)
    assert least <= np.mean(held) <= most
