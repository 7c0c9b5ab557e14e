"""How fast simulated time goes by: at one speed, and for a while faster still.

A venue that is set back by ``lead_s`` can catch up with the wall clock in a hurry, and is then as late or early as anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

HURRY = 60.0
"""Times as fast as ours, until the lead is made up."""


class Pace:
    """Simulated seconds since it was made: ``speed`` of them to one of ours, more in a ``hurry``."""

    def __init__(self, speed: float, lead_s: float = 0.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed, self.lead_s = speed, lead_s if speed < HURRY else 0.0
        self._monotonic, self._began = monotonic, monotonic()
        self._since: float | None = None         # of ours, when the hurry began

    def hurry(self) -> None:
        """Begin to make the lead up."""
        self._since = self._ours()

    def seconds(self) -> float:
        """Simulated time."""
        return self._ours() * self.speed + self._hurried() * (HURRY - self.speed)

    def behind_s(self) -> float:
        """How far the wall clock of the simulation is behind ours: all of the lead, less and less in a hurry, then 0."""
        return self.lead_s - self._hurried() * (HURRY - 1)

    async def sleep(self, seconds: float) -> None:
        """Wait for so many simulated seconds."""
        left = 0.0 if self._since is None else self.lead_s / (HURRY - 1) - self._hurried()
        fast = min(seconds / HURRY, left)
        await asyncio.sleep(fast + (seconds - fast * HURRY) / self.speed)

    def _ours(self) -> float:
        return self._monotonic() - self._began

    def _hurried(self) -> float:
        """How many of our seconds the hurry has lasted."""
        return 0.0 if self._since is None else min(self._ours() - self._since, self.lead_s / (HURRY - 1))
