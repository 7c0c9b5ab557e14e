"""Which passing is new: numbers, gaps and restarts of each decoder, and its clock on track time.

A decoder numbers its passings and keeps its own clock. Both begin anew when it restarts, and its clock can be set
while it runs. An *epoch* is a stretch in which numbers rise and the clock runs on; within one, times differ by exact
ticks. Pure: the caller looks up what is stored and sends what is to be asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from trackd.core.records import Passing
from trackd.core.time import HOUR, MINUTE, SECOND, Micros

BACKWARDS_US: Micros = 2 * SECOND
"""Passings of different transponders leave a decoder up to this much out of order; more is a clock that was set."""

FORWARDS_US: Micros = 10 * MINUTE
"""A decoder clock that gains this much on ours between two passings was set forward. Less may be buffered passings
that come at once, or a recording played faster than it was made."""

LOST_AT_MOST = 50
"""How many given-up gaps a decoder's counter remembers."""

UNHEARD_AT_MOST = 100
"""A decoder that begins anew counts from 1; what it counted before it was reached again is asked for, if this few."""

WRAPS: dict[str, Micros] = {"tranx2": 2**32 * 1000, "chronelec": 24 * HOUR}
"""Clocks that begin anew by themselves: 32 bits of milliseconds, the time of day."""


class News(StrEnum):
    """What a passing is to the journal."""

    NEW = "new"
    FILLS = "fills"            # it was missing, and came by itself or on request
    KNOWN = "known"            # it is stored already
    RESTART = "restart"        # new, and the first of a new epoch


class Counter(msgspec.Struct, frozen=True):
    """Where one decoder stands. ``offset_us`` turns its clock into track time; it is fixed while a heat runs."""

    epoch: int = 0
    boot: str | None = None
    last_number: int | None = None
    last_clock_us: Micros | None = None
    seen_at_us: Micros = 0
    offset_us: Micros | None = None
    missing: tuple[tuple[int, int], ...] = ()      # (first, last) of what may still come
    lost: tuple[tuple[int, int], ...] = ()         # given up, newest last; welcome if it comes after all


class Judged(msgspec.Struct, frozen=True):
    """A passing with its place: epoch, unwrapped clock, track time, and the gap it revealed (first, last) if any."""

    news: News
    counter: Counter
    clock_us: Micros
    at_us: Micros
    gap: tuple[int, int] | None = None


def decoder_key(link: str, passing_protocol: str, decoder_id: str | None) -> str:
    """The name a decoder's numbers belong to. Chronelec channels and TranX-2 boxes are only unique on their link."""
    if decoder_id is None or passing_protocol in WRAPS:
        return f"{link}/{decoder_id or passing_protocol}"
    return f"{passing_protocol}:{decoder_id}"


def identity(key: str, epoch: int, passing: Passing, clock_us: Micros) -> str | None:
    """What makes a passing the same one when it comes again; None for TranX-2, where every line is new.

    ``clock_us`` is the unwrapped clock: the same time of another day is another passing.
    """
    if passing.passing_number is not None:
        return f"{key}/{epoch}/{passing.passing_number}"
    if passing.protocol == "chronelec":
        return f"{key}/{epoch}/{passing.transponder}@{clock_us}"
    return None


Known = Callable[[str], tuple[str | None, int] | None]


def judge(counter: Counter, passing: Passing, now_us: Micros, key: str, known: Known, *,
          settle: bool = True) -> Judged:
    """Place one passing. ``known(identity)`` gives (transponder, rtc) of a stored passing or None; ``now_us`` is track
    time; ``settle``: no heat is running, so the offset may follow the decoder's drift.
    """
    clock_us = _unwrapped(counter, passing, now_us)
    number = passing.passing_number
    if counter.last_clock_us is None:
        return _take(replace(counter, boot=passing.boot), passing, clock_us, now_us, News.NEW, None, settle=True)
    if passing.boot != counter.boot:
        return _restart(counter, passing, now_us)
    name = identity(key, counter.epoch, passing, clock_us)
    if number is not None and counter.last_number is not None and number <= counter.last_number:
        stored = known(name) if name else None
        if stored == (passing.transponder, passing.rtc_time_us):
            return Judged(News.KNOWN, counter, clock_us, _track(counter, clock_us, now_us))
        if stored is None and _fills(counter, number, clock_us, key, known):
            filled = replace(counter, missing=_without(counter.missing, number), lost=_without(counter.lost, number))
            return Judged(News.FILLS, filled, clock_us, _track(counter, clock_us, now_us))
        return _restart(counter, passing, now_us)
    if number is None and name is not None and known(name):
        return Judged(News.KNOWN, counter, clock_us, _track(counter, clock_us, now_us))
    gained = (clock_us - counter.last_clock_us) - (now_us - counter.seen_at_us)
    ahead = _track(counter, clock_us, now_us) - now_us       # what was buffered comes late, never from the future
    if clock_us < counter.last_clock_us - BACKWARDS_US or min(gained, ahead) > FORWARDS_US:
        return _restart(counter, passing, now_us, keep_numbers=True)
    gap = None
    if number is not None and counter.last_number is not None and number > counter.last_number + 1:
        gap = (counter.last_number + 1, number - 1)
    return _take(counter, passing, clock_us, now_us, News.NEW, gap, settle=settle)


def heard(counter: Counter, sequence: int | None, boot: str | None) -> tuple[Counter, tuple[int, int] | None]:
    """A numbered status (P98, node): it takes a number of the passings' own sequence, and can reveal a gap."""
    if sequence is None or counter.last_number is None or boot != counter.boot:
        return counter, None
    if sequence <= counter.last_number:
        return replace(counter, missing=_without(counter.missing, sequence)), None
    gap = (counter.last_number + 1, sequence - 1) if sequence > counter.last_number + 1 else None
    missing = (*counter.missing, gap) if gap else counter.missing
    return replace(counter, last_number=sequence, missing=missing), gap


def give_up(counter: Counter, gap: tuple[int, int]) -> tuple[Counter, tuple[tuple[int, int], ...]]:
    """The gap was asked for and did not come: what of it is still missing, now unrecoverable."""
    lost = tuple((max(a, gap[0]), min(b, gap[1])) for a, b in counter.missing if a <= gap[1] and b >= gap[0])
    kept = tuple((a, b) for a, b in counter.missing if a > gap[1] or b < gap[0])
    return replace(counter, missing=kept, lost=(*counter.lost, *lost)[-LOST_AT_MOST:]), lost


def _fills(counter: Counter, number: int, clock_us: Micros, key: str, known: Known) -> bool:
    """Whether a number not above the last is one that was missing: known to be, and its clock lies where it should."""
    around = next(((a, b) for a, b in (*counter.missing, *counter.lost) if a <= number <= b), None)
    if around is None or clock_us > (counter.last_clock_us or 0) + BACKWARDS_US:
        return False
    before = known(f"{key}/{counter.epoch}/{around[0] - 1}")
    return before is None or clock_us >= before[1] - BACKWARDS_US


def _unwrapped(counter: Counter, passing: Passing, now_us: Micros) -> Micros:
    """The decoder's clock with its turns counted: of all it can mean, what lies nearest to now."""
    span = WRAPS.get(passing.protocol)
    if span is None or counter.offset_us is None:
        return passing.rtc_time_us
    turns = (now_us - counter.offset_us - passing.rtc_time_us + span // 2) // span
    return passing.rtc_time_us + max(turns, 0) * span


def _track(counter: Counter, clock_us: Micros, now_us: Micros) -> Micros:
    return clock_us + counter.offset_us if counter.offset_us is not None else now_us


def _take(counter: Counter, passing: Passing, clock_us: Micros, now_us: Micros, news: News,
          gap: tuple[int, int] | None, *, settle: bool) -> Judged:
    offset_us = now_us - clock_us if settle or counter.offset_us is None else counter.offset_us
    last_clock = clock_us if counter.last_clock_us is None else max(clock_us, counter.last_clock_us)
    number = passing.passing_number if passing.passing_number is not None else counter.last_number
    counter = replace(counter, last_number=number, last_clock_us=last_clock, seen_at_us=now_us, offset_us=offset_us,
                      missing=(*counter.missing, gap) if gap else counter.missing)
    return Judged(news, counter, clock_us, clock_us + offset_us, gap)


def _restart(counter: Counter, passing: Passing, now_us: Micros, *, keep_numbers: bool = False) -> Judged:
    fresh = Counter(epoch=counter.epoch + 1, boot=passing.boot)
    judged = _take(fresh, passing, passing.rtc_time_us, now_us, News.RESTART, None, settle=True)
    number, first = passing.passing_number, 1
    if keep_numbers and counter.last_number is not None:
        first = counter.last_number + 1
    elif number is not None and number > UNHEARD_AT_MOST:
        return judged
    if number is None or number <= first:
        return judged
    gap = (first, number - 1)
    return replace(judged, gap=gap, counter=replace(judged.counter, missing=(gap,)))


def _without(missing: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    out: list[tuple[int, int]] = []
    for first, last in missing:
        if first <= number <= last:
            out += [(a, b) for a, b in ((first, number - 1), (number + 1, last)) if a <= b]
        else:
            out.append((first, last))
    return tuple(out)
