"""Every timed lap of the real recordings is found, and no other, as exactly as its line permits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.gps.real import ADRIA, MASSA, OKC, SSKC, TIANMA, layout, read_real, truth
from trackd.gps.segment import GpsLap, segment

OWN = (1.0, 3.0)                     # ms, median and most: with the device's own gate
FITTED = (3.0, 50.0)                 # with a line fitted to the file


def full_laps(shared: Path, name: str) -> list[GpsLap]:
    found = read_real(shared, name)
    return [lap for lap in segment(found.trace, layout(shared, name, found)) if lap.kind == "full"]


@pytest.mark.parametrize(("name", "allowed_ms"), [(OKC, OWN), (SSKC, FITTED), (ADRIA, FITTED), (TIANMA, FITTED)])
def test_all_timed_laps_are_found_and_no_other(shared: Path, name: str, allowed_ms: tuple[float, float]) -> None:
    laps = full_laps(shared, name)
    told_s = [float(row["time_s"]) for row in truth(shared, name) if row["kind"] == "full"]
    assert len(laps) == len(told_s)
    assert {lap.quality for lap in laps} == {"valid"}
    off_ms = np.abs([lap.time_us / 1000 - time_s * 1000 for lap, time_s in zip(laps, told_s, strict=True)])
    assert np.median(off_ms) <= allowed_ms[0]
    assert off_ms.max() <= allowed_ms[1]


def test_the_best_sectors_of_the_dovex_add_up_to_what_the_device_says(shared: Path) -> None:
    sectors = np.array([lap.sectors_us for lap in full_laps(shared, OKC)], dtype=float)
    assert abs(np.nanmin(sectors, axis=0).sum() / 1000 - 55_433) <= 1


def test_a_vbo_brings_its_gates_and_all_its_laps_have_three_sectors(shared: Path) -> None:
    laps = full_laps(shared, MASSA)
    assert len(laps) == 20
    assert all(len(lap.sectors_us) == 3 and None not in lap.sectors_us for lap in laps)
