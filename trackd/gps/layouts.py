"""A layout: the lines of one configuration of a track, as GeoJSON in and out (CONTRACT: "A layout is GeoJSON")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, isfinite, radians, sin
from typing import Any

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, Micros
from trackd.gps.lines import Plane
from trackd.gps.trace import LAT_MOST, LON_MOST, Gate, Point

ROLES = "start_finish, sector:1 and up, pit_in, pit_out or reference"
_ROLE = re.compile(r"start_finish|sector:[1-9]\d?|pit_in|pit_out|reference")
GATE_MOST_M = 1000.0
"""A line longer than a kilometre is no timing line."""

ALONG_COS = 0.94
"""A heading nearer to the direction of the line itself than 20 degrees does not tell which way it is crossed."""

KINDS, DIRECTIONS = ("slow", "medium", "fast"), ("left", "right")
CORNERS_MOST, NAME_MOST = 60, 24
BEYOND = 1.01
"""The way between the points of a reference line is that much longer than the line made of them at most."""


@dataclass(frozen=True, slots=True)
class KeptCorner:
    """A corner somebody settled: metres along the reference line, from where it crosses the start/finish line. ``kind``:
    slow, medium, fast; ``direction``: left, right; "" where nobody said.
    """

    name: str
    entry_m: float
    apex_m: float
    exit_m: float
    kind: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One configuration of a track. ``sectors`` in driving order; ``reference`` is the line a good lap follows, along which
    ``corners`` are measured, in driving order; ``cuts_kmh``: slower than the first is a slow corner, faster than the second
    a fast one.
    """

    start_finish: Gate
    sectors: tuple[Gate, ...] = ()
    pit_in: Gate | None = None
    pit_out: Gate | None = None
    reference: tuple[Point, ...] = ()
    name: str = ""
    direction: str = ""
    min_lap_us: Micros | None = None
    max_lap_us: Micros | None = None
    corners: tuple[KeptCorner, ...] = ()
    cuts_kmh: tuple[float, float] | None = None


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
    shortest, longest = (_seconds(of, name, faults) for name in ("min_lap_s", "max_lap_s"))
    if None not in (shortest, longest) and shortest >= longest:
        faults.append(Fault("properties.max_lap_s", "must be more than min_lap_s"))
    corners, cuts_kmh = _corners(of, reference, faults), _cuts(of, faults)
    if faults:
        raise BadInput(*faults)
    return Layout(gates["start_finish"], tuple(gates[role] for role in sectors), gates.get("pit_in"), gates.get("pit_out"),
                  reference, str(of.get("name") or ""), str(of.get("direction") or ""), shortest, longest, corners,
                  cuts_kmh)


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
    if layout.corners:
        properties["corners"] = [_corner_body(each) for each in layout.corners]
    if layout.cuts_kmh:
        properties["corner_cuts_kmh"] = [*layout.cuts_kmh]
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
    east_m, north_m = Plane.about(a).point(b)
    length_m = hypot(east_m, north_m)
    if length_m > GATE_MOST_M:
        raise BadInput(Fault(where, f"the line {role} is longer than a kilometre"))
    heading = radians(heading_deg or 0.0)
    if heading_deg is not None and abs(east_m * sin(heading) + north_m * cos(heading)) > ALONG_COS * length_m:
        raise BadInput(Fault(f"{where}.properties.heading_deg", f"runs along the line {role}, not across it"))
    return Gate(role, a, b, heading_deg)


def _seconds(of: dict[str, Any], name: str, faults: list[Fault]) -> Any:
    value = of.get(name)
    if value is None:
        return None
    if not _number(value) or not 0 < value <= 86_400:
        faults.append(Fault(f"properties.{name}", "must be seconds, more than 0"))
        return None
    return round(value * SECOND)


# --- corners ----------------------------------------------------------------------------------------------------------


def _corner_body(corner: KeptCorner) -> dict[str, Any]:
    body = {"name": corner.name, "entry_m": corner.entry_m, "apex_m": corner.apex_m, "exit_m": corner.exit_m,
            "kind": corner.kind, "direction": corner.direction}
    return {name: value for name, value in body.items() if value != ""}


def _corners(of: dict[str, Any], reference: tuple[Point, ...], faults: list[Fault]) -> tuple[KeptCorner, ...]:
    """``properties.corners``, in driving order; what is wrong goes to ``faults``."""
    given, where = of.get("corners"), "properties.corners"
    if given is None or given == []:
        return ()
    if not isinstance(given, list) or len(given) > CORNERS_MOST:
        faults.append(Fault(where, f"must be a list of at most {CORNERS_MOST} corners"))
        return ()
    if not reference:
        faults.append(Fault(where, "corners are measured along a line with the role reference, and there is none"))
        return ()
    before = len(faults)
    found = [each for n, body in enumerate(given) if (each := _corner(body, n, f"{where}[{n}]", faults))]
    if len(faults) > before:
        return ()
    round_m = _round_m(reference)
    for n, corner in enumerate(found):
        if corner.exit_m > BEYOND * round_m:
            long = f"the reference line is {round_m:.0f} m long"
            faults.append(Fault(f"{where}[{n}].exit_m", f"{corner.name} ends at {corner.exit_m:g} m, but {long}"))
    for n, (one, other) in enumerate(pairwise(found), 1):
        if other.entry_m < one.exit_m:
            ends = f"{one.name} ends at {one.exit_m:g} m"
            faults.append(Fault(f"{where}[{n}].entry_m", f"{other.name} begins at {other.entry_m:g} m, before {ends}"))
    names = [each.name for each in found]
    faults += [Fault(f"{where}[{n}].name", f"there are two corners called {name}")
               for n, name in enumerate(names) if name in names[:n]]
    return tuple(found)


def _corner(body: Any, index: int, where: str, faults: list[Fault]) -> KeptCorner | None:
    if not isinstance(body, dict):
        faults.append(Fault(where, "must be an object with entry_m, apex_m and exit_m"))
        return None
    name = body.get("name", f"T{index + 1}")
    wrong = [Fault(f"{where}.{key}", "must be metres along the reference line, 0 or more")
             for key in ("entry_m", "apex_m", "exit_m") if not _number(body.get(key)) or body[key] < 0]
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= NAME_MOST or not name.isprintable():
        wrong.append(Fault(f"{where}.name", f"a corner's name has 1 to {NAME_MOST} visible characters"))
    wrong += [Fault(f"{where}.{key}", f"must be {', '.join(words)}") for key, words in
              (("kind", KINDS), ("direction", DIRECTIONS)) if body.get(key) not in (None, "", *words)]
    faults += wrong
    if wrong:
        return None
    entry_m, apex_m, exit_m = (float(body[key]) for key in ("entry_m", "apex_m", "exit_m"))
    if not entry_m <= apex_m <= exit_m or entry_m == exit_m:
        faults.append(Fault(where, f"{name}: the entry comes before the exit and the apex lies between them, in metres"))
        return None
    return KeptCorner(name.strip(), entry_m, apex_m, exit_m, body.get("kind") or "", body.get("direction") or "")


def _cuts(of: dict[str, Any], faults: list[Fault]) -> tuple[float, float] | None:
    cuts = of.get("corner_cuts_kmh")
    if cuts is None:
        return None
    if not isinstance(cuts, list) or len(cuts) != 2 or not all(map(_number, cuts)) or not 0 < cuts[0] <= cuts[1]:
        faults.append(Fault("properties.corner_cuts_kmh", "must be two speeds in km/h: below the first is slow, above the "
                                                          "second fast"))
        return None
    return float(cuts[0]), float(cuts[1])


def _round_m(reference: tuple[Point, ...]) -> float:
    """Once round between the points."""
    plane = Plane.about(reference[0])
    places = [plane.point(each) for each in (*reference, reference[0])]
    return sum(hypot(bx - ax, by - ay) for (ax, ay), (bx, by) in pairwise(places))
