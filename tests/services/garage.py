"""A venue with emulated units around it, and a clock that moves only when the test says so."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator.solos import until
from tests.journeys.conftest import FakeTime, S
from trackd.config import Settings, Venue
from trackd.emulator.solo import Solo
from trackd.emulator.solo_told import Identity
from trackd.links.aim import Patience
from trackd.services.appliance import Appliance
from trackd.services.units import Units
from trackd.services.unitsnow import UnitNow
from trackd.store.database import NAME

WAITS = Patience(settle=0, connect=60, answer=60, chunk=60, keepalive=1, again=0)
"""Longer than a test may take, so that nothing passes by waiting."""

HOST = "127.0.0.2"
ID = Identity().serial


@dataclass
class Hand:
    """The clock of the links: it stands until somebody moves it on."""

    time: FakeTime
    _sleepers: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    def monotonic_us(self) -> int:
        return self.time.us

    def wall_us(self) -> int:
        return self.time.us + self.time.wall_offset_us

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return await asyncio.sleep(0)
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time.us + round(seconds * S), until))
        return await until

    def advance(self, seconds: float) -> None:
        self.time.us += round(seconds * S)
        for at_us, each in self._sleepers:
            if at_us <= self.time.us and not each.done():
                each.set_result(None)
        self._sleepers = [(at_us, each) for at_us, each in self._sleepers if not each.done()]


@dataclass
class Garage:
    """The venue, and the units near it. Recordings that come in are kept and not read."""

    folder: Path
    files: Path                          # what the units hold
    time: FakeTime = field(default_factory=FakeTime)
    solos: list[Solo] = field(default_factory=list)
    appliance: Appliance = field(init=False)
    units: Units = field(init=False)
    clock: Hand = field(init=False)
    ports: tuple[int, int] = (0, 0)      # TCP, UDP

    async def on(self) -> None:
        """Switch an appliance on that has nothing else to do."""
        appliance = Appliance(self.folder, Settings(venue=Venue("Test Park", "Europe/Rome")), clock=self.time.clock())
        appliance.open()
        await appliance.live.start()
        await self.beside(appliance)

    async def beside(self, appliance: Appliance, **options: Any) -> None:
        """Let an appliance that runs look for units, on ports nobody else has."""
        self.appliance, self.clock = appliance, Hand(self.time)
        await appliance.units.stop()
        self.units = appliance.units = Units(
            appliance.folder, appliance.live.writer, appliance.reading, appliance.recordings, appliance.zone, **{
                "targets": [HOST, "127.0.0.3"], "host": "127.0.0.1", "udp_port": self.ports[1], "tcp_port": self.ports[0],
                "patience": WAITS, "clock": self.clock, **options})
        await self.units.start()
        self.ports = (self.ports[0], self.units.discovery.port)

    async def off(self) -> None:
        """Switch it off."""
        await self.appliance.stop()

    async def empty(self) -> None:
        """All units leave."""
        for solo in self.solos:
            await solo.stop()

    async def solo(self, *faults: str, host: str = HOST, near: bool = True, **options: Any) -> Solo:
        """A unit comes, and has been noticed where it is ``near``."""
        solo = Solo(options.pop("files", self.files), host, *self.ports, faults=faults, **options)
        await solo.start()
        self.ports = (solo.tcp_port, solo.udp_port)
        self.units.tcp_port = solo.tcp_port
        self.solos.append(solo)
        if near:
            await self.tick(2)
        return solo

    async def leave(self, solo: Solo) -> None:
        """A unit is switched off."""
        self.solos.remove(solo)
        await solo.stop()

    async def tick(self, times: int = 1) -> None:
        """A second goes by; every unit there has answered in it."""
        for _ in range(times):
            before = {solo.host: self.units.discovery.answers(solo.host) for solo in self.solos}
            self.clock.advance(1)
            await until(lambda: all(self.units.discovery.answers(host) > count
                                    for host, count in before.items()))  # noqa: B023 - awaited here

    async def pair(self, kart: str | None = "7", name: str = "Solo 7", unit: str = ID, **fields: Any) -> None:
        """Pair a unit, with its kart in the roster; it has been visited."""
        if kart and kart not in self.appliance.live.writer.venue.karts:
            await self.appliance.live.done(self.appliance.roster.save_kart(kart, None, [], new=True, by="test"))
        await self.units.pair(unit, name, kart, fields.get("driver"), "Ada")
        await self.tick(2)

    async def hanging(self, solo: Solo) -> None:
        """Wait until a unit hangs in mid-file; as long as the clock stands, everybody waits for it."""
        await until(lambda: solo._visit is not None and solo._visit.silent)

    async def given_up(self) -> None:
        """Let so much time go by that a unit that hangs is known to."""
        for _ in range(5):
            self.clock.advance(1)
            await asyncio.sleep(0.005)

    async def now(self, unit: str = ID) -> UnitNow:
        return await self.units.one(unit)

    async def at_rest(self, unit: str = ID) -> UnitNow:
        """Wait until a unit has been visited, and nothing goes on with it."""
        works = self.units._works
        await until(lambda: unit in works and works[unit].tried_us is not None and works[unit].task is None)
        return await self.now(unit)

    def stored(self) -> dict[str, tuple[bytes, str, str]]:
        """The recordings the venue has: by name what they hold, their unit, and who fetched them."""
        with closing(sqlite3.connect(self.folder / NAME)) as db:
            rows = db.execute("SELECT f.name, r.sha256, r.unit, r.given_by FROM recordings r JOIN files f "
                              "ON f.recording = r.id").fetchall()
        return {name: (self.appliance.recordings.files.path(sha).read_bytes(), unit, by) for name, sha, unit, by in rows}


def at_the_garage(test: Callable[[Garage], Awaitable[None]]) -> Callable[[Path], None]:
    """Make ``async def test(garage)`` a test of its own."""
    def runner(tmp_path: Path) -> None:
        async def main() -> None:
            files = tmp_path / "solo"
            files.mkdir()
            garage = Garage(tmp_path / "data", files)
            garage.folder.mkdir()
            await garage.on()
            try:
                async with asyncio.timeout(40):
                    await test(garage)
            finally:
                await garage.empty()
                await garage.off()
        asyncio.run(main())
    runner.__name__, runner.__doc__ = test.__name__, test.__doc__
    return runner
