"""Missed reads and short laps: what the box doubts, and what it would do (R15, R16). Nothing here changes anything."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import sqrt
from statistics import stdev
from typing import Any

from trackd.core.time import Micros, lap_text
from trackd.timing import clock
from trackd.timing.board import Proposal
from trackd.timing.expected import field_us
from trackd.timing.flags import State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap, Short

PARTS = (2, 3)
"""So many laps may hide in one; more is never proposed (R16)."""

LEAST = 3
"""Laps it takes to say what a driver usually takes; with fewer, the field speaks (R16)."""

TRIM = 0.12
"""Laps further than this from the usual lap are outliers: spins, laps with a missed read (share of a lap)."""

SPREAD = 3.5
"""A lap holds others when their average lies within so many standard deviations of the usual lap ..."""

NARROW, WIDE = 0.05, 0.08
"""... yet at least and at most so much of a lap: few laps tell no spread, and a spin shall not pass for a missed read."""

FIRST = 0.10
"""From the grid and on cold tyres laps are slower: where lap 1 is among them the average may be this much longer."""

_TIMES = {2: "twice", 3: "three times"}
_READS = {2: "A read was", 3: "Two reads were"}

_CLOSED = frozenset({State.SCHEDULED, State.OFFICIAL, State.VOID})


def proposals(heat: Heat) -> tuple[Proposal, ...]:
    """All doubts about crossings that are open in this heat, oldest first, without those somebody dismissed."""
    if heat.state in _CLOSED:
        return ()
    usual_us = field_us(heat) if any(len(_trimmed(entry.pace.clean)) < LEAST for entry in heat.entries.values()) else None
    found = [p for entry in heat.entries.values() for p in of_entry(heat, entry, usual_us)]
    return tuple(sorted(found, key=lambda p: (p.since_us, p.id)))


def of_entry(heat: Heat, entry: Entry, field: Micros | None) -> tuple[Proposal, ...]:
    """The doubts about one entry. ``field`` is the median clean lap of the field, used while its own laps are too few."""
    if entry.left or heat.state in _CLOSED:
        return ()
    own = _trimmed(entry.pace.clean)
    usual_us = sum(own) // len(own) if len(own) >= LEAST else field
    found = _short(heat, entry, usual_us)
    if usual_us:
        found += _missed(heat, entry, own, usual_us)
    return tuple(p for p in found if p.id not in heat.dismissed)


def _trimmed(times: tuple[Micros, ...]) -> tuple[Micros, ...]:
    """Sorted lap times without outliers. Slow ones are many, fast ones few: what is usual is sought a third from below."""
    if not times:
        return ()
    about_us = times[(len(times) - 1) // 3]
    return times[bisect_left(times, about_us * (1 - TRIM)):bisect_right(times, about_us * (1 + TRIM))]


def _missed(heat: Heat, entry: Entry, own: tuple[Micros, ...], usual_us: Micros) -> list[Proposal]:
    """Laps that hold two or three (R16, A6). None of them would be much quicker than the kart ever was, as where a slow
    kart is measured by the field; nor below the shortest lap.
    """
    least_us = PARTS[0] * (1 - WIDE) * usual_us
    quickest_us = entry.pace.clean[0] if entry.pace.clean and entry.pace.clean[0] < least_us else 0
    floor_us = max(heat.rules.min_lap_us, (1 - WIDE) * quickest_us)
    found: list[Proposal] = []
    if entry.pace.longest_us < least_us:
        return found
    for lap in entry.laps:
        if lap.end_us - lap.start_us < least_us or not _may_hide(heat, entry, lap):
            continue
        parts = round(lap.time_us / usual_us)
        if parts in PARTS and lap.time_us // parts >= floor_us:
            off, allowed = lap.time_us / parts / usual_us - 1, _tolerance(own, parts)
            if -allowed <= off <= (FIRST if lap.number == 1 else allowed):
                found.append(_split(entry, lap, parts, usual_us, by_field=len(own) < LEAST))
    return found


def _may_hide(heat: Heat, entry: Entry, lap: Lap) -> bool:
    """Whether nothing else explains a long lap: the pit, yellow, red, a decoder that began anew, a person."""
    return (lap.kind == "full" and lap.verdict in ("valid", "long") and lap.source == "loop" and not lap.edits
            and not any(clock.overlaps(spans, lap.start_us, lap.end_us)
                        for spans in (entry.pits, heat.yellows, heat.pauses)))


def _tolerance(own: tuple[Micros, ...], parts: int) -> float:
    """How far the average of ``parts`` laps may lie from the usual lap (share of a lap)."""
    if len(own) < LEAST:
        return WIDE
    return min(max(SPREAD * stdev(own) / sqrt(parts) * len(own) / sum(own), NARROW), WIDE)


def _split(entry: Entry, lap: Lap, parts: int, usual_us: Micros, *, by_field: bool) -> Proposal:
    whose = "the field" if by_field else f"kart {entry.kart}"
    reason = (f"Lap {lap.number} took {lap_text(lap.time_us)}, about {_TIMES[parts]} the {_tenths(usual_us)} {whose} "
              f"usually takes. {_READS[parts]} probably missed.")
    order = ("split_lap", {"kart": entry.kart, "lap": lap.number, "parts": parts})
    return Proposal(f"missed-{lap.seq}", "missed", entry.kart, lap.end_us, reason, (order,), lap.number)


def _short(heat: Heat, entry: Entry, usual_us: Micros | None) -> list[Proposal]:
    """Reads below the shortest lap nobody has decided on (R15, X3): the later of the two may well be the right one."""
    if not entry.shorts:
        return []
    undecided = [s for s in entry.shorts if s.seq not in heat.marks and s.since_seq not in heat.marks]
    return [_resolve(entry, short, [s for s in undecided if s.since_seq == short.since_seq], usual_us)
            for short in undecided]


def _resolve(entry: Entry, short: Short, rivals: list[Short], usual_us: Micros | None) -> Proposal:
    """Which read to remove: that which leaves the laps before and after most even (R15).

    With one of the two laps known, that which leaves it nearest the usual lap; a lap with a pit visit, yellow or red
    counts as not known. With nothing to go by the reading stays as it is. Green is no read and cannot be removed.
    """
    before = next((lap for lap in entry.laps if lap.seq == short.since_seq), None)
    after = next((lap for lap in entry.laps if lap.start_seq == short.since_seq), None)
    known = [lap for lap in (before, after) if lap is not None and _tells(lap)]
    reads = {short.since_us: short.since_seq, **({s.at_us: s.seq for s in rivals} if short.since_seq else {})}
    fits = {at_us: misfit for at_us in reads if (misfit := _misfit(known, short.since_us, at_us, usual_us)) is not None}
    best_seq = reads[min(fits, key=fits.__getitem__)] if fits else short.since_seq
    orders: list[tuple[str, dict[str, Any]]] = [("ignore_crossing", {"passing": short.seq})]
    if best_seq == short.seq:
        removed = [short.since_seq, *(s.seq for s in rivals if s is not short)]
        orders = [*(("ignore_crossing", {"passing": seq}) for seq in removed), ("count_crossing", {"passing": short.seq})]
    number = before.number if before is not None else 0
    begun = after.number if after is not None else len(entry.laps) + 1
    since = f"its lap {number} ended" if number else f"its lap {begun} began" if short.since_seq else "green"
    reason = (f"Kart {entry.kart} was read again {lap_text(short.at_us - short.since_us)} s after {since}. "
              f"{_readings(known, short, usual_us) if fits else ''}{_therefore(short, best_seq, decided=bool(fits))}")
    return Proposal(f"short-{short.seq}", "short", entry.kart, short.at_us, reason, tuple(orders), number)


def _tells(lap: Lap) -> bool:
    return lap.kind == "full" and lap.verdict == "valid"


def _with_read(lap: Lap, since_us: Micros, at_us: Micros) -> Micros:
    """What a lap that ends or begins at ``since_us`` would take if the kart had crossed at ``at_us`` instead."""
    return lap.time_us + (at_us - since_us) * (1 if lap.end_us == since_us else -1)


def _misfit(known: list[Lap], since_us: Micros, at_us: Micros, usual_us: Micros | None) -> float | None:
    """How uneven a crossing at ``at_us`` leaves the laps around it; of one lap, how far from the usual; None: unknown."""
    times = [_with_read(lap, since_us, at_us) for lap in known]
    if len(times) == 2:
        return abs(times[0] - times[1])
    if not times or usual_us is None:
        return None
    longest_us = usual_us * (1 + FIRST) if known[0].number == 1 else usual_us
    return max(usual_us - times[0], times[0] - longest_us, 0)


def _readings(known: list[Lap], short: Short, usual_us: Micros | None) -> str:
    """Both readings in numbers."""
    first, second = (" and ".join(lap_text(_with_read(lap, short.since_us, at_us)) for lap in known)
                     for at_us in (short.since_us, short.at_us))
    if len(known) == 2:
        return f"By the first read laps {known[0].number} and {known[1].number} take {first}, by the second {second}. "
    usual = f"; {_tenths(usual_us)} is usual" if usual_us is not None else ""
    return f"By the first read lap {known[0].number} takes {first}, by the second {second}{usual}. "


def _therefore(short: Short, best_seq: int, *, decided: bool) -> str:
    if not decided:
        return "Nothing tells yet which read is right, so the first would stand."
    if best_seq == short.seq:
        return "The second fits better: it would count instead of the first."
    if best_seq == short.since_seq:
        return "The first fits better: the second would not count."
    return "Another read fits better than both: this one would not count."


def _tenths(duration_us: Micros) -> str:
    """A time everybody knows roughly: ``41.7``, ``1:02.3``."""
    return lap_text(duration_us)[:-2]
