"""The demo: a venue with an emulated decoder, karts that go round, and a race director that runs one heat after another.

Everything is real but the karts: the decoder speaks P3 over TCP, and the heats are ordered like anybody's. Seeded: two
runs with the same seed drive the same laps.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackd.config import Link, Server, Settings, Venue
from trackd.core.errors import Refused, StorageFailing
from trackd.core.time import SECOND
from trackd.emulator.decoder import DecoderEmulator
from trackd.emulator.field import Field
from trackd.emulator.wires import default_loops
from trackd.services.appliance import Appliance
from trackd.services.sessions import NewSession
from trackd.services.trackclock import TrackClock
from trackd.store.database import NAME

MARK = "demo.json"
BY = "Demo"
STAFF = "demo"
LAP_S = 26.0
SECTORS = 2
RUN_ON_S = 90.0
"""Karts keep going this long after the heat's time, so that each finds the flag."""

FORMATS: tuple[dict[str, Any], ...] = (
    {"name": "Adult 5 min", "format": "5m", "ranking": "best_lap", "finish": "individual"},
    {"name": "Sprint 4 min and a lap", "format": "4m+1L", "ranking": "position", "finish": "leader"},
    {"name": "Race 8 laps", "format": "8L", "ranking": "position", "finish": "leader"},
)

LAYOUT: dict[str, Any] = {
    "type": "FeatureCollection",
    "properties": {"name": "Main, clockwise", "direction": "clockwise", "min_lap_s": 18, "max_lap_s": 120},
    "features": [
        {"type": "Feature", "properties": {"role": role, "heading_deg": heading},
         "geometry": {"type": "LineString", "coordinates": points}}
        for role, heading, points in (
            ("start_finish", 90, [[12.4902, 41.8902], [12.4902, 41.8903]]),
            ("sector:1", 180, [[12.4921, 41.8897], [12.4922, 41.8897]]),
            ("sector:2", 270, [[12.4911, 41.8890], [12.4911, 41.8891]]))
    ],
}


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the demo is asked for."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8000
    karts: int = 12
    speed: float = 1.0
    seed: int = 1


class Demo:
    """Decoder, field and race director around an appliance that knows nothing of them."""

    def __init__(self, plan: DemoPlan) -> None:
        self.plan = plan
        loops = default_loops("p3", ("start_finish", *(f"sector:{n}" for n in range(1, SECTORS + 1))))
        self.emulator = DecoderEmulator("p3", loops=loops, speed=plan.speed, seed=plan.seed,
                                        rtc_start_us=time.time_ns() // 1_000_000 * 1000)
        self.roles = {str(decoder): role for role, decoder in loops.items()}
        self.entries = Field(seed=plan.seed, karts=plan.karts, lap_s=LAP_S, sectors=SECTORS).entries
        self._changed = asyncio.Event()
        self.pin = f"{secrets.randbelow(9000) + 1000}"

    def claim(self) -> None:
        """Take the data folder, or refuse one with a venue the demo did not make."""
        mark = self.plan.folder / MARK
        if (self.plan.folder / NAME).exists() and not mark.exists():
            raise Refused(f"{self.plan.folder} holds a real venue. The demo needs an empty folder; leave out --data.")
        try:
            self.plan.folder.mkdir(parents=True, exist_ok=True)
            mark.write_text(json.dumps({"made_by": "trackd demo", "seed": self.plan.seed}) + "\n")
        except OSError as error:
            raise StorageFailing(f"The data folder {self.plan.folder} cannot be written: {error.strerror}.") from error

    async def settings(self) -> Settings:
        """Start the decoder; the settings that lead to it."""
        port = await self.emulator.start()
        link = Link("start-finish", "p3", f"tcp://127.0.0.1:{port}", role=None, roles=self.roles)
        return Settings(venue=Venue("Demo Park", "Europe/Rome"), links=(link,),
                        server=Server(host=self.plan.host, port=self.plan.port))

    def clock(self) -> TrackClock:
        """Track time, as fast as the karts."""
        if self.plan.speed == 1.0:
            return TrackClock()
        began, speed = time.monotonic_ns(), self.plan.speed
        return TrackClock(mono=lambda: int((time.monotonic_ns() - began) * speed) // 1000, boot_id=lambda: "")

    def admit(self, appliance: Appliance) -> None:
        """A fresh PIN for the demo's own operator."""
        staff = appliance.staff
        names = [person.name for person in staff.list_staff()]
        if STAFF in names and len(names) == 1:
            staff.add_staff("demo-second", "admin", self.pin)
            staff.remove_staff(STAFF)
        if STAFF not in [person.name for person in staff.list_staff()]:
            staff.add_staff(STAFF, "admin", self.pin)

    async def furnish(self, appliance: Appliance) -> None:
        """Karts, formats and the layout, where they are not there yet."""
        live, roster = appliance.live, appliance.roster
        for entry in self.entries:
            if entry.kart not in live.writer.venue.karts:
                await live.done(roster.save_kart(entry.kart, "adult", [entry.transponder], new=True, by=BY))
        known = {record.name for record in live.writer.venue.formats.values()}
        for each in FORMATS:
            if each["name"] not in known:
                body = {key: value for key, value in each.items() if key != "name"}
                await live.done(roster.save_format(each["name"], body, BY)[1])
        if not live.writer.venue.layouts:
            await live.done(roster.save_layout(LAYOUT, BY)[1])

    async def direct(self, appliance: Appliance) -> None:
        """Run heats one after another, for ever. A heat somebody else makes and stages has the track first."""
        await self.furnish(appliance)
        appliance.live.hub.boards.append(lambda _: self._changed.set())
        number = len(appliance.heats()) + 1
        while True:
            session_id = await self._next_heat(appliance, number)
            await self._when_free(appliance)
            for order in ("stage", "green"):
                await self._give(appliance, session_id, order)
                await self._pause(4 if order == "stage" and number > 1 else 0)
            driving = asyncio.create_task(self._drive(number))
            await self._until(appliance, session_id, {"provisional", "official", "void"})
            driving.cancel()
            number += 1
            await self._pause(20)
            await self._give(appliance, session_id, "confirm")

    async def _next_heat(self, appliance: Appliance, number: int) -> str:
        wanted = FORMATS[(number - 1) % len(FORMATS)]["name"]
        entries = [(entry.kart, entry.driver) for entry in self.entries]
        return await appliance.create_session(NewSession(f"Heat {number}", entries, fields={"format": wanted}), BY)

    async def _drive(self, number: int) -> None:
        """The karts come out of the pit and go round; who drives how depends on seed and heat alone."""
        field = Field(seed=self.plan.seed, karts=self.plan.karts, lap_s=LAP_S, sectors=SECTORS)
        heat = Field(seed=self.plan.seed * 1000 + number, karts=self.plan.karts, lap_s=LAP_S, sectors=SECTORS)
        worn = {theirs.transponder: ours.transponder for theirs, ours in zip(heat.entries, field.entries, strict=True)}
        start_us = self.emulator.now_us() + SECOND
        await self.emulator.play(passing._replace(transponder=worn[passing.transponder])
                                 for passing in heat.passings(8 * 60 + RUN_ON_S, start_us))

    async def _give(self, appliance: Appliance, session_id: str, order: str) -> None:
        """An order; that somebody at the console was faster is fine."""
        try:
            await appliance.order(session_id, order, {}, BY)
        except Refused:
            return

    async def _until(self, appliance: Appliance, session_id: str, states: set[str]) -> None:
        while (await appliance.board(session_id)).session.state not in states:
            await self._news()

    async def _when_free(self, appliance: Appliance) -> None:
        while appliance.live.writer.venue.live:
            await self._news()

    async def _news(self) -> None:
        """Wait until any session changes."""
        self._changed.clear()
        await self._changed.wait()

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / max(self.plan.speed, 0.01))

    async def stop(self) -> None:
        """Take the decoder off the wire."""
        await self.emulator.stop()
