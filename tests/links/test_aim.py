"""Sessions with an emulated unit over real sockets: what arrives is right or not there, and nothing of the owner stays."""

from __future__ import annotations

import asyncio
import io
import random
from zoneinfo import ZoneInfo

import pytest
import structlog.testing
import uvloop

from tests.emulator.solos import GIVES_UP, WAITS, recording, run
from trackd.core.errors import BadInput, LinkDown, NotFound
from trackd.emulator.solo import Solo
from trackd.emulator.solo_told import OWNER, PASSWORD, Identity, listing, part
from trackd.links.aim import AimSession, Patience
from trackd.links.transport import open_transport
from trackd.protocols import aim_wifi as wire
from trackd.protocols.aim_told import UnitInfo
from trackd.protocols.aim_wifi import CHUNK, Command, State

NAME = "a_7064.xrz"
WHOLE = recording(1_200_000)
SHORT = recording(50_000, seed=2)


@pytest.fixture
def files(tmp_path):
    (tmp_path / NAME).write_bytes(WHOLE)
    (tmp_path / "b_1.hrz").write_bytes(SHORT)
    (tmp_path / "empty.xrk").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_a_unit_tells_who_it_is_and_what_it_holds_and_every_file_arrives_whole(files, runner):
    async def test(paddock):
        solo = await paddock.solo(identity=Identity("MYC5S", "500123", "Kart 7"))
        async with paddock.session(solo, timezone=ZoneInfo("Europe/Rome")) as session:
            assert session.info == UnitInfo("MYC5S", "500123", "Kart 7")
            entries = await session.list()
            assert [(entry.name, entry.size) for entry in entries] == [
                (NAME, 1_200_000), ("b_1.hrz", 50_000), ("empty.xrk", 0)]
            for entry in entries:
                sink = io.BytesIO()
                assert await session.download(entry.name, sink) == entry.size
                assert sink.getvalue() == (files / entry.name).read_bytes()
        async with paddock.session(solo) as again:
            assert await again.list() == entries
        assert solo.sessions == 2
        assert not solo.refused, "nothing beyond the four commands was ever sent"

    run(files, test, runner)


def test_the_unit_is_told_the_wall_clock_in_utc_and_at_the_track(files):
    async def test(paddock):
        solo = await paddock.solo()
        async with paddock.session(solo, timezone=ZoneInfo("Europe/Rome")):
            assert solo.told == ((2026, 11, 21, 15, 3), (2026, 11, 21, 16, 3))

    run(files, test)


def test_a_download_cut_in_the_middle_goes_on_there_and_is_the_same_byte_for_byte(files):
    async def test(paddock):
        solo = await paddock.solo("cut")
        assert await paddock.fetch(solo, NAME) == WHOLE
        assert solo.sessions == 2
        asked = [offset for _, offset in solo.pulls]
        assert asked == list(range(0, len(WHOLE), CHUNK)), "every part was sent once, none twice"
        assert not solo.refused

    run(files, test)


def test_what_an_earlier_day_left_is_not_fetched_again(files):
    async def test(paddock):
        solo = await paddock.solo()
        assert await paddock.fetch(solo, NAME, held=WHOLE[:1_000_001]) == WHOLE
        assert solo.pulls[0] == (NAME, 1_000_001)
        assert sum(len(part(files / NAME, offset, CHUNK)) for _, offset in solo.pulls) == len(WHOLE) - 1_000_001
        solo.pulls.clear()
        assert await paddock.fetch(solo, NAME, held=WHOLE) == WHOLE
        assert not solo.pulls

    run(files, test)


def test_more_than_the_file_holds_or_less_than_was_said_is_fetched_anew(files):
    async def test(paddock):
        solo = await paddock.solo()
        assert await paddock.fetch(solo, "b_1.hrz", held=bytes(50_001)) == SHORT
        async with paddock.session(solo) as session:
            sink = io.BytesIO(b"only this")
            await session.download("b_1.hrz", sink, 40_000)
            assert sink.getvalue() == SHORT

    run(files, test)


def test_a_unit_that_cannot_go_on_in_the_middle_is_asked_from_the_beginning(files):
    async def test(paddock):
        solo = await paddock.solo("cut", "no_resume")
        assert await paddock.fetch(solo, NAME) == WHOLE
        assert [offset for _, offset in solo.pulls].count(0) == 2

    run(files, test)


def test_a_file_that_never_comes_through_is_given_up_and_keeps_its_sound_beginning(files):
    async def test(paddock):
        solo = await paddock.solo("cut=always")
        sink = io.BytesIO()
        with pytest.raises(LinkDown, match=r"The unit at 127.0.0.2 closed the connection\."):
            async with paddock.session(solo) as session:
                await session.download(NAME, sink)
        assert 0 < len(sink.getvalue()) < len(WHOLE)
        assert WHOLE.startswith(sink.getvalue())
        with pytest.raises(LinkDown, match="closed the connection"):
            await paddock.fetch(solo, NAME)
        assert solo.sessions == 1 + WAITS.tries, "the same place three times is enough"

    run(files, test)


@pytest.mark.parametrize("faults", [("wrong_checksum",), ("wrong_checksum=2",), ("wrong_checksum=0.2",)])
def test_a_part_with_a_wrong_checksum_is_asked_again(files, faults):
    async def test(paddock):
        solo = await paddock.solo(*faults, seed=4)
        async with paddock.session(solo) as session:
            sink = io.BytesIO()
            await session.download(NAME, sink)
            assert sink.getvalue() == WHOLE
        assert len(solo.pulls) > len({*solo.pulls}) == -(-len(WHOLE) // CHUNK)

    run(files, test)


def test_checksums_that_are_never_right_end_it_and_nothing_of_it_is_kept(files):
    async def test(paddock):
        solo = await paddock.solo("wrong_checksum=always")
        sink = io.BytesIO()
        with pytest.raises(LinkDown, match=r"arrives damaged\. Bring it nearer\."):
            async with paddock.session(solo) as session:
                await session.download(NAME, sink)
        assert len(solo.pulls) == WAITS.tries
        assert sink.getvalue() == b""

    run(files, test)


def test_a_unit_that_hangs_is_noticed_by_its_silence_to_probes_and_fetched_from_again(files):
    async def test(paddock):
        solo = await paddock.solo("hang")
        await paddock.heard(solo)
        with pytest.raises(LinkDown, match="does not answer any more"):
            async with paddock.session(solo) as session:     # its reads would wait for a minute
                await session.download(NAME, io.BytesIO())
        assert await paddock.fetch(solo, NAME) == WHOLE

    run(files, test)


def test_a_unit_that_hangs_and_never_answered_probes_is_noticed_by_the_end_of_patience(files):
    async def test(paddock):
        solo = await paddock.solo("hang=always")
        with pytest.raises(LinkDown, match="does not answer any more"):
            async with paddock.session(solo, patience=GIVES_UP) as session:
                await session.download(NAME, io.BytesIO())

    run(files, test)


def test_a_unit_that_leaves_the_network_is_given_up_and_welcome_when_it_comes_back(files):
    async def test(paddock):
        solo = await paddock.solo("disappear")
        await paddock.heard(solo)
        with pytest.raises(LinkDown, match="does not answer any more"):
            await paddock.fetch(solo, NAME)
        solo.reappear()
        assert await paddock.fetch(solo, NAME) == WHOLE

    run(files, test)


def test_a_slow_unit_that_answers_no_probe_meanwhile_is_not_taken_for_one_that_hangs(files):
    async def test(paddock):
        solo = await paddock.solo("slow=0.01")
        await paddock.heard(solo)
        paddock.solos[0]._radio.close()
        patience = Patience(settle=0, keepalive=0.04, missed=1)
        async with paddock.session(solo, patience=patience) as session:
            sink = io.BytesIO()
            await session.download(NAME, sink)
            assert sink.getvalue() == WHOLE

    run(files, test)


def test_a_unit_that_never_answers_probes_is_not_taken_for_one_that_hangs(files):
    async def test(paddock):
        solo = await paddock.solo("slow=0.1")
        solo._radio.close()
        async with paddock.session(solo, patience=Patience(settle=0, keepalive=0.01, missed=1)) as session:
            assert await session.download("b_1.hrz", io.BytesIO()) == len(SHORT)

    run(files, test)


def test_where_going_on_brings_nothing_the_next_session_begins_at_the_beginning(files):
    class Lost(Solo):
        async def _give(self, visit, offset):
            if visit.size != len(WHOLE) or not visit.first or offset == 0:
                await super()._give(visit, offset)

    async def test(paddock):
        solo = Lost(files, "127.0.0.2", 0, paddock.discovery.port)
        paddock.solos.append(solo)
        await solo.start()
        assert await paddock.fetch(solo, NAME, held=WHOLE[:700_000], patience=GIVES_UP) == WHOLE
        assert solo.pulls[0] == (NAME, 0)
        assert solo.sessions == 2

    run(files, test)


def test_a_busy_unit_says_so_in_words_and_is_tried_again(files):
    async def test(paddock):
        solo = await paddock.solo("busy=1")
        with pytest.raises(LinkDown, match=r"is busy: it talks to one program at a time\. Close Race Studio"):
            async with paddock.session(solo):
                pass
        async with paddock.session(solo) as session:
            with pytest.raises(LinkDown, match="is busy"):
                async with paddock.session(solo):
                    pass
            assert len(await session.list()) == 3, "the one who has it keeps it"
        busy_twice = await paddock.solo("busy=2", host="127.0.0.3")
        assert await paddock.fetch(busy_twice, NAME) == WHOLE

    run(files, test)


def test_leaving_makes_room_at_once_even_in_the_middle_of_a_file(files):
    async def test(paddock):
        solo = await paddock.solo("slow=0.002")
        for _ in range(5):
            async with paddock.session(solo) as session:
                loading = asyncio.create_task(session.download(NAME, io.BytesIO()))
                await asyncio.sleep(0)
            with pytest.raises(LinkDown, match=r"closed|broke"):
                await loading
        assert solo.sessions == 5

    run(files, test)


def test_nobody_there_and_no_such_recording_are_told_in_words(files):
    async def test(paddock):
        solo = await paddock.solo()
        async with paddock.session(solo) as session:
            with pytest.raises(NotFound, match=r"The unit at 127.0.0.2 has no recording gone\.xrz\."):
                await session.download("gone.xrz", io.BytesIO())
            with pytest.raises(BadInput, match="at most 24 letters"):
                await session.download("../secret", io.BytesIO())
            assert len(await session.list()) == 3, "the session goes on"
        await solo.stop()
        with pytest.raises(LinkDown, match=r"No connection to 127.0.0.2:.*refuses"):
            async with paddock.session(solo):
                pass
        with pytest.raises(BadInput, match="not an address like"):
            AimSession("kart7.local", paddock.discovery)

    run(files, test)


def test_a_unit_without_recordings_has_an_empty_list(tmp_path):
    async def test(paddock):
        async with paddock.session(await paddock.solo()) as session:
            assert await session.list() == ()

    run(tmp_path, test)


class Rough:
    """A road that hands over what comes in pieces of at most ``most`` bytes, each byte damaged with a chance."""

    def __init__(self, road, most, chance, seed):
        self.road, self.most, self.chance, self.rng = road, most, chance, random.Random(seed)
        self.left = b""

    async def read(self):
        if not self.left:
            self.left = await self.road.read()
            if self.rng.random() < self.chance and self.left:
                at = self.rng.randrange(len(self.left))
                self.left = self.left[:at] + bytes([self.left[at] ^ self.rng.randint(1, 255)]) + self.left[at + 1:]
        data, self.left = self.left[:self.most], self.left[self.most:]
        return data

    async def write(self, data):
        await self.road.write(data)

    def close(self):
        self.road.close()


def rough(most, chance=0.0, seed=0):
    async def opener(url, timeout_s):
        return Rough(await open_transport(url, timeout_s), most, chance, seed)

    return opener


def test_a_road_that_gives_byte_by_byte_changes_nothing(files):
    async def test(paddock):
        solo = await paddock.solo()
        async with paddock.session(solo, opener=rough(1)) as session:
            assert session.info.serial == "500417"
            assert len(await session.list()) == 3
        assert await paddock.fetch(solo, "b_1.hrz", opener=rough(1)) == SHORT

    run(files, test)


def test_on_a_lossy_road_a_file_arrives_as_it_was_or_not_at_all(files):
    async def test(paddock):
        solo, whole, broken = await paddock.solo(), 0, 0
        patience = Patience(settle=0, connect=0.05, answer=0.05, chunk=0.05, keepalive=10, again=0)
        for seed in range(40):
            sink = io.BytesIO()
            try:
                async with paddock.session(solo, opener=rough(9999, 0.04, seed), patience=patience) as session:
                    await session.download(NAME, sink)
            except (LinkDown, NotFound):
                broken += 1
                assert WHOLE.startswith(sink.getvalue())
            else:
                whole += 1
                assert sink.getvalue() == WHOLE
        assert whole > 3
        assert broken > 3
        assert not solo.refused

    run(files, test)


class Edited:
    """A road on which each frame of the unit is replaced by what ``edit`` makes of its payload."""

    def __init__(self, road, edit):
        self.road, self.edit, self.decoder = road, edit, wire.Decoder()

    async def read(self):
        edited = b""
        while not edited:
            data = await self.road.read()
            if not data:
                return b""
            edited = b"".join(self.edit(packet.payload) for packet in self.decoder.receive(data))
        return edited

    async def write(self, data):
        await self.road.write(data)

    def close(self):
        self.road.close()


def edited(edit):
    async def opener(url, timeout_s):
        return Edited(await open_transport(url, timeout_s), edit)

    return opener


def replies(change):
    """Edit what the unit says to commands; ``change`` takes and gives code, state and size."""
    def edit(payload):
        reply = wire.read_reply(payload)
        return wire.reply(*change(reply.code, reply.state, reply.size)) if reply else wire._frame(wire.DATA, payload)

    return edited(edit)


def test_what_nobody_asked_for_is_passed_over(files):
    strays = (wire.pause(), wire.reply((0x51, 2), State.READY, 3), wire.chunk(12_345, b"late"),
              wire.chunk(0, bytes(50_001)), wire.pause()[:-2] + b"\1>")

    async def test(paddock):
        solo = await paddock.solo()
        opener = edited(lambda payload: b"".join(strays) + wire._frame(wire.DATA, payload))
        async with paddock.session(solo, opener=opener) as session:
            sink = io.BytesIO(SHORT[:10_000])
            await session.download("b_1.hrz", sink, 10_000)
            assert sink.getvalue() == SHORT
            assert session.info.serial == "500417"
        assert [*solo.pulls] == [("b_1.hrz", 10_000), ("b_1.hrz", 42_704)]

    run(files, test)


@pytest.mark.parametrize(("change", "says"), [
    pytest.param(lambda code, state, size: (code, state, size and 2**32 - 1), "announces more than it can mean", id="size"),
    pytest.param(lambda code, state, size: (code, State.PENDING, 0), "does not answer any more", id="pending for ever"),
    pytest.param(lambda code, state, size: (code, 0x0A77, size), "does not answer any more", id="a state nobody knows"),
    pytest.param(lambda code, state, size: (code, state, 0 if code == Command.LIST.value else size),
                 "gives no list of its recordings", id="a list that is never ready"),
    pytest.param(lambda code, state, size: ((6, 4), state, size), "does not answer any more", id="another answer"),
])
def test_a_unit_that_makes_no_sense_ends_the_session_in_words(files, change, says):
    async def test(paddock):
        with pytest.raises(LinkDown, match=f"The unit at 127.0.0.2 {says}"):
            async with paddock.session(await paddock.solo(), opener=replies(change), patience=GIVES_UP) as session:
                await session.list()

    run(files, test)


def test_a_file_larger_than_a_day_of_driving_is_not_begun(files):
    with (files / "huge.xrk").open("wb") as huge:
        huge.truncate(600_000_000)

    async def test(paddock):
        solo = await paddock.solo()
        async with paddock.session(solo) as session:
            with pytest.raises(LinkDown, match=r"more than it can mean \(600000000 bytes\)"):
                await session.download("huge.xrk", io.BytesIO())
        assert not solo.pulls

    run(files, test)


def test_a_unit_that_keeps_its_list_in_a_file_is_believed(files):
    class Keeping(Solo):
        async def _obey(self, visit, request):
            if request.argument == b"0:/tkk/dev.ria":
                body = listing(self.files)
                await self._announce(visit, request.code, body, len(body))
            else:
                await super()._obey(visit, request)

    async def test(paddock):
        solo = Keeping(files, "127.0.0.2", 0, paddock.discovery.port)
        paddock.solos.append(solo)
        await solo.start()
        async with paddock.session(solo) as session:
            assert len(await session.list()) == 3
        assert Command.LIST.value not in solo.asked

    run(files, test)


def test_neither_owner_nor_password_is_anywhere_after_a_session_that_worked_or_failed(files):
    async def test(paddock):
        said = []
        with structlog.testing.capture_logs() as logs:
            for fault, chance in (("slow=0.0001", 0), ("hang", 0), ("cut=always", 0), ("slow=0.0001", 0.5), ("busy", 0)):
                solo = await paddock.solo(fault)
                await paddock.heard(solo)
                for seed in range(4):
                    session = paddock.session(solo, opener=rough(500, chance, seed), patience=GIVES_UP)
                    try:
                        async with session:
                            said += [session.info, await session.list()]
                            said.append(await session.download("b_1.hrz", io.BytesIO()))
                    except (LinkDown, NotFound) as error:
                        while error:
                            said.append(error)
                            error = error.__cause__ or error.__context__
                    said += [session, vars(session), session._decoder._buffer, [*session._packets]]
                await solo.stop()
                said.append(paddock.discovery.units())
        everything = repr(said) + repr(logs) + "".join(map(str, said))
        for secret in (*OWNER.split(), PASSWORD, *PASSWORD.split("-")[:2]):
            assert secret not in everything
        assert "500417" in everything, "what may be told was told"

    run(files, test)


def test_a_session_that_breaks_while_the_unit_tells_of_its_owner_keeps_nothing(files):
    def half(payload):
        frame = wire._frame(wire.DATA, payload)
        return frame[:-200] if OWNER.encode() in payload else frame

    def damage_before(payload):
        frame = wire._frame(wire.DATA, payload)
        return wire.hello()[:-1] + b"!" + frame if OWNER.encode() in payload else frame

    async def test(paddock):
        solo = await paddock.solo()
        for edit in (half, damage_before):
            session = paddock.session(solo, opener=edited(edit), patience=GIVES_UP)
            with pytest.raises(LinkDown):
                async with session:
                    pass
            assert not session._decoder._buffer
            assert not session._packets

    run(files, test)


def test_the_unit_is_only_ever_asked_to_read(files):
    async def test(paddock):
        said = []
        for fault in ("slow=0.0001", "hang", "cut", "wrong_checksum=0.3", "no_resume", "busy=1"):
            if paddock.solos:
                await paddock.solos[-1].stop()
            solo = await paddock.solo(fault)
            await paddock.heard(solo)
            assert await paddock.fetch(solo, NAME) == WHOLE
            async with paddock.session(solo) as session:
                await session.list()
            said += solo.asked
            assert not solo.refused
        assert {*said} == {command.value for command in Command}

    run(files, test)
