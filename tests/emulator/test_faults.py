"""Faults by name: how they are written, and that the same seed gives the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackd.core.errors import BadInput
from trackd.core.time import SECOND
from trackd.emulator.faults import KINDS, PASSING_FAULTS, FaultPlan, FaultSpec, Trouble, parse_faults


@pytest.mark.parametrize(("text", "spec"), [
    ("dropped_frame", FaultSpec("dropped_frame", 0.05, None, None)),
    ("dropped_frame:0.5", FaultSpec("dropped_frame", 0.5, None, None)),
    ("restart@30", FaultSpec("restart", None, 30 * SECOND, None)),
    ("restart:0.01", FaultSpec("restart", 0.01, None, None)),
    ("silence@1.5=20", FaultSpec("silence", None, 1_500_000, 20.0)),
    ("clock_step=-1", FaultSpec("clock_step", None, 30 * SECOND, -1.0)),
])
def test_how_a_fault_is_written(text, spec):
    assert parse_faults([text]) == (spec,)


@pytest.mark.parametrize(("text", "says"), [
    ("gremlins", "known are dropped_frame, corrupted_byte"), ("", "is not NAME"), ("restart@x", "is not NAME"),
    ("dropped_frame:2", "from 0 to 1"), ("dropped_frame@30", "write dropped_frame:0.05"), ("restart@30=5", "no size"),
    ("restart@1.2.3", "not a number"),
])
def test_a_wrong_fault_is_refused_in_words(text, says):
    with pytest.raises(BadInput, match=says):
        parse_faults([text])


def test_all_wrong_faults_are_reported_together():
    with pytest.raises(BadInput) as caught:
        parse_faults(["a", "disconnect", "b"])
    assert len(caught.value.faults) == 2


@given(st.integers(0, 1000))
def test_the_same_seed_draws_the_same_and_adding_a_fault_moves_no_other(seed):
    specs = parse_faults([f"{name}:0.3" for name in PASSING_FAULTS])
    first, second, fewer = FaultPlan(specs, seed), FaultPlan(specs, seed), FaultPlan(specs[:2], seed)
    drawn = [first.draw() for _ in range(50)]
    assert drawn == [second.draw() for _ in range(50)]
    assert [(t.dropped, t.corrupt) for t in drawn] == [
        (t.dropped, t.corrupt) for t in (fewer.draw() for _ in range(50))]


def test_rates_hold_and_every_kind_happens():
    plan = FaultPlan(parse_faults(["dropped_frame:0.2", "missed_read:0", "disconnect:1"]), 1)
    drawn = [plan.draw() for _ in range(2000)]
    assert 300 < sum(trouble.dropped for trouble in drawn) < 500
    assert not any(trouble.missed for trouble in drawn)
    assert all([spec.name for spec in trouble.happenings] == ["disconnect"] for trouble in drawn)
    assert set(PASSING_FAULTS) < set(KINDS)


@given(st.binary(min_size=1), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_damage_changes_exactly_one_byte(frame, where, change):
    damaged = Trouble(corrupt=(where, change)).damage(frame)
    assert sum(a != b for a, b in zip(frame, damaged, strict=True)) == 1


def test_timed_faults_come_once_in_order():
    plan = FaultPlan(parse_faults(["restart@30", "disconnect@10", "clock_step@10"]))
    assert plan.next_at_us == 10 * SECOND
    assert [spec.name for spec in plan.due(10 * SECOND)] == ["disconnect", "clock_step"]
    assert plan.due(29 * SECOND) == []
    assert [spec.name for spec in plan.due(10**12)] == ["restart"]
    assert plan.next_at_us is None
