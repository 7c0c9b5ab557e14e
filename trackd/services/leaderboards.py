"""The best verified lap of each driver on a layout and in a period (F1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select

from trackd.core.time import SECOND, Micros
from trackd.services.reading import Reading
from trackd.store.tables import karts, sessions, verdicts
from trackd.store.verdicts import ANY, VERIFIED

PERIODS: dict[str, Callable[[datetime], datetime]] = {
    "day": lambda now: now,
    "week": lambda now: now - timedelta(days=now.weekday()),
    "month": lambda now: now.replace(day=1),
    "year": lambda now: now.replace(month=1, day=1),
}
"""From which day on a period goes; each begins at midnight where the venue is."""


@dataclass(frozen=True, slots=True)
class Best:
    """A driver's best lap. ``lap``: its id; ``driver_id`` is None where nobody was named; ``gap_us`` to the best of all;
    ``recording``: one tells of it too, None where only the loop does.
    """

    position: int
    lap: int
    driver_id: str | None
    driver: str
    kart: str
    time_us: Micros
    gap_us: Micros
    set_wall_us: Micros
    session: str
    session_name: str
    verified: bool
    recording: str | None


def since(period: str, now: datetime) -> Micros | None:
    """When a period began, microseconds since 1970; None for all. ``now`` has the venue's zone. KeyError: no period."""
    if period == "all":
        return None
    day = PERIODS[period](now).date()
    return round(datetime(day.year, day.month, day.day, tzinfo=now.tzinfo).timestamp()) * SECOND


def now_at(wall_us: Micros, zone: tzinfo) -> datetime:
    """The wall clock at the venue."""
    return datetime.fromtimestamp(wall_us / SECOND, zone)


async def leaderboard(reading: Reading, layout: str | None, *, since_us: Micros | None = None, kart_class: str = "",
                      verified: bool = True, limit: int = 100) -> list[Best]:
    """Best laps of official sessions on a layout, one for each driver, the fastest first; equal times share a place.

    Only laps labelled valid (E11), and unless ``verified`` is False only verified ones. Where nobody was named a kart
    stands for its driver.
    """
    among = VERIFIED if verified else ANY
    time_us = func.min(verdicts.c.time_us).label("time_us")
    query = (select(verdicts.c.lap, verdicts.c.driver_id, verdicts.c.kart, time_us, verdicts.c.set_wall_us,
                    verdicts.c.session, verdicts.c.verdict, verdicts.c.recording)
             .where(verdicts.c.layout.is_(layout) if layout is None else verdicts.c.layout == layout,
                    verdicts.c.best > 0, verdicts.c.best.in_((among, VERIFIED | ANY)))
             .group_by(func.coalesce(verdicts.c.driver_id, verdicts.c.kart))   # SQLite: the rest is of the row of the least
             .order_by(time_us, verdicts.c.set_wall_us).limit(limit))
    if since_us is not None:
        query = query.where(verdicts.c.set_wall_us >= since_us)
    if kart_class:
        query = query.where(verdicts.c.kart.in_(select(karts.c.number).where(karts.c["class"] == kart_class)))
    rows = await reading.rows(query)
    names = await reading.names({row.driver_id for row in rows if row.driver_id})
    heats = {row.id: row.name for row in await reading.rows(
        select(sessions.c.id, sessions.c.name).where(sessions.c.id.in_({row.session for row in rows})))} if rows else {}
    return [Best(1 + sum(other.time_us < row.time_us for other in rows), row.lap, row.driver_id,
                 names.get(row.driver_id or "", "") or f"Kart {row.kart}", row.kart, row.time_us,
                 row.time_us - rows[0].time_us, row.set_wall_us, row.session, heats[row.session],
                 row.verdict == "verified", row.recording) for row in rows]


async def layouts_driven(reading: Reading) -> list[str | None]:
    """The layouts that have laps of official sessions, the one driven last first; None among them: of no layout."""
    rows = await reading.rows(select(sessions.c.layout, func.max(sessions.c.created_wall_us).label("last")).where(
        sessions.c.state == "official").group_by(sessions.c.layout).order_by(func.max(sessions.c.created_wall_us).desc()))
    return [row.layout for row in rows]


async def kart_classes(reading: Reading) -> list[str]:
    """The classes that karts are in."""
    found: list[Any] = await reading.rows(select(karts.c["class"]).where(karts.c["class"].isnot(None)).distinct().order_by(
        karts.c["class"]))
    return [row[0] for row in found if row[0]]
