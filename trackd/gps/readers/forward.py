"""Times that go back: damage to one row, or a clock that was set.

A damaged time costs its row. When a receiver learns the time only after the recording began, or two recordings stand one
behind the other, the clock steps back and goes on from there: the rows on either side are sound, but nobody knows how long
it took from one side to the other. Rows beside such a step are left out, so that no lap over it is taken for sound.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from trackd.gps.segment import LOST_US
from trackd.gps.trace import Times

STEP_ROWS = 3
"""So many rows in a row have no damaged time each: the clock stepped."""

STEPPED = "The clock of the file steps back {0} times; the rows beside each step were left out."
STEPPED_ONCE = "The clock of the file steps back; the rows beside the step were left out."


def going_on(t_us: Times) -> tuple[Times, tuple[str, ...], int]:
    """The most rows whose times never go back, but for those beside a step of the clock; a sentence about steps; and how
    many rows are left out because their own time is damaged.
    """
    rows = _forward(t_us)
    if len(rows) < 2 or len(rows) == len(t_us):
        return rows, (), len(t_us) - len(rows)
    between = np.diff(rows) - 1
    kept_us = t_us[rows]
    taken_us = np.diff(kept_us)
    usual_us = float(np.median(taken_us))
    steps = np.flatnonzero((between >= STEP_ROWS) & (taken_us < between * usual_us / 2))
    damaged = len(t_us) - len(rows) - int(between[steps].sum())
    if not len(steps):
        return rows, (), damaged
    beside = np.zeros(len(rows), dtype=np.bool_)
    for step in steps.tolist():
        beside[np.searchsorted(kept_us, kept_us[step] - LOST_US, side="left"):step + 1] = True
        beside[step + 1:np.searchsorted(kept_us, kept_us[step] + LOST_US, side="right")] = True
    told = STEPPED_ONCE if len(steps) == 1 else STEPPED.format(len(steps))
    return rows[~beside], (told,), damaged


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
