"""The live path: how long a passing takes to every screen, what it costs, and how many a second it bears."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from trackd.bench.box import Box
from trackd.bench.crowd import Crowd
from trackd.bench.figures import Figure
from trackd.bench.race import Decoder, Sent, begin_heat, race

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Load:
    """One run: so many karts on the track, screens connected, passings a second, for so long."""

    karts: int
    screens: int
    per_s: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed."""

    p50_ms: float
    p99_ms: float
    unseen: int                  # (passing, screen) pairs never shown
    wrong: int                   # passings that are not in the journal exactly once
    cpu_ms: float                # per passing
    per_s: float                 # reached on the wire


async def run_load(folder: Path, load: Load, beside: Callable[[Box], Awaitable[None]] | None = None) -> Run:
    """Start an appliance, connect screens, race. ``beside``: what else it has to do meanwhile, cancelled at the end."""
    decoder = Decoder()
    await decoder.start()
    box = Box(folder, decoder.port)
    box.admit()
    sent = race(load.karts, load.karts + int(load.per_s * load.seconds), rtc_us=time.time_ns() // 1000)
    try:
        with box:
            await asyncio.wait_for(decoder.connected.wait(), 10)
            await begin_heat(box, load.karts, "Race")
            crowd = Crowd(box.port)
            await crowd.open(load.screens)
            await decoder.drive(sent[:load.karts], 50, crowd)      # first crossings: nothing to show yet
            await asyncio.sleep(1.0)
            gc.freeze()                     # the load generator must not stop to look for its own waste
            before_s = box.cpu_s()
            other = asyncio.ensure_future(beside(box)) if beside is not None else None
            took_s = await decoder.drive(sent[load.karts:], load.per_s, crowd)
            unseen = await crowd.settle()
            if other is not None:
                other.cancel()
                await asyncio.wait([other])
            cpu_s = box.cpu_s() - before_s
            wrong = await asyncio.to_thread(_not_once, box, sent)
            crowd.leave(load.screens)
    finally:
        await decoder.stop()
    count = len(sent) - load.karts
    delays = crowd.delays
    return Run(delays.percentile_ms(50), delays.percentile_ms(99), unseen, wrong, cpu_s * 1000 / count, count / took_s)


def _not_once(box: Box, sent: list[Sent]) -> int:
    """How many passing numbers the journal does not hold exactly once, in the order they were sent."""
    found: Counter[int] = Counter()
    after: str | None = "0"
    while after is not None:
        page = box.ask("GET", f"/passings?after={after}&limit={PAGE}")
        found.update(item["passing_number"] for item in page["items"])
        after = page["next"]
    return sum(found[number] != 1 for number in range(1, len(sent) + 1))


async def steady(folder: Path, *, quick: bool) -> list[Figure]:
    """10 passings a second with 200 screens: delay and cost."""
    load = Load(karts=20, screens=200, per_s=10, seconds=5 if quick else 30)
    run = await run_load(folder, load)
    what = f"{load.screens} screens, {load.per_s} passings/s"
    lost = f", {run.unseen} not shown, {run.wrong} not stored once" if run.unseen or run.wrong else ""
    return [
        Figure(f"wire to row on screen, every passing on every screen; {what}, durable first", "p50 <= 10 ms, p99 <= 40 ms",
               f"p50 {run.p50_ms:.1f} ms, p99 {run.p99_ms:.1f} ms{lost}",
               run.p50_ms <= 10 and run.p99_ms <= 40 and not run.unseen and not run.wrong),
        Figure(f"CPU per passing, {what}", "<= 10 ms", f"{run.cpu_ms:.1f} ms", run.cpu_ms <= 10),
    ]


async def rush(folder: Path, *, quick: bool) -> list[Figure]:
    """2,000 passings a second with 50 screens: nothing lost, and how late."""
    load = Load(karts=100, screens=50, per_s=2000, seconds=5 if quick else 30)
    run = await run_load(folder, load)
    kept_up = run.per_s >= load.per_s * 0.98
    return [Figure(f"{load.per_s:,} passings/s for {load.seconds:g} s, {load.screens} screens", "none lost, p99 <= 150 ms",
                   f"{run.per_s:,.0f}/s, {run.wrong + run.unseen} lost, p99 {run.p99_ms:.0f} ms "
                   f"(p50 {run.p50_ms:.0f} ms, CPU {run.cpu_ms:.2f} ms each)",
                   kept_up and not run.wrong and not run.unseen and run.p99_ms <= 150)]
