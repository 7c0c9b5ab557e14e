"""A link under a fake clock: what it does and says when the decoder comes, goes, falls silent or sends rubbish."""

from __future__ import annotations

import asyncio
import random

import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.core.errors import BadInput, LinkDown
from trackd.core.records import Passing, Rejected, Status
from trackd.links.capture import CaptureRing, capture_folder, read_capture
from trackd.links.clock import Timing
from trackd.links.supervisor import LinkSupervisor
from trackd.protocols.registry import open_codec, open_station

STATUS = b"#0970\r\n"
PASSING = open_station("tranx2").passing(Passing("tranx2", None, None, "4711", 27_580_000, 100, 30))


def test_reconnects_with_doubling_waits_up_to_the_most(run):
    async def test(rig):
        rig.reachable = False
        await rig.start()
        await rig.clock.advance(16)
        assert rig.clock.slept[:7] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0])
        assert rig.words == ["connecting", "down"], "told once, not at every attempt"
        rig.reachable = True
        await rig.clock.advance(3)
        assert rig.words == ["connecting", "down", "reading"]

    run(test)


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_jitter_only_shortens_a_wait(seed, jitter):
    link = LinkSupervisor("a", "p3", "tcp://h:1", lambda: open_codec("p3"), None, timing=Timing(jitter=jitter),
                          rng=random.Random(seed))
    for attempt in range(20):
        full = min(3.0, 0.2 * 2**attempt)
        assert full * (1 - jitter) - 1e-9 <= link._backoff() <= full


def test_back_off_starts_over_only_after_bytes_came(run):
    async def test(rig):
        await rig.start()
        for wait in (0.2, 0.4, 0.8):       # a decoder that accepts and closes at once is not hammered
            rig.transports[-1].feed(b"")
            before = len(rig.clock.slept)
            await rig.clock.advance(0)
            assert wait in rig.clock.slept[before:]
            await rig.clock.advance(wait)
        rig.transports[-1].feed(STATUS, b"")
        await rig.clock.advance(0.2)
        assert len(rig.transports) == 5

    run(test)


@pytest.mark.parametrize("ending", [b"", LinkDown("The connection broke.")])
def test_a_closed_or_broken_connection_is_down_at_once_and_in_words(run, ending):
    async def test(rig):
        await rig.start()
        rig.transports[0].feed(STATUS, ending)
        await rig.clock.advance(0)
        assert rig.states[-1].state == "down"
        assert rig.states[-1].sentence.startswith(
            "The decoder 'start-finish' at 192.168.1.50:5403 does not answer. "
            "Timing goes on as soon as it is back; check its power and network cable.")
        assert rig.transports[0].closed
        await rig.clock.advance(1)
        assert rig.states[-1].state == "reading"
        assert rig.link.status().reconnects == 1

    run(test)


def test_silence_is_told_after_three_status_periods_and_reconnects_after_thirty_seconds(run):
    async def test(rig):
        await rig.start()
        rig.transports[0].feed(STATUS)
        await rig.clock.advance(14.9)
        assert rig.states[-1].state == "reading"
        await rig.clock.advance(1.1)
        assert rig.states[-1].state == "silent"
        assert "sent nothing for 15 s" in rig.states[-1].sentence
        assert rig.link.status().last_frame_age_us == 16_000_000
        assert not rig.transports[0].closed
        await rig.clock.advance(14.1)
        assert rig.transports[0].closed
        assert len(rig.transports) == 2
        assert rig.states[-1].state == "silent", "a fresh connection is no good news before bytes come"
        rig.transports[1].feed(STATUS)
        await rig.clock.advance(0)
        assert rig.words == ["connecting", "reading", "silent", "reading"]

    run(test)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 29), min_size=1, max_size=8))
def test_whatever_the_pauses_silence_shows_between_15_and_16_seconds(run, pauses):
    async def test(rig):
        await rig.start()
        for pause in pauses:
            rig.transports[0].feed(STATUS)
            await rig.clock.advance(0)
            assert rig.link.status().state == "reading"
            await rig.clock.advance(min(pause, 14.99))
            assert rig.link.status().state == "reading"
            if pause >= 16:
                await rig.clock.advance(pause - 14.99)
                assert rig.link.status().state == "silent"
                assert rig.states[-1].last_bytes_age_us <= 16_000_000

    run(test)


def test_a_decoder_that_only_answers_is_asked_every_status_period(run):
    async def test(rig):
        await rig.start("chronelec")
        road = rig.transports[0]
        for _ in range(4):
            road.feed(b"[00:00'12\" 23 00 10 10]\r\n")
            await rig.clock.advance(5)
        assert road.written == [open_codec("chronelec").poll()] * 4
        assert rig.states[-1].state == "reading"

    run(test)


def test_greeting_is_sent_on_every_connection(run):
    async def test(rig):
        await rig.start("p3")
        rig.transports[0].feed(b"")
        await rig.clock.advance(1)
        greeting = open_codec("p3").greeting()
        assert [road.written for road in rig.transports] == [[greeting], [greeting]]

    run(test)


def test_replies_go_to_their_own_connection_or_nowhere(run):
    async def test(rig):
        link = await rig.start()
        assert link.send(b"one", 1)
        await rig.clock.advance(0)
        rig.transports[0].feed(STATUS, b"")
        await rig.clock.advance(0)
        assert not link.send(b"while down")
        await rig.clock.advance(0.2)
        assert not link.send(b"late", 1)
        assert link.send(b"two", 2)
        assert link.send(b"any")
        await rig.clock.advance(0)
        assert rig.transports[0].written == [b"one"]
        assert b"".join(rig.transports[1].written) == b"twoany"
        assert link.status().dropped_sends == 2

    run(test)


def test_frames_reach_the_sink_with_their_connection_and_are_counted(run):
    async def test(rig):
        await rig.start()
        rig.transports[0].feed(STATUS + PASSING[:10], PASSING[10:] + b"$00\r\n", STATUS[:3], b"")
        await rig.clock.advance(0.2)
        rig.transports[1].feed(PASSING)
        await rig.clock.advance(0)
        kinds = [(connection, type(frame)) for connection, frames in rig.taken for frame in frames]
        assert kinds == [(1, Status), (1, Passing), (1, Rejected), (1, Rejected), (2, Passing)]
        status = rig.link.status()
        assert (status.frames, status.passings, sum(count for _, count in status.rejected)) == (3, 2, 2)
        assert status.received_bytes == len(STATUS + PASSING + b"$00\r\n" + STATUS[:3] + PASSING)

    run(test)


def test_damaged_lines_are_asked_for_again_but_noise_is_never_acknowledged(run):
    async def test(rig):
        await rig.start("chronelec")
        codec = open_codec("chronelec")
        damaged = b"<STA 119371 00:00'11\"648 99 01 3 1570>\r\n"
        road = rig.transports[0]
        road.feed(b"rubbish\r\n" * 5)
        await rig.clock.advance(0)
        assert road.written == []
        road.feed(damaged, damaged, damaged)
        await rig.clock.advance(0)
        assert b"".join(road.written) == b"".join(codec.acknowledge_rejected(streak) for streak in (1, 2, 3))
        road.written.clear()
        road.feed(b"<STA 119371 00:00'11\"648 99 01 3 1579>\r\n", damaged)
        await rig.clock.advance(0)
        assert b"".join(road.written) == codec.acknowledge_rejected(1), "a sound line ends the streak"

    run(test)


def test_a_crash_is_logged_once_and_the_link_starts_again(run):
    class Broken:
        def __getattr__(self, name):
            raise ZeroDivisionError(name)

    made = []

    def codec():
        made.append(Broken() if not made else open_codec("tranx2"))
        return made[-1]

    async def test(rig):
        with structlog.testing.capture_logs() as logs:
            await rig.start(codec=codec)
            assert rig.states[-1].state == "down"
            assert "fault in trackd" in rig.states[-1].sentence
            assert [entry["event"] for entry in logs] == ["link crashed"]
            assert rig.transports[0].closed
            await rig.clock.advance(0.2)
        rig.transports[1].feed(PASSING)
        await rig.clock.advance(0)
        assert rig.link.status().state == "reading"
        assert rig.link.status().passings == 1
        assert rig.link.status().crashes == 1

    run(test)


def test_raw_bytes_are_captured_before_they_are_understood(run, tmp_path):
    async def test(rig):
        folder = capture_folder(tmp_path, "start-finish")
        await rig.start(capture=CaptureRing(folder))
        rig.transports[0].feed(b"\xff\xfe rubbish", STATUS)
        await rig.clock.advance(0.5)
        await rig.stop()
        chunks = list(read_capture(folder))
        assert [data for _, data in chunks] == [b"\xff\xfe rubbish", STATUS]
        assert chunks[0][0] == rig.clock.wall_us() - 500_000

    run(test)


def test_a_capture_that_cannot_be_written_is_said_and_stops_nothing(run, tmp_path):
    async def test(rig):
        (tmp_path / "file").write_text("in the way")
        ring = CaptureRing(tmp_path / "file" / "folder")
        await rig.start(capture=ring)
        rig.transports[0].feed(PASSING)
        await rig.clock.advance(1)
        while not ring.errors:              # the write happens in a thread
            await asyncio.sleep(0)
        rig.transports[0].feed(PASSING)
        await rig.clock.advance(0)
        status = rig.link.status()
        assert status.passings == 2
        assert status.capture_trouble.startswith("The capture of raw bytes cannot be written")

    run(test)


def test_a_wrong_address_is_refused_before_anything_starts():
    with pytest.raises(BadInput, match="tcp://"):
        LinkSupervisor("a", "p3", "http://h:1", lambda: open_codec("p3"), None)
