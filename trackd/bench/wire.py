"""Decoding: how many P3 frames a second of CPU turns into passings."""

from __future__ import annotations

import time
from pathlib import Path

from trackd.bench.figures import Figure
from trackd.bench.race import race
from trackd.core.records import Passing, Rejected
from trackd.protocols.p3 import Codec

CHUNK = 4096
DAMAGED_EVERY = 1000


async def decode(_: Path, *, quick: bool) -> list[Figure]:
    """Frames with their checksums checked: every thousandth is damaged and must be told apart."""
    frames = [bytearray(sent.frame) for sent in race(50, 20_000 if quick else 200_000, rtc_us=1_700_000_000_000_000)]
    for frame in frames[::DAMAGED_EVERY]:
        frame[20] ^= 0x01
    stream = b"".join(frames)
    codec, passings, rejected = Codec(), 0, 0
    began = time.process_time()
    for at in range(0, len(stream), CHUNK):
        for found in codec.receive(stream[at:at + CHUNK]):
            passings += isinstance(found, Passing)
            rejected += isinstance(found, Rejected)
    per_s = len(frames) / (time.process_time() - began)
    damaged = len(frames[::DAMAGED_EVERY])
    told = passings == len(frames) - damaged and rejected >= damaged
    return [Figure("P3 decode, checksums checked", ">= 200,000 frames per CPU second",
                   f"{per_s:,.0f} frames" + ("" if told else f", {passings} passings and {rejected} rejected are wrong"),
                   told and per_s >= 200_000)]
