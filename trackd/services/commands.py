"""What people and programs decide, on its way to the writer: a look at the venue as it stands, then facts or a refusal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from trackd.core.errors import NotFound
from trackd.core.time import Micros
from trackd.timing.course import Course
from trackd.timing.facts import Body
from trackd.timing.venue import Venue

Draft = tuple[str, str | None, Body]
"""A fact before it has its place: kind, session, body."""

Decide = Callable[["Decider"], Sequence[Draft]]
"""Runs in the writer, with every fact before it folded: looks, refuses (TrackdError) or gives facts."""


@dataclass(frozen=True, slots=True)
class Command:
    """One decision with the moment it was made; ``done`` gives the sequence of its last fact, or why not."""

    decide: Decide
    t_us: Micros
    wall_us: Micros
    done: Future[int]

    def settle(self, error: BaseException | None, seq: int) -> None:
        """Tell who waits for it."""
        if not self.done.set_running_or_notify_cancel():
            return
        if error is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(seq)


@dataclass(frozen=True, slots=True)
class Decider:
    """What a command may look at while deciding. What it writes to ``db`` stands or falls with its facts."""

    venue: Venue
    db: sqlite3.Connection
    now_us: Micros
    wall_us: Micros

    def course(self, session_id: str) -> Course:
        """The session, loaded from the journal if it rests there. Raises NotFound."""
        course = self.venue.course(session_id)
        if course is None:
            raise NotFound(f"There is no session {session_id}.")
        return course
