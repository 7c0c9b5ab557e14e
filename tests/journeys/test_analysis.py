"""What the laps of a session come to, on its page and in the API: numbers worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean, stdev
from typing import Any

import pytest

from tests.journeys.circuits import LAYOUT, laps_of
from tests.journeys.conftest import Park
from tests.journeys.logger import dovex
from tests.journeys.test_lap_page import page, words
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import geojson_of

LOOPS = {"start_finish": "268307", "sector:1": "268308"}
SECTORS: dict[str, Any] = {"loops": LOOPS, "roles": {loop: role for role, loop in LOOPS.items()}}
SPREAD_S = 0.7
"""So much later each kart begins than the one before it."""

Sectored = Sequence[tuple[float, float]]


async def race(venue: Park, karts: Mapping[str, Sectored], *, orders: Mapping[float, str] | None = None,
               **fields: Any) -> str:
    """A heat in which each kart drives these sectors (seconds), lap for lap; ``orders`` by seconds after green."""
    entered = {kart: KARTS[kart] for kart in karts}
    await venue.heat(entered, "stage", **{"format": "30m", "ranking": "position", **fields})
    begin = venue.now + S
    venue.advance(begin)
    await venue.order("green")
    events: list[tuple[float, str, str]] = [(at_s, "order", order) for at_s, order in (orders or {}).items()]
    for place, (kart, laps) in enumerate(karts.items()):
        at_s = 2 + place * SPREAD_S
        events.append((at_s, "start_finish", kart))
        for first_s, second_s in laps:
            events += [(at_s + first_s, "sector:1", kart), (at_s + first_s + second_s, "start_finish", kart)]
            at_s += first_s + second_s
    for at_s, what, of in sorted(events):
        if what == "order":
            venue.advance(begin + round(at_s * S))
            await venue.order(of)
        else:
            await venue.cross(begin + round(at_s * S), KARTS[of], loop=what)
    venue.advance(venue.now + 5 * S)
    return venue.session


def whole(*laps_s: float) -> Sectored:
    return [(15.0, lap_s - 15) for lap_s in laps_s]


async def analysis(venue: Park, session: str, over: str = "session") -> dict[str, Any]:
    found: dict[str, Any] = await venue.api("GET", f"/sessions/{session}/analysis?over={over}")
    return found


def of(found: dict[str, Any], kart: str) -> dict[str, Any]:
    row: dict[str, Any] = next(each for each in found["items"] if each["kart"] == kart)
    return row


@at_the_park(**SECTORS)
async def test_e1_every_lap_is_listed_with_best_average_sanitized_average_deviation_and_clean_laps(park: Park) -> None:
    laps = (40.0, 41.0, 40.5, 60.0, 45.0, 40.3)                     # the fourth an incident, the fifth under yellow
    at_s = 2 + sum(laps[:4])
    session = await race(park, {"1": whole(*laps), "2": whole(42.0)}, orders={at_s + 10: "yellow", at_s + 20: "green"})
    row = of(await analysis(park, session), "1")
    clean = (40.0, 41.0, 40.5, 40.3)
    assert [(each["time_us"] / S, each["reason"]) for each in row["laps"]] == [
        (40.0, None), (41.0, None), (40.5, None), (60.0, "slow"), (45.0, "yellow"), (40.3, None)]
    assert row["best_us"] == 40 * S
    assert row["average_us"] == pytest.approx(mean(laps) * S, abs=1)
    assert row["sanitized_us"] == pytest.approx(mean(clean) * S, abs=1)
    assert row["deviation_us"] == pytest.approx(stdev(clean) * S, abs=1)
    assert row["clean"] == 4
    text = words(await page(park, f"/sessions/{session}/analysis"))
    assert "1 Driver 1 6 4 40.000 1 44.466 40.450 0.420" in text     # laps, clean, best, on lap, three averages' columns
    assert "much slower than the others: 1:00.000" in text
    assert "under yellow: 45.000" in text
    assert f"/sessions/{session}/analysis" in await page(park, f"/laps/{row['best']}")
    for order in ("chequered", "finish"):
        await park.order(order)
    assert f"/sessions/{session}/analysis" in await page(park, f"/sessions/{session}")


@at_the_park(**SECTORS)
async def test_e6_best_rolling_theoretical_and_field_composite_are_four_numbers_each_with_its_laps(park: Park) -> None:
    session = await race(park, {"1": [(15, 25), (16, 24), (14.8, 26), (14.5, 26.5)], "2": [(14.2, 27), (15, 26)]})
    found = await analysis(park, session)
    row, laps = of(found, "1"), {lap["number"]: lap["id"] for lap in of(found, "1")["laps"]}
    assert (row["best_us"], row["best"]) == (40 * S, laps[1])
    assert row["rolling"] == {"time_us": 38.8 * S, "sector": 2, "laps": [laps[2], laps[3]]}
    assert row["theoretical"]["time_us"] == 38.5 * S
    assert [(each["sector"], each["lap"]) for each in row["theoretical"]["parts"]] == [(1, laps[4]), (2, laps[2])]
    assert row["second"]["time_us"] == (14.8 + 25) * S
    assert found["sectors"] == "loop"
    assert (found["field"]["kind"], found["field"]["composite"]["time_us"]) == ("field", 38.2 * S)
    assert [each["driver"] for each in found["field"]["composite"]["parts"]] == ["Driver 2", "Driver 1"]
    text = words(await page(park, f"/sessions/{session}/analysis"))
    assert "40.000 lap 1 38.800 from S2 of lap 2 to lap 3 38.500 S1 lap 4 S2 lap 2 39.800 S1 lap 3 S2 lap 1" in text
    assert "Field composite" in text
    assert "38.200 This session: the best sectors of 6 clean laps. Nobody drove it in one piece." in text


@at_the_park(**SECTORS)
async def test_e6_a_composite_is_taken_over_a_driver_a_kart_a_class_a_session_or_a_day_on_the_layout(park: Park) -> None:
    layout, other = [(await park.api("POST", "/layouts", geojson_of(replace(LAYOUT, name=name))))["id"]
                     for name in ("Long", "Short")]
    first = await race(park, {"1": [(15, 25), (16, 24)], "2": [(14.2, 27)]}, layout=layout)
    for order in ("chequered", "finish"):
        await park.order(order)
    await park.api("PUT", "/karts/1", {"number": "1", "transponders": [KARTS["1"]], "class": "junior"})
    second = await race(park, {"1": [(14, 26), (15.5, 25.5)]}, layout=layout, name="Heat 2")
    for order in ("chequered", "finish"):
        await park.order(order)
    await race(park, {"1": [(10, 10)]}, name="Elsewhere", layout=other)
    rows = await park.appliance.reading.laps(first)
    driver = next(row["driver_id"] for row in rows if row["kart"] == "2")
    told = {over: (await analysis(park, first, over))["field"] for over in
            ("session", "day", "kart:1", "kart:2", "class:junior", f"driver:{driver}")}
    assert {over: (field["kind"], field["composite"]["time_us"] / S, field["laps"]) for over, field in told.items()} == {
        "session": ("field", 38.2, 3), "day": ("field", 38.0, 5), "kart:1": ("theoretical", 38.0, 4),
        "kart:2": ("theoretical", 41.2, 1), "class:junior": ("theoretical", 38.0, 4),
        f"driver:{driver}": ("theoretical", 41.2, 1)}
    text = await page(park, f"/sessions/{first}/analysis?over=day")
    assert "Heat 2" in words(text)
    assert re.search(r'<option value="kart:2">Kart 2</option>', text)
    assert {part["lap"] for part in told["day"]["composite"]["parts"]} & {
        str(row["seq"]) for row in await park.appliance.reading.laps(second)}
    for wrong in ("heat", "kart", "day:1"):
        await park.api("GET", f"/sessions/{first}/analysis?over={wrong}", status=422)


@at_the_park(**SECTORS)
async def test_e7_who_fades_is_told_with_interval_n_and_p_and_who_is_steady_is_not(park: Park) -> None:
    fading = [40 + 0.1 * lap + 0.03 * (lap * 5 % 7) for lap in range(14)]
    steady = [42 + 0.05 * (lap * 5 % 7) for lap in range(14)]
    session = await race(park, {"1": whole(*fading), "2": whole(*steady), "3": whole(44, 44.2)})
    found = await analysis(park, session)
    trend = of(found, "1")["trend"]
    assert (trend["word"], trend["n"]) == ("fading", 12)             # the first two laps are the warm-up
    assert trend["low_us"] < 0.1 * S < trend["high_us"]
    assert trend["low_us"] > 0
    assert trend["p"] < 0.001
    other = of(found, "2")["trend"]
    assert (other["word"], other["n"]) == ("steady", 12)
    assert other["low_us"] < 0 < other["high_us"]
    assert other["p"] > 0.05
    assert of(found, "3")["trend"] == {"word": "unknown", "n": 0, **dict.fromkeys(("slope_us", "low_us", "high_us", "p"))}
    row = of(found, "2")
    assert row["close"] == sum(each <= min(steady) + 0.1 + 1e-9 for each in steady)
    assert row["off_us"] == pytest.approx(mean(abs(each - mean(steady)) for each in steady) * S, abs=2)
    assert row["deviation_us"] == pytest.approx(stdev(steady) * S, abs=2)
    assert [of(found, kart)["steadier_pct"] for kart in KARTS] == [0, 75, 75]     # two are as steady
    text = words(await page(park, f"/sessions/{session}/analysis"))
    slope = r"\+0\.\d{3} \+0\.\d{3} to \+0\.\d{3}"
    assert re.search(rf"1 Driver 1 .* getting slower (step: \S+ to \S+ )?{slope} 12 under 0\.001", text)
    assert re.search(r"2 Driver 2 .* steady .* 12 [01]\.\d{3}", text)
    assert "too few laps to say" in text


@at_the_park(**SECTORS)
async def test_order_and_gaps_of_a_race_are_those_of_the_crossings_and_a_struck_lap_is_no_part_of_them(park: Park) -> None:
    session = await race(park, {"1": whole(40, 42, 40), "2": whole(39, 39.5, 43), "3": whole(50)})
    found = await analysis(park, session)
    assert [of(found, kart)["places"] for kart in KARTS] == [[2, 2, 1], [1, 1, 2], [3]]
    assert of(found, "1")["gaps_us"] == [300_000, 2_800_000, 0]
    assert sum(found["histogram"]["counts"]) == sum(row["clean"] for row in found["items"])
    html = await page(park, f"/sessions/{session}/analysis")
    for title in ("Order, lap by lap", "Gap to the first, seconds", "How clean laps spread"):
        assert title in html
    await park.order("void_lap", kart="1", lap=2, reason="cut the corner")
    row = of(await analysis(park, session), "1")
    assert "incomplete" in [each["reason"] for each in row["laps"]] or len(row["laps"]) == 2


@at_the_park()
async def test_a_recording_that_no_heat_knows_of_has_its_analysis_too(park: Park) -> None:
    await park.api("POST", "/layouts", geojson_of(LAYOUT))
    data = dovex(laps_of(1, 8)[0], 1_795_000_000_000_000)
    made = (await park.http.post("/api/v1/recordings", files={"file": ("1.dovex", data)})).json()["id"]
    await park.appliance.recordings.settled(made)
    text = words(await page(park, f"/recordings/{made}/analysis"))
    assert re.search(r"Best lap Rolling best Theoretical best Second best sectors This recording \d\d\.\d\d lap \d", text)
    assert "How clean laps spread" in text
    lap = next(each for each in (await park.api("GET", f"/recordings/{made}"))["laps"] if each["number"] == 2)
    assert f"/recordings/{made}/analysis" in await page(park, f"/laps/{lap['id']}")
    assert "Gap to the first" not in text
    await page(park, "/recordings/none/analysis", 404)
    await page(park, "/sessions/none/analysis", 404)


@at_the_park()
async def test_a_session_without_a_lap_says_so(park: Park) -> None:
    session = await park.heat(KARTS, "stage", format="8m")
    assert "No lap yet" in words(await page(park, f"/sessions/{session}/analysis"))
    found = await analysis(park, session)
    assert (found["items"], found["histogram"], found["field"]["composite"]) == ([], None, None)
