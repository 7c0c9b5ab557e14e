"""A decoder on the wire: a TCP server that speaks any of the protocols as the real box does, faults included.

    emulator = DecoderEmulator("p3", faults=["dropped_frame:0.05"])
    port = await emulator.start()
    emulator.cross("5691251")            # a kart crosses the line now

It lives in a time of its own: microseconds since its start, ``speed`` times as fast as ours; with speed 0 that time is
wherever the latest passing was. The clock it reports is that time from an arbitrary beginning, as on a real one.
``monotonic`` and ``sleep`` are our time, for those whose own is simulated too.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput, Fault
from trackd.core.records import Frame, Passing, Status
from trackd.emulator.box import KEPT, Box, Held
from trackd.emulator.faults import NO_TROUBLE, FaultPlan, FaultSpec, Trouble, parse_faults
from trackd.emulator.field import LINE, FieldPassing
from trackd.emulator.port import ROOM, Client, Port
from trackd.protocols.registry import open_station

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from trackd.core.time import Micros
    from trackd.protocols.codec import Request


class DecoderEmulator:
    """One decoder. ``loops`` maps loop roles to decoder ids (see ``default_loops``); default: the line only.

    ``sent`` logs every passing numbered so far, ``acked`` those acknowledged (Chronelec), ``missed`` what the decoder
    never saw. Raises BadInput for an unknown protocol, fault or speed.
    """

    def __init__(self, protocol: str, host: str = "127.0.0.1", port: int = 0, *,
                 loops: Mapping[str, str | None] | None = None, speed: float = 1.0, faults: Iterable[str] = (),
                 seed: int = 0, rtc_start_us: Micros | None = None, status_period_s: float = 5.0,
                 repeat_s: float = 2.0, monotonic: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        if not 0 <= speed <= 1000:
            raise BadInput(Fault("speed", f"{speed:g} is not from 0 (as fast as possible) to 1000"))
        self.protocol, self.speed = protocol, speed
        self.box = Box(protocol, seed, rtc_start_us)
        self.loops = dict(loops) if loops is not None else {LINE: self.box.wire.line}
        self.sent: deque[Passing] = deque(maxlen=KEPT)
        self.acked: deque[Passing] = deque(maxlen=KEPT)
        self.missed: deque[FieldPassing] = deque(maxlen=KEPT)
        self._plan = FaultPlan(parse_faults(faults), seed)
        self._status_period_s, self._repeat_s = status_period_s, repeat_s
        self._monotonic, self._sleep = monotonic, sleep
        self._station = open_station(protocol)
        # A P3 station answers in the name of the loop it last spoke for.
        self._station.status(Status(protocol, next(iter(self.loops.values()), None)))
        self._port = Port(host, port, lambda: open_station(protocol), self._joined, self._answer)
        self._tasks: list[asyncio.Task[None]] = []
        self._began = monotonic()                # our time at the decoder's time 0
        self._latest_us = 0
        self._silent_until_us = -1
        self._last_write = monotonic()
        self._relayed: set[str | None] | None = None   # decoder ids seen in a replay; None when there is none
        self._held: deque[Held] = deque()
        self._held_count = 0
        self._let_go = asyncio.Event()
        self._repeat: asyncio.TimerHandle | None = None

    async def start(self, *, begin: bool = True) -> int:
        """Listen, and let the decoder's time begin. Returns the port. Raises LinkDown when it cannot be used."""
        port = await self._port.start()
        self._tasks.append(asyncio.create_task(self._keep_alive()))
        if begin:
            self.begin()
        return port

    async def stop(self) -> None:
        """Close everything; what is queued is still written."""
        if self._repeat:
            self._repeat.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._port.stop()

    def begin(self) -> None:
        """The decoder's time is 0 now; timed faults count from here."""
        self._began = self._monotonic()
        self._latest_us = 0
        if self.speed:
            self._tasks.append(asyncio.create_task(self._fault_clock()))

    def now_us(self) -> Micros:
        """The decoder's time since its start."""
        return round((self._monotonic() - self._began) * self.speed * 1_000_000) if self.speed else self._latest_us

    async def until(self, at_us: Micros) -> None:
        """Wait for the decoder's time; with speed 0 until clients have taken most of what was sent."""
        if self.speed:
            wait = (at_us - self.now_us()) / 1_000_000 / self.speed
            if wait > 0:
                await self._sleep(wait)
            return
        await asyncio.sleep(0)                   # a replay without clients must not keep everything else waiting
        await self._held_at_most(ROOM)
        await self._port.room()

    async def client_joined(self) -> None:
        """Wait for the first client."""
        await self._port.somebody.wait()

    async def drained(self) -> None:
        """Wait until everything is written, and acknowledged where the wire knows that."""
        if not self.speed:
            self._silent_until_us = -1           # its time has come to an end, a silence would last for ever
        await self._held_at_most(0)
        await self._port.room(0)

    async def _held_at_most(self, most: int) -> None:
        while len(self._held) > most:
            self._let_go.clear()
            await self._let_go.wait()

    def cross(self, transponder: str, at_us: Micros | None = None, *, loop: str = LINE, decoder_id: str | None = None,
              strength: int = 100, hits: int = 30) -> Passing | None:
        """A transponder crosses a loop (``decoder_id`` overrules ``loop``), by default now. None when a fault hides it.

        Raises BadInput for a loop this decoder does not have.
        """
        if decoder_id is None and loop not in self.loops:
            raise BadInput(Fault("loop", f"'{loop}' is not one of {', '.join(self.loops)}"))
        at = self.now_us() if at_us is None else at_us
        self._fire(self._plan.due(at), at)
        self._latest_us = max(self._latest_us, at)
        trouble = self._plan.draw()
        if trouble.missed:
            self.missed.append(FieldPassing(at, transponder, loop, strength, hits))
            return None
        where = decoder_id or self.loops[loop]
        passing = self.box.passing(at, where, transponder, strength, hits)
        self._emit(passing, self._station.passing(passing), trouble)
        for delay_us in trouble.repeats_us:
            again = self.box.passing(at + delay_us, where, transponder, max(51, strength - 20), max(2, hits // 3))
            self._emit(again, self._station.passing(again))
        self._fire(trouble.happenings, at)
        return passing

    async def play(self, passings: Iterable[FieldPassing]) -> None:
        """Let a field drive by: each passing at its time. Loops this decoder does not have are left out."""
        for at_us, transponder, loop, strength, hits in passings:
            if loop in self.loops:
                await self.until(at_us)
                self.cross(transponder, at_us, loop=loop, strength=strength, hits=hits)

    def relay(self, data: bytes, frame: Frame | None, at_us: Micros) -> None:
        """Send recorded bytes as they are, ``frame`` being what they hold; passings in them can be asked for again."""
        self._fire(self._plan.due(at_us), at_us)
        self._latest_us = max(self._latest_us, at_us)
        self._relayed = self._relayed or set()
        if isinstance(frame, (Passing, Status)):
            self._relayed.add(frame.decoder_id)
        if not isinstance(frame, Passing):
            self._transmit(data)
            return
        self.box.set_clock(frame.rtc_time_us, at_us)
        trouble = self._plan.draw()
        if not trouble.missed:
            self._emit(frame, data, trouble)
            self._fire(trouble.happenings, at_us)

    def send_status(self) -> None:
        """A sign of life of each loop, as the decoder gives it unasked (Chronelec: only on request)."""
        wire = self.box.wire
        if not wire.status_unasked or (self._relayed is not None and wire.numbers_status):
            return
        ids = list(self._relayed or dict.fromkeys(self.loops.values()))
        for decoder_id in ids if wire.status_each else ids[:1]:
            self._transmit(self._station.status(self.box.status(self.now_us(), decoder_id)))

    def _emit(self, passing: Passing, data: bytes, trouble: Trouble = NO_TROUBLE) -> None:
        """Log and store a passing, and send it as chance lets it."""
        self.sent.append(passing)
        self.box.keep(passing)
        if not self.box.wire.holds:
            self._send(data, trouble)
            return
        self._held_count += 1
        self._held.append(Held(self._held_count, data, passing, trouble))
        if len(self._held) == 1:                 # else its turn comes when those before it are acknowledged
            self._offer()

    def _send(self, data: bytes, trouble: Trouble, only: Client | None = None) -> None:
        for _ in range(0 if trouble.dropped else 1 + trouble.duplicate):
            self._transmit(trouble.damage(data), trouble.split, only)

    def _transmit(self, data: bytes, split: bool = False, only: Client | None = None) -> None:
        if not data or self.now_us() < self._silent_until_us:
            return
        self._last_write = self._monotonic()
        for client in self._port.clients if only is None else [only]:
            client.send(data, split)

    def _offer(self, only: Client | None = None) -> None:
        """Send the passing at the head of the queue (again), and once more after a while without acknowledgement."""
        if self._repeat:
            self._repeat.cancel()
            self._repeat = None
        if not self._held or not self._port.clients:
            return
        head = self._held[0]
        trouble, head.trouble = head.trouble, NO_TROUBLE
        self._send(head.data, trouble, only)
        if not trouble.dropped and trouble.corrupt is None:
            head.told = True
            for client in [only] if only else self._port.clients:
                client.offered.extend([(head.key, self._monotonic())] * (1 + trouble.duplicate))
        self._repeat = asyncio.get_running_loop().call_later(self._repeat_s, self._offer)

    def _acknowledged(self, client: Client) -> None:
        """An acknowledgement carries no number: it belongs to the oldest sound line this client has not answered.

        So the answer to a repeated line never lets the next passing go, however late it comes: one that was never sent
        whole waits for its own. Who has left lines unanswered for longer than a repeat takes does not answer repeated ones.
        """
        stale = self._monotonic() - max(1.0, self._repeat_s)
        while client.offered and client.offered[0][1] < stale:
            client.offered.popleft()
        key = client.offered.popleft()[0] if client.offered else None
        if self._held and (key == self._held[0].key or (key is None and self._held[0].told)):
            self.acked.append(self._held.popleft().passing)
            self._let_go.set()
            self._offer()

    def _joined(self, client: Client) -> None:
        if self._held:
            self._offer(client)

    def _answer(self, client: Client, request: Request) -> None:
        if request.kind == "ack":
            self._acknowledged(client)
        elif request.kind == "repeat":
            self._offer(only=client)
        elif request.kind == "resend":
            for frame in self.box.again(request):
                self._transmit(self._render(frame), only=client)
        else:
            self._transmit(self._station.answer(request, self.box.rtc_us(self.now_us())), only=client)

    def _render(self, frame: Passing | Status) -> bytes:
        return self._station.passing(frame) if isinstance(frame, Passing) else self._station.status(frame)

    def disconnect(self) -> None:
        """Close every connection; new ones are welcome at once."""
        self._port.disconnect()

    def restart(self, at_us: Micros | None = None) -> None:
        """Power off and on: connections, numbers, clock, boot and what was stored are gone."""
        self.disconnect()
        self.box.restart(self.now_us() if at_us is None else at_us)
        self._held.clear()
        self._let_go.set()

    def clock_step(self, seconds: float) -> None:
        """The decoder's clock jumps."""
        self.box.step(seconds)

    def silence(self, seconds: float, at_us: Micros | None = None) -> None:
        """Send nothing for ``seconds`` of the decoder's time, though connected."""
        self._silent_until_us = (self.now_us() if at_us is None else at_us) + round(seconds * 1_000_000)

    def _fire(self, faults: Iterable[FaultSpec], at_us: Micros) -> None:
        for fault in faults:
            when = at_us if fault.at_us is None else fault.at_us
            if fault.name == "disconnect":
                self.disconnect()
            elif fault.name == "restart":
                self.restart(when)
            elif fault.name == "clock_step":
                self.clock_step(fault.value or 0)
            elif fault.name == "silence":
                self.silence(fault.value or 0, when)

    async def _fault_clock(self) -> None:
        """Timed faults happen even while no kart passes."""
        while (at_us := self._plan.next_at_us) is not None:
            await self.until(at_us)
            self._fire(self._plan.due(self.now_us()), self.now_us())

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._status_period_s)
            if self._relayed is None or self._monotonic() - self._last_write >= self._status_period_s:
                self.send_status()
