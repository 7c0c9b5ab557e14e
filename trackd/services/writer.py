"""The one writer: a thread that makes facts durable, folds them, and tells the screens. In that order.

Whatever waits is committed together (group commit). A fact is on disk (synchronous=FULL) before its session changes,
before a screen shows it and before a decoder gets its acknowledgement. Derived rows follow in a cheaper transaction:
a power cut may take those, and the next start folds them again from the journal.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from trackd.core.errors import StorageFailing
from trackd.core.records import Frame
from trackd.services.commands import Command, Decide, Decider
from trackd.services.intake import Arrival, Intake, Placed, Reply
from trackd.services.rows import Rows
from trackd.services.snapshots import Batch, Snapshot, batch_of
from trackd.services.storage import CRASHED, Storage, in_words
from trackd.services.trackclock import TrackClock
from trackd.services.undo import acts_of
from trackd.store import derived, journal
from trackd.store.database import NAME, connect
from trackd.timing.acts import Acts
from trackd.timing.course import Course
from trackd.timing.facts import Fact
from trackd.timing.venue import Venue

log = structlog.get_logger()

KEEP = 6
"""Provisional sessions held in memory; older ones are loaded again when somebody acts on them."""

CATCH_UP = 5000
"""Facts folded at start before their rows are written."""

BATCH_AT_MOST = 2000
RETRY_S = 0.5


@dataclass(slots=True)
class Writer:
    """Owns the venue fold and the write side of the database."""

    folder: Path
    clock: TrackClock
    intake: Intake
    publish: Callable[[Batch], None]
    storage: Storage = field(default_factory=Storage)
    venue: Venue = field(default_factory=Venue)
    _queue: deque[Arrival | Command] = field(default_factory=deque)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: bool = False
    _thread: threading.Thread | None = None
    _truth: sqlite3.Connection | None = None
    _rows: Rows | None = None
    _seq: int = 0
    _named: set[str] = field(default_factory=set)

    def open(self) -> None:
        """Load the venue, fold what the derived rows missed, set the clock. Call before ``start``."""
        self._truth = connect(self.folder / NAME, synchronous="FULL")
        self._rows = Rows(connect(self.folder / NAME, synchronous="NORMAL"), self.storage)
        self._load()
        saved = self.clock.resume(derived.get_meta(self._truth, "clock"), journal.last_t_us(self._truth))
        derived.set_meta(self._truth, "clock", saved)

    @property
    def rows(self) -> Rows:
        """The derived rows, once it is open."""
        assert self._rows is not None
        return self._rows

    def _load(self) -> None:
        """The venue, the place in the journal and the decoders' counters as the disk has them."""
        assert self._truth is not None
        rows = self.rows
        rows.waiting.clear()
        self.venue = rows.venue = derived.load_venue(rows.db, KEEP)
        self.venue.load = self._from_journal
        derived.fold_all(self.venue, journal.read(self._truth, after=self.venue.seq), rows.write_now, CATCH_UP)
        derived.judge_old(rows.db)
        self._seq = journal.last_seq(self._truth)
        self.intake.restore(derived.get_meta(self._truth, "counters"))

    def _from_journal(self, session_id: str, until: int) -> Course | None:
        """A session that rests: an order on it needs it back in memory."""
        return self.rows.course(session_id, until)

    def acts(self) -> Acts:
        """What people did lately, while opening."""
        assert self._truth is not None
        return acts_of(self._truth)

    def names(self, shots: Iterable[Snapshot]) -> dict[str, str]:
        """Names of drivers in these sessions that were not asked for before, by id."""
        ids = {entry.driver_id for shot in shots for entry in shot.heat.entries.values() if entry.driver_id} - self._named
        self._named |= ids
        asked = (self.rows.db.execute("SELECT id, name FROM drivers WHERE id = ?", (each,)).fetchone() for each in ids)
        return {found[0]: found[1] for found in asked if found is not None}

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and end."""
        self._stop = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.close()

    def close(self) -> None:
        """Let the database go."""
        for connection in self._connections():
            connection.close()

    def _connections(self) -> list[sqlite3.Connection]:
        found = [self._truth] if self._truth is not None else []
        return [*found, self._rows.db] if self._rows is not None else found

    def arrived(self, link: str, connection: int, frames: Sequence[Frame]) -> None:
        """Frames from a link; never blocks."""
        self._queue.append(Arrival(link, connection, tuple(frames), self.clock.now(), self.clock.wall()))
        self._wake.set()

    def submit(self, decide: Decide) -> Future[int]:
        """Let the writer decide and store; the future gives the sequence of the last fact, or the refusal."""
        done: Future[int] = Future()
        self._queue.append(Command(decide, self.clock.now(), self.clock.wall(), done))
        self._wake.set()
        return done

    def _run(self) -> None:
        while True:
            self._wake.wait(timeout=RETRY_S if self.storage.failing or self.rows.waiting else 1.0)
            self._wake.clear()
            try:
                if self.storage.failing == CRASHED:
                    self._begin_again()
                while self._queue or self.storage.failing:
                    if not self._one_batch():
                        break
                self.rows.flush()
            except Exception as error:  # noqa: BLE001 - this thread's supervisor: a fault must neither end timing nor hide
                self._crashed(error)
            if self._stop and (not self._queue or self.storage.failing):
                return

    def _take(self) -> tuple[list[Arrival], Command | None]:
        """What waits, up to the first command, or that command: it must see everything before it folded."""
        arrivals: list[Arrival] = []
        frames = 0
        while self._queue and frames < BATCH_AT_MOST:
            item = self._queue[0]
            if isinstance(item, Command):
                if arrivals:
                    break
                self._queue.popleft()
                return [], item
            self._queue.popleft()
            arrivals.append(item)
            frames += len(item.frames)
        return arrivals, None

    def _one_batch(self) -> bool:
        """Commit, fold and publish once. False when the disk refused and the passings wait for the next try."""
        arrivals, command = self._take()
        if command is not None and not self.rows.flush():       # a decision may read the rows
            command.settle(StorageFailing(self.storage.rows), 0)
            return True
        mark, seq = self.intake.mark(), self._seq
        try:
            with contextlib.ExitStack() as as_before:
                as_before.callback(self.intake.back, mark)
                as_before.callback(self._back, arrivals, seq)
                placed, replies, refusal = self._commit(arrivals, command)
                as_before.pop_all()
        except sqlite3.Error as error:
            self._refused_by_disk(error, command)
            return False
        try:
            self._tell([fact for fact, _ in placed], replies, at_once=command is not None)
        finally:
            if command is not None:
                command.settle(refusal, self._seq)
        return True

    def _tell(self, facts: list[Fact], replies: list[Reply], *, at_once: bool) -> None:
        """What was made durable, to the fold, the rows, the screens and the links. ``at_once``: the rows first."""
        if not facts and not replies:
            return
        before = {session_id: course.heat for session_id, course in self.venue.courses.items()}
        for fact in facts:
            self.venue.fold(fact)
        self.storage.commits += 1
        self.storage.facts += len(facts)
        changes = self.venue.take_changes()
        self.rows.waiting.append(changes)
        if at_once:
            self.rows.flush()
        batch = batch_of(facts, changes, replies, before)
        self.publish(replace(batch, names=self.names(batch.sessions.values())))

    def _commit(self, arrivals: list[Arrival], command: Command | None) -> tuple[Placed, list[Reply], Exception | None]:
        """Place or decide, and make it durable. A refused command leaves nothing behind."""
        truth = self._truth
        assert truth is not None
        truth.execute("BEGIN IMMEDIATE")
        if command is None:
            placed, replies = self.intake.place(arrivals, self.venue, lambda name: journal.known(truth, name), self._number)
        else:
            try:
                drafts = command.decide(Decider(self.venue, truth, command.t_us, command.wall_us))
            except sqlite3.Error:
                raise
            except Exception as error:  # noqa: BLE001 - a job: its fault goes to who gave it, who logs it, as a refusal does
                truth.execute("ROLLBACK")
                return [], [], error
            placed, replies = [(Fact(self._number(), command.t_us, command.wall_us, *draft), None) for draft in drafts], []
        journal.append(truth, placed)
        if placed or self.storage.failing:                      # while it fails, also to see whether it still does
            derived.set_meta(truth, "counters", self.intake.saved())
        truth.execute("COMMIT")
        if self.storage.failing and (placed or not command):
            log.info("storage takes facts again", waited=self.storage.waiting)
            self.storage.failing, self.storage.waiting = "", 0
        return placed, replies, None

    def _number(self) -> int:
        self._seq += 1
        return self._seq

    def _back(self, arrivals: list[Arrival], seq: int) -> None:
        """As if these had never been taken."""
        for connection in self._connections():
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        self._seq = seq
        self._queue.extendleft(reversed(arrivals))

    def _refused_by_disk(self, error: sqlite3.Error, command: Command | None) -> None:
        """Passings wait; decisions do not: who gave them hears that nothing happened."""
        if not self.storage.failing:
            log.error("storage does not take facts", error=str(error))
        self._wait(in_words(error), command)

    def _wait(self, sentence: str, command: Command | None = None) -> None:
        self.storage.failing = sentence
        if command is not None:
            command.settle(StorageFailing(sentence), 0)
        arrivals: list[Arrival] = []
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, Command):
                item.settle(StorageFailing(sentence), 0)
            else:
                arrivals.append(item)
        self.storage.waiting = sum(len(item.frames) for item in arrivals)
        self._queue.extendleft(reversed(arrivals))

    def _crashed(self, error: Exception) -> None:
        """Log once, and let everything wait; a fault that comes again at every try keeps health failing."""
        if self.storage.failing != CRASHED:
            log.error("writer crashed", exc_info=error)
        self._back([], self._seq)
        self._wait(CRASHED)

    def _begin_again(self) -> None:
        """After a fault: the venue and the acts as the disk has them, and screens that show it."""
        self._load()
        self.storage.failing, self.storage.waiting = "", 0
        sessions = {i: Snapshot.of(course) for i, course in self.venue.courses.items()}
        self.publish(Batch([], {}, [], sessions, [], acts=self.acts()))
