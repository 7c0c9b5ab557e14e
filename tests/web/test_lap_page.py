"""What the page of a lap says, and the files a lap is written into, without an appliance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import numpy as np
import pytest

from tests.journeys.circuits import LAYOUT, laps_of
from trackd.gps.readers.formats import read
from trackd.gps.readers.xrk import UNDATED
from trackd.gps.segment import GpsLap as Segmented
from trackd.gps.segment import segment
from trackd.gps.trace import Trace
from trackd.services.lapfiles import aim_csv, gpx, stretch
from trackd.services.laptraces import Driven
from trackd.services.recorded import GpsLap
from trackd.services.twins import Twin
from trackd.web.lapfigures import difference_of, sectors_of, signed, told_apart
from trackd.web.laps import crossed
from trackd.web.lapviews import VerdictView, lap_page
from trackd.web.render import render
from trackd.web.views import PageView


def row(number: int, kart: str, time_us: int, sectors_us: Sequence[int | None] = (), **fields: Any) -> dict[str, Any]:
    """A lap by loop as it is stored."""
    return {"kart": kart, "entry": kart, "number": number, "time_us": time_us, "sectors_us": list(sectors_us),
            "kind": "full", "verdict": "valid", "source": "loop", "passings": [], "edits": [], **fields}


def by_loop(lap: dict[str, Any], field: Sequence[dict[str, Any]], driver: str = "") -> Driven:
    stint = tuple(each for each in field if each["entry"] == lap["entry"])
    return Driven(str(lap["number"]), Twin(lap), None, driver, None, stint, tuple(field), (), ())


def by_gps(number: int, sectors_us: tuple[int | None, ...], told: tuple[GpsLap, ...] = ()) -> Driven:
    lap = GpsLap(f"9.{number}", number, "full", 0, 40_123_456, 20_000, sectors_us, 80.0, (), "valid")
    every = (*told, lap)
    return Driven(lap.id, Twin(None, None, lap), None, "Ada Lovelace", None, (), (), every,
                  tuple(each.sectors_us for each in every))


@pytest.mark.parametrize(("us", "digits", "text"), [
    (185_000, 3, "+0.185"), (-185_000, 3, "−0.185"), (4_000, 2, "0.00"), (-4_000, 2, "0.00"), (-12_000, 2, "−0.01")])
def test_a_difference_has_its_sign_and_nothing_has_none(us: int, digits: int, text: str) -> None:
    assert signed(us, digits) == text


def test_sectors_by_loop_are_told_to_the_millisecond_and_by_gps_to_the_hundredth() -> None:
    field = [row(1, "7", 38_412_000, [12_618_999, None])]
    assert [each.text for each in sectors_of(by_loop(field[0], field), "Ada").sectors] == ["12.618", "·"]
    assert [each.text for each in sectors_of(by_gps(1, (12_618_999, None)), "Ada").sectors] == ["12.61", "·"]


def test_a_sector_is_best_of_the_session_own_best_or_slower_and_a_void_lap_sets_no_mark() -> None:
    field = [row(1, "7", 0, [10, 20, 31]), row(2, "7", 0, [11, 19, 30]), row(1, "9", 0, [10, 18, 32]),
             row(3, "7", 0, [1, 1, 1], verdict="void")]
    assert [each.mark for each in sectors_of(by_loop(field[0], field), "").sectors] == ["best", "slow", "slow"]
    assert [each.mark for each in sectors_of(by_loop(field[1], field), "").sectors] == ["slow", "pb", "best"]


def test_a_difference_is_as_exact_as_the_less_exact_of_two_laps() -> None:
    field = [row(1, "7", 38_412_000, [12_000_000, 26_412_000]), row(1, "9", 38_655_000, [12_124_000, 26_531_000])]
    one, two = (by_loop(each, field) for each in field)
    assert difference_of([one, two]) == ("−0.124", "−0.119", "−0.243")
    assert difference_of([one, by_gps(2, (12_124_000, None))]) == ("−0.12", "·", "−1.71")


def test_laps_are_named_by_driver_by_driver_and_lap_or_by_lap_alone() -> None:
    field = [row(1, "7", 0), row(2, "7", 0), row(1, "9", 0)]
    first, second, other = (by_loop(each, field) for each in field)
    assert told_apart([first, other], ["Ada", "Bo"]) == ("Ada", "Bo")
    assert told_apart([first, second], ["Ada", "Ada"]) == ("Lap 1", "Lap 2")
    assert told_apart([first, second, other], ["Ada", "Ada", "Bo"]) == ("Ada, lap 1", "Ada, lap 2", "Bo")
    assert told_apart([first, other], ["Kart", "Kart"]) == ("Kart, lap 1", "Kart, lap 1")
    assert told_apart([first], ["Ada"]) == ("Ada",)


def shown(driver: str, **fields: Any) -> str:
    """The page of a lap by loop alone."""
    field = [row(1, "7", 38_412_000, passings=[1577, 1583])]
    view = lap_page([by_loop(field[0], field, driver)], None, None, [], UTC, **fields)
    return render("lap.html", page=PageView("Lap", "Lindenau"), view=view)


def test_a_verdict_stands_on_the_page_with_its_reasons_and_without_one_nothing_is_said() -> None:
    verdict = VerdictView("Verified", "good", "check", (("May differ by", "0.050 in this layout"),))
    told, silent = shown("Ada", verdict=verdict), shown("Ada")
    assert "Verified</span>" in told
    assert "0.050 in this layout" in told
    assert "erified" not in silent
    assert "No recording tells of this lap" in silent


def test_a_name_is_never_taken_for_markup() -> None:
    page = shown("</template><script>alert(1)</script>", note="<b>")
    assert "<script>alert" not in page
    assert "<b><" not in page


# --- files ------------------------------------------------------------------------------------------------------------


def full(laps: Sequence[Any]) -> list[Any]:
    return [each for each in laps if each.kind == "full"]


def marks(laps: Sequence[Segmented]) -> list[int]:
    return crossed([GpsLap("", lap.number, lap.kind, lap.start_us, lap.time_us, 0, (), None, (), "") for lap in laps])


@pytest.mark.parametrize("rate_hz", [0.8, 4, 10, 25])
def test_each_single_lap_written_alone_is_found_again_at_any_rate(rate_hz: float) -> None:
    trace, _ = laps_of(1, 3, rate_hz)
    for lap in full(segment(trace, LAYOUT)):
        alone = stretch(trace, lap.start_us, lap.end_us)
        files = {"csv": aim_csv(alone, [lap.start_us, lap.end_us], venue="Lindenau", kart="7", device=""),
                 "gpx": gpx(alone, 1_795_000_000_123_456, name="Lap", about="")}
        for name, data in files.items():
            again = full(segment(read(data, f"x.{name}").trace, LAYOUT))
            assert [each.time_us for each in again] == pytest.approx([lap.time_us], abs=100), name


def test_a_recording_without_speeds_or_with_some_unknown_is_written_without_inventing_any() -> None:
    trace, _ = laps_of(1, 2, 10)
    silent, torn = np.full(len(trace), np.nan), trace.speed_mps.copy()
    torn[5:9] = np.nan
    for speed in (silent, torn):
        given = Trace(trace.t_us, trace.lat_deg, trace.lon_deg, speed)
        for data in (aim_csv(given, [], venue="", kart="", device=""), gpx(given, None, name="", about="")):
            again = read(data)
            assert set(again.faults) <= {UNDATED}      # where nobody knew the time of day
            assert np.array_equal(np.isnan(again.trace.speed_mps), np.isnan(speed))
            assert np.array_equal(np.diff(again.trace.t_us), np.diff(trace.t_us))


def test_an_aim_csv_tells_where_the_line_was_crossed_and_carries_no_formula_and_no_name() -> None:
    trace, _ = laps_of(1, 3)
    laps = segment(trace, LAYOUT)
    data = aim_csv(trace, marks(laps), venue='=HYPERLINK("x"), "Park"', kart="+7", device="Solo")
    again, lines = read(data), data.decode().split("\r\n")
    ends = [lap.time_us for lap in full(laps)]
    assert np.diff(again.device_laps.marks_us).tolist() == pytest.approx(ends, abs=1)
    assert lines[1] == "Venue,\"'=HYPERLINK('x'), 'Park'\""
    assert lines[2] == "Vehicle,'+7"
    assert not any(line.startswith("Racer") for line in lines)


def test_a_gpx_keeps_the_instant_and_one_without_says_that_it_has_none() -> None:
    trace, _ = laps_of(1, 2, 10)
    known = read(gpx(trace, 1_795_000_000_000_000, name="A & B <c>", about="x"))
    assert known.utc_us == pytest.approx(1_795_000_000_000_000 + int(trace.t_us[0]), abs=1)
    assert b"tells no time of day" in gpx(trace, None, name="", about="")
    assert b"tells no time of day" not in gpx(trace, 0, name="", about="")
