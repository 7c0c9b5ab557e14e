"""A recorded day once more: the bytes of a capture, frame by frame, at the pace they once came.

Where the capture has times, they set the pace; raw bytes are paced by the decoder's clock in their passings, with what
stands between two passings spread evenly. Nothing is drawn by chance, so two replays are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trackd.core.records import Frame, Passing, Rejected
from trackd.core.time import HOUR, Micros
from trackd.protocols.registry import open_codec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trackd.emulator.decoder import DecoderEmulator

LONGEST_GAP_US = HOUR
"""A longer jump of the decoder's clock was set by hand or is another day: it takes no time."""

_SPREAD = 10_000
"""Frames between two passings held back to be spread; a longer run goes out at once."""


class Segment(NamedTuple):
    """Bytes up to the end of one frame; ``frame`` is None for noise and what is cut off at the end."""

    at_us: Micros
    data: bytes
    frame: Frame | None


def segments(chunks: Iterable[tuple[int | None, bytes]], protocol: str) -> Iterator[Segment]:
    """Cut a capture into frames with the time each is due, from 0 on. Raises BadInput for an unknown protocol."""
    return _spread(_cut(chunks, protocol))


def _cut(chunks: Iterable[tuple[int | None, bytes]], protocol: str) -> Iterator[tuple[int | None, bytes, Frame | None]]:
    """Byte by byte, because only that tells where a frame ends."""
    codec = open_codec(protocol)
    piece = bytearray()
    at_us = None
    for at_us, chunk in chunks:
        for byte in chunk:
            piece.append(byte)
            frames = [frame for frame in codec.receive(bytes((byte,))) if not isinstance(frame, Rejected)]
            if frames:
                yield at_us, bytes(piece), frames[-1]
                piece.clear()
    if piece:
        yield at_us, bytes(piece), None


def _spread(pieces: Iterable[tuple[int | None, bytes, Frame | None]]) -> Iterator[Segment]:
    now: Micros = 0
    latest: dict[str | None, tuple[Micros, Micros]] = {}   # of the capture's or each decoder's clock: it, and ``now``
    waiting: list[tuple[bytes, Frame | None]] = []
    for at_us, data, frame in pieces:
        waiting.append((data, frame))
        clock, whose = at_us, None
        if clock is None and isinstance(frame, Passing):
            clock, whose = frame.rtc_time_us, frame.decoder_id
        if clock is None and len(waiting) < _SPREAD:
            continue
        step = 0
        if clock is not None and whose in latest:
            before, then = latest[whose]
            step = then + clock - before - now
            if not 0 <= step <= LONGEST_GAP_US:
                step = 0
        for count, (some, what) in enumerate(waiting, 1):
            yield Segment(now + step * count // len(waiting), some, what)
        waiting.clear()
        now += step
        if clock is not None:
            latest[whose] = (clock, now)
    for data, frame in waiting:
        yield Segment(now, data, frame)


async def replay(emulator: DecoderEmulator, chunks: Iterable[tuple[int | None, bytes]]) -> None:
    """Send a capture through the emulator's port, at the emulator's speed."""
    for at_us, data, frame in segments(chunks, emulator.protocol):
        await emulator.until(at_us)
        emulator.relay(data, frame, at_us)
