"""The one writer: a thread that makes facts durable, folds them, and tells the screens. In that order.

Whatever waits is committed together (group commit). A fact is on disk (synchronous=FULL) before its session changes,
before a screen shows it and before a decoder gets its acknowledgement. Derived rows follow in a cheaper transaction:
a power cut may take those, and the next start folds them again from the journal.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from trackd.core.errors import NotFound, StorageFailing, TrackdError
from trackd.core.records import Frame
from trackd.core.time import Micros
from trackd.services.intake import Arrival, Intake, Reply
from trackd.services.snapshots import Snapshot
from trackd.services.trackclock import TrackClock
from trackd.store import derived, journal
from trackd.store.database import NAME, connect
from trackd.timing.facts import Body, Fact
from trackd.timing.laps import Entry, Lap
from trackd.timing.venue import Changes, Course, Venue

log = structlog.get_logger()

KEEP = 6
"""Provisional sessions held in memory; older ones are loaded again when somebody acts on them."""

BATCH_AT_MOST = 2000
RETRY_S = 0.5

Draft = tuple[str, str | None, Body]
"""A fact before it has its place: kind, session, body."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person or a program decided. ``decide`` runs in the writer: it looks, refuses or gives facts."""

    decide: Callable[[Decider], Sequence[Draft]]
    t_us: Micros
    wall_us: Micros
    done: Future[int]


@dataclass(frozen=True, slots=True)
class Decider:
    """What a command may look at while deciding."""

    venue: Venue
    db: sqlite3.Connection
    now_us: Micros
    wall_us: Micros

    def course(self, session_id: str) -> Course:
        """The session, loaded from the journal if it rests there. Raises NotFound."""
        course = self.venue.courses.get(session_id)
        if course is not None:
            return course
        try:
            course = derived.load_course(self.db, session_id, self.venue.seq)
        except KeyError:
            raise NotFound(f"There is no session {session_id}.") from None
        if course.heat.state.value == "provisional":
            self.venue.courses[session_id] = course
        return course


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit made durable, as the screens and links need it. Everything in it is frozen or never written again."""

    facts: list[Fact]
    verdicts: dict[int, tuple[str | None, str | None, str]]   # passing seq -> (session, kart, verdict)
    laps: list[tuple[str, Entry, Lap]]
    sessions: dict[str, Snapshot]
    replies: list[Reply]
    karts_changed: bool = False


@dataclass(slots=True)
class Storage:
    """How the disk is doing, in words; ``waiting`` counts what is held in memory until it takes it."""

    failing: str = ""
    waiting: int = 0
    commits: int = 0
    facts: int = 0


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
    _rows: sqlite3.Connection | None = None
    _seq: int = 0
    _unwritten: list[Changes] = field(default_factory=list)

    def open(self) -> None:
        """Load the venue, fold what the derived rows missed, set the clock. Call before ``start``."""
        self._truth = connect(self.folder / NAME, synchronous="FULL")
        self._rows = connect(self.folder / NAME, synchronous="NORMAL")
        self.venue = derived.load_venue(self._rows, KEEP)
        for fact in journal.read(self._truth, after=self.venue.seq):
            self._bring_in(fact)
            self.venue.fold(fact)
        self._write_rows(self.venue.take_changes())
        self._seq = journal.last_seq(self._truth)
        saved = self.clock.resume(derived.get_meta(self._truth, "clock"), journal.last_t_us(self._truth))
        derived.set_meta(self._truth, "clock", saved)
        self.intake.restore(derived.get_meta(self._truth, "counters"))

    def names(self, ids: set[str]) -> dict[str, str]:
        """Driver names by id, while opening."""
        assert self._rows is not None
        rows = self._rows.execute("SELECT id, name FROM drivers").fetchall() if ids else []
        return {driver_id: name for driver_id, name in rows if driver_id in ids}

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
        for connection in (self._truth, self._rows):
            if connection is not None:
                connection.close()

    def arrived(self, link: str, connection: int, frames: Sequence[Frame]) -> None:
        """Frames from a link; never blocks."""
        self._queue.append(Arrival(link, connection, tuple(frames), self.clock.now(), self.clock.wall()))
        self._wake.set()

    def submit(self, decide: Callable[[Decider], Sequence[Draft]]) -> Future[int]:
        """Let the writer decide and store; the future gives the sequence of the last fact, or the refusal."""
        done: Future[int] = Future()
        self._queue.append(Command(decide, self.clock.now(), self.clock.wall(), done))
        self._wake.set()
        return done

    def _run(self) -> None:
        while True:
            self._wake.wait(timeout=1.0)
            self._wake.clear()
            while self._queue:
                if not self._one_batch():
                    break
            self._flush_rows()
            if self._stop and (not self._queue or self.storage.failing):
                return

    def _take(self) -> tuple[list[Arrival], Command | None]:
        """What waits, up to and including the first command: a command must see everything before it folded."""
        arrivals: list[Arrival] = []
        frames = 0
        while self._queue and frames < BATCH_AT_MOST:
            item = self._queue.popleft()
            if isinstance(item, Command):
                return arrivals, item
            arrivals.append(item)
            frames += len(item.frames)
        return arrivals, None

    def _one_batch(self) -> bool:
        """Commit, fold and publish once. False when the disk refused and the passings wait for the next try."""
        truth = self._truth
        assert truth is not None
        arrivals, command = self._take()
        if arrivals and command is not None:
            self._queue.appendleft(command)
            command = None
        mark, seq = self.intake.mark(), self._seq
        refusal: TrackdError | None = None
        try:
            truth.execute("BEGIN IMMEDIATE")
            placed, replies = self.intake.place(arrivals, self.venue, lambda name: journal.known(truth, name), self._number)
            if command is not None:
                try:
                    placed = [(self._fact(*draft, command.t_us, command.wall_us), None) for draft in self._decide(command)]
                except TrackdError as error:
                    refusal = error
            if placed:
                journal.append(truth, placed)
                derived.set_meta(truth, "counters", self.intake.saved())
            truth.execute("COMMIT" if refusal is None else "ROLLBACK")
        except sqlite3.Error as error:
            self._refused_by_disk(error, arrivals, command, seq)
            self.intake.back(mark)
            return False
        if self.storage.failing:
            log.info("storage takes facts again", waited=self.storage.waiting)
            self.storage.failing, self.storage.waiting = "", 0
        facts = [fact for fact, _ in placed]
        for fact in facts:
            self.venue.fold(fact)
        self.storage.commits += 1
        self.storage.facts += len(facts)
        if facts or replies:
            changes = self.venue.take_changes()
            self._unwritten.append(changes)
            if command is not None:
                self._flush_rows()
            self.publish(_batch(facts, changes, replies))
        if command is not None:
            _settle(command.done, refusal, self._seq)
        return True

    def _decide(self, command: Command) -> Sequence[Draft]:
        assert self._truth is not None
        self._flush_rows()
        return command.decide(Decider(self.venue, self._truth, command.t_us, command.wall_us))

    def _number(self) -> int:
        self._seq += 1
        return self._seq

    def _fact(self, kind: str, session: str | None, body: Body, t_us: Micros, wall_us: Micros) -> Fact:
        return Fact(self._number(), t_us, wall_us, kind, session, body)

    def _bring_in(self, fact: Fact) -> None:
        """At start: an order on a session that rests in the journal needs it back in memory."""
        if fact.kind == "order" and fact.session is not None and fact.session not in self.venue.courses:
            assert self._rows is not None
            course = derived.load_course(self._rows, fact.session, self.venue.seq)
            derived.adopt(self.venue, course)

    def _refused_by_disk(self, error: sqlite3.Error, arrivals: list[Arrival], command: Command | None, seq: int) -> None:
        assert self._truth is not None
        if self._truth.in_transaction:
            self._truth.execute("ROLLBACK")
        self._seq = seq
        self._queue.extendleft(reversed(arrivals))
        sentence = _in_words(error)
        if not self.storage.failing:
            log.error("storage does not take facts", error=str(error))
        self.storage.failing = sentence
        if command is not None:
            _settle(command.done, StorageFailing(sentence), seq)
        self.storage.waiting = sum(len(item.frames) for item in list(self._queue) if isinstance(item, Arrival))
        threading.Timer(RETRY_S, self._wake.set).start()

    def _flush_rows(self) -> None:
        for changes in [*self._unwritten]:
            try:
                self._write_rows(changes)
            except sqlite3.Error as error:
                log.warning("derived rows wait", error=str(error))
                return
            self._unwritten.remove(changes)

    def _write_rows(self, changes: Changes) -> None:
        rows = self._rows
        assert rows is not None
        try:
            rows.execute("BEGIN IMMEDIATE")
            derived.write(rows, changes)
            rows.execute("COMMIT")
        except sqlite3.Error:
            if rows.in_transaction:
                rows.execute("ROLLBACK")
            raise


def _batch(facts: list[Fact], changes: Changes, replies: list[Reply]) -> Batch:
    """Everything the event loop needs of a commit, frozen."""
    verdicts = {seq: (session, kart, verdict) for seq, session, kart, verdict in changes.verdicts}
    for session_id, course in changes.again.items():
        for fact in facts:
            if fact.kind == "passing" and fact.seq in course.session.verdicts:
                entry = course.session.holders().get(fact.seq)
                verdicts[fact.seq] = (session_id, entry, course.session.verdicts[fact.seq].value)
    shots = {session_id: Snapshot.of(course) for session_id, course in changes.touched.items()}
    return Batch(facts, verdicts, changes.laps, shots, replies, bool(changes.karts))


def _settle(done: Future[Any], error: TrackdError | None, seq: int) -> None:
    if done.set_running_or_notify_cancel():
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(seq)


def _in_words(error: sqlite3.Error) -> str:
    text = str(error)
    if "full" in text:
        return "The disk is full. Passings wait in memory and nothing is lost while the power stays on; free some space."
    if "readonly" in text or "read-only" in text:
        return "The disk is read-only. Passings wait in memory and nothing is lost while the power stays on."
    return f"The disk does not take data ({text}). Passings wait in memory and nothing is lost while the power stays on."
