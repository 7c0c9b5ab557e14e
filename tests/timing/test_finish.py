"""How a heat of eight karts ends: both finish modes, by time, by laps and by time plus laps, with karts that stop."""

from __future__ import annotations

import pytest

from tests.timing.race import Race
from trackd.timing.events import Verdict
from trackd.timing.flags import Flag, State

V = Verdict
KARTS = 8


def eight(length: str, **rules) -> Race:
    """Karts 1..6 start at 10.1, 10.2 .. and lap in 30.1, 30.2 .. s; 7 stops after two laps; 8 never crosses."""
    return Race(length, KARTS, ranking="position", **rules)


def drive(race: Race, until_s: float, *, stop: dict[str, float] | None = None, from_s: float = 0) -> dict[str, Verdict]:
    """Drive all karts up to ``until_s``; ``stop``: kart -> when it breaks down. Gives each kart's last verdict."""
    stop = {"7": 75.0, **(stop or {})}
    crossings = []
    for kart in range(1, 8):
        at_s, lap_s = 10 + kart / 10, 30 + kart / 10
        while at_s <= min(until_s, stop.get(str(kart), until_s)):
            if at_s > from_s:
                crossings.append((round(at_s, 3), str(kart)))
            at_s += lap_s
    return {kart: race.cross(at_s, kart) for at_s, kart in sorted(crossings)}


def test_individual_each_kart_ends_at_its_own_next_crossing_and_the_grace_ends_the_heat():
    race = eight("5m")
    drive(race, 345)
    heat = race.heat
    assert race.since_s(heat.chequered_us) == 300
    assert heat.state is State.FINISHING, "kart 7 stands somewhere"
    assert race.since_s(heat.grace_end_us) == pytest.approx(300 + 1.5 * 30.35, abs=0.1)
    finished = {kart: race.since_s(e.finished_us) for kart, e in race.entries.items()}
    # each ended at its first crossing after 300 s: 10 + k/10 + 10 laps of 30 + k/10
    assert finished == {**{str(k): pytest.approx(310 + 1.1 * k) for k in range(1, 7)}, "7": None, "8": None}
    race.tick(346.5)
    assert race.heat.state is State.PROVISIONAL
    assert race.heat.ended_us == heat.grace_end_us
    assert race.laps() == {**{str(k): 10 for k in range(1, 7)}, "7": 2, "8": 0}
    assert race.places() == [*((k, str(k)) for k in range(1, 8)), (None, "8")]
    assert [race.rows()[str(k)].state for k in range(1, 9)] == ["finished"] * 6 + ["dnf", "dns"]


def test_leader_the_leader_shows_chequered_and_everyone_ends_at_the_next_crossing_whatever_its_laps():
    race = eight("5m", finish="leader")
    race.run(k1="10 50 90 130 170 210 250 290 330", k2="11 43 75 107 139 171 203 235 267 299 331",
             k3="12 80 150 220 305 332 350")
    # time is up at 300; kart 3 crosses first, but the leader is kart 2: chequered at 331
    assert race.since_s(race.heat.chequered_us) == 331
    assert race.laps() == {"1": 8, "2": 10, "3": 5, "4": 0, "5": 0, "6": 0, "7": 0, "8": 0}
    assert race.heat.state is State.FINISHING
    race.run(k1="372")
    assert race.heat.state is State.PROVISIONAL, "all that were out are in"
    assert race.since_s(race.heat.ended_us) == 372
    assert race.places()[:4] == [(1, "2"), (2, "1"), (3, "3"), (None, "4")]


@pytest.mark.parametrize("finish", ["individual", "leader"])
def test_eight_karts_both_modes_end_with_one_that_never_crosses_and_one_that_stops(finish):
    race = eight("5m", finish=finish)
    last = drive(race, 420)
    assert race.heat.state is State.PROVISIONAL
    assert race.laps() == {**{str(k): 10 for k in range(1, 7)}, "7": 2, "8": 0}
    assert {last[str(k)] for k in range(1, 7)} == {V.LATE}
    assert race.cross(430, "7") is V.LATE
    assert race.cross(431, "8") is V.LATE


def test_crossings_after_the_flag_are_late_and_change_nothing():
    race = eight("60s")
    race.run(k1="5 35 65", k2="6 37")
    before = race.entries["1"].laps
    assert race.cross(95, "1") is V.LATE
    assert race.cross(96, "1", "sector:1") is V.LATE
    assert race.cross(96.5, "5") is V.LATE, "who has not begun by then begins no more"
    assert race.entries["1"].laps == before
    assert race.heat.state is State.FINISHING
    race.run(k2="68")
    assert race.laps() == {"1": 2, "2": 2, **dict.fromkeys("345678", 0)}
    assert race.heat.state is State.PROVISIONAL


def test_a_crossing_at_the_very_microsecond_time_is_up_is_the_finish():
    for finish in ("individual", "leader"):
        race = Race("60s", 1, finish=finish)
        race.run(k1="5 30 60")
        assert race.since_s(race.entries["1"].finished_us) == 60, finish
        early = Race("60s", 1, finish=finish)
        early.run(k1="5 30 59.999999")
        assert early.entries["1"].finished_us is None, finish


def test_a_too_short_crossing_after_the_flag_ends_nobody():
    race = Race("60s", 1, min_lap_s=20)
    race.run(k1="5 35 58")
    assert race.cross(62, "1") is V.TOO_SHORT
    assert race.entries["1"].finished_us is None
    assert race.cross(85, "1") is V.COUNTED
    assert race.heat.state is State.PROVISIONAL


def test_the_grace_is_one_and_a_half_median_laps_at_least_thirty_seconds_or_what_the_format_says():
    for crossings, rules, grace_s in (("5 45", {}, 60), ("5 30 64", {}, 44.25), ("5 20 35 50", {}, 30), ("5", {}, 30),
                                      ("5 45", {"grace_s": 7}, 7)):
        race = Race("65s", 2, **rules)
        race.run(k2="1", k1=crossings)
        race.tick(65.6)
        assert race.since_s(race.heat.grace_end_us) == pytest.approx(65 + grace_s), crossings


def test_who_does_not_come_within_the_grace_is_classified_on_completed_laps():
    race = Race("60s", 3, ranking="position", grace_s=40)
    race.run(k1="5 25 45 65", k2="6 30 54", k3="7 40")
    assert race.cross(100, "3") is V.COUNTED, "the very end of the grace still counts"
    assert race.cross(100.000001, "2") is V.LATE
    assert race.heat.state is State.PROVISIONAL
    assert race.places() == [(1, "1"), (2, "2"), (3, "3")]
    assert [race.rows()[kart].state for kart in "123"] == ["finished", "dnf", "finished"]


def test_the_leader_that_does_not_come_hands_the_flag_over_after_its_grace():
    race = Race("60s", 3, finish="leader", ranking="position", grace_s=30)
    race.run(k1="5 20 35 50", k2="6 28 52", k3="7 33 59")
    race.tick(60.5)
    assert race.heat.bearer == "1"
    race.tick(89)
    assert race.heat.bearer == "1"
    race.tick(90.5)
    assert race.heat.bearer == "2"
    assert race.heat.state is State.RUNNING
    race.run(k2="101")
    assert race.since_s(race.heat.chequered_us) == 101
    race.run(k3="105")
    assert race.laps() == {"1": 3, "2": 3, "3": 3}
    race.tick(131.5)
    assert race.since_s(race.heat.ended_us) == 131, "the grace runs from the chequered flag"


def test_a_flag_nobody_fetches_is_shown_when_everybody_had_a_turn_and_then_the_grace_ends_the_heat():
    race = Race("60s", 3, finish="leader", grace_s=30)
    race.run(k1="5 25 45", k2="6 28 52", k3="7 33 59")
    race.tick(1000)
    assert (race.since_s(race.heat.chequered_us), race.since_s(race.heat.ended_us)) == (150, 180)


def test_a_kart_that_passes_the_bearer_is_next_when_the_bearer_stops_too():
    race = Race("60s", 4, finish="leader", grace_s=40)
    race.run(k1="1 16 31 46", k2="2 21 40", k3="3 24 45", k4="4 35")     # 3, 2, 2 and 1 laps at the end of the time
    race.run(k3="101")             # kart 1's turn is over, kart 2 has until 140; kart 3 draws level with kart 1
    assert race.heat.state is State.RUNNING
    race.tick(140.5)
    assert race.heat.bearer == "3"
    race.run(k3="141")
    assert race.since_s(race.heat.chequered_us) == 141


def test_a_red_flag_while_the_bearer_is_awaited_stops_its_time_too():
    race = Race("60s", 2, finish="leader", grace_s=30)
    race.run(k1="5 25 45", k2="6 28 52")
    race.order(70, "red")
    race.order(370, "resume")
    race.tick(385)
    assert (race.heat.state, race.heat.bearer) == (State.RUNNING, "1")
    race.run(k1="388")
    assert race.since_s(race.heat.chequered_us) == 388
    assert race.heat.entries["1"].laps[-1].verdict == "red"


def test_time_plus_one_lap_the_leaders_next_crossing_begins_the_last_lap_and_the_one_after_shows_chequered():
    race = Race("60s+1L", 3, finish="leader", ranking="position")
    race.run(k1="5 25 45", k2="6 28 50", k3="7 35")
    race.run(k3="62")
    assert race.heat.flag is Flag.GREEN, "kart 3 does not lead"
    race.run(k1="65")
    assert (race.heat.flag, race.since_s(race.heat.last_lap_us)) == (Flag.WHITE, 65)
    race.run(k2="72", k3="84")
    assert race.heat.chequered_us is None
    race.run(k1="86")
    assert (race.heat.flag, race.since_s(race.heat.chequered_us)) == (Flag.CHEQUERED, 86)
    race.run(k2="95", k3="110")
    assert race.laps() == {"1": 4, "2": 4, "3": 4}
    assert race.heat.state is State.PROVISIONAL


def test_time_plus_two_laps_is_two_more_laps_of_the_leader():
    race = Race("60s+2L", 2, finish="leader", ranking="position")
    race.run(k1="5 25 45 65 85", k2="6 28 50 72")
    assert race.heat.chequered_us is None
    race.run(k1="105")
    assert race.since_s(race.heat.chequered_us) == 105


def test_who_overtakes_in_the_last_lap_brings_the_chequered_flag():
    race = Race("60s+1L", 2, finish="leader", ranking="position")
    race.run(k1="5 25 45 65", k2="6 26 46 66 85.5")
    assert race.since_s(race.heat.chequered_us) == 85.5
    race.run(k1="86")
    assert race.places() == [(1, "2"), (2, "1")]


def test_a_leader_that_breaks_down_in_the_last_lap_hands_the_flag_over():
    race = Race("60s+1L", 2, finish="leader", ranking="position", grace_s=30)
    race.run(k1="5 25 45 65", k2="6 43 75")
    race.tick(95.5)
    assert race.heat.bearer == "2"
    race.run(k2="108")
    assert race.since_s(race.heat.chequered_us) == 108, "the flag falls at the end of its lap, though it is a lap down"
    assert race.laps() == {"1": 3, "2": 3}


def test_time_plus_a_lap_individual_gives_every_kart_its_own_last_lap():
    race = Race("60s+1L", 2, ranking="position")
    race.run(k1="5 25 45", k2="6 30 54")
    race.run(k1="65", k2="78")
    assert race.heat.flag is Flag.WHITE
    assert [race.entries[k].finished_us for k in "12"] == [None, None]
    race.run(k1="85", k2="102")
    assert {k: race.since_s(e.finished_us) for k, e in race.entries.items()} == {"1": 85, "2": 102}
    assert race.heat.state is State.PROVISIONAL


@pytest.mark.parametrize("finish", ["individual", "leader"])
def test_twelve_laps_end_with_the_leaders_twelfth(finish):
    race = Race("12L", 3, finish=finish, ranking="position")
    race.run(k1=" ".join(str(10 + 20 * n) for n in range(13)), k2=" ".join(str(11 + 21 * n) for n in range(12)),
             k3=" ".join(str(12 + 40 * n) for n in range(6)))
    assert race.since_s(race.heat.chequered_us) == 250
    assert race.laps() == {"1": 12, "2": 11, "3": 5}
    race.run(k3="252", k2="263")
    if finish == "leader":
        assert race.laps() == {"1": 12, "2": 12, "3": 6}
        assert race.heat.state is State.PROVISIONAL
        assert race.places() == [(1, "1"), (2, "2"), (3, "3")]
    else:
        assert race.since_s(race.entries["2"].finished_us) == 263
        assert race.entries["3"].finished_us is None, "individual: it has laps to go, until the grace ends"
        race.tick(285)
        assert race.heat.state is State.PROVISIONAL


def test_the_last_lap_of_a_lap_race_is_white_when_the_leader_begins_it():
    race = Race("3L", 2, finish="leader", ranking="position")
    race.run(k1="5 25", k2="6 27 48")
    assert race.heat.flag is Flag.WHITE, "kart 2 leads with two laps"
    race.run(k1="49")
    assert race.since_s(race.heat.last_lap_us) == 48


def test_chequered_by_hand_ends_every_kart_at_its_next_crossing_in_any_format():
    for length in ("8m", "12L", "8m+2L"):
        for finish in ("individual", "leader"):
            race = Race(length, 2, finish=finish)
            race.run(k1="5 35", k2="6 38")
            race.order(40, "chequered")
            race.run(k1="66", k2="70")
            assert race.heat.state is State.PROVISIONAL, (length, finish)
            assert race.laps() == {"1": 2, "2": 2}


def test_finish_ends_the_grace_at_once_and_chequered_under_red_ends_the_heat():
    race = Race("60s", 2)
    race.run(k1="5 35 65", k2="6")
    race.order(70, "finish")
    assert (race.heat.state, race.since_s(race.heat.ended_us)) == (State.PROVISIONAL, 70)
    stopped = Race("8m", 2)
    stopped.run(k1="5 35 65", k2="6")
    stopped.order(70, "red")
    stopped.order(90, "chequered")
    assert stopped.heat.state is State.PROVISIONAL


def test_the_last_kart_awaited_leaving_ends_the_heat_when_it_leaves():
    race = Race("60s", 2)
    race.run(k1="5 35 65", k2="6")
    race.order(80, "leave", kart="2")
    assert (race.heat.state, race.since_s(race.heat.ended_us)) == (State.PROVISIONAL, 80)


def test_a_heat_nobody_drives_ends_when_the_time_is_up():
    for finish in ("individual", "leader"):
        race = Race("60s", 2, finish=finish)
        race.tick(61)
        assert race.heat.state is State.PROVISIONAL, finish


def test_yellow_at_the_end_of_the_time_ends_with_it():
    for finish in ("individual", "leader"):
        race = Race("60s", 2, finish=finish)
        race.run(k1="5 35", k2="6 36")
        race.order(50, "yellow")
        race.run(k1="65")
        assert race.heat.yellows[-1][1] is not None, finish
