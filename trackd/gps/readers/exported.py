"""What trackd itself writes as JSON of a recording or a lap: its trace, read back to the same laps."""

from __future__ import annotations

from datetime import datetime

import msgspec
import numpy as np

from trackd.core.time import SECOND, Micros, micros
from trackd.gps.readers.columns import Columns, cleaned
from trackd.gps.trace import Array, Recording, Unreadable


class _Trace(msgspec.Struct):
    """Columns of the same length; null is what nobody knows."""

    t_us: list[Micros]
    lat_deg: list[float | None]
    lon_deg: list[float | None]
    speed_mps: list[float | None]


class _About(msgspec.Struct):
    """``recorded_at``: when the clock of the trace was 0."""

    device: str | None = None
    recorded_at: datetime | None = None


class _File(msgspec.Struct):
    recording: _About
    trace: _Trace


_file = msgspec.json.Decoder(_File).decode


def read(data: bytes) -> Recording:
    """One export. Raises Unreadable where it is none, or its columns are of different lengths."""
    try:
        told = _file(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"It is no JSON that trackd exports, or damaged: {str(error)[:200]}.") from None
    lat_deg, lon_deg, speed_mps = (_column(each) for each in (told.trace.lat_deg, told.trace.lon_deg, told.trace.speed_mps))
    seconds = np.array(told.trace.t_us, dtype=np.float64) / SECOND
    if not len(seconds) == len(lat_deg) == len(lon_deg) == len(speed_mps):
        raise Unreadable("The columns of its trace are of different lengths.")
    sound = cleaned(Columns(seconds, lat_deg, lon_deg, speed_mps))
    began, about = told.recording.recorded_at, told.recording
    utc_us = micros(began) + sound.zero_us if began is not None and began.tzinfo is not None else None
    return Recording(sound.trace, "trackd", device=about.device or "", utc_us=utc_us, faults=sound.faults)


def _column(values: list[float | None]) -> Array:
    return np.array([np.nan if each is None else each for each in values], dtype=np.float64)
