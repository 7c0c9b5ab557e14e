"""Told speeds against the way between the places: a wrong unit, in the file or in what is thought of it, shows there."""

from __future__ import annotations

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.lines import Plane
from trackd.gps.trace import Point, Trace

OFF = 1.1
"""The two agree to a few percent; the units nearest to each other, knots and mph, are 15 percent apart."""

SPAN_US: Micros = SECOND
"""Ways of about so long are compared: they cut no corner to speak of, and a place a metre off does not matter."""

LEAST, DRIVEN_MPS = 20, 5.0
"""So many ways, driven faster than this, tell."""

UNFIT_SPEEDS = "Its speeds do not fit the way between its places and were left out."


def speeds_fit(trace: Trace) -> bool:
    """Whether the speeds are about what the places say; so too where there is too little to tell."""
    step_us = float(np.median(np.diff(trace.t_us)))
    stride = max(1, round(SPAN_US / step_us))
    if len(trace) < stride + LEAST or np.isnan(trace.speed_mps).all():
        return True
    x, y = Plane.about(Point(float(trace.lat_deg[0]), float(trace.lon_deg[0]))).xy(trace.lat_deg, trace.lon_deg)
    span_us = trace.t_us[stride:] - trace.t_us[:-stride]
    driven_mps = np.hypot(x[stride:] - x[:-stride], y[stride:] - y[:-stride]) / span_us * SECOND
    told_mps = (trace.speed_mps[stride:] + trace.speed_mps[:-stride]) / 2
    tell = (driven_mps > DRIVEN_MPS) & (span_us < 2 * max(SPAN_US, step_us)) & np.isfinite(told_mps)
    return tell.sum() < LEAST or bool(1 / OFF < np.median(told_mps[tell] / driven_mps[tell]) < OFF)
