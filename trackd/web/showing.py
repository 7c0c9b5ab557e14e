"""What each kind of live screen shows now, gathered from the appliance and made into views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trackd.services.appliance import Appliance, Check
from trackd.timing.board import Board
from trackd.web.band import flag_of
from trackd.web.desk import KartLine
from trackd.web.fleet import LIVE
from trackd.web.inbox import Trouble, UnknownTransponder
from trackd.web.lanes import TrackView
from trackd.web.moment import Moment
from trackd.web.views import HealthItem, LiveView, VenueView, board_view, console_view, display_view, pit_view

TRACK = "track:"
"""Streams of what is on now on one track begin with this and its name; ``now`` is that of the venue."""


def is_now(stream: str) -> bool:
    """Whether a stream follows what is on, rather than one session."""
    return stream == "now" or stream.startswith(TRACK)


def live_view(appliance: Appliance, kind: str, stream: str, board: Board | None, names: Mapping[str, str]) -> LiveView:
    """What a screen of this kind shows of ``board``."""
    if board is not None:
        board = replace(board, session=appliance.with_layout_name(board.session))
    track = stream.removeprefix(TRACK) if stream.startswith(TRACK) else ""
    if kind == "console" and board is not None and len(track_names(appliance)) > 1:
        track = board.session.track
    heats = [info for info in appliance.heats() if track in ("", info.track)]
    venue = VenueView(appliance.settings.venue.name, appliance.zone)
    if kind == "board":
        return board_view(board, names, venue, heats=heats, stream=stream)
    if kind == "display":
        return display_view(board, names, venue, heats=heats, stream=stream)
    clock = appliance.live.clock
    at, acts = Moment(clock.now(), clock.wall()), appliance.live.acts.newest()
    if kind == "pit":
        return pit_view(board, names, venue, at=at, heats=heats, karts=_karts(appliance),
                        elsewhere=_elsewhere(appliance, board), acts=acts, stream=stream)
    unknown = [UnknownTransponder(u.transponder, u.passings, appliance.wall_of(u.first_us))
               for u in appliance.unknown(board) if track in ("", u.track)]
    return console_view(board, names, venue, at=at, heats=heats, health=health(appliance),
                        troubles=troubles(appliance), unknown=unknown, acts=acts,
                        tracks=_tracks(appliance, track), stream=stream)


def track_names(appliance: Appliance) -> list[str]:
    """The tracks of the venue: those with a link, and those somebody made a session for."""
    return sorted({link.track for link in appliance.settings.links} | set(appliance.live.current))


def _tracks(appliance: Appliance, shown: str) -> list[TrackView]:
    """A tab for each track, where there are several."""
    names = track_names(appliance)
    found = []
    for name in names if len(names) > 1 else ():
        board = appliance.current(name)
        flag, word = flag_of(board) if board else ("none", "Nothing on")
        found.append(TrackView(name, flag, word, board.session.name if board else "", name == shown))
    return found


def _karts(appliance: Appliance) -> list[KartLine]:
    """All karts in the order of their numbers."""
    found = dict(appliance.live.writer.venue.karts).values()
    return sorted((KartLine(kart.number, kart.transponders, kart.kart_class or "") for kart in found),
                  key=lambda kart: (len(kart.number), kart.number))


def _elsewhere(appliance: Appliance, board: Board | None) -> dict[str, str]:
    """Karts in a heat that is on, on another track, and the name of that heat."""
    shown = board.session.id if board else ""
    return {row.kart: other.session.name for other in appliance.live.boards.values()
            if other.session.id != shown and other.session.state in LIVE for row in other.rows}


def health(appliance: Appliance) -> list[HealthItem]:
    """The health strip: what is well takes one word."""
    return [_item(check) for check in appliance.health()[1]]


def troubles(appliance: Appliance) -> list[Trouble]:
    """What is not well, as cases for the inbox."""
    found = []
    for check in appliance.health()[1]:
        if check.status == "ok" or check.name == "clock":
            continue
        link = appliance.live.statuses.get(check.name.removeprefix("link "))
        since_us = link.since_us if link is not None else appliance.live.clock.wall()
        title = f"{check.name.removeprefix('link ').capitalize()} is not heard" if link else "Storage"
        found.append(Trouble(check.name.replace(" ", "-"), title, check.message, since_us,
                             icon="loop" if link else "disk", tap=link is not None))
    return found


def _item(check: Check) -> HealthItem:
    kind = {"ok": "", "degraded": "warn", "failing": "bad"}[check.status]
    if check.name == "storage":
        return HealthItem("disk", "Storage", check.message.removesuffix(" free.") if not kind else check.message,
                          "free" if not kind else "", kind)
    if check.name == "clock":
        return HealthItem("clock", "Clock", check.message if kind or check.message == "exact" else "set", "", kind)
    name = check.name.removeprefix("link ")
    return HealthItem("loop", name, "reading" if not kind else check.message, "", "bad" if kind else "")
