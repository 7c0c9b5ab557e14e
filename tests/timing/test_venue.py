"""The whole journal folded: karts, whose passing it is, which session owns it, and what has changed."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import msgspec
import pytest

from tests.timing.race import BASE, us
from trackd.timing.course import rows_of
from trackd.timing.facts import Fact, KartFact, Note, OrderFact, PassingFact, RecordFact, SessionFact, TickFact
from trackd.timing.flags import State
from trackd.timing.formats import Rules, parse_length
from trackd.timing.venue import Venue

KARTS = [str(n) for n in range(1, 5)]


class Day:
    """A journal under way, with the venue that folds it. Times in seconds."""

    def __init__(self, keep: int | None = None) -> None:
        self.venue, self.seq = Venue(keep), count(1)
        self.facts: list[Fact] = []

    def fact(self, at_s: float, kind: str, body: Any, session: str | None = None) -> int:
        fact = Fact(next(self.seq), us(at_s) + BASE, us(at_s) + BASE, kind, session, body)
        self.facts.append(fact)
        self.venue.fold(fact)
        return fact.seq

    def session(self, session_id: str, length: str = "60s", track: str = "main", **rules: Any) -> None:
        made = msgspec.to_builtins(Rules(parse_length(length), **rules))
        spec = SessionFact(session_id, f"Heat {session_id}", made, track, None, [(kart, None) for kart in KARTS])
        self.fact(0, "session", spec, session_id)

    def order(self, at_s: float, session: str, name: str, **args: Any) -> int:
        body = OrderFact(name=name, at=us(at_s) + BASE, by="Ada", args=args)
        return self.fact(at_s, "order", body, session)

    def begin(self, at_s: float, session: str) -> None:
        self.order(at_s, session, "stage")
        self.order(at_s + 1, session, "green")

    def cross(self, at_s: float, kart: str | None, *, track: str = "main", came_s: float | None = None,
              transponder: str | None = None, role: str = "start_finish") -> int:
        body = PassingFact("l", "p3", "1", "p3:1", 0, us(at_s), us(at_s) + BASE, 1, transponder or f"t{kart}", kart,
                           track, role)
        return self.fact(at_s if came_s is None else came_s, "passing", body)

    def laps(self, session: str) -> dict[str, list[float]]:
        entries = self.venue.courses[session].heat.entries.values()
        return {entry.kart: [lap.time_us / 1e6 for lap in entry.laps] for entry in entries if entry.laps}


def test_karts_wear_transponders_until_they_change():
    day = Day()
    day.fact(0, "kart", KartFact("7", "adult", ["a", "b"]))
    day.fact(1, "kart", KartFact("8", None, ["c"]))
    assert day.venue.owner == {"a": "7", "b": "7", "c": "8"}
    day.venue.take_changes()
    day.fact(2, "kart", KartFact("7", "kids", ["b", "d"]))
    assert day.venue.owner == {"b": "7", "d": "7", "c": "8"}
    changes = day.venue.take_changes()
    assert changes.worn == [(3, "a", None), (3, "d", "7")]
    assert changes.karts["7"].kart_class == "kids"
    day.fact(3, "kart", KartFact("7", gone=True))
    assert day.venue.owner == {"c": "8"}
    assert "7" not in day.venue.karts
    gone = day.venue.take_changes()
    assert (gone.karts, gone.worn, gone.seq) == ({"7": None}, [(4, "b", None), (4, "d", None)], 4)


def test_passings_go_to_the_session_of_their_track():
    day = Day()
    day.session("A")
    day.session("B", track="kids")
    day.begin(1, "A")
    day.begin(1, "B")
    for at_s in (10, 40):
        day.cross(at_s, "1")
        day.cross(at_s + 1, "2", track="kids")
        nowhere = day.cross(at_s + 2, "3", track="elsewhere")
    assert (day.laps("A"), day.laps("B")) == ({"1": [30]}, {"2": [30]})
    assert day.venue.take_changes().verdicts[-1] == (nowhere, None, "3", "unassigned")


def test_a_passing_without_a_session_is_unassigned_and_one_for_an_ended_session_is_late():
    day = Day()
    day.cross(1, "1")
    day.session("A")
    day.begin(5, "A")
    for at_s in (10, 40, 70):
        day.cross(at_s, "1")
    day.cross(90, "1")
    assert day.venue.live == {}
    assert [(s, v) for _, s, _, v in day.venue.take_changes().verdicts] == [
        (None, "unassigned"), ("A", "opened"), ("A", "counted"), ("A", "counted"), ("A", "late")]


def test_a_passing_that_comes_late_goes_to_the_session_it_belongs_to_even_when_the_next_is_on():
    day = Day()
    day.session("A", grace_us=us(20))
    day.session("B")
    day.begin(1, "A")
    for at_s in (10, 70):
        day.cross(at_s, "1")
    day.fact(90, "tick", TickFact(us(83) + BASE), "A")
    assert day.venue.courses["A"].heat.state is State.PROVISIONAL
    day.begin(100, "B")
    day.cross(110, "1")
    day.venue.take_changes()
    day.cross(40, "1", came_s=111)
    assert day.laps("A") == {"1": [30, 30]}
    assert day.laps("B") == {}
    assert list(day.venue.take_changes().again) == ["A"]
    day.cross(145, "1")
    assert day.laps("B") == {"1": [35]}


def test_an_ended_session_that_opens_again_by_a_late_bind_does_not_take_the_track_from_the_one_that_is_on():
    day = Day()
    day.session("A")
    day.session("B")
    day.begin(1, "A")
    for at_s, kart in ((10, "1"), (12, None), (44, None), (70, "1")):
        day.cross(at_s, kart, transponder=None if kart else "x")
    assert day.venue.courses["A"].heat.state is State.PROVISIONAL
    day.begin(72, "B")
    day.order(74, "A", "bind", kart="2", transponder="x", since="start")      # kart 2 was out: A waits for it again
    assert day.venue.courses["A"].heat.state is State.FINISHING
    assert day.venue.live == {"main": "B"}
    day.cross(80, "1")
    day.fact(200, "tick", TickFact(us(200) + BASE), "A")
    assert day.venue.courses["A"].heat.state is State.PROVISIONAL
    assert day.venue.live == {"main": "B"}
    day.cross(112, "1")
    assert (day.laps("A"), day.laps("B")) == ({"1": [60], "2": [32]}, {"1": [32]})
    day.order(300, "B", "finish")
    assert day.venue.latest == {"main": "B"}
    assert day.venue.live == {}


def test_an_older_session_that_ends_again_is_not_the_latest_of_its_track():
    day = Day()
    for name in "AB":
        day.session(name, grace_us=us(400))
    day.begin(1, "A")
    for at_s, kart in ((10, "1"), (12, None), (70, "1")):
        day.cross(at_s, kart, transponder=None if kart else "x")
    day.begin(72, "B")
    day.order(80, "B", "finish")
    day.order(90, "A", "bind", kart="2", transponder="x", since="start")
    assert day.venue.live == {"main": "A"}, "the track is free and A waits for kart 2"
    day.order(100, "A", "finish")
    assert (day.venue.live, day.venue.latest) == ({}, {"main": "B"})


def test_binding_since_the_start_gives_all_laps_and_counts_each_verdict_anew():
    day = Day()
    day.session("A", "8m")
    day.begin(1, "A")
    seqs = [day.cross(at_s, None, transponder="new") for at_s in (10, 41, 73)]
    assert [v for *_, v in day.venue.take_changes().verdicts] == ["unassigned"] * 3
    day.order(80, "A", "bind", kart="2", transponder="new", since="start")
    assert day.laps("A") == {"2": [31, 32]}
    again = day.venue.take_changes().again["A"]
    assert [again.session.verdicts[seq].value for seq in seqs] == ["opened", "counted", "counted"]
    assert [again.session.holders[seq] for seq in seqs] == ["2", "2", "2"]


def test_passings_from_between_sessions_can_be_attached_to_the_next():
    day = Day()
    crossings = []
    for at_s in (10, 40, 72):
        seq = day.cross(at_s, "1")
        crossings.append([seq, us(at_s) + BASE, "t1", "1", "start_finish", "p3:1/0"])
    day.session("A", "8m")
    day.begin(80, "A")
    day.order(85, "A", "attach", from_us=us(0) + BASE, crossings=crossings)
    day.cross(105, "1")
    assert day.laps("A") == {"1": [30, 32, 33]}
    assert [(lap.seq, entry.kart) for entry, lap in rows_of(day.venue.courses["A"])] == [(2, "1"), (3, "1"), (8, "1")]


def test_changes_name_each_verdict_lap_and_session_once_and_then_are_taken():
    day = Day()
    day.session("A", "8m")
    day.begin(1, "A")
    seqs = [day.cross(at_s, "1") for at_s in (10, 40)]
    changes = day.venue.take_changes()
    assert changes.verdicts == [(seqs[0], "A", "1", "opened"), (seqs[1], "A", "1", "counted")]
    assert [(s, e.kart, lap.number) for s, e, lap in changes.laps] == [("A", "1", 1)]
    assert (list(changes.touched), changes.again, changes.seq) == (["A"], {}, seqs[1])
    empty = day.venue.take_changes()
    assert (empty.verdicts, empty.laps, empty.touched, empty.seq) == ([], [], {}, seqs[1])


def test_an_official_session_rests_and_its_late_passings_belong_to_nobody():
    day = Day()
    day.session("A")
    day.begin(1, "A")
    day.order(5, "A", "finish")
    day.order(6, "A", "confirm")
    assert (day.venue.courses, day.venue.latest) == ({}, {})
    day.cross(7, "1")
    assert day.venue.take_changes().verdicts[-1][1:] == (None, "1", "unassigned")


def test_only_so_many_ended_sessions_stay_in_memory_and_never_one_that_may_get_late_passings():
    day = Day(keep=2)
    day.session("kids", track="kids")
    day.begin(1, "kids")
    day.order(3, "kids", "finish")
    for number in range(6):
        day.session(f"S{number}")
        day.begin(10 * number + 10, f"S{number}")
        day.order(10 * number + 15, f"S{number}", "finish")
    assert {"kids", "S5"} <= set(day.venue.courses)
    assert len(day.venue.courses) <= 4
    seq = day.cross(64, "1", came_s=70)
    assert day.venue.courses["S5"].session.verdicts[seq].value == "opened"


def test_formats_layouts_and_notes_change_nothing_but_themselves():
    day = Day()
    day.fact(1, "format", RecordFact("f1", "Sprint", {"format": "8m"}))
    day.fact(2, "layout", RecordFact("l1", "Long", {"properties": {}}))
    day.fact(3, "gap", Note({"first": 1}))
    changes = day.venue.take_changes()
    assert (list(day.venue.formats), list(day.venue.layouts), list(changes.records)) == (
        ["f1"], ["l1"], [("format", "f1"), ("layout", "l1")])
    assert day.venue.seq == 3


def a_day(seed: int, keep: int | None = None) -> Day:
    """Three heats on two tracks with losses, late arrivals, flags, unknown transponders and binds, by a seed."""
    dice, day = random.Random(seed), Day(keep)
    for number in range(3):
        name, track, start = f"H{number}", dice.choice(["main", "kids"]), 200 * number
        day.session(name, dice.choice(["60s", "60s+1L", "3L"]), track, finish=dice.choice(["leader", "individual"]),
                    ranking=dice.choice(["best_lap", "position"]))
        day.begin(start + 1, name)
        crossings = []
        for kart in KARTS:
            at_s = start + dice.uniform(3, 8)
            while at_s < start + 150:
                crossings.append((at_s + dice.choice([0, 0, 0, 0.4, 25]), at_s, kart))
                at_s += dice.uniform(18, 26)
        for came_s, at_s, kart in sorted(crossings):
            if dice.random() < 0.05:
                kart_order = dice.choice(["yellow", "green", "red", "resume", "white"])
                day.order(came_s, name, kart_order)
            if dice.random() < 0.03:
                day.order(came_s, name, "bind", kart="1", transponder="x", since=dice.choice(["start", "now"]))
            day.cross(at_s, kart if dice.random() < 0.9 else None, track=track, came_s=came_s,
                      transponder=dice.choice(["x", f"t{kart}"]))
        day.fact(start + 180, "tick", TickFact(us(start + 180) + BASE), name)
        day.order(start + 190, name, "finish")
    return day


@pytest.mark.parametrize("seed", range(8))
def test_folding_the_journal_anew_gives_the_same_venue(seed):
    day = a_day(seed)
    again, frozen = Venue(), [msgspec.convert(msgspec.to_builtins(fact.body), type(fact.body)) for fact in day.facts]
    for fact, body in zip(day.facts, frozen, strict=True):
        again.fold(msgspec.structs.replace(fact, body=body))
    assert {k: (c.heat, c.session.verdicts, c.seq) for k, c in again.courses.items()} == {
        k: (c.heat, c.session.verdicts, c.seq) for k, c in day.venue.courses.items()}
    assert (again.live, again.latest, again.owner) == (day.venue.live, day.venue.latest, day.venue.owner)


@pytest.mark.parametrize("seed", range(8))
def test_what_the_changes_told_one_by_one_is_what_the_sessions_hold_at_the_end(seed):
    """Rows written after every fact and rows written once at the end are the same rows."""
    whole = a_day(seed)
    venue, verdicts, laps = Venue(), {}, {}
    for fact in whole.facts:
        venue.fold(fact)
        changes = venue.take_changes()
        for session_id, course in changes.again.items():
            laps = {seq: row for seq, row in laps.items() if row[0] != session_id}
            holders = course.session.holders
            verdicts |= {seq: (session_id, v.value) for seq, v in course.session.verdicts.items()}
            laps |= {lap.seq: (session_id, entry.kart, lap) for entry, lap in rows_of(course)}
            assert set(holders) == set(course.session.verdicts)
        for seq, session_id, _, verdict in changes.verdicts:
            verdicts[seq] = (session_id, verdict)
        laps |= {lap.seq: (s, e.kart, lap) for s, e, lap in changes.laps}
    passings = {fact.seq for fact in whole.facts if fact.kind == "passing"}
    assert set(verdicts) == passings, "every passing has one verdict"
    held = {seq: (s, v.value) for s, c in whole.venue.courses.items() for seq, v in c.session.verdicts.items()}
    assert {seq: each for seq, each in verdicts.items() if each[0] is not None} == held
    assert laps == {lap.seq: (s, entry.kart, lap) for s, c in whole.venue.courses.items() for entry, lap in rows_of(c)}
