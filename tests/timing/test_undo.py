"""Whatever was done can be taken back and done again, exactly (A10, B9); whatever happens leaves no impossible state.

Stories of up to 200 passings and orders of every kind, drawn by a seed and given as the services give them.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.timing.control import EDITS, OTHERS, Control, sound, timeless, told, twin
from tests.timing.race import Race
from trackd.core.errors import Refused
from trackd.timing.events import Order, Verdict
from trackd.timing.finish import advance
from trackd.timing.flags import State
from trackd.timing.session import Session

STORIES = settings(max_examples=20, derandomize=True, deadline=None)
SEEDS = st.integers(0, 2**32)


@STORIES
@given(SEEDS)
@example(3110)
def test_A10_no_story_leaves_an_impossible_state_and_the_fold_of_the_journal_is_the_live_session_at_every_step(seed):
    control = Control(seed)
    for _ in range(200):
        control.act()
        sound(control.session)
        assert told(Session.of(control.session.start, control.session.log)) == told(control.session)


@STORIES
@given(SEEDS)
@example(5023)
def test_A10_undo_of_any_order_gives_exactly_the_heat_before_it_and_redo_exactly_the_heat_after_it(seed):
    control = Control(seed)
    for _ in range(150):
        before, count = control.heat, len(control.given)
        control.act()
        order = control.given[-1]
        if len(control.given) == count or order.name in ("undo", "redo"):
            continue
        session, now_us = twin(control.session), control.heat.last_us + 1
        session.apply(Order(9_999, now_us, "undo", "Ada", {"of": order.seq}))
        assert timeless(session.heat) == timeless(advance(before, now_us)), order.name
        session.apply(Order(10_000, now_us + 1, "redo", "Ada", {"of": order.seq}))
        assert timeless(session.heat) == timeless(advance(control.heat, now_us + 1)), order.name


@STORIES
@given(SEEDS)
def test_A10_undoing_everything_newest_first_returns_to_the_start(seed):
    control = Control(seed)
    for _ in range(200):
        control.act()
    control.undo_all()
    passings = [event for event in control.session.log if not isinstance(event, Order)]
    plain = Session.of(control.session.start, passings)
    assert timeless(control.heat) == timeless(plain.heat)
    assert (control.session.verdicts, control.session.holders) == (plain.verdicts, plain.holders)
    assert control.heat.state is State.SCHEDULED
    assert set(plain.verdicts.values()) <= {Verdict.NEUTRAL, Verdict.REPEATED, Verdict.UNASSIGNED}


@STORIES
@given(SEEDS)
def test_passings_that_come_late_between_edits_and_undos_change_nothing_about_the_result(seed):
    control, dice = Control(seed), random.Random(seed)
    for _ in range(200):
        control.act()
    log = sorted(control.session.log, key=lambda event: event.seq)
    late = [0 if isinstance(event, Order) else dice.choice([0, 0, 0, 2, 10, 50, 300]) for event in log]
    session = Session.new(control.session.start)
    for index in sorted(range(len(log)), key=lambda index: (index + late[index], index)):
        session.apply(log[index])
    assert told(session) == told(control.session)


@STORIES
@given(SEEDS)
def test_an_edit_never_takes_back_a_flag_that_was_shown_nor_reopens_a_heat_that_is_over(seed):
    """But where the finish itself is set anew, or its very crossing edited; a lap race ends with its last lap."""
    control = Control(seed)
    for _ in range(150):
        before, count = control.heat, len(control.given)
        control.act()
        order = control.given[-1]
        if len(control.given) == count or order.name not in EDITS or order.name == "swap_kart":
            continue
        before, after = advance(before, control.heat.last_us), control.heat
        if before.state is State.PROVISIONAL:
            assert after.state is State.PROVISIONAL, order.name
        if before.chequered_us is None or order.name == "set_finish":
            continue
        assert after.chequered_us is not None, order.name
        assert after.chequered_us <= before.chequered_us, order.name
        if order.name in ("void_lap", "insert_crossing", "split_lap", "count_crossing", "tap"):
            finished = {kart for kart, entry in before.entries.items() if entry.finished_us is not None}
            assert finished <= {kart for kart, entry in after.entries.items() if entry.finished_us is not None}, order.name


def test_the_stories_tell_every_kind_of_order_and_most_of_what_they_try_is_possible():
    kinds: set[str] = set()
    given = refused = 0
    for seed in range(24):
        control = Control(seed)
        for _ in range(150):
            control.act()
        kinds |= control.kinds
        given, refused = given + len(control.given), refused + control.refused
    assert kinds >= {*EDITS, *OTHERS, "stage", "green", "countdown", "abort", "yellow", "red", "resume", "white",
                     "chequered", "finish", "confirm", "amend", "undo", "redo"}
    assert given > refused


# --- told by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["chequered", "finish"])
def test_B9_a_stop_taken_back_within_ten_seconds_goes_on_and_loses_no_passing(flag):
    race = Race("8m", 2, min_lap_s=10)
    race.run(k1="5 45 85", k2="6 48 90")
    race.order(120, flag)
    race.run(k1="125")
    race.cross(127, "2", "pit_in")
    race.undo(129)
    assert race.heat.state is State.RUNNING
    assert race.heat.flag_since_us == 0
    race.run(k1="165", k2="170")
    assert (race.times("1"), race.times("2")) == ([40, 40, 40, 40], [42, 42, 80])
    assert race.entries["2"].laps[2].kind == "in"
    race.order(170.5, "red")
    race.cross(171, "1")
    race.undo(180)
    assert (race.heat.pauses, race.session.verdicts[race.passing("1", 171)]) == ((), Verdict.TOO_SHORT)


def test_A10_undo_goes_back_act_by_act_redo_forward_and_a_new_act_ends_the_way_forward():
    race = Race("8m", 1, min_lap_s=10)
    race.run(k1="5 45 85 125 165")
    states = [race.times("1")]
    for lap in (1, 1, 2):
        race.order(170 + lap, "merge_laps", kart="1", lap=lap)
        states.append(race.times("1"))
        race.order(171 + lap, "split_lap", kart="1", lap=lap)
        states.append(race.times("1"))
    assert len(states) == 7
    for times in reversed(states[:-1]):
        race.undo(180)
        assert race.times("1") == times
    for times in states[1:4]:
        race.redo(190)
        assert race.times("1") == times
    race.order(200, "void_lap", kart="1", lap=1)
    with pytest.raises(Refused, match="since then"):
        race.redo(201)


def test_A10_an_edit_in_the_middle_is_taken_back_by_name_and_the_later_ones_stay():
    race = Race("8m", 1, min_lap_s=10)
    race.run(k1="5 45 85 125 165")
    first = race.order(170, "void_lap", kart="1", lap=1, reason="Cut")
    second = race.order(171, "merge_laps", kart="1", lap=1)
    race.order(172, "penalty", kart="1", kind="time", value=1)
    race.undo(173, of=first)
    assert (race.times("1"), race.entries["1"].struck) == ([40, 80, 40], ())
    race.undo(174, of=second)
    assert race.times("1") == [40] * 4
    assert len(race.entries["1"].penalties) == 1
    with pytest.raises(Refused, match="undone that already"):
        race.undo(175, of=first)
