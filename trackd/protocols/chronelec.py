"""Chronelec / TAG Heuer Protime RC: passing lines ``<...sum>``, status lines ``[...]``, stop-and-wait.

The decoder holds its queue until each passing is acknowledged, so the acknowledgement belongs after the commit and
nothing gets lost. Many other commands change the decoder's state; only acknowledge, repeat and status are spoken.
Source: captured lines with their sum, public implementations (PROTOCOLS 5).
"""

from __future__ import annotations

import re

from trackd.core.records import Passing, Status
from trackd.core.time import HOUR, MINUTE, MS, SECOND, Micros
from trackd.protocols.checks import chronelec_sum
from trackd.protocols.codec import Request
from trackd.protocols.framing import Decoded, Wire, WireCodec, line_text

WIRE = Wire(b"<[", b"\n", limit=128)

ACKNOWLEDGE, REPEAT, STATUS = b"\x1b\x11", b"\x1b\x12", b"\x1b\x05"
_REQUESTS = {ACKNOWLEDGE: "ack", REPEAT: "repeat", STATUS: "status"}
_TRIES = 3

_DATA_SIZE = 32
_LINE_SIZE = 1 + _DATA_SIZE + 4 + 1  # < data sum >
_CHANNELS = ("STA", "BOX", "MAN")
_DATA = re.compile(r"(?P<channel>STA|BOX|MAN) +(?P<transponder>[0-9]+) +"
                   r"(?P<time>[0-9]{2}:[0-5][0-9]'[0-5][0-9]\"[0-9]{3}) +"
                   r"(?P<level>[0-9]{1,3}) +(?P<count>[0-9]{1,3}) +(?P<battery>[0-9]) *")
_STATUS = re.compile(r"\[(?P<time>[0-9]{2}:[0-5][0-9]'[0-5][0-9]\") +(?P<noise_sta>[0-9]{1,5}) +"
                     r"(?P<noise_box>[0-9]{1,5}) +(?P<level_sta>[0-9]{1,5}) +(?P<level_box>[0-9]{1,5})\]")
_NUMBERS = ("noise_sta", "noise_box", "level_sta", "level_box")


def decode(piece: bytes) -> Decoded:
    """One piece of the stream as a frame, or the reason why it is none."""
    fault = WIRE.fault(piece)
    if fault:
        return fault
    line = line_text(piece)
    return _status(line) if line[:1] == b"[" else _passing(line)


def _passing(line: bytes) -> Decoded:
    if len(line) != _LINE_SIZE:
        return "length"
    data, total = line[1:1 + _DATA_SIZE], line[1 + _DATA_SIZE:-1]
    if not total.isdigit() or line[-1:] != b">":
        return "syntax"
    if int(total) != chronelec_sum(data):
        return "checksum"
    parts = _DATA.fullmatch(data.decode("latin-1"))
    if parts is None:
        return "syntax"
    return Passing("chronelec", parts["channel"], None, parts["transponder"].lstrip("0") or "0",
                   _time_us(parts["time"]), strength=int(parts["level"]), hits=int(parts["count"]),
                   extra={"battery": int(parts["battery"])})


def _status(line: bytes) -> Decoded:
    parts = _STATUS.fullmatch(line.decode("latin-1"))
    if parts is None:
        return "syntax"
    numbers = {name: int(parts[name]) for name in _NUMBERS}
    return Status("chronelec", None, {"rtc_time_us": _time_us(parts["time"]), **numbers})


def _time_us(text: str) -> Micros:
    """``HH:MM'SS"mmm`` or ``HH:MM'SS"`` in microseconds."""
    return int(text[:2]) * HOUR + int(text[3:5]) * MINUTE + int(text[6:8]) * SECOND + int(text[9:] or 0) * MS


def _clock(time_us: Micros) -> str:
    """``HH:MM'SS"mmm`` of the day."""
    ms = time_us // MS % 86_400_000
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}'{ms // 1000 % 60:02d}\"{ms % 1000:03d}"


class Codec(WireCodec):
    """The appliance's side of Chronelec."""

    name = "chronelec"

    def __init__(self) -> None:
        super().__init__(WIRE, decode)

    def poll(self) -> bytes:
        """Ask for a status line."""
        return STATUS

    def acknowledge(self, passing: Passing) -> bytes:  # noqa: ARG002 - the codec interface names it
        """Let the decoder go on to its next passing."""
        return ACKNOWLEDGE

    def acknowledge_rejected(self, streak: int) -> bytes:
        """Ask for the line again; the third time in a row let it go, or the queue would jam.

        Count only damaged lines, not noise: letting go before a line was seen would lose it.
        """
        return REPEAT if streak % _TRIES else ACKNOWLEDGE


class Station:
    """The decoder's side of Chronelec."""

    name = "chronelec"

    def __init__(self) -> None:
        self._tail = b""

    def passing(self, passing: Passing) -> bytes:
        """A passing line of 32 characters and their sum; numbers are cut to their widths."""
        transponder = passing.transponder or "0"
        channel = passing.decoder_id if passing.decoder_id in _CHANNELS else "STA"
        data = (f"{channel} {transponder[-6:]:0>6} {_clock(passing.rtc_time_us)} "
                f"{min(passing.strength or 0, 99):02d} {min(passing.hits or 0, 99):02d} "
                f"{passing.extra.get('battery', 3) % 10} ").encode("ascii", "replace")
        return b"<%b%04d>\r\n" % (data, chronelec_sum(data))

    def status(self, status: Status) -> bytes:
        """A status line; ``rtc_time_us`` of its fields is the time of day."""
        numbers = " ".join(f"{status.fields.get(name, 0):02d}" for name in _NUMBERS)
        return f"[{_clock(status.fields.get('rtc_time_us', 0))[:9]} {numbers}]\r\n".encode("ascii")

    def requests(self, data: bytes) -> list[Request]:
        """ESC and one byte each; a split pair is kept until its second byte comes."""
        pairs = re.findall(rb"\x1b.|\x1b", self._tail + data, re.DOTALL)
        self._tail = pairs.pop() if pairs and len(pairs[-1]) == 1 else b""
        return [Request(_REQUESTS.get(pair, "unknown")) for pair in pairs]

    def answer(self, request: Request, now_us: int) -> bytes:
        """A status line when asked for one."""
        if request.kind != "status":
            return b""
        fields = {"rtc_time_us": now_us, "noise_sta": 23, "noise_box": 0, "level_sta": 10, "level_box": 10}
        return self.status(Status("chronelec", None, fields))
