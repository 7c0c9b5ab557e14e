"""What the loop missed of a kart, by the crossings of its own recording: proposed to a person, never counted by itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from trackd.core.time import Micros, lap_text
from trackd.gps.agree import FITS, NEAR_US
from trackd.gps.trace import Array, Times


@dataclass(frozen=True, slots=True)
class MissedRead:
    """A crossing by the kart's own GPS that the loop did not read. Microseconds: ``at_us`` on the track's clock, as the
    loop would have told it; ``sigma_us`` how well that is known; ``since_us`` after the read before, ``until_us`` before
    the next one, None where there is none.
    """

    at_us: Micros
    sigma_us: Micros
    since_us: Micros | None
    until_us: Micros | None
    sentence: str


FEWEST, TELLING = 3, 4
"""Crossings the loop did read, without which nothing is proposed; and so many tell the error better than a statement."""


def missed(crossings_us: Times, passings_us: Times, sigma_us: float,
           within_us: tuple[Micros, Micros]) -> tuple[MissedRead, ...]:
    """What the loop missed of one kart, to be proposed to a person (X1, A7); nothing here changes anything.

    ``crossings_us`` (n,) int64, increasing: of the recording, moved to the track's clock by an accepted match, known to
    ``sigma_us`` each; ``passings_us`` (m,) int64: all reads of the kart on that line, counted or not; ``within_us``: from
    when to when the session ran. A receiver drifts slowly: the moment is corrected by what the loop and the GPS differ by
    at the crossings before and after. How well that works is seen at those the loop did read.
    """
    passings = np.unique(np.asarray(passings_us, dtype=np.int64))
    crossed = np.asarray(crossings_us, dtype=np.int64)
    if len(passings) < FEWEST or len(crossed) < FEWEST:
        return ()
    after = np.searchsorted(passings, crossed)
    late = passings[np.minimum(after, len(passings) - 1)] - crossed
    early = passings[np.maximum(after - 1, 0)] - crossed
    off_us = np.where(np.abs(early) < np.abs(late), early, late)
    near = np.abs(off_us) <= NEAR_US
    read = near & (np.abs(off_us - np.median(off_us[near])) <= FITS * sigma_us) if near.any() else near
    if read.sum() < max(FEWEST, near.sum() / 2):
        return ()
    at, off = crossed[read], off_us[read].astype(np.float64)
    beside_us, between_us = _errors(off, sigma_us)
    found = []
    for moment in crossed[~near & (crossed >= within_us[0]) & (crossed <= within_us[1])]:
        i = int(np.searchsorted(at, moment))
        told = off[max(i - 1, 0):i + 1]
        at_us = round(float(moment + told.mean()))
        j = int(np.searchsorted(passings, at_us))
        found.append(_missed(at_us, between_us if len(told) == 2 else beside_us,
                             at_us - int(passings[j - 1]) if j else None,
                             int(passings[j]) - at_us if j < len(passings) else None))
    return tuple(found)


def _errors(off_us: Array, sigma_us: float) -> tuple[Micros, Micros]:
    """How far a crossing is told wrong by its one neighbour, and by the two it lies between; standard deviations."""
    beside, between = np.diff(off_us), off_us[1:-1] - (off_us[:-2] + off_us[2:]) / 2
    if len(between) < TELLING:
        return round(sqrt(2) * sigma_us), round(sqrt(1.5) * sigma_us)
    return round(sqrt(float(np.mean(beside**2)))), round(sqrt(float(np.mean(between**2))))


def _missed(at_us: Micros, sigma_us: Micros, since_us: Micros | None, until_us: Micros | None) -> MissedRead:
    gaps = [] if since_us is None else [f"{lap_text(since_us)} after its last read"]
    gaps += [] if until_us is None else [f"{lap_text(until_us)} before its next"]
    sentence = (f"By its own GPS the kart crossed the line {' and '.join(gaps)}, and the loop read nothing. "
                f"The moment is known to {lap_text(sigma_us)} s.")
    return MissedRead(at_us, sigma_us, since_us, until_us, sentence)
