"""Reads the loop missed, as the recordings of a session tell them: proposed, never counted by themselves (A7)."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.time import Micros
from trackd.services.evidence import look
from trackd.services.recorded import Recorded, laps_of, recordings_of
from trackd.store.database import NAME, read_only
from trackd.store.recorded import ACCEPTED
from trackd.timing import clock
from trackd.timing.heat import Heat
from trackd.timing.recorded import DrivenLap

if TYPE_CHECKING:
    from trackd.services.appliance import Appliance


@dataclass(frozen=True, slots=True)
class MissedRead:
    """A crossing to be proposed. ``at_us``: session clock; ``recording``: the one that tells it."""

    kart: str
    at_us: Micros
    sigma_us: Micros
    sentence: str
    recording: str


async def missed_reads(appliance: Appliance, session_id: str) -> list[MissedRead]:
    """What the recordings of a session tell and the loop does not, by kart and time. Raises NotFound."""
    told = [each for each in await recordings_of(appliance.reading, session_id) if each.matched == ACCEPTED]
    if not told:
        return []
    heat, found = (await look(appliance, session_id)).heat, []
    for each in told:
        laps = await laps_of(appliance.reading, each.driven)
        driven = [DrivenLap(lap.number, lap.kind, lap.start_us, lap.time_us, lap.sigma_us) for lap in laps]
        found += await asyncio.to_thread(_missed, appliance, session_id, heat, each, driven)
    return sorted(found, key=lambda each: (each.kart, each.at_us))


def _missed(appliance: Appliance, session_id: str, heat: Heat, each: Recorded, laps: list[DrivenLap]) -> list[MissedRead]:
    import numpy as np

    from trackd.gps.missed import missed
    from trackd.services.matching import candidates, crossings_of

    assert each.match is not None
    entry = next((found for found in heat.entries.values() if found.kart == each.kart), None)
    if entry is None or heat.green_us is None:
        return []
    with closing(read_only(appliance.folder / NAME)) as db:
        reads = candidates(db, session_id).get(entry.kart, np.zeros(0, dtype=np.int64))
    made = [moment for lap in (*entry.laps, *entry.struck) for moment in (lap.start_us, lap.end_us)]
    crossings_us, sigma_us = crossings_of(laps)
    within = (heat.counts_from_us or heat.green_us, heat.ended_us or heat.last_us)
    return [MissedRead(entry.kart, clock.race_time(heat.start_us, heat.pauses, found.at_us), found.sigma_us, found.sentence,
                       each.id)
            for found in missed(crossings_us + each.match.offset_us, np.unique(np.concatenate([reads, np.array(
                made, dtype=np.int64)])), sigma_us, within)]
