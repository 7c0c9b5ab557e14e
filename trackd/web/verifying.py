"""Laps that wait for a person's verdict, heat by heat, and the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from trackd.core.errors import TrackdError
from trackd.core.time import HOUR, lap_text
from trackd.services.appliance import Appliance
from trackd.services.staff import may
from trackd.services.verifying import Verdict, verdict, verdicts, vouch
from trackd.timing.board import SessionInfo
from trackd.web.auth import check, principal
from trackd.web.desk import faults_of
from trackd.web.forms import one
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import when_of
from trackd.web.lapviews import VerdictView
from trackd.web.pages import form_of, guest_page, html, page_view

DAYS = 7
"""Heats of so many days are looked through."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A lap to decide, or one decided by a person. ``by``: who decided, "" while it waits."""

    id: str
    kart: str
    driver: str
    number: int
    time: str
    reasons: tuple[str, ...]
    verdict: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class HeatView:
    """A heat with what became of its laps."""

    id: str
    name: str
    when: str
    verified: int
    out: int
    waiting: tuple[QueueLine, ...]
    decided: tuple[QueueLine, ...]


@get("/console/verify", include_in_schema=False)
async def queue(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Laps of official heats that the rules leave to a person."""
    return guest_page(request, appliance) or await _page(request, appliance)


@post("/console/verify", status_code=200, include_in_schema=False)
async def decide(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Vouch for laps of a heat, leave them out, or take that back; without a lap for all that wait."""
    who = check(request, "recordings")
    values = await form_of(request)
    session_id, laps = one(values, "session"), [each for each in values.get("lap", ()) if each]
    said = {"verify": "verified", "leave": "no"}.get(one(values, "act"), "")
    try:
        if not laps:
            laps = [each.lap_id for each in await verdicts(appliance.reading, session_id, _layouts(appliance))
                    if each.verdict == "queue"]
        await appliance.live.done(vouch(appliance.live.writer, session_id, laps, said, one(values, "reason"), who.name))
    except TrackdError as error:
        return await _page(request, appliance, tuple(map(str, faults_of(error))))
    return Redirect(f"/console/verify#heat-{session_id}", status_code=303)


async def _page(request: AnyRequest, appliance: Appliance, faults: tuple[str, ...] = ()) -> Response[str]:
    since_us = appliance.live.clock.wall() - DAYS * 24 * HOUR
    heats = [await _heat(appliance, info) for info in reversed(await appliance.reading.sessions(since_us, None, 200))
             if info.state == "official"]
    return html("console/verify.html", page=page_view(request, appliance, "To verify", "recordings"), faults=faults,
                heats=heats, days=DAYS, may_decide=may(principal(request), "recordings"))


async def _heat(appliance: Appliance, info: SessionInfo) -> HeatView:
    found = await verdicts(appliance.reading, info.id, _layouts(appliance))
    names = await appliance.reading.names({each.twin.loop["driver_id"] for each in found
                                           if each.twin.loop and each.twin.loop["driver_id"]})
    told = [(each, _line(each, names)) for each in found]
    return HeatView(
        info.id, info.name, when_of(info.green_at_us or info.created_at_us, appliance.zone),
        sum(each.verdict == "verified" for each in found), sum(each.verdict == "no" for each in found),
        tuple(line for each, line in told if each.verdict == "queue"),
        tuple(line for each, line in told if each.vouched is not None and each.judgement.verdict == "queue"))


def _layouts(appliance: Appliance) -> Mapping[str, Any]:
    return dict(appliance.live.writer.venue.layouts)


def _line(each: Verdict, names: Mapping[str, str]) -> QueueLine:
    loop = each.twin.loop
    assert loop is not None
    said = each.vouched
    return QueueLine(each.lap_id, loop["kart"], names.get(loop["driver_id"] or "", ""), loop["number"],
                     lap_text(loop["time_us"]), each.judgement.reasons, each.verdict, said.by if said else "",
                     said.reason if said else "")


NAMES = {"time": "Timed", "session": "Session", "lap": "Lap", "limits": "Limits", "edits": "Edits", "flags": "Flags",
         "agreement": "Loop and GPS"}
WORDS = {"verified": ("Verified", "good", "check"), "queue": ("To be verified", "warn", "who"),
         "no": ("Not verified", "", "off")}


async def verdict_view(appliance: Appliance, lap_id: str) -> VerdictView:
    """Whether a lap is verified, and every rule it was held against. Raises NotFound."""
    found = await verdict(appliance.reading, lap_id, _layouts(appliance))
    facts = [(NAMES.get(rule.name, rule.name), rule.sentence) for rule in found.judgement.rules]
    if found.vouched is not None and found.judgement.verdict == "queue":
        facts.append(("Decided", f"by {found.vouched.by}{f': {found.vouched.reason}' if found.vouched.reason else ''}"))
    else:
        facts.append(("Decided", "by the rules"))
    word, kind, icon = WORDS[found.verdict]
    return VerdictView(word, kind, icon, tuple(facts))


HANDLERS: list[Any] = [queue, decide]
