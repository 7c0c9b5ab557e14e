"""A recording: the trace of one kart as arrays, and what its logger says beside it.

Readers (`gps.readers`) make recordings from bytes. What they cannot vouch for they leave out or name in ``faults``;
they never invent a sample or a lap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, Micros

Array = NDArray[np.float64]
Times = NDArray[np.int64]

LAT_MOST, LON_MOST = 90.0, 180.0
SPEED_MOST_MPS = 150.0
"""No kart and no car on a track is faster; a sample that is has a damaged speed."""


class Unreadable(BadInput):
    """A file that holds no usable recording; the sentence says why."""

    def __init__(self, sentence: str, where: str = "") -> None:
        super().__init__(Fault(where, sentence))


@dataclass(frozen=True, slots=True)
class Point:
    """A place on earth, WGS84."""

    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True)
class Gate:
    """A timing line. ``role``: start_finish, sector:1 and up, pit_in, pit_out.

    ``heading_deg`` is the direction that counts, from north clockwise; None: both directions are taken for right, and the
    first crossing says which.
    """

    role: str
    a: Point
    b: Point
    heading_deg: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Where a kart was. All arrays (n,): ``t_us`` int64, strictly increasing, microseconds since the recording began;
    ``lat_deg``, ``lon_deg`` float64, finite; ``speed_mps`` float64, NaN where the logger tells none.
    ``accuracy_m`` float64 or None: the receiver's own estimate, one standard deviation, NaN where unknown.
    """

    t_us: Times
    lat_deg: Array
    lon_deg: Array
    speed_mps: Array
    accuracy_m: Array | None = None

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def duration_us(self) -> Micros:
        """From the first sample to the last."""
        return int(self.t_us[-1] - self.t_us[0]) if len(self) else 0

    @property
    def rate_hz(self) -> float:
        """Samples a second, by the median step; 0 for fewer than two."""
        return float(SECOND / np.median(np.diff(self.t_us))) if len(self) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class DeviceLaps:
    """What the logger itself counted, kept beside what we work out. Microseconds since the recording began.

    ``marks_us``: its crossings of its own line, where it tells moments; ``times_us``: its lap times, where it tells those.
    """

    marks_us: tuple[Micros, ...] = ()
    times_us: tuple[Micros, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One file as read. ``utc_us``: the instant at which ``t_us`` is 0, since 1970; None where the file tells no GPS time.
    ``faults``: sentences about what was not sound and left out. ``channels``: other values by name, (n,) like the trace.
    """

    trace: Trace
    format: str                          # aim_csv racechrono vbo nmea dovex gpx xrk trackd
    device: str = ""                     # as the file names it
    driver: str = ""
    vehicle: str = ""
    venue: str = ""
    utc_us: Micros | None = None
    device_laps: DeviceLaps = field(default_factory=DeviceLaps)
    gates: tuple[Gate, ...] = ()         # those the file brings along
    faults: tuple[str, ...] = ()
    channels: dict[str, Array] = field(default_factory=dict)


def trace_of(t_us: Times, lat_deg: Array, lon_deg: Array, speed_mps: Array | None = None,
             accuracy_m: Array | None = None) -> tuple[Trace, Times, tuple[str, ...]]:
    """The sound samples of raw columns: finite places on earth, at times that go forward. Loggers that write rows faster
    than their receiver measures repeat a place; of a run of equal places the first stays.

    Returns the trace, which rows it kept (n,), and sentences about what was left out. Raises Unreadable when fewer than
    two samples are sound.
    """
    speed = np.full(len(t_us), np.nan) if speed_mps is None else np.asarray(speed_mps, dtype=np.float64)
    lat, lon = np.asarray(lat_deg, dtype=np.float64), np.asarray(lon_deg, dtype=np.float64)
    sound = np.isfinite(lat) & np.isfinite(lon) & (np.abs(lat) <= LAT_MOST) & (np.abs(lon) <= LON_MOST)
    sound &= (lat != 0) | (lon != 0)                       # what a receiver without a fix tells
    places = len(sound) - int(sound.sum())
    rows = np.flatnonzero(sound)
    t = np.asarray(t_us, dtype=np.int64)[rows]
    ahead = np.maximum.accumulate(t) if len(t) else t
    forward = np.ones(len(t), dtype=bool)
    forward[1:] = t[1:] > ahead[:-1]
    times = len(forward) - int(forward.sum())
    rows = rows[forward]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (np.diff(lat[rows]) != 0) | (np.diff(lon[rows]) != 0)
    leaps = np.zeros(len(rows), dtype=bool)
    leaps[1:] = np.hypot(np.diff(lat[rows]), np.diff(lon[rows]) * np.cos(np.radians(lat[rows][1:]))) > LEAP_M / DEGREE_M
    rows = _but_not_when_standing(rows, fresh, speed, leaps)
    if len(rows) < 2:
        raise Unreadable("It holds no GPS positions.")
    speed = np.where((speed >= 0) & (speed <= SPEED_MOST_MPS), speed, np.nan)
    trace = Trace(np.asarray(t_us, dtype=np.int64)[rows], lat[rows], lon[rows], speed[rows],
                  None if accuracy_m is None else np.asarray(accuracy_m, dtype=np.float64)[rows])
    faults = []
    if places:
        faults.append(f"{places} rows hold no place on earth and were left out.")
    if times:
        faults.append(f"{times} rows lie before the one above them and were left out.")
    return trace, rows, tuple(faults)


STANDING_MPS = 1.0
"""Slower than this a place may well be measured twice the same."""

DEGREE_M = 111_200.0
"""Of latitude, nearly."""

LEAP_M = 5.0
"""Who is so far off in the next row did not stand, whatever the speed said: the receiver had lost its place."""


def _but_not_when_standing(rows: Times, fresh: NDArray[np.bool_], speed: Array, leaps: NDArray[np.bool_]) -> Times:
    """Repeated places of a kart that drives are rows without a new measurement; those of one that stands are kept.
    ``leaps`` (n,): which rows lie far from the one before.
    """
    moving = ~(speed[rows] < STANDING_MPS)
    run = np.cumsum(fresh)                                 # of equal places, from 1; one left by a leap is no stand
    moving |= np.isin(run, run[leaps] - 1)
    return rows[fresh | ~moving]
