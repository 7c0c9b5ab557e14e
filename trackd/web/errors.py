"""The one map from what went wrong to what the other side gets: a status and a sentence, never a traceback."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from trackd.core.errors import BadInput, Fault, LinkDown, NotFound, Refused, StorageFailing, TrackdError
from trackd.services.staff import TooManyTries, WrongSecret

RenderError = Callable[[int, str], str]
"""Given a status and a sentence, the HTML of a page that says so."""
Handler = Callable[[Request[Any, Any, Any], Exception], Response[bytes]]

PROBLEM = "application/problem+json"
API = ("/api/", "/schema", "/metrics")
BUG = "A fault in trackd, written to its log. What was stored is safe; try again, and tell who looks after this box."

_STATUS: Mapping[type[Exception], int] = {  # the most specific class of an error counts
    BadInput: 422, NotFound: 404, TooManyTries: 429, WrongSecret: 401, Refused: 409,
    StorageFailing: 503, LinkDown: 503, TrackdError: 409,
}
_PLAIN: Mapping[int, str] = {404: "There is nothing at this address.", 405: "This address does not take that method.",
                             413: "That is more data than this address takes."}
_FIELD = re.compile(r"`\$?\.?(?P<field>[^`]+)`")
_log = structlog.get_logger(__name__)


def exception_handlers(render_error: RenderError) -> dict[type[Exception], Handler]:
    """What Litestar takes as ``exception_handlers``; give it ``logging_config=None`` so that faults are logged once."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        status, sentence, faults, headers = explain(error)
        if status >= 500:
            _log.error("request failed", method=request.method, path=request.url.path, status=status, exc_info=error)
        content, media_type = _body(request, status, sentence, faults, render_error)
        return Response(content, status_code=status, headers=headers, media_type=media_type)

    return {Exception: handle}


def explain(error: Exception) -> tuple[int, str, tuple[Fault, ...], dict[str, str]]:
    """Status, sentence, faults by field and response headers of an error."""
    if isinstance(error, ValidationException):
        faults = tuple(_validation_faults(error))
        return 422, "; ".join(map(str, faults)), faults, {}
    if isinstance(error, HTTPException) and error.status_code != 500:
        standard = error.status_code == 404 or error.detail in (HTTPStatus(error.status_code).phrase,
                                                                getattr(type(error), "detail", None))
        sentence = _PLAIN.get(error.status_code, error.detail) if standard else error.detail
        return error.status_code, sentence, (), dict(error.headers or {})
    status = next((_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS), 500)
    if status == 500:
        return status, BUG, (), {}
    headers = {"Retry-After": str(error.wait_s)} if isinstance(error, TooManyTries) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return status, str(error), error.faults if isinstance(error, BadInput) else (), headers


def _validation_faults(error: ValidationException) -> list[Fault]:
    """Litestar's findings as faults. An unknown or missing field is named only inside its message, in backquotes."""
    faults = []
    for item in error.extra if isinstance(error.extra, list) else []:
        what = str(item.get("message", ""))
        named = _FIELD.search(what) if " field `" in what else None
        parent = str(item.get("key") or "").removeprefix("data")  # Litestar's word for the body as a whole
        where = ".".join(filter(None, (parent, named["field"]))) if named else parent
        faults.append(Fault(where, what))
    return faults or [Fault("", error.detail)]


def _body(request: Request[Any, Any, Any], status: int, sentence: str, faults: tuple[Fault, ...],
          render_error: RenderError) -> tuple[bytes, str]:
    path = request.url.path
    if path.startswith(API):
        problem: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status,
                                   "detail": sentence, "instance": path}
        if faults:
            problem["faults"] = [{"where": fault.where, "what": fault.what} for fault in faults]
        return msgspec.json.encode(problem), PROBLEM
    if request.headers.get("HX-Request") == "true":  # htmx swaps it into the page as HTML, whatever its type
        return html.escape(sentence).encode(), "text/html"
    return render_error(status, sentence).encode(), "text/html"
