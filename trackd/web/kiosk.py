"""The kiosk: what drivers do for themselves at a screen in the hall, one question a page, without typing.

The browser of the kiosk is opened by staff, and puts recordings in by that login. Its pages lead to each other and nowhere
else, and go back to the first one when nobody touches the screen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

import segno
from litestar import Response, get
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from trackd.core.errors import NotFound
from trackd.core.time import lap_text
from trackd.services.appliance import Appliance
from trackd.services.recorded import Recorded, laps_of, recording
from trackd.services.staff import may
from trackd.services.verifying import Verdict, verdicts
from trackd.timing.board import SessionInfo
from trackd.web.auth import principal
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.gpsviews import best_of, hundredths, when_of
from trackd.web.pages import guest_page, html, page_view
from trackd.web.verifying import WORDS

HOME_S = 60
"""Without a touch the kiosk goes back to its first page."""

PEOPLE, HEATS, DRIVERS_MOST = 6, 5, 10_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PLAIN = {"Ł": "L", "Ø": "O", "Đ": "D", "Æ": "AE", "Œ": "OE", "ß": "SS", "ẞ": "SS", "ı": "I", "Þ": "TH", "Ð": "D"}
"""Letters that are found under another one and do not fall apart into it and an accent."""


@dataclass(frozen=True, slots=True)
class KioskLap:
    """A lap. ``mark``: word, kind and icon of its verdict; empty while its heat is not official, or it has none."""

    number: int
    time: str
    best: bool
    mark: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class KioskHeat:
    """A heat and the laps somebody drove in it. ``official``: its laps have verdicts."""

    name: str
    when: str
    kart: str
    official: bool
    laps: tuple[KioskLap, ...]


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file. ``state``: waiting, refused, unknown, unmatched, proposed, matched; ``says``: why, where that
    is not plain; ``driver_id``: whose laps they are, "" where nobody knows.
    """

    state: str
    file: str
    says: str = ""
    kart: str = ""
    heat: str = ""
    driver: str = ""
    driver_id: str = ""
    official: bool = False
    best: str = ""
    laps: tuple[KioskLap, ...] = ()


@dataclass(frozen=True, slots=True)
class Letters:
    """The beginning of a name, and what can follow it. ``keys``: each letter with the name it leads to, "" for none."""

    typed: str
    back: str
    keys: tuple[tuple[str, str], ...]
    people: tuple[tuple[str, str], ...]      # id and name
    more: int                                # so many besides


@get("/kiosk", include_in_schema=False)
async def start(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """What can be done here."""
    return html("kiosk/start.html", page=page_view(request, appliance, "Welcome"),
                may_bring=may(principal(request), "recordings"))


@get("/console/kiosk", include_in_schema=False)
async def open_kiosk(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """Where staff opens the kiosk on a screen, signing in first."""
    return guest_page(request, appliance) or Redirect("/kiosk", status_code=303)


@get("/kiosk/recording", include_in_schema=False)
async def bring(request: AnyRequest, appliance: TheAppliance) -> Response[Any]:
    """A recording from a stick or a phone; without staff's login the first page, which says so."""
    if principal(request) is None:
        return Redirect("/kiosk", status_code=303)
    return html("kiosk/bring.html", page=page_view(request, appliance, "Bring your recording"), home_s=HOME_S,
                may_bring=may(principal(request), "recordings"))


@get("/kiosk/recording/{recording_id:str}", include_in_schema=False)
async def brought(request: AnyRequest, appliance: TheAppliance, recording_id: FromPath[str]) -> Response[Any]:
    """What was found in it."""
    if principal(request) is None:
        return Redirect("/kiosk", status_code=303)
    view = await _brought(appliance, await recording(appliance.reading, recording_id))
    return html("kiosk/brought.html", page=page_view(request, appliance, "Your recording"), view=view, home_s=HOME_S,
                qr=_qr(request, f"/drivers/{view.driver_id}") if view.driver_id else "")


@get("/kiosk/laps", include_in_schema=False)
async def find(request: AnyRequest, appliance: TheAppliance, name: FromQuery[str] = "") -> Response[str]:
    """Find oneself by the first letters of a name."""
    rows = await appliance.reading.drivers("", DRIVERS_MOST)
    return html("kiosk/find.html", page=page_view(request, appliance, "Find your laps"), home_s=HOME_S,
                view=letters_of({row.id: row.name for row in rows}, name))


@get("/kiosk/laps/{driver_id:str}", include_in_schema=False)
async def laps(request: AnyRequest, appliance: TheAppliance, driver_id: FromPath[str]) -> Response[str]:
    """What somebody drove here lately."""
    name = (await appliance.reading.names({driver_id})).get(driver_id)
    if name is None:
        raise NotFound("There is no such driver.")
    heats = [await _heat(appliance, session, driver_id)
             for session in await appliance.reading.sessions_of(driver_id, HEATS)]
    return html("kiosk/laps.html", page=page_view(request, appliance, name), heats=heats, home_s=HOME_S,
                qr=_qr(request, f"/drivers/{driver_id}"))


def letters_of(people: Mapping[str, str], typed: str) -> Letters:
    """Who is meant by the first letters of a first or last name: without accents, capitals, spaces and signs. Pure."""
    typed = folded(typed)[:20]
    found = sorted(((name, driver_id) for driver_id, name in people.items() if typed and _begins(name, typed)),
                   key=lambda each: (folded(each[0]), each[1]))
    follow = {rest[len(typed)] for name in people.values() for rest in _words(name)
              if rest.startswith(typed) and len(rest) > len(typed)}
    keys = tuple((letter, typed + letter if letter in follow else "") for letter in ALPHABET)
    return Letters(typed, typed[:-1], keys, tuple((driver_id, name) for name, driver_id in found[:PEOPLE]),
                   max(0, len(found) - PEOPLE))


def folded(name: str) -> str:
    """The plain capitals of a name."""
    plain = unicodedata.normalize("NFKD", "".join(PLAIN.get(each, each) for each in name.upper()))
    return "".join(each for each in plain if each in ALPHABET)


def _words(name: str) -> list[str]:
    """A name from each of its words on, as somebody may begin to write it."""
    parts = name.replace("-", " ").split()
    return [folded("".join(parts[at:])) for at in range(len(parts))]


def _begins(name: str, typed: str) -> bool:
    return any(word.startswith(typed) for word in _words(name))


async def _brought(appliance: Appliance, each: Recorded) -> Brought:
    if each.state == "waiting" or each.read is None:
        return Brought("waiting", each.name)
    if each.state == "refused":
        return Brought("refused", each.name, each.read.refused)
    found = await laps_of(appliance.reading, each.driven)
    best = best_of(found)
    view = Brought(
        each.state, each.name, each.reason if each.state == "unknown" else "", each.kart or "",
        best=hundredths(best.time_us) if best else "",
        laps=tuple(KioskLap(lap.number, hundredths(lap.time_us), lap is best) for lap in found if lap.kind == "full"))
    if each.session is None or each.kart is None:
        return view
    info = await appliance.reading.session(each.session)
    if each.state != "matched":
        return replace(view, heat=info.name)
    own = [verdict for verdict in await verdicts(appliance.reading, info.id, _layouts(appliance))
           if verdict.twin.recorded is not None and verdict.twin.recorded.id == each.id]
    if not own:
        return replace(view, heat=info.name)
    driver_id = _loop(own[-1])["driver_id"] or ""
    heat, names = _heat_of(appliance, info, own), await appliance.reading.names({driver_id})
    return replace(view, heat=info.name, driver=names.get(driver_id, ""), driver_id=driver_id if driver_id in names else "",
                   official=heat.official, best=next((lap.time for lap in heat.laps if lap.best), ""), laps=heat.laps)


async def _heat(appliance: Appliance, session_id: str, driver_id: str) -> KioskHeat:
    info = await appliance.reading.session(session_id)
    found = await verdicts(appliance.reading, session_id, _layouts(appliance))
    return _heat_of(appliance, info, [each for each in found if each.twin.loop and _loop(each)["driver_id"] == driver_id])


def _heat_of(appliance: Appliance, info: SessionInfo, own: Sequence[Verdict]) -> KioskHeat:
    official = info.state == "official"
    best_us = min((_loop(each)["time_us"] for each in own if _counts(each)), default=0)
    lines = tuple(KioskLap(_loop(each)["number"], lap_text(_loop(each)["time_us"]),
                           _counts(each) and _loop(each)["time_us"] == best_us, WORDS[each.verdict] if official else None)
                  for each in own)
    return KioskHeat(info.name, when_of(info.green_at_us or info.created_at_us, appliance.zone),
                     ", ".join(dict.fromkeys(_loop(each)["kart"] for each in own)), official, lines)


def _loop(each: Verdict) -> dict[str, Any]:
    assert each.twin.loop is not None
    return each.twin.loop


def _counts(each: Verdict) -> bool:
    return bool(_loop(each)["kind"] == "full" and _loop(each)["verdict"] == "valid")


def _layouts(appliance: Appliance) -> Mapping[str, Any]:
    return dict(appliance.live.writer.venue.layouts)


def _qr(request: AnyRequest, path: str) -> str:
    """A code of a page for the driver's own phone; "" where the kiosk itself knows no address that others can use."""
    host = request.base_url.hostname or ""
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    address = str(request.base_url).rstrip("/") + path
    return "" if here else str(segno.make_qr(address).svg_inline(omitsize=True, border=2))


HANDLERS: list[Any] = [start, open_kiosk, bring, brought, find, laps]
