"""Looking for units over real sockets: who answers is there, who only pretends is not."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest
import uvloop

from tests.emulator.solos import until
from tests.links.conftest import FakeClock, settle
from trackd.core.errors import BadInput
from trackd.emulator.solo import Solo
from trackd.emulator.solo_told import Identity, probe_answer
from trackd.links.discovery import BROADCAST, MOST, OWN_NETWORKS, Discovery, UnitSeen
from trackd.protocols.aim_wifi import PROBE, UDP_PORT

ANSWER = probe_answer(Identity())


def bounded(test, runner=asyncio.run):
    async def main():
        async with asyncio.timeout(20):
            await test()

    runner(main())


async def looking(*targets, **options):
    discovery = Discovery(targets, host="127.0.0.1", port=0, clock=FakeClock(), **options)
    await discovery.start()
    return discovery


def speaker(host, port=0):
    """A socket of somebody on the network."""
    road = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    road.bind((host, port))
    return closing(road)


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_units_that_answer_are_seen_with_name_and_address_the_latest_first(tmp_path, runner):
    async def test():
        heard = []
        discovery = await looking("127.0.0.2", "127.0.0.3", "127.0.0.4", on_seen=heard.append)
        solos = [Solo(tmp_path, host, 0, discovery.port, identity=Identity(name=name))
                 for host, name in (("127.0.0.2", "Kart 7"), ("127.0.0.3", "Kart 8"))]
        for solo in solos:
            await solo.start()
            discovery.ask(solo.host)
            await until(lambda solo=solo: discovery.answers(solo.host) == 1)
            discovery._clock.now_us += 1
        first, wall_us = "AiM-SOLO2DL-500417-Kart ", discovery._clock.wall_us()
        assert discovery.units() == [UnitSeen("127.0.0.3", first + "8", wall_us - 1, 1),
                                     UnitSeen("127.0.0.2", first + "7", wall_us - 2, 1)]
        assert heard == discovery.units()[::-1]
        discovery.ask("127.0.0.2")
        await until(lambda: discovery.answers("127.0.0.2") == 2)
        assert [unit.address for unit in discovery.units()] == ["127.0.0.2", "127.0.0.3"]
        assert len(heard) == 2, "only a new unit is news"
        assert discovery.answers("127.0.0.4") == 0
        for solo in solos:
            await solo.stop()
        discovery.close()
        discovery.close()

    bounded(test, runner)


def test_all_targets_are_asked_every_second(tmp_path):
    async def test():
        discovery = await looking("127.0.0.2", "127.0.0.3")
        with speaker("127.0.0.2", discovery.port) as one, speaker("127.0.0.3", discovery.port) as other:
            running = asyncio.create_task(discovery.run())
            await settle()
            for asked in (one, other):
                assert asked.recv(100) == PROBE
            await discovery._clock.advance(0.9)
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(100)
            await discovery._clock.advance(0.2)
            assert one.recv(100) == other.recv(100) == PROBE
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        discovery.close()
        discovery.ask("127.0.0.2")

    bounded(test)


def test_only_what_comes_from_the_units_own_port_is_believed_and_only_about_who_sent_it():
    async def test():
        discovery = await looking()
        with speaker("127.0.0.2") as stranger, speaker("127.0.0.3", discovery.port) as unit:
            here = ("127.0.0.1", discovery.port)
            stranger.sendto(ANSWER, here)
            for rubbish in (PROBE, PROBE + bytes(30), b"", b"\xff" * 19):
                unit.sendto(rubbish, here)
            claims_another = ANSWER[:8] + socket.inet_aton("127.0.0.9") + ANSWER[12:]
            unit.sendto(claims_another, here)
            await until(discovery.units)
        assert [(unit.address, unit.answers) for unit in discovery.units()] == [("127.0.0.3", 1)]
        discovery.close()

    bounded(test)


def test_a_new_name_is_news_and_a_missing_one_keeps_the_old():
    async def test():
        heard = []
        discovery = await looking(on_seen=heard.append)
        for name in (b"Kart 7", b"", b"Kart 9", b"Kart 9"):
            discovery.datagram_received(ANSWER[:20] + name.ljust(216, b"\0"), ("127.0.0.2", discovery.port))
        assert [unit.name for unit in heard] == ["Kart 7", "Kart 9"]
        assert discovery.units()[0].answers == 4
        discovery.close()

    bounded(test)


def test_however_many_answer_only_so_many_are_remembered():
    async def test():
        discovery = await looking()
        for number in range(MOST * 3):
            discovery._clock.now_us += 1
            discovery.datagram_received(ANSWER, (f"10.1.0.{number}", discovery.port))
            discovery._clock.now_us += 1
            discovery.datagram_received(ANSWER, ("10.0.0.1", discovery.port))
        assert len(discovery.units()) == MOST
        assert discovery.answers("10.0.0.1") == MOST * 3, "who keeps answering stays"
        assert discovery.answers(f"10.1.0.{MOST * 3 - 1}") == 1
        assert discovery.answers("10.1.0.0") == 0
        discovery.close()

    bounded(test)


def test_where_another_program_has_the_port_any_other_does():
    async def test():
        with speaker("127.0.0.1") as other:
            port = other.getsockname()[1]
            discovery = Discovery(["127.0.0.2"], host="127.0.0.1", port=port)
            await discovery.start()
            with speaker("127.0.0.2", port) as unit:
                discovery.ask("127.0.0.2")
                probe, asked_from = unit.recvfrom(100)
                assert probe == PROBE
                assert asked_from[1] != port
                unit.sendto(ANSWER, asked_from)
                await until(discovery.units)
            discovery.close()

    bounded(test)


def test_a_unit_emulated_on_this_machine_stands_beside_what_looks_for_it_at_all_addresses(tmp_path):
    async def test():
        with speaker("127.0.0.1") as other:
            free = other.getsockname()[1]
        discovery = Discovery(["127.0.0.2"], port=free)
        await discovery.start()
        solo = Solo(tmp_path, "127.0.0.2", 0, free)
        await solo.start()
        discovery.ask("127.0.0.2")
        await until(discovery.units)
        await solo.stop()
        discovery.close()

    bounded(test)


def test_what_is_no_address_is_refused_and_the_usual_ones_are_known():
    for wrong in ("", "kart7.local", "10.0.0", "fe80::1", "10.0.0.1:36002"):
        with pytest.raises(BadInput, match=r"is not an address like 10\.0\.0\.1"):
            Discovery([wrong])
    assert Discovery().targets == (*OWN_NETWORKS, BROADCAST)
    assert Discovery().port == UDP_PORT == 36002
