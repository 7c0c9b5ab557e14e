"""What the API takes: request bodies. An unknown field is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec

from trackd.services.roster import FORMAT_FIELDS


class KartBody(msgspec.Struct, forbid_unknown_fields=True):
    """A kart. ``class`` is free text."""

    number: str | None = None
    transponders: list[str] = []
    kart_class: str | None = msgspec.field(name="class", default=None)


class DriverBody(msgspec.Struct, forbid_unknown_fields=True):
    """A driver."""

    name: str


class EntryBody(msgspec.Struct, forbid_unknown_fields=True):
    """A kart in a session, and who drives it."""

    kart: str
    driver: str | None = None


class FormatFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a format and a session share."""

    format: str | None = None
    ranking: str | None = None
    start: str | None = None
    finish: str | None = None
    first_lap: str | None = None
    min_lap_s: float | None = None
    max_lap_s: float | None = None
    grace_s: float | None = None
    hold_off_s: float | None = None
    countdown_s: float | None = None
    random_hold_s: float | None = None
    restart_below: int | None = None
    stands_pct: int | None = None
    count_back: int | None = None

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        return {name: value for name in FORMAT_FIELDS if (value := getattr(self, name)) is not None}


class FormatBody(FormatFields, forbid_unknown_fields=True, kw_only=True):
    """A format template."""

    name: str


class TurnBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to undo or redo: the newest act, or the one named."""

    of: int | None = None
    reason: str = ""


class SessionBody(FormatFields, forbid_unknown_fields=True, kw_only=True):
    """A session to make."""

    name: str
    entries: list[EntryBody] = []
    layout: str | None = None
    track: str = "main"
