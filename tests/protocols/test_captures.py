"""Real bytes: every vector of the reference and every recording, fed in four ways."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.wires import (
    CAPTURES,
    decode,
    feedings,
    needs_captures,
    one,
    recorded_p3,
    rejected,
    sound,
    vectors,
)
from trackd.core.records import Passing, Record, Rejected, Status
from trackd.protocols.registry import PROTOCOLS, frame_object, open_station

pytestmark = needs_captures

VECTORS = vectors()
TEXT_IDS = ("decoder_id", "transponder")
OUR_NAMES = {
    "p3": {"tran_code": "transponder", "field_0x01": "field_0x01", "field_0x11": "field_0x11"},
    "p98": {"seq": "passing_number", "status": "flags"},
    "tranx2": {},
    "chronelec": {"channel": "decoder_id", "field4": "strength", "field5": "hits"},
}
FRAMING = {"record", "valid", "crc", "crc_ok", "checksum", "checksum_ok"}
KINDS = {"PASSING": "passing", "STATUS": "status", "NOISE": "status", "COMMAND": "record", "UNDOCUMENTED_0x1C": "record"}


def expected_object(vector: dict[str, Any]) -> dict[str, Any]:
    """The vector's fields under the names of CONTRACT.md."""
    wire, raw = vector["wire"], vector["expected"]
    kind = KINDS[raw.get("record") or raw["tor"]]
    fields = raw["fields"] if wire == "p3" else {name: value for name, value in raw.items() if name not in FRAMING}
    fields = {OUR_NAMES[wire].get(name, name): value for name, value in fields.items()}
    if kind == "status" and "passing_number" in fields:
        fields["sequence"] = fields.pop("passing_number")
    for name, to_us in (("ticks", 1_000), ("time_ms", 1_000), ("time_s", 1_000_000)):
        if name in fields:
            value = fields.pop(name)
            fields["rtc_time_us"] = int(value.replace(".", "")) * 1_000 if isinstance(value, str) else value * to_us
    fields.pop("time", None)  # the text of time_ms
    for name, width in (("field_0x01", 8), ("field_0x11", 1)):
        if name in fields:
            fields[name] = fields[name].to_bytes(width, "little").hex()
    fields = {name: str(value) if name in TEXT_IDS else value for name, value in fields.items()}
    return {"kind": kind, "protocol": wire, **fields}


@pytest.mark.parametrize("wire", [wire for wire in PROTOCOLS if wire != "node"])
def test_valid_vectors_give_exactly_the_expected_fields_however_they_arrive(wire: str) -> None:
    valid = [vector for vector in VECTORS if vector["wire"] == wire and vector["expected"]["valid"]]
    expected = [expected_object(vector) for vector in valid]
    assert expected
    for how, chunks in feedings(wire, [bytes.fromhex(vector["hex"]) for vector in valid]).items():
        objects = [frame_object(frame) for frame in sound(decode(wire, chunks))]
        for found in objects:
            found.pop("type", None)
            found.pop("arguments", None)
        assert objects == expected, how


@pytest.mark.parametrize(
    "vector", [pytest.param(vector, id=f"{vector['wire']}-{number}") for number, vector in enumerate(VECTORS)
               if not vector["expected"]["valid"]])
def test_invalid_vectors_are_rejected_whole_with_their_reason(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    reason = "checksum" if vector["expected"].get("length_ok", True) else "length"
    assert one(vector["wire"], data) == Rejected(vector["wire"], reason, 0, data)


def test_the_2019_recording_decodes_the_same_however_it_arrives() -> None:
    lines = recorded_p3()
    by_way = {how: decode("p3", chunks) for how, chunks in feedings("p3", lines).items()}
    whole = by_way["whole"]
    good = [frame for frame in whole if isinstance(frame, Passing | Status)]
    assert len([frame for frame in good if isinstance(frame, Passing)]) == 84
    assert len([frame for frame in good if isinstance(frame, Status)]) == 1304
    assert {frame.decoder_id for frame in good} == {"268307"}
    assert by_way["byte by byte"] == by_way["random chunks"] == whole == good
    assert sound(by_way["noise between frames"]) == whole


def test_a_station_writes_the_2019_recording_again_byte_for_byte() -> None:
    lines, station = recorded_p3(), open_station("p3")
    frames = decode("p3", lines)
    written = [station.passing(frame) if isinstance(frame, Passing) else station.status(frame)
               for frame in frames if isinstance(frame, Passing | Status)]
    assert written == lines


def test_the_anonymised_recording_loses_its_altered_passings_and_nothing_else() -> None:
    data = (CAPTURES / "amb_p3_anonymised_2026.bin").read_bytes()
    for chunks in feedings("p3", [data]).values():
        frames = decode("p3", chunks)
        assert len([frame for frame in frames if isinstance(frame, Status)]) == 42
        assert [frame.type for frame in frames if isinstance(frame, Record)] == ["0x001c"]
        assert not [frame for frame in frames if isinstance(frame, Passing)]
        assert len([frame for frame in rejected(frames) if frame.reason == "checksum"]) == 15
    assert sum(len(frame.data) for frame in rejected(decode("p3", [data]))) == 13 * 51 + 2 * 52


def test_the_tranx2_and_chronelec_recordings_decode_without_a_reject() -> None:
    tranx2 = decode("tranx2", [(CAPTURES / "tranx2.txt").read_bytes()])
    assert [frame.transponder for frame in tranx2 if isinstance(frame, Passing)] == ["144831"] * 3
    assert len([frame for frame in tranx2 if isinstance(frame, Status)]) == len(tranx2) - 3 == 22
    passing, status = decode("chronelec", [(CAPTURES / "chronelec.txt").read_bytes()])
    assert isinstance(passing, Passing)
    assert isinstance(status, Status)
