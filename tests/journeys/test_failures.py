"""What does not work says so in one sentence and leaves the data alone; what the disk does not take waits in memory."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.conftest import Park, S, park, until
from trackd.services.rebuild import check
from trackd.services.staff import Staff
from trackd.services.storage import CRASHED
from trackd.store import database
from trackd.store.database import HEAD, NAME, open_database
from trackd.timing.venue import Venue


def trackd(*args: object, stdin: str = "", humble: bool = False) -> subprocess.CompletedProcess[str]:
    """One run of the program, to its end. ``humble``: file permissions bind it even when root runs the tests."""
    return subprocess.run([sys.executable, "-m", "trackd", *map(str, args)], input=stdin, capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                          cwd=Path(__file__).parents[2], preexec_fn=bound_by_permissions if humble else None)


def bound_by_permissions() -> None:
    """Give up the capability by which root reads and writes everything (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    if os.getuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a verb that failed."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("trackd: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    return lines[0].removeprefix("trackd: ")


def files(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes, but the lock and what SQLite keeps beside a file it only read."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".lock" and not path.name.endswith(("-shm", "-wal"))}


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venue's folder with a few hundred rows in it."""
    folder = tmp_path_factory.mktemp("venue")
    with closing(open_database(folder)) as db:
        db.executemany("INSERT INTO journal (t_us, wall_us, kind, body) VALUES (?, ?, 'status', ?)",
                       [(n, n, b'{"fields": "%s"}' % (b"x" * 400)) for n in range(300)])
    return folder


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30_000])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096:page * 4096 + 64] = bytes(255 - byte for byte in data[page * 4096:page * 4096 + 64])
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(b"what was not yet written back")
    path.write_bytes(b"")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize(("spoil", "says"), [
    (garbage, "is damaged"), (truncated, "is damaged"), (flipped, "is damaged"), (emptied, "is damaged"),
    (newer, "was made by a newer trackd (schema 9999"), (foreign, "was not made by trackd"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_database_that_cannot_be_used_is_refused_and_not_touched(venue: Path, tmp_path: Path,
                                                                   spoil: Callable[[Path], None], says: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(venue, folder)
    spoil(folder / NAME)
    before = files(folder)
    for verb in (["run", "--port", 0], ["token", "add", "x", "--role", "read"]):
        said = sentence(trackd(*verb, "--data", folder))
        assert says in said
        assert str(folder / NAME) in said
        assert files(folder) == before
    checked = trackd("check", "--data", folder)
    assert checked.returncode == (0 if spoil in (newer, foreign) else 1)
    assert "Traceback" not in checked.stderr
    assert files(folder) == before


NEXT = f"{int(HEAD) + 1:04}"


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A venue made by this version, opened by one that has a migration more."""
    folder = tmp_path / "data"
    with closing(open_database(folder)) as db:
        Staff(db).add_token("kept", "read")
    here = Path(database.__file__).parent
    there = tmp_path / "store"
    shutil.copytree(here / "migrations", there / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (there / "migrations" / "versions" / f"m{NEXT}_more.py").write_text(
        f'from alembic import op\nrevision = "{NEXT}"\ndown_revision = "{HEAD}"\n\n\ndef upgrade():\n'
        '    op.execute("ALTER TABLE karts ADD COLUMN colour TEXT")\n')
    monkeypatch.setattr(database, "HEAD", NEXT)
    monkeypatch.setattr(database, "__file__", str(there / "database.py"))
    return folder


def test_an_older_database_is_migrated_after_a_verified_copy_and_opens_twice(older: Path) -> None:
    for _ in range(2):
        with closing(open_database(older)) as db:
            assert database.version(db) == NEXT
            assert "colour" in [row[1] for row in db.execute("PRAGMA table_info(karts)")]
            assert [token.name for token in Staff(db).list_tokens()] == ["kept"]
    [copy] = older.glob("trackd-before-*.db")
    assert copy.name == f"trackd-before-{NEXT}.db"
    with closing(sqlite3.connect(copy)) as db:
        assert database.version(db) == HEAD
        assert db.execute("SELECT name FROM tokens").fetchall() == [("kept",)]


def test_a_migration_that_fails_half_way_changes_nothing(older: Path, tmp_path: Path) -> None:
    step = tmp_path / "store" / "migrations" / "versions" / f"m{NEXT}_more.py"
    step.write_text(step.read_text() + '    op.execute("ALTER TABLE nowhere ADD COLUMN x")\n')
    with pytest.raises(Exception, match="nowhere"):
        open_database(older)
    with closing(sqlite3.connect(older / NAME)) as db:
        assert database.version(db) == HEAD
        assert "colour" not in [row[1] for row in db.execute("PRAGMA table_info(karts)")]


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    steps = (Path(database.__file__).parent / "migrations" / "versions").glob("m*.py")
    assert max(path.name[1:5] for path in steps) == HEAD


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a test give up root's powers")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_data_folder_or_database_that_is_read_only_is_said(venue: Path, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(venue, folder)
    before = files(folder)
    (folder / NAME).chmod(0o444)
    folder.chmod(0o755 if what == "file" else 0o555)
    try:
        said = sentence(trackd("run", "--port", 0, "--data", folder, humble=True))
        assert "cannot be written" in said
        assert files(folder) == before
    finally:
        folder.chmod(0o755)


def test_a_port_in_use_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert sentence(trackd("run", "--port", port, "--data", tmp_path / "data")) == (
            f"Port {port} on 127.0.0.1 is in use by another program. Stop it, or use another --port.")
    assert not (tmp_path / "data").exists()


def test_every_fault_of_a_configuration_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "trackd.toml"
    config.write_text('[venue]\ntimezone = "Mars"\n[[links]]\nname = "a"\nprotocol = "p4"\nurl = "udp://x"\n'
                      '[server]\nport = -1\n')
    done = trackd("run", "--config", config, "--data", tmp_path / "data")
    assert done.returncode == 1
    for where in ("venue.timezone", "links[0].protocol", "links[0].url", "server.port"):
        assert f"trackd: {where}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_second_trackd_on_the_same_folder_is_refused_with_the_first_ones_number(run, tmp_path: Path) -> None:
    async def both() -> None:
        async with park(tmp_path):
            said = sentence(await asyncio.to_thread(trackd, "run", "--port", 0, "--data", tmp_path))
            assert f"process {os.getpid()}" in said
    run(both)


def test_a_missing_serial_device_is_shown_and_everything_else_runs(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            await venue.off()
            link = venue.settings.links[0]
            venue.settings = replace(venue.settings, links=(link, replace(
                link, name="box", url=f"serial://{tmp_path}/ttyUSB7?baud=9600")))
            await venue.on()
            await until(lambda: venue.appliance.live.statuses["box"].state == "down")
            health = await venue.api("GET", "/health")
            [box] = [c for c in health["checks"] if c["name"] == "link box"]
            assert (health["status"], box["status"]) == ("degraded", "degraded")
            assert f"{tmp_path}/ttyUSB7" in box["message"]
            await venue.heat({"7": "1007"}, "stage", "green", format="8m")
            await venue.cross(5 * S, "1007")
            assert [row["verdict"] for row in await venue.journal()] == ["opened"]
    run(heat)


# --- the disk fails while a heat is on ------------------------------------------------------------------------------


def full(db: sqlite3.Connection) -> Callable[[], object]:
    """No page more for this connection: what SQLite says then is what it says on a full disk."""
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    return lambda: db.execute("PRAGMA max_page_count=1000000")


def read_only(db: sqlite3.Connection) -> Callable[[], object]:
    db.execute("PRAGMA query_only=ON")
    return lambda: db.execute("PRAGMA query_only=OFF")


async def fill_last_page(venue: Park) -> None:
    """On a full disk some facts still fit into the last page; until none does."""
    while not venue.appliance.live.writer.storage.failing:
        venue.decoder.cross("4444", venue.now)
        await asyncio.sleep(0)


@pytest.mark.parametrize(("fail", "says"), [(full, "The disk is full."), (read_only, "The disk is read-only.")])
def test_while_the_disk_takes_nothing_passings_wait_and_orders_are_refused(run, tmp_path: Path, fail, says: str) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            writer = venue.appliance.live.writer
            await venue.heat({"7": "1007", "3": "1003"}, "stage", "green", format="8m", ranking="position")
            await venue.cross(5 * S, "1007")
            again = [fail(db) for db in (writer._truth, writer.rows.db)]
            await fill_last_page(venue)
            shown = len(await venue.journal())
            for at, transponder in ((300, "1007"), (305, "1003"), (340, "1007")):
                venue.advance(at * S)
                venue.decoder.cross(transponder, at * S)
            await until(lambda: venue.decoder.taken(venue.appliance.live.supervisors["line"].status().received_bytes))
            problem = await venue.order("yellow", status=503)
            assert problem["detail"].startswith(says)
            await venue.api("POST", "/karts", {"number": "8"}, status=503)
            health = await venue.api("GET", "/health")
            assert health["status"] == "failing"
            [storage] = [c for c in health["checks"] if c["name"] == "storage"]
            assert says in storage["message"]
            assert "frames wait" in storage["message"]
            waiting = len(venue.decoder.sent) - len(await venue.journal())
            assert waiting >= 3
            assert len(await venue.journal()) >= shown
            assert (await venue.rows())["7"]["laps"] == 0                  # nothing is shown that is not kept
            for back in again:
                back()
            await until(lambda: not writer.storage.failing)
            await venue.settled()
            assert (await venue.api("GET", "/health"))["checks"][1]["status"] != "failing"
            rows = await venue.journal()
            assert [row["passing_number"] for row in rows] == [p.passing_number for p in venue.decoder.sent]
            assert [lap["time_us"] for lap in (await venue.laps())["7"]] == [295 * S, 40 * S]
            assert (await venue.order("yellow"))["flag"] == "yellow"
        assert check(tmp_path).differences == []
    run(heat)


def test_passings_that_wait_are_stored_before_the_process_ends_when_the_disk_is_back(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            writer = venue.appliance.live.writer
            again = read_only(writer._truth)
            venue.decoder.cross("1007", 0)
            await until(lambda: writer.storage.waiting)
            again()
            await venue.off()
            with closing(sqlite3.connect(tmp_path / NAME)) as db:
                assert db.execute("SELECT COUNT(*) FROM journal WHERE kind = 'passing'").fetchone() == (1,)
    run(heat)


def test_rows_that_the_disk_refused_follow_later_and_the_journal_goes_on(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            writer = venue.appliance.live.writer
            await venue.heat({"7": "1007"}, "stage", "green", format="8m")
            again = read_only(writer.rows.db)
            for at in (5 * S, 45 * S):
                venue.advance(at)
                venue.decoder.cross("1007", at)
            await until(lambda: writer.storage.rows and venue.appliance.live.boards[venue.session].rows[0].laps == 1)
            assert (await venue.rows())["7"]["laps"] == 1                  # the truth is durable, so it is shown
            await venue.order("yellow", status=503)                        # a decision may need the rows
            health = await venue.api("GET", "/health")
            assert [c["status"] for c in health["checks"] if c["name"] == "storage"] == ["degraded"]
            again()
            await until(lambda: not writer.storage.rows)
            await venue.cross(85 * S, "1007")
            assert [row["verdict"] for row in await venue.journal()] == ["opened", "counted", "counted"]
        assert check(tmp_path).differences == []
    run(heat)


def test_a_fault_of_ours_in_an_order_is_told_and_timing_goes_on(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007"}, "stage", "green", format="8m")

            def wrong(_: object) -> tuple[()]:
                raise KeyError("a bug")
            with pytest.raises(KeyError, match="a bug"):
                await venue.appliance.live.done(venue.appliance.live.writer.submit(wrong))
            await venue.cross(5 * S, "1007")
            assert [row["verdict"] for row in await venue.journal()] == ["opened"]
    run(heat)


def test_a_fault_of_ours_in_folding_shows_in_health_and_is_got_over(run, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            writer = venue.appliance.live.writer
            await venue.heat({"7": "1007"}, "stage", "green", format="8m")
            await venue.cross(5 * S, "1007")
            fold = Venue.fold

            def wrong(self: Venue, fact: object) -> None:
                raise KeyError("a bug")
            monkeypatch.setattr(Venue, "fold", wrong)
            venue.advance(45 * S)
            venue.decoder.cross("1007", 45 * S)
            await until(lambda: writer.storage.failing)
            health = await venue.api("GET", "/health")
            assert health["status"] == "failing"
            assert any(CRASHED in c["message"] for c in health["checks"])
            await venue.order("yellow", status=503)
            monkeypatch.setattr(Venue, "fold", fold)
            await until(lambda: not writer.storage.failing)
            await venue.cross(85 * S, "1007")
            assert [lap["time_us"] for lap in (await venue.laps())["7"]] == [40 * S, 40 * S]
        assert check(tmp_path).differences == []
    run(heat)
