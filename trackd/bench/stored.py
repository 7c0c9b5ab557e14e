"""A venue with a long past: pages that must not care, and the journal folded again."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from trackd.bench.box import Box
from trackd.bench.figures import Figure
from trackd.bench.race import Decoder, transponder
from trackd.core.time import MINUTE, SECOND
from trackd.services.rebuild import rebuild
from trackd.store import derived, journal
from trackd.store.database import NAME, connect, open_database
from trackd.timing.facts import Body, Fact, KartFact, OrderFact, PassingFact, SessionFact
from trackd.timing.formats import Rules, parse_length
from trackd.timing.venue import Venue

KARTS = 20
LAPS = 25
PER_SESSION = KARTS * LAPS
EVERY_US = 30 * MINUTE
CHUNK = 20_000
WARM_UP = 3
REBUILDS = 3


def past(laps: int, until_us: int) -> Iterator[tuple[Fact, str | None]]:
    """The journal of a venue that has timed ``laps`` laps in sessions of 500, every half hour. The last, at
    ``until_us``, is still provisional, so that the board shows it.
    """
    sessions = -(-laps // PER_SESSION)
    at_us, seq, number = until_us - sessions * EVERY_US, 0, 0
    rules = msgspec.to_builtins(Rules(length=parse_length("10m"), ranking="position", finish="leader",
                                      min_lap_us=10 * SECOND))
    karts = [str(kart + 1) for kart in range(KARTS)]

    def fact(kind: str, session: str | None, t_us: int, body: Body) -> Fact:
        nonlocal seq
        seq += 1
        return Fact(seq, t_us, t_us, kind, session, body)

    for kart, name in enumerate(karts):
        yield fact("kart", None, at_us, KartFact(name, None, [str(transponder(kart))])), None
    for index in range(sessions):
        session, start_us = f"s{index:019}", at_us + index * EVERY_US
        entries: list[tuple[str, str | None]] = [(kart, None) for kart in karts]
        yield fact("session", session, start_us, SessionFact(session, f"Heat {index + 1}", rules, entries=entries)), None
        for order in ("stage", "green"):
            yield fact("order", session, start_us + SECOND, OrderFact(order, start_us + SECOND, "bench")), None
        for lap in range(LAPS + 1):
            for kart, name in enumerate(karts):
                number += 1
                passed_us = start_us + (2 + lap * 20) * SECOND + kart * 700_000 + (lap * 7919 + kart * 104_729) % 400_000
                body = PassingFact("line", "p3", "1", "p3:1", 0, passed_us, passed_us, number, str(transponder(kart)), name,
                                   strength=120, hits=40, flags=0)
                yield fact("passing", None, passed_us, body), f"p3:1/0/{number}"
        for order in ("finish", "confirm") if index + 1 < sessions else ("finish",):
            yield fact("order", session, start_us + 12 * MINUTE, OrderFact(order, start_us + 12 * MINUTE, "bench")), None


def fill(folder: Path, laps: int, *, derive: bool) -> int:
    """Write such a past; with ``derive`` also what follows from it. The number of facts."""
    open_database(folder).close()
    venue, count, now_us = Venue(), 0, time.time_ns() // 1000
    batch: list[tuple[Fact, str | None]] = []

    def write(db: sqlite3.Connection) -> None:
        db.execute("BEGIN")
        journal.append(db, batch)
        if derive:
            for fact, _ in batch:
                venue.fold(fact)
            derived.write(db, venue.take_changes())
            derived.set_latest(db, venue)
        db.execute("COMMIT")

    with closing(connect(folder / NAME, synchronous="NORMAL")) as db:
        for each in past(laps, now_us - EVERY_US):
            batch.append(each)
            count += 1
            if len(batch) == CHUNK:
                write(db)
                batch.clear()
        write(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _paths(box: Box) -> dict[str, str]:
    session = box.ask("GET", "/sessions?limit=2")["items"][0]["id"]        # of the two newest the official one
    return {"board page": "/", "result page": f"/sessions/{session}", "API board": f"/api/v1/sessions/{session}/board",
            "API result": f"/api/v1/sessions/{session}/result"}


def _times_ms(boxes: Sequence[Box], rounds: int) -> list[dict[str, float]]:
    """The median time of each page of each appliance. They take turns, so that a busy moment is nobody's own."""
    paths = [_paths(box) for box in boxes]
    taken: list[dict[str, list[float]]] = [{name: [] for name in each} for each in paths]
    for turn in range(rounds + WARM_UP):
        for name in paths[0]:
            for box, path, times in zip(boxes, paths, taken, strict=True):
                began = time.perf_counter()
                box.get(path[name])
                if turn >= WARM_UP:
                    times[name].append((time.perf_counter() - began) * 1000)
    return [{name: statistics.median(times) for name, times in each.items()} for each in taken]


async def pages(folder: Path, *, quick: bool) -> list[Figure]:
    """Board and result with few and with many laps stored, two appliances side by side, asked in turn."""
    few, many = 10_000, 100_000 if quick else 1_000_000
    decoder = Decoder()
    await decoder.start()
    try:
        for laps in (few, many):
            await asyncio.to_thread(fill, folder / str(laps), laps, derive=True)
        with Box(folder / str(few), decoder.port) as small, Box(folder / str(many), decoder.port) as large:
            before, after = await asyncio.to_thread(_times_ms, (small, large), 50)
    finally:
        await decoder.stop()
    ok = all(after[name] <= max(1.3 * before[name], before[name] + 1) for name in before)
    told = ", ".join(f"{name} {before[name]:.1f} -> {after[name]:.1f} ms" for name in before)
    return [Figure(f"pages with {few:,} -> {many:,} laps stored", "within 1.3x or 1 ms", told, ok)]


async def fold(folder: Path, *, quick: bool) -> list[Figure]:
    """`trackd rebuild` on a journal of sessions, from opening the file to the last row in place; the best of three."""
    await asyncio.to_thread(fill, folder, 20_000 if quick else 200_000, derive=False)
    per_s, facts = 0.0, 0
    for _ in range(REBUILDS):
        began = time.perf_counter()
        facts = await asyncio.to_thread(rebuild, folder)
        per_s = max(per_s, facts / (time.perf_counter() - began))
    return [Figure("rebuild from the journal", ">= 50,000 events/s", f"{per_s:,.0f} events/s ({facts:,} events)",
                   per_s >= 50_000)]
