"""Opening a venue's database: one file, WAL, checked, migrated after a verified copy, or refused with a sentence."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO, Literal

from trackd.core.errors import Refused, StorageFailing

NAME = "trackd.db"
LOCK = "trackd.lock"
HEAD = "0005"
"""The newest migration; ``tests/store`` checks that it is."""

CHECKED_AT_OPEN_BYTES = 64 * 1024 * 1024
"""Larger files are checked by `trackd check` and after the first answer, so that a start stays fast."""


class InUse(Refused):
    """Another process holds the data folder."""


def lock(folder: Path) -> IO[str]:
    """Take the data folder for this process. The lock goes with the process, however it ends. Raises InUse."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / LOCK).open("a+")
    except OSError as error:
        raise StorageFailing(f"The data folder {folder} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        pid = handle.read().strip() or "unknown"
        handle.close()
        raise InUse(f"Another trackd (process {pid}) runs on {folder}. Stop it first, or use another --data.") from None
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def connect(path: Path, *, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> sqlite3.Connection:
    """A plain connection in autocommit mode: WAL, foreign keys, 5 s patience with other writers."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA journal_size_limit=67108864")
    return connection


def open_database(folder: Path) -> sqlite3.Connection:
    """The venue's database, made if it is not there, migrated if it is older. The file is never changed on a refusal.

    Raises StorageFailing when it is corrupt or cannot be written, Refused when a newer trackd made it.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = look(path)
        _refuse_unknown(found, path)
        connection = connect(path)
        with contextlib.ExitStack() as given_up:
            given_up.callback(connection.close)
            if found != HEAD:
                if found is not None:
                    copy_verified(connection, path.with_name(f"trackd-before-{HEAD}.db"))
                _migrate(path)
            given_up.pop_all()
    except sqlite3.Error as error:
        raise StorageFailing(in_words(path, error)) from error
    except OSError as error:
        raise StorageFailing(f"The database {path} cannot be opened: {error.strerror}.") from error
    return connection


def version(connection: sqlite3.Connection) -> str | None:
    """The migration the database stands at, None for an empty file."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else ""
    return "" if tables else None


def look(path: Path) -> str | None:
    """The version of a sound file, without changing a byte of it; None where there is none yet. Raises sqlite3.Error."""
    if not path.exists() or path.stat().st_size == 0:
        if path.with_name(path.name + "-wal").exists():
            raise sqlite3.DatabaseError("the file is empty or missing but its write-ahead log is there")
        return None
    connection = read_only(path)
    try:
        if path.stat().st_size <= CHECKED_AT_OPEN_BYTES:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise sqlite3.DatabaseError(problem)
        return version(connection)
    finally:
        connection.close()


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, not even the file's journal mode."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0)


def in_words(path: Path, error: sqlite3.Error) -> str:
    """What keeps a database from being opened, and what to do."""
    if "readonly" in str(error) or "unable to open" in str(error):
        return f"The database {path} cannot be written: the disk or the file is read-only, or belongs to somebody else."
    if "full" in str(error):
        return f"The disk that holds {path} is full. Free some space; nothing stored was touched."
    if "locked" in str(error) or "busy" in str(error):
        return f"The database {path} is used by another program. End that, then try again."
    return (f"The database {path} is damaged ({error}). It was not touched. Restore the last backup into an empty "
            f"data folder, or keep the file for repair and start with another --data.")


def _refuse_unknown(found: str | None, path: Path) -> None:
    if found is None:
        return
    if found == "":
        raise Refused(f"The database {path} was not made by trackd, or its making was cut short. It was not touched.")
    if found > HEAD:
        raise Refused(f"The database {path} was made by a newer trackd (schema {found}, this one knows {HEAD}). "
                      f"Install that version again, or restore a backup made by this one.")


def copy_verified(connection: sqlite3.Connection, target: Path) -> None:
    """One consistent copy at ``target``, checked before it takes that name. Raises StorageFailing."""
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    copy = sqlite3.connect(part)
    try:
        connection.backup(copy)
        problem = copy.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        copy.close()
    if problem != "ok":
        part.unlink()
        raise StorageFailing(f"The copy {target} is damaged ({problem}); the migration was not begun.")
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    part.replace(target)


def _migrate(path: Path) -> None:
    """All steps in one transaction. Alembic is imported only here: a start without migrations does without it."""
    import logging

    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    logging.getLogger("alembic").setLevel(logging.WARNING)      # it tells every step of its own start
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path, timeout=5.0))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
