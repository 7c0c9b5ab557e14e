"""A venue whose orders go through the checks of the services and can be taken back; a busy day in it, by a seed."""

from __future__ import annotations

import random
from typing import Any

from tests.timing.race import BASE, stored, us
from tests.timing.test_venue import KARTS, Day
from trackd.core.errors import BadInput, Refused
from trackd.timing.acts import Act, Acts
from trackd.timing.course import Course
from trackd.timing.events import Order
from trackd.timing.flags import LIVE
from trackd.timing.session import Session


class Office(Day):
    """A day with undo; sessions that rest are brought back by folding their facts again, as the store does."""

    def __init__(self, keep: int | None = None) -> None:
        self.made: dict[str, Course] = {}
        self.acts = Acts(keep=400)
        super().__init__(keep)
        self.venue.load = self.load

    def load(self, session: str, until: int) -> Course | None:
        course = self.made.get(session)
        if course is not None:
            course.session = Session.of(course.session.start, sorted(course.session.log, key=lambda e: e.seq))
        return course

    def fact(self, at_s: float, kind: str, body: Any, session: str | None = None) -> int:
        seq = super().fact(at_s, kind, body, session)
        self.acts.fold(self.facts[-1:])
        self.made |= self.venue.courses
        return seq

    def undo(self, at_s: float, session: str | None = None, of: int | None = None) -> int:
        return self.turn(at_s, "undo", self.acts.to_undo(session, of))

    def redo(self, at_s: float, session: str | None = None, of: int | None = None) -> int:
        return self.turn(at_s, "redo", self.acts.to_redo(session, of))

    def turn(self, at_s: float, name: str, act: Act) -> int:
        assert act.session is not None
        return self.order(at_s, act.session, name, of=act.seq, **({"made": True} if act.kind == "session" else {}))

    def give(self, at_s: float, session: str, name: str, **args: Any) -> int:
        """An order as the services give it."""
        course = self.venue.course(session)
        assert course is not None
        return self.order(at_s, session, name, **stored(course.session, name, args, us(at_s) + BASE))

    def attach(self, at_s: float, session: str, from_s: float) -> int:
        """The passings of the last while that no session counted, as the services find them."""
        found = {fact.seq: fact.body for fact in self.facts if fact.kind == "passing" and fact.body.at >= us(from_s) + BASE}
        free = [seq for seq, (owner, verdict) in self.whose().items() if seq in found and owner != session and (
            owner is None or (owner in self.venue.courses and verdict in ("late", "unassigned")))]
        crossings = [[seq, body.at, body.transponder, body.kart, body.role, f"{body.key}/{body.epoch}"]
                     for seq, body in found.items() if seq in free]
        return self.order(at_s, session, "attach", from_us=us(from_s) + BASE, crossings=crossings)

    def whose(self) -> dict[int, tuple[str | None, str]]:
        """Each passing: its session and its verdict, by what the sessions hold."""
        out: dict[int, tuple[str | None, str]] = {f.seq: (None, "unassigned") for f in self.facts if f.kind == "passing"}
        for session_id, course in self.made.items():
            for seq, verdict in course.session.verdicts.items():
                if seq in out:
                    assert out[seq][0] is None, f"passing {seq} belongs to {out[seq][0]} and to {session_id}"
                    out[seq] = (session_id, verdict.value)
        return out


def a_busy_day(seed: int, keep: int | None = None) -> Office:
    """Three heats after each other with losses, late passings, edits, attach, confirmations, and undo of all of it."""
    dice, day = random.Random(seed), Office(keep)
    for number in range(3):
        name, start = f"H{number}", 200 * number
        day.session(name, dice.choice(["60s", "60s+1L", "3L"]), finish=dice.choice(["leader", "individual"]))
        _try(day, start + 1, name, "stage")
        _try(day, start + 2, name, dice.choice(["green", "countdown"]))
        crossings = []
        for kart in KARTS:
            at_s = start + dice.uniform(3, 8)
            while at_s < start + 170:
                crossings.append((at_s + dice.choice([0, 0, 0, 0.4, 25, 60]), at_s, kart))
                at_s += dice.uniform(18, 26)
        for came_s, at_s, kart in sorted(crossings):
            if dice.random() < 0.35:
                _act(day, dice, came_s, dice.choice([name] * 4 + list(day.made)), start)
            day.cross(at_s, kart if dice.random() < 0.9 else None, came_s=came_s, transponder=f"t{kart}")
        _try(day, start + 175, name, "finish")
        for second in range(8):
            _act(day, dice, start + 180 + second, dice.choice(list(day.made)), start)
        _try(day, start + 190, name, dice.choice(["confirm", "amend", "finish"]))
    return day


ACTS = ("undo", "undo", "redo", "attach", "stage", "green", "red", "resume", "finish", "confirm", "amend", "void_lap",
        "split_lap", "merge_laps", "swap_kart", "tap", "move_laps", "restart", "set", "ignore_crossing")


def _act(day: Office, dice: random.Random, at_s: float, session: str, start: float) -> None:
    heat, name = day.made[session].heat, dice.choice(ACTS)
    kart = dice.choice(KARTS)
    lap = {"kart": kart, "lap": dice.randint(1, max(1, len(heat.entries[kart].laps) if kart in heat.entries else 1))}
    args = {"swap_kart": {"from": kart, "to": dice.choice(KARTS), "since": dice.choice(["now", "start"])},
            "tap": {"kart": kart}, "move_laps": {"from": kart, "to": dice.choice(KARTS)},
            "restart": {"laps": dice.choice(["keep", "void"])}, "set": {"min_lap_s": dice.choice([5, 15])}}.get(name)
    if name in ("undo", "redo"):
        try:
            act = (day.acts.to_undo if name == "undo" else day.acts.to_redo)(session if dice.random() < 0.7 else None)
        except Refused:
            return
        if _free(day, name, act):
            day.turn(at_s, name, act)
    elif name == "attach":
        if heat.state in LIVE:
            day.attach(at_s, session, max(start - 20, at_s - 60))
    else:
        _try(day, at_s, session, name, **(lap if args is None and "_" in name else args or {}))


def _free(day: Office, name: str, act: Act) -> bool:
    """What the services check: no two heats on one track, and attached passings that still are nobody's."""
    course = day.venue.course(act.session or "")
    assert course is not None
    if name == "redo" and act.name == "attach":
        whose = day.whose()
        now = [whose[seq] for seq, *_ in act.body.args["crossings"]]
        if any(session not in (None, act.session) and verdict != "late" for session, verdict in now):
            return False
    args = {"of": act.seq, **({"made": True} if act.kind == "session" else {})}
    after = course.session.after(Order(1 << 39, course.heat.last_us, name, "Ada", args))
    return after.state not in LIVE or course.heat.state in LIVE or not day.venue.live


def _try(day: Office, at_s: float, session: str, name: str, **args: Any) -> None:
    course = day.venue.course(session)
    if course is None or (name in ("stage", "restart") and day.venue.live and course.heat.state not in LIVE):
        return
    try:
        day.give(max(at_s, (course.heat.last_us - BASE) / 1e6), session, name, **args)
    except (Refused, BadInput):
        return
