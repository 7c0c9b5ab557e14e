"""Leaderboards: only what is verified by default, each driver once, by period, layout and class."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.gps.drive import ROUND
from tests.journeys.conftest import Park
from tests.journeys.test_recordings import a_heat_with_gps, official
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import geojson_of
from trackd.services.leaderboards import since
from trackd.services.verifying import vouch

ROME = ZoneInfo("Europe/Rome")


async def board(venue: Park, **asked: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return list((await venue.api("GET", f"/leaderboards?{query}"))["items"])


async def page(venue: Park, **asked: str) -> str:
    answer = await venue.http.get("/leaderboards", params=asked)
    assert answer.status_code == 200
    return answer.text


@at_the_park()
async def test_f1_an_unverified_lap_is_never_in_the_default_view_and_all_can_be_shown(park: Park) -> None:
    await a_heat_with_gps(park)
    await park.order("shift_crossing", kart="1", lap=4, by_us=-300_000)     # a best of 39.2 that somebody made
    assert await board(park) == []                                          # nothing is official yet
    assert "No official heat yet" in await page(park)
    await official(park)
    found = await board(park)
    assert [(row["position"], row["kart"], row["time_us"]) for row in found] == [
        (1, "1", 39_600_000), (2, "2", 40_200_000), (3, "3", 41_100_000)]
    assert {row["verified"] for row in found} == {True}
    assert "39.200" not in await page(park)
    every = await board(park, verified="false")
    assert (every[0]["kart"], every[0]["time_us"], every[0]["verified"]) == ("1", 39_200_000, False)
    shown = await page(park, verified="false")
    assert "39.200" in shown
    assert "Not verified" in shown


@at_the_park()
async def test_f1_what_a_person_vouches_for_or_leaves_out_comes_and_goes(park: Park) -> None:
    await a_heat_with_gps(park)
    await official(park)
    live = park.appliance.live
    best = (await board(park))[0]
    await live.done(vouch(live.writer, park.session, [best["lap"]], "no", "cut a corner", "Renata"))
    assert (await board(park))[0]["time_us"] == 39_600_000
    assert best["time_us"] == 39_500_000
    await live.done(vouch(live.writer, park.session, [best["lap"]], "", "", "Renata"))
    assert (await board(park))[0] == best


@at_the_park()
async def test_e11_a_lap_with_a_yellow_stays_out_even_where_somebody_vouched_for_it(park: Park) -> None:
    await park.heat(KARTS, "stage", format="8m", ranking="best_lap", min_lap_s=20)
    begin = park.now + S
    park.advance(begin)
    await park.order("green")
    for number in range(4):
        await park.cross(begin + (5 + 40 * number - (number == 2)) * S, KARTS["1"])
        if number == 1:
            await park.order("yellow")
        if number == 2:
            await park.order("green")
    await official(park)
    [row] = await board(park)
    assert row["time_us"] == 40 * S
    laps = (await park.laps())["1"]
    yellow = next(lap for lap in laps if lap["verdict"] == "yellow")
    assert yellow["time_us"] == 39 * S
    live = park.appliance.live
    await live.done(vouch(live.writer, park.session, [yellow["id"]], "verified", "clean", "Renata"))
    assert [row["time_us"] for row in await board(park)] == [40 * S]
    assert [row["time_us"] for row in await board(park, verified="false")] == [40 * S]


@at_the_park()
async def test_layouts_and_classes_are_apart_and_what_is_not_known_is_refused(park: Park) -> None:
    made = await a_heat_with_gps(park)
    await official(park)
    other = await park.api("POST", "/layouts", geojson_of(replace(ROUND, name="Short")))
    assert await board(park, layout=other["id"]) == []
    assert len(await board(park, layout=made["layout"])) == 3
    await park.api("PUT", "/karts/2", {"number": "2", "transponders": [KARTS["2"]], "class": "junior"})
    assert [row["kart"] for row in await board(park, **{"class": "junior"})] == ["2"]
    assert (await park.api("GET", "/leaderboards?layout=nowhere", status=404))["status"] == 404
    assert (await park.api("GET", "/leaderboards?period=decade", status=422))["status"] == 422


@pytest.mark.parametrize(("period", "then"), [
    ("day", "2026-03-29T00:00+01:00"), ("week", "2026-03-23T00:00+01:00"), ("month", "2026-03-01T00:00+01:00"),
    ("year", "2026-01-01T00:00+01:00")])
def test_a_period_begins_at_midnight_where_the_venue_is_also_on_the_day_the_clocks_change(period: str, then: str) -> None:
    now = datetime(2026, 3, 29, 20, 15, tzinfo=ROME)                        # summer time began at 02:00
    assert since(period, now) == round(datetime.fromisoformat(then).timestamp()) * S
    assert since("all", now) is None
