"""The Solos of the demo: units on the wire that ride on some of the karts and record what the loops see.

The appliance meets them as it meets any: they answer its probes when they come in from a heat, and it fetches what they
hold. Only that they are there at all, and who carries which, is said beforehand.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from trackd.core.errors import LinkDown, NotFound, Refused
from trackd.core.time import Micros
from trackd.emulator.field import FieldPassing
from trackd.emulator.outing import outing
from trackd.emulator.solo import Solo
from trackd.emulator.solo_file import xrz
from trackd.emulator.solo_told import Identity
from trackd.links.clock import SystemClock
from trackd.services.appliance import Appliance
from trackd.services.units import Units

log = structlog.get_logger()

FOLDER = "solos"
KEPT = 8
"""Recordings a unit holds; an older one makes room."""

TRIES, LOOK_S, LOOKS = 5, 0.2, 40
"""Ports are tried so often; a unit is looked for so often, and again for having been fetched from."""

FIRST_SERIAL = 500_417


@dataclass(frozen=True, slots=True)
class Drive:
    """A heat as one kart drove it: its passings in time order, and the instant (wall clock) at their time 0."""

    heat: int
    kart: str
    passings: Sequence[FieldPassing]
    zero_utc_us: Micros


class DemoSolos:
    """A unit for each of these karts. ``join`` puts them near an appliance, ``come_in`` after each heat."""

    def __init__(self, folder: Path, karts: Sequence[str], seed: int, venue: str, faults: Sequence[str] = ()) -> None:
        self.folder, self.seed, self.venue, self.faults = folder / FOLDER, seed, venue, faults
        self.serials = {kart: str(FIRST_SERIAL + number) for number, kart in enumerate(karts)}
        self._solos: list[Solo] = []
        self._met: set[str] = set()

    async def join(self, appliance: Appliance) -> None:
        """Have the appliance look for the units, on ports nobody else has; they are away until they come in.

        Where the machine has no addresses for them there are none, and recordings come in as uploads.
        """
        for kart in self.serials:
            (self.folder / kart).mkdir(parents=True, exist_ok=True)
        await appliance.units.stop()
        for _ in range(TRIES):
            units = Units(appliance.folder, appliance.live.writer, appliance.reading, appliance.recordings, appliance.zone,
                          targets=[f"127.0.0.{2 + number}" for number in range(len(self.serials))], host="127.0.0.1",
                          udp_port=0, clock=SystemClock())
            await units.start()
            try:
                await self._start(units)
            except LinkDown as error:
                log.info("solos", says=str(error))
                await self.stop()
                await units.stop()
            else:
                appliance.units = units
                return

    async def _start(self, units: Units) -> None:
        tcp_port = 0
        for number, (kart, serial) in enumerate(self.serials.items()):
            solo = Solo(self.folder / kart, f"127.0.0.{2 + number}", tcp_port, units.discovery.port,
                        faults=self.faults, identity=Identity(serial=serial))
            solo.disappear()
            await solo.start()
            self._solos.append(solo)
            tcp_port = units.tcp_port = solo.tcp_port

    async def stop(self) -> None:
        """Switch all units off."""
        for solo in self._solos:
            await solo.stop()
        self._solos.clear()

    def go_out(self) -> None:
        """The karts drive: the units are out of reach."""
        for solo in self._solos:
            solo.disappear()

    async def come_in(self, appliance: Appliance, drives: Sequence[Drive], by: str) -> None:
        """The karts are back with what their units recorded; each is paired with its kart, if it is not yet."""
        files = await asyncio.to_thread(self._keep, drives)
        if not self._solos:
            for name, data in files:
                await appliance.recordings.receive(data, name, "upload", by)
        came_us = SystemClock().wall_us()
        for solo in self._solos:
            solo.reappear()
        for kart, serial in self.serials.items():
            if self._solos and serial not in self._met:
                await self._pair(appliance, kart, serial, by)
        for look in range(LOOKS if self._solos else 0):
            late = [unit for unit in await appliance.units.all() if unit.paired and (unit.last_us or 0) < came_us]
            if not late:
                return
            for unit in late if look >= LOOKS // 4 else ():      # heats follow so fast that it is not asked again yet
                with contextlib.suppress(Refused, NotFound):
                    await appliance.units.download(unit.id, by)
            await asyncio.sleep(LOOK_S)

    async def _pair(self, appliance: Appliance, kart: str, serial: str, by: str) -> None:
        """As soon as it is heard, where it is not paired; once, so that somebody may take it out."""
        for _ in range(LOOKS):
            with contextlib.suppress(NotFound):
                if not (await appliance.units.one(serial)).paired:
                    await appliance.units.pair(serial, f"Solo {kart}", kart, None, by)
                self._met.add(serial)
                return
            await asyncio.sleep(LOOK_S)

    def _keep(self, drives: Sequence[Drive]) -> list[tuple[str, bytes]]:
        """Lay the recordings where the units serve them; names and contents. Blocks: use a thread."""
        made = []
        for drive in drives:
            if not drive.passings:
                continue
            found = outing(drive.passings, seed=f"{self.seed}:{drive.heat}:{drive.kart}")
            data = xrz(found, drive.zero_utc_us + found.start_us, serial=int(self.serials[drive.kart]),
                       vehicle=f"Kart {drive.kart}", venue=self.venue)
            folder, name = self.folder / drive.kart, f"a_{drive.heat:04}.xrz"
            (folder / name).write_bytes(data)
            for old in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns)[:-KEPT]:
                old.unlink()
            made.append((f"kart {drive.kart} {name}", data))
        return made
