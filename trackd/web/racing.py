"""Race control: the live page, the orders its keys and buttons give, and what was done last. Staff only."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from trackd.services.staff import action_of_order
from trackd.web.auth import check
from trackd.web.forms import one, order_args
from trackd.web.given import AnyRequest, TheAppliance, TheScreens
from trackd.web.pages import form_of, guest_page, html, page_view, stream_of
from trackd.web.showing import TRACK, track_names


@get(["/console", "/console/sessions/{session_id:str}"], include_in_schema=False)
async def race(request: AnyRequest, appliance: TheAppliance, screens: TheScreens, session_id: FromPath[str] = "",
               track: FromQuery[str] = "") -> Response[Any]:
    """Race control of what is on now (on one track), or of one session.

    Where a venue has several tracks the page keeps to one: a key must never act on another heat than the eye is on.
    """
    guest = guest_page(request, appliance)
    if guest is not None:
        return guest
    stream = session_id or stream_of(appliance, track)
    if stream == "now" and len(names := track_names(appliance)) > 1:
        board = appliance.current()
        stream = TRACK + (board.session.track if board else names[0])
    await screens.prepare(stream)
    view = screens.view("console", stream)
    return html("console/race.html", page=page_view(request, appliance, view.band.title, "race"), view=view)


@post("/console/sessions/{session_id:str}/orders", status_code=204, include_in_schema=False)
async def give_order(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str]) -> None:
    """An order from a key or a button; the screens show what came of it, a refusal comes back as a sentence."""
    values = await form_of(request)
    name = one(values, "order")
    who = check(request, action_of_order(name))
    await appliance.order(session_id, name, order_args(name, values), who.name)


HANDLERS: list[Any] = [race, give_order]
