"""Result sheets on paper and screen: versions, attempts, incidents, CSV; opening and confirming a result from its page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import segno
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.time import lap_text
from trackd.services.appliance import Appliance
from trackd.services.evidence import look_back
from trackd.services.reading import Notes
from trackd.services.snapshots import Snapshot
from trackd.services.staff import may
from trackd.services.verifying import stored_verdicts
from trackd.timing.acts import Act
from trackd.timing.board import Board, SessionInfo
from trackd.timing.laps import Entry, Lap
from trackd.web.auth import check, principal
from trackd.web.decisions import Papers
from trackd.web.given import AnyRequest, TheAppliance, TheScreens
from trackd.web.matrix import LapLine, key_of
from trackd.web.pages import html, page_view
from trackd.web.sheet import SheetView, StaffPart, result_view
from trackd.web.views import VenueView

ON = frozenset({"staged", "running", "paused", "finishing"})
"""States in which a session's page is its live board."""

CSV_HEAD = ("position", "kart", "driver", "lap", "time", "time_us", "kind", "verdict", "source", "edited", "counts")


@dataclass(frozen=True, slots=True)
class Result:
    """A session with all that its sheet tells."""

    board: Board
    laps: Sequence[LapLine]
    names: Mapping[str, str]
    papers: Papers
    verified: Mapping[tuple[str, int], str] = field(default_factory=dict)     # by entry and lap


@get("/sessions/{session_id:str}", include_in_schema=False)
async def session(request: AnyRequest, appliance: TheAppliance, screens: TheScreens, session_id: FromPath[str],
                  version: FromQuery[int] = 0) -> Response[str]:
    """A live board while the session is on, its result sheet afterwards; `.csv` gives every lap."""
    if session_id.endswith(".csv"):
        return _csv(await result(appliance, session_id.removesuffix(".csv"), version))
    found = await appliance.board(session_id)
    if found.session.state in ON and not version:
        return html("board.html", page=page_view(request, appliance, found.session.name),
                    view=screens.view("board", session_id))
    return await _page(request, appliance, session_id, version)


@get("/sessions/{session_id:str}/incidents", include_in_schema=False)
async def incidents(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str]) -> Response[str]:
    """The incident log of a session: what was seen, what was decided, by whom. Made to be printed."""
    found = await result(appliance, session_id)
    sheet = _view(appliance, found, "")
    return html("sessions/incidents.html", page=page_view(request, appliance, f"Incidents, {sheet.title}"), sheet=sheet)


@post("/console/sessions/{session_id:str}/result", status_code=200, include_in_schema=False)
async def decide(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str]) -> Response[Any]:
    """Open an official result again, with the reason, or make a provisional one official; then its sheet as it is."""
    who = check(request, "orders")
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    name, reason = form.get("order", ""), form.get("reason", "")
    if name not in ("amend", "confirm"):
        raise BadInput(Fault("order", "must be amend or confirm"))
    if name == "amend" and not reason:
        return await _page(request, appliance, session_id, fault="Say why: the reason stands on the new version.")
    try:
        await appliance.order(session_id, name, {"reason": reason} if name == "amend" else {}, who.name)
    except (Refused, BadInput) as error:
        return await _page(request, appliance, session_id, fault=str(error))
    return Redirect(f"/sessions/{session_id}", status_code=303)


async def _page(request: AnyRequest, appliance: Appliance, session_id: str, version: int = 0, *,
                fault: str = "") -> Response[str]:
    found = await result(appliance, session_id, version)
    address = str(request.base_url).rstrip("/") + f"/sessions/{session_id}"
    sheet = _view(appliance, found, segno.make_qr(address).svg_inline(omitsize=True, border=2))
    if may(principal(request), "orders"):
        sheet = replace(sheet, staff=StaffPart(fault))
    return html("sessions/result.html", sheet=sheet,
                page=page_view(request, appliance, sheet.title, session="" if version else session_id))


def _view(appliance: Appliance, found: Result, qr: str) -> SheetView:
    venue = VenueView(appliance.settings.venue.name, appliance.zone)
    return result_view(found.board, found.laps, found.names, venue, papers=found.papers, qr=qr,
                       verified=found.verified)


async def result(appliance: Appliance, session_id: str, version: int = 0) -> Result:
    """A session as it stands, or as it was when a version of its result was made official. Raises NotFound."""
    reading = appliance.reading
    now = await appliance.board(session_id)
    versions = await reading.versions(session_id)
    before = await reading.bests_before(now.session, (row.driver_id for row in now.rows if row.driver_id))
    acts = await reading.session_acts(session_id)
    if version:
        then = await reading.board(session_id, version)
        until = next(each.seq for each in versions if each.version == version)
        seen = await look_back(appliance, session_id, until)
        acts = await reading.session_acts(session_id, until)
        board, laps = replace(now, rows=then.rows), _laps_of(seen.shot)
        notes = msgspec.convert(msgspec.to_builtins(seen.notes), Notes)
    else:
        board, laps, notes = now, await _laps(appliance, session_id, acts), await reading.notes(session_id)
    names = await appliance.named(replace(board, rows=(*board.rows, *(r for each in notes.attempts for r in each.rows))))
    info = appliance.with_layout_name(board.session)
    if info.layout and info is board.session:                    # taken out since: its name is in the journal
        info = replace(info, layout=await reading.layout_name(info.layout))
    return Result(replace(board, session=info), laps, names, Papers(versions, notes, acts, before, version),
                  await _verified(appliance, info, version))


async def _verified(appliance: Appliance, info: SessionInfo, version: int) -> dict[tuple[str, int], str]:
    """The verdict on each lap of a result as it stands; none before it is official, and on what was before."""
    if info.state != "official" or version not in (0, info.version):
        return {}
    return await stored_verdicts(appliance.reading, info.id)


def _laps_of(shot: Snapshot) -> list[LapLine]:
    """The laps of a session that is in memory."""
    def line(entry: Entry, lap: Lap, *, struck: bool) -> LapLine:
        return LapLine(lap.kart, lap.number, lap.time_us, lap.end_us, lap.kind, lap.verdict, lap.source, entry.id, struck,
                       bool(lap.edits))

    return [line(entry, lap, struck=struck) for entry in shot.heat.entries.values()
            for struck, laps in ((False, entry.laps), (True, entry.struck)) for lap in laps]


async def _laps(appliance: Appliance, session_id: str, acts: Sequence[Act]) -> list[LapLine]:
    """The laps of any session; of one at rest a lap is known to be struck by the order that voided it."""
    shot = appliance.live.shots.get(session_id)
    if shot is not None:
        return _laps_of(shot)
    voids = {act.seq for act in acts if act.name == "void_lap"}
    return [LapLine(row["kart"], row["number"], row["time_us"], row["at_us"], row["kind"], row["verdict"], row["source"],
                    row["entry"], row["verdict"] == "void" and not voids.isdisjoint(row["edits"]), bool(row["edits"]))
            for row in await appliance.reading.laps(session_id)]


def _csv(found: Result) -> Response[str]:
    """Every lap of a session, one a line, times in seconds cut to the millisecond."""
    rows = {key_of(row): row for row in found.board.rows}
    order = {key: index for index, key in enumerate(rows)}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_HEAD)
    for lap in sorted(found.laps, key=lambda lap: (order[lap.key], lap.number, lap.at_us)):
        row = rows[lap.key]
        writer.writerow([row.position, _safe(lap.kart), _safe(found.names.get(row.driver_id or "", "")), lap.number,
                         lap_text(lap.time_us), lap.time_us, lap.kind, lap.verdict, lap.source,
                         "yes" if lap.edited else "no", "no" if lap.struck else "yes"])
    name = found.board.session.id + (f"-v{found.papers.shown}" if found.papers.shown else "")
    return Response(out.getvalue(), media_type="text/csv",
                    headers={"Content-Disposition": f'attachment; filename="session-{name}.csv"'})


def _safe(text: str) -> str:
    """A name or number that a spreadsheet does not take for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


HANDLERS: list[Any] = [session, incidents, decide]
