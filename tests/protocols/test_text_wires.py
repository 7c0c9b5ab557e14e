"""P98, TranX-2, Chronelec and node lines where each is particular."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.protocols.wires import decode, one, rejected
from trackd.core.records import Passing, Record, Rejected, Status
from trackd.protocols import chronelec, node
from trackd.protocols.checks import amb_crc
from trackd.protocols.codec import Request
from trackd.protocols.registry import PROTOCOLS, open_codec, open_station

P98 = b"\x01@\t101\t9788\t8110984\t52083.691\t127\t40\t2\tx3DAF\r\n"
CHRONELEC = b"<STA 119371 00:00'11\"648 99 01 3 1579>\r\n"
NODE = {"node": "beam-1", "boot": "9f3a61c2", "seq": 42, "t_us": 1234567890, "kind": "pass", "id": "5691251",
        "strength": 120, "hits": 33}


def p98(text: str) -> bytes:
    return b"\x01%bx%X\r\n" % (text.encode(), amb_crc(text.encode()))


def sealed(data: str) -> bytes:
    return f"<{data}{sum(data.encode()):04d}>\r\n".encode()


def node_line(**changes: Any) -> bytes:
    line = {name: value for name, value in (NODE | changes).items() if value is not ...}
    return json.dumps(line).encode() + b"\n"


def reason(wire: str, data: bytes) -> str:
    found = one(wire, data)
    assert isinstance(found, Rejected), found
    assert found.data == data
    return found.reason


def test_p98_reads_the_documented_passing_with_its_exact_time() -> None:
    assert one("p98", P98) == Passing("p98", "101", 9788, "8110984", 52_083_691_000, 40, 127, 2)


def test_p98_accepts_a_crc_without_leading_zeros_and_in_either_case() -> None:
    short = next(text for noise in range(5000) if amb_crc((text := f"#\t1\t2\t{noise}\t").encode()) < 0x100)
    assert isinstance(one("p98", p98(short)), Status)
    assert isinstance(one("p98", P98.replace(b"x3DAF", b"x3daf")), Passing)


@pytest.mark.parametrize(("seconds", "rtc_us"), [
    ("46.82", 46_820_000), ("0.1", 100_000), ("7", 7_000_000), ("16777217.001002", 16_777_217_001_002)])
def test_p98_times_are_exact_decimals_and_unusual_ones_keep_their_text(seconds: str, rtc_us: int) -> None:
    found = one("p98", p98(f"@\t1\t2\t3\t{seconds}\t4\t5\t0\t"))
    assert found == Passing("p98", "1", 2, "3", rtc_us, 5, 4, 0, extra={"seconds": seconds})


def test_p98_host_commands_are_records() -> None:
    found = one("p98", b"\x01$\t40\t3\t5\t28800\txF9EB\r\n")
    assert isinstance(found, Record)
    assert (found.type, found.fields) == ("COMMAND", {"arguments": ["40", "3", "5", "28800"]})


@pytest.mark.parametrize(("data", "why"), [
    (P98.replace(b"127", b"128"), "checksum"), (P98.replace(b"x3DAF", b"x13DAF"), "syntax"),
    (P98.replace(b"\tx", b"x"), "syntax"), (P98.replace(b"\r\n", b" \r\n"), "syntax"),
    (p98("@\t1\t2\t3\t4.000\t5\t6\t"), "syntax"), (p98("@\t1\t2\t3\t4:00\t5\t6\t0\t"), "syntax"),
    (p98("@\t1\t-2\t3\t4.000\t5\t6\t0\t"), "syntax"), (p98("#\t1\t2\t"), "syntax"),
])
def test_p98_damage_has_a_reason(data: bytes, why: str) -> None:
    assert reason("p98", data) == why


@pytest.mark.parametrize(("data", "why"), [
    (b"#097\r\n", "length"), (b"#09700\r\n", "length"), (b"#097G\r\n", "syntax"), (b"#-970\r\n", "syntax"),
    (b"$09000235BF3436E02135870\r\n", "length"), (b"$09000235BF3436E0213587000\r\n", "length"),
    (b"$09000235BF3436E02135870O\r\n", "syntax"), (b"0970\r\n", "noise"),
])
def test_tranx2_damage_has_a_reason(data: bytes, why: str) -> None:
    assert reason("tranx2", data) == why


def test_chronelec_reads_the_documented_lines() -> None:
    assert decode("chronelec", [CHRONELEC + b"[00:00'12\" 23 00 10 10]\r\n"]) == [
        Passing("chronelec", "STA", None, "119371", 11_648_000, 99, 1, extra={"battery": 3}),
        Status("chronelec", None, {"rtc_time_us": 12_000_000, "noise_sta": 23, "noise_box": 0, "level_sta": 10,
                                   "level_box": 10})]


def test_chronelec_transponders_lose_their_padding_only() -> None:
    for padded in ("000070", "    70"):
        found = one("chronelec", sealed(f"BOX {padded} 13:00'11\"648 99 01 3 "))
        assert isinstance(found, Passing)
        assert (found.decoder_id, found.transponder, found.rtc_time_us) == ("BOX", "70", 46_811_648_000)


@pytest.mark.parametrize(("data", "why"), [
    (CHRONELEC.replace(b"1579", b"1578"), "checksum"), (CHRONELEC.replace(b"99", b"98"), "checksum"),
    (CHRONELEC.replace(b"STA ", b"STA"), "length"), (CHRONELEC.replace(b">", b")"), "syntax"),
    (CHRONELEC.replace(b"1579", b"15 9"), "syntax"), (sealed("PIT 119371 00:00'11\"648 99 01 3 "), "syntax"),
    (sealed("STA 119371 00:60'11\"648 99 01 3 "), "syntax"), (b"[00:00'12\" 23 00 10]\r\n", "syntax"),
])
def test_chronelec_damage_has_a_reason(data: bytes, why: str) -> None:
    assert reason("chronelec", data) == why


def test_chronelec_acknowledges_asks_twice_again_and_then_lets_go() -> None:
    codec, station = chronelec.Codec(), chronelec.Station()
    sent = codec.acknowledge(Passing("chronelec", "STA", None, "1", 2)) + codec.poll()
    sent += b"".join(codec.acknowledge_rejected(streak) for streak in range(1, 5))
    kinds = [request.kind for byte in sent for request in station.requests(bytes([byte]))]
    assert kinds == ["ack", "status", "repeat", "repeat", "ack", "repeat"]
    assert isinstance(one("chronelec", station.answer(Request("status"), 3_600_000_000)), Status)


def test_node_reads_the_documented_line() -> None:
    assert one("node", node_line()) == Passing("node", "beam-1", 42, "5691251", 1234567890, 120, 33, boot="9f3a61c2")


def test_node_beams_have_no_id_and_other_fields_are_kept() -> None:
    found = one("node", node_line(kind="beam", id=..., strength=None, battery_mv=3300))
    assert found == Passing("node", "beam-1", 42, None, 1234567890, None, 33, boot="9f3a61c2", kind="beam",
                            extra={"battery_mv": 3300})


@pytest.mark.parametrize("changes", [
    {"node": ...}, {"boot": ...}, {"seq": ...}, {"t_us": ...}, {"kind": ...}, {"id": ...}, {"node": ""}, {"boot": 7},
    {"seq": "42"}, {"seq": -1}, {"seq": True}, {"t_us": 1.5}, {"t_us": 2**63}, {"kind": "lap"}, {"kind": ["pass"]},
    {"id": 5691251}, {"kind": "beam"}, {"strength": "loud"}, {"hits": 1e3}, {"id": "x" * 65},
])
def test_node_lines_with_missing_or_mistyped_fields_are_rejected(changes: dict[str, Any]) -> None:
    assert reason("node", node_line(**changes)) == "syntax"


@pytest.mark.parametrize("data", [
    b"{}\n", b'{"node":\n', b'{"a":"\xff"}\n', b'{"a":' + b"[" * 8000 + b"\n", b'{"a":"\\ud800"}\n', b"{} {}\n"])
def test_node_lines_that_are_no_sound_object_are_rejected(data: bytes) -> None:
    assert reason("node", data) == "syntax"


def test_node_resends_name_both_ends_of_the_range() -> None:
    wire = node.Codec().resend("beam-1", 40, 41, "9f3a61c2")
    assert wire == b'{"resend":[40,41]}\n'
    assert node.Station().requests(b'{"resend":[1]}\nhello\n' + wire) == [Request("unknown"), Request("resend", 40, 41)]


def test_wires_that_know_no_words_stay_silent() -> None:
    passing = Passing("p98", "1", 2, "3", 4)
    for name in PROTOCOLS:
        codec = open_codec(name)
        spoken = {"greeting": codec.greeting(), "poll": codec.poll(), "acknowledge": codec.acknowledge(passing),
                  "rejected": codec.acknowledge_rejected(1), "resend": codec.resend("1", 2, 3)}
        assert {word for word, said in spoken.items() if said} == {
            "p3": {"greeting", "resend"}, "p98": set(), "tranx2": set(), "node": {"resend"},
            "chronelec": {"poll", "acknowledge", "rejected"}}[name]
    for name in ("p98", "tranx2"):
        assert open_station(name).requests(b"anything\r\n") == []


def test_a_torn_line_does_not_take_the_next_one_with_it() -> None:
    for wire, line in (("p98", P98), ("chronelec", CHRONELEC), ("tranx2", b"#0970\r\n")):
        frames = decode(wire, [line[:-2] + line])
        assert len(frames) == 2
        assert [piece.reason for piece in rejected(frames)] == ["length"]
