"""AMB / MYLAPS P3: record types, their TLV fields, and the frame around them (PROTOCOLS 1.2 to 1.6).

All integers are little-endian. Sources: 1516 captured frames for PASSING and STATUS, public implementations for the
rest. Only what the appliance asks or reads has a name here; other types pass through by number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trackd.protocols.checks import amb_crc

SOR, ESCAPE, EOR = 0x8E, 0x8D, 0x8F
VERSION = 2
HEADER_SIZE = 10  # SOR, version, length, CRC, flags, TOR

TOR_PASSING, TOR_STATUS, TOR_VERSION, TOR_RESEND = 0x0001, 0x0002, 0x0003, 0x0004
TOR_GET_TIME, TOR_ERROR = 0x0024, 0xFFFF

TYPES = {
    TOR_PASSING: "PASSING", TOR_STATUS: "STATUS", TOR_VERSION: "VERSION", TOR_RESEND: "RESEND",
    0x0013: "SERVER_SETTINGS", 0x0015: "SESSION", 0x0016: "NETWORK_SETTINGS", 0x0018: "WATCHDOG", 0x0020: "PING",
    TOR_GET_TIME: "GET_TIME", 0x0028: "GENERAL_SETTINGS", 0x002D: "SIGNALS", 0x002F: "LOOP_TRIGGER",
    0x0030: "GPS_INFO", 0x0045: "FIRST_CONTACT", 0x004A: "TIMELINE", TOR_ERROR: "ERROR",
}

Field = tuple[str, int]
"""A field's name and its width in bytes as decoders send it; width 0 is text."""

COMMON: dict[int, Field] = {0x81: ("decoder_id", 4), 0x83: ("controller_id", 4), 0x85: ("request_id", 8)}

FIELDS: dict[int, dict[int, Field]] = {
    TOR_PASSING: {
        0x01: ("passing_number", 4), 0x03: ("transponder", 4), 0x0A: ("label", 0), 0x04: ("rtc_time_us", 8),
        0x05: ("strength", 2), 0x06: ("hits", 2), 0x08: ("flags", 2), 0x0E: ("user_flag", 4), 0x0F: ("driver_id", 4),
        0x10: ("utc_time_us", 8), 0x13: ("rtc_id", 4), 0x14: ("sport", 1), 0x30: ("voltage", 1),
        0x31: ("temperature", 1),
    },
    TOR_STATUS: {
        0x01: ("noise", 2), 0x07: ("temperature", 2), 0x0C: ("input_voltage", 1), 0x06: ("gps", 1),
        0x0A: ("satinuse", 1), 0x0B: ("loop_triggers", 2),
    },
    TOR_VERSION: {
        0x01: ("decoder_type", 1), 0x02: ("description", 0), 0x03: ("version", 0), 0x04: ("release", 4),
        0x08: ("registration", 8), 0x0A: ("build_number", 4), 0x0C: ("options", 4),
    },
    TOR_RESEND: {0x01: ("from", 4), 0x02: ("until", 4)},
    TOR_GET_TIME: {0x01: ("rtc_time_us", 8), 0x04: ("flags", 2), 0x05: ("utc_time_us", 8)},
    TOR_ERROR: {0x01: ("code", 2), 0x02: ("description", 0)},
}

_UNKNOWN = "field_0x"  # then two hex digits: a field without a known name, its bytes kept as hex


def type_name(tor: int) -> str:
    """The name of a record type, or its number as ``0x001c``."""
    return TYPES.get(tor, f"0x{tor:04x}")


def escape(message: bytes) -> bytes:
    """A frame as it goes over the wire: between SOR and EOR, 8D, 8E and 8F become 8D and the byte + 0x20."""
    inner = message[1:-1].replace(b"\x8d", b"\x8d\xad").replace(b"\x8e", b"\x8d\xae").replace(b"\x8f", b"\x8d\xaf")
    return b"%c%b%c" % (SOR, inner, EOR)


def unescape(piece: bytes) -> bytes | None:
    """A wire frame without its escapes; None when one does not lead to 8A..8F (some write 8A..8C escaped too)."""
    head, *parts = piece.split(b"\x8d")
    for part in parts:
        if not part or not 0xAA <= part[0] <= 0xAF:
            return None
        head += b"%c%b" % (part[0] - 0x20, part[1:])
    return head


def frame(tor: int, body: bytes) -> bytes:
    """A complete record on the wire around ``body``."""
    size = HEADER_SIZE + len(body) + 1
    head = b"%c%c%b" % (SOR, VERSION, size.to_bytes(2, "little"))
    tail = b"\0\0%b%b%c" % (tor.to_bytes(2, "little"), body, EOR)
    crc = amb_crc(head + b"\0\0" + tail).to_bytes(2, "little")
    return escape(head + crc + tail)


def tlv(number: int, value: bytes = b"") -> bytes:
    """One field; without a value it asks for it."""
    return b"%c%c%b" % (number, len(value), value)


def encode_fields(tor: int, values: Iterable[tuple[str, Any]]) -> bytes:
    """Named values as TLVs in the order given. None, unknown names and what does not fit its width are left out."""
    numbers = {field[0]: (number, field[1]) for number, field in (FIELDS[tor] | COMMON).items()}
    body = b""
    for name, value in values:
        if name in numbers and value is not None:
            number, width = numbers[name]
            if not width:
                body += tlv(number, str(value).encode("ascii", "replace")[:255])
            elif isinstance(value, int) and 0 <= value < 1 << 8 * width:
                body += tlv(number, value.to_bytes(width, "little"))
        elif name.startswith(_UNKNOWN):
            body += tlv(int(name[len(_UNKNOWN):], 16), bytes.fromhex(value))
    return body


def decode_fields(tor: int, body: bytes) -> dict[str, Any] | None:
    """The TLVs of a record by name; empty ones (questions) are absent. None when a length runs past the end.

    A field without a name, or wider than 8 bytes where a number belongs, is kept as hex.
    """
    known = FIELDS.get(tor, {})
    fields: dict[str, Any] = {}
    at, end = 0, len(body)
    while at < end:
        if at + 2 > end:
            return None
        number, size = body[at], body[at + 1]
        value = body[at + 2:at + 2 + size]
        if len(value) < size:
            return None
        at += 2 + size
        field = known.get(number) or COMMON.get(number)
        if not size:
            continue
        if field is None:
            fields[f"{_UNKNOWN}{number:02x}"] = value.hex()
        elif not field[1]:
            fields[field[0]] = value.decode("ascii", "replace").strip("\0 ")
        else:
            fields[field[0]] = int.from_bytes(value, "little") if size <= 8 else value.hex()
    return fields
