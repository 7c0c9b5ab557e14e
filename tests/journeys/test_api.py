"""The HTTP API as other programs hold on to it: what it makes, refuses, lists and streams."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Events, Park, S, park, until
from trackd.services.demo import LAYOUT
from trackd.web.stream import KEPT

HEAT = {"name": "Heat 1", "format": "8m", "entries": [{"kart": "7", "driver": "Ada"}]}


async def problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """A refusal as RFC 9457 has it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    said = answer.json()
    assert said["status"] == status
    assert {"type", "title", "detail", "instance"} <= said.keys()
    for word in words:
        assert word in said["detail"]
    return said


async def ended(stream: Events) -> None:
    with pytest.raises(AssertionError, match="has ended"):
        await stream.next()


async def kart(venue: Park, number: str, *transponders: str) -> Any:
    return await venue.api("POST", "/karts", {"number": number, "transponders": transponders})


def test_what_is_made_comes_back_with_201_and_its_id(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            for path, body in (("/karts", {"number": "7", "transponders": ["1007"], "class": "adult"}),
                               ("/drivers", {"name": "Ada Ångström"}), ("/formats", {"name": "Kids", "format": "12L"}),
                               ("/layouts", LAYOUT), ("/sessions", HEAT)):
                answer = await venue.http.post(f"/api/v1{path}", json=body)
                assert answer.status_code == 201, answer.text
                assert isinstance(answer.json()["id"], str)
                listed = (await venue.api("GET", path))["items"]
                assert any(item.get("id", item.get("number")) == answer.json()["id"] for item in listed)
            assert await venue.api("GET", "/karts") == {
                "items": [{"id": "7", "number": "7", "transponders": ["1007"], "class": "adult"}], "next": None}
            again = await venue.api("POST", "/drivers", {"name": "Ada  Ångström "})      # the same name, the same driver
            assert [d["id"] for d in (await venue.api("GET", "/drivers"))["items"]].count(again["id"]) == 1
            assert [d["name"] for d in (await venue.api("GET", "/drivers"))["items"]] == ["Ada Ångström", "Ada"]
    run(calls)


def test_an_unknown_field_is_refused_by_its_name(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            await kart(venue, "7", "1007")
            session = (await venue.api("POST", "/sessions", HEAT))["id"]
            for path, body in (("/karts", {"number": "8"}), ("/drivers", {"name": "x"}), ("/sessions", HEAT),
                               ("/formats", {"name": "x", "format": "8m"}),
                               (f"/sessions/{session}/orders", {"order": "stage"})):
                said = await problem(await venue.http.post(f"/api/v1{path}", json={**body, "colour": "red"}), 422, "colour")
                assert "colour" in [fault["where"].rpartition(".")[2] for fault in said["faults"]]
            answer = await venue.http.post("/api/v1/sessions", json={**HEAT, "entries": [{"kart": "7", "pilot": "A"}]})
            await problem(answer, 422, "pilot")
            assert (await venue.api("GET", f"/sessions/{session}"))["state"] == "scheduled"
    run(calls)


@pytest.mark.parametrize("body", [
    {"order": "join", "kart": "7", "driver": 5}, {"order": "bind", "kart": ["7"], "transponder": "1"}, {"order": 7}, {},
    {"order": "join"}, {"order": "bind", "kart": "7", "transponder": "1", "since": "ever"}, {"order": "fly"}])
def test_a_wrong_order_is_bad_input_and_the_next_one_works(run, tmp_path: Path, body: dict[str, Any]) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007"}, format="8m")
            await problem(await venue.http.post(f"/api/v1/sessions/{venue.session}/orders", json=body), 422)
            assert (await venue.order("stage"))["state"] == "staged"
    run(calls)


@pytest.mark.parametrize("spoil", [
    {"min_lap_s": "18"}, {"min_lap_s": True}, {"max_lap_s": -1}, {"name": 7}], ids=str)
def test_a_layout_with_nonsense_is_refused_and_cannot_harm_a_session(run, tmp_path: Path, spoil: dict[str, Any]) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            wrong = {**LAYOUT, "properties": {**LAYOUT["properties"], **spoil}}
            await problem(await venue.http.post("/api/v1/layouts", json=wrong), 422, next(iter(spoil)))
            for body in ({}, {"type": "FeatureCollection", "features": ["x", {"geometry": "y", "properties": []}]},
                         {"type": "FeatureCollection", "properties": [], "features": []}):
                await problem(await venue.http.post("/api/v1/layouts", json=body), 422)
            await kart(venue, "7", "1007")
            await venue.api("POST", "/sessions", HEAT)
    run(calls)


def test_what_is_taken_is_409_and_what_is_not_there_404(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            http = venue.http
            await kart(venue, "7", "1007")
            await kart(venue, "3", "1003")
            await problem(await http.post("/api/v1/karts", json={"number": "7"}), 409, "kart 7")
            await problem(await http.post("/api/v1/karts", json={"number": "9", "transponders": ["1007"]}), 409, "kart 7")
            await problem(await http.put("/api/v1/karts/3", json={"transponders": ["1003", "1007"]}), 409, "1007")
            await venue.api("PUT", "/karts/7", {"transponders": []})
            await venue.api("PUT", "/karts/3", {"transponders": ["1003", "1007"]})
            await problem(await http.put("/api/v1/karts/44", json={}), 404, "44")
            await problem(await http.delete("/api/v1/karts/44"), 404, "44")
            for path in ("", "/board", "/laps", "/result"):
                await problem(await http.get(f"/api/v1/sessions/nope{path}"), 404, "nope")
            await problem(await http.post("/api/v1/sessions/nope/orders", json={"order": "stage"}), 404, "nope")
            await problem(await http.get("/api/v1/laps/99"), 404)
            await problem(await http.get("/api/v1/nothing"), 404)
            session = (await venue.api("POST", "/sessions", {**HEAT, "entries": []}))["id"]
            orders = f"/api/v1/sessions/{session}/orders"
            await problem(await http.post(orders, json={"order": "stage"}), 409, "no karts")
            await problem(await http.post(orders, json={"order": "green"}), 409, "not staged")
            await problem(await http.get(f"/api/v1/sessions/{session}/result"), 409, "no result yet")
            assert (await http.put("/api/v1/health")).status_code == 405
    run(calls)


def test_listings_are_paged_by_cursor_without_a_hole_or_a_repeat(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            for n in range(7):
                await kart(venue, str(n), str(1000 + n))
                await venue.api("POST", "/drivers", {"name": f"Driver {n}"})
                await venue.cross(n * 3 * S, str(1000 + n))
            for path, key in (("/karts", "number"), ("/drivers", "id"), ("/passings", "seq")):
                whole = (await venue.api("GET", path))["items"]
                assert len(whole) == 7
                for limit in (1, 2, 3, 6, 7):
                    found: list[Any] = []
                    page = await venue.api("GET", f"{path}?limit={limit}")
                    while True:
                        assert len(page["items"]) <= limit
                        found += page["items"]
                        if page["next"] is None:
                            break
                        page = await venue.api("GET", f"{path}?limit={limit}&after={page['next']}")
                    assert [item[key] for item in found] == [item[key] for item in whole]
            for limit in ("0", "1001", "many"):
                await problem(await venue.http.get(f"/api/v1/passings?limit={limit}"), 422, "limit")
    run(calls)


def test_a_token_may_what_its_role_may_and_nobody_else_anything(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            await kart(venue, "7", "1007")
            made = await venue.api("POST", "/sessions", HEAT)
            asks = {"karts": ("/karts", {"number": "5"}), "orders": (f"/sessions/{made['id']}/orders", {"order": "stage"}),
                    "admin": ("/formats", {"name": "x", "format": "8m"})}
            for role, allowed in ((None, set()), ("read", set()), ("timekeeper", {"karts", "orders"}),
                                  ("admin", {"admin"})):
                headers = {"Authorization": f"Bearer {venue.appliance.staff.add_token(role, role)}"} if role else {}
                async with httpx.AsyncClient(base_url=venue.address, headers=headers) as http:
                    assert (await http.get("/api/v1/karts")).status_code == 200
                    for what, (path, body) in asks.items():
                        if role == "admin" and what != "admin":
                            continue
                        answer = await http.post(f"/api/v1{path}", json=body)
                        if what in allowed:
                            assert answer.status_code < 300, answer.text
                        else:
                            await problem(answer, 401 if role is None else 403)
            async with httpx.AsyncClient(base_url=venue.address, headers={"Authorization": "Bearer trk_x"}) as http:
                await problem(await http.get("/api/v1/karts"), 401, "token")
    run(calls)


def test_where_reading_needs_a_login_only_health_and_the_door_are_open(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path, read_login=True) as venue, httpx.AsyncClient(base_url=venue.address) as http:
            for path in ("karts", "sessions", "passings", "stream"):
                assert (await http.get(f"/api/v1/{path}")).status_code == 401
            assert (await http.get("/metrics")).status_code == 401
            assert (await http.get("/api/v1/health")).status_code == 200
            assert (await venue.http.get("/api/v1/karts")).status_code == 200
    run(calls)


def test_a_cookie_session_needs_its_csrf_token_and_guessing_pins_gets_slow(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue, httpx.AsyncClient(base_url=venue.address) as http:
            venue.appliance.staff.add_staff("Ada", "admin", "4711")
            cookie = venue.appliance.staff.login("Ada", "4711", "test")
            http.cookies.set("trackd", cookie)
            body = {"number": "7"}
            await problem(await http.post("/api/v1/karts", json=body), 403)
            page = (await http.get("/console")).text
            token = re.search(r"[0-9a-f]{64}", page)
            assert token is not None
            for headers in ({"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": token[0], "Origin": "https://evil.example"}):
                await problem(await http.post("/api/v1/karts", json=body, headers=headers), 403)
            assert (await http.post("/api/v1/karts", json=body, headers={"X-CSRF-Token": token[0]})).status_code == 201
            http.cookies.clear()
            told = [await http.post("/console/login", data={"name": "Ada", "pin": "0000"}) for _ in range(7)]
            assert ["Too many wrong tries" in answer.text for answer in told] == [False] * 5 + [True] * 2
            assert not any("set-cookie" in answer.headers for answer in told)
    run(calls)


def test_every_answer_carries_the_security_headers_and_the_schema_is_served_offline(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            for path in ("/", "/api/v1/karts", "/api/v1/nothing", "/nowhere", "/static/app.css", "/schema/openapi.json"):
                answer = await venue.http.get(path)
                assert "default-src 'self'" in answer.headers["content-security-policy"]
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "server" not in answer.headers
            schema = (await venue.http.get("/schema/openapi.json")).json()
            assert schema["openapi"].startswith("3.")
            assert {"/api/v1/karts", "/api/v1/sessions/{session_id}/orders", "/api/v1/passings"} <= schema["paths"].keys()
            assert not re.search(r"https?://(?!json-schema|spdx)[a-z]", (await venue.http.get("/schema")).text)
    run(calls)


def test_the_stream_tells_every_passing_once_in_order_and_marks_the_last_event_of_each_sequence(run,
                                                                                               tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            async with venue.stream() as stream:
                await venue.cross(0, "1007")                                         # decoder and box know each other
                await venue.heat({"7": "1007", "3": "1003"}, "stage", "green", format="8m")
                for n in range(30):
                    venue.advance((n + 1) * 12 * S)
                    venue.decoder.cross("1007" if n % 2 else "1003", venue.now)      # a burst: boards may be merged
                await venue.settled()
                await venue.order("yellow")
                events = await stream.until("flag", flag="yellow")
                events += await stream.until("board")
            assert {event.kind for event in events} == {"passing", "lap", "board", "flag", "session"}
            passings = [event.data for event in events if event.kind == "passing"]
            assert passings == await venue.journal()
            assert [(p["seq"], p["passing_number"]) for p in passings] == sorted((p["seq"], p["passing_number"])
                                                                                for p in passings)
            laps = [event.data["id"] for event in events if event.kind == "lap"]
            assert sorted(laps) == sorted(lap["id"] for of in (await venue.laps()).values() for lap in of)
            ids = [int(event.id) for event in events if event.id is not None]
            assert ids == sorted(set(ids))
            for event in events:
                if event.kind == "passing":          # of its sequence, or of a later event of the same one, is an id
                    assert event.data["seq"] in ids
            assert [e.data["flag"] for e in events if e.kind == "flag"] == ["none", "green", "yellow"]
    run(calls)


def test_a_reader_that_comes_back_gets_all_it_missed_or_is_told_to_begin_anew(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007"}, "stage", "green", format="8m")
            async with venue.stream() as stream:
                await venue.cross(5 * S, "1007")
                seen = [event for event in await stream.until("board") if event.id is not None]
            last = seen[-1].id
            for n in range(1, 5):
                await venue.cross((5 + n * 40) * S, "1007")
            async with venue.stream(last) as stream:
                await venue.order("yellow")
                missed = await stream.until("flag")
            new = [row["seq"] for row in await venue.journal() if row["seq"] > int(last or 0)]
            assert [event.data["seq"] for event in missed if event.kind == "passing"] == new
            assert [event.kind for event in missed].count("lap") == 4
            for strange in ("abc", "-1", "999999"):
                async with venue.stream(strange) as stream:
                    assert (await stream.next()).kind == "reset"
    run(calls)


def test_what_is_too_old_for_the_stream_is_a_reset(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            async with venue.stream() as stream:
                await venue.cross(3 * S, "4444")
                first = (await stream.until("passing"))[-1].id
            for n in range(KEPT + 10):
                venue.decoder.cross("4444", venue.now)
                if n % 500 == 0:
                    await venue.settled()
            await venue.settled()
            async with venue.stream(first) as stream:
                assert (await stream.next()).kind == "reset"
            newest = (await venue.api("GET", f"/passings?after={KEPT}&limit=1000"))["items"][-1]["seq"]
            async with venue.stream(str(newest - 5)) as stream:
                assert (await stream.next()).data["seq"] == newest - 4
    run(calls)


def test_a_switch_off_ends_open_streams_at_once(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue, venue.stream() as stream:
            venue._off.set()
            await until(venue._serving.done)
            await ended(stream)
    run(calls)
