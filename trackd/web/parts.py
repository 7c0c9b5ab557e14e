"""Every component in all its states, for whoever carries the look on: printed by the templates of the pages themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from litestar import Response, get
from markupsafe import Markup

from trackd.core.errors import Fault
from trackd.web import samples
from trackd.web.desk import form_view
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.lanes import TrackView
from trackd.web.pages import html, page_view
from trackd.web.render import assets, render
from trackd.web.rows import TimeView
from trackd.web.views import HealthItem

TIMES = (TimeView("38.125", "best"), TimeView("38.352", "pb"), TimeView("39.172", "slow"), TimeView("40.018", "off"),
         TimeView("1:02.288", "late"), TimeView("38.990"), TimeView("+4.104", old=True), TimeView("38.700", source="hand"),
         TimeView("39.288", source="split"), TimeView("38.512", "best", source="gps"))
HEALTH = (HealthItem("loop", "Decoder", "reading", "0.4 s ago"), HealthItem("clock", "Clock", "exact"),
          HealthItem("disk", "Storage", "41 GB", "free"))
SICK = (HealthItem("loop", "Decoder", "silent for 6 s", kind="bad"),
        HealthItem("clock", "Clock", "set by hand", kind="warn"), HealthItem("cloud", "Cloud", "offline, 214 laps wait"))

_ACTS = re.compile(r""" (?:hx-[\w:-]+|aria-keyshortcuts|data-(?:turn|of|tap|tap-open|send|panel|print|newest))"""
                   r"""(?:="[^"]*"|='[^']*')?""")
_HREF = re.compile(r'\bhref="/[^"]*"')
_ID = re.compile(r'\b(id|for|list|aria-labelledby|aria-describedby|aria-controls)="([^"]+)"')
_LANDMARK = re.compile(r'(<(?:section|nav|aside)\b[^>]*\baria-label="[^"]*)"')


def dead(source: str, number: int, *, ids: bool = True) -> Markup:
    """A part as it looks, without what it does: it gives no order, leads nowhere, and shares no id with another."""
    text = _HREF.sub('href="#main"', _ACTS.sub("", source)).replace(" data-hit", ' data-hit="hold"')
    text = _LANDMARK.sub(rf'\1, sample {number}"', text)

    def renamed(found: re.Match[str]) -> str:
        return f'{found[1]}="' + " ".join(f"{each}-{number}" for each in found[2].split()) + '"'

    return Markup(_ID.sub(renamed, text) if ids else text)  # noqa: S704 - rendered by the environment, which escapes


def shower() -> Callable[..., Markup]:
    """``show(template, **context)`` for one page: each part it prints gets the next number."""
    numbers = count(1)

    def show(template: str, *, ids: bool = True, **context: Any) -> Markup:
        return dead(render(template, **context), next(numbers), ids=ids)

    return show


def icons() -> list[tuple[str, str]]:
    """Every drawing of the sprite, and whether it is an icon or a glyph."""
    sprite = (assets("templates") / "partials/_sprite.html").read_text(encoding="utf-8")
    return [(name, "g" if box == "12" else "i") for name, box in re.findall(r'id="i-([\w-]+)" viewBox="0 0 (\d+)', sprite)]


def parts() -> dict[str, Any]:
    """What the page prints: views of invented heats in every state."""
    console = replace(samples.console(), health=HEALTH, tracks=(
        TrackView("main", "green", "Green", "Heat 14", current=True),
        TrackView("kids", "none", "Nothing on", "", current=False)))
    rows = tuple(replace(row, hit=row.kart == "3") for row in console.order.rows)
    return {
        "show": shower(), "times": TIMES, "icons": icons(), "kart_flags": ("black", "mechanical", "warning", "blue"),
        "flags": ("green", "yellow", "red", "white", "chequered", "black", "mechanical", "warning", "blue"),
        "bands": samples.bands(), "console": console,
        "order": replace(console, order=replace(console.order, columns=(rows,))),
        "sick": replace(console, undo=None, health=SICK), "undone": samples.console(undone=True),
        "inbox": samples.inbox(), "public": samples.public(), "red": samples.red(), "pit": samples.pit(),
        "counts": replace(samples.public(), band=samples.console("staged", "none", countdown_us=5_000_000).band),
        "sheets": samples.pit_sheets(), "kart": samples.kart_panel(),
        "form": form_view({"name": ["Giulia C."], "number": ["123456"]}, [
            Fault("number", "A number has at most four letters or figures."), Fault("", "This kart is in Heat 14 now.")],
            ("number",)),
    }


@get("/components", include_in_schema=False)
async def components(request: AnyRequest, appliance: TheAppliance) -> Response[str]:
    """The parts of the look, in every state."""
    return html("components.html", page=page_view(request, appliance, "Components"), **parts())


HANDLERS: list[Any] = [components]
