"""What people decided about crossings after they were made: layers over the session's log, laid before it is folded.

Nothing in the log is ever changed. Each time a session is folded, the orders that were not taken back are read in the
order in which they were given, and say what the crossings count for: ignored, moved to another kart, made by hand. So
every edit works live and after the finish, and taking one back gives exactly what stood before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from trackd.core.time import SECOND, Micros
from trackd.timing.events import LINE, Crossing, Event, Order, Tick, place
from trackd.timing.flags import State
from trackd.timing.formats import Rules, parse_length
from trackd.timing.heat import Heat, Mark

TAP_WINDOW_US: Micros = 2 * SECOND
"""A tap and a read of the same kart closer than this (or half the shortest lap) are the same crossing (A19)."""

MADE = 1 << 40
"""Crossings made by one order are numbered from the order's own sequence in steps of this."""


@dataclass(slots=True)
class Plan:
    """What the edits ask for, gathered before the fold."""

    marks: dict[int, Mark] = field(default_factory=dict)
    changed: dict[int, dict[str, Any]] = field(default_factory=dict)     # crossing -> fields that differ
    made: list[Crossing] = field(default_factory=list)
    extra: list[Event] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    renamed: list[tuple[int, str, str]] = field(default_factory=list)    # before this order, these karts are exchanged
    green: tuple[int, Micros] | None = None                              # (order, its new moment)
    finish: tuple[int, Micros] | None = None                             # (crossing, its moment) that shows chequered
    floor_us: Micros = 0

    def mark(self, seq: int, order: Order, **what: bool) -> None:
        """Add to what is decided about a crossing."""
        old = self.marks.get(seq, Mark())
        self.marks[seq] = replace(old, by=(*old.by, order.seq), **what)

    def change(self, seq: int, order: Order, **fields: Any) -> None:
        """The crossing stands with other values, and says by whose order."""
        self.changed[seq] = {**self.changed.get(seq, {}), **fields}
        self.mark(seq, order)

    def make(self, order: Order, at_us: Micros, kart: str, source: str, index: int = 0) -> None:
        """A crossing that no decoder reported."""
        self.made.append(Crossing(order.seq + index * MADE, at_us, None, kart, LINE, "", source))


def _void_lap(plan: Plan, order: Order) -> None:
    plan.mark(order.args["crossing"], order, ignored=False, struck=True)


def _insert(plan: Plan, order: Order) -> None:
    plan.make(order, order.args["track_us"], order.args["kart"], "manual")
    plan.mark(order.seq, order)


def _split(plan: Plan, order: Order) -> None:
    for index, at_us in enumerate(order.args["track_us"]):
        plan.make(order, at_us, order.args["kart"], "split", index)
        plan.mark(order.seq + index * MADE, order)


def _tap(plan: Plan, order: Order) -> None:
    plan.make(order, order.args["track_us"], order.args["kart"], "tap")


def _ignore(plan: Plan, order: Order) -> None:
    plan.mark(order.args["crossing"], order, ignored=True, counted=False)


def _count(plan: Plan, order: Order) -> None:
    plan.mark(order.args["crossing"], order, counted=True, ignored=False)


def _move(plan: Plan, order: Order) -> None:
    for seq in order.args["crossings"]:
        plan.change(seq, order, kart=order.args["to"], transponder=None)


def _shift(plan: Plan, order: Order) -> None:
    plan.change(order.args["crossing"], order, at_us=order.args["track_us"])


def _set_start(plan: Plan, order: Order) -> None:
    plan.green = (order.args["green"], order.args["track_us"])


def _set_finish(plan: Plan, order: Order) -> None:
    plan.finish = (order.args["crossing"], order.args["track_us"])


def _set(plan: Plan, order: Order) -> None:
    plan.rules |= {name: value for name, value in order.args["rules"].items() if name != "length"}


def _swap(plan: Plan, order: Order) -> None:
    if order.args.get("since") == "start":
        plan.renamed.append((order.seq, order.args["from"], order.args["to"]))


def _penalty(plan: Plan, order: Order) -> None:
    if order.args["kind"] == "lap":
        plan.mark(order.args["crossing"], order, no_best=True)


EDITS: dict[str, Callable[[Plan, Order], None]] = {
    "void_lap": _void_lap, "insert_crossing": _insert, "split_lap": _split, "merge_laps": _ignore, "tap": _tap,
    "ignore_crossing": _ignore, "count_crossing": _count, "move_laps": _move, "shift_crossing": _shift,
    "set_start": _set_start, "set_finish": _set_finish, "set": _set, "swap_kart": _swap, "penalty": _penalty,
}
"""Orders that say what crossings count for. Some also act at their own moment, as `penalty` does."""

TAKEN_BACK = ("undo", "redo")


def parts_of(order: Order) -> tuple[Order, ...]:
    """The order, or those it stands for: accepting a proposal gives several as one."""
    if order.name != "accept":
        return (order,)
    return tuple(replace(order, name=name, args=args) for name, args in order.args["orders"])


def edits(order: Order) -> bool:
    """Whether the session must be folded again when this order comes."""
    return any(each.name in TAKEN_BACK or place(each)[0] != each.at_us or _reaches_back(each) for each in parts_of(order))


def _reaches_back(order: Order) -> bool:
    if order.name == "swap_kart":
        return order.args.get("since") == "start"
    if order.name == "penalty":
        return bool(order.args["kind"] == "lap")
    if order.name == "set":
        return any(name != "length" for name in order.args["rules"])
    return order.name in EDITS


def undone(orders: Iterable[Order]) -> set[int]:
    """The orders that stand taken back."""
    out: set[int] = set()
    for order in sorted(orders, key=lambda each: each.seq):
        if order.name == "undo":
            out.add(order.args["of"])
        elif order.name == "redo":
            out.discard(order.args["of"])
    return out


def lay(start: Heat, log: Sequence[Event]) -> tuple[Heat, list[Event]]:
    """The heat and the events to fold it with, in order, once every edit is laid over the log."""
    orders = [event for event in log if isinstance(event, Order)]
    gone = undone(orders)
    alive = sorted((each for each in orders if each.seq not in gone and each.name not in TAKEN_BACK), key=lambda o: o.seq)
    plan = Plan()
    for order in alive:
        for part in parts_of(order):
            if part.name in EDITS:
                EDITS[part.name](plan, part)
        _hold(plan, order)
    given_up = {each[0] for o in orders if o.name == "attach" and o.seq in gone for each in o.args["crossings"]}
    events: list[Event] = [_time_passes(each) for each in orders if each.seq in gone or each.name in TAKEN_BACK]
    for event in log:
        if isinstance(event, Crossing):
            if event.seq in given_up:
                continue
            fields = plan.changed.get(event.seq)
            events.append(replace(event, **fields) if fields else event)
        elif isinstance(event, Tick):
            events.append(event)
    for order in alive:
        events += _moments(plan, order)
    made = plan.made if not plan.made else _reconciled(plan, [e for e in events if isinstance(e, Crossing)],
                                                       start.rules.min_lap_us)
    events += made
    events += plan.extra
    events.sort(key=place)
    if any(order.args.get("made") and order.args["of"] in gone for order in orders):
        start = replace(start, state=State.VOID)       # the very making of the session was taken back
    return _started(start, plan), events


def _time_passes(order: Order) -> Tick:
    return Tick(order.seq, order.at_us)


def _hold(plan: Plan, order: Order) -> None:
    """What people have seen stays: a flag that was shown and a heat that was over are so, whatever an edit changes."""
    chequered_us, ended_us = order.args.get("held", (None, None))
    if chequered_us is not None:
        plan.extra.append(Order(order.seq, chequered_us, "held_chequered", order.by))
    if ended_us is not None:
        plan.extra.append(Order(order.seq, ended_us, "held_end", order.by))
        plan.floor_us = max(plan.floor_us, ended_us)


def _started(start: Heat, plan: Plan) -> Heat:
    rules: Rules = replace(start.rules, **plan.rules) if plan.rules else start.rules
    entries = start.entries
    for _, one, other in reversed(plan.renamed):
        names = {one: other, other: one}
        entries = {names.get(kart, kart): replace(entry, kart=names.get(kart, kart)) for kart, entry in entries.items()}
    if not (plan.marks or plan.finish or plan.floor_us or rules is not start.rules or entries is not start.entries):
        return start
    return replace(start, rules=rules, entries=entries, marks=plan.marks, grace_floor_us=plan.floor_us,
                   finish_seq=plan.finish[0] if plan.finish else 0)


def _moments(plan: Plan, order: Order) -> tuple[Event, ...]:
    """What an order is in the fold: itself at its place, and where that is the start, the moment it was given."""
    if plan.green and order.seq == plan.green[0]:
        at_us = plan.green[1]
        moved = replace(order, name="green", args={}, at_us=at_us, wall_us=order.wall_us + at_us - order.at_us)
        return (moved, _time_passes(order))
    if plan.finish and order.name in ("chequered", "finish") and order.at_us < plan.finish[1]:
        return (_time_passes(order),)
    for before, one, other in plan.renamed:
        if order.seq < before and order.args.get("kart") in (one, other) and order.name != "bind":
            order = replace(order, args={**order.args, "kart": other if order.args["kart"] == one else one})
    return (order,) if place(order)[0] == order.at_us else (order, _time_passes(order))


def _reconciled(plan: Plan, crossings: list[Crossing], min_lap_us: Micros) -> list[Crossing]:
    """Taps that a read of the same kart confirms give way to it: the decoder's time is the better one (A19)."""
    window_us = min(TAP_WINDOW_US, min_lap_us // 2) or TAP_WINDOW_US
    reads: dict[str, list[Micros]] = {}
    for crossing in sorted(crossings, key=lambda each: each.at_us):
        mark = plan.marks.get(crossing.seq)
        if crossing.kart is not None and crossing.role == LINE and not (mark and mark.ignored):
            reads.setdefault(crossing.kart, []).append(crossing.at_us)
    out = []
    for tap in plan.made:
        near = reads.get(tap.kart or "", [])
        at = bisect_left(near, tap.at_us - window_us)
        if tap.source == "tap" and at < len(near) and near[at] <= tap.at_us + window_us:
            plan.marks[tap.seq] = replace(plan.marks.get(tap.seq, Mark()), ignored=True)
        out.append(tap)
    return out


def read_length(value: object) -> Any:
    """A session's length from ``"8m"``, ``"12L"``, or a number of seconds. Raises BadInput."""
    text = f"{value:g}s" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return parse_length(text, "duration")
