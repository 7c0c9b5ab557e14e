"""The simulated field: repeatable, in order, and like a real one."""

from __future__ import annotations

from itertools import islice, pairwise
from statistics import median, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.core.errors import BadInput
from trackd.core.time import SECOND
from trackd.emulator.field import LINE, Field

fields = st.builds(Field, seed=st.integers(0, 10_000), karts=st.integers(1, 20), lap_s=st.floats(20, 90),
                   sectors=st.integers(0, 4), start=st.sampled_from(["rolling", "standing"]),
                   pit_rate=st.sampled_from([0, 0.01, 0.5]))


def laps(passings):
    """Lap times by transponder."""
    at, times = {}, {}
    for passing in passings:
        if passing.loop == LINE:
            if passing.transponder in at:
                times.setdefault(passing.transponder, []).append(passing.at_us - at[passing.transponder])
            at[passing.transponder] = passing.at_us
    return times


@settings(max_examples=60, deadline=None)
@given(fields, st.integers(0, 10**15))
def test_a_field_is_repeatable_in_time_order_and_every_kart_ends_at_the_line(field, start_us):
    passings = list(field.passings(200, start_us))
    again = Field(field.seed, field.karts, field.lap_s, field.sectors, field.start, field.pit_rate)
    assert passings == list(again.passings(200, start_us))
    assert field.entries == again.entries
    assert all(a.at_us <= b.at_us for a, b in pairwise(passings))
    assert {p.transponder for p in passings} == {entry.transponder for entry in field.entries}
    assert {p.loop for p in passings} <= set(field.loops)
    for entry in field.entries:
        own = [p for p in passings if p.transponder == entry.transponder]
        assert own[-1].loop == LINE
        assert own[-1].at_us - start_us >= 200 * SECOND
        assert all(p.at_us - start_us < 200 * SECOND for p in own[:-1] if p.loop == LINE)


@settings(max_examples=40, deadline=None)
@given(fields)
def test_each_kart_takes_the_loops_in_driving_order(field):
    after = {loop: field.loops[(n + 1) % (field.sectors + 1)] for n, loop in enumerate(field.loops[:field.sectors + 1])}
    for entry in field.entries:
        loops = [p.loop for p in field.passings(300) if p.transponder == entry.transponder]
        assert loops[0] == ("pit_out" if field.start == "rolling" else LINE)
        for before, now in pairwise(loops):
            follows = {"pit_in": {LINE}, "pit_out": {after[LINE], "pit_in"}, LINE: {after[LINE], "pit_in", "pit_out"}}
            assert now in follows.get(before, {after.get(before), "pit_in"}), (before, now)


def test_an_hour_looks_like_racing():
    field = Field(seed=11, karts=15, lap_s=48)
    times = laps(field.passings(3600))
    everything = [time for own in times.values() for time in own]
    assert 46 * SECOND < min(everything) < median(everything) < 53 * SECOND
    for own in times.values():
        clean = sorted(own)[:len(own) // 2]
        assert len(set(own)) > 0.95 * len(own), "no two laps alike"
        assert pstdev(clean) < SECOND
        assert sum(own[:2]) > 2 * median(own), "the first laps are slower"
    assert any(time > 58 * SECOND for time in everything), "somebody spun or went to the pit"


def orders(field):
    """The order after each crossing of the line, once all have crossed it."""
    crossed = {}
    for passing in field.passings(600):
        if passing.loop == LINE:
            crossed[passing.transponder] = (crossed.get(passing.transponder, (0, 0))[0] - 1, passing.at_us)
            if len(crossed) == field.karts:
                yield tuple(sorted(crossed, key=crossed.get))


def test_standings_change_during_a_race_and_sometimes_the_leader():
    races = [list(orders(Field(seed=seed, karts=10, start="standing", pit_rate=0))) for seed in range(6)]
    assert all(race[0] != race[-1] for race in races)
    assert sum(race[0][0] != race[-1][0] for race in races) >= 2


def test_drivers_and_transponders_are_distinct_and_of_the_world():
    field = Field(seed=1, karts=30)
    names = [entry.driver for entry in field.entries]
    assert len(set(names)) == len({entry.transponder for entry in field.entries}) == 30
    assert any(not name.isascii() for name in names)
    assert len(Field(karts=500).entries) == 500
    assert Field(seed=2).entries != Field(seed=1).entries


def test_without_a_duration_the_field_goes_on():
    assert len(list(islice(Field().passings(), 5000))) == 5000


def test_every_wrong_parameter_is_named():
    with pytest.raises(BadInput) as caught:
        Field(karts=0, lap_s=0.5, sectors=-1, start="flying", pit_rate=2, spin_rate=-1)
    assert [fault.where for fault in caught.value.faults] == [
        "karts", "lap_s", "sectors", "start", "pit_rate", "spin_rate"]
