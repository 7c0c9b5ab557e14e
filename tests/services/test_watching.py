"""The watched folder: what is whole is taken once, nothing in it is changed, and a folder that goes away comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from trackd.core.errors import StorageFailing
from trackd.services.watching import Watching


class Taken(list[tuple[str, bytes]]):
    """What was handed over."""

    failing = False

    async def __call__(self, data: bytes, name: str) -> None:
        if self.failing:
            raise StorageFailing("The disk is full.")
        self.append((name, data))


def looks(watching: Watching, times: int = 1) -> int:
    async def again() -> int:
        return sum([await watching.look() for _ in range(times)])
    return asyncio.run(again())


def test_a_file_is_taken_once_it_no_longer_grows_and_only_once(tmp_path: Path) -> None:
    taken = Taken()
    watching, file = Watching(tmp_path, taken), tmp_path / "heat.xrk"
    file.write_bytes(b"<h")
    assert looks(watching) == 0
    file.write_bytes(b"<h and more")
    assert looks(watching) == 0
    assert looks(watching, 3) == 1
    assert taken == [("heat.xrk", b"<h and more")]
    file.write_bytes(b"<h, another heat under the same name")
    assert looks(watching, 3) == 1
    assert file.read_bytes().startswith(b"<h, another")


def test_folders_below_count_and_what_is_no_recording_does_not(tmp_path: Path) -> None:
    taken = Taken()
    (tmp_path / "2026" / "heat 1").mkdir(parents=True)
    (tmp_path / "2026" / "heat 1" / "Kart 7.CSV").write_bytes(b"Time,")
    for name in ("notes.docx", ".hidden.xrk", "empty.gpx"):
        (tmp_path / name).write_bytes(b"" if name == "empty.gpx" else b"x")
    assert looks(Watching(tmp_path, taken), 3) == 1
    assert [name for name, _ in taken] == ["Kart 7.CSV"]


def test_a_folder_that_is_not_there_is_said_and_looked_for_again(tmp_path: Path) -> None:
    taken = Taken()
    watching = Watching(tmp_path / "stick", taken)
    assert looks(watching, 2) == 0
    assert "No such file" in watching.trouble
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "a.gpx").write_bytes(b"<gpx")
    assert looks(watching, 2) == 1
    assert watching.trouble == ""


def test_what_the_disk_does_not_take_is_offered_again(tmp_path: Path) -> None:
    taken = Taken()
    watching = Watching(tmp_path, taken)
    (tmp_path / "a.gpx").write_bytes(b"<gpx")
    taken.failing = True
    assert looks(watching, 2) == 0
    assert watching.trouble == "The disk is full."
    taken.failing = False
    assert looks(watching) == 1
