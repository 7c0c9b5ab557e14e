"""Track time: the one clock sessions run on. It rises evenly whatever happens to the wall clock.

Within one boot of the machine it follows the monotonic clock, across restarts of trackd too; after a reboot it is
set by the wall clock, never back. Decoders hold the truth on lap times; this clock only dates what people press.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trackd.core.time import Micros

# Linux counts the time asleep too with this one; elsewhere the plain one must do.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(slots=True)
class TrackClock:
    """``now()`` is track time in microseconds, ``wall()`` the wall clock's opinion. Both sources are injectable."""

    anchor_us: Micros = 0                                # track time = monotonic + anchor
    mono: Callable[[], Micros] = lambda: time.clock_gettime_ns(_STEADY) // 1000
    wall: Callable[[], Micros] = lambda: time.time_ns() // 1000
    boot_id: Callable[[], str] = _boot_id

    def resume(self, saved: str | None, last_us: Micros) -> str:
        """Go on from the saved anchor (same boot) or the wall clock, never before ``last_us``; gives what to save."""
        boot, _, anchor = (saved or "").partition(" ")
        if boot and boot == self.boot_id():
            self.anchor_us = int(anchor)
        else:
            self.anchor_us = self.wall() - self.mono()
        self.ahead(last_us)
        return self.saved()

    def saved(self) -> str:
        """The anchor, for the next start within this boot."""
        return f"{self.boot_id()} {self.anchor_us}"

    def now(self) -> Micros:
        """Track time."""
        return self.mono() + self.anchor_us

    def ahead(self, at_us: Micros) -> bool:
        """Go forward to ``at_us`` if it lies ahead: time never runs backwards. True if it did."""
        behind = at_us - self.now()
        if behind > 0:
            self.anchor_us += behind
        return behind > 0
