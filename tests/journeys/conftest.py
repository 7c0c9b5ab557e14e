"""A whole venue in one process: decoder on a real TCP port, appliance, web server, a client with a token, and a clock
that moves only when the test says so."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from trackd.app import serve
from trackd.config import Link, Server, Settings, Venue
from trackd.core.records import Passing
from trackd.emulator.decoder import DecoderEmulator
from trackd.services.appliance import Appliance
from trackd.services.trackclock import TrackClock

S = 1_000_000
WAIT_S = 30
REPEAT_S = 0.25
"""A stop-and-wait decoder sends again after this. An acknowledgement slower than that could be taken for the next
passing's, as on a real one, because the decoder's own time leaps here while bytes are still on their way."""


@dataclass
class FakeTime:
    """Microseconds since the machine was switched on; the wall clock beside it may jump as it likes."""

    us: int = 5_000 * S
    wall_offset_us: int = 1_763_730_000 * S
    boot: str = "boot-1"
    booted_us: int = 0

    def clock(self) -> TrackClock:
        return TrackClock(mono=lambda: self.us - self.booted_us, wall=lambda: self.us + self.wall_offset_us,
                          boot_id=lambda: self.boot)

    @property
    def jumped(self) -> bool:
        return self.wall_offset_us != FakeTime.wall_offset_us

    def jump(self, seconds: int) -> None:
        """Somebody, or a time server, sets the wall clock."""
        self.wall_offset_us += seconds * S

    def reboot(self) -> None:
        """The machine starts again: its monotonic clock is at 0."""
        self.boot, self.booted_us = self.boot + "+", self.us


class Decoder(DecoderEmulator):
    """The emulator, counting what it writes, so that a test knows when all of it has arrived."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.written: Counter[Any] = Counter()

    def _transmit(self, data: bytes, split: bool = False, only: Any = None) -> None:
        if data and self.now_us() >= self._silent_until_us:
            for client in self._port.clients if only is None else [only]:
                if not client._writer.is_closing():
                    self.written[client] += len(data)
        super()._transmit(data, split, only)

    @property
    def silent(self) -> bool:
        return self.now_us() < self._silent_until_us

    def taken(self, received: int) -> bool:
        """Whether the one client there is has everything written to it, and nothing is held back from it."""
        clients = self._port.clients
        return len(clients) == 1 and (self.silent or not self._held) and received == self.written[clients[0]]


async def until(condition: Callable[[], object]) -> None:
    """Poll for something another task brings about."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0)


class Event(NamedTuple):
    """One server-sent event."""

    kind: str
    id: str | None
    data: Any


@dataclass
class Events:
    """What an event stream brings."""

    lines: AsyncIterator[str]

    async def next(self) -> Event:
        kind, ident, data = "", None, None
        async with asyncio.timeout(WAIT_S):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    ident = value
                elif name == "data":
                    data = json.loads(value)
                elif not line and kind:
                    return Event(kind, ident, data)
        raise AssertionError("the stream has ended")

    async def until(self, kind: str, **fields: Any) -> list[Event]:
        """All events up to the first of this kind with these fields."""
        found = [await self.next()]
        while found[-1].kind != kind or not fields.items() <= found[-1].data.items():
            found.append(await self.next())
        return found


@dataclass
class Park:
    """The venue under test. ``at`` is the decoder's time: microseconds since it was switched on."""

    folder: Path
    time: FakeTime
    decoder: Decoder
    settings: Settings
    appliance: Appliance = field(init=False)
    http: httpx.AsyncClient = field(init=False)
    address: str = field(init=False)
    session: str = ""
    decoders: dict[str, Decoder] = field(default_factory=dict)       # by link, the one on the line first
    _off: asyncio.Event = field(init=False)
    _serving: asyncio.Task[None] = field(init=False)
    _before: dict[str, int] = field(default_factory=dict)
    _connection: dict[str, int] = field(default_factory=dict)

    # --- on and off -------------------------------------------------------------------------------------------------

    async def on(self) -> None:
        """Switch the appliance on and wait until it hears the decoder."""
        started: asyncio.Future[tuple[Appliance, str]] = asyncio.get_running_loop().create_future()
        self._off, self._before, self._connection = asyncio.Event(), {}, {}
        self._serving = asyncio.create_task(serve(
            self.folder, self.settings, lambda *what: started.set_result(what), clock=self.time.clock(), until=self._off))
        await asyncio.wait([self._serving, started], return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            await self._serving
        self.appliance, self.address = started.result()
        token = self.appliance.staff.add_token("test", "admin")
        self.http = httpx.AsyncClient(base_url=self.address, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S)
        self.appliance.live.hub.surroundings.append(self._connected)
        self._connected()
        await self.settled()

    async def off(self) -> None:
        """Switch it off in order."""
        if self._serving.done():
            return
        await self.http.aclose()
        self._off.set()
        await self._serving

    # --- in ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.decoder.now_us()

    def advance(self, at: int) -> None:
        """Let it be ``at`` on the decoder's clock."""
        assert at >= self.now
        self.time.us += at - self.now

    async def cross(self, at: int, transponder: str, link: str = "line", **options: Any) -> Passing | None:
        """A kart crosses at ``at``, and everything that follows from it has happened."""
        self.advance(at)
        passing = self.decoders[link].cross(transponder, at, **options)
        await self.settled()
        return passing

    async def settled(self) -> None:
        """Everything the decoder wrote is read, committed and shown, and every gap it can fill is filled."""
        live = self.appliance.live
        async with asyncio.timeout(WAIT_S):
            while True:
                await asyncio.sleep(0)
                # A request to send again goes out after the commit and is answered; a silent decoder answers nothing.
                if self._quiet():
                    heard = self._heard()
                    await live.done(live.writer.submit(lambda _: ()))     # comes back after all before it is stored
                    if self._quiet() and self._heard() == heard:          # an answer in between is not stored yet
                        return

    def _quiet(self) -> bool:
        gaps = self.appliance.live.writer.intake.gaps
        return all(self._all_read(link, decoder) and (decoder.silent or all(gap.link != link for gap in gaps))
                   for link, decoder in self.decoders.items())

    def _heard(self) -> list[tuple[int, int]]:
        statuses = [self.appliance.live.supervisors[link].status() for link in self.decoders]
        return [(status.connection, status.received_bytes) for status in statuses]

    def _all_read(self, link: str, decoder: Decoder) -> bool:
        status = self.appliance.live.supervisors[link].status()
        return status.state == "reading" and decoder.taken(status.received_bytes - self._before.get(link, 0))

    def _connected(self) -> None:
        """Told of every change of the links, a new connection before it can bring anything."""
        for link in self.decoders:
            status = self.appliance.live.supervisors[link].status()
            known = self._connection.get(link, 0)
            if status.connection > known:
                self._connection[link], self._before[link] = status.connection, status.received_bytes if known else 0

    # --- the API ----------------------------------------------------------------------------------------------------

    async def api(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """One call; the parsed answer."""
        answer = await self.http.request(method, f"/api/v1{path}", json=body)
        if status is None:
            assert answer.status_code < 300, answer.text
        else:
            assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def order(self, name: str, *, status: int | None = None, session: str | None = None, **args: Any) -> Any:
        """Give an order to the session under test."""
        return await self.api("POST", f"/sessions/{session or self.session}/orders", {"order": name, **args},
                              status=status)

    async def heat(self, karts: dict[str, str], *orders: str, name: str = "Heat", **fields: Any) -> str:
        """Karts (number -> transponder) that are not there yet, a session with all of them, and its first orders."""
        for number, transponder in karts.items():
            if number not in self.appliance.live.writer.venue.karts:
                await self.api("POST", "/karts", {"number": number, "transponders": [transponder]})
        made = await self.api("POST", "/sessions", {
            "name": name, "entries": [{"kart": kart, "driver": f"Driver {kart}"} for kart in karts], **fields})
        self.session = made["id"]
        for order in orders:
            await self.order(order)
        return self.session

    async def rows(self, what: str = "board") -> dict[str, Any]:
        """The board (or the result) by kart."""
        return {row["kart"]: row for row in (await self.api("GET", f"/sessions/{self.session}/{what}"))["items"]}

    async def laps(self) -> dict[str, list[dict[str, Any]]]:
        """The session's laps by kart."""
        found: dict[str, list[dict[str, Any]]] = {}
        for lap in (await self.api("GET", f"/sessions/{self.session}/laps"))["items"]:
            found.setdefault(lap["kart"], []).append(lap)
        return found

    async def journal(self) -> list[dict[str, Any]]:
        """All passings of the journal, page by page."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = "0"
        while cursor is not None:
            page = await self.api("GET", f"/passings?after={cursor}&limit=500")
            rows += page["items"]
            cursor = page["next"]
        return rows

    @asynccontextmanager
    async def stream(self, last_id: str | None = None) -> AsyncIterator[Events]:
        """The API's event stream, open; it has every event from here on."""
        headers = {"Last-Event-ID": last_id} if last_id is not None else {}
        async with self.http.stream("GET", "/api/v1/stream", headers=headers, timeout=None) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert (await anext(lines)).startswith(":")
            yield Events(lines)

    async def state(self, wanted: str) -> None:
        """Wait until the session is in a state it reaches by itself."""
        def there() -> bool:
            board = self.appliance.live.board_now(self.session)
            return board is not None and board.session.state == wanted
        await until(there)


@asynccontextmanager
async def park(folder: Path, protocol: str = "p3", *, role: str | None = "start_finish",
               loops: dict[str, str | None] | None = None, roles: dict[str, str] | None = None,
               faults: Iterable[str] = (), seed: int = 1, read_login: bool = False,
               tracks: Iterable[str] = ()) -> AsyncIterator[Park]:
    """A venue with one decoder on its line, switched on. Each of the further ``tracks`` has a link of its name too."""
    time = FakeTime()
    decoders: dict[str, Decoder] = {}
    links = []
    try:
        for name in ("line", *tracks):
            decoders[name] = decoder = Decoder(
                protocol, loops=loops if name == "line" else {"start_finish": f"{len(decoders)}"}, seed=seed,
                faults=faults if name == "line" else (), status_period_s=3600, repeat_s=REPEAT_S,
                monotonic=lambda: time.us / S)
            url = f"tcp://127.0.0.1:{await decoder.start()}"
            links.append(Link(name, protocol, url, None if roles else role, roles or {}) if name == "line"
                         else Link(name, protocol, url, track=name))
        settings = Settings(venue=Venue("Test Park", "Europe/Rome"), links=tuple(links),
                            server=Server(port=0, read_login=read_login, capture_mb=0))
        venue = Park(folder, time, decoders["line"], settings, decoders=decoders)
        try:
            await venue.on()
            yield venue
            await venue.off()
        finally:
            if hasattr(venue, "http"):
                await venue.http.aclose()
            venue._off.set()
            await asyncio.gather(venue._serving, return_exceptions=True)
    finally:
        for decoder in decoders.values():
            await decoder.stop()


@pytest.fixture(scope="session")
def run() -> Callable[..., None]:
    """Run an async test."""
    def runner(test: Callable[[], Awaitable[None]], timeout: float = 120) -> None:
        async def main() -> None:
            async with asyncio.timeout(timeout):
                await test()
        asyncio.run(main())
    return runner
