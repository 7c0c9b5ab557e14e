"""Which kart of a session a recording was in, and by how much its clock is off: from the moments it crossed the line alone.

A wrong kart is worse than none (its laps would be verified), so whatever could be read in two ways is proposed to a person.
The rule is that of METHODS 1.3, made to hold with missed passings, changes of kart and karts that are not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, isnan, nan, sqrt
from statistics import median, median_low

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import MS, SECOND, Micros, lap_text
from trackd.gps.agree import FITS, NEAR_US, Fits, Passings, fits_of, log_chance, passings_of
from trackd.gps.trace import Times

Mask = NDArray[np.bool_]

FEWEST = 3
"""Crossings that must fit before a kart is named at all."""

CHANCE, CHANCE_BY_CLOCK = 6e-5, 1e-5
"""A kart is accepted only where fewer strangers than this are expected to fit as well, where the clock is known: than that.
It protects where the right kart is not among the candidates: what the runner-up cannot do. Of 9,000 heats without the right
kart the rule would accept 2 at a chance of 1e-2 and none at 1e-3; of 14,000 with a clock, 20 and 3.
"""

LOST, LOST_SHARE = 2, 0.2
"""Crossings without a passing and passings without a crossing there may be: so many, or such a part of the crossings."""

EDGE = 0.05
"""The first or last crossing may lack a passing where its lap is as long as the others, to such a part."""

RIVAL, RIVAL_BESIDE = 0.75, 0.5
"""What is held against so much fewer passings is no rival; a kart right behind or ahead by the same clock may lack more."""

LOOP_SIGMA_US = 3 * MS
"""How exactly a decoder tells a passing, one standard deviation."""


@dataclass(frozen=True, slots=True)
class Match:
    """What was found, with its evidence. ``kart`` is "" where nothing fits. Times in microseconds.

    ``offset_us``: track clock minus the recording's. ``inliers`` of ``of`` crossings fit: those within the session;
    ``score_us``: rms of what they differ by; ``missed``: crossings without any passing near. ``first``, ``last``: the span
    that fits, indices of the crossings. ``runner_up`` is the next best kart, off by ``rival_us`` (NaN: there is none).
    ``chance``: how many strangers are expected to fit as well. ``then``: the kart that fits most of the rest, if any.
    """

    kart: str
    offset_us: Micros = 0
    score_us: float = nan
    inliers: int = 0
    of: int = 0
    missed: int = 0
    first: int = 0
    last: int = 0
    runner_up: str = ""
    rival_us: float = nan
    chance: float = 1.0
    then: str = ""
    accepted: bool = False
    reason: str = ""


def match(crossings_us: Times, candidates: Mapping[str, Times], gps_sigma_us: float,
          loop_sigma_us: float = LOOP_SIGMA_US, clock_us: tuple[Micros, Micros] | None = None) -> Match:
    """The kart a recording was in. ``crossings_us`` (n,) int64, increasing, on the recording's clock; ``candidates``: for
    each kart of ONE session its passings of that line (m,) int64, on the track's clock, those before green and after the
    finish too, repeated reads left out; ``clock_us``: what the offset lies between, where clocks are known. Raises
    nothing: too little for an answer is a Match that is not accepted.
    """
    g = np.asarray(crossings_us, dtype=np.int64)
    held = {kart: np.unique(np.asarray(t, dtype=np.int64)) for kart, t in candidates.items() if len(t)}
    if len(g) < FEWEST or not held:
        return Match("", of=len(g), reason="It takes three crossings, and a kart with passings, to find the kart.")
    sigma_us = sqrt(gps_sigma_us**2 + loop_sigma_us**2)
    passings = passings_of(held, int(g[-1] - g[0]))
    fits = fits_of(g, passings, sigma_us, clock_us)
    if not fits.permitted.any() or fits.inliers[fits.permitted].max() < FEWEST:
        return Match("", of=len(g), reason="No kart of this session passed the line at such intervals.")
    chances = np.where(fits.permitted, log_chance(g, held, fits, sigma_us), np.inf)
    best = int(np.argmin(chances))
    rival, rival_us = _rival(passings, fits, best)
    laid = _laid(g, passings, int(fits.owner[best]), round(fits.offset_us[best]), FITS * sigma_us)
    return _judged(laid, Match(
        passings.karts[fits.owner[best]], round(fits.offset_us[best]), float(fits.score_us[best]),
        runner_up=rival, rival_us=rival_us, chance=exp(min(float(chances[best]), 0.0))), sigma_us,
        CHANCE if clock_us is None else CHANCE_BY_CLOCK)


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """The crossings (n,) laid on the passings of one kart: which fit, which have a passing near, which lie in the session
    or follow on it without a break. ``own_us``: its passings on the recording's clock. ``then``, ``thens``: the kart that
    fits most others, and how many.
    """

    at_us: Times
    own_us: Times
    fit: Mask
    near: Mask
    inside: Mask
    then: str
    thens: int


def _laid(g: Times, passings: Passings, owner: int, offset_us: Micros, wide_us: float) -> _Laid:
    at_us = g + offset_us
    off = np.abs(passings.off_us(np.arange(len(passings.karts)), np.broadcast_to(at_us, (len(passings.karts), len(g)))))
    fit, near = off[owner] <= wide_us, off[owner] <= NEAR_US
    inside = (at_us >= passings.at_us.min() - NEAR_US) & (at_us <= passings.at_us.max() + NEAR_US)
    laps_us = np.diff(at_us)
    follows = np.flatnonzero(laps_us <= (1 + EDGE) * np.median(laps_us))
    for i in follows:                                                # laps without a break are of one session
        inside[i + 1] |= inside[i]
    for i in follows[::-1]:
        inside[i] |= inside[i + 1]
    others = (off[:, ~fit] <= wide_us).sum(1)
    most = int(np.argmax(others))
    return _Laid(g, passings.at_us[passings.owner == owner] - offset_us, fit, near, inside,
                 passings.karts[most] if others[most] else "", int(others[most]))


def _rival(passings: Passings, fits: Fits, best: int) -> tuple[str, float]:
    """The next best: another kart, or the same one laps apart, held against nearly as many passings."""
    beside = np.abs(fits.offset_us - fits.offset_us[best]) <= NEAR_US
    least = np.maximum(FEWEST, np.where(beside, RIVAL_BESIDE, RIVAL) * fits.inliers[best])
    there = np.flatnonzero(~(beside & (fits.owner == fits.owner[best])) & (fits.near >= least))
    if not len(there):
        return "", nan
    next_best = there[np.argmin(fits.rms_us[there])]
    return passings.karts[fits.owner[next_best]], float(fits.rms_us[next_best])


def _judged(laid: _Laid, found: Match, sigma_us: float, most: float) -> Match:
    fit = _together(np.flatnonzero(laid.fit))
    found = replace(found, inliers=int(laid.fit.sum()), of=int(laid.inside.sum()),
                    missed=int((laid.inside & ~laid.near).sum()), first=int(fit[0]), last=int(fit[-1]), then=laid.then)
    evidence = f"{found.inliers} of {found.of} crossings fit kart {found.kart} within {_seconds(found.score_us)}"
    if found.runner_up:
        which = f"kart {found.runner_up}" if found.runner_up != found.kart else "the same kart at other laps"
        evidence += f"; the next best, {which}, is off by {_seconds(found.rival_us)}"
    doubt = _change(laid, found) or _unsure(found, sigma_us, most)
    return replace(found, accepted=not doubt, reason=f"{evidence}. {doubt}".rstrip())


def _together(fit: Times) -> Times:
    """The crossings that fit (k,), without a single one at either end beyond another that does not: after a change of kart
    one of the other kart's may fit by chance.
    """
    while len(fit) > FEWEST and fit[1] - fit[0] > 1:
        fit = fit[1:]
    while len(fit) > FEWEST and fit[-1] - fit[-2] > 1:
        fit = fit[:-1]
    return fit


def _change(laid: _Laid, found: Match) -> str:
    """Whatever does not look like one kart with a few missed passings; "" where it does. A change of kart leaves crossings
    without a passing at one end, after or before a lap through the pit, and they fit the passings of another kart.
    """
    kart, lost = found.kart, laid.inside & ~laid.fit
    others = int(lost.sum())
    head, tail = int(lost[:found.first].sum()), int(lost[found.last + 1:].sum())
    if laid.then and (head + tail or laid.thens > 1):
        return f"Kart {laid.then} fits {laid.thens} of the others by the same clock. Was the kart changed?"
    if found.missed < others:
        return f"In {others - found.missed} of {found.of} cases kart {kart} passed at another moment."
    if head + tail > 1 or not _usual(laid, lost):
        return f"In {others} of {found.of} cases kart {kart} did not pass at all. Was the kart changed?"
    between, extra = _extra(laid)
    if np.any((between > 0) & (extra > 0)):
        return f"In between kart {kart} passed at other moments. Was the kart changed?"
    if others + int(extra.sum()) > max(LOST, LOST_SHARE * found.of):
        return f"In {others} cases it did not pass, and {int(extra.sum())} of its passings are not in the recording."
    return ""


def _usual(laid: _Laid, lost: Mask) -> bool:
    """Whether the laps to and from each lost crossing are as long as the others: none leads through the pit."""
    laps_us = np.diff(laid.at_us)
    usual = np.abs(laps_us / np.median(laps_us) - 1) <= EDGE
    within = laid.inside[1:] & laid.inside[:-1]
    return bool(np.all(usual[within & (lost[1:] | lost[:-1])]))


def _extra(laid: _Laid) -> tuple[Times, Times]:
    """In each gap between crossings that fit, and half a lap beyond a lost one at either end: the crossings, and the
    passings of the kart that belong to none. Both in one gap: the kart went on without the recording.
    """
    inside = np.flatnonzero(laid.inside)
    fit = np.flatnonzero(laid.fit)
    half_us = np.median(np.diff(laid.at_us)) / 2
    begin, end = laid.at_us[fit] + NEAR_US, laid.at_us[fit] - NEAR_US
    if inside[0] < fit[0]:
        fit, begin = np.insert(fit, 0, inside[0] - 1), np.insert(begin, 0, laid.at_us[inside[0]] - half_us)
        end = np.insert(end, 0, 0)
    if inside[-1] > fit[-1]:
        fit, end = np.append(fit, inside[-1] + 1), np.append(end, laid.at_us[inside[-1]] + half_us)
        begin = np.append(begin, 0)
    return np.diff(fit) - 1, np.searchsorted(laid.own_us, end[1:]) - np.searchsorted(laid.own_us, begin[:-1])


def _unsure(found: Match, sigma_us: float, most: float) -> str:
    """The rule of METHODS 1.3, and the chance that a stranger fits as well."""
    wide = sqrt(2 * found.inliers)
    if found.score_us > sigma_us * (1 + 2.8 / wide):
        return "That is more than the two clocks should differ by."
    if not isnan(found.rival_us) and found.rival_us <= max(1.8 * sigma_us * (1 + 2.5 / wide), 1.5 * found.score_us):
        return "That is too close to tell them apart."
    if found.chance > most:
        return "So few laps, or laps so much alike, fit by chance too often."
    return ""


def _seconds(duration_us: float) -> str:
    return f"{lap_text(int(duration_us))} s"


AGREE_US: Micros = SECOND
"""Receivers tell the same instant to within this; a logger further off has another time zone, or no GPS time at all."""

APART_US: Micros = 2 * SECOND
"""Where other recordings tell the decoder's clock, a recording's own lies so near to it (METHODS 1.3) ..."""

NEARER_US, SEVERAL = 600 * MS, 3
"""... or so near, where as many as ``SEVERAL`` agree by much less."""


@dataclass(frozen=True, slots=True)
class Joint:
    """One decoder has one clock: what recordings with GPS time say of it together. ``offset_us``: track clock minus UTC,
    their median; ``apart_us``: how far the furthest of the ``of`` that agree lies from it.
    """

    offset_us: Micros
    apart_us: Micros
    of: int

    def windows_us(self, utc_us: Micros) -> list[tuple[Micros, Micros]]:
        """What the offset of a recording lies between whose clock was 0 at this instant; the narrowest first."""
        reach = [APART_US]
        if self.of >= SEVERAL and 4 * self.apart_us <= NEARER_US:
            reach.insert(0, NEARER_US)
        middle = self.offset_us + utc_us
        return [(middle - each, middle + each) for each in reach]


def joint_offset(offsets_us: Sequence[Micros]) -> Joint | None:
    """What the decoder's clock is off UTC, from accepted recordings' offsets less their own UTC (METHODS 1.3). None where
    there are none, or most do not agree.
    """
    if not offsets_us:
        return None
    middle = median_low(offsets_us)
    agree = [each for each in offsets_us if abs(each - middle) <= AGREE_US]
    if 2 * len(agree) <= len(offsets_us):
        return None
    middle = round(median(agree))
    return Joint(middle, max(abs(each - middle) for each in agree), len(agree))


def match_by_clock(crossings_us: Times, candidates: Mapping[str, Times], gps_sigma_us: float,
                   windows_us: Sequence[tuple[Micros, Micros]]) -> Match:
    """As `match`, where the clock is known as well: what the rule accepts without it, else within the narrowest window in
    which it accepts one. A clock may be wrong: what it forbids is not held against a kart.
    """
    free = match(crossings_us, candidates, gps_sigma_us)
    if free.accepted:
        return free
    tied = [match(crossings_us, candidates, gps_sigma_us, clock_us=each) for each in windows_us]
    likeliest = min((each for each in (free, *tied[-1:]) if each.kart), key=lambda each: each.chance, default=free)
    best = next((each for each in tied if each.accepted), likeliest)
    return best if best is free else replace(best, reason=f"By the clock of other recordings {best.reason}")
