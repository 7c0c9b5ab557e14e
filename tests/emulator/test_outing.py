"""What an emulated Solo records: the drive the loops see, told by a receiver, in the unit's own kind of file."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import numpy as np
import pytest

from trackd.core.time import MS, SECOND
from trackd.emulator import course
from trackd.emulator.field import Field, FieldPassing
from trackd.emulator.outing import Outing, outing
from trackd.emulator.pace import HURRY, Pace
from trackd.emulator.solo_file import xrz
from trackd.gps.layouts import layout_of
from trackd.gps.readers.formats import read
from trackd.gps.segment import segment
from trackd.gps.trace import Recording

UTC_US = 1_790_000_000 * SECOND
LAYOUT = layout_of(course.layout("Main"))


def field(seed: int = 3, **how: float) -> Field:
    return Field(seed=seed, karts=4, lap_s=course.LAP_S, sectors=2, shares=course.shares(), **how)  # type: ignore[arg-type]


def passings(of: Field, kart: int, duration_s: float = 300) -> list[FieldPassing]:
    return [each for each in of.passings(duration_s) if each.transponder == of.entries[kart].transponder]


def recorded(of: Outing) -> Recording:
    return read(xrz(of, UTC_US, serial=500_417, vehicle="Kart 1", venue="Nowhere"), "a_0001.xrz")


def test_a_lap_of_the_course_takes_the_time_of_its_stretches_and_no_corner_is_faster_than_its_grip() -> None:
    assert math.isclose(sum(course.shares()), 1)
    assert 30 < course.LAP_S < 40
    assert 550 < course.LENGTH_M < 650
    for a, b, speed in zip(course.SPOTS[:-4], course.SPOTS[4:], course.SPEEDS[2:], strict=False):
        turned = abs((b.heading - a.heading + math.pi) % math.tau - math.pi)
        assert speed**2 * turned / 4 < 1.3 * course.GRIP
    assert math.dist(course.SPOTS[-1][:2], course.SPOTS[0][:2]) == pytest.approx(course.STEP_M, abs=0.05)


def test_its_lines_lie_across_the_course_where_the_loops_are_and_count_in_the_direction_it_is_driven() -> None:
    assert [gate.role for gate in (LAYOUT.start_finish, *LAYOUT.sectors)] == list(course.LINES)
    for gate in (LAYOUT.start_finish, *LAYOUT.sectors):
        at = course.spot(course.line_m(gate.role))
        middle = ((gate.a.lat_deg + gate.b.lat_deg) / 2, (gate.a.lon_deg + gate.b.lon_deg) / 2)
        assert middle == pytest.approx(course.degrees_at(at.east_m, at.north_m), abs=1e-6)
        assert gate.heading_deg == pytest.approx((90 - math.degrees(at.heading)) % 360, abs=0.1)


@pytest.mark.parametrize(("seed", "kart"), [(3, 0), (3, 1), (4, 2), (5, 3)])
def test_every_lap_of_a_recording_is_a_lap_of_the_loops_within_the_error_of_its_receiver(seed: int, kart: int) -> None:
    found = outing(passings(field(seed), kart), seed=f"{seed}")
    laps = [lap for lap in segment(recorded(found).trace, LAYOUT) if lap.kind == "full"]
    times_us = [b - a for a, b in pairwise(found.crossed_us)]
    assert len(laps) == len(times_us) >= 6
    off_ms = [(lap.time_us - time_us) / MS for lap, time_us in zip(laps, times_us, strict=True)]
    assert 2 < np.std(off_ms) < 40
    assert max(map(abs, off_ms)) < 100
    assert {lap.quality for lap in laps} == {"valid"}
    assert all(None not in lap.sectors_us for lap in laps)


def test_spins_and_pit_stops_are_in_the_recording_as_they_are_in_the_passings() -> None:
    found = outing(passings(field(6, pit_rate=0.3, spin_rate=0.3), 0, 600), seed="6")
    slow = min(sample.speed_mps for sample in found.samples)
    laps = [lap for lap in segment(recorded(found).trace, LAYOUT) if lap.kind == "full"]
    times_us = [b - a for a, b in pairwise(found.crossed_us)]
    assert slow < 3
    assert max(times_us) > 45 * SECOND
    assert [lap.time_us for lap in laps] == pytest.approx(times_us, abs=100 * MS)


def test_the_file_tells_what_a_solo_tells_and_the_laps_it_counted() -> None:
    found = outing(passings(field(), 0), rate_hz=25, seed="3")
    recording = recorded(found)
    assert (recording.format, recording.vehicle, recording.venue, recording.driver) == ("xrk", "Kart 1", "Nowhere", "")
    assert recording.device.endswith("500417")
    assert recording.faults == ()
    assert recording.utc_us == UTC_US
    assert recording.trace.rate_hz == 25
    assert recording.device_laps.marks_us == tuple(at_us // MS * MS for at_us in found.crossed_us)
    places = np.array([(each.lat_deg, each.lon_deg) for each in found.samples])
    read_back = np.stack((recording.trace.lat_deg, recording.trace.lon_deg), axis=1)
    assert np.max(np.abs(places - read_back) * (course.NORTH_M, course.EAST_M)) < 0.02
    assert recording.trace.speed_mps == pytest.approx([each.speed_mps for each in found.samples], abs=0.02)


def test_the_same_seed_records_the_same_and_another_wanders_differently() -> None:
    own = passings(field(), 0)
    assert outing(own, seed="a") == outing(own, seed="a")
    assert outing(own, seed="a").crossed_us == outing(own, seed="b").crossed_us
    assert outing(own, seed="a").samples != outing(own, seed="b").samples


def test_a_kart_that_passed_nothing_recorded_nothing() -> None:
    with pytest.raises(ValueError, match="takes a passing"):
        outing([])


def test_a_hurried_pace_makes_its_lead_up_and_then_goes_on_at_its_speed() -> None:
    ours = [100.0]
    pace = Pace(2, lead_s=118, monotonic=lambda: ours[0])
    ours[0] += 3
    assert (pace.seconds(), pace.behind_s()) == (6, 118)
    pace.hurry()
    ours[0] += 1
    assert (pace.seconds(), pace.behind_s()) == (6 + HURRY, 118 - (HURRY - 1))
    ours[0] += 5
    assert (pace.seconds(), pace.behind_s()) == (6 + 2 * HURRY + 4 * 2, 0)
    assert Pace(100, lead_s=118).behind_s() == 0


def test_who_sleeps_through_the_end_of_a_hurry_wakes_at_the_right_time() -> None:
    async def slept() -> float:
        pace = Pace(30, lead_s=5)
        pace.hurry()
        before = pace.seconds()
        await pace.sleep(6)
        return pace.seconds() - before

    assert 6 <= asyncio.run(slept()) < 60
