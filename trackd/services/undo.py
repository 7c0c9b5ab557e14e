"""Taking back what people did, and doing it again: of one session or of the whole venue, each turn a fact of its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from trackd.core.errors import Refused
from trackd.services.commands import Decider, Draft
from trackd.services.entering import check_place
from trackd.services.riding import check_fits
from trackd.store import journal
from trackd.timing.acts import UNDO_AT_MOST, Act, Acts
from trackd.timing.events import Order
from trackd.timing.facts import KartFact, OrderFact, RecordFact
from trackd.timing.flags import State
from trackd.timing.recorded import DrivenFact, MatchFact, Said, Stood, UnitFact, VouchFact, said_in, stood

READ_BACK = 400
"""Facts looked at first to find the last fifty acts and what became of them."""

FOR_ADMINS = frozenset({"format", "layout", "unit"})
"""What only admins set up, only they take back."""

OF_RECORDINGS = frozenset({"match", "driven", "vouch"})
"""What also those decide who give no orders."""


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


def may_turn(kind: str, *, admin: bool, orders: bool) -> bool:
    """Whether acts of this kind are for an admin, for somebody who may give orders, or for who only decides about
    recordings, to take back and to do again.
    """
    return admin if kind in FOR_ADMINS else orders or kind in OF_RECORDINGS


@dataclass(frozen=True, slots=True)
class Turn:
    """``undo`` or ``redo``: the newest act (of a session, or of all), or the one named.

    ``admin``: given by one; ``orders``: by somebody who may give them.
    """

    name: str
    by: str
    session: str | None = None
    of: int | None = None
    why: str = ""
    admin: bool = True
    orders: bool = True

    def may(self, kind: str) -> bool:
        """Whether whoever gives it may turn acts of this kind."""
        return may_turn(kind, admin=self.admin, orders=self.orders)

    def make(self, decider: Decider) -> tuple[Act, Draft]:
        """The act and the fact that turns it. Raises Refused with the reason."""
        acts = acts_of(decider.db)
        if self.of is None:
            acts.all = {seq: act for seq, act in acts.all.items() if self.may(act.kind)}
        act = acts.to_undo(self.session, self.of) if self.name == "undo" else acts.to_redo(self.session, self.of)
        if not self.may(act.kind):
            raise Refused(f"A {act.kind} is for an admin to change." if act.kind in FOR_ADMINS else
                          "That is for a timekeeper to take back.")
        return act, _draft(decider, self, act)


def _draft(decider: Decider, turn: Turn, act: Act) -> Draft:
    body = act.body
    if isinstance(body, KartFact | RecordFact | UnitFact):
        return _saved(decider, turn, act, body)
    if isinstance(body, MatchFact | DrivenFact):
        return _recording(decider, turn, act, body)
    return _vouched(decider, turn, act, body) if isinstance(body, VouchFact) else _order(decider, turn, act)


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


def _saved(decider: Decider, turn: Turn, act: Act, body: KartFact | RecordFact | UnitFact) -> Draft:
    """A kart, format, layout or unit as it was before the act, or as the act left it."""
    if turn.name == "redo":
        again = replace(body, by=turn.by, redoes=act.seq)
    else:
        thing = body.number if isinstance(body, KartFact) else body.id
        before = next((fact.body for fact in journal.read_saved(decider.db, act.kind, thing, act.seq)), None)
        again = replace(before if isinstance(before, type(body)) else replace(body, gone=True), by=turn.by, undoes=act.seq,
                        redoes=0)
    if isinstance(again, KartFact):
        _check_kart(decider, again)
    elif isinstance(again, UnitFact):
        again = replace(again, why=turn.why)
        check_fits(decider, again, act.seq)
    else:
        _check_record(decider, act.kind, again)
    return (act.kind, None, again)


def _recording(decider: Decider, turn: Turn, act: Act, body: MatchFact | DrivenFact) -> Draft:
    """A recording's kart, or its laps and its kart, as they were before the act, or as it left them."""
    undo = turn.name == "undo"
    then = _stood(decider, body.recording, act.seq if undo else act.seq + 1 + isinstance(body, DrivenFact))
    _check_match(decider, then)
    undoes, redoes = (act.seq, 0) if undo else (0, act.seq)
    if isinstance(body, MatchFact):
        return (act.kind, then.session, MatchFact(body.recording, by=turn.by, why=turn.why, holds=then.match, undoes=undoes,
                                                  redoes=redoes))
    return (act.kind, then.session, DrivenFact(body.recording, by=turn.by, why=turn.why, holds=then, undoes=undoes,
                                               redoes=redoes))


def _stood(decider: Decider, recording: str, before: int) -> Stood:
    """How a recording stood then. A match follows the laps that somebody chose, and is part of that act."""
    facts = [fact for kind in ("driven", "match") for fact in journal.read_saved(decider.db, kind, recording, before)]
    return stood(sorted(facts, key=lambda fact: fact.seq))


def _check_match(decider: Decider, then: Stood) -> None:
    """Whether a recording can be in that kart of that session again. Raises Refused."""
    match = then.match
    if match is None or not match.accepted:
        return
    course = decider.venue.course(then.session or "")
    if course is None or course.heat.state is State.VOID:
        raise Refused("The heat that the recording was in is not there by now.")
    if match.kart not in course.heat.entries:
        raise Refused(f"Kart {match.kart} is not in {course.spec.name} by now.")


def _vouched(decider: Decider, turn: Turn, act: Act, body: VouchFact) -> Draft:
    """What people said of each of these laps before the act, or what the act said."""
    session = act.session or ""
    holds = said_in(act.seq, session, body)
    if turn.name == "redo":
        return (act.kind, session, VouchFact(by=turn.by, why=turn.why, holds=holds, redoes=act.seq))
    before: dict[str, Said] = {}
    for fact in journal.read_vouched(decider.db, session, act.seq):
        if isinstance(fact.body, VouchFact):
            before = {said.lap: said for said in said_in(fact.seq, session, fact.body)} | before
    return (act.kind, session, VouchFact(by=turn.by, why=turn.why, undoes=act.seq,
                                         holds=[before.get(said.lap, Said(said.lap)) for said in holds]))


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
