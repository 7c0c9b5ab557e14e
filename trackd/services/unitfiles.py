"""What was fetched of a unit already, and what is half fetched, as files in the data folder.

A recording is noted as fetched after it is durable. A power cut in between, or losing this folder, costs a download again
and nothing else: the same file is stored once.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from trackd.core.time import Micros
from trackd.protocols.aim_told import FileEntry
from trackd.protocols.aim_wifi import CHUNK

FOLDER = "units"

Key = tuple[str, int, str]
"""What makes a recording on a unit that recording: its name, its size, and when the unit says it was made."""


class Book(msgspec.Struct, frozen=True):
    """What is noted of a unit. ``last_us``: when a recording of it was fetched last, wall clock."""

    last_us: Micros | None = None
    taken: list[Key] = []


_book = msgspec.json.Decoder(Book).decode


class Part(io.BufferedRandom):
    """A recording as far as it was fetched. ``told`` hears how many bytes that is.

    Every write is on the disk when it returns, so that what a power cut leaves is a sound beginning; all but its last
    stretch, which may be torn and is fetched again.
    """

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_DSYNC", 0), 0o644), "r+"))
        self._told = told
        held = max(0, self.seek(0, io.SEEK_END) - CHUNK)
        self.truncate(held)
        told(held)

    def write(self, data: object) -> int:
        """As of any file, but durable."""
        written = super().write(data)  # type: ignore[arg-type]  # whatever a file takes
        self.flush()
        self._told(self.tell())
        return written

    def whole(self) -> bytes:
        """All of it."""
        self.seek(0)
        return self.read()


class UnitFiles:
    """The notes and unfinished files of one unit. Everything here blocks: use a thread. Raises OSError."""

    def __init__(self, folder: Path, unit: str) -> None:
        self.folder = folder / FOLDER / _digest(unit)[:16]
        self._notes = self.folder / "taken.json"

    def read(self) -> Book:
        """The notes; empty ones where there are none, or none that can be read."""
        try:
            return _book(self._notes.read_bytes())
        except (OSError, msgspec.DecodeError):
            return Book()

    def missing(self, held: Sequence[FileEntry]) -> list[FileEntry]:
        """Which of the recordings a unit holds are not here yet. What it no longer holds is forgotten."""
        book, keys = self.read(), {key_of(entry) for entry in held}
        kept = [key for key in book.taken if key in keys]
        if len(kept) < len(book.taken):
            self._write(Book(book.last_us, kept))
        wanted = [entry for entry in held if key_of(entry) not in kept]
        parts = {self._part(entry) for entry in wanted}
        for each in self.folder.glob("*.part"):
            if each not in parts:
                each.unlink()
        return wanted

    def open(self, entry: FileEntry, told: Callable[[int], None]) -> Part:
        """The recording as far as it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Part(self._part(entry), told)

    def took(self, entry: FileEntry, at_us: Micros) -> None:
        """Note that a recording is stored; what was half of it goes."""
        self._write(Book(at_us, [*self.read().taken, key_of(entry)]))
        self._part(entry).unlink(missing_ok=True)

    def _part(self, entry: FileEntry) -> Path:
        return self.folder / f"{_digest(repr(key_of(entry)))[:32]}.part"

    def _write(self, book: Book) -> None:
        new = self._notes.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(book))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._notes)


def key_of(entry: FileEntry) -> Key:
    """What makes it that recording."""
    return entry.name, entry.size, entry.told_at


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
