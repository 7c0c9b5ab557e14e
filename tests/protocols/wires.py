"""What the tests of all wires share: where the captures are, ways to feed a codec, and frames to feed it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trackd.core.records import Frame, Passing, Record, Rejected, Status
from trackd.protocols.codec import Codec
from trackd.protocols.registry import open_codec

CAPTURES = Path(__file__).parents[2] / "../shared/data/passings"

needs_captures = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason="the recordings of real decoders (../shared/data) are not beside the checkout")

NAMES = {"amb_p3": "p3", "amb_p98_text": "p98", "amb_tranx2_text": "tranx2", "chronelec_thbc": "chronelec"}

NOISE = {  # what may come between frames without hurting them, on each wire
    "p3": (b"\r\n", b"\x00\xff\x00", b"\x8f", b"\x8d", b"\x8e\x02\x33", b"\x8e\x8f", b"hello \x8d\xae"),
    "p98": (b"\r\n", b"\x00\xff", b"boot\r\n", b"\x01@\t101\t"),
    "tranx2": (b"\r\n", b"\x00\xff", b"boot\r\n", b"$0900023"),
    "chronelec": (b"\r\n", b"\x00\xff", b"DEPART_", b"<STA 1193"),
    "node": (b"\r\n", b"\x00\xff", b"rst:0x1 (POWERON)\r\n", b"ets Jun  8 2016 "),
}


def vectors() -> list[dict[str, Any]]:
    """The vectors of the reference, each with our name of its wire."""
    if not CAPTURES.is_dir():
        return []
    lines = (CAPTURES / "vectors.jsonl").read_text().splitlines()
    return [vector | {"wire": NAMES[vector["protocol"]]} for vector in map(json.loads, lines)]


def recorded_p3() -> list[bytes]:
    """The 1388 frames of one real AMBrc."""
    return [bytes.fromhex(line) for line in (CAPTURES / "amb_p3_2019.hex").read_text().split()]


def decode(wire: str, chunks: Iterable[bytes]) -> list[Frame]:
    """Everything a fresh codec makes of a stream that then ends."""
    codec: Codec = open_codec(wire)
    frames = [frame for chunk in chunks for frame in codec.receive(chunk)]
    return frames + codec.close()


def one(wire: str, data: bytes) -> Frame:
    """The single frame in ``data``."""
    frames = decode(wire, [data])
    assert len(frames) == 1, frames
    return frames[0]


def sound(frames: Iterable[Frame]) -> list[Passing | Status | Record]:
    """Without what was rejected."""
    return [frame for frame in frames if not isinstance(frame, Rejected)]


def rejected(frames: Iterable[Frame]) -> list[Rejected]:
    """Only what was rejected."""
    return [frame for frame in frames if isinstance(frame, Rejected)]


def random_chunks(data: bytes, seed: int = 1, longest: int = 200) -> Iterator[bytes]:
    """``data`` in pieces of random length."""
    source, at = random.Random(seed), 0
    while at < len(data):
        size = source.randrange(1, longest)
        yield data[at:at + size]
        at += size


def feedings(wire: str, frames: list[bytes]) -> dict[str, list[bytes]]:
    """The same frames whole, byte by byte, in random chunks, and with noise between them."""
    data, noise = b"".join(frames), random.Random(2)
    noisy = b"".join(noise.choice(NOISE[wire]) + frame for frame in frames) + NOISE[wire][1]
    return {
        "whole": [data], "byte by byte": [data[at:at + 1] for at in range(len(data))],
        "random chunks": list(random_chunks(data)), "noise between frames": list(random_chunks(noisy, seed=3)),
    }
