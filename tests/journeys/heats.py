"""A heat to drive, and what its result must be, worked out from what the decoder numbered and nothing else."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from trackd.core.records import Passing
from trackd.core.time import lap_text

if TYPE_CHECKING:
    from tests.journeys.conftest import Park

S = 1_000_000
MS = 1_000
KARTS = {"7": "1007", "3": "1003", "12": "1012", "9": "1009", "21": "1021"}
WEARER = {transponder: kart for kart, transponder in KARTS.items()}
STRANGER = "4444"
LENGTH = 240 * S
FORMAT = "4m"


class Drive(NamedTuple):
    """A kart crosses the line at ``at`` (the decoder's time)."""

    at: int
    transponder: str


def drives(seed: int, green: int) -> list[Drive]:
    """Two roll-out crossings, then laps of some 40 s for all until each has found the flag; a stranger now and then."""
    rng = random.Random(seed)
    found = [Drive(green - 20 * S + 700 * MS * n, transponder) for n, transponder in enumerate(KARTS.values())]
    for n, transponder in enumerate(KARTS.values()):
        at = green + 4 * S + n * 1_100 * MS
        while at < green + LENGTH:
            found.append(Drive(at, transponder))
            at += rng.randrange(37_000, 44_000) * MS
        found.append(Drive(at, transponder))                      # takes the flag
    found += [Drive(green + at * S + 333 * MS, STRANGER) for at in (50, 130)]
    return sorted(found)


class Want(NamedTuple):
    """One row of the result sheet."""

    kart: str
    laps: tuple[int, ...]


def sheet(passings: Iterable[tuple[int, str]], green: int) -> list[Want]:
    """Laps of each kart, in the order of the result (best lap; individual finish), from (time, transponder) alone."""
    times: dict[str, list[int]] = {}
    for at, transponder in sorted(passings):
        if transponder in WEARER and at >= green:
            times.setdefault(WEARER[transponder], []).append(at)
    rows, set_at = [], {}
    for kart, crossed in times.items():
        counted: list[int] = []
        read = -10 * S
        for at in crossed:
            if at - read >= 2 * S and not (counted and counted[-1] >= green + LENGTH):
                counted.append(at)
            read = at
        laps = tuple(b - a for a, b in pairwise(counted))
        rows.append(Want(kart, laps))
        set_at[kart] = counted[laps.index(min(laps)) + 1]
    return sorted(rows, key=lambda row: (sorted(row.laps), set_at[row.kart]))


def place(passing: Passing) -> tuple[str | None, int | None, str | None, int]:
    """What makes a passing itself."""
    return (passing.decoder_id, passing.passing_number, passing.transponder, passing.rtc_time_us)


async def shown_everywhere(venue: Park) -> None:
    """Board and display show what the API tells: every kart in its place, with its laps and its best."""
    rows = (await venue.api("GET", f"/sessions/{venue.session}/board"))["items"]
    assert any(row["best_us"] for row in rows)
    for page in ("/", "/display/hall"):
        text = re.sub(r"<[^>]+>", " ", (await venue.http.get(page)).text)
        places = [text.index(row["driver"]) for row in rows]
        assert places == sorted(places)
        for row in rows:
            assert row["best_us"] is None or lap_text(row["best_us"]) in text
