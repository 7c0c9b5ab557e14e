"""What comes at the line next, and the number tiles that time it by hand. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from trackd.core.time import SECOND, Micros
from trackd.timing.board import Board
from trackd.web.moment import Moment, age_text

SHOWN = 8
NOW_US: Micros = 3 * SECOND
"""So long after it was due a kart still counts as coming now."""


@dataclass(frozen=True, slots=True)
class AheadView:
    """A kart on its way to the line. ``in_us``: until it is due, below 0 when it should have come; counted on by a page."""

    kart: str
    due_us: Micros               # track time
    overdue: bool
    in_us: Micros = field(compare=False)
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class TapView:
    """A kart's tile for timing by hand. It keeps its place; ``done``: it has had the chequered flag or has left."""

    kart: str
    done: bool


@dataclass(frozen=True, slots=True)
class TilesView:
    """All tiles in the order of the numbers. ``on``: a tap is possible now."""

    session_id: str
    tiles: tuple[TapView, ...]
    on: bool


def ahead_view(board: Board | None, at: Moment) -> tuple[AheadView, ...]:
    """The next crossings, soonest first."""
    if board is None:
        return ()
    return tuple(AheadView(each.kart, each.due_us, each.overdue, in_us := each.due_us - at.track_us, _due_text(in_us))
                 for each in board.expected[:SHOWN])


def _due_text(in_us: Micros) -> str:
    """``8 s``, ``now``, ``5 s late``."""
    if in_us < -NOW_US:
        return f"{age_text(-in_us)} late"
    return "now" if in_us < SECOND else age_text(in_us)


def tiles_view(board: Board | None) -> TilesView:
    """A tile for each kart of the session."""
    if board is None:
        return TilesView("", (), on=False)
    rows = sorted(board.rows, key=lambda row: (len(row.kart), row.kart))
    return TilesView(board.session.id, tuple(TapView(row.kart, row.state in ("finished", "dnf", "dsq")) for row in rows),
                     on=board.session.state in ("running", "finishing"))
