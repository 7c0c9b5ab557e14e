"""Orders on laps and crossings, made exact: laps by number become crossings by sequence, moments become track time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.time import SECOND, Micros
from trackd.timing.asked import crossing_of, entry_of, lap_of, text, track_time, whole
from trackd.timing.edits import MADE
from trackd.timing.events import LINE, Verdict
from trackd.timing.flags import State, why_not
from trackd.timing.session import Session

Args = dict[str, Any]

PARTS_AT_MOST = 3
SHIFT_AT_MOST_US: Micros = 600 * SECOND
LONGEST_US: Micros = 48 * 3600 * SECOND


def _void_lap(session: Session, args: Args, _now_us: Micros) -> Args:
    entry, lap = lap_of(session.heat, args)
    return {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "reason": text(args, "reason")}


def _insert(session: Session, args: Args, now_us: Micros) -> Args:
    heat = session.heat
    entry = entry_of(heat, args["kart"])
    at_us = whole(args, "at_us", -SHIFT_AT_MOST_US, LONGEST_US)
    moment_us = track_time(heat, at_us)
    if moment_us > now_us:
        raise Refused("That moment has not come yet.")
    if heat.green_us is None or moment_us < (heat.counts_from_us or heat.green_us):
        raise Refused("That moment lies before green.")
    near = [t for lap in (*entry.laps, *entry.struck) for t in (lap.start_us, lap.end_us)]
    near += [entry.opened_us] if entry.opened_us is not None else []
    if any(abs(moment_us - each) < heat.rules.repeat_us for each in near):
        raise Refused(f"Kart {entry.kart} has a crossing there already.")
    return {"kart": entry.kart, "at_us": at_us, "track_us": moment_us, "reason": text(args, "reason")}


def _split(session: Session, args: Args, _now_us: Micros) -> Args:
    entry, lap = lap_of(session.heat, args)
    if args.get("at_us") is not None:
        moment_us = lap.start_us + whole(args, "at_us", 1, lap.time_us - 1)
        moments, parts = [moment_us], 2
    else:
        parts = whole({"parts": 2, **args}, "parts", 2, PARTS_AT_MOST)
        moments = [lap.start_us + lap.time_us * index // parts for index in range(1, parts)]
    edges = [lap.start_us, *moments, lap.end_us]
    if min(b - a for a, b in pairwise(edges)) < session.heat.rules.min_lap_us:
        raise Refused(f"A part of lap {lap.number} would be shorter than the shortest possible lap.")
    return {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "parts": parts, "track_us": moments,
            "reason": text(args, "reason")}


def _merge(session: Session, args: Args, _now_us: Micros) -> Args:
    entry, lap = lap_of(session.heat, args)
    if lap.number == len(entry.laps):
        raise Refused(f"Lap {lap.number} is the last of kart {entry.kart}; there is none after it to merge it with.")
    return {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "reason": text(args, "reason")}


def _ignore(session: Session, args: Args, _now_us: Micros) -> Args:
    if args.get("passing") is None:
        entry, lap = lap_of(session.heat, args)
        return {"kart": entry.kart, "crossing": lap.seq, "reason": text(args, "reason")}
    seq = whole(args, "passing", 1, 1 << 62)
    held = session.holders.get(seq)
    crossing_of(session, seq)
    return {"kart": held, "crossing": seq, "reason": text(args, "reason")}


def _count(session: Session, args: Args, _now_us: Micros) -> Args:
    seq = whole(args, "passing", 1, 1 << 62)
    crossing = crossing_of(session, seq)
    if crossing.role != LINE:
        raise Refused("Only a crossing of the line can count as a lap.")
    if session.verdicts.get(seq) in (Verdict.COUNTED, Verdict.OPENED):
        raise Refused("That crossing counts already.")
    return {"kart": session.holders.get(seq), "crossing": seq, "reason": text(args, "reason")}


def _move(session: Session, args: Args, _now_us: Micros) -> Args:
    heat = session.heat
    one, other = entry_of(heat, args["from"]), entry_of(heat, args["to"])
    if one is other:
        raise BadInput(Fault("to", "must be another kart"))
    wanted = args.get("laps")
    if wanted is None:
        seqs = [seq for seq, kart in session.holders.items() if kart == one.kart and seq < MADE]
    else:
        if not isinstance(wanted, list) or not wanted:
            raise BadInput(Fault("laps", "must be a list of lap numbers"))
        laps = [lap_of(heat, {"kart": one.kart, "lap": number})[1] for number in wanted]
        seqs = sorted({seq for lap in laps for seq in (lap.start_seq if lap.number == 1 else 0, lap.seq) if seq})
    if not seqs:
        raise Refused(f"Kart {one.kart} has no passings to move.")
    return {"from": one.kart, "to": other.kart, "laps": wanted, "crossings": seqs, "reason": text(args, "reason")}


def _shift(session: Session, args: Args, now_us: Micros) -> Args:
    entry, lap = lap_of(session.heat, args)
    by_us = whole(args, "by_us", -SHIFT_AT_MOST_US, SHIFT_AT_MOST_US)
    moment_us = lap.end_us + by_us
    after = entry.laps[lap.number] if lap.number < len(entry.laps) else None
    least_us = session.heat.rules.min_lap_us
    if moment_us - lap.start_us < least_us or (after is not None and after.end_us - moment_us < least_us):
        raise Refused(f"Lap {lap.number} or the one after it would be shorter than the shortest possible lap.")
    if moment_us > now_us:
        raise Refused("That moment has not come yet.")
    return {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "by_us": by_us, "track_us": moment_us,
            "reason": text(args, "reason")}


def _tap(session: Session, args: Args, now_us: Micros) -> Args:
    if session.heat.state not in (State.RUNNING, State.FINISHING):
        raise Refused(why_not(session.heat.state, "tap"))
    entry = entry_of(session.heat, args["kart"])
    if entry.finished_us is not None:
        raise Refused(f"Kart {entry.kart} has had the chequered flag.")
    return {"kart": entry.kart, "track_us": now_us}


def _set_start(session: Session, args: Args, now_us: Micros) -> Args:
    heat = session.heat
    if heat.green_us is None or not heat.green_seq:
        raise Refused("The heat has not started.")
    if heat.rules.start == "first_crossing" and args.get("passing") is None:
        raise Refused("The clock of this heat starts at the first crossing. Choose the crossing that is the first lap.")
    if args.get("passing") is not None:
        moment_us = crossing_of(session, whole(args, "passing", 1, 1 << 62)).at_us
    else:
        moment_us = heat.green_us + whole(args, "at_us", -SHIFT_AT_MOST_US, LONGEST_US)
    if moment_us > now_us:
        raise Refused("That moment has not come yet.")
    if heat.staged_us is not None and moment_us <= heat.staged_us:
        raise Refused("The heat was not staged then; its passings are not in this heat.")
    return {"green": heat.green_seq, "track_us": moment_us, "reason": text(args, "reason")}


def _set_finish(session: Session, args: Args, _now_us: Micros) -> Args:
    heat = session.heat
    if args.get("passing") is not None:
        crossing = crossing_of(session, whole(args, "passing", 1, 1 << 62))
        kart = session.holders.get(crossing.seq)
        if kart is None or crossing.role != LINE:
            raise Refused("That passing belongs to no kart of this heat.")
        seq, at_us = crossing.seq, crossing.at_us
    else:
        entry, lap = lap_of(heat, args)
        kart, seq, at_us = entry.kart, lap.seq, lap.end_us
    args = {"kart": kart, "crossing": seq, "track_us": at_us, "reason": text(args, "reason")}
    return args


LAP_ORDERS: dict[str, Callable[[Session, Args, Micros], Args]] = {
    "void_lap": _void_lap, "insert_crossing": _insert, "split_lap": _split, "merge_laps": _merge,
    "ignore_crossing": _ignore, "count_crossing": _count, "move_laps": _move, "shift_crossing": _shift, "tap": _tap,
    "set_start": _set_start, "set_finish": _set_finish,
}
"""Every order that changes what laps are made of."""
