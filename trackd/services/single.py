"""One recording by itself: read, laid on a layout, nothing stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, lap_text
from trackd.gps.layouts import Layout, layout_of
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Recording
from trackd.services.reader import read_once

LAYOUT_MOST = 1_000_000
"""Bytes of a layout file: a thousand lines of it would be a city."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A recording and its laps on a layout."""

    recording: Recording
    laps: tuple[GpsLap, ...]


def laps_of_file(file: Path, layout: Path) -> Found:
    """Read both files and find the laps; nothing is stored. Raises BadInput with what and where."""
    lines = read_layout(layout)
    recording = read_once(file)
    return Found(recording, segment(recording.trace, lines))


def read_layout(path: Path) -> Layout:
    """A layout file. Raises BadInput with every fault, named with its place in the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(Fault(str(path), f"cannot be read: {error.strerror}")) from error
    if len(data) > LAYOUT_MOST:
        raise BadInput(Fault(str(path), "is far too large for a layout"))
    try:
        return layout_of(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise BadInput(Fault(str(path), "is no JSON")) from error
    except BadInput as error:
        raise BadInput(*(Fault(f"{path}: {each.where}" if each.where else str(path), each.what)
                         for each in error.faults)) from error


def as_json(found: Found) -> dict[str, Any]:
    """As CONTRACT has it."""
    trace = found.recording.trace
    return {
        "laps": [{"number": lap.number, "kind": lap.kind, "start_s": lap.start_us / SECOND, "time_us": lap.time_us,
                  "sigma_us": lap.sigma_us, "sectors_us": list(lap.sectors_us), "max_speed_kmh": lap.max_speed_kmh,
                  "flags": list(lap.flags)} for lap in found.laps],
        "recording": {"device": found.recording.device, "gps_hz": round(trace.rate_hz, 3),
                      "duration_s": trace.duration_us / SECOND}}


def as_table(found: Found) -> str:
    """The same for a person: a lap a line."""
    trace, lines = found.recording.trace, []
    for lap in found.laps:
        name = str(lap.number) if lap.kind == "full" else lap.kind
        sectors = "  ".join("none" if each is None else lap_text(each) for each in lap.sectors_us)
        sure = f"+-{lap.sigma_us / SECOND:.2f}" if lap.kind == "full" else ""
        lines.append(f"{name:>4}  {lap_text(lap.time_us):>10}  {sure:<6}  {sectors}  {', '.join(lap.flags)}".rstrip())
    device = found.recording.device or "Unnamed logger"
    return "\n".join([f"{device}, {trace.rate_hz:.0f} Hz, {trace.duration_us / SECOND:.1f} s", *lines])
