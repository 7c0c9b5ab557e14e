"""What must hold for any heat at all: drawn formats, karts, crossings, flags and orders of arrival."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.timing.race import BASE, Race, fresh, us
from trackd.core.errors import Refused
from trackd.timing.events import LINE, Crossing, Event, Order, Tick, Verdict, place
from trackd.timing.flags import NEXT_STEP, State
from trackd.timing.session import Session, check
from trackd.timing.standings import standings

KARTS = ["1", "2", "3"]
PROFILE = settings(max_examples=150, derandomize=True, deadline=None)


@st.composite
def heats(draw):
    """A heat nobody has staged, of any format."""
    of = {name: draw(st.sampled_from(choice)) for name, choice in (
        ("length", ["60s", "90s", "3L", "60s+1L", "5L", "1L"]), ("ranking", ["best_lap", "position"]),
        ("finish", ["individual", "leader"]), ("start", ["green", "first_crossing"]),
        ("first_lap", ["from_crossing", "from_green"]), ("grace_us", [None, us(10), 0]))}
    return fresh(karts=KARTS, sectors=1, min_lap_s=5, **of)


def story_of(seed: int) -> list[Event]:
    """Events in the order of track time, all at different instants: karts lapping, flags, binds, losses, by a seed."""
    dice = random.Random(seed)
    what: dict[int, tuple[str, ...]] = {}
    for kart in [*KARTS, "9"]:
        at_us = us(dice.uniform(3, 30))
        while at_us < us(dice.choice([60, 120, 240])):
            for role, share in ((LINE, 0.95), ("sector:1", 0.7), ("pit_in", 0.05), ("pit_out", 0.08), (LINE, 0.1)):
                if dice.random() < share:
                    what[at_us] = (role, dice.choice([kart, kart, kart, None]), dice.choice([f"t{kart}", "x"]),
                                   dice.choice(["a/0", "a/0", "a/0", "a/1"]))
                at_us += us(dice.uniform(0.2, 9))
    for _ in range(dice.choice([0, 1, 3, 8, 20])):
        what[us(dice.uniform(3, 240))] = (dice.choice(["red", "resume", "yellow", "green", "white", "chequered", "finish",
                                                       "leave", "join", "bind", "tick", "tick"]),)
    events: list[Event] = [Order(1, BASE + 1, "stage", "Ada"), Order(2, BASE + 2, "green", "Ada")]
    for seq, (at_us, (name, *of)) in enumerate(sorted(what.items()), start=3):
        if of:
            kart, transponder, epoch = of
            events.append(Crossing(seq, BASE + at_us, transponder, kart, name, epoch))
        elif name == "tick":
            events.append(Tick(seq, BASE + at_us))
        else:
            args = {"kart": dice.choice(KARTS), "transponder": "x"}
            args |= {"since": dice.choice(["start", "now"])} if name == "bind" else {}
            events.append(Order(seq, BASE + at_us, name, "Ada", args))
    return events


def stories():
    return st.integers(0, 2**32).map(story_of)


def shuffled(story: list[Event], seed: int) -> list[Event]:
    return random.Random(seed).sample(story, len(story))


def applied(heat, events):
    session = Session.new(heat)
    for event in events:
        session.apply(event)
    return session


@PROFILE
@given(heats(), stories(), st.integers(0, 999))
def test_any_order_of_arrival_gives_the_same_heat_and_the_same_verdicts(heat, story, seed):
    told = applied(heat, story)
    for session in (applied(heat, shuffled(story, seed)), Session.of(heat, shuffled(story, seed))):
        assert session.verdicts == told.verdicts
        assert session.heat == told.heat
        assert sorted(session.log, key=place) == sorted(told.log, key=place)


@PROFILE
@given(heats(), stories(), st.integers(0, 999))
def test_passings_a_little_late_as_on_a_real_track_give_the_same_heat(heat, story, seed):
    """The common case, most of it applied without folding again: crossings swap places with near neighbours."""
    dice, late = random.Random(seed), list(story)
    for _ in range(dice.randrange(30)):
        index = dice.randrange(2, max(3, len(late) - 1))
        late[index:index + 2] = reversed(late[index:index + 2])
    session = applied(heat, late)
    assert (session.heat, session.verdicts) == (applied(heat, story).heat, applied(heat, story).verdicts)


@PROFILE
@given(heats(), stories())
def test_every_crossing_gets_exactly_one_verdict_and_every_lap_is_a_counted_crossing_of_the_line(heat, story):
    session = applied(heat, story)
    crossings = {event.seq: event for event in story if isinstance(event, Crossing)}
    assert set(session.verdicts) == set(crossings)
    laps = [lap.seq for entry in session.heat.entries.values() for lap in entry.laps]
    on_line = [seq for seq, verdict in session.verdicts.items()
               if verdict is Verdict.COUNTED and crossings[seq].role == LINE]
    assert sorted(laps) == sorted(on_line)


@PROFILE
@given(heats(), stories())
def test_lap_times_sum_to_the_time_between_the_first_and_the_last_counted_crossing(heat, story):
    for entry in applied(heat, story).heat.entries.values():
        if not entry.laps:
            continue
        assert sum(lap.time_us for lap in entry.laps) == entry.laps[-1].end_us - entry.laps[0].start_us
        assert all(a.end_us == b.start_us and a.seq == b.start_seq for a, b in pairwise(entry.laps))
        assert [lap.number for lap in entry.laps] == list(range(1, len(entry.laps) + 1))
        for lap in entry.laps:
            assert lap.time_us >= heat.rules.min_lap_us
            assert len(lap.sectors) == 2
            if None not in lap.sectors:
                assert sum(lap.sectors) == lap.time_us
        ranking = sorted((lap.time_us, lap.end_us, lap.number) for lap in entry.laps if lap.kind == "full"
                         and lap.verdict in ("valid", "yellow"))
        assert list(entry.bests) == ranking


@PROFILE
@given(heats(), stories())
def test_whatever_happened_the_next_steps_offered_lead_to_an_official_result(heat, story):
    session, at_us = applied(heat, story), story[-1].at_us
    for seq in range(1000, 1010):
        step = NEXT_STEP[session.heat.state]
        if step is None:
            break
        at_us += us(1)
        check(session.heat, step, {})
        session.apply(Order(seq, at_us, step, "Ada"))
    assert session.heat.state is State.OFFICIAL
    entries = session.heat.entries
    session.apply(Crossing(2000, at_us + us(60), "t1", "1", LINE, "a/0"))
    assert {k: e.laps for k, e in session.heat.entries.items()} == {k: e.laps for k, e in entries.items()}


@PROFILE
@given(heats(), stories())
def test_ticks_only_say_that_time_has_passed(heat, story):
    """A heat in which no deadline was ever journalled ends as one in which all were, once something later happens."""
    last = Tick(10_000, story[-1].at_us + us(10_000))
    with_all, without = applied(heat, [*story, last]), applied(heat, [e for e in story if not isinstance(e, Tick)] + [last])
    assert with_all.verdicts == without.verdicts
    for name in ("entries", "state", "flag", "chequered_us", "ended_us", "grace_end_us", "bearer"):
        assert getattr(with_all.heat, name) == getattr(without.heat, name), name


@PROFILE
@given(heats(), stories(), st.integers(-10**15, 10**12))
def test_only_track_time_matters_and_only_its_differences(heat, story, shift_us):
    """Neither a wall clock set by any amount nor the zero of track time changes a lap."""
    moved = [type(e)(**{**{n: getattr(e, n) for n in e.__struct_fields__}, "at_us": e.at_us + shift_us,
                        **({"wall_us": shift_us} if isinstance(e, Order) else {})}) for e in story]
    one, other = applied(heat, story), applied(heat, moved)
    assert one.verdicts == other.verdicts
    assert [[(lap.seq, lap.time_us, lap.verdict, lap.sectors) for lap in e.laps] for e in one.heat.entries.values()] == [
        [(lap.seq, lap.time_us, lap.verdict, lap.sectors) for lap in e.laps] for e in other.heat.entries.values()]
    assert standings(one.heat) == standings(other.heat)


@PROFILE
@given(heats(), stories())
def test_places_rise_ties_skip_and_no_gap_is_ever_negative(heat, story):
    session = Session.new(heat)
    for event in story:
        session.apply(event)
        rows = standings(session.heat)
        placed = [row.position for row in rows if row.position is not None]
        assert [row.position for row in rows] == placed + [None] * (len(rows) - len(placed))
        assert all(place == index + 1 or place == placed[index - 1] for index, place in enumerate(placed))
        assert all((row.gap_us or 0) >= 0 and (row.gap_laps or 1) >= 1 for row in rows)
        if heat.rules.ranking == "position":
            assert all((row.interval_us or 0) >= 0 and (row.interval_laps or 1) >= 1 for row in rows)


@PROFILE
@given(st.integers(0, 2**32))
def test_a9_an_edit_gives_the_laps_of_a_heat_in_which_it_had_been_so_from_the_beginning(seed):
    dice = random.Random(seed)
    race = Race("8m", 4, min_lap_s=10, start=dice.choice(["green", "first_crossing"]), hold_off_us=0)
    for at_s, kart in sorted((round(5 + int(kart) + lap * 30 + dice.uniform(0, 25), 6), kart) for kart in KARTS
                             for lap in range(6) if dice.random() < 0.95):
        race.cross(at_s, kart)
    log, start = list(race.session.log), race.session.start
    kart = dice.choice([kart for kart in KARTS if len(race.entries[kart].laps) > 1])
    lap = dice.choice(race.entries[kart].laps)
    name = dice.choice(["ignore_crossing", "insert_crossing", "shift_crossing", "move_laps", "set", "set_start"])
    by_us, min_lap_s = us(dice.uniform(-6, 6)), dice.choice([5, 12, 20])
    args = {"insert_crossing": {"kart": kart, "at_us": lap.start_us + us(11) - (race.heat.start_us or 0)},
            "shift_crossing": {"kart": kart, "lap": lap.number, "by_us": by_us}, "move_laps": {"from": kart, "to": "4"},
            "set": {"min_lap_s": min_lap_s}, "set_start": {"passing": lap.start_seq}}
    try:
        race.order(240, name, **args.get(name, {"kart": kart, "lap": lap.number}))
    except Refused:
        return
    if name == "ignore_crossing":
        log = [event for event in log if event.seq != lap.seq]
    elif name == "insert_crossing":
        log.append(Crossing(9000, lap.start_us + us(11), f"t{kart}", kart))
    elif name == "shift_crossing":
        log = [replace(event, at_us=event.at_us + by_us) if event.seq == lap.seq else event for event in log]
    elif name == "move_laps":
        log = [replace(e, kart="4", transponder="t4") if isinstance(e, Crossing) and e.kart == kart else e for e in log]
    elif name == "set":
        start = replace(start, rules=replace(start.rules, min_lap_us=us(min_lap_s)))
    else:
        log[1] = replace(log[1], at_us=lap.start_us)
    plain = Session.of(start, log)
    assert {kart: [(each.start_us, each.end_us) for each in entry.laps] for kart, entry in race.entries.items()} == {
        kart: [(each.start_us, each.end_us) for each in entry.laps] for kart, entry in plain.heat.entries.items()}
    assert race.heat.start_us == plain.heat.start_us
