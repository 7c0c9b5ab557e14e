"""The clock, as other recordings of a heat tell it: shorter recordings find their kart, and none a wrong one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.gps.simulate import LEAGUE, PROS, RENTAL, Field, Plan, right, tally
from tests.gps.test_match import GPS_US, S, accepted, found, heats
from trackd.gps.match import Joint, joint_offset, match, match_by_clock


def by_clock(plan: Plan, count: int = 100, known: int = 3) -> float:
    """The share accepted of so many heats in which so many recordings were matched before; every one of them rightly."""
    taken, rng = 0, np.random.default_rng(9)
    for truth in heats(plan, count):
        told = truth.offset_us + rng.uniform(-0.3, 0.3) * S
        joint = joint_offset([round(told + error) for error in rng.normal(0, 0.02 * S, known)])
        assert joint
        answer = match_by_clock(truth.crossings_us, truth.candidates, GPS_US, joint.windows_us(0))
        taken += answer.accepted
        assert not answer.accepted or right(answer, truth), answer.reason
    return taken / count


def test_with_the_clock_of_other_recordings_five_laps_are_enough_and_four_often() -> None:
    for laps, alone, one, three in ((4, 0.1, 0.2, 0.45), (5, 0.4, 0.6, 0.8)):
        plan = Plan(crossings=laps + 1, missed=0.03)
        assert accepted(plan, 60) <= alone
        assert by_clock(plan, known=1) >= one
        assert by_clock(plan, known=3) >= three
    league = Plan(LEAGUE, crossings=9, missed=0.03)
    assert by_clock(league) >= 0.8 > 0.5 > accepted(league, 60)


def test_with_clocks_told_rightly_and_wrongly_nothing_is_accepted_wrongly() -> None:
    count = tally(300, Plan(missed=0.03, unseen=0.01), seed=5, clock=True)
    assert count["wrong"] == 0, count
    assert count["accepted"] > 150
    for field, trouble in ((PROS, "absent"), (LEAGUE, "shadow"), (PROS, "swap"), (RENTAL, "splice")):
        by_clock(Plan(field, crossings=5, trouble=trouble, missed=0.03), 25)


@pytest.mark.soak
def test_with_clocks_told_nothing_is_accepted_wrongly_in_a_hundred_thousand_heats() -> None:
    count = tally(100_000, Plan(missed=0.03, unseen=0.01), seed=2027, clock=True)
    assert count["wrong"] == 0, count


def test_a_clock_that_is_wrong_takes_nothing_from_a_recording_that_needs_none() -> None:
    for truth in heats(Plan(), 10):
        wrong = truth.offset_us + 3600 * S
        answer = match_by_clock(truth.crossings_us, truth.candidates, GPS_US, [(wrong - 2 * S, wrong + 2 * S)])
        assert answer == found(truth)
        assert answer.accepted


def test_two_heats_with_the_same_laps_are_told_apart_by_the_clock() -> None:
    truth = heats(Plan(), 1)[0]
    apart = 900 * S
    both = truth.candidates | {"99": truth.candidates["1"] + apart}
    late = truth.offset_us + apart
    assert not found(replace(truth, candidates=both)).accepted
    answer = match_by_clock(truth.crossings_us, both, GPS_US, [(late - S, late + S)])
    assert (answer.kart, answer.accepted) == ("99", True)
    assert answer.reason.startswith("By the clock of other recordings 13 of 13 crossings fit kart 99 within 0.0")


def test_a_kart_just_outside_of_what_the_clock_permits_is_a_rival_still() -> None:
    for truth in heats(Plan(Field(2.0, 2.0), trouble="shadow", crossings=6), 60):
        first = truth.candidates["1"]                                # kart 2 is half a second behind kart 1 all the time
        both = truth.candidates | {"2": first + S // 2 + 30_000 * (np.arange(len(first)) % 3 - 1)}
        off_us = truth.offset_us + S // 2
        answer = match(truth.crossings_us, both, GPS_US, clock_us=(off_us - S // 5, off_us + S // 5))
        assert (answer.kart, answer.accepted, answer.runner_up) == ("2", False, "1")
        assert answer.chance < 1e-6                                  # nothing else speaks against it


def test_a_part_that_the_clock_alone_tells_is_proposed_with_the_kart_of_the_clock() -> None:
    truth = heats(Plan(crossings=3), 1)[0]
    answer = match_by_clock(truth.crossings_us, truth.candidates, GPS_US, [(truth.offset_us - S, truth.offset_us + S)])
    assert (answer.kart, answer.accepted) == ("1", False)
    assert answer.reason.startswith("By the clock of other recordings 3 of 3 crossings fit kart 1")


def test_several_recordings_share_one_offset_and_those_of_another_time_zone_are_left_out() -> None:
    assert joint_offset([1_000, 5_000, 2_000]) == Joint(2_000, 3_000, 3)
    assert joint_offset([1_000, 5_000, 3600 * S, 2_000]) == Joint(2_000, 3_000, 3)
    assert joint_offset([7]) == Joint(7, 0, 1)
    assert joint_offset([0, 3600 * S]) is None
    assert joint_offset([0, 5 * S, 3600 * S]) is None
    assert joint_offset([]) is None


def test_the_more_recordings_agree_the_narrower_the_clock_is_known() -> None:
    assert Joint(100 * S, 20_000, 2).windows_us(5 * S) == [(103 * S, 107 * S)]
    assert Joint(100 * S, 20_000, 3).windows_us(5 * S) == [(104_400_000, 105_600_000), (103 * S, 107 * S)]
    assert Joint(100 * S, 400_000, 9).windows_us(5 * S) == [(103 * S, 107 * S)]
