"""The order of a heat: who is where, by how much, and what the last laps were worth (R1, R2, R17, R19)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace as with_
from typing import Any

from trackd.core.time import Micros
from trackd.timing.board import Row
from trackd.timing.crossing import sectors as sector_times
from trackd.timing.finish import NEVER
from trackd.timing.flags import State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap

OVER = frozenset({State.PROVISIONAL, State.OFFICIAL, State.VOID})


def standings(heat: Heat) -> tuple[Row, ...]:
    """All entries in order. Equal to the microsecond is a shared place and the next place is skipped."""
    over = heat.state in OVER
    by_best = heat.rules.ranking == "best_lap"
    key: Callable[[Entry], tuple[Any, ...]] = _best_key if by_best else _final_key if over else _live_key
    order = sorted(heat.entries.values(), key=lambda e: (key(e), _kart_key(e.kart)))
    best_us = min((e.best_us for e in order if e.best_us is not None), default=None)
    best_sectors = _best_sectors(order) if heat.rules.sectors else []
    rows: list[Row] = []
    for index, entry in enumerate(order):
        row = _row(heat, entry, over, best_us, best_sectors)
        if entry.opened_us is not None:
            shared = index > 0 and rows[-1].position is not None and key(entry) == key(order[index - 1])
            row = with_(row, position=rows[-1].position if shared else index + 1)
            if index:
                row = _with_gaps(row, entry, order[0], order[index - 1], by_best=by_best, over=over)
        rows.append(row)
    return tuple(rows)


def _kart_key(kart: str) -> tuple[int, int, str]:
    return (0, int(kart), "") if kart.isdecimal() else (1, 0, kart)


def _final_key(entry: Entry) -> tuple[Any, ...]:
    """R1: laps, then the time of the last of them."""
    if entry.laps:
        return (-len(entry.laps), entry.laps[-1].end_us)
    return (0, NEVER if entry.opened_us is None else entry.opened_us)


def _live_key(entry: Entry) -> tuple[Any, ...]:
    """R1 while it runs: laps, then the furthest timing line, then who was there first."""
    if entry.opened_us is None:
        return (1, 0, 0)
    return (-len(entry.laps), -len(entry.splits), next((s for s in reversed(entry.splits) if s), entry.opened_us))


def _best_key(entry: Entry) -> tuple[Any, ...]:
    """R2: best, second best ..., then whose best was set first; without a ranking lap after all others, by laps."""
    if not entry.bests:
        return (1, *_final_key(entry))
    return (0, *(time_us for time_us, _, _ in entry.bests), NEVER, entry.bests[0][1])


def _best_sectors(order: list[Entry]) -> list[Micros | None]:
    columns = [lap.sectors for entry in order for lap in entry.laps if lap.ranks and lap.sectors]
    if not columns:
        return []
    return [min((s for s in column if s is not None), default=None) for column in zip(*columns, strict=False)]


def _row(heat: Heat, entry: Entry, over: bool, best_us: Micros | None, best_sectors: list[Micros | None]) -> Row:
    last = entry.laps[-1] if entry.laps else None
    ranking = [time_us for time_us, _, _ in entry.bests]
    sectors = _sectors_now(heat, entry, last)
    return Row(
        position=None, kart=entry.kart, driver_id=entry.driver_id, laps=len(entry.laps),
        last_us=last.time_us if last else None, best_us=entry.best_us,
        gap_us=None, gap_laps=None, interval_us=None, interval_laps=None,
        sectors_us=sectors, state=_state(entry, over), last_mark=_mark(last, entry, best_us),
        best_is_session_best=entry.best_us is not None and entry.best_us == best_us,
        sector_marks=_sector_marks(sectors, entry, best_sectors), gap_old=False,
        last_lap_id=str(last.seq) if last else None,
        best_lap_number=entry.bests[0][2] if entry.bests else None,
        average_us=sum(ranking) // len(ranking) if ranking else None,
        hit_seq=last.seq if last else entry.opened_seq, moved=0,
    )


def _state(entry: Entry, over: bool) -> str:
    if entry.finished_us is not None:
        return "finished"
    if entry.opened_us is None:
        return "dns" if over else "waiting"
    if over or entry.left:
        return "dnf"
    return "pit" if entry.pit else "running"


def _mark(last: Lap | None, entry: Entry, best_us: Micros | None) -> str:
    if last is None:
        return ""
    if not last.ranks:
        return "off"
    if last.time_us == best_us:
        return "best"
    return "pb" if last.time_us == entry.best_us and len(entry.bests) > 1 else ""


def _sectors_now(heat: Heat, entry: Entry, last: Lap | None) -> tuple[Micros | None, ...]:
    """Those of the lap in progress once it has one, else those of the lap just done."""
    if entry.splits and entry.opened_us is not None:
        return sector_times(entry.opened_us, entry.splits, None, heat.rules.sectors)
    if last is not None:
        return last.sectors
    return (None,) * (heat.rules.sectors + 1 if heat.rules.sectors else 0)


def _sector_marks(sectors: tuple[Micros | None, ...], entry: Entry, best: list[Micros | None]) -> tuple[str, ...]:
    marks = []
    for index, time_us in enumerate(sectors):
        own = min((s for lap in entry.laps if lap.ranks and (s := lap.sectors[index]) is not None), default=None)
        session = best[index] if index < len(best) else None
        if time_us is None:
            marks.append("")
        elif session is None or time_us <= session:
            marks.append("best")
        else:
            marks.append("pb" if own is None or time_us <= own else "slow")
    return tuple(marks)


def _with_gaps(row: Row, entry: Entry, first: Entry, ahead: Entry, *,
               by_best: bool, over: bool) -> Row:
    if by_best:
        if entry.best_us is None or first.best_us is None or ahead.best_us is None:
            return row
        return with_(row, gap_us=entry.best_us - first.best_us, interval_us=entry.best_us - ahead.best_us)
    gap_us, gap_laps, old = _behind(entry, first, over=over)
    interval_us, interval_laps, _ = _behind(entry, ahead, over=over)
    return with_(row, gap_us=gap_us, gap_laps=gap_laps, interval_us=interval_us, interval_laps=interval_laps,
                 gap_old=old)


def _behind(entry: Entry, other: Entry, *, over: bool) -> tuple[Micros | None, int | None, bool]:
    """Time or laps ``entry`` is behind ``other``, as of its own last crossing; at the end, as of the end (R17)."""
    laps = len(entry.laps)
    at_us, then_us = _nth_us(entry, laps), _nth_us(other, laps)
    theirs = len(other.laps) if over else bisect_right(other.laps, at_us, key=lambda lap: lap.end_us)
    old = not over and len(other.laps) > theirs
    if theirs > laps:
        return None, theirs - laps, old
    if then_us > at_us:                 # has come past since: there is no gap yet that was measured on a line
        return None, None, True
    return at_us - then_us, None, old


def _nth_us(entry: Entry, laps: int) -> Micros:
    """When ``entry`` had completed ``laps`` laps; 0 laps: when it began the first."""
    if laps:
        return entry.laps[laps - 1].end_us
    if entry.laps:
        return entry.laps[0].start_us
    return entry.opened_us if entry.opened_us is not None else NEVER
