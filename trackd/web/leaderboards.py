"""Leaderboards: the best verified laps by layout, class and period, as a page and in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter

from trackd.core.errors import NotFound
from trackd.core.time import lap_text, rfc3339
from trackd.services.appliance import Appliance
from trackd.services.leaderboards import Best, kart_classes, layouts_driven, leaderboard, now_at, since
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import when_of
from trackd.web.pages import html, page_view

Period = Literal["day", "week", "month", "year", "all"]
Class = Annotated[str, QueryParameter(name="class", description="of karts; all without it")]

PERIODS: dict[Period, tuple[str, str]] = {
    "day": ("Today", "today"), "week": ("Week", "this week"), "month": ("Month", "this month"),
    "year": ("Year", "this year"), "all": ("All", "of all time")}
"""On its button, and in a sentence."""

NO_LAYOUT = "none"
"""The layout of sessions that were driven without one, in an address."""


class BestRow(TypedDict):
    """The best lap of a driver. ``lap``: its id; ``at``: when it was set; ``verified``: false only where all are shown."""

    position: int
    driver: str
    driver_id: str | None
    kart: str
    time_us: int
    gap_us: int
    at: str
    session: str
    session_name: str
    lap: str
    verified: bool


class BestList(TypedDict):
    """A leaderboard, and the layout it is of."""

    items: list[BestRow]
    next: str | None
    layout: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that changes one thing about the leaderboard."""

    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class BestView:
    """A row of the page."""

    position: int
    driver: str
    driver_id: str
    kart: str
    time: str
    gap: str
    when: str
    session: str
    session_name: str
    lap: int
    verified: bool
    recording: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    layout: str
    period: Period
    kart_class: str
    verified: bool

    def href(self, **other: str) -> str:
        asked = {"layout": self.layout, "period": self.period, "class": self.kart_class,
                 "verified": "" if self.verified else "false"}
        return "/leaderboards?" + urlencode({name: value for name, value in {**asked, **other}.items() if value})


@get("/api/v1/leaderboards", tags=["leaderboards"])
async def leaderboards(appliance: TheAppliance, layout: FromQuery[str] = "", kart_class: Class = "",
                       period: FromQuery[Period] = "all", verified: FromQuery[bool] = True) -> BestList:
    """The best lap of each driver in official sessions: of the layout (its id) driven last, or the one named.

    ``period`` begins at midnight where the venue is. Only verified laps, unless ``verified=false``.
    """
    found, rows = await _found(appliance, _Asked(layout, period, kart_class, verified))
    items: list[BestRow] = [
        {"position": each.position, "driver": each.driver, "driver_id": each.driver_id, "kart": each.kart,
         "time_us": each.time_us, "gap_us": each.gap_us, "at": rfc3339(each.set_wall_us), "session": each.session,
         "session_name": each.session_name, "lap": str(each.lap), "verified": each.verified} for each in rows]
    return {"items": items, "next": None, "layout": None if found in ("", NO_LAYOUT) else found}


@get("/leaderboards", include_in_schema=False)
async def page(request: AnyRequest, appliance: TheAppliance, layout: FromQuery[str] = "", kart_class: Class = "",
               period: FromQuery[Period] = "all", verified: FromQuery[bool] = True) -> Response[str]:
    """Who was fastest here."""
    asked = _Asked(layout, period, kart_class, verified)
    found, rows = await _found(appliance, asked)
    names = {each: record.name for each, record in dict(appliance.live.writer.venue.layouts).items()}
    known = [each or NO_LAYOUT for each in await layouts_driven(appliance.reading)]
    classes = await kart_classes(appliance.reading)
    return html(
        "leaderboards.html", page=page_view(request, appliance, "Leaderboards"),
        layouts=[Choice(names.get(each, "Without a layout" if each == NO_LAYOUT else "A layout that is gone"),
                        asked.href(layout=each), each == found) for each in known],
        periods=[Choice(name, asked.href(period=each), each == period) for each, (name, _) in PERIODS.items()],
        classes=[Choice("All karts", asked.href(**{"class": ""}), not kart_class),
                 *(Choice(each, asked.href(**{"class": each}), each == kart_class) for each in classes)] if classes else [],
        verified=verified, other=asked.href(verified="false" if verified else ""), period=PERIODS[period][1],
        rows=[_view(each, appliance) for each in rows])


async def _found(appliance: Appliance, asked: _Asked) -> tuple[str, list[Best]]:
    """The layout asked for or driven last, "" while there is none, and its best laps. Raises NotFound."""
    known = [each or NO_LAYOUT for each in await layouts_driven(appliance.reading)]
    layout = asked.layout or (known[0] if known else "")
    if asked.layout not in ("", NO_LAYOUT, *known, *appliance.live.writer.venue.layouts):
        raise NotFound(f"There is no layout {asked.layout}.")
    now = now_at(appliance.live.clock.wall(), appliance.zone)
    rows = await leaderboard(appliance.reading, None if layout == NO_LAYOUT else layout, since_us=since(asked.period, now),
                             kart_class=asked.kart_class, verified=asked.verified)
    return layout, rows


def _view(each: Best, appliance: Appliance) -> BestView:
    return BestView(
        each.position, each.driver, each.driver_id or "", each.kart, lap_text(each.time_us),
        f"+{lap_text(each.gap_us)}" if each.gap_us else "", when_of(each.set_wall_us, appliance.zone), each.session,
        each.session_name, each.lap, each.verified, each.recording is not None)


HANDLERS: list[Any] = [leaderboards, page]
