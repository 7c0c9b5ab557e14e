"""The API of AiM units: which are there, pairing them, fetching what they recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from trackd.core.time import rfc3339
from trackd.services.reading import Reading
from trackd.services.units import Units
from trackd.services.unitsnow import UnitNow
from trackd.web.auth import principal, requires
from trackd.web.given import AnyRequest

TheUnits = NamedDependency[Units]


class ProgressRow(TypedDict):
    """How far a download is: file `file` of `files`, `bytes` of its `size`."""

    file: int
    files: int
    bytes: int
    size: int


class UnitRow(TypedDict):
    """A unit. ``state``: downloading, in_reach, away; ``waiting``: recordings on it that are not here, null where nobody
    knows. ``battery`` is null: units do not tell it over Wi-Fi.
    """

    id: str
    name: str
    model: str
    kart: str | None
    driver: str | None
    paired: bool
    state: str
    seen_at: str | None
    address: str | None
    waiting: int | None
    progress: ProgressRow | None
    last_download_at: str | None
    trouble: str | None
    battery: None


class UnitList(TypedDict):
    """Units: those paired by name, then others that were seen lately."""

    items: list[UnitRow]
    next: str | None


class PairBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a unit is called, and the kart it rides on or the driver it belongs to."""

    name: str
    kart: str | None = None
    driver: str | None = None


class UnitsApi(Controller):
    """AiM units over Wi-Fi."""

    path = "/api/v1/units"
    tags = ("recordings",)

    @get()
    async def all(self, units: TheUnits) -> UnitList:
        """Units that are paired, and those that are not and were seen within the hour."""
        found = await units.all()
        names = await driver_names(units.reading, found)
        return {"items": [unit_row(unit, names) for unit in found], "next": None}

    @post("/{unit_id:str}/pair", guards=[requires("admin")])
    async def pair(self, units: TheUnits, request: AnyRequest, unit_id: FromPath[str],
                   data: JSONBody[PairBody]) -> Response[UnitRow]:
        """Give a unit a name, and a kart or a driver; also to change them. A driver named for the first time is created.

        201 when it was not paired, else 200; 409 when the kart carries another unit or the name is another's.
        """
        new = await units.pair(unit_id, data.name, data.kart, data.driver, _by(request))
        return Response(await _row(units, unit_id), status_code=201 if new else 200)

    @delete("/{unit_id:str}", guards=[requires("admin")])
    async def unpair(self, units: TheUnits, request: AnyRequest, unit_id: FromPath[str]) -> None:
        """Take a unit out. What it recorded stays; pair it again to go on."""
        await units.unpair(unit_id, _by(request))

    @post("/{unit_id:str}/download", status_code=202, guards=[requires("recordings")])
    async def download(self, units: TheUnits, request: AnyRequest, unit_id: FromPath[str]) -> UnitRow:
        """Begin to fetch what is not here yet; `progress` tells how far it is. 409 when the unit is not in reach."""
        await units.download(unit_id, _by(request))
        return await _row(units, unit_id)


async def driver_names(reading: Reading, units: list[UnitNow]) -> dict[str, str]:
    """Names of the drivers that units belong to, by id."""
    return await reading.names(unit.driver_id for unit in units if unit.driver_id)


def unit_row(unit: UnitNow, names: Mapping[str, str]) -> UnitRow:
    """A unit as the API gives it."""
    at = unit.progress
    progress: ProgressRow | None = None
    if at is not None:
        progress = {"file": at.file, "files": at.files, "bytes": at.done, "size": at.size}
    return {
        "id": unit.id, "name": unit.name, "model": unit.model, "kart": unit.kart,
        "driver": names.get(unit.driver_id or ""), "paired": unit.paired, "state": unit.state,
        "seen_at": rfc3339(unit.seen_us) if unit.seen_us is not None else None, "address": unit.address,
        "waiting": unit.waiting, "progress": progress,
        "last_download_at": rfc3339(unit.last_us) if unit.last_us is not None else None,
        "trouble": unit.trouble or None, "battery": None}


async def _row(units: Units, unit_id: str) -> UnitRow:
    unit = await units.one(unit_id)
    return unit_row(unit, await driver_names(units.reading, [unit]))


def _by(request: AnyRequest) -> str:
    who = principal(request)
    return who.name if who is not None else ""
