"""AiM CSV, as Race Studio exports it and as spreadsheets save it again.

Lines of ``key,value`` come first, then the names of the channels, their units, and rows. Seen: cells quoted, not, or where
a decimal comma asks for it; trailing commas, either line ending, semicolons; ``Venue`` or ``Session`` for the place; names
with blanks (Race Studio 3), underscores (2) or their unit in brackets; accuracy in m or mm; rows faster than the receiver,
which repeat its place, leave it blank or lay places between. Segment Times are never read: spreadsheets cut them to tenths.
The Beacon Markers are what the logger measured. Date and time of day are the tablet's own, in an unknown zone: no GPS time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from math import degrees, isfinite

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.readers.columns import MPS, UNKNOWN_SPEEDS, Columns, cells_of, cleaned, lines_of, number, table
from trackd.gps.trace import LAT_MOST, Array, DeviceLaps, Recording, Unreadable

NAMES = {"time": "time", "gps latitude": "lat", "gps lat": "lat", "gps longitude": "lon", "gps long": "lon",
         "gps lon": "lon", "gps speed": "speed", "gps posaccuracy": "accuracy", "rpm": "rpm", "engine rpm": "rpm",
         "gps heading": "heading_deg", "gps nsat": "satellites"}
CHANNELS = ("rpm", "heading_deg", "satellites")
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048}
SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "msec": 0.001}

END_S = 0.1
"""The last Beacon Marker within this of the duration is the end of the recording, which is no crossing."""

_UNIT = re.compile(r"\s*[\[(]([^\])]*)[\])]$")


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above the rows: at which line the channels are named, what stands between cells, how many channels there
    are, the places of those wanted and their units in small letters.
    """

    at: int
    separator: str
    count: int
    wanted: dict[str, int]
    unit: dict[str, str]


def read(data: bytes) -> Recording:
    """One AiM CSV. ``t_us`` 0 is the recording's own zero, so that its Beacon Markers fit.

    Raises Unreadable where it names no GPS channels, has times in an unknown unit or holds no sound rows.
    """
    lines = lines_of(data)
    head = _head(lines)
    about = {cells[0].lower(): cells[1:] for line in reversed(lines[:head.at]) if (cells := cells_of(line, head.separator))}
    rows, between = _rows(lines[head.at + 1:], head)
    values, torn = table(rows, between, head.wanted)
    del lines, rows                        # what follows does not need them, and they are large
    if head.unit["time"] not in SECONDS:
        raise Unreadable("The unit of its Time is not known. Export it again with times in seconds.")
    seconds = values["time"] * SECONDS[head.unit["time"]]
    faults = []
    speed, accuracy = values.get("speed"), values.get("accuracy")
    if speed is not None:
        factor = MPS.get(head.unit["speed"], np.nan)
        speed = speed * factor
        if not isfinite(factor):
            faults.append(UNKNOWN_SPEEDS)
    if accuracy is not None:
        accuracy = accuracy * METRES.get(head.unit["accuracy"], np.nan)
    channels: dict[str, Array] = {name: values[name] for name in CHANNELS if name in values}
    lat, lon = _degrees(values, head.unit["lat"])
    sound = cleaned(Columns(seconds, lat, lon, speed, accuracy, channels), zero_us=0, sparse=True)
    marks, unsound = _marks(about)
    return Recording(
        sound.trace, "aim_csv", driver=_first(about, "racer"), vehicle=_first(about, "vehicle"),
        venue=_first(about, "venue") or _first(about, "session"), device_laps=DeviceLaps(marks_us=marks),
        faults=(*torn, *faults, *unsound, *sound.faults), channels=sound.channels)


def _head(lines: list[str]) -> _Head:
    """Of equal names the first counts. Units stand in brackets behind a name or in the line below, if at all."""
    for at, line in enumerate(lines):
        if line.lstrip('" ')[:4].lower() != "time":        # the time of day is a line of its own above
            continue
        for separator in ",;\t":
            cells = [cell.lower().replace("_", " ") for cell in cells_of(line, separator)]
            names = [_UNIT.sub("", cell) for cell in cells]
            wanted = {NAMES[name]: place for place, name in reversed(list(enumerate(names))) if name in NAMES}
            if {"time", "lat", "lon"} <= set(wanted):
                below = next((each for each in lines[at + 1:at + 5] if each.strip(f'{separator} "')), "")
                units = cells_of(below, separator)
                if units and isfinite(_number(units[0])):                      # the first row
                    units = []
                behind = [found[1] if (found := _UNIT.search(cell)) else "" for cell in cells]
                unit = {name: behind[place] or (units[place].lower() if place < len(units) else "")
                        for name, place in wanted.items()}
                count = max(place for place, name in enumerate(names) if name) + 1
                return _Head(at, separator, count, wanted, unit)
    raise Unreadable("No line names Time, GPS Latitude and GPS Longitude. Export it again from Race Studio with the GPS "
                     "channels, or from another logger as VBO, GPX or NMEA.")


def _rows(lines: list[str], head: _Head) -> tuple[list[str], str]:
    """The rows of samples, unquoted and with decimal points, and what stands between their cells."""
    separator = head.separator
    blanks = f'{separator} "'
    rows = [line for line in lines if line.strip(blanks)]
    firsts = [cells_of(row, separator) for row in rows[:3]]
    start = next((i for i, cells in enumerate(firsts) if isfinite(_number(cells[0]))), 0)          # behind the units
    if firsts and any(firsts[start][head.count:]):
        raise Unreadable("Its rows hold more cells than channels are named, as where numbers have decimal commas between "
                         "commas. Export it again with decimal points.")
    del rows[:start]
    quoted = any('"' in row for row in rows[:3])
    if not quoted and separator == ",":
        return rows, separator
    text = "\n".join(rows)
    if quoted and text.count('"') == 2 * (text.count(f'"{separator}"') + len(rows)):
        text = text.replace(f'"{separator}"', "\t").replace('"', "")
    elif quoted:
        text = "\n".join("\t".join(cells_of(row, separator)) for row in rows)
    return text.replace(",", ".").split("\n"), "\t" if quoted else separator


def _degrees(values: dict[str, Array], unit: str) -> tuple[Array, Array]:
    """The places (n,), in degrees whatever their unit; whole numbers are of ten millionths of a degree."""
    lat, lon = values["lat"], values["lon"]
    if unit.startswith("rad"):
        return lat * degrees(1), lon * degrees(1)
    told = np.abs(lat[np.isfinite(lat) & (lat != 0)])
    small = len(told) > 0 and np.median(told) > 1_000 * LAT_MOST
    return (lat * 1e-7, lon * 1e-7) if small else (lat, lon)


def _marks(about: dict[str, list[str]]) -> tuple[tuple[Micros, ...], tuple[str, ...]]:
    """The crossings of the logger's own line, and a sentence where they are damaged."""
    told = [_number(cell) for cell in " ".join(about.get("beacon markers", [])).split()]
    if not all(isfinite(mark) and 0 < mark < 1e6 for mark in told) or any(b <= a for a, b in pairwise(told)):
        return (), ("Its Beacon Markers are damaged and were left out.",)
    if told and not told[-1] < _number(_first(about, "duration")) - END_S:      # also where no duration is told
        told.pop()
    return tuple(round(mark * SECOND) for mark in told), ()


def _number(cell: str) -> float:
    """The number in a cell, decimals behind a point or a comma."""
    return number(cell.replace(",", "."))


def _first(about: dict[str, list[str]], key: str) -> str:
    return next(iter(about.get(key, ())), "")
