"""The pit tablet: every kart in its place, and what can be done with it. Staff only; orders go the console's way."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.params import FromQuery

from trackd.services.staff import may
from trackd.web.auth import principal
from trackd.web.given import AnyRequest, TheAppliance, TheScreens
from trackd.web.pages import guest_page, html, page_view, stream_of


@get("/pit", include_in_schema=False)
async def pit(request: AnyRequest, appliance: TheAppliance, screens: TheScreens,
              track: FromQuery[str] = "") -> Response[Any]:
    """All karts, and five acts for the one that is touched. Whoever may not give orders may look."""
    guest = guest_page(request, appliance)
    if guest is not None:
        return guest
    return html("pit.html", page=page_view(request, appliance, "Pit"), may_order=may(principal(request), "orders"),
                view=screens.view("pit", stream_of(appliance, track)))


HANDLERS: list[Any] = [pit]
