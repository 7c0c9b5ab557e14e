"""A field of karts that is not there: drivers, karts and their passings. Pure and seeded: the same field again and again.

Lap times come from the kart's pace, the driver's skill, learning over the first laps, the driver's own scatter, traffic
(who arrives close behind another loses time or gets by), rare spins and pit stops. Times are microseconds from the start.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, Micros
from trackd.emulator.names import FIRST, LAST

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "start_finish"
CLOSE_US: Micros = SECOND
"""Who crosses a loop this soon after another is in its traffic."""


class FieldPassing(NamedTuple):
    """One kart over one loop. ``loop`` is a role: start_finish, sector:1 .., pit_in, pit_out."""

    at_us: Micros
    transponder: str
    loop: str = LINE
    strength: int = 100
    hits: int = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A kart and who drives it. ``pace`` and ``skill`` multiply the lap time; ``scatter`` is its relative spread."""

    kart: str
    driver: str
    transponder: str
    pace: float
    skill: float
    scatter: float
    signal: int


@dataclass(slots=True)
class _Running:
    """A kart on its way."""

    entry: Entry
    rng: random.Random
    leg: int                         # the stretch it is on
    laps: int = 0                    # crossings of the line
    factor: float = 1.0              # of the lap in progress
    delay_us: Micros = 0             # to be lost on the next stretch
    in_pit: bool = False
    done: bool = False


@dataclass(frozen=True)
class Field:
    """``karts`` karts around ``lap_s`` seconds a lap with ``sectors`` sector loops besides the line.

    ``shares``: how a lap splits over the stretches between the loops, the one to the line last; by default the seed says.
    ``start`` is rolling (out of the pit one by one, an out-lap first) or standing (over the line in grid order within
    seconds). ``pit_rate`` and ``spin_rate`` are chances per lap. Raises BadInput with all that is wrong.
    """

    seed: int = 1
    karts: int = 12
    lap_s: float = 48.0
    sectors: int = 2
    start: Literal["rolling", "standing"] = "rolling"
    pit_rate: float = 0.01
    spin_rate: float = 0.012
    shares: tuple[float, ...] = ()
    entries: tuple[Entry, ...] = field(init=False)

    def __post_init__(self) -> None:
        faults = [Fault(name, what) for name, good, what in (
            ("karts", 1 <= self.karts <= 500, "must be from 1 to 500"),
            ("lap_s", 1 <= self.lap_s <= 3600, "must be from 1 to 3600 seconds"),
            ("sectors", 0 <= self.sectors <= 9, "must be from 0 to 9 sector loops"),
            ("start", self.start in ("rolling", "standing"), "must be rolling or standing"),
            ("pit_rate", 0 <= self.pit_rate <= 1, "must be a chance from 0 to 1"),
            ("spin_rate", 0 <= self.spin_rate <= 1, "must be a chance from 0 to 1"),
            ("shares", len(self.shares) in (0, self.sectors + 1), "must be one for each stretch between two loops"))
            if not good]
        if faults:
            raise BadInput(*faults)
        object.__setattr__(self, "entries", _entries(self.seed, self.karts))

    @property
    def loops(self) -> tuple[str, ...]:
        """The loops in driving order, the line last; then those of the pit."""
        return (*(f"sector:{n}" for n in range(1, self.sectors + 1)), LINE, "pit_in", "pit_out")

    def passings(self, duration_s: float | None = None, start_us: Micros = 0) -> Iterator[FieldPassing]:
        """The passings in time order from ``start_us`` on; with ``duration_s`` each kart then ends at the line."""
        return _drive(self, None if duration_s is None else round(duration_s * SECOND), start_us)


def _entries(seed: int, karts: int) -> tuple[Entry, ...]:
    rng = random.Random(f"{seed}:entries")  # noqa: S311 - repeatable on purpose
    drivers: list[str] = [f"{first} {last}" for first in FIRST for last in LAST]
    transponders = rng.sample(range(100_000, 1_000_000), karts)
    return tuple(
        Entry(str(number), driver, str(transponder),
              pace=rng.uniform(0.99, 1.015), skill=1 + abs(rng.gauss(0, 0.025)), scatter=rng.uniform(0.002, 0.008),
              signal=rng.randint(80, 150))
        for number, (driver, transponder) in enumerate(zip(_apart(rng, drivers, karts), transponders, strict=True), 1))


def _apart(rng: random.Random, drivers: list[str], count: int) -> list[str]:
    """``count`` drivers, no first or last name twice as long as there are enough of them."""
    rng.shuffle(drivers)
    used: set[str] = set()
    chosen, rest = [], []
    for driver in drivers:
        first, last = driver.split(" ", 1)
        if first in used or last in used:
            rest.append(driver)
        else:
            used |= {first, last}
            chosen.append(driver)
    return (chosen + rest)[:count]


def _drive(of: Field, duration_us: Micros | None, start_us: Micros) -> Iterator[FieldPassing]:
    loops = of.loops[:of.sectors + 1]
    shares = list(of.shares) or _shares(of)
    running, queue = _start(of, shares)
    latest: dict[str, tuple[Micros, int]] = {}   # loop -> when and by whom it was last crossed
    serial = len(queue)
    left = of.karts
    while left:
        at, _, index, loop = heapq.heappop(queue)
        kart = running[index]
        if loop == LINE and duration_us is not None and at >= duration_us:
            kart.done = True
            left -= 1
        _traffic(kart, index, running, latest.get(loop), at)
        latest[loop] = (at, index)
        yield FieldPassing(start_us + at, kart.entry.transponder, loop, *_signal(kart))
        if kart.done:
            continue
        after, loop = _next(of, kart, loop, loops, shares)
        serial += 1
        heapq.heappush(queue, (at + after, serial, index, loop))


def _shares(of: Field) -> list[float]:
    """How the lap splits over its stretches; the same for all karts."""
    rng = random.Random(f"{of.seed}:shares")  # noqa: S311 - repeatable on purpose
    parts = [rng.uniform(0.8, 1.2) for _ in range(of.sectors + 1)]
    return [part / sum(parts) for part in parts]


def _start(of: Field, shares: list[float]) -> tuple[list[_Running], list[tuple[Micros, int, int, str]]]:
    running, queue = [], []
    at = 0
    for index, entry in enumerate(of.entries):
        rng = random.Random(f"{of.seed}:kart:{entry.kart}")  # noqa: S311 - repeatable on purpose
        if of.start == "standing":
            at = SECOND + index * 450_000 + rng.randint(0, 200_000)
            running.append(_Running(entry, rng, leg=len(shares) - 1))
            queue.append((at, index, index, LINE))
        else:
            at += rng.randint(3_500_000, 8_000_000) * (index > 0)
            running.append(_Running(entry, rng, leg=-1, factor=1.15))
            queue.append((at, index, index, "pit_out"))
    heapq.heapify(queue)
    return running, queue


def _next(of: Field, kart: _Running, loop: str, loops: tuple[str, ...], shares: list[float]) -> tuple[Micros, str]:
    """How long the kart needs from ``loop`` to the next one, and which that is."""
    rng = kart.rng
    if loop == "pit_in":
        kart.in_pit = True
        return rng.randint(15 * SECOND, 40 * SECOND), LINE     # the pit lane runs along the line
    if loop == LINE:
        _begin_lap(kart)
        if kart.in_pit:
            kart.in_pit = False
            return rng.randint(2 * SECOND, 4 * SECOND), "pit_out"
    kart.leg = (kart.leg + 1) % len(loops)
    base = of.lap_s * SECOND * shares[kart.leg] * kart.entry.pace * kart.entry.skill * kart.factor
    time = round(base * (1 + max(-2.5, min(2.5, rng.gauss(0, 1))) * kart.entry.scatter)) + kart.delay_us
    kart.delay_us = 0
    if rng.random() < of.spin_rate / len(loops):
        time += rng.randint(4 * SECOND, 12 * SECOND)
    if loops[kart.leg] == LINE and kart.laps and rng.random() < of.pit_rate:
        return time, "pit_in"
    return time, loops[kart.leg]


def _begin_lap(kart: _Running) -> None:
    """A new lap: cold tyres and an unknown track at first, then a lap like any other."""
    kart.leg = -1
    kart.laps += 1
    learning = 0.06 * math.exp(-(kart.laps - 1) / 2.5)
    kart.factor = 1 + learning + kart.rng.gauss(0, 0.3) * kart.entry.scatter


def _traffic(kart: _Running, index: int, running: list[_Running], before: tuple[Micros, int] | None, at: Micros) -> None:
    """Close behind another: get by when clearly quicker, at a price for both, else be held up."""
    if before is None or before[1] == index or at - before[0] > CLOSE_US:
        return
    ahead = running[before[1]]
    quicker = ahead.entry.pace * ahead.entry.skill - kart.entry.pace * kart.entry.skill
    if quicker > 0.004 and kart.rng.random() < 0.5:
        kart.delay_us += kart.rng.randint(0, 80_000)
    else:
        kart.delay_us += kart.rng.randint(80_000, 450_000)


def _signal(kart: _Running) -> tuple[int, int]:
    """Strength and hits of the reading."""
    return (max(51, min(183, kart.entry.signal + round(kart.rng.gauss(0, 8)))),
            max(2, round(kart.rng.gauss(34, 7))))
