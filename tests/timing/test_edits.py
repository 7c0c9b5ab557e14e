"""What a timekeeper decides about laps, live and after the finish: nothing else of the heat changes (A9)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.timing.control import sound, timeless
from tests.timing.race import BASE, Race, us
from trackd.core.errors import BadInput, Refused
from trackd.timing.events import Crossing, Order, Verdict
from trackd.timing.finish import advance
from trackd.timing.flags import State
from trackd.timing.heat import Heat

SHAPES = list(product(("8m", "12L", "8m+1L"), ("individual", "leader"), ("best_lap", "position")))
LAPS_S = {"1": 41, "2": 42.5, "3": 55}


def heat_of(shape: tuple[str, str, str], until_s: float = 1000) -> Race:
    """Karts 1, 2 and 3 lapping unevenly round their lap times until they have had the flag; kart 4 never comes."""
    length, finish, ranking = shape
    race = Race(length, 4, finish=finish, ranking=ranking, min_lap_s=10, grace_s=300)
    crossings = sorted((5 + int(kart) + lap * lap_s + 0.3 * (lap * int(kart) % 5), kart)
                       for kart, lap_s in LAPS_S.items() for lap in range(17))
    for at_s, kart in crossings:
        if at_s <= until_s:
            race.cross(round(at_s, 3), kart)
    return race


# An edit on kart 3, and the lap times it leaves: of kart 3, and of kart 4.
EDITS: dict[str, tuple[dict[str, Any], Any]] = {
    "void_lap": ({"kart": "3", "lap": 3}, lambda t: ([*t[:2], *t[3:]], [])),
    "split_lap": ({"kart": "3", "lap": 3}, lambda t: ([*t[:2], t[2] / 2, t[2] / 2, *t[3:]], [])),
    "split_lap ": ({"kart": "3", "lap": 3, "parts": 3}, lambda t: ([*t[:2], t[2] / 3, t[2] / 3, t[2] / 3, *t[3:]], [])),
    "split_lap  ": ({"kart": "3", "lap": 3, "at_us": us(20)}, lambda t: ([*t[:2], 20, t[2] - 20, *t[3:]], [])),
    "insert_crossing": ({"kart": "3", "at_us": us(143)}, lambda t: ([*t[:2], 24.7, t[2] - 24.7, *t[3:]], [])),
    "merge_laps": ({"kart": "3", "lap": 3}, lambda t: ([*t[:2], t[2] + t[3], *t[4:]], [])),
    "ignore_crossing": ({"kart": "3", "lap": 1}, lambda t: ([t[0] + t[1], *t[2:]], [])),
    "shift_crossing": ({"kart": "3", "lap": 2, "by_us": us(-1.5)}, lambda t: ([t[0], t[1] - 1.5, t[2] + 1.5, *t[3:]], [])),
    "move_laps": ({"from": "3", "to": "4", "laps": [2, 3]}, lambda t: ([t[0], *t[3:]], t[1:3])),
    "move_laps ": ({"from": "3", "to": "4", "laps": [1, 3]}, lambda t: ([t[1], *t[3:]], [t[0], t[2]])),
    "move_laps  ": ({"from": "3", "to": "4"}, lambda t: ([], t)),
}


@pytest.mark.parametrize("shape", SHAPES, ids="-".join)
@pytest.mark.parametrize("live", [True, False], ids=["live", "finished"])
def test_A9_every_edit_works_live_and_after_the_finish_and_changes_nothing_else(shape, live):
    race = heat_of(shape, 300 if live else 1000)
    before, times = race.heat, race.times("3")
    assert before.state is (State.RUNNING if live else State.PROVISIONAL)
    at_s = 300 if live else 1100
    for name, (args, expected) in EDITS.items():
        at_s += 1
        seq = race.order(at_s, name.strip(), **args)
        sound(race.session)
        three, four = expected(times)
        if not live and shape[0] == "12L" and shape[1] == "individual":
            three = three[:12]                       # it has driven its twelve one lap earlier
        assert race.times("3") == pytest.approx(three), name
        assert race.times("4") == pytest.approx(four), name
        now = race.heat
        assert (now.state, now.chequered_us, now.ended_us) == (before.state, before.chequered_us, before.ended_us), name
        for kart in ("1", "2"):
            assert race.entries[kart] == before.entries[kart], name
        race.order(at_s + 0.5, "undo", of=seq)
        assert timeless(race.heat) == timeless(advance(before, us(at_s + 0.5) + BASE)), name
    for kart in "123":
        assert (race.entries[kart].finished_us is None) is live


@pytest.mark.parametrize("finish", ["individual", "leader"])
def test_X17_a_lap_deleted_after_the_flag_changes_the_winner_and_nobody_drives_on(finish):
    race = heat_of(("12L", finish, "position"))
    assert [kart for _, kart in race.places()] == ["1", "2", "3", "4"]
    over = race.heat
    assert race.cross(1001, "1") is Verdict.LATE
    race.order(1100, "void_lap", kart="1", lap=3, reason="Short cut")
    assert race.laps() == {"1": 11, "2": 12, "3": 12 if finish == "individual" else 9, "4": 0}
    assert race.entries["1"].finished_us == over.entries["1"].finished_us, "it has had the flag, with a lap less"
    assert (race.heat.chequered_us, race.heat.ended_us) == (over.chequered_us, over.ended_us)
    places = [kart for _, kart in race.places()]
    assert places == (["2", "3", "1", "4"] if finish == "individual" else ["2", "1", "3", "4"])
    rows = race.rows()
    assert rows["1"].gap_laps == 1
    assert [lap.number for lap in race.entries["1"].laps] == list(range(1, 12))
    assert [lap.verdict for lap in race.entries["1"].struck] == ["void"]
    race.undo(1110)
    assert [kart for _, kart in race.places()] == ["1", "2", "3", "4"]


def test_X17_a_lap_deleted_while_a_lap_race_runs_moves_the_flag_to_who_has_driven_it_first():
    race = Race("4L", 2, finish="leader", ranking="position", min_lap_s=5)
    race.run(k1="5 45 85 125", k2="6 47 88 129")
    race.order(130, "void_lap", kart="1", lap=2)
    assert race.laps() == {"1": 2, "2": 3}
    race.run(k1="165", k2="170")
    assert race.heat.state is State.FINISHING, "kart 2 has four, kart 1 three"
    race.cross(205, "1")
    assert (race.heat.state, race.laps()) == (State.PROVISIONAL, {"1": 4, "2": 4})
    assert race.places() == [(1, "2"), (2, "1")]


def test_A3_a_read_below_the_shortest_lap_counts_after_one_tap_and_X3_it_may_be_the_right_one():
    race = Race("8m", 1, min_lap_s=20)
    race.run(k1="5 45 49 85")
    assert race.times("1") == [40, 40]
    short = race.passing("1", 49)
    assert race.session.verdicts[short] is Verdict.TOO_SHORT
    seq = race.order(90, "count_crossing", passing=short)
    assert race.times("1") == [40, 4, 36]
    assert [lap.verdict for lap in race.entries["1"].laps] == ["valid", "short", "valid"]
    assert [time_us for time_us, *_ in race.entries["1"].bests] == [us(36), us(40)], "distance, never a best"
    race.order(91, "undo", of=seq)
    race.order(92, "ignore_crossing", passing=race.passing("1", 45))
    assert race.times("1") == [44, 36], "the pass before it was the wrong one: the later counts by itself"
    assert race.entries["1"].laps[0].edits == (race.acts.to_undo("heat").seq,)


def test_A5_a_repeated_read_can_be_made_to_count_but_never_as_a_lap_of_no_time_at_all():
    race = Race("8m", 1, min_lap_s=0)
    race.cross(5, "1")
    race.cross(45, "1")
    same = race.session.log[-1]
    race.session.apply(Crossing(900, same.at_us, "t1", "1"))
    race.cross(46.5, "1")
    with pytest.raises(Refused, match="shorter than the shortest"):
        race.order(50, "count_crossing", passing=900)
    race.order(51, "count_crossing", passing=race.passing("1", 46.5))
    assert race.times("1") == [40, 1.5]


def test_A4_a_merged_lap_over_the_longest_is_long_counts_as_distance_and_is_never_a_best():
    race = Race("8m", 1, min_lap_s=20, max_lap_s=60)
    race.run(k1="5 45 85 125")
    race.order(130, "merge_laps", kart="1", lap=1)
    assert [(lap.time_us, lap.verdict, lap.ranks) for lap in race.entries["1"].laps] == [
        (us(80), "long", False), (us(40), "valid", True)]


def test_a_lap_with_an_end_that_nobody_measured_is_never_a_best():
    race = Race("8m", 1, min_lap_s=10)
    race.run(k1="5 45 126 200")
    race.order(201, "split_lap", kart="1", lap=2, parts=2)
    race.order(202, "insert_crossing", kart="1", at_us=us(160))
    assert [(lap.time_us / 1e6, lap.source) for lap in race.entries["1"].laps] == [
        (40, "loop"), (40.5, "split"), (40.5, "split"), (34, "manual"), (40, "manual")]
    assert [time_us for time_us, *_ in race.entries["1"].bests] == [us(40)]
    assert race.entries["1"].by_hand == ()


def test_edits_upon_edits_move_and_shift_what_was_made_by_hand_too():
    race = Race("8m", 2, min_lap_s=10)
    race.run(k1="5 85 125")
    race.order(126, "split_lap", kart="1", lap=1)
    race.order(127, "shift_crossing", kart="1", lap=1, by_us=us(-3))
    assert race.times("1") == [37, 43, 40]
    race.order(128, "void_lap", kart="1", lap=2)
    race.order(129, "move_laps", from_="1", to="2")
    assert (race.times("1"), race.times("2")) == ([], [37, 40])
    sound(race.session)


def test_laps_moved_to_a_kart_that_drove_at_the_same_time_leave_no_impossible_lap():
    race = heat_of(("8m", "leader", "position"))
    race.order(1100, "move_laps", from_="1", to="2", laps=[3, 4, 5])
    sound(race.session)
    assert race.laps()["1"] == 9
    race.order(1101, "move_laps", from_="2", to="1")
    sound(race.session)
    assert (race.laps()["2"], race.heat.state) == (0, State.PROVISIONAL)


def test_an_edit_after_the_finish_never_opens_the_heat_again_nor_sends_out_who_has_had_the_flag():
    """The last crossing of a kart is deleted, ignored, shifted, moved: nobody is awaited again."""
    for shape, name in product(SHAPES, ("void_lap", "ignore_crossing", "shift_crossing", "move_laps", "set")):
        race = heat_of(shape)
        last = len(race.entries["2"].laps)
        args = {"set": {"min_lap_s": 42.6}, "move_laps": {"from_": "2", "to": "4", "laps": [last]},
                "shift_crossing": {"kart": "2", "lap": last, "by_us": us(3)}}.get(name, {"kart": "2", "lap": last})
        before: Heat = race.heat
        race.order(1100, name, **args)
        sound(race.session)
        assert race.heat.state is State.PROVISIONAL, (shape, name)
        assert race.heat.chequered_us == before.chequered_us
        if name in ("void_lap", "shift_crossing"):
            assert race.entries["2"].finished_us is not None
            assert race.laps()["2"] == (last - 1 if name == "void_lap" else last), (shape, name)


@pytest.mark.parametrize(("name", "args", "why"), [
    ("void_lap", {"kart": "1", "lap": 99}, "has no lap 99"),
    ("void_lap", {"kart": "9", "lap": 1}, "not in this heat"),
    ("insert_crossing", {"kart": "1", "at_us": us(50)}, "shorter than the shortest"),
    ("insert_crossing", {"kart": "1", "at_us": us(400)}, "not come yet"),
    ("insert_crossing", {"kart": "1", "at_us": us(-3)}, "before green"),
    ("split_lap", {"kart": "1", "lap": 2, "at_us": us(3)}, "shorter than the shortest"),
    ("merge_laps", {"kart": "1", "lap": 7}, "the last"),
    ("shift_crossing", {"kart": "1", "lap": 2, "by_us": us(-35)}, "shorter than the shortest"),
    ("count_crossing", {"passing": 3}, "counts already"), ("count_crossing", {"passing": 9999}, "no passing"),
    ("ignore_crossing", {"passing": 9999}, "no passing"), ("move_laps", {"from": "4", "to": "1"}, "no passings"),
    ("set_start", {"at_us": us(350)}, "not come yet"), ("set_start", {"at_us": us(-2)}, "not staged"),
    ("set_finish", {"kart": "4", "lap": 1}, "no lap"), ("tap", {"kart": "9"}, "not in this heat"),
])
def test_what_is_not_possible_is_refused_with_the_reason(name, args, why):
    race = heat_of(("8m", "leader", "position"), 300)
    before = list(race.session.log)
    with pytest.raises(Refused, match=why):
        race.order(300, name, **args)
    assert race.session.log == before
    with pytest.raises((BadInput, Refused)):
        race.order(300, name, **{**args, "kart": "x", "lap": "x", "passing": "x", "at_us": "x", "by_us": "x", "to": "4"})


def test_an_official_result_is_amended_before_it_is_edited():
    race = heat_of(("8m", "leader", "position"))
    race.order(1100, "confirm")
    for name in ("void_lap", "tap", "penalty", "restart"):
        with pytest.raises(Refused, match=r"Amend it first|not possible"):
            race.order(1101, name, kart="1", lap=1, kind="dsq", laps="keep")
    race.order(1102, "amend", reason="Protest")
    race.order(1103, "void_lap", kart="1", lap=1)
    race.order(1104, "confirm")
    assert (race.heat.version, race.heat.amends[0].reason) == (2, "Protest")
    assert isinstance(race.session.log[-1], Order)


def test_r16_a_lap_whose_end_was_shifted_is_no_measured_lap_and_never_a_best():
    race = Race("8m", 1)
    race.run(k1="10 50 90 130")
    race.order(140, "shift_crossing", kart="1", lap=2, by_us=-us(5))
    assert [(lap.time_us, lap.source) for lap in race.entries["1"].laps] == [
        (us(40), "loop"), (us(35), "manual"), (us(45), "manual")]
    assert race.entries["1"].best_us == us(40)


def test_a_crossing_put_in_by_hand_soon_after_a_resume_is_not_held_off():
    race = Race("8m", 1, min_lap_s=10, hold_off_us=None)
    race.run(k1="5 45 85 125")
    race.order(130, "red")
    race.order(200, "resume")
    race.cross(255, "1")
    race.order(256, "split_lap", kart="1", lap=4, at_us=us(80))
    assert race.times("1") == [40, 40, 40, 80, 50], "5 s after the resume"
    with pytest.raises(Refused, match="under red"):
        race.order(257, "split_lap", kart="1", lap=4, at_us=us(20))


def test_what_was_struck_before_the_flag_counts_again_after_it_without_undoing_the_flag():
    race = heat_of(("8m", "individual", "best_lap"), 300)
    before = race.times("3")
    race.order(301, "void_lap", kart="3", lap=3)
    penalty = race.order(302, "penalty", kart="3", kind="lap", value=2)
    with pytest.raises(Refused, match="The time of lap 2 is deleted already"):
        race.order(303, "penalty", kart="3", kind="lap", value=2)
    race.order(310, "chequered")
    race.order(311, "finish")
    entry = race.heat.entries["3"]
    assert (len(entry.laps), len(entry.struck), entry.laps[1].verdict) == (len(before) - 1, 1, "void")
    struck = entry.struck[0]
    race.order(320, "count_crossing", passing=struck.seq)
    race.order(321, "lift", penalty=penalty)
    entry = race.heat.entries["3"]
    assert (race.times("3"), entry.struck, entry.penalties) == (before, (), ())
    assert {lap.verdict for lap in entry.laps} == {"valid"}
    with pytest.raises(Refused, match="counts already"):
        race.order(322, "count_crossing", passing=struck.seq)
    race.order(323, "penalty", kart="3", kind="lap", value=2)
    assert race.heat.entries["3"].laps[1].verdict == "void", "it can be deleted again"
