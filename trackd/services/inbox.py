"""`trackd import`: files put into the venue beside a running appliance, or without one.

The verb lays each file whole into the data folder's inbox. A running appliance takes it from there; where none runs, one is
opened for it, without links and without the web.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from trackd.core.errors import BadInput, Fault, TrackdError
from trackd.core.ids import new_id
from trackd.services.reading import Reading
from trackd.services.recorded import Recorded, laps_of, recording_of_file
from trackd.services.recordings import FILE_MOST
from trackd.store.database import InUse

INBOX = "inbox"
PATIENCE_S, POLL_S = 60.0, 0.1


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. ``recorded`` is None where it could not even be taken in; ``trouble`` says why."""

    file: Path
    recorded: Recorded | None
    laps: int = 0
    trouble: str = ""


def plain_name(name: str) -> str:
    """The name a file had, out of its name in the inbox."""
    return name.partition("~")[2] or name


async def import_files(folder: Path, files: Sequence[Path]) -> list[Imported]:
    """Put files into the venue and see what becomes of them, in their order. Raises TrackdError for the venue itself."""
    async with _somebody_takes(folder):
        reading = Reading(folder)
        try:
            return [await _one(folder, reading, file) for file in files]
        finally:
            await reading.close()


@asynccontextmanager
async def _somebody_takes(folder: Path) -> AsyncIterator[None]:
    """A running appliance, or one of our own for so long."""
    from trackd.config import Settings
    from trackd.services.appliance import Appliance

    appliance = Appliance(folder, Settings())
    try:
        appliance.open()
    except InUse:
        yield
        return
    await appliance.start()
    try:
        yield
    finally:
        await appliance.stop()


async def _one(folder: Path, reading: Reading, file: Path) -> Imported:
    try:
        sha256 = await asyncio.to_thread(_lay, folder / INBOX, file)
        async with asyncio.timeout(PATIENCE_S):
            recorded = await recording_of_file(reading, sha256)
            while recorded is None or recorded.read is None:
                await asyncio.sleep(POLL_S)
                recorded = await recording_of_file(reading, sha256)
    except TimeoutError:
        return Imported(file, None, trouble="It is in the inbox; the appliance has not read it yet.")
    except TrackdError as error:
        return Imported(file, None, trouble=str(error))
    laps = await laps_of(reading, recorded.driven)
    return Imported(file, recorded, sum(lap.kind == "full" for lap in laps), recorded.read.refused if recorded.read else "")


def _lay(inbox: Path, file: Path) -> str:
    """Lay a file whole into the inbox; its SHA-256. Raises BadInput where it cannot be read."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(Fault(str(file), f"cannot be read: {error.strerror}")) from error
    if not 0 < len(data) <= FILE_MOST:
        raise BadInput(Fault(str(file), "is larger than 64 MB" if data else "is empty"))
    inbox.mkdir(parents=True, exist_ok=True)
    part = inbox / f".{new_id()}.part"
    with contextlib.ExitStack() as given_up:
        given_up.callback(part.unlink, missing_ok=True)
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(inbox / f"{new_id()}~{file.name}")
    return hashlib.sha256(data).hexdigest()


def in_words(found: Imported) -> str:
    """One line for a person."""
    each = found.recorded
    if found.trouble or each is None:
        return f"{found.file.name}: {found.trouble}"
    laps = f"{found.laps} lap{'' if found.laps == 1 else 's'}"
    where = {"unknown": f"no layout: {each.reason}", "unmatched": f"{laps}, no kart found",
             "proposed": f"{laps}, kart {each.kart} to be confirmed", "matched": f"{laps}, kart {each.kart}"}
    return f"{found.file.name}: {where.get(each.state, each.state)}"
