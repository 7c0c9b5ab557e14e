"""The heat reducer: ``(heat, event) -> (heat, verdict)``. A session is a fold of this over its part of the journal.

Events must come in track time order; ``timing.session`` sorts late arrivals in and folds again. Nothing here reads a
clock: deadlines (time up, grace over) are applied when the next event, perhaps a Tick, lies beyond them.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from trackd.core.time import Micros
from trackd.timing import clock, crossing, finish
from trackd.timing.clock import Spans
from trackd.timing.events import Crossing, Event, Order, Tick, Verdict, place
from trackd.timing.flags import FLAG_ORDERS, NEXT, Flag, State
from trackd.timing.formats import Rules
from trackd.timing.laps import Entry


class Heat(msgspec.Struct, frozen=True):
    """A session at one moment. Instants are track time in microseconds."""

    rules: Rules
    entries: dict[str, Entry] = {}
    state: State = State.SCHEDULED
    flag: Flag = Flag.NONE
    flag_since_us: Micros = 0
    green_us: Micros | None = None
    start_us: Micros | None = None           # of the session clock
    counts_from_us: Micros | None = None     # earlier than green where passings were attached afterwards
    pauses: Spans = ()
    yellows: Spans = ()
    last_lap_us: Micros | None = None        # when the leader began the last lap
    target_laps: int | None = None           # laps at which the leader is shown chequered, once that is known
    bearer: str | None = None                # the kart the flag was handed to when the leader did not come
    bearer_until_us: Micros | None = None
    passed_over: tuple[str, ...] = ()        # karts that have had their turn to bring the flag
    chequered_us: Micros | None = None
    grace_end_us: Micros | None = None
    ended_us: Micros | None = None
    binds: tuple[tuple[str, str, Micros], ...] = ()   # (transponder, kart, from)
    rebound: dict[str, int] = {}             # transponder -> newest order that bound it since the start
    last_us: Micros = 0                      # newest event applied
    barrier_us: Micros = 0                   # newest event whose order against passings of any kart matters
    version: int = 0
    confirmed_by: str | None = None
    confirmed_wall_us: Micros | None = None


def reduce(heat: Heat, event: Event) -> tuple[Heat, Verdict | None]:
    """Apply one event at or after ``heat.last_us``. A crossing gets its verdict, other events None."""
    at_us, _ = place(event)
    if at_us > heat.last_us:
        heat = finish.advance(heat, at_us)
    if isinstance(event, Crossing):
        return crossing.judge(heat, event)
    if isinstance(event, Order):
        heat = _order(heat, event)
    return replace(heat, last_us=max(heat.last_us, at_us), barrier_us=max(heat.barrier_us, at_us)), None


def _order(heat: Heat, order: Order) -> Heat:
    if order.name in FLAG_ORDERS:
        return _flag_order(heat, order)
    if order.name == "join":
        return _join(heat, order)
    if order.name == "leave":
        return _leave(heat, order)
    if order.name == "bind":
        return _bind(heat, order)
    if order.name == "attach":
        from_us = order.args["from_us"]
        return replace(heat, counts_from_us=min(from_us, from_us if heat.counts_from_us is None else heat.counts_from_us))
    raise ValueError(f"the heat reducer knows no order '{order.name}'")


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
    if order.name == "chequered" and state is State.FINISHING:
        return finish.show_chequered(heat, at_us)
    if state is State.PROVISIONAL:
        return finish.close(heat, at_us)
    was = heat.state
    heat = replace(heat, state=state, flag=heat.flag if flag is None else flag,
                   flag_since_us=clock.race_time(heat.start_us, heat.pauses, at_us))
    if was is State.STAGED:
        start_us = heat.start_us if heat.start_us is not None else at_us if heat.rules.start == "green" else None
        return replace(heat, green_us=at_us, start_us=start_us,
                       counts_from_us=at_us if heat.counts_from_us is None else heat.counts_from_us)
    if was is State.PAUSED and heat.bearer_until_us is not None:    # nobody can bring the flag under red
        heat = replace(heat, bearer_until_us=heat.bearer_until_us + at_us - heat.pauses[-1][0])
    yellows = clock.begin(heat.yellows, at_us) if flag is Flag.YELLOW else clock.end(heat.yellows, at_us)
    pauses = clock.begin(heat.pauses, at_us) if flag is Flag.RED else clock.end(heat.pauses, at_us)
    return replace(heat, yellows=yellows, pauses=pauses)


def _join(heat: Heat, order: Order) -> Heat:
    kart, driver_id = order.args["kart"], order.args.get("driver_id")
    entry = heat.entries.get(kart)
    if entry is None:
        entry = Entry(kart, driver_id, joined_us=order.at_us if heat.green_us is not None else None)
    else:
        entry = replace(entry, left=False, driver_id=driver_id or entry.driver_id)
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
    if heat.state in (State.SCHEDULED, State.STAGED):
        return replace(heat, entries={number: e for number, e in heat.entries.items() if number != kart})
    heat = replace(heat, entries={**heat.entries, kart: replace(entry, left=True)})
    return finish.close_if_all_in(heat, order.at_us)


__all__ = ["Heat", "Tick", "reduce"]
