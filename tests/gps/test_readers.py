"""Readers of text recordings: one invented drive, written in every format and dialect."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.gps.written import (
    AIM_HEAD,
    COUNT,
    EAST,
    GATE,
    INSIDE,
    RATE_HZ,
    SPEED_MPS,
    START,
    WRITTEN,
    Drive,
    aim,
    clock,
    dovex,
    gpx,
    minutes,
    nmea,
    quoted,
    racechrono,
    sentence,
    vbo,
)
from trackd.core.time import SECOND, micros
from trackd.gps.readers import formats
from trackd.gps.readers.columns import Columns, cleaned
from trackd.gps.trace import Recording, Unreadable


def read(text: str, name: str = "") -> Recording:
    return formats.read(text.encode(), name)


def same_drive(recording: Recording, first: int = 0) -> None:
    """The recording is the invented drive: every sample, at its moment, to a centimetre."""
    trace = recording.trace
    assert trace.t_us.tolist() == [round(t * SECOND) for t in Drive.t_s[first:] - Drive.t_s[first]]
    assert np.max(np.abs(trace.lat_deg - Drive.lat[first:])) < 1e-7
    assert np.max(np.abs(trace.lon_deg - Drive.lon[first:])) < 1e-7
    assert np.max(np.abs(trace.speed_mps - SPEED_MPS)) < 1e-3
    assert recording.faults == ()


# What all of them do


@pytest.mark.parametrize("name", WRITTEN)
def test_one_drive_is_the_same_whatever_the_logger(name: str) -> None:
    recording = read(WRITTEN[name]())
    same_drive(recording)
    assert recording.format == name
    assert recording.utc_us == (None if name == "aim_csv" else micros(START))
    for values in recording.channels.values():
        assert len(values) == COUNT


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("written", [
    lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n").encode(),
    lambda text: text.replace("\r\n", "\n").replace("\n", "\r").encode(),
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: text.replace("Mia Brandt", "Mia Brändt").encode("latin-1")], ids=["crlf", "cr", "bom", "latin-1"])
def test_line_endings_and_encodings_change_nothing(name: str, written: Callable[[str], bytes]) -> None:
    same_drive(formats.read(written(WRITTEN[name]())))


def test_a_name_in_any_encoding_is_read_as_written() -> None:
    text = aim().replace("Mia Brandt", "Mia Brändt")
    assert [formats.read(text.encode(code)).driver for code in ("utf-8", "latin-1", "utf-16")] == ["Mia Brändt"] * 3


# The table of formats


def test_the_format_is_told_by_what_a_file_holds_before_how_its_name_ends() -> None:
    assert [formats.format_of(written().encode(), "some.drk") for written in WRITTEN.values()] == list(WRITTEN)


def test_where_what_it_holds_tells_nothing_the_ending_does() -> None:
    with pytest.raises(Unreadable, match="column names"):
        read("nothing", "Session.VBO")
    assert formats.format_of(b"nothing", "a.xrz") == "xrk"


@pytest.mark.parametrize("data", [b"<hCNF\0rest", zlib.compress(b"<hCNF\0rest")], ids=["xrk", "xrz"])
def test_xrk_is_recognised_plain_and_packed_whatever_its_name(data: bytes) -> None:
    assert formats.format_of(data, "a.csv") == "xrk"
    with pytest.raises(Unreadable, match="It holds no GPS positions"):
        formats.read(data)


@pytest.mark.parametrize(("data", "name", "says"), [
    (b"", "a.csv", "The file is empty"),
    (b"\0\1\2", "a.drk", "Open it in Race Studio and export it"),
    (b"\x78\x9cnot zlib", "a.bin", "is not known. It can be XRK, XRZ, AiM CSV, RaceChrono CSV, VBO, NMEA, DOVEX, GPX or"),
    (b"a;b\n1;2\n", "a.csv", "GPS Latitude"),
    (b"<html><body>Sign in</body></html>", "a.bin", "is not known"),
    (b"<html><body>Sign in</body></html>", "a.xrk", "is not an AiM recording"),
    (b"hello", "", "is not known")])
def test_what_cannot_be_read_is_refused_with_a_sentence(data: bytes, name: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        formats.read(data, name)


def test_what_damage_puts_into_a_name_is_not_shown() -> None:
    text = aim().replace("Mia Brandt", "Mia \x1b[31mBrandt\0").replace("Kart 7", "k" * 5_000)
    recording = read(text)
    assert (recording.driver, recording.vehicle) == ("Mia [31mBrandt", "k" * 64)


# AiM CSV


def test_an_aim_csv_tells_who_what_and_where() -> None:
    recording = read(aim())
    assert (recording.driver, recording.vehicle, recording.venue) == ("Mia Brandt", "Kart 7", "Round")
    assert read(aim().replace("Session,Round", "Venue,Round")).venue == "Round"
    assert recording.channels["rpm"].tolist() == [9000] * COUNT


def test_beacon_markers_count_and_mangled_segment_times_do_not() -> None:
    assert read(aim()).device_laps.marks_us == (5_125_000, 14_500_000)         # the third is the end of the recording
    assert read(aim().replace("Duration,24", "Duration,")).device_laps.marks_us == (5_125_000, 14_500_000)
    assert read(aim().replace("Duration,24", "Duration,30")).device_laps.marks_us == (5_125_000, 14_500_000, 24_000_000)
    assert read(aim().replace("5.125,14.5,24", "")).device_laps.marks_us == ()
    assert read(aim().replace("5.125,14.5,24", '" 5.125 14.5 24 "')).device_laps.marks_us == (5_125_000, 14_500_000)


@pytest.mark.parametrize("marks", ["5.125,4,24", "5.125,x,24", "-1,24", "nan,24", "1e300,1e301"])
def test_damaged_beacon_markers_are_left_out_whole(marks: str) -> None:
    recording = read(aim().replace("5.125,14.5,24", marks))
    assert recording.device_laps.marks_us == ()
    assert recording.faults == ("Its Beacon Markers are damaged and were left out.",)


@pytest.mark.parametrize("text", [
    quoted(aim()),
    quoted(aim(), ";"),
    "\n".join(",".join(f'"{cell.replace(".", ",") if cell[:1].isdigit() else cell}"' for cell in cells)
              for cells in csv.reader(aim().splitlines())),
    "\n".join(";".join(cell.replace(".", ",") for cell in cells) for cells in csv.reader(aim().splitlines())),
    "\n".join("\t".join(cells) for cells in csv.reader(aim().splitlines())),
    "\n".join(line + ",,," for line in aim().splitlines()),
    AIM_HEAD + "\n" + quoted(aim().split("rpm\n\n")[1]),
    aim().replace("Comment,", 'Comment,"a first line\nTime to change the tyres\nand a last"'),
    aim().replace("GPS Latitude", "GPS_Latitude").replace("GPS Longitude", "GPS_Longitude"),
    aim().replace("rpm\n\n", "rpm\n,,,,,,\n\n"),
], ids=["quoted", "quoted semicolons", "quoted decimal commas", "semicolons and decimal commas", "tabs", "trailing commas",
        "quoted rows", "comment of several lines", "underscores", "line of commas"])
def test_an_aim_csv_reads_the_same_however_it_was_saved(text: str) -> None:
    recording = read(text)
    same_drive(recording)
    assert recording.device_laps.marks_us == (5_125_000, 14_500_000)
    assert recording.driver == "Mia Brandt"


@pytest.mark.parametrize(("unit", "metres"), [("mm", 1.25), ("m", 1250), ("cm", 12.5), ("furlong", None)])
def test_accuracy_is_metres_whatever_its_unit(unit: str, metres: float | None) -> None:
    accuracy = read(aim().replace("km/h,,mm", f"km/h,,{unit}")).trace.accuracy_m
    assert accuracy is not None
    assert np.all(np.isnan(accuracy) if metres is None else np.isclose(accuracy, metres))


def test_speed_is_metres_a_second_and_none_where_its_unit_is_unknown() -> None:
    same_drive(read(aim().replace("km/h", "mph").replace(",54.0000,", ",33.55404,")))
    recording = read(aim().replace("km/h", "parsec"))
    assert np.all(np.isnan(recording.trace.speed_mps))
    assert recording.faults == ("The unit of its speed is not known; speeds were left out.",)


def test_an_aim_csv_without_gps_channels_says_so() -> None:
    with pytest.raises(Unreadable, match="Export it again from Race Studio with the GPS channels"):
        read(aim().replace("GPS Latitude", "Lat Acc"))


# RaceChrono


def test_racechrono_takes_the_receivers_own_column_of_several() -> None:
    recording = read(racechrono())
    assert np.all(recording.trace.speed_mps == 15.0)                          # not the 14.2 of the car
    assert recording.trace.accuracy_m is not None
    assert np.all(recording.trace.accuracy_m == 0.6)
    assert (recording.driver, recording.venue, recording.device) == ("Mia Brandt", "Round", "RaceChrono Pro v9.1.3")


def test_racechrono_crossings_are_where_the_lap_number_goes_up() -> None:
    assert read(racechrono()).device_laps.marks_us == (3_000_000, 12_000_000)
    in_parts = racechrono().splitlines()
    in_parts[12 + 120:] = [line.replace(",0,2,", ",1,2,") for line in in_parts[12 + 120:]]
    assert read("\n".join(in_parts)).device_laps.marks_us == (3_000_000,)     # nobody saw what was between the fragments


@pytest.mark.parametrize("row", [0, 12, 30, 31, 119, 120, 121, 238, 239])
@pytest.mark.parametrize("cell", ["", "2", "3", "7"])
def test_racechrono_one_damaged_lap_number_begins_no_lap(row: int, cell: str) -> None:
    lines = racechrono().splitlines()
    at = lines.index(next(line for line in lines if line.startswith(f"{START.timestamp():.3f}"))) + row
    cells = lines[at].split(",")
    lines[at] = ",".join([*cells[:2], cell, *cells[3:]])
    marks = np.array(read("\n".join(lines)).device_laps.marks_us)
    assert len(marks) == 2
    assert np.abs(marks - [3 * SECOND, 12 * SECOND]).max() <= SECOND // RATE_HZ


def test_racechrono_rows_written_twice_count_once() -> None:
    lines = racechrono().splitlines()
    same_drive(read("\n".join([*lines[:40], lines[39], *lines[40:]])))


def test_racechrono_cells_between_the_updates_of_a_sensor_may_be_blank() -> None:
    lines = [line.replace(",9000", ",") if i % 2 else line for i, line in enumerate(racechrono().splitlines())]
    recording = read("\n".join(lines))
    same_drive(recording)
    assert np.isnan(recording.channels["rpm"]).sum() == COUNT // 2


def test_racechrono_of_another_format_is_refused_by_its_number() -> None:
    with pytest.raises(Unreadable, match=r"CSV of format 1. Export it as CSV v3"):
        read(racechrono().replace("Format,3", "Format,1").replace("timestamp,", "Moment,"))
    with pytest.raises(Unreadable, match="without GPS"):
        read(racechrono().replace("latitude", "x"))


# VBO


def test_a_racebox_gate_is_its_two_ends_latitude_first() -> None:
    recording = read(vbo())
    (gate,) = recording.gates
    assert (gate.role, gate.heading_deg) == ("start_finish", None)
    assert (gate.a.lat_deg, gate.a.lon_deg) == pytest.approx(EAST, abs=1e-7)
    assert (gate.b.lat_deg, gate.b.lon_deg) == pytest.approx(INSIDE, abs=1e-7)
    assert (recording.device, recording.venue) == ("RaceBox 12345", "Round")


SOUTH_OF_EAST = (51.34 - 20 / 111_250, 12.37 + 28.648 / 69_700)
MIDDLE = (51.34, 12.37 + 28.648 / 69_700)
BEHIND = "Start {1} {0} {3} {2} ¬ Start".format(*minutes(*MIDDLE), *minutes(*SOUTH_OF_EAST))


@pytest.mark.parametrize("writer", ["Generated by RaceChrono v10.2.4", "(c) Racelogic Ltd"])
def test_a_racechrono_gate_is_its_middle_and_a_point_behind_it(writer: str) -> None:
    (gate,) = read(vbo(BEHIND).replace("Generated by RaceBox", writer)).gates
    assert gate.heading_deg == pytest.approx(0, abs=0.01)                     # north, as driven there
    assert (gate.a.lat_deg, gate.b.lat_deg) == pytest.approx((51.34, 51.34), abs=1e-7)
    assert gate.a.lon_deg < MIDDLE[1] < gate.b.lon_deg                        # a is left of the way
    assert (gate.b.lon_deg - gate.a.lon_deg) * 69_700 == pytest.approx(16, rel=0.01)


def test_the_gate_of_an_unknown_writer_is_judged_by_how_the_kart_drove_past() -> None:
    unknown = vbo("Start {1} {0} {3} {2}".format(*minutes(*EAST), *minutes(*INSIDE))).replace("Generated by RaceBox", "")
    (gate,) = read(unknown).gates
    assert gate.heading_deg is None
    assert (gate.b.lat_deg, gate.b.lon_deg) == pytest.approx(INSIDE, abs=1e-7)


def test_splits_are_sectors_in_their_order() -> None:
    recording = read(vbo("\n".join([GATE, GATE.replace("Start  ", "Split  "), GATE.replace("Start  ", "Split  ")])))
    assert [gate.role for gate in recording.gates] == ["start_finish", "sector:1", "sector:2"]


@pytest.mark.parametrize("gate", [
    "Start +02743.96882 -000784.39721 +02743.95983 -000784.39786 ¬ Lignano", GATE[:40], "Start x y z w",
    "Start {0} {1} {0} {1}".format(*minutes(*EAST)), f"{GATE}\n{GATE}"])
def test_gates_of_another_track_and_damaged_ones_are_left_out_and_counted(gate: str) -> None:
    recording = read(vbo(gate))
    assert len(recording.gates) == gate.count("\n")
    assert recording.faults == ("Gates that are damaged or of another track, left out: 1.",)


def test_vbo_speed_has_the_unit_of_the_header_and_flags_are_no_satellites() -> None:
    recording = read(vbo(speed="029.158").replace("velocity kmh", "velocity knots"))
    same_drive(recording)
    assert set(recording.channels["satellites"]) == {12}


def test_a_vbo_goes_on_past_midnight() -> None:
    text = vbo().replace("@ 13:29", "@ 23:58")
    for t in Drive.t_s:
        of_day = (86_400 - 12 + t) % 86_400
        text = text.replace(f"\n{clock(t)} ",
                            f"\n{int(of_day // 3600):02d}{int(of_day // 60) % 60:02d}{of_day % 60:05.2f} ")
    recording = read(text)
    same_drive(recording)
    assert recording.utc_us == micros(datetime(2026, 6, 14, 23, 59, 48, tzinfo=UTC))
    assert read(text.replace("14/06/2026 @ 23:58", "15/06/2026 at 00:10:00")).utc_us == recording.utc_us


def test_a_vbo_without_a_sound_day_tells_no_gps_time() -> None:
    assert read(vbo().replace("14/06/2026", "34/06/2026")).utc_us is None
    assert read(vbo().replace("File created", "File made")).utc_us is None


# NMEA


def test_nmea_sentences_with_a_wrong_checksum_are_left_out_and_counted() -> None:
    lines = nmea().splitlines()
    lines[3] = lines[3].replace(",1,12,", ",1,13,")
    lines[7] = lines[7][:-3]
    recording = read("\n".join(lines))
    assert len(recording.trace) == COUNT                                       # the other sentence of the moment tells it
    assert recording.faults == ("Sentences left out because their checksum is wrong or missing: 2.",)


def test_nmea_goes_on_past_midnight_with_and_without_the_day() -> None:
    last = datetime(2026, 6, 14, 23, 59, 48, tzinfo=UTC)
    text = nmea(first=last)
    dated = read(text)
    same_drive(dated)
    assert dated.utc_us == micros(last)
    places = "\n".join(line for line in text.splitlines() if "RMC" not in line)
    assert read(places).trace.t_us.tolist() == dated.trace.t_us.tolist()
    assert read(places).utc_us is None
    lines = text.splitlines()
    late = read("\n".join([line for line in lines[:300] if "RMC" not in line] + lines[300:]))
    assert (late.utc_us, len(late.trace)) == (micros(last), COUNT)


def test_nmea_without_a_fix_is_no_place() -> None:
    lines = nmea().splitlines()
    lines[:60] = [sentence(re.sub(r",A,.*", ",V,,,,,,,010180,,,N", line[1:-3]).replace("E,1,12,", "E,0,00,"))
                  for line in lines[:60]]
    recording = read("\n".join(lines))
    assert len(recording.trace) == COUNT - 20
    assert recording.faults == ("20 rows hold no place on earth and were left out.",)
    assert recording.utc_us is not None
    assert recording.utc_us + recording.trace.t_us[0] == micros(START) + 2 * SECOND


def test_nmea_may_stand_behind_other_words_on_its_line() -> None:
    same_drive(read("\n".join(f"NMEA,{line},1781443800000" for line in nmea().splitlines())))


def test_nmea_southern_and_western_places_are_negative() -> None:
    text = "\n".join(sentence(line[1:-3].replace(",N,", ",S,").replace(",E,", ",W,")) for line in nmea().splitlines())
    trace = read(text).trace
    assert np.allclose(trace.lat_deg, -Drive.lat, atol=1e-7)
    assert np.allclose(trace.lon_deg, -Drive.lon, atol=1e-7)


# DOVEX


def test_dovex_brings_the_laps_the_device_timed() -> None:
    recording = read(dovex())
    assert recording.device_laps.times_us == (9_375_000, 9_500_000)
    assert (recording.driver, recording.venue, recording.device) == ("Mia Brandt", "RND Normal", "Dove 3")


@pytest.mark.parametrize("head", ["\n" * 8192, "\0" * 8191 + "\n", "\0" * 8192, "", "garbage"])
def test_dovex_counts_without_its_header_too(head: str) -> None:
    recording = read(dovex(head))
    same_drive(recording)
    assert recording.device_laps.times_us == ()


@pytest.mark.parametrize("laps", ["9375,95x0", "9375,-9500", "9375,99999999"])
def test_a_damaged_list_of_laps_is_left_out_whole(laps: str) -> None:
    recording = read(dovex().replace("9375,9500", laps))
    assert recording.device_laps.times_us == ()
    assert recording.faults == ("The logger's list of laps is damaged and was left out.",)


# GPX


def test_gpx_speed_may_stand_in_an_extension_or_not_at_all() -> None:
    extension = "<extensions><x:TrackPointExtension><x:speed>15.0</x:speed></x:TrackPointExtension></extensions>"
    same_drive(read(gpx(version="1/1", speed=extension)))
    assert np.all(np.isnan(read(gpx(speed="")).trace.speed_mps))
    assert read(gpx()).device == "Round logger"


def test_gpx_segments_are_put_in_order_of_time_with_a_gap_between() -> None:
    recording = read(gpx(((140, 240), (0, 100))))
    assert recording.faults == ()
    steps = np.diff(recording.trace.t_us)
    assert (len(steps), int(steps.max()), int((steps > 100_000).sum())) == (199, 4_100_000, 1)


def test_gpx_segments_that_run_at_the_same_time_are_left_out() -> None:
    recording = read(gpx(((0, 100), (50, 90), (100, 240))))
    assert len(recording.trace) == COUNT
    assert recording.faults == ("Track segments left out because they run at the same time as another: 1.",)


@pytest.mark.parametrize("declared", [
    '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa">]>', '<!DOCTYPE gpx SYSTEM "http://example.org/gpx.dtd">',
    '<!DOCTYPE gpx [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>'])
def test_gpx_with_a_document_type_is_refused(declared: str) -> None:
    with pytest.raises(Unreadable, match="declares a document type or entities"):
        read(gpx().replace("?>\n", f"?>\n{declared}\n"))


def test_gpx_without_times_is_refused() -> None:
    with pytest.raises(Unreadable, match="no track points with a time"):
        read(re.sub("<time>.*?</time>", "", gpx()))


def test_gpx_times_in_another_zone_are_instants_too() -> None:
    other = read(re.sub(r"T13:30:(\S+?)Z", r"T15:30:\1+02:00", gpx()))
    same_drive(other)
    assert other.utc_us == micros(START)


# Times


def test_one_damaged_time_costs_one_row() -> None:
    for wrong in (900.0, -5.0, np.nan, np.inf, 1e300, 1e9):
        seconds = Drive.t_s.copy()
        seconds[100] = wrong
        sound = cleaned(Columns(seconds, Drive.lat, Drive.lon))
        assert len(sound.trace) == COUNT - 1
        assert sound.faults == ("Rows left out because their time is damaged: 1.",)


EXPORT = (b'{"recording":{"id":"x","device":"Solo 2","recorded_at":"2026-11-21T10:00:00.000000Z"},"laps":[],"trace":'
          b'{"t_us":[1000000,1100000,1200000],"lat_deg":[51.3,51.30001,51.30002],"lon_deg":[12.37,12.37001,12.37002],'
          b'"speed_mps":[10.5,null,10.4]}}')


def test_what_trackd_exports_as_json_is_read_back() -> None:
    found = formats.read(EXPORT, "lap-4.json")
    assert (found.format, found.device, len(found.trace)) == ("trackd", "Solo 2", 3)
    assert found.utc_us == 1_795_255_201_000_000                       # the first place, a second into the recording
    assert found.trace.t_us.tolist() == [0, 100_000, 200_000]


@pytest.mark.parametrize("damaged", [
    EXPORT[:200], EXPORT.replace(b'"lat_deg":[51.3,', b'"lat_deg":['), EXPORT.replace(b"[1000000,", b'["a",'),
    EXPORT.replace(b'"trace"', b'"tracks"'), EXPORT.replace(b"12.37,", b"\xff\xfe,"), EXPORT.replace(b"51.3,", b"1e999,")])
def test_a_damaged_export_is_refused_with_a_sentence(damaged: bytes) -> None:
    with pytest.raises(Unreadable, match=r"damaged: .+\.$|different lengths\.$"):
        formats.read(damaged, "x.json")


def test_an_export_with_a_place_that_nobody_knows_loses_that_row() -> None:
    found = formats.read(EXPORT.replace(b"51.3,", b"null,"), "x.json")
    assert len(found.trace) == 2
    assert found.faults
