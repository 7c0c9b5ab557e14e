"""The appliance as the web and the command line see it: every part, joined, with one way in."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from trackd.config import Settings
from trackd.core.errors import StorageFailing
from trackd.core.time import Micros, micros, utc
from trackd.services.inbox import INBOX, plain_name
from trackd.services.live import LinkConfig, Live
from trackd.services.reading import Reading
from trackd.services.recordings import Recordings
from trackd.services.roster import Roster
from trackd.services.sessions import NewSession, Sessions
from trackd.services.staff import Staff
from trackd.services.trackclock import TrackClock
from trackd.services.undo import Turn
from trackd.services.units import Units
from trackd.services.watching import Watching
from trackd.store import database
from trackd.timing.acts import Act
from trackd.timing.board import Board, SessionInfo
from trackd.timing.facts import RecordFact

LOW_DISK_BYTES = 500 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the health report. ``status``: ok, degraded or failing."""

    name: str
    status: str
    message: str


class Appliance:
    """All services over one data folder. ``open`` takes the folder, ``start`` begins to time, ``stop`` ends both."""

    def __init__(self, folder: Path, settings: Settings, *, clock: TrackClock | None = None) -> None:
        self.folder, self.settings = folder, settings
        self.zone = ZoneInfo(settings.venue.timezone)
        links = tuple(LinkConfig(link.name, link.protocol, link.url, link.track, link.role, link.roles)
                      for link in settings.links)
        self.live = Live(folder, links, clock=clock, capture_mb=settings.server.capture_mb)
        self.roster = Roster(self.live.writer)
        self.sessions = Sessions(self.live.writer, self._sector_lines)
        self.reading = Reading(folder)
        self.recordings = Recordings(folder, self.live.writer)
        take = self.recordings.receive
        self.watching = Watching(settings.recordings.folder, lambda data, name: take(data, name, "folder", ""))
        self.inbox = Watching(folder / INBOX, lambda data, name: take(data, plain_name(name), "import", ""), ours=True)
        self.units = Units(folder, self.live.writer, self.reading, self.recordings, self.zone,
                           targets=settings.recordings.targets)
        self.today: dict[str, SessionInfo] = {}
        self.staff: Staff
        self._lock: IO[str] | None = None
        self._people: sqlite3.Connection | None = None

    def open(self) -> None:
        """Take the folder, check and migrate the database, load the venue. Raises TrackdError with a sentence."""
        self._lock = database.lock(self.folder)
        path = self.folder / database.NAME
        with contextlib.ExitStack() as given_up:
            given_up.callback(self._let_go)
            try:
                database.open_database(self.folder).close()
                self._people = database.connect(path)
                self.staff = Staff(self._people)
                self.live.open()
            except sqlite3.Error as error:
                raise StorageFailing(database.in_words(path, error)) from error
            given_up.pop_all()

    async def start(self) -> None:
        """Begin to time."""
        self.live.hub.boards.append(self._note_session)
        for info in await self.reading.sessions(self.day_start(), None):
            self.today[info.id] = info
        for board in self.live.boards.values():
            self.today.setdefault(board.session.id, board.session)
        await self.live.start()
        await self.recordings.start()
        (self.folder / INBOX).mkdir(exist_ok=True)
        self.inbox.start()
        self.watching.start()
        await self.units.start()

    async def stop(self) -> None:
        """End everything; what waits is written first."""
        await self.units.stop()
        await self.inbox.stop()
        await self.watching.stop()
        await self.recordings.stop()
        await self.live.stop()
        await self.reading.close()
        self._let_go()

    def _let_go(self) -> None:
        self.live.writer.close()
        if self._people is not None:
            self._people.close()
        if self._lock is not None:
            self._lock.close()

    def _sector_lines(self, track: str) -> int:
        """How many sector loops a track has."""
        roles = [role for link in self.settings.links if link.track == track
                 for role in (link.role, *link.roles.values()) if role]
        return max((int(role.partition(":")[2]) for role in roles if role.startswith("sector:")), default=0)

    def _note_session(self, board: Board) -> None:
        self.today[board.session.id] = board.session

    # --- the day ------------------------------------------------------------------------------------------------------

    def day_start(self, day: str | None = None) -> Micros:
        """Midnight at the venue, of today or of ``day`` (2026-11-21), in microseconds since 1970."""
        today = utc(self.live.clock.wall()).astimezone(self.zone).date()
        local = today if day is None else datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a date
        return micros(datetime.combine(local, time(), self.zone))

    def day_end(self, day: str) -> Micros:
        """The midnight after ``day``: 23 or 25 hours later when the clocks change."""
        local = datetime.strptime(day, "%Y-%m-%d").date() + timedelta(days=1)  # noqa: DTZ007 - a date
        return micros(datetime.combine(local, time(), self.zone))

    def heats(self) -> list[SessionInfo]:
        """The sessions of today, and those of before that are still open, in the order they were made."""
        start_us = self.day_start()
        kept = [i for i in self.today.values()
                if i.state != "void" and (i.created_at_us >= start_us or i.state != "official")]
        if len(kept) < len(self.today):
            self.today = {info.id: info for info in kept}
        return sorted(kept, key=lambda info: info.created_at_us)

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def create_session(self, wanted: NewSession, by: str) -> str:
        """The new session's id. Raises BadInput, Refused."""
        session_id, future = self.sessions.create(wanted, by)
        await self.live.done(future)
        return session_id

    async def save_layout(self, body: dict[str, Any], by: str, layout_id: str = "") -> str:
        """The id of the layout, new or with other lines; recordings are laid on it. Raises BadInput, Refused, NotFound."""
        layout_id, future = self.roster.save_layout(body, by, layout_id)
        await self.live.done(future)
        await self.recordings.layout_saved(layout_id)
        return layout_id

    async def order(self, session_id: str, name: str, args: dict[str, Any], by: str) -> Board:
        """Give an order; the board after it. Raises Refused, NotFound, BadInput, StorageFailing."""
        await self.live.done(self.sessions.order(session_id, name, args, by))
        return await self.board(session_id)

    async def turn(self, name: str, of: int | None, by: str, why: str = "", *, admin: bool = True) -> Act:
        """``undo`` or ``redo`` the newest act of the venue, or the one named; the act. Raises Refused with the reason.

        Formats and layouts turn only for an ``admin``.
        """
        turned, future = self.sessions.turn(Turn(name, by, None, of, why, admin))
        await self.live.done(future)
        act = self.live.acts.all[turned[0].seq]
        if isinstance(act.body, RecordFact) and act.kind == "layout":
            await self.recordings.layout_saved(act.body.id)
        return act

    async def board(self, session_id: str) -> Board:
        """The board of any session, live or at rest. Raises NotFound."""
        return self.live.board_now(session_id) or await self.reading.board(session_id)

    def current(self, track: str | None = None) -> Board | None:
        """What is on now (on a track): the session that is live, else the one that ended last, else the next one."""
        tracks = [track] if track else sorted(self.live.current)
        boards = [b for t in tracks if (s := self.live.current.get(t)) and (b := self.live.board_now(s)) is not None]
        on = [b for b in boards if b.session.state in ("running", "paused", "finishing")]
        return next(iter(on or boards), None)

    def with_layout_name(self, info: SessionInfo) -> SessionInfo:
        """The session as people read it: its layout by name."""
        record = self.live.writer.venue.layouts.get(info.layout or "")
        return info if record is None else replace(info, layout=record.name)

    async def named(self, board: Board) -> dict[str, str]:
        """Driver names of a board by id."""
        ids = {row.driver_id for row in board.rows if row.driver_id}
        missing = ids - self.live.names.keys()
        found = await self.reading.names(missing) if missing else {}
        return {i: self.live.names.get(i) or found[i] for i in ids if i in self.live.names or i in found}

    async def result(self, session_id: str, version: int | None) -> tuple[Board, int]:
        """A result and its version: provisional ones are the coming version. Raises NotFound."""
        board = await self.reading.board(session_id, version) if version else await self.board(session_id)
        official = board.session.state == "official"
        return board, version or board.session.version + (0 if official else 1)

    # --- health -------------------------------------------------------------------------------------------------------

    def health(self) -> tuple[str, list[Check]]:
        """The worst status and every check."""
        checks = [*(self._link_check(name) for name in (link.name for link in self.settings.links)),
                  self._storage_check(), self._clock_check()]
        if self.units.trouble:
            checks.append(Check("units", "degraded", self.units.trouble))
        if self.watching.trouble:
            checks.append(Check("watched folder", "degraded", self.watching.trouble))
        worst = max(checks, key=lambda check: ("ok", "degraded", "failing").index(check.status))
        return worst.status, checks

    def _link_check(self, name: str) -> Check:
        status = self.live.statuses.get(name)
        if status is None:
            return Check(f"link {name}", "degraded", f"The decoder '{name}' has not been reached yet.")
        trouble = status.capture_trouble
        if status.state == "reading":
            return Check(f"link {name}", "degraded" if trouble else "ok", trouble or status.sentence)
        return Check(f"link {name}", "degraded", status.sentence)

    def _storage_check(self) -> Check:
        storage = self.live.writer.storage
        if storage.failing:
            waits = f" {storage.waiting} frames wait." if storage.waiting else ""
            return Check("storage", "failing", storage.failing + waits)
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            return Check("storage", "failing", f"The data folder cannot be read: {error.strerror}.")
        if storage.rows:
            return Check("storage", "degraded", f"Lists and results are behind what is stored. {storage.rows}")
        if free < LOW_DISK_BYTES:
            return Check("storage", "degraded", f"Only {free >> 20} MB are free on the disk. Make room soon.")
        return Check("storage", "ok", f"{free >> 30} GB free.")

    def _clock_check(self) -> Check:
        clock = self.live.clock
        apart_us = abs(clock.wall() - clock.now())
        if utc(clock.wall()).year < 2024:
            return Check("clock", "degraded", "The wall clock is wrong. Lap times are not touched; dates on results are.")
        if apart_us > 60_000_000:
            return Check("clock", "ok", "The wall clock was set while running. Lap times are not touched.")
        return Check("clock", "ok", "exact")

    def unknown(self, board: Board | None) -> Sequence[Any]:
        """Transponders nobody knows, as seen lately, without those bound in the session shown."""
        bound: set[str] = set()
        if board is not None and (shot := self.live.shots.get(board.session.id)) is not None:
            bound = {transponder for transponder, _, _ in shot.heat.binds}
        owner = self.live.writer.venue.owner
        recent_us = self.live.clock.now() - 30 * 60_000_000
        return [u for u in self.live.unknown.values()
                if u.transponder not in bound and u.transponder not in owner and u.last_us > recent_us]

    def wall_of(self, t_us: Micros) -> Micros:
        """A track time on the wall clock, for showing when something was seen."""
        return t_us + self.live.clock.wall() - self.live.clock.now()

