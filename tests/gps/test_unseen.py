"""Tracks and receivers nobody has seen: every lap that was driven is found, and no other without a flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest

from tests.gps.tracks import (
    CORNERS,
    DATE_LINE,
    HIGH,
    SOUTH,
    Array,
    Drive,
    Receiver,
    Track,
    laps,
    track,
    without,
)
from trackd.gps.recognise import recognise, reference_of
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Trace

SHAPES = sorted(CORNERS)
NEAR_S = 1.2
"""A crossing this far from a true one is another."""


@dataclass
class Held:
    """What was found held against what was driven. ``off_ms`` and ``sigmas``: of laps that were found, flagged or not."""

    lost: int = 0
    extra: int = 0                                 # without a flag
    flags: set[str] = field(default_factory=set)
    off_ms: list[float] = field(default_factory=list)
    sigmas: list[float] = field(default_factory=list)

    def __add__(self, other: Held) -> Held:
        return Held(self.lost + other.lost, self.extra + other.extra, self.flags | other.flags, self.off_ms + other.off_ms,
                    self.sigmas + other.sigmas)

    @property
    def sound(self) -> bool:
        """Whether every lap was found and no other."""
        return (self.lost, self.extra) == (0, 0)


def full(found: Sequence[GpsLap]) -> list[GpsLap]:
    return [lap for lap in found if lap.kind == "full"]


def held(found: Sequence[GpsLap], crossed_s: Array) -> Held:
    left, held_against = full(found), Held()
    for start, end in pairwise(crossed_s):
        here = [lap for lap in left if abs(lap.start_us / 1e6 - start) < NEAR_S and abs(lap.end_us / 1e6 - end) < NEAR_S]
        held_against.lost += not here
        for lap in here:
            left.remove(lap)
            off_us = lap.time_us - (end - start) * 1e6
            held_against += Held(flags=set(lap.flags), off_ms=[abs(off_us) / 1e3], sigmas=[abs(off_us) / lap.sigma_us])
    return held_against + Held(extra=sum(not lap.flags for lap in left), flags={flag for lap in left for flag in lap.flags})


def driven(shape: str, receiver: Receiver, seeds: Sequence[int] = (1,), *, count: int = 8, half_m: float = 6.0,
           top_kmh: float = 70.0) -> Held:
    on, all_held = track(shape, top_kmh), Held()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        drive = laps(on, count, rng)
        all_held += held(segment(receiver.told(drive, rng), receiver.layout(on, half_m=half_m)), drive.crossed_s())
    return all_held


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("rate_hz", "within_ms"), [(1, 60), (5, 3), (10, 1), (18, 1), (25, 1), (50, 1), (100, 1)])
def test_on_any_track_at_any_rate_all_laps_are_found_as_exactly_as_the_rate_permits(shape: str, rate_hz: float,
                                                                                   within_ms: float) -> None:
    found = driven(shape, Receiver(rate_hz))
    assert found.sound
    assert max(found.off_ms) <= within_ms


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("top_kmh", [20, 120])
def test_slow_karts_and_fast_ones_are_timed_to_the_millisecond(shape: str, top_kmh: float) -> None:
    found = driven(shape, Receiver(10), top_kmh=top_kmh)
    assert found.sound
    assert max(found.off_ms) <= 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("rate_hz", "white_m"), [(1, 0.5), (5, 0.5), (10, 0.2), (10, 1.5), (25, 1.5), (100, 0.5)])
def test_places_that_jump_lose_no_lap_and_the_stated_error_grows(shape: str, rate_hz: float, white_m: float) -> None:
    found = driven(shape, Receiver(rate_hz, white_m=white_m, drift_m=0.3), (1, 2), count=6)
    assert found.sound
    assert np.mean(np.array(found.sigmas) <= 1.96) >= 0.9            # of twelve laps one may be outside


def test_places_that_jump_by_a_metre_are_smoothed() -> None:
    for shape in SHAPES:
        found = driven(shape, Receiver(25, white_m=1.0), (1, 2))
        assert np.median(found.off_ms) < 40                           # of single places: a metre at 8 to 20 m/s


def test_in_any_drift_the_stated_error_holds_for_95_of_100_laps() -> None:
    for drift_m in (0.5, 1.0, 1.5):
        receiver = Receiver(10, drift_m=drift_m, white_m=0.03)
        found = sum((driven(shape, receiver, range(3), count=12) for shape in SHAPES), Held())
        assert found.sound
        assert np.mean(np.array(found.sigmas) <= 1.96) >= 0.93


@pytest.mark.parametrize("shape", SHAPES)
def test_uneven_samples_and_missing_ones_lose_no_lap(shape: str) -> None:
    for receiver in (Receiver(18, jitter=0.9), Receiver(10, dropped=0.1), Receiver(25, dropped=0.3, white_m=0.2)):
        assert driven(shape, receiver).sound


@pytest.mark.parametrize("gap_s", [1.0, 2.5, 6.0, 20.0])
def test_over_gaps_no_lap_is_lost_or_made_without_a_flag(gap_s: float) -> None:
    for seed, shape in enumerate(SHAPES):
        rng, on, receiver = np.random.default_rng(seed), track(shape), Receiver(10, drift_m=0.3)
        drive = laps(on, 10, rng)
        trace = receiver.told(drive, rng)
        t_s = trace.t_us / 1e6
        gaps = rng.uniform(10, t_s[-1] - 10, 5)
        there = ~np.any([np.abs(t_s - gap) < gap_s / 2 for gap in gaps], axis=0)
        found = segment(without(trace, there), receiver.layout(on))
        told = held(found, drive.crossed_s())
        assert told.extra == 0
        assert told.lost == 0 or {"gap", "lost"} & told.flags
        assert gap_s > 3 or told.lost == 0


@pytest.mark.parametrize("at", [HIGH, SOUTH, DATE_LINE])
def test_anywhere_on_earth_a_lap_takes_as_long(at: object) -> None:
    for shape in ("indoor", "outdoor", "eight"):
        found = driven(shape, Receiver(10, at=at, turn_deg=77))      # type: ignore[arg-type]
        assert found.sound
        assert max(found.off_ms) <= 1


def test_a_layout_on_the_180th_meridian_is_recognised() -> None:
    receiver, on, rng = Receiver(10, at=DATE_LINE, turn_deg=30, drift_m=0.3), track("outdoor"), np.random.default_rng(1)
    trace = receiver.told(laps(on, 5, rng), rng)
    assert np.ptp(trace.lon_deg) > 359
    drawn = receiver.layout(on)
    known = replace(drawn, reference=reference_of(trace, segment(trace, drawn)))
    assert recognise(receiver.told(laps(on, 2, rng), rng), {"here": known}).layout == "here"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tiny_track_with_straights_side_by_side_is_recognised_either_way_round_in_one_lap(shape: str) -> None:
    on, rng, told = track(shape), np.random.default_rng(2), Receiver(10, drift_m=0.3)
    trace, drawn, turned = told.told(laps(on, 8, rng), rng), told.layout(on), told.layout(on, heading=180.0)
    way = reference_of(trace, segment(trace, drawn))
    layouts = {"there": replace(drawn, reference=way), "back": replace(turned, reference=way[::-1])}
    outings = {Receiver(10, drift_m=1.5, white_m=0.03): (1, 1, 1, 3, 5), Receiver(1, drift_m=0.5): (1, 3),
               Receiver(25, white_m=0.5): (1,)}
    for receiver, counts in outings.items():
        for count in counts:
            trace = receiver.told(laps(on, count, rng), rng)
            assert recognise(trace, layouts).layout == "there"
            assert recognise(backwards(trace), layouts).layout == "back"


# Lines that were not drawn well


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("half_m", [0.5, 1, 3, 8, 15, 60, 200])
def test_a_line_may_be_far_too_short_or_lie_over_every_other_straight(shape: str, half_m: float) -> None:
    found = driven(shape, Receiver(10, drift_m=0.5, white_m=0.02), (3, 4), half_m=half_m)
    assert found.sound
    assert half_m <= 3 or found.flags <= {"turned"}
    assert half_m > 0.5 or shape == "hairpin" or "beside" in found.flags


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("heading", [None, 40.0, -40.0])
def test_the_ends_of_a_line_may_be_swapped_and_its_direction_missing_or_only_about_right(
        shape: str, turned: bool, heading: float | None) -> None:
    on, rng, receiver = track(shape), np.random.default_rng(5), Receiver(10, drift_m=0.5)
    drive = laps(on, 8, rng)
    layout = receiver.layout(on, turned=turned, heading=heading)
    assert held(segment(receiver.told(drive, rng), layout), drive.crossed_s()).sound


# What drivers do


def backwards(trace: Trace) -> Trace:
    return replace(trace, lat_deg=trace.lat_deg[::-1], lon_deg=trace.lon_deg[::-1])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_track_driven_backwards_has_no_laps_although_the_line_lies_over_another_straight(shape: str) -> None:
    on, rng, receiver = track(shape), np.random.default_rng(6), Receiver(10, drift_m=1.0)
    trace = backwards(receiver.told(laps(on, 6, rng), rng))
    for half_m in (4.0, 8.0):
        assert full(segment(trace, receiver.layout(on, half_m=half_m))) == []


def then_again(first: Drive, again: Drive, count: int) -> Drive:
    """The second drive after the first, which ended where it begins, ``count`` laps on."""
    return Drive(first.on, np.concatenate((first.t_s, first.t_s[-1] + again.t_s[1:])),
                 np.concatenate((first.went_m, count * first.on.length_m + again.went_m[1:])),
                 np.concatenate((first.aside_m, again.aside_m[1:])))


@pytest.mark.parametrize("shape", SHAPES)
def test_who_spins_and_comes_back_over_the_line_at_once_ends_his_lap_the_first_time(shape: str) -> None:
    on, rng = track(shape), np.random.default_rng(7)
    first = laps(on, 4, rng, after_m=18, wide_m=0.2).then((0, 0.5), (-35, 4), (0, 0.5))
    drive = then_again(first.then((17, 2.5)), laps(on, 4, rng, before_m=0, wide_m=0.2), 4)
    crossed = np.delete(drive.crossed_s(), 5)                        # the second time over the line
    assert held(segment(Receiver(10).told(drive, rng), Receiver(10).layout(on)), crossed).sound


@pytest.mark.parametrize("shape", SHAPES)
def test_who_comes_back_over_the_line_much_later_makes_a_lap_that_says_so(shape: str) -> None:
    on, rng = track(shape), np.random.default_rng(8)
    first = laps(on, 4, rng, after_m=25, wide_m=0.2).then((0, 60), (-45, 12), (0, 5), (20, 3.5))
    drive = then_again(first, laps(on, 4, rng, before_m=0, wide_m=0.2), 4)
    found = segment(Receiver(10).told(drive, rng), Receiver(10).layout(on))
    assert held(found, drive.crossed_s()).sound
    assert [lap.flags for lap in full(found)] == [()] * 4 + [("turned",)] + [()] * 4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("before_m", [0.8, 1.5, 6.0])
def test_a_standing_start_right_before_the_line_begins_lap_1(shape: str, before_m: float) -> None:
    on, rng = track(shape), np.random.default_rng(9)
    drive = laps(on, 5, rng, before_m=before_m, standing=True)
    found = segment(Receiver(10).told(drive, rng), Receiver(10).layout(on))
    assert held(found, drive.crossed_s()).sound
    assert ("slow" in full(found)[0].flags) == (before_m < 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place_m", [-3.0, 3.0])
def test_ten_minutes_parked_by_the_line_make_no_crossing_however_places_wander_and_jump(shape: str, place_m: float) -> None:
    on, rng = track(shape), np.random.default_rng(10)
    first = laps(on, 3, rng, after_m=-12, wide_m=0.2).then((12 + place_m, (12 + place_m) / 3.5), (0, 600))
    drive = then_again(first, laps(on, 4, rng, before_m=-place_m, standing=True, wide_m=0.2), 3)
    for receiver in (Receiver(10), Receiver(10, drift_m=1.5, white_m=0.05), Receiver(25, drift_m=1.0, white_m=0.5)):
        found = segment(receiver.told(drive, rng), receiver.layout(on))
        told = held(found, drive.crossed_s())
        assert told.extra == 0
        assert told.lost <= 2                                        # those that begin and end where it was parked
        assert len(full(found)) == 7 or "slow" in told.flags


def pit_visits(on: Track, rng: np.random.Generator) -> Drive:
    """Nine laps, two of them through a lane 7 m beside the line."""
    drive = laps(on, 9, rng, wide_m=0.2)
    aside = drive.aside_m.copy()
    for lap in (3, 6):
        aside -= 7 * np.clip((40 - np.abs(drive.went_m - lap * on.length_m)) / 15, 0, 1)
    return replace(drive, aside_m=aside)


@pytest.mark.parametrize("shape", ["outdoor", "eight", "triangle"])
def test_laps_through_a_pit_lane_beside_the_line_count_where_the_line_lies_over_it(shape: str) -> None:
    rng, on = np.random.default_rng(11), track(shape)
    drive = pit_visits(on, rng)
    trace, crossed = Receiver(10).told(drive, rng), drive.crossed_s()
    assert held(segment(trace, Receiver(10).layout(on, half_m=9.0)), crossed).sound
    assert held(segment(trace, Receiver(10).layout(on, half_m=4.0)), np.delete(crossed, [3, 6])).sound


def test_a_lap_of_less_than_half_of_the_rest_is_a_warning() -> None:
    on, rng = track("outdoor"), np.random.default_rng(12)
    drive = laps(on, 6, rng)
    crossed = drive.crossed_s()
    trace = Receiver(10).told(drive, rng)
    t_s, end = trace.t_us / 1e6, crossed[4] - 15
    earlier_us = np.where(t_s >= end, round((crossed[4] - crossed[3] - 30.2) * 1e6), 0)
    cut = without(replace(trace, t_us=trace.t_us - earlier_us), (t_s <= crossed[3] + 15) | (t_s >= end))    # a short way
    found = full(segment(cut, Receiver(10).layout(on, half_m=8.0)))
    assert [lap.flags for lap in found] == [(), (), (), ("soon",), (), ()]
    assert found[3].time_us == pytest.approx(30_200_000, abs=1_000)
