"""The laps of a chosen field: a session, all of a day on its layout, or those of one driver, kart or class among them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput, Fault
from trackd.core.time import utc
from trackd.services.appliance import Appliance
from trackd.services.pace import Ran, RanLap, ran_of, timed
from trackd.services.twins import twins_of
from trackd.timing.board import SessionInfo

if TYPE_CHECKING:                        # numpy comes with the first lap, not with the start
    from trackd.analysis.composite import Composite

OVER = ("session", "day", "driver", "kart", "class")
"""What a composite may be taken over; the last three are written with what they are of: "kart:7"."""


@dataclass(frozen=True, slots=True)
class FieldBest:
    """The best sectors of a field. ``several``: more than one driver is in it; ``laps``: of how many clean laps;
    ``sources``: whose lap each part's id is; ``by_loop``: who timed the sectors.
    """

    over: str
    several: bool
    laps: int
    by_loop: bool
    composite: Composite | None
    sources: dict[str, tuple[Ran, RanLap]]


async def session_runs(appliance: Appliance, session_id: str) -> tuple[Ran, ...]:
    """The laps of a session by who drove them."""
    twins = await twins_of(appliance.reading, session_id)
    people = {each.loop["driver_id"] for each in twins if each.loop and each.loop["driver_id"]}
    return ran_of(twins, await appliance.reading.names(people))


async def field_of(appliance: Appliance, info: SessionInfo, own: Sequence[Ran], over: str) -> list[Ran]:
    """The runs of a field. ``own``: those of the session itself. Raises BadInput for a field that there is not."""
    kind, _, of = over.partition(":")
    if kind not in OVER or bool(of) != (kind in OVER[2:]):
        raise BadInput(Fault("over", "must be session, day, driver:ID, kart:NUMBER or class:NAME"))
    if kind == "session":
        return list(own)
    day = utc(info.created_at_us).astimezone(appliance.zone).date().isoformat()
    found = list(own)
    for each in await appliance.reading.sessions(appliance.day_start(day), appliance.day_end(day)):
        if each.id != info.id and (each.track, each.layout) == (info.track, info.layout):
            found += await session_runs(appliance, each.id)
    if kind == "driver":
        return [ran for ran in found if ran.driver_id == of]
    if kind == "day":
        return found
    karts = dict(appliance.live.writer.venue.karts)

    def is_of(lap: RanLap) -> bool:
        return lap.kart == of if kind == "kart" else lap.kart in karts and karts[lap.kart].kart_class == of

    return [Ran(ran.key, ran.kart, ran.driver, ran.driver_id, laps, ran.session)
            for ran in found if (laps := tuple(filter(is_of, ran.laps)))]


async def field_best(appliance: Appliance, info: SessionInfo, own: Sequence[Ran], over: str) -> FieldBest:
    """The composite of a field, each sector with its lap. Raises BadInput as ``field_of`` does."""
    runs = await field_of(appliance, info, own, over)
    return await asyncio.to_thread(best_of, runs, over)


def best_of(runs: Sequence[Ran], over: str) -> FieldBest:
    """The best sectors of these laps; a lap is clean or not by what its driver did in that session."""
    from trackd.analysis.composite import composite
    from trackd.analysis.consistency import judged

    by_loop = any(lap.loop_us for ran in runs for lap in ran.laps)
    clean = [each.lap for ran in runs for each in judged(timed(ran, by_loop=by_loop)) if each.clean]
    found = composite(clean)
    driven = {lap.lap for lap in clean}
    drivers = {ran.driver_id or (ran.session, ran.key) for ran in runs if any(lap.id in driven for lap in ran.laps)}
    wanted = {part.lap for part in found.parts} if found else set()
    return FieldBest(over, len(drivers) > 1, len(clean), by_loop, found,
                     {lap.id: (ran, lap) for ran in runs for lap in ran.laps if lap.id in wanted})
