"""Keeps one link alive for ever: connects, greets, polls, reads, answers, notices silence, and starts again.

Everything runs on the event loop. Frames go to the sink in a plain call as they are decoded; replies come back through
``send``, which names the connection they belong to so that a late reply never reaches a newer connection.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol

import structlog

from trackd.core.errors import LinkDown
from trackd.core.records import Frame, Passing, Rejected
from trackd.links.clock import Clock, SystemClock, Timing
from trackd.links.status import CRASHED, TRANSITIONS, Event, LinkStatus, State, sentence
from trackd.links.transport import Transport, open_transport, parse_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trackd.links.capture import CaptureRing
    from trackd.protocols.codec import Codec

log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where frames go. Called on the event loop for each chunk read; must not block."""

    def frames(self, link_name: str, frames: Sequence[Frame], connection: int) -> None:
        """Take the frames of one chunk, in order, rejected ones included."""


class LinkSupervisor:
    """One link. ``await run()`` never returns by itself; cancel it to stop. ``on_state`` hears of every change.

    Raises BadInput for a wrong ``url``.
    """

    SEND_QUEUE = 4096
    """Replies waiting for a decoder that does not take them; more are dropped."""

    def __init__(self, name: str, protocol: str, url: str, open_codec: Callable[[], Codec], sink: Sink, *,
                 on_state: Callable[[LinkStatus], None] | None = None, capture: CaptureRing | None = None,
                 timing: Timing | None = None, clock: Clock | None = None,
                 opener: Callable[[str], Awaitable[Transport]] = open_transport,
                 rng: random.Random | None = None) -> None:
        parse_url(url)
        self.name, self.protocol, self.url = name, protocol, url
        self._open_codec = open_codec
        self._sink = sink
        self._on_state = on_state
        self._capture = capture
        self._timing = timing or Timing()
        self._clock = clock or SystemClock()
        self._opener = opener
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects, no secret
        self._state: State = "connecting"
        self._detail = ""
        self._since_us = self._clock.wall_us()
        self._connection = 0
        self._open = False
        self._failures = 0               # in a row, since bytes last came
        self._outgoing: deque[bytes] = deque()
        self._outgoing_ready = asyncio.Event()
        self._last_bytes_us: int | None = None    # monotonic, as the next
        self._last_frame_us: int | None = None
        self._last_frame_at_us: int | None = None
        self._quiet_from_us = 0          # monotonic: the last bytes, or this connection's opening
        self._streak = 0
        self._received = self._frames = self._passings = self._dropped = self._crashes = 0
        self._rejected: Counter[str] = Counter()

    def status(self) -> LinkStatus:
        """The link as it is now."""
        now = self._clock.monotonic_us()
        return LinkStatus(
            self.name, self.protocol, self.url, self._state,
            sentence(self._state, self.name, self.url, self._detail, self._timing.silent),
            self._since_us, self._connection, _age(now, self._last_bytes_us),
            self._last_frame_at_us, _age(now, self._last_frame_us),
            self._received, self._frames, self._passings, tuple(sorted(self._rejected.items())),
            max(0, self._connection - 1), self._dropped, self._crashes,
            self._capture.trouble if self._capture else "")

    def send(self, data: bytes, connection: int | None = None) -> bool:
        """Queue ``data`` for the decoder, from the event loop. False when ``connection`` (default: any) is gone."""
        if not data:
            return True
        gone = not self._open or (connection is not None and connection != self._connection)
        if gone or len(self._outgoing) >= self.SEND_QUEUE:
            self._dropped += 1
            return False
        self._outgoing.append(data)
        self._outgoing_ready.set()
        return True

    async def run(self) -> None:
        """Keep the link alive until cancelled."""
        try:
            self._tell()
            while True:
                try:
                    await self._connect_and_serve()
                except Exception:  # a bug in one link must not take the others along; logged here and nowhere else
                    self._crashes += 1
                    log.exception("link crashed", link=self.name, url=self.url)
                    self._turn("crashed", CRASHED)
                if self._state != "silent":
                    await self._clock.sleep(self._backoff())
        finally:
            if self._capture and self._capture.waiting:
                self._capture.write(self._capture.take())

    async def _connect_and_serve(self) -> None:
        try:
            transport = await self._opener(self.url)
        except LinkDown as error:
            self._turn("lost", str(error))
            return
        codec = self._open_codec()
        self._connection += 1
        self._quiet_from_us = self._clock.monotonic_us()
        self._streak = 0
        before = self._received
        self._outgoing.clear()
        self._outgoing_ready.clear()
        self._open = True
        self._turn("opened")
        try:
            self.send(codec.greeting())
            ended = await self._serve(transport, codec)
        finally:
            self._open = False
            transport.close()
        if self._received > before:
            self._failures = 0
        if ended:
            self._turn("lost", ended)
        self._deliver(codec.close(), codec)

    async def _serve(self, transport: Transport, codec: Codec) -> str:
        """Read until the connection ends. Returns why in words, "" when it is to be opened afresh after silence."""
        async with asyncio.TaskGroup() as group:
            jobs = [self._read(transport, codec), self._write(transport), self._watch(codec)]
            if self._capture:
                jobs.append(self._flush(self._capture))
            tasks = [group.create_task(job) for job in jobs]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ended = [task.result() for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
        return ended[0]

    async def _read(self, transport: Transport, codec: Codec) -> str:
        while True:
            try:
                data = await transport.read()
            except LinkDown as error:
                return str(error)
            if not data:
                return "It closed the connection."
            self._last_bytes_us = self._quiet_from_us = self._clock.monotonic_us()
            self._received += len(data)
            if self._capture:
                self._capture.append(self._clock.wall_us(), data)
            if self._state != "reading":
                self._turn("bytes")
            self._deliver(codec.receive(data), codec)

    def _deliver(self, frames: Sequence[Frame], codec: Codec) -> None:
        if not frames:
            return
        sound = 0
        for frame in frames:
            if not isinstance(frame, Rejected):
                sound += 1
                if isinstance(frame, Passing):  # a status in between does not bring the damaged passing through
                    self._streak = 0
                    self._passings += 1
                continue
            self._rejected[frame.reason] += 1
            if frame.reason != "noise":  # noise between frames is no reading of a passing: never acknowledge it
                self._streak += 1
                self.send(codec.acknowledge_rejected(self._streak))
        if sound:
            self._frames += sound
            self._last_frame_us = self._last_bytes_us
            self._last_frame_at_us = self._clock.wall_us()
        self._sink.frames(self.name, frames, self._connection)

    async def _write(self, transport: Transport) -> str:
        while True:
            await self._outgoing_ready.wait()
            self._outgoing_ready.clear()
            data = b"".join(self._outgoing)
            self._outgoing.clear()
            try:
                await transport.write(data)
            except LinkDown as error:
                return str(error)

    async def _watch(self, codec: Codec) -> str:
        """Poll, notice silence, and end the connection after too much of it."""
        timing = self._timing
        poll_at = self._clock.monotonic_us() + _us(timing.poll)
        while True:
            quiet_at = self._quiet_from_us + _us(timing.silent if self._state == "reading" else timing.reconnect)
            await self._clock.sleep(max(0, min(poll_at, quiet_at) - self._clock.monotonic_us()) / 1e6)
            now = self._clock.monotonic_us()
            if now >= poll_at:
                self.send(codec.poll())
                poll_at = now + _us(timing.poll)
            if now - self._quiet_from_us >= _us(timing.reconnect):
                self._turn("quiet")
                return ""
            if now - self._quiet_from_us >= _us(timing.silent):
                self._turn("quiet")

    def _turn(self, event: Event, detail: str = "") -> None:
        state = TRANSITIONS[self._state, event]
        changed = (state, detail) != (self._state, self._detail)
        if state != self._state:
            self._since_us = self._clock.wall_us()
        self._state, self._detail = state, detail
        if changed:
            self._tell()

    def _tell(self) -> None:
        if self._on_state:
            self._on_state(self.status())

    def _backoff(self) -> float:
        """Seconds until the next attempt: doubling up to the most, reset once bytes come."""
        wait = min(self._timing.backoff_most, self._timing.backoff_first * float(1 << min(self._failures, 16)))
        self._failures += 1
        return wait * (1 - self._timing.jitter * self._rng.random())

    async def _flush(self, capture: CaptureRing) -> str:
        while True:
            await self._clock.sleep(self._timing.flush)
            if capture.waiting:
                await asyncio.to_thread(capture.write, capture.take())


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _age(now_us: int, then_us: int | None) -> int | None:
    return None if then_us is None else max(0, now_us - then_us)
