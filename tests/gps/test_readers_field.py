"""Recordings as they come from the field: any place, rate and dialect gives the true laps, or a sentence says why not."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from tests.gps import damage, field
from tests.gps.dialects import AIM, DIALECTS, DOVEX, FORMATS, GPX, NMEA, RACECHRONO, RACELOGIC, RMC, VBO, Write, named
from tests.gps.field import SPEEDS, aim, behind_gate, gpx, nmea, racechrono, vbo, xrk
from tests.gps.outings import LEIPZIG, OREGON, PLACES, START, SYDNEY, Outing, drive, held, lost
from trackd.core.time import MS, SECOND, micros
from trackd.gps.layouts import Layout
from trackd.gps.readers import formats
from trackd.gps.readers.forward import STEPPED_ONCE
from trackd.gps.readers.laid import UNMEASURED
from trackd.gps.readers.speeds import UNFIT_SPEEDS
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Recording, Unreadable

NO_NAMES = "Its laps and names could not be read."
out = cache(drive)


def read(written: str | bytes) -> Recording:
    return formats.read(written.encode() if isinstance(written, str) else written)


def laps_of(recording: Recording, layout: Layout) -> list[GpsLap]:
    return [lap for lap in segment(recording.trace, layout) if lap.kind == "full"]


def true_laps(written: str | bytes, outing: Outing, *, within_ms: float = 2, faults: tuple[str, ...] = (),
              speeds: bool = True) -> Recording:
    """It reads to every lap that was driven and no other, with the speeds that were driven."""
    recording = read(written)
    assert recording.faults == faults
    laps = laps_of(recording, outing.layout)
    assert len(laps) == len(outing.laps_us)
    assert max(abs(lap.time_us - true) for lap, true in zip(laps, outing.laps_us, strict=True)) <= within_ms * MS
    assert {lap.quality for lap in laps} == {"valid"}
    if speeds:
        driven = np.interp(recording.trace.t_us / SECOND, outing.t_s, outing.speed)
        assert np.max(np.abs(recording.trace.speed_mps - driven)[1:-1]) < 0.7
    else:
        assert np.all(np.isnan(recording.trace.speed_mps))
    return recording


def no_unflagged_wrong_lap(written: str | bytes, outing: Outing, within_ms: float = 20) -> tuple[Recording, list[GpsLap]]:
    """Each lap that counts for valid is one that was driven."""
    recording = read(written)
    laps = laps_of(recording, outing.layout)
    for lap in laps:
        assert lap.quality != "valid" or min(abs(lap.time_us - true) for true in outing.laps_us) <= within_ms * MS
    return recording, laps


def refused(written: str | bytes) -> str:
    with pytest.raises(Unreadable) as told:
        read(written)
    return told.value.faults[0].what


# Anywhere, at any rate


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("place", PLACES)
def test_every_format_gives_the_true_laps_anywhere_on_earth(form: str, place: str) -> None:
    outing = out(PLACES[place], 10, 1)
    recording = true_laps(FORMATS[form](outing), outing, within_ms=4, faults=(NO_NAMES,) if form == "xrk" else ())
    assert recording.format == form
    assert recording.utc_us == (None if form == "aim_csv" else micros(START))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rate_hz", [1, 2, 5, 8, 18, 20, 25, 50, 100])
def test_every_format_gives_the_true_laps_at_any_rate(form: str, rate_hz: float) -> None:
    outing = out(SYDNEY, rate_hz, 1)
    recording = true_laps(FORMATS[form](outing), outing, within_ms=150 if rate_hz < 5 else 4,
                          faults=(NO_NAMES,) if form == "xrk" else ())
    assert recording.trace.rate_hz == pytest.approx(rate_hz, rel=0.02)
    assert len(recording.trace) > 0.97 * len(outing.t_s)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rate_hz", [5, 10, 25])
def test_a_drive_of_even_straights_and_sharp_corners_keeps_every_row(form: str, rate_hz: float) -> None:
    t = np.arange(0, 90, 1 / rate_hz)
    at, side = np.modf(t * 15 / 120)                                           # round a square of 120 m
    corners = np.array([(0, 0), (120, 0), (120, 120), (0, 120)])
    begin, end = (corners[((side + by) % 4).astype(int)] for by in (0, 1))
    east, north = (begin + at[:, None] * (end - begin)).T
    drawn = out(LEIPZIG, 10)
    square = replace(drawn, t_s=t, lat=LEIPZIG.lat_deg + north / 111_260, lon=LEIPZIG.lon_deg + east / 69_690,
                     speed=np.full(len(t), 15.0), heading=np.zeros(len(t)), rate_hz=rate_hz,
                     crossings_s=np.array([4.0, 36.0]))
    recording = read(FORMATS[form](square))
    assert recording.faults == ((NO_NAMES,) if form == "xrk" else ())
    assert len(recording.trace) == len(t)


@pytest.mark.parametrize("form", ["aim_csv", "racechrono", "dovex", "gpx"])
def test_places_with_too_few_decimals_are_refused_and_with_enough_are_not(form: str) -> None:
    outing = out(SYDNEY, 10)
    rounded = {digits: replace(outing, lat=np.round(outing.lat, digits), lon=np.round(outing.lon, digits))
               for digits in (4, 5, 6)}
    assert refused(FORMATS[form](rounded[4])).startswith("Its places have too few decimals for lap times")
    minutes = replace(outing, lat=np.round(outing.lat * 60, 2) / 60, lon=np.round(outing.lon * 60, 2) / 60)
    assert refused(nmea(minutes)).startswith("Its places have too few decimals for lap times")
    for digits, within_ms in ((5, 150), (6, 20)):
        _, laps = no_unflagged_wrong_lap(FORMATS[form](rounded[digits]), outing, within_ms)
        assert len(laps) == len(outing.laps_us)


# AiM CSV


@pytest.mark.parametrize("name", AIM)
def test_an_aim_csv_of_any_dialect_gives_the_true_laps(name: str) -> None:
    outing = out(SYDNEY, 20)
    recording = true_laps(AIM[name](outing), outing)
    if name != "no head":
        assert np.abs(np.array(recording.device_laps.marks_us) - outing.crossings_s * SECOND).max() <= MS


@pytest.mark.parametrize("unit", SPEEDS)
def test_an_aim_csv_tells_its_speed_in_any_unit(unit: str) -> None:
    true_laps(aim(out(SYDNEY, 20), speed=unit), out(SYDNEY, 20))


@pytest.mark.parametrize(("written", "fault"), [
    (lambda each: aim(each).replace("\ns,km/h", "\ns,mph"), UNFIT_SPEEDS),
    (lambda each: aim(each, speed="mph").replace("\ns,mph", "\ns,knots"), UNFIT_SPEEDS),
    (lambda each: aim(each, units=False), "The unit of its speed is not known; speeds were left out.")],
    ids=["km/h said to be mph", "mph said to be knots", "none"])
def test_speeds_in_a_wrong_or_unknown_unit_are_left_out(written: Write, fault: str) -> None:
    true_laps(written(out(SYDNEY, 20)), out(SYDNEY, 20), faults=(fault,), speeds=False)


@pytest.mark.parametrize(("written", "says"), [
    (lambda each: aim(each, comma=True), "Its rows hold more cells than channels are named"),
    (lambda each: aim(each, time="min"), "The unit of its Time is not known"),
    (lambda each: aim(each, names=named(GPS_Latitude="Lap")), "No line names Time, GPS Latitude and GPS Longitude"),
    (lambda each: aim(each).replace("Time,GPS", "Distance,GPS"), "No line names Time, GPS Latitude and GPS Longitude"),
    (lambda each: re.sub(r"(?m)^(\d+)\.(\d+),", r"00:\1:\2,", aim(each)), "None of its rows tells a time"),
    (lambda each: re.sub(r",-?\d+\.\d+,-?\d+\.\d+,9000", ",,,9000", aim(each)), "None of its rows tells a place")],
    ids=["decimal commas between commas", "minutes", "no latitude", "over distance", "times of day", "no fix"])
def test_an_aim_csv_that_cannot_be_read_says_why(written: Write, says: str) -> None:
    assert refused(written(out(SYDNEY, 10))).startswith(says)


@pytest.mark.parametrize(("receiver_hz", "logger_hz"), [(10, 20), (10, 50), (10, 100), (25, 50), (25, 100), (8, 20)])
@pytest.mark.parametrize("blank", [False, True])
def test_rows_faster_than_the_receiver_are_not_taken_for_places(receiver_hz: int, logger_hz: int, blank: bool) -> None:
    outing = out(OREGON, receiver_hz)
    lines = aim(held(outing, logger_hz)).split("\n")
    if blank:
        places = [line.split(",")[6:8] for line in lines]
        lines = [re.sub(r"^([^,]+),([^,]+),(.*),[^,]+,[^,]+,9000", r"\1,,\3,,,9000", line)
                 if i and places[i] and places[i] == places[i - 1] else line for i, line in enumerate(lines)]
    written = "\n".join(lines)
    assert len(re.findall(",,,9000", written)) >= 500 * blank
    late_ms = 1_000 / logger_hz if logger_hz % receiver_hz else 0              # a place stands in the row behind its moment
    recording, laps = no_unflagged_wrong_lap(written, outing, within_ms=late_ms + 2)
    assert len(laps) == len(outing.laps_us)
    assert recording.faults == ()
    driven = recording.trace.t_us > 5 * SECOND
    assert SECOND / np.mean(np.diff(recording.trace.t_us[driven])) == pytest.approx(receiver_hz, rel=0.02)


@pytest.mark.parametrize("seconds", [2.5, 4, 10, 30])
@pytest.mark.parametrize("how", ["held", "driven", "laid"])
def test_a_lap_over_a_place_nobody_measured_is_not_taken_for_valid(seconds: float, how: str) -> None:
    outing = out(SYDNEY, 20, 3)
    for written in (aim, racechrono, vbo):
        recording, laps = no_unflagged_wrong_lap(written(lost(outing, seconds, how=how)), outing)
        assert [lap.quality for lap in laps].count("valid") == 1
        left_out = [fault for fault in recording.faults if fault.startswith(UNMEASURED[:60])]
        assert len(left_out) == len(recording.faults) == (how == "laid")


def test_the_end_of_a_recording_is_no_crossing_however_its_duration_is_rounded() -> None:
    outing = out(SYDNEY, 20)
    for duration in ("0:03:15", "", f"{outing.t_s[-1]:.1f}", f"{outing.t_s[-1] - 0.06:.3f}"):
        marks = read(re.sub("Duration,.*", f"Duration,{duration}", aim(outing))).device_laps.marks_us
        assert len(marks) == len(outing.crossings_s)


# RaceChrono


@pytest.mark.parametrize("name", RACECHRONO)
def test_a_racechrono_csv_of_any_kind_gives_the_true_laps(name: str) -> None:
    outing = out(OREGON, 10)
    recording = true_laps(RACECHRONO[name](outing), outing)
    assert recording.utc_us == micros(START)
    assert recording.device_laps.marks_us
    for mark_us in recording.device_laps.marks_us:                             # at the row behind the crossing
        assert 0 <= min((mark_us - each * SECOND for each in outing.crossings_s), key=abs) <= SECOND / 10


def test_a_pause_of_a_racechrono_session_is_a_gap() -> None:
    outing = out(OREGON, 10, 3)
    lines = racechrono(outing).split("\n")
    _, laps = no_unflagged_wrong_lap("\n".join(lines[:600] + lines[900:]), outing)
    assert "lost" in laps[0].flags


# VBO


@pytest.mark.parametrize("name", VBO)
def test_a_vbo_of_any_writer_gives_the_true_laps_over_its_own_gates(name: str) -> None:
    outing = out(OREGON, 10)
    recording = true_laps(VBO[name](outing), outing)
    assert recording.utc_us == micros(START)
    assert [gate.role for gate in recording.gates] == ["start_finish", "sector:1", "sector:2"]
    own = laps_of(recording, Layout(recording.gates[0], recording.gates[1:]))
    assert [lap.time_us for lap in own] == pytest.approx(outing.laps_us, abs=2 * MS)
    assert all(None not in lap.sectors_us for lap in own)


def test_a_gate_where_the_kart_stood_is_judged_by_how_it_drove_past() -> None:
    outing = out(OREGON, 10)
    wait = np.full(50, int(np.argmax(outing.t_s > outing.crossings_s[-1])))
    rows = np.concatenate((np.arange(wait[0]), wait, np.arange(wait[0], len(outing.t_s))))
    shaken = np.random.default_rng(4).normal(0, 1e-7, (2, 50))
    parked = replace(outing, t_s=np.arange(len(rows)) / 10, lat=outing.lat[rows], lon=outing.lon[rows],
                     speed=outing.speed[rows], heading=outing.heading[rows])
    parked.speed[wait[0]:wait[0] + 50] = 0.1
    parked.lat[wait[0]:wait[0] + 50] += shaken[0]
    parked.lon[wait[0]:wait[0] + 50] += shaken[1]
    for gate in (behind_gate, field.racebox_gate):
        own = read(vbo(parked, gate=gate, writer=RACELOGIC)).gates[0]
        assert (own.heading_deg is None) == (gate is field.racebox_gate)


@pytest.mark.parametrize(("written", "says"), [
    (lambda each: re.sub(r"([+-]\d{4,5}\.\d{6}) ([+-]\d{5}\.\d{6})",
                         lambda found: f"{float(found[1]) / 60:.8f} {-float(found[2]) / 60:.8f}", vbo(each)),
     "Its places seem to be in degrees"),
    (lambda each: re.sub("(?m)^076 .*$", lambda found: found[0].replace(".", ","), vbo(each)),
     "None of its rows tells a time"),
    (lambda each: vbo(each).replace("time lat long", "time x y"), "does not name time, lat and long")],
    ids=["degrees", "decimal commas", "no places"])
def test_a_vbo_that_cannot_be_read_says_why(written: Write, says: str) -> None:
    assert says in refused(written(out(OREGON, 10)))


# NMEA


@pytest.mark.parametrize("name", NMEA)
def test_nmea_of_any_receiver_gives_the_true_laps(name: str) -> None:
    outing = out(OREGON, 10)
    assert true_laps(NMEA[name](outing), outing).utc_us == micros(START)


def test_nmea_without_a_day_or_speeds_gives_the_true_laps() -> None:
    outing = out(OREGON, 10)
    assert true_laps(nmea(outing, dated=False), outing).utc_us is None
    assert true_laps(nmea(outing, kinds=("GGA",)), outing, speeds=False).utc_us is None


@pytest.mark.parametrize("written", [
    lambda each: re.sub(r"\*..", "", nmea(each)), lambda each: nmea(each, kinds=("GSA", "GLL", "GSV", "VTG"))],
    ids=["no checksums", "no RMC and no GGA"])
def test_nmea_that_cannot_be_read_says_why(written: Write) -> None:
    assert refused(written(out(OREGON, 10))) == "It holds no RMC or GGA sentences with a sound checksum."


@pytest.mark.parametrize("kinds", [field.KINDS, RMC])
def test_nmea_goes_on_past_midnight(kinds: tuple[str, ...]) -> None:
    late = drive(OREGON, 10, 2, datetime(2026, 12, 31, 23, 59, 20, tzinfo=UTC))
    assert true_laps(nmea(late, kinds=kinds), late).utc_us == micros(late.start)


def test_a_receiver_whose_weeks_began_anew_tells_no_instant() -> None:
    old = drive(OREGON, 10, 1, START - timedelta(weeks=1024))
    recording = true_laps(nmea(old), old, faults=("The receiver's date cannot be right; its time of day is not used.",))
    assert recording.utc_us is None


@pytest.mark.parametrize("ahead_s", [1, 2, 18, 3600, -2, -18])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.6])
def test_a_lap_over_a_step_of_the_clock_is_not_taken_for_valid(ahead_s: int, share: float) -> None:
    outing = out(SYDNEY, 10, 3)
    early = replace(outing, start=outing.start + timedelta(seconds=ahead_s))
    at = round(share * len(outing.t_s))
    lines, early_lines = (nmea(each, kinds=RMC).split("\r\n") for each in (outing, early))
    recording, laps = no_unflagged_wrong_lap("\r\n".join(early_lines[:at] + lines[at:]), outing)
    assert laps
    assert bool(recording.faults) == (ahead_s > 0)                             # ahead it is a gap like any other
    if 0 < ahead_s < 60:
        assert recording.faults == (STEPPED_ONCE,)


def test_rows_written_twice_in_a_block_make_no_lap() -> None:
    outing = out(SYDNEY, 10, 3)
    lines = nmea(outing, kinds=RMC).split("\r\n")
    _, laps = no_unflagged_wrong_lap("\r\n".join(lines[:700] + lines[600:]), outing)
    assert len(laps) == 3


# DOVEX, GPX


@pytest.mark.parametrize("name", [*DOVEX, *GPX])
def test_dovex_and_gpx_of_any_kind_give_the_true_laps(name: str) -> None:
    outing = out(LEIPZIG, 10)
    assert true_laps((DOVEX | GPX)[name](outing), outing).utc_us == micros(START)


def test_gpx_with_whole_seconds_of_ten_points_says_so() -> None:
    outing = out(LEIPZIG, 10)
    recording, _ = no_unflagged_wrong_lap(gpx(outing, time=lambda when: f"{when:%Y-%m-%dT%H:%M:%SZ}"), outing)
    assert recording.faults[0].endswith("rows lie before the one above them and were left out.")


# XRK


def test_an_xrz_and_the_positions_of_another_receiver_give_the_true_laps() -> None:
    outing = out(SYDNEY, 25)
    for written in (zlib.compress(xrk(outing)), xrk(outing, b"GPS1")):
        assert true_laps(written, outing, within_ms=4, faults=(NO_NAMES,)).utc_us == micros(START)


def test_damaged_positions_are_told() -> None:
    outing, data = out(SYDNEY, 10), bytearray(xrk(out(SYDNEY, 10)))
    for number in (100, 101, 500):
        data[data.find(b"<hGPS", number * 76) + 30] ^= 1
    true_laps(bytes(data), outing, within_ms=4, faults=(NO_NAMES, "Positions left out because they are damaged: 3."))


# Damage to any of them


def damaged(name: str, seeds: range) -> None:
    """Spoilt in any way it is refused, or no lap that counts for valid differs from all that were driven."""
    outing = out(SYDNEY, 10, 3)
    written = DIALECTS[name](outing)
    data = written.encode() if isinstance(written, str) else written
    for seed in seeds:
        recording = damage.read(damage.spoilt(data, seed), "")
        for lap in laps_of(recording, outing.layout) if recording else ():
            off_us = min(abs(lap.time_us - true) for true in outing.laps_us)
            assert lap.quality != "valid" or off_us <= damage.NEAR_US, (name, seed)


@pytest.mark.parametrize("name", DIALECTS)
def test_damage_to_any_dialect_gives_no_unflagged_wrong_lap(name: str) -> None:
    damaged(name, range(3))


@pytest.mark.soak
@pytest.mark.parametrize("name", DIALECTS)
def test_damage_in_100_ways_to_any_dialect_gives_no_unflagged_wrong_lap(name: str) -> None:
    damaged(name, range(3, 103))
