"""The real text files beside the checkout: every sample, every lap, gate, name and moment their loggers tell."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime
from math import cos, radians
from pathlib import Path

import numpy as np
import pytest

from tests.gps.real import FRANCIACORTA, MASSA, OKC, SSKC, TIANMA, content, read_real, truth
from trackd.core.time import SECOND, micros
from trackd.gps.readers import formats


@pytest.mark.parametrize(("name", "samples", "rate_hz", "seconds"), [
    (SSKC, 19_020, 20, 950.95), (FRANCIACORTA, 502, 20, 25.1), (TIANMA, 3_761, 50, 84.28), (MASSA, 10_390, 10, 1038.9),
    (OKC, 22_690, 25, 910.36)])
def test_real_files_are_read_whole(shared: Path, name: str, samples: int, rate_hz: float, seconds: float) -> None:
    recording = read_real(shared, name)
    assert recording.faults == ()
    assert (len(recording.trace), recording.trace.duration_us) == (samples, round(seconds * SECOND))
    assert recording.trace.rate_hz == pytest.approx(rate_hz)
    assert not np.any(np.isnan(recording.trace.speed_mps))
    assert 15 < np.max(recording.trace.speed_mps) < 50
    ground = np.hypot(np.diff(recording.trace.lat_deg) * 111_200,
                      np.diff(recording.trace.lon_deg) * 111_320 * cos(radians(recording.trace.lat_deg[0])))
    told = np.sum(recording.trace.speed_mps[1:] * np.diff(recording.trace.t_us) / SECOND)
    assert np.sum(ground) == pytest.approx(told, rel=0.02)                     # the unit of the speed is what we think


@pytest.mark.parametrize("name", [SSKC, FRANCIACORTA])
def test_real_aim_markers_are_the_true_laps(shared: Path, name: str) -> None:
    laps = truth(shared, name)
    assert list(read_real(shared, name).device_laps.marks_us) == [round(float(lap["end_s"]) * SECOND) for lap in laps[:-1]]


def test_a_real_aim_csv_tells_who_what_and_where(shared: Path) -> None:
    sskc, corta = read_real(shared, SSKC), read_real(shared, FRANCIACORTA)
    assert (sskc.driver, sskc.vehicle, sskc.venue, sskc.utc_us) == ("Driver 143", "143", "SSKC", None)
    assert (corta.driver, corta.vehicle, corta.venue) == ("CS", "Kosmic Rotax Junior", "F.Corta Var6")
    for recording, metres in ((sskc, 0.2), (corta, 1.63)):                      # one in m, one in mm
        assert recording.trace.accuracy_m is not None
        assert recording.trace.accuracy_m[0] == pytest.approx(metres)


def test_the_real_dovex_brings_its_thirteen_laps(shared: Path) -> None:
    recording = read_real(shared, OKC)
    laps = [round(float(lap["time_s"]) * SECOND) for lap in truth(shared, OKC)]
    assert list(recording.device_laps.times_us) == laps
    assert recording.utc_us == micros(datetime(2026, 4, 4, 16, 14, 20, 240_000, tzinfo=UTC))
    assert recording.venue == "OKC Normal"


def test_the_real_racechrono_csv_brings_its_lap(shared: Path) -> None:
    recording = read_real(shared, TIANMA)
    begin, end = recording.device_laps.marks_us
    (lap,) = truth(shared, TIANMA)
    assert end - begin == round(float(lap["time_s"]) * SECOND)
    assert recording.utc_us == 1_767_150_797_440_000


def test_the_real_vbo_brings_three_gates_across_the_way_of_the_kart(shared: Path) -> None:
    recording = read_real(shared, MASSA)
    assert [gate.role for gate in recording.gates] == ["start_finish", "sector:1", "sector:2"]
    assert recording.utc_us == micros(datetime(2026, 7, 4, 9, 3, 58, 200_000, tzinfo=UTC))
    trace = recording.trace
    for gate in recording.gates:
        lat, lon = (gate.a.lat_deg + gate.b.lat_deg) / 2, (gate.a.lon_deg + gate.b.lon_deg) / 2
        east, north = 111_320 * cos(radians(lat)), 111_200
        width = np.hypot((gate.a.lon_deg - gate.b.lon_deg) * east, (gate.a.lat_deg - gate.b.lat_deg) * north)
        assert width == pytest.approx(16, rel=0.01)
        away = np.hypot((trace.lon_deg - lon) * east, (trace.lat_deg - lat) * north)
        near = np.flatnonzero((away < 6) & (trace.speed_mps > 8))
        assert len(near) > 10                                                  # it drove over every gate, lap by lap
        assert gate.heading_deg is not None
        turned = np.radians(recording.channels["heading_deg"][near] - gate.heading_deg)
        assert np.mean(np.cos(turned)) > 0.9


def test_three_megabytes_of_aim_csv_take_less_than_200_ms_of_cpu_and_a_few_times_their_size(shared: Path) -> None:
    data = content(shared, SSKC)
    spent = []
    for _ in range(3):
        begin = time.process_time()
        formats.read(data)
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.2
    tracemalloc.start()
    formats.read(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 6 * len(data)
