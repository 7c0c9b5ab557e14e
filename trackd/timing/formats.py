"""How a session starts, ends and is ranked, and the short text people write for it (``8m``, ``12L``, ``8m+1L``)."""

from __future__ import annotations

import re

import msgspec

from trackd.core.errors import BadInput, Fault
from trackd.core.time import HOUR, MINUTE, SECOND, Micros

RANKINGS = ("best_lap", "position")
STARTS = ("green", "first_crossing")
FINISHES = ("individual", "leader")
FIRST_LAPS = ("from_crossing", "from_green")

REPEAT_US: Micros = 2 * SECOND
"""Reads of one transponder on one loop closer than this are one crossing (CONTRACT: or the minimum lap, if shorter)."""

LEAST_GRACE_US: Micros = 30 * SECOND
"""The grace time is 1.5 median laps, at least this (R4)."""

_TEXT = re.compile(r"(?:(?P<h>\d{1,2})h)?(?:(?P<m>\d{1,3})m)?(?:(?P<s>\d{1,5})s)?(?:\+(?P<plus>\d{1,2})L)?")
_LAPS = re.compile(r"(\d{1,4})L")


class Length(msgspec.Struct, frozen=True):
    """How long a session is: a duration (microseconds), perhaps with laps after it, or a number of laps."""

    duration_us: Micros | None = None
    laps: int | None = None
    plus_laps: int = 0

    def __str__(self) -> str:
        if self.laps is not None:
            return f"{self.laps}L"
        minutes, seconds = divmod((self.duration_us or 0) // SECOND, 60)
        hours, minutes = divmod(minutes, 60) if minutes % 60 == 0 or minutes > 90 else (0, minutes)
        text = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + (f"{seconds}s" if seconds else "")
        return f"{text}+{self.plus_laps}L" if self.plus_laps else text


def parse_length(text: str, where: str = "format") -> Length:
    """Read ``90s``, ``8m``, ``1h30m``, ``12L`` or ``8m+1L``. Raises BadInput naming ``where``."""
    compact = text.replace(" ", "")
    if (laps := _LAPS.fullmatch(compact)) and int(laps[1]) > 0:
        return Length(laps=int(laps[1]))
    found = _TEXT.fullmatch(compact)
    if found and (found["h"] or found["m"] or found["s"]):
        duration = int(found["h"] or 0) * HOUR + int(found["m"] or 0) * MINUTE + int(found["s"] or 0) * SECOND
        if 0 < duration <= 48 * HOUR:
            return Length(duration_us=duration, plus_laps=int(found["plus"] or 0))
    raise BadInput(Fault(where, f"'{text}' is no session length; write 90s, 8m, 1h30m, 12L or 8m+1L"))


def read_length(value: object) -> Length:
    """A session's length from ``"8m"``, ``"12L"``, or a number of seconds. Raises BadInput."""
    text = f"{value:g}s" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return parse_length(text, "duration")


class Rules(msgspec.Struct, frozen=True):
    """Everything the heat reducer needs to know of a session's format and layout, fixed when the session is made."""

    length: Length
    ranking: str = "best_lap"
    start: str = "green"
    finish: str = "individual"
    first_lap: str = "from_crossing"
    min_lap_us: Micros = 10 * SECOND
    max_lap_us: Micros | None = None
    grace_us: Micros | None = None       # None: 1.5 median laps, at least 30 s
    sectors: int = 0                     # sector lines on the layout, 2 lines make 3 sectors
    hold_off_us: Micros | None = 0       # after a resume; None, as new sessions have it: 0.75 median laps (R6)
    countdown_us: Micros = 0             # to green; 0: at once
    random_hold_us: Micros = 0           # and up to this much longer, drawn when the countdown begins
    restart_below: int = 2               # red before the leader has completed this many laps: a full restart (R7)
    stands_pct: int = 75                 # red from this share of the distance on: the result stands (R7)
    count_back: int = 0                  # laps the order is counted back when it ends under red (R7)

    @property
    def repeat_us(self) -> Micros:
        """The window in which a further read is the same crossing."""
        return min(REPEAT_US, self.min_lap_us) if self.min_lap_us > 0 else REPEAT_US
