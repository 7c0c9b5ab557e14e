"""One order on its way to becoming a fact: read, checked against the session as it stands, made exact, and noted with
what it changes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.time import SECOND, Micros
from trackd.services.commands import Decider, Draft
from trackd.services.entering import check_free, check_place, kart_of
from trackd.services.roster import TRANSPONDER, driver_of, rules_from
from trackd.services.undo import Turn
from trackd.store import journal
from trackd.timing import finish
from trackd.timing.asked import entry_of, text, whole
from trackd.timing.cases import case_of
from trackd.timing.course import Course
from trackd.timing.events import Order
from trackd.timing.facts import OrderFact
from trackd.timing.flags import FLAG_ORDERS, State, why_not
from trackd.timing.formats import read_length
from trackd.timing.heat import Heat
from trackd.timing.held import held
from trackd.timing.laps import Entry
from trackd.timing.marshalling import LAP_ORDERS
from trackd.timing.resolve import EDITING, RESOLVE, resolve
from trackd.timing.session import ATTACH_AT_MOST_US, check
from trackd.timing.standings import standings

SETTABLE = ("duration", "format", "ranking", "finish", "min_lap_s", "max_lap_s", "grace_s", "hold_off_s")
"""What `set` changes: the length from now on, everything else for the whole session (B11)."""

TURNS = ("undo", "redo")

RESHAPING = (EDITING - {"tap", "kart_flag"}) | {"stage", "restart", "reinstate", "accept", "set", "attach", "join", "leave",
                                                "bind", "assign", "swap_kart"}
"""Orders after which laps, places or who is where may be others: tried before they are stored."""


@dataclass(slots=True)
class Ordering:
    """Runs in the writer, with every fact before it folded."""

    decider: Decider
    session_id: str
    by: str

    def give(self, name: str, args: dict[str, Any]) -> Sequence[Draft]:
        """The facts the order makes. Raises Refused with the reason, BadInput with what and where."""
        if name in TURNS:
            of = whole(args, "of", 1, 1 << 62) if args.get("of") is not None else None
            self.decider.course(self.session_id)
            return [Turn(name, self.by, self.session_id, of, text(args, "reason")).make(self.decider)[1]]
        course = self.decider.course(self.session_id)
        at_us = max(self.decider.now_us, course.heat.last_us)
        stored = self._stored(course, name, args, at_us)
        if args.get("reason") is not None and "reason" not in stored:
            stored["reason"] = text(args, "reason")
        order = Order(self.decider.venue.seq + 1, at_us, name, self.by, stored, self.decider.wall_us)
        if name in RESHAPING:
            stored = {**stored, **self._reshaped(course, order)}
        return [("order", self.session_id, OrderFact(name, at_us, self.by, stored))]

    def _reshaped(self, course: Course, order: Order) -> dict[str, Any]:
        """What the order makes of the session, for the audit. Raises Refused when the session cannot be like that."""
        before, after = course.heat, course.session.after(order)
        check_place(self.decider.venue, course, after)
        if after.version < before.version:
            raise Refused("By that the heat would have ended only after its result was official. Choose an earlier moment.")
        if order.name == "stage":
            return {}
        laps = changed_laps(before, after) if order.name in LAP_ORDERS else {}
        return {"changed": changed(before, after), **({"laps_changed": laps} if laps else {})}

    def _stored(self, course: Course, name: str, args: dict[str, Any], at_us: int) -> dict[str, Any]:
        """The arguments as the journal keeps them."""
        heat = finish.advance(course.heat, at_us)      # a deadline may have gone by, and nothing has said so yet
        args = {key: value for key, value in args.items() if value is not None}
        if name == "accept":
            return self._accept(course, str(args["proposal"]), at_us)
        if name == "dismiss":
            return {"proposal": case_of(heat, str(args["proposal"]), at_us).id}
        if name == "join":
            return self._join(course, heat, args)
        if name == "set":
            check(heat, name, args)
            return self._set(heat, args, at_us)
        if name in ("assign", "attach", "bind", "leave"):
            check(heat, name, args)
            return getattr(self, f"_{name}")(course, args)       # type: ignore[no-any-return]
        if name in FLAG_ORDERS:
            check(heat, name, args)
        if name == "countdown" and heat.rules.random_hold_us:
            args["hold_us"] = random.SystemRandom().randrange(heat.rules.random_hold_us + 1)
        if name == "swap_kart":
            self._check_swap(course, args)
        return resolve(course.session, name, args, at_us) if name in RESOLVE else {}

    def _accept(self, course: Course, proposal: str, at_us: int) -> dict[str, Any]:
        case = case_of(course.heat, proposal, at_us)
        orders: list[tuple[str, dict[str, Any]]] = []
        for name, args in case.orders:
            if name in FLAG_ORDERS or name in ("join", "leave"):
                check(course.heat, name, args)
            orders.append((name, resolve(course.session, name, dict(args), at_us) if name in RESOLVE else dict(args)))
        seen = next((each["held"] for _, each in orders if "held" in each), None)
        return {"proposal": case.id, "kind": case.kind, "kart": case.kart, "orders": orders, "reason": case.reason,
                **({"held": seen} if seen else {})}

    def _driver(self, course: Course, kart: str, name: str) -> str:
        """The id of a driver who takes a kart of this session. Raises Refused when they are in it, or in another."""
        driver_id = driver_of(self.decider, name)
        if any(e.driver_id == driver_id and not e.left and e.kart != kart for e in course.heat.entries.values()):
            raise Refused(f"{name} is in this heat already.")
        return driver_id

    def _join(self, course: Course, heat: Heat, args: Mapping[str, Any]) -> dict[str, Any]:
        named = driver_of(self.decider, args["driver"]) if args.get("driver") else None
        check(heat, "join", {**args, "driver": named})
        kart = kart_of(self.decider.venue, str(args["kart"]))
        driver_id = self._driver(course, "", args["driver"]) if named else None
        if course.spec.id in self.decider.venue.live.values():
            check_free(self.decider.venue, course, [Entry(kart, driver_id)])
        return {"kart": kart, "driver_id": driver_id, **_since(args, "now", where="since")}

    def _leave(self, _course: Course, args: Mapping[str, Any]) -> dict[str, Any]:
        return {"kart": str(args["kart"]), "reason": text(args, "reason")}

    def _assign(self, course: Course, args: Mapping[str, Any]) -> dict[str, Any]:
        """Other drivers in the same karts: one, or all of the session (X16)."""
        wanted = args.get("entries", [{"kart": args.get("kart"), "driver": args.get("driver")}])
        if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
            raise BadInput(Fault("entries", "must be a list of karts and drivers"))
        drivers: list[tuple[str, str | None]] = []
        for index, each in enumerate(wanted):
            kart, name = entry_of(course.heat, each.get("kart")).kart, each.get("driver")
            if name is not None and not isinstance(name, str):
                raise BadInput(Fault(f"entries[{index}].driver", "must be text"))
            drivers.append((kart, driver_of(self.decider, name) if name else None))
        after = {kart: entry.driver_id for kart, entry in course.heat.entries.items()} | dict(drivers)
        people = [driver for driver in after.values() if driver]
        if len(set(people)) < len(people):
            raise Refused("A driver would be in this heat twice.")
        if course.spec.id in self.decider.venue.live.values():
            check_free(self.decider.venue, course, [Entry(kart, driver) for kart, driver in drivers])
        return {"drivers": [list(each) for each in drivers]}

    def _set(self, heat: Heat, args: Mapping[str, Any], at_us: Micros) -> dict[str, Any]:
        """A new length from now on; limits and ranking for the whole session."""
        wanted = args.get("duration", args.get("format"))
        fields = {key: value for key, value in args.items() if key in SETTABLE and key not in ("duration", "format")}
        if wanted is None and not fields:
            raise BadInput(Fault("set", f"give one of {', '.join(SETTABLE)}"))
        rules = rules_from(fields, heat.rules)
        out = {key: getattr(rules, key) for key in (_rule(field) for field in fields)}
        if wanted is not None:
            if heat.state in (State.FINISHING, State.PROVISIONAL):
                raise Refused(why_not(heat.state, "set"))
            out["length"] = msgspec.to_builtins(read_length(wanted))
        over = heat.state in (State.FINISHING, State.PROVISIONAL)
        return {"rules": out, "reason": text(args, "reason"), **({"held": held(heat, at_us)} if over else {})}

    def _bind(self, _course: Course, args: Mapping[str, Any]) -> dict[str, Any]:
        if not TRANSPONDER.fullmatch(args["transponder"]):
            raise BadInput(Fault("transponder", "a transponder id has 1 to 24 letters, digits or dashes"))
        return {"kart": args["kart"], "transponder": args["transponder"], **_since(args, "start", where="since")}

    def _attach(self, course: Course, args: Mapping[str, Any]) -> dict[str, Any]:
        """The passings of the last ``seconds`` that no session counted, to be carried by the order itself."""
        seconds, decider = args["seconds"], self.decider
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 < seconds * SECOND <= ATTACH_AT_MOST_US:
            raise BadInput(Fault("seconds", "must be more than 0 and at most 600"))
        from_us = decider.now_us - int(seconds * SECOND)
        here = course.session.verdicts
        found = journal.unclaimed(decider.db, journal.last_before(decider.db, from_us), course.spec.id)
        crossings = [[seq, body.at, body.transponder, body.kart, body.role, f"{body.key}/{body.epoch}"]
                     for seq, body in found if body.track == course.spec.track and body.at >= from_us and seq not in here]
        return {"from_us": from_us, "crossings": crossings}

    def _check_swap(self, course: Course, args: Mapping[str, Any]) -> None:
        kart = kart_of(self.decider.venue, str(args["to"]), "to")
        entry = course.heat.entries.get(str(args["from"]))
        if entry is not None and course.spec.id in self.decider.venue.live.values():
            check_free(self.decider.venue, course, [Entry(kart, None)])


def _since(args: Mapping[str, Any], default: str, where: str) -> dict[str, str]:
    since = args.get("since", default)
    if since not in ("start", "now"):
        raise BadInput(Fault(where, "must be start or now"))
    return {"since": since}


def _rule(field: str) -> str:
    return field.removesuffix("_s") + "_us" if field.endswith("_s") else field


def changed(before: Heat, after: Heat) -> dict[str, Any]:
    """For the audit, what an order does: of each row that differs its place, laps and best, before and after."""
    was = {row.entry: row for row in standings(before)}
    out = {}
    for row in standings(after):
        old = was.get(row.entry)
        now = [row.position, row.laps, row.best_us]
        then = [old.position, old.laps, old.best_us] if old else None
        if now != then:
            out[row.kart] = {"was": then, "is": now}
    return out


def changed_laps(before: Heat, after: Heat) -> dict[str, list[list[int | None]]]:
    """And of each lap by kart that came, went or takes another time: its number, and its time before and after."""
    was = {entry.id: {lap.seq: lap for lap in entry.laps} for entry in before.entries.values()}
    out: dict[str, list[list[int | None]]] = {}
    for entry in after.entries.values():
        old, now = was.get(entry.id, {}), {lap.seq: lap for lap in entry.laps}
        laps = sorted({**old, **now}.values(), key=lambda lap: lap.end_us)
        times = [[lap.number, *(each[lap.seq].time_us if lap.seq in each else None for each in (old, now))] for lap in laps]
        if any(then != since for _, then, since in times):
            out[entry.kart] = [each for each in times if each[1] != each[2]]
    return out
