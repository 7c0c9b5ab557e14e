"""The real files beside the checkout: their bytes, their laps as their loggers timed them, a layout for each."""

from __future__ import annotations

import csv
import json
from math import cos, degrees, radians, sin
from pathlib import Path

import numpy as np

from trackd.gps.layouts import Layout
from trackd.gps.lines import Plane
from trackd.gps.readers import formats
from trackd.gps.trace import Gate, Point, Recording

ADRIA = "adria_kart_mychron.xrk"
SSKC = "sskc_kart_143.csv"
FRANCIACORTA = "franciacorta_rotax_junior_trimmed.csv"
OKC = "okc_kart_tillotson.dovex"
MASSA = "massafinalese_kart_racechrono.vbo"
TIANMA = "tianma_car_lap9_racechrono_v3.csv"

FILES = (ADRIA, SSKC, FRANCIACORTA, OKC, MASSA, TIANMA)


def content(shared: Path, name: str) -> bytes:
    return (shared / "data/telemetry" / name).read_bytes()


def read_real(shared: Path, name: str) -> Recording:
    return formats.read(content(shared, name), name)


def truth(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "data/telemetry/truth.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["file"] == name]


def layout(shared: Path, name: str, sound: Recording) -> Layout:
    """The device's own line where it is known, one fitted to its laps, or for want of both one across the drive."""
    told = json.loads((shared / "data/telemetry/lines.json").read_text(encoding="utf-8")).get(name, {})
    if "a" in told:
        sectors = tuple(Gate(f"sector:{i}", Point(*a), Point(*b)) for i, (a, b) in enumerate(told.get("sectors", ()), 1))
        return Layout(Gate("start_finish", Point(*told["a"]), Point(*told["b"]), told.get("heading_deg")), sectors)
    if sound.gates:
        return Layout(sound.gates[0], sound.gates[1:])
    if "boundary_points" in told:
        lat, lon, heading = told["boundary_points"][0]
        return Layout(_across(Point(lat, lon), heading))
    return Layout(_across(*_halfway(sound)))


def _across(middle: Point, heading_deg: float, half_m: float = 8.0) -> Gate:
    plane, heading = Plane.about(middle), radians(heading_deg)
    lat, lon = -sin(heading) * half_m / plane.north_m, cos(heading) * half_m / plane.east_m
    return Gate("start_finish", Point(middle.lat_deg - lat, middle.lon_deg - lon),
                Point(middle.lat_deg + lat, middle.lon_deg + lon), heading_deg % 360)


def _halfway(sound: Recording) -> tuple[Point, float]:
    """Where the kart was in the middle of the recording, and where it was heading."""
    trace, at = sound.trace, len(sound.trace) // 2
    here = Point(float(trace.lat_deg[at]), float(trace.lon_deg[at]))
    east, north = Plane.about(here).point(Point(float(trace.lat_deg[at + 3]), float(trace.lon_deg[at + 3])))
    return here, degrees(np.arctan2(east, north))


