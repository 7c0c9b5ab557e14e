"""What was done, by whom and why, with undo; and the same turns for every page."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromQuery
from litestar.response import Redirect

from trackd.core.errors import BadInput, Fault, NotFound, TrackdError
from trackd.services.appliance import Appliance
from trackd.services.staff import may
from trackd.services.undo import Turn
from trackd.timing.acts import Act
from trackd.timing.facts import RecordFact
from trackd.timing.recorded import DrivenFact, MatchFact, UnitFact
from trackd.timing.words import said, turned
from trackd.web.auth import check, principal
from trackd.web.errors import PROBLEM, explain
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.history import log_lines, session_names
from trackd.web.pages import guest_page, html, page_view
from trackd.web.recordings import layout_names

TURNS = {"undo": "redo", "redo": "undo"}
"""A turn, and the one that takes it back."""

_BACK = re.compile(r"/(?:console|sessions)(?:/[A-Za-z0-9-]+)*(?:\?[A-Za-z0-9=&_.%+-]*)?")


def _problem(_request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """A refusal as data: the page that gave the turn says it in its own place."""
    status, sentence, faults, headers = explain(error)
    return Response({"type": "about:blank", "status": status, "detail": sentence,
                     "faults": [{"where": fault.where, "what": fault.what} for fault in faults]},
                    status_code=status, headers=headers, media_type=PROBLEM)


@post("/console/undo", status_code=200, include_in_schema=False,
      exception_handlers={TrackdError: _problem, HTTPException: _problem})
async def turn(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """``undo`` or ``redo`` the newest act of the venue, or the one named by ``of``, from whichever page it was asked.

    JSON for scripts; a plain form names the page to go ``back`` to, which then says what was done. One with several
    buttons has turn and act together in ``do``: ``undo:4711``.
    """
    who = check(request, "recordings")             # all who give orders may that too
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    name, of, back = form.get("turn", "undo"), form.get("of", ""), form.get("back", "")
    if form.get("do"):
        name, _, of = form["do"].partition(":")
    if name not in TURNS:
        raise BadInput(Fault("turn", "must be undo or redo"))
    if of and not (of.isdecimal() and len(of) < 19):
        raise BadInput(Fault("of", "must be the number of an act"))
    try:
        act = await _turned(appliance, Turn(name, who.name, None, int(of) if of else None, form.get("reason", "")[:200],
                                            may(who, "admin"), may(who, "orders")))
    except TrackdError as error:
        if not back:
            raise
        return await _page(request, appliance, refused=f"Not possible: {error}")
    if back:
        return Redirect(f"{back if _BACK.fullmatch(back) else '/console/log'}#act-{act.seq}", status_code=303)
    return Response({"said": _said(name, act, who.name, appliance.live.names) + ".", "of": act.seq, "turn": name,
                     "again": TURNS[name]})


async def _turned(appliance: Appliance, wanted: Turn) -> Act:
    made, future = appliance.sessions.turn(wanted)
    await appliance.live.done(future)
    act = made[0]
    if isinstance(act.body, RecordFact) and act.kind == "layout":
        await appliance.recordings.layout_saved(act.body.id)
    return appliance.live.acts.all[act.seq]


def _said(name: str, act: Act, by: str, names: dict[str, str]) -> str:
    """``Undone: Ben voided lap 3 of kart 7``; where somebody else turned it, who."""
    if act.by == by:
        return turned(name, act, names)
    return f"{by} has {'undone' if name == 'undo' else 'done again'}: {said(act, names)}"


@get("/console/log", include_in_schema=False)
async def log(request: AnyRequest, appliance: TheAppliance, session: FromQuery[str] = "") -> Response[Any]:
    """The latest acts of all pages, or of one session. Nothing on it needs the network once it is there."""
    return guest_page(request, appliance) or await _page(request, appliance, session=session)


async def _page(request: AnyRequest, appliance: Appliance, *, session: str = "", refused: str = "") -> Response[str]:
    acts = appliance.live.acts
    sessions = await _sessions(appliance, session)
    who = principal(request)
    lines = log_lines(acts, await _names(appliance), sessions, appliance.zone, appliance.live.clock.wall(), session,
                      admin=may(who, "admin"), orders=may(who, "orders"))
    return html("console/log.html", page=page_view(request, appliance, "Log", "log"), lines=lines,
                refused=refused, session=session, title=sessions.get(session, ""),
                may_turn=may(who, "recordings"))


async def _names(appliance: Appliance) -> dict[str, str]:
    """Names of what acts are about: drivers, recordings, layouts."""
    bodies = [act.body for act in appliance.live.acts.all.values()]
    drivers = {body.driver_id for body in bodies if isinstance(body, UnitFact) and body.driver_id}
    recordings = {body.recording for body in bodies if isinstance(body, MatchFact | DrivenFact)}
    names = {**appliance.live.names, **await appliance.reading.names(drivers), **layout_names(appliance)}
    return names | await appliance.recordings.names(recordings)


async def _sessions(appliance: Appliance, asked: str) -> dict[str, str]:
    """Names of the sessions that acts are about."""
    acts = appliance.live.acts.all.values()
    names = {info.id: info.name for info in appliance.today.values()} | session_names(acts)
    for session_id in {asked, *(act.session or "" for act in acts)} - {"", *names}:
        try:
            names[session_id] = (await appliance.reading.session(session_id)).name
        except NotFound:
            names[session_id] = ""
    return names


HANDLERS: list[Any] = [turn, log]
