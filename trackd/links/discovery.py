"""Finding AiM units on the network: ``aim-ka`` goes out, who answers is there.

    discovery = Discovery()
    await discovery.start()
    await discovery.run()        # asks every second until cancelled

One of these serves the whole appliance, sessions included: units answer to UDP port 36002, and some only there. What is
believed of an answer is where it came from and the name in it (PROTOCOLS 9).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, cast

from trackd.core.errors import BadInput, Fault, LinkDown
from trackd.links.clock import Clock, SystemClock
from trackd.protocols.aim_told import read_answer
from trackd.protocols.aim_wifi import PROBE, UDP_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OWN_NETWORKS = ("10.0.0.1", "11.0.0.1", "12.0.0.1", "14.0.0.1")
"""Where a unit is that opens a network of its own."""

BROADCAST = "255.255.255.255"
"""All units in the network this machine is in."""

MOST = 64
"""The most units remembered; one that was not heard for longest makes room."""


@dataclass(frozen=True, slots=True)
class UnitSeen:
    """A unit that answered: its IP address, the name it gives itself ("" for none), when last, and how often."""

    address: str
    name: str
    heard_at_us: int             # wall clock, microseconds since 1970
    answers: int


class Discovery(asyncio.DatagramProtocol):
    """Asks ``targets`` (IPv4 addresses, broadcast ones included) and remembers who answers.

    ``port`` is ours and the units'; where another program has it, any other is used and most units still answer.
    ``on_seen`` hears of each unit that is new or has changed its name. Raises BadInput for a target that is none.
    """

    PERIOD_S = 1.0
    """Between probes, as the vendor's own program does it."""

    def __init__(self, targets: Iterable[str] = (*OWN_NETWORKS, BROADCAST), *, host: str = "", port: int = UDP_PORT,
                 on_seen: Callable[[UnitSeen], None] | None = None, clock: Clock | None = None) -> None:
        self.targets = tuple(map(unit_address, targets))
        self.port = port
        self._host, self._on_seen, self._clock = host, on_seen, clock or SystemClock()
        self._seen: dict[str, UnitSeen] = {}
        self._road: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Open the port. Raises LinkDown when the network cannot be used at all."""
        try:
            road = self._open(self.port)
        except OSError:
            try:
                road = self._open(0)
            except OSError as error:
                raise LinkDown(f"Units cannot be looked for: {error.strerror or error}.") from error
        if not self.port:
            self.port = road.getsockname()[1]
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=road)

    def close(self) -> None:
        """Let go of the port. May be called twice."""
        if self._road:
            self._road.close()
            self._road = None

    async def run(self) -> None:
        """Ask all targets every second until cancelled."""
        while True:
            for address in self.targets:
                self.ask(address)
            await self._clock.sleep(self.PERIOD_S)

    def ask(self, address: str) -> None:
        """Send one probe. A network that is not there is no error: the unit just does not answer."""
        if self._road:
            with contextlib.suppress(OSError):
                self._road.sendto(PROBE, (address, self.port))

    def units(self) -> list[UnitSeen]:
        """Who has answered, the latest first."""
        return sorted(self._seen.values(), key=lambda unit: unit.heard_at_us, reverse=True)

    def answers(self, address: str) -> int:
        """How many answers came from ``address`` so far."""
        unit = self._seen.get(address)
        return unit.answers if unit else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is open."""
        self._road = cast("asyncio.DatagramTransport", transport)   # uvloop's is one without saying so

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Somebody said something; only what comes from the units' own port counts."""
        address, port = addr[:2]
        name = read_answer(data) if port == self.port else None
        if name is None:
            return
        before = self._seen.get(address)
        unit = UnitSeen(address, name, self._clock.wall_us(), 1)
        if before:
            unit = replace(unit, name=name or before.name, answers=before.answers + 1)
        elif len(self._seen) >= MOST:
            del self._seen[min(self._seen.values(), key=lambda one: one.heard_at_us).address]
        self._seen[address] = unit
        if self._on_seen and (before is None or before.name != unit.name):
            self._on_seen(unit)

    def error_received(self, exc: Exception) -> None:
        """A probe went nowhere; the next one may."""

    def _open(self, port: int) -> socket.socket:
        road = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            road.setblocking(False)
            road.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if sys.platform == "linux":  # a unit emulated on this very machine has the same port at its own address
                road.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            road.bind((self._host, port))
        except OSError:
            road.close()
            raise
        return road


def unit_address(text: str) -> str:
    """An IPv4 address, checked: names would have to be looked up. Raises BadInput."""
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise BadInput(Fault("units", f"'{text}' is not an address like 10.0.0.1")) from None
