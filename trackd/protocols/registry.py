"""The wires by name, and what ``trackd decode`` prints of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trackd.core.errors import BadInput, Fault
from trackd.core.records import Frame, Passing, Record, Rejected
from trackd.protocols import chronelec, node, p3, p98, tranx2
from trackd.protocols.codec import Codec, Station

_CODECS: dict[str, type[Codec]] = {wire.Codec.name: wire.Codec for wire in (p3, p98, tranx2, chronelec, node)}
_STATIONS: dict[str, type[Station]] = {wire.Station.name: wire.Station for wire in (p3, p98, tranx2, chronelec, node)}

PROTOCOLS: tuple[str, ...] = tuple(_CODECS)


def open_codec(name: str) -> Codec:
    """A fresh codec of one wire, for one connection. Raises BadInput for a name there is none of."""
    return _CODECS[_known(name)]()


def open_station(name: str) -> Station:
    """A fresh station of one wire, for one client. Raises BadInput for a name there is none of."""
    return _STATIONS[_known(name)]()


def _known(name: str) -> str:
    if name not in _CODECS:
        raise BadInput(Fault("protocol", f"{name} is none of {', '.join(PROTOCOLS)}"))
    return name


def frame_object(frame: Frame) -> dict[str, Any]:
    """A frame as ``trackd decode`` prints it. Ids are text; what the frame lacks is absent; further fields follow."""
    if isinstance(frame, Rejected):
        return {"kind": "rejected", "reason": frame.reason, "offset": frame.offset, "bytes": frame.data.hex()}
    main: dict[str, Any] = {"kind": "passing", "protocol": frame.protocol, "decoder_id": frame.decoder_id}
    if isinstance(frame, Passing):
        more = frame.extra
        main |= {
            "passing_number": frame.passing_number, "transponder": frame.transponder,
            "rtc_time_us": frame.rtc_time_us, "strength": frame.strength, "hits": frame.hits, "flags": frame.flags,
            "boot": frame.boot, "beam": True if frame.kind == "beam" else None,
        }
    else:
        more = frame.fields
        if isinstance(frame, Record):
            main |= {"kind": "record", "type": frame.type}
        else:
            main |= {"kind": "status", "sequence": frame.sequence, "boot": frame.boot}
    present = {name: value for name, value in main.items() if value is not None}
    return present | {name: value for name, value in more.items() if name not in main}


def decode_file(protocol: str, chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Everything in a recording, as ``frame_object`` gives it, what is left at its end included."""
    codec = open_codec(protocol)
    for chunk in chunks:
        yield from map(frame_object, codec.receive(chunk))
    yield from map(frame_object, codec.close())
