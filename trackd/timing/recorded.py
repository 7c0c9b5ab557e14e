"""What the journal holds of GPS recordings: files that came in, what was found in them, and what people decided.

No fact holds a name out of a file: who drove stands in roster tables by id, what a file says of itself in ``files``.
Finding laps and karts takes numerics that change from one trackd to the next, so what was found is a fact, as it was found
then; verdicts are derived.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trackd.core.time import Micros

Source = Literal["upload", "kiosk", "api", "folder", "unit", "import", "demo"]


class UnitFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit paired, changed or, with ``gone``, taken out. It rides on a kart or belongs to a driver, or neither."""

    id: str                           # its serial number, else its name on the network
    name: str
    model: str = ""
    kart: str | None = None
    driver_id: str | None = None
    gone: bool = False
    by: str = ""
    undoes: int = 0
    redoes: int = 0


class RecordingFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file came in; it lies in the data folder under its ``sha256``."""

    id: str
    sha256: str
    size: int
    source: Source
    unit: str | None = None
    by: str = ""


class ReadFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the reader found, or with ``refused`` why it found nothing. ``utc_us``: when its clock was 0, by GPS.

    ``device_us``: the logger's own lap times, kept beside ours.
    """

    recording: str
    format: str = ""
    device: str = ""
    utc_us: Micros | None = None
    duration_us: Micros = 0
    rate_hz: float = 0.0
    samples: int = 0
    device_us: list[Micros] = []
    faults: list[str] = []
    refused: str = ""


class DrivenLap(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """A lap as `gps.segment` found it; see there. ``start_us`` is on the recording's clock."""

    number: int
    kind: str
    start_us: Micros
    time_us: Micros
    sigma_us: Micros
    sectors_us: list[Micros | None] = []
    max_speed_kmh: float | None = None
    flags: list[str] = []
    quality: str = "valid"


class DrivenFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """The laps of a recording on a layout. Without ``layout`` nothing was recognised; ``reason`` says what was seen.

    A later one of the same recording is a new version, ``approved`` by who lets it take the place of a published one.
    """

    recording: str
    layout: str | None = None
    lines: str = ""                   # what its lines were then, as a digest
    laps: list[DrivenLap] = []
    reason: str = ""
    approved: bool = True
    by: str = ""


class MatchFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which kart of which session a recording was in; the session is the fact's own. See `gps.match` for the figures.

    ``accepted``: by the rule, or by the person in ``by``; else it is proposed. Without ``kart`` nothing fits.
    """

    recording: str
    kart: str = ""
    offset_us: Micros = 0             # track clock minus the recording's
    score_us: int = 0
    inliers: int = 0
    of: int = 0
    runner_up: str = ""
    rival_us: int | None = None
    accepted: bool = False
    reason: str = ""
    by: str = ""


class VouchFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's verdict on laps of a session: ``verified``, ``no``, or "" to leave it to the rules again.

    ``laps`` are ids of laps; none means all of the session.
    """

    laps: list[str] = []
    verdict: str = ""
    reason: str = ""
    by: str = ""
