"""What people decided about crossings after they were made: layers over the session's log, laid before it is folded.

Nothing in the log is ever changed. Each time a session is folded, the orders that were not taken back are read in the
order in which they were given, and say what the crossings count for: ignored, moved to another kart, made by hand. So
every edit works live and after the finish, and taking one back gives exactly what stood before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from trackd.core.time import Micros
from trackd.timing.events import LINE, Crossing, Event, Order, Tick, place
from trackd.timing.flags import State
from trackd.timing.formats import Rules
from trackd.timing.heat import Heat, Mark
from trackd.timing.held import Part, part_at, parts
from trackd.timing.taps import confirmed

MADE = 1 << 40
"""Crossings made by one order are numbered from the order's own sequence in steps of this."""


@dataclass(slots=True)
class Plan:
    """What the edits ask for, gathered before the fold."""

    parts: list[Part]
    marks: dict[int, Mark] = field(default_factory=dict)
    changed: dict[int, dict[str, Any]] = field(default_factory=dict)     # crossing -> fields that differ
    made: list[Crossing] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    renamed: list[tuple[int, str, str]] = field(default_factory=list)    # before this order, these karts are exchanged
    back: list[tuple[int, str]] = field(default_factory=list)            # before this order, this kart has not left
    greens: dict[int, Micros] = field(default_factory=dict)              # order -> its new moment

    def mark(self, seq: int, order: Order, **what: bool) -> None:
        """Add to what is decided about a crossing."""
        old = self.marks.get(seq, Mark())
        self.marks[seq] = replace(old, by=(*old.by, order.seq), **what)

    def change(self, seq: int, order: Order, **fields: Any) -> None:
        """The crossing stands with other values, and says by whose order."""
        self.changed[seq] = {**self.changed.get(seq, {}), **fields}
        self.mark(seq, order)

    def make(self, order: Order, at_us: Micros, kart: str, source: str, index: int = 0, epoch: str = "") -> int:
        """A crossing that no decoder reported. Returns its sequence."""
        seq = order.seq + index * MADE
        self.made.append(Crossing(seq, at_us, None, kart, LINE, epoch, source))
        return seq

    def part(self, at_us: Micros) -> Part:
        """What is held of the part of the session in which the moment lies."""
        return part_at(self.parts, at_us)


def _void_lap(plan: Plan, order: Order) -> None:
    plan.mark(order.args["crossing"], order, ignored=False, struck=True)


def _insert(plan: Plan, order: Order) -> None:
    plan.mark(plan.make(order, order.args["track_us"], order.args["kart"], order.args.get("source", "manual")), order)


def _split(plan: Plan, order: Order) -> None:
    for index, (at_us, kart) in enumerate(order.args["cuts"]):
        plan.mark(plan.make(order, at_us, kart, "split", index), order)


def _tap(plan: Plan, order: Order) -> None:
    plan.make(order, order.args["track_us"], order.args["kart"], "tap")


def _ignore(plan: Plan, order: Order) -> None:
    plan.mark(order.args["crossing"], order, ignored=True, counted=False)


def _count(plan: Plan, order: Order) -> None:
    plan.mark(order.args["crossing"], order, counted=True, ignored=False, struck=False)


def _move(plan: Plan, order: Order) -> None:
    """Crossings change hands. Where laps were taken out of the middle, both karts begin anew at the ends of them."""
    for seq, kart in order.args["crossings"]:
        plan.change(seq, order, kart=kart, transponder=None)
    for index, (at_us, kart, epoch, source, flagged) in enumerate(order.args["begin"]):
        seq = plan.make(order, at_us, kart, source, index, epoch)
        plan.mark(seq, order, opens=True, flagged=flagged)


def _shift(plan: Plan, order: Order) -> None:
    """The crossing lies elsewhere: a moment somebody chose, and no decoder's any more."""
    args = order.args
    fields = {"kart": args["then"], "transponder": None} if "then" in args else {}
    plan.change(args["crossing"], order, at_us=args["track_us"], source="manual", **fields)


def _set_start(plan: Plan, order: Order) -> None:
    plan.greens[order.args["green"]] = order.args["track_us"]


def _set_finish(plan: Plan, order: Order) -> None:
    at_us = order.args["track_us"]
    plan.part(at_us).end_at(order.args["crossing"], at_us)


def _set(plan: Plan, order: Order) -> None:
    rules = {name: value for name, value in order.args["rules"].items() if name != "length"}
    plan.rules |= rules
    if "finish" in rules and "held" not in order.args:       # another finish: by it, time is not up in the past
        _not_up_before(plan, order)


def _not_up_before(plan: Plan, order: Order) -> None:
    part = plan.part(order.at_us)
    part.up_us = max(part.up_us, order.at_us)


def _swap(plan: Plan, order: Order) -> None:
    """The entry had another kart all along: so has what people said of it by the kart's number (splits are of reads)."""
    if not order.args.get("renames"):
        return
    one, other = order.args["from"], order.args["to"]
    plan.renamed.append((order.seq, one, other))
    names = {one: other, other: one}
    plan.made = [each if each.source == "split" and not plan.marks[each.seq].opens
                 else replace(each, kart=names.get(each.kart, each.kart)) for each in plan.made]
    for fields in plan.changed.values():
        if "kart" in fields:
            fields["kart"] = names.get(fields["kart"], fields["kart"])


def _join(plan: Plan, order: Order) -> None:
    if order.args.get("since") == "start":
        plan.back.append((order.seq, order.args["kart"]))


def _penalty(plan: Plan, order: Order) -> None:
    if order.args["kind"] == "lap":
        plan.mark(order.args["crossing"], order, no_best=True)


def _lift(plan: Plan, order: Order) -> None:
    if "crossing" in order.args:
        plan.mark(order.args["crossing"], order, no_best=False)


EDITS: dict[str, Callable[[Plan, Order], None]] = {
    "void_lap": _void_lap, "insert_crossing": _insert, "split_lap": _split, "merge_laps": _ignore, "tap": _tap,
    "ignore_crossing": _ignore, "count_crossing": _count, "move_laps": _move, "shift_crossing": _shift,
    "set_start": _set_start, "set_finish": _set_finish, "set": _set, "swap_kart": _swap, "penalty": _penalty, "lift": _lift,
    "join": _join, "attach": _not_up_before,
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
    return "held" in order.args or any(each.name in TAKEN_BACK or place(each)[0] != each.at_us or _reaches_back(each)
                                       for each in parts_of(order))


def _reaches_back(order: Order) -> bool:
    if order.name == "swap_kart":
        return bool(order.args.get("renames"))
    if order.name == "penalty":
        return bool(order.args["kind"] == "lap")
    if order.name == "lift":
        return "crossing" in order.args
    if order.name == "set":
        return any(name != "length" for name in order.args["rules"])
    return order.name in EDITS and order.name != "join"


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
    plan = _plan(alive)
    given_up = {each[0] for o in orders if o.name == "attach" and o.seq in gone for each in o.args["crossings"]}
    if given_up:
        given_up -= {each[0] for order in alive if order.name == "attach" for each in order.args["crossings"]}
    events: list[Event] = [_time_passes(each) for each in orders if each.seq in gone or each.name in TAKEN_BACK]
    crossings = plan.made
    if plan.changed or given_up or plan.made:
        crossings = [_as_changed(plan, e) for e in (*log, *plan.made) if isinstance(e, Crossing) and e.seq not in given_up]
        events += [event for event in log if isinstance(event, Tick)]
    else:
        events += [event for event in log if not isinstance(event, Order)]
    for seq in confirmed(crossings, alive, plan.marks, plan.rules.get("min_lap_us", start.rules.min_lap_us)):
        plan.marks[seq] = replace(plan.marks.get(seq, Mark()), ignored=True)
    events += crossings
    for order in alive:
        events += _moments(plan, order)
    for part in plan.parts:
        events += part.orders()
    events.sort(key=place)
    if any(order.args.get("made") and order.args["of"] in gone for order in orders):
        start = replace(start, state=State.VOID)       # the very making of the session was taken back
    return _started(start, plan), events


def _plan(alive: Sequence[Order]) -> Plan:
    plan = Plan(parts([part for order in alive for part in parts_of(order)]))
    for order in alive:
        for each in parts_of(order):
            if each.name in EDITS:
                EDITS[each.name](plan, each)
        if "held" in order.args:
            chequered_us = order.args["held"][0]
            plan.part(order.at_us if chequered_us is None else chequered_us).hold(order)
    for seq in {seq for part in plan.parts for seq in part.took}:
        plan.marks[seq] = replace(plan.marks.get(seq, Mark()), flagged=True)
    return plan


def _time_passes(order: Order) -> Tick:
    return Tick(order.seq, order.at_us)


def _as_changed(plan: Plan, crossing: Crossing) -> Crossing:
    fields = plan.changed.get(crossing.seq)
    return replace(crossing, **fields) if fields else crossing


def _named(plan: Plan, seq: int, kart: Any) -> Any:
    """What a kart that an order names is called now."""
    for before, one, other in plan.renamed:
        if seq < before and kart in (one, other):
            kart = other if kart == one else one
    return kart


def _started(start: Heat, plan: Plan) -> Heat:
    rules: Rules = replace(start.rules, **plan.rules) if plan.rules else start.rules
    entries = start.entries
    for _, one, other in plan.renamed:
        names = {one: other, other: one}
        entries = {names.get(kart, kart): replace(entry, kart=names.get(kart, kart)) for kart, entry in entries.items()}
    if not (plan.marks or rules is not start.rules or entries is not start.entries):
        return start
    return replace(start, rules=rules, entries=entries, marks=plan.marks)


def _moments(plan: Plan, order: Order) -> tuple[Event, ...]:
    """What an order is in the fold: itself at its place, and where that is the start, the moment it was given."""
    at_us = plan.greens.get(order.seq)
    if at_us is not None:
        moved = replace(order, name="green", args={}, at_us=at_us, wall_us=order.wall_us + at_us - order.at_us)
        return (moved, _time_passes(order))
    if order.name == "accept":
        stood = [part for each in parts_of(order) if (part := _as_it_stands(plan, each)) is not None]
        order = replace(order, args={**order.args, "orders": [(part.name, part.args) for part in stood]})
    else:
        stands = _as_it_stands(plan, order)
        if stands is None:
            return (_time_passes(order),)
        order = stands
    return (order,) if place(order)[0] == order.at_us else (order, _time_passes(order))


def _as_it_stands(plan: Plan, order: Order) -> Order | None:
    """The order as later ones leave it; None: it only says that time has passed."""
    args = order.args
    if order.name in ("chequered", "finish"):
        end = plan.part(order.at_us).finish
        return order if end is None or order.at_us >= end[1] else None
    if order.name == "leave" and any(seq > order.seq and kart == args["kart"] for seq, kart in plan.back):
        return None
    if plan.renamed and order.name == "assign":
        drivers = [[_named(plan, order.seq, kart), driver] for kart, driver in args["drivers"]]
        return replace(order, args={**args, "drivers": drivers})
    if plan.renamed and "kart" in args and order.name != "bind":
        return replace(order, args={**args, "kart": _named(plan, order.seq, args["kart"])})
    return order
