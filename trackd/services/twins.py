"""A lap as the loop timed it and as the kart's own recording tells it: the same lap twice, where both are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trackd.core.time import Micros
from trackd.services.reading import Reading
from trackd.services.recorded import GpsLap, Recorded, gps_lap, laps_of_all, recordings_of
from trackd.store.recorded import ACCEPTED
from trackd.store.verdicts import nearest


@dataclass(frozen=True, slots=True)
class Twin:
    """One lap. ``loop``: its row as `Reading.lap` gives it, None where only a recording tells of it; ``recorded`` and
    ``gps``: the recording and its lap, None where there is none.
    """

    loop: dict[str, Any] | None
    recorded: Recorded | None = None
    gps: GpsLap | None = None


async def twin(reading: Reading, lap_id: str) -> Twin:
    """A lap by its id, of the loop ("1583") or of a recording ("412.3"), with its other self. Raises NotFound."""
    if "." in lap_id:
        recorded, gps = await gps_lap(reading, lap_id)
        found = await _twins(reading, await _rows(reading, recorded), [recorded])
        return next((each for each in found if each.gps == gps and each.loop is not None), Twin(None, recorded, gps))
    loop = await reading.lap(lap_id)
    return (await _twins(reading, [loop], await recordings_of(reading, loop["session"])))[0]


async def twins_of(reading: Reading, session_id: str) -> list[Twin]:
    """Every lap of a session, with what a recording says of it, by kart and number."""
    return await _twins(reading, await reading.laps(session_id), await recordings_of(reading, session_id))


async def _rows(reading: Reading, recorded: Recorded) -> list[dict[str, Any]]:
    if recorded.session is None or recorded.matched != ACCEPTED:
        return []
    return [row for row in await reading.laps(recorded.session) if row["kart"] == recorded.kart]


async def _twins(reading: Reading, rows: list[dict[str, Any]], recordings: Iterable[Recorded]) -> list[Twin]:
    karts = {row["kart"] for row in rows}
    accepted = [(each, each.match) for each in recordings
                if each.kart in karts and each.matched == ACCEPTED and each.match is not None]
    laps = await laps_of_all(reading, (each.driven for each, _ in accepted))
    told = [(each, lap, lap.start_us + lap.time_us + match.offset_us)
            for each, match in accepted for lap in laps.get(each.driven or 0, ()) if lap.kind == "full"]
    if not told:
        return [Twin(row) for row in rows]
    ends = {seq: passing.at for seq, passing in (await reading.passing_bodies({row["seq"] for row in rows})).items()}
    return [_of(row, ends.get(row["seq"]), told) for row in rows]


def _of(row: dict[str, Any], end_us: Micros | None, told: list[tuple[Recorded, GpsLap, Micros]]) -> Twin:
    own = [] if end_us is None else [each for each in told if each[0].kart == row["kart"]]
    place = nearest(end_us or 0, (gps_us for _, _, gps_us in own))
    return Twin(row) if place is None else Twin(row, *own[place][:2])
