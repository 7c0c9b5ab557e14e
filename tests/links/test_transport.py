"""Real roads: TCP on the loopback, and a serial port made of a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import tty

import pytest

from trackd.core.errors import BadInput, LinkDown
from trackd.links.transport import LinkUrl, open_transport, parse_url


def bounded(coroutine):
    async def main():
        async with asyncio.timeout(20):
            await coroutine

    asyncio.run(main())


@pytest.mark.parametrize(("url", "link", "place"), [
    ("tcp://192.168.1.50:5403", LinkUrl("tcp", "192.168.1.50", 5403), "192.168.1.50:5403"),
    ("tcp://[fe80::1]:1", LinkUrl("tcp", "fe80::1", 1), "[fe80::1]:1"),
    ("serial:///dev/ttyUSB0", LinkUrl("serial", device="/dev/ttyUSB0"), "/dev/ttyUSB0"),
    ("serial:///dev/ttyUSB0?baud=19200", LinkUrl("serial", device="/dev/ttyUSB0", baud=19200), "/dev/ttyUSB0"),
])
def test_addresses(url, link, place):
    assert parse_url(url) == link
    assert parse_url(url).place == place


@pytest.mark.parametrize(("url", "says"), [
    ("", "must begin with"), ("http://h:1", "must begin with"), ("tcp://:5403", "no host"), ("tcp://h", "no port"),
    ("tcp://h:0", "no port"), ("tcp://h:70000", "not an address"), ("tcp://h:x", "not an address"),
    ("tcp://h:1/path", "more than"), ("serial://ttyUSB0", "three slashes"), ("serial:///dev/x?baud=9601", "baud '9601'"),
    ("serial:///dev/x?baud=", "baud ''"), ("serial:///dev/x?speed=9600", "'speed'"),
])
def test_a_wrong_address_is_refused_with_its_field(url, says):
    with pytest.raises(BadInput) as caught:
        parse_url(url, "links[0].url")
    assert {fault.where for fault in caught.value.faults} == {"links[0].url"}
    assert says in str(caught.value)


def test_tcp_reads_writes_and_sees_the_other_side_close():
    async def test():
        async def echo(reader, writer):
            writer.write((await reader.read(100)).upper())
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        road = await open_transport(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await road.write(b"passing")
        assert await road.read() == b"PASSING"
        assert await road.read() == b""
        road.close()
        server.close()
        await server.wait_closed()

    bounded(test())


def test_nobody_there_is_link_down_in_words():
    async def test():
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(LinkDown, match=rf"No connection to 127.0.0.1:{port}: it refuses connections"):
            await open_transport(f"tcp://127.0.0.1:{port}")

    bounded(test())


def test_a_missing_serial_port_is_link_down_in_words(tmp_path):
    with pytest.raises(LinkDown, match=r"The serial port .*/ttyUSB7 is not there: no such device"):
        asyncio.run(open_transport(f"serial://{tmp_path}/ttyUSB7"))


def test_serial_reads_writes_and_notices_being_unplugged():
    async def test():
        box, port = pty.openpty()
        tty.setraw(port)
        road = await open_transport(f"serial://{os.ttyname(port)}?baud=9600")
        os.close(port)
        os.write(box, b"#0970\r\n")
        assert await road.read() == b"#0970\r\n"
        await road.write(b"\x1b\x11")
        assert os.read(box, 10) == b"\x1b\x11"
        waiting = asyncio.create_task(road.read())
        await asyncio.sleep(0)
        os.close(box)
        with pytest.raises(LinkDown, match="was unplugged"):
            await waiting
        road.close()
        road.close()

    bounded(test())


def test_closing_a_serial_port_ends_a_read_in_progress():
    async def test():
        box, port = pty.openpty()
        road = await open_transport(f"serial://{os.ttyname(port)}")
        waiting = asyncio.create_task(road.read())
        await asyncio.sleep(0)
        road.close()
        assert await waiting == b""
        os.close(box)
        os.close(port)

    bounded(test())


def test_a_large_write_to_a_slow_serial_port_waits_and_loses_nothing():
    async def test():
        box, port = pty.openpty()
        tty.setraw(port)
        road = await open_transport(f"serial://{os.ttyname(port)}")
        data = bytes(range(256)) * 256
        writing = asyncio.create_task(road.write(data))
        got = bytearray()
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def take():
            got.extend(os.read(box, 4096))
            if len(got) >= len(data) and not done.done():
                done.set_result(None)

        await asyncio.sleep(0)
        loop.add_reader(box, take)
        await writing
        await done
        loop.remove_reader(box)
        assert bytes(got) == data
        road.close()
        os.close(box)
        os.close(port)

    bounded(test())
