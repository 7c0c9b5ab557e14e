"""What people did, newest last, and what of it can be taken back: any of the last fifty, from any page (A10).

An act is a fact of the journal. Taking one back is a fact too, and so is doing it again; nothing is ever removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from trackd.core.errors import Refused
from trackd.core.time import Micros
from trackd.timing.edits import TAKEN_BACK
from trackd.timing.facts import Body, Fact, KartFact, OrderFact, RecordFact
from trackd.timing.flags import FLAG_ORDERS
from trackd.timing.recorded import DrivenFact, MatchFact, UnitFact, VouchFact
from trackd.timing.words import said

UNDO_AT_MOST = 50

KINDS = ("order", "session", "kart", "format", "layout", "unit", "match", "driven", "vouch")
"""Kinds of facts that people make."""

DECIDED = frozenset({"unit", "match", "driven", "vouch"})
"""Those about recordings. The machine makes such facts too, but says nobody's name."""

MOVES = FLAG_ORDERS | {"countdown", "abort", "restart", "reinstate", "accept"}
"""Orders that move a session on: what came before them can only be taken back after them."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody did. ``undone``: the fact that took it back, 0 while it stands; ``things``: what it set anew,
    beside the session that an order is about.
    """

    seq: int
    kind: str
    session: str | None
    name: str                    # of the order, else the kind
    by: str
    wall_us: Micros
    body: Body
    undone: int = 0
    undone_by: str = ""
    turned: int = 0              # the fact that took it back or did it again last, 0 for never, ...
    turned_wall_us: Micros = 0   # ... and when
    things: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class Acts:
    """The latest acts of a venue. ``keep`` bounds how many are held."""

    keep: int = 200
    all: dict[int, Act] = field(default_factory=dict)

    def fold(self, facts: Iterable[Fact]) -> list[int]:
        """Take in facts in order; returns the sequences of acts that are new or changed."""
        touched: list[int] = []
        for fact in facts:
            if fact.kind in KINDS and (fact.kind not in DECIDED or _by(fact.body)):
                touched += self._one(fact)
        while len(self.all) > self.keep:
            self.all.pop(next(iter(self.all)))
        return touched

    def _one(self, fact: Fact) -> list[int]:
        body = fact.body
        undoes, redoes = _turns(body)
        if undoes or redoes:
            act = self.all.get(undoes or redoes)
            if act is None:
                return []
            self.all[act.seq] = replace(act, undone=fact.seq if undoes else 0, undone_by=_by(body) if undoes else "",
                                        turned=fact.seq, turned_wall_us=fact.wall_us)
            return [act.seq]
        name = body.name if isinstance(body, OrderFact) else fact.kind
        self.all[fact.seq] = Act(fact.seq, fact.kind, fact.session, name, _by(body), fact.wall_us, body,
                                 things=_things(fact))
        return [fact.seq]

    def newest(self, session: str | None = None) -> list[Act]:
        """The last fifty, newest first; of one session or of all."""
        found = [act for act in reversed(self.all.values()) if session is None or act.session == session]
        return found[:UNDO_AT_MOST]

    def to_undo(self, session: str | None = None, of: int | None = None) -> Act:
        """The act to take back: the newest that stands, or the one named. Raises Refused with the reason."""
        recent = self.newest(session)
        if of is None:
            act = next((each for each in recent if not each.undone), None)
            if act is None:
                raise Refused("There is nothing to undo.")
            return act
        act = next((each for each in recent if each.seq == of), None)
        if act is None:
            raise Refused(f"Only the last {UNDO_AT_MOST} acts can be undone.")
        if act.undone:
            raise Refused(f"{act.undone_by or 'Somebody'} has undone that already.")
        later = next((each for each in recent if each.seq > of and not each.undone and _hangs_on(each, act)), None)
        if later is not None:
            raise Refused(f"{said(later)} after that. Undo that first.")
        return act

    def to_redo(self, session: str | None = None, of: int | None = None) -> Act:
        """The act to do again: the one taken back last, or the one named, if nothing was done since. Raises Refused."""
        recent = self.newest(session)
        act = max((each for each in recent if each.undone and of in (None, each.seq)), key=lambda each: each.undone,
                  default=None)
        if act is None:
            raise Refused("There is nothing to redo.")
        since = next((each for each in recent if each.seq > act.undone and (
            each.session == act.session or each.things & act.things)), None)
        if since is not None:
            raise Refused(f"{said(since)} since then; what was undone before that stays undone.")
        before = next((e for e in recent if e.seq < act.seq and e.undone > act.undone and _hangs_on(act, e)), None)
        if before is not None:
            raise Refused(f"{said(before)} before that. Redo that first.")
        return act


def _hangs_on(later: Act, earlier: Act) -> bool:
    """Whether the later of two acts makes no sense without the earlier: one of them moved their session on or made it, or
    both are about the same kart, format, layout, unit, recording or lap.
    """
    if earlier.things & later.things:
        return True
    if earlier.session is None or earlier.session != later.session or earlier.kind in DECIDED:
        return False
    if later.kind in DECIDED:
        return earlier.kind == "session" or (later.kind == "vouch" and earlier.name in MOVES)
    return later.name in MOVES or earlier.name in MOVES or earlier.kind != "order"


def _by(body: Body) -> str:
    return str(getattr(body, "by", ""))


def _things(fact: Fact) -> frozenset[tuple[str, str]]:
    body = fact.body
    if isinstance(body, KartFact):
        return frozenset({("kart", body.number)})
    if isinstance(body, RecordFact | UnitFact):
        return frozenset({(fact.kind, body.id)})
    if isinstance(body, MatchFact | DrivenFact):
        return frozenset({("recording", body.recording)})
    laps = body.laps or [fact.session or ""] if isinstance(body, VouchFact) else []
    return frozenset(("lap", lap) for lap in laps)


def _turns(body: Body) -> tuple[int, int]:
    if isinstance(body, OrderFact) and body.name in TAKEN_BACK:
        of = int(body.args["of"])
        return (of, 0) if body.name == "undo" else (0, of)
    if isinstance(body, KartFact | RecordFact | UnitFact | MatchFact | DrivenFact | VouchFact):
        return body.undoes, body.redoes
    return 0, 0
