"""Text of loggers to columns of numbers, and columns to a trace: what the readers of text files share.

A row whose cells do not add up to those of its neighbours is left out whole, for nobody knows which cell is which; a cell
that holds no number is NaN. Nothing is guessed.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trackd.core.time import SECOND, Micros
from trackd.gps.readers.strays import but_strays
from trackd.gps.trace import Array, Times, Trace, Unreadable, trace_of

MPS = {"m/s": 1.0, "mps": 1.0, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "mph": 0.44704,
       "knots": 1852 / 3600, "kn": 1852 / 3600, "kt": 1852 / 3600}
"""What one of each unit of speed is in m/s."""

DAY_S = 86_400

LATEST_S = 1e11
"""Times beyond are damaged; it keeps microseconds within 64 bits whatever the file says."""

LONGEST_S = 7 * DAY_S
"""Times farther than this from the middle one are damaged: no logger runs for two weeks."""


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
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
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


def cleaned(columns: Columns, zero_us: Micros | None = None) -> Cleaned:
    """The sound rows as a trace that begins at ``zero_us`` of the file's clock, or with the first row that tells a time.

    Raises Unreadable when fewer than two rows are sound.
    """
    seconds = columns.seconds
    rows = np.flatnonzero(np.abs(seconds) < LATEST_S)
    if len(rows):
        rows = rows[np.abs(seconds[rows] - np.median(seconds[rows])) < LONGEST_S]
    t_us = np.rint(seconds[rows] * SECOND).astype(np.int64)
    forward = _forward(t_us)
    rows, t_us = rows[forward], t_us[forward]
    if zero_us is None:
        zero_us = int(t_us[0]) if len(t_us) else 0
    speed, accuracy = columns.speed_mps, columns.accuracy_m
    if accuracy is not None:
        accuracy = np.where(accuracy > 0, accuracy, np.nan)[rows]
    trace, kept, faults = trace_of(t_us - zero_us, columns.lat_deg[rows], columns.lon_deg[rows],
                                   None if speed is None else speed[rows], accuracy)
    lost = len(seconds) - len(rows)
    if lost:
        faults = (f"Rows left out because their time is damaged: {lost}.", *faults)
    trace, there = but_strays(trace)
    strays = len(kept) - len(there)
    if strays:
        faults = (*faults, f"Rows left out because their place cannot be: {strays}.")
    rows = rows[kept][there]
    return Cleaned(trace, {name: values[rows] for name, values in columns.channels.items()}, zero_us, faults)


def _forward(t_us: Times) -> Times:
    """The most rows whose times never go back, so that one damaged time costs one row, not all that follow it."""
    if len(t_us) < 2 or bool(np.all(t_us[1:] >= t_us[:-1])):
        return np.arange(len(t_us))
    lasts: list[int] = []                  # the earliest time that ends a run of each length, and its row
    ends: list[int] = []
    before: list[int] = []
    for row, t in enumerate(t_us.tolist()):
        length = bisect_right(lasts, t)
        before.append(ends[length - 1] if length else -1)
        lasts[length:length + 1] = [t]
        ends[length:length + 1] = [row]
    run = [ends[-1]]
    while before[run[-1]] >= 0:
        run.append(before[run[-1]])
    return np.array(run[::-1], dtype=np.int64)
