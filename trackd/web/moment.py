"""The moment a view is made at, on both clocks, and clock times at the venue. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from trackd.core.time import MINUTE, SECOND, Micros, clock_text, utc


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: ``track_us`` as timing counts it, ``wall_us`` in microseconds since 1970."""

    track_us: Micros = 0
    wall_us: Micros = 0

    def wall_of(self, track_us: Micros) -> Micros:
        """A track time on the wall clock."""
        return self.wall_us + track_us - self.track_us


def local_time(instant_us: Micros, zone: tzinfo) -> str:
    """A clock time at the venue, ``14:11``."""
    return utc(instant_us).astimezone(zone).strftime("%H:%M")


def age_text(duration_us: Micros) -> str:
    """How long something lasts or waits: ``22 s``, from a minute on ``1:05``."""
    return f"{max(0, duration_us) // SECOND} s" if duration_us < MINUTE else clock_text(duration_us, up=True)
