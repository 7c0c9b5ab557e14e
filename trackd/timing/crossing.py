"""The judgement of one passing in its heat: whose it is, whether it counts, and the lap it closes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from trackd.core.time import Micros
from trackd.timing import clock, finish
from trackd.timing.events import LINE, PIT_IN, PIT_OUT, Crossing, Verdict
from trackd.timing.flags import State
from trackd.timing.heat import Mark
from trackd.timing.laps import Entry, Lap, Short, inserted

if TYPE_CHECKING:
    from trackd.timing.heat import Heat

NO_MARK = Mark()
BY_HAND = ("manual", "split")
OVER = (State.PROVISIONAL, State.OFFICIAL, State.VOID)


def bound(heat: Heat, event: Crossing) -> str | None:
    """The kart a crossing was read on: by a bind of this session, else whose transponder it was at the time."""
    kart = event.kart
    for transponder, other, from_us in heat.binds:
        if transponder == event.transponder and event.at_us >= from_us:
            kart = other
    return kart


def whose(heat: Heat, event: Crossing) -> Entry | None:
    """The entry a crossing belongs to."""
    kart = bound(heat, event) if heat.binds else event.kart
    return heat.entries.get(kart) if kart is not None else None


def judge(heat: Heat, event: Crossing) -> tuple[Heat, Verdict]:
    """Judge one crossing that lies at or after all events before it (of its kart, and of the heat's orders)."""
    at_us, role = event.at_us, event.role
    if event.source == "tap":
        heat = replace(heat, taps=(*heat.taps, at_us))
    entry = whose(heat, event)
    if entry is None:
        return _seen(heat, at_us), Verdict.UNASSIGNED
    mark = heat.marks.get(event.seq, NO_MARK) if heat.marks else NO_MARK
    if mark.ignored:
        return _put(heat, replace(entry, open_edits=(*entry.open_edits, *mark.by)), at_us), Verdict.IGNORED
    reads = {**entry.reads, role: at_us}
    refused = _refused(heat, entry, event, mark)
    if refused is not None:
        heat = _put(heat, replace(entry, reads=reads, last_us=at_us), at_us)
        seen = mark.flagged and refused is Verdict.REPEATED and entry.finished_us is None
        return finish.take_flag(heat, entry, at_us) if seen else heat, refused
    if role != LINE:
        entry, verdict = _beside_the_line(entry, event, heat.rules.sectors, reads)
        return _put(heat, entry, at_us), verdict
    if heat.start_us is None and heat.rules.start == "first_crossing":
        heat = replace(heat, start_us=at_us, barrier_us=at_us)
    return _line(heat, entry, event, mark, reads)


def _refused(heat: Heat, entry: Entry, event: Crossing, mark: Mark) -> Verdict | None:
    """Why a crossing can count for nothing, whatever lap it would close; None: it may count."""
    at_us, role, state = event.at_us, event.role, heat.state
    seen_us = entry.reads.get(role)
    if seen_us is not None and at_us - seen_us < heat.rules.repeat_us and not (mark.counted or mark.opens):
        return Verdict.REPEATED
    if entry.finished_us is not None:
        return Verdict.LATE
    if state is not State.RUNNING:
        if state in OVER or (state is State.FINISHING and entry.opened_us is None and not mark.opens):
            return Verdict.LATE
        if state is State.PAUSED or (state is State.STAGED and heat.green_us is not None):      # on the grid again
            return Verdict.NEUTRAL
    if entry.left or heat.counts_from_us is None or at_us < heat.counts_from_us:
        return Verdict.NEUTRAL
    if at_us < heat.hold_until_us and role == LINE and _held_off(heat, entry, event, mark):
        return Verdict.NEUTRAL
    return None


def _held_off(heat: Heat, entry: Entry, event: Crossing, mark: Mark) -> bool:
    """Soon after a resume: a read that closes less than the hold-off time of driving is a kart pushed or parked (R6)."""
    if entry.opened_us is None or event.source in BY_HAND or mark.counted or mark.opens:
        return False
    driven_us = (clock.race_time(heat.start_us, heat.pauses, event.at_us)
                 - clock.race_time(heat.start_us, heat.pauses, entry.opened_us))
    return driven_us < heat.hold_us


def _line(heat: Heat, entry: Entry, event: Crossing, mark: Mark, reads: dict[str, Micros]) -> tuple[Heat, Verdict]:
    at_us, least_us = event.at_us, heat.rules.min_lap_us
    if mark.opens or entry.opened_us is None:
        green_us = None if mark.opens else _timed_from(heat, entry)
        if green_us is None:
            heat = _put(heat, _opened(entry, event, mark, reads), at_us)
            return finish.take_flag(heat, entry, at_us) if mark.flagged else heat, Verdict.OPENED
        if at_us - green_us < least_us:
            entry = replace(_opened(entry, event, mark, reads), opened_us=green_us, opened_seq=0)
            return _put(heat, entry, at_us), Verdict.OPENED
        entry = replace(entry, opened_us=green_us, opened_seq=0, opened_epoch=event.epoch, opened_source=event.source,
                        lap_kind="out" if entry.pit else "full")
    opened_us = entry.opened_us if entry.opened_us is not None else at_us
    if at_us == opened_us or (at_us - opened_us < least_us and not mark.counted):
        short = Short(event.seq, at_us, entry.opened_seq, opened_us)
        heat = _put(heat, replace(entry, shorts=(*entry.shorts, short), reads=reads, last_us=at_us), at_us)
        return finish.take_flag(heat, entry, at_us) if mark.flagged else heat, Verdict.TOO_SHORT
    lap = _lap(heat, entry, event, mark, opened_us)
    entry = _opened(entry, event, mark, reads, **(_with_struck if mark.struck else _with_lap)(entry, lap))
    return finish.after_lap(_put(heat, entry, at_us), entry, event.seq, at_us), Verdict.COUNTED


def _timed_from(heat: Heat, entry: Entry) -> Micros | None:
    """Green, where lap 1 is timed from there: not for who joined later, nor once the heat was put on the grid again."""
    if heat.rules.first_lap != "from_green" or heat.green_us is None or heat.grid_us > heat.green_us:
        return None
    return heat.green_us if not entry.laps and entry.joined_us is None else None


def _lap(heat: Heat, entry: Entry, event: Crossing, mark: Mark, opened_us: Micros) -> Lap:
    at_us, opened_seq = event.at_us, entry.opened_seq
    ends = {entry.opened_source, event.source} - {"loop"} if not entry.opened_source == event.source == "loop" else None
    passings = (*entry.split_seqs, event.seq)
    return Lap(
        seq=event.seq, number=len(entry.laps) + 1, start_seq=opened_seq, start_us=opened_us, end_us=at_us,
        kind=entry.lap_kind, verdict=_lap_verdict(heat, entry, event, mark, opened_us),
        sectors=sectors(opened_us, entry.splits, at_us, heat.rules.sectors),
        passings=(opened_seq, *passings) if opened_seq else passings, kart=entry.kart,
        source="loop" if not ends else "split" if "split" in ends else "gps" if ends == {"gps"} else "manual",
        tapped=bool(ends) and ends == {"tap"},
        edits=tuple(dict.fromkeys((*entry.open_edits, *mark.by))) if mark.by or entry.open_edits else (),
    )


def _lap_verdict(heat: Heat, entry: Entry, event: Crossing, mark: Mark, opened_us: Micros) -> str:
    rules, at_us = heat.rules, event.at_us
    if mark.struck or mark.no_best:
        return "void"
    if heat.pauses and clock.overlaps(heat.pauses, opened_us, at_us):
        return "red"
    if entry.opened_epoch != event.epoch and entry.opened_epoch and event.epoch:
        return "suspect"
    if rules.max_lap_us is not None and at_us - opened_us > rules.max_lap_us:
        return "long"
    if at_us - opened_us < rules.min_lap_us:
        return "short"
    return "yellow" if heat.yellows and clock.overlaps(heat.yellows, opened_us, at_us) else "valid"


def _opened(entry: Entry, event: Crossing, mark: Mark, reads: dict[str, Micros], **fields: Any) -> Entry:
    """The entry with a lap begun by this crossing, and what else changes with it."""
    round_again = entry.opened_us is not None and entry.lap_kind == "out"     # without a read at the pit exit
    pit = "" if round_again else entry.pit
    by = () if mark.struck or mark.no_best else mark.by      # those decide on the lap it closed only
    return replace(entry, opened_seq=event.seq, opened_us=event.at_us, opened_epoch=event.epoch,
                   opened_source=event.source, splits=(), split_seqs=(), pit=pit, lap_kind="out" if pit else "full",
                   open_edits=by, reads=reads, last_us=event.at_us, **fields)


def _with_lap(entry: Entry, lap: Lap) -> dict[str, Any]:
    """What one more lap that counts changes of the entry."""
    ranked = (lap.time_us, lap.end_us, lap.number)
    changed: dict[str, Any] = {"laps": (*entry.laps, lap), "pace": entry.pace.with_lap(lap)}
    if lap.ranks:
        changed["bests"] = inserted(entry.bests, ranked)
    elif lap.ranks_by_hand:
        changed["by_hand"] = inserted(entry.by_hand, ranked)
    return changed


def _with_struck(entry: Entry, lap: Lap) -> dict[str, Any]:
    return {"struck": (*entry.struck, lap), "pace": entry.pace.with_struck(lap)}


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


def _beside_the_line(entry: Entry, event: Crossing, lines: int, reads: dict[str, Micros]) -> tuple[Entry, Verdict]:
    """A sector line or a pit loop: marks the lap in progress, never opens or closes one."""
    at_us, role = event.at_us, event.role
    if role == PIT_IN:
        pits = entry.pits if entry.pit else (*entry.pits, (at_us, None))
        return replace(entry, pit="in", lap_kind="in", pits=pits, reads=reads, last_us=at_us), Verdict.COUNTED
    if role == PIT_OUT:
        kind = "out" if entry.lap_kind == "full" else entry.lap_kind
        pits = (*entry.pits[:-1], (entry.pits[-1][0], at_us)) if entry.pit else entry.pits
        return replace(entry, pit="", lap_kind=kind, pits=pits, reads=reads, last_us=at_us), Verdict.COUNTED
    number = sector_number(role)
    if entry.opened_us is None or not len(entry.splits) < number <= lines:
        return replace(entry, reads=reads, last_us=at_us), Verdict.IGNORED
    splits = (*entry.splits, *([None] * (number - 1 - len(entry.splits))), at_us)
    seqs = (*entry.split_seqs, event.seq)
    return replace(entry, splits=splits, split_seqs=seqs, reads=reads, last_us=at_us), Verdict.COUNTED


def _put(heat: Heat, entry: Entry, at_us: Micros) -> Heat:
    entries = heat.entries.copy()
    entries[entry.kart] = entry
    return replace(heat, entries=entries, last_us=max(heat.last_us, at_us))


def _seen(heat: Heat, at_us: Micros) -> Heat:
    return replace(heat, last_us=at_us) if at_us > heat.last_us else heat
