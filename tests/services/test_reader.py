"""The process that reads recordings: it may hang, fill up or fall; the file gets a sentence, the next one a new process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.gps.written import WRITTEN
from tests.services.bombs import BOMBS, QUICK
from trackd.core.time import SECOND
from trackd.gps.readers import formats
from trackd.gps.trace import Recording, Unreadable
from trackd.services.reader import STOPPED, TOO_LARGE, TOO_LONG, Reader, read_once

BOUND_US = 4 * SECOND
"""For files that never end, and for the one after it, which takes a tenth of it; all else has the bound of every day."""


@pytest.fixture(autouse=True)
def misreading(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process finds the readers that misbehave."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


def with_reader(do: Callable[[Reader], Awaitable[None]], reads: str = "misreading:read", **bounds: int) -> None:
    """Run with a reader, close it, and see that nothing stays behind."""
    before = set(children())

    async def run() -> None:
        reader = Reader(reads, **bounds)
        try:
            await do(reader)
        finally:
            await reader.close()
        assert reader.pid is None

    asyncio.run(run())
    assert set(children()) <= before


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


async def refused(reader: Reader, data: bytes, name: str = "kart.csv") -> str:
    with pytest.raises(Unreadable) as told:
        await reader.read(data, name)
    return told.value.faults[0].what


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


async def warmed(reader: Reader) -> int:
    """The process, started: a bound of seconds is then not spent on its start."""
    return int((await reader.read(b"")).format)


def test_a_file_is_read_by_its_path_and_by_its_bytes_in_one_process(tmp_path: Path) -> None:
    data = WRITTEN["dovex"]().encode()
    path = tmp_path / "Round.dovex"
    path.write_bytes(data)
    expected = formats.read(data)

    async def both(reader: Reader) -> None:
        by_path = await reader.read(path)
        pid = reader.pid
        by_bytes = await reader.read(data, "Round.dovex")
        assert reader.pid == pid
        for recording in (by_path, by_bytes):
            assert recording.trace.t_us.tolist() == expected.trace.t_us.tolist()
            assert recording.trace.lat_deg.tolist() == expected.trace.lat_deg.tolist()
            assert (recording.format, recording.driver, recording.device_laps) == ("dovex", expected.driver,
                                                                                    expected.device_laps)
        with pytest.raises(Unreadable, match="Open it in Race Studio and export it as AiM CSV"):
            await reader.read(b"\0\1\2", "Round.drk")
        assert reader.pid == pid

    with_reader(both, "trackd.gps.readers.formats:read")


def test_the_sentence_of_the_reader_comes_through_and_the_process_stays() -> None:
    async def twice(reader: Reader) -> None:
        pid = await warmed(reader)
        with pytest.raises(Unreadable) as told:
            await reader.read(b"refuse", "kart.csv")
        assert (told.value.faults[0].where, told.value.faults[0].what) == ("kart.csv", "It is of no use.")
        assert await warmed(reader) == pid

    with_reader(twice)


@pytest.mark.parametrize("data", [b"forever", b"deaf"])
def test_a_file_that_takes_too_long_is_stopped_and_the_next_is_read(data: bytes, tmp_path: Path) -> None:
    async def both(reader: Reader) -> None:
        begin = time.monotonic()
        assert await refused(reader, data, str(tmp_path / "kart")) == TOO_LONG
        assert BOUND_US / SECOND <= time.monotonic() - begin < 20
        assert reader.pid is None
        assert (await reader.read(b"", "next.csv")).driver == "next.csv"

    with_reader(both, time_most_us=BOUND_US)


def test_after_each_end_of_the_process_the_next_file_gets_a_new_one() -> None:
    async def each(reader: Reader) -> None:
        pids = {await warmed(reader)}
        for data, sentence in ((b"exit", STOPPED), (b"crash", STOPPED), (b"fill", TOO_LARGE), (b"cram", TOO_LARGE)):
            assert await refused(reader, data) == sentence
            pids.add(await warmed(reader))
        assert len(pids) == 5

    with_reader(each)


async def within_bounds(reader: Reader, data: bytes) -> None:
    """It ends in time and within its memory, read or with a sentence; the event loop goes on; the next file is read."""
    begin, most = time.monotonic(), 0
    reading = asyncio.create_task(reader.read(data, "kart.bin"))
    while not reading.done():
        await asyncio.sleep(0.05)
        with suppress(psutil.Error):
            most = max(most, psutil.Process(reader.pid).memory_info().rss if reader.pid else 0)
    assert time.monotonic() - begin < 21
    assert 0 < most < 600_000_000
    if isinstance(error := reading.exception(), Unreadable):
        assert error.faults[0].what not in {"", STOPPED}
    else:
        assert len(reading.result().trace) > 1
    assert len((await reader.read(WRITTEN["dovex"]().encode(), "next.dovex")).trace) > 1


@pytest.mark.parametrize("name", QUICK)
def test_a_file_that_would_take_all_memory_ends_with_a_sentence_and_the_next_is_read(name: str) -> None:
    with_reader(lambda reader: within_bounds(reader, BOMBS[name]()), "trackd.gps.readers.formats:read")


@pytest.mark.soak
def test_no_file_takes_more_time_or_memory_than_there_is() -> None:
    async def each(reader: Reader) -> None:
        for written in BOMBS.values():
            await within_bounds(reader, written())

    with_reader(each, "trackd.gps.readers.formats:read")


def test_a_process_that_keeps_memory_of_every_file_is_changed_for_a_new_one_and_refuses_none() -> None:
    async def many(reader: Reader) -> None:
        pids = [int((await reader.read(b"keep")).format) for _ in range(12)]   # in one process, 600 MB
        assert 3 <= len(set(pids)) <= 6

    with_reader(many)


def test_a_mistake_of_a_reader_costs_one_file() -> None:
    async def twice(reader: Reader) -> None:
        pid = await warmed(reader)
        assert await refused(reader, b"mistake") == STOPPED
        assert await warmed(reader) == pid

    with_reader(twice)


def test_what_a_library_prints_does_not_come_between() -> None:
    async def once(reader: Reader) -> None:
        assert (await reader.read(b"chatter", "kart.csv")).driver == "kart.csv"

    with_reader(once)


def test_two_files_at_once_are_read_one_after_the_other_in_one_process() -> None:
    async def both(reader: Reader) -> None:
        first, second = await asyncio.gather(reader.read(b"slow"), reader.read(b"slow"))
        assert first.format == second.format
        assert first.trace.t_us[1] <= second.trace.t_us[0] + 2

    with_reader(both)


def test_who_no_longer_waits_leaves_no_answer_to_the_next(tmp_path: Path) -> None:
    async def both(reader: Reader) -> None:
        begun = tmp_path / "gone"
        gone = asyncio.create_task(reader.read(b"forever", str(begun)))
        await until(begun.exists)
        waits = asyncio.create_task(reader.read(b"", "next.csv"))
        gone.cancel()
        assert (await waits).driver == "next.csv"
        assert gone.cancelled()

    with_reader(both)


def test_the_event_loop_goes_on_while_a_large_file_goes_in_and_a_large_recording_comes_out() -> None:
    async def watch(reader: Reader) -> None:
        await warmed(reader)
        late_s = 0.0
        reading = asyncio.create_task(reader.read(b"large " + bytes(60_000_000)))
        while not reading.done():
            begin = time.process_time()
            await asyncio.sleep(0.002)
            late_s = max(late_s, time.process_time() - begin)
        recording: Recording = await reading
        assert len(recording.trace) == 3_000_000
        assert late_s < 0.1

    with_reader(watch)


def test_it_stands_behind_all_else_and_is_the_first_to_go() -> None:
    async def look(reader: Reader) -> None:
        await warmed(reader)
        process = psutil.Process(reader.pid)
        assert process.nice() >= 15
        assert process.rlimit(psutil.RLIMIT_DATA) == (500_000_000, 500_000_000)
        assert Path(f"/proc/{reader.pid}/oom_score_adj").read_text().strip() == "1000"
        assert os.getsid(process.pid) == process.pid                           # Ctrl-C in the terminal is not for it

    with_reader(look)


def test_a_process_without_work_is_let_go_and_comes_again() -> None:
    async def idle(reader: Reader) -> None:
        pid = await warmed(reader)
        await until(lambda: not psutil.pid_exists(pid))
        assert reader.pid is None
        assert await warmed(reader) != pid

    with_reader(idle, idle_us=SECOND // 5)


def test_closed_it_ends_its_process_and_a_later_file_starts_another() -> None:
    async def both(reader: Reader) -> None:
        pid = await warmed(reader)
        await reader.close()
        assert not psutil.pid_exists(pid)
        assert await warmed(reader) != pid

    with_reader(both)


def test_a_process_whose_owner_is_gone_ends() -> None:
    orphaned = """import asyncio, os
from trackd.services.reader import Reader
async def leave():
    print((await Reader("misreading:read").read(b"")).format, flush=True)
    os._exit(0)
asyncio.run(leave())"""
    told = subprocess.run([sys.executable, "-c", orphaned], capture_output=True, text=True, timeout=60, check=True)
    asyncio.run(until(lambda: not psutil.pid_exists(int(told.stdout))))


def test_a_file_too_large_or_not_there_is_refused_unread(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(200_000_001)
    for path, sentence in ((large, "It is larger than 200 MB."), (tmp_path / "none.csv", "No such file or directory"),
                           (tmp_path, "Is a directory")):
        with pytest.raises(Unreadable, match=sentence):
            read_once(path)
    assert children() == []
