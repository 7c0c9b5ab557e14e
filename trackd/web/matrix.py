"""Every lap of a session beside each other, karts across and laps down, as it stands on a result sheet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trackd.core.time import Micros
from trackd.timing.board import Board, Row
from trackd.web.rows import TimeView, time_view

COLUMNS = 13
"""Karts beside each other in the table of every lap: what fits on A4."""

COUNTED = frozenset({"valid", "yellow"})
"""Verdicts that are printed without the mark of a lap that is distance only."""

SOURCES = {"gps": "G", "split": "S", "manual": "M"}
SOURCE_WORDS = {"G": "timed by the kart's own GPS", "S": "split by hand", "M": "timed by hand",
                "E": "changed by hand, see the decisions"}


@dataclass(frozen=True, slots=True)
class LapLine:
    """One lap of a session as the sheet needs it; names and values as in CONTRACT's ``/sessions/{id}/laps``.

    ``at_us``: when it ended, on any clock common to the session. ``kart``: that was driven. ``entry``: whose lap it is,
    which a swap of karts does not change. ``struck``: voided by race control, shown and not counted.
    """

    kart: str
    number: int
    time_us: Micros
    at_us: Micros
    kind: str = "full"
    verdict: str = "valid"
    source: str = "loop"
    entry: str = ""
    struck: bool = False
    edited: bool = False

    @property
    def key(self) -> str:
        """Whose lap it is."""
        return self.entry or self.kart


@dataclass(frozen=True, slots=True)
class LapCell:
    """One lap in the table. ``sup``: marks of its source and of edits; ``kart``: the one driven, where it was another."""

    time: TimeView
    sup: str = ""
    kart: str = ""
    struck: bool = False


@dataclass(frozen=True, slots=True)
class LapBlock:
    """Some karts side by side, one line a lap; laps that were voided stand on a line of their own."""

    karts: tuple[str, ...]
    lines: tuple[tuple[str, tuple[LapCell, ...]], ...]


def key_of(row: Row) -> str:
    """The entry of a row, as laps name it."""
    return row.entry or row.kart


def signs_of(laps: Sequence[LapLine]) -> tuple[tuple[str, str], ...]:
    """The marks these laps carry, with their words."""
    signs = {SOURCES[lap.source] for lap in laps if lap.source in SOURCES} | {"E" for lap in laps if lap.edited}
    return tuple((sign, SOURCE_WORDS[sign]) for sign in sorted(signs))


def _cell(lap: LapLine | None, row: Row) -> LapCell:
    if lap is None:
        return LapCell(TimeView())
    mark = ""
    if lap.kind != "full" or lap.verdict not in COUNTED:
        mark = "off"
    elif lap.number == row.best_lap_number:
        mark = "best" if row.best_is_session_best else "pb"
    return LapCell(time_view(lap.time_us, mark), SOURCES.get(lap.source, "") + ("E" if lap.edited else ""),
                   "" if lap.kart == row.kart else lap.kart, lap.struck)


def lap_blocks(board: Board, laps: Sequence[LapLine]) -> tuple[LapBlock, ...]:
    """Every lap, in blocks of about as many karts each, no more than fit beside each other on A4."""
    counted = {(lap.key, lap.number): lap for lap in laps if not lap.struck}
    struck: dict[tuple[str, int], list[LapLine]] = {}
    for lap in sorted(laps, key=lambda lap: lap.at_us):
        if lap.struck:
            struck.setdefault((lap.key, lap.number), []).append(lap)
    driven = {lap.key for lap in laps}
    rows = [row for row in board.rows if key_of(row) in driven]
    last = max((lap.number for lap in laps), default=0)
    wide = -(-len(rows) // max(1, -(-len(rows) // COLUMNS)))
    blocks = []
    for start in range(0, len(rows), wide or 1):
        some = rows[start:start + wide]
        lines: list[tuple[str, tuple[LapCell, ...]]] = []
        for number in range(1, last + 1):
            voided = [struck.get((key_of(row), number), []) for row in some]
            lines += [("void", tuple(_cell(each[nth] if nth < len(each) else None, row)
                                     for each, row in zip(voided, some, strict=True)))
                      for nth in range(max(map(len, voided)))]
            lines.append((str(number), tuple(_cell(counted.get((key_of(row), number)), row) for row in some)))
        while lines and not any(cell.time.text for cell in lines[-1][1]):
            lines.pop()
        blocks.append(LapBlock(tuple(row.kart for row in some), tuple(lines)))
    return tuple(blocks)
