"""A clock that moves only when told to, transports made of queues, and a sink that remembers."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from trackd.core.errors import LinkDown
from trackd.core.records import Frame
from trackd.links.capture import CaptureRing
from trackd.links.clock import Timing
from trackd.links.status import LinkStatus
from trackd.links.supervisor import LinkSupervisor
from trackd.protocols.codec import Codec
from trackd.protocols.registry import open_codec

WALL_US = 1_800_000_000_000_000


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(30):
        await asyncio.sleep(0)


class FakeClock:
    """Sleepers wake in order as the test advances the time."""

    def __init__(self) -> None:
        self.now_us = 0
        self.slept: list[float] = []
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def monotonic_us(self) -> int:
        return self.now_us

    def wall_us(self) -> int:
        return WALL_US + self.now_us

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_us + round(seconds * 1e6), len(self.slept), future))
        await future

    async def advance(self, seconds: float) -> None:
        await settle()
        until = self.now_us + round(seconds * 1e6)
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            self.now_us = max(self.now_us, at)
            if not future.done():
                future.set_result(None)
            await settle()
        self.now_us = until


class FakeTransport:
    """A road made of a queue; ``feed(b"")`` is the other side closing, an exception is the road breaking."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.written: list[bytes] = []
        self.closed = False

    def feed(self, *items: bytes | Exception) -> None:
        for item in items:
            self.incoming.put_nowait(item)

    async def read(self) -> bytes:
        item = await self.incoming.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


@dataclass
class Rig:
    """A supervised link with everything around it under the test's control."""

    clock: FakeClock = field(default_factory=FakeClock)
    reachable: bool = True
    transports: list[FakeTransport] = field(default_factory=list)
    states: list[LinkStatus] = field(default_factory=list)
    taken: list[tuple[int, list[Frame]]] = field(default_factory=list)
    link: LinkSupervisor | None = None
    task: asyncio.Task[None] | None = None

    def frames(self, link_name: str, frames: Sequence[Frame], connection: int) -> None:
        assert link_name == "start-finish"
        self.taken.append((connection, list(frames)))

    @property
    def words(self) -> list[str]:
        return [status.state for status in self.states]

    async def _open(self, url: str) -> FakeTransport:
        if not self.reachable:
            raise LinkDown("Nobody is there.")
        self.transports.append(FakeTransport())
        return self.transports[-1]

    async def start(self, protocol: str = "tranx2", *, codec: Callable[[], Codec] | None = None,
                    capture: CaptureRing | None = None, timing: Timing | None = None,
                    opener: Callable[[str], Awaitable[FakeTransport]] | None = None) -> LinkSupervisor:
        self.link = LinkSupervisor(
            "start-finish", protocol, "tcp://192.168.1.50:5403", codec or (lambda: open_codec(protocol)), self,
            on_state=self.states.append, capture=capture, timing=timing or Timing(jitter=0), clock=self.clock,
            opener=opener or self._open, rng=random.Random(1))
        self.task = asyncio.create_task(self.link.run())
        await settle()
        return self.link

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture(scope="session")
def run() -> Callable[[Callable[[Rig], Awaitable[None]]], None]:
    """Run an async test with a rig, and take the rig down afterwards."""

    def runner(test: Callable[[Rig], Awaitable[None]]) -> None:
        async def main() -> None:
            rig = Rig()
            try:
                async with asyncio.timeout(20):
                    await test(rig)
            finally:
                await rig.stop()

        asyncio.run(main())

    return runner
