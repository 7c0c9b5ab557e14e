"""The HTTP API of the roster: karts, drivers, formats, layouts."""

from __future__ import annotations

from typing import Any

from litestar import Controller, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from trackd.core.errors import BadInput, Fault
from trackd.services.cornering import save_lines
from trackd.services.roster import tidy
from trackd.services.shapes import DriverList, DriverRow, KartList, KartRow
from trackd.timing.course import Kart
from trackd.web.auth import principal, requires
from trackd.web.bodies import DriverBody, FormatBody, KartBody
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.paging import Limit, page


def _by(request: AnyRequest) -> str:
    who = principal(request)
    return who.name if who is not None else ""


def kart_row(kart: Kart) -> KartRow:
    """A kart as the API gives it."""
    return {"id": kart.number, "number": kart.number, "transponders": list(kart.transponders), "class": kart.kart_class}


class RosterApi(Controller):
    """Karts, drivers, formats, layouts."""

    path = "/api/v1"
    tags = ("venue",)

    @get("/karts")
    async def karts(self, appliance: TheAppliance, after: FromQuery[str] = "", limit: Limit = 1000) -> KartList:
        """All karts by number."""
        found = sorted(dict(appliance.live.writer.venue.karts).items())
        rows = [kart_row(kart) for number, kart in found if number > after]
        items, cursor = page(rows, limit, lambda row: row["number"])
        return {"items": items, "next": cursor}

    @post("/karts", guards=[requires("karts")])
    async def add_kart(self, appliance: TheAppliance, request: AnyRequest, data: JSONBody[KartBody]) -> KartRow:
        """A new kart; 409 when the number or a transponder is taken."""
        if data.number is None:
            raise BadInput(Fault("number", "missing"))
        await appliance.live.done(appliance.roster.save_kart(data.number, data.kart_class, data.transponders, new=True,
                                                             by=_by(request)))
        return kart_row(appliance.live.writer.venue.karts[data.number])

    @put("/karts/{number:str}", guards=[requires("karts")])
    async def change_kart(self, appliance: TheAppliance, request: AnyRequest, number: FromPath[str],
                          data: JSONBody[KartBody]) -> KartRow:
        """Change a kart's class and transponders. Past sessions keep what they had."""
        if data.number not in (None, number):
            raise BadInput(Fault("number", "a kart keeps its number; take it out and enter it anew"))
        await appliance.live.done(appliance.roster.save_kart(number, data.kart_class, data.transponders, new=False,
                                                             by=_by(request)))
        return kart_row(appliance.live.writer.venue.karts[number])

    @delete("/karts/{number:str}", guards=[requires("karts")])
    async def delete_kart(self, appliance: TheAppliance, request: AnyRequest, number: FromPath[str]) -> None:
        """Take a kart out; its laps stay."""
        await appliance.live.done(appliance.roster.delete_kart(number, _by(request)))

    @get("/drivers")
    async def drivers(self, appliance: TheAppliance, after: FromQuery[str] = "", limit: Limit = 100) -> DriverList:
        """Drivers in the order they were made."""
        rows = await appliance.reading.drivers(after, limit + 1)
        found: list[DriverRow] = [{"id": row.id, "name": row.name} for row in rows]
        items, cursor = page(found, limit, lambda row: row["id"])
        return {"items": items, "next": cursor}

    @post("/drivers", guards=[requires("drivers")])
    async def add_driver(self, appliance: TheAppliance, data: JSONBody[DriverBody]) -> DriverRow:
        """A driver; the same name is the same driver."""
        made, future = appliance.roster.add_driver(data.name)
        await appliance.live.done(future)
        return {"id": made[0], "name": tidy(data.name, "name")}

    @get("/formats")
    async def formats(self, appliance: TheAppliance) -> dict[str, Any]:
        """All format templates."""
        found = dict(appliance.live.writer.venue.formats)
        return {"items": [{"id": r.id, "name": r.name, **r.body} for r in found.values()], "next": None}

    @post("/formats", guards=[requires("admin")])
    async def add_format(self, appliance: TheAppliance, request: AnyRequest, data: JSONBody[FormatBody]) -> dict[str, Any]:
        """A format template. Sessions made from it keep what they were made with."""
        record_id, future = appliance.roster.save_format(data.name, data.given(), _by(request))
        await appliance.live.done(future)
        return {"id": record_id, "name": tidy(data.name, "name"), **data.given()}

    @get("/layouts")
    async def layouts(self, appliance: TheAppliance) -> dict[str, Any]:
        """All layouts as GeoJSON, each with its id."""
        found = dict(appliance.live.writer.venue.layouts)
        return {"items": [{**r.body, "id": r.id, "name": r.name} for r in found.values()], "next": None}

    @post("/layouts", guards=[requires("admin")])
    async def add_layout(self, appliance: TheAppliance, request: AnyRequest,
                         data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
        """A layout: a GeoJSON FeatureCollection as CONTRACT describes it."""
        record_id = await appliance.save_layout(data, _by(request))
        return {**data, "id": record_id, "name": tidy(data["properties"]["name"], "properties.name")}

    @put("/layouts/{layout_id:str}", guards=[requires("admin")])
    async def change_layout(self, appliance: TheAppliance, request: AnyRequest, layout_id: FromPath[str],
                            data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
        """Another version of a layout. Where a line moved, laps of recordings on it are found anew; matched ones wait for
        approval.
        """
        await save_lines(appliance, data, _by(request), layout_id)
        return {**data, "id": layout_id, "name": tidy(data["properties"]["name"], "properties.name")}
