"""Reading what a person asked for: the entry, lap or crossing it names, numbers and words within their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.time import Micros
from trackd.timing.events import Crossing
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.session import Session


def entry_of(heat: Heat, kart: Any) -> Entry:
    """The kart's entry. Raises Refused."""
    entry = heat.entries.get(str(kart))
    if entry is None:
        raise Refused(f"Kart {kart} is not in this heat.")
    return entry


def lap_of(heat: Heat, args: Mapping[str, Any], where: str = "lap") -> tuple[Entry, Lap]:
    """The lap that ``kart`` and ``lap`` name. Raises BadInput, Refused."""
    entry, number = entry_of(heat, args["kart"]), whole(args, where, 1, 10_000)
    if number > len(entry.laps):
        raise Refused(f"Kart {entry.kart} has no lap {number}; it has {len(entry.laps)}.")
    return entry, entry.laps[number - 1]


def whole(args: Mapping[str, Any], where: str, low: int, high: int) -> int:
    """A whole number out of the arguments. Raises BadInput."""
    value = args.get(where)
    if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(Fault(where, f"must be a whole number from {low} to {high}"))
    return value


def choice(args: Mapping[str, Any], where: str, choices: tuple[str, ...], default: str | None = None) -> str:
    """One of a few words. Raises BadInput."""
    value = args.get(where, default)
    if value not in choices:
        raise BadInput(Fault(where, f"must be {', '.join(choices[:-1])} or {choices[-1]}"))
    return str(value)


def text(args: Mapping[str, Any], where: str, *, most: int = 200, needed: bool = False) -> str:
    """A sentence somebody wrote. Raises BadInput."""
    value = args.get(where) or ""
    if not isinstance(value, str) or len(value) > most:
        raise BadInput(Fault(where, f"must be text of at most {most} characters"))
    value = " ".join(value.split())
    if needed and not value:
        raise BadInput(Fault(where, "missing"))
    return value


def track_time(heat: Heat, at_us: Micros) -> Micros:
    """The track time at which the session clock read ``at_us`` (negative: that long before it started)."""
    if heat.start_us is None:
        raise Refused("The session clock has not started yet.")
    moment_us = heat.start_us + at_us
    for start_us, stop_us in heat.pauses:
        if max(start_us, heat.start_us) < moment_us:
            moment_us += (stop_us if stop_us is not None else heat.last_us) - max(start_us, heat.start_us)
    return moment_us


def kart_then(heat: Heat, entry: Entry, at_us: Micros) -> str:
    """The kart the entry had at that moment."""
    kart = entry.kart
    for swapped_us, one, other in reversed(heat.swaps):
        if swapped_us <= at_us:
            break
        kart = other if kart == one else one if kart == other else kart
    return kart


def under_red(heat: Heat, at_us: Micros) -> bool:
    """Whether the session clock stood at that moment."""
    return any(start_us <= at_us and (stop_us is None or at_us < stop_us) for start_us, stop_us in heat.pauses)


def crossing_of(session: Session, seq: int) -> Crossing:
    """A crossing of this session by its sequence, as it counts. Raises Refused."""
    crossing = next((event for event in session.laid() if event.seq == seq and isinstance(event, Crossing)), None)
    if crossing is None or seq not in session.verdicts:
        raise Refused(f"There is no passing {seq} in this session.")
    return crossing


def crossings_of(session: Session, entry: Entry) -> list[Crossing]:
    """All crossings of an entry, whatever became of them."""
    return [event for event in session.laid() if isinstance(event, Crossing)
            and session.holders.get(event.seq) == kart_then(session.heat, entry, event.at_us)]
