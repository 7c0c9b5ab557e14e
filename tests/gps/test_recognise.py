"""Which layout a recording was driven on: never a wrong one, and unknown only where it cannot be told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from tests.gps.courses import (
    LAYOUTS,
    LINES,
    LONG,
    Outing,
    backwards,
    closed,
    drive,
    layout,
    round_and_round,
    told,
)
from tests.gps.drive import PLANE, laps_of, trace_at
from trackd.gps.layouts import Layout
from trackd.gps.readers import formats
from trackd.gps.recognise import Recognition, recognise, reference_of
from trackd.gps.segment import segment
from trackd.gps.trace import Gate, Point, Trace


def rng_of(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def joined(*traces: Trace) -> Trace:
    """One recording after the other, three seconds apart."""
    t_us = np.concatenate([trace.t_us + 10**9 * i for i, trace in enumerate(traces)])
    return Trace(t_us, *(np.concatenate([getattr(trace, of) for trace in traces])
                         for of in ("lat_deg", "lon_deg", "speed_mps")))


def lines_only(name: str, sectors: tuple[int, ...] = (), start: int = 0) -> Layout:
    return layout(LINES[name], name, start=start, sectors=sectors, reference=False)


def tally(outings: int, seed: int, laps: tuple[int, int]) -> Counter[str]:
    rng, count = rng_of(seed), Counter[str]()
    for i in range(outings):
        name = list(LINES)[i % len(LINES)]
        outing = Outing(laps=int(rng.integers(*laps)), before=rng.uniform(0.1, 0.9), after=rng.uniform(0.1, 0.9))
        answer = recognise(drive(LINES[name], outing, rng), LAYOUTS)
        count["right" if answer.layout == name else "wrong" if answer.layout else "unknown"] += 1
    return count


def test_of_seven_layouts_with_reverses_and_a_short_way_none_is_taken_for_another_in_a_drift_of_1_5_m() -> None:
    count = tally(42, 3, (3, 7))
    assert count["wrong"] == 0
    assert count["unknown"] == 0


def test_one_lap_is_enough_in_a_drift_of_1_5_m() -> None:
    count = tally(70, 5, (1, 2))
    assert count["wrong"] == 0
    assert count["unknown"] == 0                                     # of 1,400 as well


@pytest.mark.soak
@pytest.mark.parametrize("laps", [(1, 2), (2, 10)])
def test_of_thousands_of_recordings_none_is_taken_for_another_and_1_in_100_is_unknown(laps: tuple[int, int]) -> None:
    count = tally(3_000, 2026, laps)
    assert count["wrong"] == 0
    assert count["unknown"] <= 30, count


def test_a_way_that_differs_by_a_few_metres_for_a_few_seconds_is_no_drift() -> None:
    bend = closed(np.insert(LONG, 13, [(-45, 62), (-55, 55), (-45, 45)], axis=0))
    rng, bent = rng_of(3), layout(bend, "bend")
    for _ in range(15):
        there, here = (drive(line, Outing(laps=1), rng) for line in (bend, LINES["long"]))
        assert recognise(there, {"long": LAYOUTS["long"]}).layout == ""
        assert recognise(here, {"bend": bent}).layout == ""
        assert recognise(there, {"long": LAYOUTS["long"], "bend": bent}).layout == "bend"


def test_the_evidence_says_how_well_each_layout_goes_with_it() -> None:
    answer = recognise(drive(LINES["long"], Outing(), rng_of()), LAYOUTS)
    of = {each.layout: each for each in answer.evidence}
    assert answer.layout == "long"
    assert list(of) == list(LAYOUTS)
    assert (of["long"].laps, of["long"].fitting, of["long"].by_reference) == (6, 6, True)
    assert (of["long"].coverage, of["long"].direction) == (1.0, 1.0)
    assert of["long"].p95_m < 3
    assert of["long"].length_ratio == pytest.approx(1, abs=0.01)
    assert (of["short"].fitting, of["long reverse"].laps, of["elsewhere"].laps) == (0, 0, 0)
    assert of["short"].length_ratio > 1.2
    assert of["long reverse"].sentence == "The start line of long reverse was not crossed twice in its direction."
    assert answer.reason.startswith("6 of 6 laps follow the reference line of long: 100% of it driven, ")


@pytest.mark.parametrize(("name", "others"), [
    ("short", ["long", "long reverse", "short reverse", "chicane", "elsewhere"]),
    ("long", ["short", "chicane", "short reverse", "elsewhere"]),
    ("long reverse", ["long", "short", "short reverse"])])
def test_a_layout_that_is_not_among_the_candidates_is_unknown(name: str, others: list[str]) -> None:
    rng = rng_of(5)
    for _ in range(4):
        answer = recognise(drive(LINES[name], Outing(), rng), {key: LAYOUTS[key] for key in others})
        assert answer.layout == ""


def test_half_a_lap_is_unknown() -> None:
    for laps, before, after in ((0, 0.3, 0.2), (0, 0.5, 0.9)):
        answer = recognise(drive(LINES["long"], Outing(laps=laps, before=before, after=after), rng_of()), LAYOUTS)
        assert (answer.layout, answer.reason) == ("", "No start line was crossed twice in its direction.")


def test_a_lap_with_an_excursion_is_unknown_alone_and_does_no_harm_among_others() -> None:
    outing = Outing(laps=1)
    rng = rng_of(2)
    true = round_and_round(LINES["long"], outing, rng, 1.6)
    off = true.copy()
    middle = len(off) // 2
    width = 20                                                       # four seconds, some 30 m of 676
    off[middle - width:middle + width] += 18 * np.hanning(2 * width)[:, None] * [0.6, 0.8]
    assert recognise(told(true, outing, rng), LAYOUTS).layout == "long"
    alone = told(off, outing, rng)
    assert recognise(alone, LAYOUTS).layout == ""
    among = recognise(joined(drive(LINES["long"], Outing(laps=4), rng), alone), LAYOUTS)
    assert (among.layout, among.evidence[0].fitting, among.evidence[0].laps) == ("long", 4, 5)


def test_a_recording_of_two_layouts_is_unknown() -> None:
    rng = rng_of(4)
    for first, second in (("long", "short"), ("long", "chicane"), ("short", "long")):
        both = joined(drive(LINES[first], Outing(laps=8), rng), drive(LINES[second], Outing(laps=3), rng))
        assert recognise(both, LAYOUTS).layout == ""
    alone = joined(drive(LINES["short"], Outing(laps=4), rng), drive(LINES["long"], Outing(laps=4), rng))
    answer = recognise(alone, {"long": LAYOUTS["long"]})
    assert answer.layout == ""
    assert answer.reason.endswith("The others were driven elsewhere.")


def test_the_same_way_under_two_names_is_left_to_a_person() -> None:
    answer = recognise(drive(LINES["long"], Outing(), rng_of()), LAYOUTS | {"old": replace(LAYOUTS["long"], name="Old")})
    assert (answer.layout, answer.reason) == ("", "There are laps that follow the reference lines of long and Old.")


def test_a_receiver_that_is_three_metres_off_all_day_is_no_matter() -> None:
    trace = drive(LINES["long"], Outing(drift_m=0.3), rng_of())
    for off_m, known in ((3.0, "long"), (6.5, "")):
        moved = replace(trace, lon_deg=trace.lon_deg + off_m / PLANE.east_m)       # along the straight of the start line
        assert recognise(moved, LAYOUTS).layout == known


def test_a_line_without_a_direction_takes_that_of_its_reference() -> None:
    free = {key: replace(each, start_finish=replace(each.start_finish, heading_deg=None)) for key, each in LAYOUTS.items()}
    trace = drive(LINES["long"], Outing(), rng_of())
    assert recognise(trace, free).layout == "long"
    assert recognise(backwards(trace), free).layout == "long reverse"


def test_a_reference_that_is_drawn_the_wrong_way_round_is_never_followed() -> None:
    wrong = replace(LAYOUTS["long"], reference=LAYOUTS["long"].reference[::-1])
    answer = recognise(drive(LINES["long"], Outing(), rng_of()), {"long": wrong})
    assert answer.layout == ""
    assert answer.evidence[0].sentence == "The reference line of long does not cross its start line in its direction."


def test_without_references_the_lines_tell_where_they_can() -> None:
    trace = drive(LINES["long"], Outing(), rng_of())
    only = {key: lines_only(key, start=-1 if "reverse" in key else 0) for key in ("long", "long reverse", "elsewhere")}
    assert recognise(trace, only).layout == "long"
    assert recognise(backwards(trace), only).layout == "long reverse"
    assert recognise(trace, {"elsewhere": lines_only("elsewhere")}).layout == ""


def test_without_references_sisters_with_one_start_line_are_told_by_their_sector_lines_or_not_at_all() -> None:
    middle = next(i for i, (x, y) in enumerate(LINES["long"]) if abs(x - 60) < 2 and 40 < y < 60)
    sisters = {"long": lines_only("long", (middle, 500)), "short": lines_only("short")}
    long, short = (drive(LINES[name], Outing(), rng_of(3)) for name in ("long", "short"))
    assert recognise(short, sisters).layout == "short"
    answer = recognise(long, sisters)
    assert (answer.layout, answer.reason[:26]) == ("", "It could be long and short")
    assert recognise(long, {"long": sisters["long"]}).reason == "6 of 6 laps cross the lines of long in their order."


def test_a_reference_outranks_lines_and_a_sister_with_one_is_a_doubt_where_it_is_not_followed() -> None:
    sisters = {"long": LAYOUTS["long"], "short": lines_only("short")}
    long, short = (drive(LINES[name], Outing(), rng_of(3)) for name in ("long", "short"))
    assert recognise(long, sisters).layout == "long"
    assert recognise(short, sisters).layout == ""


def test_limits_of_a_layout_without_reference_tell_too() -> None:
    trace = drive(LINES["long"], Outing(), rng_of())
    short = replace(lines_only("short"), max_lap_us=45_000_000)
    assert recognise(trace, {"long": lines_only("long"), "short": short}).layout == "long"


def test_ten_minutes_at_25_hz_against_six_layouts_take_less_than_50_ms() -> None:
    trace = drive(LINES["long"], Outing(laps=11, rate_hz=25), rng_of())
    assert trace.duration_us > 590_000_000
    six = {key: LAYOUTS[key] for key in list(LAYOUTS)[:6]}
    spent = []
    for _ in range(5):
        since = process_time()
        assert recognise(trace, six).layout == "long"
        spent.append(process_time() - since)
    assert min(spent) < 0.050


def apart_m(reference: tuple[Point, ...], line: np.ndarray) -> np.ndarray:
    """How far each place of a reference lies from a course, metres."""
    xy = np.stack(PLANE.xy(*(np.array([getattr(each, of) for each in reference]) for of in ("lat_deg", "lon_deg"))), axis=1)
    return np.asarray(np.sqrt(((xy[:, None] - line) ** 2).sum(2).min(1)))


def test_a_reference_is_the_middle_of_clean_laps_in_the_order_they_are_driven() -> None:
    trace = drive(LINES["long"], Outing(laps=14, drift_m=1.0), rng_of(8))
    drawn = replace(LAYOUTS["long"], reference=())
    reference = reference_of(trace, segment(trace, drawn))
    assert len(reference) == pytest.approx(676, abs=10)
    apart = apart_m(reference, LINES["long"])
    assert np.sqrt(np.mean(apart**2)) < 0.8                          # one lap alone: 1.4
    made = replace(drawn, reference=reference)
    assert recognise(drive(LINES["long"], Outing(), rng_of(9)), LAYOUTS | {"long": made}).layout == "long"


def test_a_lap_with_a_slip_leaves_no_trace_in_the_reference() -> None:
    rng, outing = rng_of(3), Outing(laps=7, drift_m=0.2)
    trace = drive(LINES["long"], outing, rng)
    laps = [lap for lap in segment(trace, LAYOUTS["long"]) if lap.kind == "full"]
    third = laps[2].start_us + laps[2].time_us // 2
    bump = 8 * np.exp(-((trace.t_us - third) / 2e6) ** 2)
    slipped = replace(trace, lat_deg=trace.lat_deg + bump / PLANE.north_m)
    assert apart_m(reference_of(slipped, laps), LINES["long"]).max() < 2
    assert apart_m(reference_of(slipped, laps[2:3]), LINES["long"]).max() > 3


def test_without_a_clean_lap_there_is_no_reference() -> None:
    trace = drive(LINES["long"], Outing(laps=2), rng_of())
    laps = segment(trace, LAYOUTS["long"])
    assert reference_of(trace, [lap for lap in laps if lap.kind != "full"]) == ()
    assert reference_of(trace, [replace(lap, flags=("gap",)) for lap in laps]) == ()


@pytest.mark.parametrize("file", ["sskc_kart_143.csv", "okc_kart_tillotson.dovex"])
def test_real_laps_follow_the_line_of_three_others_and_driven_backwards_they_do_not(file: str, shared: Path) -> None:
    folder = shared / "data" / "telemetry"
    trace = formats.read((folder / file).read_bytes(), file).trace
    line = json.loads((folder / "lines.json").read_text())[file]
    drawn = Layout(Gate("start_finish", Point(*line["a"]), Point(*line["b"]), line.get("heading_deg")), name="Drawn")
    laps = [lap for lap in segment(trace, drawn) if lap.kind == "full"]
    known = {"drawn": replace(drawn, reference=reference_of(trace, laps[:3]))}
    answer = recognise(trace, known)
    assert (answer.layout, answer.evidence[0].fitting) == ("drawn", 12)
    assert recognise(backwards(trace), known).layout == ""


def test_nothing_to_go_by_is_unknown_and_no_error() -> None:
    drive_round, _ = laps_of([40.0, 40.0])
    assert recognise(drive_round.trace(), {}) == Recognition("", "No start line was crossed twice in its direction.", ())
    parked = trace_at(np.arange(100) / 10, np.zeros((100, 2)))
    assert recognise(parked, LAYOUTS).layout == ""
