"""A layout: the lines of one configuration of a track, as GeoJSON in and out (CONTRACT: "A layout is GeoJSON")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, Micros
from trackd.gps.trace import LAT_MOST, LON_MOST, Gate, Point

ROLES = "start_finish, sector:1 and up, pit_in, pit_out or reference"
_ROLE = re.compile(r"start_finish|sector:[1-9]\d?|pit_in|pit_out|reference")
GATE_MOST_DEG = 0.01
"""A line longer than a kilometre is no timing line."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One configuration of a track. ``sectors`` in driving order; ``reference`` is the line a good lap follows."""

    start_finish: Gate
    sectors: tuple[Gate, ...] = ()
    pit_in: Gate | None = None
    pit_out: Gate | None = None
    reference: tuple[Point, ...] = ()
    name: str = ""
    direction: str = ""
    min_lap_us: Micros | None = None
    max_lap_us: Micros | None = None


def layout_of(body: Any) -> Layout:
    """A layout from parsed GeoJSON. Raises BadInput with every fault."""
    if not isinstance(body, dict) or body.get("type") != "FeatureCollection" or not isinstance(body.get("features"), list):
        raise BadInput(Fault("", "a layout is a GeoJSON FeatureCollection"))
    faults: list[Fault] = []
    gates: dict[str, Gate] = {}
    reference: tuple[Point, ...] = ()
    for index, feature in enumerate(body["features"]):
        where = f"features[{index}]"
        try:
            role, points, heading = _line(feature, where)
            if role in gates or (role == "reference" and reference):
                raise BadInput(Fault(where, f"there are two lines with the role {role}"))
            if role == "reference":
                reference = points
            else:
                gates[role] = _gate(role, points, heading, where)
        except BadInput as error:
            faults += error.faults
    if "start_finish" not in gates:
        faults.append(Fault("features", "there is no line with the role start_finish"))
    sectors = sorted((role for role in gates if role.startswith("sector:")), key=lambda role: int(role[7:]))
    if [int(role[7:]) for role in sectors] != [*range(1, len(sectors) + 1)]:
        faults.append(Fault("features", "sector lines are numbered from 1 without a gap"))
    of = body.get("properties")
    of = of if isinstance(of, dict) else {}
    limits = [_seconds(of, name, faults) for name in ("min_lap_s", "max_lap_s")]
    if None not in limits and limits[0] >= limits[1]:
        faults.append(Fault("properties.max_lap_s", "must be more than min_lap_s"))
    if faults:
        raise BadInput(*faults)
    return Layout(gates["start_finish"], tuple(gates[role] for role in sectors), gates.get("pit_in"), gates.get("pit_out"),
                  reference, str(of.get("name") or ""), str(of.get("direction") or ""), *limits)


def geojson_of(layout: Layout) -> dict[str, Any]:
    """The layout as GeoJSON; ``layout_of`` reads it back to the same."""
    gates = [layout.start_finish, *layout.sectors, *(gate for gate in (layout.pit_in, layout.pit_out) if gate)]
    features = [_feature(gate.role, (gate.a, gate.b), gate.heading_deg) for gate in gates]
    if layout.reference:
        features.append(_feature("reference", layout.reference, None))
    properties: dict[str, Any] = {"name": layout.name, "direction": layout.direction}
    for name, limit_us in (("min_lap_s", layout.min_lap_us), ("max_lap_s", layout.max_lap_us)):
        if limit_us is not None:
            properties[name] = limit_us / SECOND
    return {"type": "FeatureCollection", "properties": properties, "features": features}


def _feature(role: str, points: tuple[Point, ...], heading_deg: float | None) -> dict[str, Any]:
    properties: dict[str, Any] = {"role": role} | ({} if heading_deg is None else {"heading_deg": heading_deg})
    return {"type": "Feature", "properties": properties,
            "geometry": {"type": "LineString", "coordinates": [[each.lon_deg, each.lat_deg] for each in points]}}


def _line(feature: Any, where: str) -> tuple[str, tuple[Point, ...], float | None]:
    of = feature.get("properties") if isinstance(feature, dict) else None
    of = of if isinstance(of, dict) else {}
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    role, heading, faults = of.get("role"), of.get("heading_deg"), []
    places = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or geometry.get("type") != "LineString":
        faults.append(Fault(f"{where}.geometry", "must be a LineString"))
    elif not isinstance(places, list) or len(places) < 2 or not all(map(_is_place, places)):
        faults.append(Fault(f"{where}.geometry.coordinates", "must be two or more places [longitude, latitude]"))
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        faults.append(Fault(f"{where}.properties.role", f"must be {ROLES}"))
    if heading is not None and (not _number(heading) or not -360 <= heading <= 360):
        faults.append(Fault(f"{where}.properties.heading_deg", "must be degrees from north, -360 to 360"))
    if faults:
        raise BadInput(*faults)
    assert isinstance(places, list)
    points = tuple(Point(float(lat), float(lon)) for lon, lat, *_ in places)
    return str(role), points, None if heading is None else float(heading)


def _is_place(each: Any) -> bool:
    return (isinstance(each, list) and len(each) in (2, 3) and all(map(_number, each))
            and abs(each[0]) <= LON_MOST and abs(each[1]) <= LAT_MOST)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _gate(role: str, points: tuple[Point, ...], heading_deg: float | None, where: str) -> Gate:
    a, b = points[0], points[-1]
    if a == b:
        raise BadInput(Fault(where, f"the line {role} has no length"))
    if max(abs(a.lat_deg - b.lat_deg), abs(a.lon_deg - b.lon_deg)) > GATE_MOST_DEG:
        raise BadInput(Fault(where, f"the line {role} is longer than a kilometre"))
    return Gate(role, a, b, heading_deg)


def _seconds(of: dict[str, Any], name: str, faults: list[Fault]) -> Any:
    value = of.get(name)
    if value is None:
        return None
    if not _number(value) or not 0 < value <= 86_400:
        faults.append(Fault(f"properties.{name}", "must be seconds, more than 0"))
        return None
    return round(value * SECOND)
