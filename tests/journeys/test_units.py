"""A unit's way through the running venue: paired over the API, its recording home with a kart, or a sentence why not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.emulator.solos import recording, until
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv
from tests.journeys.test_recordings import a_heat_with_gps
from tests.services.garage import HOST, ID, Garage
from tests.venues import at_the_park, bearer, guest, signed_in
from trackd.emulator.solo_told import OWNER, PASSWORD, Identity
from trackd.protocols.aim_wifi import CHUNK

LONG = recording(700_000)


@asynccontextmanager
async def units_at(park: Park) -> AsyncIterator[Garage]:
    """Units near this venue."""
    files = park.folder / "held by the solo"
    files.mkdir()
    garage = Garage(park.folder, files, park.time)
    await garage.beside(park.appliance)
    try:
        yield garage
    finally:
        await garage.empty()


async def units(park: Park) -> list[dict[str, Any]]:
    return list((await park.api("GET", "/units"))["items"])


@at_the_park()
async def test_a_unit_is_paired_and_its_recording_is_matched_with_its_kart(park: Park) -> None:
    made = await a_heat_with_gps(park)
    async with units_at(park) as garage:
        (garage.files / "a_7064.csv").write_bytes(aim_csv(made["drives"]["2"][0].trace(25)))
        await garage.solo("cut", identity=Identity(name="Two"))
        assert await units(park) == [{
            "id": ID, "name": "Two", "model": "SOLO2DL", "kart": None, "driver": None, "paired": False,
            "state": "in_reach", "seen_at": (await units(park))[0]["seen_at"], "address": HOST, "waiting": None,
            "progress": None, "last_download_at": None, "trouble": None, "battery": None}]
        paired = await park.api("POST", f"/units/{ID}/pair", {"name": "Solo 2", "kart": "2"}, status=201)
        assert (paired["id"], paired["name"], paired["kart"], paired["paired"]) == (ID, "Solo 2", "2", True)
        await garage.tick(2)
        await until(lambda: garage.stored())
        unit = await garage.at_rest()
        (found,) = (await park.api("GET", "/recordings"))["items"]
        await park.appliance.recordings.settled(found["id"])
        found = await park.api("GET", f"/recordings/{found['id']}")
        assert (found["name"], found["source"], found["unit"]) == ("a_7064.csv", "unit", ID)
        assert (found["state"], found["kart"], found["session"]) == ("matched", "2", park.session)
        (told,) = await units(park)
        assert (told["state"], told["waiting"], told["trouble"]) == ("in_reach", 0, None)
        assert told["last_download_at"] == told["seen_at"]
        assert unit.last_us == garage.clock.wall_us()


@at_the_park()
async def test_pairing_is_for_admins_downloads_for_whoever_has_to_do_with_recordings(park: Park) -> None:
    await park.api("POST", "/karts", {"number": "7", "transponders": []})
    async with units_at(park) as garage, guest(park) as nobody:
        await garage.solo()
        body, timekeeper, reader = {"name": "Solo 7", "kart": "7"}, bearer(park, "timekeeper"), bearer(park, "read")
        assert (await nobody.get("/api/v1/units")).status_code == 200
        for headers, status in (({}, 401), (reader, 403), (timekeeper, 403)):
            assert (await nobody.post(f"/api/v1/units/{ID}/pair", json=body, headers=headers)).status_code == status
            assert (await nobody.delete(f"/api/v1/units/{ID}", headers=headers)).status_code == status
        await park.api("POST", f"/units/{ID}/pair", body, status=201)
        await garage.tick(2)
        await garage.at_rest()
        for headers, status in (({}, 401), (reader, 403), (timekeeper, 202)):
            answer = await nobody.post(f"/api/v1/units/{ID}/download", headers=headers)
            assert answer.status_code == status, answer.text
        assert answer.json()["id"] == ID
        await garage.at_rest()


@at_the_park()
async def test_what_cannot_be_is_refused_with_its_reason(park: Park) -> None:
    await park.api("POST", "/karts", {"number": "7", "transponders": []})
    async with units_at(park) as garage:
        await garage.solo()
        await garage.solo(host="127.0.0.3", identity=Identity(serial="500999"))
        pair = f"/units/{ID}/pair"
        assert (await park.api("POST", pair, {"name": "Solo 7", "kart": "9"}, status=422))["faults"] == [
            {"where": "kart", "what": "there is no kart 9"}]
        both = await park.api("POST", pair, {"name": "A", "kart": "7", "driver": "Ada"}, status=422)
        assert "not both" in both["detail"]
        assert "color" in (await park.api("POST", pair, {"name": "A", "color": "red"}, status=422))["detail"]
        await park.api("POST", "/units/4711/pair", {"name": "A"}, status=404)
        await park.api("POST", f"/units/{ID}/download", status=409)
        await park.api("POST", pair, {"name": "Solo 7", "kart": "7"}, status=201)
        await park.api("POST", pair, {"name": "Solo seven", "kart": "7"}, status=200)
        taken = await park.api("POST", "/units/500999/pair", {"name": "Solo 8", "kart": "7"}, status=409)
        assert taken["detail"] == "Kart 7 carries the unit 'Solo seven' already. Take that off it first."
        made = await park.api("POST", "/units/500999/pair", {"name": "Ada's own", "driver": "Ada Berg"}, status=201)
        assert (made["driver"], made["kart"]) == ("Ada Berg", None)
        await park.api("DELETE", "/units/500999")
        await park.api("DELETE", "/units/500999", status=404)


@at_the_park()
async def test_the_page_tells_how_each_unit_stands_and_a_hand_can_do_all_of_it(park: Park) -> None:
    await park.api("POST", "/karts", {"number": "7", "transponders": []})
    async with units_at(park) as garage, signed_in(park) as (browser, csrf):
        async def page(path: str = "") -> str:
            answer = await browser.get("/console/units" + path)
            assert answer.status_code == 200, answer.text
            return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())

        async def act(deed: str, **fields: str) -> str:
            answer = await browser.post("/console/units", data={"csrf": csrf, "act": deed, "unit": ID, **fields},
                                        follow_redirects=True)
            return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())

        assert "No unit yet" in await page()
        (garage.files / "a.xrz").write_bytes(LONG)
        (garage.files / "b.xrz").write_bytes(LONG[:1000])
        solo = await garage.solo("hang")
        assert "in reach, not paired" in await page()
        assert "What staff call it" in await page(f"?unit={ID}")
        assert "there is no kart 9" in await act("pair", name="Solo 7", kart="9")
        assert "must be pair" in await act("sell")
        assert "Solo 7" in await act("pair", name="Solo 7", kart="7")
        await garage.tick(2)
        await garage.hanging(solo)
        raw = (await browser.get("/console/units")).text
        assert 'http-equiv="refresh"' in raw
        assert "downloading file 1 of 2, 46 %" in raw
        (told,) = await units(park)
        assert told["state"] == "downloading"
        assert told["progress"] == {"file": 1, "files": 2, "bytes": 10 * CHUNK, "size": len(LONG)}
        assert 'http-equiv="refresh"' not in (await browser.get(f"/console/units?unit={ID}")).text, "a form would be lost"
        await garage.given_up()
        await until(lambda: len(garage.stored()) == 2)
        await garage.at_rest()
        text = await page()
        assert "in reach, nothing new on it" in text
        assert "Battery not told" in text
        assert "number 500417" in text
        assert "Download now" in text
        text = await act("unpair")
        assert "in reach, not paired" in text
        assert "Pair again" in text
        text = await act("again")
        assert "rides on kart 7" in text
        await garage.leave(solo)
        garage.clock.advance(20)
        assert re.search(r"not seen since \d\d:\d\d", await page())
        assert "Solo 7 is not in reach" in await act("download")
        assert re.search(r"not paired, not seen since \d\d:\d\d", await act("unpair"))
        assert "Solo 7" in await act("again")
        garage.clock.advance(86_400)
        assert re.search(r"not seen since \w{3} \d+ \w{3}, \d\d:\d\d", await page())
        seen = "".join([raw, text, await page(), await page(f"?unit={ID}"), str(await units(park))])
        assert OWNER not in seen
        assert PASSWORD not in seen


@at_the_park()
async def test_the_page_of_a_box_that_looks_for_no_units_says_how_to_begin(park: Park) -> None:
    async with signed_in(park) as (browser, _):
        text = (await browser.get("/console/units")).text
        assert "Units are not looked for" in text
        assert "recordings.solos" in text
        assert (await browser.get("/console/units?unit=4711")).status_code == 404
    async with guest(park) as nobody:
        assert (await nobody.get("/console/units")).status_code == 303


@at_the_park()
async def test_a_mechanic_may_fetch_and_is_not_offered_what_is_not_his(park: Park) -> None:
    async with units_at(park) as garage, signed_in(park, "mechanic") as (browser, csrf):
        await garage.solo()
        await park.api("POST", f"/units/{ID}/pair", {"name": "Solo 7"}, status=201)
        await garage.tick(2)
        await garage.at_rest()
        text = (await browser.get("/console/units")).text
        assert "Download now" in text
        assert "Change" not in text
        for name, status in (("unpair", 403), ("download", 303)):
            answer = await browser.post("/console/units", data={"csrf": csrf, "act": name, "unit": ID})
            assert answer.status_code == status
        await garage.at_rest()
