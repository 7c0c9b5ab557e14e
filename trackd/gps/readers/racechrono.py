"""RaceChrono CSV, format 3: names, units and sources of the columns in three lines, then rows at every sensor's moments.

Names repeat, one for each source (``100: gps``, ``calc``, ``200: obd``); the receiver's own column is taken. The app writes
a row at the moment it crossed a line, with the new lap number, and some rows twice.
"""

from __future__ import annotations

import numpy as np

from trackd.core.time import Micros
from trackd.gps.readers.columns import MPS, Cleaned, Columns, cells_of, cleaned, lines_of, table
from trackd.gps.trace import Array, DeviceLaps, Recording, Unreadable

SIGNATURE = "This file is created using "
WANTED = {"timestamp": "time", "latitude": "lat", "longitude": "lon", "speed": "speed", "accuracy": "accuracy",
          "fragment_id": "fragment", "lap_number": "lap", "bearing": "heading_deg",
          "satellites": "satellites", "rpm": "rpm"}
CHANNELS = ("heading_deg", "satellites", "rpm")


def read(data: bytes) -> Recording:
    """One RaceChrono CSV; its times are UTC.

    Raises Unreadable for other formats than 3 and where it names no GPS columns or holds no sound rows.
    """
    lines = lines_of(data)
    at = next((i for i, line in enumerate(lines) if line.startswith("timestamp,")), None)
    about = {cells[0].lower(): cells[1:] for line in lines[:at] if (cells := cells_of(line, ","))}
    if at is None:
        version = " ".join(about.get("format", ())).strip(" ,")
        told = f"It is a RaceChrono CSV of format {version[:8]}." if version else "No line names timestamp and the columns."
        raise Unreadable(f"{told} Export it as CSV v3.")
    names, units, sources = (cells_of(line, ",") for line in (*lines[at:at + 3], "", "")[:3])
    wanted = _wanted(names, sources)
    rows = [line for line in lines[at + 1:] if line.strip(", ")]
    start = next((i for i, row in enumerate(rows[:3]) if row[0].isdigit()), 0)
    values, torn = table(rows[start:], ",", wanted)
    once = _once(values)
    values = {name: column[once] for name, column in values.items()}
    unit = {name: units[place] for name, place in wanted.items() if place < len(units)}
    speed = values["speed"] * MPS.get(unit.get("speed", ""), np.nan) if "speed" in values else None
    accuracy = values.get("accuracy") if unit.get("accuracy") == "m" else None
    sound = cleaned(Columns(values["time"], values["lat"], values["lon"], speed, accuracy,
                            {name: values[name] for name in ("lap", "fragment", *CHANNELS) if name in values}))
    first = {key: next(iter(cells), "") for key, cells in about.items()}
    app = next((line[len(SIGNATURE):].split(" (")[0] for line in lines[:at] if line.startswith(SIGNATURE)), "")
    return Recording(
        sound.trace, "racechrono", device=app, driver=first.get("driver name", ""), venue=first.get("track name", ""),
        utc_us=sound.zero_us, device_laps=DeviceLaps(marks_us=_marks(sound)), faults=(*torn, *sound.faults),
        channels={name: sound.channels[name] for name in CHANNELS if name in sound.channels})


def _wanted(names: list[str], sources: list[str]) -> dict[str, int]:
    """The place of each column: of equal names the receiver's, else the first."""
    wanted: dict[str, int] = {}
    for place, name in enumerate(names):
        gps = place < len(sources) and sources[place].lower().endswith("gps")
        if name in WANTED and (WANTED[name] not in wanted or (gps and not sources[wanted[WANTED[name]]].endswith("gps"))):
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
