"""Recordings: how fast laps are found, how fast a file is read, and what reading does to timing."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from trackd.bench.box import Box
from trackd.bench.figures import Figure
from trackd.bench.live import Load, run_load

if TYPE_CHECKING:
    from trackd.gps.layouts import Layout
    from trackd.gps.trace import Trace

LAP_S, RADIUS_M, RATE_HZ = 40.0, 90.0, 25
CSV_BYTES = 3_000_000


def _drive(laps: int) -> tuple[Trace, Layout]:
    """Laps round a circle, and its layout with two sector lines."""
    import numpy as np

    from trackd.gps.layouts import Layout
    from trackd.gps.lines import Plane
    from trackd.gps.trace import Gate, Point, Trace

    plane = Plane.about(Point(51.34, 12.37))

    def gate(role: str, angle: float) -> Gate:
        inside, outside = (
            Point(float(51.34 + np.sin(angle) * r / plane.north_m), float(12.37 + np.cos(angle) * r / plane.east_m))
            for r in (RADIUS_M - 8, RADIUS_M + 8))
        return Gate(role, inside, outside, float(-np.degrees(angle) % 360))

    t_s = np.arange(0, laps * LAP_S, 1 / RATE_HZ)
    angle = 2 * np.pi * (t_s / LAP_S - 0.1) + 0.02 * np.sin(t_s)
    trace = Trace(np.round(t_s * 1e6).astype(np.int64), 51.34 + RADIUS_M * np.sin(angle) / plane.north_m,
                  12.37 + RADIUS_M * np.cos(angle) / plane.east_m, np.full(len(t_s), 14.1))
    return trace, Layout(gate("start_finish", 0), (gate("sector:1", 2), gate("sector:2", 4)))


def _csv(trace: Trace) -> bytes:
    """An AiM CSV of some 3 MB."""
    names = "Time,GPS Speed,GPS Nsat,GPS LatAcc,GPS LonAcc,GPS Heading,GPS Latitude,GPS Longitude,RPM"
    rows = ["Format,AiM CSV File\nComment,0\n\n" + names + "\ns,km/h,#,g,g,deg,deg,deg,rpm\n"]
    size = len(rows[0])
    for t_us, lat, lon in zip(trace.t_us.tolist(), trace.lat_deg.tolist(), trace.lon_deg.tolist(), strict=True):
        rows.append(f"{t_us / 1e6:.3f},50.760,12,0.4132,-0.1021,181.25,{lat:.8f},{lon:.8f},11250\n")
        size += len(rows[-1])
        if size >= CSV_BYTES:
            break
    return "".join(rows).encode()


def _cpu_s(work: Callable[[], object], times: int) -> float:
    """The CPU time of the fastest of several runs."""
    took = []
    for _ in range(times):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


async def pure(_folder: Path, *, quick: bool) -> list[Figure]:
    """Segmentation in samples a CPU second, and one AiM CSV read."""
    from trackd.gps.readers import formats
    from trackd.gps.segment import segment

    trace, layout = _drive(400 if quick else 2_400)
    segment(trace, layout)
    per_s = len(trace) / _cpu_s(lambda: segment(trace, layout), 5)
    data = _csv(trace)
    csv_ms = 1000 * _cpu_s(lambda: formats.read(data, "kart.csv"), 5)
    return [
        Figure(f"laps and two sectors found in a trace of {len(trace):,} places", ">= 20,000,000 places per CPU s",
               f"{per_s / 1e6:.0f},000,000", per_s >= 20e6),
        Figure(f"AiM CSV of {len(data) / 1e6:.1f} MB read", "<= 200 ms CPU", f"{csv_ms:.0f} ms", csv_ms <= 200),
    ]


async def beside(folder: Path, *, quick: bool) -> list[Figure]:
    """Wire to screen alone, and while one file after the other is read."""
    load = Load(karts=20, screens=50, per_s=10, seconds=5 if quick else 20)
    data, read = _csv(_drive(1_000)[0]), 0           # made before: who makes it would hold up the screens that measure

    async def files(box: Box) -> None:
        nonlocal read
        for seed in itertools.count():
            await asyncio.to_thread(box.upload, f"{seed}.csv", data.replace(b"Comment,0", f"Comment,{seed}".encode(), 1))
            read += 1

    alone = await run_load(folder / "alone", load)
    busy = await run_load(folder / "busy", load, files)
    ok = busy.p99_ms <= 2 * alone.p99_ms and not busy.unseen and not busy.wrong
    return [Figure(f"wire to screen while recordings are read, {load.screens} screens, {load.per_s} passings/s",
                   "p99 within 2x",
                   f"p99 {busy.p99_ms:.1f} ms with {read} files of 3 MB put in, {alone.p99_ms:.1f} ms alone", ok)]
