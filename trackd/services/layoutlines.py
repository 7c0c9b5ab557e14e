"""The line of a layout and its corners: what laps are laid on and measured in.

Numpy comes with the first lap that a recording tells of, and works in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqlalchemy import select

from trackd.core.errors import BadInput
from trackd.core.time import Micros
from trackd.services.appliance import Appliance
from trackd.services.recorded import GpsLap, Recorded, laps_of, recording
from trackd.store.tables import gps_laps, recordings

if TYPE_CHECKING:                        # numpy comes with the first lap, not with the start
    from trackd.analysis.corners import Corner
    from trackd.analysis.laps import LapTrace
    from trackd.analysis.reference import ReferenceLine
    from trackd.gps.layouts import Layout
    from trackd.gps.trace import Recording

LINE_LAPS = 10
"""The first so many sound laps on a layout make its line (METHODS 2): it stays the same, and so do the corners' numbers."""

_lines: WeakKeyDictionary[Appliance, dict[tuple[Layout | None, tuple[str, ...]], ReferenceLine]] = WeakKeyDictionary()
"""Lines made of laps, the newest of each venue: it stays the same as long as its layout and those laps do."""

LINES_MOST = 8


async def read(appliance: Appliance, recorded: Recorded) -> Recording:
    """The file of a recording. Raises BadInput where it cannot be read any more."""
    return await appliance.recordings.read(recorded.sha256, recorded.name)


async def line_on(appliance: Appliance, layout_id: str | None, layout: Layout | None) -> ReferenceLine | None:
    """The line of a layout, its own or that of the first sound laps on it, with their speeds; None without such laps."""
    known, ids = _lines.setdefault(appliance, {}), await _sound_ids(appliance, layout_id)
    key = layout, tuple(f"{driven}.{number}" for _, driven, number in ids)
    if key in known:
        return known[key]
    sound = await _sound(appliance, ids)
    line = await asyncio.to_thread(lambda: line_of(layout, [trace_of(*each) for each in sound])) if sound else None
    if line is not None:
        known[key] = line
        while len(known) > LINES_MOST:
            del known[next(iter(known))]
    return line


async def sound_laps(appliance: Appliance, layout_id: str) -> list[tuple[Recording, GpsLap]]:
    """The first sound laps ever recorded on a layout, with their recordings."""
    return await _sound(appliance, await _sound_ids(appliance, layout_id))


async def _sound_ids(appliance: Appliance, layout: str | None) -> list[tuple[str, int, int]]:
    """The first sound laps ever recorded on a layout: recording, version and number."""
    query = (select(gps_laps.c.driven, gps_laps.c.number, gps_laps.c.recording)
             .join(recordings, recordings.c.driven == gps_laps.c.driven)
             .where(recordings.c.layout == layout, gps_laps.c.kind == "full", gps_laps.c.quality == "valid")
             .order_by(recordings.c.seq, gps_laps.c.number).limit(LINE_LAPS))
    return [(row.recording, row.driven, row.number) for row in await appliance.reading.rows(query)]


async def _sound(appliance: Appliance, ids: Sequence[tuple[str, int, int]]) -> list[tuple[Recording, GpsLap]]:
    """These laps with their recordings; without those that cannot be read any more."""
    wanted: dict[str, set[int]] = {}
    for recording_id, _, number in ids:
        wanted.setdefault(recording_id, set()).add(number)
    found: list[tuple[Recording, GpsLap]] = []
    for recording_id, numbers in wanted.items():
        recorded = await recording(appliance.reading, recording_id)
        with contextlib.suppress(BadInput):
            trace = await read(appliance, recorded)
            found += [(trace, lap) for lap in await laps_of(appliance.reading, recorded.driven) if lap.number in numbers]
    return found


def trace_of(found: Recording, lap: GpsLap, official_us: Micros | None = None) -> LapTrace:
    """The samples of a stored lap of a recording."""
    from trackd.analysis.laps import lap_trace
    from trackd.gps import segment

    return lap_trace(found.trace, segment.GpsLap(lap.number, lap.kind, lap.start_us, lap.time_us, lap.sigma_us,
                                                 lap.sectors_us, lap.max_speed_kmh, lap.flags, lap.quality), official_us)


def corners_on(line: ReferenceLine, layout: Layout | None) -> tuple[Corner, ...]:
    """The corners somebody settled on the layout; where nobody did, those found on its line."""
    from trackd.analysis.corners import corners_of
    from trackd.analysis.kept import corners_kept

    cuts_kmh = layout.cuts_kmh if layout else None
    return corners_kept(line, layout.corners, cuts_kmh) if layout and layout.corners else corners_of(line, cuts_kmh)


def line_of(layout: Layout | None, traces: Sequence[LapTrace]) -> ReferenceLine | None:
    """The line of a layout: drawn, with the speeds that laps are driven at on it, else that of the laps."""
    from dataclasses import replace

    import numpy as np

    from trackd.analysis.delta import lay
    from trackd.analysis.reference import line_of_laps, line_of_points

    drawn = line_of_points(layout.reference, layout.start_finish) if layout and layout.reference else None
    if drawn is None:
        return line_of_laps(traces)
    speeds = [lay(drawn, each).column(each.speed_mps, drawn.s_m) for each in traces]
    whole = [each for each in speeds if np.isfinite(each).all()]
    return replace(drawn, speed_mps=np.median(whole, axis=0), laps=len(whole)) if whole else drawn
