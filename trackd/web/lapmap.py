"""Laps on a map: the track, the line of each lap, the lines of the layout, the corners by number. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from trackd.web.tracing import name_of

if TYPE_CHECKING:                        # numpy comes with the laps
    from trackd.gps.trace import Array, Gate
    from trackd.services.laptraces import Laid

WIDTH, TALLEST, MARGIN = 720.0, 640.0, 56.0
OUT = (34.0, -34.0, 46.0, -46.0)
"""From the middle of the track to the number of a corner, drawing units: outside the bend where nothing else is there."""

BEYOND, LETTER = 14.0, 5.5
"""From the end of a line to the edge of its name, and half the width of a letter, drawing units."""

FREE = 26.0
"""So far from the middle of the track and from other words a word can be read."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A word on the map, its middle."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class LapMap:
    """SVG paths in drawing units. ``laps`` in the order of the picture; ``lines`` with their names; ``places``: x and y of
    each lap at every step of the overlay, None where unknown.
    """

    width: float
    height: float
    track: str
    laps: tuple[str, ...]
    lines: tuple[tuple[str, Mark], ...]
    corners: tuple[Mark, ...]
    places: tuple[tuple[tuple[float, float] | None, ...], ...]


def lap_map(laid: Laid) -> LapMap:
    """The laps north up, as large as fits."""
    import numpy as np

    line = laid.line
    ways = [line.plane.xy(each.lat_deg, each.lon_deg) for each in laid.overlay.laps]
    every_x = np.concatenate([line.x_m, *(x for x, _ in ways)])
    every_y = np.concatenate([line.y_m, *(y for _, y in ways)])
    left, top = float(np.nanmin(every_x)), float(np.nanmax(every_y))
    wide, tall = float(np.nanmax(every_x)) - left, top - float(np.nanmin(every_y))
    scale = min((WIDTH - 2 * MARGIN) / max(1.0, wide), (TALLEST - 2 * MARGIN) / max(1.0, tall))
    beside = (WIDTH - wide * scale) / 2

    def point(x_m: Any, y_m: Any) -> tuple[Any, Any]:
        return beside + (x_m - left) * scale, MARGIN + (top - y_m) * scale

    def at(x_m: Array, y_m: Array) -> list[tuple[float, float] | None]:
        xs, ys = point(x_m, y_m)
        return [None if isnan(x) else (round(x, 1), round(y, 1)) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]

    track = np.stack(point(line.x_m, line.y_m), axis=1)
    gates, taken = [], [track]
    for gate in _gates(laid):
        ends = np.array([point(*line.plane.point(each)) for each in (gate.a, gate.b)])
        way = (ends[1] - ends[0]) / max(1.0, float(np.hypot(*(ends[1] - ends[0]))))
        word = name_of(gate.role)
        beyond = (BEYOND + LETTER * len(word) * abs(float(way[0]))) * way
        name = _clear(word, [ends[1] + beyond, ends[0] - beyond], taken)
        (ax, ay), (bx, by) = ends.tolist()
        gates.append((f"M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}", name))
    marks = []
    for corner in laid.corners:
        spot = np.array([corner.tightest_m])
        east, north = line.heading(spot)[0]
        out = np.array([north, east]) * (1 if corner.direction == "left" else -1)      # y goes down on a screen
        at_xy = np.array(point(*(float(np.interp(corner.tightest_m, line.s_m, column)) for column in (line.x_m, line.y_m))))
        marks.append(_clear(str(corner.number), [at_xy + each * out for each in OUT], taken))
    places = tuple(tuple(at(*way)) for way in ways)
    return LapMap(WIDTH, round(2 * MARGIN + tall * scale, 1), path_of(at(line.x_m, line.y_m)), tuple(map(path_of, places)),
                  tuple(gates), tuple(marks), places)


def _clear(text: str, spots: list[Array], taken: list[Array]) -> Mark:
    """A word where it can be read: the first of these spots that is free, else the one furthest from all else."""
    import numpy as np

    there = np.concatenate(taken)
    free = [min(FREE, float(np.hypot(*(there - spot).T).min())) for spot in spots]
    spot = spots[int(np.argmax(free))]
    taken.append(spot[None, :])
    return Mark(text, round(float(spot[0]), 1), round(float(spot[1]), 1))


def _gates(laid: Laid) -> list[Gate]:
    layout = laid.layout
    every = (layout.start_finish, *layout.sectors, layout.pit_in, layout.pit_out) if layout else ()
    return [gate for gate in every if gate is not None]


def path_of(points: list[tuple[float, float] | None] | tuple[tuple[float, float] | None, ...]) -> str:
    """An SVG path; it is broken where a place is unknown."""
    pieces, pen = [], "M"
    for each in points:
        if each is None:
            pen = "M"
        else:
            pieces.append(f"{pen}{each[0]} {each[1]}")
            pen = "L"
    return "".join(pieces)
