"""The console beside race control: karts, drivers, set-up, sign-in. Before the first staff, only set-up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect

from trackd.core.errors import BadInput, Fault, TrackdError
from trackd.services.appliance import Appliance
from trackd.services.staff import STAFF_ROLES, TooManyTries, WrongSecret
from trackd.web.auth import COOKIE, PUBLIC, check, client, login_cookie, logout_cookie, principal
from trackd.web.desk import DriverLine, FormView, NamedLine, StaffLine, faults_of, form_view
from trackd.web.errors import explain
from trackd.web.forms import one
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.pages import form_of, guest_page, html, kart_lines, page_view
from trackd.web.rulebook import CHOICES, NUMBERS, RULE_FIELDS, rules_given, rules_words
from trackd.web.showing import health


def _karts_page(request: AnyRequest, appliance: Appliance, form: FormView) -> Response[str]:
    return html("console/karts.html", page=page_view(request, appliance, "Karts", "karts"), form=form,
                karts=kart_lines(appliance))


@get("/console/karts", include_in_schema=False)
async def karts(request: AnyRequest, appliance: TheAppliance, kart: FromQuery[str] = "",
                transponder: FromQuery[str] = "") -> Response[Any]:
    """All karts, and a form for one."""
    guest = guest_page(request, appliance)
    if guest is not None:
        return guest
    known = appliance.live.writer.venue.karts.get(kart)
    values = {"transponders": [transponder]} if transponder else {}
    if known is not None:
        values = {"old": [kart], "number": [kart], "class": [known.kart_class or ""],
                  "transponders": [", ".join(known.transponders)]}
    return _karts_page(request, appliance, form_view(values))


@post("/console/karts", status_code=200, include_in_schema=False)
async def save_kart(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Save the kart of the form, or take it out."""
    who = check(request, "karts")
    values = await form_of(request)
    old, number = one(values, "old"), one(values, "number")
    transponders = [each.strip() for each in one(values, "transponders").split(",") if each.strip()]
    try:
        if old and one(values, "act") == "retire":
            future = appliance.roster.delete_kart(old, who.name)
        elif old and old != number:
            raise BadInput(Fault("number", "a kart keeps its number; take it out and enter it anew"))
        else:
            future = appliance.roster.save_kart(number, one(values, "class") or None, transponders, new=not old,
                                                by=who.name)
        await appliance.live.done(future)
    except TrackdError as error:
        return _karts_page(request, appliance, form_view(values, faults_of(error), ("number", "transponders", "class")))
    return Redirect("/console/karts", status_code=303)


async def _drivers_page(request: AnyRequest, appliance: Appliance, form: FormView) -> Response[str]:
    rows = await appliance.reading.drivers("", 1000)
    counts = await appliance.reading.session_counts()
    named = sorted(rows, key=lambda row: row.name.casefold())
    lines = [DriverLine(row.name, counts.get(row.id, 0), row.id) for row in named]
    return html("console/drivers.html", page=page_view(request, appliance, "Drivers", "drivers"), form=form, drivers=lines)


@get("/console/drivers", include_in_schema=False)
async def drivers(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """All drivers, and a form for one."""
    return guest_page(request, appliance) or await _drivers_page(request, appliance, form_view())


@post("/console/drivers", status_code=200, include_in_schema=False)
async def add_driver(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Add the driver of the form."""
    check(request, "drivers")
    values = await form_of(request)
    try:
        _, future = appliance.roster.add_driver(one(values, "name"))
        await appliance.live.done(future)
    except TrackdError as error:
        faults = [Fault("name", fault.what) for fault in faults_of(error)]
        return await _drivers_page(request, appliance, form_view(values, faults, ("name",)))
    return Redirect("/console/drivers", status_code=303)


SETUP_FORMS = {"staff": ("name", "role", "pin"), "format": ("name", "format", *RULE_FIELDS), "layout": ("geojson",)}


def _setup_page(request: AnyRequest, appliance: Appliance, what: str = "", form: FormView | None = None) -> Response[str]:
    venue = appliance.live.writer.venue
    forms = {name: form_view(prefix=name) for name in SETUP_FORMS}
    if form is not None:
        forms[what] = form
    return html(
        "console/setup.html", page=page_view(request, appliance, "Set up", "setup"), health=health(appliance), forms=forms,
        staff=[StaffLine(person.name, person.role) for person in appliance.staff.list_staff()],
        roles=[(role, role) for role in STAFF_ROLES], choices=CHOICES, numbers=NUMBERS,
        formats=[NamedLine(r.name, rules_words(r.body), r.id) for r in dict(venue.formats).values()],
        layouts=[NamedLine(r.name, _lines(r.body), r.id) for r in dict(venue.layouts).values()])


def _lines(geojson: dict[str, Any]) -> str:
    roles = [feature["properties"]["role"] for feature in geojson["features"]]
    return ", ".join(role.replace("_", " ").replace(":", " ") for role in roles)


@get("/console/setup", include_in_schema=False)
async def setup(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Links, staff, formats, layouts."""
    return guest_page(request, appliance) or _setup_page(request, appliance)


@post("/console/setup", status_code=200, opt=PUBLIC, include_in_schema=False)
async def save_setup(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """The first admin by the one-time code; afterwards staff, formats and layouts by an admin."""
    values = await form_of(request)
    if principal(request) is None and appliance.staff.setup_code() is not None:
        return await _first_admin(request, appliance, values)
    who = check(request, "admin")
    what = one(values, "what")
    if what not in SETUP_FORMS:
        raise BadInput(Fault("what", "must be staff, format or layout"))
    try:
        if what == "staff":
            await asyncio.to_thread(appliance.staff.add_staff, one(values, "name"), one(values, "role"),
                                    one(values, "pin"))
        else:
            await _saved(appliance, what, values, who.name)
    except TrackdError as error:
        return _setup_page(request, appliance, what, form_view(values, faults_of(error), SETUP_FORMS[what], prefix=what))
    return Redirect(f"/console/setup#{what}", status_code=303)


async def _saved(appliance: Appliance, what: str, values: dict[str, list[str]], by: str) -> None:
    """Save a format or layout of the form, or take one out by its id."""
    roster, gone = appliance.roster, one(values, "gone")
    if gone:
        await appliance.live.done((roster.delete_format if what == "format" else roster.delete_layout)(gone, by))
    elif what == "layout":
        await appliance.save_layout(_geojson(one(values, "geojson")), by)
    else:
        body = {"format": one(values, "format"), **rules_given(values)}
        given = {key: value for key, value in body.items() if value != ""}
        await appliance.live.done(roster.save_format(one(values, "name"), given, by)[1])


def _geojson(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(Fault("geojson", f"line {error.lineno}, column {error.colno}: {error.msg}")) from None
    if not isinstance(body, dict):
        raise BadInput(Fault("geojson", "a layout is a GeoJSON FeatureCollection"))
    return body


async def _first_admin(request: AnyRequest, appliance: Appliance, values: dict[str, list[str]]) -> Response[Any]:
    name, pin = one(values, "name"), one(values, "pin")
    try:
        await asyncio.to_thread(appliance.staff.setup, one(values, "code"), name, pin, client(request))
        token = await asyncio.to_thread(appliance.staff.login, name, pin, client(request))
    except TooManyTries:
        raise
    except TrackdError as error:
        faults = (Fault("code", str(error)),) if isinstance(error, WrongSecret) else faults_of(error)
        return html("console/first.html", page=page_view(request, appliance, "Set up"),
                    form=form_view(values, faults, ("code", "name", "pin")))
    return Redirect("/console", status_code=303, cookies=[login_cookie(token, request)])


@get("/console/login", opt=PUBLIC, include_in_schema=False)
async def login_page(request: AnyRequest, appliance: TheAppliance,
                     next: FromQuery[str] = "/console") -> Response[Any]:  # noqa: A002 - the query's name
    """Name and PIN."""
    if appliance.staff.setup_code() is not None:
        return Redirect("/console", status_code=303)
    return html("console/login.html", page=page_view(request, appliance, "Sign in"), form=form_view({"next": [next]}))


@post("/console/login", status_code=200, opt=PUBLIC, include_in_schema=False)
async def login(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Sign in and go where one wanted to go; only to a page of this console, or the pit tablet."""
    values = await form_of(request)
    try:
        token = await asyncio.to_thread(appliance.staff.login, one(values, "name"), one(values, "pin"), client(request))
    except TrackdError as error:
        page = html("console/login.html", page=page_view(request, appliance, "Sign in"),
                    form=form_view(values, faults_of(error)))
        page.status_code, _, _, headers = explain(error)
        page.headers.update(headers)
        return page
    target = one(values, "next")
    own = target.startswith(("/console", "/pit", "/kiosk")) and "//" not in target and "\\" not in target
    target = target if own else "/console"
    return Redirect(target, status_code=303, cookies=[login_cookie(token, request)])


@post("/console/logout", status_code=200, include_in_schema=False)
async def logout(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Sign out."""
    await asyncio.to_thread(appliance.staff.logout, request.cookies.get(COOKIE, ""))
    return Redirect("/", status_code=303, cookies=[logout_cookie()])

