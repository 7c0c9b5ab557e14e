"""What the benchmark drives: a seeded race as P3 frames, the decoder that sends them, and the heat that takes them."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from trackd.bench.box import Box
from trackd.core.records import Passing
from trackd.core.time import SECOND
from trackd.protocols.p3 import Station

DECODER = "268307"
LAP_US = 20 * SECOND
OVERTAKING = 0.05
"""How often, per passing, a kart comes before the one that led it the round before."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One passing of a race. ``lap`` counts the kart's completed laps with it: 0 for the first crossing."""

    kart: str
    lap: int
    frame: bytes


def race(karts: int, passings: int, *, seed: int = 1, number: int = 1, rtc_us: int) -> list[Sent]:
    """``passings`` of ``karts`` that cross one after another, round by round. Ticks run faster than the wall clock:
    every lap is about 20 s long however fast the frames are sent.
    """
    chance, station = random.Random(seed), Station()  # noqa: S311 - traffic, no secret
    order, step_us, found = list(range(karts)), LAP_US // (karts + 1), []
    for index in range(passings):
        lap, place = divmod(index, karts)
        if place + 1 < karts and chance.random() < OVERTAKING:
            order[place], order[place + 1] = order[place + 1], order[place]
        kart = order[place]
        at_us = rtc_us + lap * (LAP_US + 1000) + place * step_us + chance.randrange(0, step_us // 2)
        passing = Passing("p3", DECODER, number + index, str(transponder(kart)), at_us, 120, 40, 0)
        found.append(Sent(str(kart + 1), lap, station.passing(passing)))
    return found


def transponder(kart: int) -> int:
    """Of the kart with this index."""
    return 5_000_000 + kart


@dataclass(slots=True)
class Decoder:
    """A decoder on the wire that sends what it is told, when it is told."""

    port: int = 0
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _writer: asyncio.StreamWriter | None = None
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.connected.set()
        while await reader.read(65_536):
            pass
        writer.close()

    async def drive(self, sent: list[Sent], per_s: float, note: Note) -> float:
        """Send at an even rate and tell ``note`` of each passing; the seconds it took."""
        assert self._writer is not None
        began = time.perf_counter()
        index = 0
        while index < len(sent):
            due = min(len(sent), int((time.perf_counter() - began) * per_s) + 1)
            if index < due:
                self._writer.write(b"".join(each.frame for each in sent[index:due]))
                now = time.perf_counter()
                for each in sent[index:due]:
                    note.sent(each, now)
                index = due
            await asyncio.sleep(max(0.0, began + index / per_s - time.perf_counter()))
        return time.perf_counter() - began

    async def stop(self) -> None:
        """Leave the wire."""
        if self._writer is not None:
            self._writer.close()
        if self._server is not None:
            self._server.close()


class Note:
    """Told of each passing at the moment its bytes went to the wire."""

    def sent(self, passing: Sent, at_s: float) -> None:
        """``at_s``: of the clock ``time.perf_counter``."""


async def begin_heat(box: Box, karts: int, name: str, *, enter: bool = True) -> str:
    """A race on green with all karts; its id."""
    def begin() -> str:
        numbers = [str(kart + 1) for kart in range(karts)]
        if enter:
            for kart, number in enumerate(numbers):
                box.ask("POST", "/karts", {"number": number, "transponders": [str(transponder(kart))]})
        session = box.ask("POST", "/sessions", {
            "name": name, "format": "48h", "ranking": "position", "finish": "leader", "min_lap_s": 10,
            "entries": [{"kart": number, "driver": f"Driver {number}"} for number in numbers]})
        for order in ("stage", "green"):
            box.ask("POST", f"/sessions/{session['id']}/orders", {"order": order})
        return str(session["id"])
    return await asyncio.to_thread(begin)


async def end_heat(box: Box, session_id: str) -> None:
    """Close it and make its result official."""
    def end() -> None:
        for order in ("finish", "confirm"):
            box.ask("POST", f"/sessions/{session_id}/orders", {"order": order})
    await asyncio.to_thread(end)
