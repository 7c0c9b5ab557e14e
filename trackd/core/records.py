"""What comes over a wire, after framing and checks and before judgement. Codecs make these, everything else reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec


class Passing(msgspec.Struct, frozen=True):
    """One transponder over one loop, as the decoder reported it. A field the frame lacks is None.

    A msgspec struct where the others are dataclasses: it is made a tenth of the time, and there are many of them.

    ``decoder_id`` tells the loop apart where one link carries several: P3 and P98 decoder ids, Chronelec channels
    (STA, BOX, MAN), node names; None for TranX-2, which has no identity. ``rtc_time_us`` is the decoder's own clock in
    microseconds: never compare it across decoders, never take it for UTC.
    """

    protocol: str
    decoder_id: str | None
    passing_number: int | None
    transponder: str | None
    rtc_time_us: int
    strength: int | None = None
    hits: int | None = None
    flags: int | None = None
    boot: str | None = None      # node protocol: the boot id its sequence and clock belong to
    kind: str = "pass"           # "pass", or "beam": something crossed, nobody knows who
    # Further fields of the wire by their name (battery, voltage ...).
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """A sign of life. ``fields`` holds what the decoder tells of itself by its wire name (noise, temperature ...)."""

    protocol: str
    decoder_id: str | None
    fields: dict[str, Any] = field(default_factory=dict)
    sequence: int | None = None  # P98 and node statuses are numbered in the passings' own sequence
    boot: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A sound frame that is neither a passing nor a status (version, time, unknown types): passed through."""

    protocol: str
    type: str                    # "VERSION", "GET_TIME", "0x001c" for a type without a name
    decoder_id: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that are no frame. ``reason`` is one of checksum, length, escape, noise, overflow, syntax.

    ``offset`` counts from the first byte of the stream (the connection); ``data`` is the damaged piece itself.
    """

    protocol: str
    reason: str
    offset: int
    data: bytes


Frame = Passing | Status | Record | Rejected
