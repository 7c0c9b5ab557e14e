"""Laps as a page or a program looks at them: who drove each, and up to four laid over one another on their layout's line.

Numpy comes with the first lap that a recording tells of, and works in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from trackd.core.errors import Refused
from trackd.core.time import Micros
from trackd.services.appliance import Appliance
from trackd.services.layoutlines import corners_on, line_of, line_on, read, trace_of
from trackd.services.recorded import GpsLap, laps_of
from trackd.services.twins import Twin, twin
from trackd.store.recorded import ACCEPTED
from trackd.store.tables import gps_laps, recordings
from trackd.timing.board import SessionInfo

if TYPE_CHECKING:                        # numpy comes with the first lap, not with the start
    from trackd.analysis.composite import Rolling
    from trackd.analysis.corners import Corner, CornerDriven
    from trackd.analysis.delta import Overlay
    from trackd.analysis.reference import ReferenceLine
    from trackd.gps.layouts import Layout
    from trackd.gps.trace import Recording

MOST = 4
"""Laps in one picture."""

SOUND = ("valid", "warning")
"""Quality of laps that may be compared."""

_times = msgspec.json.Decoder(tuple[Micros | None, ...]).decode

@dataclass(frozen=True, slots=True)
class Driven:
    """One lap and whose it is. ``driver``: a name, "" where unknown; ``stint``: its laps in its session as the loop timed
    them, ``field``: those of all; ``told``: all laps of its recording, ``told_field``: the sector
    times of every sound lap that a recording tells of in that session.
    """

    id: str
    twin: Twin
    session: SessionInfo | None
    driver: str
    layout: str | None
    stint: tuple[dict[str, Any], ...]
    field: tuple[dict[str, Any], ...]
    told: tuple[GpsLap, ...]
    told_field: tuple[tuple[Micros | None, ...], ...]

    @property
    def kart(self) -> str:
        """Its kart's number, "" where unknown."""
        return str(self.twin.loop["kart"]) if self.twin.loop else (self.twin.recorded and self.twin.recorded.kart) or ""

    @property
    def time_us(self) -> Micros:
        """Its official time: the loop's, where it has one."""
        return int(self.twin.loop["time_us"]) if self.twin.loop else self.twin.gps.time_us if self.twin.gps else 0

    @property
    def official_us(self) -> Micros | None:
        """What its trace is stretched to; None: the recording's own time."""
        return int(self.twin.loop["time_us"]) if self.twin.loop and self.twin.loop["source"] == "loop" else None


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """Laps over one another, the first one compared with each other one. ``driven`` is what each does in the corners,
    ``lost`` what the first loses there to each; both in the order of ``overlay.laps``. ``ids``: of those laps.
    """

    ids: tuple[str, ...]
    line: ReferenceLine
    layout: Layout | None
    overlay: Overlay
    corners: tuple[Corner, ...]
    driven: tuple[tuple[CornerDriven, ...], ...]
    lost: tuple[tuple[CornerDriven, ...], ...]
    rolling: Rolling | None


async def driven(appliance: Appliance, lap_id: str) -> Driven:
    """One lap, of the loop or of a recording. Raises NotFound."""
    reading = appliance.reading
    found = await twin(reading, lap_id)
    session_id = found.loop["session"] if found.loop else found.recorded and found.recorded.session
    session = await reading.session(session_id) if session_id else None
    field = await reading.laps(session_id) if session_id else []
    kart = found.loop["kart"] if found.loop else found.recorded and found.recorded.kart
    entry = found.loop["entry"] if found.loop else next((row["entry"] for row in field if row["kart"] == kart), None)
    stint = [row for row in field if row["entry"] == entry]
    person = found.loop["driver_id"] if found.loop else next((row["driver_id"] for row in stint), None)
    names = await reading.names({person}) if person else {}
    told = await laps_of(reading, found.recorded.driven) if found.recorded else []
    layout = found.recorded.layout if found.recorded else session.layout if session else None
    query = select(gps_laps.c.sectors_us).join(recordings, recordings.c.driven == gps_laps.c.driven).where(
        recordings.c.session == session_id, recordings.c.matched == ACCEPTED, gps_laps.c.kind == "full",
        gps_laps.c.quality.in_(SOUND))
    told_field = [_times(row.sectors_us) for row in await reading.rows(query)] if session_id else []
    return Driven(lap_id, found, session, names.get(person or "", ""), layout, tuple(stint), tuple(field), tuple(told),
                  tuple(told_field))


async def pictured(appliance: Appliance, ids: Sequence[str]) -> list[Driven]:
    """The laps of one picture. Raises NotFound, and Refused as ``joined`` does."""
    found: list[Driven] = []
    for lap_id in ids:
        found = joined(found, await driven(appliance, lap_id))
    return found


def joined(laps: Sequence[Driven], lap: Driven) -> list[Driven]:
    """The laps of a picture with one more, unless it is there. Raises Refused for a fifth, and for another layout's."""
    if any(each.twin == lap.twin for each in laps):
        return [*laps]
    if len(laps) == MOST:
        raise Refused("Four laps fit into one picture. Take one out first.")
    if len({each.layout for each in (*laps, lap) if each.twin.recorded is not None}) > 1:
        raise Refused("These laps were driven on different layouts. Only laps of one layout can be compared.")
    return [*laps, lap]


def layout_of(appliance: Appliance, layout_id: str | None) -> Layout | None:
    """The lines of a layout of the venue; None where it has none."""
    from trackd.services.driving import lines_of

    record = appliance.live.writer.venue.layouts.get(layout_id or "")
    return lines_of(record) if record is not None else None


async def laid(appliance: Appliance, laps: Sequence[Driven]) -> Laid | None:
    """Those full laps that a recording tells of, on the line of their layout. None where the first is none of them, or
    there is no line.

    Raises BadInput where a recording cannot be read any more.
    """
    told = [each for each in laps if each.twin.recorded and each.twin.gps and each.twin.gps.kind == "full"]
    if not told or told[0] is not laps[0]:
        return None
    layout = layout_of(appliance, told[0].layout)
    found = [await read(appliance, each.twin.recorded) for each in told if each.twin.recorded]
    line = await line_on(appliance, told[0].layout, layout)
    return await asyncio.to_thread(_lay, told, found, line, layout)


def _lay(told: Sequence[Driven], found: Sequence[Recording], line: ReferenceLine | None,
         layout: Layout | None) -> Laid | None:
    from trackd.analysis.composite import rolling
    from trackd.analysis.corners import measured
    from trackd.analysis.delta import lay, overlay

    traces = [trace_of(recording, each.twin.gps, each.official_us)
              for each, recording in zip(told, found, strict=True) if each.twin.gps]
    line = line or line_of(layout, traces)
    if line is None:
        return None
    over = overlay(line, traces)
    corners = corners_on(line, layout)
    each_laid = [each.laid for each in over.laps]
    rounds = [lay(line, trace_of(found[0], lap)) for lap in told[0].told if lap.kind == "full"]
    return Laid(tuple(each.id for each in told), line, layout, over, corners,
                tuple(measured(corners, each) for each in each_laid),
                tuple(measured(corners, each_laid[0], each) for each in each_laid), rolling(rounds))
