"""How well GPS and loop agree: of one recording, and of a unit over the recordings of its last heats (E13)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from trackd.gps.verify import WORTHLESS
from trackd.services.reading import Reading
from trackd.services.recorded import Recorded
from trackd.services.twins import Twin, twins_of
from trackd.store.recorded import ACCEPTED
from trackd.store.tables import recordings

if TYPE_CHECKING:
    from trackd.gps.monitor import Agreement

HEATS = 20
"""So many heats of a unit are looked at, the newest."""


async def agreement_of(reading: Reading, recorded: Recorded) -> Agreement | None:
    """Of one recording; None where no kart was accepted for it."""
    if recorded.session is None or recorded.matched != ACCEPTED:
        return None
    return agreement_in(each for each in await twins_of(reading, recorded.session)
                        if each.recorded is not None and each.recorded.id == recorded.id)


async def agreement_of_unit(reading: Reading, unit: str) -> Agreement | None:
    """Of a unit; None while none of its recordings has a kart."""
    rows = await reading.rows(select(recordings.c.session).where(
        recordings.c.unit == unit, recordings.c.matched == ACCEPTED).order_by(recordings.c.seq.desc()).limit(HEATS))
    twins = [each for session in {row.session for row in rows} for each in await twins_of(reading, session)
             if each.recorded is not None and each.recorded.unit == unit]
    return agreement_in(twins) if rows else None


def agreement_in(twins: Iterable[Twin]) -> Agreement:
    """Of laps that both timed: full ones between two reads, with a GPS time worth holding against them."""
    import numpy as np

    from trackd.gps.monitor import agreement

    told = [(each.loop["time_us"], each.gps.time_us, float(each.gps.sigma_us)) for each in twins
            if each.loop is not None and each.gps is not None and each.loop["kind"] == "full"
            and each.loop["source"] == "loop" and not each.loop["edits"] and not WORTHLESS.intersection(each.gps.flags)]
    loop_us, gps_us, sigma_us = (np.array([row[i] for row in told]) for i in range(3))
    return agreement(loop_us.astype(np.int64), gps_us.astype(np.int64), sigma_us.astype(np.float64))
