"""Pages for everybody: the board, displays, karts, help."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import MediaType, Response, get
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from trackd.core.errors import NotFound
from trackd.services.appliance import Appliance
from trackd.services.staff import may
from trackd.web.auth import csrf_token, principal
from trackd.web.desk import KartLine, form_view
from trackd.web.given import AnyRequest, TheAppliance, TheScreens
from trackd.web.history import done_view
from trackd.web.moment import Moment
from trackd.web.render import render
from trackd.web.showing import TRACK, track_names
from trackd.web.views import PageView

DESKS = frozenset({"heats", "karts", "drivers", "setup", "recordings"})
"""Pages beside race control: each tells what was done last, with its undo (A10)."""


def page_view(request: AnyRequest, appliance: Appliance, title: str, current: str = "", *, session: str = "") -> PageView:
    """The frame of a page for whoever asks. ``session``: the page is about it, and tells what was done last in it."""
    who, done = principal(request), None
    orders = may(who, "orders")
    if ((current in DESKS or session) and orders) or (current == "recordings" and may(who, "recordings")):
        clock, titles = appliance.live.clock, {info.id: info.name for info in appliance.today.values()}
        back = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        done = done_view(appliance.live.acts, appliance.live.names, Moment(clock.now(), clock.wall()), back,
                         session=session, titles=titles, admin=may(who, "admin"), orders=orders)
    return PageView(title, appliance.settings.venue.name, current, who.name if who else "", who.role if who else "",
                    csrf_token(request), done)


def html(template: str, **context: Any) -> Response[str]:
    """A rendered page; never kept by a browser, since it shows the moment."""
    return Response(render(template, **context), media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})


def guest_page(request: AnyRequest, appliance: Appliance) -> Response[Any] | None:
    """What a guest gets instead of a console page: set-up before the first staff, then the sign-in; None for staff."""
    if principal(request) is not None:
        return None
    if appliance.staff.setup_code() is not None:
        return html("console/first.html", page=page_view(request, appliance, "Set up"), form=form_view())
    return Redirect(f"/console/login?next={quote(request.url.path)}", status_code=303)


async def form_of(request: AnyRequest) -> dict[str, list[str]]:
    """The form that was sent: every field with all its values."""
    data = await request.form()
    return {name: [str(value) for value in data.getall(name)] for name in data}


def stream_of(appliance: Appliance, track: str) -> str:
    """What the stream of a live page is called: what is on now, at the venue or on one of its tracks. Raises NotFound."""
    if not track:
        return "now"
    if track not in track_names(appliance):
        raise NotFound(f"There is no track '{track}' here.")
    return TRACK + track


@get("/", include_in_schema=False)
async def board(request: AnyRequest, appliance: TheAppliance, screens: TheScreens,
                track: FromQuery[str] = "") -> Response[str]:
    """What is on now, at the venue or on one of its tracks."""
    return html("board.html", page=page_view(request, appliance, "Live"),
                view=screens.view("board", stream_of(appliance, track)))


@get("/display/{name:str}", include_in_schema=False)
async def display(request: AnyRequest, appliance: TheAppliance, screens: TheScreens, name: FromPath[str],
                  track: FromQuery[str] = "") -> Response[str]:
    """A television. ``name`` is the screen's own, for whoever looks at the log."""
    return html("display/order.html", page=page_view(request, appliance, f"Display {name}"),
                view=screens.view("display", stream_of(appliance, track)))


@get("/karts", include_in_schema=False)
async def karts(request: AnyRequest, appliance: TheAppliance) -> Response[str]:
    """The karts of the venue."""
    return html("karts.html", page=page_view(request, appliance, "Karts"), karts=kart_lines(appliance))


def kart_lines(appliance: Appliance) -> list[KartLine]:
    """All karts in the order of their numbers."""
    found = dict(appliance.live.writer.venue.karts).values()
    return [KartLine(kart.number, kart.transponders, kart.kart_class or "")
            for kart in sorted(found, key=lambda kart: (len(kart.number), kart.number))]
