"""Session lengths as people write them, times as people read them, and which order is possible when."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.timing.race import Race, fresh
from trackd.core.errors import BadInput, Refused
from trackd.core.time import HOUR, MINUTE, SECOND, clock_text, lap_text
from trackd.timing.flags import FLAG_ORDERS, LIVE, NEXT, NEXT_STEP, Flag, State, why_not
from trackd.timing.formats import Length, Rules, parse_length
from trackd.timing.reduce import reduce
from trackd.timing.session import check, legal_orders

OVER = {State.PROVISIONAL, State.OFFICIAL, State.VOID}


@pytest.mark.parametrize(("text", "length"), [
    ("90s", Length(duration_us=90 * SECOND)), ("8m", Length(duration_us=8 * MINUTE)),
    ("1h30m", Length(duration_us=90 * MINUTE)), ("12L", Length(laps=12)),
    ("8m+1L", Length(duration_us=8 * MINUTE, plus_laps=1)), ("24h", Length(duration_us=24 * HOUR)),
    (" 8 m + 2 L ", Length(duration_us=8 * MINUTE, plus_laps=2)), ("1h0m5s", Length(duration_us=3605 * SECOND)),
])
def test_a_session_length_is_read_as_people_write_it(text, length):
    assert parse_length(text) == length


@pytest.mark.parametrize("text", ["", "8", "L", "0L", "0m", "0s", "-8m", "8m-1L", "12L+1L", "+1L", "8m+L", "8x", "1.5m",
                                  "8m1h", "49h", "30s8m", "8m+1", "8m 12L", "99999L"])
def test_what_is_no_session_length_is_refused_with_its_place_and_examples(text):
    with pytest.raises(BadInput, match="8m\\+1L") as refused:
        parse_length(text, "entries.format")
    assert refused.value.faults[0].where == "entries.format"


@settings(max_examples=200, derandomize=True)
@given(st.one_of(
    st.builds(Length, laps=st.integers(1, 9999)),
    st.builds(Length, duration_us=st.integers(1, 48 * 3600).map(lambda s: s * SECOND), plus_laps=st.integers(0, 99))))
def test_a_length_reads_back_as_it_is_written(length):
    assert parse_length(str(length)) == length


def test_the_window_of_repeated_reads_is_two_seconds_or_the_minimum_lap_if_shorter():
    assert [Rules(Length(laps=1), min_lap_us=each).repeat_us for each in (10 * SECOND, SECOND, 2 * SECOND, 0)] == [
        2 * SECOND, SECOND, 2 * SECOND, 2 * SECOND]


@pytest.mark.parametrize(("time_us", "text"), [
    (38_190_000, "38.190"), (38_190_999, "38.190"), (59_999_999, "59.999"), (60_000_000, "1:00.000"),
    (78_604_900, "1:18.604"), (3_599_999_999, "59:59.999"), (3_600_000_000, "1:00:00.000"), (3_723_004_000, "1:02:03.004"),
    (999, "0.000"), (0, "0.000"), (-1_500_000, "-1.500"), (5_007_000, "5.007"),
])
def test_x19_a_lap_time_is_cut_to_the_millisecond_below_and_above_a_minute(time_us, text):
    assert lap_text(time_us) == text


def test_time_left_is_rounded_up_and_elapsed_time_is_cut():
    assert [clock_text(each) for each in (480_000_000, 479_999_999, 479_000_001, 1, 0, -5)] == [
        "8:00", "8:00", "8:00", "0:01", "0:00", "0:00"]
    assert [clock_text(each, up=True) for each in (59_999_999, 60_000_000, 3_909_900_000)] == ["0:59", "1:00", "1:05:09"]


def test_every_state_a_session_can_reach_leads_to_an_official_result():
    reached, to_look_at = {State.SCHEDULED}, [State.SCHEDULED]
    while to_look_at:
        for state, _ in NEXT[to_look_at.pop()].values():
            if state not in reached:
                reached.add(state)
                to_look_at.append(state)
    assert reached == set(State) - {State.VOID}
    for state in reached - {State.OFFICIAL}:
        seen = state
        for _ in range(6):
            if seen is State.OFFICIAL:
                break
            seen = NEXT[seen][NEXT_STEP[seen] or ""][0]
        assert seen is State.OFFICIAL, f"the next step of {state} leads nowhere"


def test_a_heat_in_any_live_state_but_staged_can_be_ended_by_hand():
    assert all(NEXT[state]["finish"][0] is State.PROVISIONAL for state in LIVE - {State.STAGED})


@pytest.mark.parametrize("state", list(State))
def test_what_the_table_does_not_allow_is_refused_in_words_and_what_it_allows_is_taken(state):
    heat = type(fresh("8m", 2))(**{**_fields(fresh("8m", 2)), "state": state})
    for order in FLAG_ORDERS:
        if order in NEXT[state]:
            check(heat, order, {})
        else:
            with pytest.raises(Refused, match=f"'{order}' is not possible: .+\\.") as refused:
                check(heat, order, {})
            assert str(refused.value) == why_not(state, order)
    assert legal_orders(heat) == set(NEXT[state])


def _fields(heat):
    return {name: getattr(heat, name) for name in heat.__struct_fields__}


def test_a_heat_without_karts_is_not_staged():
    empty = fresh("8m", 0)
    assert "stage" not in legal_orders(empty)
    with pytest.raises(Refused, match="no karts"):
        check(empty, "stage", {})


def test_joining_leaving_and_binding_are_refused_for_karts_they_cannot_mean():
    race = Race("8m", 2)
    for name, kart, reason in (("join", "1", "already"), ("leave", "9", "not in"), ("bind", "9", "not in")):
        with pytest.raises(Refused, match=reason):
            race.order(5, name, kart=kart, transponder="x", since="now")
    race.order(10, "finish")
    race.order(11, "bind", kart="1", transponder="x", since="start")
    race.order(12, "confirm")
    for name in ("join", "leave", "bind", "attach"):
        with pytest.raises(Refused, match="official"):
            race.order(13, name, kart="1", transponder="x", since="start", from_us=0)


def test_a_flag_order_that_came_too_late_changes_nothing():
    race = Race("60s", 1)
    race.run(k1="5 35 62")
    assert race.heat.state is State.PROVISIONAL
    before = race.heat
    late = type(race.events[0])(99, race.heat.last_us + 1, "yellow")
    after, _ = reduce(before, late)
    assert (after.state, after.flag, after.entries) == (before.state, Flag.CHEQUERED, before.entries)


def test_confirming_says_who_and_counts_the_version():
    race = Race("60s", 1)
    race.order(20, "finish")
    race.order(25, "confirm")
    assert (race.heat.state, race.heat.version, race.heat.confirmed_by) == (State.OFFICIAL, 1, "Ada")
    assert race.heat.flag is Flag.CHEQUERED
