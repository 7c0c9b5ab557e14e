"""The emulated decoder's network port: who is connected, and what each is still to be sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING

from trackd.core.errors import LinkDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from trackd.protocols.codec import Request, Station

ROOM = 256
"""Frames waiting for a client beyond which a replay as fast as possible waits for it."""

MOST = 100_000
"""Frames waiting beyond which a client that reads nothing is let go."""


class Client:
    """A connection. ``send`` queues; ``pump`` writes until the connection ends."""

    def __init__(self, writer: asyncio.StreamWriter, station: Station) -> None:
        self.station = station
        self.offered: deque[tuple[int, float]] = deque(maxlen=1000)   # held passings sent and not answered, and when
        self._writer = writer
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._wanted = asyncio.Event()
        self._moved = asyncio.Event()
        raw: socket.socket | None = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes, split: bool = False) -> None:
        """Queue a frame; ``split`` writes each of its bytes by itself."""
        self._queue.append((data, split))
        self._wanted.set()
        if len(self._queue) > MOST:
            self.close()

    def close(self) -> None:
        """Write what is queued and close; the connection's task ends by itself."""
        with contextlib.suppress(OSError, RuntimeError):  # already gone
            self._writer.write(b"".join(data for data, _ in self._queue))
        self._queue.clear()
        self._moved.set()
        self._writer.close()

    def abort(self) -> None:
        """Close without writing what is left."""
        self._writer.transport.abort()

    async def room(self, most: int = ROOM) -> None:
        """Wait until at most ``most`` frames are queued."""
        while len(self._queue) > most:
            self._moved.clear()
            await self._moved.wait()

    async def pump(self) -> None:
        """Write the queue as it fills. Ends with the connection."""
        with contextlib.suppress(OSError):
            while not self._writer.is_closing():
                await self._wanted.wait()
                self._wanted.clear()
                while self._queue and not self._writer.is_closing():
                    data, split = self._queue.popleft()
                    for piece in ([data[n:n + 1] for n in range(len(data))] if split else [data]):
                        self._writer.write(piece)
                        await self._writer.drain()
                        if split:
                            await asyncio.sleep(0)   # lets the reader see each byte by itself where it can
                    self._moved.set()


class Port:
    """A TCP server with any number of clients, each getting all that is sent from its connecting on.

    ``joined`` is called with each new client, ``asked`` with each request it sends.
    """

    def __init__(self, host: str, port: int, open_station: Callable[[], Station],
                 joined: Callable[[Client], None], asked: Callable[[Client, Request], None]) -> None:
        self.host, self.port = host, port
        self.clients: list[Client] = []
        self.somebody = asyncio.Event()          # set once the first client has connected
        self._open_station, self._joined, self._asked = open_station, joined, asked
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen. Returns the port. Raises LinkDown when the address cannot be used."""
        try:
            self._server = await asyncio.start_server(self._let_in, self.host, self.port)
        except OSError as error:
            raise LinkDown(f"The emulator cannot listen on {self.host}:{self.port}: "
                           f"{error.strerror or error}.") from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Close everything; what is queued is still written, except to a client that does not take it."""
        if self._server:
            self._server.close()
        self.disconnect()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        for client in list(self.clients):
            client.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            await self._server.wait_closed()

    def disconnect(self) -> None:
        """Close every connection; new ones are welcome at once."""
        for client in list(self.clients):
            client.close()

    async def room(self, most: int = ROOM) -> None:
        """Wait until no client has more than ``most`` frames queued."""
        for client in list(self.clients):
            await client.room(most)

    def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Known from here on: what is told to end before it began would close nothing."""
        client = Client(writer, self._open_station())
        pump = asyncio.create_task(client.pump())
        self.clients.append(client)
        self.somebody.set()
        self._joined(client)
        self._tasks |= {pump, asyncio.create_task(self._serve(reader, client, pump))}

    async def _serve(self, reader: asyncio.StreamReader, client: Client, pump: asyncio.Task[None]) -> None:
        task = asyncio.current_task()
        try:
            while data := await reader.read(65_536):
                for request in client.station.requests(data):
                    self._asked(client, request)
        except OSError:
            return                               # reset by the client; a real decoder does not mind either
        finally:
            self.clients.remove(client)
            self._tasks.discard(pump)
            if task is not None:
                self._tasks.discard(task)
            client.close()
            pump.cancel()
