"""When a heat began and ended, said afterwards (B10, X13, X14), and its length and limits changed while it runs (B11)."""

from __future__ import annotations

import pytest

from tests.timing.control import sound, timeless
from tests.timing.race import BASE, Race, us
from trackd.core.errors import Refused
from trackd.timing.events import Verdict
from trackd.timing.finish import advance
from trackd.timing.flags import Flag, State


def two_karts(length: str, until_s: float, **rules: object) -> Race:
    """Kart 1 laps in 40 s from 5 s on, kart 2 in 42 s from 6 s on, until they have had enough."""
    race = Race(length, 2, **{"min_lap_s": 10, "ranking": "position", **rules})
    for at_s, kart in sorted([(5 + 40 * n, "1") for n in range(30)] + [(6 + 42 * n, "2") for n in range(30)]):
        if at_s <= until_s:
            race.cross(at_s, kart)
    return race


# --- the start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finished", [False, True])
def test_X13_a_start_pressed_late_is_set_to_when_the_karts_went(finished):
    race = Race("130s", 1, green=False, min_lap_s=10)
    race.order(-60, "stage")
    assert race.cross(-15, "1") is Verdict.NEUTRAL
    race.order(0, "green")
    race.run(k1="25 65 105 " + ("145" if finished else ""))
    if finished:
        race.order(146, "confirm")
        race.order(147, "amend")
    before, chequered_us = race.heat, race.heat.chequered_us
    race.order(150 if finished else 106, "set_start", at_us=us(-20))
    assert race.times("1") == [40] * (4 if finished else 3)
    assert race.since_s(race.heat.start_us) == -20
    assert race.heat.chequered_us == chequered_us, "a flag that was shown stays where it was shown"
    sound(race.session)
    race.undo(155 if finished else 107)
    assert timeless(race.heat) == timeless(advance(before, us(155 if finished else 107) + BASE))
    assert race.times("1") == [40] * (3 if finished else 2)


def test_X13_a_start_moved_back_while_it_runs_never_ends_the_time_in_the_past():
    race = Race("2m", 1, green=False, min_lap_s=10)
    race.order(-60, "stage")
    race.order(0, "green")
    race.run(k1="5 45 85 110")
    race.order(115, "set_start", at_us=us(-30))
    race.tick(116)
    assert race.since_s(race.heat.chequered_us) == 115, "by the new start it was up 25 s ago; it is up now"
    assert race.entries["1"].finished_us is None
    assert race.cross(150, "1") is Verdict.COUNTED
    assert race.times("1") == [40, 40, 25, 40]


def test_an_edit_given_just_after_time_was_up_keeps_the_flag_though_no_tick_had_said_so_yet():
    race = Race("1m", 1, min_lap_s=10)
    race.run(k1="5 45")
    assert race.heat.state is State.RUNNING
    race.order(60.5, "set_start", at_us=us(4))
    assert (race.heat.state, race.since_s(race.heat.chequered_us)) == (State.FINISHING, 60)


def test_B10_the_first_lap_is_chosen_by_the_crossing_that_begins_it():
    race = Race("8m", 2, green=False, min_lap_s=10)
    race.order(-60, "stage")
    race.run(k1="-50 -10", k2="-9")
    race.order(0, "green")
    race.run(k1="30 70", k2="31 72")
    race.order(80, "set_start", passing=race.passing("1", -10))
    assert (race.times("1"), race.times("2")) == ([40, 40], [40, 41])
    race.order(81, "set_start", passing=race.passing("1", 30))
    assert (race.times("1"), race.times("2")) == ([40], [41]), "the newer order holds"
    assert race.session.verdicts[race.passing("1", -10)] is Verdict.NEUTRAL
    race.undo(82)
    assert (race.times("1"), race.times("2")) == ([40, 40], [40, 41])
    race.undo(83)
    assert race.since_s(race.heat.green_us) == 0


def test_B10_where_the_clock_starts_at_the_first_crossing_that_crossing_is_chosen():
    race = Race("8m", 1, start="first_crossing", min_lap_s=10)
    race.run(k1="20 60 100")
    with pytest.raises(Refused, match="Choose the crossing"):
        race.order(101, "set_start", at_us=us(10))
    race.order(102, "set_start", passing=race.passing("1", 60))
    assert race.times("1") == [40]
    assert race.since_s(race.heat.start_us) == 60


def test_B10_a_heat_that_a_countdown_started_and_one_timed_from_green_can_be_set_anew():
    race = Race("8m", 1, green=False, first_lap="from_green", min_lap_s=10)
    race.order(-20, "stage")
    race.order(-5, "countdown", seconds=5)
    race.run(k1="30 70")
    assert race.times("1") == [30, 40]
    race.order(71, "set_start", at_us=us(-4))
    assert race.times("1") == [34, 40]
    race.order(72, "set_start", at_us=us(2))
    assert race.times("1") == [32, 40], "from the start as it is now"


def test_a_start_is_never_set_after_a_red_a_restart_or_the_flag():
    race = two_karts("8m", 100)
    race.order(101, "red")
    with pytest.raises(Refused, match="stopped before"):
        race.order(110, "set_start", at_us=us(102))
    race.order(120, "restart", laps="keep")
    race.order(130, "green")
    with pytest.raises(Refused, match="restarted since"):
        race.order(131, "set_start", at_us=us(-1))
    race.order(132, "restart", laps="void")
    race.order(140, "green")
    with pytest.raises(Refused, match="not staged then"):
        race.order(141, "set_start", at_us=us(-9))
    race.order(142, "set_start", at_us=us(-5))
    assert (race.heat.attempt, race.since_s(race.heat.green_us)) == (2, 135)
    assert race.since_s(race.heat.attempts[0].green_us) == 0


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["individual", "leader"])
def test_X14_B10_a_result_is_rolled_back_one_lap_by_one_order_and_comes_back_by_undo(finish):
    """The flag was shown a lap too late: the result is that of the lap at which it was due."""
    race = two_karts("5m", 500, finish=finish)
    before = race.heat
    assert (before.state, race.laps()) == (State.PROVISIONAL, {"1": 8, "2": 8 if finish == "leader" else 7})
    race.order(600, "set_finish", kart="1", lap=7, reason="Shown one lap late")
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 7, "2": 7})
    assert race.since_s(race.heat.chequered_us) == 285
    assert race.since_s(race.entries["2"].finished_us) == 300
    assert race.session.verdicts[race.passing("1", 325)] is Verdict.LATE
    assert race.places() == [(1, "1"), (2, "2")]
    sound(race.session)
    race.undo(610)
    assert timeless(race.heat) == timeless(before)


def test_X14_a_flag_shown_one_lap_early_is_set_forward_to_a_late_passing_and_the_heat_stays_over():
    race = two_karts("12L", 285, finish="leader")
    race.order(290, "chequered")
    race.run(k1="325", k2="300")
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 8, "2": 7})
    race.run(k1="365", k2="342")
    assert race.cross(384, "2") is Verdict.LATE
    race.order(385, "set_finish", passing=race.passing("1", 365))
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 9, "2": 9})
    assert race.since_s(race.heat.chequered_us) == 365
    race.undo(390)
    assert race.laps() == {"1": 8, "2": 7}
    race.order(391, "set_finish", passing=race.passing("2", 384))
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 9, "2": 9}), "no kart is awaited again"
    sound(race.session)
    assert race.since_s(race.heat.ended_us) == 391


def test_B10_edits_before_and_after_a_new_finish_keep_to_it():
    race = two_karts("5m", 500, finish="leader")
    race.order(600, "void_lap", kart="2", lap=1)
    race.order(601, "set_finish", kart="1", lap=7)
    race.order(602, "split_lap", kart="2", lap=1)
    race.order(603, "ignore_crossing", kart="1", lap=2)
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 6, "2": 7})
    assert race.since_s(race.heat.chequered_us) == 285
    race.undo(604)
    race.undo(605)
    race.undo(606)
    assert race.laps() == {"1": 8, "2": 7}


def test_a_finish_is_only_set_at_a_crossing_that_closes_a_lap_of_what_runs_now():
    race = two_karts("5m", 100, finish="leader")
    with pytest.raises(Refused, match="closes no lap"):
        race.order(110, "set_finish", passing=race.passing("1", 5))
    race.order(120, "restart", laps="keep")
    race.order(130, "green")
    with pytest.raises(Refused, match="on the grid again"):
        race.order(135, "set_finish", kart="1", lap=1)
    race.run(k1="140 180", k2="141 182")
    race.order(183, "set_finish", kart="1", lap=3)
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 3, "2": 3})


def test_a_finish_set_in_the_second_attempt_leaves_the_first_as_it_was():
    race = two_karts("90s", 200)
    first = race.heat
    assert first.state is State.PROVISIONAL
    race.order(300, "restart", laps="void")
    race.order(310, "green")
    race.run(k1="320 360 400 440", k2="321 362 403 445")
    race.order(450, "set_finish", kart="1", lap=2)
    assert race.laps() == {"1": 2, "2": 2}
    assert race.heat.attempts[0].entries == first.entries
    assert (race.heat.attempts[0].state, race.heat.attempts[0].ended_us) == (first.state, first.ended_us)


# --- length and limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["individual", "leader"])
def test_B11_a_duration_shorter_than_what_has_run_is_up_now_and_never_in_the_past(finish):
    race = two_karts("8m", 300, finish=finish)
    race.order(302, "set", duration="4m")
    race.tick(303)
    assert race.entries["1"].finished_us is race.entries["2"].finished_us is None
    if finish == "individual":
        assert race.since_s(race.heat.chequered_us) == 302
        assert race.heat.flag_since_us == us(302), "the session clock at which the flag was shown"
    race.run(k1="325", k2="342")
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 8, "2": 8})


def test_B11_a_longer_duration_applies_at_once_and_a_last_lap_that_had_begun_is_no_last_lap():
    race = two_karts("5m+1L", 326, finish="leader")
    assert (race.heat.flag, race.heat.target_laps) == (Flag.WHITE, 9)
    race.order(330, "set", duration="10m")
    assert (race.heat.flag, race.heat.target_laps, race.heat.last_lap_us) == (Flag.GREEN, None, None)
    assert race.remaining_s(330) == 270
    race.cross(365, "1")
    assert race.heat.state is State.RUNNING
    race.undo(366)
    assert (race.heat.flag, race.heat.state) == (Flag.CHEQUERED, State.FINISHING), "kart 1 ended its last lap at 365"


def test_B11_a_duration_changed_under_red_is_never_up_while_the_clock_stands():
    race = two_karts("8m", 250, finish="individual")
    race.order(250, "red")
    race.order(300, "set", duration="3m")
    race.tick(350)
    assert race.heat.state is State.PAUSED
    race.order(370, "resume")
    race.tick(371)
    assert (race.heat.state, race.since_s(race.heat.chequered_us)) == (State.FINISHING, 370)
    sound(race.session)


def test_B11_a_lap_race_cut_to_fewer_laps_than_the_leader_has_ends_at_his_next_crossing():
    race = two_karts("20L", 300, finish="leader")
    race.order(301, "set", duration="5L")
    race.tick(310)
    assert race.heat.state is State.RUNNING
    race.run(k1="325", k2="342")
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 8, "2": 8})


@pytest.mark.parametrize("finished", [False, True])
def test_B11_the_shortest_lap_lower_and_higher_holds_for_the_whole_session(finished):
    race = Race("2m", 1, min_lap_s=30)
    race.run(k1="5 30 45 85 105 " + ("125 165" if finished else ""))
    before = race.heat
    # Reads at 30 and 105 were too short; after the flag (120 s) the next read, at 125, ended the heat.
    assert race.times("1") == ([40, 40, 40] if finished else [40, 40])
    race.order(200 if finished else 106, "set", min_lap_s=10)
    assert race.times("1") == ([25, 15, 40, 20, 20] if finished else [25, 15, 40, 20])
    assert race.entries["1"].best_us == us(15)
    race.order(201 if finished else 107, "set", min_lap_s=45)
    assert race.times("1") == [80], "the read at 125 is too short now; the kart had the flag there all the same"
    assert (race.entries["1"].finished_us is None) is not finished
    race.undo(202 if finished else 108)
    race.undo(203 if finished else 109)
    assert timeless(race.heat) == timeless(before)
