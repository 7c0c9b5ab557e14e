"""The API's event stream: everything that happens, in journal order, resumable by `Last-Event-ID`."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any

import msgspec
from litestar import asgi
from litestar.types import Receive, Scope, Send

from trackd.services.appliance import Appliance
from trackd.services.hub import Happening
from trackd.web.screens import HEADERS

KEPT = 4000
"""Events kept for those who come back; older ones get `event: reset` and read the lists again."""

WAITING_AT_MOST = 20_000
"""A reader further behind than this is cut off and may come back with its Last-Event-ID."""


class Stream:
    """Listens to the hub only while kept events are wanted; one queue a reader."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.recent: deque[tuple[float, bytes]] = deque(maxlen=KEPT)    # with their place in the journal
        self.first_seq = self.newest = appliance.live.writer.venue.seq
        self.readers: set[Reader] = set()
        appliance.live.hub.happenings.append(self._happened)

    def _happened(self, events: list[Happening]) -> None:
        for event in events:
            framed = frame(event)
            if len(self.recent) == self.recent.maxlen:
                self.first_seq = math.ceil(self.recent[0][0])
            self.newest = max(self.newest, event.seq)
            self.recent.append((event.seq or self.newest + 0.5, framed))     # a link's state has no sequence of its own
            for reader in self.readers:
                reader.take(framed)

    def close(self) -> None:
        """End all readers."""
        for reader in self.readers:
            reader.end()

    def since(self, last_id: str | None) -> list[bytes]:
        """What a reader missed, or a reset when that is too old to tell."""
        if last_id is None:
            return []
        after = int(last_id) if last_id.isdecimal() and len(last_id) < 19 else -1
        if not self.first_seq <= after <= self.appliance.live.writer.venue.seq:
            return [b"event: reset\ndata: {}\n\n"]
        return [framed for place, framed in self.recent if place > after]

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One reader until it goes away."""
        headers = dict(scope["headers"])
        last_id = headers.get(b"last-event-id")
        reader = Reader(self.since(last_id.decode("latin-1") if last_id is not None else None))
        self.readers.add(reader)
        watcher = asyncio.create_task(reader.watch(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await send({"type": "http.response.body", "body": b": trackd\n\n", "more_body": True})
            while not reader.ended:
                body = await reader.next()
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            return
        finally:
            watcher.cancel()
            self.readers.discard(reader)


class Reader:
    """One connection's queue."""

    def __init__(self, first: list[bytes]) -> None:
        self.waiting: deque[bytes] = deque(first)
        self.ended = False
        self.wake = asyncio.Event()
        self.wake.set()

    def take(self, framed: bytes) -> None:
        """Queue one event."""
        self.waiting.append(framed)
        if len(self.waiting) > WAITING_AT_MOST:
            self.ended = True
        self.wake.set()

    def end(self) -> None:
        """Let the connection go."""
        self.ended = True
        self.wake.set()

    async def next(self) -> bytes:
        """All that waits, or a comment when nothing came for a while, so that a dead connection shows."""
        try:
            async with asyncio.timeout(10):
                await self.wake.wait()
        except TimeoutError:
            return b": beat\n\n"
        self.wake.clear()
        body = b"".join(self.waiting)
        self.waiting.clear()
        return body

    async def watch(self, receive: Receive) -> None:
        """End with the connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()


def frame(event: Happening) -> bytes:
    """One event on the wire."""
    ident = b"id: %d\n" % event.seq if event.last and event.seq else b""
    return b"event: %s\n%sdata: %s\n\n" % (event.kind.encode(), ident, msgspec.json.encode(event.data))


def stream_handler(stream: Stream) -> Any:
    """The route `/api/v1/stream`."""
    @asgi("/api/v1/stream", copy_scope=False)
    async def api_stream(scope: Scope, receive: Receive, send: Send) -> None:
        await stream.serve(scope, receive, send)
    return api_stream
