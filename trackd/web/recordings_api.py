"""The API of recordings: files in, what was found in them, laps with their traces."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, QueryParameter

from trackd.core.errors import BadInput, Fault
from trackd.core.time import rfc3339
from trackd.services.recorded import GpsLap, Recorded, all_recordings, laps_of, recording
from trackd.services.recordings import FILE_MOST
from trackd.services.shapes import GpsLapRow, RecordingList, RecordingRow, RecordingWithLaps
from trackd.web.auth import principal, requires
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.paging import After, Limit, page

From = Annotated[Literal["api", "upload", "kiosk"], QueryParameter(name="from", description="where it was put in")]

FORM_MOST = FILE_MOST + 100_000
"""Bytes of a form with a file in it."""


class RecordingsApi(Controller):
    """Recordings and the laps found in them."""

    path = "/api/v1"
    tags = ("recordings",)

    @post("/recordings", guards=[requires("recordings")], request_max_body_size=FORM_MOST)
    async def add(self, appliance: TheAppliance, request: AnyRequest, came: From = "api") -> Response[RecordingRow]:
        """A file of a GPS logger, as the field `file` of a form: XRK, XRZ, AiM CSV, RaceChrono CSV, VBO, NMEA, DOVEX, GPX.

        201 with its id; 200 when that very file is known. It is read afterwards: `state` becomes refused (with its reason),
        unknown (no layout fits), unmatched, proposed or matched.
        """
        found = (await request.form()).get("file")
        if not isinstance(found, UploadFile):
            raise BadInput(Fault("file", "missing"))
        who = principal(request)
        recording_id, known = await appliance.recordings.receive(await found.read(), found.filename or "", came,
                                                                 who.name if who else "")
        row = recording_row(await recording(appliance.reading, recording_id))
        return Response(row, status_code=200 if known else 201)

    @get("/recordings")
    async def recordings(self, appliance: TheAppliance, before: After = 0, limit: Limit = 100) -> RecordingList:
        """Recordings, the newest first."""
        found = await all_recordings(appliance.reading, before, limit + 1)
        items, cursor = page(found, limit, lambda row: row[0])
        return {"items": [recording_row(each) for _, each in items], "next": cursor}

    @get("/recordings/{recording_id:str}")
    async def one(self, appliance: TheAppliance, recording_id: FromPath[str]) -> RecordingWithLaps:
        """One recording with its laps."""
        found = await recording(appliance.reading, recording_id)
        laps = await laps_of(appliance.reading, found.driven)
        return {**recording_row(found), "laps": [gps_lap_row(lap) for lap in laps]}


def recording_row(each: Recorded) -> RecordingRow:
    """A recording as the API gives it."""
    read, match = each.read, each.match
    return {
        "id": each.id, "name": each.name, "state": each.state, "source": each.source, "unit": each.unit,
        "size": each.size, "sha256": each.sha256, "received_at": rfc3339(each.came_us),
        "format": read.format if read else None, "device": read.device if read else None,
        "recorded_at": rfc3339(read.utc_us) if read and read.utc_us is not None else None,
        "duration_us": read.duration_us if read else None, "gps_hz": read.rate_hz if read else None,
        "faults": list(read.faults) if read else [], "layout": each.layout, "session": each.session, "kart": each.kart,
        "reason": " ".join(filter(None, (read.refused if read else "", each.reason, match.reason if match else "")))}


def gps_lap_row(lap: GpsLap) -> GpsLapRow:
    """A lap of a recording as the API gives it."""
    return {"id": lap.id, "number": lap.number, "kind": lap.kind, "start_us": lap.start_us, "time_us": lap.time_us,
            "sigma_us": lap.sigma_us, "sectors_us": list(lap.sectors_us), "max_speed_kmh": lap.max_speed_kmh,
            "flags": list(lap.flags), "quality": lap.quality}
