"""Laps and entries: the values a heat is made of."""

from __future__ import annotations

import msgspec

from trackd.core.time import Micros

BESTS = frozenset({"valid", "yellow"})
"""Verdicts of laps that may be a best (CONTRACT: yellow laps count and are marked, a lap with red never is a best)."""


class Lap(msgspec.Struct, frozen=True):
    """Two consecutive counted crossings of the line. ``seq`` is the crossing that closed it and the lap's identity."""

    seq: int
    number: int
    start_seq: int               # 0 where lap 1 is timed from green
    start_us: Micros
    end_us: Micros
    kind: str                    # full out in
    verdict: str                 # valid short long suspect red yellow
    sectors: tuple[Micros | None, ...] = ()
    passings: tuple[int, ...] = ()

    @property
    def time_us(self) -> Micros:
        """Decoder ticks between the two crossings."""
        return self.end_us - self.start_us

    @property
    def ranks(self) -> bool:
        """Whether it may be a best or enter an average."""
        return self.kind == "full" and self.verdict in BESTS


class Entry(msgspec.Struct, frozen=True):
    """A kart and its driver in a session, with all that happened to them."""

    kart: str
    driver_id: str | None
    laps: tuple[Lap, ...] = ()
    opened_seq: int = 0
    opened_us: Micros | None = None      # when the lap in progress began
    opened_epoch: str = ""
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

    @property
    def best_us(self) -> Micros | None:
        """The fastest ranking lap."""
        return self.bests[0][0] if self.bests else None
