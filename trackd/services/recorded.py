"""Reading what is stored of recordings: lists, laps, units. Every function is one short read over `reading.Reading`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import select

from trackd.core.errors import NotFound
from trackd.core.time import Micros
from trackd.services.reading import Reading
from trackd.store.recorded import ACCEPTED, PROPOSED
from trackd.store.tables import files, gps_laps, recordings, units
from trackd.timing.recorded import MatchFact, ReadFact

_read = msgspec.json.Decoder(ReadFact).decode
_match = msgspec.json.Decoder(MatchFact).decode
_strings = msgspec.json.Decoder(tuple[str, ...]).decode
_times = msgspec.json.Decoder(tuple[Micros | None, ...]).decode


@dataclass(frozen=True, slots=True)
class GpsLap:
    """A lap of a recording. ``id`` is the recording's laps' version and its number, "412.3"."""

    id: str
    number: int
    kind: str
    start_us: Micros
    time_us: Micros
    sigma_us: Micros
    sectors_us: tuple[Micros | None, ...]
    max_speed_kmh: float | None
    flags: tuple[str, ...]
    quality: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording as stored. ``read`` is None while it waits to be read; ``driver`` is who the file says it was."""

    id: str
    name: str
    sha256: str
    size: int
    source: str
    unit: str | None
    given_by: str
    came_us: Micros
    read: ReadFact | None
    layout: str | None
    reason: str
    driven: int | None
    proposed: int | None
    session: str | None
    kart: str | None
    matched: int
    match: MatchFact | None
    driver: str

    @property
    def state(self) -> str:
        """waiting, refused, unknown (no layout), unmatched, proposed or matched."""
        if self.read is None:
            return "waiting"
        if self.read.refused:
            return "refused"
        if self.layout is None:
            return "unknown"
        return {ACCEPTED: "matched", PROPOSED: "proposed"}.get(self.matched, "unmatched")


@dataclass(frozen=True, slots=True)
class Unit:
    """A logger the venue knows."""

    id: str
    name: str
    model: str
    kart: str | None
    driver_id: str | None


_STORED = select(recordings, files.c.name, files.c.driver).select_from(
    recordings.outerjoin(files, files.c.recording == recordings.c.id))


async def all_recordings(reading: Reading, before: int, limit: int) -> list[tuple[int, Recorded]]:
    """The newest first, each with its sequence, before which the next page begins; ``before`` 0: from the newest."""
    query = _STORED.order_by(recordings.c.seq.desc()).limit(limit)
    if before:
        query = query.where(recordings.c.seq < before)
    return [(row.seq, _recorded(row)) for row in await reading.rows(query)]


async def recording(reading: Reading, recording_id: str) -> Recorded:
    """One recording. Raises NotFound."""
    found = await reading.rows(_STORED.where(recordings.c.id == recording_id))
    if not found:
        raise NotFound(f"There is no recording {recording_id}.")
    return _recorded(found[0])


async def recording_of_file(reading: Reading, sha256: str) -> Recorded | None:
    """The recording with this content, None while it is not known."""
    found = await reading.rows(_STORED.where(recordings.c.sha256 == sha256))
    return _recorded(found[0]) if found else None


async def recordings_of(reading: Reading, session_id: str) -> list[Recorded]:
    """The recordings that were in a session or are proposed to have been."""
    return [_recorded(row) for row in await reading.rows(_STORED.where(recordings.c.session == session_id))]


async def laps_of(reading: Reading, driven: int | None) -> list[GpsLap]:
    """The laps of one version, in order."""
    return (await laps_of_all(reading, [driven])).get(driven or 0, [])


async def laps_of_all(reading: Reading, driven: Iterable[int | None]) -> dict[int, list[GpsLap]]:
    """The laps of several versions, each in order, by version."""
    wanted = [each for each in driven if each is not None]
    found: dict[int, list[GpsLap]] = {}
    query = select(gps_laps).where(gps_laps.c.driven.in_(wanted)).order_by(gps_laps.c.driven, gps_laps.c.number)
    for row in await reading.rows(query) if wanted else ():
        found.setdefault(row.driven, []).append(_lap(row))
    return found


async def gps_lap(reading: Reading, lap_id: str) -> tuple[Recorded, GpsLap]:
    """A lap by its id, with its recording. Raises NotFound."""
    version, _, number = lap_id.partition(".")
    if version.isdecimal() and number.isdecimal() and len(lap_id) < 19:
        found = await reading.rows(select(gps_laps).where(gps_laps.c.driven == int(version),
                                                          gps_laps.c.number == int(number)))
        if found:
            return await recording(reading, found[0].recording), _lap(found[0])
    raise NotFound(f"There is no lap {lap_id}.")


async def all_units(reading: Reading) -> list[Unit]:
    """All units by name."""
    return [Unit(row.id, row.name, row.model, row.kart, row.driver_id)
            for row in await reading.rows(select(units).order_by(units.c.name, units.c.id))]


def _recorded(row: Any) -> Recorded:
    of = row._mapping
    return Recorded(
        of["id"], of["name"] or "", of["sha256"], of["size"], of["source"], of["unit"], of["given_by"], of["wall_us"],
        _read(of["read"]) if of["read"] else None, of["layout"], of["reason"], of["driven"], of["proposed"], of["session"],
        of["kart"], of["matched"], _match(of["evidence"]) if of["evidence"] else None, of["driver"] or "")


def _lap(row: Any) -> GpsLap:
    of = row._mapping
    return GpsLap(f"{of['driven']}.{of['number']}", of["number"], of["kind"], of["start_us"], of["time_us"], of["sigma_us"],
                  _times(of["sectors_us"]), of["max_speed_kmh"], _strings(of["flags"]), of["quality"])
