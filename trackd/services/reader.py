"""Recordings are read in one process of their own, started at the first file and kept for the next.

What a file does to it costs that file a sentence: too long, too much memory, a crash. The next file gets a new process.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import structlog

from trackd.core.time import MINUTE, SECOND, Micros
from trackd.gps.readers import formats
from trackd.gps.trace import Recording, Unreadable
from trackd.services import reader_worker
from trackd.services.reader_worker import FILE_MOST, LENGTH_BYTES

log = structlog.get_logger()

TIME_MOST_US: Micros = 20 * SECOND
IDLE_US: Micros = 5 * MINUTE
FAREWELL_S = 2.0
SPARE_S = 5
"""The process ends itself so much later than it would be ended, should nobody be there to do it."""

SLICE = 1 << 18

TOO_LONG = "Reading it took too long and was stopped."
TOO_LARGE = "Reading it takes more memory than there is for a recording."
STOPPED = "The reader stopped while reading it. The file is kept as it is."

FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system",
          "MALLOC_ARENA_MAX": "2"}
"""Libraries that take memory for every core before there is work are told that there is one."""


class Reader:
    """Reads recordings, one at a time. Use it on one event loop, and `close` it there.

    ``reads``: the function that reads, ``module:name``; ``time_most_us``: for one file, the start of the process
    included; ``idle_us``: after so long without a file the process is stopped.
    """

    def __init__(self, reads: str = f"{formats.__name__}:read", *, time_most_us: Micros = TIME_MOST_US,
                 idle_us: Micros = IDLE_US) -> None:
        self._reads = reads
        self._time_most_s = time_most_us / SECOND
        self._idle_s = idle_us / SECOND
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process that would read the next file, if it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def read(self, file: Path | bytes, name: str = "") -> Recording:
        """The recording in a file or in its bytes; ``name`` is what the file was called. Raises Unreadable."""
        if isinstance(file, bytes) and len(file) > FILE_MOST:
            raise Unreadable("It is larger than 200 MB.")
        name = name or (file.name if isinstance(file, Path) else "")
        async with self._turn:
            what, about = await self._bounded(file, name)
        if what == "recording":
            recording: Recording = about
            return recording
        if what == "unreadable":
            where, sentence = about
            raise Unreadable(sentence, where)
        if what == "full":
            raise Unreadable(TOO_LARGE)
        log.error("a reader failed", file=name, error=about)
        raise Unreadable(STOPPED)

    async def close(self) -> None:
        """End the process; a later file starts a new one."""
        async with self._turn:
            self._dismiss()
        await asyncio.gather(*self._leaving)

    async def _bounded(self, file: Path | bytes, name: str) -> tuple[str, Any]:
        """The answer of the process, which is gone afterwards unless it answered in time and is good for another."""
        if self._idle:
            self._idle.cancel()
        what, again = "", False
        try:
            async with asyncio.timeout(self._time_most_s):
                what, about, again = await self._answer(file, name)
        except TimeoutError:
            raise Unreadable(TOO_LONG) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Unreadable(STOPPED) from None
        finally:
            if not again:                  # one that answered goes by itself
                self._dismiss(at_once=not what)
            if self._process:
                self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._dismiss)
        return what, about

    async def _answer(self, file: Path | bytes, name: str) -> tuple[str, Any, bool]:
        """Put one file to the process: what happened, what there is to say of it, whether the process goes on."""
        process = self._process = await self._running()
        assert process.stdin
        assert process.stdout
        data = file if isinstance(file, bytes) else b""
        path = str(file) if isinstance(file, Path) else None
        head = pickle.dumps((path, name, len(data)))
        process.stdin.write(len(head).to_bytes(LENGTH_BYTES, "little") + head)
        for at in range(0, len(data), SLICE):
            process.stdin.write(data[at:at + SLICE])
            await process.stdin.drain()
        await process.stdin.drain()
        count = await _number(process.stdout)
        lengths = [await _number(process.stdout) for _ in range(count)]
        told, *arrays = [await _taken(process.stdout, length) for length in lengths]
        answer: tuple[str, Any, bool] = pickle.loads(told, buffers=arrays)  # noqa: S301 - our own process
        return answer

    async def _running(self) -> Process:
        """The process, started if there is none. It inherits no socket and no signal of the terminal, and takes no module
        from the folder it was started in.
        """
        if self._process and self._process.returncode is None:
            return self._process
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", reader_worker.__name__, self._reads, str(ceil(self._time_most_s) + SPARE_S),
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=os.environ | FRUGAL, start_new_session=True)

    def _dismiss(self, *, at_once: bool = False) -> None:
        """Let the process go: its input ends, and so does it; or kill it."""
        if self._idle:
            self._idle.cancel()
        process, self._process, self._idle = self._process, None, None
        if process:
            leaving = asyncio.create_task(_gone(process, at_once=at_once))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)


async def _number(stream: asyncio.StreamReader) -> int:
    return int.from_bytes(await stream.readexactly(LENGTH_BYTES), "little")


async def _taken(stream: asyncio.StreamReader, length: int) -> bytearray:
    """So many bytes, in slices and copied once: timing has its turn between them, however long a recording is."""
    data, at = bytearray(length), 0
    while at < length:
        part = await stream.read(min(SLICE, length - at))
        if not part:
            raise asyncio.IncompleteReadError(b"", length - at)
        data[at:at + len(part)] = part
        at += len(part)
    return data


async def _gone(process: Process, *, at_once: bool) -> None:
    """See the process end. What it still says is taken from it, or its pipe would never be found closed."""
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    try:
        async with asyncio.timeout(0 if at_once else FAREWELL_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        while await process.stdout.read(SLICE):
            pass
        await process.wait()


def read_once(path: Path) -> Recording:
    """The recording in one file, read with the same bounds, for the command line. Raises Unreadable."""
    async def once() -> Recording:
        reader = Reader()
        try:
            return await reader.read(path)
        finally:
            await reader.close()
    return asyncio.run(once())
