"""The two roads a decoder's bytes take: ``tcp://host:port`` and ``serial:///dev/ttyUSB0?baud=9600``.

A transport knows nothing of frames. What goes wrong on the road is a ``LinkDown`` in words; b"" from ``read`` means
that the other side closed it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlsplit

from trackd.core.errors import BadInput, Fault, LinkDown

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65_536
"""The most bytes one read returns."""

BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


@dataclass(frozen=True, slots=True)
class LinkUrl:
    """A link's address, checked. ``port`` belongs to tcp; ``device`` and ``baud`` belong to serial."""

    scheme: str
    host: str = ""
    port: int = 0
    device: str = ""
    baud: int = 9600

    @property
    def place(self) -> str:
        """Where it is, as a person says it: ``192.168.1.50:5403`` or ``/dev/ttyUSB0``."""
        if self.scheme == "serial":
            return self.device
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Transport(Protocol):
    """An open road to a decoder."""

    async def read(self) -> bytes:
        """The next bytes, as many as are there; b"" when the other side closed. Raises LinkDown when the road broke."""

    async def write(self, data: bytes) -> None:
        """Send; waits while the other side does not take it. Raises LinkDown."""

    def close(self) -> None:
        """Let go at once; a read in progress ends. May be called twice."""


def parse_url(url: str, where: str = "url") -> LinkUrl:
    """Check a link's address. Raises BadInput with ``where`` as the field's name and all that is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInput(Fault(where, f"'{url}' is not an address ({error})")) from None
    if parts.scheme == "tcp":
        return _tcp_url(url, parts.hostname, port, bool(parts.path.strip("/") or parts.query or parts.username), where)
    if parts.scheme == "serial":
        return _serial_url(url, parts.netloc, parts.path, parts.query, where)
    raise BadInput(Fault(where, f"'{url}' must begin with tcp:// or serial://, "
                                "for example tcp://192.168.1.50:5403 or serial:///dev/ttyUSB0?baud=9600"))


def _tcp_url(url: str, host: str | None, port: int | None, has_more: bool, where: str) -> LinkUrl:
    faults = []
    if not host:
        faults.append(Fault(where, f"'{url}' names no host"))
    if not port:
        faults.append(Fault(where, f"'{url}' names no port from 1 to 65535, for example tcp://192.168.1.50:5403"))
    if has_more:
        faults.append(Fault(where, f"'{url}' has more than tcp://host:port"))
    if faults:
        raise BadInput(*faults)
    return LinkUrl("tcp", host=host or "", port=port or 0)


def _serial_url(url: str, netloc: str, path: str, query: str, where: str) -> LinkUrl:
    faults = []
    if netloc or len(path) < 2:
        faults.append(Fault(where, f"'{url}' names no device; write three slashes, as in serial:///dev/ttyUSB0"))
    baud = 9600
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key != "baud":
            faults.append(Fault(where, f"'{key}' is not a setting of a serial port; only baud is"))
        elif not value.isdecimal() or int(value) not in BAUD_RATES:
            faults.append(Fault(where, f"baud '{value}' is not one of {', '.join(map(str, BAUD_RATES))}"))
        else:
            baud = int(value)
    if faults:
        raise BadInput(*faults)
    return LinkUrl("serial", device=path, baud=baud)


async def open_transport(url: str, timeout_s: float = 4.0) -> Transport:
    """Open the road ``url`` names. Raises BadInput for a wrong address, LinkDown when nobody is there in time."""
    link = parse_url(url)
    if link.scheme == "serial":
        return SerialTransport(link)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(link.host, link.port, limit=CHUNK)
    except TimeoutError:
        raise LinkDown(f"Nothing answers at {link.place} within {timeout_s:g} s.") from None
    except OSError as error:
        raise LinkDown(f"No connection to {link.place}: {_words(error)}.") from error
    return TcpTransport(link, reader, writer)


def _words(error: OSError) -> str:
    """An operating system error without its number, as part of a sentence."""
    known = {
        errno.ECONNREFUSED: "it refuses connections",
        errno.EHOSTUNREACH: "this machine does not find it on the network",
        errno.ENETUNREACH: "this machine has no network to it",
        errno.ENOENT: "no such device",
        errno.EACCES: "this account may not use it",
        errno.EBUSY: "another program uses it",
        errno.EAGAIN: "another program uses it",
    }
    return known.get(error.errno or 0) or (error.strerror or str(error) or type(error).__name__).lower()


class TcpTransport:
    """A TCP connection with keep-alive (a decoder that lost power is noticed) and without delay for small replies."""

    def __init__(self, link: LinkUrl, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        raw: socket.socket | None = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, seconds in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3)):
                if hasattr(socket, option):
                    raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)

    async def read(self) -> bytes:
        """See Transport."""
        try:
            return await self._reader.read(CHUNK)
        except OSError as error:
            raise LinkDown(f"The connection to {self._link.place} broke: {_words(error)}.") from error

    async def write(self, data: bytes) -> None:
        """See Transport."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise LinkDown(f"The connection to {self._link.place} broke: {_words(error)}.") from error

    def close(self) -> None:
        """See Transport."""
        self._writer.close()


class SerialTransport:
    """A serial port, 8N1, read when the event loop sees bytes on it. Raises LinkDown when it cannot be opened."""

    def __init__(self, link: LinkUrl) -> None:
        import serial  # only installations with a serial decoder pay for it

        self._device = link.device
        try:
            self._port = serial.Serial(link.device, link.baud, timeout=0, exclusive=True)
        except serial.SerialException as error:
            raise LinkDown(f"The serial port {link.device} is not there: {_serial_words(error)}. "
                           "Check its cable.") from error
        except OSError as error:
            raise LinkDown(f"The serial port {link.device} cannot be used: {_words(error)}.") from error
        self._fd: int = self._port.fileno()   # -1 once closed: the number may soon belong to another file
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[None]] = set()

    async def read(self) -> bytes:
        """See Transport."""
        while await self._ready(self._loop.add_reader, self._loop.remove_reader):
            try:
                data = os.read(self._fd, CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._unplugged() from error
            if not data:  # ready to read and nothing there: how a vanished port looks
                raise self._unplugged()
            return data
        return b""

    async def write(self, data: bytes) -> None:
        """See Transport."""
        rest = memoryview(data)
        while rest and await self._ready(self._loop.add_writer, self._loop.remove_writer):
            try:
                rest = rest[os.write(self._fd, rest):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._unplugged() from error

    def close(self) -> None:
        """See Transport."""
        if self._fd < 0:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._fd = -1
        for future in self._waiting:
            _wake(future)
        self._port.close()

    async def _ready(self, add: Callable[..., object], remove: Callable[[int], object]) -> bool:
        """Wait until the port can be read or written; False when it is closed from our side."""
        if self._fd < 0:
            return False
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        add(self._fd, _wake, future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if self._fd >= 0:
                remove(self._fd)
        return self._fd >= 0

    def _unplugged(self) -> LinkDown:
        return LinkDown(f"The serial port {self._device} was unplugged.")


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _serial_words(error: OSError) -> str:
    """pyserial wraps the system's error in its own text; the number, where it has one, says it better."""
    return _words(OSError(error.errno, str(error))) if error.errno else str(error).lower().rstrip(".")
