"""A heat on a track with ten corners, each kart with a logger aboard: what is known of every lap beforehand."""

from __future__ import annotations

from math import degrees
from typing import Any

import numpy as np

from tests.analysis import circuit
from tests.gps.drive import place
from trackd.gps.layouts import Layout
from trackd.gps.trace import Array, Gate, Trace

LOST_S = 0.3
"""Kart 2 loses that in the fourth corner, each lap."""

SLOW_M = (175.0, 200.0)


def gate(role: str, at_m: float, half_m: float = 8) -> Gate:
    """A line across the circuit, so many metres after the start."""
    x, y, heading = (float(np.interp(at_m, circuit.S, column)) for column in (circuit.X, circuit.Y, circuit.HEADING))
    left = np.array([-np.sin(heading), np.cos(heading)]) * half_m
    return Gate(role, place(x + left[0], y + left[1]), place(x - left[0], y - left[1]), (90 - degrees(heading)) % 360)


LAYOUT = Layout(gate("start_finish", 0), (gate("sector:1", 170), gate("sector:2", 390)), name="Lindenau long",
                min_lap_us=20_000_000)


def laps_of(kart: int, count: int, rate_hz: float = 25, extra_s: Array | None = None) -> tuple[Trace, list[float]]:
    """The trace of a kart, and the seconds at which it crosses the line on the trace's clock. Lap times differ by about
    ``extra_s`` (count,), as drivers do, more early or late in the lap; kart 2 is slow in one corner, kart 3 everywhere.
    """
    rng = np.random.default_rng(kart)
    extra = rng.uniform(0, 1.2, count) if extra_s is None else extra_s
    paces = []
    for lap in range(count):
        pace = circuit.slower(LOST_S, *SLOW_M) if kart == 2 else 1 / circuit.SPEED
        share = np.interp(circuit.S[:-1], (0, circuit.LENGTH_M), rng.dirichlet((9, 9))) * 2
        paces.append(pace * (1 + share * (float(extra[lap]) + 0.4 * (kart == 3)) / (pace.sum() * circuit.FINE_M)))
    aside = [np.full(len(circuit.S) - 1, 0.4 * (kart - 1)) for _ in range(count)]
    trace, laps = circuit.drive(paces, rate_hz, aside_m=aside, seed=kart, drift_m=0.1, white_m=0.02)
    return trace, [lap.start_us / 1e6 for lap in laps] + [laps[-1].end_us / 1e6]


def of_lap(laps: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """The full lap of that number."""
    return next(lap for lap in laps if lap["number"] == number and lap["kind"] == "full")
