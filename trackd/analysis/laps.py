"""A lap as analysis sees it: as times, and as the samples between two crossings of the line."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.segment import GpsLap
from trackd.gps.trace import Array, Trace

GAP_US: Micros = SECOND // 2
"""A longer time without a sample is a gap (METHODS 1.1); at a slow rate, one of more than two and a half samples."""


@dataclass(frozen=True, slots=True)
class TimedLap:
    """One lap in numbers. ``lap`` names it to whoever asks (an id, a lap number), ``by`` its driver or kart.
    ``sectors_us`` in driving order, None where a line was missed. ``kind``: full, out, in.
    """

    lap: str
    time_us: Micros
    sectors_us: tuple[Micros | None, ...] = ()
    by: str = ""
    kind: str = "full"
    complete: bool = True        # False: a gap, an estimate, a lap cut short
    yellow: bool = False         # neutralised while it was driven


@dataclass(frozen=True, slots=True, eq=False)
class LapTrace:
    """The samples of one lap, with one interpolated on the line at either end. Arrays (n,) float64: ``t_us`` since its
    start, strictly increasing, stretched so that it ends at the official ``time_us``; ``lat_deg``, ``lon_deg`` finite;
    ``speed_mps`` NaN where unknown. ``start_us`` and ``span_us`` are the recording's own clock. A
    step longer than ``gap_us`` is a gap; 0 for fewer than two samples.
    """

    t_us: Array
    lat_deg: Array
    lon_deg: Array
    speed_mps: Array
    start_us: Micros
    span_us: Micros
    time_us: Micros
    gap_us: float = field(init=False)

    def __post_init__(self) -> None:
        usual = float(np.median(np.diff(self.t_us))) if len(self) > 1 else 0.0
        object.__setattr__(self, "gap_us", max(float(GAP_US), 2.5 * usual) if len(self) > 1 else 0.0)

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def whole(self) -> bool:
        """Whether the samples reach from line to line."""
        return len(self) > 1 and self.t_us[0] == 0 and self.t_us[-1] == self.time_us


def lap_trace(trace: Trace, lap: GpsLap, official_us: Micros | None = None) -> LapTrace:
    """The samples of a lap of this recording. ``official_us``: its time by the loop, where that is known; it outranks the
    lap's own, and the moments between are stretched to it. Where the recording does not reach over the whole lap only what
    there is comes back, and it is not ``whole``.
    """
    start, end = lap.start_us, lap.end_us
    time_us = lap.time_us if official_us is None else official_us
    inside = trace.t_us[np.searchsorted(trace.t_us, start, "right"):np.searchsorted(trace.t_us, end, "left")]
    ends = [t for t in (start, end) if len(trace) and trace.t_us[0] <= t <= trace.t_us[-1] and end > start]
    at = np.union1d(inside, np.array(ends, dtype=np.int64))
    lat, lon, speed = (np.interp(at, trace.t_us, column) if len(at) else np.empty(0)
                       for column in (trace.lat_deg, trace.lon_deg, trace.speed_mps))
    return LapTrace((at - start) / max(1, end - start) * time_us, lat, lon, speed, start, end - start, time_us)
