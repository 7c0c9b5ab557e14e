"""What a click on a number opens: a kart with every lap and its evidence, and the forms of race control's orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from trackd.core.errors import BadInput, Fault, NotFound
from trackd.services.appliance import Appliance
from trackd.services.commands import Decider, Draft
from trackd.services.evidence import kart_sheet, look
from trackd.services.ordering import Ordering
from trackd.services.snapshots import Snapshot
from trackd.services.staff import may
from trackd.timing.acts import Act
from trackd.timing.facts import OrderFact
from trackd.timing.flags import LIVE, State
from trackd.timing.heat import Heat
from trackd.timing.resolve import EDITING
from trackd.web import asks, pads
from trackd.web.auth import check
from trackd.web.deeds import foreseen
from trackd.web.forms import order_args
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.pads import Ground, Query
from trackd.web.pages import html
from trackd.web.why import kart_view

FORMS: Mapping[str, Callable[[Ground, Query], tuple[str, Any]]] = {
    "swap": pads.swap, "join": pads.join, "leave": pads.leave, "flag": pads.flag, "move": pads.move,
    "penalty": asks.penalty, "incident": asks.incident, "restart": asks.restart, "set": asks.rules,
    "assign": asks.assign, "search": asks.search, "insert": asks.insert, "shift": asks.shift,
}
"""Every form by its name; each gives the template it is printed with."""

NAMING = frozenset({"join", "assign"})
"""Forms in which drivers are named."""

DRIVERS_AT_MOST = 500


@get("/console/sessions/{session_id:str}/karts/{kart:str}", include_in_schema=False)
async def kart(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str], kart: FromPath[str],
               lap: FromQuery[int] = 0, crossing: FromQuery[int] = 0) -> Response[str]:
    """One kart: every lap, why it is what it is, and what can be done. ``lap`` or ``crossing`` chooses one."""
    who = check(request, "read")
    sheet = await kart_sheet(appliance, session_id, kart)
    names = await _names(appliance, sheet.shot.heat)
    view = kart_view(sheet, names, appliance.zone, lap=lap, crossing=crossing, last_act=_last_act(appliance, session_id),
                     may_order=may(who, "orders"))
    return html("panels/kart.html", view=view, session_id=session_id, official=view.official)


@get("/console/sessions/{session_id:str}/forms/{name:str}", include_in_schema=False)
async def form(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str],
               name: FromPath[str]) -> Response[str]:
    """One step of an order's form; what was chosen so far stands in the query."""
    check(request, "orders")
    if name not in FORMS:
        raise NotFound(f"There is no form '{name}'.")
    query: Query = {key: str(value) for key, value in request.query_params.items()}
    ground = await _ground(appliance, session_id, name, query)
    template, view = FORMS[name](ground, query)
    return html(f"panels/{template}.html", view=view, session_id=session_id,
                official=ground.heat.state is State.OFFICIAL)


@get("/console/sessions/{session_id:str}/foresee", include_in_schema=False)
async def foresee(request: AnyRequest, appliance: TheAppliance, session_id: FromPath[str]) -> Response[str]:
    """What an order would do to the order of karts, were it given now. Nothing is written."""
    who = check(request, "orders")
    values = {key: [str(each) for each in request.query_params.getall(key)] for key in request.query_params}
    name = values.get("order", [""])[-1]
    if name not in EDITING:                        # others may name drivers anew while they are read
        raise BadInput(Fault("order", "only edits of laps and penalties can be foreseen"))
    args = order_args(name, values)
    found: list[OrderFact] = []

    def decide(decider: Decider) -> Sequence[Draft]:
        drafts = Ordering(decider, session_id, who.name).give(name, args)
        found.extend(body for _, _, body in drafts if isinstance(body, OrderFact))
        return []

    await appliance.live.done(appliance.live.writer.submit(decide))
    return html("panels/foreseen.html", lines=[
        line for fact in found for line in foreseen(fact.args.get("changed", {}), str(args.get("kart", "")))])


def _last_act(appliance: Appliance, session_id: str) -> Act | None:
    """What was done last in the session and still stands."""
    act = next((each for each in appliance.live.acts.newest(session_id) if not each.undone), None)
    return act if act is not None and act.kind == "order" else None


async def _names(appliance: Appliance, heat: Heat) -> dict[str, str]:
    """The drivers of a heat by id."""
    ids = {entry.driver_id for entry in heat.entries.values() if entry.driver_id}
    known = {each: appliance.live.names[each] for each in ids if each in appliance.live.names}
    return known | await appliance.reading.names(ids - known.keys())


async def _shot(appliance: Appliance, session_id: str) -> Snapshot:
    return appliance.live.shots.get(session_id) or (await look(appliance, session_id)).shot


async def _ground(appliance: Appliance, session_id: str, name: str, query: Query) -> Ground:
    """What a form stands on, read for it alone."""
    heat = (await _shot(appliance, session_id)).heat
    elsewhere = {kart: shot.spec.name for other, shot in appliance.live.shots.items()
                 if other != session_id and shot.heat.state in LIVE for kart in shot.heat.entries}
    copied: dict[str, str] = {}
    if name == "assign" and query.get("from"):
        board = await appliance.board(query["from"])
        names = await appliance.named(board)
        copied = {row.kart: names.get(row.driver_id or "", "") for row in board.rows}
    drivers = ([row.name for row in await appliance.reading.drivers("", DRIVERS_AT_MOST)] if name in NAMING else [])
    karts = sorted(dict(appliance.live.writer.venue.karts), key=pads.kart_key)
    heats = tuple((info.id, info.name) for info in appliance.heats() if info.id != session_id)
    return Ground(session_id, heat, await _names(appliance, heat), tuple(karts), elsewhere, tuple(sorted(drivers)), heats,
                  copied)


HANDLERS: list[Any] = [kart, form, foresee]
