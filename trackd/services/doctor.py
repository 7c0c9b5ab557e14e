"""`trackd check`: the state of a venue in words, from outside, beside a running appliance or without one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from trackd.config import Settings
from trackd.core.errors import TrackdError
from trackd.links.transport import parse_url
from trackd.services.appliance import LOW_DISK_BYTES, Check
from trackd.store import derived, journal
from trackd.store.database import HEAD, NAME, InUse, lock, look, read_only


def examine(folder: Path, settings: Settings) -> list[Check]:
    """All checks, each one sentence."""
    return [_running(folder), *_database(folder), _storage(folder), _clock(), *_links(settings)]


def _running(folder: Path) -> Check:
    if not folder.exists():
        return Check("appliance", "degraded", f"There is no data folder {folder} yet; the first `trackd run` makes it.")
    try:
        lock(folder).close()
    except InUse:
        return Check("appliance", "ok", "It runs.")
    except TrackdError as error:
        return Check("appliance", "failing", str(error))
    return Check("appliance", "ok", "It does not run now.")


def _database(folder: Path) -> list[Check]:
    path = folder / NAME
    try:
        found = look(path)
        if found is None:
            return [Check("database", "degraded", "There is none yet; the first `trackd run` makes it.")]
        with closing(read_only(path)) as db:
            problem = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if problem != "ok":
                return [Check("database", "failing", f"It is damaged: {problem}. Restore the last backup.")]
            if found != HEAD:
                return [Check("database", "degraded", f"It has schema {found or 'none'}; this version knows {HEAD}.")]
            facts, behind = journal.last_seq(db), journal.last_seq(db) - int(derived.get_meta(db, "derived_seq") or 0)
    except sqlite3.DatabaseError as error:
        return [Check("database", "failing", f"It cannot be read: {error}. Restore the last backup.")]
    words = f"Sound, {facts} facts." + (f" {behind} wait to be folded at the next start." if behind else "")
    return [Check("database", "ok", words)]


def _storage(folder: Path) -> Check:
    place = next((p for p in (folder, *folder.parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    if free < LOW_DISK_BYTES:
        return Check("storage", "failing" if free < 1 << 20 else "degraded", f"Only {free >> 20} MB are free. Make room.")
    return Check("storage", "ok", f"{free >> 30} GB are free.")


def _clock() -> Check:
    now = datetime.now(UTC)
    if now.year < 2024:
        return Check("clock", "degraded", f"It says {now:%Y-%m-%d}. Lap times are not touched; dates on results are.")
    return Check("clock", "ok", f"It says {now:%Y-%m-%d %H:%M} UTC.")


def _links(settings: Settings) -> list[Check]:
    if not settings.links:
        return [Check("links", "degraded", "No decoder is configured; see [[links]] in the README.")]
    checks = []
    for link in settings.links:
        url = parse_url(link.url)
        if url.scheme == "serial" and not Path(url.place).exists():
            checks.append(Check(f"link {link.name}", "degraded", f"The serial port {url.place} is not there."))
        else:
            checks.append(Check(f"link {link.name}", "ok", f"{link.protocol} at {url.place}."))
    return checks
