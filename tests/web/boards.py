"""Boards in every state a session can be in, for the tests of views and templates."""

from __future__ import annotations

import random
from datetime import timedelta, timezone

from trackd.core.time import MINUTE, SECOND
from trackd.timing.acts import Act
from trackd.timing.board import Board, Expected, Proposal, Row, SessionInfo
from trackd.timing.facts import OrderFact
from trackd.web.moment import Moment
from trackd.web.sheet import LapLine
from trackd.web.views import VenueView

VENUE = VenueView("Kartbahn Lindenau", timezone(timedelta(hours=1)))
PEOPLE = ("Marta Ferri", "Luca Bandini", "Jonas Keller", "Tom Havel", "Aisha Rahal", "Giulia Conti", "Sofia Marchetti",
          "Elias Brandt", "Maximilian-Alexander Freiherr von Hohenstein-Wasserburg", "Hanna Lindqvist", "Pietro Sala",
          "Carmen <Ortega> & Söhne")
NUMBERS = ("7", "3", "12", "9", "21", "15", "18", "4", "11", "2", "23", "6")
NAMES = {f"d{n}": PEOPLE[n % len(PEOPLE)] for n in range(38)}     # drivers beyond these have been erased
GREEN_AT = 1_763_730_660 * SECOND
NOW = Moment(9_000 * SECOND, GREEN_AT + 324 * SECOND)
STATES = {  # state -> flag, next order, legal orders
    "scheduled": ("none", "stage", {"stage"}),
    "staged": ("none", "green", {"green"}),
    "running": ("green", "chequered", {"green", "yellow", "red", "white", "chequered", "finish"}),
    "yellow": ("yellow", "chequered", {"green", "yellow", "red", "white", "chequered", "finish"}),
    "paused": ("red", "resume", {"resume", "green", "chequered", "finish"}),
    "finishing": ("chequered", "finish", {"finish"}),
    "provisional": ("chequered", "confirm", {"confirm"}),
    "official": ("none", None, set()),
    "void": ("none", None, set()),
}


def session(state: str = "running", *, sid: str = "s14", name: str = "Heat 14", karts: int = 12,
            ranking: str = "position", laps: int | None = None) -> SessionInfo:
    """A session of eight minutes, or of ``laps``."""
    begun = state not in {"scheduled", "staged"}
    return SessionInfo(
        id=sid, name=name, track="main", layout="Main, clockwise", format=f"{laps}L" if laps else "8m", ranking=ranking,
        start="green", finish="leader", state="running" if state == "yellow" else state, flag=STATES[state][0],
        entries=karts, duration_us=None if laps else 8 * MINUTE, laps=laps, created_at_us=GREEN_AT - 9 * MINUTE,
        green_at_us=GREEN_AT if begun else None, ended_at_us=None, version=1 if state == "official" else 0,
        confirmed_by="Renata Voss" if state == "official" else None,
        confirmed_at_us=GREEN_AT + 12 * MINUTE if state == "official" else None)


def row(place: int, *, laps: int = 8, sectors: int = 3, state: str = "running") -> Row:
    """The kart on ``place`` (from 0); some are lapped, pitted, without a sector or a driver."""
    rng = random.Random(place)
    last = 38_190_000 + place * 97_123 + rng.randrange(400_000)
    timed = laps > 0
    lapped = place > 8
    return Row(
        position=place + 1, kart=NUMBERS[place] if place < len(NUMBERS) else str(place + 20),
        driver_id=None if place == 39 else f"d{place}", laps=max(laps - lapped, 0), last_us=last if timed else None,
        best_us=last - (place % 3) * 20_000 if timed else None,
        gap_us=None if place == 0 or lapped or not timed else place * 1_192_345,
        gap_laps=(place - 7) // 2 if lapped and timed else None,
        interval_us=None if place == 0 or lapped or not timed else 1_192_345, interval_laps=None,
        sectors_us=tuple(None if place == 11 and n == sectors - 1 else 12_620_000 + n * 900_000 + place * 11_000
                         for n in range(sectors)),
        state=("pit" if place == 10 and state == "running" else state),
        last_mark=("", "pb", "pb", "", "off", "")[place % 6],
        best_is_session_best=place == 0 and timed, sector_marks=("slow", "pb", "best")[:sectors],
        gap_old=place % 5 == 3, last_lap_id="77" if timed else None, best_lap_number=min(3, laps) if timed else None,
        average_us=last + 200_000 if timed else None, hit_seq=1000 + place if timed else 0,
        moved=(0, 0, 1, -1, 0, 0, 2, 0)[place % 8], penalties=("+5 s, contact",) if place == 4 else (),
        last_source="manual" if place == 7 and timed else "loop", edited=place == 2,
        pits=1 if place == 10 else 0, pit_us=65 * SECOND if place == 10 else 0, flag="warning" if place == 4 else "",
        overdue=place == 11 and state == "running", lapping=place == 9 and state == "running")


def board(state: str = "running", karts: int = 12, *, laps: int = 8, sectors: int = 3, race_laps: int | None = None,
          ranking: str = "position") -> Board:
    """A board in ``state`` (``yellow`` is running under yellow)."""
    begun = state not in {"scheduled", "staged"}
    laps = laps if begun else 0
    over = state in {"provisional", "official", "void"}
    row_state = "waiting" if not begun else "finished" if over else "running"
    _flag, order, legal = STATES[state]
    elapsed = 324 * SECOND + 400_000 if begun else 0
    return Board(
        session=session(state, karts=karts, ranking=ranking, laps=race_laps),
        rows=tuple(row(n, laps=laps, sectors=sectors, state=row_state) for n in range(karts)), seq=4711,
        elapsed_us=elapsed, remaining_us=None if race_laps else 8 * MINUTE - elapsed,
        remaining_laps=race_laps and race_laps - laps, clock_running=state in {"running", "yellow"},
        leader_lap=laps + 1 if begun and karts else 0, sectors=sectors, next_order=order, next_due=order != "chequered",
        flag_since_us=0 if state == "running" else elapsed - 20 * SECOND, legal_orders=frozenset(legal),
        expected=expected(karts) if state in {"running", "yellow"} else (),
        proposals=proposals(state) if karts and begun and state not in {"official", "void"} else ())


def expected(karts: int) -> tuple[Expected, ...]:
    """The kart on the last place of twelve is overdue by 22 s, the others come one second after another."""
    late = [Expected("6", NOW.track_us - 22 * SECOND, True, NOW.track_us - 2 * SECOND)] if karts >= 12 else []
    return (*late, *(Expected(NUMBERS[n], NOW.track_us + n * SECOND, False, NOW.track_us + (n + 20) * SECOND)
                     for n in range(min(karts, 11))))


def proposals(state: str) -> tuple[Proposal, ...]:
    """One of each kind; the advice only under red."""
    at = NOW.track_us
    doubts = (
        Proposal("missed-9", "missed", "18", at - 41 * SECOND, "Lap 6 took 1:18.604, about twice the 39.3 kart 18 usually "
                 "takes. A read was probably missed.", (("split_lap", {"kart": "18", "lap": 6, "parts": 2}),), 6),
        Proposal("short-8", "short", "7", at - 90 * SECOND, "Kart 7 was read again.",
                 (("ignore_crossing", {"passing": 8}),), 0),
        Proposal("overdue-6-5", "overdue", "6", at - 2 * SECOND, "Kart 6 has not come.", (("leave", {"kart": "6"}),)),
    )
    red = (Proposal("red-1", "red", "", at - 5 * SECOND, "Red came out after 2 laps.", (("restart", {"laps": "keep"}),)),)
    return (*doubts, *red) if state == "paused" else doubts


def act(seq: int, name: str, by: str = "Ada", session: str = "s14", *, undone: int = 0, undone_by: str = "",
        redone: int = 0, age_us: int = 3 * SECOND, **args: object) -> Act:
    """An order somebody gave, or took back, or gave again ``age_us`` ago."""
    return Act(seq, "order", session, name, by, NOW.wall_us - age_us, OrderFact(name, 0, by, dict(args)), undone, undone_by,
               undone or redone, NOW.wall_us - age_us if undone or redone else 0)


def laps_of(made: Board) -> list[LapLine]:
    """Laps that agree with a board: as many a kart as it counts."""
    found = []
    for entry in made.rows:
        rng, at = random.Random(entry.kart), GREEN_AT
        for number in range(1, entry.laps + 1):
            time_us = 38_300_000 + rng.randrange(2_000_000)
            at += time_us
            found.append(LapLine(entry.kart, number, time_us, at,
                                 verdict="short" if number == 5 and entry.kart == "9" else "valid",
                                 source="gps" if number == 6 and entry.kart == "18" else "loop"))
    return found
