"""AMB ASCII "P98" (AMBrc, AMB20, Vostok): SOH, type, TAB-separated fields, ``x`` and the CRC in hex, CR LF.

Passings and statuses are numbered in one sequence, so every gap shows; no way to ask again is known. The clock counts
from the decoder's start. Source: 24 records with their CRC, the vendor's example (PROTOCOLS 2).
"""

from __future__ import annotations

import re

from trackd.core.records import Passing, Record, Status
from trackd.protocols.checks import amb_crc
from trackd.protocols.codec import Request
from trackd.protocols.framing import Decoded, Wire, WireCodec, line_text

WIRE = Wire(b"\x01", b"\n", limit=256)

_RECORD = re.compile(rb"\x01(?P<text>[!-~](?:\t[ -~]*)*\t)x(?P<crc>[0-9A-Fa-f]{1,4})")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"(?P<whole>[0-9]{1,9})(?:\.(?P<part>[0-9]{1,6}))?")
_NAME = re.compile(r"[!-~]{1,16}")


def decode(piece: bytes) -> Decoded:
    """One piece of the stream as a frame, or the reason why it is none."""
    fault = WIRE.fault(piece)
    if fault:
        return fault
    record = _RECORD.fullmatch(line_text(piece))
    if record is None:
        return "syntax"
    text = record["text"]
    if amb_crc(text) != int(record["crc"], 16):
        return "checksum"
    kind, *fields, _ = text.decode("ascii").split("\t")
    if kind == "@":
        return _passing(fields)
    if kind == "#":
        return _status(fields)
    return Record("p98", "COMMAND" if kind == "$" else kind, None, {"arguments": fields}, piece)


def _passing(fields: list[str]) -> Decoded:
    """``decoder, sequence, transponder, seconds, hits, strength, status flag``."""
    if len(fields) < 7:
        return "syntax"
    decoder, sequence, transponder, seconds, *counts = fields[:7]
    time = _SECONDS.fullmatch(seconds)
    if time is None or not (_NAME.fullmatch(decoder) and _NAME.fullmatch(transponder)):
        return "syntax"
    if not all(_NUMBER.fullmatch(number) for number in (sequence, *counts)):
        return "syntax"
    part = time["part"] or ""
    rtc_us = int(time["whole"]) * 1_000_000 + int(part.ljust(6, "0"))
    # Some home-made decoders print 52.006 s as 52.6: other than three decimals, the text stays visible.
    extra = {} if len(part) == 3 else {"seconds": seconds}
    hits, strength, flags = map(int, counts)
    return Passing("p98", _plain(decoder), int(sequence), _plain(transponder), rtc_us, strength, hits, flags, extra=extra)


def _status(fields: list[str]) -> Decoded:
    """``decoder, sequence, noise``."""
    if len(fields) < 3 or not _NAME.fullmatch(fields[0]) or not all(map(_NUMBER.fullmatch, fields[1:3])):
        return "syntax"
    return Status("p98", _plain(fields[0]), {"noise": int(fields[2])}, sequence=int(fields[1]))


def _plain(name: str) -> str:
    """A number without leading zeros, any other name as it is."""
    return str(int(name)) if name.isdigit() else name


def _record(*fields: object) -> bytes:
    text = "".join(f"{field}\t" for field in fields).encode("ascii", "replace")
    return b"\x01%bx%X\r\n" % (text, amb_crc(text))


class Codec(WireCodec):
    """The appliance's side of P98: it only listens."""

    name = "p98"

    def __init__(self) -> None:
        super().__init__(WIRE, decode)


class Station:
    """The decoder's side of P98. The sequence is the passing's number or the status's sequence."""

    name = "p98"

    def passing(self, passing: Passing) -> bytes:
        """An ``@`` record; the time is cut to the millisecond."""
        seconds, rest = divmod(passing.rtc_time_us, 1_000_000)
        return _record("@", passing.decoder_id or "1", passing.passing_number or 0, passing.transponder or "0",
                       f"{seconds}.{rest // 1000:03d}", passing.hits or 0, passing.strength or 0, passing.flags or 0)

    def status(self, status: Status) -> bytes:
        """A ``#`` record."""
        return _record("#", status.decoder_id or "1", status.sequence or 0, status.fields.get("noise", 0))

    def requests(self, data: bytes) -> list[Request]:  # noqa: ARG002 - the station interface names it
        """Nothing the appliance may send has a meaning here."""
        return []

    def answer(self, request: Request, now_us: int) -> bytes:  # noqa: ARG002 - the station interface names them
        """No answers."""
        return b""
