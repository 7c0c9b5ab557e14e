"""One kart on a screen: the typed values a row template prints, made from a board row. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from trackd.core.time import Micros, clock_text, lap_text
from trackd.timing.board import Board, Row
from trackd.web.moment import Moment, age_text

STATE_WORDS = {"pit": "In the pit", "dnf": "Did not finish", "dns": "Did not start", "dsq": "Disqualified"}
FLAG_WORDS = {"black": "Black flag", "mechanical": "Mechanical flag", "warning": "Warning flag", "blue": "Blue flag"}
LAPPING = "Lapped soon"
_AT_REST = frozenset({"finished", "dnf", "dns", "dsq"})
_BY_HAND = {"manual": "hand", "split": "split", "gps": "gps"}


@dataclass(frozen=True, slots=True)
class TimeView:
    """A time or gap ready to print. ``mark``: best, pb, slow, off, late or ""; ``old``: waits for the next crossing;
    ``source``: "" as a loop measured it, else hand, split or gps.
    """

    text: str = ""
    mark: str = ""
    old: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """One kart in the order; the row templates of console, board and display print the same one."""

    id: str                      # of the element, and of the fragment that replaces it
    kart: str
    name: str
    position: str
    laps: int
    last: TimeView
    best: TimeView
    own: TimeView                # the best again, marked also while it is fresh: where no last lap stands beside it
    gap: TimeView
    interval: TimeView
    sectors: tuple[TimeView, ...]
    state: str                   # "" | pit | late | done
    note: str                    # in words under the name: state, flag, penalties
    leads: bool
    finished: bool               # has taken the chequered flag
    moved: int
    hit_seq: int
    flag: str = ""               # shown to this kart: black mechanical warning blue
    say: str = ""                # the note of a screen that has its own column for penalties ...
    lapped: bool = False         # ... and it is a hint to show blue
    pit: str = ""                # visits and time in the pit: ``2 / 1:05``
    pits: int = 0                # visits alone
    penalties: str = ""
    edited: bool = False         # somebody changed one of its laps
    why: str = ""                # the address that tells how its times came about
    why_best: str = ""           # and how its best did
    late_us: Micros = field(default=0, compare=False)    # overdue by so much, and in words; a page counts on by itself
    late: str = field(default="", compare=False)
    hit: bool = field(default=False, compare=False)      # it has just crossed: paint it


def element_id(prefix: str, name: str) -> str:
    """An element id, safe in a CSS selector too, for a name that staff chose."""
    return prefix + "-" + re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}", name)


def qty(number: int, one: str, many: str = "") -> str:
    """``1 lap``, ``2 laps``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def time_view(duration_us: Micros | None, mark: str = "", source: str = "") -> TimeView:
    """A lap or sector time with its marks; empty when there is none."""
    return TimeView() if duration_us is None else TimeView(lap_text(duration_us), mark, source=source)


def gap_view(gap_us: Micros | None, gap_laps: int | None, *, old: bool = False) -> TimeView:
    """``+1.192``, ``+1 lap``, ``+2 laps``; empty when there is none."""
    if gap_laps:
        return TimeView("+" + qty(gap_laps, "lap"), old=old)
    return TimeView() if gap_us is None else TimeView("+" + lap_text(gap_us), old=old)


def name_of(row: Row, names: Mapping[str, str]) -> str:
    """Who drives: a name from the roster, or words where there is none."""
    if row.driver_id is None:
        return f"Kart {row.kart}"
    return names.get(row.driver_id, "Name erased")


def row_view(board: Board, row: Row, names: Mapping[str, str], at: Moment | None = None) -> RowView:
    """The row as every screen prints it; with ``at`` as race control does, where late karts and hints stand out."""
    best = "best" if row.best_is_session_best else ""
    fresh = "pb" if row.last_mark == "pb" and row.last_us == row.best_us else ""
    padded = (*row.sectors_us, *[None] * board.sectors)[:board.sectors]
    marks = (*row.sector_marks, *[""] * board.sectors)
    by_hand = "hand" if row.best_by_hand else ""
    late = at is not None and row.overdue and row.state == "running"
    lapped = at is not None and row.lapping and row.state == "running" and not late
    late_us = _late_us(board, row.kart, at) if late and at is not None else 0
    why = f"/console/sessions/{board.session.id}/karts/{row.kart}"
    words = [STATE_WORDS.get(row.state, ""), FLAG_WORDS.get(row.flag, "")]
    return RowView(
        id=element_id("row", row.kart),
        kart=row.kart,
        name=name_of(row, names),
        position="" if row.position is None else str(row.position),
        laps=row.laps,
        last=time_view(row.last_us, "late" if late else row.last_mark, _BY_HAND.get(row.last_source, "")),
        best=time_view(row.best_us, best, by_hand),
        own=time_view(row.best_us, best or fresh, by_hand),
        gap=gap_view(row.gap_us, row.gap_laps, old=row.gap_old),
        interval=gap_view(row.interval_us, row.interval_laps, old=row.gap_old),
        sectors=tuple(time_view(time, mark) for time, mark in zip(padded, marks, strict=False)),
        state="pit" if row.state == "pit" else "late" if late else "done" if row.state in _AT_REST else "",
        note=" · ".join(filter(None, (*words, *row.penalties))),
        leads=row.position == 1 and row.gap_us is None and not row.gap_laps and row.laps > 0,
        finished=row.state == "finished",
        moved=row.moved,
        hit_seq=row.hit_seq,
        flag=row.flag,
        say=" · ".join(filter(None, (*words, LAPPING if lapped else ""))),
        lapped=lapped,
        pit=f"{row.pits} / {clock_text(row.pit_us, up=True)}" if row.pits else "",
        pits=row.pits,
        penalties=", ".join(row.penalties),
        edited=row.edited,
        why=why,
        why_best=f"{why}?lap={row.best_lap_number}" if row.best_lap_number else why,
        late_us=late_us, late=age_text(late_us) if late else "",
    )


def _late_us(board: Board, kart: str, at: Moment) -> Micros:
    return next((max(0, at.track_us - each.due_us) for each in board.expected if each.kart == kart), 0)
