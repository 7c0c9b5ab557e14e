"""The charts of an analysis: places in drawing units, names that can be read, nothing of no lap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.analysis.charts import Histogram, best_chart, histogram
from trackd.web.racecharts import APART, LEFT, RIGHT, bars, gap_chart, order_chart, spread

KARTS = {"7": ("7", "Ada"), "9": ("9", "Bo"), "12": ("12", "Cy")}
S = 1_000_000


def test_the_order_of_a_race_goes_from_first_to_last_lap_and_who_stopped_has_no_place() -> None:
    view = order_chart({"7": (2, 1, 1), "9": (1, 2), "12": (3, 3, 2)}, KARTS)
    assert view
    assert [(line.kart, line.position, line.wins) for line in view.lines] == [
        ("7", "1", True), ("9", "", False), ("12", "2", False)]
    assert view.lines[0].path.startswith(f"M{LEFT:.1f} ")
    assert f"{RIGHT:.1f} {view.lines[0].last_y:.1f}" in view.lines[0].path
    assert view.lines[0].last_y < view.lines[2].last_y < view.height
    assert order_chart({"7": ()}, KARTS) is None


def test_gaps_go_down_and_one_kart_that_stood_for_long_flattens_nobody() -> None:
    near = {"7": (0, 0, 0), "9": (300_000, 500_000, 900_000)}
    view = gap_chart(near, KARTS)
    assert view
    assert not view.cut
    assert [line.position for line in view.lines] == ["", "+0.9"]
    assert [text for _, text in view.rows] == ["0", "0.5", "1", "1.5", "2"]
    many = {str(n): tuple(n * 100_000 for _ in range(10)) for n in range(20)}
    many["19"] = (*many["19"][:9], 95 * S)
    cut = gap_chart(many, {key: (key, "") for key in many})
    assert cut
    assert cut.cut == "3.6 s"
    assert gap_chart({}, KARTS) is None


def test_who_stopped_early_is_named_where_his_line_ends() -> None:
    view = gap_chart({"7": (0, 0), "9": (S,)}, KARTS)
    assert view
    assert [(x, kart) for x, _, kart in view.ends] == [(LEFT, "9")]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 300), max_size=24).map(sorted))
def test_names_beside_each_other_never_overlap_and_keep_their_order(wanted: list[float]) -> None:
    found = spread(wanted)
    assert all(b - a >= APART - 1e-6 for a, b in pairwise(found))
    assert all(each >= want for each, want in zip(found, wanted, strict=True))


@pytest.mark.parametrize(("found", "ticks"), [
    (Histogram(500_000, (42_000_000, 42_500_000, 43_000_000), (2, 1)), ("42.0", "42.5", "43.0")),
    (Histogram(20_000, (59_980_000, 60_000_000, 60_020_000), (1, 1)), ("59.98", "1:00.00", "1:00.02")),
    (Histogram(5 * S, (60 * S, 65 * S), (1,)), ("1:00", "1:05"))])
def test_edges_of_a_histogram_are_told_as_exactly_as_its_bins(found: Histogram, ticks: tuple[str, ...]) -> None:
    view = bars(found)
    assert view
    assert tuple(text for _, text in view.ticks) == ticks
    assert max(bar.height for bar in view.bars) == pytest.approx(view.base - min(bar.y for bar in view.bars))


def test_a_histogram_of_no_lap_is_none() -> None:
    assert bars(histogram([])) is None


def test_where_best_laps_rank_the_order_is_by_the_best_so_far() -> None:
    assert best_chart({"7": [41, 40, 42], "9": [40, 41], "12": []}) == {"7": (2, 1, 1), "9": (1, 2), "12": ()}
