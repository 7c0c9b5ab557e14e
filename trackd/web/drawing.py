"""Drawing a layout on the trace of a recording: the page, and what laps the lines would give while they are moved."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from litestar import Response, get, post
from litestar.params import FromQuery, JSONBody

from trackd.core.errors import NotFound
from trackd.core.time import SECOND
from trackd.services import recorded
from trackd.services.cornering import carried_over, save_lines
from trackd.services.roster import layout_faults
from trackd.web.auth import check, requires
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import hundredths
from trackd.web.pages import guest_page, html, page_view

if TYPE_CHECKING:
    from trackd.gps.trace import Recording

DRAWN_MOST = 20_000
"""Places sent to the page: two laps of any track in any detail."""

FOUND_S = 3.0
THINNED = 2
"""Every so many metres a place of the reference line is kept."""


@get("/console/layouts/draw", include_in_schema=False)
async def draw(request: AnyRequest, appliance: TheAppliance, recording: FromQuery[str],
               layout: FromQuery[str] = "") -> Response[Any]:
    """Lines put on a trace; ``layout``: those of this one, to be moved."""
    guest = guest_page(request, appliance)
    if guest is not None:
        return guest
    check(request, "admin")
    each = await recorded.recording(appliance.reading, recording)
    found = await appliance.recordings.read(each.sha256, each.name)
    layouts = dict(appliance.live.writer.venue.layouts)
    record = layouts.get(layout or each.layout or "")
    body = record.body if record is not None else _of_device(found)
    named = sorted(((key, value.name) for key, value in layouts.items()), key=lambda pair: pair[1])
    return html("console/draw.html", page=page_view(request, appliance, "Draw a layout", "recordings"), recording=each,
                layout_id=record.id if record is not None else "", body=body, layouts=named,
                trace=await asyncio.to_thread(_places, found))


@post("/console/layouts/try", guards=[requires("admin")], status_code=200, include_in_schema=False)
async def attempt(appliance: TheAppliance, recording: FromQuery[str], data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    """The laps that these lines would give, and what is wrong with the lines; nothing is stored."""
    faults = [fault.what if fault.where.startswith("features") else str(fault) for fault in layout_faults(data)]
    if faults:
        return {"faults": faults, "laps": []}
    each = await recorded.recording(appliance.reading, recording)
    found = await appliance.recordings.read(each.sha256, each.name)
    return {"faults": [], "laps": await asyncio.to_thread(_laps, found, data)}


@post("/console/layouts/save", guards=[requires("admin")], status_code=200, include_in_schema=False)
async def save(request: AnyRequest, appliance: TheAppliance, data: JSONBody[dict[str, Any]],
               recording: FromQuery[str], layout: FromQuery[str] = "") -> dict[str, str]:
    """Save the lines, as a layout of its own or instead of those of ``layout``."""
    who = check(request, "admin")
    if layout and layout not in appliance.live.writer.venue.layouts:
        raise NotFound("That layout is not there any more.")
    each = await recorded.recording(appliance.reading, recording)
    found = await appliance.recordings.read(each.sha256, each.name)
    if not layout_faults(data):
        record = appliance.live.writer.venue.layouts.get(layout)
        data = await asyncio.to_thread(_with_reference, found, data, record.body if record else None)
    layout_id = await save_lines(appliance, data, who.name, layout)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FOUND_S):       # its laps, for the page that comes next
            await appliance.recordings.settled(recording)
    return {"id": layout_id, "next": f"/console/recordings/{recording}"}


def _places(found: Recording) -> list[list[float]]:
    """Longitude, latitude, speed in km/h (-1: none) of places, in order."""
    import numpy as np

    trace = found.trace
    step = max(1, len(trace) // DRAWN_MOST)
    speed = np.where(np.isfinite(trace.speed_mps), trace.speed_mps * 3.6, -1)
    columns = (trace.lon_deg.round(7), trace.lat_deg.round(7), speed.round(1))
    return np.stack(columns, axis=1)[::step].tolist()  # type: ignore[no-any-return]


def _laps(found: Recording, body: dict[str, Any]) -> list[dict[str, Any]]:
    from trackd.gps.layouts import layout_of
    from trackd.gps.segment import segment

    return [{"name": str(lap.number) if lap.kind == "full" else lap.kind, "time": hundredths(lap.time_us),
             "sectors": ["" if each is None else hundredths(each) for each in lap.sectors_us], "quality": lap.quality,
             "seconds": lap.time_us / SECOND, "full": lap.kind == "full"}
            for lap in segment(found.trace, layout_of(body))]


def _with_reference(found: Recording, body: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """The layout with the way of this recording's clean laps as its reference, by which others are recognised; corners that
    somebody settled keep the line they are measured along. A layout that is another one has none of them.
    """
    from trackd.gps.layouts import layout_of
    from trackd.gps.recognise import reference_of
    from trackd.gps.segment import segment

    if before is None:
        body = {**body, "properties": {key: value for key, value in body["properties"].items() if key != "corners"}}
    else:
        body = carried_over(body, before)
    if body["properties"].get("corners"):
        return body
    points = reference_of(found.trace, segment(found.trace, layout_of(body)))[::THINNED]
    if len(points) < 2:
        return body
    way = {"type": "Feature", "properties": {"role": "reference"}, "geometry": {
        "type": "LineString", "coordinates": [[round(each.lon_deg, 7), round(each.lat_deg, 7)] for each in points]}}
    return {**body, "features": [*(each for each in body["features"] if each["properties"]["role"] != "reference"), way]}


def _of_device(found: Recording) -> dict[str, Any]:
    """The lines a file brings along, as the beginning of a layout."""
    features = [{"type": "Feature", "properties": {"role": gate.role} | (
        {} if gate.heading_deg is None else {"heading_deg": gate.heading_deg}),
        "geometry": {"type": "LineString", "coordinates": [[gate.a.lon_deg, gate.a.lat_deg],
                                                            [gate.b.lon_deg, gate.b.lat_deg]]}} for gate in found.gates]
    return {"type": "FeatureCollection", "properties": {"name": "", "direction": ""}, "features": features}


HANDLERS: list[Any] = [draw, attempt, save]
