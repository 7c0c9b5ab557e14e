"""What the live screens show, as typed values, and the least that must be sent when it changes. Pure.

A page is one ``LiveView``; each of its parts has one template, printed in the page and sent again when it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from trackd.core.time import Micros, utc
from trackd.timing.board import Board, SessionInfo
from trackd.web.band import STATE_WORDS, BandView, band_view, format_words
from trackd.web.rows import RowView, TimeView, element_id, qty, row_view

_WAITING = frozenset({"scheduled", "staged"})
_ON_TRACK = frozenset({"running", "paused", "finishing"})
DENSE = 14
"""More karts than this stand in two columns on a display."""


@dataclass(frozen=True, slots=True)
class PageView:
    """What every page's frame needs: who looks at it, where, and the token its forms carry."""

    title: str
    venue: str
    current: str = ""            # which rail entry this is: race heats karts drivers setup
    user: str = ""
    role: str = ""
    csrf: str = ""


@dataclass(frozen=True, slots=True)
class VenueView:
    """The place: its name and the time zone its clock times are shown in."""

    name: str
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class HealthItem:
    """One thing in the health footer. ``kind``: "" well, "warn" can wait, "bad" now; icons loop clock disk cloud."""

    icon: str
    name: str
    word: str
    more: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A case that needs eyes, not a decision: a link that is down, storage that fails. ``since_us`` since 1970."""

    id: str
    title: str
    text: str
    since_us: Micros
    kind: str = "bad"
    icon: str = "warn"


@dataclass(frozen=True, slots=True)
class UnknownTransponder:
    """A transponder no kart owns, as it was seen. ``since_us``: its first passing, microseconds since 1970."""

    transponder: str
    passings: int
    since_us: Micros


@dataclass(frozen=True, slots=True)
class CaseView:
    """One entry of the inbox; with ``transponder`` it offers to put that on a kart of the session."""

    id: str
    kind: str
    icon: str
    title: str
    when: str
    text: str
    transponder: str = ""


@dataclass(frozen=True, slots=True)
class InboxView:
    """What to decide, red first, then oldest."""

    session_id: str              # "": nothing can be decided now, cases are only told
    cases: tuple[CaseView, ...]
    karts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeatView:
    """A session in a list."""

    id: str
    name: str
    format: str
    state: str
    word: str
    when: str                    # clock time of green, "" before it
    karts: str
    current: bool


@dataclass(frozen=True, slots=True)
class HeatsView:
    """The sessions of the day in three lanes: next ones first, done ones newest first."""

    queue: tuple[HeatView, ...]
    track: tuple[HeatView, ...]
    done: tuple[HeatView, ...]
    session_id: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """The order of karts. ``columns`` holds one tuple of rows, or two on a dense display."""

    columns: tuple[tuple[RowView, ...], ...]
    sectors: int
    session_id: str
    red: bool                    # a display shows one word instead
    title: str

    @property
    def rows(self) -> tuple[RowView, ...]:
        """All rows in order."""
        return tuple(row for column in self.columns for row in column)


@dataclass(frozen=True, slots=True)
class LiveView:
    """Everything one live screen shows. ``stream``: what its stream is called, a session id or ``now``."""

    kind: str                    # console | board | display
    stream: str
    band: BandView
    order: OrderView
    heats: HeatsView
    best: tuple[TimeView, str] | None = None     # of the session, and whose
    inbox: InboxView | None = None
    health: tuple[HealthItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Fragment:
    """One partial to send: which template, which element it replaces and how, and the values it prints."""

    template: str
    target: str
    swap: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A living part of a screen: the value of a view it prints and the template that prints it."""

    name: str
    target: str
    template: str


PARTS: dict[str, tuple[Part, ...]] = {
    "console": (
        Part("band", "#band", "partials/_band.html"),
        Part("order", "#order", "partials/_order_console.html"),
        Part("inbox", "#inbox", "partials/_inbox.html"),
        Part("heats", "#strip", "partials/_strip.html"),
        Part("heats", "#lanes", "partials/_lanes.html"),
        Part("health", "#health", "partials/_health.html"),
    ),
    "board": (
        Part("band", "#band", "partials/_now.html"),
        Part("order", "#order", "partials/_order_board.html"),
        Part("heats", "#aside", "partials/_aside.html"),
    ),
    "display": (
        Part("band", "#band", "partials/_top.html"),
        Part("order", "#order", "partials/_order_display.html"),
        Part("foot", "#foot", "partials/_foot.html"),
    ),
}


def local_time(instant_us: Micros, zone: tzinfo) -> str:
    """A clock time at the venue, ``14:11``."""
    return utc(instant_us).astimezone(zone).strftime("%H:%M")


def heat_view(info: SessionInfo, zone: tzinfo, current: str = "") -> HeatView:
    """A session as one line of a list."""
    when = "" if info.green_at_us is None else local_time(info.green_at_us, zone)
    return HeatView(info.id, info.name, format_words(info.format), info.state, STATE_WORDS.get(info.state, info.state),
                    when, qty(info.entries, "kart"), info.id == current)


def heats_view(heats: Sequence[SessionInfo], zone: tzinfo, current: str = "") -> HeatsView:
    """The sessions of a day, given in the order they were made, in lanes."""
    def lane(states: frozenset[str]) -> tuple[HeatView, ...]:
        return tuple(heat_view(info, zone, current) for info in heats if info.state in states)

    return HeatsView(lane(_WAITING), lane(_ON_TRACK), lane(frozenset({"provisional", "official"}))[::-1], current)


def inbox_view(board: Board | None, troubles: Sequence[Trouble], unknown: Sequence[UnknownTransponder],
               zone: tzinfo) -> InboxView:
    """Troubles and strangers as cases; a stranger can be bound to a kart while the session can still change."""
    live = board is not None and board.session.state not in {"official", "void"}
    cases = [CaseView(element_id("case", t.id), t.kind, t.icon, t.title, local_time(t.since_us, zone), t.text)
             for t in sorted(troubles, key=lambda t: (t.kind != "bad", t.since_us))]
    cases += [CaseView(element_id("case", u.transponder), "warn", "who", f"Unknown transponder {u.transponder}",
                       local_time(u.since_us, zone), f"{qty(u.passings, 'passing')} and no kart it belongs to.",
                       u.transponder)
              for u in sorted(unknown, key=lambda u: u.since_us)]
    karts = sorted((row.kart for row in board.rows), key=lambda kart: (len(kart), kart)) if board and live else []
    return InboxView(board.session.id if board and live else "", tuple(cases), tuple(karts))


def _live(kind: str, board: Board | None, names: Mapping[str, str], venue: VenueView, *,
          heats: Sequence[SessionInfo], stream: str) -> LiveView:
    rows = tuple(row_view(board, row, names) for row in board.rows) if board else ()
    current = board.session.id if board else ""
    half = -(-len(rows) // 2)
    columns = (rows[:half], rows[half:]) if kind == "display" and len(rows) > DENSE else (rows,)
    return LiveView(
        kind=kind, stream=stream, band=band_view(board),
        order=OrderView(columns, board.sectors if board and kind == "console" else 0, current,
                        red=bool(board and kind == "display" and board.session.flag == "red"),
                        title=board.session.name if board else ""),
        heats=heats_view(heats, venue.zone, current),
        best=next(((row.best, row.name) for row in rows if row.best.mark == "best"), None),
    )


def console_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *,
                 heats: Sequence[SessionInfo] = (), health: Sequence[HealthItem] = (),
                 troubles: Sequence[Trouble] = (), unknown: Sequence[UnknownTransponder] = (),
                 stream: str = "now") -> LiveView:
    """Race control."""
    view = _live("console", board, names, venue, heats=heats, stream=stream)
    return replace(view, inbox=inbox_view(board, troubles, unknown, venue.zone), health=tuple(health))


def board_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *,
               heats: Sequence[SessionInfo] = (), stream: str = "now") -> LiveView:
    """The public board, for phones and desktops."""
    return _live("board", board, names, venue, heats=heats, stream=stream)


def display_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *,
                 heats: Sequence[SessionInfo] = (), stream: str = "now") -> LiveView:
    """A television on the wall."""
    return _live("display", board, names, venue, heats=heats, stream=stream)


def _value(view: LiveView, name: str) -> Any:
    return (view.heats, view.best) if name == "foot" else getattr(view, name)


def _same_places(before: OrderView, after: OrderView) -> bool:
    frame = [(o.sectors, o.session_id, o.red, o.title, [[row.id for row in column] for column in o.columns])
             for o in (before, after)]
    return frame[0] == frame[1]


def _with_hits(before: OrderView, after: OrderView) -> OrderView:
    seen = {row.id: row.hit_seq for row in before.rows} if before.session_id == after.session_id else {}
    return replace(after, columns=tuple(
        tuple(replace(row, hit=row.hit_seq > seen.get(row.id, row.hit_seq)) for row in column)
        for column in after.columns))


def fragments(kind: str, before: LiveView | None, after: LiveView) -> list[Fragment]:
    """The least to send to a screen that shows ``before``: everything to one that shows nothing yet.

    Rows that stay in their places go one by one, as new elements so that the crossing paint starts; any other change
    of the order sends the whole of it, morphed so that nothing under a finger is lost.
    """
    found: list[Fragment] = []
    for part in PARTS[kind]:
        if before is not None and _value(before, part.name) == _value(after, part.name):
            continue
        view = after
        if part.name == "order" and before is not None:
            view = replace(after, order=_with_hits(before.order, after.order))
            if _same_places(before.order, after.order):
                rows = () if after.order.red else zip(before.order.rows, view.order.rows, strict=True)
                found += [Fragment(f"partials/_row_{kind}.html", "#" + row.id, "outerHTML", {"row": row})
                          for old, row in rows if old != row]
                continue
        found.append(Fragment(part.template, part.target, "outerMorph", {"view": view}))
    return found
