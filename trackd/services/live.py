"""The live path on the event loop: links feed the writer, its commits come back and become boards and events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from trackd.core.time import MS, Micros
from trackd.links.capture import CaptureRing, capture_folder
from trackd.links.status import LinkStatus
from trackd.links.supervisor import LinkSupervisor
from trackd.protocols.codec import Codec
from trackd.protocols.registry import open_codec
from trackd.services import happenings
from trackd.services.hub import Hub
from trackd.services.intake import Intake, Source
from trackd.services.snapshots import Batch, InTime, Snapshot, board_of, in_time, with_moves, with_time
from trackd.services.strangers import Unknown, note
from trackd.services.trackclock import TrackClock
from trackd.services.writer import Writer
from trackd.timing import finish
from trackd.timing.acts import Acts
from trackd.timing.board import Board, Row
from trackd.timing.expected import expected
from trackd.timing.facts import Note, TickFact
from trackd.timing.flags import LIVE, State

log = structlog.get_logger()

TICK_S = 0.1
"""How often deadlines and karts that do not come are looked for; a countdown goes green at most this late."""

TICK_AFTER_US: Micros = 250 * MS
"""A deadline is journalled this long after it, so that passings from before it are in already."""

ENDED_AT_MOST = 12


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """A configured link, as the live path needs it."""

    name: str
    protocol: str
    url: str
    track: str = "main"
    role: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)


class Live:
    """Owns the links, the writer and what the screens show now."""

    def __init__(self, folder: Path, links: tuple[LinkConfig, ...], *, clock: TrackClock | None = None,
                 capture_mb: int = 32) -> None:
        self.folder, self.links, self.capture_mb = folder, links, capture_mb
        self.clock = clock or TrackClock()
        codecs: dict[str, Codec] = {link.name: open_codec(link.protocol) for link in links}
        sources = {link.name: Source(codecs[link.name], link.track, link.role, link.roles) for link in links}
        self.writer = Writer(folder, self.clock, Intake(sources, self.clock.ahead), self._from_writer)
        self.hub = Hub()
        self.shots: dict[str, Snapshot] = {}
        self.boards: dict[str, Board] = {}
        self.current: dict[str, str] = {}                # track -> session to show
        self.names: dict[str, str] = {}                  # driver id -> name, of all sessions seen since start
        self.unknown: dict[tuple[str, str], Unknown] = {}
        self.statuses: dict[str, LinkStatus] = {}
        self.supervisors: dict[str, LinkSupervisor] = {}
        self._rows: dict[str, dict[str, Row]] = {}
        self._in_time: dict[str, InTime] = {}
        self._made: dict[str, Snapshot] = {}             # what each board was made of
        self.acts = Acts()
        self._ticked: dict[str, Micros] = {}
        self._dirty: dict[str, None] = {}
        self._newest = self._shown = 0                   # sequence of the newest fact told of, and that on boards
        self._resting: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- start and stop ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Load the venue from disk; a session that was on goes on."""
        self.writer.open()
        for course in self.writer.venue.courses.values():
            self.shots[course.spec.id] = Snapshot.of(course)
        self.names.update(self.writer.names(self.shots.values()))
        self.acts = self.writer.acts()
        for track, session_id in {**self.writer.venue.latest, **self.writer.venue.live}.items():
            self.current[track] = session_id
        for session_id, shot in self.shots.items():
            self.current.setdefault(shot.spec.track, session_id)
            self._make_board(session_id)

    async def start(self) -> None:
        """Begin to write and to listen."""
        self._loop = asyncio.get_running_loop()
        self.writer.start()
        self._tasks.append(asyncio.create_task(self._tick_forever(), name="ticks"))
        for link in self.links:
            ring = CaptureRing(capture_folder(self.folder / "captures", link.name),
                               segment_bytes=self.capture_mb * (1 << 20) // 4)
            supervisor = LinkSupervisor(link.name, link.protocol, link.url, partial(open_codec, link.protocol), self,
                                        capture=ring, on_state=self._on_link)
            self.supervisors[link.name] = supervisor
            self._tasks.append(asyncio.create_task(supervisor.run(), name=f"link {link.name}"))

    async def stop(self) -> None:
        """Let the links go, then write what waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._resting is not None:
            self._resting.cancel()
        await asyncio.to_thread(self.writer.stop)

    # --- in -----------------------------------------------------------------------------------------------------------

    def frames(self, link_name: str, frames: Any, connection: int) -> None:
        """What a link delivers (the supervisors' sink)."""
        self.writer.arrived(link_name, connection, frames)

    def _on_link(self, status: LinkStatus) -> None:
        before = self.statuses.get(status.name)
        self.statuses[status.name] = status
        if before is None or before.state != status.state:
            log.info("link", link=status.name, state=status.state, says=status.sentence)
            body = {"link": status.name, "state": status.state, "says": status.sentence}
            self.writer.submit(lambda _: [("link", None, Note(body))])
            self.hub.happened([happenings.link(status)])
        self.hub.around()

    async def done(self, future: Future[int]) -> int:
        """Wait for the writer, then until the screens have what it wrote."""
        seq = await asyncio.wrap_future(future)
        await asyncio.sleep(0)
        return seq

    def later(self, future: Future[int], then: Callable[[], None]) -> None:
        """Run ``then`` on the loop once the writer has taken it."""
        assert self._loop is not None
        loop = self._loop
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(then))

    # --- out ----------------------------------------------------------------------------------------------------------

    def _from_writer(self, batch: Batch) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._committed, batch)

    def _committed(self, batch: Batch) -> None:
        """A commit is durable: answer the decoders, then tell the screens."""
        for reply in batch.replies:
            supervisor = self.supervisors.get(reply.link)
            if supervisor is not None:
                supervisor.send(reply.data, reply.connection)
        if batch.facts:
            self._newest = batch.facts[-1].seq
        self.names.update(batch.names)
        before = {session_id: self.shots.get(session_id) for session_id in batch.sessions}
        self.shots.update(batch.sessions)
        for session_id, shot in batch.sessions.items():
            self._show(session_id, shot)
            self._dirty[session_id] = None
        if not self._dirty:
            self._shown = self._newest
        note(self.unknown, batch.facts)
        self.acts = batch.acts or self.acts
        acted = self.acts.fold(batch.facts)
        if self.hub.happenings:
            self.hub.happened(happenings.of_batch(batch, before, self.names, self.clock, board_follows=bool(self._dirty)))
        if self._resting is None:
            self._publish()
        if batch.karts_changed or (acted and not batch.sessions):
            self.hub.around()
        self._prune()

    def _prune(self) -> None:
        """Ended sessions nobody shows any more rest on disk."""
        shown = set(self.current.values())
        ended = [i for i, shot in self.shots.items() if shot.heat.state not in LIVE | {State.SCHEDULED} and i not in shown]
        settled = {i for i in ended if self.shots[i].heat.state is not State.PROVISIONAL}
        for session_id in {*ended[:-ENDED_AT_MOST], *settled}.difference(self._dirty):
            for kept in (self.shots, self.boards, self._rows, self._in_time, self._made):
                kept.pop(session_id, None)

    def _show(self, session_id: str, shot: Snapshot) -> None:
        """Which session a track shows: the one that is on, else the newest that ended; scheduled ones wait."""
        track, state = shot.spec.track, shot.heat.state
        shown = self.shots.get(self.current.get(track, ""))
        if state is State.VOID:
            if shown is shot:
                self._show_another(track)
            return
        waits = shown is None or (shown.heat.state is State.SCHEDULED and state is not State.SCHEDULED)
        if state in LIVE or waits:
            self.current[track] = session_id

    def _show_another(self, track: str) -> None:
        """What was shown was made by mistake: the session that ended last instead, else one that waits."""
        others = [(shot.heat.ended_us or 0, i) for i, shot in self.shots.items()
                  if shot.spec.track == track and shot.heat.state is not State.VOID]
        self.current.pop(track)
        if others:
            self.current[track] = max(others)[1]

    def _publish(self) -> None:
        """Boards of what changed. The next come at once when there is time, else after as long as these took:
        newest state wins, and a busy machine spends at most half its time on screens.
        """
        assert self._loop is not None
        self._resting = None
        if not self._dirty:
            return
        began = self._loop.time()
        dirty, self._dirty = [*self._dirty], {}
        known, seq = dict(self.boards), self._newest if self._newest > self._shown else 0
        boards = [self._make_board(session_id) for session_id in dirty]
        self._shown = self._newest
        for board in boards:
            self.hub.board(board)
        if self.hub.happenings:
            self.hub.happened([*happenings.proposed(boards, known, seq), *happenings.boards(boards, self.names, seq)])
        took = self._loop.time() - began
        self._resting = self._loop.call_later(took, self._publish)

    def _make_board(self, session_id: str) -> Board:
        shot, now_us = self.shots[session_id], self.clock.now()
        due = expected(shot.heat, now_us)
        self._in_time[session_id] = in_time(shot.heat, now_us, due)
        board = board_of(shot, now_us, due=due)
        rows = with_time(with_moves(board.rows, self._rows.get(session_id, {})), *self._in_time[session_id][:2])
        self._rows[session_id] = {row.kart: row for row in rows}
        self._made[session_id], self.boards[session_id] = shot, (board := replace(board, rows=rows))
        return board

    def board_now(self, session_id: str) -> Board | None:
        """The board of a session in memory with its clock read now; None for one that rests on disk."""
        shot = self.shots.get(session_id)
        if shot is None:
            return None
        if self._made.get(session_id) is not shot:
            return board_of(shot, self.clock.now())
        known = self.boards[session_id]
        return board_of(shot, self.clock.now(), known.rows, doubts=known.proposals)

    # --- deadlines ------------------------------------------------------------------------------------------------------

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_us = self.clock.now()
            for session_id, shot in [*self.shots.items()]:
                self._look_at_time(session_id, shot, now_us)
                due_us = finish.deadline(shot.heat)
                if due_us is None or self._ticked.get(session_id) == due_us:
                    continue
                if due_us + (0 if shot.heat.go_us == due_us else TICK_AFTER_US) <= now_us:
                    self._tick(session_id, due_us)

    def _look_at_time(self, session_id: str, shot: Snapshot, now_us: Micros) -> None:
        """A kart that does not come changes the board too (A18), and so does the last lap drawing near (R5)."""
        if shot.heat.state not in (State.RUNNING, State.FINISHING):
            return
        if self._in_time.get(session_id) != in_time(shot.heat, now_us, expected(shot.heat, now_us)):
            self._dirty[session_id] = None
            if self._resting is None:
                self._publish()

    def _tick(self, session_id: str, due_us: Micros) -> None:
        """Journal that a deadline was reached; if the disk refuses, the next round tries again."""
        self._ticked[session_id] = due_us
        future = self.writer.submit(lambda _: [("tick", session_id, TickFact(due_us + 1))])

        def settled() -> None:
            if future.exception() is not None:
                self._ticked.pop(session_id, None)
        self.later(future, settled)
