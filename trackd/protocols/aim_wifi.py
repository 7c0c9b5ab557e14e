"""AiM Solo 2 and MyChron units over Wi-Fi, TCP port 2000: frames and commands, both sides of the wire.

Only reading can be said: a request is made from a ``Command``, and that has the four members a reader needs. The unit
knows others, one of which deletes recordings; there is no way to write them here.
Source: a captured session with a MyChron5S (55 checksums hold) and public descriptions (PROTOCOLS 9).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from struct import Struct, pack, unpack_from
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput, Fault

if TYPE_CHECKING:
    from datetime import datetime

TCP_PORT, UDP_PORT = 2000, 36002
PROBE = b"aim-ka"
"""What is sent by UDP, to find units and to keep a session alive."""

CHUNK = 32_704
"""The most bytes of a body one frame carries."""

MOST = 65_536
"""The longest payload believed; twice what was ever seen."""

DATA, COMMAND = b"STCP", b"STNC"
"""The two tags: a client's new command, and everything else."""

_HEADER = Struct("<2s4sI2s")     # "<h" tag length NUL ">"
_TRAILER = Struct("<1s4sH1s")    # "<" tag sum ">"
_COMMAND = Struct("<8xHH4xI4xI4x32s")
_REQUEST = 0x0001                # what stands in the place of the status in a request; some units need it
_INFO_SIZE = 0x40                # the size the vendor's program writes into the first request
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,23}")   # 1:/mem/ + name + NUL fill the 32 bytes of the argument


class Command(Enum):
    """All that trackd can ask of a unit, as (command, sub-command). None of them changes a recording."""

    INFO = (0x10, 0x01)          # who it is; must come first and is followed by the clock record
    PREPARE = (0x51, 0x02)       # get the list of recordings ready
    LIST = (0x24, 0x02)          # the list
    READ = (0x02, 0x04)          # a file


class State(IntEnum):
    """What a unit says to a command."""

    RECEIVED = 0x0A01
    PENDING = 0x0A09
    READY = 0x0A11               # the size is valid, the body is waiting to be pulled
    NONE = 0x0A1D                # there is no such thing


@dataclass(frozen=True, slots=True)
class Packet:
    """A sound frame. Its payload may hold an owner's name and password and so never shows itself."""

    tag: bytes
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A frame that is none: ``checksum``, or ``length`` when its end is not where its header says."""

    reason: str
    size: int                    # of its payload in bytes, as the header says


@dataclass(frozen=True, slots=True)
class Request:
    """A command as it arrives at a unit."""

    code: tuple[int, int]
    argument: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A unit's answer to the command ``code``; ``size`` in bytes counts where the state is READY."""

    code: tuple[int, int]
    state: int
    size: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a body, and where in it it belongs."""

    offset: int
    data: bytes = field(repr=False)


class Decoder:
    """Finds frames in a byte stream. Keeps at most one frame; never raises on any bytes.

    ``noise`` counts the bytes that belonged to no frame.
    """

    __slots__ = ("_buffer", "noise")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.noise = 0

    def receive(self, data: bytes) -> list[Packet | Damaged]:
        """Accept any slice of the stream and return the frames it completes, in order."""
        self._buffer += data
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self) -> Packet | Damaged | None:
        buffer = self._buffer
        while self._aligned():
            _, tag, size, end = _HEADER.unpack_from(buffer)
            if tag not in (DATA, COMMAND) or end != b"\0>" or size > MOST:
                self._skip(2)
                continue
            total = _HEADER.size + size + _TRAILER.size
            if len(buffer) < total:
                return None
            first, again, checksum, last = _TRAILER.unpack_from(buffer, _HEADER.size + size)
            if (first, again, last) != (b"<", tag, b">"):
                self._skip(2)    # cut off: the next frame may stand in what was taken for its payload
                return Damaged("length", size)
            payload = bytes(buffer[_HEADER.size:_HEADER.size + size])
            del buffer[:total]
            return Packet(tag, payload) if sum(payload) & 0xFFFF == checksum else Damaged("checksum", size)
        return None

    def _aligned(self) -> bool:
        """Skip to where a frame may begin; False while its header is not whole."""
        start = self._buffer.find(b"<h")
        if start < 0:
            start = len(self._buffer) - self._buffer.endswith(b"<")
        if start:
            self._skip(start)
        return len(self._buffer) >= _HEADER.size

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self.noise += count


def _frame(tag: bytes, payload: bytes) -> bytes:
    return (_HEADER.pack(b"<h", tag, len(payload), b"\0>") + payload
            + _TRAILER.pack(b"<", tag, sum(payload) & 0xFFFF, b">"))


# The client's side.

def hello() -> bytes:
    """The first thing to say."""
    return _frame(DATA, b"\0\0\0\0\x06\x08\0\0")


def is_welcome(payload: bytes) -> bool:
    """True for a unit's answer to ``hello``."""
    return len(payload) == 8 and payload[4:6] == b"\x06\x09"


def request(command: Command, argument: bytes = b"") -> bytes:
    """A command with its argument of at most 32 bytes."""
    if not isinstance(command, Command) or len(argument) > 32:
        raise ValueError("a request is one of the four commands and at most 32 bytes")
    size = _INFO_SIZE if command is Command.INFO else 0
    return _frame(COMMAND, _COMMAND.pack(*command.value, size, _REQUEST, argument))


def file_path(name: str) -> bytes:
    """Where a recording lies on the unit, as the argument of READ. Raises BadInput for a name the wire cannot carry."""
    if not _PATH.fullmatch(name):
        raise BadInput(Fault("name", "a recording on a unit has a name of at most 24 letters, digits, _ - and dots"))
    return b"1:/mem/" + name.encode()


def clock_record(utc: datetime, local: datetime) -> bytes:
    """The time, which the unit expects at once after it has received INFO; it sets its clock by it (to the minute)."""
    def parts(when: datetime) -> bytes:
        return pack("<6I", when.year, when.month, when.day, when.hour, when.minute, 0)

    return _frame(DATA, bytes(12) + parts(utc) + bytes(8) + parts(local))


def pull(offset: int) -> bytes:
    """Ask for the part of the body at ``offset`` bytes."""
    return _frame(DATA, pack("<I", offset))


def read_reply(payload: bytes) -> Reply | None:
    """A payload as an answer to a command, or None when it is none."""
    if len(payload) != _COMMAND.size:
        return None
    command, sub, size, state, _ = _COMMAND.unpack(payload)
    return Reply((command, sub), state, size) if state >> 8 == 0x0A else None


def read_chunk(payload: bytes) -> Chunk | None:
    """A payload as part of a body; None for the empty ones that come in between."""
    return Chunk(unpack_from("<I", payload)[0], payload[4:]) if len(payload) > 4 else None


# The unit's side, for the emulator and for tests.

def welcome() -> bytes:
    """A unit's answer to ``hello``."""
    return _frame(DATA, b"\0\0\0\0\x06\x09\0\0")


def is_hello(payload: bytes) -> bool:
    """True for what a client says first."""
    return len(payload) == 8 and payload[4:6] == b"\x06\x08"


def read_request(packet: Packet) -> Request | None:
    """A frame as a command, whichever it is; None when it is none or lacks the mark of a request."""
    if packet.tag != COMMAND or len(packet.payload) != _COMMAND.size:
        return None
    command, sub, _, state, argument = _COMMAND.unpack(packet.payload)
    return Request((command, sub), argument.rstrip(b"\0")) if state == _REQUEST else None


def reply(code: tuple[int, int], state: State, size: int = 0) -> bytes:
    """A unit's answer to the command ``code``."""
    return _frame(DATA, _COMMAND.pack(*code, size, state, b""))


def read_clock(payload: bytes) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Year, month, day, hour, minute in UTC and local, of the clock record; None for another payload."""
    return (unpack_from("<5I", payload, 12), unpack_from("<5I", payload, 44)) if len(payload) == 68 else None


def read_pull(payload: bytes) -> int | None:
    """The offset a client asks for, or None."""
    return int(unpack_from("<I", payload)[0]) if len(payload) == 4 else None


def chunk(offset: int, data: bytes) -> bytes:
    """Part of a body."""
    return _frame(DATA, pack("<I", offset) + data)


def pause() -> bytes:
    """The empty frame units put between others."""
    return _frame(DATA, bytes(4))
