"""The HTTP API as programs outside hold on to it: shapes, refusals, roles, the event stream."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.conftest import Event, Park, until
from tests.venues import KARTS, PIN, S, a_heat, at_the_park, bearer, guest, signed_in
from trackd.services.demo import LAYOUT
from trackd.services.sessions import ORDERS
from trackd.web import stream as stream_module

BOARD = {"position", "kart", "driver", "laps", "last_us", "best_us", "gap_us", "gap_laps", "interval_us", "interval_laps",
         "sectors_us", "state", "penalties"} | {"best_lap_number", "average_us", "flag", "overdue", "lapping", "pits",
                                                "pit_us", "last_source", "best_by_hand", "edited", "entry"}
BODY = {"items", "session", "version", "expected", "predicted_last", "countdown_us", "orders"}
SESSION = {"id", "name", "track", "layout", "format", "ranking", "start", "finish", "state", "flag", "entries", "version",
           "created_at", "green_at", "ended_at", "confirmed_by", "confirmed_at", "elapsed_us", "remaining_us",
           "remaining_laps", "note", "attempt"}
PASSING = {"seq", "link", "decoder_id", "passing_number", "transponder", "rtc_time_us", "strength", "hits", "received_at",
           "verdict"} | {"kart", "session", "role"}
LAP = {"id", "kart", "driver", "number", "time_us", "at_us", "kind", "source", "verdict", "sectors_us", "passings", "edits"}
PLAIN = {"penalties": [], "sectors_us": [], "flag": "", "overdue": False, "lapping": False, "pits": 0, "pit_us": 0,
         "last_source": "loop", "best_by_hand": False, "edited": False}
HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy", "permissions-policy")
BIG = 10**20


async def problem(venue: Park, method: str, path: str, body: Any, status: int) -> dict[str, Any]:
    """A refusal, in the one shape all of them have."""
    answer = await venue.http.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["instance"] == f"/api/v1{path}".partition("?")[0]
    assert told["title"]
    assert len(told["detail"]) > 5
    return told


async def wheres(venue: Park, path: str, body: Any, *, method: str = "POST") -> set[str]:
    """The fields a 422 names."""
    told = await problem(venue, method, path, body, 422)
    assert all(fault["what"] for fault in told["faults"])
    return {fault["where"] for fault in told["faults"]}


# --- roster ---------------------------------------------------------------------------------------------------------------


@at_the_park()
async def test_what_a_post_creates_comes_back_with_201_and_its_id_and_stands_in_the_listing(venue: Park) -> None:
    made = {
        "karts": {"number": "7", "transponders": ["5691251"], "class": "adult"},
        "drivers": {"name": "Ada"}, "formats": {"name": "Sprint", "format": "8m+1L", "finish": "leader", "min_lap_s": 20},
        "layouts": LAYOUT, "sessions": {"name": "Heat", "format": "Sprint", "entries": [{"kart": "7", "driver": "Grace"}]},
    }
    for what, body in made.items():
        answer = await venue.http.post(f"/api/v1/{what}", json=body)
        assert answer.status_code == 201, answer.text
        given = answer.json()
        assert isinstance(given["id"], str)
        assert given["id"]
        listed = await venue.api("GET", f"/{what}")
        assert listed.keys() == {"items", "next"}
        assert given in listed["items"]
        if what in ("karts", "drivers", "formats"):
            assert body.items() <= given.items()
    assert [d["name"] for d in (await venue.api("GET", "/drivers"))["items"]] == ["Ada", "Grace"]
    session = (await venue.api("GET", "/sessions"))["items"][0]
    layout = (await venue.api("GET", "/layouts"))["items"][0]
    assert layout["features"] == LAYOUT["features"]
    assert session.keys() == SESSION
    assert (session["format"], session["finish"], session["layout"], session["entries"]) == ("8m+1L", "leader",
                                                                                             layout["id"], 1)
    again = await venue.api("POST", "/drivers", {"name": "  Ada "})
    assert again == (await venue.api("GET", "/drivers"))["items"][0]


@at_the_park()
async def test_cursors_walk_a_listing_once_and_whole(venue: Park) -> None:
    for number in ("1", "10", "2", "7"):
        await venue.api("POST", "/karts", {"number": number})
        await venue.api("POST", "/drivers", {"name": f"Driver {number}"})
    for at in range(5):
        await venue.cross(venue.now + S * (at + 1), "999")
    for what, cursor in (("karts", "number"), ("drivers", "id"), ("passings", "seq")):
        whole = (await venue.api("GET", f"/{what}"))["items"]
        assert len(whole) == (5 if what == "passings" else 4)
        for size in range(1, 6):
            walked: list[dict[str, Any]] = []
            after: str | None = "0" if what == "passings" else ""
            while after is not None:
                page = await venue.api("GET", f"/{what}?after={after}&limit={size}")
                assert 0 < len(page["items"]) <= size
                walked += page["items"]
                after = page["next"]
                assert after is None or after == str(page["items"][-1][cursor])
            assert walked == whole
    assert all(row.keys() == PASSING for row in whole)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", whole[0]["received_at"])
    assert await wheres(venue, "/passings?limit=1001", None, method="GET") == {"limit"}


@at_the_park()
async def test_a_kart_or_a_transponder_is_taken_once(venue: Park) -> None:
    await venue.api("POST", "/karts", {"number": "7", "transponders": ["5"]})
    await venue.api("POST", "/karts", {"number": "8"})
    assert "7" in (await problem(venue, "POST", "/karts", {"number": "7"}, 409))["detail"]
    assert "kart 7" in (await problem(venue, "POST", "/karts", {"number": "9", "transponders": ["5"]}, 409))["detail"]
    await problem(venue, "PUT", "/karts/8", {"transponders": ["6", "5"]}, 409)
    changed = await venue.api("PUT", "/karts/7", {"transponders": ["6"], "class": "junior"})
    assert changed == {"id": "7", "number": "7", "transponders": ["6"], "class": "junior"}
    await venue.api("PUT", "/karts/8", {"transponders": ["5"]})                     # free again
    assert await wheres(venue, "/karts/7", {"number": "70"}, method="PUT") == {"number"}
    await venue.api("DELETE", "/karts/7", status=204)
    assert [k["number"] for k in (await venue.api("GET", "/karts"))["items"]] == ["8"]
    for method in ("PUT", "DELETE"):
        await problem(venue, method, "/karts/7", {"transponders": []} if method == "PUT" else None, 404)
    await venue.api("POST", "/karts", {"number": "7", "transponders": ["6"]})       # number and transponder are free


@at_the_park()
async def test_what_does_not_fit_is_refused_and_every_field_at_fault_named(venue: Park) -> None:
    await venue.api("POST", "/karts", {"number": "1"})
    session = {"name": "Heat", "format": "8m"}
    cases: list[tuple[str, Any, set[str]]] = [
        ("/karts", {"number": "1", "colour": "red"}, {"colour"}),
        ("/karts", {"transponders": ["5"]}, {"number"}),
        ("/karts", {"number": "a b", "transponders": ["x!", "5", "5"], "class": "x" * 41},
         {"number", "class", "transponders[0]", "transponders"}),
        ("/karts", {"number": 7}, {"number"}),
        ("/karts", [1], {""}),
        ("/drivers", {}, {"name"}),
        ("/drivers", {"name": " "}, {"name"}),
        ("/drivers", {"name": "A\u0000da"}, {"name"}),
        ("/drivers", {"name": "Ada", "born": 1815}, {"born"}),
        ("/formats", {"name": "F", "format": "8x", "ranking": "fast", "grace_s": -1}, {"format", "ranking", "grace_s"}),
        ("/formats", {"name": "F", "format": "8m", "laps": 3}, {"laps"}),
        ("/formats", {"name": "F"}, {"format"}),
        ("/layouts", {"type": "FeatureCollection"}, {"", "properties.name"}),
        ("/layouts", {"type": "FeatureCollection", "properties": {}, "features": [{"properties": {"role": "finish"}}]},
         {"properties.name", "features[0].geometry", "features[0].properties.role", "features"}),
        ("/sessions", {"format": "8m"}, {"name"}),
        ("/sessions", {**session, "name": ""}, {"name"}),
        ("/sessions", {**session, "format": "eight"}, {"format"}),
        ("/sessions", {**session, "duration": 3}, {"duration"}),
        ("/sessions", {**session, "layout": "Nordschleife"}, {"layout"}),
        ("/sessions", {**session, "min_lap_s": 60, "max_lap_s": 50}, {"max_lap_s"}),
        ("/sessions", {**session, "start": "flying", "finish": "soon", "first_lap": "never"},
         {"start", "finish", "first_lap"}),
        ("/sessions", {**session, "entries": [{"kart": "1", "driver": "Ada"}, {"kart": "99"}, {"kart": "1"},
                                              {"kart": "98", "driver": "Ada"}]},
         {"entries[1].kart", "entries[2].kart", "entries[3].kart", "entries[3].driver"}),
        ("/sessions", {**session, "entries": [{"kart": "1", "seat": 1}]}, {"entries[0].seat"}),
        ("/sessions", {**session, "entries": [{"kart": "1", "driver": "x" * 81}]}, {"entries[0].driver"}),
    ]
    for path, body, named in cases:
        assert await wheres(venue, path, body) == named, (path, body)
    for what in ("drivers", "formats", "layouts", "sessions"):
        assert (await venue.api("GET", f"/{what}"))["items"] == []                   # a refusal leaves nothing behind


@at_the_park()
async def test_no_number_or_date_from_outside_is_a_fault_of_ours(venue: Park) -> None:
    await venue.heat(KARTS, format="8m")
    for path, where in ((f"/passings?after={BIG}", "after"), ("/passings?after=x", "after"), ("/karts?limit=0", "limit"),
                        (f"/sessions/{venue.session}/result?version={BIG}", "version"),
                        ("/sessions?date=9999-12-31", "date"), ("/sessions?date=today", "date"),
                        ("/sessions?date=2026-02-30", "date")):
        assert await wheres(venue, path, None, method="GET") == {where}
    for path in (f"/laps/{BIG}", "/laps/x", "/sessions/x", "/sessions/x/board", "/sessions/x/laps", "/sessions/x/result",
                 "/nothing", "/karts/7/nothing"):
        await problem(venue, "GET", path, None, 404)
    await problem(venue, "POST", "/sessions/x/orders", {"order": "stage"}, 404)
    await problem(venue, "PATCH", "/karts", {}, 405)
    broken = await venue.http.post("/api/v1/karts", content=b'{"number":', headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["status"]) == (400, 400)
    assert (await venue.http.post("/api/v1/layouts", json={"name": "x" * 1_000_001})).status_code == 413


# --- sessions -------------------------------------------------------------------------------------------------------------


@at_the_park()
async def test_a_session_tells_state_flag_and_clock_at_every_step(venue: Park) -> None:
    await venue.heat(KARTS, format="8m")

    async def now(**want: Any) -> None:
        told = await venue.api("GET", f"/sessions/{venue.session}")
        assert told.keys() == SESSION
        assert want.items() <= told.items(), told
        assert told in (await venue.api("GET", "/sessions"))["items"]

    await now(state="scheduled", flag="none", elapsed_us=0, remaining_us=480 * S, remaining_laps=None, green_at=None)
    for order, state, flag in (("stage", "staged", "none"), ("green", "running", "green")):
        told = await venue.order(order)
        assert (told["state"], told["flag"]) == (state, flag)
    venue.advance(venue.now + 100 * S)
    await now(state="running", elapsed_us=100 * S, remaining_us=380 * S)
    await venue.order("yellow")
    await now(state="running", flag="yellow")
    await venue.order("red")
    venue.advance(venue.now + 50 * S)
    await now(state="paused", flag="red", elapsed_us=100 * S)
    await venue.order("resume")
    venue.advance(venue.now + 10 * S)
    await now(state="running", flag="green", elapsed_us=110 * S, remaining_us=370 * S)
    await venue.cross(venue.now + S, KARTS["1"])                # somebody is out there who may still come
    await venue.order("chequered")
    await now(state="finishing", flag="chequered", ended_at=None)
    await venue.order("finish")
    await now(state="provisional", version=0)
    told = await venue.order("confirm")
    assert (told["state"], told["version"], told["confirmed_by"]) == ("official", 1, "test")
    await now(state="official", version=1)
    await venue.heat(KARTS, "stage", "green", format="12L", ranking="position")
    await now(state="running", remaining_us=None, remaining_laps=12)


@at_the_park()
async def test_a_board_and_a_result_have_a_row_for_every_kart(venue: Park) -> None:
    await a_heat(venue)
    board = await venue.api("GET", f"/sessions/{venue.session}/board")
    assert board.keys() == BODY
    assert all(row.keys() == BOARD for row in board["items"])
    one, two, three = board["items"]
    assert one == {"position": 1, "kart": "1", "driver": "Driver 1", "entry": "1", "laps": 2, "last_us": 58 * S,
                   "best_us": 58 * S, "gap_us": None, "gap_laps": None, "interval_us": None, "interval_laps": None,
                   "state": "running", "best_lap_number": 2, "average_us": 59 * S, **PLAIN}
    assert (two["kart"], two["laps"], two["gap_us"], two["interval_us"]) == ("2", 1, 3 * S, 3 * S)
    assert three == {"position": None, "kart": "3", "driver": "Driver 3", "entry": "3", "laps": 0, "state": "waiting",
                     **PLAIN, **dict.fromkeys(("last_us", "best_us", "gap_us", "gap_laps", "interval_us", "interval_laps",
                                      "best_lap_number", "average_us"))}
    assert "running" in (await problem(venue, "GET", f"/sessions/{venue.session}/result", None, 409))["detail"]
    for order in ("chequered", "finish", "confirm"):
        await venue.order(order)
    result = await venue.api("GET", f"/sessions/{venue.session}/result")
    again = await venue.api("GET", f"/sessions/{venue.session}/result?version=1")
    assert (again["items"], again["version"]) == (result["items"], 1)
    assert [(row["kart"], row["laps"]) for row in result["items"]] == [("1", 2), ("2", 1), ("3", 0)]
    assert {row["state"] for row in result["items"]} <= {"finished", "dnf", "dns"}
    assert all(row.keys() == BOARD for row in result["items"])
    await problem(venue, "GET", f"/sessions/{venue.session}/result?version=2", None, 404)
    await venue.heat(KARTS, "stage", name="Next")                # the first session now rests on disk
    rested = await venue.api("GET", f"/sessions/{result['session']['id']}/board")
    assert rested["items"] == result["items"]


@at_the_park()
async def test_laps_lead_to_the_passings_they_were_made_of(venue: Park) -> None:
    await a_heat(venue)
    laps = (await venue.api("GET", f"/sessions/{venue.session}/laps"))["items"]
    assert all(lap.keys() == LAP for lap in laps)
    assert [(lap["kart"], lap["number"], lap["time_us"], lap["kind"], lap["source"], lap["verdict"]) for lap in laps] == [
        ("1", 1, 60 * S, "full", "loop", "valid"), ("1", 2, 58 * S, "full", "loop", "valid"),
        ("2", 1, 61 * S, "full", "loop", "valid")]
    journal = {row["seq"]: row for row in await venue.journal()}
    for lap in laps:
        full = await venue.api("GET", f"/laps/{lap['id']}")
        assert lap.items() <= full.items()
        assert full["session"] == venue.session
        assert full["evidence"] == [journal[seq] for seq in lap["passings"]]
        assert full["evidence"][1]["rtc_time_us"] - full["evidence"][0]["rtc_time_us"] == lap["time_us"]


@at_the_park()
async def test_a_day_at_the_venue_ends_at_its_own_midnight(venue: Park) -> None:
    midnight_us = 1_763_766_000 * S                              # of 22 November 2025 in Rome: 23:00 UTC
    made = []
    for wall_us in (midnight_us - S, midnight_us):
        venue.time.wall_offset_us = wall_us - venue.time.us
        made.append((await venue.api("POST", "/sessions", {"name": "Heat", "format": "8m"}))["id"])
    for date, want in (("2025-11-20", []), ("2025-11-21", made[:1]), ("2025-11-22", made[1:])):
        assert [s["id"] for s in (await venue.api("GET", f"/sessions?date={date}"))["items"]] == want
    assert [s["id"] for s in (await venue.api("GET", "/sessions?limit=1"))["items"]] == made[1:]


@at_the_park()
async def test_an_order_is_refused_with_its_reason_and_an_unknown_one_with_those_that_are_known(venue: Park) -> None:
    await venue.heat(KARTS, format="8m")
    orders = f"/sessions/{venue.session}/orders"
    assert "not staged" in (await problem(venue, "POST", orders, {"order": "green"}, 409))["detail"]
    told = await problem(venue, "POST", orders, {"order": "launch"}, 422)
    assert told["faults"][0]["where"] == "order"
    assert all(name in told["detail"] for name in ("stage", "green", "finish", "join", "bind"))
    for body, where in (({}, "order"), ({"order": 7}, "order"), ({"order": "stage", "laps": "keep"}, "laps"),
                        ({"order": "join"}, "kart"), ({"order": "join", "kart": "99"}, "kart"),
                        ({"order": "join", "kart": 7}, "kart"), ({"order": "bind", "kart": "1"}, "transponder"),
                        ({"order": "bind", "kart": "1", "transponder": "5", "since": "noon"}, "since")):
        assert await wheres(venue, orders, body) == {where}, body
    for order in ("stage", "green", "finish"):
        await venue.order(order)
    assert "provisional" in (await problem(venue, "POST", orders, {"order": "finish"}, 409))["detail"]
    await venue.order("confirm")
    for order in ("confirm", "finish", "green"):
        assert "official" in (await problem(venue, "POST", orders, {"order": order}, 409))["detail"]


# --- who may --------------------------------------------------------------------------------------------------------------


@at_the_park()
async def test_a_token_does_what_its_role_may_and_nothing_else(venue: Park) -> None:
    await venue.heat(KARTS, format="8m")
    calls: list[tuple[str, str, Any, str]] = [
        ("GET", "/karts", None, "guest"), ("GET", f"/sessions/{venue.session}/board", None, "guest"),
        ("POST", "/karts", {"number": "9"}, "timekeeper"), ("PUT", "/karts/9", {}, "timekeeper"),
        ("DELETE", "/karts/9", None, "timekeeper"), ("POST", "/drivers", {"name": "Ada"}, "timekeeper"),
        ("POST", "/sessions", {"name": "H", "format": "8m"}, "timekeeper"),
        ("POST", f"/sessions/{venue.session}/orders", {"order": "stage"}, "timekeeper"),
        ("POST", f"/sessions/{venue.session}/orders", {"order": "green"}, "timekeeper"),
        ("POST", f"/sessions/{venue.session}/orders", {"order": "nonsense"}, "timekeeper"),
        ("POST", "/formats", {"name": "F", "format": "8m"}, "admin"), ("POST", "/layouts", LAYOUT, "admin"),
    ]
    ranks = ("guest", "read", "timekeeper", "admin")
    async with guest(venue) as http:
        for role in ranks:
            headers = bearer(venue, role) if role != "guest" else {}
            for method, path, body, least in calls:
                answer = await http.request(method, "/api/v1" + path, json=body, headers=headers)
                if ranks.index(role) >= ranks.index(least):
                    assert answer.status_code not in (401, 403), (role, path)
                elif role == "guest":
                    assert answer.status_code == 401, (role, path)
                    assert answer.headers["www-authenticate"] == "Bearer"
                else:
                    assert answer.status_code == 403, (role, path)
        unknown = await http.get("/api/v1/karts", headers={"Authorization": "Bearer trk_unknown"})
        assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")


@at_the_park()
async def test_a_cookie_writes_only_with_the_token_of_its_pages_and_never_for_another_site(venue: Park) -> None:
    async with signed_in(venue, "timekeeper") as (browser, csrf):
        own = {"X-CSRF-Token": csrf}
        for headers, status in (({}, 403), ({"X-CSRF-Token": "0" * 64}, 403), (own, 201),
                                ({**own, "Origin": "http://evil.example"}, 403), ({**own, "Origin": "null"}, 403),
                                ({**own, "Sec-Fetch-Site": "cross-site"}, 403), ({**own, "Origin": venue.address}, 201)):
            answer = await browser.post("/api/v1/drivers", json={"name": "Ada"}, headers=headers)
            assert answer.status_code == status, (headers, answer.text)
        assert (await browser.post("/api/v1/formats", json={"name": "F", "format": "8m"}, headers=own)).status_code == 403
        form = {"name": "Grace", "csrf": csrf}
        assert (await browser.post("/console/drivers", data={"name": "Grace"})).status_code == 403
        assert (await browser.post("/console/drivers", data=form)).status_code == 303
        await browser.post("/console/logout", data={"csrf": csrf})
        assert (await browser.post("/api/v1/drivers", json={"name": "Eve"}, headers=own)).status_code == 401


@at_the_park()
async def test_guessing_a_pin_is_stopped_with_a_time_to_wait(venue: Park) -> None:
    venue.appliance.staff.add_staff("Meg", "marshal", PIN)
    async with guest(venue) as http:
        for _ in range(5):
            wrong = await http.post("/console/login", data={"name": "Meg", "pin": "0000"})
            assert wrong.status_code == 401
            assert "set-cookie" not in wrong.headers
            assert "The name or the PIN is wrong." in wrong.text
        stopped = await http.post("/console/login", data={"name": "Meg", "pin": PIN})
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= 300
    assert "Too many wrong tries" in stopped.text


@at_the_park()
async def test_guessing_the_set_up_code_is_stopped_too(venue: Park) -> None:
    async with guest(venue) as http:
        for _ in range(5):
            await http.post("/console/setup", data={"code": "wrong", "name": "Eve", "pin": PIN})
        code = venue.appliance.staff.setup_code()
        stopped = await http.post("/console/setup", data={"code": code, "name": "Eve", "pin": PIN})
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert venue.appliance.staff.list_staff() == []


async def _get(http: httpx.AsyncClient, path: str) -> httpx.Response:
    """The answer's beginning, which is all a stream ever gives at once."""
    async with http.stream("GET", path) as answer:
        return answer


@at_the_park()
async def test_every_kind_of_answer_carries_the_security_headers(venue: Park) -> None:
    async with guest(venue) as http:
        for path in ("/", "/console", "/console/login", "/api/v1/karts", "/api/v1/nothing", "/nothing", "/static/app.css",
                     "/api/v1/stream", "/live/board/now", "/metrics", "/schema", "/api/v1/health"):
            answer = await _get(http, path)
            assert all(name in answer.headers for name in HEADERS), path
            assert "unsafe-eval" not in answer.headers["content-security-policy"]
            assert "server" not in answer.headers


@at_the_park(read_login=True)
async def test_where_reading_needs_a_login_only_health_static_files_and_the_login_are_open(venue: Park) -> None:
    await venue.heat(KARTS, format="8m")
    closed = ("/", "/karts", "/help", f"/sessions/{venue.session}", f"/sessions/{venue.session}.csv", "/display/hall",
              "/api/v1/karts", "/api/v1/passings", f"/api/v1/sessions/{venue.session}/board", "/api/v1/stream",
              "/live/board/now", "/live/console/now", "/metrics", "/schema", "/schema/openapi.json")
    async with signed_in(venue, "marshal") as (browser, _), guest(venue) as http:
        for path in closed:
            assert (await _get(http, path)).status_code == 401, path
            assert (await _get(browser, path)).status_code == 200, path
        for path in ("/api/v1/health", "/static/app.css", "/console/login"):
            assert (await _get(http, path)).status_code == 200, path
        assert (await http.get("/api/v1/karts", headers=bearer(venue, "read"))).status_code == 200


# --- machines -------------------------------------------------------------------------------------------------------------


@at_the_park()
async def test_the_schema_names_every_route_of_the_api_and_needs_no_network(venue: Park) -> None:
    answer = await venue.http.get("/schema")
    schema = answer.json()
    assert schema["openapi"].startswith("3.")
    told = {(path, method) for path, methods in schema["paths"].items() for method in methods}
    for path, methods in {
        "/api/v1/health": "get", "/metrics": "get", "/api/v1/passings": "get", "/api/v1/karts": "get post",
        "/api/v1/karts/{number}": "put delete", "/api/v1/drivers": "get post", "/api/v1/layouts": "get post",
        "/api/v1/layouts/{layout_id}": "put",
        "/api/v1/formats": "get post", "/api/v1/sessions": "get post", "/api/v1/sessions/{session_id}": "get",
        "/api/v1/sessions/{session_id}/board": "get", "/api/v1/sessions/{session_id}/result": "get",
        "/api/v1/sessions/{session_id}/laps": "get", "/api/v1/sessions/{session_id}/orders": "post",
        "/api/v1/sessions/{session_id}/proposals": "get", "/api/v1/sessions/{session_id}/notes": "get",
        "/api/v1/laps/{lap_id}": "get", "/api/v1/laps/{lap_id}/trace": "get",
        "/api/v1/laps/compare": "get", "/api/v1/leaderboards": "get", "/api/v1/sessions/{session_id}/analysis": "get",
        "/api/v1/acts": "get", "/api/v1/undo": "post", "/api/v1/redo": "post",
        "/api/v1/recordings": "get post", "/api/v1/recordings/{recording_id}": "get", "/api/v1/units": "get",
        "/api/v1/units/{unit_id}": "delete", "/api/v1/units/{unit_id}/pair": "post",
        "/api/v1/units/{unit_id}/download": "post",
    }.items():
        for method in methods.split():
            assert (path, method) in told
            told.remove((path, method))
    assert told == set()                                         # pages are no part of it; a new route belongs above
    orders = schema["paths"]["/api/v1/sessions/{session_id}/orders"]["post"]["description"]
    assert ORDERS.keys() <= set(re.findall(r"[a-z_]+", orders))
    assert "/api/v1/stream" in schema["info"]["description"]
    assert "://" not in answer.text.replace(venue.address, "")


@at_the_park()
async def test_metrics_are_prometheus_text_with_figures_that_move(venue: Park) -> None:
    async def figures() -> dict[tuple[str, str], float]:
        answer = await venue.http.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return {(s.name, s.labels.get("link", "")): s.value
                for family in text_string_to_metric_families(answer.text) for s in family.samples}

    before = await figures()
    await venue.cross(venue.now + S, "999")
    after = await figures()
    assert after["trackd_link_passings", "line"] == before["trackd_link_passings", "line"] + 1
    assert after["trackd_journal_seq", ""] > before["trackd_journal_seq", ""]
    assert (after["trackd_link_reading", "line"], after["trackd_healthy", ""]) == (1, 1)


@at_the_park()
async def test_health_is_not_ok_while_a_link_is_silent_or_down(venue: Park) -> None:
    async def health() -> tuple[str, dict[str, tuple[str, str]]]:
        told = (await venue.http.get("/api/v1/health")).json()
        assert all(check.keys() == {"name", "status", "message"} for check in told["checks"])
        return told["status"], {check["name"]: (check["status"], check["message"]) for check in told["checks"]}

    live = venue.appliance.live
    assert (await health())[0] == "ok"
    reading = live.statuses["line"]
    for state in ("silent", "down", "connecting"):
        live._on_link(replace(reading, state=state, sentence=f"It is {state}."))
        status, checks = await health()
        assert status == "degraded"
        assert checks["link line"] == ("degraded", f"It is {state}.")
    live._on_link(reading)
    assert (await health())[0] == "ok"


# --- the event stream -----------------------------------------------------------------------------------------------------


def readers(venue: Park) -> set[Any]:
    """Who reads the API's stream now."""
    return next(listener.__self__ for listener in venue.appliance.live.hub.happenings
                if isinstance(listener.__self__, stream_module.Stream)).readers


async def everything(venue: Park, do: Any) -> list[Event]:
    """All events of what ``do`` does."""
    async with venue.stream() as events:
        await do()
        made = await venue.api("POST", "/sessions", {"name": "The end", "format": "8m"})
        found = await events.until("session", id=made["id"])
        if found[-1].id is None:
            found += await events.until("board", session=made["id"])
        return found


@at_the_park()
async def test_the_stream_tells_each_kind_with_the_fields_of_the_api_and_marks_the_end_of_a_sequence(venue: Park) -> None:
    events = await everything(venue, lambda: a_heat(venue))
    told = Counter(event.kind for event in events)
    assert told.keys() == {"passing", "lap", "board", "flag", "session"}
    assert (told["passing"], told["lap"]) == (5, 3)              # one a passing, however fast they come
    journal = await venue.journal()
    laps = {lap["id"]: lap for each in (await venue.laps()).values() for lap in each}
    assert [event.data for event in events if event.kind == "passing"] == journal
    for event in events:
        if event.kind == "lap":
            assert event.data == {"session": venue.session, **laps[event.data["id"]]}
        elif event.kind == "session":
            assert event.data.keys() == SESSION
        elif event.kind == "board":
            assert event.data.keys() == {"session", "version", "items"}
            assert all(row.keys() == BOARD for row in event.data["items"])
        elif event.kind == "flag":
            assert event.data.keys() == {"session", "flag", "state", "elapsed_us"}
    ids = [int(event.id) for event in events if event.id is not None]
    assert ids == sorted(set(ids))
    done = 0
    for event in events:                                         # nothing of a sequence comes after its id
        seq = event.data["seq"] if event.kind == "passing" else int(event.data["id"]) if event.kind == "lap" else None
        assert seq is None or seq > done
        done = int(event.id) if event.id is not None else done
    flags = [event.data for event in events if event.kind == "flag" and event.data["session"] == venue.session]
    assert [(each["flag"], each["state"]) for each in flags] == [("none", "scheduled"), ("green", "running")]
    board = [event for event in events if event.kind == "board" and event.data["session"] == venue.session][-1]
    assert board.data["items"] == (await venue.api("GET", f"/sessions/{venue.session}/board"))["items"]


def lasting(events: list[Event]) -> list[Event]:
    """Without boards, of which older ones may be merged."""
    return [Event(event.kind, None, event.data) for event in events if event.kind != "board"]


@at_the_park()
async def test_a_reader_that_comes_back_gets_all_after_what_it_has(venue: Park) -> None:
    async def happen() -> None:
        await a_heat(venue)
        reading = venue.appliance.live.statuses["line"]
        for state in ("silent", "reading"):
            venue.appliance.live._on_link(replace(reading, state=state))
        await venue.cross(venue.now + S, "999")

    events = await everything(venue, happen)
    assert [event.data["state"] for event in events if event.kind == "link"] == ["silent", "reading"]
    last = events[-1]
    for index, event in enumerate(events[:-1]):
        if event.id is None:
            continue
        async with venue.stream(event.id) as again:
            got = [await again.next()]
            while got[-1].id != last.id:
                got.append(await again.next())
        # A link's state has no sequence: one told in between may come twice, but never not at all.
        missing = [e for e in lasting(events[index + 1:]) if e not in got and e not in lasting(got)]
        assert missing == []
        assert [e for e in lasting(got) if e.kind != "link"] == [e for e in lasting(events[index + 1:]) if e.kind != "link"]
    await until(lambda: not readers(venue))


@at_the_park()
async def test_a_reader_that_stayed_away_too_long_is_told_to_begin_again(venue: Park) -> None:
    first = str(venue.appliance.live.writer.venue.seq)
    for ident in ("x", "-1", "", str(BIG), "9" * 5000, str(int(first) + 10_000)):
        async with venue.stream(ident) as events:
            told = await events.next()
        assert (told.kind, told.id, told.data) == ("reset", None, {}), ident
    await until(lambda: not readers(venue))


def test_events_beyond_what_is_kept_are_told_as_a_reset(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "KEPT", 6)

    @at_the_park()
    async def test(venue: Park) -> None:
        reading = venue.appliance.live.statuses["line"]
        start = str(venue.appliance.live.writer.venue.seq)
        events = []
        async with venue.stream() as reader:
            for state, _ in zip(itertools.cycle(("silent", "reading")), range(4), strict=False):
                await venue.cross(venue.now + S, "999")
                events += await reader.until("passing")
                venue.appliance.live._on_link(replace(reading, state=state))
                events += await reader.until("link")
        ids = [event.id for event in events if event.id is not None]
        assert len(events) == 8
        for ident, kept in ((start, False), (ids[0], False), (ids[1], True), (ids[2], True)):
            async with venue.stream(ident) as again:
                told = await again.next()
            assert (told.kind != "reset") == kept, ident

    test(tmp_path)


@at_the_park()
async def test_passings_are_never_merged_and_none_is_late(venue: Park) -> None:
    async with venue.stream() as events:
        first = venue.now + S
        for index in range(300):                                # as fast as the wire takes them
            venue.advance(first + index * 10_000)
            venue.decoder.cross(str(1000 + index % 40), first + index * 10_000)
        await venue.settled()
        told = [event.data for _ in range(300) for event in (await events.until("passing"))[-1:]]
    assert [row["transponder"] for row in told] == [str(1000 + index % 40) for index in range(300)]
    assert told == await venue.journal()


@at_the_park()
async def test_a_screen_that_goes_away_leaves_nothing_behind(venue: Park) -> None:
    screens = next(listener.__self__ for listener in venue.appliance.live.hub.boards
                   if type(listener.__self__).__name__ == "Screens")
    async with guest(venue) as http, http.stream("GET", "/api/v1/stream"), http.stream("GET", "/live/board/now"), \
            http.stream("GET", "/live/console/now"):
        await until(lambda: len(readers(venue)) == 1 and screens.count() == 2)
    await until(lambda: not readers(venue) and screens.count() == 0 and not screens.groups)
