"""A trace as a picture: places to drawing units, lines of a layout over it. Pure; numpy comes with the trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trackd.gps.trace import Gate, Recording

WIDTH, MARGIN, TALLEST = 800.0, 40.0, 640.0
DRAWN_MOST = 4000
"""Places drawn at most: more are not told apart."""


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of a layout in the picture, with its name."""

    name: str
    path: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class MapView:
    """A trace in drawing units: an SVG path, and the lines over it."""

    width: float
    height: float
    path: str
    lines: tuple[LineView, ...]


def map_view(found: Recording, gates: Sequence[Gate]) -> MapView:
    """The whole trace, north up, as large as fits."""
    import numpy as np

    from trackd.gps.lines import Plane
    from trackd.gps.trace import Point

    trace = found.trace
    plane = Plane.about(Point(float(np.median(trace.lat_deg)), float(np.median(trace.lon_deg))))
    x, y = plane.xy(trace.lat_deg, trace.lon_deg)
    keep = np.hypot(x, y) < max(1.0, 4 * float(np.quantile(np.hypot(x, y), 0.95)))      # not the way from the paddock
    x, y = x[keep], y[keep]
    left, top = float(x.min()), float(y.max())
    scale = min((WIDTH - 2 * MARGIN) / max(1.0, float(np.ptp(x))), (TALLEST - 2 * MARGIN) / max(1.0, float(np.ptp(y))))

    def at(east: float, north: float) -> tuple[float, float]:
        return MARGIN + (east - left) * scale, MARGIN + (top - north) * scale

    step = max(1, len(x) // DRAWN_MOST)
    points = [at(*each) for each in zip(x[::step].tolist(), y[::step].tolist(), strict=True)]
    lines = []
    for gate in gates:
        (ax, ay), (bx, by) = at(*plane.point(gate.a)), at(*plane.point(gate.b))
        lines.append(LineView(name_of(gate.role), f"M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}", round(bx, 1), round(by, 1)))
    return MapView(round(2 * MARGIN + float(np.ptp(x)) * scale, 1), round(2 * MARGIN + float(np.ptp(y)) * scale, 1),
                   "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points), tuple(lines))


def name_of(role: str) -> str:
    """What a line is called on a page: start, S1, pit in."""
    return {"start_finish": "start"}.get(role) or role.replace("sector:", "S").replace("_", " ")
