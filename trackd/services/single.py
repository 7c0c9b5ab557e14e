"""One recording by itself: read, laid on a layout, nothing stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, lap_text
from trackd.gps.counted import BRIDGED_US, LEAST_MPS
from trackd.gps.layouts import Layout, layout_of
from trackd.gps.lines import Line, crossings
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Recording, Trace
from trackd.services.reader import read_once

FAR_M = 1000.0
"""A line further away than this is one of another track."""

LAYOUT_MOST = 1_000_000
"""Bytes of a layout file: a thousand lines of it would be a city."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A recording and its laps on a layout. ``notes``: sentences on why there may be fewer of them than were driven."""

    recording: Recording
    laps: tuple[GpsLap, ...]
    notes: tuple[str, ...] = ()


def laps_of_file(file: Path, layout: Path) -> Found:
    """Read both files and find the laps; nothing is stored. Raises BadInput with what and where."""
    lines = read_layout(layout)
    recording = read_once(file)
    laps = segment(recording.trace, lines)
    full = any(lap.kind == "full" for lap in laps)
    return Found(recording, laps, () if full else (_why_none(recording.trace, lines),))


def _why_none(trace: Trace, lines: Layout) -> str:
    """What is wrong where no lap was found: most often it is the layout."""
    line = Line.of(lines.start_finish)
    ahead_m, aside_m = line.ahead_m(trace.lat_deg, trace.lon_deg), line.aside_m(trace.lat_deg, trace.lon_deg)
    away_m = float(np.hypot(ahead_m, np.maximum(np.abs(aside_m) - line.half_m, 0)).min())
    if away_m > FAR_M:
        return (f"The recording never comes closer to the start line than {away_m / 1000:.1f} km. "
                "Is it of another track, or are latitude and longitude swapped?")
    found = crossings(trace, line, longest_us=BRIDGED_US)
    back = int(np.count_nonzero(~found.forward & (found.speed_mps >= LEAST_MPS)))
    if back > 1 and lines.start_finish.heading_deg is not None:
        return (f"The start line is crossed {back} times against its direction, heading_deg "
                f"{lines.start_finish.heading_deg:.0f}. Was the track driven backwards, or is heading_deg off by 180?")
    if len(found.t_us):
        return "The start line is crossed, but not twice in its direction: there is no full lap."
    return f"The start line is never crossed: the recording comes as close as {away_m:.0f} m. Is the line long enough?"


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
    """As CONTRACT has it, and ``notes``."""
    trace = found.recording.trace
    return {
        "laps": [{"number": lap.number, "kind": lap.kind, "start_s": lap.start_us / SECOND, "time_us": lap.time_us,
                  "sigma_us": lap.sigma_us, "sectors_us": list(lap.sectors_us), "max_speed_kmh": lap.max_speed_kmh,
                  "flags": list(lap.flags)} for lap in found.laps],
        "notes": list(found.notes),
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
    return "\n".join([f"{device}, {trace.rate_hz:.0f} Hz, {trace.duration_us / SECOND:.1f} s", *lines, *found.notes])
