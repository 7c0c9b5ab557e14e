"""What ``trackd emulate decoder`` does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput, Fault
from trackd.emulator.decoder import DecoderEmulator
from trackd.emulator.replay import replay
from trackd.emulator.wires import default_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trackd.emulator.scenario import Scenario


def parse_listen(listen: str) -> tuple[str, int]:
    """``HOST:PORT`` (port 0: any free one). Raises BadInput."""
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65_536):
        raise BadInput(Fault("--listen", f"'{listen}' is not HOST:PORT, for example 127.0.0.1:5403"))
    return host.strip("[]"), int(port)


async def run_emulator(protocol: str, listen: str, *, capture: Iterable[tuple[int | None, bytes]] | None = None,
                       scenario: Scenario | None = None, speed: float = 1.0, faults: Iterable[str] = (),
                       on_ready: Callable[[str, int], None] | None = None,
                       on_end: Callable[[DecoderEmulator], None] | None = None, stay: bool = True) -> None:
    """Be a decoder that replays ``capture`` (see links.capture.read_capture) or plays ``scenario``.

    It begins with the first client, so that this one misses nothing, and stays on the wire afterwards until cancelled
    (``stay``). ``on_ready`` is told host and port, ``on_end`` that everything is sent. Raises BadInput and LinkDown.
    """
    if (capture is None) == (scenario is None):
        raise BadInput(Fault("", "give either a capture or a scenario"))
    host, port = parse_listen(listen)
    emulator = DecoderEmulator(
        protocol, host, port, speed=speed, seed=scenario.seed if scenario else 0,
        loops=(scenario.loops if scenario else None) or default_loops(protocol),
        faults=[*faults, *(scenario.faults if scenario else ())])
    try:
        port = await emulator.start(begin=False)
        if on_ready:
            on_ready(host, port)
        await emulator.client_joined()
        emulator.begin()
        if capture is not None:
            await replay(emulator, capture)
        elif scenario is not None:
            await emulator.play(scenario.passings())
        await emulator.drained()
        if on_end:
            on_end(emulator)
        if stay:
            await asyncio.Event().wait()
    finally:
        await emulator.stop()
