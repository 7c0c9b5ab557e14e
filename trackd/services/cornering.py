"""The corners of a layout: those found on its line, and those a person settled, which then stay whatever laps come and go.

They are kept in the layout itself, beside the reference line they are measured along (CONTRACT: "A layout is GeoJSON"): a
layout is saved, so that taking it back is what it is for every layout, and no lap is found anew for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trackd.core.errors import BadInput, Fault, NotFound, Refused
from trackd.services.appliance import Appliance
from trackd.services.driving import digest, lines_of
from trackd.services.layoutlines import corners_on, line_of, sound_laps, trace_of
from trackd.timing.facts import RecordFact

if TYPE_CHECKING:                        # numpy comes with the first lap, not with the start
    from trackd.analysis.corners import Corner
    from trackd.analysis.laps import LapTrace
    from trackd.analysis.reference import ReferenceLine
    from trackd.gps.layouts import Layout
    from trackd.gps.trace import Point

APART_M = 2
"""Metres from one point of a line that is kept to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Bends:
    """A layout's corners on its ``line``; ``settled``: by a person. ``reference``: the places [longitude, latitude] the
    line is made of, as the layout has them or would. ``version``: of the layout this was seen in.
    """

    layout_id: str
    name: str
    line: ReferenceLine
    reference: list[list[float]]
    corners: tuple[Corner, ...]
    settled: bool
    cuts_kmh: tuple[float, float] | None
    version: str


def record_of(appliance: Appliance, layout_id: str) -> RecordFact:
    """A layout of the venue. Raises NotFound."""
    record = appliance.live.writer.venue.layouts.get(layout_id)
    if record is None:
        raise NotFound("That layout is not there any more.")
    return record


async def bends(appliance: Appliance, layout_id: str, *, anew: bool = False) -> Bends | None:
    """The corners of a layout; None while it has neither a line nor a lap to make one of. ``anew``: those that are found,
    though others were settled. Raises NotFound, BadInput for a layout without usable lines.
    """
    from trackd.gps.layouts import layout_of

    record = record_of(appliance, layout_id)
    layout = layout_of(record.body)
    sound = await sound_laps(appliance, layout_id)
    if anew:
        layout = replace(layout, corners=())

    def worked_out() -> Bends | None:
        layout_and_line = with_line(layout, [trace_of(*each) for each in sound])
        if layout_and_line is None:
            return None
        whole, line = layout_and_line
        return Bends(layout_id, record.name, line, [[each.lon_deg, each.lat_deg] for each in whole.reference],
                     corners_on(line, whole), bool(whole.corners), whole.cuts_kmh, digest(record))
    return await asyncio.to_thread(worked_out)


def with_line(layout: Layout, traces: list[LapTrace]) -> tuple[Layout, ReferenceLine] | None:
    """The layout with a reference line, its own or that of laps, and the line as it is measured along."""
    from trackd.analysis.reference import line_of_points

    drawn = line_of(layout, traces)
    if drawn is None:
        return None
    if not layout.reference or line_of_points(layout.reference, layout.start_finish) is None:
        layout = replace(layout, reference=_points(drawn), corners=())
        drawn = line_of(layout, traces) or drawn
    return layout, drawn


def _points(line: ReferenceLine) -> tuple[Point, ...]:
    from trackd.gps.trace import Point

    places = [line.place(float(at_m)) for at_m in line.s_m[:-1:APART_M]]
    return tuple(Point(round(each.lat_deg, 7), round(each.lon_deg, 7)) for each in places)


async def keep(appliance: Appliance, layout_id: str, wanted: dict[str, Any], by: str) -> None:
    """Settle the corners of a layout: ``corners`` as in its GeoJSON (none: those found count again), ``cuts_kmh`` or None,
    the ``reference`` they were measured along, and the ``version`` of the layout it was in.

    Raises NotFound, BadInput with what and where, Refused where the layout was changed meanwhile.
    """
    from trackd.gps.layouts import layout_of

    record = record_of(appliance, layout_id)
    if wanted.get("version") != digest(record):
        raise Refused("The layout was changed meanwhile. Look at its corners again.")
    body = merged(record.body, wanted)
    layout = layout_of(body)
    if layout.corners:
        body["properties"]["corners"] = await asyncio.to_thread(_told, layout)
    if record_of(appliance, layout_id) is not record:
        raise Refused("The layout was changed meanwhile. Nothing was saved.")
    await appliance.live.done(appliance.roster.save_layout(body, by, layout_id)[1])


def merged(body: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The layout with these corners and their line. Raises BadInput."""
    places = wanted.get("reference")
    if not isinstance(places, list):
        raise BadInput(Fault("reference", "missing: corners are measured along it"))
    properties = {key: value for key, value in body["properties"].items() if key not in ("corners", "corner_cuts_kmh")}
    if wanted.get("corners"):
        properties["corners"] = wanted["corners"]
    if wanted.get("cuts_kmh"):
        properties["corner_cuts_kmh"] = wanted["cuts_kmh"]
    features = [each for each in body["features"] if each["properties"]["role"] != "reference"]
    features.append({"type": "Feature", "properties": {"role": "reference"},
                     "geometry": {"type": "LineString", "coordinates": places}})
    return {**body, "properties": properties, "features": features}


def _told(layout: Layout) -> list[dict[str, Any]]:
    """The corners with the direction that the line gives where nobody said. Raises BadInput where there is no line."""
    from trackd.gps.layouts import geojson_of

    line = line_of(replace(layout, corners=()), [])
    if line is None:
        raise BadInput(Fault("reference", "does not cross the start line in its direction"))
    found = corners_on(line, layout)
    corners = tuple(replace(each, direction=seen.direction) for each, seen in zip(layout.corners, found, strict=True))
    told: list[dict[str, Any]] = geojson_of(replace(layout, corners=corners))["properties"]["corners"]
    return told


async def save_lines(appliance: Appliance, body: dict[str, Any], by: str, layout_id: str = "") -> str:
    """Save a layout; laps are found anew where a line of it moved. Its id. Raises BadInput, Refused, NotFound."""
    record = appliance.live.writer.venue.layouts.get(layout_id)
    before, now = (lines_of(each) if each else None for each in (record, RecordFact(layout_id, "", body)))
    if before and now and _lines(before) == _lines(now):
        await appliance.live.done(appliance.roster.save_layout(body, by, layout_id)[1])
        return layout_id
    return await appliance.save_layout(body, by, layout_id)


def _lines(layout: Layout) -> Layout:
    """What laps are found by."""
    return replace(layout, corners=(), cuts_kmh=None, name="", direction="")


def carried_over(body: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A layout whose lines were moved, with its corners measured from where its start line is now; without those that
    this line lies in, and without any where it left the way they were settled on.
    """
    from trackd.analysis.kept import carried
    from trackd.analysis.reference import line_of_points
    from trackd.gps.layouts import geojson_of, layout_of

    old, new = layout_of(before), layout_of(body)
    if not new.corners or old.start_finish == new.start_finish:
        return body
    was, now = (line_of_points(new.reference, each.start_finish) for each in (old, new))
    corners = carried(new.corners, was, now) if was and now else ()
    properties = {key: value for key, value in body["properties"].items() if key != "corners"}
    if corners:
        properties["corners"] = geojson_of(replace(new, corners=corners))["properties"]["corners"]
    return {**body, "properties": properties}
