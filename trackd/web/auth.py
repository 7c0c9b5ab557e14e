"""Who is asking, whether they may, and whether the request is really theirs; security headers on every answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, NoReturn
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType, ScopeType
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp, Guard, Message, Receive, Scope, Send

from trackd.core.time import SECOND
from trackd.services.staff import LOGIN_LIFETIME_US, Action, Principal, Staff, may, roles_that_may

COOKIE = "trackd"
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"
MAX_BODY_BYTES = 1_000_000
"""What Litestar takes as ``request_max_body_size``; only the upload route raises it."""
PUBLIC = {"public": True}
"""``opt`` of routes that need no login even where reading does: log-in, set-up, static files, health."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy",
     (b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
      b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'")),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)

Connection = ASGIConnection[Any, Any, Any, Any]


class SecurityHeaders:
    """Outermost ASGI wrapper, so that answers made outside any route carry the headers too.

    A header the answer has already stands. Only the start of a response is touched, never a chunk of a stream.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return

        def send_with_headers(message: Message) -> Any:
            if message["type"] == "http.response.start":
                message["headers"] = _with_security(message["headers"])
            return send(message)

        await self.app(scope, receive, send_with_headers)


def _with_security(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    have = list(headers)
    names = {name.lower() for name, _value in have}
    return have + [header for header in _HEADERS if header[0] not in names]


class Authentication:
    """Litestar middleware: resolves the bearer token or the cookie once and leaves a Principal (or None) as user."""

    def __init__(self, app: ASGIApp, staff: Staff) -> None:
        self.app, self._staff = app, staff

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = scope["auth"] = None
        if scope["type"] == ScopeType.HTTP:
            await self._resolve(ASGIConnection(scope))
        await self.app(scope, receive, send)

    async def _resolve(self, connection: Connection) -> None:
        scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            connection.scope["user"] = await asyncio.to_thread(self._staff.check_token, token.strip())
            if connection.scope["user"] is None:
                _unauthorized("This token is not known here, or was withdrawn.")
        elif cookie := connection.cookies.get(COOKIE):
            connection.scope["user"] = await asyncio.to_thread(self._staff.principal, cookie)
            connection.scope["auth"] = cookie if connection.scope["user"] else None


def authentication(staff: Staff) -> DefineMiddleware:
    """The entry for Litestar's ``middleware`` list; must come first."""
    return DefineMiddleware(Authentication, staff=staff)


def app_guards(*, read_login: bool) -> list[Guard]:
    """Guards for the whole application: requests are the sender's own, and reading needs a login where so set."""
    return [own_request, requires_reader] if read_login else [own_request]


def principal(connection: Connection) -> Principal | None:
    """Who is asking; None for a guest."""
    found = connection.scope.get("user")
    return found if isinstance(found, Principal) else None


def client(connection: Connection) -> str:
    """The address of who is asking, for rate limits and the log. Forwarding headers are anyone's to write: ignored."""
    return connection.client.host if connection.client else "unknown"


def requires(action: Action) -> Guard:
    """A route's guard: 401 for a guest, 403 with a sentence for the wrong role."""

    def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        check(connection, action)

    return guard


def check(connection: Connection, action: Action) -> Principal:
    """Who is asking, when they may do ``action``; for handlers where it depends on the body (an order's name)."""
    who = principal(connection)
    if who is None:
        _unauthorized("This needs a login, or a program's token.")
    if not may(who, action):
        roles = " or ".join(roles_that_may(action))
        raise PermissionDeniedException(detail=f"{who.name} is {who.role}; this needs {roles}.")
    return who


def requires_reader(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard: reading needs a login, except on routes whose ``opt`` says public."""
    if not handler.opt.get("public"):
        check(connection, "read")


async def own_request(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Guard against what another site makes a browser send. No browser adds a bearer token by itself, so it passes."""
    if not isinstance(connection, Request) or connection.method in _SAFE:
        return
    who = principal(connection)
    if who is not None and who.kind == "token":
        return
    if not _same_origin(connection):
        raise PermissionDeniedException(detail="This request came from another site and was not carried out.")
    if who is not None:
        sent = connection.headers.get(CSRF_HEADER) or await _form_token(connection)
        if not hmac.compare_digest(sent.encode(), csrf_token(connection).encode()):
            raise PermissionDeniedException(detail="This page is out of date. Load it again, then repeat what you did.")


def csrf_token(connection: Connection) -> str:
    """What pages of this login send back in header X-CSRF-Token (or form field csrf); "" for a guest."""
    cookie = connection.scope.get("auth")
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest() if isinstance(cookie, str) else ""


def login_cookie(token: str, connection: Connection) -> Cookie:
    """The cookie that carries a login; only over TLS when it was made over TLS."""
    return Cookie(COOKIE, value=token, max_age=LOGIN_LIFETIME_US // SECOND, httponly=True, samesite="strict",
                  secure=connection.url.scheme == "https")


def logout_cookie() -> Cookie:
    """The cookie that takes the login away."""
    return Cookie(COOKIE, value="", max_age=0, httponly=True, samesite="strict")


def _same_origin(connection: Connection) -> bool:
    """Browsers send Origin with every post, and Sec-Fetch-Site too over TLS. A client with neither is no browser."""
    if connection.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == connection.headers.get("Host", "").lower() != ""


async def _form_token(request: Request[Any, Any, Any]) -> str:
    """The form's token. Multipart uploads must send the header: their body is not read before they are let in."""
    if request.content_type[0] != RequestEncodingType.URL_ENCODED:
        return ""
    value = (await request.form()).get(CSRF_FIELD, "")
    return value if isinstance(value, str) else ""


def _unauthorized(sentence: str) -> NoReturn:
    raise NotAuthorizedException(detail=sentence, headers={"WWW-Authenticate": "Bearer"})
