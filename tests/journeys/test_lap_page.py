"""A lap as its page, the API and files tell it: laid over others, and read back from what was exported."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.journeys.circuits import LAYOUT, LOST_S, SLOW_M, laps_of, of_lap
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv, dovex
from tests.venues import KARTS, S, at_the_park, guest
from trackd.core.time import lap_text
from trackd.gps.layouts import geojson_of
from trackd.gps.readers.formats import read
from trackd.gps.readers.xrk import UNDATED
from trackd.gps.segment import segment
from trackd.web.laps_api import recorded_lap

UTC_US = 1_795_000_000_000_000
LAPS = 8


@dataclass
class Heat:
    """``recordings`` by kart with their laps, ``loop``: the laps of the heat by kart, ``data``: the files."""

    recordings: dict[str, dict[str, Any]]
    loop: dict[str, list[dict[str, Any]]]
    data: dict[str, bytes]


async def a_heat(venue: Park, karts: int = 2, recorded: int = 2) -> Heat:
    """Karts of whom the first ones carry loggers: kart 1 an AiM, the others one that tells the time."""
    layout = await venue.api("POST", "/layouts", geojson_of(LAYOUT))
    await venue.heat(KARTS, "stage", format="8m", ranking="best_lap", layout=layout["id"])
    begin = venue.now + S
    venue.advance(begin)
    await venue.order("green")
    drives = {str(kart): laps_of(kart, LAPS) for kart in range(1, karts + 1)}
    passings = sorted((at_s + int(kart), kart) for kart, (_, crossed) in drives.items() for at_s in crossed)
    for at_s, kart in passings:
        await venue.cross(begin + round(at_s * S), KARTS[kart])
    data, found = {}, {}
    for kart in list(drives)[:recorded]:
        data[kart] = aim_csv(drives[kart][0]) if kart == "1" else dovex(drives[kart][0], UTC_US)
        answer = await venue.http.post("/api/v1/recordings", files={"file": (f"kart {kart}.csv", data[kart])})
        await venue.appliance.recordings.settled(answer.json()["id"])
        found[kart] = await venue.api("GET", f"/recordings/{answer.json()['id']}")
        assert (found[kart]["state"], found[kart]["kart"]) == ("matched", kart)
    return Heat(found, await venue.laps(), data)


async def page(venue: Park, address: str, status: int = 200) -> str:
    answer = await venue.http.get(address)
    assert answer.status_code == status, answer.text
    return answer.text


def words(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<template.*?</template>|<[^>]*>", " ", html, flags=re.DOTALL).split())


@at_the_park()
async def test_the_page_of_a_lap_by_loop_and_of_its_recording_is_the_same_lap(park: Park) -> None:
    made = await a_heat(park)
    lap = made.loop["1"][3]
    gps = of_lap(made.recordings["1"]["laps"], 4)
    by_loop, by_gps = [words(await page(park, f"/laps/{each['id']}")) for each in (lap, gps)]
    for text in (by_loop, by_gps):
        assert lap_text(lap["time_us"]) in text
        assert "Driver 1, kart 1 · lap 4 of 8 · Heat" in text
        assert f"passings {lap['passings'][0]} and {lap['passings'][1]}" in text
    assert by_loop == by_gps


@at_the_park()
async def test_two_laps_overlaid_tell_where_the_time_was_lost(park: Park) -> None:
    made = await a_heat(park)
    ours, theirs = made.loop["1"][2], made.loop["2"][2]
    html = await page(park, f"/laps/{ours['id']}?with={theirs['id']}")
    data = json.loads(unescape(re.search(r'id="lap-data">(.*?)</template>', html, re.DOTALL)[1]))   # type: ignore[index]
    assert [each["name"] for each in data["laps"]] == ["Driver 1", "Driver 2"]
    assert len(data["corners"]) == 10
    to_them = data["laps"][1]["ms"]
    assert to_them[-1] == pytest.approx((ours["time_us"] - theirs["time_us"]) / 1000, abs=1)
    at = np.array(data["at_m"])
    before, after = (to_them[int(np.searchsorted(at, each))] for each in SLOW_M)
    spread = (ours["time_us"] - theirs["time_us"]) / 1000 + LOST_S * 1000
    assert after - before == pytest.approx(-LOST_S * 1000 + spread * (SLOW_M[1] - SLOW_M[0]) / at[-1], abs=100)
    assert "Lost to Driver, lap" not in words(html)


@at_the_park()
async def test_what_cannot_be_laid_over_it_stays_out_with_a_sentence(park: Park) -> None:
    made = await a_heat(park, karts=1, recorded=1)
    laps = made.recordings["1"]["laps"]
    own, *others = [of_lap(laps, number)["id"] for number in (1, 2, 3, 4, 5)]
    asked = "&".join(f"with={each}" for each in others)
    assert "Four laps fit into one picture" in words(await page(park, f"/laps/{own}?{asked}"))
    assert "There is no lap 99999" in words(await page(park, f"/laps/{own}?with=99999"))
    assert words(await page(park, f"/laps/{own}?with={own}")).count("Take") == 0
    await page(park, "/laps/99999", 404)
    await page(park, "/laps/no.such", 404)


@at_the_park()
async def test_laps_of_two_layouts_are_not_compared(park: Park) -> None:
    made = await a_heat(park, karts=1, recorded=1)
    turned = geojson_of(LAYOUT)
    turned["properties"]["name"] = "Elsewhere"
    for feature in turned["features"]:
        for place in feature["geometry"]["coordinates"]:
            place[1] += 1
    await park.api("POST", "/layouts", turned)
    trace, _ = laps_of(3, 3)
    elsewhere = type(trace)(trace.t_us, trace.lat_deg + 1, trace.lon_deg, trace.speed_mps)
    answer = await park.http.post("/api/v1/recordings", files={"file": ("far.dovex", dovex(elsewhere, UTC_US))})
    await park.appliance.recordings.settled(answer.json()["id"])
    far = await park.api("GET", f"/recordings/{answer.json()['id']}")
    one, other = of_lap(made.recordings["1"]["laps"], 2)["id"], of_lap(far["laps"], 2)["id"]
    assert "different layouts" in words(await page(park, f"/laps/{one}?with={other}"))
    refused = await park.api("GET", f"/laps/compare?a={one}&b={other}", status=409)
    assert "different layouts" in refused["detail"]
    assert "No kart" not in words(await page(park, f"/laps/{other}"))


@at_the_park()
async def test_a_lap_without_a_recording_tells_its_time_and_passings_and_says_so(park: Park) -> None:
    made = await a_heat(park, recorded=0)
    lap = made.loop["2"][0]
    text = words(await page(park, f"/laps/{lap['id']}"))
    assert lap_text(lap["time_us"]) in text
    assert f"passings {lap['passings'][0]} and {lap['passings'][1]}" in text
    assert "No recording tells of this lap" in text
    await park.api("GET", f"/laps/{lap['id']}/trace", status=404)
    await page(park, f"/laps/{lap['id']}/export.gpx", 404)


@at_the_park()
async def test_best_rolling_and_theoretical_are_kept_apart_with_the_laps_they_come_from(park: Park) -> None:
    made = await a_heat(park, karts=1, recorded=1)
    laps = [lap for lap in made.recordings["1"]["laps"] if lap["kind"] == "full"]
    best = min(laps, key=lambda lap: lap["time_us"])
    text = words(await page(park, f"/laps/{best['id']}"))
    assert f"Best lap {lap_text(best['time_us'])[:-1]} lap {best['number']}" in text
    parts = [min(laps, key=lambda lap: lap["sectors_us"][sector]) for sector in range(3)]
    whole = sum(lap["sectors_us"][sector] for sector, lap in enumerate(parts))
    numbers = ", ".join(str(lap["number"]) for lap in parts)
    assert f"Theoretical best {lap_text(whole)[:-1]} laps {numbers}" in text
    rolling = float(re.search(r"Rolling best ([\d.]+) laps?", text)[1])       # type: ignore[index]
    assert rolling <= best["time_us"] / S
    assert "Clean laps 8 of 8" in text


@at_the_park()
async def test_the_api_compares_laps_and_its_delta_ends_at_the_difference_of_their_times(park: Park) -> None:
    made = await a_heat(park)
    a, b, c = made.loop["1"][1], made.loop["2"][1], of_lap(made.recordings["2"]["laps"], 5)
    found = await park.api("GET", f"/laps/compare?a={a['id']}&b={b['id']}&c={c['id']}")
    assert [each["id"] for each in found["laps"]] == [a["id"], b["id"], c["id"]]
    assert {each["method"] for each in found["laps"]} == {"line"}
    assert set(found["laps"][0]["delta_us"]) == {0}
    assert found["laps"][1]["delta_us"][-1] == b["time_us"] - a["time_us"]
    for each in found["laps"]:
        assert len(each["t_us"]) == len(found["distance_m"])
        assert each["t_us"][-1] == each["time_us"]
    lost = found["corners"][3]["laps"][1]["lost_us"]
    assert lost == pytest.approx(LOST_S * S, abs=0.1 * S)
    alone = await park.api("GET", f"/laps/{a['id']}/trace")
    assert alone["laps"] == [found["laps"][0]]


@at_the_park()
async def test_a_lap_of_a_recording_has_a_row_of_its_own_and_an_out_lap_is_not_compared(park: Park) -> None:
    made = await a_heat(park, karts=1, recorded=1)
    recording = made.recordings["1"]
    lap, out = of_lap(recording["laps"], 2), next(each for each in recording["laps"] if each["kind"] == "out")
    found = await recorded_lap(park.appliance, lap["id"])
    assert {key: found[key] for key in lap} == lap                              # type: ignore[literal-required]
    assert (found["recording"], found["kart"], found["session"]) == (recording["id"], "1", park.session)
    refused = await park.api("GET", f"/laps/compare?a={lap['id']}&b={out['id']}", status=409)
    assert "no lap to compare" in refused["detail"]
    assert "no lap to lay over others" in words(await page(park, f"/laps/{out['id']}"))


@at_the_park()
async def test_a_recording_exported_and_imported_again_has_the_same_laps(park: Park) -> None:
    made = await a_heat(park)
    for recording in made.recordings.values():
        for kind in ("csv", "gpx"):
            answer = await park.http.get(f"/recordings/{recording['id']}/export.{kind}")
            assert answer.headers["content-disposition"] == f'attachment; filename="recording-{recording["id"]}.{kind}"'
            again = read(answer.content, f"x.{kind}")
            assert set(again.faults) <= {UNDATED}      # where nobody knew the time of day
            laps = [lap for lap in segment(again.trace, LAYOUT) if lap.kind == "full"]
            before = [lap for lap in recording["laps"] if lap["kind"] == "full"]
            assert [lap.time_us for lap in laps] == pytest.approx([lap["time_us"] for lap in before], abs=1000)
            assert [lap.sectors_us for lap in laps] == [pytest.approx(lap["sectors_us"], abs=1000) for lap in before]
            assert [lap.max_speed_kmh for lap in laps] == pytest.approx([lap["max_speed_kmh"] for lap in before], abs=0.11)
            if kind == "csv":
                assert [b - a for a, b in pairwise(again.device_laps.marks_us)] == pytest.approx(
                    [lap["time_us"] for lap in before], abs=2)
            elif recording["recorded_at"] is None:
                assert not again.utc_us
            else:
                told = datetime.fromisoformat(recording["recorded_at"])
                assert again.utc_us == pytest.approx(told.timestamp() * S, abs=2000)


@at_the_park()
async def test_a_lap_exported_and_imported_again_is_that_lap(park: Park) -> None:
    made = await a_heat(park)
    for kart in ("1", "2"):
        lap = of_lap(made.recordings[kart]["laps"], 3)
        for kind in ("csv", "gpx"):
            answer = await park.http.get(f"/laps/{lap['id']}/export.{kind}")
            again = [each for each in segment(read(answer.content, f"x.{kind}").trace, LAYOUT) if each.kind == "full"]
            assert [each.time_us for each in again] == pytest.approx([lap["time_us"]], abs=1000)
        told = (await park.http.get(f"/laps/{made.loop[kart][2]['id']}/export.json")).json()
        assert told["laps"] == [lap]
        assert len(told["trace"]["t_us"]) == len(told["trace"]["speed_mps"])


@at_the_park()
async def test_the_file_comes_back_as_it_was_to_staff_alone_under_a_plain_name(park: Park) -> None:
    made = await a_heat(park, karts=1, recorded=1)
    address = f"/recordings/{made.recordings['1']['id']}/file"
    answer = await park.http.get(address)
    assert answer.content == made.data["1"]
    assert answer.headers["content-type"].startswith("application/octet-stream")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "kart-1.csv" in answer.headers["content-disposition"]
    async with guest(park) as nobody:
        assert (await nobody.get(address)).status_code == 401
        assert (await nobody.get(f"/laps/{made.loop['1'][0]['id']}")).status_code == 200


@at_the_park()
async def test_a_recording_that_is_lost_from_the_disk_leaves_a_page_that_says_so(park: Park) -> None:
    made = await a_heat(park, karts=1, recorded=1)
    await park.off()
    stored = next(each for each in (park.folder / "recordings").rglob("*") if each.is_file())
    stored.unlink()
    await park.on()
    lap = made.loop["1"][2]
    text = words(await page(park, f"/laps/{lap['id']}"))
    assert lap_text(lap["time_us"]) in text
    assert "The recording cannot be read any more" in text
    assert "Best lap" in text
    await park.api("GET", f"/laps/{lap['id']}/trace", status=422)
    assert "not on the disk" in words(await page(park, f"/recordings/{made.recordings['1']['id']}/file", 404))
