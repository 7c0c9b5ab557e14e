"""What each order does to a heat at the moment it was given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from trackd.timing import clock, finish, start
from trackd.timing.events import Order, place
from trackd.timing.flags import FLAG_ORDERS, NEXT, Flag, State
from trackd.timing.formats import Length
from trackd.timing.heat import Amend, Heat, Incident
from trackd.timing.laps import Entry, Penalty


def _flag_order(heat: Heat, order: Order) -> Heat:
    """Flags by table. An order the table no longer allows (time ran out while it was on its way) changes nothing."""
    step = NEXT[heat.state].get(order.name)
    if step is None:
        return heat
    state, flag = step
    at_us = order.at_us
    if order.name == "confirm":
        return replace(heat, state=state, version=heat.version + 1, confirmed_by=order.by,
                       confirmed_wall_us=order.wall_us, flag=Flag.CHEQUERED)
    if order.name == "amend":
        amend = Amend(heat.version, order.args.get("reason", ""), order.by, order.wall_us)
        return replace(heat, state=state, amends=(*heat.amends, amend))
    if order.name == "stage":
        return replace(heat, state=state, flag=Flag.NONE, grid_us=at_us,
                       staged_us=at_us if heat.staged_us is None else heat.staged_us)
    if heat.state is State.STAGED:
        return start.green(heat, at_us, order.seq, order.wall_us)
    if heat.state is State.PAUSED and state is State.RUNNING:
        return start.resume(heat, at_us, order.args.get("hold_off_us"))
    if order.name == "chequered" and state is State.FINISHING:
        return finish.show_chequered(heat, at_us)
    if state is State.PROVISIONAL:
        return finish.close(heat, at_us)
    flag = heat.flag if flag is None else flag
    return replace(heat, state=state, flag=flag, flag_since_us=clock.race_time(heat.start_us, heat.pauses, at_us),
                   yellows=(clock.begin if flag is Flag.YELLOW else clock.end)(heat.yellows, at_us),
                   pauses=(clock.begin if flag is Flag.RED else clock.end)(heat.pauses, at_us))


def _join(heat: Heat, order: Order) -> Heat:
    """A kart comes in or comes back. Who is in is not taken out again, and laps that were driven keep their driver."""
    kart, driver_id, since_start = order.args["kart"], order.args.get("driver_id"), order.args.get("since") == "start"
    entry = heat.entries.get(kart)
    if entry is None:
        late = heat.green_us is not None and not since_start
        taken = {each.id for each in heat.entries.values()}
        entry = Entry(kart, driver_id, id=f"{kart}/{order.seq}" if kart in taken else kart,
                      joined_us=order.at_us if late else None)
    elif entry.left or since_start:
        driven = entry.out and entry.driver_id is not None
        entry = replace(entry, left=False, driver_id=entry.driver_id if driven else driver_id or entry.driver_id)
    return replace(heat, entries={**heat.entries, kart: entry})


def _bind(heat: Heat, order: Order) -> Heat:
    """A transponder is this kart's from now on, or since the start: then it replaces what was bound before."""
    transponder = order.args["transponder"]
    from_us, _ = place(order)
    replaced_until = heat.rebound.get(transponder, 0)
    if order.seq < replaced_until:
        return heat
    rebound = heat.rebound if from_us == order.at_us else {**heat.rebound, transponder: order.seq}
    return replace(heat, binds=(*heat.binds, (transponder, order.args["kart"], from_us)), rebound=rebound)


def _leave(heat: Heat, order: Order) -> Heat:
    kart = order.args["kart"]
    entry = heat.entries.get(kart)
    if entry is None:
        return heat
    if heat.state in (State.SCHEDULED, State.STAGED) and not entry.laps:
        return replace(heat, entries={number: e for number, e in heat.entries.items() if number != kart})
    heat = replace(heat, entries={**heat.entries, kart: replace(entry, left=True)})
    return finish.close_if_all_in(heat, order.at_us)


def _swap_kart(heat: Heat, order: Order) -> Heat:
    """From now on the driver sits in the other kart; whoever drove that one has this. Laps stay with their driver (C4).

    Since the start: whoever drives one kart has driven the other all along, so they exchange what was driven, laps and
    penalties. Into a kart that nobody had it is laid over the log before that is folded (`timing.edits`).
    """
    one, other = order.args["from"], order.args["to"]
    if one not in heat.entries or order.args.get("renames"):
        return heat
    if order.args.get("since") == "start":
        if other not in heat.entries:
            return heat
        a, b = heat.entries[one], heat.entries[other]
        return replace(heat, entries={**heat.entries, one: replace(a, driver_id=b.driver_id),
                                      other: replace(b, driver_id=a.driver_id)})
    names = {one: other, other: one}
    entries = {names.get(kart, kart): replace(entry, kart=names.get(kart, kart), reads={}, splits=(), split_seqs=())
               if kart in names else entry for kart, entry in heat.entries.items()}
    passed_over = tuple(names.get(kart, kart) for kart in heat.passed_over)
    return replace(heat, entries=entries, bearer=names.get(heat.bearer or "", heat.bearer), passed_over=passed_over,
                   swaps=(*heat.swaps, (order.at_us, one, other)))


def _of_entry(heat: Heat, kart: str, change: Callable[[Entry], Entry]) -> Heat:
    entry = heat.entries.get(kart)
    return heat if entry is None else replace(heat, entries={**heat.entries, kart: change(entry)})


def _kart_flag(heat: Heat, order: Order) -> Heat:
    flag = order.args["flag"]
    return _of_entry(heat, order.args["kart"],
                     lambda e: replace(e, flag="" if flag == "none" else flag, flag_us=order.at_us))


def _assign(heat: Heat, order: Order) -> Heat:
    for kart, driver_id in order.args["drivers"]:
        heat = _of_entry(heat, kart, lambda e, driver_id=driver_id: replace(e, driver_id=driver_id))  # type: ignore[misc]
    return heat


def _penalty(heat: Heat, order: Order) -> Heat:
    args = order.args
    penalty = Penalty(order.seq, args["kind"], args["value"], args.get("reason", ""), order.by, order.at_us,
                      args.get("incident", 0))
    heat = _of_entry(heat, args["kart"], lambda e: replace(e, penalties=(*e.penalties, penalty)))
    incidents = tuple(replace(i, decision="penalty", decided_by=order.by, penalty=order.seq)
                      if i.seq == penalty.incident else i for i in heat.incidents)
    return replace(heat, incidents=incidents)


def _lift(heat: Heat, order: Order) -> Heat:
    seq = order.args["penalty"]
    entries = {kart: replace(e, penalties=tuple(p for p in e.penalties if p.seq != seq))
               if any(p.seq == seq for p in e.penalties) else e for kart, e in heat.entries.items()}
    return replace(heat, entries=entries)


def _incident(heat: Heat, order: Order) -> Heat:
    args = order.args
    return replace(heat, incidents=(*heat.incidents, Incident(order.seq, order.at_us, tuple(args["karts"]), args["text"],
                                                             order.by)))


def _decide(heat: Heat, order: Order) -> Heat:
    args = order.args
    return replace(heat, incidents=tuple(replace(i, decision=args["decision"], decided_by=order.by)
                                         if i.seq == args["incident"] else i for i in heat.incidents))


def _set(heat: Heat, order: Order) -> Heat:
    """A new length counts from now: time cannot have run out before it was changed (B11), nor the last lap have begun."""
    length = order.args["rules"].get("length")
    if length is None:
        return heat
    if heat.last_lap_us is not None and heat.flag is Flag.WHITE:
        heat = replace(heat, flag=Flag.GREEN, flag_since_us=clock.race_time(heat.start_us, heat.pauses, order.at_us))
    return replace(heat, rules=replace(heat.rules, length=msgspec.convert(length, Length)), length_since_us=order.at_us,
                   bearer=None, bearer_until_us=None, passed_over=(), target_laps=None, last_lap_us=None)


def _countdown(heat: Heat, order: Order) -> Heat:
    if heat.state not in (State.STAGED, State.PAUSED):
        return heat
    args = order.args
    return start.countdown(heat, order.seq, args["zero_us"], args["go_us"], order.wall_us + args["go_us"] - order.at_us)


def _restart(heat: Heat, order: Order) -> Heat:
    if heat.state not in RESTARTS:
        return heat
    return start.restart(heat, order.at_us, keep=order.args["laps"] == "keep")


def _reinstate(heat: Heat, order: Order) -> Heat:
    known = any(each.attempt == order.args["attempt"] for each in heat.attempts)
    return start.reinstate(heat, order.args["attempt"], order.at_us) if known else heat


def _accept(heat: Heat, order: Order) -> Heat:
    for name, args in order.args["orders"]:
        if name in ORDERS:
            heat = ORDERS[name](heat, replace(order, name=name, args=args))
    return heat


def _held_from(heat: Heat, order: Order) -> Heat:
    """What later orders say of the time from here on (`timing.held`)."""
    args = order.args
    return replace(heat, finish_seq=args["finish"], up_floor_us=args["up_us"], grace_floor_us=args["ended_us"])


def _held_chequered(heat: Heat, order: Order) -> Heat:
    return finish.show_as_seen(heat, order.at_us) if heat.state is State.RUNNING else heat


def _held_end(heat: Heat, order: Order) -> Heat:
    on = heat.state in (State.RUNNING, State.PAUSED, State.FINISHING)
    return finish.close(heat, order.at_us) if on else heat


def _attach(heat: Heat, order: Order) -> Heat:
    from_us = order.args["from_us"]
    return replace(heat, counts_from_us=min(from_us, from_us if heat.counts_from_us is None else heat.counts_from_us))


RESTARTS = frozenset({State.RUNNING, State.PAUSED, State.FINISHING, State.PROVISIONAL})

ORDERS: dict[str, Callable[[Heat, Order], Heat]] = {
    **dict.fromkeys(FLAG_ORDERS, _flag_order),
    "join": _join, "leave": _leave, "bind": _bind, "attach": _attach, "swap_kart": _swap_kart, "kart_flag": _kart_flag,
    "assign": _assign, "penalty": _penalty, "lift": _lift, "incident": _incident, "decide": _decide, "set": _set,
    "countdown": _countdown, "abort": lambda heat, _: start.abort(heat), "restart": _restart, "reinstate": _reinstate,
    "accept": _accept, "held_from": _held_from, "held_chequered": _held_chequered, "held_end": _held_end,
    "dismiss": lambda heat, order: replace(heat, dismissed=(*heat.dismissed, order.args["proposal"])),
}
"""What each order does at its own moment. What it says about crossings is laid over the log in `timing.edits`."""

