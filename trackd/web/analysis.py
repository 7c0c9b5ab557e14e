"""The page of a session's analysis, and of a recording's, which no session may know of."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from trackd.services.appliance import Appliance
from trackd.services.fields import field_best, session_runs
from trackd.services.pace import Ran, analysed, ran_alone
from trackd.services.recorded import laps_of, recording
from trackd.timing.board import Board
from trackd.web.analysisviews import AnalysisPage, field_view, page_of
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import when_of
from trackd.web.matrix import key_of
from trackd.web.pages import html, page_view


@get("/sessions/{session_id:str}/analysis", include_in_schema=False)
async def session_analysis(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str],
                           over: FromQuery[str] = "session") -> Response[str]:
    """What the laps of a session come to; ``over``: the field of the composite, see services.fields."""
    board, runs = await ordered(appliance, session_id)
    info = board.session
    best = await field_best(appliance, info, runs, over)
    heats = {each: (await appliance.reading.session(each)).name
             for each in {ran.session for ran, _ in best.sources.values()} - {session_id}}
    when = when_of(info.green_at_us or info.created_at_us, appliance.zone)
    layout = appliance.with_layout_name(info).layout or ""

    def view() -> AnalysisPage:
        return page_of(analysed(runs, info.ranking), title=info.name, about=" · ".join(filter(None, (when, layout))),
                       back=(f"/sessions/{session_id}", info.name), address=f"/sessions/{session_id}/analysis",
                       data=f"/api/v1/sessions/{session_id}/analysis",
                       field=field_view(best, runs, _classes(appliance, runs), heats, session_id))
    return html("analysis.html", page=page_view(request, appliance, f"Analysis of {info.name}"),
                view=await asyncio.to_thread(view))


@get("/recordings/{recording_id:str}/analysis", include_in_schema=False)
async def recording_analysis(request: AnyRequest, appliance: TheAppliance, recording_id: FromPath[str]) -> Response[str]:
    """What the laps of a recording come to, whoever drove it."""
    found = await recording(appliance.reading, recording_id)
    ran = ran_alone(found.id, found.kart or "", "" if found.kart else "This recording",
                    await laps_of(appliance.reading, found.driven))
    record = dict(appliance.live.writer.venue.layouts).get(found.layout or "")
    about = " · ".join(filter(None, (f"kart {found.kart}" if found.kart else "", record.name if record else "",
                                     when_of(found.came_us, appliance.zone))))

    def view() -> AnalysisPage:
        return page_of(analysed([ran], "best_lap"), title="A recording", about=about, gps_only=True,
                       back=(f"/console/recordings/{found.id}", "Recording"), address=f"/recordings/{found.id}/analysis")
    return html("analysis.html", page=page_view(request, appliance, "Analysis of a recording"),
                view=await asyncio.to_thread(view))


async def ordered(appliance: Appliance, session_id: str) -> tuple[Board, list[Ran]]:
    """A session and who drove it, in the order of its result. Raises NotFound."""
    board = await appliance.board(session_id)
    runs = {ran.key: ran for ran in await session_runs(appliance, session_id)}
    rows = [key for row in board.rows if (key := key_of(row)) in runs]
    return board, [runs[key] for key in (*rows, *(key for key in runs if key not in rows))]


def _classes(appliance: Appliance, runs: list[Ran]) -> list[str]:
    karts = dict(appliance.live.writer.venue.karts)
    return sorted({own for ran in runs for lap in ran.laps if lap.kart in karts and (own := karts[lap.kart].kart_class)})


HANDLERS: list[Any] = [session_analysis, recording_analysis]
