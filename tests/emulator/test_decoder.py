"""The emulated decoder and the real link, over TCP on the loopback."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from trackd.core.errors import BadInput, LinkDown
from trackd.core.records import Passing, Record, Status
from trackd.core.time import SECOND
from trackd.emulator.decoder import DecoderEmulator
from trackd.emulator.field import Field
from trackd.emulator.wires import WIRES, default_loops
from trackd.protocols.codec import Request
from trackd.protocols.registry import PROTOCOLS, open_codec


def drive(emulator, count, start=0):
    """``count`` crossings, 1.001 s apart."""
    return [emulator.cross(str(100_000 + n % 7), (start + n) * 1_001_000 + 1, strength=60 + n % 30, hits=20)
            for n in range(count)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("faults", [(), ("split_every_byte",), ("split_every_byte:0.3", "missed_read:0.2")])
def test_every_passing_arrives_as_it_was_made_on_every_wire(run, protocol, faults):
    async def test(wire):
        emulator = await wire.emulator(protocol, faults=faults, seed=3)
        listener = await wire.listener(protocol)
        made = [passing for passing in drive(emulator, 40) if passing]
        await wire.until(lambda: len(listener.passings) >= len(made))
        assert list(emulator.sent) == made
        assert wire.same(listener.passings) == wire.same(made)
        assert not listener.rejected
        assert len(emulator.missed) == 40 - len(made)
        assert (len(made) < 40) == (len(faults) == 2)

    run(test)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_several_clients_each_get_everything_from_their_connecting_on(run, protocol):
    async def test(wire):
        emulator = await wire.emulator(protocol)
        first = await wire.listener(protocol)
        early = drive(emulator, 5)
        await emulator.drained()
        await wire.until(lambda: len(first.passings) == 5)
        second = await wire.listener(protocol)
        late = drive(emulator, 5, 5)
        await wire.until(lambda: len(first.passings) == 10 and len(second.passings) == 5)
        assert wire.same(first.passings) == wire.same(early + late)
        assert wire.same(second.passings) == wire.same(late)

    run(test)


@pytest.mark.parametrize(("protocol", "fault"), [
    ("p3", "dropped_frame:0.3"), ("p3", "corrupted_byte:0.3"),
    ("node", "dropped_frame:0.3"),   # a node's line has no checksum: not every corrupted one shows
])
def test_lost_frames_can_be_asked_for_again(run, protocol, fault):
    async def test(wire):
        emulator = await wire.emulator(protocol, faults=[fault], seed=1)
        listener = await wire.listener(protocol, ask=True)
        drive(emulator, 60)
        await wire.until(lambda: len({p.passing_number for p in listener.passings}) >= 58)
        last = max(listener.highest.values())
        await wire.until(lambda: {p.passing_number for p in listener.passings} == set(range(1, last + 1)))
        assert set(wire.same(listener.passings)) == set(wire.same(list(emulator.sent)[:last]))
        assert bool(listener.rejected) == fault.startswith("corrupted")

    run(test)


def test_a_resend_gives_the_very_range_of_the_very_loop(run):
    async def test(wire):
        emulator = await wire.emulator("p3", loops=default_loops("p3", ["start_finish", "sector:1"]))
        for n in range(10):
            emulator.cross("4711", n * SECOND, loop="start_finish" if n % 2 else "sector:1")
        listener = await wire.listener("p3")
        listener.link.send(open_codec("p3").resend("268308", 2, 4))
        await wire.until(lambda: len(listener.passings) == 3)
        assert wire.same(listener.passings) == wire.same(
            [p for p in emulator.sent if p.decoder_id == "268308"][1:4])

    run(test)


def test_p3_answers_version_and_time_with_its_own_clock(run):
    async def test(wire):
        emulator = await wire.emulator("p3")
        passing = emulator.cross("4711", 5 * SECOND)
        listener = await wire.listener("p3")
        await wire.until(lambda: len([f for f in listener.got if isinstance(f, Record)]) == 2)
        version, time = (frame for frame in listener.got if isinstance(frame, Record))
        assert (version.type, version.decoder_id) == ("VERSION", "268307")
        assert (time.type, time.fields["rtc_time_us"]) == ("GET_TIME", passing.rtc_time_us)

    run(test)


@pytest.mark.parametrize("protocol", [name for name, wire in WIRES.items() if wire.status_unasked])
def test_signs_of_life_come_by_themselves_and_share_the_numbers_where_the_wire_says_so(run, protocol):
    async def test(wire):
        emulator = await wire.emulator(protocol, status_period_s=0.01)
        listener = await wire.listener(protocol)
        await wire.until(lambda: sum(isinstance(frame, Status) for frame in listener.got) >= 3)
        passing = emulator.cross("4711")
        await wire.until(lambda: listener.passings)
        numbered = [frame for frame in listener.got if isinstance(frame, (Status, Passing))]
        if WIRES[protocol].numbers_status:
            numbers = [f.passing_number if isinstance(f, Passing) else f.sequence for f in numbered]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        else:
            assert passing.passing_number in (1, None)

    run(test)


def test_chronelec_holds_its_queue_until_each_passing_is_acknowledged(run):
    async def test(wire):
        emulator = await wire.emulator("chronelec", repeat_s=0.01)
        made = drive(emulator, 3)
        listener = await wire.listener("chronelec", ack=False)
        await wire.until(lambda: len(listener.passings) >= 4)
        assert set(wire.same(listener.passings)) == set(wire.same(made[:1])), "repeated, and nothing else"
        emulator.disconnect()
        await wire.until(lambda: listener.link.status().connection == 2 and listener.link.status().state == "reading")
        assert not emulator.acked
        listener.got.clear()
        await wire.until(lambda: listener.passings)
        listener.link.send(open_codec("chronelec").acknowledge(made[0]))
        await wire.until(lambda: wire.same(listener.passings)[-1:] == wire.same(made[1:2]))
        assert list(emulator.acked) == made[:1]
        listener.ack = True
        await emulator.drained()
        assert list(emulator.acked) == made

    run(test)


def test_chronelec_never_lets_a_passing_go_that_it_has_not_sent_whole_yet(run):
    async def test(wire):
        now_s = [0.0]
        emulator = await wire.emulator("chronelec", repeat_s=0.05, seed=1, faults=["dropped_frame:0.5"],
                                       monotonic=lambda: now_s[0])
        made = drive(emulator, 2)
        listener = await wire.listener("chronelec", ack=False)
        await wire.until(lambda: listener.passings)
        now_s[0] = 60.0                                    # a very late answer, and the answer to its repeat
        listener.link.send(open_codec("chronelec").acknowledge(made[0]) * 2)
        await wire.until(lambda: emulator.acked)
        await wire.until(lambda: wire.same(listener.passings)[-1:] == wire.same(made[1:2]))
        assert list(emulator.acked) == made[:1]

    run(test)


def test_chronelec_answers_a_repeat_and_a_status_request(run):
    async def test(wire):
        emulator = await wire.emulator("chronelec")
        made = drive(emulator, 2)
        listener = await wire.listener("chronelec", ack=False)
        await wire.until(lambda: len(listener.passings) == 1)
        listener.link.send(b"\x1b\x12")
        await wire.until(lambda: len(listener.passings) == 2)
        assert wire.same(listener.passings) == wire.same([made[0], made[0]])
        listener.link.send(open_codec("chronelec").poll())
        await wire.until(lambda: isinstance(listener.got[-1], Status))

    run(test)


def test_chronelec_loses_nothing_whatever_the_wire_does(run):
    async def test(wire):
        emulator = await wire.emulator("chronelec", repeat_s=0.01, seed=5, faults=[
            "dropped_frame:0.2", "duplicate_frame:0.1", "disconnect:0.1", "split_every_byte:0.1"])
        listener = await wire.listener("chronelec")
        made = drive(emulator, 40)
        await emulator.drained()
        assert list(emulator.acked) == made
        await wire.until(lambda: set(wire.same(listener.passings)) == set(wire.same(made)))

    run(test)


@pytest.mark.parametrize("protocol", ["p3", "p98", "node"])
def test_a_restart_closes_connections_and_begins_numbers_clock_and_boot_anew(run, protocol):
    async def test(wire):
        emulator = await wire.emulator(protocol, faults=["restart@30"])
        listener = await wire.listener(protocol)
        before = [emulator.cross("4711", at * SECOND) for at in (10, 20)]
        await wire.until(lambda: len(listener.passings) == 2)
        after = emulator.cross("4711", 31 * SECOND)
        assert after.passing_number == 1
        assert after.rtc_time_us == before[0].rtc_time_us - 9 * SECOND
        assert (after.boot != before[0].boot) == (protocol == "node")
        assert not list(emulator.box.again(Request("resend", 2, 2)))
        await wire.until(lambda: listener.link.status().reconnects == 1)
        assert "down" in listener.ends

    run(test)


def test_a_clock_step_moves_the_clock_and_nothing_else(run):
    async def test(wire):
        emulator = await wire.emulator("p3", faults=["clock_step@15", "clock_step@25=-60"])
        first, second, third = (emulator.cross("4711", at * SECOND) for at in (10, 20, 30))
        assert second.rtc_time_us - first.rtc_time_us == 3610 * SECOND
        assert third.rtc_time_us - second.rtc_time_us == -50 * SECOND
        assert [p.passing_number for p in (first, second, third)] == [1, 2, 3]

    run(test)


def test_a_silence_sends_nothing_but_forgets_nothing(run):
    async def test(wire):
        emulator = await wire.emulator("p3", faults=["silence@10=5"])
        listener = await wire.listener("p3", ack=False)
        made = [emulator.cross("4711", at * SECOND) for at in (9, 11, 14)]
        emulator.send_status()
        made.append(emulator.cross("4711", 15 * SECOND))
        await wire.until(lambda: len(listener.passings) == 2)
        assert wire.same(listener.passings) == wire.same([made[0], made[3]])
        assert not [frame for frame in listener.got if isinstance(frame, Status)]
        listener.link.send(open_codec("p3").resend("268307", 2, 3))
        await wire.until(lambda: len(listener.passings) == 4)

    run(test)


def test_repeated_reads_are_numbered_passings_of_the_same_transponder_milliseconds_later(run):
    async def test(wire):
        emulator = await wire.emulator("p3", faults=["repeated_read:1"])
        listener = await wire.listener("p3")
        emulator.cross("4711", SECOND)
        sent = list(emulator.sent)
        assert 2 <= len(sent) <= 4
        assert [p.passing_number for p in sent] == list(range(1, len(sent) + 1))
        assert all(2_000 <= b.rtc_time_us - a.rtc_time_us <= 40_000 for a, b in pairwise(sent))
        await wire.until(lambda: wire.same(listener.passings) == wire.same(sent))

    run(test)


def test_a_duplicate_frame_is_the_same_passing_twice(run):
    async def test(wire):
        emulator = await wire.emulator("p98", faults=["duplicate_frame:1"])
        listener = await wire.listener("p98")
        made = drive(emulator, 2)
        await wire.until(lambda: len(listener.passings) == 4)
        assert wire.same(listener.passings) == wire.same([made[0], made[0], made[1], made[1]])

    run(test)


def test_two_runs_with_the_same_seed_send_the_same_bytes(run):
    faults = ["dropped_frame:0.1", "corrupted_byte:0.1", "repeated_read:0.1", "missed_read:0.1", "clock_step@100"]

    async def test(wire):
        streams = []
        for seed in (1, 1, 2):
            emulator = await wire.emulator("p3", faults=faults, seed=seed)
            reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
            await emulator.client_joined()
            await emulator.play(Field(seed=4, karts=5).passings(200))
            await emulator.drained()
            await emulator.stop()
            streams.append(await reader.read())
            writer.close()
        assert streams[0] == streams[1]
        assert streams[0] != streams[2]

    run(test)


def test_time_runs_as_fast_as_told_and_timed_faults_need_no_kart(run):
    class Now:
        us = 0

    async def test(wire):
        emulator = await wire.emulator("p3", speed=10, monotonic=lambda: Now.us / 1e6)
        Now.us = 3 * SECOND
        assert emulator.now_us() == 30 * SECOND
        assert emulator.cross("4711").rtc_time_us == WIRES["p3"].rtc_start_us + 30 * SECOND
        hasty = await wire.emulator("p3", speed=1000, faults=["disconnect@30"])
        listener = await wire.listener("p3")
        await wire.until(lambda: "down" in listener.ends)
        assert hasty.now_us() >= 30 * SECOND

    run(test)


def test_stopping_does_not_wait_for_a_client_that_reads_nothing(run):
    async def test(wire):
        emulator = await wire.emulator("node")
        _, writer = await asyncio.open_connection("127.0.0.1", wire.port, limit=1)
        await emulator.client_joined()
        for _ in range(60_000):
            emulator.cross("4711")
        await emulator.stop()
        writer.close()

    run(test)


def test_wrong_options_are_refused_in_words(run):
    with pytest.raises(BadInput, match="'p4' is not known; known are p3"):
        DecoderEmulator("p4")
    with pytest.raises(BadInput, match="speed"):
        DecoderEmulator("p3", speed=-1)

    async def test(wire):
        emulator = await wire.emulator("p3")
        with pytest.raises(BadInput, match="'pit_in' is not one of start_finish"):
            emulator.cross("1", loop="pit_in")
        with pytest.raises(LinkDown, match="cannot listen"):
            await DecoderEmulator("p3", port=wire.port).start()

    run(test)
