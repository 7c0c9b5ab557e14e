"""A session at one moment: the value that events are folded into (`timing.reduce`)."""

from __future__ import annotations

import msgspec

from trackd.core.time import Micros
from trackd.timing.clock import Spans
from trackd.timing.flags import Flag, State
from trackd.timing.formats import Rules
from trackd.timing.laps import Entry


class Mark(msgspec.Struct, frozen=True):
    """What people decided about one crossing or the lap it closes; ``by`` are the orders."""

    by: tuple[int, ...] = ()
    ignored: bool = False        # as if it had not been read
    counted: bool = False        # counts, however short the lap
    struck: bool = False         # the lap it closes does not count at all
    no_best: bool = False        # the lap it closes is distance only
    opens: bool = False          # begins a lap and closes none: the laps before it were given to another kart
    flagged: bool = False        # its kart was shown the chequered flag here, before somebody edited the heat


class Incident(msgspec.Struct, frozen=True):
    """Something race control saw, and what was decided about it. ``seq`` is the order that wrote it down."""

    seq: int
    at_us: Micros
    karts: tuple[str, ...]
    text: str
    by: str = ""
    decision: str = ""           # "" while open
    decided_by: str = ""
    penalty: int = 0             # the order that gave the penalty, 0 for none


class Amend(msgspec.Struct, frozen=True):
    """An official result that was opened again, and why."""

    version: int                 # the one it supersedes
    reason: str
    by: str
    wall_us: Micros


class Heat(msgspec.Struct, frozen=True):
    """A session at one moment. Instants are track time in microseconds."""

    rules: Rules
    entries: dict[str, Entry] = {}
    state: State = State.SCHEDULED
    flag: Flag = Flag.NONE
    flag_since_us: Micros = 0
    green_us: Micros | None = None
    start_us: Micros | None = None           # of the session clock
    counts_from_us: Micros | None = None     # earlier than green where passings were attached afterwards
    pauses: Spans = ()
    yellows: Spans = ()
    last_lap_us: Micros | None = None        # when the leader began the last lap
    target_laps: int | None = None           # laps at which the leader is shown chequered, once that is known
    bearer: str | None = None                # the kart the flag was handed to when the leader did not come
    bearer_until_us: Micros | None = None
    passed_over: tuple[str, ...] = ()        # karts that have had their turn to bring the flag
    chequered_us: Micros | None = None
    grace_end_us: Micros | None = None
    ended_us: Micros | None = None
    binds: tuple[tuple[str, str, Micros], ...] = ()   # (transponder, kart, from)
    rebound: dict[str, int] = {}             # transponder -> newest order that bound it since the start
    last_us: Micros = 0                      # newest event applied
    barrier_us: Micros = 0                   # newest event whose order against passings of any kart matters
    version: int = 0
    confirmed_by: str | None = None
    confirmed_wall_us: Micros | None = None
    amends: tuple[Amend, ...] = ()
    staged_us: Micros | None = None
    green_seq: int = 0                       # the order that started it
    length_since_us: Micros = 0              # when the length was last changed: time cannot have run out before
    hold_until_us: Micros = 0                # after a resume: reads of laps driven for less than ``hold_us`` are ignored
    hold_us: Micros = 0
    green_wall_us: Micros | None = None
    countdown_us: Micros | None = None       # when the countdown reaches zero; None while nothing counts
    go_us: Micros | None = None              # and when it goes green: a random hold later, where the format has one
    go_wall_us: Micros = 0
    go_seq: int = 0
    marks: dict[int, Mark] = {}              # crossing -> what people decided about it
    finish_seq: int = 0                      # the crossing that is to show the chequered flag, where a person chose it
    grace_floor_us: Micros = 0               # an edit after the end never makes the grace time shorter
    up_floor_us: Micros = 0                  # nor puts the end of the time before what people have seen
    grid_us: Micros = 0                      # since when it stands on its grid, or stood there before it went green
    taps: tuple[Micros, ...] = ()            # when somebody tapped a kart
    swaps: tuple[tuple[Micros, str, str], ...] = ()   # when two karts were exchanged (C4)
    attempt: int = 1
    attempts: tuple[Heat, ...] = ()          # those a restart voided, as they stood
    incidents: tuple[Incident, ...] = ()
    dismissed: tuple[str, ...] = ()          # proposals nobody wants to see again
