"""The wire of AiM units: every frame whole, in pieces and between noise; only reading can be said; nothing of the owner."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trackd.core.errors import BadInput
from trackd.emulator.solo_told import OWNER, PASSWORD, Identity, device_info, listing, probe_answer
from trackd.protocols import aim_wifi as wire
from trackd.protocols.aim_told import ENTRIES, FileEntry, UnitInfo, read_answer, read_info, read_list
from trackd.protocols.aim_wifi import Command, Damaged, Decoder, Packet, State

repeatable = settings(derandomize=True, deadline=None)

HELLO = bytes.fromhex("3c68 53544350 08000000 003e 0000000006080000 3c 53544350 0e00 3e")
INFO = bytes.fromhex("3c68 53544e43 40000000 003e" + "00" * 8 + "10000100 00000000 40000000 00000000 01000000 00000000"
                     + "01" + "00" * 31 + "3c 53544e43 5300 3e")
NOON = datetime(2026, 11, 21, 23, 5, 59, tzinfo=UTC)
CLOCK = wire.clock_record(NOON, NOON.astimezone(ZoneInfo("Europe/Rome")))
FRAMES = {
    "hello": HELLO, "welcome": wire.welcome(), "info": INFO, "clock": CLOCK, "pause": wire.pause(),
    "pull": wire.pull(32_704), "empty": wire._frame(wire.DATA, b""),
    "read": wire.request(Command.READ, wire.file_path("a_7064.xrz")), "ready": wire.reply((2, 4), State.READY, 1_603_995),
    "chunk": wire.chunk(65_408, bytes(range(256)) * 3),
    "a frame within": wire.chunk(0, HELLO + INFO[:30] + b"<h<hSTCP"),
}
NOISE = (b"\r\n", b"<", b"<h", b"<h<h", b"<hSTCP", b"<hiMST\x03\0\0\0a>idn<iMST\x37\x01>", b"\x00\xff" * 9,
         b"<hSTCP\xff\xff\xff\x7f\0>")

PAYLOADS = st.binary(max_size=300) | st.sampled_from([frame[12:-8] for frame in FRAMES.values()])
U32 = st.integers(0, 2**32 - 1)
TAGS = st.sampled_from([wire.DATA, wire.COMMAND])
STREAMS = st.lists(st.tuples(st.sampled_from([b"", *NOISE]), TAGS, PAYLOADS), max_size=6)


def decode(*chunks: bytes) -> list[Packet | Damaged]:
    decoder = Decoder()
    return [frame for chunk in chunks for frame in decoder.receive(chunk)]


def one(data: bytes) -> Packet:
    (packet,) = decode(data)
    assert isinstance(packet, Packet)
    return packet


def test_frames_are_as_captured() -> None:
    assert wire.hello() == HELLO
    assert wire.request(Command.INFO, b"\x01") == INFO
    assert len(CLOCK) == 68 + 20


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_found_whole_byte_by_byte_and_between_noise(name: str) -> None:
    frame = FRAMES[name]
    found = [Packet(frame[2:6], frame[12:-8])]
    assert decode(frame) == decode(*(frame[at:at + 1] for at in range(len(frame)))) == found
    for noise in NOISE:
        assert decode(frame + noise) == found, noise
        assert decode(noise + frame)[-1:] == found, noise
        assert decode(frame + noise + frame) == found * 2, noise


@repeatable
@given(STREAMS, st.data())
def test_how_a_stream_is_cut_changes_nothing(stream: list[tuple[bytes, bytes, bytes]], data: st.DataObject) -> None:
    whole = b"".join(noise + wire._frame(tag, payload) for noise, tag, payload in stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert decode(*pieces) == decode(whole)
    assert [frame for frame in decode(whole) if isinstance(frame, Packet)] == [
        Packet(tag, payload) for _, tag, payload in stream]


@repeatable
@given(st.lists(st.binary(max_size=200) | st.sampled_from([*NOISE, HELLO[:17], INFO[5:]]), max_size=20))
def test_no_bytes_make_it_fail_or_hoard(chunks: list[bytes]) -> None:
    decoder, given_bytes = Decoder(), sum(map(len, chunks))
    frames = [frame for chunk in chunks for frame in decoder.receive(chunk)]
    sound = sum(len(frame.payload) + 20 for frame in frames if isinstance(frame, Packet))
    checked = sum(frame.size + 20 for frame in frames if isinstance(frame, Damaged) and frame.reason == "checksum")
    assert decoder.noise + sound + checked + len(decoder._buffer) == given_bytes


def test_a_length_beyond_belief_is_not_waited_for_and_one_within_it_is_bounded() -> None:
    claim = b"<hSTCP" + (wire.MOST + 1).to_bytes(4, "little") + b"\0>"
    assert decode(claim + HELLO) == [one(HELLO)]
    decoder = Decoder()
    decoder.receive(b"<hSTCP" + wire.MOST.to_bytes(4, "little") + b"\0>")
    for _ in range(400):
        decoder.receive(bytes(1000))
        assert len(decoder._buffer) <= wire.MOST + 20
    assert decoder.receive(HELLO) == [one(HELLO)]


@pytest.mark.parametrize("name", [name for name in FRAMES if name != "a frame within"])
def test_no_changed_byte_passes_for_the_frame_it_was(name: str) -> None:
    frame = FRAMES[name]
    for at in range(len(frame)):
        for change in (0x01, 0x80, 0xFF):
            damaged = frame[:at] + bytes([frame[at] ^ change]) + frame[at + 1:]
            assert not [found for found in decode(damaged) if isinstance(found, Packet)], (at, change)
            if 12 <= at < len(frame) - 8:
                assert decode(damaged) == [Damaged("checksum", len(frame) - 20)]


def test_a_frame_cut_off_costs_only_itself() -> None:
    frame = FRAMES["chunk"]
    for at in range(12, len(frame)):
        missing = len(frame) - at
        ends_alike = missing % len(HELLO) == 0    # then the last of what fills it up has an end where its own should be
        found = decode(frame[:at] + HELLO * 50)
        assert found[0] == Damaged("checksum" if ends_alike else "length", len(frame) - 20)
        lost = missing // len(HELLO) if ends_alike else 0
        assert found[1:] == [one(HELLO)] * (50 - lost)


def test_only_four_commands_can_be_said_and_none_deletes() -> None:
    assert {member.value for member in Command} == {(0x10, 1), (0x51, 2), (0x24, 2), (0x02, 4)}
    for forbidden in ((0x06, 0x04), (0x02, 0x04), 0x0604, "READ", None):
        with pytest.raises(ValueError, match="four commands"):
            wire.request(forbidden)  # type: ignore[arg-type]
    for command in Command:
        said = wire.read_request(one(wire.request(command, b"\xff\xff\xff\xff")))
        assert said == wire.Request(command.value, b"\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="32 bytes"):
        wire.request(Command.READ, bytes(33))


@pytest.mark.parametrize("name", ["", "../flash", "a/b.xrz", "a b.xrz", ".hidden", "a\0b", "n" * 25, "ä.xrk", "a.xrk\n"])
def test_a_name_the_wire_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="at most 24 letters"):
        wire.file_path(name)
    assert len(wire.file_path("n" * 24)) == 31, "one byte is left for the zero at the end"


def test_the_clock_record_tells_utc_and_the_tracks_own_time() -> None:
    assert wire.read_clock(one(CLOCK).payload) == ((2026, 11, 21, 23, 5), (2026, 11, 22, 0, 5))
    assert wire.read_clock(bytes(67)) is None


@given(st.binary(max_size=200))
@example(bytes(4))
@example(bytes(64))
@example(bytes(68))
@repeatable
def test_no_payload_makes_the_readers_fail(payload: bytes) -> None:
    packet = Packet(wire.COMMAND, payload)
    for read in (wire.read_reply, wire.read_chunk, wire.read_pull, wire.read_clock, wire.is_hello, wire.is_welcome):
        read(payload)
    wire.read_request(packet)
    read_info(payload)
    read_answer(payload)
    read_list(payload)
    assert repr(packet) == "Packet(tag=b'STNC')"


@repeatable
@given(st.sampled_from(list(State)), U32, U32, st.binary(min_size=1, max_size=99))
def test_what_a_unit_says_is_understood(state: State, size: int, offset: int, data: bytes) -> None:
    assert wire.read_reply(one(wire.reply((0x24, 2), state, size)).payload) == wire.Reply((0x24, 2), state, size)
    assert wire.read_chunk(one(wire.chunk(offset, data)).payload) == wire.Chunk(offset, data)
    assert wire.read_pull(one(wire.pull(offset)).payload) == offset
    assert wire.read_chunk(one(wire.pause()).payload) is None


def test_the_device_information_gives_away_the_unit_and_not_its_owner() -> None:
    body = device_info(Identity("MYC5S", "500123", "Kart 7"))
    assert OWNER.encode() in body
    assert PASSWORD.encode() in body
    assert read_info(body) == UnitInfo("MYC5S", "500123", "Kart 7")
    assert read_info(device_info(Identity())) == UnitInfo("SOLO2DL", "500417", "")
    in_our_network = body.replace(b"AiM-MYC5S-500123-Kart 7", b"Demo Park Paddock")
    assert read_info(in_our_network) == UnitInfo()
    hostile = b"WiFi,wf_pwd,Pwd,s," + PASSWORD.encode() + b",wf_ssid,"
    assert PASSWORD not in repr(read_info(hostile + body))


def test_the_answer_to_a_probe_gives_the_name_wherever_it_starts() -> None:
    answer = probe_answer(Identity(name="Kart 7"))
    assert len(answer) == 236
    assert read_answer(answer) == "AiM-SOLO2DL-500417-Kart 7"
    assert read_answer(answer[:18] + bytes(2) + answer[18:]) == "AiM-SOLO2DL-500417-Kart 7"
    assert read_answer(bytes(236)) == ""
    assert read_answer(wire.PROBE) is read_answer(b"") is read_answer(wire.PROBE + bytes(30)) is None
    assert len(read_answer(b"\xff" * 20 + b"n" * 200) or "") == 64


def test_a_list_is_read_by_its_column_names_and_nobody_is_named(tmp_path) -> None:
    (tmp_path / "a_7064.xrz").write_bytes(bytes(1234))
    (tmp_path / "not a name.xrz").write_bytes(bytes(5))
    body = listing(tmp_path)
    assert OWNER.encode() in body
    (entry,) = read_list(body) or ()
    assert (entry.name, entry.size) == ("a_7064.xrz", 1234)
    assert OWNER not in repr(entry)
    shuffled = b"best,size,extra,name,hour,date,nlap\r\n58214,9,x,b.hrz,18:24:23,21/04/2026,12\r\n"
    assert read_list(shuffled) == (FileEntry("b.hrz", 9, "2026-04-21 18:24:23", 12, 58_214_000),)


@pytest.mark.parametrize(("body", "entries"), [
    (b"", None), (b"\0\xff", None), (b"name,date\na.xrz,1\n", None), (b"name,size\n", ()),
    (b"name,size\n../../etc,5\na.xrz,-5\na.xrz,\xb2\na.xrz\n,7\na.xrz,99999999999\n", ()),
    (b"name,size,date,best\na.xrz,5,yesterday,0\n", (FileEntry("a.xrz", 5, "", None, None),)),
])
def test_a_list_without_header_is_none_and_damaged_rows_are_left_out(body: bytes, entries: object) -> None:
    assert read_list(body) == entries


def test_a_list_without_end_is_cut() -> None:
    assert len(read_list(b"name,size\n" + b"a.xrz,1\n" * (ENTRIES + 50)) or ()) == ENTRIES
