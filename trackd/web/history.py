"""What people did, for the log and for the sentence after an act: in words, with what it changed and its way back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from trackd.core.errors import Refused
from trackd.core.time import Micros, lap_text, utc
from trackd.services.undo import may_turn
from trackd.timing.acts import Act, Acts
from trackd.timing.facts import OrderFact, SessionFact
from trackd.timing.recorded import VouchFact
from trackd.timing.words import NOBODY, act_words
from trackd.web.decisions import reason_of
from trackd.web.desk import DoneView
from trackd.web.moment import Moment
from trackd.web.undo import undo_view

CHANGED_AT_MOST = 6
"""Karts whose change a line tells one by one."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One act. ``changed``: rows of the result it moved; ``turn``: undo or redo where legal, else ``refused`` says why."""

    seq: int
    when: str
    who: str
    what: str
    why: str
    changed: tuple[str, ...]
    session_id: str
    session: str
    undone: bool
    undone_by: str
    turn: str
    refused: str


def turn_of(acts: Acts, act: Act) -> tuple[str, str]:
    """The turn an act allows now, and where it allows none why not."""
    try:
        if act.undone:
            acts.to_redo(None, act.seq)
            return "redo", ""
        acts.to_undo(None, act.seq)
    except Refused as error:
        return "", str(error)
    return "undo", ""


def done_view(acts: Acts, names: Mapping[str, str], at: Moment, back: str, *, session: str = "",
              titles: Mapping[str, str] | None = None, admin: bool = True, orders: bool = True) -> DoneView | None:
    """What was done last at the venue, or in one session, as a page beside race control tells it; None for nothing.

    Only what whoever looks may turn; ``admin`` and ``orders`` as for `may_turn`.
    """
    newest = [act for act in acts.newest(session or None) if may_turn(act.kind, admin=admin, orders=orders)]
    view = undo_view(newest, names, at, session_id=session, titles=titles)
    if view is None:
        return None
    return DoneView(view.of, view.said + ".", view.turn, back, view.newest if view.turn == "redo" else 0)


def log_lines(acts: Acts, names: Mapping[str, str], sessions: Mapping[str, str], zone: tzinfo, now_us: Micros,
              session: str = "", *, admin: bool = True, orders: bool = True) -> tuple[LogLine, ...]:
    """The latest acts of all pages, newest first, or those of one session. ``sessions``: their names by id; ``admin`` and
    ``orders`` as for `may_turn`.
    """
    lines = []
    for act in reversed(acts.all.values()):
        if session and act.session != session:
            continue
        turn, refused = turn_of(acts, act) if may_turn(act.kind, admin=admin, orders=orders) else ("", "")
        args = act.body.args if isinstance(act.body, OrderFact) else {}
        lines.append(LogLine(
            act.seq, _when(act.wall_us, now_us, zone), act.by or NOBODY, act_words(act, names), why_of(act),
            changed_words(args.get("changed") or {}), act.session or "", sessions.get(act.session or "", ""),
            bool(act.undone), act.undone_by or NOBODY, turn, refused))
    return tuple(lines)


def why_of(act: Act) -> str:
    """Why it was done, "" where nobody said."""
    return act.body.reason if isinstance(act.body, VouchFact) else reason_of(act)


def session_names(acts: Iterable[Act]) -> dict[str, str]:
    """The sessions made among these acts, by id."""
    return {act.body.id: act.body.name for act in acts if isinstance(act.body, SessionFact)}


def changed_words(changed: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What an order did to the order: ``Kart 7: place 3 to 2, laps 12 to 13, best 38.190 to 38.061``."""
    words = [f"Kart {kart}: {_row_words(each.get('was'), each['is'])}" for kart, each in changed.items()]
    if len(words) > CHANGED_AT_MOST:
        words = [*words[:CHANGED_AT_MOST], f"and {len(words) - CHANGED_AT_MOST} more karts"]
    return tuple(words)


def _row_words(was: list[Any] | None, now: list[Any]) -> str:
    pieces = []
    for what, before, after in zip(("place", "laps", "best"), was or (None, 0, None), now, strict=True):
        if before != after:
            then, since = (("none" if value is None else lap_text(value) if what == "best" else str(value))
                           for value in (before, after))
            pieces.append(f"{what} {then} to {since}")
    return ", ".join(pieces)


def _when(wall_us: Micros, now_us: Micros, zone: tzinfo) -> str:
    local, today = utc(wall_us).astimezone(zone), utc(now_us).astimezone(zone)
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local.day} {local:%b %H:%M}"
