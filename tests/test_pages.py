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
from trackd.timing.facts import RecordFact
from trackd.web.routes import PAGES

STAFF_ONLY = ("/console", "/pit")
EVIL = '<script>alert("x")</script>\'"&'


def addresses(venue: Park) -> list[str]:
    """Every page of the appliance, by an address of it; that of a lap once there is one."""
    shot = venue.appliance.live.shots.get(venue.session)
    entries = shot.heat.entries.values() if shot else ()
    ids = {"laps": next((str(lap.seq) for entry in entries for lap in entry.laps), ""),
           "drivers": next((entry.driver_id for entry in entries if entry.driver_id), "")}
    return [page.replace("{name}", "hall").replace("{id}", ids.get(page.split("/")[1], venue.session))
            for page in PAGES if ids.get(page.split("/")[1], "there")]


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
            assert ("One-time code" in answer.text) == path.startswith(STAFF_ONLY), path
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
            assert answer.status_code == (303 if path.startswith(STAFF_ONLY) else 200), path


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


async def undo(browser: httpx.AsyncClient, csrf: str, **form: str | int) -> httpx.Response:
    """A turn as a script gives it."""
    return await browser.post("/console/undo", data={"csrf": csrf, **form})


@at_the_park()
async def test_a10_an_act_of_any_page_is_undone_and_done_again_and_a_refusal_is_data(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf):
        await a_heat(venue)
        await browser.post("/console/karts", data={"csrf": csrf, "number": "9", "transponders": "109"})
        await venue.order("penalty", kart="1", kind="time", value=5 * S, reason="contact")
        karts = venue.appliance.live.writer.venue.karts
        back = (await undo(browser, csrf)).json()
        assert (back["said"], back["turn"], back["again"]) == ("admin has undone: test gave kart 1 +5 s.", "undo", "redo")
        assert (await venue.rows())["1"]["penalties"] == []
        assert (await undo(browser, csrf)).json()["said"] == "Undone: admin saved kart 9."
        assert "9" not in karts
        assert (await undo(browser, csrf, turn="redo", of=back["of"])).status_code == 200
        assert (await venue.rows())["1"]["penalties"] == ["+5 s"]
        assert (await undo(browser, csrf, turn="redo")).json()["said"] == "Done again: admin saved kart 9."
        for form, status, words in (({"turn": "back"}, 422, "must be undo or redo"), ({"of": "x"}, 422, "number of an act"),
                                    ({"turn": "redo"}, 409, "nothing to redo")):
            no = await undo(browser, csrf, **form)
            assert (no.status_code, no.headers["content-type"]) == (status, "application/problem+json")
            assert words in no.json()["detail"]
        stale = await browser.post("/console/undo", data={"turn": "undo"})
        assert (stale.status_code, stale.json()["detail"].startswith("This page is out of date")) == (403, True)
    async with signed_in(venue, "marshal") as (browser, csrf):
        assert (await undo(browser, csrf)).status_code == 403
    async with guest(venue) as http:
        assert (await http.post("/console/undo", data={"turn": "undo"})).status_code == 401


@at_the_park()
async def test_a_form_that_undoes_goes_back_to_its_page_and_nowhere_else(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf):
        for back, lands in (("/console/karts", "/console/karts"), ("/sessions/abc", "/sessions/abc"),
                            ("//evil.example", "/console/log"), ("https://evil.example", "/console/log"),
                            ("/console/../x", "/console/log"), ("/console/karts?x=//y", "/console/log")):
            await browser.post("/console/karts", data={"csrf": csrf, "number": "9", "transponders": "109"})
            answer = await undo(browser, csrf, back=back)
            assert (answer.status_code, answer.headers["location"].partition("#")[0]) == (303, lands)
        no = await undo(browser, csrf, turn="undo", of=1 << 40, back="/console/karts")
        assert (no.status_code, "Not possible: Only the last 50 acts" in no.text) == (200, True)


@at_the_park()
async def test_the_log_tells_what_was_done_on_every_page_with_its_turn(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf):
        await a_heat(venue, name="Heat 7")
        await browser.post("/console/karts", data={"csrf": csrf, "number": "9", "transponders": "109"})
        await venue.order("void_lap", kart="1", lap=1, reason="cut the corner")
        text = html.unescape((await browser.get("/console/log")).text)
        for words in ("</b> voided lap 1 of kart 1", "</b> saved kart 9", "Why: cut the corner", "Heat 7",
                      "Kart 1: laps 2 to 1", "after that. Undo that first."):
            assert words in text, words
        assert re.search(r'action="/console/undo".*?value="undo"', text)
        one = (await browser.get(f"/console/log?session={venue.session}")).text
        assert "saved kart 9" not in one
        assert "Done in Heat 7" in one
        for page in ("karts", "heats", "drivers", "setup"):
            assert "voided lap 1 of kart 1" in (await browser.get(f"/console/{page}")).text, page
    async with signed_in(venue, "marshal") as (browser, _):
        seen = (await browser.get("/console/log")).text
        assert "voided lap 1 of kart 1" in seen
        assert "/console/undo" not in seen


@at_the_park()
async def test_x17_an_official_result_stays_readable_as_it_was_after_a_lap_was_voided(venue: Park) -> None:
    await a_heat(venue, name="Heat 7")
    for order in ("chequered", "finish", "confirm"):
        await venue.order(order)
    page, heat = f"/sessions/{venue.session}", venue.session
    first = table((await venue.http.get(page + ".csv")).text)
    async with signed_in(venue) as (browser, csrf):
        empty = await browser.post(f"/console{page}/result", data={"csrf": csrf, "order": "amend", "reason": " "})
        assert "Say why: the reason stands on the new version." in empty.text
        why = {"order": "amend", "reason": "Lap 2 cut the corner"}
        await browser.post(f"/console{page}/result", data={"csrf": csrf, **why})
        await venue.order("void_lap", kart="1", lap=2, reason="cut the corner")
        opened = (await browser.get(page)).text
        assert 'data-state="provisional"' in opened
        assert "Lap 2 cut the corner" in opened
        made = await browser.post(f"/console{page}/result", data={"csrf": csrf, "order": "confirm"})
        assert made.headers["location"] == page
        twice = await browser.post(f"/console{page}/result", data={"csrf": csrf, "order": "confirm"})
        assert "&#39;confirm&#39; is not possible: the result is official." in twice.text
        assert (await browser.post(f"/console{page}/result", data={"csrf": csrf, "order": "stage"})).status_code == 422
    for _ in range(2):                                           # from memory, then from disk
        now, was = (await venue.http.get(page)).text, (await venue.http.get(page + "?version=1")).text
        assert "amended v2" in now
        assert "Version 1 was opened again by admin" in now
        assert "<s><span" in now
        assert "58.000" in was
        assert 'data-state="superseded"' in was
        assert "<s>" not in was
        assert table((await venue.http.get(page + ".csv?version=1")).text) == first
        rows = table((await venue.http.get(page + ".csv")).text)
        assert [(row["kart"], row["lap"], row["counts"], row["edited"], row["verdict"]) for row in rows] == [
            ("1", "1", "yes", "no", "valid"), ("1", "2", "no", "yes", "void"), ("2", "1", "yes", "no", "valid")]
        assert (await venue.http.get(page + "?version=3")).status_code == 404
        if venue.session == heat:
            await venue.heat(KARTS, "stage", name="Next")
    assert venue.appliance.live.board_now(heat) is None
    async with guest(venue) as http:
        answer = await http.post(f"/console{page}/result", data={"order": "amend", "reason": "x"})
        assert answer.status_code == 401


@at_the_park()
async def test_c4_laps_stay_with_their_driver_and_name_the_kart_of_each(venue: Park) -> None:
    await venue.api("POST", "/karts", {"number": "4", "transponders": ["104"]})
    await venue.heat(KARTS, "stage", "green", format="8m", ranking="position")
    begin = venue.now
    for at, transponder in ((5, "101"), (65, "101")):
        await venue.cross(begin + at * S, transponder)
    swap: dict[str, Any] = {"from": "1", "to": "4", "since": "now", "reason": "brakes"}
    await venue.order("swap_kart", **swap)
    for at in (125, 186):
        await venue.cross(begin + at * S, "104")
    for order in ("chequered", "finish", "confirm"):
        await venue.order(order)
    heat = venue.session
    for _ in range(2):                                           # from memory, then from disk
        rows = table((await venue.http.get(f"/sessions/{heat}.csv")).text)
        assert [(row["kart"], row["driver"], row["lap"], row["time"]) for row in rows] == [
            ("1", "Driver 1", "1", "1:00.000"), ("4", "Driver 1", "2", "1:00.000"), ("4", "Driver 1", "3", "1:01.000")]
        text = (await venue.http.get(f"/sessions/{heat}")).text
        assert text.count('<span class="vh">in kart </span>1</span>') == 1
        assert "Swapped kart 1 for kart 4" in text
        if venue.session == heat:
            await venue.heat({"2": "102"}, "stage", name="Next")
    assert venue.appliance.live.board_now(heat) is None


@at_the_park()
async def test_b22_incidents_with_their_decisions_are_a_page_of_their_own(venue: Park) -> None:
    await a_heat(venue, name="Heat 7")
    empty = await venue.http.get(f"/sessions/{venue.session}/incidents")
    is_page(empty)
    assert "No incident was noted" in empty.text
    await venue.order("incident", karts=["1", "2"], text="Contact <at> the hairpin")
    seq = (await venue.api("GET", f"/sessions/{venue.session}/notes"))["incidents"][0]["seq"]
    await venue.order("penalty", kart="2", kind="positions", value=1, reason="contact", incident=seq)
    page = (await venue.http.get(f"/sessions/{venue.session}/incidents")).text
    for words in ("Karts 1 and 2", "Contact &lt;at&gt; the hairpin", "-1 place for kart 2", "seen by test"):
        assert words in page, words
    assert (await venue.http.get("/sessions/gone/incidents")).status_code == 404


@at_the_park()
async def test_a_heat_is_made_with_rules_of_its_own_or_like_an_earlier_one(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf):
        for number, transponder in KARTS.items():
            await venue.api("POST", "/karts", {"number": number, "transponders": [transponder]})
        await venue.api("POST", "/formats", {"name": "Sprint", "format": "12L", "ranking": "position", "min_lap_s": 20})

        async def make(**form: str) -> httpx.Response:
            return await browser.post("/console/heats", data={"csrf": csrf, **form})

        made = await make(name="Heat 1", format="Sprint", min_lap_s="7,5", countdown_s="5", kart="2", **{"driver:1": "Ada"})
        first = made.headers["location"].rpartition("/")[2]
        assert made.headers["location"] == f"/console/sessions/{first}"
        rules = venue.appliance.live.shots[first].heat.rules
        assert (str(rules.length), rules.ranking, rules.min_lap_us, rules.countdown_us) == (
            "12L", "position", 7_500_000, 5 * S)
        form = html.unescape((await browser.get(f"/console/heats?same={first}")).text)
        for words in ('name="name" type="text" autocomplete="off" value="Heat 2"', 'value="12L"', 'value="7.5"',
                      'value="Ada"', 'value="2" checked', '<option value="position" selected>',
                      '<option value="own" selected>'):
            assert words in form, words
        stay = await make(name="Heat 2", format="own", length="90s", kart="2", then="stay")
        assert stay.headers["location"] == "/console/heats"
        wrong = html.unescape((await make(name="Heat 3", format="own", length="soon", kart="1")).text)
        assert "'soon' is no session length" in wrong
        assert 'id="f-length-says"' in wrong
        assert "write how long the heat is" in (await make(name="Heat 3", format="own", kart="1")).text
        bad = html.unescape((await make(name="Heat 3", format="8m", grace_s="soon", kart="1")).text)
        assert "'soon' is no number" in bad
        assert 'value="Heat 3"' in bad
        assert (await browser.get("/console/heats?same=gone")).status_code == 404
        every = (await browser.get("/console/heats?everybody=1")).text
        assert len(re.findall(r'name="kart" value="\d" checked', every)) == 3
        staged = await browser.post(f"/console/heats/{first}/stage", data={"csrf": csrf})
        assert staged.headers["location"] == f"/console/sessions/{first}"
        second = next(info.id for info in venue.appliance.heats() if info.name == "Heat 2")
        no = await browser.post(f"/console/heats/{second}/stage", data={"csrf": csrf})
        assert "Heat 1 is on this track." in no.text


@at_the_park()
async def test_formats_and_layouts_are_taken_out_and_come_back_and_old_sheets_keep_their_name(venue: Park) -> None:
    async with signed_in(venue) as (browser, csrf):
        async def send(**form: str) -> httpx.Response:
            return await browser.post("/console/setup", data={"csrf": csrf, **form})

        await send(what="layout", geojson=json.dumps(LAYOUT))
        await send(what="format", name="Sprint", format="12L", min_lap_s="7,5", finish="leader")
        roster = venue.appliance.live.writer.venue
        [saved] = roster.formats.values()
        assert saved.body == {"format": "12L", "min_lap_s": 7.5, "finish": "leader"}
        page = html.unescape((await browser.get("/console/setup")).text)
        assert "12 laps · ends when the leader crosses, then for all others · shortest lap 7.5 s" in page
        await a_heat(venue, name="Heat 7", layout=next(iter(roster.layouts)))
        await send(what="format", gone=saved.id)
        assert not roster.formats
        assert "not there any more" in (await send(what="format", gone=saved.id)).text
        await send(what="layout", gone=next(iter(roster.layouts)))
        assert not roster.layouts
        for order in ("chequered", "finish", "confirm"):
            await venue.order(order)
        assert LAYOUT["properties"]["name"] in (await browser.get(f"/sessions/{venue.session}")).text

        def taken_out() -> int:
            return next(act.seq for act in venue.appliance.live.acts.newest()
                        if isinstance(act.body, RecordFact) and act.body.gone and act.kind == "format")

        assert (await undo(browser, csrf, of=taken_out())).json()["said"] == "Undone: admin took the format Sprint out."
        assert [record.name for record in roster.formats.values()] == ["Sprint"]
        await send(what="format", gone=saved.id)
        await send(what="format", name="Sprint", format="8m")
        clash = await undo(browser, csrf, of=taken_out())
        assert (clash.status_code, clash.json()["detail"]) == (
            409, "There is another format 'Sprint' by now. Take it out first.")
    async with signed_in(venue, "timekeeper") as (browser, csrf):
        answer = await browser.post("/console/setup", data={"csrf": csrf, "what": "format", "gone": "x"})
        assert answer.status_code == 403
