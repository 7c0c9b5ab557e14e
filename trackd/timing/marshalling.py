"""Orders on laps and crossings, made exact: laps by number become crossings by sequence, moments become track time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.time import SECOND, Micros
from trackd.timing.asked import crossing_of, crossings_of, entry_of, kart_then, lap_of, text, track_time, under_red, whole
from trackd.timing.edits import MADE
from trackd.timing.events import LINE, Order, Verdict
from trackd.timing.flags import State, why_not
from trackd.timing.heat import Mark
from trackd.timing.held import held
from trackd.timing.laps import Lap
from trackd.timing.session import Session

Args = dict[str, Any]
Ask = Callable[[Session, Args, Micros], Args]

PARTS_AT_MOST = 3
SHIFT_AT_MOST_US: Micros = 600 * SECOND
LONGEST_US: Micros = 48 * 3600 * SECOND

TRIAL = MADE - 1
"""The sequence of an order that is only tried."""

_WHY_NOT = {
    Verdict.LATE: "That is after the chequered flag. Set the finish there, if the heat is to end later.",
    Verdict.NEUTRAL: "The heat did not count at that moment.",
    Verdict.UNASSIGNED: "That kart was not in this heat then.",
    Verdict.REPEATED: "There is a crossing of that kart already.",
    Verdict.TOO_SHORT: "A lap would be shorter than the shortest possible lap.",
}


def _tried(session: Session, name: str, args: Args, now_us: Micros) -> Session:
    """What the session would be with this order."""
    return session.tried(Order(TRIAL, max(now_us, session.heat.last_us), name, "", args))


def _lap_order(name: str, ask: Ask, session: Session, args: Args, now_us: Micros) -> Args:
    """The order made exact, with what had been seen; the crossings it is about must count then. Raises Refused."""
    out = ask(session, args, now_us)
    if name != "tap":
        out.setdefault("held", held(session.heat, now_us))
    wanted: list[int] = []
    if name in ("count_crossing", "shift_crossing"):
        wanted = [out["crossing"]]
    elif name in ("insert_crossing", "split_lap"):
        wanted = [TRIAL + index * MADE for index in range(len(out["cuts"]) if "cuts" in out else 1)]
    verdicts = _tried(session, name, out, now_us).verdicts if wanted else {}
    for seq in wanted:
        verdict = verdicts.get(seq, Verdict.NEUTRAL)
        if verdict not in (Verdict.COUNTED, Verdict.OPENED):
            raise Refused(_WHY_NOT.get(verdict, "That crossing would not count."))
    return out


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
    if any(abs(moment_us - each) < max(heat.rules.repeat_us, heat.rules.min_lap_us) for each in near):
        raise Refused(f"Kart {entry.kart} has a crossing near that: a lap would be shorter than the shortest possible lap.")
    kart = kart_then(heat, entry, moment_us)
    source = args.get("source") or "manual"
    if source not in ("manual", "gps"):
        raise BadInput(Fault("source", "must be manual or gps"))
    return {"kart": kart, "at_us": at_us, "track_us": moment_us, "reason": text(args, "reason"),
            **({} if source == "manual" else {"source": source})}


def _split(session: Session, args: Args, _now_us: Micros) -> Args:
    heat = session.heat
    entry, lap = lap_of(heat, args)
    if args.get("at_us") is not None:
        moments, parts = [lap.start_us + whole(args, "at_us", 1, lap.time_us - 1)], 2
    else:
        parts = whole({"parts": 2, **args}, "parts", 2, PARTS_AT_MOST)
        moments = [lap.start_us + lap.time_us * index // parts for index in range(1, parts)]
    edges = [lap.start_us, *moments, lap.end_us]
    if min(b - a for a, b in pairwise(edges)) < heat.rules.min_lap_us:
        raise Refused(f"A part of lap {lap.number} would be shorter than the shortest possible lap.")
    if any(under_red(heat, moment_us) for moment_us in moments):
        raise Refused(f"Lap {lap.number} would be split under red. Give the moment at which it is to be split.")
    cuts = [[moment_us, kart_then(heat, entry, moment_us)] for moment_us in moments]
    return {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "parts": parts, "cuts": cuts,
            "reason": text(args, "reason")}


def _merge(session: Session, args: Args, _now_us: Micros) -> Args:
    entry, lap = lap_of(session.heat, args)
    if lap.number == len(entry.laps):
        raise Refused(f"Lap {lap.number} is the last of kart {entry.kart}; there is none after it to merge it with.")
    if entry.laps[lap.number].start_seq != lap.seq:
        raise Refused(f"Lap {lap.number + 1} of kart {entry.kart} does not begin where lap {lap.number} ends.")
    return {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "reason": text(args, "reason")}


def _ignore(session: Session, args: Args, _now_us: Micros) -> Args:
    if args.get("passing") is None:
        entry, lap = lap_of(session.heat, args)
        return {"kart": entry.kart, "crossing": lap.seq, "reason": text(args, "reason")}
    seq = crossing_of(session, whole(args, "passing", 1, 1 << 62)).seq
    mark = session.heat.marks.get(seq)
    if mark is not None and mark.ignored:
        raise Refused("That crossing does not count already.")
    return {"kart": session.holders.get(seq), "crossing": seq, "reason": text(args, "reason")}


def _count(session: Session, args: Args, _now_us: Micros) -> Args:
    crossing = crossing_of(session, whole(args, "passing", 1, 1 << 62))
    if crossing.role != LINE:
        raise Refused("Only a crossing of the line can count as a lap.")
    mark = session.heat.marks.get(crossing.seq, Mark())
    if session.verdicts[crossing.seq] in (Verdict.COUNTED, Verdict.OPENED) and not mark.struck:
        raise Refused("That crossing counts already.")
    return {"kart": session.holders.get(crossing.seq), "crossing": crossing.seq, "reason": text(args, "reason")}


def _move(session: Session, args: Args, _now_us: Micros) -> Args:
    heat = session.heat
    one, other = entry_of(heat, args["from"]), entry_of(heat, args["to"])
    if one is other:
        raise BadInput(Fault("to", "must be another kart"))
    wanted, all_of_it = args.get("laps"), crossings_of(session, one)
    runs: list[list[Lap]] = []
    if wanted is None:
        moved = {each.seq for each in all_of_it if each.at_us >= (heat.counts_from_us or 0)}
    else:
        if not isinstance(wanted, list) or not wanted:
            raise BadInput(Fault("laps", "must be a list of lap numbers"))
        laps = sorted({lap_of(heat, {"kart": one.kart, "lap": number})[1] for number in wanted}, key=lambda lap: lap.number)
        for lap in laps:
            if runs and runs[-1][-1].end_us == lap.start_us:
                runs[-1].append(lap)
            else:
                runs.append([lap])
        moved = {seq for lap in laps for seq in lap.passings if seq != lap.start_seq}
    if not moved:
        raise Refused(f"Kart {one.kart} has no passings to move.")
    edges = [edge for run in runs for edge in (
        (run[0].start_us, run[0].start_seq, other, False),
        (run[-1].end_us, run[-1].seq, one, one.finished_us == run[-1].end_us))]
    read = {each.seq: each for each in all_of_it}
    return {"from": one.kart, "to": other.kart, "laps": wanted,
            "crossings": [[seq, kart_then(heat, other, read[seq].at_us)] for seq in sorted(moved)],
            "begin": [[at_us, kart_then(heat, entry, at_us), read[seq].epoch if seq in read else "",
                       read[seq].source if seq in read else "loop", flagged] for at_us, seq, entry, flagged in edges],
            "reason": text(args, "reason")}


def _shift(session: Session, args: Args, now_us: Micros) -> Args:
    heat = session.heat
    entry, lap = lap_of(heat, args)
    by_us = whole(args, "by_us", -SHIFT_AT_MOST_US, SHIFT_AT_MOST_US)
    moment_us = lap.end_us + by_us
    after = next((each for each in (*entry.laps, *entry.struck) if each.start_seq == lap.seq), None)
    least_us = heat.rules.min_lap_us
    if moment_us - lap.start_us < least_us or (after is not None and after.end_us - moment_us < least_us):
        raise Refused(f"Lap {lap.number} or the one after it would be shorter than the shortest possible lap.")
    if moment_us > now_us:
        raise Refused("That moment has not come yet.")
    seen = held(heat, now_us)
    if seen[1] is not None:                     # the last crossing of all may be later than the end it made
        seen[1] = max(seen[1], moment_us)
    out = {"kart": entry.kart, "lap": lap.number, "crossing": lap.seq, "by_us": by_us, "track_us": moment_us,
           "held": seen, "reason": text(args, "reason")}
    then = kart_then(heat, entry, moment_us)
    return out if then == lap.kart else {**out, "then": then}


def _tap(session: Session, args: Args, now_us: Micros) -> Args:
    if session.heat.state not in (State.RUNNING, State.FINISHING):
        raise Refused(why_not(session.heat.state, "tap"))
    entry = entry_of(session.heat, args["kart"])
    if entry.finished_us is not None:
        raise Refused(f"Kart {entry.kart} has had the chequered flag.")
    if entry.left:
        raise Refused(f"Kart {entry.kart} has left the heat.")
    return {"kart": entry.kart, "track_us": now_us}


def _set_start(session: Session, args: Args, now_us: Micros) -> Args:
    heat = session.heat
    if heat.green_us is None or not heat.green_seq:
        raise Refused("The heat has not started.")
    if heat.grid_us > heat.green_us:
        raise Refused("The heat was restarted since. Its first start stays.")
    if heat.rules.start == "first_crossing" and args.get("passing") is None:
        raise Refused("The clock of this heat starts at the first crossing. Choose the crossing that is the first lap.")
    if args.get("passing") is not None:
        crossing = crossing_of(session, whole(args, "passing", 1, 1 << 62))
        moment_us = crossing.at_us - (crossing.seq < heat.green_seq)     # green is to come just before it
    else:
        moment_us = heat.green_us + whole(args, "at_us", -SHIFT_AT_MOST_US, LONGEST_US)
    if moment_us > now_us:
        raise Refused("That moment has not come yet.")
    if moment_us <= heat.grid_us:
        raise Refused("The heat was not staged then; its passings are not in this heat.")
    stopped = [start_us for start_us, _ in heat.pauses] + ([heat.chequered_us] if heat.chequered_us is not None else [])
    if stopped and moment_us >= min(stopped):
        raise Refused("The heat was stopped before that. It cannot have started later.")
    return {"green": heat.green_seq, "track_us": moment_us, "reason": text(args, "reason")}


def _set_finish(session: Session, args: Args, now_us: Micros) -> Args:
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
    if at_us <= heat.grid_us:
        raise Refused("The heat was put on the grid again after that. It cannot have ended there.")
    over_us = heat.ended_us if heat.state is State.PROVISIONAL else None
    seen: list[Any] = [None, over_us if over_us is not None and at_us <= over_us else None, [], None]
    out: Args = {"kart": kart, "crossing": seq, "track_us": at_us, "held": seen, "reason": text(args, "reason")}
    after = _tried(session, "set_finish", out, now_us).heat
    if after.chequered_us != at_us:
        raise Refused("That crossing closes no lap of this heat. It cannot end there.")
    if over_us is not None and after.state is not State.PROVISIONAL:     # a heat that is over stays so
        seen[1] = max(now_us, heat.last_us)
    return out


LAP_ORDERS: dict[str, Ask] = {name: partial(_lap_order, name, ask) for name, ask in {
    "void_lap": _void_lap, "insert_crossing": _insert, "split_lap": _split, "merge_laps": _merge,
    "ignore_crossing": _ignore, "count_crossing": _count, "move_laps": _move, "shift_crossing": _shift, "tap": _tap,
    "set_start": _set_start, "set_finish": _set_finish,
}.items()}
"""Every order that changes what laps are made of."""
