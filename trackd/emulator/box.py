"""What a decoder remembers: its clock, its numbers, and the passings it can be asked for again. No sockets here."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.records import Passing, Status
from trackd.emulator.wires import Wire, wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trackd.core.time import Micros
    from trackd.emulator.faults import Trouble
    from trackd.protocols.codec import Request

KEPT = 100_000
"""Passings kept for each loop."""


@dataclass(slots=True)
class Held:
    """A passing of a stop-and-wait decoder in its queue; ``trouble`` is for the first time it is sent, ``told`` says that
    it was sent whole since.
    """

    key: int
    data: bytes
    passing: Passing
    trouble: Trouble
    told: bool = False


class Box:
    """One decoder's memory. Times given to it are microseconds since the emulator began; its own clock it makes up."""

    def __init__(self, protocol: str, seed: int = 0, rtc_start_us: Micros | None = None) -> None:
        self.protocol = protocol
        self.wire: Wire = wire(protocol)
        self._rng = random.Random(f"{seed}:boot")  # noqa: S311 - repeatable on purpose
        self._rtc_start_us = self.wire.rtc_start_us if rtc_start_us is None else rtc_start_us
        self._shift_us = 0
        self._forget()

    def _forget(self) -> None:
        self.boot = f"{self._rng.getrandbits(32):08x}" if self.wire.has_boot else None
        self._numbers: Counter[str | None] = Counter()
        self._store: dict[str | None, dict[int, Passing | Status]] = {}

    def rtc_us(self, at_us: Micros) -> Micros:
        """What the decoder's clock shows at ``at_us``."""
        rtc = self._rtc_start_us + self._shift_us + at_us
        rtc -= rtc % self.wire.resolution_us
        return rtc % self.wire.rtc_wrap_us if self.wire.rtc_wrap_us else rtc

    def restart(self, at_us: Micros) -> None:
        """Power off and on: numbers, clock and boot begin anew, what was stored is gone."""
        self._forget()
        self._shift_us = -at_us

    def step(self, seconds: float) -> None:
        """The clock jumps."""
        self._shift_us += round(seconds * 1_000_000)

    def set_clock(self, rtc_us: Micros, at_us: Micros) -> None:
        """The clock shows ``rtc_us`` at ``at_us``."""
        self._shift_us = rtc_us - at_us - self._rtc_start_us

    def passing(self, at_us: Micros, decoder_id: str | None, transponder: str, strength: int, hits: int) -> Passing:
        """The next passing of a loop."""
        number = self._next(decoder_id) if self.wire.numbers else None
        return Passing(self.protocol, decoder_id, number, transponder, self.rtc_us(at_us),
                       min(strength, self.wire.most), min(hits, self.wire.most), boot=self.boot)

    def status(self, at_us: Micros, decoder_id: str | None) -> Status:
        """The next sign of life of a loop."""
        number = self._next(decoder_id) if self.wire.numbers_status else None
        fields = self.wire.status | ({"rtc_time_us": self.rtc_us(at_us)} if self.wire.has_boot else {})
        status = Status(self.protocol, decoder_id, fields, number, self.boot)
        self._put(decoder_id, number, status)
        return status

    def keep(self, passing: Passing) -> None:
        """Store a passing, so that it can be asked for again."""
        self._put(passing.decoder_id, passing.passing_number, passing)

    def again(self, request: Request) -> Iterator[Passing | Status]:
        """What a client asks to have sent again, as far as it is still there."""
        if request.boot is not None and request.boot != self.boot:
            return
        for decoder_id, store in self._store.items():
            if request.decoder_id in (None, decoder_id):
                yield from [frame for number, frame in store.items() if request.first <= number <= request.last]

    def _next(self, decoder_id: str | None) -> int:
        self._numbers[decoder_id] += 1
        return self._numbers[decoder_id]

    def _put(self, decoder_id: str | None, number: int | None, frame: Passing | Status) -> None:
        if number is None:
            return
        store = self._store.setdefault(decoder_id, {})
        store[number] = frame
        if len(store) > KEPT:
            del store[next(iter(store))]
