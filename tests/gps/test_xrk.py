"""XRK and XRZ: the real file of a MyChron, whole, packed, cut and damaged, and its messages changed one by one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tests.gps import damage
from tests.gps.real import ADRIA, content, layout, read_real, truth
from trackd.core.time import HOUR, MS, SECOND
from trackd.gps.layouts import Layout
from trackd.gps.readers import xrk
from trackd.gps.segment import segment
from trackd.gps.trace import Recording, Unreadable

ROWS = 4_749
FIRST_UTC_US = 1_453_547_334_067_000
"""The receiver's own clock at the first row kept: 23 January 2016, 11:08:54 UTC."""


@cache
def sound(shared: Path) -> tuple[bytes, Recording, Layout]:
    recording = read_real(shared, ADRIA)
    return content(shared, ADRIA), recording, layout(shared, ADRIA, recording)


def changed(data: bytes, change: Callable[[int, dict[str, int]], dict[str, int]]) -> bytes:
    """The file with every position told anew: ``change`` gets its number and stamp_ms, tow_ms, week, fix, x, y, z
    (centimetres); sums are set right.
    """
    out = bytearray(data)
    for number, found in enumerate(xrk.POSITION.finditer(data)):
        at = found.start(1)
        stamp, tow, ns, week, fix, flags, x, y, z = struct.unpack_from("<iIiHBBiii", data, at)
        told = {"stamp_ms": stamp, "tow_ms": tow, "week": week, "fix": fix, "x": x, "y": y, "z": z}
        told |= change(number, told)
        struct.pack_into("<iIiHBBiii", out, at, told["stamp_ms"], told["tow_ms"], ns, told["week"], told["fix"], flags,
                         told["x"], told["y"], told["z"])
        struct.pack_into("<H", out, at + 61, sum(out[at:at + 56]) & 0xFFFF)
    return bytes(out)


def moments_us(recording: Recording) -> list[int]:
    """When the logger crossed its line, as instants where the file tells GPS time."""
    return [mark_us + (recording.utc_us or 0) for mark_us in recording.device_laps.marks_us]


def nothing_invented(data: bytes, shared: Path) -> Recording | None:
    """Read it, and look for laps and crossings that were none."""
    _, recording, where = sound(shared)
    found = damage.read(data, ADRIA)
    if found:
        assert damage.invented(found, recording, where) == []
        true = np.array(moments_us(recording) if found.utc_us else recording.device_laps.marks_us)
        assert all(np.abs(true - mark_us).min() <= damage.NEAR_US for mark_us in moments_us(found))
    return found


def test_every_sound_position_is_read_at_the_loggers_own_stamp(shared: Path) -> None:
    _, recording, _ = sound(shared)
    trace = recording.trace
    assert (len(trace), trace.rate_hz) == (ROWS - 1, 8.0)
    assert trace.duration_us == round(593.519 * SECOND)
    assert recording.faults == ("Rows left out because their time is damaged: 1.",)    # its second GPS time
    assert np.max(np.diff(trace.t_us)) < SECOND // 4
    assert (np.min(trace.lat_deg), np.max(trace.lat_deg)) == pytest.approx((45.0445, 45.0465), abs=0.001)
    ground = np.hypot(np.diff(trace.lat_deg) * 111_140, np.diff(trace.lon_deg) * 78_800)
    told = np.sum(trace.speed_mps[1:] * np.diff(trace.t_us) / SECOND)
    assert np.sum(ground) == pytest.approx(told, rel=0.02)


def test_the_crossings_the_logger_marked_are_the_true_ones(shared: Path) -> None:
    _, recording, _ = sound(shared)
    assert recording.device_laps.marks_us == tuple(round(float(lap["start_s"]) * SECOND) for lap in truth(shared, ADRIA))
    assert recording.device_laps.times_us == ()


def test_the_laps_over_its_line_are_the_true_ones_and_no_other(shared: Path) -> None:
    _, recording, where = sound(shared)
    laps = segment(recording.trace, where)
    true = truth(shared, ADRIA)
    assert [lap.kind for lap in laps] == ["out", *["full"] * 10, "in"]
    wrong = [abs(lap.time_us - float(lap_told["time_s"]) * SECOND) for lap, lap_told in zip(laps[1:-1], true, strict=False)]
    assert np.median(wrong) <= 3 * MS
    assert max(wrong) <= 5 * MS
    assert {lap.quality for lap in laps[1:-1]} == {"valid"}


def test_it_tells_the_receivers_time_and_names_but_not_the_name_of_the_logger(shared: Path) -> None:
    data, recording, _ = sound(shared)
    assert recording.utc_us is not None
    assert recording.utc_us + int(recording.trace.t_us[0]) == pytest.approx(FIRST_UTC_US, abs=30 * MS)
    assert (recording.format, recording.device, recording.vehicle, recording.venue) == ("xrk", "AiM 773 50001964", "",
                                                                                        "Adria Kart")
    assert recording.driver.encode() in data
    log = xrk.Log(0, fits=True, about={"Logger Model": None, "Logger Model ID": 773, "Device Name": "Mia's own"})
    assert log.device == "AiM 773"
    assert xrk.Log(0, fits=True, about={"Logger Model": "MyChron5", "Logger ID": 7}).device == "AiM MyChron5 7"


def test_it_brings_satellites_and_engine_speed_along(shared: Path) -> None:
    _, recording, _ = sound(shared)
    assert set(recording.channels) == {"satellites", "rpm"}
    assert 6 <= np.min(recording.channels["satellites"]) <= np.max(recording.channels["satellites"]) <= 24
    rpm = recording.channels["rpm"]
    assert 1_000 < np.nanmedian(rpm) < 16_000
    drives = recording.trace.speed_mps > 8
    assert np.nanmean(rpm[drives]) > np.nanmean(rpm[~drives])
    assert recording.trace.accuracy_m is not None
    assert 0 < np.nanmedian(recording.trace.accuracy_m) < 5


def test_packed_it_reads_to_the_same_and_cut_off_to_what_unpacks(shared: Path) -> None:
    data, recording, _ = sound(shared)
    packed = zlib.compress(data, 1)
    whole = xrk.read(packed)
    assert whole.trace.t_us.tolist() == recording.trace.t_us.tolist()
    assert whole.trace.lat_deg.tolist() == recording.trace.lat_deg.tolist()
    assert (whole.device_laps, whole.utc_us, whole.faults) == (recording.device_laps, recording.utc_us, recording.faults)
    part = nothing_invented(packed[:len(packed) * 2 // 3], shared)
    assert part
    assert part.faults[0] == "It is cut off or damaged; what unpacks was read."
    assert 1_000 < len(part.trace) < ROWS


def test_what_unpacks_to_more_than_there_is_room_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xrk, "UNPACKED_MOST", 1_000_000)
    with pytest.raises(Unreadable, match="unpacks to more than 200 MB"):
        xrk.read(zlib.compress(b"<hCNF" + bytes(2_000_000)))


@pytest.mark.parametrize("data", [b"", b"<html>", zlib.compress(zlib.compress(b"<hCNF")), b"\x78\x9c"])
def test_what_is_no_xrk_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="It is not an AiM recording"):
        xrk.read(data)


def test_a_gps_time_that_goes_back_costs_one_row(shared: Path) -> None:
    data, recording, where = sound(shared)
    told = [lap.time_us for lap in damage.full(recording, where)]
    back = changed(data, lambda number, told: {"tow_ms": told["tow_ms"] - 8_000} if number in {1_000, 3_000} else {})
    found = nothing_invented(back, shared)
    assert found
    assert len(found.trace) == len(recording.trace) - 2
    assert found.faults[0] == "Rows left out because their time is damaged: 3."
    assert [lap.time_us for lap in damage.full(found, where)] == pytest.approx(told, abs=MS)


@pytest.mark.parametrize("jump_ms", [65_533, -65_533])
def test_where_the_loggers_clock_jumps_the_receivers_own_goes_on(shared: Path, jump_ms: int) -> None:
    data, recording, _ = sound(shared)
    jumped = changed(data, lambda number, told: {"stamp_ms": told["stamp_ms"] + jump_ms} if number >= 2_500 else {})
    found = nothing_invented(jumped, shared)
    assert found
    assert "The logger's clock jumps; behind the jump the receiver's own clock was used." in found.faults
    assert found.trace.duration_us == pytest.approx(recording.trace.duration_us, abs=200 * MS)
    assert len(found.trace) == len(recording.trace)


def test_a_position_with_a_wrong_sum_is_left_out_however_likely_its_place(shared: Path) -> None:
    data, recording, _ = sound(shared)
    at = [found.start(1) for found in xrk.POSITION.finditer(data)][2_000] + 16
    found = nothing_invented(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], shared)
    assert found
    assert len(found.trace) == len(recording.trace) - 1


def test_an_out_lap_does_not_begin_on_the_line_and_an_in_lap_does_not_end_there(shared: Path) -> None:
    _, recording, _ = sound(shared)
    laps = ((5_000, 70_000, "out"), (70_000, 120_000, "full"), (120_000, 200_000, "in"))
    assert xrk._marks(xrk.Log(0, fits=True, laps=laps), recording.trace, counted=True) == ((70 * SECOND, 120 * SECOND), ())
    for log in (xrk.Log(0, fits=False, laps=laps), xrk.Log(0, fits=True, laps=((70_000, 700_000, "full"),))):
        assert xrk._marks(log, recording.trace, counted=True) == (
            (), ("The logger's own laps do not fit its positions and were left out.",))


def test_places_that_cannot_be_are_left_out_and_counted(shared: Path) -> None:
    data, recording, _ = sound(shared)
    nowhere: dict[int, dict[str, int]] = {2_500: {"x": 0, "y": 0, "z": 0}, 2_600: {"fix": 0}}
    strayed = changed(data, lambda number, told: {"x": told["x"] + 20_000} if number == 2_000 else nowhere.get(number, {}))
    found = nothing_invented(strayed, shared)
    assert found
    assert len(found.trace) == len(recording.trace) - 3
    assert "Rows left out because they hold no place on earth: 2." in found.faults
    assert "Rows left out because their place cannot be: 1." in found.faults


def test_a_receiver_whose_weeks_began_anew_tells_no_instant(shared: Path) -> None:
    data, recording, _ = sound(shared)
    found = damage.read(changed(data, lambda _, told: {"week": told["week"] - 1024}), ADRIA)
    assert found
    assert found.utc_us is None
    assert found.trace.t_us.tolist() == recording.trace.t_us.tolist()
    assert "The receiver's date cannot be right; its time of day is not used." in found.faults


def test_the_first_days_it_may_tell_have_an_instant_too(shared: Path) -> None:
    data, recording, _ = sound(shared)
    early = changed(data, lambda _, told: {"week": 1512, "tow_ms": told["tow_ms"] - 6 * 86_400_000})
    found = damage.read(early, ADRIA)
    assert found
    assert recording.utc_us
    earlier_us = ((1880 - 1512) * 7 + 6) * 24 * HOUR
    assert found.utc_us == recording.utc_us - earlier_us + 3 * SECOND          # 14 leap seconds then, 17 in 2016


def test_without_any_fix_it_says_there_is_no_position(shared: Path) -> None:
    data, _, _ = sound(shared)
    with pytest.raises(Unreadable, match="It holds no GPS positions"):
        xrk.read(changed(data, lambda _number, _told: {"fix": 0}))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("spoil", [damage.flipped, damage.overwritten])
def test_two_thousand_damaged_bytes_leave_true_laps_only(shared: Path, seed: int, spoil: damage.Spoil) -> None:
    data, _, where = sound(shared)
    found = nothing_invented(spoil(data, seed), shared)
    assert found
    assert found.faults
    assert len(damage.full(found, where)) == 10


@pytest.mark.parametrize("kilobyte", [1, 40, 400, 1_700, 3_000, 3_110])
def test_cut_off_it_keeps_the_laps_before_the_cut(shared: Path, kilobyte: int) -> None:
    data, _, where = sound(shared)
    found = nothing_invented(data[:kilobyte * 1024], shared)
    if kilobyte >= 3_000:
        assert found
        assert len(damage.full(found, where)) >= 8


SPOILT = {"flipped": damage.flipped, "overwritten": damage.overwritten}


def complaints(shared: Path, spoilt: list[tuple[str, int]]) -> list[str]:
    """What is wrong with what is read of the file, cut and damaged in each of these ways."""
    data, _, _ = sound(shared)
    found = []
    for how, number in spoilt:
        damaged = data[:number * 1024] if how == "cut" else SPOILT[how](data, number, (2_000, 200, 20)[number // 2 % 3])
        try:
            nothing_invented(damaged, shared)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told with the way that led to it
            found.append(f"{how} {number}: {error!r}")
    return found + [f"{spoilt[0]} to {spoilt[-1]}: {damage.most_held()} bytes"] * (damage.most_held() > damage.MOST_BYTES)


@pytest.mark.soak
def test_cut_at_every_kilobyte_and_damaged_in_200_ways_it_gives_no_false_lap(shared: Path) -> None:
    """A few dozen in a process: libxrk keeps some megabytes of every file it reads."""
    data, _, _ = sound(shared)
    ways = [("cut", at) for at in range(1, len(data) // 1024 + 1)] + [(how, seed) for seed in range(100) for how in SPOILT]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        told = pool.map(partial(complaints, shared), [ways[at:at + 50] for at in range(0, len(ways), 50)])
        assert [each for several in told for each in several] == []
