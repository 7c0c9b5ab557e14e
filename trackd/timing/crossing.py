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
from trackd.timing.heat import Mark
from trackd.timing.laps import Entry, Lap, Short

if TYPE_CHECKING:
    from trackd.timing.heat import Heat

NO_MARK = Mark()


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
    at_us, role, mark = event.at_us, event.role, heat.marks.get(event.seq, NO_MARK)
    if mark.ignored:
        return _put(heat, replace(entry, open_edits=(*entry.open_edits, *mark.by)), at_us), Verdict.IGNORED
    seen_us = entry.reads.get(role)
    entry = replace(entry, reads={**entry.reads, role: at_us}, last_us=at_us)
    if seen_us is not None and at_us - seen_us < heat.rules.repeat_us and not mark.counted:
        return _put(heat, entry, at_us), Verdict.REPEATED
    if entry.finished_us is not None or heat.state in (State.PROVISIONAL, State.OFFICIAL, State.VOID):
        return _put(heat, entry, at_us), Verdict.LATE
    if heat.state is State.FINISHING and entry.opened_us is None:
        return _put(heat, entry, at_us), Verdict.LATE
    if entry.left or _neutral(heat, at_us) or (role == LINE and not mark.counted and _held_off(heat, entry, at_us)):
        return _put(heat, entry, at_us), Verdict.NEUTRAL
    if role != LINE:
        entry, verdict = _beside_the_line(entry, event, heat.rules.sectors)
        return _put(heat, entry, at_us), verdict
    if heat.start_us is None and heat.rules.start == "first_crossing":
        heat = replace(heat, start_us=at_us, barrier_us=at_us)
    return _line(heat, entry, event)


def _neutral(heat: Heat, at_us: Micros) -> bool:
    """Before it counts, under red, and on the grid of a restart."""
    grid_again = heat.state is State.STAGED and heat.green_us is not None
    return heat.counts_from_us is None or at_us < heat.counts_from_us or heat.state is State.PAUSED or grid_again


def _held_off(heat: Heat, entry: Entry, at_us: Micros) -> bool:
    """Soon after a resume: a read that closes less than the hold-off time of driving is a kart pushed or parked (R6)."""
    if at_us >= heat.hold_until_us or entry.opened_us is None:
        return False
    driven_us = (clock.race_time(heat.start_us, heat.pauses, at_us)
                 - clock.race_time(heat.start_us, heat.pauses, entry.opened_us))
    return driven_us < heat.hold_us


def _line(heat: Heat, entry: Entry, event: Crossing) -> tuple[Heat, Verdict]:
    at_us, rules, mark = event.at_us, heat.rules, heat.marks.get(event.seq, NO_MARK)
    if entry.opened_us is None:
        first = not entry.laps and entry.joined_us is None
        from_green = rules.first_lap == "from_green" and heat.green_us is not None and first
        if not from_green or heat.green_us is None or at_us - heat.green_us < rules.min_lap_us:
            opened_us = heat.green_us if from_green else at_us
            entry = _open_lap(heat, entry, event, 0 if from_green else event.seq, opened_us)
            return _put(heat, entry, at_us), Verdict.OPENED
        entry = _open_lap(heat, entry, event, 0, heat.green_us)
    opened_us = entry.opened_us if entry.opened_us is not None else at_us
    if at_us - opened_us < rules.min_lap_us and not mark.counted:
        short = Short(event.seq, at_us, entry.opened_seq, opened_us)
        return _put(heat, replace(entry, shorts=(*entry.shorts, short)), at_us), Verdict.TOO_SHORT
    lap = _lap(heat, entry, event, opened_us)
    if mark.struck:
        entry = replace(entry, struck=(*entry.struck, lap))
    else:
        entry = replace(entry, laps=(*entry.laps, lap), bests=_insert(entry.bests, lap, ranks=lap.ranks),
                        by_hand=_insert(entry.by_hand, lap, ranks=lap.ranks_by_hand))
    if lap.kind == "out":                       # round again without a read at the pit exit
        entry = replace(entry, pit="")
    entry = _open_lap(heat, entry, event, event.seq, at_us)
    return finish.after_lap(_put(heat, entry, at_us), entry, event.seq, at_us), Verdict.COUNTED


def _lap(heat: Heat, entry: Entry, event: Crossing, opened_us: Micros) -> Lap:
    rules, at_us, mark = heat.rules, event.at_us, heat.marks.get(event.seq, NO_MARK)
    apart = bool(entry.opened_epoch and event.epoch) and entry.opened_epoch != event.epoch
    ends = {entry.opened_source, event.source} - {"loop"}
    if mark.struck or mark.no_best:
        verdict = "void"
    elif clock.overlaps(heat.pauses, opened_us, at_us):
        verdict = "red"
    elif apart:
        verdict = "suspect"
    elif rules.max_lap_us is not None and at_us - opened_us > rules.max_lap_us:
        verdict = "long"
    elif at_us - opened_us < rules.min_lap_us:
        verdict = "short"
    else:
        verdict = "yellow" if heat.yellows and clock.overlaps(heat.yellows, opened_us, at_us) else "valid"
    return Lap(
        seq=event.seq, number=len(entry.laps) + 1, start_seq=entry.opened_seq, start_us=opened_us, end_us=at_us,
        kind=entry.lap_kind, verdict=verdict, sectors=sectors(opened_us, entry.splits, at_us, rules.sectors),
        passings=(*((entry.opened_seq,) if entry.opened_seq else ()), *entry.split_seqs, event.seq), kart=entry.kart,
        source="loop" if not ends else "split" if "split" in ends else "gps" if ends == {"gps"} else "manual",
        tapped=bool(ends) and ends <= {"tap"}, edits=tuple(dict.fromkeys((*entry.open_edits, *mark.by))),
    )


def _open_lap(heat: Heat, entry: Entry, event: Crossing, seq: int, at_us: Micros | None) -> Entry:
    mark = heat.marks.get(event.seq, NO_MARK)
    by = () if mark.struck or mark.no_best else mark.by      # those decide on the lap it closed only
    return replace(entry, opened_seq=seq, opened_us=at_us, opened_epoch=event.epoch, opened_source=event.source,
                   splits=(), split_seqs=(), lap_kind="out" if entry.pit else "full", open_edits=by)


def _insert(ranking: tuple[tuple[Micros, Micros, int], ...], lap: Lap, *,
            ranks: bool) -> tuple[tuple[Micros, Micros, int], ...]:
    if not ranks:
        return ranking
    longer = list(ranking)
    insort(longer, (lap.time_us, lap.end_us, lap.number))
    return tuple(longer)


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
        inside = bool(entry.pits) and entry.pits[-1][1] is None
        pits = entry.pits if inside else (*entry.pits, (event.at_us, None))
        return replace(entry, pit="in", lap_kind="in", pits=pits), Verdict.COUNTED
    if event.role == PIT_OUT:
        kind = "out" if entry.lap_kind == "full" else entry.lap_kind
        inside = bool(entry.pits) and entry.pits[-1][1] is None
        pits = (*entry.pits[:-1], (entry.pits[-1][0], event.at_us)) if inside else entry.pits
        return replace(entry, pit="", lap_kind=kind, pits=pits), Verdict.COUNTED
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
