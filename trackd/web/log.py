"""What was done, by whom and why, with undo; and the same turns for every page."""

from __future__ import annotations

from typing import Any

from litestar import Response, post
from litestar.exceptions import HTTPException

from trackd.core.errors import BadInput, Fault, TrackdError
from trackd.timing.acts import Act
from trackd.web.auth import check
from trackd.web.errors import PROBLEM, explain
from trackd.web.given import AnyRequest, TheAppliance

TURNS = {"undo": "redo", "redo": "undo"}
"""A turn, and the one that takes it back."""


def act_words(act: Act) -> str:
    """What somebody did, in words."""
    return act.name


def _problem(_request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """A refusal as data: the page that gave the turn says it in its own place."""
    status, sentence, faults, headers = explain(error)
    return Response({"type": "about:blank", "status": status, "detail": sentence,
                     "faults": [{"where": fault.where, "what": fault.what} for fault in faults]},
                    status_code=status, headers=headers, media_type=PROBLEM)


@post("/console/undo", status_code=200, include_in_schema=False,
      exception_handlers={TrackdError: _problem, HTTPException: _problem})
async def turn(request: AnyRequest, appliance: TheAppliance) -> dict[str, Any]:
    """``undo`` or ``redo`` the newest act of the venue, or the one named by ``of``, from whichever page it was asked."""
    who = check(request, "orders")
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    name, of = form.get("turn", "undo"), form.get("of", "")
    if name not in TURNS:
        raise BadInput(Fault("turn", "must be undo or redo"))
    if of and not (of.isdecimal() and len(of) < 19):
        raise BadInput(Fault("of", "must be the number of an act"))
    act = await appliance.turn(name, int(of) if of else None, who.name, form.get("reason", "")[:200])
    done = "has undone" if name == "undo" else "has done again"
    return {"said": f"{who.name} {done}: {act_words(act)}.", "of": act.seq, "turn": name, "again": TURNS[name]}


HANDLERS: list[Any] = [turn]
