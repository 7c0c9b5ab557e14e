"""Units in the console: which are there and how they stand, pairing them, fetching from them."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect

from trackd.core.errors import BadInput, Fault, NotFound, TrackdError
from trackd.services.agreeing import agreement_of_unit
from trackd.services.appliance import Appliance
from trackd.services.staff import may
from trackd.services.units import Units
from trackd.web.auth import check, principal
from trackd.web.desk import FormView, faults_of, form_view
from trackd.web.forms import one
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import agreement_view, days_view
from trackd.web.pages import form_of, guest_page, html, kart_lines, page_view
from trackd.web.units_api import TheUnits, driver_names
from trackd.web.unitviews import OFF, UnitForm, unit_form, units_view

FIELDS = ("name", "kart", "driver")


@get("/console/units", include_in_schema=False)
async def all_units(request: AnyRequest, appliance: TheAppliance, units: TheUnits,
                    unit: FromQuery[str] = "") -> Response[Any]:
    """All units; with ``unit`` the form for that one."""
    return guest_page(request, appliance) or await _page(request, appliance, units, unit)


@post("/console/units", status_code=200, include_in_schema=False)
async def act(request: AnyRequest, appliance: TheAppliance, units: TheUnits) -> Response[Any]:
    """``pair`` a unit as the form says, ``unpair`` it, pair it ``again`` as it was, or ``download`` from it."""
    values = await form_of(request)
    name, unit = one(values, "act"), one(values, "unit")
    who = check(request, "recordings" if name == "download" else "admin")
    try:
        if name == "pair":
            await units.pair(unit, one(values, "name"), one(values, "kart"), one(values, "driver"), who.name)
        elif name == "unpair":
            await units.unpair(unit, who.name)
        elif name == "again":
            await units.pair_again(unit, who.name)
        elif name == "download":
            await units.download(unit, who.name)
        else:
            raise BadInput(Fault("act", "must be pair, unpair, again or download"))
    except TrackdError as error:
        form = form_view(values, faults_of(error), FIELDS if name == "pair" else ())
        return await _page(request, appliance, units, unit if name == "pair" else "", form)
    return Redirect("/console/units", status_code=303)


async def _page(request: AnyRequest, appliance: Appliance, units: Units, chosen: str,
                form: FormView | None = None) -> Response[str]:
    found = await units.all()
    names = await driver_names(units.reading, found)
    about: UnitForm | None = None
    who = principal(request)
    if chosen and may(who, "admin"):
        unit = next((each for each in found if each.id == chosen), None)
        if unit is None:
            raise NotFound("That unit is not here any more, and is not paired.")
        drivers = [row.name for row in await appliance.reading.drivers("", 1000)]
        about = unit_form(unit, found, [kart.number for kart in kart_lines(appliance)], drivers)
        form = form or form_view({"name": [unit.name], "kart": [unit.kart or ""],
                                  "driver": [names.get(unit.driver_id or "", "")]})
    agreed = {unit.id: await agreement_of_unit(units.reading, unit.id, appliance.zone) for unit in found if unit.paired}
    agreements = {each: agreement_view(of.whole if of else None) for each, of in agreed.items()}
    view = units_view(found, names, units.ear.nameless(), units.trouble, looks=units.looks, zone=appliance.zone,
                      now_us=units.clock.wall_us())
    return html("console/units.html", page=page_view(request, appliance, "Units", "recordings"), view=view, off=OFF,
                agreements=agreements, days={each: days_view(of) for each, of in agreed.items()}, about=about,
                form=form or form_view(), may_fetch=may(who, "recordings"),
                may_pair=may(who, "admin"))


HANDLERS: list[Any] = [all_units, act]
