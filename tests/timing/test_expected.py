"""Who is due and overdue (A18), the last lap foreseen (R5), who is about to be lapped (R18), advice under red (R7)."""

from __future__ import annotations

from itertools import accumulate, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.timing.race import as_driven
from trackd.timing.board import Expected, Proposal
from trackd.timing.expected import expected, field_us, lapping, next_change, predicted_last
from trackd.timing.flags import Flag, State
from trackd.timing.formats import Rules, parse_length
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.red import advice

BASE = 1_795_000_000_000_000


def us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def at(seconds: float) -> int:
    return BASE + us(seconds)


def driven(kart: str, start: float, *laps: float, verdicts: dict[int, str] | None = None, **fields: Any) -> Entry:
    """A kart that began lap 1 at ``start`` and drove these laps, in seconds."""
    crossings = list(accumulate((start, *laps)))
    made = tuple(Lap(n, n, n - 1, at(a), at(b), "full", (verdicts or {}).get(n, "valid"))
                 for n, (a, b) in enumerate(pairwise(crossings), start=1))
    return Entry(kart, None, **{"laps": made, "opened_us": at(crossings[-1]), **fields})


def heat(*entries: Entry, length: str = "8m", rules: dict[str, Any] | None = None, **fields: Any) -> Heat:
    """A heat that went green at 0 s and runs."""
    return Heat(Rules(parse_length(length), **(rules or {})), {e.kart: as_driven(e) for e in entries},
                **{"state": State.RUNNING, "flag": Flag.GREEN, "start_us": at(0), "green_us": at(0), **fields})


def due(now: Heat, now_s: float) -> list[tuple[str, float, bool]]:
    return [(e.kart, (e.due_us - BASE) / 1e6, e.overdue) for e in expected(now, at(now_s))]


# A18: expected next, overdue

def test_A18_the_list_is_sorted_by_when_each_kart_is_due_by_its_own_median_lap():
    now = heat(driven("1", 10, 40, 42, 41), driven("2", 11, 50, 44, 45), driven("3", 9, 40))
    assert expected(now, at(170)) == (
        Expected("3", at(89), True, at(109)),
        Expected("1", at(174), False, at(194.5)),
        Expected("2", at(195), False, at(217.5)))


def test_A18_only_clean_laps_say_how_long_one_takes_and_else_the_field():
    slow = driven("1", 10, 40, 90, 60, verdicts={2: "yellow", 3: "red"})
    out = driven("2", 10, 80)
    out = replace(out, laps=(replace(out.laps[0], kind="out"),))
    now = heat(slow, out, driven("3", 20, 42, 44), driven("4", 30))
    assert field_us(now) == us(42), "of 40, 42 and 44"
    assert due(now, 150) == [("4", 72, True), ("2", 132, False), ("3", 149, False), ("1", 240, False)]


def test_A18_without_any_reference_nobody_is_expected():
    now = heat(driven("1", 10), driven("2", 11, 40, verdicts={1: "yellow"}))
    assert expected(now, at(500)) == ()
    assert next_change(now, at(20)) is None


def test_A18_who_waits_has_left_has_finished_or_is_in_the_pit_is_not_expected():
    out = driven("1", 10, 40, 40)
    others = [Entry("2", None), driven("3", 10, 40, left=True), driven("4", 10, 40, finished_us=at(50)),
              driven("5", 10, 40, pit="in")]
    assert due(heat(out, *others), 500) == [("1", 130, True)]


@pytest.mark.parametrize("state", State)
def test_A18_karts_are_expected_while_the_heat_runs_and_finishes_only(state):
    assert bool(expected(heat(driven("1", 10, 40), state=state), at(60))) is (state in (State.RUNNING, State.FINISHING))


def test_A18_time_under_red_in_the_open_lap_is_added():
    kart = driven("1", 10, 40, 40)                           # on its way since 90 s
    assert due(heat(kart, pauses=((at(100), at(160)),)), 170) == [("1", 190, False)]
    assert due(heat(kart, pauses=((at(80), at(100)),)), 170) == [("1", 140, True)], "only what lies in this lap"
    assert due(heat(kart, pauses=((at(20), at(50)),)), 149) == [("1", 130, False)]


def test_A18_a_kart_is_overdue_once_one_and_a_half_medians_have_gone_by():
    now = heat(driven("1", 10, 40, 40), driven("2", 15, 40, 40))
    assert [e.overdue for e in expected(now, at(149.999999))] == [False, False]
    assert next_change(now, at(100)) == next_change(now, at(149.999999)) == at(150)
    assert [e.overdue for e in expected(now, at(150))] == [True, False]
    assert next_change(now, at(150)) == at(155)
    assert next_change(now, at(155)) is None


@settings(derandomize=True, deadline=None, max_examples=100)
@given(seed=st.integers(0, 1 << 32), now_s=st.floats(100, 400))
def test_A18_looking_at_every_next_change_misses_no_overdue_kart(seed, now_s):
    random = Random(seed)
    now = heat(*(driven(str(kart), random.uniform(5, 20), *(random.uniform(35, 45) for _ in range(random.randint(0, 5))))
                 for kart in range(1, 9)), pauses=((at(110), at(140)),))
    looked_us, changes = at(now_s), 0
    assert list(expected(now, looked_us)) == sorted(expected(now, looked_us), key=lambda e: e.due_us)
    while (next_us := next_change(now, looked_us)) is not None:
        before, after = expected(now, next_us - 1), expected(now, next_us)
        assert next_us > looked_us
        assert [e.overdue for e in before] == [e.overdue for e in expected(now, looked_us)]
        assert sum(e.overdue for e in after) > sum(e.overdue for e in before)
        looked_us, changes = next_us, changes + 1
    assert all(e.overdue for e in expected(now, looked_us))
    assert changes <= 8


# R5: the last lap foreseen

def test_R5_a_lap_race_announces_the_last_lap_on_the_lap_before_it():
    laps = [driven("1", 10, *[40.0] * n) for n in range(12)]
    assert [n for n in range(12) if predicted_last(heat(laps[n], length="12L"), at(15 + 40 * n))] == [10]
    assert predicted_last(heat(driven("1", 10), length="2L"), at(20))
    assert not predicted_last(heat(Entry("1", None), length="2L"), at(20)), "nobody has begun"


def test_R5_the_leader_is_first_in_race_order_however_the_heat_is_ranked():
    quick, leader = driven("1", 10, *[38.0] * 9), driven("2", 10, *[40.0] * 10)
    for ranking in ("best_lap", "position"):
        now = heat(quick, leader, length="12L", rules={"ranking": ranking})
        assert predicted_last(now, at(420))
        assert not predicted_last(heat(replace(leader, left=True), quick, length="12L"), at(420))


def test_R5_in_a_timed_heat_it_is_announced_on_the_lap_after_which_time_runs_out():
    def on_lap(n: int) -> Heat:
        return heat(driven("1", 5, *[40.0] * (n - 1)), length="8m")      # comes at 5 + 40 n; time is up at 480

    assert not predicted_last(on_lap(10), at(400)), "two crossings are left: 405 and 445"
    assert predicted_last(on_lap(11), at(406)), "445 begins the lap in which time runs out"
    assert not predicted_last(on_lap(12), at(446)), "the lap foreseen has begun"


def test_R5_time_up_at_the_crossing_itself_ends_the_lap_at_it():
    assert predicted_last(heat(driven("1", 0, *[40.0] * 10), length="8m"), at(401)), "440 < 480 <= 480"
    assert not predicted_last(heat(driven("1", 0, *[40.0] * 11), length="8m"), at(441)), "480 is the finish"


def test_R5_its_pace_is_the_mean_of_its_last_three_clean_laps():
    laps = [50.0] * 6 + [40.0, 40, 60, 40]                  # began its 11th at 480
    now = heat(driven("1", 0, *laps, verdicts={9: "yellow"}), length="559s")
    assert predicted_last(now, at(481)), "520 and 560, of 40, 40 and 40"
    assert not predicted_last(replace(now, rules=Rules(parse_length("561s"))), at(481))
    missed = heat(driven("1", 0, *[40.0] * 8, 80, 40), length="519s")
    assert predicted_last(missed, at(441)), "480 and 520"
    assert not predicted_last(replace(missed, rules=Rules(parse_length("521s"))), at(441)), "a missed read is no pace"


def test_R5_without_a_clean_lap_of_its_own_the_field_gives_the_pace():
    leader = driven("1", 0, 60, 60, 60, verdicts={1: "yellow", 2: "yellow", 3: "yellow"})
    assert predicted_last(heat(leader, driven("2", 1, 40), length="255s"), at(181)), "220 and 260"
    assert not predicted_last(heat(leader, length="255s"), at(181))


def test_R5_a_leader_a_little_late_is_still_announced_and_one_overdue_foretells_nothing():
    now = heat(driven("1", 5, *[40.0] * 10), length="8m")                # due at 445
    assert predicted_last(now, at(450)), "the flag stays in hand until it comes"
    assert predicted_last(now, at(464.9))
    later, sooner = (replace(now, rules=Rules(parse_length(length))) for length in ("488s", "447s"))
    assert [predicted_last(later, at(now_s)) for now_s in (444, 449)] == [False, True], "it comes at 449 at the soonest"
    assert [predicted_last(sooner, at(now_s)) for now_s in (444, 448)] == [True, False], "time was up before it came"
    assert not predicted_last(now, at(465)), "1.5 laps: it stands somewhere"


def test_R5_time_plus_laps_announces_the_lap_before_the_white_flag():
    def on_lap(n: int) -> Heat:
        return heat(driven("1", 5, *[40.0] * (n - 1)), length="8m+1L")   # comes at 5 + 40 n; time is up at 480

    assert not predicted_last(on_lap(11), at(406))
    assert predicted_last(on_lap(12), at(446)), "485 is the first crossing after time is up"
    assert predicted_last(on_lap(12), at(484))
    assert predicted_last(on_lap(12), at(540)), "whoever comes next begins it, however late"


def test_R5_red_within_the_lap_moves_both_the_crossing_and_the_end():
    now = heat(driven("1", 5, *[40.0] * 10), length="8m", pauses=((at(410), at(500)),))
    assert predicted_last(now, at(510)), "535 < 570 <= 575"
    assert not predicted_last(replace(now, pauses=((at(100), at(130)),)), at(440)), "time is up at 510, not at 480"


def test_R5_nothing_is_announced_once_the_flag_is_out_or_nobody_drives():
    now = heat(driven("1", 5, *[40.0] * 10), length="8m")
    assert predicted_last(now, at(406))
    for change in ({"flag": Flag.WHITE}, {"last_lap_us": at(405)}, {"state": State.PAUSED}, {"state": State.FINISHING},
                   {"entries": {}}, {"entries": {"1": replace(now.entries["1"], pit="in")}},
                   {"entries": {"1": replace(now.entries["1"], opened_us=None)}}):
        assert not predicted_last(replace(now, **change), at(406)), change
    assert predicted_last(replace(now, flag=Flag.YELLOW), at(406))


def test_R5_the_lap_before_the_last_is_announced_when_the_leader_comes_in_nearly_all_heats():
    random, right = Random(5), 0
    for _ in range(200):
        pace, up_s = random.uniform(30, 60), 480
        crossings = [random.uniform(3, 10)]
        while crossings[-1] < up_s:
            crossings.append(crossings[-1] + random.gauss(pace, 0.01 * pace))
        told = []
        for n in range(5, len(crossings)):                   # a moment before each crossing
            laps = [b - a for a, b in pairwise(crossings[:n])]
            told.append(predicted_last(heat(driven("1", crossings[0], *laps)), at(crossings[n] - 0.5)))
        right += told == [*[False] * (len(told) - 2), True, False]
    assert right >= 190, "the rest end within a second of the crossing"


# R18: about to be lapped

def lapped(leader_ahead_s: float, **changes: Any) -> frozenset[str]:
    """A leader in laps of 40 s at its 400th second; kart 2, in laps of 44 s, is so many seconds up the road."""
    leader, kart = driven("1", 0, *[40.0] * 10), driven("2", 0, *[44.0] * 8)       # kart 2 began its lap at 352
    kart = replace(kart, opened_us=at(410) - us((10 + leader_ahead_s) / 40 * 44), **changes)
    return lapping(heat(leader, kart), at(410))


def test_R18_a_kart_at_most_three_seconds_ahead_on_the_road_is_about_to_be_lapped():
    assert [ahead for ahead in (-1, -0.1, 0.1, 1, 2.9, 3.1, 10, 25) if lapped(ahead)] == [0.1, 1, 2.9]
    assert lapped(1) == {"2"}


def test_R18_not_one_in_the_pit_finished_or_gone():
    assert lapped(1, pit="in") == lapped(1, finished_us=at(400)) == lapped(1, left=True) == frozenset()


def test_R18_a_kart_on_the_leaders_lap_is_not_lapped_even_right_behind_or_seemingly_ahead():
    leader, second = driven("1", 0, *[40.0] * 10), driven("2", 0, *[40.1] * 9)     # 2 is due at 401
    assert lapping(heat(leader, second), at(400.5)) == lapping(heat(leader, second), at(403)) == frozenset()
    level = driven("3", 0, *[40.2] * 10, opened_us=at(399.9))
    assert lapping(heat(leader, level), at(405)) == frozenset()


def test_R18_across_the_line_too():
    leader, just_over = driven("1", 0, *[40.0] * 9), driven("2", 17, *[45.0] * 8, opened_us=at(398))
    assert lapping(heat(leader, just_over), at(399)) == {"2"}, "1 is a second from the line, 2 a second over it"


def test_R18_a_kart_quicker_than_the_leader_is_not_about_to_be_lapped():
    leader, spun = driven("1", 0, *[40.0] * 10), driven("2", 0, *[39.0] * 6, 60.0)
    spun = replace(spun, opened_us=at(398))
    assert lapping(heat(leader, spun), at(401)) == frozenset()


def test_R18_where_a_late_kart_or_a_late_leader_is_nobody_knows():
    leader, slow = driven("1", 0, *[40.0] * 9), driven("2", 0, *[44.0] * 8)        # due at 400 and 396
    assert lapping(heat(leader, slow), at(399)) == {"2"}, "both just before the line"
    assert lapping(heat(leader, slow), at(399.1)) == frozenset(), "2 is more than 3 s late"
    just_over = driven("3", 0, *[44.0] * 9, opened_us=at(403))
    assert lapping(heat(leader, just_over), at(403)) == {"3"}
    assert lapping(heat(leader, just_over), at(403.1)) == frozenset(), "1 is more than 3 s late"


def test_R18_is_a_hint_while_the_leader_drives():
    leader, kart = driven("1", 0, *[40.0] * 10), driven("2", 0, *[44.0] * 8, opened_us=at(398))
    now = heat(leader, kart)
    assert lapping(now, at(401)) == {"2"}
    assert lapping(replace(now, state=State.PAUSED), at(401)) == frozenset()
    assert lapping(heat(replace(leader, finished_us=at(400)), kart, state=State.FINISHING), at(401)) == frozenset()
    assert lapping(heat(), at(401)) == frozenset()


# R7: advice under red

def red(laps: dict[str, int], red_s: float, *, length: str, **rules: Any) -> Heat:
    """Red at ``red_s``: these karts have so many laps of 30 s, each kart half a second behind the one before."""
    entries = [driven(kart, 1 + n / 2, *[30.0] * done) for n, (kart, done) in enumerate(laps.items())]
    return heat(*entries, Entry("99", None), length=length, rules={"ranking": "position", **rules}, state=State.PAUSED,
                flag=Flag.RED, pauses=((at(10), at(20)), (at(red_s), None)))


def test_R7_before_the_leader_has_two_laps_all_start_again_from_the_original_grid():
    assert advice(red({"7": 1, "3": 1}, 50, length="12L")) == Proposal(
        f"red-{at(50)}", "red", "", at(50), "The leader, kart 7, had completed 1 lap when red came out. Below 2 laps all "
        "start again from the original grid.", (("restart", {"laps": "void"}),))
    none = advice(red({"7": 0}, 15, length="12L"))
    assert none is not None
    assert none.reason.startswith("Nobody had completed a lap when red came out.")
    lower = advice(red({"7": 1}, 50, length="12L", restart_below=1))
    assert lower is not None
    assert lower.orders == (("restart", {"laps": "keep"}),)


def test_R7_from_three_quarters_of_the_laps_on_the_result_stands():
    nine = advice(red({"7": 9, "3": 8}, 300, length="12L"))
    assert nine is not None
    assert nine.orders == (("finish", {}),)
    assert nine.reason == "Red came out after 9 of 12 laps, 75 % of the distance. From 75 % on the result stands."
    back = advice(red({"7": 9}, 300, length="12L", count_back=1))
    assert back is not None
    assert back.reason.endswith("From 75 % on the result stands, counted back 1 lap.")


def test_R7_between_a_single_file_restart_in_race_order():
    found = advice(red({"7": 7, "3": 8, "12": 8, "5": 0}, 300, length="12L"))
    assert found is not None
    assert found.orders == (("restart", {"laps": "keep"}),)
    assert found.reason == ("Red came out after 8 of 12 laps, 66 % of the distance. Below 75 % the heat goes on after a "
                            "single-file restart in this order: 3, 12, 7, 5.")


@pytest.mark.parametrize(("red_s", "order", "words"), [
    (369.9, "restart", "Red came out after 5:59 of 8:00, 74 % of the time."),
    (370, "finish", "Red came out after 6:00 of 8:00, 75 % of the time."),
    (700, "finish", "Red came out after 8:00 of 8:00, 100 % of the time.")])
def test_R7_in_a_timed_heat_the_share_is_of_the_session_clock(red_s, order, words):
    found = advice(red({"7": 10}, red_s, length="8m"))                  # ten seconds of an earlier red are not time run
    assert found is not None
    assert found.orders[0][0] == order
    assert found.reason.startswith(words)


def test_R7_advice_is_given_under_red_only_and_not_twice():
    now = red({"7": 5}, 300, length="12L")
    for state in State:
        assert (advice(replace(now, state=state)) is not None) is (state is State.PAUSED)
    assert advice(replace(now, dismissed=(f"red-{at(300)}",))) is None
    assert advice(replace(now, dismissed=(f"red-{at(10)}",))) is not None, "that was another red"


def test_R7_where_the_best_lap_ranks_there_is_no_policy_and_the_heat_just_goes_on():
    assert advice(red({"7": 5}, 300, length="12L", ranking="best_lap")) is None
