"""The judgement of one passing in its heat: whose it is, whether it counts, and the lap it closes."""

from __future__ import annotations

from bisect import insort
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trackd.core.time import Micros
from trackd.timing import clock, finish
from trackd.timing.events import LINE, PIT_IN, PIT_OUT, Crossing, Verdict
from trackd.timing.flags import State
from trackd.timing.laps import Entry, Lap

if TYPE_CHECKING:
    from trackd.timing.heat import Heat


def whose(heat: Heat, event: Crossing) -> Entry | None:
    """The entry a crossing belongs to: by a bind of this session, else by the transponder's kart at the time."""
    kart = event.kart
    for transponder, bound, from_us in heat.binds:
        if transponder == event.transponder and event.at_us >= from_us:
            kart = bound
    return heat.entries.get(kart) if kart is not None else None


def judge(heat: Heat, event: Crossing) -> tuple[Heat, Verdict]:
    """Judge one crossing that lies at or after all events before it (of its kart, and of the heat's orders)."""
    entry = whose(heat, event)
    if entry is None:
        return _seen(heat, event.at_us), Verdict.UNASSIGNED
    at_us, role = event.at_us, event.role
    seen_us = entry.reads.get(role)
    entry = replace(entry, reads={**entry.reads, role: at_us}, last_us=at_us)
    if seen_us is not None and at_us - seen_us < heat.rules.repeat_us:
        return _put(heat, entry, at_us), Verdict.REPEATED
    if entry.finished_us is not None or heat.state in (State.PROVISIONAL, State.OFFICIAL, State.VOID):
        return _put(heat, entry, at_us), Verdict.LATE
    if heat.state is State.FINISHING and entry.opened_us is None:
        return _put(heat, entry, at_us), Verdict.LATE
    if heat.counts_from_us is None or at_us < heat.counts_from_us or heat.state is State.PAUSED or entry.left:
        return _put(heat, entry, at_us), Verdict.NEUTRAL
    if role != LINE:
        entry, verdict = _beside_the_line(entry, event, heat.rules.sectors)
        return _put(heat, entry, at_us), verdict
    if heat.start_us is None and heat.rules.start == "first_crossing":
        heat = replace(heat, start_us=at_us, barrier_us=at_us)
    return _line(heat, entry, event)


def _line(heat: Heat, entry: Entry, event: Crossing) -> tuple[Heat, Verdict]:
    at_us, rules = event.at_us, heat.rules
    if entry.opened_us is None:
        from_green = rules.first_lap == "from_green" and heat.green_us is not None and entry.joined_us is None
        if not from_green or heat.green_us is None or at_us - heat.green_us < rules.min_lap_us:
            opened_us = heat.green_us if from_green else at_us
            entry = _open_lap(entry, 0 if from_green else event.seq, opened_us, event.epoch)
            return _put(heat, entry, at_us), Verdict.OPENED
        entry = _open_lap(entry, 0, heat.green_us, event.epoch)
    opened_us = entry.opened_us if entry.opened_us is not None else at_us
    if at_us - opened_us < rules.min_lap_us:
        return _put(heat, entry, at_us), Verdict.TOO_SHORT
    lap = _lap(heat, entry, event, opened_us)
    pit = "" if lap.kind == "out" else entry.pit       # round again without a read at the pit exit
    entry = replace(entry, laps=(*entry.laps, lap), bests=_bests(entry, lap), pit=pit)
    entry = _open_lap(entry, event.seq, at_us, event.epoch)
    return finish.after_lap(_put(heat, entry, at_us), entry, at_us), Verdict.COUNTED


def _lap(heat: Heat, entry: Entry, event: Crossing, opened_us: Micros) -> Lap:
    rules, at_us = heat.rules, event.at_us
    if clock.overlaps(heat.pauses, opened_us, at_us):
        verdict = "red"
    elif entry.opened_epoch != event.epoch:
        verdict = "suspect"
    elif rules.max_lap_us is not None and at_us - opened_us > rules.max_lap_us:
        verdict = "long"
    else:
        verdict = "yellow" if heat.yellows and clock.overlaps(heat.yellows, opened_us, at_us) else "valid"
    return Lap(
        seq=event.seq, number=len(entry.laps) + 1, start_seq=entry.opened_seq, start_us=opened_us, end_us=at_us,
        kind=entry.lap_kind, verdict=verdict, sectors=sectors(opened_us, entry.splits, at_us, rules.sectors),
        passings=(*((entry.opened_seq,) if entry.opened_seq else ()), *entry.split_seqs, event.seq),
    )


def _open_lap(entry: Entry, seq: int, at_us: Micros | None, epoch: str) -> Entry:
    return replace(entry, opened_seq=seq, opened_us=at_us, opened_epoch=epoch, splits=(), split_seqs=(),
                   lap_kind="out" if entry.pit else "full")


def _bests(entry: Entry, lap: Lap) -> tuple[tuple[Micros, Micros, int], ...]:
    if not lap.ranks:
        return entry.bests
    bests = list(entry.bests)
    insort(bests, (lap.time_us, lap.end_us, lap.number))
    return tuple(bests)


def sectors(opened_us: Micros, splits: tuple[Micros | None, ...], closed_us: Micros | None,
            lines: int) -> tuple[Micros | None, ...]:
    """Sector times of a lap over ``lines`` sector lines; a missing read makes the sectors beside it None (R19)."""
    if not lines:
        return ()
    marks = [opened_us, *splits, *([None] * (lines - len(splits))), closed_us]
    return tuple(b - a if a is not None and b is not None else None for a, b in pairwise(marks))


def sector_number(role: str) -> int:
    """1 for ``sector:1``; 0 for a loop that is no sector line (one nobody gave a role)."""
    kind, _, number = role.partition(":")
    return int(number) if kind == "sector" and number.isdecimal() else 0


def _beside_the_line(entry: Entry, event: Crossing, lines: int) -> tuple[Entry, Verdict]:
    """A sector line or a pit loop: marks the lap in progress, never opens or closes one."""
    if event.role == PIT_IN:
        return replace(entry, pit="in", lap_kind="in"), Verdict.COUNTED
    if event.role == PIT_OUT:
        kind = "out" if entry.lap_kind == "full" else entry.lap_kind
        return replace(entry, pit="", lap_kind=kind), Verdict.COUNTED
    number = sector_number(event.role)
    if entry.opened_us is None or not len(entry.splits) < number <= lines:
        return entry, Verdict.IGNORED
    splits = (*entry.splits, *([None] * (number - 1 - len(entry.splits))), event.at_us)
    return replace(entry, splits=splits, split_seqs=(*entry.split_seqs, event.seq)), Verdict.COUNTED


def _put(heat: Heat, entry: Entry, at_us: Micros) -> Heat:
    entries = heat.entries.copy()
    entries[entry.kart] = entry
    return replace(heat, entries=entries, last_us=max(heat.last_us, at_us))


def _seen(heat: Heat, at_us: Micros) -> Heat:
    return replace(heat, last_us=at_us) if at_us > heat.last_us else heat
