"""What people decide about recordings, units and laps is taken back from the page where it was done, and by programs."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import httpx

from tests.gps.drive import ROUND, gate, laps_of
from tests.journeys.conftest import Park
from tests.journeys.control import stays
from tests.journeys.logger import aim_csv
from tests.journeys.test_recordings import a_heat_with_gps, all_judged, official, sent
from tests.venues import at_the_park, signed_in
from trackd.gps.layouts import geojson_of
from trackd.services.pairing import paired

MOVED = replace(ROUND, start_finish=gate("start_finish", 30), sectors=())


async def text_of(browser: httpx.AsyncClient, path: str) -> str:
    """The words of a page, without its marks."""
    answer = await browser.get(path)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def done(browser: httpx.AsyncClient, path: str) -> str:
    """What a page says was done last, its turns with it."""
    note = re.search(r'<form class="note done.*?</form>', (await browser.get(path)).text, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", note[0])).split()) if note else ""


async def undo(browser: httpx.AsyncClient, csrf: str, turn: str = "undo", **form: Any) -> httpx.Response:
    return await browser.post("/console/undo", data={"csrf": csrf, "turn": turn, **form})


@at_the_park()
async def test_a_recording_taken_off_its_kart_or_laid_elsewhere_is_as_it_was_after_undo(park: Park) -> None:
    made = await a_heat_with_gps(park)
    _, before = await sent(park, "ada lovelace.csv", aim_csv(made["drives"]["2"][0].trace(25)))
    other = await park.api("POST", "/layouts", geojson_of(replace(MOVED, name="Short")))
    at, page = f"/recordings/{before['id']}", f"/console/recordings/{before['id']}"

    async def act(**form: str) -> dict[str, Any]:
        answer = await browser.post(page, data={"csrf": csrf, **form})
        assert (answer.status_code, answer.headers["location"]) == (303, page), answer.text
        told: dict[str, Any] = await park.api("GET", at)
        return told
    async with signed_in(park) as (browser, csrf):
        gone = await act(act="none")
        assert (gone["state"], gone["kart"]) == ("unmatched", None)
        assert await done(browser, page) == "admin took a recording off its kart. Undo Z"
        assert (await undo(browser, csrf, back=page)).headers["location"].startswith(page)
        assert await park.api("GET", at) == before
        assert "Undone by admin: took a recording off its kart. Undo the one before Z" in await done(browser, page)
        moved = await act(act="layout", layout=other["id"])
        assert moved["layout"] == other["id"]
        assert [lap["id"] for lap in moved["laps"]] != [lap["id"] for lap in before["laps"]]
        given = await act(act="kart", whose=f"{park.session}/2")
        assert given["session"] == park.session
        assert await done(browser, page) == "admin gave a recording to kart 2 (Heat). Undo Z"
        log = await text_of(browser, "/console/log")
        for words in ("admin gave ada lovelace.csv to kart 2 Heat", "admin found the laps of ada lovelace.csv on Short",
                      "admin gave a recording to kart 2 after that. Undo that first.",
                      "admin took ada lovelace.csv off its kart undone by admin"):
            assert words in log, (words, log)
        assert (await undo(browser, csrf)).json()["said"] == "Undone: admin gave a recording to kart 2."
        assert await park.api("GET", at) == moved
        assert (await undo(browser, csrf)).json()["turn"] == "undo"
        assert await park.api("GET", at) == before
        for told in (moved, given):
            assert (await undo(browser, csrf, "redo")).status_code == 200
            assert await park.api("GET", at) == told
        assert [each["kind"] for each in (await park.api("GET", "/acts"))["items"]][:2] == ["match", "driven"]
    await stays(park)


@at_the_park()
async def test_a_verdict_is_taken_back_where_it_was_given_by_those_who_give_no_orders_too(park: Park) -> None:
    await a_heat_with_gps(park)
    await park.order("shift_crossing", kart="1", lap=4, by_us=1)
    await official(park)

    async def told() -> list[str]:
        return sorted(each.verdict for each in await all_judged(park))
    before = await told()
    assert before.count("queue") == 2
    async with signed_in(park, "mechanic") as (browser, csrf):
        assert await done(browser, "/console/verify") == "", "nothing that a mechanic may turn"
        await browser.post("/console/verify", data={"csrf": csrf, "session": park.session, "act": "verify"})
        assert "queue" not in await told()
        assert await done(browser, "/console/verify") == "mechanic verified 2 laps of kart 1 (Heat). Undo Z"
        assert await done(browser, "/console/heats") == "", "it does not stand beside orders"
        answer = await undo(browser, csrf)
        assert answer.json()["said"] == "Undone: mechanic verified 2 laps of kart 1."
        assert await told() == before
        answer = await undo(browser, csrf)
        assert (answer.status_code, answer.json()["detail"]) == (409, "There is nothing to undo.")
        assert (await undo(browser, csrf, "redo")).status_code == 200
        confirm = next(act["seq"] for act in (await park.api("GET", "/acts"))["items"] if act["name"] == "confirm")
        for of in (confirm, confirm - 1):
            assert (await undo(browser, csrf, of=of)).status_code == 409
        log = (await browser.get("/console/log")).text
        assert log.count('action="/console/undo"') == 1
    async with signed_in(park, "desk") as (browser, csrf):
        for each in [each for each in await all_judged(park) if each.vouched]:
            await browser.post("/console/verify", data={"csrf": csrf, "session": park.session, "lap": each.lap_id,
                                                        "act": "leave", "reason": "cut the corner"})
        log = await text_of(browser, "/console/log")
        for lap in (4, 5):
            assert f"desk left lap {lap} of kart 1 out Heat Why: cut the corner" in log
        for _ in range(3):
            assert (await undo(browser, csrf)).status_code == 200
    assert await told() == before
    await stays(park)


@at_the_park()
async def test_a_page_offers_to_take_back_what_whoever_looks_may_and_an_order_in_the_heat_what_was_said_of_its_laps(
        park: Park) -> None:
    await a_heat_with_gps(park)
    await park.order("shift_crossing", kart="1", lap=4, by_us=1)
    await official(park)
    live = park.appliance.live
    await live.done(live.writer.submit(paired("u1", "Solo 1", "SOLO2", "1", None, "Ada")))
    async with signed_in(park) as (browser, _):
        assert await done(browser, "/console/units") == "Ada put the unit Solo 1 on kart 1. Undo Z"
    async with signed_in(park, "timekeeper") as (browser, csrf):
        for page in ("/console/units", "/console/heats"):
            assert "made the result official" in await done(browser, page)
        assert "Ada put the unit Solo 1 on kart 1" in await text_of(browser, "/console/log")
        lap = next(each.lap_id for each in await all_judged(park) if each.verdict == "queue")
        await browser.post("/console/verify", data={"csrf": csrf, "session": park.session, "lap": lap, "act": "verify"})
        assert "timekeeper verified lap 4 of kart 1." in await done(browser, f"/sessions/{park.session}")
    await park.order("undo")
    newest = (await park.api("GET", "/acts"))["items"][0]
    assert (newest["kind"], newest["undone_by"]) == ("vouch", "test")
    assert not [each for each in await all_judged(park) if each.vouched]
    await stays(park)


@at_the_park()
async def test_what_a_person_said_of_a_recording_stands_when_its_lines_are_moved_and_goes_back_whole(park: Park) -> None:
    made = await a_heat_with_gps(park)
    _, before = await sent(park, "kart2.csv", aim_csv(made["drives"]["2"][0].trace(25)))
    recordings, at = park.appliance.recordings, f"/recordings/{before['id']}"
    await recordings.assign(before["id"], None, "", "Ada")
    await park.api("PUT", f"/layouts/{made['layout']}", geojson_of(MOVED))
    await recordings.settled(before["id"])
    off = await park.api("GET", at)
    assert (off["state"], off["laps"]) == ("unmatched", before["laps"]), "it is none of these until somebody says otherwise"
    await park.api("POST", "/undo", {"of": (await park.api("GET", "/acts"))["items"][1]["seq"]})
    assert await park.api("GET", at) == before
    await recordings.approve(before["id"], "Ada")
    anew = await park.api("GET", at)
    assert anew["laps"] != before["laps"]
    await park.api("POST", "/undo", {})
    assert await park.api("GET", at) == before
    async with signed_in(park) as (browser, _):
        assert "Newer laps wait" in await text_of(browser, f"/console{at}")
    await park.api("POST", "/redo", {})
    assert await park.api("GET", at) == anew
    await stays(park)


@at_the_park()
async def test_a_layout_that_was_drawn_is_taken_back_from_the_page_it_is_drawn_on_and_its_laps_with_it(park: Park) -> None:
    _, before = await sent(park, "kart1.csv", aim_csv(laps_of([40, 41, 42])[0].trace(10)))
    draw, at = f"/console/layouts/draw?recording={before['id']}", f"/recordings/{before['id']}"
    async with signed_in(park) as (browser, csrf):
        answer = await browser.post(f"/console/layouts/save?recording={before['id']}", json=geojson_of(ROUND),
                                    headers={"X-CSRF-Token": csrf})
        assert answer.status_code == 200, answer.text
        found = await park.api("GET", at)
        assert (before["state"], found["state"]) == ("unknown", "unmatched")
        for page in (draw, answer.json()["next"]):
            assert await done(browser, page) == "admin saved the layout Round. Undo Z"
        back = await undo(browser, csrf, back=draw)
        assert back.headers["location"].startswith(draw + "#")
        await park.appliance.recordings.settled(before["id"])
        gone = await park.api("GET", at)
        assert (gone["state"], gone["laps"]) == ("unknown", [])
        await undo(browser, csrf, "redo")
        await park.appliance.recordings.settled(before["id"])
        assert [lap["time_us"] for lap in (await park.api("GET", at))["laps"]] == [lap["time_us"] for lap in found["laps"]]
    await stays(park)
