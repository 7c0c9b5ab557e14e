"""Screens by the hundred: raw connections to the live board that read how many laps each kart is shown with."""

from __future__ import annotations

import asyncio
import re
import time
from typing import cast

from trackd.bench.figures import Spread
from trackd.bench.race import Note, Sent

STREAM = "/live/board/now"
_ROW = re.compile(rb'<li id="row-(\d+)"(?:[^<]|<(?!/li>))*?>(\d+) laps? ')
"""A row of the live board: the kart and its laps."""

_KEPT = 64


class Crowd(Note):
    """Open screens and what they saw. The delay of a passing is taken for each screen: from the moment its bytes
    were written to the wire to the moment the screen received a row with that lap or, rows being merged, a later one.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.delays = Spread()
        self.screens: list[Screen] = []
        self.sent_at: dict[str, list[float]] = {}        # kart -> when each of its passings was sent
        self._parsed: dict[bytes, list[tuple[str, int]]] = {}

    def sent(self, passing: Sent, at_s: float) -> None:
        self.sent_at.setdefault(passing.kart, []).append(at_s)

    async def open(self, count: int) -> None:
        """Open ``count`` more screens and wait until each shows something."""
        loop = asyncio.get_running_loop()
        opened = [(await loop.create_connection(lambda: Screen(self), "127.0.0.1", self.port))[1] for _ in range(count)]
        self.screens += opened
        async with asyncio.timeout(30):
            for screen in opened:
                await screen.ready.wait()

    def leave(self, count: int) -> None:
        """Close the ``count`` oldest screens."""
        gone, self.screens = self.screens[:count], self.screens[count:]
        for screen in gone:
            screen.close()

    async def settle(self, within_s: float = 15.0) -> int:
        """Wait until every screen shows every kart's last lap; how many (passing, screen) pairs were never shown."""
        until = time.perf_counter() + within_s
        while (unseen := self._unseen()) and time.perf_counter() < until:  # noqa: ASYNC110 - rows come to the screens
            await asyncio.sleep(0.05)
        return unseen

    def _unseen(self) -> int:
        return sum(max(0, len(times) - 1 - screen.shown.get(kart, 0))
                   for screen in self.screens for kart, times in self.sent_at.items())

    def rows(self, body: bytes) -> list[tuple[str, int]]:
        """(kart, laps) of each row in a body. All screens get the same bytes, so they are read once."""
        found = self._parsed.get(body)
        if found is None:
            if len(self._parsed) >= _KEPT:
                self._parsed.clear()
            found = self._parsed[body] = [(kart.decode(), int(laps)) for kart, laps in _ROW.findall(body)]
        return found


class Screen(asyncio.Protocol):
    """One screen: cuts the chunked answer apart and notes what each row says."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.ready = asyncio.Event()
        self.shown: dict[str, int] = {}
        self._buffer = b""
        self._head = True
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)     # uvloop's is none by inheritance
        self._transport.write(f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1:{self.crowd.port}\r\n\r\n".encode())

    def close(self) -> None:
        """The page is closed."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        buffer = self._buffer + data if self._buffer else data
        if self._head:
            head, found, rest = buffer.partition(b"\r\n\r\n")
            self._head, buffer = (False, rest) if found else (True, head)
        while not self._head:
            line_end = buffer.find(b"\r\n")
            if line_end < 0:
                break
            end = line_end + 2 + int(buffer[:line_end], 16)
            if len(buffer) < end + 2:
                break
            self._show(buffer[line_end + 2:end], now)
            buffer = buffer[end + 2:]
        self._buffer = buffer

    def _show(self, body: bytes, now: float) -> None:
        crowd, shown = self.crowd, self.shown
        self.ready.set()
        for kart, laps in crowd.rows(body):
            before = shown.get(kart, 0)
            if laps <= before:
                continue
            shown[kart] = laps
            times = crowd.sent_at.get(kart, ())
            for at_s in times[before + 1:laps + 1]:
                crowd.delays.add(now - at_s)
