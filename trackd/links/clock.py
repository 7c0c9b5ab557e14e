"""Time as a link needs it, injectable so that no test waits."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """What a link asks of a clock."""

    def monotonic_us(self) -> int:
        """Microseconds that never jump."""

    def wall_us(self) -> int:
        """Microseconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def monotonic_us(self) -> int:
        """See Clock."""
        return time.monotonic_ns() // 1000

    def wall_us(self) -> int:
        """See Clock."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Timing:
    """Every waiting time of a link, in seconds. A decoder's status period is 5 s; three missed make it silent."""

    backoff_first: float = 0.2
    backoff_most: float = 3.0
    jitter: float = 0.2              # the share of a back-off that chance may take away
    poll: float = 5.0
    silent: float = 15.0
    reconnect: float = 30.0          # of silence
    flush: float = 1.0               # between writes of the raw capture
