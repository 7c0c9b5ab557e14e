"""trackd's own line for home-made loops and beams: one JSON object an LF line, on serial or TCP.

``{"node":"beam-1","boot":"9f3a61c2","seq":42,"t_us":1234567890,"kind":"pass","id":"5691251","strength":120,"hits":33}``

``boot`` is random at each start; ``seq`` and ``t_us`` count within it. A node keeps what it sent for a while and sends
it again on ``{"resend":[first,last]}``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trackd.core.records import Passing, Status
from trackd.protocols.codec import Request
from trackd.protocols.framing import Cutter, Decoded, Wire, WireCodec

WIRE = Wire(b"{", b"\n", limit=8192, nested=True)

_I63 = 1 << 63
_FIXED = ("node", "boot", "seq", "t_us", "kind")
_OPTIONAL = ("strength", "hits", "flags")


def decode(piece: bytes) -> Decoded:
    """One piece of the stream as a frame, or the reason why it is none."""
    fault = WIRE.fault(piece)
    if fault:
        return fault
    line = _object(piece)
    if line is None:
        return "syntax"
    node, boot, seq, t_us, kind = (line.pop(name, None) for name in _FIXED)
    if not (_is_name(node) and _is_name(boot) and _is_count(seq) and _is_count(t_us)):
        return "syntax"
    if kind == "status":
        return Status("node", node, {"rtc_time_us": t_us, **line}, sequence=seq, boot=boot)
    transponder = line.pop("id", None)
    numbers = [line.pop(name, None) for name in _OPTIONAL]
    known = _is_name(transponder) if kind == "pass" else kind == "beam" and transponder is None
    if not known or not all(number is None or _is_count(number) for number in numbers):
        return "syntax"
    strength, hits, flags = numbers
    return Passing("node", node, seq, transponder, t_us, strength, hits, flags, boot, kind, line)


def _object(piece: bytes) -> dict[str, Any] | None:
    try:
        line = msgspec.json.decode(piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return line if isinstance(line, dict) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 64


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _I63


class Codec(WireCodec):
    """The appliance's side of the node line."""

    name = "node"

    def __init__(self) -> None:
        super().__init__(WIRE, decode)

    def resend(self, decoder_id: str | None, first: int, last: int,  # noqa: ARG002 - the codec interface names them
               boot: str | None = None) -> bytes:  # noqa: ARG002 - the codec interface names it
        """Ask for the lines ``first`` to ``last`` of the node's present boot."""
        return _line({"resend": [first, last]})


class Station:
    """A node's side of the line."""

    name = "node"

    def __init__(self) -> None:
        self._cutter = Cutter(WIRE)

    def passing(self, passing: Passing) -> bytes:
        """A ``pass`` or ``beam`` line."""
        line = {
            "node": passing.decoder_id or "node-1", "boot": passing.boot or "0", "seq": passing.passing_number or 0,
            "t_us": passing.rtc_time_us, "kind": passing.kind, "id": passing.transponder,
            "strength": passing.strength, "hits": passing.hits, "flags": passing.flags, **passing.extra,
        }
        return _line({name: value for name, value in line.items() if value is not None})

    def status(self, status: Status) -> bytes:
        """A ``status`` line; ``rtc_time_us`` of its fields is the node's clock."""
        fields = dict(status.fields)
        return _line({"node": status.decoder_id or "node-1", "boot": status.boot or "0", "seq": status.sequence or 0,
                      "t_us": fields.pop("rtc_time_us", 0), "kind": "status", **fields})

    def requests(self, data: bytes) -> list[Request]:
        """One request a line; lines that are no JSON object are passed over."""
        lines = [_object(piece) for piece in self._cutter.feed(data)]
        return [_request(line) for line in lines if line is not None]

    def answer(self, request: Request, now_us: int) -> bytes:  # noqa: ARG002 - the station interface names them
        """No answers: a node tells everything by itself."""
        return b""


def _request(line: dict[str, Any]) -> Request:
    asked = line.get("resend")
    if isinstance(asked, list) and len(asked) == 2 and all(map(_is_count, asked)):
        return Request("resend", *asked)
    return Request("unknown")


def _line(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value) + b"\n"
