"""Taking back what people did, and doing it again: of one session or of the whole venue, each turn a fact of its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from trackd.core.errors import Refused
from trackd.services.commands import Decider, Draft
from trackd.services.entering import check_place
from trackd.store import journal
from trackd.timing.acts import UNDO_AT_MOST, Act, Acts
from trackd.timing.events import Order
from trackd.timing.facts import KartFact, OrderFact, RecordFact

READ_BACK = 400
"""Facts looked at first to find the last fifty acts and what became of them."""

FOR_ADMINS = frozenset({"format", "layout"})
"""What only admins set up, only they take back."""


def acts_of(db: sqlite3.Connection) -> Acts:
    """The latest acts, as the journal has them. Where most facts are turns, more of them are read."""
    most = READ_BACK
    while True:
        facts = journal.read_acts(db, most)
        acts = Acts(keep=READ_BACK)
        acts.fold(facts)
        if len(acts.all) >= UNDO_AT_MOST or len(facts) < most:
            return acts
        most *= 4


@dataclass(frozen=True, slots=True)
class Turn:
    """``undo`` or ``redo``: the newest act (of a session, or of all), or the one named. ``admin``: given by one."""

    name: str
    by: str
    session: str | None = None
    of: int | None = None
    why: str = ""
    admin: bool = True

    def make(self, decider: Decider) -> tuple[Act, Draft]:
        """The act and the fact that turns it. Raises Refused with the reason."""
        acts = acts_of(decider.db)
        if not self.admin and self.of is None:
            acts.all = {seq: act for seq, act in acts.all.items() if act.kind not in FOR_ADMINS}
        act = acts.to_undo(self.session, self.of) if self.name == "undo" else acts.to_redo(self.session, self.of)
        if act.kind in FOR_ADMINS and not self.admin:
            raise Refused(f"A {act.kind} is for an admin to change.")
        return act, _order(decider, self, act) if act.kind in ("order", "session") else _saved(decider, self, act)


def _order(decider: Decider, turn: Turn, act: Act) -> Draft:
    assert act.session is not None
    course = decider.course(act.session)
    args: dict[str, Any] = {"of": act.seq, "what": act.name}
    if turn.why:
        args["reason"] = turn.why
    if act.kind == "session":
        args["made"] = True
    if turn.name == "redo" and act.name == "attach":
        _check_still_free(decider, act)
    at_us = max(decider.now_us, course.heat.last_us)
    heat = course.session.after(Order(decider.venue.seq + 1, at_us, turn.name, turn.by, args))
    check_place(decider.venue, course, heat)
    return ("order", act.session, OrderFact(turn.name, at_us, turn.by, args))


def _check_still_free(decider: Decider, act: Act) -> None:
    """Passings that an undone `attach` gave up may count elsewhere by now. Raises Refused."""
    assert isinstance(act.body, OrderFact)
    if any(journal.claimed(decider.db, each[0], act.session or "") for each in act.body.args["crossings"]):
        raise Refused("Some of these passings count in another heat by now. Undo that first.")


def _saved(decider: Decider, turn: Turn, act: Act) -> Draft:
    """A kart, format or layout as it was before the act, or as the act left it."""
    body = act.body
    assert isinstance(body, KartFact | RecordFact)
    if turn.name == "redo":
        again = replace(body, by=turn.by, redoes=act.seq)
    else:
        again = replace(_before(decider, act) or replace(body, gone=True), by=turn.by, undoes=act.seq, redoes=0)
    if isinstance(again, KartFact):
        _check_kart(decider, again)
    else:
        _check_record(decider, act.kind, again)
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


def _check_record(decider: Decider, kind: str, record: RecordFact) -> None:
    records = decider.venue.formats if kind == "format" else decider.venue.layouts
    if not record.gone and any(each.name == record.name and each.id != record.id for each in records.values()):
        raise Refused(f"There is another {kind} '{record.name}' by now. Take it out first.")
