"""The manual: one page per job of the day, all of them on one page for printing, and a table of every order and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from trackd.core.errors import NotFound
from trackd.services.sessions import ORDERS, needed
from trackd.services.staff import action_of_order, roles_that_may
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.pages import html, page_view
from trackd.web.render import assets, static_url


@dataclass(frozen=True, slots=True)
class Job:
    """One page of the manual: its text is the template ``help/SLUG.html``."""

    slug: str
    title: str
    about: str


CHAPTERS: tuple[tuple[str, tuple[Job, ...]], ...] = (
    ("The day", (
        Job("open", "Open up in the morning", "Switch on, sign in, see that every loop, kart and screen is there."),
        Job("close", "Close the day", "What is stored, what to look at, and that the mains may simply go off."),
    )),
    ("A heat", (
        Job("prepare", "Prepare heats", "Karts, drivers, format; the next one is made while one runs."),
        Job("start", "Start a heat", "Green, countdown, false start, started too late."),
        Job("flags", "Flags", "Yellow, red, going on, restarts and taking a restart back."),
        Job("end", "The end of a heat", "Chequered flag, grace time, official, print and CSV, one lap back."),
        Job("amend", "Change an official result", "Amend it; every version stays."),
    )),
    ("Something is different", (
        Job("changes", "Karts and drivers change", "Late, not there, swapped, wrong driver, unknown transponder."),
        Job("laps", "A lap looks wrong", "Ask a number why; missed read, short lap, insert, split, merge, move, delete."),
        Job("penalties", "Penalties and incidents", "Note what happened and decide it, give and lift a penalty."),
        Job("decoder", "The decoder is lost", "Time by hand, and what happens when it comes back."),
        Job("undo", "Undo", "The last fifty acts, from any page, and doing them again."),
    )),
    ("Solos in the karts", (
        Job("recordings", "Bring recordings in", "Files, a watched folder, units by themselves; whose a recording is."),
        Job("kiosk", "The kiosk in the hall", "Drivers bring recordings and find their laps; opening it."),
        Job("layout", "Draw a layout", "The line, sectors and pit lines on the trace of a kart; moving them later."),
        Job("verify", "Verify laps", "What the rules vouch for, what waits for you, reads the loop missed."),
    )),
    ("The place", (
        Job("tracks", "Two tracks at once", "Which loop belongs to which track, and who may be where."),
        Job("screens", "Screens, pit tablet and phones", "What to open where, and what a page says when it hears nothing."),
        Job("orders", "Every order and key", "All keys, and all orders with what they need and who may give them."),
    )),
)
JOBS: Mapping[str, Job] = {job.slug: job for _, jobs in CHAPTERS for job in jobs}

DOES: Mapping[str, str] = {
    "stage": "puts the heat on its track: from now on it owns the passings there",
    "green": "shows green: the heat starts, or yellow ends, or the heat goes on after red",
    "yellow": "shows yellow; laps count and are marked", "white": "shows white",
    "red": "shows red: clock and heat stand, laps are kept",
    "resume": "green after red; reads are ignored for the hold-off time, or for the seconds given",
    "chequered": "shows the chequered flag: each kart ends at its next crossing",
    "finish": "closes the heat without waiting for who is still out", "confirm": "makes the result official",
    "amend": "opens an official result again; the next confirmation is a new version",
    "undo": "takes back the newest act of the session, or the one named", "redo": "does again what was taken back last",
    "restart": "back to the grid; the laps are kept or voided",
    "reinstate": "an earlier attempt counts again", "countdown": "counts down, then goes green by itself",
    "abort": "stops the countdown", "join": "enters a kart; late, it counts from its next crossing",
    "leave": "the kart is out of the heat; its laps stay",
    "bind": "the transponder belongs to the kart in this heat, from now or since the start",
    "attach": "takes in passings that no heat counted, up to 600 seconds back",
    "assign": "other drivers in the same karts, one or all", "swap_kart": "the driver takes another kart",
    "void_lap": "the lap does not count", "insert_crossing": "adds a crossing at a time of the session clock",
    "move_laps": "laps belong to another kart", "split_lap": "makes two or three laps of one",
    "merge_laps": "makes one lap of this and the next", "shift_crossing": "moves the end of a lap",
    "ignore_crossing": "as if the read had not been", "count_crossing": "counts a read that was left out",
    "tap": "a crossing timed by hand, now", "set_start": "the heat started at another moment",
    "set_finish": "this crossing was the first to finish", "set": "another length from now on, other limits for all of it",
    "penalty": "gives a penalty: time, laps, places, a deleted lap, disqualification", "lift": "takes a penalty away",
    "kart_flag": "shows a flag to one kart: black, mechanical, warning, blue, or none", "incident": "notes what happened",
    "decide": "closes an incident with a decision", "accept": "does what the box proposes", "dismiss": "leaves it as it is",
}
"""What each order does, in words; a test holds it against ``ORDERS``."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in the table: what it does, what it needs, what it may be given beside, and the roles that give it."""

    name: str
    does: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the manual and its size in pixels, so that the page does not jump when it comes."""

    src: str
    width: int
    height: int


def order_lines() -> tuple[OrderLine, ...]:
    """Every order this version knows, from the table that checks them."""
    return tuple(OrderLine(name, DOES[name], tuple(each for each in fields if needed(name, each, {})),
                           tuple(each for each in fields if not needed(name, each, {})),
                           roles_that_may(action_of_order(name)))
                 for name, fields in ORDERS.items())


@cache
def pictures() -> Mapping[str, Picture]:
    """All pictures by name."""
    return {path.stem: Picture(static_url(f"manual/{path.name}"), *_size(path.read_bytes()[:30]))
            for path in sorted((assets("static") / "manual").glob("*.webp"))}


def _size(head: bytes) -> tuple[int, int]:
    """Width and height out of the head of a WebP file, extended or plain: browsers write both (RFC 9649)."""
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _page(template: str, request: AnyRequest, appliance: TheAppliance, title: str, **context: Any) -> Response[str]:
    return html(template, page=page_view(request, appliance, title), chapters=CHAPTERS, orders=order_lines(),
                pictures=pictures(), **context)


@get("/help", include_in_schema=False)
async def index(request: AnyRequest, appliance: TheAppliance) -> Response[str]:
    """What there is to read."""
    return _page("help/index.html", request, appliance, "Help")


@get("/help/all", include_in_schema=False)
async def everything(request: AnyRequest, appliance: TheAppliance) -> Response[str]:
    """The whole manual on one page, to search and to print."""
    return _page("help/all.html", request, appliance, "The manual")


@get("/help/{slug:str}", include_in_schema=False)
async def job(request: AnyRequest, appliance: TheAppliance, slug: FromPath[str]) -> Response[str]:
    """One job. Raises NotFound."""
    found = JOBS.get(slug)
    if found is None:
        raise NotFound(f"The manual has no page '{slug}'.")
    order = list(JOBS.values())
    at = order.index(found)
    return _page("help/page.html", request, appliance, found.title, job=found,
                 before=order[at - 1] if at else None, after=order[at + 1] if at + 1 < len(order) else None)


HANDLERS = [index, everything, job]
