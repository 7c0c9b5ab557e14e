"""The page of a lap: where it was driven, how fast, and where it gained or lost against others; laps as files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath, QueryParameter
from litestar.response import File

from trackd.core.errors import BadInput, NotFound, Refused
from trackd.core.time import Micros
from trackd.services import lapstints, laptraces
from trackd.services.appliance import Appliance
from trackd.services.lapfiles import aim_csv, gpx, stretch
from trackd.services.recorded import GpsLap, Recorded, laps_of, recording
from trackd.web.auth import requires
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.lapfigures import name_of, time_of
from trackd.web.lapviews import LapPage, VerdictView, lap_page
from trackd.web.pages import html, page_view
from trackd.web.recordings_api import gps_lap_row, recording_row
from trackd.web.verifying import verdict_view

KINDS = {"csv": "text/csv", "json": "application/json", "gpx": "application/gpx+xml"}

With = Annotated[list[str] | None, QueryParameter(name="with", description="another lap in the picture")]


@get("/laps/{lap_id:str}", include_in_schema=False)
async def lap(request: AnyRequest, appliance: TheAppliance, lap_id: FromPath[str], others: With = None) -> Response[str]:
    """One lap, and up to three more laid over it."""
    view = await view_of(appliance, lap_id, others or [], await verdict_view(appliance, lap_id))
    return html("lap.html", page=page_view(request, appliance, f"Lap {view.time.text}"), view=view)


async def view_of(appliance: Appliance, lap_id: str, others: Sequence[str], verdict: VerdictView | None = None) -> LapPage:
    """The page of a lap. What cannot be laid over it stays out, with a sentence. Raises NotFound for the lap itself."""
    first = await laptraces.driven(appliance, lap_id)
    laps, note = [first], ""
    for other in others:
        try:
            laps = laptraces.joined(laps, await laptraces.driven(appliance, other))
        except (NotFound, Refused) as error:
            note = str(error)
    try:
        laid = await laptraces.laid(appliance, laps)
    except BadInput as error:
        laid, note = None, f"The recording cannot be read any more: {error.faults[0].what}"
    stint, offers = await lapstints.stint(appliance, first), await lapstints.offers(appliance, first)
    return await asyncio.to_thread(lap_page, laps, laid, stint, offers, appliance.zone, note, verdict)


# --- files ------------------------------------------------------------------------------------------------------------


@get("/recordings/{recording_id:str}/file", guards=[requires("read")], include_in_schema=False)
async def file(appliance: TheAppliance, recording_id: FromPath[str]) -> File:
    """The file as it came, for staff: loggers write names of people into theirs."""
    found = await recording(appliance.reading, recording_id)
    path = appliance.recordings.files.path(found.sha256)
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("The file of this recording is not on the disk any more.")
    return File(path, filename=_named(found.name or found.id),
                media_type="application/octet-stream", content_disposition_type="attachment")


@get("/recordings/{recording_id:str}/{name:str}", include_in_schema=False)
async def recording_export(appliance: TheAppliance, recording_id: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A recording with its laps: `export.csv`, `export.json` or `export.gpx`."""
    found = await recording(appliance.reading, recording_id)
    laps = await laps_of(appliance.reading, found.driven)
    return await _export(appliance, found, laps, name, f"recording-{found.id}")


@get("/laps/{lap_id:str}/{name:str}", include_in_schema=False)
async def lap_export(appliance: TheAppliance, lap_id: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A lap that a recording tells of: `export.csv`, `export.json` or `export.gpx`."""
    found = await laptraces.driven(appliance, lap_id)
    recorded, gps = found.twin.recorded, found.twin.gps
    if recorded is None or gps is None:
        raise NotFound(f"No recording tells of lap {lap_id}.")
    return await _export(appliance, recorded, [gps], name, f"lap-{_named(lap_id)}", f"{time_of(found)}, {name_of(found)}")


async def _export(appliance: Appliance, recorded: Recorded, laps: Sequence[GpsLap], asked: str, name: str,
                  title: str = "") -> Response[bytes]:
    """The whole recording, or with a ``title`` the one lap."""
    kind = asked.removeprefix("export.")
    if kind == asked or kind not in KINDS:
        raise NotFound("There is export.csv, export.json and export.gpx.")
    found = await appliance.recordings.read(recorded.sha256, recorded.name)

    def written() -> bytes:
        trace = stretch(found.trace, laps[0].start_us, laps[0].start_us + laps[0].time_us) if title else found.trace
        marks = crossed(laps)
        venue = appliance.settings.venue.name
        if kind == "csv":
            return aim_csv(trace, marks, venue=venue, kart=recorded.kart or "", device=found.device)
        if kind == "gpx":
            about = f"{venue}, kart {recorded.kart}." if recorded.kart else f"{venue}."
            return gpx(trace, found.utc_us, name=title or name, about=about)
        columns = {"t_us": trace.t_us, "lat_deg": trace.lat_deg, "lon_deg": trace.lon_deg, "speed_mps": trace.speed_mps}
        return msgspec.json.encode({"recording": recording_row(recorded), "laps": [gps_lap_row(each) for each in laps],
                                    "trace": {column: values.tolist() for column, values in columns.items()}})

    return Response(await asyncio.to_thread(written), media_type=KINDS[kind],
                    headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'})


def crossed(laps: Sequence[GpsLap]) -> list[Micros]:
    """Where full laps began and ended, on the recording's clock."""
    full = [each for each in laps if each.kind == "full"]
    return sorted({us for each in full for us in (each.start_us, each.start_us + each.time_us)})


def _named(name: str) -> str:
    """A file name that is nothing but that."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-") or "recording"


HANDLERS: list[Any] = [lap, file, recording_export, lap_export]
