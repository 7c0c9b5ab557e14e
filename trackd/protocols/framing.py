"""Cutting a byte stream into pieces, and the part of a codec that all wires share.

A stream is cut before every start byte and behind every end byte, and after ``limit`` bytes without either. Where a
cut falls depends on the bytes alone, never on how they arrived: any chunking gives the same pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from trackd.core.records import Frame, Passing, Record, Rejected, Status

Decoded = Passing | Status | Record | str
"""What one piece is: a frame, or the reason why it is none."""


class Wire:
    """How frames stand in a stream: the bytes that may start one, the byte that ends one, the longest piece kept.

    With ``nested`` a start byte inside a frame is data; else it means that the frame before it was cut off.
    """

    __slots__ = ("end", "limit", "pattern", "starts")

    def __init__(self, starts: bytes, end: bytes, limit: int, *, nested: bool = False) -> None:
        self.starts, self.end, self.limit = starts, end[0], limit
        begin, stop = re.escape(starts), re.escape(end)
        body, noise = f"{{0,{limit - 2}}}".encode(), f"{{0,{limit - 1}}}".encode()
        if nested:
            rule = rb"[%b][^%b]%b%b?|[^%b%b]%b%b?" % (begin, stop, body, stop, begin, stop, noise, stop)
        else:
            rule = rb"[%b]?[^%b%b]%b%b?" % (begin, begin, stop, body, stop)
        self.pattern = re.compile(rule)

    def fault(self, piece: bytes) -> str | None:
        """Why a piece cannot be a frame: noise, length (cut off) or overflow; None when it has both ends."""
        if piece[0] not in self.starts:
            return "noise"
        if piece[-1] == self.end and len(piece) > 1:
            return None
        return "overflow" if len(piece) >= self.limit - 1 else "length"


class Cutter:
    """Collects a stream and gives back the pieces of it that are settled; keeps at most one piece."""

    __slots__ = ("_end", "_findall", "_tail")

    def __init__(self, wire: Wire) -> None:
        self._findall, self._end, self._tail = wire.pattern.findall, wire.end, b""

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces that ``data`` settles. The last one stays here until its end, or something after it, comes."""
        pieces: list[bytes] = self._findall(self._tail + data)
        pieces.pop()  # the pattern also matches the nothing at the end
        self._tail = pieces.pop() if pieces and pieces[-1][-1] != self._end else b""
        return pieces

    def rest(self) -> bytes:
        """What was left, forgotten here."""
        tail, self._tail = self._tail, b""
        return tail


class WireCodec:
    """A codec made of a wire and a function from one piece to a frame. What a wire cannot say is b""."""

    name: ClassVar[str]

    def __init__(self, wire: Wire, decode: Callable[[bytes], Decoded]) -> None:
        self._cutter = Cutter(wire)
        self._decode = decode
        self._offset = 0

    def receive(self, data: bytes) -> list[Frame]:
        """Accept any slice of the byte stream and return the frames it completes, in order."""
        return self._frames(self._cutter.feed(data))

    def close(self) -> list[Frame]:
        """The stream has ended: what is left of the buffer, as a rejected frame."""
        rest = self._cutter.rest()
        return self._frames([rest]) if rest else []

    def _frames(self, pieces: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        offset, decode = self._offset, self._decode
        for piece in pieces:
            frame = decode(piece)
            frames.append(Rejected(self.name, frame, offset, piece) if isinstance(frame, str) else frame)
            offset += len(piece)
        self._offset = offset
        return frames

    def greeting(self) -> bytes:
        """Nothing to say after connecting."""
        return b""

    def poll(self) -> bytes:
        """The decoder speaks by itself."""
        return b""

    def acknowledge(self, passing: Passing) -> bytes:  # noqa: ARG002 - the codec interface names it
        """The wire knows no acknowledgement."""
        return b""

    def acknowledge_rejected(self, streak: int) -> bytes:  # noqa: ARG002 - the codec interface names it
        """The wire knows no acknowledgement."""
        return b""

    def resend(self, decoder_id: str | None, first: int, last: int,  # noqa: ARG002 - the codec interface names them
               boot: str | None = None) -> bytes:  # noqa: ARG002 - the codec interface names it
        """The wire cannot ask again."""
        return b""


def line_text(piece: bytes) -> bytes:
    """A line without its LF or CR LF."""
    return piece[:-2] if piece.endswith(b"\r\n") else piece[:-1]
