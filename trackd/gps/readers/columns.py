"""Text of loggers to columns of numbers, and columns to a trace: what the readers of text files share.

A row whose cells do not add up to those of its neighbours is left out whole, for nobody knows which cell is which; a cell
that holds no number is NaN. Nothing is guessed.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.readers.forward import going_on
from trackd.gps.readers.laid import UNMEASURED, laid
from trackd.gps.readers.speeds import UNFIT_SPEEDS, speeds_fit
from trackd.gps.readers.strays import but_strays, only
from trackd.gps.trace import LON_MOST, Array, Trace, Unreadable, trace_of

MPS = {"m/s": 1.0, "mps": 1.0, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "mph": 0.44704,
       "knots": 1852 / 3600, "kn": 1852 / 3600, "kt": 1852 / 3600, "kts": 1852 / 3600, "ft/s": 0.3048}
"""What one of each unit of speed is in m/s."""

DAY_S = 86_400

LATEST_S = 1e11
"""Times beyond are damaged; it keeps microseconds within 64 bits whatever the file says."""

LONGEST_S = 7 * DAY_S
"""Times farther than this from the middle one are damaged: no logger runs for two weeks."""

COARSE_DEG = (1e-4, 0.01 / 60)
"""Places told to four decimals of a degree, or two of a minute, are known to some ten metres: too little for lap times."""

UNKNOWN_SPEEDS = "The unit of its speed is not known; speeds were left out."


def lines_of(data: bytes) -> list[str]:
    """The lines of a text file, whatever their endings. UTF-8 and UTF-16 as they tell; what is neither is Latin-1."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line with names or words, without their quotes and outer blanks."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:
        return [cell.strip() for cell in line.split(separator)]


def number(cell: str) -> float:
    """The number in a cell, NaN where there is none."""
    try:
        return float(cell)
    except ValueError:
        return np.nan


def table(rows: Sequence[str], separator: str | None, wanted: Mapping[str, int],
          ) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The ``wanted`` columns (n,) of unquoted rows, by name; their place in a row is given. ``separator`` None: blanks.

    Returns them and sentences about rows left out. Raises Unreadable where most rows have fewer cells than are wanted.
    """
    counts = [row.count(separator) for row in rows] if separator else [len(row.split()) - 1 for row in rows]
    usual = Counter(counts).most_common(1)[0][0] if counts else -1
    if usual < max(wanted.values()):
        raise Unreadable("Its rows do not hold the columns it names." if rows else "It holds no rows of samples.")
    whole = [row for row, count in zip(rows, counts, strict=True) if count == usual]
    places = tuple(wanted.values())
    try:
        values = np.loadtxt(whole, delimiter=separator, usecols=places, comments=None, ndmin=2)
    except ValueError:                     # a cell is no number: slower, cell by cell
        cells = (row.split(separator) for row in whole)
        values = np.fromiter((number(row[place]) for row in cells for place in places), np.float64)
        values = values.reshape(len(whole), len(places))
    torn = len(rows) - len(whole)
    faults = (f"Rows left out because their columns do not add up: {torn}.",) if torn else ()
    return {name: np.ascontiguousarray(values[:, i]) for i, name in enumerate(wanted)}, faults


def seconds_of_day(hhmmss: Array) -> Array:
    """Times written as the number HHMMSS.sss (n,) to seconds since midnight, NaN where it is none."""
    with np.errstate(invalid="ignore"):
        hours, rest = np.divmod(hhmmss, 10_000)
        minutes, seconds = np.divmod(rest, 100)
    sound = (hours >= 0) & (hours < 24) & (minutes < 60) & (seconds < 61)
    return np.where(sound, hours * 3600 + minutes * 60 + seconds, np.nan)


def over_midnight(of_day_s: Array) -> Array:
    """Seconds since midnight (n,) to seconds that go on past it; NaN stays NaN."""
    seconds = of_day_s.copy()
    sound = np.isfinite(seconds)
    seconds[sound] = np.unwrap(seconds[sound], period=DAY_S)
    return seconds


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What the rows of a file tell, each (n,): ``seconds`` on any clock, the rest as in ``Trace``; NaN where silent."""

    seconds: Array
    lat_deg: Array
    lon_deg: Array
    speed_mps: Array | None = None
    accuracy_m: Array | None = None
    channels: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """What is sound of them. ``zero_us``: the moment on the file's clock at which ``trace.t_us`` is 0."""

    trace: Trace
    channels: dict[str, Array]
    zero_us: Micros
    faults: tuple[str, ...]


def _coarse(angles: Array) -> bool:
    """Whether all the angles (n,) are told to so few decimals."""
    told = angles[(np.abs(angles) <= LON_MOST) & (angles != 0)]
    return len(told) > 1 and any(bool(np.all(np.abs(told / step - np.rint(told / step)) < 1e-3)) for step in COARSE_DEG)


def cleaned(columns: Columns, zero_us: Micros | None = None, *, sparse: bool = False) -> Cleaned:
    """The sound rows as a trace that begins at ``zero_us`` of the file's clock, or with the first row that tells a time.
    ``sparse``: a row without a place is one of another sensor, and no fault.

    Raises Unreadable when fewer than two rows are sound.
    """
    seconds, lat_deg, lon_deg = columns.seconds, columns.lat_deg, columns.lon_deg
    if len(seconds) and not np.isfinite(seconds).any():
        raise Unreadable("None of its rows tells a time that can be read.")
    placeless = np.isnan(lat_deg) & np.isnan(lon_deg)
    if len(seconds) and placeless.all():
        raise Unreadable("None of its rows tells a place that can be read.")
    if _coarse(lat_deg) and _coarse(lon_deg):
        raise Unreadable("Its places have too few decimals for lap times. Export it again with six or more.")
    rows = np.flatnonzero((np.abs(seconds) < LATEST_S) & ~(placeless & sparse))
    if len(rows):
        rows = rows[np.abs(seconds[rows] - np.median(seconds[rows])) < LONGEST_S]
    t_us = np.rint(seconds[rows] * SECOND).astype(np.int64)
    forward, stepped, lost = going_on(t_us)
    lost += len(seconds) - len(rows) - sparse * int(placeless.sum())
    rows, t_us = rows[forward], t_us[forward]
    if zero_us is None:
        zero_us = int(t_us[0]) if len(t_us) else 0
    speed, accuracy = columns.speed_mps, columns.accuracy_m
    if accuracy is not None:
        accuracy = np.where(accuracy > 0, accuracy, np.nan)[rows]
    trace, kept, faults = trace_of(t_us - zero_us, lat_deg[rows], lon_deg[rows], None if speed is None else speed[rows],
                                   accuracy)
    faults = (*stepped, *faults)
    if lost:
        faults = (f"Rows left out because their time is damaged: {lost}.", *faults)
    trace, there = but_strays(trace)
    strays = len(kept) - len(there)
    if strays:
        faults = (*faults, f"Rows left out because their place cannot be: {strays}.")
    rows = rows[kept][there]
    if not speeds_fit(trace):
        trace, faults = replace(trace, speed_mps=np.full(len(trace), np.nan)), (*faults, UNFIT_SPEEDS)
    unmeasured = laid(trace)
    if unmeasured.any():
        measured = np.flatnonzero(~unmeasured)
        trace, rows, faults = only(trace, measured), rows[measured], (*faults, UNMEASURED.format(int(unmeasured.sum())))
    return Cleaned(trace, {name: values[rows] for name, values in columns.channels.items()}, zero_us, faults)
