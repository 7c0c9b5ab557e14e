"""The order of a heat: who is where, by how much, and what the last laps were worth (R1, R2, R7, R17, R19, R23)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from trackd.core.time import Micros
from trackd.timing.board import Row
from trackd.timing.crossing import sectors as sector_times
from trackd.timing.finish import NEVER
from trackd.timing.flags import State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.penalties import Total, put_back, total, words

OVER = frozenset({State.PROVISIONAL, State.OFFICIAL, State.VOID})


class _Gaps(NamedTuple):
    """To the first and to the kart ahead; ``old``: measured before those drove on."""

    gap_us: Micros | None = None
    gap_laps: int | None = None
    interval_us: Micros | None = None
    interval_laps: int | None = None
    old: bool = False


NO_GAPS = _Gaps()


def standings(heat: Heat) -> tuple[Row, ...]:
    """All entries in order. Equal to the microsecond is a shared place and the next place is skipped.

    Who has begun is placed, also who retired, left or did not come within the grace time (`dnf`): on completed laps, as
    CONTRACT has it. Then come those who never began, and last of all who is disqualified, both without a place. Penalties
    act at once, while the heat runs as in its result. They change the order, the laps that rank and the gaps; lap times
    and bests stand as they were driven.
    """
    over = heat.state in OVER
    by_best = heat.rules.ranking == "best_lap"
    key: Callable[[Total], tuple[Any, ...]] = _best_key if by_best else _final_key if over else _live_key
    at_most = _counted_back(heat) if over and not by_best else None
    totals = [total(entry, at_most) for entry in heat.entries.values()]
    totals.sort(key=lambda each: _kart_key(each.entry.kart))
    best_us = min((entry.bests[0][0] for entry in heat.entries.values() if entry.bests), default=None)
    best_sectors = _best_sectors(heat, over=over) if heat.rules.sectors else []
    rows: list[Row] = []
    due: list[Total] = []           # those that stand where their totals put them; who was put back has no gap
    for place in _places(heat, totals, key, over=over):
        position = len(rows) + 1
        for each in place:
            gaps = NO_GAPS
            if not due or key(each) >= key(due[-1]):
                gaps = _gaps(each, due[0], due[-1], by_best=by_best, over=over) if due else gaps
                due.append(each)
            rows.append(_row(heat, each, over, best_us, best_sectors, position, gaps))
    last = sorted((each for each in totals if not each.placed), key=lambda each: each.disqualified)
    return (*rows, *(_row(heat, each, over, best_us, best_sectors) for each in last))


def _places(heat: Heat, totals: list[Total], key: Callable[[Total], tuple[Any, ...]], *, over: bool) -> list[list[Total]]:
    """Those that have a place, in order, who shares one together."""
    ranked = sorted(((key(each), each) for each in totals if each.placed), key=itemgetter(0))
    places = [[each for _, each in same] for _, same in groupby(ranked, itemgetter(0))]
    if any(each.entry.penalties for each in totals):
        places = put_back(places, lambda entry: _stopped(heat, entry, over))
    return places


def _counted_back(heat: Heat) -> int | None:
    """R7: how many laps rank where the heat ended under red, the leader's less those counted back; None: all."""
    if not _under_red(heat) or not heat.rules.count_back:
        return None
    return max(0, max((len(entry.laps) for entry in heat.entries.values()), default=0) - heat.rules.count_back)


def _under_red(heat: Heat) -> bool:
    """Whether it was closed while it was stopped: no flag was shown, and whoever was out has finished (R7)."""
    return bool(heat.pauses) and heat.pauses[-1][1] == heat.ended_us == heat.chequered_us


def _kart_key(kart: str) -> tuple[int, int, str]:
    return (0, int(kart), "") if kart.isdecimal() else (1, 0, kart)


def _final_key(each: Total) -> tuple[Any, ...]:
    """R1: laps, then the time of the last of them; who has none, by who began first."""
    return (-each.laps, each.crossed_us(each.laps) + each.added_us)


def _live_key(each: Total) -> tuple[Any, ...]:
    """R1 while it runs: laps, then the furthest timing line, then who was there first.

    After a restart that kept its laps, and behind a lap that does not count, the line is a further timing line: who has
    begun the lap is ahead of who has not.
    """
    entry, last_us = each.entry, each.crossed_us(each.laps)
    begun_us = entry.opened_us if entry.opened_us is not None else last_us
    at_us = next((s for s in reversed(entry.splits) if s is not None), begun_us)
    return (-each.laps, -(begun_us > last_us), -len(entry.splits), at_us + each.added_us)


def _best_key(each: Total) -> tuple[Any, ...]:
    """R2: best, second best ..., then whose best was set first. After all who have a measured lap those that were timed
    by hand, by these; then who has neither, by laps. A time penalty makes every one of the laps slower.
    """
    entry, added_us = each.entry, each.added_us
    ranking = entry.bests or entry.by_hand
    if not ranking:
        return (2, *_final_key(each))
    return (0 if entry.bests else 1, *(time_us + added_us for time_us, _, _ in ranking), NEVER, ranking[0][1])


def _best_sectors(heat: Heat, *, over: bool) -> list[Micros | None]:
    """The fastest of each; while the heat runs also of laps in progress, so that only one is the session's best."""
    entries = heat.entries.values()
    columns = [entry.pace.sectors for entry in entries if entry.pace.sectors]
    if not over:
        columns += [_sectors_now(heat, entry, None) for entry in entries if entry.splits and entry.lap_kind == "full"]
    if not columns:
        return []
    return [min((s for s in column if s is not None), default=None) for column in zip(*columns, strict=False)]


def _row(heat: Heat, each: Total, over: bool, best_us: Micros | None, best_sectors: list[Micros | None],
         position: int | None = None, gaps: _Gaps = NO_GAPS) -> Row:
    entry = each.entry
    last = entry.laps[-1] if entry.laps else None
    ranking = entry.bests or entry.by_hand
    sectors = _sectors_now(heat, entry, last)
    return Row(
        position=position, kart=entry.kart, driver_id=entry.driver_id, laps=each.laps,
        last_us=last.time_us if last else None, best_us=entry.best_us,
        gap_us=gaps.gap_us, gap_laps=gaps.gap_laps, interval_us=gaps.interval_us, interval_laps=gaps.interval_laps,
        sectors_us=sectors, state="dsq" if each.disqualified else _state(heat, entry, over),
        last_mark=_mark(last, entry, best_us), best_is_session_best=bool(entry.bests) and entry.bests[0][0] == best_us,
        sector_marks=_sector_marks(sectors, entry, best_sectors), gap_old=gaps.old,
        last_lap_id=str(last.seq) if last else None,
        best_lap_number=ranking[0][2] if ranking else None,
        average_us=entry.pace.ranking_us // len(entry.bests) if entry.bests else None,
        hit_seq=entry.opened_seq or (last.seq if last else 0), moved=0,
        penalties=words(entry.penalties), last_source=last.source if last else "loop",
        best_by_hand=bool(entry.by_hand) and not entry.bests,
        edited=entry.pace.edited,
        pits=len(entry.pits), pit_us=sum(out_us - in_us for in_us, out_us in entry.pits if out_us is not None),
        flag=entry.flag, entry=entry.id,
    )


def _stopped(heat: Heat, entry: Entry, over: bool) -> bool:
    """Whether it began and will not take the flag: it retired or left, or the heat is over and it did not come."""
    return entry.finished_us is None and (entry.left or (over and not _under_red(heat)))


def _state(heat: Heat, entry: Entry, over: bool) -> str:
    if entry.finished_us is not None:
        return "finished"
    if not entry.out:
        return "dns" if over or entry.left else "waiting"
    if _stopped(heat, entry, over):
        return "dnf"
    if over:
        return "finished"
    return "pit" if entry.pit else "running"


def _mark(last: Lap | None, entry: Entry, best_us: Micros | None) -> str:
    """What the last lap was worth. One timed by hand is never the best of the session."""
    if last is None:
        return ""
    by_hand = not entry.bests and last.ranks_by_hand
    if not last.ranks and not by_hand:
        return "off"
    if last.time_us == best_us and not by_hand:
        return "best"
    return "pb" if last.time_us == entry.best_us and len(entry.bests or entry.by_hand) > 1 else ""


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
        own = entry.pace.sectors[index] if entry.pace.sectors else None
        session = best[index] if index < len(best) else None
        if time_us is None:
            marks.append("")
        elif session is None or time_us <= session:
            marks.append("best")
        else:
            marks.append("pb" if own is None or time_us <= own else "slow")
    return tuple(marks)


def _gaps(each: Total, first: Total, ahead: Total, *, by_best: bool, over: bool) -> _Gaps:
    """Gap and interval (R17), over the totals with their penalties.

    A kart that was put back behind one it was faster than has neither, and whoever follows is measured to the kart before
    it: so in a result gaps only grow along the order, and intervals add up to them.
    """
    if by_best:
        return _Gaps(_slower(each, first), interval_us=_slower(each, ahead))
    gap_us, gap_laps, old = _behind(each, first, over=over)
    interval_us, interval_laps, _ = _behind(each, ahead, over=over)
    return _Gaps(gap_us, gap_laps, interval_us, interval_laps, old)


def _slower(each: Total, other: Total) -> Micros | None:
    """By how much its best is slower; None where one was measured and the other timed by hand."""
    mine, theirs = each.entry.best_us, other.entry.best_us
    if mine is None or theirs is None or bool(each.entry.bests) is not bool(other.entry.bests):
        return None
    return mine + each.added_us - theirs - other.added_us


def _behind(each: Total, other: Total, *, over: bool) -> tuple[Micros | None, int | None, bool]:
    """Time or laps ``each`` is behind ``other``, as of its own last crossing; at the end, as of the end (R17).

    A time penalty never makes it a lap: laps down are those on the track, the time between equal laps has it added.
    """
    laps, at_us = each.laps, each.crossed_us(each.laps)
    theirs = other.laps if over else other.laps_by(at_us)
    old = not over and other.laps > max(theirs, laps)
    if theirs > laps:
        return None, theirs - laps, old
    gap_us = at_us + each.added_us - other.crossed_us(laps) - other.added_us
    if gap_us < 0:                      # has come past since: there is no gap yet that was measured on a line
        return None, None, True
    return gap_us, None, old
