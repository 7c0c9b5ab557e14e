"""Invented venues: courses with hairpins and straights side by side, driven and told by a receiver that wanders."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tests.gps.drive import place, trace_at
from trackd.gps.layouts import Layout
from trackd.gps.trace import Gate, Trace

Xy = NDArray[np.float64]

LONG = np.array([(0, 0), (120, 0), (150, 20), (150, 60), (120, 70), (60, 45), (50, 62), (110, 92), (110, 120), (60, 128),
                 (20, 105), (-20, 110), (-45, 80), (-45, 30), (-30, 5)], dtype=float)
"""Along the south from west to east, then anticlockwise; two straights some 17 m apart in the middle."""

SHORT = np.delete(LONG, [4, 5, 6, 7], axis=0)
"""The same without the middle."""

CHICANE = np.insert(LONG, 13, [(-45, 62), (-62, 55), (-45, 45)], axis=0)
"""The long one with a chicane of 15 m in the west."""


def closed(corners: Xy, step_m: float = 1.0, round_m: float = 14.0) -> Xy:
    """The polygon with its corners rounded, one place a step, (n, 2); it begins in the middle of the first side."""
    corners = np.concatenate(([(corners[0] + corners[1]) / 2], corners[1:], corners[:1]))
    ring = np.concatenate((corners, corners[:1]))
    way = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))))
    count = round(way[-1] / step_m)
    at = np.arange(count) * way[-1] / count
    line = np.stack([np.interp(at, way, ring[:, axis]) for axis in (0, 1)], axis=1)
    width = int(round_m / step_m) | 1
    around = np.concatenate((line[-(width // 2):], line, line[:width // 2]))
    return np.stack([np.convolve(around[:, axis], np.full(width, 1 / width), mode="valid") for axis in (0, 1)], axis=1)


def gate_at(line: Xy, index: int, role: str = "start_finish", half_m: float = 7.0) -> Gate:
    """A line across the course at one of its places, in the direction it is driven."""
    ahead = line[(index + 1) % len(line)] - line[index - 1]
    ahead = ahead / np.hypot(*ahead)
    left = np.array([-ahead[1], ahead[0]])
    ends = [place(*(line[index] + side * left)) for side in (-half_m, half_m)]
    return Gate(role, ends[0], ends[1], float(np.degrees(np.arctan2(ahead[0], ahead[1])) % 360))


def layout(line: Xy, name: str, *, start: int = 0, sectors: tuple[int, ...] = (), reference: bool = True) -> Layout:
    """A layout of a course; its start line, and its sector lines, at these places of it."""
    gates = tuple(gate_at(line, at, f"sector:{number}") for number, at in enumerate(sectors, 1))
    along = tuple(place(*each) for each in line) if reference else ()
    return Layout(gate_at(line, start), gates, reference=along, name=name)


VENUE = {name: closed(corners) for name, corners in (("long", LONG), ("short", SHORT), ("chicane", CHICANE))}
ELSEWHERE = closed(LONG * [0.8, 1.1] + [900.0, 200.0])
LINES: dict[str, Xy] = VENUE | {f"{name} reverse": line[::-1] for name, line in VENUE.items()} | {"elsewhere": ELSEWHERE}
LAYOUTS = {name: layout(line, name, start=-1 if "reverse" in name else 0) for name, line in LINES.items()}


@dataclass(frozen=True, slots=True)
class Outing:
    """How a course is driven: ``laps`` times round from ``before`` to ``after`` of a lap beyond the line (shares of it).
    ``drift_m``: sd of a receiver's slow wandering on each axis; ``wide_m``: how far lines differ from lap to lap.
    """

    laps: int = 6
    rate_hz: float = 10.0
    drift_m: float = 1.5
    wide_m: float = 0.7
    noise_m: float = 0.05
    before: float = 0.3
    after: float = 0.3
    speed_mps: float = 13.0


def drive(line: Xy, outing: Outing, rng: np.random.Generator) -> Trace:
    """A recording of an outing."""
    total = outing.before + outing.laps + outing.after
    return told(round_and_round(line, outing, rng, total), outing, rng)


def round_and_round(line: Xy, outing: Outing, rng: np.random.Generator, total: float) -> Xy:
    """The true places, one a sample: faster on straights than in corners, on another line each lap."""
    count = len(line)
    ahead = np.roll(line, -3, axis=0) - np.roll(line, 3, axis=0)
    turn = np.abs(np.diff(np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]), axis=0), append=0.0))
    slow = np.convolve(np.concatenate((turn[-15:], np.clip(turn, 0, 0.2), turn[:15])), np.full(31, 1 / 31), mode="valid")
    pace = outing.speed_mps * np.clip(1.25 - 8 * slow, 0.5, 1.3)
    moment = np.concatenate(([0.0], np.cumsum(1 / pace)))                    # a metre a place
    t = np.arange(0, total * moment[-1], 1 / outing.rate_hz)
    begin = (1 - outing.before % 1) * moment[-1]
    at = np.interp((t + begin) % moment[-1], moment, np.arange(count + 1))
    waves = rng.normal(0, outing.wide_m / 2, (4, 2)), 0.3 + rng.random(4) * 4
    aside = sum(a * np.sin(w * 2 * np.pi * t / moment[-1]) + b * np.cos(w * 2 * np.pi * t / moment[-1])
                for (a, b), w in zip(*waves, strict=True))
    ring, unit = np.concatenate((line, line[:1])), ahead / np.hypot(*ahead.T)[:, None]
    normal = np.concatenate((unit, unit[:1]))
    place_at = [np.interp(at, np.arange(count + 1), ring[:, axis]) for axis in (0, 1)]
    beside = [-np.interp(at, np.arange(count + 1), normal[:, 1]), np.interp(at, np.arange(count + 1), normal[:, 0])]
    return np.stack([here + aside * side for here, side in zip(place_at, beside, strict=True)], axis=1)


def told(xy: Xy, outing: Outing, rng: np.random.Generator) -> Trace:
    """What a receiver makes of true places: they drift within a minute, and each is a little off (METHODS 0.1)."""
    fade = np.exp(-1 / outing.rate_hz / 60)
    drift = np.empty((len(xy), 2))
    drift[0] = rng.normal(0, outing.drift_m, 2)
    shocks = rng.normal(0, outing.drift_m * np.sqrt(1 - fade**2), (len(xy), 2))
    for i in range(1, len(xy)):
        drift[i] = fade * drift[i - 1] + shocks[i]
    return trace_at(np.arange(len(xy)) / outing.rate_hz, xy + drift + rng.normal(0, outing.noise_m, xy.shape))


def backwards(trace: Trace) -> Trace:
    """The same way driven the other way round."""
    return replace(trace, lat_deg=trace.lat_deg[::-1], lon_deg=trace.lon_deg[::-1], speed_mps=trace.speed_mps[::-1])
