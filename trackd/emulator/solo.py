"""An AiM Solo on the wire: a folder of recordings behind TCP port 2000, answers to probes on UDP port 36002.

    solo = Solo(folder, "127.0.0.2", faults=["cut"])
    await solo.start()

It answers the four commands that read and says of any other that there is no such thing; ``refused`` keeps those. It
keeps silent where a real one does: before the hello, and to everything but INFO until it has been told the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from trackd.core.errors import BadInput, Fault, LinkDown
from trackd.emulator.solo_faults import SoloFaults
from trackd.emulator.solo_told import Identity, device_info, listing, part, probe_answer, served
from trackd.protocols import aim_wifi as wire
from trackd.protocols.aim_wifi import Command, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

KEPT = 100_000
"""The most commands and pulls remembered."""

LEAVING_S = 0.1
"""How long a client may take to leave before the next is told that the unit is busy."""


@dataclass
class _Visit:
    """One connection: how far the conversation is, and what is being pulled."""

    writer: asyncio.StreamWriter
    decoder: wire.Decoder = field(default_factory=wire.Decoder)
    greeted: bool = False
    informed: bool = False           # it has been told the time
    listed: bool = False             # the list was asked for once
    body: bytes | Path = b""
    size: int = 0
    first: bool = True               # nothing of the body has been pulled yet
    silent: bool = False


class _Ends(Exception):
    """The unit closes the connection."""


class Solo(asyncio.DatagramProtocol):
    """One unit serving the files of a folder. Ports may be 0 for any free one; ``start`` sets them.

    ``asked`` logs every command, ``refused`` those beyond the four; ``pulls`` every part of a file sent, as (name,
    offset); ``told`` is the UTC and local time it was last told. Raises BadInput for a folder that is none and an
    unknown fault.
    """

    def __init__(self, files: Path, host: str = "127.0.0.1", tcp_port: int = wire.TCP_PORT, udp_port: int = wire.UDP_PORT,
                 *, faults: Iterable[str] = (), seed: int = 0, identity: Identity | None = None) -> None:
        if not files.is_dir():
            raise BadInput(Fault("--files", f"{files} is not a folder"))
        self.files, self.host, self.tcp_port, self.udp_port = files, host, tcp_port, udp_port
        self.identity = identity or Identity()
        self.asked: deque[tuple[int, int]] = deque(maxlen=KEPT)
        self.refused: list[tuple[int, int]] = []
        self.pulls: deque[tuple[str, int]] = deque(maxlen=KEPT)
        self.told: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        self.sessions = 0
        self._faults = SoloFaults(faults, seed)
        self._visit: _Visit | None = None
        self._gone = False
        self._left = asyncio.Event()     # the client has
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._radio: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Be there. Raises LinkDown when the address or one of the ports cannot be used."""
        radio = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        radio.setblocking(False)
        try:
            if sys.platform == "linux":  # what looks for units from this very machine has the same port at all addresses
                radio.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            radio.bind((self.host, self.udp_port))
            self._server = await asyncio.start_server(self._joined, self.host, self.tcp_port)
            self.tcp_port = self._server.sockets[0].getsockname()[1]
        except OSError as error:
            radio.close()
            raise LinkDown(f"The emulated unit cannot be at {self.host}, TCP port {self.tcp_port} and UDP port "
                           f"{self.udp_port}: {error.strerror or error}.") from error
        self.udp_port = radio.getsockname()[1]
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=radio)

    async def stop(self) -> None:
        """Leave."""
        if self._radio:
            self._radio.close()
        if self._server:
            self._server.close()
            await asyncio.sleep(0)       # who was let in at this moment is in by then
        for writer in self._writers:     # a visit that is told to end before it began closes nothing itself
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            await self._server.wait_closed()

    def disappear(self) -> None:
        """Leave the network until it reappears; who is connected hears nothing more."""
        self._gone = True

    def reappear(self) -> None:
        """Come back to the network after having disappeared."""
        self._gone = False

    # The probes.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The UDP port is open."""
        self._radio = cast("asyncio.DatagramTransport", transport)   # uvloop's is one without saying so

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer whoever asks, unless it hangs or is gone."""
        hangs = self._gone or (self._visit is not None and self._visit.silent)
        if data == wire.PROBE and not hangs and self._radio:
            self._radio.sendto(probe_answer(self.identity), addr)

    # The session.

    def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = _Visit(writer, silent=self._gone)
        mine = False
        try:
            mine = not self._faults.strikes("busy") and await self._free()
            if not mine:
                return
            self._visit = visit
            self.sessions += 1
            while data := await reader.read(65_536):
                for packet in visit.decoder.receive(data):
                    if isinstance(packet, wire.Packet) and not (visit.silent or self._gone):
                        await self._hear(visit, packet)
        except (OSError, _Ends, asyncio.CancelledError):   # cancelled only by stop
            return
        finally:
            if mine:
                self._visit = None
                self._left.set()
            self._writers.discard(writer)
            writer.close()

    async def _free(self) -> bool:
        """Whether there is room for a client; the last one may be about to leave."""
        if self._visit is not None:
            self._left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), LEAVING_S)
        return self._visit is None

    async def _hear(self, visit: _Visit, packet: wire.Packet) -> None:
        offset = wire.read_pull(packet.payload)
        request = wire.read_request(packet)
        if wire.is_hello(packet.payload):
            visit.greeted = True
            await self._say(visit, wire.welcome())
        elif not visit.greeted:
            return
        elif request:
            await self._obey(visit, request)
        elif clock := wire.read_clock(packet.payload):
            await self._learn(visit, clock)
        elif offset is not None and packet.tag == wire.DATA:
            await self._give(visit, offset)

    async def _obey(self, visit: _Visit, request: wire.Request) -> None:
        code = request.code
        self.asked.append(code)
        if code == Command.INFO.value:
            await self._say(visit, wire.reply(code, State.RECEIVED))
            return
        if not visit.informed:
            return                       # a real unit stays silent, too
        if code == Command.PREPARE.value:
            await self._announce(visit, code, b"", 0)
        elif code == Command.LIST.value:
            body = listing(self.files) if visit.listed else b""
            visit.listed = True
            await self._announce(visit, code, body, len(body))
        elif code == Command.READ.value:
            name = request.argument.removeprefix(b"1:/mem/").decode("latin-1")
            path = next((path for path in served(self.files) if path.name == name), None)
            if path and request.argument.startswith(b"1:/mem/"):
                await self._announce(visit, code, path, path.stat().st_size)
            else:
                await self._say(visit, wire.reply(code, State.PENDING) + wire.reply(code, State.NONE))
        else:
            self.refused.append(code)
            await self._say(visit, wire.reply(code, State.NONE))

    async def _learn(self, visit: _Visit, clock: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        """The time was told; who it is can now be pulled."""
        self.told, visit.informed = clock, True
        await self._say(visit, wire.pause())
        body = device_info(self.identity)
        await self._announce(visit, Command.INFO.value, body, len(body))

    async def _announce(self, visit: _Visit, code: tuple[int, int], body: bytes | Path, size: int) -> None:
        visit.body, visit.size, visit.first = body, size, True
        await self._say(visit, wire.reply(code, State.PENDING) + wire.pause() + wire.reply(code, State.READY, size))

    async def _give(self, visit: _Visit, offset: int) -> None:
        """One part of what was announced."""
        if offset >= visit.size:
            return
        if isinstance(visit.body, bytes):
            await self._say(visit, wire.chunk(offset, visit.body[offset:offset + wire.CHUNK]))
            return
        if visit.first and offset and self._faults.strikes("no_resume"):
            offset = 0
        visit.first = False
        data = part(visit.body, offset, wire.CHUNK)
        frame = wire.chunk(offset, data)
        await asyncio.sleep(self._faults.slow_s)
        if offset + len(data) > visit.size // 2:
            await self._fail(visit, frame)
        if visit.silent:
            return
        if self._faults.strikes("wrong_checksum"):
            frame = frame[:-3] + bytes([frame[-3] ^ 1]) + frame[-2:]
        self.pulls.append((visit.body.name, offset))
        await self._say(visit, frame)

    async def _fail(self, visit: _Visit, frame: bytes) -> None:
        """What goes wrong in the middle of a file."""
        if self._faults.strikes("cut"):
            await self._say(visit, frame[:len(frame) // 2])
            raise _Ends
        if self._faults.strikes("disappear"):
            self._gone = visit.silent = True
        if self._faults.strikes("hang"):
            visit.silent = True

    async def _say(self, visit: _Visit, data: bytes) -> None:
        visit.writer.write(data)
        await visit.writer.drain()


async def run_solo(host: str, files: Path, faults: Iterable[str] = (), *, tcp_port: int = wire.TCP_PORT,
                   udp_port: int = wire.UDP_PORT, seed: int = 0, on_ready: Callable[[Solo], None] | None = None) -> None:
    """Be a unit until cancelled; ``on_ready`` is told when it is there. Raises BadInput and LinkDown.

    On the appliance's own machine ``host`` is 127.0.0.2: an address they share would give the answers to probes back to
    the unit.
    """
    solo = Solo(files, host, tcp_port, udp_port, faults=faults, seed=seed)
    await solo.start()
    try:
        if on_ready:
            on_ready(solo)
        await asyncio.Event().wait()
    finally:
        await solo.stop()
