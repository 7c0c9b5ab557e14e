"""Corners that somebody settled on a layout: measured in like those that were found, and told in a layout's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trackd.analysis.corners import TIGHTEST_M, Corner, curvature, paced
from trackd.analysis.delta import KMH
from trackd.analysis.reference import WINDOW, ReferenceLine
from trackd.gps.layouts import KeptCorner

EDGE_M = 0.2
"""Metres are rounded: a corner that ends with the line may end so much behind it."""


def kept_of(corner: Corner) -> KeptCorner:
    """A corner that was found, to the decimetre, as a layout keeps it."""
    return KeptCorner(corner.name, round(corner.entry_m, 1), round(corner.apex_m, 1), round(corner.exit_m, 1),
                      corner.pace or "", corner.direction)


def corners_kept(line: ReferenceLine, kept: Sequence[KeptCorner],
                 cuts_kmh: tuple[float, float] | None = None) -> tuple[Corner, ...]:
    """The corners of a layout on its line, in driving order. The bend within entry and exit is what turns there the way
    the corner does; where nothing does, all of it. A kind somebody chose stands; else it is as ``paced`` says.
    """
    kappa, s = curvature(line), line.s_m
    found = []
    for n, each in enumerate(kept):
        entry, apex, last = (min(at, line.length_m) for at in (each.entry_m, each.apex_m, each.exit_m))
        inside = np.flatnonzero((s >= entry) & (s <= last))
        if not len(inside):
            inside = np.array([int(np.argmin(np.abs(s - apex)))])
        tightest = inside[int(np.argmax(np.abs(kappa[inside])))]
        direction = each.direction or ("left" if kappa[tightest] > 0 else "right")
        bent = inside[(1 if direction == "left" else -1) * kappa[inside] > 1 / TIGHTEST_M]
        begin, end = (float(s[bent[0]]), float(s[bent[-1]])) if len(bent) else (entry, last)
        speed = float(np.interp(apex, s, line.speed_mps)) * KMH
        found.append(Corner(n + 1, direction, entry, min(begin, apex), apex, float(s[tightest]), max(end, apex), last,
                            float(1 / max(abs(kappa[tightest]), 1e-6)), None if np.isnan(speed) else speed,
                            called=each.name))
    return tuple(replace(each, pace=own.kind) if own.kind else each
                 for each, own in zip(paced(found, cuts_kmh), kept, strict=True))


def carried(kept: Sequence[KeptCorner], line: ReferenceLine, onto: ReferenceLine) -> tuple[KeptCorner, ...]:
    """The corners along the same way begun elsewhere, since its start/finish line was moved. One that this line now lies in
    is left out; none is left where the new line goes another way.
    """
    x, y = line.plane.point(onto.place(0.0))
    away = np.hypot(line.x_m - x, line.y_m - y)
    near = int(np.argmin(away))
    if float(away[near]) > WINDOW:
        return ()
    ahead = line.heading(line.s_m[near:near + 1])[0] @ np.array([x - line.x_m[near], y - line.y_m[near]])
    begins_m = round(float(line.s_m[near] + ahead), 1)
    found = []
    for each in kept:
        entry_m = round((each.entry_m - begins_m) % line.length_m, 1)
        moved_m = entry_m - each.entry_m
        exit_m = round(each.exit_m + moved_m, 1)
        if exit_m <= onto.length_m + EDGE_M:
            found.append(replace(each, entry_m=entry_m, apex_m=round(each.apex_m + moved_m, 1), exit_m=exit_m))
    return tuple(sorted(found, key=lambda each: each.entry_m))
