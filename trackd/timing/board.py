"""What a screen shows of a session: plain values, ready to render, the same for a live heat and a stored result."""

from __future__ import annotations

from dataclasses import dataclass

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
    penalties: str = ""              # in words, "" for none


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
    next_order: str | None           # the one legal next step: stage green finish confirm resume, None when done
    next_due: bool                   # False: legal, but it will come by itself or is early
    flag_since_us: Micros            # session clock at which the flag was shown
    legal_orders: frozenset[str] = frozenset()
