"""How well GPS and loop agree: of one recording, and of a unit over the recordings of its last heats (E13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import TYPE_CHECKING

from sqlalchemy import select

from trackd.core.time import utc
from trackd.gps.verify import WORTHLESS
from trackd.services.reading import Reading
from trackd.services.recorded import Recorded
from trackd.services.twins import Twin, twins_of
from trackd.store.recorded import ACCEPTED
from trackd.store.tables import recordings, sessions

if TYPE_CHECKING:
    from trackd.gps.monitor import Agreement

HEATS = 20
"""So many heats of a unit are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class UnitAgreement:
    """Of a unit over all that is looked at, and day by day, the newest first."""

    whole: Agreement
    days: tuple[tuple[date, Agreement], ...]


async def agreement_of(reading: Reading, recorded: Recorded) -> Agreement | None:
    """Of one recording; None where no kart was accepted for it."""
    if recorded.session is None or recorded.matched != ACCEPTED:
        return None
    return agreement_in(each for each in await twins_of(reading, recorded.session)
                        if each.recorded is not None and each.recorded.id == recorded.id)


async def agreement_of_unit(reading: Reading, unit: str, zone: tzinfo) -> UnitAgreement | None:
    """Of a unit over its last heats; None while none of its recordings has a kart."""
    rows = await reading.rows(
        select(recordings.c.session, sessions.c.green_wall_us).join(sessions, sessions.c.id == recordings.c.session).where(
            recordings.c.unit == unit, recordings.c.matched == ACCEPTED).order_by(recordings.c.seq.desc()).limit(HEATS))
    days: dict[date, list[Twin]] = {}
    for session, green_us in dict.fromkeys((row.session, row.green_wall_us) for row in rows):
        days.setdefault(utc(green_us or 0).astimezone(zone).date(), []).extend(
            each for each in await twins_of(reading, session) if each.recorded is not None and each.recorded.unit == unit)
    if not days:
        return None
    return UnitAgreement(agreement_in(each for twins in days.values() for each in twins),
                         tuple((day, agreement_in(days[day])) for day in sorted(days, reverse=True)))


def agreement_in(twins: Iterable[Twin]) -> Agreement:
    """Of laps that both timed: full ones between two reads, with a GPS time worth holding against them."""
    import numpy as np

    from trackd.gps.monitor import agreement

    told = [(each.loop["time_us"], each.gps.time_us, float(each.gps.sigma_us)) for each in twins
            if each.loop is not None and each.gps is not None and each.loop["kind"] == "full"
            and each.loop["source"] == "loop" and not each.loop["edits"] and not WORTHLESS.intersection(each.gps.flags)]
    loop_us, gps_us, sigma_us = (np.array([row[i] for row in told]) for i in range(3))
    return agreement(loop_us.astype(np.int64), gps_us.astype(np.int64), sigma_us.astype(np.float64))
