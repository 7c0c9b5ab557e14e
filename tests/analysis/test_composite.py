"""Composites: what was driven, what was not, and of which laps it is made."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis import circuit
from tests.analysis.circuit import driven, slower
from trackd.analysis.composite import best_lap, composite, rolling, rolling_of_sectors
from trackd.analysis.delta import lay
from trackd.analysis.laps import TimedLap

LINE = circuit.line()


def lap(name: int | str, *sectors_s: float | None, by: str = "Ada", **how: object) -> TimedLap:
    sectors = tuple(None if each is None else round(each * 1e6) for each in sectors_s)
    return TimedLap(str(name), sum(each or 0 for each in sectors), sectors, by, **how)  # type: ignore[arg-type]


STINT = [lap(1, 10.0, 15.0, 12.0), lap(2, 9.9, 15.2, 11.8), lap(3, 10.1, 14.8, 12.3), lap(4, 9.95, 15.05, 11.9)]

driven_sectors = st.lists(st.tuples(*[st.integers(5_000_000, 20_000_000)] * 6), min_size=1, max_size=12)
steady = settings(derandomize=True, deadline=None, max_examples=60)


@steady
@given(driven_sectors)
def test_one_sector_is_the_best_lap_more_are_never_slower_and_finer_ones_never_slower_again(
        rows: list[tuple[int, ...]]) -> None:
    def merged(row: tuple[int, ...], sectors: int) -> tuple[int, ...]:
        return tuple(sum(row[i:i + 6 // sectors]) for i in range(0, 6, 6 // sectors))

    totals = []
    for sectors in (1, 2, 6):
        laps = [TimedLap(str(n), sum(row), merged(row, sectors)) for n, row in enumerate(rows)]
        found = composite(laps)
        assert found
        assert found.time_us == sum(part.time_us for part in found.parts)
        assert [part.sector for part in found.parts] == list(range(1, sectors + 1))
        totals.append(found.time_us)
    best = best_lap(laps)
    assert best
    assert totals[0] == best.time_us
    assert all(fine <= coarse for coarse, fine in pairwise(totals))
    assert totals[1] >= totals[2]


@steady
@given(driven_sectors)
def test_a_rolling_best_lies_between_the_theoretical_and_the_best_lap(rows: list[tuple[int, ...]]) -> None:
    laps = [TimedLap(str(n), sum(row), row) for n, row in enumerate(rows)]
    best, found, theory = best_lap(laps), rolling_of_sectors(laps), composite(laps)
    assert best
    assert found
    assert theory
    assert theory.time_us <= found.time_us <= best.time_us


def test_a_known_sector_win_is_picked_and_names_its_lap_and_driver() -> None:
    laps = [*STINT, lap(5, 11.0, 14.2, 13.0, by="Ben")]
    found = composite(laps)
    assert found
    assert [(part.lap, part.by) for part in found.parts] == [("2", "Ada"), ("5", "Ben"), ("2", "Ada")]
    assert (found.time_us, found.laps) == (9_900_000 + 14_200_000 + 11_800_000, 5)


def test_the_second_best_composite_takes_the_second_of_each_sector() -> None:
    found = composite(STINT, nth=2)
    assert found
    assert [part.time_us for part in found.parts] == [9_950_000, 15_000_000, 11_900_000]
    assert [part.lap for part in found.parts] == ["4", "1", "4"]
    assert composite(STINT[:1], nth=2) is None


def test_a_missing_sector_is_none_never_zero() -> None:
    holed = [lap(1, 10.0, None, 12.0), lap(2, 9.9, 15.2, 11.8)]
    found = composite(holed)
    assert found
    assert [part.lap for part in found.parts] == ["2", "2", "2"]
    assert composite([lap(1, 10.0, None, 12.0)]) is None
    assert composite([TimedLap("1", 40_000_000)]) is None
    assert composite([]) is None
    assert composite([lap(1, 10.0, 11.0), lap(2, 10.0, 11.0, 12.0)]) is None
    assert rolling_of_sectors([lap(1, 10.0, None, 12.0)]) is None
    assert rolling_of_sectors([]) is None


def test_the_rolling_best_goes_over_the_line_but_not_over_a_hole_or_a_lap_in_the_pit() -> None:
    laps = [lap(1, 10.0, 15.0, 11.0), lap(2, 9.0, 16.0, 12.0)]
    found = rolling_of_sectors(laps)
    assert found
    assert (found.time_us, found.laps, found.sector) == (35_000_000, (0, 1), 2)      # 15.0 and 11.0, then 9.0
    assert rolling_of_sectors([laps[0], lap(2, None, 16.0, 12.0)]) == rolling_of_sectors(laps[:1])
    assert rolling_of_sectors([laps[0], replace(laps[1], kind="in")]) == rolling_of_sectors(laps[:1])


def test_the_best_lap_is_a_whole_one_and_the_earlier_of_two() -> None:
    assert best_lap([lap(1, 30.0, kind="out"), lap(2, 31.0, complete=False), lap(3, 40.0), lap(4, 40.0)]) == lap(3, 40.0)
    assert best_lap([]) is None


def test_the_best_continuous_lap_from_the_traces_begins_behind_the_mistake_of_one_lap_and_ends_before_the_next() -> None:
    """Half a second lost early in the first lap and late in the second: between them lies a lap without either."""
    paces = [slower(0.5, 60, 120), slower(0.5, 400, 460)]
    laps = [lay(LINE, each) for each in driven(paces, 25, white_m=0.02, seed=4)]
    found = rolling(laps)
    assert found
    best_us = min(each.lap.time_us for each in laps)
    assert (found.first, found.laps) == (0, (0, 1))
    assert found.start_m is not None
    assert 115 < found.start_m < 405
    assert found.time_us == pytest.approx(best_us - 500_000, abs=15_000)


def test_laps_that_do_not_follow_each_other_give_no_rolling_lap_but_the_best() -> None:
    one, two = driven([slower(0.5, 60, 120), slower(0.4, 400, 460)], 10)
    later = replace(two, start_us=two.start_us + 1_000_000)
    found = rolling([lay(LINE, one), lay(LINE, later)])
    assert found
    assert (found.time_us, found.laps, found.start_m) == (two.time_us, (1,), 0)
    off = lay(LINE, replace(one, lat_deg=one.lat_deg[::-1], lon_deg=one.lon_deg[::-1]))
    assert rolling([off]) is None
    assert rolling([off, lay(LINE, two)]) == replace(found, first=1)


def test_finer_sectors_make_the_composite_better_than_anybody_drives() -> None:
    """METHODS 4: why 3 to 8 sectors, and no more."""
    rng = np.random.default_rng(1)
    gains = []
    for count in (3, 8, 20):
        runs = []
        for _ in range(50):
            rows = 12_000_000 + np.round(rng.normal(0, 0.25e6 / np.sqrt(count), (20, count))).astype(int)
            laps = [TimedLap(str(n), int(row.sum()), tuple(map(int, row))) for n, row in enumerate(rows)]
            found, best = composite(laps), best_lap(laps)
            assert found
            assert best
            runs.append((found.time_us - best.time_us) / 1e6)
        gains.append(np.mean(runs))
    assert gains == pytest.approx([-0.34, -0.85, -1.62], abs=0.06)
