"""A folder watched for recordings: an export of Race Studio, a stick, a network share. It is read and never changed.

A file is taken once it has the same size at two looks, for whoever writes it may not be done. A folder that is not there
now (a stick, a share that is down) is looked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import structlog

from trackd.core.errors import TrackdError
from trackd.services.recordings import FILE_MOST

log = structlog.get_logger()

LOOK_S, OURS_S = 3.0, 0.5
ENDINGS = frozenset({".xrk", ".xrz", ".csv", ".vbo", ".nmea", ".nma", ".dovex", ".dove", ".gpx"})
FILES_MOST = 20_000
"""More files than these are not somebody's recordings."""

Seen = tuple[int, int]
"""Size and time of the last change, of a file."""


class Watching:
    """Looks into a folder and hands over what is new. ``take`` gets the content and the name of a file.

    ``ours``: trackd's own verbs put whole files there, to be taken at once and away (`services.inbox`).
    """

    def __init__(self, folder: Path | None, take: Callable[[bytes, str], Awaitable[object]], *, ours: bool = False) -> None:
        self.folder, self.take, self.ours = folder, take, ours
        self.trouble = ""                    # why it cannot be read, in words; "" while it can
        self._before: dict[Path, Seen] = {}
        self._taken: dict[Path, Seen] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, where there is a folder to look into."""
        if self.folder is not None:
            self._task = asyncio.create_task(self._forever(), name="watched folder")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _forever(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(OURS_S if self.ours else LOOK_S)

    async def look(self) -> int:
        """Take what is new and whole; how many files were."""
        assert self.folder is not None
        try:
            now = await asyncio.to_thread(lambda: dict(_files(self.folder, any_name=self.ours)))
            self.trouble = ""
        except OSError as error:
            self.trouble = f"The folder {self.folder} cannot be read: {error.strerror}. It is looked for again."
            return 0
        whole = [path for path, seen in now.items()
                 if (self.ours or self._before.get(path) == seen) and self._taken.get(path) != seen]
        self._before, count = now, 0
        for path in sorted(whole):
            count += await self._one(path, now[path])
        return count

    async def _one(self, path: Path, seen: Seen) -> bool:
        try:
            data = await asyncio.to_thread(path.read_bytes)
            await self.take(data, path.name)
        except OSError as error:
            log.info("a file of the watched folder cannot be read yet", file=path.name, says=error.strerror)
            return False
        except TrackdError as error:
            self.trouble = str(error)
            log.warning("a file of the watched folder was not taken", file=path.name, says=str(error))
            return False
        if self.ours:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        else:
            self._taken[path] = seen
        return True


def _files(folder: Path | None, *, any_name: bool) -> Iterator[tuple[Path, Seen]]:
    """The files in it and below that may be recordings."""
    assert folder is not None
    folder.stat()                            # raises where it is not there; a walk would find nothing and say so
    count = 0
    for path in folder.rglob("*"):
        count += 1
        if count > FILES_MOST:
            return
        if path.name.startswith(".") or not (any_name or path.suffix.lower() in ENDINGS):
            continue
        with contextlib.suppress(OSError):
            told = path.stat()
            if path.is_file() and 0 < told.st_size <= FILE_MOST:
                yield path, (told.st_size, told.st_mtime_ns)
