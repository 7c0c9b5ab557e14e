"""The states of a link as a table, and what each says to a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trackd.links.transport import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["connecting", "reading", "silent", "down"]
Event = Literal["opened", "bytes", "quiet", "lost", "crashed"]

TRANSITIONS: Mapping[tuple[State, Event], State] = {
    ("connecting", "opened"): "reading",
    ("connecting", "lost"): "down",
    ("connecting", "crashed"): "down",
    ("reading", "bytes"): "reading",
    ("reading", "quiet"): "silent",
    ("reading", "lost"): "down",
    ("reading", "crashed"): "down",
    ("silent", "bytes"): "reading",
    ("silent", "quiet"): "silent",
    ("silent", "opened"): "silent",   # connected afresh because it was silent: good news only once bytes come
    ("silent", "lost"): "down",
    ("silent", "crashed"): "down",
    ("down", "opened"): "reading",
    ("down", "lost"): "down",
    ("down", "crashed"): "down",
}
"""A pair that is missing cannot happen; looking it up raises."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One link at one moment. Instants are wall-clock microseconds since 1970, ages microseconds."""

    name: str
    protocol: str
    url: str
    state: State
    sentence: str                    # what is going on and what to do, for a person
    since_us: int                    # in this state
    connection: int                  # the number of the open (or last) connection, from 1; 0 before the first
    last_bytes_age_us: int | None    # since anything arrived; None before the first
    last_frame_at_us: int | None
    last_frame_age_us: int | None
    received_bytes: int
    frames: int                      # sound ones
    passings: int
    rejected: tuple[tuple[str, int], ...]  # (reason, count), by reason
    reconnects: int                  # connections after the first
    dropped_sends: int               # replies not sent because their connection was gone or did not take them
    crashes: int
    capture_trouble: str             # "" while the raw capture is written


def sentence(state: State, name: str, url: str, detail: str = "", quiet_s: float = 15.0) -> str:
    """What ``state`` means for the link ``name``; ``detail`` is a sentence about why it is down."""
    link = parse_url(url)
    who = f"The decoder '{name}' at {link.place}"
    cable = "serial cable" if link.scheme == "serial" else "network cable"
    if state == "connecting":
        return f"Connecting to the decoder '{name}' at {link.place}."
    if state == "reading":
        return f"{who} is connected."
    if state == "silent":
        return (f"{who} is connected but has sent nothing for {quiet_s:g} s. Passings may be missing; "
                f"check the decoder itself and its {cable}.")
    advice = f"Timing goes on as soon as it is back; check its power and {cable}."
    return f"{who} does not answer. {advice}" + (f" ({detail})" if detail else "")


CRASHED = ("Reading stopped because of a fault in trackd, which is in the log; it starts again by itself. "
           "Please report it.")
