"""What a screen shows of a session: plain values, ready to render, the same for a live heat and a stored result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trackd.core.time import Micros


@dataclass(frozen=True, slots=True)
class Row:
    """One entry on the board. Names follow CONTRACT's board rows; what it lacks is None."""

    position: int | None             # None while nothing ranks it (no show, waiting in a best-lap session)
    kart: str
    driver_id: str | None
    laps: int
    last_us: Micros | None
    best_us: Micros | None
    gap_us: Micros | None            # to the leader; None for the leader and where gap_laps counts
    gap_laps: int | None
    interval_us: Micros | None       # to the kart ahead
    interval_laps: int | None
    sectors_us: tuple[Micros | None, ...]       # of the lap in progress or, just after the line, the lap just done
    state: str                       # waiting running pit finished dnf dns dsq
    last_mark: str                   # "" | best | pb | off: what the last lap was worth
    best_is_session_best: bool
    sector_marks: tuple[str, ...]    # best | pb | slow | "" for each sector
    gap_old: bool                    # the gap stands from an earlier crossing (waiting for the next)
    last_lap_id: str | None          # journal sequence of the crossing that closed the last lap
    best_lap_number: int | None
    average_us: Micros | None        # of valid laps
    hit_seq: int                     # journal sequence of the latest counted crossing, 0 before the first
    moved: int                       # places gained (+) or lost (-) at the latest crossing
    penalties: tuple[str, ...] = ()  # in words: "+5 s", "-1 lap"
    last_source: str = "loop"        # of the last lap: loop gps manual split
    best_by_hand: bool = False       # no measured lap: the best was timed by hand
    edited: bool = False             # somebody changed one of its laps
    pits: int = 0                    # visits to the pit
    pit_us: Micros = 0               # time spent there, completed visits
    flag: str = ""                   # shown to this kart: black mechanical warning blue
    overdue: bool = False            # has not come within 1.5 of its median lap
    lapping: bool = False            # the leader is about to lap it: blue (R18)
    entry: str = ""                  # of the entry in its session


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something the box is not sure of, and what it would do. Nothing happens until a person accepts it (R15, R16)."""

    id: str                          # the same for the same doubt, whenever it is looked at
    kind: str                        # missed short overdue red
    kart: str                        # "" where it is about the whole session
    since_us: Micros                 # track time
    reason: str                      # a sentence: what was seen, and why this follows
    orders: tuple[tuple[str, dict[str, Any]], ...]   # what accepting it does
    lap: int = 0                     # the lap in doubt, 0 for none


@dataclass(frozen=True, slots=True)
class Expected:
    """A kart on its way to the line."""

    kart: str
    due_us: Micros                   # track time of its next crossing, by its own median lap, else the field's
    overdue: bool                    # 1.5 medians have gone by
    overdue_us: Micros               # when that is or was


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as lists and headers show it. Instants are wall-clock microseconds since 1970 (None: not yet)."""

    id: str
    name: str
    track: str
    layout: str | None
    format: str                      # "8m", "12L", "8m+1L"
    ranking: str                     # best_lap | position
    start: str                       # green | first_crossing
    finish: str                      # individual | leader
    state: str                       # scheduled staged running paused finishing provisional official void
    flag: str                        # none green yellow red white chequered
    entries: int
    duration_us: Micros | None       # None for a lap race
    laps: int | None                 # of a lap race
    created_at_us: Micros
    green_at_us: Micros | None
    ended_at_us: Micros | None
    version: int                     # of the result, 0 before the first official one
    confirmed_by: str | None
    confirmed_at_us: Micros | None
    elapsed_us: Micros = 0           # on the session clock, once the chequered flag was shown
    note: str = ""                   # why the official result was opened again, "" for none
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Board:
    """A session and its order at one journal sequence. ``seq`` names the newest fact it contains."""

    session: SessionInfo
    rows: tuple[Row, ...]
    seq: int
    elapsed_us: Micros               # of the session clock, at the moment the board was made
    remaining_us: Micros | None
    remaining_laps: int | None
    clock_running: bool
    leader_lap: int                  # the lap the leader is on, 0 before the first crossing
    sectors: int                     # how many sectors the layout has (0: none)
    next_order: str | None           # the one legal next step: stage countdown green .. confirm, None when done
    next_due: bool                   # False: legal, but it will come by itself or is early
    flag_since_us: Micros            # session clock at which the flag was shown
    legal_orders: frozenset[str] = frozenset()
    countdown_us: Micros | None = None               # to green, None while nothing counts
    predicted_last: bool = False                     # white is due at the leader's next crossing (R5)
    expected: tuple[Expected, ...] = ()              # next crossings, soonest first
    proposals: tuple[Proposal, ...] = ()
