"""The API of single laps: their traces, and laps compared with laps."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from litestar import Controller, get
from litestar.params import FromPath, FromQuery, QueryParameter

from trackd.core.errors import NotFound, Refused
from trackd.services.appliance import Appliance
from trackd.services.laptraces import Driven, Laid, laid, pictured
from trackd.services.recorded import gps_lap
from trackd.services.shapes import GpsLapRow
from trackd.web.given import TheAppliance
from trackd.web.lapfigures import rounded
from trackd.web.recordings_api import gps_lap_row

Other = Annotated[str | None, QueryParameter(description="another lap")]


class RecordedLapRow(GpsLapRow):
    """A lap of a recording with the recording it is of, and the kart and session it was matched with."""

    recording: str
    layout: str | None
    kart: str | None
    session: str | None
    state: str


class TraceBody(TypedDict):
    """A lap over the metres of its layout's line; null where unknown. ``method``: line (projected on it), distance (by the
    share of its own way) or unknown (it did not follow the line). ``delta_us`` to lap `a`: negative is faster.
    """

    id: str
    time_us: int
    driver: str | None
    kart: str | None
    method: str
    off_line_p95_m: float | None
    t_us: list[float | None]
    delta_us: list[float | None]
    speed_kmh: list[float | None]
    lat_deg: list[float | None]
    lon_deg: list[float | None]


class CornerRow(TypedDict):
    """A corner of the layout, metres along its line; ``pace``: slow, medium, fast. ``laps``: as each lap drove it, in their
    order; ``lost_us`` there to lap `a`, ``sigma_us`` one standard deviation of that.
    """

    number: int
    name: str
    direction: str
    entry_m: float
    apex_m: float
    exit_m: float
    pace: str | None
    laps: list[dict[str, Any]]


class ComparedBody(TypedDict):
    """Laps over the same metres."""

    layout: str | None
    length_m: float
    distance_m: list[float]
    laps: list[TraceBody]
    corners: list[CornerRow]


class LapsApi(Controller):
    """Laps with their traces."""

    path = "/api/v1"
    tags = ("laps",)

    @get("/laps/{lap_id:str}/trace")
    async def trace(self, appliance: TheAppliance, lap_id: FromPath[str]) -> ComparedBody:
        """One lap, of the loop or of a recording, over the metres of its layout. 404 where no recording tells of it."""
        return await _compared(appliance, [lap_id])

    @get("/laps/compare")
    async def compare(self, appliance: TheAppliance, a: FromQuery[str], b: FromQuery[str], c: Other = None,
                      d: Other = None) -> ComparedBody:
        """Up to four laps over the same metres, each compared with `a`. 409 where they are of different layouts."""
        return await _compared(appliance, [each for each in (a, b, c, d) if each])


async def recorded_lap(appliance: Appliance, lap_id: str) -> RecordedLapRow:
    """A lap of a recording, "412.3", as `GET /laps/{id}` gives it. Raises NotFound."""
    recorded, lap = await gps_lap(appliance.reading, lap_id)
    return {**gps_lap_row(lap), "recording": recorded.id, "layout": recorded.layout, "kart": recorded.kart,
            "session": recorded.session, "state": recorded.state}


async def _compared(appliance: Appliance, ids: list[str]) -> ComparedBody:
    laps = await pictured(appliance, ids)
    for each in laps:
        if each.twin.recorded is None:
            raise NotFound(f"No recording tells of lap {each.id}.")
        if each.twin.gps is None or each.twin.gps.kind != "full":
            raise Refused(f"{each.id} is the way to the first crossing or from the last one, no lap to compare.")
    found = await laid(appliance, laps)
    if found is None:
        raise Refused("No line can be made of the laps on this layout yet.")
    return _body(laps, found)


def _body(laps: list[Driven], found: Laid) -> ComparedBody:
    over = found.overlay
    traces: list[TraceBody] = [
        {"id": lap.id, "time_us": lap.time_us, "driver": lap.driver or None, "kart": lap.kart or None,
         "method": each.laid.method, "off_line_p95_m": None if each.laid.p95_m is None else round(each.laid.p95_m, 2),
         "t_us": rounded(each.t_us, 0), "delta_us": rounded(each.delta_us, 0), "speed_kmh": rounded(each.speed_kmh, 2),
         "lat_deg": rounded(each.lat_deg, 8), "lon_deg": rounded(each.lon_deg, 8)}
        for lap, each in zip(laps, over.laps, strict=True)]
    corners: list[CornerRow] = [
        {"number": corner.number, "name": corner.name, "direction": corner.direction, "entry_m": round(corner.entry_m, 1),
         "apex_m": round(corner.apex_m, 1), "exit_m": round(corner.exit_m, 1), "pace": corner.pace,
         "laps": [{"entry_kmh": own[index].entry_kmh, "apex_kmh": own[index].apex_kmh, "exit_kmh": own[index].exit_kmh,
                   "slowed_m": own[index].slowed_m, "time_us": own[index].time_us,
                   "lost_us": None if (us := lost[index].lost_us) is None else -us, "sigma_us": lost[index].sigma_us}
                  for own, lost in zip(found.driven, found.lost, strict=True)]}
        for index, corner in enumerate(found.corners)]
    return {"layout": laps[0].layout, "length_m": round(found.line.length_m, 2), "distance_m": over.distance_m.tolist(),
            "laps": traces, "corners": corners}
