"""The corners of a layout: seen on its line, settled, named, moved."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery, JSONBody

from trackd.core.errors import BadInput, TrackdError
from trackd.services.cornering import Bends, bends, keep, record_of
from trackd.web.auth import check, requires
from trackd.web.desk import faults_of
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.lapfigures import rounded
from trackd.web.pages import guest_page, html, page_view


@get("/console/layouts/corners", include_in_schema=False)
async def corners(request: AnyRequest, appliance: TheAppliance, layout: FromQuery[str],
                  anew: FromQuery[bool] = False) -> Response[Any]:
    """The corners of a layout on the map; ``anew``: those found now, whatever was settled."""
    from trackd.analysis.corners import RENTAL_CUTS_KMH

    guest = guest_page(request, appliance)
    if guest is not None:
        return guest
    check(request, "admin")
    name, fault = record_of(appliance, layout).name, ""
    try:
        found = await bends(appliance, layout, anew=anew)
    except BadInput as error:
        found, fault = None, f"The lines of this layout cannot be used: {error.faults[0].what}. Draw them again."
    return html("console/corners.html", page=page_view(request, appliance, f"Corners of {name}", "setup"), layout_id=layout,
                fault=fault, settled=found is not None and found.settled, anew=anew, rental=RENTAL_CUTS_KMH,
                data=await asyncio.to_thread(_data, found) if found else "")


@post("/console/layouts/corners", guards=[requires("admin")], status_code=200, include_in_schema=False)
async def settle(request: AnyRequest, appliance: TheAppliance, layout: FromQuery[str],
                 data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    """Keep them. What is wrong comes back as sentences, each with the corner it is about."""
    try:
        await keep(appliance, layout, data, check(request, "admin").name)
    except TrackdError as error:
        return {"faults": [fault.what for fault in faults_of(error)]}
    return {"next": f"/console/layouts/corners?layout={layout}"}


def _data(found: Bends) -> str:
    """What the map is drawn from, JSON: the line by the metre, and the corners in metres along it."""
    from trackd.analysis.delta import KMH

    line = found.line
    return msgspec.json.encode({
        "x": line.x_m.round(2).tolist(), "y": line.y_m.round(2).tolist(), "s": line.s_m.round(3).tolist(),
        "kmh": rounded(line.speed_mps * KMH, 1), "reference": found.reference, "version": found.version,
        "cuts_kmh": found.cuts_kmh,
        "corners": [{"name": each.name, "entry_m": round(each.entry_m, 1), "apex_m": round(each.apex_m, 1),
                     "exit_m": round(each.exit_m, 1), "kind": each.pace or "", "direction": each.direction}
                    for each in found.corners]}).decode()


HANDLERS: list[Any] = [corners, settle]
