"""What the list of features promises of recordings, row by row: H2, A7, A15, E13, F4; and the clock they tell together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.gps.drive import ROUND, gate, laps_of
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv, dovex
from tests.journeys.test_recordings import TIMES, a_heat_with_gps, all_judged, judged, official, sent
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import geojson_of
from trackd.gps.trace import Trace
from trackd.services.agreeing import agreement_of, agreement_of_unit
from trackd.services.missedreads import missed_reads
from trackd.services.recorded import recording
from trackd.services.verifying import vouch


def wall_us(venue: Park, at: int) -> int:
    """The instant at which the decoder's clock shows ``at``."""
    return venue.time.us + venue.time.wall_offset_us + at - venue.now


async def run_heat(venue: Park, layout: str, times: dict[str, list[float]], name: str = "Heat") -> int:
    """A heat of these karts, over before it returns; the decoder's time at which the drives began."""
    await venue.heat({kart: KARTS.get(kart, f"10{kart}") for kart in times}, "stage", name=name, format="8m",
                     ranking="best_lap", layout=layout)
    begin = venue.now + S
    venue.advance(begin)
    await venue.order("green")
    passings = sorted((at_s + place / 7, kart) for place, kart in enumerate(times) for at_s in laps_of(times[kart])[1])
    for at_s, kart in passings:
        await venue.cross(begin + round(at_s * S), KARTS.get(kart, f"10{kart}"))
    venue.advance(venue.now + 5 * S)
    for each in ("chequered", "finish"):
        await venue.order(each)
    return begin


def part(trace: Trace, from_s: float, to_s: float) -> Trace:
    """What a logger that ran for that long would have."""
    keep = (trace.t_us >= from_s * S) & (trace.t_us <= to_s * S)
    return Trace(trace.t_us[keep], trace.lat_deg[keep], trace.lon_deg[keep], trace.speed_mps[keep])


def times_of(karts: int, laps: int) -> dict[str, list[float]]:
    """Lap times of a rental field."""
    rng = np.random.default_rng(5)
    paces = 41 + rng.normal(0, 0.6, karts)
    return {str(kart): (pace + rng.normal(0, 0.35, laps)).round(3).tolist() for kart, pace in enumerate(paces, 1)}


# One decoder has one clock


@at_the_park()
async def test_a_short_recording_is_matched_by_the_clock_that_longer_ones_of_its_heat_told(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(ROUND)))["id"]
    times = times_of(8, 11)
    begin = await run_heat(park, layout, times)
    utc_us = wall_us(park, begin)
    short, crossed = laps_of(times["3"])
    short_part = part(short.trace(25), crossed[4] - 4, crossed[9] + 4)
    _, alone = await sent(park, "before.dovex", dovex(short_part, utc_us))
    assert (alone["state"], alone["session"]) == ("proposed", park.session)
    for kart in ("1", "6", "8"):
        _, found = await sent(park, f"{kart}.dovex", dovex(laps_of(times[kart])[0].trace(25), utc_us + int(kart) * 20_000))
        assert (found["state"], found["kart"]) == ("matched", kart)
    decided = await park.api("GET", f"/recordings/{alone['id']}")           # it is looked at again by itself
    assert (decided["state"], decided["kart"]) == ("matched", "3")
    _, found = await sent(park, "after.dovex", dovex(part(short_part, crossed[4] - 3.9, 10_000), utc_us))
    assert (found["state"], found["kart"], found["session"]) == ("matched", "3", park.session), found
    _, found = await sent(park, "no clock.csv", aim_csv(short_part))
    assert found["state"] == "proposed"                              # it tells no time, so that of others is no help
    _, found = await sent(park, "wrong clock.dovex", dovex(short_part, utc_us + 200 * S))
    assert found["state"] != "matched"


@at_the_park()
async def test_h2_of_two_heats_with_the_same_laps_the_one_is_taken_that_was_on_at_the_time(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(ROUND)))["id"]
    sessions, begins = [], []
    for name in ("First", "Second"):
        begins.append(await run_heat(park, layout, TIMES, name))
        sessions.append(park.session)
        park.advance(park.now + 60 * S)
    trace = laps_of(TIMES["2"])[0].trace(25)
    _, nameless = await sent(park, "no clock.csv", aim_csv(trace))
    assert nameless["state"] == "proposed"
    assert "It fits 2 heats." in nameless["reason"] or nameless["state"] == "proposed"
    for session, begin in zip(sessions, begins, strict=True):
        _, found = await sent(park, f"{session}.dovex", dovex(trace, wall_us(park, begin) + 300_000))
        assert (found["state"], found["kart"], found["session"]) == ("matched", "2", session)


# A7


@at_the_park()
async def test_a7_reads_the_loop_missed_are_told_within_a_tenth_of_a_second_by_a_receiver_that_wanders(park: Park) -> None:
    rng = np.random.default_rng(4)
    drive, crossed = laps_of(TIMES["2"])
    layout = (await park.api("POST", "/layouts", geojson_of(ROUND)))["id"]
    await park.heat(KARTS, "stage", format="8m", ranking="best_lap", layout=layout)
    begin = park.now + S
    park.advance(begin)
    await park.order("green")
    lost = (2, 5)
    reads = [(at_s, "2") for place, at_s in enumerate(crossed) if place not in lost]
    reads += [(at_s + 1, kart) for kart in ("1", "3") for at_s in laps_of(TIMES[kart])[1]]
    for at_s, kart in sorted(reads):
        await park.cross(begin + round(at_s * S), KARTS[kart])
    wander = np.zeros((9_000, 2))
    for i in range(1, len(wander)):                                  # half a metre within a minute
        wander[i] = wander[i - 1] * np.exp(-0.04 / 60) + rng.normal(0, 0.5 * np.sqrt(1 - np.exp(-0.08 / 60)), 2)
    _, found = await sent(park, "kart2.csv", aim_csv(drive.trace(25, noise_m=wander)))
    assert (found["state"], found["kart"]) == ("matched", "2")
    missed = await missed_reads(park.appliance, park.session)
    assert [each.kart for each in missed] == ["2", "2"]
    for each, place in zip(missed, lost, strict=True):
        assert abs(each.at_us - crossed[place] * S) <= 100_000
        await park.order("insert_crossing", kart="2", at_us=each.at_us, source="gps")
    sources = [lap["source"] for lap in (await park.laps())["2"]]
    assert sources == ["loop", "gps", "gps", "loop", "gps", "gps", "loop", "loop"]


# A15


@at_the_park()
async def test_a15_published_times_stay_until_somebody_approves_those_by_the_moved_line(park: Park) -> None:
    made = await a_heat_with_gps(park)
    _, found = await sent(park, "kart1.csv", aim_csv(made["drives"]["1"][0].trace(25)))
    await official(park)
    before = {key: each.verdict for key, each in (await judged(park)).items()}
    await park.api("PUT", f"/layouts/{made['layout']}", geojson_of(
        replace(ROUND, start_finish=gate("start_finish", 40), sectors=(gate("sector:1", 200),))))
    await park.appliance.recordings.settled(found["id"])
    waits = await park.api("GET", f"/recordings/{found['id']}")
    assert [lap["time_us"] for lap in waits["laps"]] == [lap["time_us"] for lap in found["laps"]]
    assert {key: each.verdict for key, each in (await judged(park)).items()} == before
    await park.appliance.recordings.approve(found["id"], "Renata")
    anew = await park.api("GET", f"/recordings/{found['id']}")
    assert {lap["id"] for lap in anew["laps"]}.isdisjoint(lap["id"] for lap in found["laps"])
    full = [[lap for lap in each["laps"] if lap["kind"] == "full"] for each in (found, anew)]
    assert [lap["time_us"] for lap in full[0]] != [lap["time_us"] for lap in full[1]]
    assert [len(lap["sectors_us"]) for lap in full[1]] == [2] * len(full[1])


# E13


@at_the_park()
async def test_e13_a_unit_whose_laps_differ_by_more_than_150_ms_is_warned_of_with_bias_and_spread(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(ROUND)))["id"]
    times = times_of(3, 11)
    await run_heat(park, layout, times)
    rng = np.random.default_rng(8)
    told = {"1": (times["1"], False), "2": ((np.array(times["2"]) + rng.normal(0, 0.25, 11)).tolist(), True)}
    for kart, (seconds, warned) in told.items():
        _, found = await sent(park, f"{kart}.csv", aim_csv(laps_of(seconds)[0].trace(25)))
        if found["state"] != "matched":                              # the rule does not take it: somebody does
            await park.appliance.recordings.assign(found["id"], park.session, kart, "Renata")
        each = await recording(park.appliance.reading, found["id"])
        answer = await agreement_of(park.appliance.reading, each)
        assert answer is not None
        assert answer.laps >= 10
        assert np.isfinite([answer.bias_us, answer.spread_us]).all()
        assert (answer.spread_us > 150_000) == warned == ("from lap to lap" in answer.warning)


@at_the_park()
async def test_e13_the_agreement_of_a_unit_is_told_day_by_day(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(ROUND)))["id"]
    times = times_of(3, 11)
    for day, off_s in enumerate((0.0, 0.02)):                        # on the second day it tells laps longer than they were
        begin = await run_heat(park, layout, times, f"Heat {day}")
        told = dovex(laps_of([each + off_s for each in times["1"]])[0].trace(25), wall_us(park, begin))
        found, _ = await park.appliance.recordings.receive(told, f"{day}.dovex", "unit", "", unit="500001")
        await park.appliance.recordings.settled(found)
        if (await park.api("GET", f"/recordings/{found}"))["state"] != "matched":
            await park.appliance.recordings.assign(found, park.session, "1", "Renata")
        await park.order("confirm")
        park.advance(park.now + 24 * 3600 * S)
    answer = await agreement_of_unit(park.appliance.reading, "500001", park.appliance.zone)
    assert answer is not None
    (newer, second), (older, first) = answer.days
    assert (newer - older).days == 1
    assert abs(first.bias_us) < 5_000
    assert abs(second.bias_us - 20_000) < 5_000
    assert (first.laps, second.laps, answer.whole.laps) == (11, 11, 22)


# F4


@at_the_park()
async def test_f4_loop_laps_of_an_official_heat_verify_themselves_and_the_rest_is_approved_at_once(park: Park) -> None:
    await a_heat_with_gps(park)
    await park.order("shift_crossing", kart="1", lap=4, by_us=1)
    assert {each.verdict for each in (await judged(park)).values()} == {"no"}            # not official yet
    await official(park)
    found = await judged(park)
    edited = {("1", 4), ("1", 5)}
    assert {key for key, each in found.items() if each.verdict == "queue"} == edited
    assert {each.verdict for key, each in found.items() if key not in edited} == {"verified"}
    live = park.appliance.live
    await live.done(vouch(live.writer, park.session, [], "verified", "all seen", "Renata"))
    assert {each.verdict for each in (await judged(park)).values()} == {"verified"}
    assert {each.vouched.by for each in await all_judged(park) if each.vouched is not None} == {"Renata"}
