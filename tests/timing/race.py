"""A session told in seconds: orders and crossings go into a real fold, in the order in which they are written."""

from __future__ import annotations

from functools import reduce
from itertools import count
from typing import Any

import msgspec

from trackd.core.errors import Refused
from trackd.timing import clock
from trackd.timing.acts import Acts
from trackd.timing.board import Row
from trackd.timing.cases import case_of
from trackd.timing.events import LINE, Crossing, Event, Order, Tick, Verdict
from trackd.timing.facts import Fact, OrderFact
from trackd.timing.flags import FLAG_ORDERS, State, why_not
from trackd.timing.formats import Rules, parse_length, read_length
from trackd.timing.heat import Heat
from trackd.timing.held import held
from trackd.timing.laps import Entry, Pace
from trackd.timing.resolve import RESOLVE, resolve
from trackd.timing.session import Session, check
from trackd.timing.standings import standings

TURNS = ("undo", "redo")
CHECKED = FLAG_ORDERS | {"join", "leave", "assign", "set", "attach", "bind"}


def us(seconds: float) -> int:
    """Seconds, as a test writes them, in microseconds."""
    return round(seconds * 1_000_000)


def as_driven(entry: Entry) -> Entry:
    """An entry whose laps a test wrote, with what the fold derives of them."""
    pace = reduce(Pace.with_struck, entry.struck, reduce(Pace.with_lap, entry.laps, Pace()))
    return msgspec.structs.replace(entry, pace=pace)


def fresh(length: str, karts: int | list[str], **rules: Any) -> Heat:
    """A heat nobody has staged. ``grace_s``, ``min_lap_s``, ``max_lap_s`` and ``hold_off_s`` are in seconds."""
    for name in ("grace", "min_lap", "max_lap", "hold_off"):
        if f"{name}_s" in rules:
            rules[f"{name}_us"] = us(rules.pop(f"{name}_s"))
    numbers = [str(n + 1) for n in range(karts)] if isinstance(karts, int) else karts
    return Heat(Rules(parse_length(length), **rules), {kart: Entry(kart, f"driver-{kart}") for kart in numbers})


def stored(session: Session, name: str, args: dict[str, Any], at_us: int) -> dict[str, Any]:
    """The arguments as the services check them, make them exact and store them. Raises Refused, BadInput."""
    if name in CHECKED:
        check(session.heat, name, args)
    if name == "accept":
        args = _accepted(session, args["proposal"], at_us)
    elif name == "dismiss":
        args = {"proposal": case_of(session.heat, args["proposal"], at_us).id}
    elif name == "set":
        if "duration" in args and session.heat.state in (State.FINISHING, State.PROVISIONAL):
            raise Refused(why_not(session.heat.state, "set"))
        args = {"rules": _rules(args), "held": held(session.heat, at_us)}
    elif name in RESOLVE:
        args = resolve(session, name, args, at_us)
    return dict(msgspec.json.decode(msgspec.json.encode(args)))


def _accepted(session: Session, proposal: str, at_us: int) -> dict[str, Any]:
    case = case_of(session.heat, proposal, at_us)
    orders = []
    for name, args in case.orders:
        if name in CHECKED:
            check(session.heat, name, args)
        orders.append((name, resolve(session, name, dict(args), at_us) if name in RESOLVE else args))
    seen = next((args["held"] for _, args in orders if "held" in args), None)
    return {"proposal": case.id, "orders": orders, **({"held": seen} if seen else {})}


def _rules(args: dict[str, Any]) -> dict[str, Any]:
    rules = {name.replace("_s", "_us"): us(value) for name, value in args.items() if name.endswith("_s")}
    rules |= {name: value for name, value in args.items() if name in ("ranking", "finish")}
    return rules | ({"length": read_length(args["duration"])} if "duration" in args else {})


class Race:
    """A heat, green at 0 s unless told otherwise. ``at`` gives what happened when, for one kart after the other."""

    def __init__(self, length: str, karts: int | list[str], *, green: bool = True, **rules: Any) -> None:
        self.session = Session.new(fresh(length, karts, **rules))
        self.seq = count(1)
        self.events: list[Event] = []
        self.acts = Acts()
        if green:
            self.order(-1, "stage")
            self.order(0, "green")

    @property
    def heat(self) -> Heat:
        return self.session.heat

    @property
    def entries(self) -> dict[str, Entry]:
        return self.heat.entries

    def order(self, at_s: float, name: str, **args: Any) -> int:
        """Give an order as the services do; ``from_`` stands for ``from``. Returns its sequence."""
        args = {key.removesuffix("_"): value for key, value in args.items()}
        if name not in TURNS:
            args = stored(self.session, name, args, us(at_s) + BASE)
        order = Order(next(self.seq), us(at_s) + BASE, name, "Ada", args)
        self._apply(order)
        self.acts.fold([Fact(order.seq, order.at_us, 0, "order", "heat", OrderFact(name, order.at_us, "Ada", args))])
        return order.seq

    def undo(self, at_s: float, of: int | None = None) -> int:
        """Take back the newest act that stands, or the one named. Returns its sequence."""
        return self.order(at_s, "undo", of=self.acts.to_undo("heat", of).seq)

    def redo(self, at_s: float, of: int | None = None) -> int:
        """Do again what was taken back last."""
        return self.order(at_s, "redo", of=self.acts.to_redo("heat", of).seq)

    def cross(self, at_s: float, kart: str | None, role: str = LINE, *, transponder: str | None = None,
              epoch: str = "p3:1/0") -> Verdict:
        event = Crossing(next(self.seq), us(at_s) + BASE, transponder or f"t{kart}", kart, role, epoch)
        verdict = self._apply(event)
        assert verdict is not None
        return verdict

    def tick(self, at_s: float) -> None:
        self._apply(Tick(next(self.seq), us(at_s) + BASE))

    def run(self, **crossings: str) -> None:
        """``k1="10 40.5 71", k2="11 42"``: crossings of karts 1 and 2 in seconds, applied in the order of time."""
        both = [(float(at_s), name[1:]) for name, text in crossings.items() for at_s in text.split()]
        for at_s, kart in sorted(both):
            self.cross(at_s, kart)

    def laps(self) -> dict[str, int]:
        return {kart: len(entry.laps) for kart, entry in self.entries.items()}

    def times(self, kart: str) -> list[float]:
        return [lap.time_us / 1e6 for lap in self.entries[kart].laps]

    def since_s(self, at_us: int | None) -> float | None:
        """An instant of the heat as seconds since green at 0 s."""
        return None if at_us is None else (at_us - BASE) / 1e6

    def rows(self) -> dict[str, Row]:
        return {row.kart: row for row in standings(self.heat)}

    def places(self) -> list[tuple[int | None, str]]:
        return [(row.position, row.kart) for row in standings(self.heat)]

    def passing(self, kart: str, at_s: float) -> int:
        """The sequence of a kart's passing."""
        return next(e.seq for e in self.events if isinstance(e, Crossing) and e.kart == kart and e.at_us == us(at_s) + BASE)

    def remaining_s(self, at_s: float) -> float:
        """What the session clock has left."""
        heat, length_us = self.heat, self.heat.rules.length.duration_us or 0
        return (length_us - clock.race_time(heat.start_us, heat.pauses, us(at_s) + BASE)) / 1e6

    def _apply(self, event: Event) -> Verdict | None:
        self.events.append(event)
        return self.session.apply(event).verdict


BASE = 1_795_000_000_000_000
"""Track time of 0 s: nothing may depend on it being small."""
