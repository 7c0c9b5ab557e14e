"""The session clock: race time is elapsed time minus pauses (R6), in track time, independent of any wall clock."""

from __future__ import annotations

from statistics import median

from trackd.core.time import Micros
from trackd.timing.formats import LEAST_GRACE_US
from trackd.timing.laps import Entry

Spans = tuple[tuple[Micros, Micros | None], ...]
"""Periods as (from, to) in track time; ``to`` is None while the period lasts."""


def begin(spans: Spans, at_us: Micros) -> Spans:
    """Open a period, unless one is open."""
    return spans if spans and spans[-1][1] is None else (*spans, (at_us, None))


def end(spans: Spans, at_us: Micros) -> Spans:
    """Close the open period, if one is open."""
    return (*spans[:-1], (spans[-1][0], at_us)) if spans and spans[-1][1] is None else spans


def overlaps(spans: Spans, from_us: Micros, to_us: Micros) -> bool:
    """Whether any period touches the stretch ``from_us`` to ``to_us``."""
    return any(start < to_us and (stop is None or stop > from_us) for start, stop in spans)


def race_time(start_us: Micros | None, pauses: Spans, at_us: Micros) -> Micros:
    """The reading of the session clock at ``at_us``; 0 before the start."""
    if start_us is None or at_us <= start_us:
        return 0
    paused = sum(max(0, min(stop if stop is not None else at_us, at_us) - max(start, start_us)) for start, stop in pauses)
    return at_us - start_us - paused


def time_up(start_us: Micros | None, pauses: Spans, duration_us: Micros | None) -> Micros | None:
    """The instant the session clock reaches ``duration_us``; None while paused, not started or without a duration."""
    if start_us is None or duration_us is None or (pauses and pauses[-1][1] is None):
        return None
    at_us = start_us + duration_us
    for start, stop in pauses:
        if stop is not None and start_us < stop and start < at_us:
            at_us += stop - max(start, start_us)
    return at_us


def grace(entries: list[Entry], fixed_us: Micros | None) -> Micros:
    """How long the flag waits: the format's own time, else 1.5 median laps of these entries, at least 30 s (R4)."""
    if fixed_us is not None:
        return fixed_us
    times = [lap.time_us for entry in entries for lap in entry.laps]
    return max(LEAST_GRACE_US, int(1.5 * median(times))) if times else LEAST_GRACE_US
