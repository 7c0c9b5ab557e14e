"""The session's states, its flags and which order is legal when. Everything that affects transitions lives here.

    scheduled -stage-> staged -green-> running -(time, laps or chequered)-> finishing -(all in, grace or finish)->
    provisional -confirm-> official;  running -red-> paused -resume-> running;  official -amend-> provisional
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a session stands."""

    SCHEDULED = "scheduled"
    STAGED = "staged"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHING = "finishing"
    PROVISIONAL = "provisional"
    OFFICIAL = "official"
    VOID = "void"


class Flag(StrEnum):
    """What race control shows to all."""

    NONE = "none"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    WHITE = "white"
    CHEQUERED = "chequered"


LIVE = frozenset({State.STAGED, State.RUNNING, State.PAUSED, State.FINISHING})
"""A session in one of these owns the passings of its track."""

OPEN = LIVE | {State.SCHEDULED, State.PROVISIONAL}
"""A session in one of these may still change."""

# state -> order -> (state, flag) after it; a flag of None stays as it is
NEXT: dict[State, dict[str, tuple[State, Flag | None]]] = {
    State.SCHEDULED: {"stage": (State.STAGED, Flag.NONE)},
    State.STAGED: {"green": (State.RUNNING, Flag.GREEN)},
    State.RUNNING: {
        "green": (State.RUNNING, Flag.GREEN),
        "yellow": (State.RUNNING, Flag.YELLOW),
        "white": (State.RUNNING, Flag.WHITE),
        "red": (State.PAUSED, Flag.RED),
        "chequered": (State.FINISHING, Flag.CHEQUERED),
        "finish": (State.PROVISIONAL, Flag.CHEQUERED),
    },
    State.PAUSED: {
        "resume": (State.RUNNING, Flag.GREEN),
        "green": (State.RUNNING, Flag.GREEN),
        "chequered": (State.PROVISIONAL, Flag.CHEQUERED),
        "finish": (State.PROVISIONAL, Flag.CHEQUERED),
    },
    State.FINISHING: {"finish": (State.PROVISIONAL, Flag.CHEQUERED)},
    State.PROVISIONAL: {"confirm": (State.OFFICIAL, Flag.NONE)},
    State.OFFICIAL: {"amend": (State.PROVISIONAL, None)},
    State.VOID: {},
}

FLAG_ORDERS = frozenset(order for moves in NEXT.values() for order in moves)

NEXT_STEP: dict[State, str | None] = {
    State.SCHEDULED: "stage", State.STAGED: "green", State.RUNNING: "chequered", State.PAUSED: "resume",
    State.FINISHING: "finish", State.PROVISIONAL: "confirm", State.OFFICIAL: None, State.VOID: None,
}
"""The one legal next step the console offers on Space."""

_WHY_NOT: dict[State, str] = {
    State.SCHEDULED: "the heat is not staged yet",
    State.STAGED: "the heat has not started",
    State.RUNNING: "the heat is running",
    State.PAUSED: "the heat is stopped under red",
    State.FINISHING: "the chequered flag is out",
    State.PROVISIONAL: "the result is already provisional",
    State.OFFICIAL: "the result is official",
    State.VOID: "the heat is void",
}


def why_not(state: State, order: str) -> str:
    """The sentence that refuses ``order`` in ``state``."""
    return f"'{order}' is not possible: {_WHY_NOT[state]}."
