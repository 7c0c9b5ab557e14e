"""Real recordings: corners that stay where they are, and a theoretical best that the logger also worked out."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from trackd.analysis.composite import best_lap, composite, rolling, rolling_of_sectors
from trackd.analysis.consistency import consistency, judged, step_change, trend
from trackd.analysis.corners import corners_of, measured
from trackd.analysis.delta import lay, overlay
from trackd.analysis.laps import LapTrace, TimedLap, lap_trace
from trackd.analysis.reference import line_of_laps
from trackd.gps.layouts import Layout
from trackd.gps.readers import formats
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Gate, Point

OKC, SSKC = "okc_kart_tillotson.dovex", "sskc_kart_143.csv"


def recorded(shared: Path, name: str) -> tuple[list[GpsLap], list[LapTrace]]:
    folder = shared / "data/telemetry"
    told = json.loads((folder / "lines.json").read_text())[name]
    sectors = tuple(Gate(f"sector:{n}", Point(*a), Point(*b)) for n, (a, b) in enumerate(told.get("sectors", ()), 1))
    layout = Layout(Gate("start_finish", Point(*told["a"]), Point(*told["b"]), told.get("heading_deg")), sectors)
    trace = formats.read((folder / name).read_bytes(), name).trace
    laps = [lap for lap in segment(trace, layout) if lap.kind == "full"]
    return laps, [lap_trace(trace, lap) for lap in laps]


def timed(laps: list[GpsLap]) -> list[TimedLap]:
    return [TimedLap(str(lap.number), lap.time_us, lap.sectors_us) for lap in laps]


def test_the_best_sectors_sum_up_to_what_the_logger_says_and_the_rolling_best_lies_between(shared: Path) -> None:
    laps, traces = recorded(shared, OKC)
    found, best = composite(timed(laps)), best_lap(timed(laps))
    assert found
    assert best
    assert found.time_us / 1e6 == pytest.approx(55.433, abs=0.001)
    assert best.time_us / 1e6 == pytest.approx(55.604, abs=0.001)
    line = line_of_laps(traces)
    assert line
    sectors, anywhere = rolling_of_sectors(timed(laps)), rolling([lay(line, lap) for lap in traces])
    assert sectors
    assert anywhere
    assert found.time_us <= sectors.time_us <= best.time_us
    assert best.time_us - 500_000 < anywhere.time_us <= best.time_us
    second = composite(timed(laps), nth=2)
    assert second
    assert second.time_us > found.time_us


@pytest.mark.parametrize("name", [OKC, SSKC])
def test_corners_are_the_same_whichever_laps_they_are_found_on_and_all_drive_them_alike(shared: Path, name: str) -> None:
    """Bends of about 30 m, the widest that count, may be found on one half of the laps and not on the other: they are left
    out of the comparison here, and a layout finds its corners once."""
    laps, traces = recorded(shared, name)
    good = [trace for trace, each in zip(traces, judged(timed(laps)), strict=True) if each.clean][1:]
    lines = [line_of_laps(some) for some in (good, good[::2], good[1::2])]
    found = [corners_of(line) for line in lines if line]
    assert [8 <= len(each) <= 13 for each in found] == [True] * 3
    tight = [[each for each in corners if each.radius_m < 17] for corners in found]
    for other in tight[1:]:
        assert len(other) == 7
        assert [each.direction for each in other] == [each.direction for each in tight[0]]
        middles = [[(each.begin_m + each.end_m) / 2 for each in corners] for corners in (other, tight[0])]
        assert middles[0] == pytest.approx(middles[1], abs=4)
        assert [each.speed_kmh for each in other] == pytest.approx([each.speed_kmh for each in tight[0]], abs=1.5)
    line = lines[0]
    assert line
    laid = [lay(line, lap) for lap in good]
    assert {each.method for each in laid} == {"line"}
    assert max(each.p95_m or 99 for each in laid) < 4
    driven = [measured(found[0], each, laid[0]) for each in laid]
    for corner in zip(*driven, strict=True):
        apexes = [each.apex_kmh for each in corner]
        assert None not in apexes
        assert np.median(np.abs(np.array(apexes) - np.median(apexes))) < 3
        assert all(each.time_us and each.lost_us is not None for each in corner)


def test_the_delta_of_real_laps_ends_at_the_difference_of_their_true_times(shared: Path) -> None:
    with (shared / "data/telemetry/truth.csv").open(encoding="utf-8") as file:
        truth_s = [float(row["time_s"]) for row in csv.DictReader(file) if row["file"] == OKC]
    _, traces = recorded(shared, OKC)
    line = line_of_laps(traces[3:])
    assert line
    found = overlay(line, traces[3:7])
    for each, time_s in zip(found.laps, truth_s[3:7], strict=True):
        assert each.delta_us[-1] / 1e6 == pytest.approx(time_s - truth_s[3], abs=0.003)
        assert np.isfinite(each.delta_us).all()
        assert np.max(np.abs(np.diff(each.delta_us))) < 40_000
        assert np.max(np.abs(each.delta_us)) < 2e6


def test_a_real_stint_warms_up_and_is_steady_then(shared: Path) -> None:
    laps, _ = recorded(shared, OKC)
    good = [each.lap for each in judged(timed(laps)) if each.clean]
    found = consistency([lap.time_us for lap in good])
    assert found
    assert 0 < found.spread_us < 1_000_000
    assert found.best_us <= found.sanitized_us <= found.mean_us
    told = trend([(int(lap.lap), lap.time_us) for lap in good])
    assert told.laps >= 8
    assert told.low_us is not None
    assert told.high_us is not None
    assert told.low_us <= (told.slope_us or 0) <= told.high_us
    step = step_change([lap.time_us for lap in good])
    assert step is None or 0 < step.at < len(good)
    assert all(a.start_us + a.time_us == b.start_us for a, b in pairwise(laps))
