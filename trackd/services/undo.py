"""Taking back what people did, and doing it again: of one session or of the whole venue, each turn a fact of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from trackd.core.errors import Refused
from trackd.services.commands import Decider, Draft
from trackd.services.entering import check_track
from trackd.store import journal
from trackd.timing.acts import Act, Acts
from trackd.timing.events import Order
from trackd.timing.facts import KartFact, OrderFact, RecordFact

READ_BACK = 400
"""Facts looked at to find the last fifty acts and what became of them."""


def acts_of(db: sqlite3.Connection) -> Acts:
    """The latest acts, as the journal has them."""
    acts = Acts(keep=READ_BACK)
    acts.fold(journal.read_acts(db, READ_BACK))
    return acts


def turn(decider: Decider, name: str, session: str | None, of: int | None, by: str, why: str) -> Sequence[Draft]:
    """``undo`` or ``redo`` the newest act (of a session, or of all), or the one named. Raises Refused with the reason."""
    acts = acts_of(decider.db)
    act = acts.to_undo(session, of) if name == "undo" else acts.to_redo(session, of)
    if act.kind in ("order", "session"):
        return _order(decider, name, act, by, why)
    return [_saved(decider, name, act, by)]


def _order(decider: Decider, name: str, act: Act, by: str, why: str) -> Sequence[Draft]:
    assert act.session is not None
    course = decider.course(act.session)
    args: dict[str, Any] = {"of": act.seq, "what": act.name}
    if why:
        args["reason"] = why
    if act.kind == "session":
        args["made"] = True
    at_us = max(decider.now_us, course.heat.last_us)
    heat = course.session.after(Order(decider.venue.seq + 1, at_us, name, by, args))
    check_track(decider.venue, course, heat)
    return [("order", act.session, OrderFact(name, at_us, by, args))]


def _saved(decider: Decider, name: str, act: Act, by: str) -> Draft:
    """A kart, format or layout as it was before the act, or as the act left it."""
    body = act.body
    assert isinstance(body, KartFact | RecordFact)
    if name == "redo":
        again = replace(body, by=by, redoes=act.seq)
    else:
        again = replace(_before(decider, act) or replace(body, gone=True), by=by, undoes=act.seq, redoes=0)
    if isinstance(again, KartFact):
        _check_kart(decider, again)
    return (act.kind, None, again)


def _before(decider: Decider, act: Act) -> KartFact | RecordFact | None:
    for fact in journal.read_saved(decider.db, act.kind, act.seq):
        body, wanted = fact.body, act.body
        if isinstance(body, KartFact) and isinstance(wanted, KartFact) and body.number == wanted.number:
            return body
        if isinstance(body, RecordFact) and isinstance(wanted, RecordFact) and body.id == wanted.id:
            return body
    return None


def _check_kart(decider: Decider, kart: KartFact) -> None:
    venue = decider.venue
    if kart.gone:
        busy = [c.spec.name for c in venue.courses.values()
                if kart.number in c.heat.entries and c.spec.id in venue.live.values()]
        if busy:
            raise Refused(f"Kart {kart.number} is in {busy[0]}, which is on now.")
        return
    for transponder in kart.transponders:
        owner = venue.owner.get(transponder, kart.number)
        if owner != kart.number:
            raise Refused(f"Transponder {transponder} is on kart {owner} by now. Take it off there first.")
