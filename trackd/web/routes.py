"""The web application: all routes, their order of guards and middleware, and what ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar import Litestar
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp

from trackd import __version__
from trackd.services.appliance import Appliance
from trackd.web import (
    analysis,
    api,
    console,
    cornerpage,
    drawing,
    drivers,
    heats,
    kiosk,
    laps,
    leaderboards,
    log,
    manual,
    pages,
    panels,
    parts,
    pit,
    racing,
    recordings,
    sheets,
    units,
    verifying,
)
from trackd.web.analysis_api import AnalysisApi
from trackd.web.auth import MAX_BODY_BYTES, PUBLIC, SecurityHeaders, app_guards, authentication
from trackd.web.errors import exception_handlers
from trackd.web.laps_api import LapsApi
from trackd.web.recordings_api import RecordingsApi
from trackd.web.render import assets, render
from trackd.web.screens import Screens, live_handler
from trackd.web.stream import Stream, stream_handler
from trackd.web.units_api import UnitsApi
from trackd.web.views import PageView

ABOUT = """The API of a trackd appliance, version 1. Durations and decoder times are integer microseconds (`_us`), instants
RFC 3339 in UTC, ids and kart numbers strings. A listing is `{"items":[...],"next":CURSOR|null}`. Reading needs no token
on the venue's network unless configured, writing needs `Authorization: Bearer TOKEN` (`trackd token add`) or a staff login.
Errors are RFC 9457 problem objects; `faults` name each field.

`GET /api/v1/stream` gives Server-Sent Events: `event:` is passing, lap, board, flag, session, link or exception, `data:`
one JSON object with the fields of the rows here, `id:` the journal sequence on the last event of that sequence. Send
`Last-Event-ID` to resume; `event: reset` says that is too old and the lists are to be read again."""

PAGES = ("/", "/console", "/console/heats", "/console/karts", "/console/drivers", "/console/recordings", "/console/verify",
         "/console/units", "/console/log", "/console/setup", "/pit", "/kiosk", "/display/{name}", "/sessions/{id}",
         "/sessions/{id}/incidents", "/sessions/{id}/analysis", "/laps/{id}", "/drivers/{id}", "/leaderboards",
         "/karts", "/help", "/components")
"""What people open; each is described in the README."""


@dataclass(frozen=True, slots=True)
class Web:
    """The ASGI application, and how to end its event streams before the server stops."""

    app: ASGIApp
    end_streams: Callable[[], None]
    screens: Screens


def create_app(appliance: Appliance) -> Web:
    """The web over an opened appliance; its lifespan starts and stops the appliance."""
    screens, stream = Screens(appliance), Stream(appliance)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await appliance.start()
        beat = asyncio.create_task(screens.beat_forever(), name="beat")
        yield
        beat.cancel()
        await appliance.stop()

    def render_error(status: int, sentence: str) -> str:
        return render("error.html", page=PageView("Not possible", appliance.settings.venue.name), status=status,
                      sentence=sentence)

    app = Litestar(
        route_handlers=[
            api.RosterApi, api.SessionsApi, RecordingsApi, LapsApi, AnalysisApi, UnitsApi, api.health, api.metrics,
            stream_handler(stream), live_handler(screens), pages.board, pages.display, pages.karts,
            *racing.HANDLERS, console.karts, console.save_kart,
            console.drivers, console.add_driver, console.setup, console.save_setup, console.login_page, console.login,
            console.logout, *panels.HANDLERS, *heats.HANDLERS, *log.HANDLERS, *sheets.HANDLERS, *pit.HANDLERS,
            *kiosk.HANDLERS, *recordings.HANDLERS, *drawing.HANDLERS, *cornerpage.HANDLERS, *verifying.HANDLERS,
            *analysis.HANDLERS, *laps.HANDLERS, *drivers.HANDLERS, *leaderboards.HANDLERS, *units.HANDLERS, *parts.HANDLERS,
            *manual.HANDLERS,
            create_static_files_router("/static", directories=[assets("static")], opt=PUBLIC, include_in_schema=False,
                                       cache_control=CacheControlHeader(max_age=31_536_000, immutable=True)),
        ],
        dependencies={"appliance": Provide(lambda: appliance, sync_to_thread=False),
                      "units": Provide(lambda: appliance.units, sync_to_thread=False),
                      "screens": Provide(lambda: screens, sync_to_thread=False)},
        guards=app_guards(read_login=appliance.settings.server.read_login),
        middleware=[authentication(appliance.staff)],
        exception_handlers=dict(exception_handlers(render_error)),  # type: ignore[arg-type]  # its keys are invariant
        lifespan=[lifespan],
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OpenAPIConfig(
            title="trackd", version=__version__, path="/schema", render_plugins=[JsonRenderPlugin()],
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
            use_handler_docstrings=True, description=ABOUT),
        logging_config=None, debug=False,
    )

    def end_streams() -> None:
        screens.close()
        stream.close()

    return Web(SecurityHeaders(app), end_streams, screens)
