"""A timekeeper and a track drawn by a seed, and what must hold of a session whatever they do."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from tests.timing.race import BASE, Race, us
from trackd.core.errors import BadInput, Refused
from trackd.timing import finish
from trackd.timing.cases import cases
from trackd.timing.events import LINE, Crossing, Order, Verdict
from trackd.timing.flags import Flag, State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.resolve import BEGUN
from trackd.timing.session import Session
from trackd.timing.standings import standings

KARTS = ["1", "2", "3"]
EDITS = ["void_lap", "insert_crossing", "insert_crossing", "split_lap", "merge_laps", "ignore_crossing", "count_crossing",
         "count_crossing", "move_laps", "shift_crossing", "tap", "tap", "set_start", "set_finish", "set", "swap_kart"]
OTHERS = ["penalty", "lift", "kart_flag", "restart", "reinstate", "accept", "dismiss", "leave", "join", "bind", "assign",
          "incident", "set", "swap_kart"]
OVER = (State.PROVISIONAL, State.OFFICIAL)
FLAGS = {
    State.SCHEDULED: {Flag.NONE}, State.STAGED: {Flag.NONE}, State.PAUSED: {Flag.RED}, State.VOID: set(Flag),
    State.RUNNING: {Flag.GREEN, Flag.YELLOW, Flag.WHITE}, State.FINISHING: {Flag.WHITE, Flag.CHEQUERED},
    State.PROVISIONAL: {Flag.CHEQUERED}, State.OFFICIAL: {Flag.CHEQUERED},
}


class Control(Race):
    """Race control on a busy day: ``act`` does one thing, drawn so that most are possible. The heat has gone green."""

    def __init__(self, seed: int, length: str | None = None, **rules: Any) -> None:
        dice = self.dice = random.Random(seed)
        drawn = {"ranking": dice.choice(["best_lap", "position"]), "finish": dice.choice(["individual", "leader"]),
                 "start": dice.choice(["green", "green", "first_crossing"]), "sectors": dice.choice([0, 1]),
                 "first_lap": dice.choice(["from_crossing", "from_crossing", "from_green"]), "min_lap_s": 8,
                 "hold_off_us": dice.choice([0, None, us(10)]), "max_lap_s": dice.choice([45, 90]),
                 "grace_us": dice.choice([None, us(15)])}
        length = length or dice.choice(["60s", "120s", "120s+1L", "4m", "5L", "8L", "20L", "60s+1L"])
        super().__init__(length, KARTS, green=False, **drawn | rules)
        self.at_s = 2.0
        self.due = {kart: dice.uniform(3, 9) for kart in [*KARTS, "4"]}
        self.given: list[Order] = []
        self.kinds: set[str] = set()
        self.refused = 0
        self.order(1, "stage")
        self.order(2, *dice.choice([("green",), ("green",), ("countdown",)]))

    def act(self) -> None:
        """A passing or an order. An order that is refused is not given, and time goes on."""
        if self.dice.random() < 0.6:
            self._pass()
            return
        self.at_s += self.dice.uniform(0.05, 2)
        name, args = self._drawn()
        try:
            self.order(self.at_s, name, **args)
        except (Refused, BadInput):
            self.refused += 1

    def order(self, at_s: float, name: str, **args: Any) -> int:
        seq = super().order(at_s, name, **args)
        given = self.events[-1]
        assert isinstance(given, Order)
        self.given.append(given)
        self.kinds.add(name)
        return seq

    def undo_all(self) -> None:
        """Take everything back, newest first."""
        for seq in reversed([act.seq for act in self.acts.all.values() if not act.undone]):
            self.at_s += 0.1
            super().order(self.at_s, "undo", of=seq)

    def _pass(self) -> None:
        dice = self.dice
        kart = min(self.due, key=self.due.__getitem__)
        at_s = self.due[kart]
        self.at_s = max(self.at_s + 0.002, at_s)            # no two things happen in the same microsecond
        self.due[kart] = at_s + dice.choice([dice.uniform(9, 14)] * 4 + [dice.uniform(1, 8), dice.uniform(18, 30)])
        if dice.random() < 0.06:
            return                                          # a missed read
        if dice.random() < 0.1:
            self.tick(self.at_s - 0.001)
        if dice.random() < 0.8:
            at_s = self.at_s                                # else it comes late
        role = dice.choice([LINE] * 12 + ["sector:1"] * 3 + ["pit_in", "pit_out"])
        known = dice.random() < 0.95
        self.cross(round(at_s, 6), kart if known else None, role, transponder=f"t{kart}" if known else "x",
                   epoch=dice.choice(["a/0"] * 15 + ["a/1"]))

    def _drawn(self) -> tuple[str, dict[str, Any]]:
        state, dice = self.heat.state, self.dice
        flags = {State.SCHEDULED: ["stage"], State.STAGED: ["green", "green", "countdown", "abort"],
                 State.RUNNING: ["yellow", "green", "red", "white", "red", "chequered"],
                 State.PAUSED: ["resume", "green", "resume", "countdown", "abort", "finish"],
                 State.FINISHING: ["finish"], State.PROVISIONAL: ["confirm"], State.OFFICIAL: ["amend"]}.get(state, [])
        if state not in (State.RUNNING, State.FINISHING, State.PROVISIONAL) and dice.random() < 0.6:
            return self._args(dice.choice(flags))
        if dice.random() < 0.1:
            return self._args(dice.choice(flags))
        if dice.random() < 0.2:
            return self._turn()
        if state not in BEGUN:
            return self._args(dice.choice(["join", "leave", "swap_kart", "set", "bind", "assign"]))
        return self._args(dice.choice(EDITS) if dice.random() < 0.7 else dice.choice(OTHERS))

    def _turn(self) -> tuple[str, dict[str, Any]]:
        name = self.dice.choice(["undo", "undo", "redo"])
        which = self.dice.choice([None, None, self.dice.choice(self.given).seq])
        try:
            act = self.acts.to_undo("heat", which) if name == "undo" else self.acts.to_redo("heat", which)
        except Refused:
            return "abort", {}
        return name, {"of": act.seq}

    def _args(self, name: str) -> tuple[str, dict[str, Any]]:
        dice, heat = self.dice, self.heat
        kart = dice.choice([*heat.entries, "5"])
        entry = heat.entries.get(kart)
        laps = entry.laps if entry else ()
        lap = {"kart": kart, "lap": dice.randint(1, max(1, len(laps)))}
        since = {"since": dice.choice(["start", "now"])}
        passing = {"passing": dice.choice(list(self.session.verdicts) or [1])}
        in_lap_us = (dice.choice(laps).start_us - (heat.start_us or 0) if laps else 0) + us(dice.uniform(-5, 30))
        drawn: dict[str, Callable[[], dict[str, Any]]] = {
            "void_lap": lambda: lap, "merge_laps": lambda: lap, "tap": lambda: {"kart": kart},
            "insert_crossing": lambda: {"kart": kart, "at_us": in_lap_us},
            "split_lap": lambda: {**lap, "parts": dice.choice([2, 3])},
            "ignore_crossing": lambda: dice.choice([lap, passing]),
            "count_crossing": lambda: {"passing": self._uncounted()},
            "move_laps": lambda: {"from": kart, "to": dice.choice(KARTS), "laps": dice.choice([None, [1], [lap["lap"]]])},
            "shift_crossing": lambda: {**lap, "by_us": us(dice.uniform(-3, 3))},
            "set_start": lambda: dice.choice([{"at_us": us(dice.uniform(-8, 15))}, passing]),
            "set_finish": lambda: dice.choice([lap, passing]),
            "set": lambda: dice.choice([{"duration": dice.choice(["30s", "60s", "120s", "4L", "90s+1L"])},
                                        {"min_lap_s": dice.choice([4, 8, 11])},
                                        {"finish": dice.choice(["leader", "individual"])}]),
            "penalty": lambda: {"kart": kart, "kind": dice.choice(["time", "laps", "lap", "positions", "dsq"]), "value": 1},
            "lift": lambda: {"penalty": next((p.seq for e in heat.entries.values() for p in e.penalties), 1)},
            "kart_flag": lambda: {"kart": kart, "flag": dice.choice(["black", "none"])},
            "restart": lambda: {"laps": dice.choice(["keep", "void"])},
            "reinstate": lambda: {"attempt": dice.choice([each.attempt for each in heat.attempts] or [1])},
            "leave": lambda: {"kart": kart}, "join": lambda: {"kart": dice.choice(["4", "5", kart]), **since},
            "swap_kart": lambda: {"from": kart, "to": dice.choice([*KARTS, "4", "5"]), **since},
            "bind": lambda: {"kart": kart, "transponder": dice.choice(["x", "t4"]), **since},
            "assign": lambda: {"drivers": [[kart, f"driver-{self.at_s:.0f}"]]},
            "incident": lambda: {"karts": [], "text": "Contact"},
            "countdown": lambda: {"seconds": dice.choice([1, 3, 8]), "hold_us": us(dice.choice([0, 0.7]))},
        }
        if name in ("accept", "dismiss"):
            return name, {"proposal": dice.choice([case.id for case in cases(heat, us(self.at_s) + BASE)] or ["none"])}
        return name, drawn[name]() if name in drawn else {}

    def _uncounted(self) -> int:
        """A passing that did not count."""
        counted = (Verdict.COUNTED, Verdict.OPENED)
        return self.dice.choice([seq for seq, verdict in self.session.verdicts.items() if verdict not in counted] or [1])


# --- what must hold --------------------------------------------------------------------------------------------------


def sound(session: Session) -> None:
    """No impossible state."""
    heat = session.heat
    _sound_heat(heat, session)
    for each in heat.attempts:
        assert each.attempts == ()
        assert each.green_us is not None, "an attempt that never began is none"
        assert each.go_us is None, "nothing counts down in an attempt that was put away"
        _sound_heat(each, session)
    numbers = [heat.attempt, *(each.attempt for each in heat.attempts)]
    assert len(set(numbers)) == len(numbers), numbers
    given_up = {each[0] for e in session.log if isinstance(e, Order) and e.name == "attach" for each in e.args["crossings"]}
    read = {event.seq for event in session.log if isinstance(event, Crossing)}
    assert read - (given_up - session.attached.keys()) <= set(session.verdicts), "every passing has a verdict"
    assert set(session.verdicts) == set(session.holders) == {e.seq for e in session.laid() if isinstance(e, Crossing)}
    rows = standings(heat)
    assert len(rows) == len(heat.entries)
    placed = [row.position for row in rows if row.position is not None]
    assert placed == sorted(placed)
    cases(heat, heat.last_us)


def _sound_heat(heat: Heat, session: Session) -> None:
    assert heat.flag in FLAGS[heat.state], (heat.state, heat.flag)
    _spans(heat.pauses)
    _spans(heat.yellows)
    stands = bool(heat.pauses) and heat.pauses[-1][1] is None
    put_away = heat is not session.heat
    assert stands == (heat.state is State.PAUSED or (heat.state is State.STAGED and heat.green_us is not None)
                      or (put_away and heat.state is State.RUNNING)), (heat.state, heat.pauses)
    slow = bool(heat.yellows) and heat.yellows[-1][1] is None
    assert slow == (heat.state is State.RUNNING and heat.flag is Flag.YELLOW and not put_away), heat.yellows
    assert (heat.chequered_us is not None) == (heat.state in (State.FINISHING, *OVER))
    assert (heat.ended_us is not None) == (heat.state in OVER)
    assert (heat.grace_end_us is not None) or heat.state is not State.FINISHING
    if heat.ended_us is not None:
        assert heat.chequered_us is not None
        assert heat.chequered_us <= heat.ended_us <= heat.last_us
    assert heat.go_us is None or heat.state in (State.STAGED, State.PAUSED)
    assert (heat.go_us is None) == (heat.countdown_us is None)
    assert (heat.green_us is not None) == (heat.counts_from_us is not None) or heat.state in (State.SCHEDULED, State.STAGED)
    if heat.state in (State.RUNNING, State.PAUSED, State.FINISHING):
        assert heat.green_us is not None
    up_us = finish.time_up(heat)
    if heat.state is State.RUNNING and heat.rules.finish == "individual" and up_us is not None and not heat.finish_seq:
        assert put_away or up_us >= heat.last_us, "time was up and nobody noticed"
    ids = [entry.id for entry in heat.entries.values()]
    assert len(set(ids)) == len(ids)
    for kart, entry in heat.entries.items():
        assert kart == entry.kart
        _sound_entry(heat, entry, session)


def _spans(spans: tuple[tuple[int, int | None], ...]) -> None:
    assert all(stop is not None and start <= stop for start, stop in spans[:-1]), spans
    assert all(stop is None or start <= stop for start, stop in spans), spans
    assert all(a[1] is not None and a[1] <= b[0] for a, b in pairwise(spans)), spans


def _sound_entry(heat: Heat, entry: Entry, session: Session) -> None:
    laps, struck = entry.laps, entry.struck
    assert [lap.number for lap in laps] == list(range(1, len(laps) + 1))
    every = sorted((*laps, *struck), key=lambda lap: lap.end_us)
    assert len({lap.seq for lap in every}) == len(every)
    for lap in every:
        assert lap.time_us > 0
        assert session.verdicts[lap.seq] is Verdict.COUNTED
        assert lap.verdict == "void" if lap in struck else True
        assert len(lap.sectors) == (heat.rules.sectors + 1 if heat.rules.sectors else 0)
    for before, after in pairwise(every):
        assert before.end_us <= after.start_us
        assert before.end_us == after.start_us or _begun_anew(heat, after), "laps follow each other"
    if every and entry.opened_us is not None:
        assert every[-1].end_us <= entry.opened_us
    assert list(entry.bests) == sorted((lap.time_us, lap.end_us, lap.number) for lap in laps if lap.ranks)
    assert list(entry.by_hand) == sorted((lap.time_us, lap.end_us, lap.number) for lap in laps if lap.ranks_by_hand)
    for lap in laps:
        if lap.ranks:
            assert lap.source in ("loop", "gps"), "a synthetic lap is never a best"
            assert lap.time_us >= heat.rules.min_lap_us or "set" in {e.name for e in session.log if isinstance(e, Order)}
    if entry.finished_us is not None:
        assert heat.state in (State.FINISHING, *OVER), "nobody finishes a heat that runs"
        assert all(lap.end_us <= entry.finished_us for lap in every), "no lap after the flag"
    assert (entry.pit == "in") <= (bool(entry.pits) and entry.pits[-1][1] is None)
    assert all(stop is None or start <= stop for start, stop in entry.pits)


def _begun_anew(heat: Heat, lap: Lap) -> bool:
    """After a restart that kept its laps, or behind laps that were given to another kart."""
    mark = heat.marks.get(lap.start_seq)
    return (mark is not None and mark.opens) or any(start <= lap.start_us for start, _ in heat.pauses)


def timeless(heat: Heat) -> Heat:
    """The heat, but for how much time has passed in it: orders that were taken back still say that."""
    return replace(heat, last_us=0, barrier_us=0, attempts=tuple(timeless(each) for each in heat.attempts))


def twin(session: Session) -> Session:
    """A session that can go its own way."""
    return Session(session.start, session.heat, list(session.log), dict(session.verdicts), dict(session.holders))


def told(session: Session) -> tuple[Any, ...]:
    """All that is derived of a session."""
    return session.heat, session.verdicts, session.holders
