"""RaceChrono CSV. Format 3 has names, units and sources of the columns in three lines; format 2 has all of it in one:
``Speed (m/s) *calc``. Then come rows at every sensor's moments, blank where a sensor told nothing new.

Names repeat, one for each source (``100: gps``, ``calc``, ``200: obd``); the receiver's own column is taken. The app writes
a row at the moment it crossed a line, with the new lap number, and some rows twice.
"""

from __future__ import annotations

import re

import numpy as np

from trackd.core.time import Micros
from trackd.gps.readers.columns import MPS, UNKNOWN_SPEEDS, Cleaned, Columns, cells_of, cleaned, lines_of, table
from trackd.gps.trace import Array, DeviceLaps, Recording, Unreadable

SIGNATURE = "This file is created using "
BEGINS = re.compile(r'"?(timestamp|Time \(s\))"?,')
WANTED = {"timestamp": "time", "latitude": "lat", "longitude": "lon", "speed": "speed", "accuracy": "accuracy",
          "fragment_id": "fragment", "lap_number": "lap", "bearing": "heading_deg",
          "satellites": "satellites", "rpm": "rpm"}
SECOND_FORMAT = {"time": "timestamp", "session fragment #": "fragment_id", "lap #": "lap_number"}
"""Names of format 2 that format 3 has changed, but for their case."""

CHANNELS = ("heading_deg", "satellites", "rpm")

_IN_ONE = re.compile(r"([^(*]*)(?:\(([^)]*)\))?\s*(?:\*(.*))?")


def read(data: bytes) -> Recording:
    """One RaceChrono CSV; its times are UTC.

    Raises Unreadable for other formats than 2 and 3 and where it names no GPS columns or holds no sound rows.
    """
    lines = lines_of(data)
    at = next((i for i, line in enumerate(lines) if BEGINS.match(line)), None)
    about = {cells[0].lower(): cells[1:] for line in lines[:at] if (cells := cells_of(line, ","))}
    if at is None:
        version = " ".join(about.get("format", ())).strip(" ,")
        told = f"It is a RaceChrono CSV of format {version[:8]}." if version else "No line names timestamp and the columns."
        raise Unreadable(f"{told} Export it as CSV v3.")
    rows = [line for line in lines[at + 1:] if line.strip(", ")]
    start = next((i for i, row in enumerate(rows[:3]) if row.lstrip('"')[:1].isdigit()), 0)
    names, units, sources = _columns(lines[at], rows[:start])
    wanted = _wanted(names, sources)
    app = next((line[len(SIGNATURE):].split(" (")[0] for line in lines[:at] if line.startswith(SIGNATURE)), "")
    values, torn = table(rows[start:], ",", wanted)
    del lines, rows                        # what follows does not need them, and they are large
    once = _once(values)
    values = {name: column[once] for name, column in values.items()}
    unit = {name: units[place] for name, place in wanted.items() if place < len(units)}
    factor = MPS.get(unit.get("speed", ""), np.nan)
    speed = values["speed"] * factor if "speed" in values else None
    unknown = (UNKNOWN_SPEEDS,) if speed is not None and np.isnan(factor) else ()
    accuracy = values.get("accuracy") if unit.get("accuracy") == "m" else None
    sound = cleaned(Columns(values["time"], values["lat"], values["lon"], speed, accuracy,
                            {name: values[name] for name in ("lap", "fragment", *CHANNELS) if name in values}), sparse=True)
    first = {key: next(iter(cells), "") for key, cells in about.items()}
    return Recording(
        sound.trace, "racechrono", device=app, driver=first.get("driver name", ""), venue=first.get("track name", ""),
        utc_us=sound.zero_us, device_laps=DeviceLaps(marks_us=_marks(sound)), faults=(*torn, *unknown, *sound.faults),
        channels={name: sound.channels[name] for name in CHANNELS if name in sound.channels})


def _columns(line: str, below: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Names, units and sources of the columns; ``below`` the line with the names stand those of format 3."""
    cells = cells_of(line, ",")
    if cells[0].startswith("timestamp"):
        units, sources = ([cells_of(each, ",") for each in below] + [[], []])[:2]
        return cells, units, sources
    told = [found.groups(default="") for cell in cells if (found := _IN_ONE.match(cell))]
    names = [name.strip().lower() for name, _, _ in told]
    return ([SECOND_FORMAT.get(name, name) for name in names], [unit for _, unit, _ in told],
            [source or "gps" for _, _, source in told])


def _wanted(names: list[str], sources: list[str]) -> dict[str, int]:
    """The place of each column: of equal names the receiver's, else the first."""
    from_gps = {place for place, source in enumerate(sources) if source.lower().endswith("gps")}
    wanted: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in WANTED and (WANTED[name] not in wanted or (place in from_gps and wanted[WANTED[name]] not in from_gps)):
            wanted[WANTED[name]] = place
    if not {"time", "lat", "lon"} <= set(wanted):
        raise Unreadable("It names no latitude and longitude: it was recorded without GPS.")
    return wanted


def _once(values: dict[str, Array]) -> Array:
    """Which rows (n,) are more than the one above them written again."""
    columns = np.stack(list(values.values()))
    again = (columns[:, 1:] == columns[:, :-1]) | (np.isnan(columns[:, 1:]) & np.isnan(columns[:, :-1]))
    return np.concatenate([[True], ~np.all(again, axis=0)])


def _marks(sound: Cleaned) -> tuple[Micros, ...]:
    """When the lap number went up by one or the first lap began, within one fragment: the app's crossings of its line."""
    if "lap" not in sound.channels:
        return ()
    lap = _steady(sound.channels["lap"])
    fragment = _steady(sound.channels.get("fragment", np.zeros(len(lap))))
    begins = (lap[1:] == lap[:-1] + 1) | (np.isnan(lap[:-1]) & ~np.isnan(lap[1:]))
    begins &= fragment[1:] == fragment[:-1]
    return tuple(sound.trace.t_us[1:][begins].tolist())


def _steady(numbers: Array) -> Array:
    """The middle one of each number (n,) and its neighbours: one damaged cell begins no lap, and none is lost to it. The
    last, of which nothing tells whether it would stay, is the one before.
    """
    steady = numbers.copy()
    if len(numbers) > 2:
        steady[1:-1] = np.sort(np.lib.stride_tricks.sliding_window_view(numbers, 3), axis=1)[:, 1]
        steady[-1] = steady[-2]
    return steady
