"""Live screens: one rendering a change for all screens that show the same, newest state first.

A screen that takes its bytes at once gets them at once, without waking a task of its own; one that does not is left
alone until it does, and is then given the whole state as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import asgi
from litestar.types import Receive, Scope, Send

from trackd.services.appliance import Appliance
from trackd.timing.board import Board
from trackd.web.render import render_fragments, sse
from trackd.web.showing import TRACK, is_now, live_view
from trackd.web.views import PARTS, LiveView, fragments

BEAT_S = 2.0
FRESH_S = 0.02
"""Screens that ask for the whole state within this time of each other get the same bytes."""

HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"),
           (b"x-accel-buffering", b"no")]


class Screen:
    """One open page. ``push`` never waits and never raises."""

    __slots__ = ("closed", "send", "stale", "wake")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.stale = True            # until it was given the whole state once
        self.closed = False
        self.wake = asyncio.Event()
        self.wake.set()

    def push(self, body: bytes) -> None:
        """Hand bytes to the connection, or mark the screen stale when it does not take them now."""
        if self.stale or self.closed:
            return
        sending: Any = self.send({"type": "http.response.body", "body": body, "more_body": True})
        try:
            sending.send(None)       # runs to its end unless the connection is full
        except StopIteration:
            return
        except OSError:
            self.close()
            return
        sending.close()
        self.stale = True
        self.wake.set()

    def close(self) -> None:
        """The page is gone, or the appliance stops."""
        self.closed = True
        self.wake.set()


class Group:
    """All screens of one kind that show the same session, and what they show."""

    def __init__(self, kind: str, make: Callable[[], LiveView]) -> None:
        self.kind, self.make = kind, make
        self.screens: set[Screen] = set()
        self.view = make()
        self.version = 0
        self._made_at = time.monotonic()
        self._whole: bytes | None = None         # of ``view``, once somebody asked

    def refresh(self) -> None:
        """Send what changed since the last refresh."""
        view = self.make()
        changed = fragments(self.kind, self.view, view)
        self.view, self._whole, self._made_at = view, None, time.monotonic()
        if changed:
            self.version += 1
            self.push(sse(render_fragments(changed)))

    def whole(self) -> bytes:
        """Everything as it is now, for a screen that has nothing yet or fell behind."""
        if time.monotonic() - self._made_at > FRESH_S:
            self.refresh()
        if self._whole is None:
            self._whole = sse(render_fragments(fragments(self.kind, None, self.view)))
        return self._whole

    def push(self, body: bytes) -> None:
        """To every screen."""
        for screen in [*self.screens]:
            screen.push(body)


class Screens:
    """The groups, kept only while somebody looks."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.groups: dict[tuple[str, str], Group] = {}
        self.names: dict[str, dict[str, str]] = {}       # of sessions at rest that somebody looks at
        self.resting: dict[str, Board] = {}
        appliance.live.hub.boards.append(self._board)
        appliance.live.hub.surroundings.append(self._around)

    def count(self) -> int:
        """Open screens."""
        return sum(len(group.screens) for group in self.groups.values())

    def view(self, kind: str, stream: str) -> LiveView:
        """What a screen of this kind shows now. ``stream``: a session id, ``now``, or ``track:`` and a track's name."""
        live = self.appliance.live
        if is_now(stream):
            board = self.appliance.current(stream.removeprefix(TRACK) if stream != "now" else None)
        else:
            board = live.board_now(stream) or self.resting.get(stream)
        return live_view(self.appliance, kind, stream, board, {**live.names, **self.names.get(stream, {})})

    async def prepare(self, stream: str) -> None:
        """Bring what a stream needs into memory. Raises NotFound for a session that does not exist."""
        if not is_now(stream) and self.appliance.live.board_now(stream) is None:
            board = await self.appliance.reading.board(stream)
            self.resting[stream] = board
            self.names[stream] = await self.appliance.named(board)

    def _board(self, board: Board) -> None:
        session = board.session
        if any(stream == session.id for _, stream in self.groups):
            self.resting[session.id] = board             # for when it leaves memory while somebody looks at it
        for (kind, stream), group in [*self.groups.items()]:
            if kind == "console" or stream in ("now", session.id, TRACK + session.track):
                group.refresh()

    def _around(self) -> None:
        for (kind, _), group in [*self.groups.items()]:
            if kind in ("console", "pit"):
                group.refresh()

    async def beat_forever(self) -> None:
        """A sign of life for every screen, so that each knows within seconds when the appliance is gone."""
        while True:
            await asyncio.sleep(BEAT_S)
            self._around()
            body = b"event: beat\ndata: " + msgspec.json.encode({"seq": self.appliance.live.writer.venue.seq}) + b"\n\n"
            for group in self.groups.values():
                group.push(body)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        for group in self.groups.values():
            for screen in group.screens:
                screen.close()

    async def serve(self, kind: str, stream: str, receive: Receive, send: Send) -> None:
        """Keep one screen up to date until it goes away."""
        await self.prepare(stream)
        group = self.groups.get((kind, stream))
        if group is None:
            group = self.groups[kind, stream] = Group(kind, lambda: self.view(kind, stream))
        screen = Screen(send)
        group.screens.add(screen)
        watcher = asyncio.create_task(_watch(receive, screen))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while not screen.closed:
                await screen.wake.wait()
                screen.wake.clear()
                while screen.stale and not screen.closed:
                    body, version = group.whole(), group.version
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    screen.stale = group.version != version
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            return
        finally:
            watcher.cancel()
            group.screens.discard(screen)
            if not group.screens and self.groups.get((kind, stream)) is group:
                del self.groups[kind, stream]
                self.resting.pop(stream, None)
                self.names.pop(stream, None)


async def _watch(receive: Receive, screen: Screen) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    screen.close()


def live_handler(screens: Screens) -> Any:
    """The route `/live/{kind}/{stream}` of every live page."""
    @asgi("/live", is_mount=True, copy_scope=False)
    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        kind, _, stream = scope["path"].removeprefix("/live").strip("/").partition("/")
        if kind not in PARTS or not stream:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"There is no such stream.", "more_body": False})
            return
        await screens.serve(kind, stream, receive, send)
    return live
