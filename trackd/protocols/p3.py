"""AMB / MYLAPS P3 (AMBrc, TranX, ProChip, RC4 and kin), TCP port 5403 or serial: both sides of the wire.

Frames are checked by length and CRC before anything in them is believed. The common passings (AMBrc and ProChip
order) are read with one ``struct`` each; any other order, unknown or missing field goes the general way.
"""

from __future__ import annotations

from binascii import crc_hqx
from struct import Struct
from typing import Any

from trackd.core.records import Passing, Record, Status
from trackd.protocols import p3_fields as p3
from trackd.protocols.checks import START, amb_crc
from trackd.protocols.codec import Request
from trackd.protocols.framing import Cutter, Decoded, Wire, WireCodec

WIRE = Wire(b"\x8e", b"\x8f", limit=4096)

_U32, _U64, _I63 = 1 << 32, 1 << 64, 1 << 63


class _Shape:
    """A passing with its fields at fixed places.

    ``layout`` alternates constant and variable parts, so ``unpack(frame)[::2]`` must equal ``constants``.
    """

    __slots__ = ("constants", "crc_start", "unpack")

    def __init__(self, size: int, layout: str, *ids: int) -> None:
        head = bytes((p3.SOR, p3.VERSION, size, 0))
        self.unpack = Struct(layout).unpack
        self.constants = (head, bytes((0, 0, p3.TOR_PASSING, 0, ids[0] & 255, ids[0] >> 8)), *ids[1:], p3.EOR)
        self.crc_start = crc_hqx(head + b"\0\0", START)


# An id and its length are read as one little-endian number: 0x0401 is id 01, 4 bytes.
_AMBRC = _Shape(51, "<4sH6sIHIHQHHHHHHHIB", 0x0401, 0x0403, 0x0804, 0x0205, 0x0206, 0x0208, 0x0481)
_PROCHIP = _Shape(61, "<4sH6sIHIH8sHHHHHQHHHIB",
                  0x0401, 0x0403, 0x080A, 0x0205, 0x0206, 0x0804, 0x0208, 0x0481)


def decode(piece: bytes) -> Decoded:
    """One piece of the stream as a frame, or the reason why it is none."""
    message = piece
    if b"\x8d" in piece:
        fault = WIRE.fault(piece)  # first: an escape at either end could pass for SOR or EOR
        if fault:
            return fault
        plain = p3.unescape(piece)
        if plain is None:
            return "escape"
        message = plain
    size = len(message)
    if size == 51:
        values = _AMBRC.unpack(message)
        if values[::2] == _AMBRC.constants:  # proves SOR, version, length, types and EOR
            crc, number, transponder, rtc_us, strength, hits, flags, decoder = values[1::2]
            # Two zero bytes bring the CRC of the header to the form crc_hqx has after the last two data bytes.
            if crc_hqx(message[6:], _AMBRC.crc_start) != crc_hqx(b"\0\0", crc):
                return "checksum"
            if rtc_us < _I63:
                return Passing("p3", str(decoder), number, str(transponder), rtc_us, strength, hits, flags)
    elif size == 61:
        values = _PROCHIP.unpack(message)
        if values[::2] == _PROCHIP.constants:
            crc, number, transponder, label, strength, hits, rtc_us, flags, decoder = values[1::2]
            if crc_hqx(message[6:], _PROCHIP.crc_start) != crc_hqx(b"\0\0", crc):
                return "checksum"
            if rtc_us < _I63:
                return Passing("p3", str(decoder), number, str(transponder), rtc_us, strength, hits, flags,
                               extra={"label": label.decode("ascii", "replace").strip("\0 ")})
    return WIRE.fault(piece) or _general(message)


def _general(message: bytes) -> Decoded:
    """An un-escaped frame of any type with its fields in any order."""
    size = len(message)
    if size < p3.HEADER_SIZE + 1 or int.from_bytes(message[2:4], "little") != size:
        return "length"
    if amb_crc(message[:4] + b"\0\0" + message[6:]) != int.from_bytes(message[4:6], "little"):
        return "checksum"
    if message[1] != p3.VERSION:
        return "syntax"
    tor = int.from_bytes(message[8:10], "little")
    fields = p3.decode_fields(tor, message[10:-1])
    if fields is None:
        return "syntax"
    decoder = fields.pop("decoder_id", None)
    decoder_id = None if decoder is None else str(decoder)
    if tor == p3.TOR_PASSING:
        return _passing(decoder_id, fields)
    if tor == p3.TOR_STATUS:
        return Status("p3", decoder_id, fields)
    return Record("p3", p3.type_name(tor), decoder_id, fields, message)


def _passing(decoder_id: str | None, fields: dict[str, Any]) -> Passing | str:
    """A passing from its fields by name. Without a number or a time it is of no use (``syntax``)."""
    number, rtc_us = fields.pop("passing_number", None), fields.pop("rtc_time_us", None)
    if not isinstance(number, int) or not isinstance(rtc_us, int) or number >= _U32 or rtc_us >= _I63:
        return "syntax"
    transponder = fields.pop("transponder", None)
    if transponder is None:
        transponder = fields.pop("label", None) or None
    strength, hits, flags = (fields.pop(name, None) for name in ("strength", "hits", "flags"))
    if any(isinstance(value, str) or (value or 0) >= _U32 for value in (strength, hits, flags)):
        return "syntax"
    return Passing("p3", decoder_id, number, None if transponder is None else str(transponder), rtc_us,
                   strength, hits, flags, extra=fields)


def _u32(text: str | None) -> int | None:
    """A decoder id or transponder as the 32-bit number P3 can carry, or None."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) < _U32 else None


class Codec(WireCodec):
    """The appliance's side of P3."""

    name = "p3"

    def __init__(self) -> None:
        super().__init__(WIRE, decode)

    def greeting(self) -> bytes:
        """Ask who the decoder is and what its clock says."""
        questions = p3.tlv(0x01) + p3.tlv(0x04) + p3.tlv(0x05)
        return p3.frame(p3.TOR_VERSION, p3.tlv(0x01)) + p3.frame(p3.TOR_GET_TIME, questions)

    def resend(self, decoder_id: str | None, first: int, last: int,
               boot: str | None = None) -> bytes:  # noqa: ARG002 - the codec interface names it
        """Ask for passings ``first`` to ``last``, of one decoder where its id is a number."""
        values = (("from", first), ("until", last), ("decoder_id", _u32(decoder_id)))
        return p3.frame(p3.TOR_RESEND, p3.encode_fields(p3.TOR_RESEND, values))


class Station:
    """The decoder's side of P3. Answers carry the id of the decoder it last spoke for."""

    name = "p3"

    def __init__(self) -> None:
        self._cutter = Cutter(WIRE)
        self._decoder: int | None = None

    def passing(self, passing: Passing) -> bytes:
        """A PASSING in the order of an AMBrc (01 03 04 05 06 08 .. 81), or of a ProChip where it also has a label."""
        self._decoder = _u32(passing.decoder_id)
        number = _u32(passing.transponder)
        label = passing.extra.get("label") if number is not None else passing.transponder
        counts = (("strength", passing.strength), ("hits", passing.hits))
        time = ("rtc_time_us", passing.rtc_time_us)
        values = (
            ("passing_number", passing.passing_number), ("transponder", number), ("label", label),
            *((*counts, time) if number is not None and label else (time, *counts)), ("flags", passing.flags),
            *((name, value) for name, value in passing.extra.items() if name != "label"),
            ("decoder_id", self._decoder),
        )
        return p3.frame(p3.TOR_PASSING, p3.encode_fields(p3.TOR_PASSING, values))

    def status(self, status: Status) -> bytes:
        """A STATUS with the fields given, in their order."""
        self._decoder = _u32(status.decoder_id)
        return self._record(p3.TOR_STATUS, **status.fields)

    def requests(self, data: bytes) -> list[Request]:
        """The requests in what a client sends; version and LENGTH may be 0, as clients in use send them."""
        return [found for piece in self._cutter.feed(data) if (found := _request(piece))]

    def answer(self, request: Request, now_us: int) -> bytes:
        """VERSION, GET_TIME or STATUS as asked; a request it does not know gets an ERROR, a resend nothing."""
        if request.kind == "version":
            return self._record(p3.TOR_VERSION, decoder_type=0x10, description="trackd emulator", version="1")
        if request.kind == "time":
            return self._record(p3.TOR_GET_TIME, rtc_time_us=now_us % _U64, flags=0, utc_time_us=now_us % _U64)
        if request.kind == "status":
            return self._record(p3.TOR_STATUS, noise=30, temperature=22, input_voltage=120, gps=0)
        if request.kind == "unknown":
            return self._record(p3.TOR_ERROR, code=4, description="unknown record type")
        return b""

    def _record(self, tor: int, **values: Any) -> bytes:
        return p3.frame(tor, p3.encode_fields(tor, [*values.items(), ("decoder_id", self._decoder)]))


def _request(piece: bytes) -> Request | None:
    """One client record; None for bytes that are none."""
    message = None if WIRE.fault(piece) else p3.unescape(piece)
    if message is None or len(message) < p3.HEADER_SIZE + 1:
        return None
    if int.from_bytes(message[2:4], "little") not in (0, len(message)):
        return None
    if amb_crc(message[:4] + b"\0\0" + message[6:]) != int.from_bytes(message[4:6], "little"):
        return None
    tor = int.from_bytes(message[8:10], "little")
    fields = p3.decode_fields(tor, message[10:-1]) or {}
    decoder = fields.get("decoder_id")
    decoder_id = None if decoder is None else str(decoder)
    if tor == p3.TOR_RESEND and isinstance(fields.get("from"), int) and isinstance(fields.get("until"), int):
        return Request("resend", fields["from"], fields["until"], decoder_id)
    kinds = {p3.TOR_VERSION: "version", p3.TOR_GET_TIME: "time", p3.TOR_STATUS: "status"}
    return Request(kinds.get(tor, "unknown"), decoder_id=decoder_id)
