"""The reference line of a layout: the way round as a polyline with distance, and where on it a lap was.

A lap is compared with another at the same place of the track, not after the same distance driven: two lines through a
corner differ in length by more than laps differ in time (METHODS 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trackd.analysis.laps import LapTrace
from trackd.analysis.quadratic import smoothed
from trackd.core.time import SECOND
from trackd.gps.lines import Line, Plane, crossings
from trackd.gps.trace import Array, Gate, Point, Times, Trace

STEP_M = 1.0
"""From one point of the line to the next."""

SMOOTHED = 5
"""Points on either side that a point of the line is smoothed with."""

ALIKE = 0.03
"""A lap longer or shorter than the median by more went another way (METHODS 1.2)."""

WINDOW = 25
"""Points on either side of where a kart should be among which it is looked for: not those of the straight beside."""


LEAST_M = 4 * WINDOW * STEP_M
"""What is shorter is no track."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceLine:
    """Once round, from the start/finish line to itself. Arrays (m,) float64, a point each ``STEP_M`` or nearly: ``x_m``,
    ``y_m`` in ``plane``, the last where the first is; ``s_m`` along the line, increasing from 0; ``speed_mps`` what laps
    are driven at there, NaN where no lap told. ``laps``: how many it was made of; 0 for a line that was drawn.
    """

    plane: Plane
    x_m: Array
    y_m: Array
    s_m: Array
    speed_mps: Array
    laps: int = 0

    @property
    def length_m(self) -> float:
        """Once round."""
        return float(self.s_m[-1])

    def heading(self, s_m: Array) -> Array:
        """The unit vector along the line at these distances: (k, 2), east and north."""
        before, after = np.maximum(s_m - STEP_M, 0), np.minimum(s_m + STEP_M, self.length_m)
        way = np.stack([np.interp(after, self.s_m, column) - np.interp(before, self.s_m, column)
                        for column in (self.x_m, self.y_m)], axis=1)
        unit: Array = way / np.hypot(*way.T)[:, None]
        return unit

    def place(self, s_m: float) -> Point:
        """Where a distance along the line is."""
        east, north = np.interp(s_m, self.s_m, self.x_m), np.interp(s_m, self.s_m, self.y_m)
        middle = self.plane.middle
        return Point(middle.lat_deg + float(north) / self.plane.north_m, middle.lon_deg + float(east) / self.plane.east_m)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Where samples are along the line. Arrays (n,) float64: ``s_m`` below 0 or beyond the length close to the ends;
    ``offset_m`` beside the line, left positive; ``away_m`` from the point of the line it was given, at least that.
    ``bias_m``: metres east and north by which the whole lap lies beside the line, an error of the receiver's rather than a
    line that was driven; ``ahead_m`` (n,) float64: how much of ``s_m`` is due to it.
    """

    s_m: Array
    ahead_m: Array
    offset_m: Array
    away_m: Array
    bias_m: tuple[float, float]

    @property
    def p95_m(self) -> float:
        """Nineteen samples of twenty are no further away."""
        return float(np.quantile(self.away_m, 0.95))


def line_of_laps(laps: Sequence[LapTrace]) -> ReferenceLine | None:
    """The line that clean laps follow: their median at the same part of the way, lightly smoothed. METHODS 2 asks for ten
    laps or more; with fewer it is what it is, and ``laps`` says so. None where no lap is whole or none goes round.
    """
    laps = [lap for lap in laps if lap.whole]
    if not laps:
        return None
    plane = Plane.about(Point(float(laps[0].lat_deg[0]), float(laps[0].lon_deg[0])))
    places = [plane.xy(lap.lat_deg, lap.lon_deg) for lap in laps]
    ways = [way_m(x, y) for x, y in places]
    usual = float(np.median([way[-1] for way in ways]))
    if usual < LEAST_M:
        return None
    share = np.linspace(0, 1, round(usual / STEP_M) + 1)
    rows = [[np.interp(share, way / way[-1], column) for column in (x, y, lap.speed_mps)]
            for lap, (x, y), way in zip(laps, places, ways, strict=True) if abs(way[-1] - usual) <= ALIKE * usual]
    if not rows:
        return None
    told = [speed for *_, speed in rows if np.isfinite(speed).all()]
    speed = np.median(told, axis=0) if told else np.full(len(share), np.nan)
    x, y = (np.median([row[column] for row in rows], axis=0) for column in (0, 1))
    return _ring(plane, x, y, speed, len(rows))


def line_of_points(points: Sequence[Point], start_finish: Gate) -> ReferenceLine | None:
    """The line a person drew, in driving order, begun where it crosses the start/finish line. None where it does not, or
    is too short to be a track. Its speeds are unknown.
    """
    if len(points) < 3:
        return None
    lat, lon = np.array([(each.lat_deg, each.lon_deg) for each in (*points, points[0])]).T
    drawn = Trace(np.arange(len(lat)) * SECOND, lat, lon, np.full(len(lat), np.nan))
    found = crossings(drawn, Line.of(start_finish), longest_us=SECOND)
    right = found.t_us if start_finish.heading_deg is None else found.t_us[found.forward]
    if not len(right):
        return None
    first, count = float(right[0]) / SECOND, len(points)
    at = np.concatenate(([first], (int(first) + 1 + np.arange(count)) % count, [first]))
    plane = Plane.about(points[0])
    x, y = plane.xy(np.interp(at, np.arange(count + 1), lat), np.interp(at, np.arange(count + 1), lon))
    way, fresh = way_m(x, y), np.append(np.hypot(np.diff(x), np.diff(y)) > 0, True)
    if way[-1] < LEAST_M:
        return None
    even = np.linspace(0, way[-1], round(way[-1] / STEP_M) + 1)
    x, y = (np.interp(even, way[fresh], column[fresh]) for column in (x, y))
    return _ring(plane, x, y, np.full(len(even), np.nan), 0)


def _ring(plane: Plane, x_m: Array, y_m: Array, speed_mps: Array, laps: int) -> ReferenceLine:
    """The line through these points, closed, smoothed, and stepped evenly."""
    x, y = (smoothed(column[:-1], SMOOTHED, ring=True)[0] for column in (x_m, y_m))
    x, y = np.append(x, x[0]), np.append(y, y[0])
    way = way_m(x, y)
    s = np.linspace(0, way[-1], round(way[-1] / STEP_M) + 1)
    return ReferenceLine(plane, np.interp(s, way, x), np.interp(s, way, y), s, np.interp(s, way, speed_mps), laps)


def way_m(x_m: Array, y_m: Array) -> Array:
    """How far was driven until each place (n,)."""
    return np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x_m), np.diff(y_m)))))


def project(line: ReferenceLine, lap: LapTrace) -> Projection:
    """Where each sample of a lap is along the line. Each is looked for within ``WINDOW`` points of where the samples before
    it and the way since put it, so that the straight beside is never taken for the one that is driven. For one sample or
    more, in O(n * WINDOW).
    """
    x, y = line.plane.xy(lap.lat_deg, lap.lon_deg)
    step = line.length_m / (len(line.s_m) - 1)
    around = np.arange(-2 * WINDOW, len(line.s_m) - 1 + 2 * WINDOW)
    px, py = (np.take(column[:-1], around, mode="wrap") for column in (line.x_m, line.y_m))
    near = _nearest(x, y, px, py, step)
    tx, ty = px[near + 1] - px[near - 1], py[near + 1] - py[near - 1]
    dx, dy, long = x - px[near], y - py[near], np.hypot(tx, ty)
    ahead = (dx * tx + dy * ty) / long
    along = np.clip(ahead, -step, step)
    offset = (tx * dy - ty * dx) / long
    tx, ty = tx / long, ty / long
    bias = np.linalg.lstsq(np.stack((-ty, tx), axis=1), offset, rcond=None)[0]
    return Projection(around[near] * step + along, bias[0] * tx + bias[1] * ty, offset, np.hypot(offset, ahead - along),
                      (float(bias[0]), float(bias[1])))


def _nearest(x: Array, y: Array, px: Array, py: Array, step: float) -> Times:
    """The point (n,) nearest to each sample among those it may be at, never one at an end. A stretch of half
    a ``WINDOW`` is done at once: where a kart stands and its places wander, it still is among the points looked at.
    """
    way = way_m(x, y) / step
    near = np.zeros(len(x), dtype=np.int64)
    at, done = 2 * WINDOW, 0
    while done < len(x):
        upto = max(done + 1, int(np.searchsorted(way, way[done] + WINDOW / 2, side="right")))
        since = way[done:upto] - way[max(0, done - 1)]
        low = min(max(at + int(since[0]) - WINDOW, 1), len(px) - 3 * WINDOW - 1)
        points = np.arange(low, min(low + 3 * WINDOW + 2, len(px) - 1))
        square = (x[done:upto, None] - px[points]) ** 2 + (y[done:upto, None] - py[points]) ** 2
        square[np.abs(points - np.minimum(at + since, points[-1])[:, None]) > WINDOW] = np.inf
        near[done:upto] = points[square.argmin(axis=1)]
        at, done = max(at, int(near[upto - 1])), upto
    return near
