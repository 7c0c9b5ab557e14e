"""Missed reads (A6, X1, R16) and short laps (X3, R15): what is proposed, in which words, and what never is."""

from __future__ import annotations

from itertools import accumulate, pairwise
from random import Random
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.timing.race import as_driven
from trackd.timing.board import Proposal
from trackd.timing.expected import field_us
from trackd.timing.flags import State
from trackd.timing.formats import Length, Rules
from trackd.timing.heat import Heat, Mark
from trackd.timing.laps import Entry, Lap, Short
from trackd.timing.proposals import of_entry, proposals

BASE = 1_795_000_000_000_000
TEN = [42.412, 41.704, 41.522, 41.911, 41.377, 41.803, 41.650, 41.488, 42.039, 41.566]


def us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def at(seconds: float) -> int:
    return BASE + us(seconds)


def driven(kart: str, crossings: list[float], **fields: Any) -> Entry:
    """A kart that crossed the line at these seconds. Kart 7's n-th crossing, from 0, is passing 700 + n."""
    first = int(kart) * 100
    laps = tuple(Lap(first + n, n, first + n - 1, at(a), at(b), "full", "valid")
                 for n, (a, b) in enumerate(pairwise(crossings), start=1))
    return Entry(kart, None, **{"laps": laps, "opened_seq": first + len(laps), "opened_us": at(crossings[-1]), **fields})


def ten(kart: str = "7", without: tuple[int, ...] = (), start: float = 10) -> list[float]:
    """When a kart that drives the ten laps of the fixture crosses the line; reads ``without`` were missed."""
    return [t for n, t in enumerate(accumulate([start, *TEN])) if n not in without]


def heat(*entries: Entry, **fields: Any) -> Heat:
    rules = fields.pop("rules", Rules(Length(duration_us=us(480))))
    return Heat(rules, {e.kart: as_driven(e) for e in entries}, **{"state": State.RUNNING, "flag_since_us": 0, **fields})


def with_lap(entry: Entry, number: int, **changes: Any) -> Entry:
    laps = tuple(replace(lap, **changes) if lap.number == number else lap for lap in entry.laps)
    return replace(entry, laps=laps)


# A6, X1: a read is missed

def test_A6_a_removed_read_of_ten_laps_is_proposed_in_numbers_with_an_even_split():
    assert proposals(heat(driven("7", ten(without=(5,))))) == (
        Proposal("missed-705", "missed", "7", at(260.729),
                 "Lap 5 took 1:23.180, about twice the 41.7 kart 7 usually takes. A read was probably missed.",
                 (("split_lap", {"kart": "7", "lap": 5, "parts": 2}),), 5),)


@pytest.mark.parametrize("missed", range(1, 10))
def test_A6_whichever_read_is_removed_exactly_one_proposal_lies_within_2_percent(missed):
    crossings = ten()
    [found] = proposals(heat(driven("7", ten(without=(missed,)))))
    assert (found.kind, found.lap) == ("missed", missed)
    half = (crossings[missed - 1] + crossings[missed + 1]) / 2
    assert abs(half - crossings[missed]) < 0.02 * mean(TEN)
    assert proposals(heat(driven("7", crossings))) == ()


def test_X1_two_missed_reads_in_a_row_are_three_laps_and_three_are_never_proposed():
    [found] = proposals(heat(driven("7", ten(without=(4, 5)))))
    assert found.orders == (("split_lap", {"kart": "7", "lap": 4, "parts": 3}),)
    assert found.reason == ("Lap 4 took 2:05.091, about three times the 41.7 kart 7 usually takes. "
                            "Two reads were probably missed.")
    assert proposals(heat(driven("7", ten(without=(4, 5, 6))))) == ()


@pytest.mark.parametrize("change", [{"kind": "in"}, {"kind": "out"}, {"verdict": "yellow"}, {"verdict": "red"},
                                    {"verdict": "suspect"}, {"verdict": "void"}, {"source": "split"}, {"source": "gps"},
                                    {"edits": (9,)}], ids=str)
def test_A6_nothing_is_proposed_on_a_lap_that_explains_itself(change):
    entry = driven("7", ten(without=(5,)))
    assert len(proposals(heat(entry))) == 1
    assert proposals(heat(with_lap(entry, 5, **change))) == ()


@pytest.mark.parametrize("long", [False, True])
def test_A6_nothing_is_proposed_where_a_pit_visit_yellow_or_red_lies_within_the_lap(long):
    entry = driven("7", ten(without=(5,)))
    entry = with_lap(entry, 5, verdict="long") if long else entry
    within, beside = ((at(200), at(230)),), ((at(100), at(150)), (at(270), None))
    assert len(proposals(heat(entry, yellows=beside, pauses=beside))) == 1
    assert proposals(heat(entry, yellows=within)) == ()
    assert proposals(heat(entry, pauses=within)) == ()
    assert proposals(heat(replace(entry, pits=within))) == ()
    assert len(proposals(heat(replace(entry, pits=beside)))) == 1


def test_R16_with_fewer_than_three_laps_the_field_says_what_is_usual():
    field = [driven(kart, ten(start=int(kart))) for kart in ("1", "2", "3")]
    [found] = proposals(heat(*field, driven("7", [10, 52.1, 136.0])))
    assert found.reason.startswith("Lap 2 took 1:23.900, about twice the 41.7 the field usually takes.")
    assert proposals(heat(driven("7", [10, 52.1, 136.0]))) == (), "nobody to compare with"
    assert proposals(heat(*field, driven("7", [10, 52.1, 94, 136, 230]))) == (), "94 is not twice its own 42"


def test_R16_a_slow_kart_is_not_split_into_laps_quicker_than_it_ever_was():
    field = [driven(kart, ten(start=int(kart))) for kart in ("1", "2", "3")]
    assert proposals(heat(*field, driven("7", [10, 66, 66 + 82]))) == ()
    assert len(proposals(heat(*field, driven("7", [10, 54, 54 + 82])))) == 1


def test_R16_a_lap_is_never_split_below_the_shortest_lap():
    entry = driven("7", ten(without=(5,)))
    assert len(proposals(heat(entry, rules=Rules(Length(laps=10), min_lap_us=us(41.5))))) == 1
    assert proposals(heat(entry, rules=Rules(Length(laps=10), min_lap_us=us(41.6)))) == ()


def test_R16_most_reads_missed_and_still_the_single_lap_is_the_usual_one():
    crossings = list(accumulate([10.0, *TEN, 41.7]))
    found = proposals(heat(driven("7", [t for n, t in enumerate(crossings) if n not in (2, 4, 6, 8)])))
    assert [p.lap for p in found] == [2, 3, 4, 5], "four laps of seven"


def test_R16_three_laps_of_its_own_outweigh_the_field():
    field = [driven(kart, ten(start=int(kart))) for kart in ("1", "2", "3")]
    [found] = proposals(heat(*field, driven("7", [10, 60, 110.2, 210.2, 260.3])))
    assert found.reason.startswith("Lap 3 took 1:40.000, about twice the 50.1 kart 7 usually takes.")


def test_R16_two_laps_of_two_laps_each_are_both_found_by_the_field():
    field = [driven(kart, ten(start=int(kart))) for kart in ("1", "2", "3")]
    assert [p.lap for p in proposals(heat(*field, driven("7", [10, 93.5, 177.7])))] == [1, 2]


def test_R16_how_even_a_driver_is_says_what_is_reasonable():
    even, uneven = ([10, *laps, 2 * 41.7 * 1.065] for laps in ([41.7, 41.6, 41.8] * 3, [41.7, 40.2, 43.2] * 3))
    assert proposals(heat(driven("7", list(accumulate(even))))) == ()
    assert [p.lap for p in proposals(heat(driven("7", list(accumulate(uneven)))))] == [10]


def test_R16_a_missed_read_after_a_slow_first_lap_is_found():
    slow_lap = [47.5, 41.7]
    assert [p.lap for p in proposals(heat(driven("7", list(accumulate([10, sum(slow_lap), *TEN])))))] == [1]
    assert proposals(heat(driven("7", list(accumulate([10, *TEN, sum(slow_lap)]))))) == ()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(seed=st.integers(0, 1 << 32), base=st.floats(20, 80), noise=st.floats(0.001, 0.01), missed=st.integers(1, 9))
def test_A6_of_ten_laps_of_any_driver_the_removed_read_is_found_and_nothing_else(seed, base, noise, missed):
    random = Random(seed)
    crossings = list(accumulate([5.0, *(base * (1 + max(-2.5, min(2.5, random.gauss(0, 1))) * noise) for _ in range(10))]))
    assert proposals(heat(driven("7", crossings))) == ()
    [found] = proposals(heat(driven("7", crossings[:missed] + crossings[missed + 1:])))
    assert found.lap == missed
    assert found.orders[0][1]["parts"] == 2


def rental(random: Random) -> dict[str, list[float]]:
    """A clean heat: laps of 25 to 60 s, drivers 4 % apart, first laps slower, a spin in fifty laps costing 5 to 15 s."""
    base, karts = random.uniform(25, 60), {}
    for kart in range(1, 9):
        pace, spread = base * random.gauss(1, 0.04), random.uniform(0.004, 0.02)
        slower = [random.uniform(1.02, 1.12), random.uniform(1, 1.04)] + [1] * 13
        laps = [pace * random.gauss(1, spread) * first + (random.uniform(5, 15) if random.random() < 0.02 else 0)
                for first in slower]
        karts[str(kart)] = list(accumulate([random.uniform(5, 20), *laps]))
    return karts


def test_X1_clean_rental_heats_raise_nothing_and_a_missed_read_is_found_in_nearly_all():
    random, found = Random(16), 0
    for _ in range(120):
        karts = rental(random)
        assert proposals(heat(*(driven(kart, crossings) for kart, crossings in karts.items()))) == ()
        missed = random.randint(1, 14)
        del karts["3"][missed]
        now = proposals(heat(*(driven(kart, crossings) for kart, crossings in karts.items())))
        assert [p.lap for p in now] in ([missed], []), "no other lap is taken for one"
        found += len(now)
    assert found >= 110, "the rest hide behind a spin"


# X3: a lap below the shortest

def short(at_s: float, since: int, crossings: list[float], seq: int = 790) -> Short:
    """Kart 7 was read at ``at_s``, too soon after its crossing ``since``."""
    return Short(seq, at(at_s), 700 + since, at(crossings[since]))


def test_X3_the_first_read_stands_where_it_leaves_the_laps_more_even():
    crossings = ten()
    [found] = proposals(heat(driven("7", crossings, shorts=(short(crossings[4] + 6.204, 4, crossings),))))
    assert found == Proposal(
        "short-790", "short", "7", at(crossings[4] + 6.204), "Kart 7 was read again 6.204 s after its lap 4 ended. By the "
        "first read laps 4 and 5 take 41.911 and 41.377, by the second 48.115 and 35.173. The first fits better: the "
        "second would not count.", (("ignore_crossing", {"passing": 790}),), 4)


def test_X3_the_later_read_is_the_right_one_where_it_leaves_the_laps_more_even():
    right = ten()
    crossings = [*right[:4], right[4] - 6.204, *right[5:]]
    [found] = proposals(heat(driven("7", crossings, shorts=(short(right[4], 4, crossings),))))
    assert found.orders == (("ignore_crossing", {"passing": 704}), ("count_crossing", {"passing": 790}))
    assert found.lap == 4
    assert found.reason == (
        "Kart 7 was read again 6.204 s after its lap 4 ended. By the first read laps 4 and 5 take 35.707 and 47.581, by "
        "the second 41.911 and 41.377. The second fits better: it would count instead of the first.")


FIRST_FITS = "The first fits better: the second would not count."
SECOND_FITS = "The second fits better: it would count instead of the first."


@pytest.mark.parametrize(("early", "orders", "readings", "therefore"), [
    (0, 1, "By the first read lap 10 takes 41.566, by the second 47.770; 41.7 is usual. ", FIRST_FITS),
    (6.204, 2, "By the first read lap 10 takes 35.362, by the second 41.566; 41.7 is usual. ", SECOND_FITS)])
def test_X3_before_the_kart_comes_again_the_usual_lap_decides(early, orders, readings, therefore):
    crossings = [*ten()[:10], ten()[10] - early]
    [found] = proposals(heat(driven("7", crossings, shorts=(short(crossings[10] + 6.204, 10, crossings),))))
    assert len(found.orders) == orders
    assert found.reason.endswith(readings + therefore)


@pytest.mark.parametrize(("early", "orders", "readings", "therefore"), [
    (0, 1, "By the first read lap 1 takes 42.412, by the second 36.208; 41.7 is usual. ", FIRST_FITS),
    (6.204, 2, "By the first read lap 1 takes 48.616, by the second 42.412; 41.6 is usual. ", SECOND_FITS)])
def test_X3_a_read_soon_after_the_one_that_began_lap_1(early, orders, readings, therefore):
    crossings = [10 - early, *ten()[1:]]
    [found] = proposals(heat(driven("7", crossings, shorts=(short(crossings[0] + 6.204, 0, crossings),))))
    assert (len(found.orders), found.lap) == (orders, 0)
    assert found.reason == f"Kart 7 was read again 6.204 s after its lap 1 began. {readings}{therefore}"


def test_X3_a_first_lap_may_be_slower_than_usual_without_making_the_later_read_the_right_one():
    crossings = [10 - 3, *ten()[1:]]
    [found] = proposals(heat(driven("7", crossings, shorts=(short(10, 0, crossings),))))
    assert found.orders == (("ignore_crossing", {"passing": 790}),), "45.412 fits a first lap as well as 42.412"


def test_X3_with_nothing_to_go_by_it_is_proposed_to_leave_it():
    [found] = proposals(heat(driven("7", [10], shorts=(short(14.5, 0, [10]),))))
    assert found.orders == (("ignore_crossing", {"passing": 790}),)
    assert found.reason == ("Kart 7 was read again 4.500 s after its lap 1 began. Nothing tells yet which read is right, "
                            "so the first would stand.")


def test_X3_a_lap_with_yellow_or_a_pit_visit_tells_nothing():
    right = ten()
    crossings = [*right[:4], right[4] - 6.204, *right[5:]]
    entry = driven("7", crossings, shorts=(short(right[4], 4, crossings),))
    for number, laps in ((4, "lap 5 takes 47.581"), (5, "lap 4 takes 35.707")):
        [found] = proposals(heat(with_lap(entry, number, verdict="yellow")))
        assert f"By the first read {laps}" in found.reason
        assert len(found.orders) == 2
    [found] = proposals(heat(with_lap(with_lap(entry, 4, kind="in"), 5, kind="out")))
    assert "Nothing tells yet" in found.reason


def test_X3_green_is_no_read_and_cannot_be_removed():
    entry = driven("7", ten())
    entry = with_lap(entry, 1, start_seq=0, start_us=at(4))
    [found] = proposals(heat(replace(entry, shorts=(Short(790, at(10), 0, at(4)),))))
    assert found.orders == (("ignore_crossing", {"passing": 790}),)
    assert found.reason.startswith("Kart 7 was read again 6.000 s after green. ")


def test_X3_of_several_reads_one_counts_and_all_others_do_not():
    right = ten()
    crossings = [*right[:4], right[4] - 6, *right[5:]]
    shorts = tuple(short(t, 4, crossings, seq) for seq, t in ((790, right[4] - 3), (791, right[4]), (792, right[4] + 3)))
    found = {p.id: p for p in proposals(heat(driven("7", crossings, shorts=shorts)))}
    assert found["short-791"].orders == (
        *(("ignore_crossing", {"passing": seq}) for seq in (704, 790, 792)), ("count_crossing", {"passing": 791}))
    for seq in (790, 792):
        assert found[f"short-{seq}"].orders == (("ignore_crossing", {"passing": seq}),)
        assert found[f"short-{seq}"].reason.endswith("Another read fits better than both: this one would not count.")


def test_X3_what_is_decided_on_one_crossing_leaves_other_reads_alone():
    right = ten()
    crossings = [*right[:4], right[4] - 6, *right[5:]]
    shorts = (short(right[2] + 5, 2, crossings, 780), short(right[4], 4, crossings, 790))
    found = proposals(heat(driven("7", crossings, shorts=shorts)))
    named = {p.id: [order["passing"] for _, order in p.orders] for p in found}
    assert named == {"short-780": [780], "short-790": [704, 790]}


@settings(derandomize=True, deadline=None, max_examples=150)
@given(seed=st.integers(0, 1 << 32), apart=st.floats(3, 15), which=st.integers(2, 9), late=st.booleans())
def test_X3_whichever_read_was_right_is_kept(seed, apart, which, late):
    random = Random(seed)
    right = list(accumulate([10.0, *(random.uniform(41.5, 42.5) for _ in range(10))]))
    crossings = [t - apart if late and n == which else t for n, t in enumerate(right)]
    [found] = proposals(heat(driven("7", crossings, shorts=(short(crossings[which] + apart, which, crossings),))))
    kept = {order["passing"] for name, order in found.orders if name == "count_crossing"} or {700 + which}
    assert kept == {790 if late else 700 + which}
    assert found.lap == which


# which of them are shown

def doubtful() -> Entry:
    crossings = ten(without=(5,))
    return driven("7", crossings, shorts=(short(crossings[8] + 5, 8, crossings),))


def test_what_somebody_decided_on_or_dismissed_is_not_proposed_again():
    entry = doubtful()
    assert [p.id for p in proposals(heat(entry))] == ["missed-705", "short-790"]
    assert [p.id for p in proposals(heat(entry, dismissed=("missed-705",)))] == ["short-790"]
    assert [p.id for p in proposals(heat(entry, dismissed=("short-790",)))] == ["missed-705"]
    assert [p.id for p in proposals(heat(entry, marks={790: Mark(by=(1,), ignored=True)}))] == ["missed-705"]
    assert [p.id for p in proposals(heat(entry, marks={708: Mark(by=(1,))}))] == ["missed-705"]


@pytest.mark.parametrize("state", State)
def test_a_heat_that_has_not_begun_or_is_settled_has_no_open_doubts(state):
    found = proposals(heat(doubtful(), state=state))
    assert len(found) == (0 if state in (State.SCHEDULED, State.OFFICIAL, State.VOID) else 2)


def test_an_entry_that_left_raises_no_doubts():
    assert proposals(heat(replace(doubtful(), left=True))) == ()


def test_the_oldest_doubt_comes_first_and_each_entry_alone_says_the_same():
    one, other = doubtful(), driven("2", ten(without=(3,), start=20))
    now = heat(one, other)
    found = proposals(now)
    assert [p.id for p in found] == ["missed-203", "missed-705", "short-790"]
    alone = [p for entry in now.entries.values() for p in of_entry(now, entry, field_us(now))]
    assert sorted(alone, key=lambda p: p.since_us) == list(found)
