"""The shapes of the API, as programs outside hold on to them; OpenAPI is made from these."""

from __future__ import annotations

from typing import TypedDict


class PassingRow(TypedDict):
    """A passing in journal order."""

    seq: int
    link: str
    decoder_id: str | None
    passing_number: int | None
    transponder: str | None
    rtc_time_us: int
    strength: int | None
    hits: int | None
    received_at: str
    verdict: str | None
    kart: str | None
    session: str | None
    role: str


class LapRow(TypedDict):
    """A lap. ``passings`` are the sequences of the passings it was made of."""

    id: str
    kart: str
    driver: str | None
    number: int
    time_us: int
    at_us: int
    kind: str
    source: str
    verdict: str
    sectors_us: list[int | None]
    passings: list[int]


class LapWithEvidence(LapRow):
    """A lap with the passings themselves."""

    session: str
    evidence: list[PassingRow]


class BoardRow(TypedDict):
    """One entry on the board."""

    position: int | None
    kart: str
    driver: str | None
    laps: int
    last_us: int | None
    best_us: int | None
    gap_us: int | None
    gap_laps: int | None
    interval_us: int | None
    interval_laps: int | None
    sectors_us: list[int | None]
    state: str
    penalties: list[str]
    best_lap_number: int | None
    average_us: int | None


class InfoRow(TypedDict):
    """A session in a list."""

    id: str
    name: str
    track: str
    layout: str | None
    format: str
    ranking: str
    start: str
    finish: str
    state: str
    flag: str
    entries: int
    created_at: str | None
    green_at: str | None
    ended_at: str | None
    version: int
    confirmed_by: str | None
    confirmed_at: str | None


class SessionRow(InfoRow):
    """A session with its clock."""

    elapsed_us: int
    remaining_us: int | None
    remaining_laps: int | None


class KartRow(TypedDict("KartClass", {"class": "str | None"})):  # a field named like a keyword
    """A kart; its number is its id."""

    id: str
    number: str
    transponders: list[str]


class DriverRow(TypedDict):
    """A driver."""

    id: str
    name: str


class PassingList(TypedDict):
    """``next`` is the cursor for ``after``, None at the end."""

    items: list[PassingRow]
    next: str | None


class LapList(TypedDict):
    """All laps of a session."""

    items: list[LapRow]
    next: str | None


class SessionList(TypedDict):
    """Sessions, oldest first."""

    items: list[SessionRow]
    next: str | None


class KartList(TypedDict):
    """Karts by number."""

    items: list[KartRow]
    next: str | None


class DriverList(TypedDict):
    """Drivers in the order they were made."""

    items: list[DriverRow]
    next: str | None


class BoardBody(TypedDict):
    """A board or a result."""

    items: list[BoardRow]
    session: SessionRow
    version: int


class CheckRow(TypedDict):
    """One line of the health report."""

    name: str
    status: str
    message: str


class HealthBody(TypedDict):
    """``status``: ok, degraded or failing."""

    status: str
    checks: list[CheckRow]
