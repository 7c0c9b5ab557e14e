"""The derived rows: what folding changed, written after the journal in a cheaper transaction of its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

import structlog

from trackd.services.storage import Storage, in_words
from trackd.store import derived
from trackd.timing.course import Changes, Course
from trackd.timing.venue import Venue

log = structlog.get_logger()


@dataclass(slots=True)
class Rows:
    """Changes that wait to become rows. All are written at once: sessions in them stand as they are now, so a part of
    them would be ahead of its sequence.
    """

    db: sqlite3.Connection
    storage: Storage
    venue: Venue = field(default_factory=Venue)
    waiting: list[Changes] = field(default_factory=list)

    def write(self) -> None:
        """Write what waits. Raises sqlite3.Error, and then all of it still waits."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            for changes in self.waiting:
                derived.write(self.db, changes)
            derived.set_latest(self.db, self.venue)
            self.db.execute("COMMIT")
        except sqlite3.Error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        self.waiting.clear()

    def write_now(self, changes: Changes) -> None:
        """Write these, after what waits. Raises sqlite3.Error."""
        self.waiting.append(changes)
        self.write()

    def flush(self) -> bool:
        """Write what waits. False, and a sentence in ``storage.rows``, when the disk does not take it."""
        try:
            if self.waiting:
                self.write()
            self.storage.rows = ""
        except sqlite3.Error as error:
            if not self.storage.rows:
                log.warning("derived rows wait", error=str(error))
            self.storage.rows = in_words(error)
        return not self.storage.rows

    def course(self, session_id: str, until: int) -> Course | None:
        """A session that rests, folded from its facts up to ``until``; every row before it is written first.

        While a decision is made nothing waits, and nothing may be written: the decision holds the file.
        """
        if self.waiting or self.venue.changes != Changes():
            changes = self.venue.take_changes()
            changes.seq = until
            self.write_now(changes)
        try:
            return derived.load_course(self.db, session_id, until)
        except KeyError:
            return None
