"""P3 where it is particular: CRC, escapes, fields in any order, requests."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.protocols.wires import decode, one, rejected, sound
from trackd.core.records import Passing, Record, Rejected, Status
from trackd.protocols.checks import amb_crc
from trackd.protocols.codec import Request
from trackd.protocols.p3 import Codec, Station
from trackd.protocols.p3_fields import TOR_GET_TIME, TOR_PASSING, TOR_STATUS, encode_fields, escape, frame, tlv, unescape

PASSING = bytes.fromhex("8e023300e5630000010001047a00000003041fd855000408589514394cd8040005026d000602500008020000"
                        "8104501304008f")
STATUS = bytes.fromhex("8e021f004d7c0000020001022700070216000c01760601008104131804008f")
GET_TIME_IN_USE = bytes.fromhex("8e0000005beb000024000100040005008f")

NUMBER, TRANSPONDER, TIME = tlv(1, b"\x07\0\0\0"), tlv(3, b"\x39\x05\0\0"), tlv(4, bytes(7) + b"\x01")
DECODER = tlv(0x81, b"\x53\x18\x04\0")
TIME_US = 1 << 56


def bitwise_crc(message: bytes) -> int:
    """The CRC as its definition says, a bit at a time: the data bit enters at the low end of the register."""
    crc = 0xFFFF
    for byte in message:
        for bit in range(7, -1, -1):
            top = crc >> 15
            crc = (crc << 1 & 0xFFFF | byte >> bit & 1) ^ (0x1021 if top else 0)
    return crc


@pytest.mark.parametrize(("wire", "crc"), [(PASSING, 0x63E5), (STATUS, 0x7C4D)])
def test_the_crc_is_ambs_own_form(wire: bytes, crc: int) -> None:
    zeroed = wire[:4] + b"\0\0" + wire[6:]
    assert amb_crc(zeroed) == bitwise_crc(zeroed) == crc


def test_a_known_passing_and_status_are_read() -> None:
    assert decode("p3", [PASSING + STATUS]) == [
        Passing("p3", "267088", 122, "5625887", 1363721793607000, 109, 80, 0),
        Status("p3", "268307", {"noise": 39, "temperature": 22, "input_voltage": 118, "gps": 0})]


def test_fields_come_in_any_order_and_unknown_ones_are_kept_as_hex() -> None:
    for fields in permutations((NUMBER, TRANSPONDER, TIME, DECODER, tlv(0x77, b"\x8e\x8f"))):
        found = one("p3", frame(TOR_PASSING, b"".join(fields)))
        assert found == Passing("p3", "268371", 7, "1337", TIME_US, extra={"field_0x77": "8e8f"})


def test_a_record_of_unknown_type_passes_through_with_its_fields() -> None:
    found = one("p3", frame(0x001C, tlv(1, b"\x05") + DECODER))
    assert isinstance(found, Record)
    assert (found.type, found.decoder_id, found.fields) == ("0x001c", "268371", {"field_0x01": "05"})


@pytest.mark.parametrize("body", [
    pytest.param(TRANSPONDER + TIME, id="no number"), pytest.param(NUMBER + TRANSPONDER, id="no time"),
    pytest.param(NUMBER + tlv(4) + TRANSPONDER, id="empty time"),
    pytest.param(NUMBER + tlv(4, b"\xff" * 8), id="time beyond 63 bits"),
    pytest.param(tlv(1, bytes(9)) + TIME, id="number of nine bytes"),
    pytest.param(NUMBER + TIME + b"\x05\x02\x01", id="field runs past the end"),
    pytest.param(NUMBER + TIME + b"\x05", id="field without a length"),
])
def test_a_sound_frame_without_a_usable_passing_is_rejected(body: bytes) -> None:
    data = frame(TOR_PASSING, body)
    assert one("p3", data) == Rejected("p3", "syntax", 0, data)


def test_a_time_beyond_63_bits_is_rejected_in_the_usual_order_of_fields_too() -> None:
    values = {"passing_number": 1, "transponder": 2, "rtc_time_us": 1 << 63, "strength": 3, "hits": 4, "flags": 0,
              "decoder_id": 5}
    assert rejected([one("p3", frame(TOR_PASSING, encode_fields(TOR_PASSING, values.items())))])[0].reason == "syntax"


def test_a_label_names_the_transponder_where_its_number_is_missing() -> None:
    label = tlv(0x0A, b"PV-38463"), tlv(0x0A, b"FL-9\0\0 \0")
    assert one("p3", frame(TOR_PASSING, NUMBER + label[0] + TIME)) == Passing("p3", None, 7, "PV-38463", TIME_US)
    assert one("p3", frame(TOR_PASSING, NUMBER + label[1] + TIME)) == Passing("p3", None, 7, "FL-9", TIME_US)
    both = one("p3", frame(TOR_PASSING, NUMBER + TRANSPONDER + label[1] + TIME))
    assert both == Passing("p3", None, 7, "1337", TIME_US, extra={"label": "FL-9"})


def test_the_prochip_order_is_read_like_any_other() -> None:
    passing = Passing("p3", "134920", 290114, "94890", 1355950853232123, 122, 40, 0, extra={"label": "FL-94890"})
    wire = Station().passing(passing)
    body = unescape(wire)[10:-1]  # type: ignore[index]  # a station escapes soundly
    assert body[0:12:6] == b"\x01\x03"
    assert body[12] == 0x0A
    shuffled = frame(TOR_PASSING, body[12:22] + body[:12] + body[22:])
    assert one("p3", wire) == one("p3", shuffled) == passing
    assert rejected([one("p3", wire[:20] + b"\x00" + wire[21:])])[0].reason == "checksum"


def test_every_damaged_byte_of_a_passing_is_noticed() -> None:
    for at in range(len(PASSING)):
        for change in (0x01, 0x80, 0xFF):
            damaged = PASSING[:at] + bytes([PASSING[at] ^ change]) + PASSING[at + 1:]
            frames = decode("p3", [damaged + STATUS])
            assert not [frame for frame in frames if isinstance(frame, Passing)], (at, change)
            assert isinstance(frames[-1], Status) or at == len(PASSING) - 1


def test_only_8d_8e_8f_are_escaped_and_all_of_8a_to_8f_are_understood() -> None:
    value = bytes(range(0x88, 0x92))
    data = frame(TOR_STATUS, tlv(0x77, value))
    assert b"\x88\x89\x8a\x8b\x8c\x8d\xad\x8d\xae\x8d\xaf\x90\x91" in data
    other_dialect = data.replace(b"\x8a\x8b\x8c", b"\x8d\xaa\x8d\xab\x8d\xac")
    expected = Status("p3", None, {"field_0x77": value.hex()})
    assert decode("p3", [data, other_dialect]) == [expected, expected]


@pytest.mark.parametrize("bad", [b"\x8d\x8f", b"\x8d\xa9\x8f", b"\x8d\xb0\x8f", b"\x8d\x00\x8f", b"\x8d\x8d\xae\x8f"])
def test_an_escape_that_leads_elsewhere_is_malformed(bad: bytes) -> None:
    data = STATUS[:-1] + bad
    assert one("p3", data) == Rejected("p3", "escape", 0, data)


def test_an_escaped_sor_or_eor_is_not_the_edge_of_a_frame() -> None:
    no_start, no_end = b"\x8d\xae" + PASSING[1:], PASSING[:-1] + b"\x8d\xaf"
    assert [piece.reason for piece in rejected(decode("p3", [no_start + no_end + STATUS]))] == ["noise", "length"]
    assert escape(b"\x8e\x8e\x8f\x8f") == b"\x8e\x8d\xae\x8d\xaf\x8f"


def test_a_frame_cut_off_by_the_next_is_rejected_and_the_next_is_read() -> None:
    for size in range(1, len(PASSING)):
        cut, status = decode("p3", [PASSING[:size] + STATUS])
        assert cut == Rejected("p3", "length", 0, PASSING[:size])
        assert isinstance(status, Status)


def test_a_missing_or_added_byte_is_a_wrong_length() -> None:
    at = PASSING.index(b"\0\0\0") + 1
    damaged = PASSING[:at] + PASSING[at + 1:], PASSING[:at] + b"\x0d" + PASSING[at:]
    assert [piece.reason for piece in rejected(decode("p3", damaged))] == ["length", "length"]


def test_newline_translation_damage_is_rejected() -> None:
    damaged = Station().passing(Passing("p3", "10", 10, "10", 10, 10, 10, 10)).replace(b"\n", b"\r\n")
    assert [piece.reason for piece in rejected(decode("p3", [damaged]))] == ["length"]


def test_another_version_is_rejected_even_with_a_sound_crc() -> None:
    plain = STATUS[:1] + b"\x03" + STATUS[2:4] + b"\0\0" + STATUS[6:]
    data = plain[:4] + amb_crc(plain).to_bytes(2, "little") + plain[6:]
    assert one("p3", escape(data)) == Rejected("p3", "syntax", 0, escape(data))


def test_the_greeting_asks_for_version_and_time_with_correct_headers() -> None:
    greeting = Codec().greeting()
    assert Station().requests(greeting) == [Request("version"), Request("time")]
    assert [frame.type for frame in decode("p3", [greeting]) if isinstance(frame, Record)] == ["VERSION", "GET_TIME"]


def test_only_the_station_accepts_a_question_without_version_and_length() -> None:
    assert one("p3", GET_TIME_IN_USE) == Rejected("p3", "length", 0, GET_TIME_IN_USE)
    station = Station()
    assert [found for byte in GET_TIME_IN_USE for found in station.requests(bytes([byte]))] == [Request("time")]


def test_a_resend_names_the_range_and_a_numeric_decoder() -> None:
    codec, station = Codec(), Station()
    wires = [codec.resend(decoder, 711881, 711882) for decoder in ("268307", None, "STA")]
    assert station.requests(b"".join(wires)) == [
        Request("resend", 711881, 711882, "268307"), Request("resend", 711881, 711882),
        Request("resend", 711881, 711882)]


def test_damaged_requests_are_passed_over_and_unknown_ones_get_an_error() -> None:
    station = Station()
    damaged = GET_TIME_IN_USE.replace(b"\x24", b"\x25")
    assert station.requests(damaged + frame(0x0020, b"")) == [Request("unknown")]
    answer = one("p3", station.answer(Request("unknown"), 0))
    assert isinstance(answer, Record)
    assert (answer.type, answer.fields["code"]) == ("ERROR", 4)


def test_answers_carry_the_clock_and_the_decoder_last_spoken_for() -> None:
    station = Station()
    station.status(Status("p3", "268307", {"noise": 30}))
    answers = b"".join(station.answer(Request(kind), 1551542808933001) for kind in ("time", "version", "status", "resend"))
    time, version, status = sound(decode("p3", [answers]))
    assert isinstance(time, Record)
    assert (time.type, time.decoder_id, time.fields["rtc_time_us"]) == ("GET_TIME", "268307", 1551542808933001)
    assert isinstance(version, Record)
    assert (version.type, version.fields["decoder_type"]) == ("VERSION", 0x10)
    assert isinstance(status, Status)
    assert frame(TOR_GET_TIME, b"")[1:4] == b"\x02\x0b\x00"
