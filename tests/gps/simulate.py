"""Seeded heats: what the loop read of every kart, what one recording crossed, and which kart it truly was in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trackd.gps.match import Match, joint_offset, match, match_by_clock

Times = NDArray[np.int64]

OFFSET_US = 200_000
"""An offset this wrong is another alignment, not noise."""

ALIKE_S = 0.1
"""Two karts that cross the line so soon after one another are side by side."""


@dataclass(frozen=True, slots=True)
class Field:
    """Who drives: seconds. ``drivers_s``: how far apart they are; ``laps_s``: how far apart one's laps are."""

    drivers_s: float
    laps_s: float


RENTAL = Field(0.6, 0.25)
LEAGUE = Field(0.25, 0.12)
PROS = Field(0.08, 0.08)


@dataclass(frozen=True, slots=True)
class Plan:
    """One kind of heat. ``crossings``: so many the recording holds (None: the whole heat). ``trouble``: '' absent (the kart
    has no loop times) swap (another kart after the pit) splice (another kart's crossings from one lap to the next) spans
    (it holds laps before and after) shadow (another kart half a second behind all the time).
    """

    field: Field = RENTAL
    crossings: int | None = None
    missed: float = 0.0                  # share of loop passings nobody read
    unseen: float = 0.0                  # share of GPS crossings that were lost, those between the first and the last
    trouble: str = ""
    rough: bool = False                  # slow first laps, spins, drivers of all kinds instead of equally steady ones
    drift_s: float = 0.0                 # GPS error that wanders within a minute
    karts: int = 12
    laps: int = 12
    gps_s: float = 0.020
    loop_s: float = 0.003
    lap_s: float = 40.0

    @property
    def sigma_us(self) -> float:
        """What a reader would say of these crossings."""
        return 1e6 * float(np.hypot(self.gps_s, self.drift_s))


@dataclass(frozen=True, slots=True)
class Heat:
    """``karts``: the one it was in at each crossing, with any that passed beside it to what nobody could tell apart; empty
    where none was read. ``offset_us``: track clock minus recording's.
    """

    crossings_us: Times
    candidates: dict[str, Times]
    karts: tuple[tuple[str, ...], ...]
    offset_us: int

    @property
    def changed(self) -> bool:
        """Whether it was in two karts."""
        return not any(all(kart in beside for beside in self.karts if beside) for kart in ("1", "2"))


def right(found: Match, truth: Heat) -> bool:
    """Whether it was in the kart that is named at every crossing of the span that is said to fit, by the right clock."""
    span = truth.karts[found.first:found.last + 1]
    return all(found.kart in beside for beside in span) and abs(found.offset_us - truth.offset_us) < OFFSET_US


def heat(plan: Plan, rng: np.random.Generator) -> Heat:
    """One heat by this plan. The recording is in kart "1"; after a change of kart in "2"."""
    pace = plan.lap_s + rng.normal(0, plan.field.drivers_s, plan.karts)
    steady = np.exp(rng.normal(0, 0.6, (plan.karts, 1))) if plan.rough else 1.0
    laps = pace[:, None] + rng.normal(0, plan.field.laps_s, (plan.karts, plan.laps)) * steady
    if plan.rough:
        laps[:, :3] += rng.normal([4.0, 1.0, 0.4], 0.2, (plan.karts, 3))
        laps += (rng.random(laps.shape) < 0.03) * rng.uniform(1, 10, laps.shape)
    true = np.cumsum(np.column_stack([rng.uniform(0, plan.lap_s, plan.karts), laps]), axis=1)
    runs = list(true)
    if plan.trouble == "shadow":
        runs[1] = runs[0] + 0.5 + rng.normal(0, 0.1, plan.laps + 1)
    run = runs[0]
    if plan.trouble == "swap":
        run = _swapped(runs, plan, rng)
    elif plan.trouble == "splice":
        cut = rng.integers(1, plan.laps)
        run = np.concatenate([run[:cut], runs[1][runs[1] > run[cut - 1] + 5]])
    if plan.crossings is not None and plan.crossings < len(run):
        begin = _window(plan, runs, run, rng)
        run = run[begin:begin + plan.crossings]
    karts = [tuple(str(k + 1) for k in (0, 1) if np.abs(runs[k] - moment).min() < ALIKE_S) for moment in run]
    if plan.trouble == "spans":
        before, after = rng.integers(1, 8, 2)
        karts = [*[()] * before, *karts, *[()] * after]
        run = np.concatenate([run[0] - 90 - np.cumsum(rng.normal(plan.lap_s, 1, before))[::-1], run,
                              true.max() + 60 + np.cumsum(rng.normal(plan.lap_s, 1, after))])
    kept = rng.random(len(run)) >= plan.unseen
    kept[[0, -1]] = True
    offset_s = rng.uniform(-50_000, 50_000)
    error = rng.normal(0, plan.gps_s, len(run)) + _drift(plan, len(run), rng)
    seen = (run + error)[kept] - offset_s
    read = {str(k + 1): _us(t[rng.random(len(t)) >= plan.missed], plan.loop_s, rng) for k, t in enumerate(runs)}
    if plan.trouble == "absent":
        karts = [()] * len(karts)
        del read["1"]
    true_karts = tuple(beside for beside, seen_too in zip(karts, kept, strict=True) if seen_too)
    return Heat(np.rint(seen * 1e6).astype(np.int64), read, true_karts, round(offset_s * 1e6))


def _drift(plan: Plan, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """An Ornstein-Uhlenbeck process with a time constant of 60 s, once a lap (METHODS 0.1)."""
    fade = float(np.exp(-plan.lap_s / 60))
    drift = rng.normal(0, plan.drift_s, n)
    for i in range(1, n if plan.drift_s else 0):
        drift[i] = fade * drift[i - 1] + np.sqrt(1 - fade**2) * drift[i]
    return drift


def _us(times_s: NDArray[np.float64], sd_s: float, rng: np.random.Generator) -> Times:
    return np.rint((times_s + rng.normal(0, sd_s, len(times_s))) * 1e6).astype(np.int64)


def _swapped(runs: list[NDArray[np.float64]], plan: Plan, rng: np.random.Generator) -> NDArray[np.float64]:
    """The driver pits after a few laps and goes on in kart 2, which stood since or was left by another. Half the time
    somebody takes the first kart out again.
    """
    cut = int(rng.integers(1, plan.laps))
    first = runs[0][:cut]
    left = plan.laps + 1 - cut
    again = first[-1] + rng.uniform(25, 60) + np.cumsum(rng.normal(plan.lap_s, plan.field.laps_s, left))
    if rng.random() < 0.5:
        other = first[-1] + rng.uniform(25, 60) + np.cumsum(rng.normal(plan.lap_s, plan.field.laps_s, left))
        runs[0] = np.concatenate([first, other])
    else:
        runs[0] = first
    runs[1] = np.concatenate([runs[1][runs[1] < first[-1]] if rng.random() < 0.5 else [], again])
    return np.concatenate([first, again])


def _window(plan: Plan, runs: list[NDArray[np.float64]], run: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Where a recording of a part begins; after a change of kart so that it holds some of both."""
    most = len(run) - (plan.crossings or 0)
    if plan.trouble in ("swap", "splice"):
        cut = int(np.isin(run, runs[0]).sum())
        return int(np.clip(cut - rng.integers(1, plan.crossings or 2), 0, most))
    return int(rng.integers(0, most + 1))


def mixed(rng: np.random.Generator, plan: Plan) -> Plan:
    """The plan with what goes wrong on a real day: of ten heats five are as they should be, two have a change of kart, and
    one each laps beyond the heat, a kart that was never read, another kart right behind. Half hold the whole heat.
    """
    trouble = rng.choice(["", "swap", "splice", "spans", "absent", "shadow"], p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    part = None if rng.random() < 0.5 else int(rng.integers(3, plan.laps + 1))
    return replace(plan, trouble=str(trouble), crossings=part, rough=bool(rng.random() < 0.5))


def clocks_told(truth: Heat, rng: np.random.Generator) -> list[tuple[int, int]]:
    """What one to six recordings matched before say of the clock of this one: they agree to 0.1 s, and it with them to
    0.8 s. In one case of seven its clock is of another time zone, or wrong by a few seconds, by a lap or so.
    """
    told = truth.offset_us + rng.uniform(-0.8, 0.8) * 1e6
    if rng.random() < 1 / 7:
        told += rng.choice([3600e6 * rng.integers(-12, 13), rng.uniform(-100e6, 100e6), rng.normal(0, 3e6)])
    joint = joint_offset([round(told + error) for error in rng.normal(0, 0.03e6, rng.integers(1, 7))])
    return joint.windows_us(0) if joint else []


def tally(heats: int, plan: Plan, seed: int, *, clock: bool = False) -> Counter[str]:
    """What became of so many mixed heats: accepted, proposed, and accepted though wrong. ``clock``: other recordings were
    matched before.
    """
    rng = np.random.default_rng(seed)
    count: Counter[str] = Counter()
    for _ in range(heats):
        told = mixed(rng, plan)
        truth = heat(told, rng)
        if clock:
            found = match_by_clock(truth.crossings_us, truth.candidates, told.sigma_us, clocks_told(truth, rng))
        else:
            found = match(truth.crossings_us, truth.candidates, told.sigma_us)
        count["proposed" if not found.accepted else "accepted" if right(found, truth) else "wrong"] += 1
        if found.accepted and not right(found, truth):
            count[f"wrong: {told.trouble}: {found.reason}"] += 1
    return count
