"""Acts, and what stood before them, are found without reading what came between: passings, and what the machine found."""

from __future__ import annotations

import gzip
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex

from trackd.services.undo import READ_BACK, acts_of
from trackd.store import journal, tables
from trackd.store.database import NAME, open_database
from trackd.timing.facts import Body, Fact, KartFact, Note, OrderFact
from trackd.timing.recorded import DrivenFact, MatchFact, UnitFact, VouchFact

OLD = Path(__file__).parents[1] / "data" / "venue-0001.db.gz"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A new venue's database."""
    with closing(open_database(tmp_path)) as found:
        yield found


def add(db: sqlite3.Connection, *facts: tuple[str, str | None, Body]) -> int:
    """The place of the last of these facts."""
    seq = journal.last_seq(db)
    journal.append(db, [(Fact(seq + n, n, n, *fact), None) for n, fact in enumerate(facts, 1)])
    return seq + len(facts)


def steps(db: sqlite3.Connection, read: Callable[[], object]) -> int:
    """How many steps the database takes for it."""
    count = [0]

    def one() -> int:
        count[0] += 1
        return 0
    db.set_progress_handler(one, 1)
    read()
    db.set_progress_handler(None, 0)
    return count[0]


def found_by_machine(count: int) -> list[tuple[str, str | None, Body]]:
    return [fact for n in range(count) for fact in (
        ("driven", None, DrivenFact(f"x{n}", "l1", reason='It says "by":"Ada".')), ("match", "s1", MatchFact(f"x{n}", "7")),
        ("status", None, Note({"by": "nobody"})))]


def test_only_what_people_did_is_among_the_acts(db: sqlite3.Connection) -> None:
    add(db, *found_by_machine(2), ("match", None, MatchFact("x1", by="Ada")), ("driven", None, DrivenFact("x1", by="Ada")),
        ("vouch", "s1", VouchFact(by="Ada")), ("unit", None, UnitFact("u1", "Solo", by="Ada")),
        ("order", "s1", OrderFact("green", 1)), ("kart", None, KartFact("7")),
        ("match", None, MatchFact("x1", by="Bea", undoes=7, holds=MatchFact("x1", "7"))))
    made = ["match", "driven", "vouch", "unit", "order", "kart"]
    assert [fact.kind for fact in journal.read_acts(db, 99)] == [*made, "match"]
    assert [act.kind for act in acts_of(db).all.values()] == made


def test_finding_the_acts_takes_no_longer_however_much_came_after_them(db: sqlite3.Connection) -> None:
    add(db, *[("order", "s1", OrderFact("void_lap", n, "Ada")) for n in range(READ_BACK + 50)])
    few = steps(db, lambda: acts_of(db))
    add(db, *found_by_machine(1000))
    assert steps(db, lambda: acts_of(db)) == few


def test_what_stood_before_is_found_at_once_however_long_ago_it_was(db: sqlite3.Connection) -> None:
    def reads() -> list[Any]:
        now = journal.last_seq(db) + 1
        return [*(next(journal.read_saved(db, kind, thing, now), None) for kind, thing in (
            ("kart", "7"), ("kart", "8"), ("unit", "u1"), ("match", "r1"), ("driven", "r1"), ("driven", "r2"))),
            next(journal.read_vouched(db, "s2", now), None)]
    add(db, ("kart", None, KartFact("7", by="Ada")), ("unit", None, UnitFact("u1", "Solo", by="Ada")),
        ("driven", None, DrivenFact("r1", "l1")), ("match", None, MatchFact("r1", "7")),
        ("vouch", "s2", VouchFact(verdict="no", by="Ada")))
    first, few = reads(), steps(db, reads)
    assert [fact.seq if fact else 0 for fact in first] == [1, 0, 2, 4, 3, 0, 5]
    add(db, *found_by_machine(1000), *[("kart", None, KartFact(str(n), by="Ada")) for n in range(100, 1100)])
    assert reads() == first
    assert steps(db, reads) < few + 10


def test_a_venue_of_an_older_trackd_gets_the_indexes_of_a_new_one_which_are_those_of_the_tables(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / NAME).write_bytes(gzip.decompress(OLD.read_bytes()))
    found = []
    for name in ("old", "old", "new"):                           # the old one is opened twice
        with closing(open_database(tmp_path / name)) as db:
            found.append({plain(row[0]) for row in db.execute(
                "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'journal' AND sql IS NOT NULL")})
    told = {plain(str(CreateIndex(index).compile(dialect=sqlite.dialect()))) for index in tables.journal.indexes}
    assert found == [told] * 3
    assert len(told) == 3


def plain(sql: str) -> str:
    """Without what means nothing."""
    return re.sub(r"\s+", " ", sql).replace("( ", "(").strip()
