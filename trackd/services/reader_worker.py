"""The process that reads recordings: damaged files may hang it, fill it or end it, and timing goes on.

It is started by `reader.Reader`, speaks over its standard input and output, and is bounded from within: it stands behind
all else for the processor and memory, cannot take more than `MEMORY_MOST`, and ends by itself when nobody listens.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from trackd.gps.trace import Recording, Unreadable

MEMORY_MOST = 500_000_000
"""Bytes of data. With the code it loads, some 60 MB that are not counted here, it stays under 600 MB."""

MEMORY_FRESH = 200_000_000
"""Bytes. A process that holds more when it has read a file is not used again: libxrk keeps some megabytes of every file,
and a sound one must not be refused for those before it.
"""

NICE = 15
FILE_MOST = 200_000_000
"""Bytes. A larger file is no recording of a kart."""

LENGTH_BYTES = 8
"""Before each message: its length, little-endian. A question is path or None, name, and how many bytes of it follow.
An answer is how many parts it has and their lengths, then the parts: what is told, whether the process goes on, and beside
it the arrays as they lie.
"""

Read = Callable[[bytes, str], Recording]
Parts = list[bytes | memoryview]


def main(reads: str, bound_s: int) -> None:
    """Answer files until the input ends. ``reads``: the function that reads, ``module:name``."""
    _keep_small()
    files, answers = _pipes()
    module, _, function = reads.partition(":")
    read_file: Read = getattr(importlib.import_module(module), function)
    while head := files.read(LENGTH_BYTES):
        path, name, size = pickle.loads(files.read(int.from_bytes(head, "little")))  # noqa: S301 - from who started us
        signal.alarm(bound_s)              # who started us stops us earlier, if it lives
        parts, again = _answer(read_file, path, name, files.read(size))
        signal.alarm(0)
        answers.writelines(each.to_bytes(LENGTH_BYTES, "little") for each in (len(parts), *map(len, parts)))
        answers.writelines(parts)
        answers.flush()
        if not again:
            return


def _answer(read_file: Read, path: str | None, name: str, data: bytes) -> tuple[Parts, bool]:
    """What happened and what there is to say of it, in parts; and whether this process is good for another file."""
    about: Any
    try:
        what, about = "recording", read_file(_content(path) if path is not None else data, name)
    except Unreadable as error:
        what, about = "unreadable", (error.faults[0].where, error.faults[0].what)
    except MemoryError:
        return FULL, False
    except Exception as error:  # noqa: BLE001 - the job runner of a reader: its mistake costs one file
        trail = error.__traceback__
        while trail and trail.tb_next:
            trail = trail.tb_next
        at = f"{Path(trail.tb_frame.f_code.co_filename).name}:{trail.tb_lineno}" if trail else ""
        what, about = "failed", f"{type(error).__name__} at {at}: {error}"[:300]
    again = _held() < MEMORY_FRESH
    return _told(what, about, again=again), again


def _held() -> int:
    """Bytes of memory this process holds; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _told(what: str, about: Any, *, again: bool) -> Parts:
    arrays: list[pickle.PickleBuffer] = []
    told = pickle.dumps((what, about, again), protocol=pickle.HIGHEST_PROTOCOL, buffer_callback=arrays.append)
    return [told, *(each.raw() for each in arrays)]


FULL: Parts = _told("full", None, again=False)
"""Made beforehand: when memory has run out there is none for words."""


def _content(path: str) -> bytes:
    """The file. Raises Unreadable where it cannot be opened or is too large."""
    try:
        with Path(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size > FILE_MOST:
                raise Unreadable("It is larger than 200 MB.")
            return file.read()
    except OSError as error:
        raise Unreadable(f"It cannot be opened: {error.strerror}.") from error


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Where files come from and answers go; whatever libraries print goes nowhere."""
    files, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    return files, answers


def _keep_small() -> None:
    """Bound what this process may take of the machine, as far as the system allows."""
    os.nice(NICE)
    with contextlib.suppress(OSError):     # Linux: the first to go when memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MOST, MEMORY_MOST))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
