"""Which crossings of a line count: forwards, driven, after the kart has been away, on the straight the line is drawn on.

A kart that is parked on the line, or spins on it, makes one crossing. A line may be drawn so long that it lies over other
straights as well, or so short that places which wander miss it: what lies aside of the usual place counts only where it
stands for a crossing that is missing there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import SECOND, Micros
from trackd.gps.lines import WIDER_M, Crossings, Line, crossings
from trackd.gps.trace import Array, Gate, Times, Trace

Mask = NDArray[np.bool_]

AWAY_M = 15.0
"""So far from the line a kart must have been before it can cross it again."""

LEAST_MPS = 3.0
"""Slower a receiver's own wandering is not told from driving (METHODS 1.1): such a crossing counts only where the kart came
from one side and went away on the other.
"""

BESIDE_M = 2.0
"""So far beyond the ends of a line a crossing may still be one of it: lines are drawn from edge to edge, places wander."""

APART_M = 3.0
"""Places on the line that lie further apart, with none in between, are two straights."""

SOON = 0.6
"""Before so much of a usual lap nobody comes round again."""

TURNED, TURNED_US = 0.5, 10 * SECOND
"""Who crosses the line, comes back over it and crosses it again within so much of a usual lap, or within ten seconds, has
turned round behind the line: the first time stands.
"""

STRAIGHT_M = 4.5
"""Further from the usual place on the line than this nobody turns round: it is the straight beside."""

BRIDGED_US: Micros = 3 * SECOND
"""Over a gap of at most this a crossing is still placed, as an estimate."""

PROBED = 16
"""Of so many samples one is looked at first for whether a kart was away."""

ALTERNATING = 3
"""So many crossings in turn on one straight and on another are two straights and not one that is driven anywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """The crossings that count, in order, each (k,). ``beside``: beyond the ends of the line; ``slow``: hardly driven;
    ``turned`` (k - 1,): between it and the next the kart came back over the line, which it seldom does. ``usual_us``: the
    usual time from one to the next, 0 where there are not two.
    """

    t_us: Array
    before: Times
    speed_mps: Array
    step_us: Times
    aside_m: Array
    beside: Mask
    slow: Mask
    turned: Mask
    usual_us: float


def passed(trace: Trace, gate: Gate, gap_us: Micros) -> Passed:
    """The crossings of a line that count. Where the gate names no direction, it is the one more often driven, or that
    driven nearer to the middle of the line.
    """
    line = Line.of(gate)
    found = crossings(trace, line, longest_us=max(BRIDGED_US, gap_us), wider_m=BESIDE_M)
    on = np.abs(found.aside_m) <= line.half_m + WIDER_M
    if gate.heading_deg is None and _rather_backwards(found, on):
        line = replace(line, across=(-line.across[0], -line.across[1]))
        found = replace(found, forward=~found.forward)
    events, slow = _events(trace, line, found)
    kept, turned = _not_turned(found, on, _of_one_straight(found, on, events))
    t_us = found.t_us[kept]
    return Passed(t_us, found.before[kept], found.speed_mps[kept], found.step_us[kept], found.aside_m[kept], ~on[kept],
                  np.isin(kept, slow), turned, float(np.median(np.diff(t_us))) if len(t_us) > 1 else 0.0)


def _rather_backwards(found: Crossings, on: Mask) -> bool:
    """Whether the line is rather driven against the direction it was taken for."""
    driven = on & (found.speed_mps >= LEAST_MPS)
    there, back = found.forward & driven, ~found.forward & driven
    many, few = (np.count_nonzero(there), np.count_nonzero(back))
    if min(many, few) * 2 < max(many, few):
        return bool(few > many)
    return bool(np.median(np.abs(found.aside_m[back])) < np.median(np.abs(found.aside_m[there]))) if many else False


def _events(trace: Trace, line: Line, found: Crossings) -> tuple[Times, Times]:
    """The crossings forwards that may count, one of those between which the kart was never away; and which are slow."""
    fast = found.speed_mps >= LEAST_MPS
    events, slow = [], []
    for first, last in _visits(trace, line, found):
        if first == last and fast[first]:
            events += [first] * bool(found.forward[first])
            continue
        visit = np.arange(first, last + 1)
        right = visit[found.forward[visit]]
        if (driven := right[fast[right]]).size:
            events.append(int(driven[0]))
        elif right.size:
            fastest = int(right[np.argmax(found.speed_mps[right])])
            if _went_through(trace, line, found, visit, fastest):
                events.append(fastest)
                slow.append(fastest)
    return np.array(events, dtype=np.int64), np.array(slow, dtype=np.int64)


def _visits(trace: Trace, line: Line, found: Crossings) -> list[tuple[int, int]]:
    """First and last of the crossings between which the kart was never away from the line. The sample in the middle nearly
    always tells, else a few of them.
    """
    middle = (found.before[:-1] + found.before[1:] + 1) // 2
    ends = _far(trace, line, found.aside_m[:-1], middle)
    for i in np.flatnonzero(~ends):
        between = np.arange(found.before[i] + 1, found.before[i + 1] + 1)
        ends[i] = any(_far(trace, line, found.aside_m[i], between[::every]).any() for every in (PROBED, 1))
    edges = np.flatnonzero(ends) + 1
    return list(zip([0, *edges.tolist()], [*(edges - 1).tolist(), len(middle)], strict=True)) if len(found.before) else []


def _far(trace: Trace, line: Line, aside_m: Array | float, samples: Times) -> Mask:
    """Which of these samples (k,) lie far from a place on the line."""
    lat, lon = trace.lat_deg[samples], trace.lon_deg[samples]
    far: Mask = np.hypot(line.ahead_m(lat, lon), line.aside_m(lat, lon) - aside_m) >= AWAY_M
    return far


def _went_through(trace: Trace, line: Line, found: Crossings, visit: Times, fastest: int) -> bool:
    """Whether the kart came from before the line where it crossed it fastest, and left behind it: by the samples about its
    crossings there, or by where it was away before and after.
    """
    here = found.before[visit[np.abs(found.aside_m[visit] - found.aside_m[fastest]) <= APART_M]]
    far = np.flatnonzero(_far(trace, line, found.aside_m[fastest], np.arange(len(trace))))
    earlier, later = far[far <= here[0]], far[far > here[-1]]
    if not later.size:
        return False
    came = earlier[-1] if earlier.size else here[0]
    ahead = line.ahead_m(*(each[[here[0], here[-1] + 1, came, later[0]]] for each in (trace.lat_deg, trace.lon_deg)))
    return bool(ahead[0] < 0 < ahead[1] or ahead[2] < 0 < ahead[3])


def _of_one_straight(found: Crossings, on: Mask, events: Times) -> Times:
    """The events on the straight nearest to the middle of the line, and those aside that stand for one missing there."""
    inside = events[on[events]]
    if not inside.size or _reverse(found, on, inside):
        return inside[:0]
    straights = _straights(found.aside_m, inside)
    most = max(map(len, straights))
    straights.sort(key=lambda each: float(np.median(np.abs(found.aside_m[each]))))
    main = next(each for each in straights if 2 * len(each) >= most)
    for other in (each for each in straights if each is not main):
        both = np.sort(np.concatenate((main, other)))
        if 2 * len(other) >= most:
            alternating = len(main) >= ALTERNATING and abs(len(main) - len(other)) <= 1 and np.all(
                np.diff(np.isin(both, main).astype(np.int8)) != 0)
            main = main if alternating or _hasty(found.t_us[both]) else both
        else:
            main = _filled(found.t_us, main, other)
    return _filled(found.t_us, main, events[~on[events]])


def _reverse(found: Crossings, on: Mask, events: Times) -> bool:
    """Whether the straight in the middle of the line is driven backwards, and forwards only another that it lies over."""
    back = np.abs(found.aside_m[~found.forward & on & (found.speed_mps >= LEAST_MPS)])
    aside_m = float(np.median(np.abs(found.aside_m[events])))
    return bool(2 * len(back) >= len(events) and aside_m - np.median(back) >= max(APART_M, aside_m / 2))


def _straights(aside_m: Array, events: Times) -> list[Times]:
    """The events by where on the line they are."""
    order = events[np.argsort(aside_m[events])]
    return [np.sort(each) for each in np.split(order, np.flatnonzero(np.diff(aside_m[order]) > APART_M) + 1)]


def _hasty(t_us: Array) -> bool:
    """Whether one follows another sooner than anybody comes round."""
    laps = np.diff(t_us)
    return bool(len(laps) > 1 and laps.min() < SOON * np.median(laps))


def _filled(t_us: Array, main: Times, others: Times) -> Times:
    """The main events with those of the others that are about a lap away from any."""
    if len(main) < 2:
        return main
    usual = float(np.median(np.diff(t_us[main])))
    for each in others:
        at = int(np.searchsorted(main, each))
        beside = main[max(0, at - 1):at + 1]
        if np.abs(t_us[beside] - t_us[each]).min() >= SOON * usual:
            main = np.insert(main, at, each)
    return main


def _not_turned(found: Crossings, on: Mask, events: Times) -> tuple[Times, Mask]:
    """The events without those of karts that turned round behind the line; between which of them one came back over it."""
    t_us = found.t_us[events]
    if not len(events):
        return events, np.zeros(0, dtype=bool)
    here = on & (np.abs(found.aside_m - np.median(found.aside_m[events])) <= STRAIGHT_M)
    back_us = found.t_us[here & ~found.forward & (found.speed_mps >= LEAST_MPS)]
    soon_us = max(float(TURNED_US), TURNED * float(np.median(np.diff(t_us)))) if len(t_us) > 1 else 0.0
    chosen = events
    while (again := np.flatnonzero(_between(back_us, found.t_us[chosen]) & (np.diff(found.t_us[chosen]) < soon_us))).size:
        chosen = np.delete(chosen, again[0] + 1)
    turned = _between(back_us, found.t_us[chosen])
    seldom = 2 * np.count_nonzero(turned) <= max(2, len(turned))
    return chosen, turned & seldom


def _between(moments_us: Array, edges_us: Array) -> Mask:
    """Between which edges (k,) any of the moments lies: (k - 1,)."""
    return np.diff(np.searchsorted(moments_us, edges_us)) > 0
