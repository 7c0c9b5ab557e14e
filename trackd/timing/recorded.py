"""What the journal holds of GPS recordings: files that came in, what was found in them, and what people decided.

No fact holds a name out of a file: who drove stands in roster tables by id, what a file says of itself in ``files``.
Finding laps and karts takes numerics that change from one trackd to the next, so what was found is a fact, as it was found
then; verdicts are derived.

What a person decided is taken back, or done again, by a fact of the same kind: ``holds`` is what is so again, ``undoes`` or
``redoes`` the fact that is turned, ``by`` who turned it and ``why``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec.structs import replace

from trackd.core.time import Micros

if TYPE_CHECKING:
    from trackd.timing.facts import Fact

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
    why: str = ""


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
    undoes: int = 0
    redoes: int = 0
    why: str = ""
    holds: MatchFact | None = None    # None where nobody had looked for its kart


class Stood(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a recording stood. ``driven``: the fact whose laps counted, ``proposed``: that of newer ones, 0 for none."""

    driven: int = 0
    proposed: int = 0
    layout: str | None = None
    reason: str = ""
    session: str | None = None
    match: MatchFact | None = None


class DrivenFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """The laps of a recording on a layout. Without ``layout`` nothing was recognised; ``reason`` says what was seen.

    A later one of the same recording is a new version, ``approved`` by who lets it take the place of a published one. What
    a person chose stands together with the match that follows it, and so both turn with it.
    """

    recording: str
    layout: str | None = None
    lines: str = ""                   # what its lines were then, as a digest
    laps: list[DrivenLap] = []
    reason: str = ""
    approved: bool = True
    by: str = ""
    undoes: int = 0
    redoes: int = 0
    why: str = ""
    holds: Stood | None = None


class Said(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """A person's verdict on one lap, or on a session: as in `VouchFact`, ``seq`` the fact it was given by."""

    lap: str
    verdict: str = ""
    reason: str = ""
    by: str = ""
    seq: int = 0


class VouchFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's verdict on laps of a session: ``verified``, ``no``, or "" to leave it to the rules again.

    ``laps`` are ids of laps; none means all of the session. ``karts`` drove them; ``number`` is that of a single one.
    """

    laps: list[str] = []
    verdict: str = ""
    reason: str = ""
    by: str = ""
    karts: list[str] = []
    number: int = 0
    undoes: int = 0
    redoes: int = 0
    why: str = ""
    holds: list[Said] = []


def said_in(seq: int, session: str, body: VouchFact) -> list[Said]:
    """What a fact says, lap by lap; a verdict on a whole session stands under its id."""
    return body.holds or [Said(lap, body.verdict, body.reason, body.by, seq) for lap in body.laps or [session]]


def stood(facts: Iterable[Fact]) -> Stood:
    """How a recording stands after all that was found and decided about it: its ``driven`` and ``match`` facts in order."""
    found = Stood()
    for fact in facts:
        body = fact.body
        if isinstance(body, MatchFact):
            found = replace(found, session=fact.session, match=body.holds if body.undoes or body.redoes else body)
        elif isinstance(body, DrivenFact):
            if body.holds is not None:
                found = body.holds
            elif body.approved:
                found = replace(found, driven=fact.seq, proposed=0, layout=body.layout, reason=body.reason)
            else:
                found = replace(found, proposed=fact.seq)
    return found
