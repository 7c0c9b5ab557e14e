"""Countdown, red and resume, restarts that keep or void laps, and attempts that come back (B3, B6, B7, X7, R6)."""

from __future__ import annotations

import pytest

from tests.timing.control import sound, timeless
from tests.timing.race import BASE, Race, us
from trackd.core.errors import Refused
from trackd.timing.events import Order, Tick, Verdict
from trackd.timing.finish import advance
from trackd.timing.flags import Flag, State
from trackd.timing.session import Session

KEEP_OR_VOID = pytest.mark.parametrize("laps", ["keep", "void"])


def race_in(state: State, length: str = "2m", **rules: object) -> Race:
    """Two karts that lap in 40 and 42 s, up to 90 s or beyond, in the state asked for."""
    race = Race(length, 2, min_lap_s=10, **rules)
    race.run(k1="5 45 85", k2="6 48 90")
    if state is State.PAUSED:
        race.order(92, "red")
    elif state in (State.FINISHING, State.PROVISIONAL):
        race.cross(125, "1")
    if state is State.PROVISIONAL:
        race.cross(132, "2")
    assert race.heat.state is state
    return race


# --- countdown -------------------------------------------------------------------------------------------------------


def test_B3_a_countdown_that_is_stopped_returns_to_staged_with_no_laps_and_one_that_runs_out_goes_green():
    race = Race("8m", 1, green=False, min_lap_s=10)
    race.order(0, "stage")
    staged = race.heat
    race.order(1, "countdown", seconds=5, hold_us=us(1.5))
    with pytest.raises(Refused, match="already"):
        race.order(2, "countdown", seconds=5)
    race.order(5, "abort")
    assert race.cross(8, "1") is Verdict.NEUTRAL
    assert (race.heat.state, race.heat.go_us, race.laps()) == (State.STAGED, None, {"1": 0})
    race.tick(20)
    assert race.heat.green_us == staged.green_us is None
    race.order(30, "countdown", seconds=5, hold_us=us(1.5))
    race.tick(36)
    assert race.heat.state is State.STAGED, "zero was at 35; the hold after it is drawn at random"
    race.cross(40, "1")
    assert (race.heat.state, race.since_s(race.heat.green_us)) == (State.RUNNING, 36.5)
    with pytest.raises(Refused, match="No countdown"):
        race.order(41, "abort")


def test_B3_it_is_too_late_to_stop_a_countdown_that_has_run_out_though_nothing_has_said_so_yet():
    race = Race("8m", 1, green=False)
    race.order(0, "stage")
    race.order(1, "countdown", seconds=5)
    with pytest.raises(Refused, match="No countdown"):
        race.order(6, "abort")


def test_B3_a_countdown_taken_back_after_green_leaves_a_staged_heat_and_redo_gives_the_laps_back():
    race = Race("8m", 1, green=False, min_lap_s=10)
    race.order(0, "stage")
    race.order(1, "countdown", seconds=4)
    race.run(k1="10 50")
    race.undo(51)
    assert (race.heat.state, race.laps(), race.heat.green_us) == (State.STAGED, {"1": 0}, None)
    race.redo(52)
    assert race.times("1") == [40]


def test_a_countdown_under_red_resumes_and_a_restart_forgets_it():
    race = race_in(State.PAUSED, "8m")
    race.order(100, "countdown", seconds=10)
    race.tick(105)
    assert race.heat.state is State.PAUSED
    race.tick(111)
    assert (race.heat.state, race.heat.pauses) == (State.RUNNING, ((us(92) + BASE, us(110) + BASE),))
    race.order(120, "red")
    race.order(121, "countdown", seconds=30)
    race.order(122, "restart", laps="void")
    race.tick(160)
    assert race.heat.state is State.STAGED
    race.order(170, "reinstate", attempt=1)
    race.tick(171)
    assert (race.heat.state, race.heat.go_us) == (State.PAUSED, None), "nor does the attempt that comes back count down"


# --- red and resume --------------------------------------------------------------------------------------------------


def test_B6_red_at_4_10_and_resume_two_minutes_later_leave_3_50_of_8_00_and_keep_the_laps():
    race = Race("8m", 1, min_lap_s=10)
    race.run(k1=" ".join(str(5 + 40 * n) for n in range(7)))
    race.order(250, "red")
    assert race.cross(280, "1") is Verdict.NEUTRAL
    assert race.remaining_s(300) == 230
    race.order(370, "resume")
    assert race.remaining_s(370) == 230
    race.run(k1="412")
    assert (race.times("1")[-1], race.entries["1"].laps[-1].verdict) == (167, "red")
    assert race.laps() == {"1": 7}
    race.run(k1="452 492 532 572")
    assert race.heat.state is State.RUNNING
    race.cross(612, "1")
    assert race.since_s(race.heat.chequered_us) == 600
    assert race.heat.state is State.PROVISIONAL
    sound(race.session)


@pytest.mark.parametrize(("hold_off_s", "seconds", "expected"), [
    (None, None, Verdict.NEUTRAL),       # 0.75 of 40 s are 30 s
    (None, 0, Verdict.COUNTED), (0, None, Verdict.COUNTED), (0, 40, Verdict.NEUTRAL), (12, None, Verdict.COUNTED)])
def test_R6_a_read_soon_after_a_resume_counts_only_once_the_hold_off_time_was_driven(hold_off_s, seconds, expected):
    race = Race("8m", 1, min_lap_s=10, hold_off_us=None if hold_off_s is None else us(hold_off_s))
    race.run(k1="5 45 85 125")
    race.order(130, "red")
    race.order(200, "resume", **({} if seconds is None else {"hold_off_s": seconds}))
    assert race.cross(208, "1") is expected, "5 s before red and 8 s after it"
    assert race.cross(245, "1") is Verdict.COUNTED


def test_R6_a_kart_that_stood_just_before_the_line_is_not_held_off_and_a_held_off_read_can_be_counted():
    race = Race("8m", 2, min_lap_s=10, hold_off_us=None)
    race.run(k1="5 45 85 125", k2="6 46 86")
    race.order(128, "red")
    race.order(200, "resume")
    assert race.cross(201, "2") is Verdict.COUNTED, "it had driven 42 s when red came out"
    assert race.cross(202, "1") is Verdict.NEUTRAL, "pushed over the line 3 s after it"
    race.order(203, "count_crossing", passing=race.passing("1", 202))
    assert race.laps() == {"1": 4, "2": 3}


# --- restart ---------------------------------------------------------------------------------------------------------


@KEEP_OR_VOID
@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED, State.FINISHING, State.PROVISIONAL])
def test_B7_a_restart_from_any_state_keeps_or_voids_laps_and_is_taken_back(state, laps):
    race = race_in(state)
    before = race.heat
    at_s = 100 if state in (State.RUNNING, State.PAUSED) else 140
    given = race.order(at_s, "restart", laps=laps)
    sound(race.session)
    assert (race.heat.state, race.heat.flag) == (State.STAGED, Flag.NONE)
    assert race.cross(145, "1") is Verdict.NEUTRAL, "it stands on the grid"
    if laps == "keep":
        assert {k: len(e.laps) for k, e in before.entries.items()} == race.laps()
        assert race.heat.attempts == ()
    else:
        assert (race.laps(), race.heat.attempt) == ({"1": 0, "2": 0}, 2)
        assert race.heat.attempts[0].entries == advance(before, us(at_s) + BASE).entries
    race.order(150, "green")
    race.run(k1="155", k2="156")
    timed = laps == "void" or state in (State.RUNNING, State.PAUSED)
    assert all((entry.opened_us is not None) is timed for entry in race.entries.values()), "there is time left to drive"
    sound(race.session)
    race.undo(157)
    race.undo(158)
    assert as_if_not_given(race, given)


def as_if_not_given(race: Race, seq: int) -> bool:
    """Whether the session is the one that all passings and the orders before this one make."""
    start, log = race.session.start, race.session.log
    plain = Session.of(start, [*(e for e in log if not isinstance(e, Order) or e.seq < seq), Tick(9999, log[-1].at_us)])
    return (timeless(plain.heat), plain.verdicts) == (timeless(race.heat), race.session.verdicts)


def test_B7_laps_kept_the_clock_goes_on_where_it_stood_and_nobody_gets_a_lap_over_the_break():
    race = race_in(State.RUNNING)
    race.order(100, "restart", laps="keep")
    race.order(160, "green")
    assert race.remaining_s(160) == 20
    race.run(k1="165", k2="166")
    assert (race.times("1"), race.times("2")) == ([40, 40], [42, 42])
    race.run(k1="206", k2="209")
    assert (race.times("1"), race.times("2")) == ([40, 40, 41], [42, 42, 43])
    assert [lap.verdict for lap in race.entries["1"].laps] == ["valid"] * 3
    assert (race.heat.state, race.since_s(race.heat.chequered_us)) == (State.PROVISIONAL, 180)


@pytest.mark.parametrize("how", ["chequered", "finish"])
def test_B7_a_restart_that_keeps_laps_after_a_flag_shown_by_mistake_has_the_time_left_that_was_left_then(how):
    race = race_in(State.RUNNING, "8m")
    race.order(100, how)
    race.run(k1="126", k2="133")
    race.order(200, "restart", laps="keep")
    race.order(300, "green")
    assert race.remaining_s(300) == 380, "the session clock has stood since the flag"
    sound(race.session)


def test_a_restart_that_keeps_laps_with_no_time_left_shows_the_flag_at_green_and_not_before():
    race = race_in(State.PROVISIONAL)
    race.order(140, "restart", laps="keep")
    race.order(200, "green")
    race.tick(201)
    assert (race.heat.state, race.since_s(race.heat.chequered_us)) == (State.PROVISIONAL, 200)


def test_from_green_lap_1_of_a_kart_that_had_none_is_not_timed_from_the_first_green_after_a_restart():
    race = Race("8m", 2, first_lap="from_green", min_lap_s=10)
    race.run(k1="30 70")
    race.order(80, "restart", laps="keep")
    race.order(100, "green")
    assert race.cross(104, "2") is Verdict.OPENED
    race.cross(140, "2")
    assert race.times("2") == [36]


def test_a_yellow_that_was_shown_at_the_restart_ends_there_and_a_pit_visit_is_given_up():
    race = race_in(State.RUNNING)
    race.order(91, "red")
    race.order(92, "resume")
    race.order(95, "yellow")
    race.cross(96, "1", "pit_in")
    race.order(100, "restart", laps="keep")
    assert race.heat.yellows == ((us(95) + BASE, us(100) + BASE),)
    assert (race.entries["1"].pit, race.entries["1"].pits) == ("", ())
    sound(race.session)


# --- attempts --------------------------------------------------------------------------------------------------------


def test_B7_a_voided_attempt_comes_back_with_its_laps_and_time_left_also_after_the_second_has_run():
    race = race_in(State.RUNNING)
    race.order(100, "restart", laps="void")
    race.order(200, "green")
    race.run(k1="205 247", k2="206")
    given = race.order(250, "reinstate", attempt=1)
    sound(race.session)
    assert (race.heat.state, race.heat.flag, race.heat.attempt) == (State.PAUSED, Flag.RED, 1)
    assert (race.times("1"), race.times("2")) == ([40, 40], [42, 42])
    assert [(each.attempt, len(each.entries["1"].laps)) for each in race.heat.attempts] == [(2, 1)]
    assert race.remaining_s(300) == 20
    race.order(300, "resume")
    race.run(k1="330", k2="331")
    assert race.times("1") == [40, 40, 245]
    assert (race.heat.state, race.since_s(race.heat.chequered_us)) == (State.PROVISIONAL, 320)
    race.order(340, "reinstate", attempt=2)
    assert (race.times("1"), race.heat.attempt, race.heat.state) == ([42], 2, State.PAUSED)
    assert race.heat.pauses == ((us(250) + BASE, None),), "its clock has stood since it was put away"
    assert race.remaining_s(400) == 70
    for at_s in (401, 402, 403):
        race.undo(at_s)
    assert as_if_not_given(race, given)
    assert race.times("1") == [42, 83], "the passings of attempt 1 are attempt 2's again"
    sound(race.session)


def test_B7_a_finished_attempt_comes_back_finished_and_one_that_never_began_is_not_kept():
    race = race_in(State.PROVISIONAL)
    first = race.heat
    race.order(150, "restart", laps="void")
    race.order(160, "reinstate", attempt=1)
    assert (race.heat.state, race.heat.entries, race.heat.attempts) == (State.PROVISIONAL, first.entries, ())
    assert race.heat.pauses == ()
    with pytest.raises(Refused, match="no attempt 2"):
        race.order(161, "reinstate", attempt=2)
    race.order(162, "restart", laps="void")
    assert race.heat.attempt == 2
    sound(race.session)


def test_edits_in_one_attempt_say_nothing_about_the_other():
    race = race_in(State.PROVISIONAL)
    first = race.heat
    race.order(150, "restart", laps="void")
    race.order(160, "green")
    race.run(k1="165 205 245 290", k2="166 208 250 292")
    assert race.heat.state is State.PROVISIONAL
    race.order(300, "void_lap", kart="1", lap=1)
    race.order(301, "set_start", at_us=us(1))
    race.order(302, "set_finish", kart="1", lap=1)
    (kept,) = race.heat.attempts
    assert (kept.entries, kept.ended_us, kept.green_us) == (first.entries, first.ended_us, first.green_us)
    race.order(310, "reinstate", attempt=1)
    race.order(311, "void_lap", kart="2", lap=2)
    assert (race.times("1"), race.times("2")) == ([40, 40, 40], [42, 42])
    assert race.heat.state is State.PROVISIONAL
    sound(race.session)


@KEEP_OR_VOID
def test_X7_late_passings_of_before_a_restart_are_sorted_in_where_they_belong(laps):
    race = race_in(State.RUNNING, "8m")
    race.order(130, "restart", laps=laps)
    race.order(160, "green")
    race.run(k1="165 205", k2="166 208")
    assert race.cross(125, "1") is Verdict.COUNTED
    of = race.heat if laps == "keep" else race.heat.attempts[0]
    assert [lap.time_us for lap in of.entries["1"].laps[:3]] == [us(40)] * 3
    assert race.times("1")[-1] == 40
    sound(race.session)
