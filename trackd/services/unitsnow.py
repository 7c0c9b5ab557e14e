"""How a unit stands, as pages and programs are told, and what goes on with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from trackd.core.time import MINUTE, SECOND, Micros
from trackd.timing.recorded import UnitFact

AGAIN_US = 5 * MINUTE
"""Between visits to a unit that stays in reach."""

SOON_US = 30 * SECOND
"""The same where the last visit went wrong, or the unit was away: a kart passes the box every lap."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: file ``file`` of ``files``, ``done`` of its ``size`` bytes."""

    file: int
    files: int
    done: int
    size: int


@dataclass(frozen=True, slots=True)
class UnitNow:
    """A unit as it stands. ``seen_us``: when it was heard last since the start, wall clock; ``waiting``: recordings on it
    that are not here, None where nobody knows; ``was``: how it was paired before it was taken out.
    """

    id: str
    name: str
    model: str
    kart: str | None = None
    driver_id: str | None = None
    paired: bool = False
    here: bool = False
    seen_us: Micros | None = None
    address: str | None = None
    busy: bool = False
    progress: Progress | None = None
    waiting: int | None = None
    last_us: Micros | None = None
    trouble: str = ""
    was: UnitFact | None = None

    @property
    def state(self) -> str:
        """downloading, in_reach or away."""
        return "downloading" if self.busy else "in_reach" if self.here else "away"


@dataclass(slots=True)
class Work:
    """What goes on with one unit; instants are monotonic."""

    task: asyncio.Task[None] | None = None
    progress: Progress | None = None
    waiting: int | None = None
    trouble: str = ""
    failed: bool = False                 # the last visit brought nothing, and another may
    tried_us: Micros | None = None
    away: bool = False                   # it was, since the last visit

    def due(self, now_us: Micros) -> bool:
        """Whether it is time for a visit."""
        if self.task is not None:
            return False
        return self.tried_us is None or now_us - self.tried_us >= (SOON_US if self.away or self.failed else AGAIN_US)
