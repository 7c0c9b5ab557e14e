"""Corners that somebody settled: measured in like those that were found, and carried along when the start line moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis import circuit
from tests.journeys.circuits import gate
from trackd.analysis.corners import corners_of, measured
from trackd.analysis.delta import lay
from trackd.analysis.kept import carried, corners_kept, kept_of
from trackd.analysis.reference import ReferenceLine, line_of_points


@pytest.fixture(scope="module")
def line() -> ReferenceLine:
    return circuit.line()


def test_corners_that_were_found_and_kept_are_the_same_corners(line: ReferenceLine) -> None:
    found = corners_of(line)
    again = corners_kept(line, [kept_of(each) for each in found])
    for one, other in zip(found, again, strict=True):
        assert (one.name, one.direction, one.pace) == (other.name, other.direction, other.pace)
        for metres in ("entry_m", "begin_m", "apex_m", "tightest_m", "end_m", "exit_m"):
            assert getattr(other, metres) == pytest.approx(getattr(one, metres), abs=0.06), metres
    lap = lay(line, circuit.driven([1 / circuit.SPEED])[0])
    speeds = [[each.apex_kmh for each in measured(corners, lap)] for corners in (found, again)]
    assert speeds[1] == pytest.approx(speeds[0], abs=0.05)


def test_a_kind_somebody_chose_stands_and_others_go_by_the_cuts(line: ReferenceLine) -> None:
    kept = [replace(kept_of(each), kind="", name=f"C{each.number}") for each in corners_of(line)]
    kept[4] = replace(kept[4], kind="slow")
    corners = corners_kept(line, kept, (1.0, 2.0))
    assert [each.pace for each in corners] == ["fast"] * 4 + ["slow"] + ["fast"] * 5
    assert [each.name for each in corners] == [each.name for each in kept]


def test_a_corner_put_where_nothing_bends_is_measured_over_all_of_it(line: ReferenceLine) -> None:
    flat = replace(kept_of(corners_of(line)[0]), entry_m=2.0, apex_m=10.0, exit_m=14.0, direction="")
    corner, = corners_kept(line, [flat])
    assert (corner.begin_m, corner.apex_m, corner.end_m) == (2.0, 10.0, 14.0)
    beyond, = corners_kept(line, [replace(flat, entry_m=line.length_m - 5, apex_m=line.length_m, exit_m=line.length_m + 3)])
    assert beyond.exit_m == line.length_m


@pytest.mark.parametrize("moved_m", [0.0, 20.0, 300.0])
def test_corners_stay_where_they_are_when_the_start_line_moves(line: ReferenceLine, moved_m: float) -> None:
    points = [line.place(float(at_m)) for at_m in line.s_m[:-1:2]]
    was, now = (line_of_points(points, gate("start_finish", at_m)) for at_m in (0, moved_m))
    assert was
    assert now
    kept = [kept_of(each) for each in corners_of(was)]
    moved = carried(kept, was, now)
    places = {each.name: was.place(each.apex_m) for each in kept}
    assert len(moved) == len(kept) - sum(each.entry_m < moved_m < each.exit_m for each in kept)
    for corner in moved:
        one, other = (np.array(line.plane.point(each)) for each in (places[corner.name], now.place(corner.apex_m)))
        assert np.hypot(*(one - other)) < 0.5
    assert [each.entry_m for each in moved] == sorted(each.entry_m for each in moved)


def test_corners_are_not_carried_onto_another_way(line: ReferenceLine) -> None:
    away = replace(line, x_m=line.x_m + 500)
    assert carried([kept_of(each) for each in corners_of(line)], line, away) == ()
