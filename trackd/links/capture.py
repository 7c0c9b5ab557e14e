"""What a decoder really sent: a bounded ring of files for each link, for support, ``trackd decode`` and replay.

A segment ``<folder>/<n>.cap`` is the eight bytes of MAGIC and then records: wall clock in microseconds since 1970
(int64), length (uint32), both little-endian, and that many raw bytes. The oldest segment goes when there are too many.
A last record cut short by a power failure is skipped on reading and cut off on writing.
"""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from trackd.core.errors import BadInput, Fault, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAGIC = b"TRKCAP1\n"
RECORD = struct.Struct("<qI")
PENDING_LIMIT = 1 << 22
"""Bytes kept in memory while the disk does not take them; beyond it the oldest are given up and counted."""

_RAW_CHUNK = 4096


def capture_folder(captures: Path, link: str) -> Path:
    """The folder of one link's segments, safe for any link name."""
    return captures / quote(link, safe=" ").replace(".", "%2E")


class CaptureRing:
    """The ring of one link. ``append`` and ``take`` are for the event loop; ``write`` blocks: call it in a thread.

    Disk errors never reach the link: they are counted in ``errors`` with the latest in words in ``trouble`` ("" when
    the last write went well); ``lost_bytes`` counts what was given up.
    """

    def __init__(self, folder: Path, segments: int = 4, segment_bytes: int = 8 << 20) -> None:
        self.folder = folder
        self.errors = 0
        self.trouble = ""
        self._unwritten = 0    # bytes given up by the writing thread
        self._overrun = 0      # bytes given up by the event loop's side
        self._segments = segments
        self._segment_bytes = segment_bytes
        self._pending: list[tuple[int, bytes]] = []
        self._pending_bytes = 0
        self._writing = threading.Lock()   # the last write at a stop may meet the regular one
        self._number = 0       # of the segment being written, 0 before the first flush
        self._size = 0         # of that segment

    @property
    def lost_bytes(self) -> int:
        """Bytes that never reached the disk."""
        return self._unwritten + self._overrun

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._pending)

    def append(self, at_us: int, data: bytes) -> None:
        """Remember what arrived at ``at_us`` (wall clock, microseconds since 1970)."""
        self._pending.append((at_us, data))
        self._pending_bytes += len(data)
        while self._pending_bytes > PENDING_LIMIT and len(self._pending) > 1:
            _, oldest = self._pending.pop(0)
            self._pending_bytes -= len(oldest)
            self._overrun += len(oldest)

    def take(self) -> list[tuple[int, bytes]]:
        """What is remembered since the last call, to hand to ``write``."""
        batch, self._pending = self._pending, []
        self._pending_bytes = 0
        return batch

    def write(self, batch: list[tuple[int, bytes]]) -> None:
        """Put a batch on the disk."""
        try:
            with self._writing:
                self._write(batch)
            self.trouble = ""
        except OSError as error:
            self.errors += 1
            self.trouble = f"The capture of raw bytes cannot be written: {error.strerror or error}."
            self._unwritten += sum(len(data) for _, data in batch)
            self._number = 0   # look at the folder afresh: the last record may be cut

    def _write(self, batch: list[tuple[int, bytes]]) -> None:
        if not self._number:
            self._resume()
        block = bytearray()
        for at_us, data in batch:
            record = RECORD.pack(at_us, len(data)) + data
            if self._size + len(block) + len(record) > self._segment_bytes and self._size + len(block) > len(MAGIC):
                self._put(block)
                block.clear()
                self._begin(self._number + 1)
            block += record
        self._put(block)

    def _put(self, block: bytearray) -> None:
        if block:
            with self._path(self._number).open("ab") as segment:
                segment.write(block)
            self._size += len(block)

    def _resume(self) -> None:
        """Go on in the newest segment, behind its last whole record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        numbers = _numbers(self.folder)
        if not numbers:
            self._begin(1)
            return
        newest = self._path(numbers[-1])
        if not _is_segment(newest):
            self._begin(numbers[-1] + 1)
            return
        whole = len(MAGIC) + sum(RECORD.size + len(data) for _, data in _records(newest))
        with newest.open("r+b") as segment:
            segment.truncate(whole)
        self._number, self._size = numbers[-1], whole

    def _begin(self, number: int) -> None:
        self._path(number).write_bytes(MAGIC)
        self._number, self._size = number, len(MAGIC)
        for old in _numbers(self.folder)[:-self._segments]:
            self._path(old).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.cap"


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.cap") if path.stem.isdecimal())


def _is_segment(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _records(segment: Path) -> Iterator[tuple[int, bytes]]:
    size = segment.stat().st_size
    with segment.open("rb") as file:
        file.seek(len(MAGIC))
        while len(head := file.read(RECORD.size)) == RECORD.size:
            at_us, length = RECORD.unpack(head)
            if file.tell() + length > size:
                return
            yield at_us, file.read(length)


def read_capture(path: Path) -> Iterator[tuple[int | None, bytes]]:
    """The chunks of a capture in order, each with its wall clock in microseconds, or None where the file has no times.

    Takes a segment, a folder of segments, a ``.hex`` file (one frame a line) or any raw file. Raises NotFound at once
    when it is not there, and BadInput on the way for a ``.hex`` line that is not hexadecimal.
    """
    if path.is_dir():
        parts = [path / f"{number}.cap" for number in _numbers(path)]
        if not parts:
            raise NotFound(f"There is no capture in {path}.")
        return (record for part in parts for record in _records(part))
    try:
        is_segment = _is_segment(path)
    except OSError as error:
        raise NotFound(f"The capture {path} cannot be read: {error.strerror or error}.") from error
    if is_segment:
        return _records(path)
    return _hex_lines(path) if path.suffix == ".hex" else _raw(path)


def _raw(path: Path) -> Iterator[tuple[None, bytes]]:
    with path.open("rb") as file:
        while chunk := file.read(_RAW_CHUNK):
            yield None, chunk


def _hex_lines(path: Path) -> Iterator[tuple[None, bytes]]:
    with path.open("r", encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                data = bytes.fromhex(line)
            except ValueError:
                raise BadInput(Fault(f"{path}, line {number}", "this is not hexadecimal")) from None
            if data:
                yield None, data
