"""The pages people open: all of them answer, show what is stored, and never run what somebody wrote as a name."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from typing import Any

import httpx

from tests.journeys.conftest import Park, until
from tests.venues import KARTS, PIN, S, a_heat, at_the_park, guest, signed_in
from trackd.services.demo import LAYOUT
from trackd.web.routes import PAGES

EVIL = '<script>alert("x")</script>\'"&'


def addresses(venue: Park) -> list[str]:
    """Every page of the appliance, by an address of it."""
    return [page.replace("{name}", "hall").replace("{id}", venue.session) for page in PAGES]


def is_page(answer: httpx.Response) -> None:
    """A whole page, that no cache keeps."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.rstrip().endswith("</html>")
    assert 'lang="en"' in answer.text
    assert "<main" in answer.text or 'id="main"' in answer.text
    assert not re.search(r"""[>"'/]None[<"'/]""", answer.text)
    assert " src=\"http" not in answer.text
    assert "<script>" not in answer.text                         # the policy lets no script in a page run


@at_the_park()
async def test_before_there_is_any_staff_the_console_shows_only_set_up(venue: Park) -> None:
    await a_heat(venue)
    async with guest(venue) as http:
        for path in addresses(venue):
            answer = await http.get(path)
            is_page(answer)
            assert ("One-time code" in answer.text) == path.startswith("/console"), path
        code = venue.appliance.staff.setup_code()
        wrong = await http.post("/console/setup", data={"code": "no", "name": "Ada", "pin": PIN})
        assert "This is not the code" in html.unescape(wrong.text)
        assert "set-cookie" not in wrong.headers
        short = await http.post("/console/setup", data={"code": code, "name": "Ada", "pin": "1"})
        assert "must have 4 to 12 digits" in short.text
        made = await http.post("/console/setup", data={"code": code, "name": "Ada", "pin": PIN})
        assert (made.status_code, made.headers["location"]) == (303, "/console")
        is_page(await http.get("/console/setup"))
        async with guest(venue) as other:
            assert (await other.get("/console")).headers["location"] == "/console/login?next=/console"
            late = await other.post("/console/setup", data={"code": code, "name": "Eve", "pin": PIN})
            assert late.status_code == 401
    assert [(person.name, person.role) for person in venue.appliance.staff.list_staff()] == [("Ada", "admin")]


@at_the_park()
async def test_every_page_answers_before_while_and_after_there_is_something_to_show(venue: Park) -> None:
    async with signed_in(venue) as (browser, _):
        async def all_answer() -> None:
            for path in addresses(venue):
                is_page(await browser.get(path))

        await venue.heat(KARTS, format="8m")
        await all_answer()
        await venue.api("POST", "/layouts", LAYOUT)
        await venue.api("POST", "/formats", {"name": "Sprint", "format": "12L"})
        await venue.cross(venue.now + S, "999")                  # a transponder nobody knows
        await a_heat(venue, format="Sprint")
        await all_answer()
        is_page(await browser.get(f"/console/sessions/{venue.session}"))
        for order in ("red", "resume", "chequered", "finish"):
            await venue.order(order)
            await all_answer()
        await venue.order("confirm")
        await all_answer()
    async with guest(venue) as http:
        for path in addresses(venue):
            answer = await http.get(path)
            assert answer.status_code == (303 if path.startswith("/console") else 200), path


@at_the_park()
async def test_signing_in_leads_only_to_a_page_of_this_console(venue: Park) -> None:
    venue.appliance.staff.add_staff("Ada", "admin", PIN)
    async with guest(venue) as http:
        for wanted, target in (("/console/karts", "/console/karts"), ("//evil.example", "/console"),
                               ("https://evil.example", "/console"), ("/console//evil.example", "/console"),
                               ("/console\\evil", "/console"), ("", "/console")):
            http.cookies.clear()
            answer = await http.post("/console/login", data={"name": "Ada", "pin": PIN, "next": wanted})
            assert (answer.status_code, answer.headers["location"]) == (303, target)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie


@at_the_park()
async def test_an_official_result_shows_order_laps_version_and_who_confirmed_it(venue: Park) -> None:
    await a_heat(venue, name="Heat 7")
    for order in ("chequered", "finish"):
        await venue.order(order)
    page = (await venue.http.get(f"/sessions/{venue.session}")).text
    assert 'data-state="provisional"' in page
    await venue.order("confirm")
    heat = venue.session
    for _ in range(2):                                           # from memory, then from disk
        page = (await venue.http.get(f"/sessions/{heat}")).text
        assert 'data-state="official"' in page
        places = [page.index(word) for word in ("Driver 1", "Driver 2", "Driver 3")]
        assert places == sorted(places)
        assert all(text in page for text in ("Heat 7", "Test Park", "58.000", "1:00.000", "1:01.000", "<svg"))
        assert "test" in page                                    # who confirmed it
        if venue.session == heat:
            await venue.heat(KARTS, "stage", name="Next")
    assert venue.appliance.live.board_now(heat) is None


def table(text: str) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


@at_the_park()
async def test_the_csv_has_every_lap_and_nothing_a_spreadsheet_would_run(venue: Park) -> None:
    names = {"1": "=cmd()", "2": "@SUM(A1)", "3": "+1", "-4": '"quoted", name'}
    karts = {**KARTS, "-4": "104"}
    for number, transponder in karts.items():
        await venue.api("POST", "/karts", {"number": number, "transponders": [transponder]})
    made = await venue.api("POST", "/sessions", {"name": "Heat", "format": "8m", "entries": [
        {"kart": kart, "driver": names[kart]} for kart in karts]})
    venue.session = made["id"]
    for order in ("stage", "green"):
        await venue.order(order)
    begin = venue.now
    for lap in range(3):
        for index, transponder in enumerate(karts.values()):
            await venue.cross(begin + (5 + index + lap * (60 + index)) * S + 999, transponder)
    answer = await venue.http.get(f"/sessions/{venue.session}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="session-{venue.session}.csv"'
    rows = table(answer.text)
    assert [(row["kart"], row["lap"], row["time"], row["time_us"], row["kind"], row["verdict"], row["source"])
            for row in rows] == [(("'-4" if kart == "-4" else kart), str(lap), f"1:0{index}.000", str((60 + index) * S),
                                  "full", "valid", "loop")
                                 for index, kart in enumerate(karts) for lap in (1, 2)]
    assert {row["position"] for row in rows if row["kart"] == "1"} == {"1"}
    assert {row["driver"] for row in rows} == {"'=cmd()", "'@SUM(A1)", "'+1", '"quoted", name'}
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for row in rows for cell in row.values())
    await venue.order("leave", kart="1")                         # its laps stay
    left = table((await venue.http.get(f"/sessions/{venue.session}.csv")).text)
    assert [row["lap"] for row in left if row["kart"] == "1"] == ["1", "2"]


@at_the_park()
async def test_an_error_is_a_page_with_one_sentence_for_people(venue: Park) -> None:
    for path, status, sentence in (("/nothing", 404, "There is nothing at this address."),
                                   ("/sessions/gone", 404, "There is no session gone."),
                                   ("/sessions/gone.csv", 404, "There is no session gone."),
                                   ("/static/gone.js", 404, "There is nothing at this address.")):
        answer = await venue.http.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert sentence in answer.text
        assert "Traceback" not in answer.text
    evil = await venue.http.get(f"/sessions/{EVIL.replace('/', '')}")
    assert evil.status_code == 404
    assert "<script>" not in evil.text
    small = await venue.http.get("/sessions/<b>", headers={"HX-Request": "true"})
    assert small.text == "There is no session &lt;b&gt;."


async def first_bytes(venue: Park, path: str, mark: str) -> str:
    """What a live stream sends until it has named ``mark``."""
    async with venue.http.stream("GET", path, timeout=30) as answer:
        text = ""
        async for chunk in answer.aiter_text():
            text += chunk
            if mark in text:
                return text
    raise AssertionError(text)


@at_the_park()
async def test_whatever_is_written_as_a_name_is_shown_as_text_everywhere(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf), venue.stream() as events:
        await venue.api("POST", "/formats", {"name": EVIL, "format": "8m"})
        await venue.api("POST", "/layouts", {**LAYOUT, "properties": {**LAYOUT["properties"], "name": EVIL}})
        await browser.post("/console/setup", data={"what": "staff", "name": EVIL, "role": "desk", "pin": PIN, "csrf": csrf})
        for number, transponder in KARTS.items():
            await venue.api("POST", "/karts", {"number": number, "transponders": [transponder], "class": EVIL[:40]})
        made = await venue.api("POST", "/sessions", {"name": EVIL, "format": EVIL, "entries": [
            {"kart": kart, "driver": EVIL + kart} for kart in KARTS]})
        venue.session = made["id"]
        for order in ("stage", "green"):
            await venue.order(order)
        begin = venue.now
        for at, kart in ((5, "1"), (6, "2"), (65, "1"), (67, "2")):
            await venue.cross(begin + at * S, KARTS[kart])
        told = (await events.until("lap"))[-1]
        assert told.data["driver"] == EVIL + "1"                 # JSON is data: exactly what was written

        async def every_page() -> None:
            for path in (*addresses(venue), f"/console/sessions/{venue.session}"):
                text = (await browser.get(path)).text
                assert "<script>" not in text, path
                assert 'alert("' not in text, path
            for kind in ("board", "console", "display"):
                text = await first_bytes(venue, f"/live/{kind}/{venue.session}", "&lt;script&gt;")
                assert "<script>" not in text
                assert EVIL not in text

        await every_page()
        assert "&lt;script&gt;" in (await browser.get("/")).text
        wrong = await browser.post("/console/drivers", data={"name": EVIL * 9, "csrf": csrf})
        assert wrong.status_code == 200
        assert "<script>" not in wrong.text
        for order in ("finish", "confirm"):
            await venue.order(order)
        await every_page()
        rows = table((await browser.get(f"/sessions/{venue.session}.csv")).text)
        assert {row["driver"] for row in rows} == {EVIL + "1", EVIL + "2"}
        board: dict[str, Any] = json.loads((await browser.get(f"/api/v1/sessions/{venue.session}/board")).text)
        assert board["items"][0]["driver"] == EVIL + "1"


@at_the_park()
async def test_forms_make_what_they_say_and_come_back_with_what_is_wrong(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf):
        async def send(path: str, **form: str) -> httpx.Response:
            return await browser.post(f"/console/{path}", data={"csrf": csrf, **form})

        made = await send("karts", number="7", transponders="5691251, 5691252", **{"class": "adult"})
        assert (made.status_code, made.headers["location"]) == (303, "/console/karts")
        again = await send("karts", number="7", transponders="1")
        assert "There is a kart 7 already." in again.text
        assert 'value="1"' in again.text                         # what was typed is kept
        assert (await send("drivers", name="Ada")).status_code == 303
        assert "a name has 1 to 80" in (await send("drivers", name="")).text
        heat = await send("heats", name="Heat 1", format="8m", **{"driver:7": "Ada"})
        assert heat.status_code == 303
        session = heat.headers["location"].rpartition("/")[2]
        assert "no session length" in html.unescape((await send("heats", name="Heat 2", format="soon")).text)
        assert (await send(f"sessions/{session}/orders", order="stage")).status_code == 204
        no = await browser.post(f"/console/sessions/{session}/orders", data={"csrf": csrf, "order": "stage"},
                                headers={"HX-Request": "true"})
        assert no.status_code == 409
        assert "<html" not in no.text
        assert "not possible" in no.text
        bad = await send(f"sessions/{session}/orders", order="attach", seconds="soon")
        assert bad.status_code == 422
        assert (await send("setup", what="layout", geojson="{")).status_code == 200
        assert "line 1" in (await send("setup", what="layout", geojson="{")).text
        assert (await send("setup", what="layout", geojson=json.dumps(LAYOUT))).headers["location"].endswith("#layout")
        assert (await send("setup", what="format", name="Sprint", format="12L")).headers["location"].endswith("#format")
        assert (await send("setup", what="nonsense")).status_code == 422
        assert (await send("karts", old="7", number="7", act="retire")).status_code == 200       # it is in a heat now
        await until(lambda: "7" in venue.appliance.live.writer.venue.karts)
