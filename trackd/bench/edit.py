"""Race control on a venue with a long past: a lap of an old heat is edited, and everything that follows from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trackd.bench.box import Box
from trackd.bench.figures import Figure
from trackd.bench.race import Decoder
from trackd.bench.stored import PER_SESSION, fill
from trackd.core.errors import Refused

LAP = 3


def _ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _edited(box: Box, session: str) -> dict[str, float]:
    """How long each step takes, in milliseconds, from the request to the result that shows it."""
    path = f"/sessions/{session}"
    before = box.ask("GET", f"{path}/result")["items"]
    kart = before[0]["kart"]
    found: list[dict[str, Any]] = []

    def order(name: str, **args: object) -> Callable[[], None]:
        def give() -> None:
            box.ask("POST", f"{path}/orders", {"order": name, **args})
            found[:] = box.ask("GET", f"{path}/result")["items"]
        return give

    took = {"amended from rest": _ms(order("amend", reason="bench")),
            "lap edited": _ms(order("void_lap", kart=kart, lap=LAP))}
    if [row["laps"] for row in found if row["kart"] == kart] != [before[0]["laps"] - 1]:
        raise Refused(f"Lap {LAP} of kart {kart} still counts.")
    took["undone"] = _ms(order("undo"))
    if found != before:
        raise Refused("The undo did not give the result back.")
    took["confirmed"] = _ms(order("confirm"))
    return took


def _rounds(box: Box, rounds: int) -> dict[str, float]:
    """The slowest of several heats, each edited for the first time."""
    sessions = [each["id"] for each in box.ask("GET", f"/sessions?limit={rounds + 1}")["items"]][:rounds]
    taken = [_edited(box, session) for session in sessions]
    return {name: max(each[name] for each in taken) for name in taken[0]}


async def edit(folder: Path, *, quick: bool) -> list[Figure]:
    """Lap 3 of official heats that rest on disk: opened again, edited, taken back, confirmed; the slowest of each."""
    laps = 10_000 if quick else 100_000
    decoder = Decoder()
    await decoder.start()
    try:
        await asyncio.to_thread(fill, folder, laps, derive=True)
        box = Box(folder, decoder.port)
        box.admit()
        with box:
            took = await asyncio.to_thread(_rounds, box, 5 if quick else 20)
    finally:
        await decoder.stop()
    told = ", ".join(f"{name} {ms:.0f} ms" for name, ms in took.items())
    worst = max(took["lap edited"], took["undone"], took["amended from rest"])
    return [Figure(f"lap {LAP} of a heat of {PER_SESSION} laps edited, result and every row, {laps:,} laps stored",
                   "<= 300 ms", told, worst <= 300)]
