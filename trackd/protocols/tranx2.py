"""AMB TranX-2 ASCII: ``#`` and 4 hex digits of noise, ``$`` and 24 hex digits of a passing, CR LF.

No checksum and no sequence: length and hex digits are all there is to check, and what is lost is lost silently. The
clock is 32 bits of milliseconds. Source: a captured stream (PROTOCOLS 3).
"""

from __future__ import annotations

import re

from trackd.core.records import Passing, Status
from trackd.protocols.codec import Request
from trackd.protocols.framing import Decoded, Wire, WireCodec, line_text

WIRE = Wire(b"#$", b"\n", limit=64)

_HEX = re.compile(rb"[0-9A-Fa-f]*")
_PREFIX = 0x0900  # the one seen


def decode(piece: bytes) -> Decoded:
    """One piece of the stream as a frame, or the reason why it is none."""
    fault = WIRE.fault(piece)
    if fault:
        return fault
    line = line_text(piece)
    digits = line[1:]
    if not _HEX.fullmatch(digits):
        return "syntax"
    if line[:1] == b"#":
        return Status("tranx2", None, {"noise": int(digits, 16)}) if len(digits) == 4 else "length"
    if len(digits) != 24:
        return "length"
    data = bytes.fromhex(digits.decode("ascii"))
    return Passing(
        "tranx2", None, None, str(int.from_bytes(data[2:5], "big")), int.from_bytes(data[5:9], "big") * 1000,
        strength=data[10], hits=data[9], extra={"prefix": int.from_bytes(data[:2], "big"), "trailing": data[11]})


class Codec(WireCodec):
    """The appliance's side of TranX-2: it only listens."""

    name = "tranx2"

    def __init__(self) -> None:
        super().__init__(WIRE, decode)


class Station:
    """The decoder's side of TranX-2: fields are cut to their widths, the clock to whole milliseconds."""

    name = "tranx2"

    def passing(self, passing: Passing) -> bytes:
        """A ``$`` line."""
        transponder = passing.transponder or ""
        number = int(transponder) if transponder.isascii() and transponder.isdigit() else 0
        return b"$%04X%06X%08X%02X%02X%02X\r\n" % (
            passing.extra.get("prefix", _PREFIX) & 0xFFFF, number & 0xFFFFFF, passing.rtc_time_us // 1000 & 0xFFFFFFFF,
            min(passing.hits or 0, 255), min(passing.strength or 0, 255), passing.extra.get("trailing", 0) & 0xFF)

    def status(self, status: Status) -> bytes:
        """A ``#`` line."""
        return b"#%04X\r\n" % (status.fields.get("noise", 0) & 0xFFFF)

    def requests(self, data: bytes) -> list[Request]:  # noqa: ARG002 - the station interface names it
        """Nothing the appliance may send has a meaning here."""
        return []

    def answer(self, request: Request, now_us: int) -> bytes:  # noqa: ARG002 - the station interface names them
        """No answers."""
        return b""
