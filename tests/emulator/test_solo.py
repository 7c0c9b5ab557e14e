"""The emulated unit itself: what it answers, what it refuses, when it keeps silent."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.emulator.solos import WALL_US, recording, run, until
from trackd.core.errors import BadInput, LinkDown
from trackd.core.time import utc
from trackd.emulator.solo import Solo, run_solo
from trackd.emulator.solo_faults import SOLO_FAULTS, SoloFaults
from trackd.emulator.solo_told import OWNER, PASSWORD, device_info, listing, served
from trackd.protocols import aim_wifi as wire
from trackd.protocols.aim_wifi import Command, Packet, State

CLOCK = wire.clock_record(utc(WALL_US), utc(WALL_US))
DELETE = bytearray(wire.request(Command.READ, b"1:/mem/a_1.xrz"))
DELETE[12 + 8:12 + 12] = b"\x06\0\x04\0"
DELETE[-3] += 4                              # the sum; the sub-command 4 and the argument are the same


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a_1.xrz").write_bytes(recording(40_000))
    (tmp_path / "with a space.xrz").write_bytes(b"x")
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    return tmp_path


class Talk:
    """A connection on which anything can be said, one packet at a time."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.decoder, self.got = reader, writer, wire.Decoder(), []

    async def say(self, *words, answers=0):
        """Send, and wait for so many packets; those are returned."""
        self.writer.write(b"".join(words))
        await self.writer.drain()
        await self.more(answers)
        got, self.got = self.got[:answers], self.got[answers:]
        return got

    async def more(self, count):
        while len(self.got) < count:
            data = await self.reader.read(65_536)
            assert data, "it hung up"
            self.got += [packet.payload for packet in self.decoder.receive(data) if isinstance(packet, Packet)]

    async def introduced(self):
        await self.say(wire.hello(), answers=1)
        await self.say(wire.request(Command.INFO, b"\x01"), answers=1)
        await self.say(CLOCK, answers=4)
        return self


async def connect(paddock, solo):
    reader, writer = await asyncio.open_connection(solo.host, solo.tcp_port)
    paddock.writers.append(writer)
    return Talk(reader, writer)


def states(payloads):
    """What replies say; None for the empty frames."""
    replies = [wire.read_reply(payload) for payload in payloads]
    return [reply and (State(reply.state).name, reply.size) for reply in replies]


def test_the_conversation_goes_as_on_a_real_unit(files):
    async def test(paddock):
        solo = await paddock.solo()
        talk = await connect(paddock, solo)
        assert [wire.is_welcome(payload) for payload in await talk.say(wire.hello(), answers=1)] == [True]
        assert states(await talk.say(wire.request(Command.INFO, b"\x01"), answers=1)) == [("RECEIVED", 0)]
        info = device_info(solo.identity)
        assert states(await talk.say(CLOCK, answers=4)) == [None, ("PENDING", 0), None, ("READY", len(info))]
        assert solo.told == ((2026, 11, 21, 15, 3),) * 2
        (body,) = await talk.say(wire.pull(0), answers=1)
        assert wire.read_chunk(body) == wire.Chunk(0, info)
        assert OWNER.encode() in body
        assert PASSWORD.encode() in body
        for _ in range(2):
            said = await talk.say(wire.request(Command.PREPARE, b"\xff" * 4), answers=3)
            assert states(said) == [("PENDING", 0), None, ("READY", 0)]
        assert states(await talk.say(wire.request(Command.LIST), answers=3))[-1] == ("READY", 0), "not at the first time"
        listed = listing(files)
        assert states(await talk.say(wire.request(Command.LIST), answers=3))[-1] == ("READY", len(listed))
        assert wire.read_chunk((await talk.say(wire.pull(0), answers=1))[0]) == wire.Chunk(0, listed)
        said = await talk.say(wire.request(Command.READ, wire.file_path("a_1.xrz")), answers=3)
        assert states(said)[-1] == ("READY", 40_000)
        parts = [wire.read_chunk((await talk.say(wire.pull(at), answers=1))[0]) for at in (0, 32_704, 39_999)]
        assert [(part.offset, len(part.data)) for part in parts] == [(0, 32_704), (32_704, 7296), (39_999, 1)]
        assert parts[0].data + parts[1].data == recording(40_000)
        assert [*solo.pulls] == [("a_1.xrz", 0), ("a_1.xrz", 32_704), ("a_1.xrz", 39_999)]

    run(files, test)


def test_a_command_that_deletes_is_refused_and_kept_as_evidence(files):
    async def test(paddock):
        solo = await paddock.solo()
        talk = await (await connect(paddock, solo)).introduced()
        assert states(await talk.say(bytes(DELETE), answers=1)) == [("NONE", 0)]
        assert solo.refused == [(0x06, 0x04)]
        assert (files / "a_1.xrz").read_bytes() == recording(40_000)

    run(files, test)


@pytest.mark.parametrize("path", [b"0:/tkk/dev.ria", b"a_1.xrz", b"1:/mem/../a_1.xrz", b"1:/mem/folder", b"1:/mem/.hidden",
                                  b"1:/mem/b.xrz", b"1:/mem/", b"", b"1:/mem/\xff\xfe"])
def test_there_is_nothing_beside_the_recordings(files, path):
    async def test(paddock):
        talk = await (await connect(paddock, await paddock.solo())).introduced()
        assert states(await talk.say(wire.request(Command.READ, path), answers=2)) == [("PENDING", 0), ("NONE", 0)]

    run(files, test)


@pytest.mark.parametrize("words", [
    pytest.param([wire.request(Command.INFO, b"\x01"), wire.hello()], id="a command before the hello"),
    pytest.param([wire.pull(0), CLOCK, b"rubbish <h", wire.hello()], id="anything before the hello"),
    pytest.param([wire.hello(), wire.request(Command.LIST), wire.hello()], id="the list before it was told the time"),
    pytest.param([wire.hello(), bytes(DELETE), wire.pull(99), wire.hello()], id="anything before it was told the time"),
])
def test_it_keeps_silent_where_a_real_one_does(files, words):
    async def test(paddock):
        solo = await paddock.solo()
        talk = await connect(paddock, solo)
        said = await talk.say(*words, answers=words.count(wire.hello()))
        assert all(map(wire.is_welcome, said))
        assert not talk.got
        assert not solo.refused

    run(files, test)


def test_what_is_announced_is_given_only_within_its_size(files):
    async def test(paddock):
        talk = await (await connect(paddock, await paddock.solo())).introduced()
        await talk.say(wire.request(Command.READ, wire.file_path("a_1.xrz")), answers=3)
        said = await talk.say(wire.pull(40_000), wire.pull(2**32 - 1), wire.pull(39_999), answers=1)
        assert [wire.read_chunk(payload).offset for payload in said] == [39_999]

    run(files, test)


def test_a_second_client_is_shown_the_door_and_the_next_after_leaving_is_welcome(files):
    async def test(paddock):
        solo = await paddock.solo()
        first = await (await connect(paddock, solo)).introduced()
        second = await connect(paddock, solo)
        assert await second.reader.read() == b""
        first.writer.close()
        await (await connect(paddock, solo)).introduced()
        assert solo.sessions == 2

    run(files, test)


def test_only_files_the_wire_can_name_are_served(files):
    assert [path.name for path in served(files)] == ["a_1.xrz"]
    assert listing(files).count(b"\r\n") == 2
    assert listing(files) == listing(files)


@pytest.mark.parametrize(("fault", "strikes"), [
    ("cut", [True, False, False]), ("cut=2", [True, True, False]), ("cut=always", [True] * 3), ("busy", [True] * 3),
    ("wrong_checksum=2", [True, True, False]),
])
def test_faults_strike_as_often_as_asked_for(fault, strikes):
    faults = SoloFaults([fault])
    assert [faults.strikes(fault.split("=")[0]) for _ in range(3)] == strikes
    assert not faults.strikes("hang")


def test_a_share_is_drawn_from_the_seed():
    def draw(seed):
        faults = SoloFaults(["wrong_checksum=0.25"], seed)
        return [faults.strikes("wrong_checksum") for _ in range(1000)]

    assert draw(1) == draw(1) != draw(2)
    assert 200 < sum(draw(1)) < 300


@pytest.mark.parametrize("fault", ["", "explode", "cut=", "cut=0", "cut=-1", "cut=often", "slow=always", "slow=nan",
                                   "cut=1=2"])
def test_a_fault_that_is_none_is_refused_in_words(fault, tmp_path):
    with pytest.raises(BadInput, match=r"is not known|is not a number above 0"):
        Solo(tmp_path, faults=[fault])


def test_every_fault_has_its_words_and_a_value():
    for name, kind in SOLO_FAULTS.items():
        assert kind.does
        assert kind.value > 0
        assert SoloFaults([name])._left == {name: kind.value}
        assert SoloFaults([name]).slow_s == (kind.value if name == "slow" else 0) < math.inf


def test_it_runs_until_it_is_ended_and_says_when_it_is_there(files):
    async def test(paddock):
        ready = []
        running = asyncio.create_task(run_solo("127.0.0.2", files, tcp_port=0, udp_port=paddock.discovery.port,
                                               on_ready=ready.append))
        await until(lambda: ready)
        paddock.solos += ready
        await paddock.heard(ready[0])
        assert len(await paddock.fetch(ready[0], "a_1.xrz")) == 40_000
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        with pytest.raises(LinkDown, match="refuses"):
            await paddock.fetch(ready[0], "a_1.xrz")

    run(files, test)


def test_a_folder_or_a_place_it_cannot_have_is_told_in_words(files):
    async def test(paddock):
        with pytest.raises(BadInput, match="is not a folder"):
            Solo(files / "gone")
        first = await paddock.solo()
        second = Solo(files, first.host, first.tcp_port, paddock.discovery.port + 1)
        with pytest.raises(LinkDown, match=rf"cannot be at 127.0.0.2, TCP port {first.tcp_port} and UDP port \d+: "):
            await second.start()
        with pytest.raises(LinkDown, match=r"cannot be at 192\.0\.2\.1"):
            await run_solo("192.0.2.1", files)
        await second.stop()

    run(files, test)
