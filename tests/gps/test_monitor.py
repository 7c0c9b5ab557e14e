"""A unit whose laps agree with the loop gives no warning; one that is off, or all over the place, soon does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trackd.gps.monitor import FEWEST, Agreement, agreement

SPEED_MPS, LAP_S, DRIFT_M = 15.0, 40.0, 1.0
SIGMA_US = 1e6 * np.sqrt(2 * (1 - np.exp(-LAP_S / 60)) + 2 * 0.05**2) * DRIFT_M / SPEED_MPS
"""What a lap between two drifting crossings is known to: 66 ms."""


def off_us(laps: int, rng: np.random.Generator, heats: int = 1) -> NDArray[np.float64]:
    """What GPS laps of a sound unit lie off: its places drift by a metre within a minute (METHODS 0.1)."""
    fade = np.exp(-LAP_S / 60)
    parts = []
    for _ in range(heats):
        drift = rng.normal(0, DRIFT_M, laps // heats + 1)
        for i in range(1, len(drift)):
            drift[i] = fade * drift[i - 1] + np.sqrt(1 - fade**2) * drift[i]
        parts.append(np.diff(drift + rng.normal(0, 0.05, len(drift))) / SPEED_MPS * 1e6)
    return np.concatenate(parts)


def judged(off: NDArray[np.float64], sigma_us: float = SIGMA_US) -> Agreement:
    loop = np.full(len(off), 40_000_000, dtype=np.int64)
    return agreement(loop, loop + np.rint(off).astype(np.int64), np.full(len(off), sigma_us))


@pytest.mark.parametrize(("laps", "heats"), [(10, 1), (30, 3), (30, 30), (100, 10)])
def test_fewer_than_1_in_100_sound_units_is_warned_of(laps: int, heats: int) -> None:
    rng = np.random.default_rng(11)
    warned = sum(bool(judged(off_us(laps, rng, heats)).warning) for _ in range(1_000))
    assert warned <= 10


def test_looked_at_after_every_lap_a_sound_unit_is_hardly_ever_warned_of() -> None:
    rng = np.random.default_rng(12)
    warned = 0
    for _ in range(200):
        off = off_us(60, rng, heats=6)
        warned += any(judged(off[:n]).warning for n in range(FEWEST, len(off) + 1))
    assert warned <= 2


@pytest.mark.parametrize("bias_us", [50_000, -50_000])
@pytest.mark.parametrize("heats", [1, 3])
def test_a_bias_of_50_ms_is_found_within_30_laps(bias_us: int, heats: int) -> None:
    rng = np.random.default_rng(13)
    answers = [judged(off_us(30, rng, heats) + bias_us) for _ in range(300)]
    assert np.mean([bool(answer.warning) for answer in answers]) >= 0.97
    assert np.median([answer.bias_us for answer in answers]) == pytest.approx(bias_us, abs=2_000)


def test_a_bias_is_told_with_its_size_and_what_would_be_chance() -> None:
    off = np.tile([-20_000.0, 20_000.0], 18)
    assert judged(off + 60_000).warning == (
        "Over 36 laps its lap times are 0.060 s longer than the loop's; up to 0.029 s would be chance.")
    assert judged(off - 60_000).warning.startswith("Over 36 laps its lap times are 0.060 s shorter than the loop's")


@pytest.mark.parametrize(("sd_us", "warned"), [(120_000, False), (200_000, True), (400_000, True)])
def test_e13_bias_and_spread_of_a_unit_are_told_and_a_spread_of_more_than_150_ms_is_warned_of(sd_us: int,
                                                                                           warned: bool) -> None:
    answer = judged(np.random.default_rng(16).normal(20_000, sd_us, 200))
    assert answer.bias_us == pytest.approx(20_000, abs=3 * sd_us / np.sqrt(200))
    assert answer.spread_us == pytest.approx(sd_us, rel=0.2)
    assert ("from lap to lap" in answer.warning) == warned


def test_a_spread_that_a_slow_start_line_explains_says_so() -> None:
    rng = np.random.default_rng(14)
    wide = rng.normal(0, 200_000, 100)
    answer = judged(wide)
    assert answer.warning.startswith("Its lap times differ from the loop's by 0.")
    assert "; 0.150 s is usual." in answer.warning
    assert answer.spread_us == pytest.approx(200_000, rel=0.2)
    assert judged(wide, sigma_us=200_000).warning.endswith("; where the line is crossed so slowly 0.200 s is usual.")


def test_an_outlier_is_no_bias_and_no_spread_and_many_are_told_as_such() -> None:
    off = off_us(40, np.random.default_rng(15))
    sound = judged(off)
    off[7] += 3_000_000
    one = judged(off)
    assert (sound.warning, one.warning) == ("", "")
    assert one.bias_us == pytest.approx(sound.bias_us, abs=3_000)
    assert (sound.within, one.within) == (1.0, 0.975)
    off[[1, 12, 20, 33]] -= 2_000_000
    assert judged(off).warning == "5 of 40 laps are further from the loop's than is allowed."


def test_a_certain_yet_tiny_bias_is_of_no_concern() -> None:
    assert judged(np.full(1000, 8_000.0), sigma_us=5_000).warning == ""
    assert judged(np.full(1000, 12_000.0), sigma_us=5_000).warning != ""


def test_a_few_laps_say_nothing() -> None:
    answer = judged(np.full(FEWEST - 1, 500_000.0))
    assert (answer.laps, answer.warning) == (FEWEST - 1, "")
    assert np.isnan(answer.bias_us)
    assert judged(np.full(FEWEST, 500_000.0)).warning != ""
