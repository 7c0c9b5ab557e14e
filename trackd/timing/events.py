"""What the heat reducer is fed, and what it says about each passing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from trackd.core.time import Micros

LINE = "start_finish"
PIT_IN = "pit_in"
PIT_OUT = "pit_out"


class Verdict(StrEnum):
    """What was decided about a passing; every one gets a verdict, none vanishes."""

    COUNTED = "counted"
    OPENED = "opened"          # first crossing: begins lap 1, times nothing
    REPEATED = "repeated"      # the same crossing read again
    TOO_SHORT = "too_short"    # below the shortest possible lap
    LATE = "late"              # after the kart's finish or the end of the grace time
    NEUTRAL = "neutral"        # before green or under red
    UNASSIGNED = "unassigned"  # no session, no kart, or a kart that is not in the session
    IGNORED = "ignored"        # a read that adds nothing (a sector line twice in a lap)


class Crossing(msgspec.Struct, frozen=True):
    """A passing on its way to judgement. ``at_us`` is track time: decoder ticks plus an offset fixed for its epoch."""

    seq: int
    at_us: Micros
    transponder: str | None
    kart: str | None             # whose transponder it was when it passed
    role: str = LINE
    epoch: str = ""              # decoder and epoch: times of different epochs are only estimates against each other
    source: str = "loop"         # loop, gps; tap, manual or split where a person made it


class Order(msgspec.Struct, frozen=True):
    """What a person decided. ``by`` is the name, ``args`` as CONTRACT lists them."""

    seq: int
    at_us: Micros
    name: str
    by: str = ""
    args: dict[str, Any] = {}
    wall_us: Micros = 0


class Tick(msgspec.Struct, frozen=True):
    """The clock reached the deadline the heat had announced."""

    seq: int
    at_us: Micros


Event = Crossing | Order | Tick


def place(event: Event) -> tuple[Micros, int]:
    """Where an event belongs in the fold: (track time, seq). What holds since the start comes before everything."""
    if isinstance(event, Order) and event.name != "swap_kart" and (      # that one is laid over the log (`timing.edits`)
            event.name == "attach" or event.args.get("since") == "start"):
        return (0, event.seq)
    return (event.at_us, event.seq)
