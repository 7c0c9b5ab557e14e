"""What the laps of a recording come to together, and which other laps one may be compared with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from trackd.core.errors import NotFound
from trackd.core.time import Micros
from trackd.services.appliance import Appliance
from trackd.services.laptraces import SOUND, Driven
from trackd.services.recorded import GpsLap
from trackd.services.twins import twins_of
from trackd.store.tables import gps_laps, recordings

if TYPE_CHECKING:                        # numpy comes with the first lap, not with the start
    from trackd.analysis.composite import Composite
    from trackd.analysis.consistency import Consistency, Judged, Step, Trend

OFFERED = 30
"""Best laps of other recordings offered at most."""

UNSURE = frozenset({"gap", "lost", "estimated", "uncertain", "below_minimum", "above_maximum"})
"""Flags of a lap that is not complete."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A lap that may be added to the picture. ``number`` 0: the best of another recording."""

    id: str
    number: int
    time_us: Micros
    kart: str
    session: str
    recorded_us: Micros


@dataclass(frozen=True, slots=True)
class Stint:
    """What all laps of a recording come to, each number by itself."""

    judged: tuple[Judged, ...]
    best: GpsLap | None
    theoretical: Composite | None
    second: Composite | None
    consistency: Consistency | None
    trend: Trend
    step: Step | None


async def stint(appliance: Appliance, lap: Driven) -> Stint | None:
    """What the laps of its recording come to; None where no recording tells of it. Yellow is what the loop says."""
    recorded = lap.twin.recorded
    if recorded is None:
        return None
    yellow = set()
    doubted = any(row["kart"] == recorded.kart and row["verdict"] != "valid" for row in lap.field)
    if recorded.session is not None and doubted:
        yellow = {each.gps.number for each in await twins_of(appliance.reading, recorded.session)
                  if each.gps and each.recorded == recorded and each.loop and each.loop["verdict"] != "valid"}
    return await asyncio.to_thread(_stint, lap.told, yellow)


def _stint(told: Sequence[GpsLap], yellow: set[int]) -> Stint:
    from trackd.analysis.composite import best_lap, composite
    from trackd.analysis.consistency import consistency, judged, step_change, trend
    from trackd.analysis.laps import TimedLap

    laps = [TimedLap(str(lap.number), lap.time_us, lap.sectors_us, kind=lap.kind, complete=not UNSURE & set(lap.flags),
                     yellow=lap.number in yellow) for lap in told]
    every = judged(laps)
    clean = [each.lap for each in every if each.clean]
    best = best_lap(clean)
    times = [lap.time_us for lap in clean]
    return Stint(every, next((lap for lap in told if best and str(lap.number) == best.lap), None), composite(clean),
                 composite(clean, nth=2), consistency(times), trend([(int(lap.lap), lap.time_us) for lap in clean]),
                 step_change(times))


async def offers(appliance: Appliance, lap: Driven) -> list[Offer]:
    """What may be added: the other laps of its recording, then the best of every other recording on its layout."""
    recorded = lap.twin.recorded
    same = [Offer(each.id, each.number, each.time_us, lap.kart, "", 0) for each in lap.told
            if each.kind == "full" and each.quality in SOUND]
    if lap.layout is None:
        return same
    best = func.min(gps_laps.c.time_us).label("time_us")
    query = (select(gps_laps.c.driven, gps_laps.c.number, recordings.c.kart, recordings.c.session, recordings.c.wall_us,
                    best)
             .join(recordings, recordings.c.driven == gps_laps.c.driven)
             .where(recordings.c.layout == lap.layout, recordings.c.id != (recorded.id if recorded else ""),
                    gps_laps.c.kind == "full", gps_laps.c.quality == "valid")
             .group_by(gps_laps.c.driven).order_by(best).limit(OFFERED))
    rows = await appliance.reading.rows(query)
    names = {}
    for session in {row.session for row in rows if row.session}:
        with contextlib.suppress(NotFound):
            names[session] = (await appliance.reading.session(session)).name
    return same + [Offer(f"{row.driven}.{row.number}", 0, row.time_us, row.kart or "", names.get(row.session, ""),
                         row.wall_us) for row in rows]
