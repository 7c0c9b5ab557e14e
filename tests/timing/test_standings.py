"""Places, gaps and marks, checked against rules R1, R2 and R17 worked out by brute force from the list of crossings."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from tests.timing.race import BASE, Race, as_driven, us
from trackd.timing.board import Row
from trackd.timing.flags import State
from trackd.timing.heat import Heat
from trackd.timing.standings import standings

# --- a heat of twelve with lapped karts, told to the code under test and to a plain list -----------------------------


def twelve(seed: int) -> list[tuple[int, str]]:
    """Crossings (microseconds, kart) of 12 karts of very different pace; one starts late, one stops, one never comes."""
    dice = random.Random(seed)
    out = []
    for kart in range(1, 12):
        at_us = us(5) + kart * 300_000 + (us(150) if kart == 10 else 0)
        pace_us = us(dice.uniform(30, 34) if kart < 7 else dice.uniform(38, 60))
        while at_us < us(420) and not (kart == 11 and at_us > us(120)):
            out.append((at_us, str(kart)))
            at_us += pace_us + dice.randrange(-900_000, 900_000)
    return sorted(out)


def by_r17(crossings: list[tuple[int, str]], over: bool) -> dict[str, tuple[int | None, ...]]:
    """kart -> (place, gap, laps down, interval, interval laps), from nothing but the list and the words of R1 and R17."""
    seen: dict[str, list[int]] = {}
    for at_us, kart in crossings:
        seen.setdefault(kart, []).append(at_us)
    order = sorted(seen, key=lambda k: (-(len(seen[k]) - 1), seen[k][-1]))

    def behind(kart: str, other: str) -> tuple[int | None, int | None]:
        mine, theirs = seen[kart], seen[other]
        when = mine[-1]
        done = theirs if over else [t for t in theirs if t <= when]      # what stood when the trailing kart crossed
        laps_down = (len(done) - 1) - (len(mine) - 1)
        if laps_down >= 1:
            return None, laps_down
        gap = when - theirs[len(mine) - 1]
        return (gap, None) if gap >= 0 else (None, None)

    return {kart: (place + 1, *((None, None) if not place else behind(kart, order[0])),
                   *((None, None) if not place else behind(kart, order[place - 1])))
            for place, kart in enumerate(order)}


@pytest.mark.parametrize("seed", range(6))
def test_gaps_intervals_and_laps_down_match_r17_after_every_crossing(seed):
    race = Race("10m", 12, ranking="position")
    told: list[tuple[int, str]] = []
    for at_us, kart in twelve(seed):
        race.cross(at_us / 1e6, kart)
        told.append((at_us, kart))
        rows = race.rows()
        expected = by_r17(told, over=False)
        assert {k: (r.position, r.gap_us, r.gap_laps, r.interval_us, r.interval_laps)
                for k, r in rows.items() if r.position is not None} == expected
    assert any(row.gap_laps for row in rows.values()), "the fixture has lapped karts"
    race.order(425, "finish")
    assert {k: (r.position, r.gap_us, r.gap_laps, r.interval_us, r.interval_laps)
            for k, r in race.rows().items() if r.position is not None} == by_r17(told, over=True)
    assert race.rows()["12"].position is None


def test_a_gap_from_before_the_leaders_latest_crossing_is_marked_old():
    race = Race("8m", 2, ranking="position")
    race.run(k1="10 40", k2="11 42")
    assert (race.rows()["2"].gap_us, race.rows()["2"].gap_old) == (us(2), False)
    race.run(k1="70")
    assert (race.rows()["2"].gap_us, race.rows()["2"].gap_old) == (us(2), True)
    race.run(k2="73")
    assert (race.rows()["2"].gap_us, race.rows()["2"].gap_old) == (us(3), False)


def test_a_kart_overtaken_since_its_last_crossing_has_no_gap_and_never_a_negative_one():
    race = Race("8m", 2, ranking="position", sectors=1)
    race.run(k1="10 40", k2="11 42")
    race.cross(52, "2", "sector:1")
    assert race.places() == [(1, "2"), (2, "1")], "kart 2 was first at the sector line"
    assert (race.rows()["1"].gap_us, race.rows()["1"].gap_laps, race.rows()["1"].gap_old) == (None, None, True)
    race.run(k2="70 100")
    assert race.rows()["1"].gap_us is None
    race.order(101, "finish")
    assert race.rows()["1"].gap_laps == 2


def test_crossing_at_the_same_microsecond_one_lap_down_is_one_lap_down():
    race = Race("8m", 2, ranking="position")
    race.run(k1="10 40 70", k2="11 70")
    assert (race.rows()["2"].gap_us, race.rows()["2"].gap_laps) == (None, 1)


def test_the_live_order_follows_the_last_timing_line_and_the_result_the_laps():
    race = Race("8m", 3, ranking="position", sectors=2)
    race.run(k1="10 40", k2="11 41", k3="12 45")
    for at_s, kart, role in ((50, "1", "sector:1"), (52, "3", "sector:1"), (60, "3", "sector:2")):
        race.cross(at_s, kart, role)
    assert race.places() == [(1, "3"), (2, "1"), (3, "2")]
    race.order(65, "finish")
    assert race.places() == [(1, "1"), (2, "2"), (3, "3")]


def test_equal_to_the_microsecond_is_a_shared_place_and_the_next_is_skipped():
    race = Race("8m", 4, ranking="position")
    race.run(k1="10 40.000001", k2="11 40", k3="9 40", k4="12 41")
    assert race.places() == [(1, "2"), (1, "3"), (3, "1"), (4, "4")]
    assert (race.rows()["3"].gap_us, race.rows()["1"].gap_us, race.rows()["1"].interval_us) == (0, 1, 1)


def test_best_lap_order_goes_by_second_bests_then_by_whose_was_set_first():
    race = Race("8m", 6)
    race.run(k1="10 40 72 105",      # 30 32 33
             k2="11 44 76 106",      # 33 32 30
             k3="12 42 73 104",      # 30 31 31
             k4="13 43 75",          # 30 32: no third lap, after those with one
             k5="14 45 75",          # 31 30
             k6="15 45 76")          # 30 31, set before kart 5's
    assert [kart for _, kart in race.places()] == ["3", "6", "5", "1", "2", "4"]
    rows = race.rows()
    assert [rows[k].position for k in "365124"] == [1, 2, 3, 4, 5, 6]
    assert {row.gap_us for row in rows.values()} == {None, 0}


def test_the_same_laps_set_at_the_same_instant_share_a_place():
    race = Race("8m", 3)
    race.run(k1="10 40", k2="10 40", k3="12 43")
    assert race.places() == [(1, "1"), (1, "2"), (3, "3")]


def test_who_has_no_ranking_lap_comes_after_all_by_laps_and_who_never_came_last():
    race = Race("8m", 5, max_lap_s=35)
    race.run(k1="10 60 110", k2="11 45", k3="12 62", k4="13")
    for order in (lambda: None, lambda: race.order(120, "finish")):
        order()
        assert race.places() == [(1, "2"), (2, "1"), (3, "3"), (4, "4"), (None, "5")]
    assert [race.rows()[k].state for k in "45"] == ["dnf", "dns"]
    assert race.rows()["1"].gap_us is None


def test_karts_that_began_and_did_no_lap_are_placed_before_those_that_never_came():
    race = Race("8m", 3, ranking="position")
    race.run(k3="10", k2="12")
    assert race.places() == [(1, "3"), (2, "2"), (None, "1")]
    race.order(20, "finish")
    assert race.places() == [(1, "3"), (2, "2"), (None, "1")]
    assert race.rows()["2"].gap_us == us(2)


def test_kart_numbers_sort_as_numbers_where_nothing_else_decides():
    race = Race("8m", ["10", "9", "2", "B1", "x"])
    assert [kart for _, kart in race.places()] == ["2", "9", "10", "B1", "x"]


def test_marks_say_what_the_last_lap_and_its_sectors_were_worth():
    race = Race("8m", 2, sectors=1)
    for kart, times in (("1", (10, 20, 40, 51, 69.5)), ("2", (11, 22, 44, 55.5, 76))):
        for index, at_s in enumerate(times):
            race.cross(at_s, kart, "sector:1" if index % 2 else "start_finish")
    rows = race.rows()
    assert [lap.time_us for lap in race.entries["1"].laps] == [us(30), us(29.5)]
    assert (rows["1"].last_mark, rows["2"].last_mark) == ("best", "pb")
    assert rows["1"].sector_marks == ("slow", "best")
    assert rows["2"].sector_marks == ("slow", "pb")
    assert (rows["1"].best_is_session_best, rows["2"].best_is_session_best) == (True, False)


def test_of_laps_in_progress_only_the_fastest_sector_is_the_best_of_the_session():
    race = Race("8m", 2, sectors=1)
    race.cross(10, "1")
    race.cross(11, "2")
    race.cross(20, "1", "sector:1")
    assert race.rows()["1"].sector_marks == ("best", "")
    race.cross(20.9, "2", "sector:1")
    assert [race.rows()[kart].sector_marks[0] for kart in ("1", "2")] == ["pb", "best"]


def test_the_sectors_shown_are_those_of_the_lap_in_progress_once_it_has_one():
    race = Race("8m", 1, sectors=2)
    assert race.rows()["1"].sectors_us == (None, None, None)
    for at_s, role in ((10, "start_finish"), (20, "sector:1"), (31, "sector:2"), (43, "start_finish")):
        race.cross(at_s, "1", role)
    assert race.rows()["1"].sectors_us == (us(10), us(11), us(12))
    race.cross(54, "1", "sector:1")
    assert race.rows()["1"].sectors_us == (us(11), None, None)


def test_a_row_names_the_crossing_its_figures_come_from():
    race = Race("8m", 2)
    race.run(k1="10 40")
    row, idle = race.rows()["1"], race.rows()["2"]
    lap = race.entries["1"].laps[0]
    assert (row.last_lap_id, row.hit_seq, row.best_lap_number) == (str(lap.seq), lap.seq, 1)
    assert (idle.laps, idle.last_us, idle.best_us, idle.gap_us, idle.hit_seq) == (0, None, None, None, 0)
    assert (row.state, idle.state) == ("running", "waiting")
    assert lap.end_us == us(40) + BASE
    assert race.heat.state is State.RUNNING
    assert (row.last_source, row.best_by_hand, row.edited, row.pits, row.pit_us, row.flag, row.penalties) == (
        "loop", False, False, 0, 0, "", ())


def changed(heat: Heat, kart: str, **fields: object) -> Heat:
    return replace(heat, entries={**heat.entries, kart: as_driven(replace(heat.entries[kart], **fields))})


def rows_of(heat: Heat) -> dict[str, Row]:
    return {row.kart: row for row in standings(heat)}


def test_a_row_tells_pit_visits_the_karts_flag_its_entry_and_what_was_edited():
    race = Race("8m", 3)
    race.run(k1="10 40 71", k2="11 42 74", k3="12 43")
    first, second = race.entries["2"].laps
    heat = changed(race.heat, "1", pits=((us(20), us(50)), (us(60), us(64.5)), (us(70), None)), flag="black", id="7")
    heat = changed(heat, "2", laps=(replace(first, edits=(99,)), replace(second, source="split")))
    heat = changed(heat, "3", struck=(replace(first, edits=(98,)),))
    rows = rows_of(heat)
    assert (rows["1"].pits, rows["1"].pit_us, rows["1"].flag, rows["1"].entry) == (3, us(34.5), "black", "7")
    assert {kart: (row.edited, row.last_source) for kart, row in rows.items()} == {
        "1": (False, "loop"), "2": (True, "split"), "3": (True, "loop")}


# --- laps timed by hand ----------------------------------------------------------------------------------------------


def by_hand(heat: Heat, kart: str) -> Heat:
    """All laps of the kart timed by hand, at the line."""
    entry = heat.entries[kart]
    laps = tuple(replace(lap, source="manual", tapped=True) for lap in entry.laps)
    return changed(heat, kart, laps=laps, bests=(), by_hand=entry.bests)


def test_karts_timed_by_hand_come_after_all_with_a_measured_lap_by_their_own_bests():
    race = Race("8m", 5)
    race.run(k1="10 40 71", k2="11 39 69", k3="12 43 75", k4="13 39 65", k5="14")     # 30 31, 28 30, 31 32, 26 26, none
    assert [kart for _, kart in race.places()] == ["4", "2", "1", "3", "5"]
    heat = by_hand(by_hand(race.heat, "2"), "4")
    rows = rows_of(heat)
    assert [(row.position, row.kart) for row in rows.values()] == [(1, "1"), (2, "3"), (3, "4"), (4, "2"), (5, "5")]
    assert {k: (r.best_us, r.best_by_hand, r.best_lap_number, r.average_us) for k, r in rows.items()} == {
        "1": (us(30), False, 1, us(30.5)), "3": (us(31), False, 1, us(31.5)), "4": (us(26), True, 1, None),
        "2": (us(28), True, 1, None), "5": (None, False, None, None)}
    assert {k: (r.gap_us, r.interval_us) for k, r in rows.items()} == {
        "1": (None, None), "3": (us(1), us(1)), "4": (None, None), "2": (None, us(2)), "5": (None, None)}


def test_a_lap_timed_by_hand_is_never_the_best_of_the_session():
    race = Race("8m", 2)
    race.run(k1="10 40 71", k2="11 42.5 72.5")          # 30 31, 31.5 30
    one = rows_of(by_hand(race.heat, "2"))
    assert {k: (r.best_is_session_best, r.last_mark) for k, r in one.items()} == {"1": (True, ""), "2": (False, "pb")}
    none = rows_of(by_hand(by_hand(race.heat, "1"), "2"))
    assert [(row.position, row.kart, row.gap_us) for row in none.values()] == [(1, "1", None), (2, "2", 0)]
    assert {k: (r.best_is_session_best, r.last_mark) for k, r in none.items()} == {"1": (False, ""), "2": (False, "pb")}


def test_a_lap_timed_by_hand_counts_as_no_best_of_a_kart_that_has_a_measured_one():
    race = Race("8m", 1)
    race.run(k1="10 41 70")
    first, last = race.entries["1"].laps
    row = rows_of(changed(race.heat, "1", laps=(first, replace(last, source="manual", tapped=True)),
                          bests=((us(31), us(41) + BASE, 1),), by_hand=((us(29), us(70) + BASE, 2),)))["1"]
    assert (row.best_us, row.best_lap_number, row.best_by_hand, row.last_mark) == (us(31), 1, False, "off")


# --- after a restart that kept the laps ------------------------------------------------------------------------------


def restarted(race: Race) -> Heat:
    """On the grid again: laps stand, no lap is open."""
    heat = race.heat
    for kart in heat.entries:
        heat = changed(heat, kart, opened_us=None, opened_seq=0, splits=())
    return heat


def kept() -> Race:
    race = Race("8m", 5, ranking="position")
    race.run(k1="10 40 70", k2="11 41 72", k3="12 44 76", k4="13 47")
    return race


def test_karts_keep_places_gaps_and_laps_after_a_restart_before_they_have_begun_again():
    race = kept()
    heat = restarted(race)
    assert [(row.position, row.kart) for row in standings(heat)] == [(1, "1"), (2, "2"), (3, "3"), (4, "4"), (None, "5")]
    rows = rows_of(heat)
    assert {k: (r.laps, r.gap_us, r.gap_laps, r.state) for k, r in rows.items()} == {
        "1": (2, None, None, "running"), "2": (2, us(2), None, "running"), "3": (2, us(6), None, "running"),
        "4": (1, us(7), None, "running"), "5": (0, None, None, "waiting")}
    assert rows["1"].hit_seq == race.entries["1"].laps[-1].seq
    over = rows_of(replace(heat, state=State.PROVISIONAL))
    assert {k: (r.position, r.laps, r.gap_laps, r.state) for k, r in over.items()} == {
        "1": (1, 2, None, "dnf"), "2": (2, 2, None, "dnf"), "3": (3, 2, None, "dnf"), "4": (4, 1, 1, "dnf"),
        "5": (None, 0, None, "dns")}


def test_the_line_of_a_restart_is_a_timing_line_who_crosses_it_first_does_not_fall_behind():
    heat = restarted(kept())
    heat = changed(heat, "1", opened_us=us(600) + BASE, opened_seq=900)
    assert [row.kart for row in standings(heat)] == ["1", "2", "3", "4", "5"]
    heat = changed(heat, "3", opened_us=us(601) + BASE, opened_seq=901)
    assert [row.kart for row in standings(heat)] == ["1", "3", "2", "4", "5"], "kart 3 came round before kart 2"
    assert (rows_of(heat)["3"].hit_seq, rows_of(heat)["2"].gap_us, rows_of(heat)["3"].interval_us) == (901, us(2), us(6))
    assert [row.kart for row in standings(replace(heat, state=State.PROVISIONAL))] == ["1", "2", "3", "4", "5"]


def test_in_a_best_lap_session_a_kart_without_a_lap_open_keeps_its_place():
    race = Race("8m", 3)
    race.run(k1="10 41", k2="11 41")
    assert [(row.position, row.kart) for row in standings(restarted(race))] == [(1, "2"), (2, "1"), (None, "3")]


# --- ended under red -------------------------------------------------------------------------------------------------


def red(count_back: int, *, resumed: bool = False, ranking: str = "position") -> Race:
    """Kart 2 took the lead on the leader's fifth lap, kart 1 leads on the fourth; kart 4 is lapped, kart 5 twice."""
    race = Race("20m", 6, ranking=ranking, count_back=count_back)
    race.run(k1="10 40 70 100 130 161", k2="11 42 73 104 131 160", k3="12 43 74 103 134", k4="13 53 93 133", k5="14 74 140")
    race.order(165, "red")
    if resumed:
        race.order(300, "resume")
    race.order(310, "finish")
    return race


@pytest.mark.parametrize(("count_back", "places", "laps"), [
    (0, "213456", [5, 5, 4, 3, 2, 0]),
    (1, "123456", [4, 4, 4, 3, 2, 0]),
    (2, "132456", [3, 3, 3, 3, 2, 0]),
    (9, "123456", [0, 0, 0, 0, 0, 0]),
])
def test_a_heat_that_ended_under_red_is_counted_back_from_the_leaders_last_lap(count_back, places, laps):
    race = red(count_back)
    shown = standings(race.heat)
    assert ("".join(row.kart for row in shown), [row.laps for row in shown]) == (places, laps)
    assert [row.position for row in shown] == [1, 2, 3, 4, 5, None]
    race.order(320, "confirm")
    assert [row.kart for row in standings(race.heat)] == list(places)
    assert [row.last_us for row in shown] == [rows_of(red(0).heat)[row.kart].last_us for row in shown]


def test_gaps_of_a_result_that_was_counted_back_are_those_at_the_end_of_the_lap_that_ranks():
    rows = rows_of(red(2).heat)
    assert {k: (r.gap_us, r.gap_laps, r.interval_us) for k, r in rows.items()} == {
        "1": (None, None, None), "3": (us(3), None, us(3)), "2": (us(4), None, us(1)), "4": (us(33), None, us(29)),
        "5": (None, 1, None), "6": (None, None, None)}


@pytest.mark.parametrize("how", [{"resumed": True}, {"ranking": "best_lap"}])
def test_only_a_position_result_that_ended_under_red_is_counted_back(how):
    assert standings(red(1, **how).heat) == standings(red(0, **how).heat)


def test_nothing_is_counted_back_while_the_heat_is_only_stopped():
    race = Race("20m", 2, ranking="position", count_back=1)
    race.run(k1="10 40 70", k2="11 42 72")
    race.order(75, "red")
    assert [row.laps for row in standings(race.heat)] == [2, 2]
