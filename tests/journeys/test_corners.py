"""Corners settled on a layout: kept while laps come and go, measured in, taken back; and no lap is found anew for it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from tests.analysis import circuit
from tests.journeys.circuits import LAYOUT, SLOW_M, gate, laps_of, of_lap
from tests.journeys.conftest import Park
from tests.journeys.logger import dovex
from tests.venues import at_the_park
from trackd.core.errors import BadInput, NotFound, Refused
from trackd.gps.layouts import Layout, geojson_of, layout_of
from trackd.services.cornering import Bends, bends, carried_over, keep, save_lines
from trackd.store.tables import journal

UTC_US = 1_795_000_000_000_000


async def put_in(venue: Park, kart: int, count: int = 6) -> dict[str, Any]:
    """A recording with its laps."""
    data = dovex(laps_of(kart, count)[0], UTC_US + kart)
    answer = await venue.http.post("/api/v1/recordings", files={"file": (f"{kart}.dovex", data)})
    await venue.appliance.recordings.settled(answer.json()["id"])
    found: dict[str, Any] = await venue.api("GET", f"/recordings/{answer.json()['id']}")
    return found


async def found_on(venue: Park, layout: str) -> Bends:
    found = await bends(venue.appliance, layout)
    assert found
    return found


def wanted(found: Bends, **changes: Any) -> dict[str, Any]:
    """What the page sends: the corners it was shown."""
    corners = [{"name": each.name, "entry_m": round(each.entry_m, 1), "apex_m": round(each.apex_m, 1),
                "exit_m": round(each.exit_m, 1), "kind": each.pace} for each in found.corners]
    return {"corners": corners, "reference": found.reference, "version": found.version, **changes}


async def derived(venue: Park) -> int:
    """How often laps were found in a recording."""
    rows = await venue.appliance.reading.rows(select(func.count()).where(journal.c.kind == "driven"))
    return int(rows[0][0])


async def corners_of(venue: Park, lap: str) -> list[dict[str, Any]]:
    corners: list[dict[str, Any]] = (await venue.api("GET", f"/laps/{lap}/trace"))["corners"]
    return corners


@at_the_park()
async def test_kept_corners_stay_as_laps_come_and_no_lap_is_found_anew_for_them(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    made = await put_in(park, 1)
    lap = of_lap(made["laps"], 2)["id"]
    found, before = await found_on(park, layout), await derived(park)
    assert not found.settled
    sent = wanted(found)
    sent["corners"][1] |= {"name": "Hairpin", "entry_m": sent["corners"][1]["entry_m"] + 4, "kind": "fast"}
    await keep(park.appliance, layout, sent, "Timo")
    await park.appliance.recordings.settled(made["id"])
    assert await derived(park) == before
    kept = await corners_of(park, lap)
    assert [each["name"] for each in kept] == ["T1", "Hairpin", *(f"T{number}" for number in range(3, 11))]
    assert (kept[1]["entry_m"], kept[1]["pace"]) == (sent["corners"][1]["entry_m"], "fast")
    for kart in (2, 3):
        await put_in(park, kart)
    assert [(each["entry_m"], each["apex_m"], each["exit_m"], each["pace"]) for each in await corners_of(park, lap)] == [
        (each["entry_m"], each["apex_m"], each["exit_m"], each["pace"]) for each in kept]
    listed = (await park.api("GET", "/layouts"))["items"][0]
    assert [each.name for each in layout_of(listed).corners] == [each["name"] for each in kept]
    assert {each.direction for each in layout_of(listed).corners} == {"left", "right"}
    assert (await found_on(park, layout)).settled


@at_the_park()
async def test_e5_each_corner_has_entry_least_and_exit_speed_and_time_against_a_reference_lap_and_is_editable(
        park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    ours, theirs = [of_lap((await put_in(park, kart))["laps"], 3)["id"] for kart in (2, 1)]
    compared = (await park.api("GET", f"/laps/compare?a={ours}&b={theirs}"))["corners"]
    assert len(compared) == len(circuit.CORNERS)
    for corner in compared:
        for lap in corner["laps"]:
            assert lap["apex_kmh"] <= min(lap["entry_kmh"], lap["exit_kmh"])
            assert lap["time_us"] > 0
        times = [lap["time_us"] for lap in corner["laps"]]
        assert corner["laps"][1]["lost_us"] == pytest.approx(times[1] - times[0], abs=2)
    slow = min(range(len(compared)), key=lambda index: compared[index]["laps"][1]["lost_us"])
    zone = compared[slow]
    assert zone["entry_m"] < SLOW_M[1]                               # kart 2 is slow there: the other wins most in it
    assert zone["exit_m"] > SLOW_M[0]
    sent = wanted(await found_on(park, layout))
    sent["corners"][slow] |= {"exit_m": round(zone["apex_m"] + 1, 1), "name": "Chicane"}
    await keep(park.appliance, layout, sent, "Timo")
    again = (await park.api("GET", f"/laps/compare?a={ours}&b={theirs}"))["corners"][slow]
    assert (again["name"], again["exit_m"]) == ("Chicane", round(zone["apex_m"] + 1, 1))
    assert again["laps"][0]["time_us"] < zone["laps"][0]["time_us"] - 100_000


@at_the_park()
async def test_keeping_corners_is_taken_back_like_any_layout(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    lap = of_lap((await put_in(park, 1))["laps"], 2)["id"]
    found = await found_on(park, layout)
    await keep(park.appliance, layout, wanted(found, corners=wanted(found)["corners"][:3]), "Timo")
    assert len(await corners_of(park, lap)) == 3
    await park.api("POST", "/undo", {})
    assert len(await corners_of(park, lap)) == len(found.corners)
    await park.api("POST", "/redo", {})
    assert len(await corners_of(park, lap)) == 3
    now = await found_on(park, layout)
    await keep(park.appliance, layout, wanted(now, corners=[]), "Timo")
    assert len(await corners_of(park, lap)) == len(found.corners)


@at_the_park()
async def test_corners_of_a_layout_that_changed_meanwhile_or_that_are_wrong_are_not_kept(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    assert await bends(park.appliance, layout) is None           # no lap yet
    await put_in(park, 1)
    found = await found_on(park, layout)
    wrong = wanted(found)
    wrong["corners"][2]["exit_m"] = 5000
    with pytest.raises(BadInput, match="T3 ends at 5000 m"):
        await keep(park.appliance, layout, wrong, "Timo")
    elsewhere = [[lon + 1, lat] for lon, lat in found.reference]
    with pytest.raises(BadInput, match="does not cross the start line"):
        await keep(park.appliance, layout, wanted(found, reference=elsewhere), "Timo")
    await keep(park.appliance, layout, wanted(found), "Timo")
    with pytest.raises(Refused, match="changed meanwhile"):
        await keep(park.appliance, layout, wanted(found), "Timo")
    with pytest.raises(NotFound):
        await keep(park.appliance, "nowhere", wanted(found), "Timo")


@at_the_park()
async def test_laps_are_found_anew_where_a_line_moved_and_only_there(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    made = await put_in(park, 1)
    await keep(park.appliance, layout, wanted(await found_on(park, layout)), "Timo")
    before, record = await derived(park), park.appliance.live.writer.venue.layouts[layout]
    renamed = {**record.body, "properties": {**record.body["properties"], "name": "Lindenau west", "corners": []}}
    await save_lines(park.appliance, renamed, "Timo", layout)
    await park.appliance.recordings.settled(made["id"])
    assert await derived(park) == before
    start = geojson_of(Layout(gate("start_finish", 20)))["features"][0]
    moved = {**record.body, "features": [start, *record.body["features"][1:]]}
    carried = carried_over(moved, record.body)
    was, now = (layout_of(each).corners for each in (record.body, carried))
    assert now[0].apex_m == pytest.approx(was[1].apex_m - 20, abs=0.5)       # that line lies in the first one
    await save_lines(park.appliance, carried, "Timo", layout)
    await park.appliance.recordings.settled(made["id"])
    assert await derived(park) == before + 1


@at_the_park()
async def test_lines_drawn_anew_keep_the_corners_where_they_are_and_another_layout_has_none(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    made = await put_in(park, 1)
    await keep(park.appliance, layout, wanted(await found_on(park, layout)), "Timo")
    layouts = park.appliance.live.writer.venue.layouts
    before, body = await derived(park), layouts[layout].body

    async def draw(drawn: dict[str, Any], of: str) -> dict[str, Any]:
        answer = await park.http.post(f"/console/layouts/save?recording={made['id']}&layout={of}", json=drawn)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = layouts[answer.json()["id"]].body
        return found
    same = await draw(body, layout)
    assert (same, await derived(park)) == (body, before)
    start = geojson_of(Layout(gate("start_finish", 240)))["features"][0]
    moved = await draw({**body, "features": [start, *body["features"][1:]]}, layout)
    assert [each["properties"]["role"] for each in moved["features"]].count("reference") == 1
    was, now = ({each.name: each for each in layout_of(each).corners} for each in (body, moved))
    assert set(now) == {name for name, each in was.items() if not each.entry_m < 240 < each.exit_m}
    length_m = (await found_on(park, layout)).line.length_m
    for name, corner in now.items():
        assert corner.apex_m == pytest.approx((was[name].apex_m - 240) % length_m, abs=1.0)
    renamed = {**moved, "properties": {**moved["properties"], "name": "Another"}}
    assert "corners" not in (await draw(renamed, ""))["properties"]


@at_the_park()
async def test_a_layout_that_comes_in_with_bad_corners_is_refused_with_what_and_where(park: Park) -> None:
    layout = (await park.api("POST", "/layouts", geojson_of(LAYOUT)))["id"]
    await put_in(park, 1)
    await keep(park.appliance, layout, wanted(await found_on(park, layout)), "Timo")
    body = dict((await park.api("GET", "/layouts"))["items"][0])
    del body["id"]
    assert layout_of(await park.api("PUT", f"/layouts/{layout}", body)) == layout_of(body)
    body["properties"]["corners"][3]["apex_m"] = -4
    told = await park.api("PUT", f"/layouts/{layout}", body, status=422)
    assert told["faults"][0] == {"where": "properties.corners[3].apex_m",
                                 "what": "must be metres along the reference line, 0 or more"}
