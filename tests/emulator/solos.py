"""What the tests of units share: a folder of recordings, emulated units, whoever looks for them, and sessions."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackd.emulator.solo import Solo
from trackd.links.aim import AimSession, Patience, fetch
from trackd.links.discovery import Discovery

WAITS = Patience(settle=0, connect=60, answer=60, chunk=60, keepalive=0.02, again=0)
"""For what is going to be answered; longer than a test may take, so that nothing passes by waiting."""

GIVES_UP = Patience(settle=0, connect=0.1, answer=0.1, chunk=0.1, keepalive=10, again=0)
"""For what is never going to be answered, and no probe tells."""

WALL_US = 1_795_273_386_000_000      # 2026-11-21 15:03:06 UTC


class WallClock:
    """Our time runs, the wall clock stands."""

    def monotonic_us(self) -> int:
        return 0

    def wall_us(self) -> int:
        return WALL_US

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def recording(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@dataclass
class Paddock:
    """Units and whoever looks for them, taken down together."""

    files: Path
    discovery: Discovery = field(default_factory=lambda: Discovery(["127.0.0.2"], host="127.0.0.1", port=0))
    solos: list[Solo] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)    # of connections a test made by itself

    async def solo(self, *faults: str, host: str = "127.0.0.2", **options: Any) -> Solo:
        solo = Solo(self.files, host, 0, self.discovery.port, faults=faults, **options)
        await solo.start()
        self.solos.append(solo)
        return solo

    def session(self, solo: Solo, **options: Any) -> AimSession:
        return AimSession(solo.host, self.discovery, port=solo.tcp_port,
                          **{"patience": WAITS, "clock": WallClock(), **options})

    async def fetch(self, solo: Solo, name: str, held: bytes = b"", **options: Any) -> bytes:
        """A recording, of which ``held`` is already there."""
        sink = io.BytesIO(held)
        assert await fetch(lambda: self.session(solo, **options), name, sink) == len(sink.getvalue())
        return sink.getvalue()

    async def heard(self, solo: Solo) -> None:
        """Wait until the unit has answered a probe."""
        before = self.discovery.answers(solo.host)
        self.discovery.ask(solo.host)
        await until(lambda: self.discovery.answers(solo.host) > before)


async def until(condition: Callable[[], object]) -> None:
    """Poll for something another task brings about."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def run(files: Path, test: Callable[[Paddock], Awaitable[None]],
        runner: Callable[[Any], Any] = asyncio.run) -> None:
    """Run an async test with a paddock, and take it down."""
    async def main() -> None:
        paddock = Paddock(files)
        await paddock.discovery.start()
        try:
            async with asyncio.timeout(40):
                await test(paddock)
        finally:
            for writer in paddock.writers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in paddock.writers), return_exceptions=True)
            for solo in paddock.solos:
                await solo.stop()
            paddock.discovery.close()

    runner(main())
