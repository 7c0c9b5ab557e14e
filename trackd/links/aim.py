"""Talking to an AiM unit over Wi-Fi: who it is, which recordings it holds, and fetching them.

    async with AimSession("10.0.0.1", discovery) as session:
        for entry in await session.list():
            await session.download(entry.name, sink)

A unit has room for one client, and the drivers' own program wants in too: open, take what is needed, close. Units also
hang: every wait has an end, and every end is a ``LinkDown`` in words.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from io import SEEK_END
from typing import TYPE_CHECKING, BinaryIO, Self

from trackd.core.errors import LinkDown, NotFound
from trackd.core.time import utc
from trackd.links.clock import Clock, SystemClock
from trackd.links.discovery import Discovery, unit_address
from trackd.links.transport import Transport, open_transport
from trackd.protocols import aim_wifi as wire
from trackd.protocols.aim_told import FileEntry, UnitInfo, read_info, read_list
from trackd.protocols.aim_wifi import Command, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

LIST_CACHE = b"0:/tkk/dev.ria"
"""Asked for before the list, as the vendor's program does; normally not there."""

_MOST_BODY = 4_000_000           # of the device information or the list, bytes; seen: 3,225 and 13,490
_MOST_FILE = 512_000_000         # more than a day of driving
_PAUSE = 4                       # the size of the empty frames that come between others
_REPLY_DATA = 60                 # only a chunk with this much data may look like a reply


@dataclass(frozen=True, slots=True)
class Patience:
    """Every waiting time of a session in seconds, and how often it asks again.

    ``settle``, ``keepalive`` and ``missed`` are the reference's (PROTOCOLS 9), as the vendor's program was seen to
    behave. ``answer`` and ``chunk`` are ours: 32 KB in 10 s is slower than any Wi-Fi that is of use.
    """

    settle: float = 0.4          # after connecting: some units miss what is said at once
    connect: float = 4.0         # to be let in, and to be greeted
    answer: float = 20.0         # for a command; a unit may say "pending" meanwhile
    chunk: float = 10.0
    keepalive: float = 1.0       # between probes
    missed: int = 3              # probes without an answer, and no byte either: it hangs
    tries: int = 3               # for a chunk that comes damaged, a list that is empty, a session that brings nothing
    again: float = 1.0           # before a new session after one that broke, or asking again for an empty list


class _DamagedChunk(LinkDown):
    """A frame came whole with a wrong checksum. Of a chunk the unit can be asked again, anything else ends the session:
    what is asked twice may be answered twice, and then answers no longer fit the questions.
    """


class AimSession:
    """One connection to the unit at ``host`` (an IPv4 address), for one thing at a time. ``info`` says who it is.

    ``timezone`` is the track's: the unit sets its clock, UTC and local, by what we say. Entering raises LinkDown;
    so does everything else from then on, and after that the session is of no more use.
    """

    def __init__(self, host: str, discovery: Discovery, *, port: int = wire.TCP_PORT, timezone: tzinfo = UTC,
                 patience: Patience | None = None, clock: Clock | None = None,
                 opener: Callable[[str, float], Awaitable[Transport]] = open_transport) -> None:
        self.host, self.port = unit_address(host), port
        self.info = UnitInfo()
        self._discovery, self._timezone, self._opener = discovery, timezone, opener
        self.patience = patience or Patience()
        self.clock = clock or SystemClock()
        self._decoder = wire.Decoder()
        self._packets: deque[wire.Packet | wire.Damaged] = deque()
        self._transport: Transport | None = None
        self._watch: asyncio.Task[None] | None = None
        self._moved = False              # bytes came since the last probe
        self._greeted = self._hangs = False

    async def __aenter__(self) -> Self:
        self._discovery.ask(self.host)
        try:
            self._transport = await self._opener(f"tcp://{self.host}:{self.port}", self.patience.connect)
            self._watch = asyncio.create_task(self._keep_alive(self._transport))
            await self.clock.sleep(self.patience.settle)
            await self._greet()
            await self._introduce()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def list(self) -> tuple[FileEntry, ...]:
        """The recordings the unit holds, in its order. Raises LinkDown."""
        for _ in range(2):               # once clears what it remembered, once makes the list
            await self._command(Command.PREPARE, b"\xff" * 4)
        size = await self._command(Command.READ, LIST_CACHE)
        entries = read_list(await self._body(size)) if size else None
        for _ in range(self.patience.tries):
            if entries is not None:
                return entries
            if size := await self._command(Command.LIST):    # it may say that 0 bytes are ready at first
                entries = read_list(await self._body(size))
            else:
                await self.clock.sleep(self.patience.again)
        if entries is None:
            raise LinkDown(f"The unit at {self.host} gives no list of its recordings.")
        return entries

    async def download(self, name: str, sink: BinaryIO, offset: int = 0) -> int:
        """Fetch a recording into ``sink``, which already holds its first ``offset`` bytes. Returns its size in bytes.

        Where the unit does not go on at ``offset``, everything is fetched anew. When this returns the file is whole:
        its size is the one the unit told and each checksum was right. Until then ``sink`` holds a sound beginning of
        it. Raises LinkDown, NotFound when the unit has no such recording, BadInput for a name no recording can have.
        """
        size = await self._command(Command.READ, wire.file_path(name))
        if size is None:
            raise NotFound(f"The unit at {self.host} has no recording {name}.")
        self._check(size, _MOST_FILE)
        at = offset if offset <= min(size, sink.seek(0, SEEK_END)) else 0
        may_restart = at > 0
        sink.truncate(at)
        sink.seek(at)
        while at < size:
            chunk = await self._chunk(at, size, may_restart=may_restart)
            if chunk.offset != at:
                sink.truncate(0)
                sink.seek(0)
            await asyncio.to_thread(sink.write, chunk.data)
            at, may_restart = chunk.offset + len(chunk.data), False
        return size

    async def _greet(self) -> None:
        await self._send(wire.hello())
        async with self._within(self.patience.connect):
            while not wire.is_welcome((await self._packet()).payload):
                pass
        self._greeted = True

    async def _introduce(self) -> None:
        """Ask who it is and tell it the time. What it says of its owner ends here."""
        now = utc(self.clock.wall_us())
        size = await self._command(Command.INFO, b"\x01", wire.clock_record(now, now.astimezone(self._timezone)))
        if size:
            self.info = read_info(await self._body(size))

    async def _command(self, command: Command, argument: bytes = b"", received: bytes = b"") -> int | None:
        """Give a command and wait. Returns the size of the body that is ready, None when there is none.

        ``received`` is said at once when the unit has received the command.
        """
        await self._send(wire.request(command, argument))
        async with self._within(self.patience.answer):
            while True:
                reply = wire.read_reply((await self._packet()).payload)
                if reply is None or reply.code != command.value:
                    continue
                if reply.state == State.RECEIVED and received:
                    await self._send(received)
                elif reply.state == State.READY:
                    return reply.size
                elif reply.state == State.NONE:
                    return None

    async def _body(self, size: int) -> bytes:
        self._check(size, _MOST_BODY)
        body = bytearray()
        while len(body) < size:
            body += (await self._chunk(len(body), size)).data
        return bytes(body)

    async def _chunk(self, at: int, size: int, *, may_restart: bool = False) -> wire.Chunk:
        """Pull the part at ``at`` of a body of ``size`` bytes, again when it comes damaged.

        With ``may_restart`` the part at 0 is as welcome.
        """
        for _ in range(self.patience.tries):
            await self._send(wire.pull(at))
            async with self._within(self.patience.chunk):
                while True:
                    try:
                        packet = await self._packet()
                    except _DamagedChunk:
                        break
                    chunk = wire.read_chunk(packet.payload)
                    if chunk is None or (size - at != _REPLY_DATA and wire.read_reply(packet.payload)):
                        continue
                    if chunk.offset + len(chunk.data) <= size and (
                            chunk.offset == at or (may_restart and chunk.offset == 0)):
                        return chunk
        raise self._damage()

    async def _packet(self) -> wire.Packet:
        """The next sound frame. Raises _DamagedChunk for one whose checksum is wrong."""
        assert self._transport
        while True:
            while not self._packets:
                data = await self._transport.read()
                if not data:
                    raise self._ended()
                self._moved = True
                self._packets.extend(self._decoder.receive(data))
            packet = self._packets.popleft()
            if isinstance(packet, wire.Packet):
                return packet
            if packet.reason != "checksum":
                raise self._damage()
            if packet.size > _PAUSE:
                raise _DamagedChunk(str(self._damage()))

    async def _send(self, data: bytes) -> None:
        assert self._transport
        await self._transport.write(data)

    async def _keep_alive(self, transport: Transport) -> None:
        """Probe as long as the session lasts; end it when the unit hangs. One that never answers probes is let be."""
        before, unanswered = self._discovery.answers(self.host), 0
        while True:
            self._discovery.ask(self.host)
            await self.clock.sleep(self.patience.keepalive)
            answers = self._discovery.answers(self.host)
            unanswered = 0 if answers > before or self._moved else unanswered + 1
            before, self._moved = answers, False
            if answers and unanswered >= self.patience.missed:
                self._hangs = True
                transport.close()
                return

    async def _close(self) -> None:
        if self._transport:
            self._transport.close()      # before anything is waited for: who closes may be told to end meanwhile
        self._packets.clear()            # a session that broke may have been in the middle of what concerns the owner
        self._decoder = wire.Decoder()
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise self._silent() from None

    def _check(self, size: int, most: int) -> None:
        if size > most:
            raise LinkDown(f"The unit at {self.host} announces more than it can mean ({size} bytes).")

    def _ended(self) -> LinkDown:
        if self._hangs:
            return self._silent()
        if self._greeted:
            return LinkDown(f"The unit at {self.host} closed the connection.")
        return LinkDown(f"The unit at {self.host} is busy: it talks to one program at a time. "
                        "Close Race Studio where it is open.")

    def _silent(self) -> LinkDown:
        return LinkDown(f"The unit at {self.host} does not answer any more. Bring it nearer; if that does not help, "
                        "switch it off and on.")

    def _damage(self) -> LinkDown:
        return LinkDown(f"What the unit at {self.host} sends arrives damaged. Bring it nearer.")


async def fetch(connect: Callable[[], AimSession], name: str, sink: BinaryIO) -> int:
    """Download over as many sessions as it takes, going on where the last was cut. Returns the size in bytes.

    ``sink`` may already hold the beginning of the recording. Raises as ``download`` does; LinkDown after ``tries``
    sessions in a row that brought nothing. A session that brings nothing beyond what is there starts from scratch
    the next time: not every unit may be able to go on in the middle.
    """
    offset = best = sink.seek(0, SEEK_END)
    failures = 0
    while True:
        session, opened = connect(), False
        try:
            async with session:
                opened = True
                return await session.download(name, sink, offset)
        except LinkDown:
            reached = sink.seek(0, SEEK_END)
            failures = 1 if reached > best else failures + 1
            if failures >= session.patience.tries:
                raise
            best, offset = max(best, reached), 0 if opened and reached == offset else reached
        await session.clock.sleep(session.patience.again)
