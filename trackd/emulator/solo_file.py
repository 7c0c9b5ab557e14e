"""The file a Solo keeps of an outing: XRK, packed with zlib as on the unit (XRZ).

Messages as the reader of these files knows them (`gps.readers.xrk`): who and when, one position of the receiver each, and
the laps the unit counted. The rest of what a real one holds, dozens of channels of the kart, is left out.
"""

from __future__ import annotations

import math
import struct
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trackd.core.time import SECOND, Micros
from trackd.emulator import course

if TYPE_CHECKING:
    from trackd.emulator.outing import Outing, Sample

EQUATOR_M, SQUARED_ECCENTRICITY = 6_378_137.0, 0.00669437999014
"""WGS84."""

GPS_EPOCH_S, LEAP_S, WEEK_S = 315_964_800, 18, 604_800
MODEL = 0x021E
BEGAN_MS = 5_000
"""The unit's own clock when the recording began: it had been on for a while."""

LINE = course.degrees_at(*course.spot(0)[:2])
CHANNEL = struct.pack("<12xBB2xB7x8s24s8xI4xB39x", 0x12, 0x15, 4, b"MCLK", b"Master Clk", 100_000, 4)
"""The one channel that is declared, in milliseconds every tenth of a second; nothing of it is told."""


def xrz(of: Outing, utc_us: Micros, *, serial: int = 0, vehicle: str = "", driver: str = "", venue: str = "") -> bytes:
    """The file. ``utc_us``: when the recording began."""
    began = datetime.fromtimestamp(utc_us / SECOND, UTC)
    parts = [_message(b"CNF", _message(b"CHS", CHANNEL)), _message(b"RCR", driver.encode() + b"\0"),
             _message(b"VEH", vehicle.encode() + b"\0"), _message(b"TMD", f"{began:%m/%d/%Y}\0".encode()),
             _message(b"TMT", f"{began:%H:%M:%S}\0".encode()), _message(b"idn", struct.pack("<H4xI46x", MODEL, serial)),
             _message(b"TRK", struct.pack("<36sii52x", venue.encode()[:31], *(round(each * 1e7) for each in LINE)))]
    laps = list(enumerate(zip((0, *of.crossed_us), of.crossed_us, strict=False)))
    for each in of.samples:
        while laps and laps[0][1][1] <= each.t_us:
            number, (begin_us, end_us) = laps.pop(0)
            parts.append(_message(b"LAP", struct.pack("<xBHI8xI", 0, number, end_us // 1000 - begin_us // 1000,
                                                      BEGAN_MS + end_us // 1000)))
        parts.append(_message(b"GPS", _position(each, utc_us)))
    return zlib.compress(b"".join(parts), 6)


def _message(token: bytes, payload: bytes, version: int = 1) -> bytes:
    name = token.ljust(4, b"\0")
    return (b"<h" + name + struct.pack("<IB", len(payload), version) + b">" + payload
            + b"<" + name + struct.pack("<H", sum(payload) & 0xFFFF) + b">")


def _position(sample: Sample, utc_us: Micros) -> bytes:
    """What the receiver told (u-blox NAV-SOL), behind the stamp of the unit's own clock."""
    week, second = divmod((utc_us + sample.t_us) / SECOND - GPS_EPOCH_S + LEAP_S, WEEK_S)
    lat, lon = math.radians(sample.lat_deg), math.radians(sample.lon_deg)
    from_axis_m = EQUATOR_M / math.sqrt(1 - SQUARED_ECCENTRICITY * math.sin(lat)**2)
    place = (from_axis_m * math.cos(lat) * math.cos(lon), from_axis_m * math.cos(lat) * math.sin(lon),
             from_axis_m * (1 - SQUARED_ECCENTRICITY) * math.sin(lat))
    velocity = (-sample.speed_mps * math.sin(lon), sample.speed_mps * math.cos(lon), 0.0)   # its size is what is read
    return struct.pack("<iIiHBB3iI3iIHBBI", BEGAN_MS + sample.t_us // 1000, round(second * 1000), 0, int(week), 3, 0x0F,
                       *(round(metres * 100) for metres in place), 60, *(round(mps * 100) for mps in velocity), 20, 140, 2,
                       14, 0)

