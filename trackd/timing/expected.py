"""What comes next: who is due at the line and who is overdue (A18), the last lap foreseen (R5), who is lapped (R18).

All of it is foreseen from the laps driven so far and the track time of the moment. Nothing here changes a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from math import ceil
from statistics import fmean
from typing import NamedTuple

from trackd.core.time import SECOND, Micros
from trackd.timing import clock, finish
from trackd.timing.board import Expected
from trackd.timing.flags import Flag, State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry

LAPPING_US: Micros = 3 * SECOND
"""A kart this little ahead of the leader on the road is about to be lapped (R18)."""

LATEST = 3
"""The leader's pace near the end is the mean of so many clean laps (R5)."""


class _Way(NamedTuple):
    """A kart on its way to the line."""

    kart: str
    laps: int
    since_us: Micros             # when its lap began, moved by the time under red since then
    lap_us: Micros               # what a lap takes it

    def distance(self, now_us: Micros) -> float:
        """Laps driven, the part of this one included. A kart that is a little late is just before the line."""
        return self.laps + min(1.0, (now_us - self.since_us) / self.lap_us)


def field_us(heat: Heat) -> Micros | None:
    """The median of all clean laps of the heat; None while there is none."""
    times = sorted(chain.from_iterable(entry.pace.clean for entry in heat.entries.values()))
    return middle(times) if times else None


def middle(times: Sequence[Micros]) -> Micros:
    """The median of sorted times, of which there is at least one."""
    half = len(times) // 2
    return times[half] if len(times) % 2 else (times[half - 1] + times[half]) // 2


def expected(heat: Heat, now_us: Micros) -> tuple[Expected, ...]:
    """The next crossing of every kart on the track, soonest first (A18). ``now_us`` is track time.

    A kart is due one median of its own clean laps after its lap began, by the field's median while it has none; without
    either it is left out. Half a median later it is overdue. Time under red is no driving and is left out of it. Empty
    unless the heat is running or finishing.
    """
    found = []
    for way in _under_way(heat):
        due_us = way.since_us + way.lap_us
        overdue_us = due_us + way.lap_us // 2
        found.append(Expected(way.kart, due_us, now_us >= overdue_us, overdue_us))
    return tuple(sorted(found, key=lambda e: (e.due_us, e.kart)))


def next_change(heat: Heat, now_us: Micros) -> Micros | None:
    """The instant after ``now_us`` at which the next kart becomes overdue, should nothing happen before; else None."""
    return min((e.overdue_us for e in expected(heat, now_us) if not e.overdue), default=None)


def predicted_last(heat: Heat, now_us: Micros) -> bool:
    """Whether "LAST LAP (predicted)" is to be shown: the white flag is due at the leader's next crossing (R5).

    It is announced while the leader is on the lap before, so that race control has the flag in hand when the leader
    comes, and ends with that crossing or with the white flag. With the next crossing c, the pace m (mean of the
    leader's last three clean laps) and time up at T:

    - lap race: exact, the leader is on the last lap but one;
    - ``8m``: c < T <= c + m, the lap that begins at c is the one in which time runs out;
    - ``8m+1L``: T <= c, the first crossing after time is up begins the last lap.

    A leader later than foreseen may come at any moment: c is never before ``now_us``. One that stands in the pit or is
    overdue foretells nothing. Under yellow c comes later than its clean laps say.
    """
    leader = _leader(heat)
    if leader is None or leader.opened_us is None or heat.state is not State.RUNNING:
        return False
    if heat.last_lap_us is not None or heat.flag is Flag.WHITE:
        return False
    length, up_us = heat.rules.length, finish.time_up(heat)
    if length.laps is not None:
        return len(leader.laps) == length.laps - 2
    if up_us is None:
        return False
    if length.plus_laps and now_us >= up_us:
        return True
    lap_us = _latest_us(leader) or field_us(heat)
    since_us = leader.opened_us + _red_us(heat.pauses, leader.opened_us)
    if lap_us is None or leader.pit or now_us >= since_us + 1.5 * lap_us:
        return False
    next_us = max(since_us + lap_us, now_us)
    return up_us <= next_us if length.plus_laps else next_us < up_us <= next_us + lap_us


def lapping(heat: Heat, now_us: Micros) -> frozenset[str]:
    """Karts the leader is about to lap: at most 3 s ahead on the road and slower (R18). A hint, no ranking effect.

    Where a kart is follows from the part of its median lap that has gone by; one more than 3 s late is nobody knows
    where. A kart just over the line has as many laps as a leader just before it, and is about to have one fewer.
    """
    first = _leader(heat)
    ways = [way for way in _under_way(heat) if now_us <= way.since_us + way.lap_us + LAPPING_US]
    leader = next((way for way in ways if first is not None and way.kart == first.kart), None)
    if leader is None:
        return frozenset()
    leads_by = {way.kart: leader.distance(now_us) - way.distance(now_us) for way in ways if way.lap_us > leader.lap_us}
    return frozenset(kart for kart, laps in leads_by.items()
                     if laps > 0 and (ceil(laps) - laps) * leader.lap_us <= LAPPING_US)


def _under_way(heat: Heat) -> list[_Way]:
    """Karts with a lap open, out of the pit and not yet in, of which anything says how long a lap takes them."""
    if heat.state not in (State.RUNNING, State.FINISHING):
        return []
    ways: list[_Way] = []
    without: list[_Way] = []
    for entry in heat.entries.values():
        if entry.opened_us is None or entry.finished_us is not None or entry.left or entry.pit:
            continue
        times = entry.pace.clean
        since_us = entry.opened_us + _red_us(heat.pauses, entry.opened_us)
        way = _Way(entry.kart, len(entry.laps), since_us, middle(times) if times else 0)
        (ways if times else without).append(way)
    if without and (lap_us := field_us(heat)) is not None:
        ways += [way._replace(lap_us=lap_us) for way in without]
    return ways


def _leader(heat: Heat) -> Entry | None:
    """First in race order, however the heat is ranked: who brings the flags (R4)."""
    out = [entry for entry in heat.entries.values() if entry.out and not entry.left]
    return min(out, key=finish.race_key, default=None)


def _latest_us(entry: Entry) -> Micros | None:
    """Its pace of late. A lap half as long again as usual is a spin or a missed read and tells nothing of it."""
    if not entry.pace.clean:
        return None
    limit_us = 1.5 * middle(entry.pace.clean)
    times = (lap.time_us for lap in reversed(entry.laps) if lap.clean)
    return int(fmean(islice((time_us for time_us in times if time_us < limit_us), LATEST)))


def _red_us(pauses: clock.Spans, since_us: Micros) -> Micros:
    """Time under red after ``since_us``, in periods that have ended."""
    return sum(max(0, stop - max(start, since_us)) for start, stop in pauses if stop is not None)
