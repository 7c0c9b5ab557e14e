"""Raw files of recordings in the data folder, each once, by what it holds. They are never changed and never removed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from trackd.core.errors import StorageFailing

FOLDER = "recordings"


class Files:
    """The folder of raw files. A file is durable when `keep` returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER

    def path(self, sha256: str) -> Path:
        """Where a file lies."""
        return self.folder / sha256[:2] / sha256

    def keep(self, data: bytes) -> str:
        """Keep a file; its SHA-256. Nothing is written when it is there. Raises StorageFailing. Blocks: use a thread."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        try:
            if path.exists() and path.stat().st_size == len(data):
                return sha256
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            for each in (path.parent, self.folder, self.folder.parent):
                _sync(each)
        except OSError as error:
            raise StorageFailing(f"The recording cannot be stored: {error.strerror}. Keep it where it is.") from error
        return sha256


def _sync(folder: Path) -> None:
    """Make a name in this folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
