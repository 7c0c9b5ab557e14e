"""The sessions of the day: what waits, what is on, what is done, and which of them can be staged now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from trackd.timing.board import SessionInfo
from trackd.web.band import STATE_WORDS, format_words
from trackd.web.moment import local_time
from trackd.web.rows import qty

_WAITING = frozenset({"scheduled", "staged"})
_ON_TRACK = frozenset({"running", "paused", "finishing"})
_DONE = frozenset({"provisional", "official"})


@dataclass(frozen=True, slots=True)
class HeatView:
    """A session in a list. ``stages``: it can be staged, ``refused`` says why not now."""

    id: str
    name: str
    format: str
    state: str
    word: str
    when: str                    # clock time of green, "" before it
    karts: str
    current: bool
    stages: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class HeatsView:
    """The sessions of the day in three lanes: next ones first, done ones newest first."""

    queue: tuple[HeatView, ...]
    track: tuple[HeatView, ...]
    done: tuple[HeatView, ...]
    session_id: str


@dataclass(frozen=True, slots=True)
class TrackView:
    """A tab of race control, where a venue has more than one track: what its flag is, and what is on there."""

    name: str
    flag: str
    word: str                    # of the flag or the state
    title: str                   # of the session, "" for none
    current: bool


def heat_view(info: SessionInfo, zone: tzinfo, current: str = "", busy: Mapping[str, str] | None = None) -> HeatView:
    """A session as one line of a list. ``busy``: tracks and the name of the heat that is on there."""
    when = "" if info.green_at_us is None else local_time(info.green_at_us, zone)
    on = (busy or {}).get(info.track, "")
    refused = f"{on} is on this track. It must end first." if on else "" if info.entries else "It has no karts yet."
    stages = info.state == "scheduled"
    return HeatView(info.id, info.name, format_words(info.format), info.state, STATE_WORDS.get(info.state, info.state),
                    when, qty(info.entries, "kart"), info.id == current, stages, refused if stages else "")


def heats_view(heats: Sequence[SessionInfo], zone: tzinfo, current: str = "") -> HeatsView:
    """The sessions of a day, given in the order they were made, in lanes."""
    busy = {info.track: info.name for info in heats if info.state == "staged" or info.state in _ON_TRACK}

    def lane(states: frozenset[str]) -> tuple[HeatView, ...]:
        return tuple(heat_view(info, zone, current, busy) for info in heats if info.state in states)

    return HeatsView(lane(_WAITING), lane(_ON_TRACK), lane(_DONE)[::-1], current)
