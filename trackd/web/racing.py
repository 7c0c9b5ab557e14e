"""Race control: the live page, the orders its keys and buttons give, and what was done last. Staff only."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from trackd.core.errors import BadInput, Fault
from trackd.services.sessions import ORDERS
from trackd.services.staff import action_of_order
from trackd.web.auth import check, principal
from trackd.web.console import _form, _gate, _one
from trackd.web.given import AnyRequest, TheAppliance, TheScreens
from trackd.web.moment import Moment
from trackd.web.pages import html, page_view, stream_of
from trackd.web.showing import TRACK, track_names
from trackd.web.undo import undo_view


@get(["/console", "/console/sessions/{session_id:str}"], include_in_schema=False)
async def race(request: AnyRequest, appliance: TheAppliance, screens: TheScreens, session_id: FromPath[str] = "",
               track: FromQuery[str] = "") -> Response[Any]:
    """Race control of what is on now (on one track), or of one session.

    Where a venue has several tracks the page keeps to one: a key must never act on another heat than the eye is on.
    """
    gate = _gate(request, appliance)
    if gate is not None:
        return gate
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
    values = await _form(request)
    name = _one(values, "order")
    who = check(request, action_of_order(name))
    await appliance.order(session_id, name, _args(name, values), who.name)


def _args(name: str, values: dict[str, list[str]]) -> dict[str, Any]:
    """The arguments of an order out of a form, where everything is text. Raises BadInput."""
    args: dict[str, Any] = {field: _one(values, field) for field in ORDERS.get(name, ()) if _one(values, field)}
    if name == "move_laps" and args.get("laps"):
        args["laps"] = values["laps"]
    if "seconds" in args:
        try:
            seconds = float(args["seconds"])
        except ValueError:
            raise BadInput(Fault("seconds", "must be a number")) from None
        args["seconds"] = int(seconds) if seconds.is_integer() else seconds
    return args


@get("/console/newest", include_in_schema=False)
async def newest(request: AnyRequest, appliance: TheAppliance) -> dict[str, Any]:
    """What this person did last, while it stands out: pages that are not live say it once, with its undo."""
    who = principal(request)
    clock = appliance.live.clock
    shown = undo_view(appliance.live.acts.newest(), appliance.live.names, Moment(clock.now(), clock.wall()))
    acts = appliance.live.acts.all
    if who is None or shown is None or not shown.left_us or acts[shown.of].by != who.name or shown.turn != "undo":
        return {"said": ""}
    return {"said": shown.said, "of": shown.of, "turn": shown.turn, "left_us": shown.left_us}


HANDLERS: list[Any] = [race, give_order, newest]
