"""Pages for everybody: the board, displays, results, karts, help."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import segno
from litestar import MediaType, Response, get
from litestar.params import FromPath

from trackd.core.time import lap_text
from trackd.services.appliance import Appliance
from trackd.services.happenings import lap_row
from trackd.web.auth import csrf_token, principal
from trackd.web.desk import KartLine
from trackd.web.given import AnyRequest, TheAppliance, TheScreens
from trackd.web.render import render
from trackd.web.sheet import LapLine, result_view
from trackd.web.views import PageView, VenueView


def page_view(request: AnyRequest, appliance: Appliance, title: str, current: str = "") -> PageView:
    """The frame of a page for whoever asks."""
    who = principal(request)
    return PageView(title, appliance.settings.venue.name, current, who.name if who else "", who.role if who else "",
                    csrf_token(request))


def html(template: str, **context: Any) -> Response[str]:
    """A rendered page; never kept by a browser, since it shows the moment."""
    return Response(render(template, **context), media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})


@get("/", include_in_schema=False)
async def board(request: AnyRequest, appliance: TheAppliance, screens: TheScreens) -> Response[str]:
    """What is on now."""
    return html("board.html", page=page_view(request, appliance, "Live"), view=screens.view("board", "now"))


@get("/display/{name:str}", include_in_schema=False)
async def display(request: AnyRequest, appliance: TheAppliance, screens: TheScreens, name: FromPath[str]) -> Response[str]:
    """A television. ``name`` is the screen's own, for whoever looks at the log."""
    return html("display/order.html", page=page_view(request, appliance, f"Display {name}"),
                view=screens.view("display", "now"))


@get("/sessions/{session_id:str}", include_in_schema=False)
async def session(request: AnyRequest, appliance: TheAppliance, screens: TheScreens,
                  session_id: FromPath[str]) -> Response[str]:
    """A live board while the session is on, its result sheet afterwards; `.csv` gives every lap."""
    if session_id.endswith(".csv"):
        return await _csv(appliance, session_id.removesuffix(".csv"))
    found = await appliance.board(session_id)
    title = found.session.name
    if found.session.state in ("staged", "running", "paused", "finishing"):
        return html("board.html", page=page_view(request, appliance, title), view=screens.view("board", session_id))
    venue = VenueView(appliance.settings.venue.name, appliance.zone)
    qr = segno.make_qr(str(request.url)).svg_inline(omitsize=True, border=2)
    found = replace(found, session=appliance.with_layout_name(found.session))
    sheet = result_view(found, await _laps(appliance, session_id), await appliance.named(found), venue, qr=qr)
    return html("sessions/result.html", page=page_view(request, appliance, title), sheet=sheet)


@get("/karts", include_in_schema=False)
async def karts(request: AnyRequest, appliance: TheAppliance) -> Response[str]:
    """The karts of the venue."""
    return html("karts.html", page=page_view(request, appliance, "Karts"), karts=kart_lines(appliance))


@get("/help", include_in_schema=False)
async def help_page(request: AnyRequest, appliance: TheAppliance) -> Response[str]:
    """The manual."""
    return html("help/index.html", page=page_view(request, appliance, "Help"))


def kart_lines(appliance: Appliance) -> list[KartLine]:
    """All karts in the order of their numbers."""
    found = dict(appliance.live.writer.venue.karts).values()
    return [KartLine(kart.number, kart.transponders, kart.kart_class or "")
            for kart in sorted(found, key=lambda kart: (len(kart.number), kart.number))]


async def _laps(appliance: Appliance, session_id: str) -> list[LapLine]:
    shot = appliance.live.shots.get(session_id)
    rows = ([lap_row(shot, entry, lap, {}) for entry in shot.heat.entries.values() for lap in entry.laps]
            if shot is not None else await appliance.reading.laps(session_id))
    return [LapLine(row["kart"], row["number"], row["time_us"], row["at_us"], row["kind"], row["verdict"], row["source"])
            for row in rows]


async def _csv(appliance: Appliance, session_id: str) -> Response[str]:
    """Every lap of a session, one a line, times in seconds cut to the millisecond."""
    found = await appliance.board(session_id)
    names = await appliance.named(found)
    rows = {row.kart: row for row in found.rows}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["position", "kart", "driver", "lap", "time", "time_us", "kind", "verdict", "source"])
    for lap in await _laps(appliance, session_id):
        row = rows[lap.kart]
        writer.writerow([row.position, _safe(lap.kart), _safe(names.get(row.driver_id or "", "")), lap.number,
                         lap_text(lap.time_us), lap.time_us, lap.kind, lap.verdict, lap.source])
    return Response(out.getvalue(), media_type="text/csv",
                    headers={"Content-Disposition": f'attachment; filename="session-{session_id}.csv"'})


def _safe(text: str) -> str:
    """A name or number that a spreadsheet does not take for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
