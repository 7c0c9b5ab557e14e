"""The process is killed at any moment; what was shown is there again, and what came meanwhile is fetched."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import WAIT_S
from trackd.core.records import Passing
from trackd.emulator.decoder import DecoderEmulator
from trackd.services.rebuild import check
from trackd.services.staff import Staff
from trackd.store.database import open_database

KARTS = {str(n): str(9000 + n) for n in range(1, 21)}
PER_SECOND = 50


@dataclass
class Box:
    """`trackd run` as a process of its own, beside a decoder and a screen that stay."""

    folder: Path
    decoder: DecoderEmulator
    token: str
    config: Path
    address: str = ""
    shown: dict[int, dict[str, Any]] = field(default_factory=dict)   # passings the screen was told of, by sequence
    news: asyncio.Event = field(default_factory=asyncio.Event)
    process: Process | None = None

    @classmethod
    async def make(cls, folder: Path, protocol: str) -> Box:
        decoder = DecoderEmulator(protocol, status_period_s=0.5, repeat_s=0.3)
        port = await decoder.start()
        config = folder / "trackd.toml"
        config.write_text(f'[server]\nport = 0\ncapture_mb = 0\n[[links]]\nname = "line"\nprotocol = "{protocol}"\n'
                          f'url = "tcp://127.0.0.1:{port}"\n')
        with closing(open_database(folder / "data")) as db:
            token = Staff(db).add_token("test", "admin")
        return cls(folder / "data", decoder, token, config)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        """The process until the block ends; then it is killed, without a word."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trackd", "run", "--json", "--data", str(self.folder), "--config", str(self.config),
            stdout=PIPE, stderr=DEVNULL, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        assert self.process.stdout is not None
        self.address = json.loads(await self.process.stdout.readline())["address"]
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.address, headers=headers, timeout=WAIT_S) as http:
            screen = asyncio.create_task(self._watch(http))
            try:
                yield http
            finally:
                self.process.send_signal(signal.SIGKILL)
                await self.process.wait()
                await asyncio.gather(screen, return_exceptions=True)

    async def _watch(self, http: httpx.AsyncClient) -> None:
        """The stream as a screen reads it, to the last byte that arrives."""
        kind = ""
        async with http.stream("GET", "/api/v1/stream", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: ") and kind == "passing":
                    row = json.loads(line[6:])
                    self.shown[row["seq"]] = row
                    self.news.set()

    async def told(self, passings: int) -> None:
        """Wait until the screen has been told of so many passings more."""
        enough = len(self.shown) + passings
        async with asyncio.timeout(WAIT_S):
            while len(self.shown) < enough:
                self.news.clear()
                await self.news.wait()

    async def drive(self) -> None:
        """Fifty karts a second cross the line, whether anybody listens or not."""
        rng = random.Random(5)
        await self.decoder.client_joined()                        # what passed before it was ever heard is nobody's
        for transponder in itertools.cycle(KARTS.values()):
            self.decoder.cross(transponder)
            await self.decoder.until(self.decoder.now_us() + rng.randrange(500_000 // PER_SECOND, 1_500_000 // PER_SECOND))


async def everything(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All passings of the journal."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = (await http.get(f"/api/v1/passings?after={cursor}&limit=1000")).json()
        rows += page["items"]
        cursor = page["next"]
    return rows


async def begin(http: httpx.AsyncClient) -> str:
    """All karts in one long heat, under green."""
    for number, transponder in KARTS.items():
        (await http.post("/api/v1/karts", json={"number": number, "transponders": [transponder]})).raise_for_status()
    made = await http.post("/api/v1/sessions", json={"name": "Long run", "format": "10h", "ranking": "position",
                                                     "min_lap_s": 0.1, "entries": [{"kart": kart} for kart in KARTS]})
    for order in ("stage", "green"):
        (await http.post(f"/api/v1/sessions/{made.json()['id']}/orders", json={"order": order})).raise_for_status()
    return str(made.json()["id"])


async def whole(box: Box, http: httpx.AsyncClient) -> None:
    """Wait until what passed while it was down has been fetched: laps across that time change until then."""
    while (numbers := [row["passing_number"] for row in await everything(http)])[0] is not None:
        if max(numbers) - min(numbers) + 1 == len(numbers):
            break
        await box.told(1)
    # What is stored is shown a moment later; a request that goes through the writer comes back after that.
    (await http.post("/api/v1/drivers", json={"name": "Ada"})).raise_for_status()


def place(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["decoder_id"], row["passing_number"], row["transponder"], row["rtc_time_us"])


def identity(passing: Passing) -> tuple[Any, ...]:
    return (passing.decoder_id, passing.passing_number, passing.transponder, passing.rtc_time_us)


async def laps_of(http: httpx.AsyncClient, session: str) -> dict[str, tuple[Any, ...]]:
    """Every lap that stands, by its id."""
    found = (await http.get(f"/api/v1/sessions/{session}/laps")).json()["items"]
    return {lap["id"]: (lap["kart"], lap["number"], lap["time_us"], *lap["passings"]) for lap in found}


async def survive(folder: Path, protocol: str, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    box = await Box.make(folder, protocol)
    driving = asyncio.create_task(box.drive())
    try:
        async with box.running() as http:
            session = await begin(http)
            await box.told(rng.randrange(5, 40))
            laps = await laps_of(http, session)
        for _ in range(kills):
            shown, acked = dict(box.shown), [*box.decoder.acked]
            async with box.running() as http:
                now = (await http.get(f"/api/v1/sessions/{session}/board")).json()
                assert now["session"]["state"] == "running"
                assert {row["kart"] for row in now["items"]} == KARTS.keys()
                stored = {row["seq"]: row for row in await everything(http)}
                assert [place(stored[seq]) for seq in shown] == [place(row) for row in shown.values()]
                assert {identity(p) for p in acked} <= {place(row) for row in stored.values()}
                assert laps.items() <= (await laps_of(http, session)).items()
                await box.told(rng.randrange(1, 60))
                await whole(box, http)
                laps = await laps_of(http, session)
        driving.cancel()
        async with box.running() as http:
            box.decoder.cross("1")                                # reveals to trackd what it missed while it was down
            async with asyncio.timeout(WAIT_S):
                sent = Counter(map(identity, box.decoder.sent))
                while Counter(map(place, rows := await everything(http))) != sent:
                    assert len(rows) < len(sent)
            await whole(box, http)                                # a passing is there a moment before its verdict
            await the_laps(http, session, await everything(http))
        assert check(box.folder).differences == []
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        await box.decoder.stop()


async def the_laps(http: httpx.AsyncClient, session: str, rows: list[dict[str, Any]]) -> None:
    """Every lap is the time between two crossings, as if there had never been a kill; suspect ones aside, none."""
    laps = (await http.get(f"/api/v1/sessions/{session}/laps")).json()["items"]
    assert {lap["verdict"] for lap in laps} == {"valid"}
    clock = {row["seq"]: row["rtc_time_us"] for row in rows}
    counted = Counter(row["kart"] for row in rows if row["verdict"] == "counted")
    assert Counter(lap["kart"] for lap in laps) == counted
    for lap in laps:
        first, last = lap["passings"]
        assert lap["time_us"] == clock[last] - clock[first]


@pytest.mark.parametrize("protocol", ["p3", "chronelec"])
def test_a2_ten_kills_lose_nothing_that_was_shown_and_the_heat_goes_on(run, tmp_path: Path, protocol: str) -> None:
    run(lambda: survive(tmp_path, protocol, kills=10 if protocol == "p3" else 4, seed=2), timeout=400)


@pytest.mark.soak
def test_a_hundred_kills(run, tmp_path: Path) -> None:
    run(lambda: survive(tmp_path, "p3", kills=100, seed=3), timeout=900)
