"""AiM CSV, as Race Studio exports it and as spreadsheets save it again.

Lines of ``key,value`` come first, then the names of the channels, their units, and rows. Seen: cells quoted and not,
trailing commas, either line ending, semicolons with decimal commas, ``Venue`` or ``Session`` for the place, accuracy in m
or mm. Segment Times are never read: spreadsheets cut them to tenths. The Beacon Markers are what the logger measured.
Date and time of day are the tablet's own, in an unknown zone: no GPS time.
"""

from __future__ import annotations

from itertools import pairwise
from math import isfinite

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.readers.columns import MPS, Columns, cells_of, cleaned, lines_of, number, table
from trackd.gps.trace import Array, DeviceLaps, Recording, Unreadable

NAMES = {"gps latitude": "lat", "gps longitude": "lon", "gps speed": "speed", "gps posaccuracy": "accuracy",
         "rpm": "rpm", "engine rpm": "rpm", "gps heading": "heading_deg", "gps nsat": "satellites"}
CHANNELS = ("rpm", "heading_deg", "satellites")
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048}


def read(data: bytes) -> Recording:
    """One AiM CSV. ``t_us`` 0 is the recording's own zero, so that its Beacon Markers fit.

    Raises Unreadable where it names no GPS channels or holds no sound rows.
    """
    lines = lines_of(data)
    at, separator, names = _names(lines)
    about = {cells[0].lower(): cells[1:] for line in reversed(lines[:at]) if (cells := cells_of(line, separator))}
    units = cells_of(lines[at + 1], separator) if at + 1 < len(lines) else []
    unit = dict(zip(names, units, strict=False))
    wanted = {"time": 0} | {NAMES[name]: place for place, name in reversed(list(enumerate(names))) if name in NAMES}
    rows, between = _rows(lines[at + 1:], separator)
    values, torn = table(rows, between, wanted)
    faults = []
    speed, accuracy = values.get("speed"), values.get("accuracy")
    if speed is not None:
        factor = MPS.get(unit.get("gps speed", "").lower(), np.nan)
        speed = speed * factor
        if not isfinite(factor):
            faults.append("The unit of its speed is not known; speeds were left out.")
    if accuracy is not None:
        accuracy = accuracy * METRES.get(unit.get("gps posaccuracy", "").lower(), np.nan)
    channels: dict[str, Array] = {name: values[name] for name in CHANNELS if name in values}
    sound = cleaned(Columns(values["time"], values["lat"], values["lon"], speed, accuracy, channels), zero_us=0)
    marks, unsound = _marks(about)
    return Recording(
        sound.trace, "aim_csv", driver=_first(about, "racer"), vehicle=_first(about, "vehicle"),
        venue=_first(about, "venue") or _first(about, "session"), device_laps=DeviceLaps(marks_us=marks),
        faults=(*torn, *faults, *unsound, *sound.faults), channels=sound.channels)


def _names(lines: list[str]) -> tuple[int, str, list[str]]:
    """Where the channels are named, what stands between cells, and the names in small letters."""
    for at, line in enumerate(lines):
        if line.lstrip('"')[:4].lower() != "time":         # the time of day is a line of its own above
            continue
        for separator in ",;\t":
            names = [name.lower().replace("_", " ") for name in cells_of(line, separator)]
            if {"gps latitude", "gps longitude"} <= set(names):
                return at, separator, names
    raise Unreadable("No line names Time, GPS Latitude and GPS Longitude. Export it again with the GPS channels.")


def _rows(lines: list[str], separator: str) -> tuple[list[str], str]:
    """The rows of samples, unquoted and with decimal points, and what stands between their cells."""
    blanks = f'{separator} "'
    rows = [line for line in lines if line.strip(blanks)]
    firsts = [number(cells_of(row, separator)[0].replace(",", ".")) for row in rows[:3]]
    del rows[:next((i for i, first in enumerate(firsts) if isfinite(first)), 0)]     # the units
    quoted = bool(rows) and rows[0].startswith('"')
    if not quoted and separator == ",":
        return rows, separator
    text = "\n".join(rows)
    if quoted:
        text = text.replace(f'"{separator}"', "\t").replace('"', "")
        separator = "\t"
    return text.replace(",", ".").split("\n"), separator


def _marks(about: dict[str, list[str]]) -> tuple[tuple[Micros, ...], tuple[str, ...]]:
    """The crossings of the logger's own line, and a sentence where they are damaged. The last marker is the end of the
    recording, which is no crossing.
    """
    told = [number(cell) for cell in " ".join(about.get("beacon markers", [])).replace(",", ".").split()]
    if not all(isfinite(mark) and 0 < mark < 1e6 for mark in told) or any(b <= a for a, b in pairwise(told)):
        return (), ("Its Beacon Markers are damaged and were left out.",)
    duration = number(_first(about, "duration").replace(",", "."))
    if told and not abs(told[-1] - duration) >= 0.001:      # also where no duration is told
        told.pop()
    return tuple(round(mark * SECOND) for mark in told), ()


def _first(about: dict[str, list[str]], key: str) -> str:
    return next(iter(about.get(key, ())), "")
