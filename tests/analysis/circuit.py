"""An invented kart track with ten corners, and laps driven round it of which everything is known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tests.gps.drive import MIDDLE, PLANE
from trackd.analysis.laps import LapTrace, lap_trace
from trackd.analysis.reference import ReferenceLine, line_of_laps
from trackd.gps.segment import GpsLap
from trackd.gps.trace import Array, Trace

HALF = ((30, 0, 0), (0, 12, 90), (25, 0, 0), (0, 15, -60), (40, 0, 0), (0, 10, 120), (30, 0, 0), (0, 20, -30), (45, 0, 0),
        (0, 14, 60), (30, 0, 0))
"""Half the track: metres straight on, or a corner of this radius in metres through so many degrees to the left. Turned by
180 degrees it follows itself, so the whole closes.
"""
GRIP, PULL, BRAKE, TOP_MPS = 10.0, 2.5, 5.0, 22.0
FINE_M = 0.1


@dataclass(frozen=True)
class Corner:
    from_m: float
    to_m: float
    direction: str


def _track() -> tuple[Array, Array, Array, tuple[Corner, ...]]:
    curve, corners, s = [], [], 0.0
    for straight, radius, turn in (*HALF, *HALF):
        long = straight or radius * np.radians(abs(turn))
        if radius:
            corners.append(Corner(s, s + long, "left" if turn > 0 else "right"))
        count = round(long / FINE_M)
        curve += [np.radians(turn) / (count * FINE_M)] * count
        s += count * FINE_M
    kappa = np.array(curve)
    heading = np.concatenate(([0.0], np.cumsum(kappa) * FINE_M))
    middle = (heading[1:] + heading[:-1]) / 2
    x = np.concatenate(([0.0], np.cumsum(np.cos(middle)) * FINE_M))
    y = np.concatenate(([0.0], np.cumsum(np.sin(middle)) * FINE_M))
    return x, y, heading, tuple(corners)


X, Y, HEADING, CORNERS = _track()
S = np.arange(len(X)) * FINE_M
LENGTH_M = float(S[-1])


def _speeds() -> Array:
    """As fast as grip, engine and brakes allow, round and round."""
    v = np.minimum(TOP_MPS, np.sqrt(GRIP / np.maximum(np.abs(np.diff(HEADING) / FINE_M), 1e-9)))
    for _ in range(2):
        for order, most in ((range(len(v)), PULL), (range(len(v) - 1, -1, -1), BRAKE)):
            last = float(v[order[-1]])
            for i in order:
                last = v[i] = min(float(v[i]), float(np.sqrt(last**2 + 2 * most * FINE_M)))
    return v


SPEED = _speeds()
BRAKED = np.concatenate((np.diff(SPEED**2) / 2 / FINE_M, [0.0])) < -BRAKE / 2


def slower(extra_s: float, from_m: float, to_m: float) -> Array:
    """Seconds a metre (fine,), with so much more time between two places."""
    pace = 1 / SPEED
    zone = (S[:-1] >= from_m) & (S[:-1] < to_m)
    return np.where(zone, pace * (1 + extra_s / (pace[zone].sum() * FINE_M)), pace)


def drift(rng: np.random.Generator, t_s: Array, sd_m: float, tau_s: float = 60.0) -> Array:
    """An Ornstein-Uhlenbeck walk (n, 2) in metres: what a receiver's places wander."""
    keep = np.exp(-np.diff(t_s, prepend=t_s[0]) / tau_s)
    out, here = np.empty((len(t_s), 2)), rng.normal(0, sd_m, 2)
    steps = rng.normal(0, 1, (len(t_s), 2)) * (sd_m * np.sqrt(1 - keep**2))[:, None]
    for i in range(len(t_s)):
        here = out[i] = here * keep[i] + steps[i]
    return out


def drive(paces: list[Array], rate_hz: float = 25, *, aside_m: list[Array] | None = None, seed: int = 0,
          drift_m: float = 0.0, white_m: float = 0.0, speed_mps: float = 0.0,
          phase_s: float = 0.003) -> tuple[Trace, list[GpsLap]]:
    """Laps one after another: ``paces`` seconds a metre and ``aside_m`` metres left of the middle, (fine,) each. The trace
    begins a second before the first and ends a second after the last. Errors are standard deviations.
    """
    rng = np.random.default_rng(seed)
    clock = np.concatenate(([0.0], np.cumsum(np.concatenate(paces)) * FINE_M))
    way = np.arange(len(clock)) * FINE_M
    side = np.concatenate(aside_m or [np.zeros(len(S) - 1)] * len(paces))
    t = np.arange(-1 + phase_s, clock[-1] + 1, 1 / rate_hz)
    went = np.interp(t, clock, way)
    went = np.where(t < 0, t * SPEED[-1], np.where(t > clock[-1], way[-1] + (t - clock[-1]) * SPEED[0], went))
    at = went % LENGTH_M
    off, heading = np.interp(went, way[:-1], side), np.interp(at, S, HEADING)
    xy = np.stack((np.interp(at, S, X) - off * np.sin(heading), np.interp(at, S, Y) + off * np.cos(heading)), axis=1)
    xy += drift(rng, t, drift_m) + rng.normal(0, white_m, xy.shape)
    told = np.interp(at, S[:-1], SPEED) if len(paces) == 1 else 1 / np.interp(went, way[:-1], np.concatenate(paces))
    trace = Trace(np.round(t * 1e6).astype(np.int64) + 1_000_000, MIDDLE.lat_deg + xy[:, 1] / PLANE.north_m,
                  MIDDLE.lon_deg + xy[:, 0] / PLANE.east_m, told + rng.normal(0, speed_mps, len(t)))
    edges = clock[:: len(S) - 1]
    laps = [GpsLap(n + 1, "full", round(a * 1e6) + 1_000_000, round((b - a) * 1e6), 0, (), None)
            for n, (a, b) in enumerate(pairwise(edges))]
    return trace, laps


def driven(paces: list[Array], rate_hz: float = 25, **how: object) -> list[LapTrace]:
    trace, laps = drive(paces, rate_hz, **how)  # type: ignore[arg-type]
    return [lap_trace(trace, lap) for lap in laps]


def line(laps: int = 3, rate_hz: float = 25) -> ReferenceLine:
    """The reference line of the track, of laps without an error."""
    found = line_of_laps(driven([1 / SPEED] * laps, rate_hz))
    assert found
    return found
