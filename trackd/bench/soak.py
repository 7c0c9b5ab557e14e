"""The long run: heat after heat, screens that come and go; memory and descriptors must stay where they were."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from trackd.bench.box import Box
from trackd.bench.crowd import Crowd
from trackd.bench.figures import Figure
from trackd.bench.race import Decoder, begin_heat, end_heat, race

KARTS = 20
SCREENS = 40
PER_S = 20
MINUTES = 30.0
QUICK_MINUTES = 0.5
LONGEST_HEAT_S = 60.0
WARM_UP = 0.25
"""Part of the run after which memory is first read: caches are full and a few heats are over by then."""


def minutes(*, quick: bool) -> float:
    """How long: ``TRACKD_SOAK_MINUTES``, else half an hour, or half a minute where it must be quick."""
    return float(os.environ.get("TRACKD_SOAK_MINUTES") or (QUICK_MINUTES if quick else MINUTES))


async def soak(folder: Path, *, quick: bool) -> list[Figure]:
    """20 passings a second with 40 screens coming and going."""
    seconds = minutes(quick=quick) * 60
    memory, descriptors = await run_soak(folder, seconds)
    change = (memory[-1] / memory[0] - 1) * 100
    return [Figure(f"soak of {seconds / 60:g} min, {PER_S} passings/s, {SCREENS} screens coming and going",
                   "memory +-10 %, descriptors constant",
                   f"memory {memory[0]:.1f} -> {memory[-1]:.1f} MB ({change:+.1f} %), descriptors "
                   f"{descriptors[0]} -> {descriptors[-1]}", abs(change) <= 10 and descriptors[0] == descriptors[-1])]


async def run_soak(folder: Path, seconds: float) -> tuple[list[float], list[int]]:
    """The appliance's memory in megabytes and its open descriptors, looked at between heats once it is warm."""
    decoder = Decoder()
    await decoder.start()
    box = Box(folder, decoder.port)
    box.admit()
    try:
        with box:
            await asyncio.wait_for(decoder.connected.wait(), 10)
            return await _heat_after_heat(box, decoder, seconds)
    finally:
        await decoder.stop()


async def _heat_after_heat(box: Box, decoder: Decoder, seconds: float) -> tuple[list[float], list[int]]:
    """Heats of a minute at most until the time is over."""
    heat_s = min(LONGEST_HEAT_S, seconds / 8)
    began, number, heats = time.perf_counter(), 1, 0
    memory: list[float] = []
    descriptors: list[int] = []
    crowd = Crowd(box.port)
    await crowd.open(SCREENS)
    while (gone_s := time.perf_counter() - began) < seconds:
        if gone_s >= seconds * WARM_UP:
            await _look(box, memory, descriptors)
        session = await begin_heat(box, KARTS, f"Heat {heats + 1}", enter=not heats)
        sent = race(KARTS, int(PER_S * heat_s), seed=heats, number=number, rtc_us=time.time_ns() // 1000)
        number, heats = number + len(sent), heats + 1
        crowd.sent_at.clear()
        driving = asyncio.create_task(decoder.drive(sent, PER_S, crowd))
        while not driving.done():
            crowd.leave(1)
            await crowd.open(1)
            await asyncio.wait([driving], timeout=0.5)
        driving.result()
        await end_heat(box, session)
    await _look(box, memory, descriptors)
    crowd.leave(len(crowd.screens))
    return memory, descriptors


async def _look(box: Box, memory: list[float], descriptors: list[int]) -> None:
    """Note both once the connections that were just closed are gone on the other side too."""
    await asyncio.sleep(1.0)
    memory.append(box.memory_mb())
    descriptors.append(box.descriptors())
