"""Who drives what: swaps from now and since the start, late joins, leaves, no-shows, binds (C4, X4, X5, X6, B12)."""

from __future__ import annotations

import pytest

from tests.timing.control import sound, timeless
from tests.timing.race import BASE, Race, us
from trackd.core.errors import Refused
from trackd.timing.events import Verdict
from trackd.timing.finish import advance
from trackd.timing.flags import State


def three(until_s: float = 134) -> Race:
    """Karts 1, 2 and 3 lap in 40, 42 and 44 s; kart 9 is on the track too, but nobody has entered it: 50 s."""
    race = Race("8m", 3, min_lap_s=10, ranking="position")
    laps = (("1", 5, 40), ("2", 6, 42), ("3", 7, 44), ("9", 8, 50))
    crossings = [(start_s + lap_s * n, kart) for kart, start_s, lap_s in laps for n in range(16)]
    for at_s, kart in sorted(crossings):
        if at_s <= until_s:
            race.cross(at_s, kart)
    return race


def driven(race: Race) -> dict[str, tuple[str, list[float]]]:
    """Driver -> kart and lap times."""
    return {e.driver_id: (kart, race.times(kart)) for kart, e in race.entries.items()}


# --- from now on -----------------------------------------------------------------------------------------------------


def test_C4_X5_from_now_on_laps_stay_with_the_driver_and_each_lap_says_which_kart_drove_it():
    race = three()
    race.order(135, "swap_kart", from_="1", to="2", since="now")
    race.run(k1="165", k2="174")
    assert driven(race) == {
        "driver-1": ("2", [40, 40, 40, 49]), "driver-2": ("1", [42, 42, 42, 33]), "driver-3": ("3", [44, 44])}
    assert [lap.kart for lap in race.entries["2"].laps] == ["1", "1", "1", "2"]
    assert [lap.kart for lap in race.entries["1"].laps] == ["2", "2", "2", "1"]
    assert (race.entries["2"].id, race.entries["1"].id) == ("1", "2")
    sound(race.session)


def test_X5_into_a_kart_that_nobody_has_and_back_again():
    race = three(100)
    before = race.heat
    race.order(101, "swap_kart", from_="1", to="9", since="now")
    race.run(k9="108 158")
    race.order(160, "swap_kart", from_="9", to="1", since="now")
    race.run(k1="190")
    assert driven(race)["driver-1"] == ("1", [40, 40, 23, 50, 32])
    assert list(race.entries) == ["1", "2", "3"]
    for at_s in (200, 201):
        race.undo(at_s)
    assert driven(race)["driver-1"] == ("1", [40, 40, 105])
    assert race.entries["2"] == before.entries["2"]


def test_an_edit_of_a_lap_driven_before_the_swap_reaches_the_driver_who_drove_it():
    race = three()
    race.order(135, "swap_kart", from_="1", to="2", since="now")
    race.run(k1="165", k2="174")
    race.order(175, "void_lap", kart="2", lap=1)
    race.order(176, "split_lap", kart="2", lap=1)
    race.order(177, "split_lap", kart="1", lap=1)
    assert driven(race) == {
        "driver-1": ("2", [20, 20, 40, 49]), "driver-2": ("1", [21, 21, 42, 42, 33]), "driver-3": ("3", [44, 44])}
    race.order(178, "shift_crossing", kart="2", lap=3, by_us=us(12))
    assert driven(race)["driver-1"] == ("2", [20, 20, 52, 37]), "into the time after the swap"
    race.order(179, "merge_laps", kart="2", lap=1)
    race.order(180, "insert_crossing", kart="2", at_us=us(60))
    assert driven(race)["driver-1"] == ("2", [15, 25, 52, 37])
    race.order(181, "move_laps", from_="2", to="3")
    assert driven(race)["driver-1"] == ("2", [])
    assert driven(race)["driver-2"] == ("1", [21, 21, 42, 42, 33]), "kart 2 was his when he drove these"
    sound(race.session)


def test_a_swap_taken_back_gives_each_driver_what_his_kart_drove():
    race = three()
    seq = race.order(135, "swap_kart", from_="1", to="2", since="now")
    race.run(k1="165", k2="174")
    race.order(175, "penalty", kart="3", kind="time", value=us(5))
    race.undo(176, of=seq)
    assert driven(race) == {
        "driver-1": ("1", [40, 40, 40, 40]), "driver-2": ("2", [42, 42, 42, 42]), "driver-3": ("3", [44, 44])}
    race.redo(177)
    assert driven(race)["driver-1"] == ("2", [40, 40, 40, 49])


def test_a_swap_whose_driver_was_taken_out_of_the_heat_moves_nobody():
    race = three(20)
    joined = race.order(21, "join", kart="9", driver_id="zoe")
    race.order(22, "swap_kart", from_="9", to="2", since="now")
    race.undo(23, of=joined)
    assert driven(race) == {"driver-1": ("1", []), "driver-2": ("2", []), "driver-3": ("3", [])}


# --- since the start -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finished", [False, True])
def test_C4_since_the_start_both_drivers_exchange_all_that_their_karts_drove(finished):
    race = three(600 if finished else 134)
    before = race.heat
    assert before.state is (State.PROVISIONAL if finished else State.RUNNING)
    race.order(601, "penalty", kart="1", kind="time", value=us(5), reason="Pushing")
    race.order(602, "swap_kart", from_="1", to="2", since="start")
    after = driven(race)
    assert after["driver-1"] == ("2", race.times("2"))
    assert after["driver-2"] == ("1", race.times("1"))
    assert race.entries["1"].laps == advance(before, us(602) + BASE).entries["1"].laps
    assert race.rows()["1"].penalties == ("+5 s",), "the marshal saw kart 1"
    race.order(603, "swap_kart", from_="2", to="1", since="start")
    assert {e.driver_id: kart for kart, e in race.entries.items()} == {f"driver-{n}": f"{n}" for n in (1, 2, 3)}
    race.undo(604)
    assert driven(race) == after
    race.undo(605)
    race.undo(606)
    assert timeless(race.heat) == timeless(advance(before, us(606) + BASE))


@pytest.mark.parametrize("finished", [False, True])
def test_C4_since_the_start_in_a_kart_that_nobody_had_its_reads_are_the_drivers(finished):
    race = three(620 if finished else 134)
    before = race.heat
    assert race.session.verdicts[race.passing("9", 58)] is Verdict.UNASSIGNED
    race.order(621, "swap_kart", from_="1", to="9", since="start")
    laps = driven(race)["driver-1"]
    assert laps == ("9", [50] * (10 if finished else 2))
    assert list(race.entries) == ["9", "2", "3"]
    assert {lap.kart for lap in race.entries["9"].laps} == {"9"}
    assert race.session.verdicts[race.passing("1", 45)] is Verdict.UNASSIGNED
    sound(race.session)
    race.undo(622)
    assert timeless(race.heat) == timeless(advance(before, us(622) + BASE))


def test_a_chain_of_swaps_since_the_start_ends_in_the_last_kart_and_comes_back_link_by_link():
    race = three()
    race.run(k8="20 65", k7="21 69")
    race.order(140, "leave", kart="3")
    race.order(141, "assign", drivers=[["1", "eva"]])
    race.order(142, "swap_kart", from_="1", to="9", since="start")
    race.order(143, "swap_kart", from_="9", to="8", since="start")
    race.order(144, "swap_kart", from_="8", to="7", since="start")
    assert driven(race) == {"eva": ("7", [48]), "driver-2": ("2", [42, 42, 42]), "driver-3": ("3", [44, 44])}
    assert race.entries["3"].left
    race.undo(145)
    assert driven(race)["eva"] == ("8", [45])
    race.undo(146)
    race.undo(147)
    assert driven(race)["eva"] == ("1", [40, 40, 40])


def test_what_people_said_of_a_kart_goes_with_it_when_it_gets_another_number():
    race = Race("8m", 2, min_lap_s=10)
    for at_s in (5, 45, 85):
        race.order(at_s, "tap", kart="1")
    race.run(k2="6 48", k9="45.6")
    race.order(90, "insert_crossing", kart="1", at_us=us(65))
    race.order(91, "penalty", kart="1", kind="time", value=us(5))
    race.order(92, "kart_flag", kart="1", flag="mechanical")
    race.order(93, "swap_kart", from_="1", to="9", since="start")
    assert race.times("9") == [40.6, 19.4, 20], "the read of kart 9 is the better time of the tap at 45 s"
    assert (len(race.entries["9"].penalties), race.entries["9"].flag) == (1, "mechanical")
    sound(race.session)


def test_since_the_start_is_refused_where_the_driver_has_changed_karts_meanwhile():
    race = three()
    race.order(135, "swap_kart", from_="1", to="2", since="now")
    with pytest.raises(Refused, match="Undo that first"):
        race.order(136, "swap_kart", from_="2", to="9", since="start")
    race.order(137, "swap_kart", from_="3", to="9", since="start")
    assert driven(race)["driver-3"] == ("9", [50, 50])


def test_a_swap_before_the_start_just_changes_the_karts():
    for since in ("start", "now"):
        race = Race("8m", 2, green=False)
        race.order(0, "swap_kart", from_="1", to="9", since=since)
        race.order(1, "stage")
        race.order(2, "swap_kart", from_="9", to="2", since=since)
        assert {e.driver_id: kart for kart, e in race.entries.items()} == {"driver-1": "2", "driver-2": "9"}


# --- coming and going ------------------------------------------------------------------------------------------------


def test_B12_who_joins_at_3_00_counts_from_his_next_crossing_and_an_unused_entry_did_not_start():
    race = three(170)
    race.order(180, "join", kart="9", driver_id="zoe", since="now")
    race.run(k9="208 258 308")
    assert driven(race)["zoe"] == ("9", [50, 50])
    race.order(310, "finish")
    race.order(311, "swap_kart", from_="3", to="7", since="start")
    assert race.rows()["7"].state == "dns", "nobody ever saw kart 7"


def test_B12_X6_a_kart_entered_after_the_finish_has_driven_since_the_start():
    race = three(620)
    before = race.heat
    with pytest.raises(Refused, match="already provisional"):
        race.order(630, "join", kart="9", driver_id="zoe", since="now")
    race.order(631, "join", kart="9", driver_id="zoe", since="start")
    assert driven(race)["zoe"] == ("9", [50] * 10)
    assert race.heat.state is State.PROVISIONAL
    sound(race.session)
    race.undo(632)
    assert timeless(race.heat) == timeless(before)


def test_B12_who_left_by_mistake_is_back_from_now_or_with_all_that_was_driven_meanwhile():
    race = three(100)
    race.order(101, "leave", kart="1")
    race.run(k1="125 165")
    assert race.times("1") == [40, 40]
    race.order(170, "join", kart="1", since="start")
    assert race.times("1") == [40, 40, 40, 40], "as if it had never left"
    race.undo(171)
    race.order(172, "join", kart="1")
    race.run(k1="205")
    assert race.times("1") == [40, 40, 120]


def test_X6_a_no_show_can_be_replaced_but_laps_that_were_driven_keep_their_driver():
    race = three(100)
    race.order(101, "leave", kart="1")
    with pytest.raises(Refused, match="laps of another driver"):
        race.order(102, "join", kart="1", driver_id="zoe")
    race.order(103, "join", kart="8", driver_id="kim")
    race.order(104, "leave", kart="8")
    race.order(105, "join", kart="8", driver_id="zoe")
    assert race.entries["8"].driver_id == "zoe"
    race.order(106, "join", kart="1", driver_id="driver-1")
    assert not race.entries["1"].left


@pytest.mark.parametrize("until_s", [3, 100])
def test_X6_a_driver_who_joined_in_a_kart_that_is_taken_again_by_an_undo_takes_nobodys_place(until_s):
    race = three(until_s)
    before = driven(race)
    swap = race.order(101, "swap_kart", from_="1", to="9", since="now")
    race.order(102, "join", kart="1", driver_id="zoe")
    assert race.entries["1"].id != race.entries["9"].id
    race.undo(103, of=swap)
    assert driven(race) == before, "the join is without effect while her kart is taken"
    race.redo(104)
    assert driven(race)["zoe"] == ("1", [])


def test_X6_who_was_taken_off_the_grid_and_joins_since_the_start_is_in_the_heat():
    race = Race("8m", 2, green=False, min_lap_s=10)
    race.order(-5, "stage")
    race.order(-4, "leave", kart="1")
    race.order(0, "green")
    race.run(k1="5 45", k2="6 48")
    race.order(50, "join", kart="1", driver_id="zoe", since="start")
    assert driven(race) == {"zoe": ("1", [40]), "driver-2": ("2", [42])}


def test_X4_bound_since_the_start_the_reads_stay_with_the_kart_through_a_swap():
    race = Race("8m", 2, min_lap_s=10)
    for at_s in (5, 45, 85):
        race.cross(at_s, None, transponder="x")
    race.order(90, "bind", kart="1", transponder="x", since="start")
    race.order(91, "swap_kart", from_="1", to="2", since="now")
    race.cross(125, None, transponder="x")
    assert driven(race) == {"driver-1": ("2", [40, 40]), "driver-2": ("1", [])}
    assert race.entries["1"].opened_us == us(125) + BASE
    race.undo(126)
    assert driven(race)["driver-1"] == ("1", [40, 40, 40])
