"""All karts of the venue as the pit tablet shows them: each in its place for ever, its state in a word, five acts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trackd.core.time import lap_text
from trackd.timing.board import Board, Row
from trackd.web.desk import KartLine
from trackd.web.rows import FLAG_WORDS, element_id, name_of, qty

LIVE = frozenset({"staged", "running", "paused", "finishing"})
_STATES = {  # of a row, while the session is on -> (look of the tile, icon, word)
    "running": ("track", "race", "On track"), "pit": ("pit", "pit", "In the pit"),
    "finished": ("done", "check", "Finished"), "dsq": ("done", "x", "Disqualified"),
    "dnf": ("out", "out", "Has left"), "dns": ("out", "out", "Has left"),
}
_AFTER = {"dnf": ("done", "x", "Did not finish"), "dns": ("out", "x", "Did not start")}


@dataclass(frozen=True, slots=True)
class ActView:
    """One act of the side panel: an order about this kart. It keeps its place; ``refused`` says why it cannot be now."""

    order: str
    icon: str
    word: str
    note: str
    refused: str = ""
    values: tuple[tuple[str, str], ...] = ()     # further arguments of the order


@dataclass(frozen=True, slots=True)
class TileView:
    """A kart: its tile, and its sheet in the side panel. ``state``: ready track pit late hold done out."""

    kart: str
    state: str
    icon: str
    word: str
    small: str                   # under the word: who drives it
    flag: str                    # shown to this kart: black mechanical warning blue
    session_id: str              # acts are orders of this session, "" while there is none
    facts: tuple[tuple[str, str], ...]
    acts: tuple[ActView, ...]
    hit_seq: int = 0
    hit: bool = field(default=False, compare=False)      # it has just crossed: paint it

    @property
    def tile_id(self) -> str:
        """Of the tile's element."""
        return element_id("tile", self.kart)

    @property
    def sheet_id(self) -> str:
        """Of the sheet's element."""
        return element_id("sheet", self.kart)


@dataclass(frozen=True, slots=True)
class FleetView:
    """Every kart of the venue in the order of the numbers, and how many are where."""

    tiles: tuple[TileView, ...]
    tally: str
    next: str                    # the heat that waits, and how many karts it needs; "" for none


def _standing(board: Board, row: Row) -> tuple[str, str, str]:
    live = board.session.state in LIVE
    if row.flag and live:
        return "hold", "stop", FLAG_WORDS[row.flag]
    if row.overdue:
        return "late", "clock", "Overdue"
    if row.state == "waiting":
        begun = board.session.state not in ("scheduled", "staged")
        return "ready", "check", "Not out yet" if begun else "Ready"
    return _STATES[row.state] if live else _AFTER.get(row.state, _STATES[row.state])


def _facts(kart: KartLine, row: Row | None) -> tuple[tuple[str, str], ...]:
    timed_by = ", ".join(kart.transponders) or "nothing yet: tap it by hand"
    facts = [("Class", kart.class_name)] if kart.class_name else []
    if row is not None:
        facts += [("Laps", str(row.laps)), ("Last lap", lap_text(row.last_us) if row.last_us is not None else "none yet")]
        if row.pits:
            facts.append(("In the pit", qty(row.pits, "visit")))
        if row.penalties:
            facts.append(("Penalty", ", ".join(row.penalties)))
    return (*facts, ("Timed by", timed_by))


def _acts(board: Board | None, row: Row | None, elsewhere: str) -> tuple[ActView, ...]:
    """The five acts, always in the same places."""
    if board is None:
        alone = tap = flag = swap = left = back = "No heat is on."
    else:
        state = board.session.state
        over = "" if state in LIVE or state == "scheduled" else "The heat is over."
        gone = row is not None and row.state in ("dnf", "dns")
        alone = f"It is in {elsewhere}." if elsewhere else "It is not in this heat." if row is None else ""
        tap = alone or ("It has left." if gone else "It is in already." if row and row.state == "finished" else
                        "" if state in ("running", "finishing") else over or "The heat does not run.")
        flag = alone or ("" if row and row.flag and state != "official" else "It is shown no flag.")
        swap = alone or ("" if over == "" or state == "provisional" else "The result is official.")
        left = alone or over or ("It has left." if gone else "")
        back = (alone if elsewhere else "") or over or ("" if row is None or gone else "It is in this heat.")
    new = row is None
    return (
        ActView("tap", "tap", "Tap", "it crosses the line now", tap),
        ActView("kart_flag", "check", "Flag seen", "takes the flag down", flag, (("flag", "none"),)),
        ActView("swap_kart", "swap", "Swap kart", "the driver takes another", swap),
        ActView("leave", "out", "Has left", "its laps stay", left),
        ActView("join", "in", "Joins" if new else "Came back", "counts from its next crossing", back),
    )


def _tile(kart: KartLine, board: Board | None, row: Row | None, names: Mapping[str, str], elsewhere: str) -> TileView:
    if board is not None and row is not None:
        state, icon, word = _standing(board, row)
        small = name_of(row, names) if row.driver_id else ""
    elif elsewhere:
        state, icon, word, small = "track", "race", "On track", elsewhere
    elif board is None or board.session.state not in LIVE:
        state, icon, word, small = "ready", "check", "Ready", ""
    else:
        state, icon, word, small = "out", "kart", "Not in this heat", ""
    return TileView(
        kart.number, state, icon, word, small or ("" if kart.transponders else "no transponder"),
        row.flag if row is not None and state == "hold" else "",
        board.session.id if board else "", _facts(kart, row), _acts(board, row, elsewhere), row.hit_seq if row else 0)


def _tally(tiles: Iterable[TileView]) -> str:
    """``11 on track, 1 overdue, 1 in the pit, 3 ready``; what nobody is is left out."""
    found = [tile.state for tile in tiles]
    words = (("track", "on track"), ("late", "overdue"), ("hold", "under a flag"), ("pit", "in the pit"),
             ("ready", "ready"), ("done", "finished"))
    return ", ".join(f"{found.count(state)} {word}" for state, word in words if state in found)


def fleet_view(board: Board | None, names: Mapping[str, str], karts: Sequence[KartLine], *,
               elsewhere: Mapping[str, str] | None = None, waiting: tuple[str, int] | None = None) -> FleetView:
    """The karts of the venue beside what is on. ``elsewhere``: karts in a heat on another track, with its name;
    ``waiting``: the next heat and how many karts it needs.
    """
    rows = {row.kart: row for row in board.rows} if board else {}
    away = {} if elsewhere is None else elsewhere
    tiles = tuple(_tile(kart, board, rows.get(kart.number), names, "" if kart.number in rows else away.get(kart.number, ""))
                  for kart in karts)
    return FleetView(tiles, _tally(tiles), f"{waiting[0]} needs {qty(waiting[1], 'kart')}" if waiting else "")
