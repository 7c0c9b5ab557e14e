"""What holds for every wire, whatever the bytes: chunking, bounds, round trips."""

from __future__ import annotations

import inspect
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.wires import NOISE, decode, random_chunks, rejected, sound
from trackd.core.errors import BadInput
from trackd.core.records import Passing, Rejected, Status
from trackd.protocols import chronelec, framing, node, p3, p3_fields, p98, tranx2
from trackd.protocols.codec import Request
from trackd.protocols.registry import PROTOCOLS, decode_file, frame_object, open_codec, open_station

MODULES = {"p3": p3, "p98": p98, "tranx2": tranx2, "chronelec": chronelec, "node": node}
REASONS = {"checksum", "length", "escape", "noise", "overflow", "syntax"}
EDGES = {  # bytes that mean something on a wire, so that random streams reach deep into its codec
    "p3": [b"\x8e", b"\x8f", b"\x8d", b"\x8d\xae", b"\x8e\x02", b"\x01\x04"],
    "p98": [b"\x01", b"\n", b"\r\n", b"@\t", b"#\t", b"\tx"],
    "tranx2": [b"#", b"$", b"\r\n", b"09", b"000000"],
    "chronelec": [b"<", b"[", b">", b"]\r\n", b"STA ", b"00:00'"],
    "node": [b"{", b"}", b"\n", b'"node":', b"[" * 50, b'"\\ud800"', b"1e999"],
}

u8, u16, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
digits = st.integers(1, 0xFFFFFFFF).map(str)
clock_us = st.integers(0, 2**62)
maybe_u16 = st.none() | u16
names = st.text(min_size=1, max_size=20)
counts = st.integers(0, 2**62)

passings = {
    "p3": st.builds(Passing, st.just("p3"), st.none() | digits, u32, st.none() | digits | st.just("PV-38463"), clock_us,
                    maybe_u16, maybe_u16, maybe_u16,
                    extra=st.fixed_dictionaries({}, optional={"voltage": u8, "field_0x11": st.just("03")})),
    "p98": st.builds(Passing, st.just("p98"), digits, st.integers(0, 999_999_999), digits,
                     st.integers(0, 999_999_999_999).map(lambda ms: ms * 1_000), u16, u16, st.integers(0, 9)),
    "tranx2": st.builds(Passing, st.just("tranx2"), st.none(), st.none(), st.integers(0, 0xFFFFFF).map(str),
                        u32.map(lambda ms: ms * 1_000), st.integers(0, 255), st.integers(0, 255),
                        extra=st.fixed_dictionaries({"prefix": u16, "trailing": st.integers(0, 255)})),
    "chronelec": st.builds(Passing, st.just("chronelec"), st.sampled_from(["STA", "BOX", "MAN"]), st.none(),
                           st.integers(0, 999_999).map(str), st.integers(0, 86_399_999).map(lambda ms: ms * 1_000),
                           st.integers(0, 99), st.integers(0, 99),
                           extra=st.fixed_dictionaries({"battery": st.integers(0, 9)})),
    "node": st.builds(Passing, st.just("node"), names, counts, names, counts, maybe_u16, maybe_u16, boot=names)
    | st.builds(Passing, st.just("node"), names, counts, st.none(), counts, boot=names, kind=st.just("beam")),
}
statuses = {
    "p3": st.builds(Status, st.just("p3"), st.none() | digits, st.fixed_dictionaries(
        {"noise": u16, "temperature": u16}, optional={"input_voltage": st.integers(0, 255), "gps": st.integers(0, 1),
                                                      "satinuse": st.integers(0, 255), "loop_triggers": u16})),
    "p98": st.builds(Status, st.just("p98"), digits, st.fixed_dictionaries({"noise": u16}),
                     sequence=st.integers(0, 999_999_999)),
    "tranx2": st.builds(Status, st.just("tranx2"), st.none(), st.fixed_dictionaries({"noise": u16})),
    "chronelec": st.builds(Status, st.just("chronelec"), st.none(), st.fixed_dictionaries(
        {"rtc_time_us": st.integers(0, 86_399).map(lambda s: s * 1_000_000), "noise_sta": u16, "noise_box": u16,
         "level_sta": u16, "level_box": u16})),
    "node": st.builds(Status, st.just("node"), names, st.fixed_dictionaries({"rtc_time_us": counts, "battery_mv": u16}),
                      sequence=counts, boot=names),
}
every_wire = pytest.mark.parametrize("wire", PROTOCOLS)


def rendered(wire: str, frames: list[Passing | Status]) -> list[bytes]:
    station = open_station(wire)
    return [station.passing(frame) if isinstance(frame, Passing) else station.status(frame) for frame in frames]


@every_wire
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_a_station_sends_its_codec_reads_in_any_chunks_and_through_noise(wire: str, data: st.DataObject) -> None:
    frames = data.draw(st.lists(passings[wire] | statuses[wire], max_size=6))
    sent = rendered(wire, frames)
    chunks = random_chunks(b"".join(sent), data.draw(st.integers(0, 99)), data.draw(st.integers(2, 300)))
    assert decode(wire, chunks) == frames
    noise = data.draw(st.lists(st.sampled_from(NOISE[wire]), min_size=len(sent), max_size=len(sent)))
    noisy = b"".join(before + frame for before, frame in zip(noise, sent, strict=True))
    found = decode(wire, random_chunks(noisy, 1, 9))
    assert sound(found) == frames
    assert sum(len(piece.data) for piece in rejected(found)) == sum(map(len, noise))


@every_wire
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_the_same_frames_in_any_chunks_and_every_byte_is_accounted_for(
        wire: str, data: st.DataObject) -> None:
    good = st.builds(lambda frame: rendered(wire, [frame])[0], passings[wire])
    cut = st.tuples(good, st.integers(0, 60)).map(lambda pair: pair[0][:pair[1]])
    stream = b"".join(data.draw(st.lists(st.binary(max_size=20) | st.sampled_from(EDGES[wire]) | good | cut, max_size=12)))
    whole = decode(wire, [stream])
    assert decode(wire, [stream[at:at + 1] for at in range(len(stream))]) == whole
    assert decode(wire, random_chunks(stream, data.draw(st.integers(0, 99)), 40)) == whole
    for piece in rejected(whole):
        assert piece.reason in REASONS
        assert stream[piece.offset:piece.offset + len(piece.data)] == piece.data
    if not sound(whole):
        assert b"".join(piece.data for piece in rejected(whole)) == stream


@every_wire
def test_megabytes_of_random_bytes_neither_raise_nor_pile_up(wire: str) -> None:
    source, codec, station = random.Random(7), open_codec(wire), open_station(wire)
    limit = MODULES[wire].WIRE.limit
    for _ in range(200):
        data = source.randbytes(2_000)
        station.requests(data)
        for frame in codec.receive(data):
            assert not isinstance(frame, Rejected) or len(frame.data) <= limit
    assert sum(len(frame.data) for frame in rejected(codec.close())) <= limit
    assert codec.close() == []


@every_wire
def test_a_frame_that_never_ends_is_cut_at_the_limit_and_the_next_frame_is_read(wire: str) -> None:
    first = MODULES[wire].WIRE.starts[:1]
    passing = {"p3": Passing("p3", "1", 2, "3", 4), "p98": Passing("p98", "1", 2, "3", 4_000, 5, 6, 7),
               "tranx2": Passing("tranx2", None, None, "3", 4_000, 5, 6, extra={"prefix": 7, "trailing": 8}),
               "chronelec": Passing("chronelec", "BOX", None, "3", 4_000, 5, 6, extra={"battery": 3}),
               "node": Passing("node", "a", 2, "3", 4, boot="b")}[wire]
    good = open_station(wire).passing(passing)
    endless = first + b"0" * 20_000
    for chunks in ([endless + b"\n" + good], list(random_chunks(endless + b"\n" + good, 1, 5_000))):
        frames = decode(wire, chunks)
        assert isinstance(frames[0], Rejected)
        assert frames[0].reason == "overflow"
        assert sound(frames) == [passing]
        assert sum(len(piece.data) for piece in rejected(frames)) == len(endless) + 1


@every_wire
def test_what_is_left_at_the_end_of_a_stream_is_rejected_with_its_place(wire: str) -> None:
    first = MODULES[wire].WIRE.starts[:1]
    assert decode(wire, [b"\n", first, b"0"])[-1] == Rejected(wire, "length", 1, first + b"0")


@every_wire
def test_random_questions_never_make_a_station_raise(wire: str) -> None:
    station = open_station(wire)
    for kind in ("resend", "ack", "repeat", "status", "time", "version", "unknown"):
        reply = station.answer(Request(kind, 1, 2), 5_000_000)
        assert not rejected(decode(wire, [reply]))


def test_decoding_a_file_ends_with_what_was_cut_off() -> None:
    chunks = [b"#0970\r\n", b"?", b"$0900"]
    assert list(decode_file("tranx2", chunks)) == [
        {"kind": "status", "protocol": "tranx2", "noise": 0x970},
        {"kind": "rejected", "reason": "noise", "offset": 7, "bytes": "3f"},
        {"kind": "rejected", "reason": "length", "offset": 8, "bytes": "2430393030"},
    ]


def test_objects_hold_what_the_frame_has_and_mark_a_beam() -> None:
    passing = Passing("p3", "268307", 157777, "5691251", 1551542808933000, 178, 52, 0)
    assert frame_object(passing) == {
        "kind": "passing", "protocol": "p3", "decoder_id": "268307", "passing_number": 157777, "transponder": "5691251",
        "rtc_time_us": 1551542808933000, "strength": 178, "hits": 52, "flags": 0}
    beam = Passing("node", "beam-1", 3, None, 9, boot="b", kind="beam", extra={"kind": "x", "battery_mv": 3300})
    assert frame_object(beam) == {
        "kind": "passing", "protocol": "node", "decoder_id": "beam-1", "passing_number": 3, "rtc_time_us": 9,
        "boot": "b", "beam": True, "battery_mv": 3300}


def test_an_unknown_wire_is_named_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="p3, p98, tranx2, chronelec, node"):
        open_codec("p4")
    with pytest.raises(BadInput, match="p4 is none of"):
        open_station("p4")


def test_no_wire_can_clear_stop_or_set_a_decoder() -> None:
    source = {name: inspect.getsource(module) for name, module in (*MODULES.items(), ("p3_fields", p3_fields),
                                                                   ("framing", framing))}
    for name, text in source.items():
        assert not re.search(r"CLEAR|RESET|0x0005\b|\b5: ", text), name
    assert set(re.findall(r"\\x1b\\x(..)", source["chronelec"])) == {"11", "12", "05"}
    assert set(p3_fields.TYPES).isdisjoint({0x0000, 0x0005})
    assert not re.search(r"_record\(\"\$\"", source["p98"])
