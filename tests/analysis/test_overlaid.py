"""Laps over one another as the page of a lap shows them: aligned by place, ending at the difference of their times."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis import circuit
from trackd.analysis.corners import brakings
from trackd.analysis.delta import overlay
from trackd.analysis.laps import lap_trace
from trackd.analysis.reference import way_m

LINE = circuit.line()
ALIKE = 1 / circuit.SPEED


def weave() -> np.ndarray:
    """A line that is longer: 1 m to either side every 24 m of the first half."""
    return np.where(circuit.S[:-1] < circuit.LENGTH_M / 2, np.sin(2 * np.pi * circuit.S[:-1] / 24), 0.0)


@pytest.mark.parametrize("rate_hz", [10, 25])
def test_e3_speeds_of_two_laps_stand_over_the_same_place_although_one_drove_further(rate_hz: float) -> None:
    laps = circuit.driven([ALIKE] * 2, rate_hz, aside_m=[0 * ALIKE, weave()], drift_m=0.3, white_m=0.03, seed=1)
    over = overlay(LINE, laps)
    half = LINE.length_m / 2                                        # behind it both drive the same line again
    one, other = ([each.from_m for each in brakings(lap.laid) if each.from_m > half] for lap in over.laps)
    assert len(one) == len(other) >= 4
    assert other == pytest.approx(one, abs=1.0)
    assert over.laps[0].speed_kmh[-200:] == pytest.approx(over.laps[1].speed_kmh[-200:], abs=4)
    rolled = [way_m(*LINE.plane.xy(lap.lat_deg, lap.lon_deg)) for lap in laps]
    driven = [float(np.interp(lap.t_us[np.searchsorted(lap.t_us, lap.time_us * 0.6)], lap.t_us, way))
              for lap, way in zip(laps, rolled, strict=True)]
    assert driven[1] - driven[0] > 2.5                              # by distance driven they would stand apart


@pytest.mark.parametrize("official_s", [None, 41.9])
@pytest.mark.parametrize("rate_hz", [10, 25])
def test_e4_the_delta_ends_at_the_difference_of_the_lap_times_within_two_hundredths(rate_hz: float,
                                                                                    official_s: float | None) -> None:
    trace, laps = circuit.drive([ALIKE, circuit.slower(0.35, 100, 160)], rate_hz, drift_m=0.5, white_m=0.03, seed=2)
    ours, theirs = lap_trace(trace, laps[1], None if official_s is None else round(official_s * 1e6)), lap_trace(
        trace, laps[0])
    over = overlay(LINE, [theirs, ours])
    ends = over.laps[1].delta_us[-1]
    assert ends == pytest.approx(ours.time_us - theirs.time_us, abs=20_000)
    if official_s is None:
        assert ends == pytest.approx(350_000, abs=20_000)
    assert over.laps[1].delta_us[0] == 0
