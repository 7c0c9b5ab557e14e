"""What the journal holds, as values. Every fact has a place (``seq``), a track time and a wall time."""

from __future__ import annotations

from typing import Any

import msgspec

from trackd.core.time import Micros
from trackd.timing.events import LINE
from trackd.timing.recorded import DrivenFact, MatchFact, ReadFact, RecordingFact, UnitFact, VouchFact


class PassingFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A passing as stored: what the decoder said, where its loop lay, whose transponder it was, and track time."""

    link: str
    protocol: str
    decoder: str | None
    key: str                          # the decoder's name for numbering
    epoch: int
    rtc: Micros                       # the decoder's own clock, as sent
    at: Micros                        # track time: the clock, unwrapped, plus the epoch's offset
    number: int | None = None
    transponder: str | None = None
    kart: str | None = None           # whose transponder it was then
    track: str = "main"
    role: str = LINE
    strength: int | None = None
    hits: int | None = None
    flags: int | None = None
    kind: str = "pass"
    news: str = "new"
    extra: dict[str, Any] = {}


class SessionFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session as it was made. ``rules`` hold the format and what the layout adds, and never change afterwards."""

    id: str
    name: str
    rules: dict[str, Any]
    track: str = "main"
    layout: str | None = None
    entries: list[tuple[str, str | None]] = []    # (kart, driver id)
    by: str = ""


class OrderFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order of CONTRACT's list, as given. ``at`` is its track time: never before what it was given on."""

    name: str
    at: Micros
    by: str = ""
    args: dict[str, Any] = {}


class KartFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A kart saved or, with ``gone``, taken out of the roster."""

    number: str
    kart_class: str | None = None
    transponders: list[str] = []
    gone: bool = False
    by: str = ""
    undoes: int = 0                   # the fact whose effect this takes back, 0 for none
    redoes: int = 0                   # the fact that was taken back and holds again


class RecordFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A format or a layout saved or, with ``gone``, taken out, by id."""

    id: str
    name: str
    body: dict[str, Any]
    by: str = ""
    gone: bool = False
    undoes: int = 0
    redoes: int = 0


class Note(msgspec.Struct, frozen=True):
    """A fact that derives nothing: rejected frames, device status, link states, gaps and their repair."""

    body: dict[str, Any]


class TickFact(msgspec.Struct, frozen=True):
    """A deadline the session had announced was reached."""

    at: Micros


Recorded = UnitFact | RecordingFact | ReadFact | DrivenFact | MatchFact | VouchFact
Body = PassingFact | SessionFact | OrderFact | KartFact | RecordFact | TickFact | Recorded | Note


class Fact(msgspec.Struct, frozen=True):
    """One line of the journal."""

    seq: int
    t_us: Micros
    wall_us: Micros
    kind: str
    session: str | None
    body: Body


KINDS: dict[str, type[Body]] = {
    "passing": PassingFact, "session": SessionFact, "order": OrderFact, "tick": TickFact, "kart": KartFact,
    "format": RecordFact, "layout": RecordFact, "unit": UnitFact, "recording": RecordingFact, "read": ReadFact,
    "driven": DrivenFact, "match": MatchFact, "vouch": VouchFact,
    "rejected": Note, "status": Note, "link": Note, "gap": Note,
}
