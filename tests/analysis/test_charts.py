"""The numbers behind the charts of a race."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.analysis.charts import elapsed, gap_chart, histogram, lap_chart

RACE = {"7": [45_000_000, 44_000_000, 46_000_000], "11": [44_500_000, 45_000_000],
        "3": [46_000_000, 44_500_000, 43_000_000], "9": []}
steady = settings(derandomize=True, deadline=None, max_examples=60)
races = st.dictionaries(st.text("0123456789", min_size=1, max_size=2),
                        st.lists(st.integers(30_000_000, 60_000_000), max_size=8), max_size=8)


def test_positions_and_gaps_after_each_lap_of_a_race_that_one_kart_did_not_finish() -> None:
    assert elapsed(RACE)["7"] == (45_000_000, 89_000_000, 135_000_000)
    assert lap_chart(RACE) == {"7": (2, 1, 2), "11": (1, 2), "3": (3, 3, 1), "9": ()}
    assert gap_chart(RACE) == {"7": (500_000, 0, 1_500_000), "11": (0, 500_000), "3": (1_500_000, 1_500_000, 0), "9": ()}


def test_karts_that_start_later_have_their_clock_begin_later() -> None:
    started = {"7": 2_000_000}
    assert lap_chart(RACE, started)["7"] == (3, 3, 2)
    assert gap_chart(RACE, started)["7"][0] == 2_500_000
    assert lap_chart({}) == gap_chart({}) == {}


@steady
@given(races)
def test_after_every_lap_the_places_are_one_to_as_many_as_drove_it_and_the_first_has_no_gap(
        race: dict[str, list[int]]) -> None:
    places, gaps = lap_chart(race), gap_chart(race)
    for lap in range(max(map(len, race.values()), default=0)):
        there = [kart for kart, times in race.items() if len(times) > lap]
        assert sorted(places[kart][lap] for kart in there) == list(range(1, len(there) + 1))
        for kart in there:
            assert gaps[kart][lap] >= 0
            assert places[kart][lap] != 1 or gaps[kart][lap] == 0


@steady
@given(st.lists(st.integers(1, 300_000_000), min_size=1, max_size=60))
def test_every_lap_is_in_one_bin_of_a_width_a_person_can_read(times_us: list[int]) -> None:
    found = histogram(times_us)
    assert found
    assert sum(found.counts) == len(times_us)
    assert len(found.edges_us) == len(found.counts) + 1 <= 43
    assert all(edge % found.width_us == 0 for edge in found.edges_us)
    for low, high, count in zip(found.edges_us, found.edges_us[1:], found.counts, strict=False):
        assert count == sum(low <= each < high for each in times_us)


def test_a_histogram_of_laps_like_those_of_a_heat_has_some_ten_bins() -> None:
    rng = np.random.default_rng(1)
    found = histogram([round(each) for each in rng.normal(45e6, 0.4e6, 120)])
    assert found
    assert found.width_us in (200_000, 500_000)
    assert histogram([45_000_000]) is not None
    assert histogram([]) is None
    wide = histogram([44_900_000, 45_000_000, 45_999_999], 1_000_000)
    assert wide
    assert (wide.edges_us, wide.counts) == ((44_000_000, 45_000_000, 46_000_000), (1, 2))
    with pytest.raises(ValueError):
        histogram([1], 0)
