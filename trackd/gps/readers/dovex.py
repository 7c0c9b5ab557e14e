"""DOVEX, the log of the Dove kart loggers: what the device counted in a header of its own, padding, then CSV.

The device writes the header when a session is ended, so it may be blank; the rows count all the same. Its lap list is
timed on the device, from its own gate.
"""

from __future__ import annotations

from trackd.core.time import MS
from trackd.gps.readers.columns import MPS, Columns, cells_of, cleaned, lines_of, number, table
from trackd.gps.trace import DeviceLaps, Recording, Unreadable

WANTED = {"timestamp": "time", "lat": "lat", "lng": "lon", "speed_mph": "speed", "h_acc_m": "accuracy",
          "heading_deg": "heading_deg", "sats": "satellites", "rpm": "rpm"}
CHANNELS = ("heading_deg", "satellites", "rpm")
LONGEST_LAP_MS = 3_600_000


def read(data: bytes) -> Recording:
    """One DOVEX file; its times are UTC.

    Raises Unreadable where no line names timestamp, lat and lng or no rows are sound.
    """
    lines = lines_of(data)
    at, names = next(((i, line[line.index("timestamp,"):].strip().split(",")) for i, line in enumerate(lines)
                      if "timestamp," in line), (0, []))
    wanted = {WANTED[name]: place for place, name in reversed(list(enumerate(names))) if name in WANTED}
    if not {"time", "lat", "lon"} <= set(wanted):
        raise Unreadable("No line names timestamp, lat and lng.")
    head = [line.strip("\0 ") for line in lines[:at]]
    rows = [row for row in lines[at + 1:] if row.strip("\0 ,")]
    del lines                              # what follows needs the rows alone, and a file is large
    values, torn = table(rows, ",", wanted)
    del rows
    speed = values["speed"] * MPS["mph"] if "speed" in values else None
    sound = cleaned(Columns(values["time"] / 1000, values["lat"], values["lon"], speed, values.get("accuracy"),
                            {name: values[name] for name in CHANNELS if name in values}))
    told = dict(zip(_below(head, "datetime"), _below(head, "datetime", 1), strict=False))
    laps, unsound = _laps(_below(head, "laps_ms", 1) or _below(head, "lap_times_ms", 1))
    return Recording(
        sound.trace, "dovex", device=told.get("device_name", ""), driver=told.get("driver", ""),
        venue=f"{told.get('short_name', '')} {told.get('course', '')}".strip(), utc_us=sound.zero_us,
        device_laps=laps, faults=(*torn, *unsound, *sound.faults), channels=sound.channels)


def _below(head: list[str], key: str, further: int = 0) -> list[str]:
    """The cells of the line that begins with ``key``, or of one ``further`` down."""
    at = next((i + further for i, line in enumerate(head) if line.startswith(key)), len(head))
    return cells_of(head[at], ",") if at < len(head) else []


def _laps(cells: list[str]) -> tuple[DeviceLaps, tuple[str, ...]]:
    """The device's lap times, all or none: with one missing the others would be counted wrong."""
    times = [number(cell) for cell in cells if cell]
    if not all(0 < time < LONGEST_LAP_MS for time in times):
        return DeviceLaps(), ("The logger's list of laps is damaged and was left out.",)
    return DeviceLaps(times_us=tuple(round(time * MS) for time in times)), ()
