"""What every codec offers, so that links need not know which wire they carry.

    codec = open_codec("p3")
    for frame in codec.receive(chunk): ...

A codec is the appliance's side of a wire. The decoder's side (for the emulator) stands beside each codec as a
``Station``: it renders frames to bytes and understands the requests a client may send.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trackd.core.records import Frame, Passing, Status


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks of a decoder: ``kind`` is resend, ack, repeat, status, time, version or unknown."""

    kind: str
    first: int = 0
    last: int = 0
    decoder_id: str | None = None
    boot: str | None = None


class Codec(Protocol):
    """The appliance's side of a wire. Never raises on any bytes; keeps at most a bounded buffer."""

    name: str

    def receive(self, data: bytes) -> list[Frame]:
        """Accept any slice of the byte stream and return the frames it completes, in order."""

    def close(self) -> list[Frame]:
        """The stream has ended: what is left of the buffer, as a rejected frame."""

    def greeting(self) -> bytes:
        """What to send once after connecting (b"" for nothing)."""

    def poll(self) -> bytes:
        """What to send every status period to a decoder that only answers when asked (b"" for nothing)."""

    def acknowledge(self, passing: Passing) -> bytes:
        """What to send once the passing is durable (b"" where the wire knows no acknowledgement)."""

    def acknowledge_rejected(self, streak: int) -> bytes:
        """What to send after the ``streak``-th damaged frame in a row, so that a stop-and-wait queue never jams.

        Noise between frames does not count: it stands for no passing that could be let go.
        """

    def resend(self, decoder_id: str | None, first: int, last: int, boot: str | None = None) -> bytes:
        """The request for passings ``first`` to ``last`` (inclusive), b"" where the wire cannot."""


class Station(Protocol):
    """The decoder's side of a wire, for the emulator and for tests."""

    name: str

    def passing(self, passing: Passing) -> bytes:
        """The bytes a decoder sends for this passing."""

    def status(self, status: Status) -> bytes:
        """The bytes a decoder sends as a sign of life."""

    def requests(self, data: bytes) -> list[Request]:
        """Accept any slice of what a client sends and return the requests it completes."""

    def answer(self, request: Request, now_us: int) -> bytes:
        """The reply to a request that needs no stored passings (version, time, status); ``now_us`` is its clock."""
