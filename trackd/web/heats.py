"""The heats of the day: a list with what can be done with each, and a form that prepares the next, also while one runs."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from trackd.core.errors import BadInput, Fault, TrackdError
from trackd.services.appliance import Appliance
from trackd.services.evidence import look_back
from trackd.services.sessions import NewSession
from trackd.web.auth import check
from trackd.web.desk import DriverLine, FormView, HeatsDesk, faults_of, form_view
from trackd.web.forms import one
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.lanes import heats_view
from trackd.web.pages import form_of, guest_page, html, kart_lines, page_view
from trackd.web.rulebook import CHOICES, NUMBERS, RULE_FIELDS, next_name, rules_given, rules_values, rules_words

LENGTHS = (("8m", "8 minutes"), ("10m", "10 minutes"), ("12L", "12 laps"), ("8m+1L", "8 minutes and a lap"))
OWN = ("own", "as set below")
NOW = 1 << 62
"""A sequence after every other."""


async def _page(request: AnyRequest, appliance: Appliance, form: FormView) -> Response[str]:
    venue, board = appliance.live.writer.venue, appliance.current()
    formats = [(r.name, f"{r.name} ({rules_words(r.body)})") for r in dict(venue.formats).values()]
    heats = appliance.heats()
    drivers = [DriverLine(row.name) for row in await appliance.reading.drivers("", 500)]
    tracks = sorted({link.track for link in appliance.settings.links} or {"main"})
    desk = HeatsDesk(
        heats_view(heats, appliance.zone, board.session.id if board else ""), [*(formats or LENGTHS), OWN],
        [(r.id, r.name) for r in dict(venue.layouts).values()] or [("", "none")],
        [(track, track) for track in tracks] if len(tracks) > 1 else [], kart_lines(appliance), drivers,
        [(info.id, info.name) for info in reversed(heats) if info.entries], CHOICES, NUMBERS)
    return html("console/heats.html", page=page_view(request, appliance, "Heats", "heats"), form=form, desk=desk)


@get("/console/heats", include_in_schema=False)
async def heats(request: AnyRequest, appliance: TheAppliance, same: FromQuery[str] = "",
                everybody: FromQuery[int] = 0) -> Response[Any]:
    """The sessions of today and a form for the next: empty, like an earlier heat (``same``), or with every kart."""
    guest = guest_page(request, appliance)
    if guest is not None:
        return guest
    values: dict[str, Any] = {"name": [next_name([info.name for info in appliance.heats()])]}
    if same:
        values |= await _like(appliance, same)
    elif everybody:
        values["kart"] = [kart.number for kart in kart_lines(appliance)]
    return await _page(request, appliance, form_view(values))


async def _like(appliance: Appliance, session_id: str) -> dict[str, Any]:
    """Karts, drivers and rules of an earlier heat, for the form."""
    board = await appliance.board(session_id)
    seen = await look_back(appliance, session_id, NOW)
    names = await appliance.named(board)
    values: dict[str, Any] = {**rules_values(seen.heat.rules), "format": [OWN[0]], "layout": [board.session.layout or ""],
                              "track": [board.session.track], "same": [session_id]}
    values["kart"] = [row.kart for row in board.rows]
    return values | {f"driver:{row.kart}": [names.get(row.driver_id or "", "")] for row in board.rows}


@post("/console/heats", status_code=200, include_in_schema=False)
async def new_heat(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Make a heat from the form, then show it in race control, or stay here to prepare the next."""
    who = check(request, "orders")
    values = await form_of(request)
    entries = []
    for kart in kart_lines(appliance):
        driver = one(values, f"driver:{kart.number}")
        if driver or kart.number in values.get("kart", []):
            entries.append((kart.number, driver or None))
    try:
        wanted = NewSession(one(values, "name"), entries, one(values, "track") or "main", one(values, "layout") or None,
                            _rules(appliance, values))
        session_id = await appliance.create_session(wanted, who.name)
    except TrackdError as error:
        return await _page(request, appliance, form_view(values, _placed(error, values, entries), (
            "name", "format", "layout", "track", *RULE_FIELDS, *(f"driver:{kart}" for kart, _ in entries))))
    if one(values, "then") == "stay":
        return Redirect("/console/heats", status_code=303)
    return Redirect(f"/console/sessions/{session_id}", status_code=303)


def _rules(appliance: Appliance, values: dict[str, list[str]]) -> dict[str, Any]:
    """The chosen format's rules with what was set beside it; a format that is none is a length."""
    chosen, given = one(values, "format"), rules_given(values)
    if chosen == OWN[0]:
        if "format" not in given:
            raise BadInput(Fault("length", "write how long the heat is: 90s, 8m, 1h30m, 12L or 8m+1L"))
        return given
    saved = next((r.body for r in dict(appliance.live.writer.venue.formats).values() if chosen in (r.id, r.name)), None)
    return {**(saved if saved is not None else {"format": chosen} if chosen else {}), **given}


def _placed(error: TrackdError, values: dict[str, list[str]], entries: list[tuple[str, str | None]]) -> list[Fault]:
    """Faults by the fields of this form: a length that was written out, and drivers by their kart."""
    fields = {f"entries[{index}].driver": f"driver:{kart}" for index, (kart, _) in enumerate(entries)}
    if one(values, "length"):
        fields["format"] = "length"
    return [Fault(fields.get(fault.where, fault.where), fault.what) for fault in faults_of(error)]


@post("/console/heats/{session_id:str}/stage", status_code=200, include_in_schema=False)
async def stage(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str]) -> Response[Any]:
    """Stage a heat from the list and go to race control; a refusal is told above the form."""
    who = check(request, "orders")
    try:
        await appliance.order(session_id, "stage", {}, who.name)
    except TrackdError as error:
        return await _page(request, appliance, form_view({}, faults_of(error)))
    return Redirect(f"/console/sessions/{session_id}", status_code=303)


HANDLERS: list[Any] = [heats, new_heat, stage]
