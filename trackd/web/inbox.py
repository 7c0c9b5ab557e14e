"""What race control is asked to decide: troubles, strangers, doubts, each with what one tap will do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from trackd.core.time import Micros
from trackd.timing.board import Board, Proposal
from trackd.timing.words import proposal_words
from trackd.web.moment import Moment, local_time
from trackd.web.rows import element_id, qty

_KINDS = {  # of proposals -> (look, icon, sound)
    "missed": ("warn", "loop", "soft"), "short": ("warn", "lap", "soft"), "overdue": ("bad", "warn", "once"),
    "red": ("bad", "stop", "soft"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A case that needs eyes, not a decision: a link that is down, storage that fails. ``since_us`` since 1970."""

    id: str
    title: str
    text: str
    since_us: Micros
    kind: str = "bad"
    icon: str = "warn"
    tap: bool = False            # crossings are lost meanwhile: they can be timed by hand


@dataclass(frozen=True, slots=True)
class UnknownTransponder:
    """A transponder no kart owns, as it was seen. ``since_us``: its first passing, microseconds since 1970."""

    transponder: str
    passings: int
    since_us: Micros


@dataclass(frozen=True, slots=True)
class CaseView:
    """One entry of the inbox: what, since when, the evidence, and what can be done about it in one tap."""

    id: str
    kind: str                    # bad | warn
    icon: str
    title: str
    when: str
    text: str
    transponder: str = ""        # offers to put it on a kart of the session
    proposal: str = ""           # offers to accept or dismiss it ...
    word: str = ""               # ... in these words
    tap: bool = False            # offers to time by hand
    sound: str = "soft"          # alarm: again while it lasts; once; soft
    age_us: Micros = field(default=0, compare=False)     # at the moment of the view; a page counts on by itself


@dataclass(frozen=True, slots=True)
class InboxView:
    """What to decide: what is broken, then red, then oldest. ``guess``: the one kart a stranger can only be on."""

    session_id: str              # "": nothing can be decided now, cases are only told
    cases: tuple[CaseView, ...]
    karts: tuple[str, ...]
    guess: str = ""


def inbox_view(board: Board | None, troubles: Sequence[Trouble], unknown: Sequence[UnknownTransponder],
               zone: tzinfo, at: Moment) -> InboxView:
    """Troubles, strangers and proposals as cases; what can be decided, while the session can still change."""
    live = board is not None and board.session.state not in {"official", "void"}
    on = board is not None and board.session.state in {"running", "finishing"}
    found = [(t.since_us, _trouble(t, on=on, zone=zone, at=at)) for t in troubles]
    found += [(u.since_us, _stranger(u, zone, at)) for u in unknown]
    if board is not None and live:
        found += [(at.wall_of(p.since_us), _proposal(p, zone, at)) for p in board.proposals]
    found.sort(key=lambda each: (each[1].sound != "alarm", each[1].kind != "bad", each[0], each[1].id))
    cases = tuple(case for _, case in found)
    if board is None or not live:
        return InboxView("", cases, ())
    karts = sorted((row.kart for row in board.rows), key=lambda kart: (len(kart), kart))
    waiting = [row.kart for row in board.rows if row.state == "waiting"]
    return InboxView(board.session.id, cases, tuple(karts), waiting[0] if on and len(waiting) == 1 else "")


def _trouble(trouble: Trouble, *, on: bool, zone: tzinfo, at: Moment) -> CaseView:
    return CaseView(element_id("case", trouble.id), trouble.kind, trouble.icon, trouble.title,
                    local_time(trouble.since_us, zone), trouble.text, tap=trouble.tap and on, sound="alarm",
                    age_us=max(0, at.wall_us - trouble.since_us))


def _stranger(stranger: UnknownTransponder, zone: tzinfo, at: Moment) -> CaseView:
    return CaseView(element_id("case", stranger.transponder), "warn", "who",
                    f"Unknown transponder {stranger.transponder}", local_time(stranger.since_us, zone),
                    f"{qty(stranger.passings, 'passing')} and no kart it belongs to.", stranger.transponder,
                    age_us=max(0, at.wall_us - stranger.since_us))


def _proposal(proposal: Proposal, zone: tzinfo, at: Moment) -> CaseView:
    kind, icon, sound = _KINDS[proposal.kind]
    title = {"missed": f"Kart {proposal.kart}: read missed?", "short": f"Kart {proposal.kart}: read twice?",
             "overdue": f"Kart {proposal.kart} is overdue", "red": "How to go on after red"}[proposal.kind]
    return CaseView(element_id("case", proposal.id), kind, icon, title, local_time(at.wall_of(proposal.since_us), zone),
                    proposal.reason, proposal=proposal.id, word=proposal_words(proposal), sound=sound,
                    age_us=max(0, at.track_us - proposal.since_us))
