"""NMEA 0183: what GPS receivers say. RMC tells place, speed and day, GGA place and quality; one moment's are joined.

A sentence whose checksum is wrong or missing is left out and counted, whatever it holds. Other kinds are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, nan

import numpy as np

from trackd.core.time import SECOND, micros
from trackd.gps.readers.columns import DAY_S, MPS, Columns, cleaned, number, over_midnight, seconds_of_day
from trackd.gps.trace import Array, Recording, Unreadable

_SENTENCE = re.compile(rb"\$([^$*\r\n]{1,120})\*([0-9A-Fa-f]{2})")
MEASURED = {"1", "2", "3", "4", "5", "9"}
"""Qualities of GGA that are measured; 0 is none, 6 estimated, 7 typed in, 8 simulated."""


@dataclass(slots=True)
class _Moment:
    """What the sentences of one time of day tell."""

    hhmmss: float
    lat: float = nan
    lon: float = nan
    speed_kn: float = nan
    course: float = nan
    satellites: float = nan
    day_s: float = nan


def read(data: bytes) -> Recording:
    """One NMEA file; its times are UTC where an RMC tells the day.

    Raises Unreadable where it holds no sound RMC or GGA sentences.
    """
    moments: list[_Moment] = []
    good = 0
    for found in _SENTENCE.finditer(data):
        body, checksum = found.groups()
        if _sum(body) != int(checksum, 16):
            continue
        good += 1
        cells = body.decode("latin-1").split(",")
        kind = cells[0][2:]
        if (kind == "RMC" and len(cells) > 9) or (kind == "GGA" and len(cells) > 7):
            hhmmss = number(cells[1])
            if not moments or moments[-1].hhmmss != hhmmss:
                moments.append(_Moment(hhmmss))
            (_rmc if kind == "RMC" else _gga)(moments[-1], cells)
    if not moments:
        raise Unreadable("It holds no RMC or GGA sentences with a sound checksum.")
    seconds, dated = _seconds(moments)
    sound = cleaned(Columns(
        seconds, _of(moments, "lat"), _of(moments, "lon"), _of(moments, "speed_kn") * MPS["knots"],
        channels={"heading_deg": _of(moments, "course"), "satellites": _of(moments, "satellites")}))
    bad = data.count(b"$") - good
    faults = (f"Sentences left out because their checksum is wrong or missing: {bad}.",) if bad else ()
    return Recording(sound.trace, "nmea", utc_us=sound.zero_us if dated else None,
                     faults=(*faults, *sound.faults), channels=sound.channels)


def _sum(body: bytes) -> int:
    """All bytes exclusive-or, folded in halves."""
    folded = int.from_bytes(body, "big")
    for half in (512, 256, 128, 64, 32, 16, 8):
        folded ^= folded >> half
    return folded & 0xFF


def _rmc(moment: _Moment, cells: list[str]) -> None:
    """$xxRMC, time, A or V, latitude, N or S, longitude, E or W, knots, course, ddmmyy."""
    if cells[2] != "A":                                    # without a fix not even the day is known
        return
    moment.lat, moment.lon = _degrees(cells[3], cells[4], "NS"), _degrees(cells[5], cells[6], "EW")
    moment.speed_kn, moment.course = number(cells[7]), number(cells[8])
    try:
        day, month, year = int(cells[9][:2]), int(cells[9][2:4]), int(cells[9][4:6])
        moment.day_s = micros(datetime(2000 + year, month, day, tzinfo=UTC)) / SECOND
    except ValueError:
        moment.day_s = nan


def _gga(moment: _Moment, cells: list[str]) -> None:
    """$xxGGA, time, latitude, N or S, longitude, E or W, quality, satellites."""
    moment.satellites = number(cells[7])
    if cells[6] in MEASURED and not isfinite(moment.lat):
        moment.lat, moment.lon = _degrees(cells[2], cells[3], "NS"), _degrees(cells[4], cells[5], "EW")


def _degrees(cell: str, side: str, sides: str) -> float:
    """(d)ddmm.mmmm and its side as degrees, south and west negative; NaN where it is none."""
    whole, minutes = divmod(number(cell), 100)
    if side not in tuple(sides) or not (whole >= 0 and minutes < 60):
        return nan
    return (whole + minutes / 60) * (1 if side == sides[0] else -1)


def _of(moments: list[_Moment], name: str) -> Array:
    return np.array([getattr(moment, name) for moment in moments])


def _seconds(moments: list[_Moment]) -> tuple[Array, bool]:
    """Seconds since 1970 of each moment (n,), and whether a day is told at all. A moment without a day of its own goes on
    from the last that has one; those before the first go back from it.
    """
    of_day = seconds_of_day(_of(moments, "hhmmss"))
    running = over_midnight(of_day)
    start = _of(moments, "day_s") + of_day - running       # what each told day makes of the running time's zero
    told = np.flatnonzero(np.isfinite(start))
    if not len(told):
        return running, False
    latest = np.searchsorted(told, np.arange(len(start)), side="right") - 1
    return running + np.round(start[told[np.maximum(latest, 0)]] / DAY_S) * DAY_S, True
