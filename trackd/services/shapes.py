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
    """A lap. ``passings``: the sequences of the passings it was made of; ``edits``: of the orders that shaped it."""

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
    edits: list[int]


class LapWithEvidence(LapRow):
    """A lap with the passings themselves."""

    session: str
    evidence: list[PassingRow]


class ActRow(TypedDict):
    """Something somebody did. ``undone``: the sequence of the fact that took it back, None while it stands."""

    seq: int
    kind: str
    session: str | None
    name: str
    by: str
    at: str
    reason: str
    undone: int | None
    undone_by: str | None


class ActList(TypedDict):
    """What people did, newest first."""

    items: list[ActRow]
    next: str | None


class ProposalRow(TypedDict):
    """Something the box is not sure of; nothing happens until it is accepted."""

    id: str
    kind: str
    kart: str
    lap: int | None
    reason: str
    orders: list[dict[str, object]]


class ProposalList(TypedDict):
    """Proposals of a session, oldest first."""

    items: list[ProposalRow]
    next: str | None


class NotesBody(TypedDict):
    """What stands beside the laps of a session."""

    amends: list[dict[str, object]]
    incidents: list[dict[str, object]]
    penalties: list[dict[str, object]]
    attempts: list[dict[str, object]]


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
    flag: str
    overdue: bool
    lapping: bool
    pits: int
    pit_us: int
    last_source: str
    best_by_hand: bool
    edited: bool
    entry: str


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
    note: str
    attempt: int


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


class ExpectedRow(TypedDict):
    """A kart on its way to the line. ``due_us``: until its next crossing, negative when it is late."""

    kart: str
    due_us: int
    overdue: bool


class BoardBody(TypedDict):
    """A board or a result. ``orders``: the flag orders possible now; ``countdown_us``: to green, None while none runs."""

    items: list[BoardRow]
    session: SessionRow
    version: int
    expected: list[ExpectedRow]
    predicted_last: bool
    countdown_us: int | None
    orders: list[str]


class CheckRow(TypedDict):
    """One line of the health report."""

    name: str
    status: str
    message: str


class HealthBody(TypedDict):
    """``status``: ok, degraded or failing."""

    status: str
    checks: list[CheckRow]


class RecordingRow(TypedDict):
    """A recording. ``state``: waiting, refused, unknown, unmatched, proposed, matched; ``reason`` says why, in words."""

    id: str
    name: str
    state: str
    source: str
    unit: str | None
    size: int
    sha256: str
    received_at: str
    format: str | None
    device: str | None
    recorded_at: str | None
    duration_us: int | None
    gps_hz: float | None
    faults: list[str]
    layout: str | None
    session: str | None
    kart: str | None
    reason: str


class RecordingList(TypedDict):
    """Recordings, the newest first."""

    items: list[RecordingRow]
    next: str | None


class GpsLapRow(TypedDict):
    """A lap of a recording; ``start_us`` is on the recording's clock, ``sigma_us`` one standard deviation of the time."""

    id: str
    number: int
    kind: str
    start_us: int
    time_us: int
    sigma_us: int
    sectors_us: list[int | None]
    max_speed_kmh: float | None
    flags: list[str]
    quality: str


class RecordingWithLaps(RecordingRow):
    """A recording with its laps."""

    laps: list[GpsLapRow]
