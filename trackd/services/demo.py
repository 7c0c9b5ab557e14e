"""The demo: a venue with an emulated decoder, karts that go round, and a race director that runs one heat after another.

Everything is real but the karts: the decoder speaks P3 over TCP, Solos on some of the karts are fetched from over TCP too,
and the heats are ordered like anybody's. Seeded: two runs with the same seed drive the same laps. The first heat of a new
venue is driven in seconds, so that there is something to see.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackd.config import Link, Server, Settings, Venue
from trackd.core.errors import Refused, StorageFailing
from trackd.core.time import SECOND, Micros
from trackd.emulator import course
from trackd.emulator.decoder import DecoderEmulator
from trackd.emulator.field import LINE, Field, FieldPassing
from trackd.emulator.pace import Pace
from trackd.emulator.wires import default_loops
from trackd.services.appliance import Appliance
from trackd.services.demosolos import DemoSolos, Drive
from trackd.services.sessions import NewSession
from trackd.services.trackclock import TrackClock
from trackd.store.database import NAME
from trackd.timing.board import Board

MARK = "demo.json"
VENUE = "Demo Park"
BY = "Demo"
STAFF = "demo"
SECTORS = 2
RUN_ON_S = 90.0
"""Karts keep going this long after the heat's time, so that each finds the flag."""

CONFIRM_S, BREAK_S = 15.0, 5.0
"""From the end of a heat until its result is confirmed, and until the next heat."""

LEAD_S = 350.0
"""The first heat of a new venue began so long ago; it is caught up with."""

WITH_SOLO = 4
"""Karts that carry one."""

FORMATS: tuple[dict[str, Any], ...] = (
    {"name": "Adult 5 min", "format": "5m", "ranking": "best_lap", "finish": "individual"},
    {"name": "Sprint 4 min and a lap", "format": "4m+1L", "ranking": "position", "finish": "leader"},
    {"name": "Race 8 laps", "format": "8L", "ranking": "position", "finish": "leader"},
)

LAYOUT = course.layout("Main, anticlockwise")


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
    """Decoder, field, Solos and race director around an appliance that knows nothing of them."""

    def __init__(self, plan: DemoPlan) -> None:
        self.plan = plan
        self.pace = Pace(plan.speed, 0 if (plan.folder / NAME).exists() else LEAD_S)
        loops = default_loops("p3", ("start_finish", *(f"sector:{n}" for n in range(1, SECTORS + 1))))
        self.emulator = DecoderEmulator("p3", loops=loops, seed=plan.seed, rtc_start_us=time.time_ns() // 1_000_000 * 1000,
                                        monotonic=self.pace.seconds, sleep=self.pace.sleep)
        self.roles = {str(decoder): role for role, decoder in loops.items()}
        self.entries = self._field(plan.seed).entries
        self.solos = DemoSolos(plan.folder, [each.kart for each in self.entries[:WITH_SOLO]], plan.seed, VENUE)
        self._changed = asyncio.Event()
        self._crossed: list[FieldPassing] = []       # of the heat that is driven
        self.pin = f"{secrets.randbelow(9000) + 1000}"

    def _field(self, seed: int) -> Field:
        return Field(seed=seed, karts=self.plan.karts, lap_s=course.LAP_S, sectors=SECTORS, shares=course.shares())

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
        return Settings(venue=Venue(VENUE, "Europe/Rome"), links=(link,),
                        server=Server(host=self.plan.host, port=self.plan.port))

    def clock(self) -> TrackClock:
        """Track time, as fast as the karts."""
        if self.plan.speed == 1.0 and not self.pace.behind_s():
            return TrackClock()
        return TrackClock(mono=lambda: round(self.pace.seconds() * SECOND), boot_id=lambda: "", wall=self._wall_us)

    def _wall_us(self) -> Micros:
        return time.time_ns() // 1000 - round(self.pace.behind_s() * SECOND)

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
        if LAYOUT["properties"]["name"] not in {record.name for record in live.writer.venue.layouts.values()}:
            await live.done(roster.save_layout(LAYOUT, BY)[1])

    async def direct(self, appliance: Appliance) -> None:
        """Run heats one after another, for ever. A heat somebody else makes and stages has the track first."""
        await self.furnish(appliance)
        await self.solos.join(appliance)
        appliance.live.hub.boards.append(lambda _: self._changed.set())
        for left in appliance.heats():
            if left.state == "provisional":          # the demo was ended before it came to that
                await self._give(appliance, left.id, "confirm")
        number = len(appliance.heats()) + 1
        self.pace.hurry()
        while True:
            session_id = await self._next_heat(appliance, number)
            await self._when_free(appliance)
            self.solos.go_out()
            for order in ("stage", "green"):
                await self._give(appliance, session_id, order)
                await self.pace.sleep(4 if order == "stage" and number > 1 else 0)
            driving = asyncio.create_task(self._drive(number))
            await self._until(appliance, session_id, {"provisional", "official", "void"})
            driving.cancel()
            await self.solos.come_in(appliance, self._driven(number, await appliance.board(session_id)), BY)
            await self.pace.sleep(CONFIRM_S)
            await self._give(appliance, session_id, "confirm")
            await self.pace.sleep(BREAK_S)
            number += 1

    async def _next_heat(self, appliance: Appliance, number: int) -> str:
        wanted = FORMATS[(number - 1) % len(FORMATS)]["name"]
        entries = [(entry.kart, entry.driver) for entry in self.entries]
        heat = NewSession(f"Heat {number}", entries, layout=LAYOUT["properties"]["name"], fields={"format": wanted})
        return await appliance.create_session(heat, BY)

    async def _drive(self, number: int) -> None:
        """The karts come out of the pit and go round; who drives how depends on seed and heat alone."""
        heat = self._field(self.plan.seed * 1000 + number)
        worn = {theirs.transponder: ours.transponder for theirs, ours in zip(heat.entries, self.entries, strict=True)}
        start_us = self.emulator.now_us() + SECOND
        self._crossed.clear()

        def passings() -> Iterator[FieldPassing]:
            for passing in heat.passings(8 * 60 + RUN_ON_S, start_us):
                yield passing._replace(transponder=worn[passing.transponder])
                self._crossed.append(passing._replace(transponder=worn[passing.transponder]))

        await self.emulator.play(passings())

    def _driven(self, number: int, board: Board) -> list[Drive]:
        """What the karts with a Solo drove in the heat that is over, until they would have crossed the line once more."""
        zero_utc_us, laps = self._wall_us() - self.emulator.now_us(), {row.kart: row.laps for row in board.rows}
        found = []
        for entry in self.entries[:WITH_SOLO]:
            own = [each for each in self._crossed if each.transponder == entry.transponder]
            lines = [at for at, each in enumerate(own) if each.loop == LINE][laps.get(entry.kart, 0) + 1:]
            found.append(Drive(number, entry.kart, own[:lines[0]] if lines else own, zero_utc_us))
        return found

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

    async def stop(self) -> None:
        """Take decoder and Solos off the wire."""
        await self.solos.stop()
        await self.emulator.stop()
