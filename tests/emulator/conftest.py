"""A client of the emulator: the real link, with a sink that does what the appliance will do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from trackd.core.records import Frame, Passing, Rejected
from trackd.emulator.decoder import DecoderEmulator
from trackd.links.clock import Timing
from trackd.links.supervisor import LinkSupervisor
from trackd.protocols.registry import open_codec


async def until(condition: Callable[[], object]) -> None:
    """Poll for something another task brings about."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


@dataclass
class Listener:
    """Everything that came over one link. ``ack``: acknowledge passings; ``ask``: ask again for missing numbers."""

    protocol: str
    port: int
    ack: bool = True
    ask: bool = False
    got: list[Frame] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.codec = open_codec(self.protocol)
        self.highest: dict[str | None, int] = {}
        self.link = LinkSupervisor(
            "start-finish", self.protocol, f"tcp://127.0.0.1:{self.port}", lambda: open_codec(self.protocol), self,
            timing=Timing(backoff_first=0.01, backoff_most=0.02), on_state=lambda status: self.ends.append(status.state))
        self.task = asyncio.create_task(self.link.run())

    def frames(self, link_name: str, frames: Sequence[Frame], connection: int) -> None:
        for frame in frames:
            self.got.append(frame)
            if isinstance(frame, Passing) and self.ack:
                self.link.send(self.codec.acknowledge(frame), connection)
            if isinstance(frame, Passing) and self.ask and frame.passing_number is not None:
                highest = self.highest.get(frame.decoder_id, 0)
                if frame.passing_number > highest + 1:
                    self.link.send(self.codec.resend(frame.decoder_id, highest + 1, frame.passing_number - 1), connection)
                self.highest[frame.decoder_id] = max(highest, frame.passing_number)

    @property
    def passings(self) -> list[Passing]:
        return [frame for frame in self.got if isinstance(frame, Passing)]

    @property
    def rejected(self) -> list[Rejected]:
        return [frame for frame in self.got if isinstance(frame, Rejected)]

    async def connected(self) -> None:
        await until(lambda: self.link.status().state == "reading")

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def same(passings: Iterable[Passing]) -> list[tuple[object, ...]]:
    """What every wire carries of a passing."""
    return [(p.decoder_id, p.passing_number, p.transponder, p.rtc_time_us, p.strength, p.hits, p.boot)
            for p in passings]


@dataclass
class Wire:
    """Emulators and listeners of one test, taken down together."""

    emulators: list[DecoderEmulator] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    same = staticmethod(same)
    until = staticmethod(until)

    async def emulator(self, protocol: str, **options: object) -> DecoderEmulator:
        emulator = DecoderEmulator(protocol, **{"speed": 0, "status_period_s": 3600, "repeat_s": 3600, **options})
        self.emulators.append(emulator)
        self.port = await emulator.start()
        return emulator

    async def listener(self, protocol: str, **options: object) -> Listener:
        listener = Listener(protocol, options.pop("port", None) or self.port, **options)
        self.listeners.append(listener)
        await listener.connected()
        return listener


@pytest.fixture(scope="session")
def run():
    """Run an async test with emulators and listeners, and take them down."""

    def runner(test):
        async def main():
            wire = Wire()
            try:
                async with asyncio.timeout(40):
                    await test(wire)
            finally:
                for part in (*wire.listeners, *wire.emulators):
                    await part.stop()

        asyncio.run(main())

    return runner
