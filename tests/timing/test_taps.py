"""Karts tapped by hand while the decoder is away, and the reads that come in afterwards (A19)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.timing.control import sound, told
from tests.timing.race import BASE, Race, us
from trackd.core.errors import Refused
from trackd.timing.events import Crossing, Order, Verdict
from trackd.timing.flags import State
from trackd.timing.session import Session

KARTS = [str(n) for n in range(1, 11)]
LAPS = 5


def exact(kart: str, lap: int) -> float:
    """When a kart truly crosses the line for the n-th time."""
    return round(4 + 0.7 * int(kart) + lap * (30 + 0.31 * int(kart)), 6)


def tapped_heat(dice: random.Random, length: str = "8m", **rules: object) -> Race:
    """Ten karts, each crossing tapped within a second of the truth, in the order in which the fingers fell."""
    race = Race(length, 10, min_lap_s=10, **rules)
    taps = sorted((round(exact(kart, lap) + dice.uniform(-0.9, 0.9), 6), kart) for kart in KARTS for lap in range(LAPS + 1))
    for at_s, kart in taps:
        race.order(at_s, "tap", kart=kart)
    return race


def test_A19_ten_karts_are_timed_by_tapping_while_the_decoder_is_away():
    race = tapped_heat(random.Random(1))
    assert race.laps() == dict.fromkeys(KARTS, LAPS)
    for entry in race.entries.values():
        assert {(lap.source, lap.tapped) for lap in entry.laps} == {("manual", True)}
        assert entry.bests == (), "a lap timed by hand is no measured best"
        assert entry.best_us == entry.by_hand[0][0] == min(lap.time_us for lap in entry.laps)
    sound(race.session)


@pytest.mark.parametrize("arrival", ["in order", "out of order"])
def test_A19_reads_that_come_later_replace_the_taps_and_taps_without_a_read_stay(arrival):
    dice = random.Random(2)
    race = tapped_heat(dice)
    reads = [(exact(kart, lap), kart) for lap in range(LAPS + 1) for kart in KARTS]
    missing = {(exact("3", 2), "3"), (exact("7", 5), "7")}
    if arrival == "out of order":
        dice.shuffle(reads)
    for at_s, kart in reads:
        if (at_s, kart) not in missing:
            assert race.cross(at_s, kart) in (Verdict.COUNTED, Verdict.OPENED)
    assert race.laps() == dict.fromkeys(KARTS, LAPS)
    for kart in KARTS:
        for lap in race.entries[kart].laps:
            by_hand = (kart, lap.number) in {("3", 2), ("3", 3), ("7", 5)}
            assert (lap.source, lap.ranks) == (("manual", False) if by_hand else ("loop", True))
            if not by_hand:
                assert lap.start_us - BASE == us(exact(kart, lap.number - 1))
                assert lap.end_us - BASE == us(exact(kart, lap.number))
    left = [seq for seq, verdict in race.session.verdicts.items() if verdict is not Verdict.IGNORED]
    taps = {event.seq for event in race.session.log if isinstance(event, Order) and event.name == "tap"}
    assert len(taps.intersection(left)) == 2
    sound(race.session)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_A19_tap_and_read_give_the_same_session_whichever_comes_first(seed):
    dice = random.Random(seed)
    length, finish = dice.choice(["2m", "3L", "8m"]), dice.choice(["leader", "individual"])
    race = Race(length, 3, min_lap_s=dice.choice([3, 10]), finish=finish)
    for kart in ("1", "2", "3"):
        for lap in range(4):
            at_s = round(5 + int(kart) + lap * dice.uniform(28, 31), 6)
            for _ in range(dice.choice([0, 1, 1, 1, 2])):
                event = Order(next(race.seq), us(at_s + dice.uniform(-2.5, 2.5)) + BASE, "tap", "Ada", {"kart": kart})
                event.args["track_us"] = event.at_us
                race.events.append(event)
            if dice.random() < 0.8:
                whose = ("x", None) if kart == "3" else (f"t{kart}", kart)
                race.events.append(Crossing(next(race.seq), us(at_s) + BASE, *whose))
    args = {"kart": "3", "transponder": "x", "since": "start"}
    race.events.append(Order(next(race.seq), us(200) + BASE, "bind", "Ada", args))
    whole = Session.of(race.session.start, race.events)
    sound(whole)
    for _ in range(3):
        live = Session.new(race.session.start)
        for event in dice.sample(race.events, len(race.events)):
            live.apply(event)
        assert told(live) == told(whole)


def test_a_tap_just_after_the_read_changes_nothing_and_two_fingers_make_one_crossing():
    race = Race("8m", 1, min_lap_s=10)
    race.run(k1="5 45")
    race.order(46.5, "tap", kart="1")
    assert race.times("1") == [40]
    race.order(85, "tap", kart="1")
    race.order(85.8, "tap", kart="1")
    assert race.times("1") == [40, 40]
    race.cross(85.3, "1")
    assert (race.times("1"), race.entries["1"].laps[1].source) == ([40, 40.3], "loop")
    assert race.session.verdicts[race.passing("1", 85.3)] is Verdict.COUNTED


def test_a_read_too_far_from_the_tap_is_another_crossing():
    race = Race("8m", 1, min_lap_s=3)
    race.cross(5, "1")
    race.order(45, "tap", kart="1")
    race.cross(46.6, "1")
    assert race.session.verdicts[race.passing("1", 46.6)] is Verdict.REPEATED, "half the shortest lap is 1.5 s"
    assert race.times("1") == [40]


def test_reads_of_an_unknown_transponder_replace_the_taps_once_it_is_bound():
    race = Race("8m", 1, min_lap_s=10)
    for at_s in (5.5, 45.2, 84.6):
        race.order(at_s, "tap", kart="1")
    for at_s in (5, 45, 85):
        race.cross(at_s, None, transponder="x")
    assert race.entries["1"].bests == ()
    race.order(90, "bind", kart="1", transponder="x", since="start")
    assert (race.times("1"), [lap.source for lap in race.entries["1"].laps]) == ([40, 40], ["loop", "loop"])
    race.undo(91)
    assert [lap.source for lap in race.entries["1"].laps] == ["manual", "manual"]


def test_one_measured_lap_is_the_best_of_a_kart_that_was_tapped_faster():
    race = Race("8m", 1, min_lap_s=10)
    race.order(5, "tap", kart="1")
    race.order(40, "tap", kart="1")
    assert race.rows()["1"].best_by_hand
    race.run(k1="85 127")
    assert (race.entries["1"].best_us, race.rows()["1"].best_by_hand) == (us(42), False)


def test_a_tap_shows_the_flag_and_the_read_that_comes_for_it_says_when():
    race = Race("1m", 2, min_lap_s=10, finish="leader")
    race.run(k1="5 45", k2="6 47")
    race.order(85.9, "tap", kart="1")
    assert race.heat.state is State.FINISHING
    with pytest.raises(Refused, match="has had the chequered flag"):
        race.order(86, "tap", kart="1")
    race.cross(85.1, "1")
    assert (race.since_s(race.heat.chequered_us), race.times("1")) == (85.1, [40, 40.1])
    race.order(90, "leave", kart="2")
    with pytest.raises(Refused, match="not possible"):
        race.order(91, "tap", kart="2")
    sound(race.session)


def test_a_tap_is_moved_deleted_and_taken_back_as_a_read_is():
    race = Race("8m", 2, min_lap_s=10)
    for at_s in (5, 45, 85):
        race.order(at_s, "tap", kart="1")
    race.order(86, "void_lap", kart="1", lap=1)
    assert (race.times("1"), len(race.entries["1"].struck)) == ([40], 1)
    race.order(87, "move_laps", from_="1", to="2")
    assert (race.times("1"), race.times("2")) == ([], [40])
    race.undo(88)
    race.undo(89)
    race.undo(90)
    assert race.times("1") == [40]
