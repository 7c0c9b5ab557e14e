"""`trackd rebuild`: fold the whole journal again; put the rows in place, or prove that they are the same already."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trackd.core.errors import NotFound, Refused, StorageFailing
from trackd.store import derived, journal, verdicts
from trackd.store.database import HEAD, NAME, connect, in_words, lock, open_database, read_only, version
from trackd.store.scratch import compare, create_tables
from trackd.store.tables import DERIVED
from trackd.timing.course import Course
from trackd.timing.venue import Venue

CHUNK = 5000
SCRATCH = "rebuild.part"


@dataclass(frozen=True, slots=True)
class Found:
    """How many facts were folded, and a sentence for each row that differs."""

    facts: int
    differences: list[str]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Facts and laps make no reference cycles; looking for some among millions of them takes a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def fold_into(source: sqlite3.Connection, target: sqlite3.Connection, until: int) -> tuple[int, Venue]:
    """Fold the journal up to ``until`` and write all derived rows to ``target``. The number of facts, and the venue."""
    venue = Venue()

    def load(session_id: str, until: int) -> Course | None:
        derived.write(target, venue.take_changes(), judge=False)
        try:
            return derived.load_course(target, session_id, until)
        except KeyError:
            return None

    venue.load = load
    target.execute("BEGIN")
    with _without_collector():
        write = partial(derived.write, target, judge=False)
        count = derived.fold_all(venue, journal.read(source, until=until), write, CHUNK)
        verdicts.judge_all(target)
    target.execute("COMMIT")
    return count, venue


def _scratch(folder: Path) -> sqlite3.Connection:
    path = folder / SCRATCH
    path.unlink(missing_ok=True)
    scratch = sqlite3.connect(path, isolation_level=None, uri=True)
    scratch.execute("PRAGMA journal_mode=OFF")
    scratch.execute("PRAGMA synchronous=OFF")
    create_tables(scratch)
    scratch.execute("ATTACH DATABASE ? AS truth", (f"{(folder / NAME).absolute().as_uri()}?mode=ro",))
    return scratch


def check(folder: Path) -> Found:
    """Compare what is stored with what follows from the journal. Changes nothing; works beside a running appliance."""
    if not (folder / NAME).exists():
        raise NotFound(f"There is no venue in {folder}.")
    source = read_only(folder / NAME)
    try:
        if version(source) != HEAD:
            raise Refused(f"The venue in {folder} stands at another schema; `trackd run` of this version brings it here.")
        source.execute("BEGIN")       # one consistent view, whatever a running appliance writes meanwhile
        until = int(derived.get_meta(source, "derived_seq") or 0)
        scratch = _scratch(folder)
        try:
            facts, _ = fold_into(source, scratch, until)
        finally:
            scratch.close()
        other = sqlite3.connect(folder / SCRATCH, isolation_level=None)
        try:
            return Found(facts, compare(source, other))
        finally:
            other.close()
    except sqlite3.Error as error:
        raise StorageFailing(in_words(folder / NAME, error)) from error
    finally:
        source.close()
        (folder / SCRATCH).unlink(missing_ok=True)


def rebuild(folder: Path) -> int:
    """Replace every derived row in one transaction. Not beside a running appliance: it holds the folder's lock."""
    if not (folder / NAME).exists():
        raise NotFound(f"There is no venue in {folder}.")
    with lock(folder):
        source = open_database(folder)
        target = connect(folder / NAME)
        try:
            until = journal.last_seq(source)
            scratch = _scratch(folder)         # without journal and indexes: faster, even with the copy behind it
            facts, venue = fold_into(source, scratch, until)
            scratch.close()
            target.execute("ATTACH DATABASE ? AS fresh", (str(folder / SCRATCH),))
            target.execute("BEGIN IMMEDIATE")
            for table in DERIVED:
                columns = ", ".join(f'"{column.name}"' for column in table.columns)
                target.execute(f"DELETE FROM main.{table.name}")  # noqa: S608 - names from our own metadata
                target.execute(f"INSERT INTO main.{table.name} ({columns}) SELECT {columns} FROM fresh.{table.name}")  # noqa: S608 - as above
            derived.set_meta(target, "derived_seq", str(until))
            derived.set_latest(target, venue)
            target.execute("COMMIT")
            return facts
        finally:
            target.close()
            source.close()
            (folder / SCRATCH).unlink(missing_ok=True)
