"""AiM units of the venue: which are there, which are paired with a kart or a driver, and bringing their recordings home.

A paired unit is asked for what it holds when it comes into reach and every five minutes while it stays. Units that are not
paired are somebody's own: nobody looks at what they hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import Literal, Self

import structlog

from trackd.core.errors import LinkDown, NotFound, Refused, StorageFailing, TrackdError
from trackd.core.time import Micros, utc
from trackd.links.aim import AimSession, Patience, fetch
from trackd.links.clock import Clock
from trackd.links.discovery import BROADCAST, OWN_NETWORKS, Discovery
from trackd.protocols.aim_told import FileEntry
from trackd.protocols.aim_wifi import TCP_PORT, UDP_PORT
from trackd.services.pairing import gone_since, newest_fact, paired, paired_again, taken_out
from trackd.services.reading import Reading
from trackd.services.recorded import Unit, all_units
from trackd.services.recordings import FILE_MOST, Recordings
from trackd.services.roster import tidy
from trackd.services.trackclock import TrackClock
from trackd.services.unitfiles import UnitFiles
from trackd.services.unitsheard import Ear, Heard
from trackd.services.unitsnow import Progress, UnitNow, Work
from trackd.services.writer import Writer

log = structlog.get_logger()

AUTO = (*OWN_NETWORKS, BROADCAST)
LOOK_S = 1.0
AT_ONCE = 3
"""Units fetched from at the same time: they share the air."""

UNTIMED = ("The clock of this box is wrong, and a unit takes its own clock from it. Recordings are fetched when the clock "
           "is right.")
BUG = "A fault in trackd, written to its log. Timing goes on; the next try is in half a minute."


@dataclass(frozen=True, slots=True)
class VenueClock:
    """The appliance's clock as links ask for it."""

    clock: TrackClock

    def monotonic_us(self) -> Micros:
        """Microseconds that never jump."""
        return self.clock.mono()

    def wall_us(self) -> Micros:
        """Microseconds since 1970."""
        return self.clock.wall()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _Session(AimSession):
    """A session with the unit that has this serial number, where units tell theirs."""

    serial = ""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self.serial and self.info.serial not in ("", self.serial):
            await self.__aexit__()
            raise LinkDown(f"Another unit is at {self.host} by now. Its recordings were not touched.")
        return self


class Units:
    """``start`` and ``stop`` on the event loop. Without ``targets`` (addresses, or "auto") no unit is looked for."""

    def __init__(self, folder: Path, writer: Writer, reading: Reading, recordings: Recordings, zone: tzinfo, *,
                 targets: Sequence[str] | Literal["auto"] | None = None, host: str = "", udp_port: int = UDP_PORT,
                 tcp_port: int = TCP_PORT, patience: Patience | None = None, clock: Clock | None = None) -> None:
        self.folder, self.writer, self.reading, self.recordings, self.zone = folder, writer, reading, recordings, zone
        self.clock, self.tcp_port, self.patience = clock or VenueClock(writer.clock), tcp_port, patience
        self.looks = targets is not None
        self.trouble = ""                # why units cannot be looked for at all
        self.discovery = Discovery(AUTO if targets == "auto" else targets or (), host=host, port=udp_port, clock=self.clock)
        self.ear = Ear(self.discovery, self.clock)
        self._works: dict[str, Work] = {}
        self._since = 0                          # the newest fact at the start
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to look for units."""
        self._since = await newest_fact(self.reading)
        if not self.looks:
            return
        try:
            await self.discovery.start()
        except LinkDown as error:
            self.trouble = str(error)
            log.warning("units", says=self.trouble)
            return
        self._tasks = [asyncio.create_task(self.discovery.run(), name="units discovery"),
                       asyncio.create_task(self._watch(), name="units")]

    async def stop(self) -> None:
        """End; what is half fetched goes on at the next start."""
        tasks = [*self._tasks, *(work.task for work in self._works.values() if work.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.discovery.close()

    # --- what is there ------------------------------------------------------------------------------------------------

    async def all(self) -> list[UnitNow]:
        """Units that are paired by name, then those that are not and were heard or taken out lately."""
        heard, paired, gone = self.ear.heard(), await all_units(self.reading), await gone_since(self.reading, self._since)
        known = {unit.id for unit in paired}
        found = [UnitNow(unit.id, unit.name, unit.model, unit.kart, unit.driver_id, paired=True) for unit in paired]
        found += [UnitNow(each, fact.name, fact.model, was=fact) for each, fact in gone.items() if each not in known]
        listed = known | gone.keys()
        found += [UnitNow(each, unit.title, unit.info.model) for each, unit in heard.items()
                  if each not in listed and unit.lately]
        return [await self._now(unit, heard.get(unit.id)) for unit in found]

    async def one(self, unit_id: str) -> UnitNow:
        """One of them. Raises NotFound."""
        for unit in await self.all():
            if unit.id == unit_id:
                return unit
        raise NotFound(f"No unit {unit_id} is paired or was seen here lately.")

    async def _now(self, unit: UnitNow, heard: Heard | None) -> UnitNow:
        work = self._works.get(unit.id, Work())
        book = await asyncio.to_thread(UnitFiles(self.folder, unit.id).read)
        unit = replace(unit, busy=work.task is not None, progress=work.progress, waiting=work.waiting, last_us=book.last_us,
                       trouble=work.trouble if unit.paired else "")
        return unit if heard is None else replace(
            unit, here=heard.here, seen_us=heard.seen.heard_at_us, address=heard.seen.address,
            model=unit.model or heard.info.model)

    # --- pairing ------------------------------------------------------------------------------------------------------

    async def pair(self, unit_id: str, name: str, kart: str | None, driver: str | None, by: str) -> bool:
        """Give a unit a name, and a kart it rides on or a driver it belongs to, or neither. Whether it was not paired.

        Raises NotFound, BadInput, Refused with the reason, StorageFailing.
        """
        known, name = await self.one(unit_id), tidy(name, "name")
        await asyncio.wrap_future(self.writer.submit(paired(unit_id, name, known.model, kart or None, driver or None, by)))
        return not known.paired

    async def pair_again(self, unit_id: str, by: str) -> None:
        """Pair a unit as it was before it was taken out. Raises NotFound, BadInput, Refused, StorageFailing."""
        was = (await gone_since(self.reading, self._since)).get(unit_id)
        if was is None:
            raise NotFound("That unit was not taken out since the box was switched on. Pair it anew.")
        await asyncio.wrap_future(self.writer.submit(paired_again(was, by)))

    async def unpair(self, unit_id: str, by: str) -> None:
        """Take a unit out; its recordings stay, and a download under way ends. Raises NotFound, StorageFailing."""
        await asyncio.wrap_future(self.writer.submit(taken_out(unit_id, by)))
        await self._end(unit_id)

    async def _end(self, unit_id: str) -> None:
        work = self._works.pop(unit_id, None)
        if work is not None and work.task is not None:
            work.task.cancel()
            await asyncio.gather(work.task, return_exceptions=True)

    # --- recordings ---------------------------------------------------------------------------------------------------

    async def download(self, unit_id: str, by: str) -> None:
        """Begin to fetch what is not here yet; nothing is begun where that is under way. Raises NotFound, Refused."""
        unit = await self.one(unit_id)
        if not unit.paired:
            raise Refused("Pair the unit first. Nobody looks at what a unit holds that is not paired.")
        if not unit.here:
            raise Refused(f"{unit.name} is not in reach. Bring it to the box, switch it on and turn its Wi-Fi on.")
        self._check_time()
        self._begin(Unit(unit.id, unit.name, unit.model, unit.kart, unit.driver_id), by)

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:            # the job runner: one bad look must not end all looking
                log.exception("units cannot be looked after")
            await self.clock.sleep(LOOK_S)

    async def _look(self) -> None:
        """Find out who is there, and visit whoever is due."""
        if self._timed():
            await self.ear.ask_who(self._session)
        heard = {each: unit for each, unit in self.ear.heard().items() if unit.here}
        for each, work in self._works.items():
            work.away |= each not in heard
        paired = await all_units(self.reading) if heard or self._works else []
        for each in self._works.keys() - {unit.id for unit in paired}:       # its pairing was taken back
            await self._end(each)
        for unit in paired:
            if unit.id in heard:
                work = self._works.setdefault(unit.id, Work())
                if work.due(self.clock.monotonic_us()):
                    self._begin(unit, "")

    def _begin(self, unit: Unit, by: str) -> None:
        work = self._works.setdefault(unit.id, Work())
        if work.task is None:
            work.away = False
            work.task = asyncio.create_task(self._visit(unit, work, by), name=f"unit {unit.id}")

    async def _visit(self, unit: Unit, work: Work, by: str) -> None:
        trouble, work.failed = "", True
        try:
            async with self._slots:
                trouble = await self._fetch_all(unit, work, by)
                work.failed = False
        except TrackdError as error:
            trouble = str(error)
            if trouble != work.trouble:
                log.info("unit", unit=unit.id, says=trouble)
        except Exception:                # the job runner
            trouble = BUG
            log.exception("a unit cannot be fetched from", unit=unit.id)
        finally:
            work.task, work.progress, work.tried_us = None, None, self.clock.monotonic_us()
        work.trouble = trouble

    def _timed(self) -> bool:
        """Whether the wall clock can be right: opening a session sets the unit's by it."""
        return utc(self.clock.wall_us()).year >= 2024

    def _check_time(self) -> None:
        if not self._timed():
            raise Refused(UNTIMED)

    def _session(self, address: str, serial: str = "") -> AimSession:
        session = _Session(address, self.discovery, port=self.tcp_port, timezone=self.zone, patience=self.patience,
                           clock=self.clock)
        session.serial = serial
        return session

    async def _fetch_all(self, unit: Unit, work: Work, by: str) -> str:
        """Fetch what the unit holds and is not here. What was left on it, in words; "" for nothing."""
        self._check_time()
        if unit.id not in {each.id for each in await all_units(self.reading)}:
            return ""                        # taken out before its turn came
        heard = self.ear.heard().get(unit.id)
        if heard is None or not heard.here:
            raise LinkDown(f"{unit.name} went out of reach before its turn came.")
        async with self._session(heard.seen.address, heard.info.serial) as session:
            held = [entry for entry in await session.list() if entry.size]
        files, trouble = UnitFiles(self.folder, unit.id), ""
        try:
            wanted = await asyncio.to_thread(files.missing, held)
            for entry in [entry for entry in wanted if entry.size > FILE_MOST]:
                wanted.remove(entry)
                trouble = f"{entry.name} is larger than 64 MB and stays on the unit."
            for number, entry in enumerate(wanted, 1):
                work.waiting, work.progress = len(wanted) - number + 1, Progress(number, len(wanted), 0, entry.size)
                await self._fetch(unit, heard, files, entry, work, by)
            work.waiting = 0
        except OSError as error:
            why = error.strerror or error
            raise StorageFailing(f"Recordings cannot be stored: {why}. They stay on the unit.") from error
        return trouble

    async def _fetch(self, unit: Unit, heard: Heard, files: UnitFiles, entry: FileEntry, work: Work, by: str) -> None:
        def told(done: int) -> None:
            if work.progress is not None:
                work.progress = replace(work.progress, done=done)

        opening = asyncio.create_task(asyncio.to_thread(files.open, entry, told))
        try:
            part = await asyncio.shield(opening)
            await fetch(lambda: self._session(heard.seen.address, heard.info.serial), entry.name, part)
            data = await asyncio.to_thread(part.whole)
        finally:
            await asyncio.to_thread((await opening).close)       # also when we are to end while it is being opened
        await self.recordings.receive(data, entry.name, "unit", by, unit=unit.id)
        await asyncio.to_thread(files.took, entry, self.clock.wall_us())
