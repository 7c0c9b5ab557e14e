"""Consistency by simulation: words are said where they are true, and hardly ever where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.analysis.consistency import consistency, judged, percentile, rising, step_change, trend
from trackd.analysis.laps import TimedLap

SPREAD_S = 0.15


def stint(rng: np.random.Generator, laps: int, slope_s: float = 0.0, incidents: float = 0.05) -> list[TimedLap]:
    """Laps of 45 s with heavy tails, and now and then a spin of seconds."""
    times = 45 + slope_s * np.arange(laps) + SPREAD_S * rng.standard_t(3, laps)
    times += np.where(rng.random(laps) < incidents, rng.uniform(2, 8, laps), 0)
    return [TimedLap(str(n), round(float(each) * 1e6)) for n, each in enumerate(times, 1)]


def clean(laps: list[TimedLap]) -> list[tuple[int, int]]:
    return [(int(each.lap.lap), each.lap.time_us) for each in judged(laps) if each.clean]


@pytest.mark.parametrize("slope_s", [0.0, 0.03])
def test_the_interval_of_a_trend_holds_the_truth_in_95_of_100_stints(slope_s: float) -> None:
    """METHODS 5: slope b, t3 noise, 5 % incidents: coverage 93 to 97 %."""
    rng = np.random.default_rng(7)
    found = [trend(clean(stint(rng, 18, slope_s)), seed=n) for n in range(500)]
    assert all(each.low_us is not None and each.high_us is not None for each in found)
    assert 0.93 <= np.mean([(each.low_us or 0) <= slope_s * 1e6 <= (each.high_us or 0) for each in found]) <= 0.97
    assert np.mean([each.slope_us or 0 for each in found]) == pytest.approx(slope_s * 1e6, abs=1500)


@pytest.mark.parametrize(("laps", "slope_s"), [(30, 0.0), (30, 0.03), (60, 0.01)])
def test_the_interval_of_a_long_stint_is_as_honest_and_quick(laps: int, slope_s: float) -> None:
    rng = np.random.default_rng(17)
    found = [trend(clean(stint(rng, laps, slope_s))) for _ in range(400)]
    assert 0.93 <= np.mean([(each.low_us or 0) <= slope_s * 1e6 <= (each.high_us or 0) for each in found]) <= 0.97
    if not slope_s:
        assert np.mean([each.word != "steady" for each in found]) <= 0.06
    assert trend(clean(stint(rng, 600, 0.01))).word == "fading"


def test_of_laps_without_a_trend_at_most_one_stint_in_twenty_is_said_to_have_one() -> None:
    rng = np.random.default_rng(11)
    words = [trend(clean(stint(rng, 12 + n % 9)), seed=n).word for n in range(500)]
    assert words.count("unknown") < 50
    assert np.mean([word in {"fading", "improving"} for word in words]) <= 0.05


def test_a_trend_that_is_there_is_told_with_its_direction() -> None:
    rng = np.random.default_rng(3)
    assert [trend(clean(stint(rng, 20, 0.08))).word for _ in range(20)].count("fading") >= 19
    assert [trend(clean(stint(rng, 20, -0.08))).word for _ in range(20)].count("improving") >= 19


def test_the_p_of_a_trend_is_that_of_mann_and_kendall_and_false_as_often_as_it_says() -> None:
    up = [(n, 45_000_000 + 50_000 * n) for n in range(1, 9)]
    assert trend(up, warm_up=0).p == pytest.approx(0.000837, abs=1e-6)      # S = 28 of 28 pairs, z = 27 / 8.083
    assert trend([(n, -us) for n, us in up], warm_up=0).p == trend(up, warm_up=0).p
    tied = [(n, 45_000_000 + 50_000 * (n // 2)) for n in range(1, 9)]
    assert trend(tied, warm_up=0).p == pytest.approx(0.002367, abs=1e-6)    # 3 pairs tied: S = 25, variance 62.33
    assert trend([(n, 45_000_000) for n in range(1, 9)], warm_up=0).p == 1.0
    rng = np.random.default_rng(5)
    found = [trend(clean(stint(rng, 14 + n % 9)), seed=n).p for n in range(400)]
    assert 0.02 <= np.mean([p is not None and p < 0.05 for p in found]) <= 0.07


def test_a_trend_of_less_than_a_tenth_in_all_is_none_however_sure() -> None:
    laps = [(n, 45_000_000 + 4_000 * n) for n in range(1, 22)]
    found = trend(laps)
    assert (found.word, found.laps) == ("steady", 19)
    assert (found.slope_us, found.low_us, found.high_us) == (4_000, 4_000, 4_000)
    assert trend([(n, 45_000_000 + 6_000 * n) for n in range(1, 22)]).word == "fading"


def test_the_warm_up_is_no_improvement_and_few_laps_have_no_trend() -> None:
    laps = [(1, 49_000_000), (2, 47_000_000), *((n, 45_000_000 + 1_000 * (n % 3)) for n in range(3, 14))]
    assert trend(laps).word == "steady"
    assert trend(laps).laps == 11
    assert trend(laps, warm_up=0).laps == 13
    few = trend(laps[:9])
    assert (few.word, few.laps, few.slope_us) == ("unknown", 7, None)
    assert trend([]).word == "unknown"


def test_the_same_laps_give_the_same_trend_and_so_do_laps_later_by_a_second_each() -> None:
    laps = clean(stint(np.random.default_rng(5), 15, 0.02))
    found = trend(laps)
    assert trend(list(laps)) == found
    later = trend([(number, time_us + 1_000_000) for number, time_us in laps])
    assert (later.slope_us, later.low_us, later.high_us) == pytest.approx((found.slope_us, found.low_us, found.high_us))


def test_laps_are_clean_or_say_why_they_are_not() -> None:
    usual = [TimedLap(str(n), 45_000_000 + 50_000 * (n % 4)) for n in range(10)]
    odd = [TimedLap("out", 30_000_000, kind="out"), TimedLap("gap", 45_000_000, complete=False),
           TimedLap("yellow", 60_000_000, yellow=True), TimedLap("spin", 47_000_000), TimedLap("in", 50_000_000, kind="in")]
    found = {each.lap.lap: each.reason for each in judged([*usual, *odd])}
    assert {lap: reason for lap, reason in found.items() if reason} == {
        "out": "out", "gap": "incomplete", "yellow": "yellow", "spin": "slow", "in": "in"}
    assert judged([]) == ()
    assert [each.reason for each in judged([odd[0]])] == ["out"]
    assert [each.clean for each in judged([TimedLap("1", 45_000_000)])] == [True]


def test_many_incidents_do_not_widen_the_gate_for_one_another() -> None:
    times = [*np.linspace(44.5, 45.5, 12), *[47.2] * 8]
    laps = [TimedLap(str(n), round(float(each) * 1e6)) for n, each in enumerate(times)]
    assert [each.reason for each in judged(laps)] == [""] * 12 + ["slow"] * 8


def test_the_numbers_of_a_stint_are_those_worked_out_by_hand() -> None:
    found = consistency([45_000_000, 45_050_000, 45_100_000, 45_300_000, 56_000_000])
    assert found
    assert (found.laps, found.best_us, found.median_us, found.close) == (5, 45_000_000, 45_100_000, 3)
    assert found.mean_us == 47_290_000
    assert found.sanitized_us == 45_112_500                       # 56 s is more than a tenth above the mean
    assert found.spread_us == round(1.4826 * 100_000)
    assert found.cv == pytest.approx(found.deviation_us / found.mean_us)
    assert found.off_us == round((2_290 + 2_240 + 2_190 + 1_990 + 8_710) * 1000 / 5)
    one = consistency([45_000_000])
    assert one
    assert (one.spread_us, one.cv, one.deviation_us) == (0, 0.0, 0)
    assert consistency([]) is None


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(20_000_000, 90_000_000), min_size=1, max_size=30))
def test_the_mean_of_the_best_laps_rises_from_the_best_to_the_mean(times_us: list[int]) -> None:
    found = rising(times_us)
    assert found[0] == min(times_us)
    assert found[-1] == sum(times_us) // len(times_us)
    assert list(found) == sorted(found)


def test_the_percentile_is_the_share_of_the_field_that_is_less_steady() -> None:
    field = [0.1, 0.2, 0.3, 0.4]
    assert [percentile(each, field) for each in (0.05, 0.2, 0.25, 0.5)] == [100, 62.5, 50, 0]
    assert percentile(0.1, []) is None


def test_a_step_of_pace_is_found_where_it_is_and_laps_of_one_pace_hardly_ever_have_one() -> None:
    rng = np.random.default_rng(9)
    false = [step_change([us for _, us in clean(stint(rng, 10 + n % 20))]) is not None for n in range(400)]
    assert np.mean(false) <= 0.025
    found = []
    for _ in range(40):
        times = 45 + SPREAD_S * rng.standard_t(3, 24)
        times[12:] += 0.8
        found.append(step_change([round(float(each) * 1e6) for each in times]))
    assert np.mean([each is not None and each.word == "slower" and abs(each.at - 12) <= 1 for each in found]) >= 0.9
    for each in found:
        assert each is None or each.after_us - each.before_us > 400_000


def test_a_kart_that_gets_faster_says_faster_and_equal_or_few_laps_say_nothing() -> None:
    quick = [45_000_000 + 10_000 * (7 * n % 5) for n in range(10)]
    found = step_change([each + 900_000 for each in quick] + quick)
    assert found
    assert (found.word, found.at, found.before_us - found.after_us) == ("faster", 10, 900_000)
    assert step_change([45_000_000] * 20) is None
    assert step_change(quick[:5]) is None
    assert step_change([]) is None
