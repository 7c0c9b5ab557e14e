"""Every timed lap of the real recordings is found, and no other, as exactly as its line permits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.gps.real import ADRIA, MASSA, OKC, SSKC, TIANMA, layout, read_real, truth
from trackd.gps.lines import Line
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Trace

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


@pytest.mark.parametrize("name", [OKC, SSKC, ADRIA, TIANMA, MASSA])
def test_a14_no_lap_is_lost_and_none_is_made_when_parked_or_on_a_parallel_straight(shared: Path, name: str) -> None:
    found = read_real(shared, name)
    trace, lines = found.trace, layout(shared, name, found)
    laps = [lap for lap in segment(trace, lines) if lap.kind == "full"]
    line = Line.of(lines.start_finish)
    here = line.plane.middle
    rng = np.random.default_rng(1)
    count = round(600 * trace.rate_hz)                                # ten minutes on the line, places wander by metres
    wander = np.cumsum(rng.normal(0, 1.5 * np.sqrt(2 / 60 / trace.rate_hz), (count, 2)), axis=0)
    wander -= np.linspace(0, 1, count)[:, None] * wander[-1]
    t_us = trace.t_us[-1] + 30_000_000 + (np.arange(count) / trace.rate_hz * 1e6).astype(np.int64)
    lat, lon = here.lat_deg + wander[:, 1] / line.plane.north_m, here.lon_deg + wander[:, 0] / line.plane.east_m
    parked = Trace(np.append(trace.t_us, t_us), np.append(trace.lat_deg, lat), np.append(trace.lon_deg, lon),
                   np.append(trace.speed_mps, np.zeros(count)))
    told = [float(row["time_s"]) for row in truth(shared, name) if row["kind"] == "full"]
    assert len(laps) == (len(told) or 20)                             # of one file only the gates are known
    assert [(lap.time_us, lap.flags) for lap in segment(parked, lines) if lap.kind == "full"] == [
        (lap.time_us, lap.flags) for lap in laps]
    off_m = 2 * line.half_m + 4                                       # the same way on a straight beside
    beside = replace(trace, lat_deg=trace.lat_deg + line.along[1] * off_m / line.plane.north_m,
                     lon_deg=trace.lon_deg + line.along[0] * off_m / line.plane.east_m)
    assert not [lap for lap in segment(beside, lines) if lap.kind == "full" and not lap.flags]


def test_the_best_sectors_of_the_dovex_add_up_to_what_the_device_says(shared: Path) -> None:
    sectors = np.array([lap.sectors_us for lap in full_laps(shared, OKC)], dtype=float)
    assert abs(np.nanmin(sectors, axis=0).sum() / 1000 - 55_433) <= 1


def test_a_vbo_brings_its_gates_and_all_its_laps_have_three_sectors(shared: Path) -> None:
    laps = full_laps(shared, MASSA)
    assert len(laps) == 20
    assert all(len(lap.sectors_us) == 3 and None not in lap.sectors_us for lap in laps)
