"""What a GPS logger in a simulated kart records: the same drive that the loops see, as a receiver tells it. Pure, seeded.

The passings of the kart say when it was at each loop. In between it drives as the course is driven, slower or faster by as
much as its time asks for, and what is lost in a spin or in the pit is lost in one place.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from trackd.core.time import SECOND, Micros
from trackd.emulator import course
from trackd.emulator.field import LINE, FieldPassing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DRIFT_M, DRIFT_S, WHITE_M, WHITE_MPS = 0.3, 60.0, 0.02, 0.05
"""A good receiver under an open sky: it wanders by so much (sd), in about so many seconds, and each place and each speed is
a little off besides.
"""

STEP_M = 0.5
SPIN_US: Micros = 2 * SECOND
SPIN_M = 24.0
"""Who loses that much in a stretch loses it within so many metres."""

ROLL_US, ROLL_M = 3 * SECOND, 30.0
"""From its last passing on it is recorded for so long, and that far."""

PIT_MPS, PIT_ASIDE_M = 8.0, 6.0
WIDE_M = 0.5
"""How far lines differ from lap to lap."""


class Sample(NamedTuple):
    """One position, as the receiver tells it."""

    t_us: Micros                 # since the recording began
    lat_deg: float
    lon_deg: float
    speed_mps: float


@dataclass(frozen=True, slots=True)
class Outing:
    """A recording. It began at ``start_us`` of the field's time; ``crossed_us``: when the kart was over the line, as the
    loop told it, since the beginning.
    """

    start_us: Micros
    samples: tuple[Sample, ...]
    crossed_us: tuple[Micros, ...]


class _Knot(NamedTuple):
    """A kart at a loop, so many metres from where it first saw the line."""

    at_us: Micros
    way_m: float
    loop: str


def outing(passings: Iterable[FieldPassing], *, rate_hz: int = 10, seed: str = "0") -> Outing:
    """The recording of one kart from its first passing until a little after its last. ``passings``: those of this kart
    alone, in time order, on the loops of the course. Raises ValueError for none.
    """
    knots = _knots(passings)
    rng = random.Random(f"{seed}:outing")  # noqa: S311 - repeatable on purpose
    moments, ways = _drive(knots, rng)
    start_us, end_us = knots[0].at_us, knots[-1].at_us
    waves = [(rng.uniform(0, math.tau), math.tau / (course.LENGTH_M * share)) for share in (0.23, 0.61, 1.7)]
    pits = [(a.way_m, b.way_m) for a, b in _visits(knots)]
    samples, east, north = [], rng.gauss(0, DRIFT_M), rng.gauss(0, DRIFT_M)
    keep = math.exp(-1 / rate_hz / DRIFT_S)
    shock = DRIFT_M * math.sqrt(1 - keep**2)
    for n in range((end_us - start_us) * rate_hz // SECOND + 1):
        t_us = n * SECOND // rate_hz
        i = min(bisect_right(moments, start_us + t_us), len(moments) - 1)
        part = (start_us + t_us - moments[i - 1]) / (moments[i] - moments[i - 1])
        way = ways[i - 1] + part * (ways[i] - ways[i - 1])
        speed = (ways[i] - ways[i - 1]) / (moments[i] - moments[i - 1]) * SECOND
        at, aside = course.spot(way), sum(WIDE_M / 2 * math.sin(start + turn * way) for start, turn in waves)
        aside -= sum(PIT_ASIDE_M * math.sin(math.pi * (way - a) / (b - a))**2 for a, b in pits if a < way < b)
        east, north = keep * east + rng.gauss(0, shock), keep * north + rng.gauss(0, shock)
        lat, lon = course.degrees_at(at.east_m - aside * math.sin(at.heading) + east + rng.gauss(0, WHITE_M),
                                     at.north_m + aside * math.cos(at.heading) + north + rng.gauss(0, WHITE_M))
        samples.append(Sample(t_us, lat, lon, max(0.0, speed + rng.gauss(0, WHITE_MPS))))
    crossed = [knot.at_us - start_us for knot in knots if knot.loop == LINE]
    return Outing(start_us, tuple(samples), tuple(crossed))


def _knots(passings: Iterable[FieldPassing]) -> list[_Knot]:
    """Passings as places on the way, and where the kart has rolled to in the end."""
    knots: list[_Knot] = []
    for each in passings:
        before_m = knots[-1].way_m if knots else 0.0
        ahead_m = (course.line_m(each.loop) - before_m) % course.LENGTH_M
        lap_m = course.LENGTH_M if knots and ahead_m < 1 else 0.0     # the same loop again is a lap on
        knots.append(_Knot(each.at_us, before_m + ahead_m + lap_m, each.loop))
    if not knots:
        raise ValueError("a recording takes a passing")
    return [*knots, _Knot(knots[-1].at_us + ROLL_US, knots[-1].way_m + ROLL_M, "")]


def _visits(knots: Sequence[_Knot]) -> list[tuple[_Knot, _Knot]]:
    """From where to where it was in the pit lane."""
    found = []
    for i, knot in enumerate(knots):
        out = next((each for each in knots[i:] if each.loop == "pit_out"), None)
        if knot.loop == "pit_in" and out is not None:
            found.append((knot, out))
    return found


def _drive(knots: Sequence[_Knot], rng: random.Random) -> tuple[list[float], list[float]]:
    """Moments and ways, a step apart: the kart passes each loop as fast as the course is driven there."""
    moments, ways = [float(knots[0].at_us)], [knots[0].way_m]
    for a, b in pairwise(knots):
        steps = max(4, round((b.way_m - a.way_m) / STEP_M))
        long, took_s = (b.way_m - a.way_m) / steps, (b.at_us - a.at_us) / SECOND
        middles = [a.way_m + long * (n + 0.5) for n in range(steps)]
        base = [long / _speed_mps(a, b, way) for way in middles]
        lost_s = took_s - sum(base)
        half, centre = (b.way_m - a.way_m) / 2, (a.way_m + b.way_m) / 2
        if lost_s * SECOND > SPIN_US and half > SPIN_M / 2:
            aside_m = max(0.0, half - SPIN_M)
            centre, half = rng.uniform(centre - aside_m, centre + aside_m), SPIN_M / 2
        bumps = [math.cos(math.pi / 2 * (way - centre) / half)**2 if abs(way - centre) < half else 0.0 for way in middles]
        more = lost_s / sum(bump * each for bump, each in zip(bumps, base, strict=True))
        if more <= -1:
            raise ValueError("no kart is that fast on this course")
        at = float(a.at_us)
        for n, (bump, each) in enumerate(zip(bumps, base, strict=True), 1):
            at += each * (1 + more * bump) * SECOND
            moments.append(at)
            ways.append(a.way_m + long * n)
    return moments, ways


def _speed_mps(a: _Knot, b: _Knot, way_m: float) -> float:
    """How fast a kart that loses nothing is between two loops: evenly in the pit lane, else as the course is driven."""
    if b.loop == "pit_out":
        return (b.way_m - a.way_m) / (b.at_us - a.at_us) * SECOND
    return PIT_MPS if a.loop == "pit_in" else course.SPEEDS[int(way_m % course.LENGTH_M)]
