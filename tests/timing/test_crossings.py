"""One crossing at a time: what counts, what is a repeated read, what a lap is worth, and what its sectors are."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.timing.race import BASE, Race, us
from trackd.timing.clock import overlaps
from trackd.timing.events import LINE, Verdict
from trackd.timing.flags import State

V = Verdict


def test_the_clock_starts_at_green_or_at_the_first_crossing_of_any_kart():
    at_green = Race("8m", 2)
    at_green.run(k1="12", k2="13")
    assert at_green.since_s(at_green.heat.start_us) == 0
    at_crossing = Race("8m", 2, start="first_crossing")
    assert at_crossing.heat.start_us is None
    at_crossing.run(k1="12", k2="13")
    assert at_crossing.since_s(at_crossing.heat.start_us) == 12
    at_crossing.run(k1="40 485")      # 473 s after the first crossing: still running
    assert at_crossing.heat.state is State.RUNNING
    at_crossing.run(k1="513")
    assert at_crossing.heat.state is State.FINISHING


def test_a_first_crossing_begins_lap_one_and_times_nothing():
    race = Race("8m", 1)
    assert [race.cross(at_s, "1") for at_s in (15, 45.5, 80)] == [V.OPENED, V.COUNTED, V.COUNTED]
    assert race.times("1") == [30.5, 34.5]


def test_from_green_times_lap_one_from_green_wherever_the_grid_stands():
    before_line, past_line = Race("8m", 1, first_lap="from_green"), Race("8m", 1, first_lap="from_green")
    assert [before_line.cross(at_s, "1") for at_s in (3, 40)] == [V.OPENED, V.COUNTED]
    assert [past_line.cross(at_s, "1") for at_s in (40, 75)] == [V.COUNTED, V.COUNTED]
    assert before_line.times("1") == [40]
    assert past_line.times("1") == [40, 35]
    assert past_line.entries["1"].laps[0].start_seq == 0


def test_who_joins_a_standing_start_late_begins_at_its_next_crossing():
    race = Race("8m", 1, first_lap="from_green")
    race.order(200, "join", kart="7", driver_id="ada")
    assert [race.cross(at_s, "7") for at_s in (210, 245)] == [V.OPENED, V.COUNTED]
    assert race.times("7") == [35]


def test_crossings_before_green_are_neutral_and_of_strangers_unassigned():
    race = Race("8m", 1, green=False)
    race.order(-60, "stage")
    assert race.cross(-30, "1") is V.NEUTRAL
    assert race.cross(-29, "5") is V.UNASSIGNED
    assert race.cross(-28, None) is V.UNASSIGNED
    race.order(0, "green")
    assert race.cross(10, "1") is V.OPENED


def test_twenty_reads_in_two_seconds_are_one_crossing_and_nineteen_repeats():
    race = Race("8m", 1)
    race.cross(5, "1")
    reads = [race.cross(40 + n * 0.1, "1") for n in range(20)]
    assert reads[0] is V.COUNTED
    assert Counter(reads) == {V.COUNTED: 1, V.REPEATED: 19}
    assert race.times("1") == [35]


def test_a_read_exactly_two_seconds_later_is_no_repeat():
    race = Race("8m", 1)
    assert [race.cross(at_s, "1") for at_s in (5, 6.999999, 8.999999, 20, 21.999999)] == [
        V.OPENED, V.REPEATED, V.TOO_SHORT, V.COUNTED, V.REPEATED]


def test_a_minimum_lap_below_two_seconds_shortens_the_window_of_repeats():
    race = Race("8m", 1, min_lap_s=0.5)
    assert [race.cross(at_s, "1") for at_s in (5, 5.4, 5.9, 6.5)] == [V.OPENED, V.REPEATED, V.COUNTED, V.COUNTED]


def test_a_kart_parked_on_the_loop_makes_no_laps():
    race = Race("8m", 1)
    race.cross(5, "1")
    race.cross(40, "1")
    assert {race.cross(40 + n * 1.5, "1") for n in range(1, 100)} == {V.REPEATED}
    assert race.times("1") == [35]


def test_a_lap_below_the_minimum_is_visible_and_not_counted_and_the_next_crossing_still_closes_the_lap():
    race = Race("8m", 1, min_lap_s=20)
    race.cross(5, "1")
    assert race.cross(24.999999, "1") is V.TOO_SHORT
    assert race.laps() == {"1": 0}
    assert race.cross(45, "1") is V.COUNTED
    assert race.cross(65, "1") is V.COUNTED, "exactly the minimum lap counts"
    assert race.times("1") == [40, 20]


def test_a_lap_over_the_maximum_counts_as_distance_and_is_no_best():
    race = Race("8m", 1, max_lap_s=60)
    race.run(k1="5 65 125.000001 190")
    assert [lap.verdict for lap in race.entries["1"].laps] == ["valid", "long", "long"]
    assert race.entries["1"].best_us == us(60)


def test_a_lap_with_red_counts_as_distance_and_never_is_a_best_nor_in_the_average():
    race = Race("8m", 1, hold_off_us=0)
    race.run(k1="10 50")
    race.order(55, "red")
    assert race.cross(80, "1") is V.NEUTRAL
    race.order(85, "resume")
    race.run(k1="86 130")          # 86: a lap of 36 s that contains the red
    assert [(lap.verdict, lap.time_us) for lap in race.entries["1"].laps] == [
        ("valid", us(40)), ("red", us(36)), ("valid", us(44))]
    row = race.rows()["1"]
    assert (row.laps, row.best_us, row.average_us) == (3, us(40), us(42))


def test_a_red_flag_stops_the_session_clock_for_its_length():
    race = Race("60s", 1)
    race.run(k1="5 35")
    race.order(40, "red")
    race.order(140, "resume")
    race.run(k1="155")             # 55 s on the session clock
    assert race.heat.state is State.RUNNING
    race.run(k1="190")
    assert race.heat.state is State.PROVISIONAL
    assert race.since_s(race.heat.chequered_us) == 160


def test_a_false_start_stopped_before_the_first_crossing_costs_no_session_time():
    race = Race("60s", 1, start="first_crossing")
    race.order(5, "red")
    race.order(95, "resume")
    race.run(k1="100 130 161")     # clock from 100: time is up at 160
    assert race.since_s(race.heat.chequered_us) == 160
    assert race.heat.state is State.PROVISIONAL


def test_yellow_laps_count_as_bests_and_are_marked():
    race = Race("8m", 1)
    race.run(k1="10 50")
    race.order(55, "yellow")
    race.run(k1="80")
    race.order(85, "green")
    race.run(k1="125 170")
    assert [lap.verdict for lap in race.entries["1"].laps] == ["valid", "yellow", "yellow", "valid"]
    assert race.entries["1"].best_us == us(30)


def test_a_lap_over_a_decoder_restart_counts_and_is_suspect():
    race = Race("8m", 1)
    for at_s, epoch in ((10, "p3:1/0"), (45, "p3:1/1"), (80, "p3:1/1")):
        race.cross(at_s, "1", epoch=epoch)
    assert [lap.verdict for lap in race.entries["1"].laps] == ["suspect", "valid"]
    assert race.entries["1"].best_us == us(35)
    assert race.entries["1"].bests[0][2] == 2


def test_sectors_add_up_and_a_missing_one_is_null_never_zero():
    race = Race("8m", 1, sectors=2)
    race.cross(10, "1")
    for at_s, role in ((20, "sector:1"), (32, "sector:2"), (45, "start_finish")):
        assert race.cross(at_s, "1", role) is V.COUNTED
    race.cross(68, "1", "sector:2")
    race.cross(80, "1")
    race.cross(91, "1", "sector:1")
    race.cross(115, "1")
    assert [lap.sectors for lap in race.entries["1"].laps] == [
        (us(10), us(12), us(13)), (None, None, us(12)), (us(11), None, None)]
    assert race.entries["1"].laps[0].passings == (3, 4, 5, 6)


def test_a_sector_line_counts_once_a_lap_in_order_and_only_in_a_lap():
    race = Race("8m", 1, sectors=2)
    assert race.cross(5, "1", "sector:1") is V.IGNORED
    race.cross(10, "1")
    roles = ["sector:2", "sector:1", "sector:2", "sector:3", "", "sector:", "finish_line_2"]
    verdicts = [race.cross(20 + 3 * n, "1", role) for n, role in enumerate(roles)]
    assert verdicts == [V.COUNTED, *[V.IGNORED] * 6]
    assert race.cross(20.5, "1", "sector:2") is V.REPEATED


def test_pit_loops_name_the_out_lap_and_the_in_lap_and_neither_is_a_best():
    race = Race("8m", 1)
    race.run(k1="10 40 70")
    assert race.cross(90, "1", "pit_in") is V.COUNTED
    assert race.rows()["1"].state == "pit"
    race.cross(99, "1")                       # the line runs through the pit lane
    race.cross(120, "1", "pit_out")
    race.run(k1="130 165")
    assert [lap.kind for lap in race.entries["1"].laps] == ["full", "full", "in", "out", "full"]
    assert race.entries["1"].best_us == us(30)
    assert race.rows()["1"].state == "running"


def test_a_missed_read_at_the_pit_exit_costs_one_lap_and_not_all_that_follow():
    race = Race("8m", 1)
    race.run(k1="10 40")
    race.cross(60, "1", "pit_in")
    race.run(k1="75 106 137")
    assert [lap.kind for lap in race.entries["1"].laps] == ["full", "in", "out", "full"]
    assert race.rows()["1"].state == "running"


def test_a_lap_that_ends_as_the_red_flag_is_shown_is_clean_and_one_that_begins_as_it_ends_too():
    race = Race("8m", 1)
    race.run(k1="10 40")
    race.order(40, "red")
    race.order(70, "resume")
    race.run(k1="70.000001 100")
    assert [lap.verdict for lap in race.entries["1"].laps] == ["valid", "red", "valid"]
    assert not overlaps(((us(40), us(70)),), us(10), us(40))
    assert not overlaps(((us(40), us(70)),), us(70), us(100))
    assert overlaps(((us(40), None),), us(39), us(41))


def test_a_late_passing_from_before_the_kart_left_still_counts():
    race = Race("8m", 2)
    race.run(k1="10 40", k2="11 42")
    race.order(75, "leave", kart="2")
    race.run(k1="76")
    assert race.cross(73, "2") is V.COUNTED
    assert race.times("2") == [31, 31]


def test_a_kart_that_left_counts_no_more_until_it_joins_again():
    race = Race("8m", 2)
    race.run(k1="10 40", k2="11 42")
    race.order(50, "leave", kart="2")
    assert race.cross(73, "2") is V.NEUTRAL
    race.order(80, "join", kart="2")
    assert race.cross(105, "2") is V.COUNTED
    assert race.entries["2"].driver_id == "driver-2"


def test_binding_since_the_start_brings_all_laps_and_since_now_only_later_ones():
    since_start, since_now = Race("8m", 2, ranking="position"), Race("8m", 2, ranking="position")
    for race, since in ((since_start, "start"), (since_now, "now")):
        race.run(k1="10 40 70 100")
        for at_s in (12, 43, 75):
            assert race.cross(at_s, None, transponder="x9") is V.UNASSIGNED
        race.order(101, "bind", kart="2", transponder="x9", since=since)
        race.cross(108, None, transponder="x9")
        race.cross(140, None, transponder="x9")
    assert since_start.times("2") == [31, 32, 33, 32]
    assert since_now.times("2") == [32]
    assert list(since_now.session.holders.values())[-6:] == ["1", None, None, None, "2", "2"]
    assert since_start.places() == [(1, "2"), (2, "1")]
    assert V.UNASSIGNED not in since_start.session.verdicts.values()


def test_a_bind_since_the_start_replaces_binds_given_before_it():
    race = Race("8m", 2)
    race.cross(10, None, transponder="x")
    race.order(20, "bind", kart="1", transponder="x", since="now")
    race.cross(40, None, transponder="x")
    race.order(50, "bind", kart="2", transponder="x", since="start")
    race.cross(70, None, transponder="x")
    assert race.laps() == {"1": 0, "2": 2}
    race.order(80, "bind", kart="1", transponder="x", since="now")
    race.cross(100, None, transponder="x")
    race.cross(135, None, transponder="x")
    assert race.laps() == {"1": 1, "2": 2}


@pytest.mark.parametrize("order_at_s", [30, 100, 290])
def test_binding_since_the_start_does_not_move_the_end_of_the_heat(order_at_s):
    """Whenever it is given, even after the end, it says who crossed and nothing about when the time was up."""
    plain, bound = Race("60s", 2, grace_s=90), Race("60s", 2, grace_s=90)
    for at_s in sorted((10, 40, 75, order_at_s)):
        if at_s != order_at_s:
            plain.cross(at_s, "1")
            bound.cross(at_s, "1")
        else:
            bound.order(at_s, "bind", kart="2", transponder="other", since="start")
    plain.tick(300)
    bound.tick(300)
    for name in ("chequered_us", "ended_us", "grace_end_us", "state"):
        assert getattr(bound.heat, name) == getattr(plain.heat, name), name
    assert bound.laps() == plain.laps() == {"1": 2, "2": 0}


def test_a_bind_after_the_grace_gives_its_laps_and_leaves_the_heat_ended():
    race = Race("60s", 2)
    for at_s, kart in ((10, "1"), (11, None), (40, "1"), (43, None), (70, "1")):
        race.cross(at_s, kart, transponder=None if kart else "x")
    assert race.since_s(race.heat.ended_us) == 70
    race.order(300, "bind", kart="2", transponder="x", since="start")
    assert race.heat.state is State.PROVISIONAL
    assert race.since_s(race.heat.ended_us) == 60 + 46.5, "kart 2 had been awaited"
    assert race.times("2") == [32]


def test_passings_from_before_the_session_count_once_they_are_attached():
    race = Race("8m", 1, green=False)
    race.order(-5, "stage")
    assert race.cross(-4, "1") is V.NEUTRAL
    earlier = [[900 + n, us(at_s) + BASE, "t1", "1", LINE, ""] for n, at_s in enumerate((-110, -75, -40))]
    race.order(0, "green")
    attach = type(race.events[0])(990, us(20) + BASE, "attach", "Ada",
                                 {"from_us": us(-120) + BASE, "crossings": earlier})
    outcome = race.session.apply(attach)
    assert outcome.again
    assert race.times("1") == [35, 35, 36]
    assert race.since_s(race.heat.start_us) == 0, "the clock still starts at green"
    again = type(attach)(991, us(25) + BASE, "attach", "Ada", {"from_us": us(-20) + BASE})
    race.session.apply(again)
    assert race.times("1") == [35, 35, 36], "a second, shorter attach takes nothing away"
