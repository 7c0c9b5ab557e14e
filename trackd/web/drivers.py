"""The page of a driver: heats, laps, and which of them are verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from trackd.core.errors import NotFound
from trackd.core.time import lap_text
from trackd.services.appliance import Appliance
from trackd.services.verifying import Verdict, verdicts
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import when_of
from trackd.web.pages import html, page_view

HEATS = 20
"""The newest heats of a driver that are shown."""


@dataclass(frozen=True, slots=True)
class DrivenLap:
    """A lap in the list. ``gps``: a recording tells of it; ``counts``: it may be a best."""

    id: str
    number: int
    time: str
    verified: bool
    gps: bool
    best: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class DrivenHeat:
    """A heat of the driver."""

    id: str
    name: str
    when: str
    karts: tuple[str, ...]
    laps: tuple[DrivenLap, ...]


@get("/drivers/{driver_id:str}", include_in_schema=False)
async def driver(request: AnyRequest, appliance: TheAppliance, driver_id: FromPath[str]) -> Response[str]:
    """What somebody has driven here."""
    name = (await appliance.reading.names({driver_id})).get(driver_id)
    if name is None:
        raise NotFound("There is no such driver.")
    layouts = dict(appliance.live.writer.venue.layouts)
    heats = [await _heat(appliance, session_id, driver_id, layouts)
             for session_id in await appliance.reading.sessions_of(driver_id, HEATS)]
    return html("driver.html", page=page_view(request, appliance, name), heats=heats)


async def _heat(appliance: Appliance, session_id: str, driver_id: str, layouts: Mapping[str, Any]) -> DrivenHeat:
    info = await appliance.reading.session(session_id)
    own = [each for each in await verdicts(appliance.reading, session_id, layouts)
           if each.twin.loop is not None and each.twin.loop["driver_id"] == driver_id]
    best_us = min((_row(each)["time_us"] for each in own if _counts(each)), default=0)
    return DrivenHeat(
        info.id, info.name, when_of(info.green_at_us or info.created_at_us, appliance.zone),
        tuple(dict.fromkeys(_row(each)["kart"] for each in own)),
        tuple(DrivenLap(each.lap_id, _row(each)["number"], lap_text(_row(each)["time_us"]), each.verdict == "verified",
                        each.twin.gps is not None, _counts(each) and _row(each)["time_us"] == best_us, _counts(each))
              for each in own))


def _row(each: Verdict) -> dict[str, Any]:
    assert each.twin.loop is not None
    return each.twin.loop


def _counts(each: Verdict) -> bool:
    return _row(each)["kind"] == "full" and _row(each)["verdict"] in ("valid", "yellow")


HANDLERS: list[Any] = [driver]
