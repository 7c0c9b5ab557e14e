"""A recording's way through the box: kept once, read beside timing, laid on a layout, matched with a kart, told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.gps.drive import ROUND, laps_of
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv, dovex
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import geojson_of
from trackd.services.rebuild import check

TIMES = {"1": [40.2, 39.8, 40.9, 39.5, 40.1, 39.9, 41.3, 39.6], "2": [41.0, 40.6, 40.4, 41.8, 40.2, 41.1, 40.9, 41.5],
         "3": [42.7, 41.2, 42.0, 41.6, 42.9, 41.1, 42.4, 41.9]}


async def a_heat_with_gps(venue: Park) -> dict[str, Any]:
    """A heat of three karts on the round layout; the drive of each, and the session clock's start at the decoder."""
    layout = await venue.api("POST", "/layouts", geojson_of(ROUND))
    await venue.heat(KARTS, "stage", format="8m", ranking="best_lap", layout=layout["id"])
    begin = venue.now + S
    venue.advance(begin)
    await venue.order("green")
    drives = {kart: laps_of(times) for kart, times in TIMES.items()}
    passings = sorted((at_s + place, kart) for place, kart in enumerate(TIMES) for at_s in drives[kart][1])
    for at_s, kart in passings:
        await venue.cross(begin + round(at_s * S), KARTS[kart])
    return {"layout": layout["id"], "drives": drives}


async def sent(venue: Park, name: str, data: bytes) -> tuple[int, dict[str, Any]]:
    answer = await venue.http.post("/api/v1/recordings", files={"file": (name, data)})
    assert answer.status_code in (200, 201), answer.text
    await venue.appliance.recordings.settled(answer.json()["id"])
    return answer.status_code, await venue.api("GET", f"/recordings/{answer.json()['id']}")


@at_the_park()
async def test_a_file_becomes_laps_on_its_layout_matched_with_its_kart_and_is_stored_once(park: Park) -> None:
    made = await a_heat_with_gps(park)
    drive, crossed = made["drives"]["2"]
    data = aim_csv(drive.trace(25))
    status, found = await sent(park, "kart.csv", data)
    assert status == 201
    assert (found["state"], found["kart"], found["session"]) == ("matched", "2", park.session)
    assert found["layout"] == made["layout"]
    full = [lap for lap in found["laps"] if lap["kind"] == "full"]
    assert np.abs(np.array([lap["time_us"] for lap in full]) - np.diff(crossed) * S).max() < 1000
    status, again = await sent(park, "another name.csv", data)
    assert (status, again["id"], again["name"]) == (200, found["id"], "kart.csv")
    assert len((await park.api("GET", "/recordings"))["items"]) == 1
    stored = [each for each in (park.folder / "recordings").rglob("*") if each.is_file()]
    assert [each.read_bytes() for each in stored] == [data]
    assert check(park.folder).differences == []


@at_the_park()
async def test_nothing_of_a_recording_names_a_person_in_the_journal(park: Park) -> None:
    drive, _ = laps_of(TIMES["1"])
    await sent(park, "ada-lovelace.csv", aim_csv(drive.trace(10)))
    import sqlite3

    with sqlite3.connect(park.folder / "trackd.db") as db:
        bodies = b" ".join(row[0] for row in db.execute("SELECT body FROM journal"))
    assert b"ovelace" not in bodies
    assert json.dumps(await park.api("GET", "/recordings")).count("ada-lovelace.csv") == 1


@at_the_park()
async def test_what_cannot_be_read_is_kept_and_refused_with_a_sentence(park: Park) -> None:
    _, found = await sent(park, "notes.txt", b"What a lovely day. " * 40)
    assert (found["state"], found["laps"]) == ("refused", [])
    assert "not known" in found["reason"]


@at_the_park()
async def test_a_recording_of_another_place_has_no_layout_and_no_kart(park: Park) -> None:
    await a_heat_with_gps(park)
    drive, _ = laps_of(TIMES["1"])
    trace = drive.trace(10)
    elsewhere = type(trace)(trace.t_us, trace.lat_deg + 1, trace.lon_deg, trace.speed_mps)
    _, found = await sent(park, "far.dovex", dovex(elsewhere, 1_760_000_000_000_000))
    assert (found["state"], found["laps"], found["kart"]) == ("unknown", [], None)
    assert found["reason"]
