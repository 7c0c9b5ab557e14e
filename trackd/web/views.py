"""What the live screens show, as typed values, and the least that must be sent when it changes. Pure.

A page is one ``LiveView``; each of its parts has one template, printed in the page and sent again when it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from trackd.timing.acts import Act
from trackd.timing.board import Board, SessionInfo
from trackd.web.ahead import AheadView, TilesView, ahead_view, tiles_view
from trackd.web.band import BandView, ClockView, band_view
from trackd.web.desk import DoneView, KartLine
from trackd.web.fleet import FleetView, fleet_view
from trackd.web.inbox import InboxView, Trouble, UnknownTransponder, inbox_view
from trackd.web.lanes import HeatsView, TrackView, heats_view
from trackd.web.moment import Moment, local_time
from trackd.web.rows import RowView, TimeView, row_view
from trackd.web.undo import UndoView, undo_view

__all__ = ["PARTS", "Fragment", "HealthItem", "LiveView", "OrderView", "PageView", "Part", "VenueView", "board_view",
           "console_view", "display_view", "fragments", "local_time", "pit_view"]

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
    done: DoneView | None = None     # what was just done here, with its undo


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

    kind: str                    # console | board | display | pit
    stream: str
    band: BandView
    order: OrderView
    heats: HeatsView
    best: tuple[TimeView, str] | None = None     # of the session, and whose
    inbox: InboxView | None = None
    undo: UndoView | None = None
    ahead: tuple[AheadView, ...] = ()
    tiles: TilesView | None = None
    tracks: tuple[TrackView, ...] = ()
    health: tuple[HealthItem, ...] = ()
    fleet: FleetView | None = None

    @property
    def flags(self) -> tuple[tuple[str, str], ...]:
        """Karts that are shown a flag of their own, and which; in the order of the race (B5)."""
        return tuple((row.kart, row.flag) for row in self.order.rows if row.flag)

    @property
    def count(self) -> ClockView | None:
        """The clock while it counts down to green, for large figures."""
        return self.band.clock if self.band.clock.goes else None


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
        Part("tracks", "#tracks", "partials/_tracks.html"),
        Part("band", "#band", "partials/_band.html"),
        Part("acts", "#acts", "partials/_acts.html"),
        Part("order", "#order", "partials/_order_console.html"),
        Part("undo", "#undo", "partials/_undo.html"),
        Part("inbox", "#inbox", "partials/_inbox.html"),
        Part("ahead", "#ahead", "partials/_ahead.html"),
        Part("tiles", "#tiles", "partials/_tiles.html"),
        Part("heats", "#strip", "partials/_strip.html"),
        Part("heats", "#lanes", "partials/_lanes.html"),
        Part("health", "#health", "partials/_health.html"),
    ),
    "board": (
        Part("band", "#band", "partials/_now.html"),
        Part("flags", "#flags", "partials/_kart_flags.html"),
        Part("count", "#count", "partials/_count.html"),
        Part("order", "#order", "partials/_order_board.html"),
        Part("heats", "#aside", "partials/_aside.html"),
    ),
    "display": (
        Part("band", "#band", "partials/_top.html"),
        Part("flags", "#flags", "partials/_kart_flags.html"),
        Part("count", "#count", "partials/_count.html"),
        Part("order", "#order", "partials/_order_display.html"),
        Part("foot", "#foot", "partials/_foot.html"),
    ),
    "pit": (
        Part("band", "#band", "partials/_pit_head.html"),
        Part("tally", "#tally", "partials/_pit_tally.html"),
        Part("tile", "#fleet", "partials/_pit_fleet.html"),
        Part("sheet", "#sheets", "partials/_pit_sheets.html"),
        Part("undo", "#undo", "partials/_undo.html"),
    ),
}


def _live(kind: str, board: Board | None, names: Mapping[str, str], venue: VenueView, *,
          heats: Sequence[SessionInfo], stream: str, at: Moment | None = None) -> LiveView:
    rows = tuple(row_view(board, row, names, at) for row in board.rows) if board else ()
    current = board.session.id if board else ""
    half = -(-len(rows) // 2)
    columns = (rows[:half], rows[half:]) if kind == "display" and len(rows) > DENSE else (rows,)
    return LiveView(
        kind=kind, stream=stream, band=band_view(board, next_heat=next(
            ((info.id, info.name) for info in heats if info.state in ("scheduled", "staged")), None)),
        order=OrderView(columns, board.sectors if board and kind == "console" else 0, current,
                        red=bool(board and kind == "display" and board.session.flag == "red"),
                        title=board.session.name if board else ""),
        heats=heats_view(heats, venue.zone, current),
        best=next(((row.best, row.name) for row in rows if row.best.mark == "best"), None),
    )


def console_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *, at: Moment,
                 heats: Sequence[SessionInfo] = (), health: Sequence[HealthItem] = (),
                 troubles: Sequence[Trouble] = (), unknown: Sequence[UnknownTransponder] = (),
                 acts: Sequence[Act] = (), tracks: Sequence[TrackView] = (), stream: str = "now") -> LiveView:
    """Race control. ``acts``: what was done lately at the venue, newest first."""
    view = _live("console", board, names, venue, heats=heats, stream=stream, at=at)
    titles = {info.id: info.name for info in heats}
    return replace(view, inbox=inbox_view(board, troubles, unknown, venue.zone, at), health=tuple(health),
                   undo=undo_view(acts, names, at, session_id=board.session.id if board else "", titles=titles),
                   ahead=ahead_view(board, at), tiles=tiles_view(board), tracks=tuple(tracks))


def board_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *,
               heats: Sequence[SessionInfo] = (), stream: str = "now") -> LiveView:
    """The public board, for phones and desktops."""
    return _live("board", board, names, venue, heats=heats, stream=stream)


def display_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *,
                 heats: Sequence[SessionInfo] = (), stream: str = "now") -> LiveView:
    """A television on the wall."""
    return _live("display", board, names, venue, heats=heats, stream=stream)


def pit_view(board: Board | None, names: Mapping[str, str], venue: VenueView, *, at: Moment,
             heats: Sequence[SessionInfo] = (), karts: Sequence[KartLine] = (), elsewhere: Mapping[str, str] | None = None,
             acts: Sequence[Act] = (), stream: str = "now") -> LiveView:
    """The pit tablet. ``elsewhere``: karts in a heat on another track, with its name; ``acts`` as for race control."""
    view = _live("pit", board, names, venue, heats=heats, stream=stream)
    waiting = next(((info.name, info.entries) for info in heats if info.state == "scheduled"), None)
    return replace(view, fleet=fleet_view(board, names, karts, elsewhere=elsewhere, waiting=waiting),
                   undo=undo_view(acts, names, at, session_id=board.session.id if board else "",
                                  titles={info.id: info.name for info in heats}))


def _kart_by_kart(name: str, before: FleetView | None, after: FleetView | None) -> list[Fragment]:
    """The tiles, or the sheets, of the karts that differ; none when they are not the same karts."""
    if not before or not after or [tile.kart for tile in before.tiles] != [tile.kart for tile in after.tiles]:
        return []
    changed = [replace(tile, hit=tile.hit_seq > old.hit_seq > 0)
               for old, tile in zip(before.tiles, after.tiles, strict=True) if old != tile]
    return [Fragment(f"partials/_pit_{name}.html", f"#{getattr(tile, name + '_id')}", "outerMorph", {"tile": tile})
            for tile in changed]


_VALUES: dict[str, Callable[[LiveView], Any]] = {
    "acts": lambda view: (view.band.session_id, view.band.state),
    "foot": lambda view: (view.heats, view.best, view.order.red),
    "tally": lambda view: view.fleet and (view.fleet.tally, view.fleet.next),
    "tile": lambda view: view.fleet and view.fleet.tiles, "sheet": lambda view: view.fleet and view.fleet.tiles,
}
"""What a part prints, where that is not the field of its name."""


def _value(view: LiveView, name: str) -> Any:
    return _VALUES[name](view) if name in _VALUES else getattr(view, name)


def _row_by_row(kind: str, before: OrderView, after: OrderView) -> list[Fragment] | None:
    """The rows that differ, and at race control the places they have now; None when the order must be sent as a whole."""
    frames = [(o.sectors, o.session_id, o.red, o.title, len(o.columns)) for o in (before, after)]
    was, now = [[[row.id for row in column] for column in o.columns] for o in (before, after)]
    moved = was != now
    if frames[0] != frames[1] or (moved and (kind != "console" or set(was[0]) != set(now[0]))):
        return None
    known = {row.id: row for row in before.rows}
    found = [Fragment(f"partials/_row_{kind}.html", "#" + row.id, "outerHTML", {"row": row})
             for row in after.rows if row != known[row.id] and not after.red]
    return [*found, Fragment("partials/_places.html", "#places", "outerHTML", {"order": after})] if moved else found


def _with_hits(before: OrderView, after: OrderView) -> OrderView:
    seen = {row.id: row.hit_seq for row in before.rows} if before.session_id == after.session_id else {}
    return replace(after, columns=tuple(
        tuple(replace(row, hit=row.hit_seq > seen.get(row.id, row.hit_seq)) for row in column)
        for column in after.columns))


def fragments(kind: str, before: LiveView | None, after: LiveView) -> list[Fragment]:
    """The least to send to a screen that shows ``before``: everything to one that shows nothing yet.

    Rows go one by one, as new elements so that the crossing paint starts. Any other change of the order, and on public
    screens every change of places, sends the whole of it, morphed so that nothing under a finger is lost.
    """
    found: list[Fragment] = []
    for part in PARTS[kind]:
        if before is not None and _value(before, part.name) == _value(after, part.name):
            continue
        view = after
        if part.name == "order" and before is not None:
            view = replace(after, order=_with_hits(before.order, after.order))
            if (rows := _row_by_row(kind, before.order, view.order)) is not None:
                found += rows
                continue
        if part.name in ("tile", "sheet") and before and (pieces := _kart_by_kart(part.name, before.fleet, after.fleet)):
            found += pieces
            continue
        found.append(Fragment(part.template, part.target, "outerMorph", {"view": view}))
    return found
