"""Laps and entries: the values a heat is made of."""

from __future__ import annotations

from bisect import bisect
from typing import Any

import msgspec

from trackd.core.time import Micros

BESTS = frozenset({"valid", "yellow"})
"""Verdicts of laps that may be a best (CONTRACT: yellow laps count and are marked, a lap with red never is a best)."""

MEASURED = frozenset({"loop", "gps"})
"""Sources of laps that may be a best: a synthetic lap never is one (R16)."""


class Short(msgspec.Struct, frozen=True):
    """A read below the shortest lap: not counted, kept to be decided on (R15). ``since``: what opened the lap then."""

    seq: int
    at_us: Micros
    since_seq: int
    since_us: Micros


class Penalty(msgspec.Struct, frozen=True):
    """A layer over untouched crossings (R23). ``seq`` is the order that gave it, and its name."""

    seq: int
    kind: str                    # time laps positions lap dsq
    value: int                   # microseconds, laps, places, the lap's number; 0 for dsq
    reason: str = ""
    by: str = ""
    at_us: Micros = 0
    incident: int = 0            # the incident it answers, 0 for none


class Lap(msgspec.Struct, frozen=True):
    """Two consecutive counted crossings of the line. ``seq`` is the crossing that closed it and the lap's identity."""

    seq: int
    number: int
    start_seq: int               # 0 where lap 1 is timed from green
    start_us: Micros
    end_us: Micros
    kind: str                    # full out in
    verdict: str                 # valid short long suspect void red yellow
    sectors: tuple[Micros | None, ...] = ()
    passings: tuple[int, ...] = ()
    kart: str = ""               # that was driven when it was closed
    source: str = "loop"         # loop gps manual split: the weaker of its two ends
    tapped: bool = False         # timed by hand at the line, as it happened
    edits: tuple[int, ...] = ()  # the orders that made it what it is

    @property
    def time_us(self) -> Micros:
        """Decoder ticks between the two crossings."""
        return self.end_us - self.start_us

    @property
    def clean(self) -> bool:
        """Whether it says how long a lap takes its kart, whatever timed it."""
        return self.verdict == "valid" and self.kind == "full"

    @property
    def ranks(self) -> bool:
        """Whether it may be a best or enter an average."""
        return self.kind == "full" and self.verdict in BESTS and self.source in MEASURED

    @property
    def ranks_by_hand(self) -> bool:
        """Whether it may be a best of a kart that has no measured lap: timed by hand while no decoder was there."""
        return self.tapped and self.kind == "full" and self.verdict in BESTS


class Pace(msgspec.Struct, frozen=True):
    """What the laps of an entry come to, kept as they are driven: no screen has to go through all of them again."""

    clean: tuple[Micros, ...] = ()            # times of clean laps, fastest first
    ranking_us: Micros = 0                    # sum of the laps that rank
    longest_us: Micros = 0
    sectors: tuple[Micros | None, ...] = ()   # the fastest of each in the laps that rank
    edited: bool = False                      # whether somebody changed any of them

    def with_lap(self, lap: Lap) -> Pace:
        """One more lap that counts."""
        time_us, ranks = lap.time_us, lap.ranks
        return Pace(
            inserted(self.clean, time_us) if lap.clean else self.clean,
            self.ranking_us + time_us if ranks else self.ranking_us,
            max(self.longest_us, time_us),
            _fastest(self.sectors, lap.sectors) if ranks and lap.sectors else self.sectors,
            self.edited or bool(lap.edits))

    def with_struck(self, lap: Lap) -> Pace:
        """One more that does not."""
        return msgspec.structs.replace(self, edited=True) if lap.edits else self


def inserted(ordered: tuple[Any, ...], one: Any) -> tuple[Any, ...]:
    """A sorted tuple with one more in its place."""
    at = bisect(ordered, one)
    return (*ordered[:at], one, *ordered[at:])


def _fastest(best: tuple[Micros | None, ...], sectors: tuple[Micros | None, ...]) -> tuple[Micros | None, ...]:
    known = zip(best or (None,) * len(sectors), sectors, strict=True)
    return tuple(min((each for each in pair if each is not None), default=None) for pair in known)


class Entry(msgspec.Struct, frozen=True):
    """A driver and the kart they are in, with all that happened to them in a session."""

    kart: str                            # now; a swap changes it
    driver_id: str | None
    id: str = ""                         # of the entry in its session: the kart it began with
    laps: tuple[Lap, ...] = ()           # that count
    struck: tuple[Lap, ...] = ()         # that were voided: shown, never counted
    opened_seq: int = 0
    opened_us: Micros | None = None      # when the lap in progress began
    opened_epoch: str = ""
    opened_source: str = "loop"
    open_edits: tuple[int, ...] = ()     # orders that shaped the lap in progress
    reads: dict[str, Micros] = {}        # role -> last read on that loop
    last_us: Micros = 0                  # of any event of this kart
    splits: tuple[Micros | None, ...] = ()
    split_seqs: tuple[int, ...] = ()
    pit: str = ""                        # "" | in: in the pit now
    lap_kind: str = "full"               # of the lap in progress
    finished_us: Micros | None = None
    left: bool = False
    joined_us: Micros | None = None      # when it joined a heat that had begun
    bests: tuple[tuple[Micros, Micros, int], ...] = ()   # (time, set at, number) of ranking laps, fastest first
    by_hand: tuple[tuple[Micros, Micros, int], ...] = ()  # the same of laps timed by hand
    pace: Pace = Pace()                  # what the laps come to
    shorts: tuple[Short, ...] = ()       # reads too short to count, undecided ones among them
    pits: tuple[tuple[Micros, Micros | None], ...] = ()   # visits: in, out
    penalties: tuple[Penalty, ...] = ()
    flag: str = ""                       # shown to this kart: black mechanical warning blue
    flag_us: Micros = 0                  # since when, track time

    @property
    def best_us(self) -> Micros | None:
        """The fastest ranking lap; of a kart with no measured lap at all, the fastest one timed by hand."""
        ranking = self.bests or self.by_hand
        return ranking[0][0] if ranking else None

    @property
    def out(self) -> bool:
        """Whether it has begun: a lap is open, or one was closed before a restart."""
        return self.opened_us is not None or bool(self.laps)
