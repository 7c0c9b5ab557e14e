"""Recordings in the console: files in, how each stands, and the decisions that are left to a person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from trackd.core.errors import BadInput, Fault, TrackdError
from trackd.services import recorded
from trackd.services.agreeing import agreement_of
from trackd.services.appliance import Appliance
from trackd.services.missedreads import missed_reads
from trackd.services.recorded import Recorded
from trackd.services.staff import may
from trackd.web.auth import check, principal
from trackd.web.desk import faults_of
from trackd.web.forms import one
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import RecordingLine, agreement_view, line_of, missed_view, recording_view
from trackd.web.pages import form_of, guest_page, html, page_view
from trackd.web.tracing import map_view

SHOWN = 100


@get("/console/recordings", include_in_schema=False)
async def all_recordings(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """The newest recordings, and the form for more."""
    return guest_page(request, appliance) or await _list(request, appliance)


async def _list(request: AnyRequest, appliance: Appliance) -> Response[str]:
    found = [each for _, each in await recorded.all_recordings(appliance.reading, 0, SHOWN)]
    lines = await _lines(appliance, found)
    return html("console/recordings.html", page=page_view(request, appliance, "Recordings", "recordings"), lines=lines,
                waiting=any(each.state == "waiting" for each in found),
                may_add=may(principal(request), "recordings"))


async def _lines(appliance: Appliance, found: Sequence[Recorded]) -> list[RecordingLine]:
    laps = await recorded.laps_of_all(appliance.reading, (each.driven for each in found))
    heats = {session: (await appliance.reading.session(session)).name
             for session in {each.session for each in found if each.session}}
    layouts = layout_names(appliance)
    return [line_of(each, laps.get(each.driven or 0, []), appliance.zone, layouts, heats) for each in found]


def layout_names(appliance: Appliance) -> dict[str, str]:
    """Names of layouts by id."""
    return {layout_id: record.name for layout_id, record in dict(appliance.live.writer.venue.layouts).items()}


@get("/console/recordings/{recording_id:str}", include_in_schema=False)
async def recording(request: AnyRequest, appliance: TheAppliance, recording_id: FromPath[str]) -> Response[Any]:
    """One recording: its laps on the track, and whose it is."""
    return guest_page(request, appliance) or await _one(request, appliance, recording_id)


@post("/console/recordings/{recording_id:str}", status_code=200, include_in_schema=False)
async def decide(request: AnyRequest, appliance: TheAppliance, recording_id: FromPath[str]) -> Response[Any]:
    """What a person decides about it: ``kart``, ``none``, a ``layout``, ``count`` a missed read, or ``approve``."""
    who = check(request, "recordings")
    values = await form_of(request)
    act, recordings = one(values, "act"), appliance.recordings
    try:
        if act == "kart":
            session, _, kart = one(values, "whose").partition("/")
            await recordings.assign(recording_id, session, kart, who.name)
        elif act == "none":
            await recordings.assign(recording_id, None, "", who.name)
        elif act == "layout":
            await recordings.on_layout(recording_id, one(values, "layout"), who.name)
        elif act == "count":
            session, _, at_us = one(values, "missed").partition("/")
            kart = one(values, "kart")
            check(request, "orders")
            await appliance.order(session, "insert_crossing", {"kart": kart, "at_us": int(at_us), "source": "gps",
                                                               "reason": "The kart's own GPS crossed the line."}, who.name)
        elif act == "approve":
            await recordings.approve(recording_id, who.name)
        else:
            raise BadInput(Fault("act", "must be kart, none, layout, count or approve"))
    except TrackdError as error:
        return await _one(request, appliance, recording_id, tuple(map(str, faults_of(error))))
    return Redirect(f"/console/recordings/{recording_id}", status_code=303)


async def _one(request: AnyRequest, appliance: Appliance, recording_id: str, faults: tuple[str, ...] = ()) -> Response[str]:
    each = await recorded.recording(appliance.reading, recording_id)
    laps = await recorded.laps_of(appliance.reading, each.driven)
    line = (await _lines(appliance, [each]))[0]
    picture = None
    if each.read is not None and not each.read.refused:
        found = await appliance.recordings.read(each.sha256, each.name)
        picture = await asyncio.to_thread(map_view, found, _gates(appliance, each.layout))
    missed = [found for found in await missed_reads(appliance, each.session) if found.recording == each.id
              ] if each.state == "matched" and each.session else []
    return html("console/recording.html", page=page_view(request, appliance, line.name, "recordings"), map=picture,
                view=recording_view(each, laps, line, appliance.zone), faults=faults, whose=_choices(appliance),
                missed=[missed_view(found) for found in missed],
                agreement=agreement_view(await agreement_of(appliance.reading, each)),
                layouts=sorted(layout_names(appliance).items(), key=lambda pair: pair[1]),
                may_decide=may(principal(request), "recordings"), may_draw=may(principal(request), "admin"))


def _gates(appliance: Appliance, layout_id: str | None) -> list[Any]:
    from trackd.services.driving import lines_of

    record = appliance.live.writer.venue.layouts.get(layout_id or "")
    layout = lines_of(record) if record is not None else None
    if layout is None:
        return []
    return [gate for gate in (layout.start_finish, *layout.sectors, layout.pit_in, layout.pit_out) if gate is not None]


def _choices(appliance: Appliance) -> list[tuple[str, str]]:
    """Karts of today's heats, the newest heat first: what a recording may have been in."""
    found = []
    for info in reversed(appliance.heats()):
        board = appliance.live.board_now(info.id)
        found += [(f"{info.id}/{row.kart}", f"{info.name}, kart {row.kart}") for row in (board.rows if board else ())]
    return found


HANDLERS: list[Any] = [all_recordings, recording, decide]
