"""A recorded day through the emulator: the same bytes, at the pace of the day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackd.core.errors import BadInput
from trackd.core.records import Passing, Status
from trackd.core.time import SECOND
from trackd.emulator.replay import replay, segments
from trackd.emulator.run import parse_listen, run_emulator
from trackd.emulator.scenario import load_scenario
from trackd.links.capture import read_capture
from trackd.protocols.registry import open_codec, open_station

SHARED = Path(__file__).parents[2] / "../shared/data/passings"


def recorded(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip("the recorded decoder data is not beside the checkout")
    return path


def p3(number, at_us, decoder="268307"):
    return open_station("p3").passing(Passing("p3", decoder, number, "4711", at_us, 100, 30))


def status():
    return open_station("p3").status(Status("p3", "268307", {"noise": 40}))


@given(st.lists(st.sampled_from([p3(1, 10 * SECOND), status(), b"\x00\x8e rubbish", b"\x8f"])),
       st.lists(st.integers(1, 50)))
def test_no_byte_is_lost_or_moved_however_the_capture_is_cut(pieces, cuts):
    data = b"".join(pieces)
    chunks, rest = [], data
    for cut in cuts:
        chunks.append((None, rest[:cut]))
        rest = rest[cut:]
    out = list(segments([*chunks, (None, rest)], "p3"))
    assert b"".join(segment.data for segment in out) == data
    assert [s.frame for s in out if s.frame] == [
        s.frame for s in segments([(None, data)], "p3") if s.frame]


def test_raw_bytes_are_paced_by_the_decoders_clock_with_the_rest_spread_between():
    data = p3(1, 100 * SECOND) + status() * 3 + p3(2, 140 * SECOND) + p3(3, 139 * SECOND) + status()
    assert [s.at_us // SECOND for s in segments([(None, data)], "p3")] == [0, 10, 20, 30, 40, 40, 40]


def test_two_decoders_clocks_are_never_compared_and_another_day_takes_no_time():
    data = (p3(1, 100 * SECOND) + p3(1, 9_000_000 * SECOND, "268308") + p3(2, 110 * SECOND)
            + p3(2, 9_000_012 * SECOND, "268308") + p3(3, 90_000 * SECOND) + p3(4, 90_005 * SECOND))
    assert [s.at_us // SECOND for s in segments([(None, data)], "p3")] == [0, 0, 10, 12, 12, 17]


def test_a_capture_with_times_is_paced_by_them():
    chunks = [(7 * SECOND, p3(1, 0)[:5]), (8 * SECOND, p3(1, 0)[5:]), (11 * SECOND, status() + status())]
    assert [s.at_us // SECOND for s in segments(chunks, "p3")] == [0, 3, 3]


def test_the_recorded_day_comes_through_whole_and_at_its_pace(run):
    path = recorded("amb_p3_2019.hex")

    async def test(wire):
        emulator = await wire.emulator("p3")
        listener = await wire.listener("p3", ack=False)
        await replay(emulator, read_capture(path))
        await wire.until(lambda: len([f for f in listener.got if isinstance(f, (Passing, Status))]) >= 1388)
        codec = open_codec("p3")
        expected = [f for _, data in read_capture(path) for f in codec.receive(data)]
        assert [f for f in listener.got if isinstance(f, (Passing, Status))] == expected
        assert list(emulator.sent) == [f for f in expected if isinstance(f, Passing)]

    run(test)
    passings = [s for s in segments(read_capture(path), "p3") if isinstance(s.frame, Passing)]
    assert passings[1].at_us - passings[0].at_us == passings[1].frame.rtc_time_us - passings[0].frame.rtc_time_us


def test_chronelec_is_replayed_one_acknowledgement_at_a_time(run):
    path = recorded("chronelec.txt")

    async def test(wire):
        emulator = await wire.emulator("chronelec", repeat_s=0.01)
        listener = await wire.listener("chronelec", ack=False)
        await replay(emulator, read_capture(path))
        await wire.until(lambda: listener.passings)
        listener.ack = True
        await emulator.drained()
        assert [p.transponder for p in emulator.acked] == ["119371"]

    run(test)


def ready():
    future = asyncio.get_running_loop().create_future()
    return future, lambda host, port: future.set_result((host, port))


def test_the_command_waits_for_the_first_client_and_gives_it_everything(tmp_path):
    (tmp_path / "s.toml").write_text(
        "faults = ['duplicate_frame:1']\n[loops]\nstart_finish = '9'\n[field]\nkarts = 4\nduration_s = 100\nsectors = 1")
    scenario = load_scenario(tmp_path / "s.toml")
    data = b"junk" + p3(1, 100 * SECOND) + status() + p3(2, 2000 * SECOND) + b"\x8ecut"

    async def through(**source):
        address, on_ready = ready()
        task = asyncio.create_task(run_emulator("p3", "127.0.0.1:0", speed=0, on_ready=on_ready, stay=False, **source))
        reader, writer = await asyncio.open_connection(*await address)
        got = await reader.read()
        writer.close()
        await task
        return got

    async def main():
        async with asyncio.timeout(20):
            assert await through(capture=[(None, data)]) == data
            codec = open_codec("p3")
            frames = codec.receive(await through(scenario=scenario))
            line = [p for p in scenario.passings() if p.loop == "start_finish"]
            assert [f.transponder for f in frames] == [p.transponder for p in line for _ in range(2)]
            assert {f.decoder_id for f in frames} == {"9"}

    asyncio.run(main())


@pytest.mark.parametrize("listen", ["", "5403", "host:", ":5403", "host:x", "host:99999"])
def test_a_wrong_listening_address_is_refused(listen):
    with pytest.raises(BadInput, match="HOST:PORT"):
        parse_listen(listen)
    assert parse_listen("[::1]:5403") == ("::1", 5403)


def test_one_source_and_only_one():
    with pytest.raises(BadInput, match="either a capture or a scenario"):
        asyncio.run(run_emulator("p3", "127.0.0.1:0"))
