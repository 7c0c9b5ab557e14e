"""Undo across sessions: whose a passing is once a staging, an attach, a confirmation or a session is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.timing.control import sound
from tests.timing.office import Office, a_busy_day
from trackd.timing import clock
from trackd.timing.course import Course, rows_of
from trackd.timing.flags import State
from trackd.timing.laps import Entry, Lap
from trackd.timing.session import Session


def two_heats() -> Office:
    """A is over, kart 1 comes round once more, and B is made."""
    day = Office()
    day.session("A", "60s")
    day.begin(1, "A")
    for at_s in (5, 35, 65):
        day.cross(at_s, "1")
    assert day.venue.courses["A"].heat.state is State.PROVISIONAL
    day.session("B", "8m")
    return day


def test_undo_of_a_staging_gives_what_was_heard_since_to_the_session_before_and_redo_takes_it_back():
    day = two_heats()
    stage = day.order(100, "B", "stage")
    seq = day.cross(110, "1")
    assert day.whose()[seq] == ("B", "neutral")
    day.undo(120)
    assert day.whose()[seq] == ("A", "late")
    assert day.venue.live == {}
    day.redo(130, of=stage)
    assert day.whose()[seq] == ("B", "neutral")
    day.order(131, "B", "green")
    day.cross(140, "1")
    day.cross(170, "1")
    assert day.laps("B") == {"1": [30]}


def test_undo_of_a_staging_in_a_track_without_a_session_before_keeps_the_passings_for_the_redo():
    day = Office()
    day.session("B", "8m")
    day.begin(1, "B")
    seqs = [day.cross(at_s, "1") for at_s in (10, 40)]
    day.undo(50)
    day.undo(51)
    assert day.venue.courses["B"].heat.state is State.SCHEDULED
    assert {day.whose()[seq] for seq in seqs} == {("B", "neutral")}
    lost = day.cross(60, "1")
    assert day.whose()[lost] == (None, "unassigned")
    day.redo(70)
    day.redo(71)
    assert day.laps("B") == {"1": [30]}


def test_a_session_taken_back_to_before_its_staging_hands_late_passings_to_the_one_before_it_again():
    """Staged, run, ended by mistake, and all of it taken back: what was heard meanwhile is A's, as if B had never been."""
    day = two_heats()
    day.begin(100, "B")
    seqs = [day.cross(at_s, "1") for at_s in (110, 140)]
    day.order(150, "B", "finish")
    assert day.venue.latest == {"main": "B"}
    day.undo(151)
    assert day.venue.latest == {"main": "A"}
    late = day.cross(95, "2", came_s=152)
    assert day.whose()[late][0] == "A"
    day.undo(153)
    day.undo(154)
    assert [day.whose()[seq] for seq in seqs] == [("A", "late")] * 2
    after = day.cross(160, "1")
    assert day.whose()[after] == ("A", "late")


def test_undo_of_attach_gives_the_passings_back_and_redo_takes_them_again_also_once_the_session_was_loaded_anew():
    day = two_heats()
    seqs = [day.cross(at_s, "1") for at_s in (80, 110)]
    day.begin(130, "B")
    day.cross(140, "1")
    assert [day.whose()[seq] for seq in seqs] == [("A", "late")] * 2
    attach = day.attach(145, "B", 70)
    assert day.laps("B") == {"1": [30, 30]}
    assert day.laps("A") == {"1": [30, 30]}
    day.undo(150, "B")
    assert [day.whose()[seq] for seq in seqs] == [("A", "late")] * 2
    assert day.laps("B") == {}
    course = day.venue.courses["B"]                 # the appliance starts again: the store gives what is B's by its rows
    rows = [e for e in course.session.log if e.seq not in seqs]
    course.session = Session.of(course.session.start, rows)
    day.redo(160, "B", of=attach)
    assert day.laps("B") == {"1": [30, 30]}
    assert [day.whose()[seq][0] for seq in seqs] == ["B", "B"]
    day.undo(170, "B")
    again = day.attach(180, "B", 70)
    assert again
    assert day.laps("B") == {"1": [30, 30]}, "attached anew, without the redo"


def test_attached_passings_stay_out_of_it_when_a_staging_is_taken_back():
    day = two_heats()
    seqs = [day.cross(at_s, "1") for at_s in (80, 110)]
    day.order(130, "B", "stage")
    day.attach(131, "B", 70)
    assert [day.whose()[seq][0] for seq in seqs] == ["B", "B"]
    heard = day.cross(135, "2")
    day.undo(140, "B")
    day.undo(141, "B")
    assert [day.whose()[seq] for seq in (*seqs, heard)] == [("A", "late")] * 2 + [("A", day.whose()[heard][1])]
    day.redo(150, "B")
    day.redo(151, "B")
    assert [day.whose()[seq][0] for seq in (*seqs, heard)] == ["B"] * 3


def test_a_session_whose_making_is_taken_back_is_void_takes_no_passing_and_is_scheduled_again_by_redo():
    day = two_heats()
    late = day.cross(90, "1")
    day.undo(100, "B")
    assert day.made["B"].heat.state is State.VOID
    assert day.whose()[late] == ("A", "late"), "a session that is made void takes nothing along"
    assert "B" not in day.venue.courses
    day.redo(110, "B")
    assert day.venue.courses["B"].heat.state is State.SCHEDULED
    day.begin(120, "B")
    day.cross(130, "1")
    day.cross(160, "1")
    assert day.laps("B") == {"1": [30]}


@pytest.mark.parametrize("keep", [None, 1])
def test_an_official_result_is_amended_confirmed_and_taken_back_also_while_others_run(keep):
    day = Office(keep)
    for name, at_s in (("A", 0), ("B", 200), ("C", 400)):
        day.session(name, "60s")
        day.begin(at_s + 1, name)
        for each in (5, 35, 65):
            day.cross(at_s + each, "1")
        day.order(at_s + 100, name, "confirm")
    day.session("D", "8m")
    day.begin(600, "D")
    day.give(601, "A", "amend", reason="Protest")
    day.give(602, "A", "void_lap", kart="1", lap=1)
    day.give(603, "A", "confirm")
    changes = day.venue.take_changes()
    assert [(key, len(heat.entries["1"].laps)) for key, (_, heat) in changes.confirmed.items() if key[0] == "A"] == [
        (("A", 1), 2), (("A", 2), 1)]
    assert ("A" in day.venue.courses, day.venue.live) == (False, {"main": "D"})
    day.undo(604, "A")
    assert (day.made["A"].heat.state, day.made["A"].heat.version) == (State.PROVISIONAL, 1)
    day.undo(605, "A")
    day.undo(606, "A")
    assert (day.made["A"].heat.state, len(day.made["A"].heat.entries["1"].laps)) == (State.OFFICIAL, 2)
    assert day.venue.live == {"main": "D"}
    seq = day.cross(610, "1")
    assert day.whose()[seq] == ("D", "opened")


def test_A21_passings_attached_to_a_heat_that_waits_for_green_count_but_end_nothing():
    day = Office()
    for at_s in (5, 35, 65, 95):
        day.cross(at_s, "1")
    day.session("B", "3L", finish="leader")
    day.order(100, "B", "stage")
    day.attach(101, "B", 0)
    assert (day.venue.courses["B"].heat.state, day.laps("B")) == (State.STAGED, {"1": [30, 30, 30]})
    day.order(110, "B", "green")
    day.cross(125, "1")
    assert (day.venue.courses["B"].heat.state, day.laps("B")) == (State.PROVISIONAL, {"1": [30, 30, 30, 30]})


def test_rows_told_of_before_are_written_again_when_a_restart_moves_them_on_the_session_clock():
    day = Office()
    day.session("A", "8m")
    day.begin(1, "A")
    for at_s in (5, 35):
        day.cross(at_s, "1")
    day.order(40, "A", "chequered")
    day.cross(65, "1")
    day.venue.take_changes()
    day.give(70, "A", "restart", laps="keep")
    assert list(day.venue.take_changes().again) == ["A"], "the clock stands since the flag, so lap 2 ended at 0:39"
    day.give(80, "A", "green")
    assert list(day.venue.take_changes().again) == []
    for name, args in (("assign", {"drivers": [["1", "ada"]]}), ("swap_kart", {"from": "1", "to": "2", "since": "start"}),
                       ("restart", {"laps": "void"}), ("reinstate", {"attempt": 1})):
        day.give(90, "A", name, **args)
        assert list(day.venue.take_changes().again) == ["A"], name


# --- drawn -----------------------------------------------------------------------------------------------------------


def rows_as_stored(course: Course) -> dict[int, tuple[Any, ...]]:
    """What the store keeps of each lap."""
    return {lap.seq: row_of(course, entry, lap) for entry, lap in rows_of(course)}


def row_of(course: Course, entry: Entry, lap: Lap) -> tuple[Any, ...]:
    heat = course.heat
    return course.spec.id, entry.id, entry.driver_id, clock.race_time(heat.start_us, heat.pauses, lap.end_us), lap


@pytest.mark.parametrize("seed", range(12))
def test_what_the_changes_told_one_by_one_is_what_the_sessions_hold_at_the_end_with_edits_and_undo_too(seed):
    """Rows written after every fact and rows written once at the end are the same rows, and each passing has one owner."""
    whole = a_busy_day(seed)
    held = whole.whose()
    for course in whole.made.values():
        sound(course.session)
    again, verdicts, laps = Office(), {}, {}
    for fact in whole.facts:
        again.facts.append(fact)
        again.venue.fold(fact)
        again.made |= again.venue.courses
        changes = again.venue.take_changes()
        verdicts |= {seq: (session, verdict) for seq, session, _, verdict in changes.verdicts}
        laps |= {lap.seq: row_of(again.made[session], entry, lap) for session, entry, lap in changes.laps}
        for session, course in changes.again.items():
            read = held.keys() & {event.seq for event in course.session.log}
            verdicts |= {seq: (session, v.value) for seq, v in course.session.verdicts.items() if seq in read}
            laps = {seq: row for seq, row in laps.items() if row[0] != session} | rows_as_stored(course)
    assert verdicts == held
    assert laps == {seq: row for course in whole.made.values() for seq, row in rows_as_stored(course).items()}
    assert {s: (c.heat, c.session.verdicts) for s, c in again.made.items()} == {
        s: (c.heat, c.session.verdicts) for s, c in whole.made.items()}


def test_the_busy_days_tell_of_every_kind_of_turn():
    turned = {day.acts.all[f.body.args["of"]].name for seed in range(12) for day in [a_busy_day(seed)]
              for f in day.facts if f.kind == "order" and f.body.name in ("undo", "redo")}
    assert turned >= {"stage", "attach", "confirm", "amend", "void_lap", "finish", "restart", "session", "tap"}
