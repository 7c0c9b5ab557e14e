"""The web's door: who gets in, what a foreign site cannot do, and how every refusal is told."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody, URLEncodedBody
from litestar.response import Stream
from litestar.testing import TestClient
from structlog.testing import capture_logs

from trackd.core.errors import BadInput, Fault, LinkDown, NotFound, Refused, StorageFailing
from trackd.services.staff import Staff
from trackd.web import auth
from trackd.web.errors import BUG, exception_handlers

Client = TestClient[Any]
ERRORS: dict[str, Callable[[], Exception]] = {
    "bad": lambda: BadInput(Fault("laps", "must be a number"), Fault("", "and <b>more</b>")),
    "missing": lambda: NotFound("There is no kart 7."),
    "refused": lambda: Refused("The session is over."),
    "disk": lambda: StorageFailing("The disk is full."),
    "link": lambda: LinkDown("No answer."),
    "teapot": lambda: HTTPException(detail="short and stout", status_code=418),
    "bug": lambda: KeyError("secret detail"),
    "framework": lambda: HTTPException(detail="secret detail"),
}


class Loop(msgspec.Struct, forbid_unknown_fields=True):
    role: str


class Kart(msgspec.Struct, forbid_unknown_fields=True):
    number: str
    laps: int = 0
    loops: list[Loop] = []


@get(["/", "/api/v1/who"])
async def who(request: Request[Any, Any, Any]) -> dict[str, str]:
    person = auth.principal(request)
    return {"name": person.name if person else "guest", "csrf": auth.csrf_token(request)}


@get("/open", opt=auth.PUBLIC)
async def public() -> str:
    return "open"


@post(["/api/v1/karts", "/console/karts"], guards=[auth.requires("karts")])
async def put_kart(data: JSONBody[Kart]) -> dict[str, str]:
    return {"id": data.number}


@post("/console/form", guards=[auth.requires("flags")])
async def form(data: URLEncodedBody[dict[str, str]]) -> str:
    return data["flag"]


@get(["/api/v1/fail/{name:str}", "/fail/{name:str}"])
async def fail(name: FromPath[str]) -> None:
    raise ERRORS[name]()


@get("/stream")
async def stream() -> Stream:
    async def chunks() -> AsyncIterator[str]:
        yield "data: 1\n\n"
        yield "data: 2\n\n"

    return Stream(chunks(), headers={"Content-Security-Policy": "default-src 'none'"})


@post("/login", opt=auth.PUBLIC)
async def login(request: Request[Any, Any, Any], data: JSONBody[dict[str, str]],
                staff: NamedDependency[Staff]) -> Response[None]:
    token = await asyncio.to_thread(staff.login, data["name"], data["pin"], auth.client(request))
    return Response(None, cookies=[auth.login_cookie(token, request)])


@pytest.fixture
def staff(db: sqlite3.Connection) -> Staff:
    staff = Staff(db)
    for name, role in [("Meg", "marshal"), ("Tim", "timekeeper")]:
        staff.add_staff(name, role, "4711")
    return staff


def application(staff: Staff, *, read_login: bool = False) -> Litestar:
    return Litestar(
        [who, public, put_kart, form, fail, stream, login], middleware=[auth.authentication(staff)],
        guards=auth.app_guards(read_login=read_login), logging_config=None, openapi_config=None,
        exception_handlers=exception_handlers(lambda status, sentence: f"<h1>{status}</h1>{sentence}"),
        request_max_body_size=auth.MAX_BODY_BYTES, dependencies={"staff": Provide(lambda: staff, sync_to_thread=False)})


@pytest.fixture
def client(staff: Staff) -> Iterator[Client]:
    with TestClient(auth.SecurityHeaders(application(staff))) as client:
        yield client


def log_in(client: Client, name: str) -> str:
    """Log in and return the CSRF token that pages would carry."""
    answer = client.post("/login", json={"name": name, "pin": "4711"})
    assert answer.status_code == 201
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("trackd=", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age=50400"))
    return str(client.get("/").json()["csrf"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


KART = {"number": "7"}


def test_a_guest_reads_and_is_asked_to_log_in_before_writing(client: Client) -> None:
    assert client.get("/").json() == {"name": "guest", "csrf": ""}
    answer = client.post("/api/v1/karts", json=KART)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "This needs a login, or a program's token."


def test_a_token_does_what_its_role_may_and_no_more(client: Client, staff: Staff) -> None:
    reader, keeper = (staff.add_token(role, role) for role in ("read", "timekeeper"))
    assert client.post("/api/v1/karts", json=KART, headers=bearer(keeper)).status_code == 201
    refused = client.post("/api/v1/karts", json=KART, headers=bearer(reader))
    assert refused.status_code == 403
    assert refused.json()["detail"] == "read is read; this needs timekeeper or mechanic or admin."
    unknown = client.get("/", headers=bearer(keeper + "x"))
    assert (unknown.status_code, unknown.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_cookie_writes_only_with_its_own_csrf_token(client: Client) -> None:
    csrf = log_in(client, "Tim")
    assert client.get("/").json()["name"] == "Tim"
    for headers in [{}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1] + "é"}]:
        answer = client.post("/api/v1/karts", json=KART, headers={k: v.encode() for k, v in headers.items()})
        assert (answer.status_code, "out of date" in answer.json()["detail"]) == (403, True)
    assert client.post("/api/v1/karts", json=KART, headers={"X-CSRF-Token": csrf}).status_code == 201
    client.cookies.clear()
    other = log_in(client, "Tim")
    assert other != csrf
    assert client.post("/api/v1/karts", json=KART, headers={"X-CSRF-Token": csrf}).status_code == 403


def test_a_plain_form_carries_the_csrf_token_as_a_field(client: Client) -> None:
    csrf = log_in(client, "Meg")
    assert client.post("/console/form", data={"flag": "red", "csrf": csrf}).text == "red"
    assert client.post("/console/form", data={"flag": "red", "csrf": "no"}).status_code == 403
    assert client.post("/console/form", data={"flag": "red"}).status_code == 403
    assert client.post("/console/karts", json=KART, headers={"X-CSRF-Token": csrf}).status_code == 403  # a marshal


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 201), ({"Origin": "http://testserver.local"}, 201), ({"Sec-Fetch-Site": "same-origin"}, 201),
    ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver.local"}, 403), ({"Origin": ""}, 403)])
def test_another_site_cannot_log_a_browser_in(client: Client, headers: dict[str, str], status: int) -> None:
    answer = client.post("/login", json={"name": "Tim", "pin": "4711"}, headers=headers)
    assert answer.status_code == status


def test_a_wrong_pin_is_401_and_guessing_is_429_with_a_time_to_wait(client: Client) -> None:
    statuses = [client.post("/login", json={"name": "Tim", "pin": "0000"}).status_code for _ in range(5)]
    assert statuses == [401] * 5
    answer = client.post("/login", json={"name": "Tim", "pin": "4711"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_where_reading_needs_a_login_only_public_routes_are_open(staff: Staff) -> None:
    with TestClient(application(staff, read_login=True)) as client:
        assert client.get("/open").text == "open"
        assert client.get("/").status_code == 401
        assert client.get("/", headers=bearer(staff.add_token("x", "read"))).json()["name"] == "x"
        log_in(client, "Meg")
        assert client.get("/").json()["name"] == "Meg"


def test_every_answer_carries_the_security_headers_and_a_stream_is_passed_on_as_it_is(client: Client) -> None:
    for path in ["/", "/nowhere", "/fail/bug", "/api/v1/fail/refused"]:
        headers = client.get(path).headers
        assert "script-src 'self';" in headers["Content-Security-Policy"]
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
    answer = client.get("/stream")
    assert answer.text == "data: 1\n\ndata: 2\n\n"
    assert answer.headers.get_list("Content-Security-Policy") == ["default-src 'none'"]  # what a route says stands


@pytest.mark.parametrize(("name", "status", "sentence"), [
    ("bad", 422, "laps: must be a number; and <b>more</b>"), ("missing", 404, "There is no kart 7."),
    ("refused", 409, "The session is over."), ("disk", 503, "The disk is full."), ("link", 503, "No answer."),
    ("teapot", 418, "short and stout"), ("bug", 500, BUG), ("framework", 500, BUG)])
def test_an_error_is_a_problem_a_page_or_a_safe_piece_of_text(client: Client, name: str, status: int,
                                                              sentence: str) -> None:
    with capture_logs() as logged:
        problem = client.get(f"/api/v1/fail/{name}")
        page = client.get(f"/fail/{name}")
        swap = client.get(f"/fail/{name}", headers={"HX-Request": "true"})
    assert problem.headers["Content-Type"] == "application/problem+json"
    body = problem.json()
    assert (body["status"], body["detail"], body["type"]) == (status, sentence, "about:blank")
    assert page.text == f"<h1>{status}</h1>{sentence}"
    assert [answer.status_code for answer in (problem, page, swap)] == [status] * 3
    assert "<" not in swap.text
    assert "secret" not in problem.text + page.text + swap.text
    assert [entry["path"] for entry in logged] == ([f"/api/v1/fail/{name}"] + [f"/fail/{name}"] * 2) * (status >= 500)
    if name == "bad":
        assert body["faults"] == [{"where": "laps", "what": "must be a number"}, {"where": "", "what": "and <b>more</b>"}]


@pytest.mark.parametrize(("body", "where", "what"), [
    ({"number": "7", "lapz": 1}, "lapz", "unknown field"), ({}, "number", "missing required field"),
    ({"number": "7", "laps": "x"}, "laps", "Expected `int`"), ([], "", "Expected `object`"),
    ({"number": "7", "loops": [{"roel": "x"}]}, "loops[0].roel", "unknown field")])
def test_a_body_that_does_not_fit_is_422_and_names_the_field(client: Client, staff: Staff, body: object, where: str,
                                                             what: str) -> None:
    answer = client.post("/api/v1/karts", json=body, headers=bearer(staff.add_token("x", "admin")))
    assert answer.status_code == 422
    [fault] = answer.json()["faults"]
    assert fault["where"] == where
    assert what in fault["what"]


def test_a_body_that_is_no_json_or_too_long_is_refused(client: Client, staff: Staff) -> None:
    headers = {**bearer(staff.add_token("x", "admin")), "Content-Type": "application/json"}
    assert client.post("/api/v1/karts", content=b"{", headers=headers).status_code == 400
    long = client.post("/api/v1/karts", content=b" " * (auth.MAX_BODY_BYTES + 1), headers=headers)
    assert (long.status_code, long.json()["detail"]) == (413, "That is more data than this address takes.")


def test_a_fault_reaches_the_log_once_with_its_traceback(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as logged:
        client.get("/fail/bug")
    [entry] = logged
    assert (entry["event"], entry["method"], entry["log_level"]) == ("request failed", "GET", "error")
    assert isinstance(entry["exc_info"], KeyError)
    assert not [record for record in caplog.records if record.name.startswith("litestar")]
