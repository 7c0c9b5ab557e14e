"""Invented boards, karts and laps in every state there is, for the page of components. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

from trackd.core.time import MINUTE, SECOND, Micros
from trackd.timing.acts import Act
from trackd.timing.board import Board, Expected, Proposal, Row, SessionInfo
from trackd.timing.facts import OrderFact
from trackd.web.deeds import DeedView
from trackd.web.desk import KartLine
from trackd.web.fleet import TileView
from trackd.web.inbox import Trouble, UnknownTransponder
from trackd.web.moment import Moment
from trackd.web.rows import TimeView
from trackd.web.views import LiveView, VenueView, board_view, console_view, display_view, pit_view
from trackd.web.why import GivenView, KartView, LapView, NoLapView, ReadView, WhyView

GREEN_AT_US: Micros = 1_763_730_660 * SECOND
NAMES = {"m": "Marta Ferri", "l": "Luca Bandini", "j": "Jonas Keller", "t": "Tom Havel", "a": "Aisha Rahal",
         "g": "Giulia Conti", "s": "Sofia Marchetti", "e": "Elias Brandt", "p": "Pietro Sala", "c": "Carmen Ortega",
         "x": "Maximilian-Alexander Freiherr von Hohenstein-Wasserburg"}
KARTS = tuple(KartLine(str(number), (f"56912{number:02}",) if number != 10 else (), "adult") for number in range(1, 13))
"""The fleet: what the heat lacks of it is not in the heat; kart 10 has no transponder."""

_ROWS: tuple[tuple[str, str, dict[str, Any]], ...] = (     # kart, driver, what is special about it
    ("7", "m", {"last_mark": "best", "best_is_session_best": True}),
    ("3", "l", {"last_mark": "pb", "moved": 1}),
    ("12", "x", {"gap_old": True, "moved": -1, "lapping": True}),
    ("9", "t", {"last_mark": "off", "flag": "warning"}),
    ("2", "a", {"flag": "black", "penalties": ("+5 s", "-1 lap")}),
    ("5", "g", {"last_source": "manual", "best_by_hand": True}),
    ("8", "s", {"last_source": "split", "edited": True, "flag": "mechanical"}),
    ("4", "e", {"last_source": "gps", "flag": "blue"}),
    ("1", "p", {"state": "pit", "pits": 2, "pit_us": 65 * SECOND}),
    ("6", "c", {"overdue": True}),
    ("11", "j", {"state": "dnf", "gap_us": None, "gap_laps": 1}),
)


_WAITS: dict[str, Any] = {"state": "waiting", "laps": 0, "last_us": None, "best_us": None, "gap_us": None,
                          "interval_us": None}
_SECTORS = (("best", "pb", ""), ("pb", "slow", ""), ("slow", "slow", ""))


def _row(place: int, kart: str, driver: str, special: dict[str, Any]) -> Row:
    last_us = 38_190_000 + place * 121_000
    made = Row(
        position=place + 1, kart=kart, driver_id=driver, laps=8, last_us=last_us, best_us=last_us - (place % 3) * 40_000,
        gap_us=place * 1_192_345 or None, gap_laps=None, interval_us=1_192_345 if place else None, interval_laps=None,
        sectors_us=(12_620_000 + place * 9_000, 13_480_000 + place * 7_000, None), state="running", last_mark="",
        best_is_session_best=False, sector_marks=_SECTORS[min(place, 2)],
        gap_old=False, last_lap_id="77", best_lap_number=3, average_us=last_us + 200_000, hit_seq=100 + place, moved=0)
    return replace(made, **special)


def session(state: str = "running", flag: str = "green", **changes: Any) -> SessionInfo:
    """A heat of eight minutes."""
    begun = state not in ("scheduled", "staged")
    made = SessionInfo(
        id="sample", name="Heat 14", track="main", layout="Main, clockwise", format="8m", ranking="position", start="green",
        finish="leader", state=state, flag=flag, entries=len(_ROWS), duration_us=8 * MINUTE, laps=None,
        created_at_us=GREEN_AT_US - 9 * MINUTE, green_at_us=GREEN_AT_US if begun else None, ended_at_us=None, version=0,
        confirmed_by=None, confirmed_at_us=None)
    return replace(made, **changes)


def board(state: str = "running", flag: str = "green", **changes: Any) -> Board:
    """That heat with eleven karts, each in another state."""
    begun = state not in ("scheduled", "staged")
    elapsed_us = 324 * SECOND if begun else 0
    step = {"scheduled": "stage", "staged": "green", "paused": "resume", "finishing": "finish", "provisional": "confirm",
            "official": None}.get(state, "chequered")
    legal = {"running": {"green", "yellow", "red", "white", "chequered", "finish"}, "paused": {"resume", "chequered"}}
    rows = tuple(_row(n, kart, driver, special if begun else _WAITS) for n, (kart, driver, special) in enumerate(_ROWS))
    made = Board(
        session=session(state, flag), rows=rows, seq=4711,
        elapsed_us=elapsed_us, remaining_us=8 * MINUTE - elapsed_us, remaining_laps=None, clock_running=state == "running",
        leader_lap=9 if elapsed_us else 0, sectors=3, next_order=step, next_due=step != "chequered",
        flag_since_us=0 if flag == "green" else elapsed_us - 20 * SECOND,
        legal_orders=frozenset(legal.get(state, {step} if step else set())),
        expected=(Expected("7", 4 * SECOND, overdue=False, overdue_us=30 * SECOND),
                  Expected("3", 6 * SECOND, overdue=False, overdue_us=31 * SECOND),
                  Expected("6", -22 * SECOND, overdue=True, overdue_us=-2 * SECOND)))
    return replace(made, **changes)


PROPOSALS = (
    Proposal("missed-8-6", "missed", "8", -40 * SECOND,
             "Lap 6 of kart 8 took 1:18.604, twice its median. No passing between is known.",
             (("split_lap", {"kart": "8", "lap": 6, "parts": 2}),), 6),
    Proposal("short-2-4", "short", "2", -90 * SECOND, "Two reads of kart 2 are 1.904 s apart. The shortest lap is 30 s.",
             (("ignore_crossing", {"kart": "2", "lap": 4}),), 4),
    Proposal("overdue-6", "overdue", "6", -22 * SECOND, "Kart 6 has not come for one and a half of its laps.",
             (("leave", {"kart": "6"}),)),
)


def acts(*, undone: bool = False) -> list[Act]:
    """What was done last: a red flag, or its undoing."""
    body = OrderFact("red", 0, "Renata", {})
    return [Act(812, "order", "sample", "red", "Renata", -2 * SECOND, body, 813 if undone else 0, "Timo" if undone else "")]


def kart_panel() -> KartView:
    """A kart in the panel that says why: a measured lap, a split one that is open, one that was struck, a read too soon."""
    split = LapView(1541, 6, TimeView("39.288", source="split"), "5:04.220", "split", "split", edited=True,
                    sectors=("12.620", "13.480", "13.188"))
    lines = (
        LapView(1562, 7, TimeView("38.190", "best"), "5:42.410", "best of the session"), split,
        NoLapView(1555, "4:40.100", "too soon for a lap", counts=True),
        LapView(1490, 5, TimeView("38.905", "pb"), "4:24.932", "own best"),
        LapView(1444, 4, TimeView("40.018", "off"), "3:46.027", "time deleted", struck=True))
    why = WhyView("One end of it is no loop time: it counts, and is never a best.",
                  (ReadView("Begins", "4:24.932", ("passing 1490, start-finish", "strength 168, 48 hits")),
                   ReadView("Ends", "5:04.220", ("made by hand, half of 1:18.576",))),
                  "5691208", ("Renata split lap 6 in 2: the loop missed one",))
    deeds = (DeedView("M", "Merge", "Merge lap 6 with lap 7", "lap", "merge_laps", (("kart", "8"), ("lap", "6"))),
             DeedView("I", "Ignore", "Ignore the crossing", "lap", "ignore_crossing", (("kart", "8"), ("lap", "6"))),
             DeedView("V", "Move", "Move lap 6 to another kart", "lap", form="move?kart=8&lap=6"),
             DeedView("D", "Delete", "Delete lap 6", "more", "void_lap", (("kart", "8"), ("lap", "6"))),
             DeedView("X", "Back one lap", "Roll the result back", "more", refused="The chequered flag was not shown."),
             DeedView("P", "Penalty", "Give a penalty to kart 8", "kart", form="penalty?kart=8"),
             DeedView("F", "Kart flag", "Show a flag to kart 8", "kart", form="flag?kart=8"))
    return KartView("sample", "8", "Sofia Marchetti", "on track, 7 laps", "mechanical", lines, (), split, why, deeds,
                    (GivenView(801, "+5 s", "Renata, 14:16: contact"),), "", official=False, undo=812,
                    undone="Renata: lap 6 of kart 8 split in 2")


# --- whole screens ----------------------------------------------------------------------------------------------------

VENUE = VenueView("Kartbahn Lindenau", UTC)
AT = Moment(0, GREEN_AT_US + 324 * SECOND)
HEATS = (session("official", "none", id="s12", name="Heat 12"),
         session("provisional", "chequered", id="s13", name="Heat 13"), session(),
         session("scheduled", "none", id="s15", name="Junioren-Vereinsmeisterschaft Zwischenlauf 2"),
         session("scheduled", "none", id="s16", name="Heat 16", entries=0))
BANDS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("Waiting", "scheduled", "none", {}),
    ("Staged: the next step is the thing to do now", "staged", "none", {}),
    ("The countdown runs, with the way back beside it", "staged", "none", {"countdown_us": 5 * SECOND}),
    ("Green: the next step is legal, not yet due", "running", "green", {}),
    ("Green: the next step is refused", "running", "green", {"legal_orders": frozenset()}),
    ("Yellow", "running", "yellow", {}),
    ("White, and the last lap is predicted", "running", "white", {"predicted_last": True}),
    ("Red: the clock stands", "paused", "red", {}),
    ("The flag is out", "finishing", "chequered", {}),
    ("Provisional", "provisional", "chequered", {}),
    ("Official", "official", "none", {"session": session("official", "none", version=1)}),
    ("Being amended", "provisional", "chequered", {"session": session("provisional", "chequered", version=1)}),
    ("Amended, second attempt", "official", "none", {"session": session("official", "none", version=2, attempt=2)}),
)


def console(state: str = "running", flag: str = "green", *, undone: bool = False, **changes: Any) -> LiveView:
    """Race control of that heat."""
    return console_view(board(state, flag, **changes), NAMES, VENUE, at=AT, heats=HEATS, acts=acts(undone=undone))


def bands() -> list[tuple[str, LiveView]]:
    """Race control in every state of a session, with what it shows in words."""
    return [("No session", console_view(None, {}, VENUE, at=AT)),
            *((words, console(state, flag, **changes)) for words, state, flag, changes in BANDS)]


def inbox() -> LiveView:
    """Race control with one of every kind of case."""
    trouble = Trouble("start-finish", "Start-finish is not heard",
                      "Nothing heard since 14:16:02. Time karts by hand; reads that come later are matched.",
                      AT.wall_us - 6 * SECOND, icon="loop", tap=True)
    return console_view(board(proposals=PROPOSALS), NAMES, VENUE, at=AT, troubles=[trouble],
                        unknown=[UnknownTransponder("5691251", 3, AT.wall_us - 61 * SECOND)])


def public() -> LiveView:
    """The board."""
    return board_view(board(), NAMES, VENUE, heats=HEATS)


def red() -> LiveView:
    """A television under red."""
    return display_view(board("paused", "red"), NAMES, VENUE, heats=HEATS)


def pit() -> LiveView:
    """The tablet, with a kart in every state a tile has: those of the heat, and of a heat that waits."""
    view = pit_view(board(), NAMES, VENUE, at=AT, karts=(*KARTS, KartLine("13")), elsewhere={"10": "Kids 3"})
    waits = pit_view(board("staged", "none"), NAMES, VENUE, at=AT, karts=[KartLine("7", ("1",)), KartLine("3", ("2",))])
    assert view.fleet is not None
    assert waits.fleet is not None
    ready, done = waits.fleet.tiles
    more = (replace(ready, kart="14"), replace(done, kart="15", state="done", word="Finished"))
    return replace(view, fleet=replace(view.fleet, tiles=(*view.fleet.tiles, *more)))


def pit_sheets() -> list[tuple[str, TileView]]:
    """Two karts in the side panel, and what is special about each."""
    view = pit()
    assert view.fleet is not None
    by_kart = {tile.kart: tile for tile in view.fleet.tiles}
    return [("A flag is shown: it can be acknowledged", by_kart["2"]), ("It has left: it can come back", by_kart["11"])]
