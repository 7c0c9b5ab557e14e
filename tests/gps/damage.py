"""Files as they come back from broken sticks and half downloads, and what may be found in them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trackd.core.time import HOUR
from trackd.gps.layouts import Layout
from trackd.gps.readers import formats
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import LAT_MOST, LON_MOST, Recording, Unreadable

DAY_US = 24 * HOUR
FLIPPED = 2_000
NEAR_US = 50_000
"""A lap of a damaged file that differs by more is another lap."""

LONGEST_S, MOST_BYTES = 20.0, 600_000_000
"""What reading one file may take of the processor and of memory."""


Spoil = Callable[..., bytes]


def overwritten(data: bytes, seed: int, count: int = FLIPPED) -> bytes:
    """Any other value in ``count`` places."""
    rng = np.random.default_rng(seed)
    out = np.frombuffer(data, np.uint8).copy()
    at = rng.integers(0, len(out), min(count, len(out)))
    out[at] = rng.integers(0, 256, len(at))
    return out.tobytes()


def flipped(data: bytes, seed: int, count: int = FLIPPED) -> bytes:
    """One bit turned over in ``count`` bytes: of a digit it often makes another."""
    rng = np.random.default_rng(seed)
    out = np.frombuffer(data, np.uint8).copy()
    at = rng.integers(0, len(out), min(count, len(out)))
    out[at] ^= np.uint8(1) << rng.integers(0, 8, len(at)).astype(np.uint8)
    return out.tobytes()


def spoilt(data: bytes, seed: int) -> bytes:
    """Damaged in any way: bytes flipped or overwritten, a piece lost, written twice, or nulls instead of it."""
    rng = np.random.default_rng(seed)
    count, size = int(10 ** rng.uniform(0, 3)), int(10 ** rng.uniform(1, 5))
    at = int(rng.integers(0, len(data)))
    match int(rng.integers(0, 5)):
        case 0:
            return flipped(data, seed, count)
        case 1:
            return overwritten(data, seed, count)
        case 2:
            return data[:at] + data[at + size:]
        case 3:
            return data[:at + size] + data[at:]
        case _:
            return data[:at] + bytes(size) + data[at + size * (seed % 2):]


def noise(seed: int, size: int = 20_000) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def read(data: bytes, name: str) -> Recording | None:
    """What is sound of a damaged file, None where it is refused; nothing else may happen."""
    begin = time.process_time()
    try:
        recording = formats.read(data, name)
    except Unreadable:
        return None
    finally:
        assert time.process_time() - begin < LONGEST_S
    trace = recording.trace
    assert len(trace) >= 2
    assert np.all(np.diff(trace.t_us) > 0)
    assert np.all(np.isfinite(trace.lat_deg) & np.isfinite(trace.lon_deg))
    assert np.all((np.abs(trace.lat_deg) <= LAT_MOST) & (np.abs(trace.lon_deg) <= LON_MOST))
    for values in (trace.speed_mps, *recording.channels.values()):
        assert len(values) == len(trace)
    return recording


def most_held() -> int:
    """The most bytes this process has held of the machine at once."""
    told = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(told.split()[1]) * 1024


def full(recording: Recording, layout: Layout) -> list[GpsLap]:
    return [lap for lap in segment(recording.trace, layout) if lap.kind == "full"]


def invented(damaged: Recording, sound: Recording, layout: Layout) -> list[GpsLap]:
    """Laps of a damaged file that count for valid and are none of those of the sound file: another time or another moment,
    where both files tell moments alike. The day stands once in the head of a VBO, and nothing vouches for it.
    """
    alike = (damaged.utc_us is None) == (sound.utc_us is None)
    zero_us, sound_zero_us = damaged.utc_us or 0, sound.utc_us or 0
    told = [(lap.time_us, sound_zero_us + lap.start_us) for lap in full(sound, layout)]
    return [lap for lap in full(damaged, layout) if lap.quality == "valid" and not any(
        abs(lap.time_us - time_us) <= NEAR_US and (not alike or _beside_us(zero_us + lap.start_us, moment_us) <= NEAR_US)
        for time_us, moment_us in told)]


def _beside_us(a_us: int, b_us: int) -> int:
    """How far apart two times of day are."""
    return abs((a_us - b_us + DAY_US // 2) % DAY_US - DAY_US // 2)
