"""What the laps of a session, or of a recording, come to: of each who drove, and of a chosen field together.

Numpy comes with the first page that asks for it, and works in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trackd.core.time import Micros
from trackd.services.lapstints import UNSURE
from trackd.services.recorded import GpsLap
from trackd.services.twins import Twin

if TYPE_CHECKING:
    from trackd.analysis.charts import Histogram
    from trackd.analysis.composite import Composite, Rolling
    from trackd.analysis.consistency import Consistency, Judged, Step, Trend
    from trackd.analysis.laps import TimedLap

COUNTED = ("valid", "yellow")
"""Verdicts of laps by the loop that are complete; the yellow ones are no part of what is clean."""


@dataclass(frozen=True, slots=True)
class RanLap:
    """One lap. ``loop_us`` and ``gps_us``: its sectors by the loop and by the kart's own recording; ``ended_us``: on the
    session's or the recording's clock. ``verdict``: the loop's, or what a recording's lap is worth.
    """

    id: str
    number: int
    kart: str
    time_us: Micros
    ended_us: Micros
    kind: str
    verdict: str
    complete: bool
    yellow: bool = False
    loop_us: tuple[Micros | None, ...] = ()
    gps_us: tuple[Micros | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """Who drove a session: ``key`` is the entry, or a recording. ``driver``: a name, "" where unknown."""

    key: str
    kart: str
    driver: str
    driver_id: str | None
    laps: tuple[RanLap, ...]
    session: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one driver's laps come to. ``average_us``: of all complete laps; ``sanitized_us``: see analysis.consistency; all
    else of clean ones. ``rolling_laps``: the ids of the laps it was driven in; ``steadier``: the percentage of the field
    whose laps spread more, of the others.
    """

    ran: Ran
    judged: tuple[Judged, ...]
    average_us: Micros | None
    sanitized_us: Micros | None
    clean: Consistency | None
    best: TimedLap | None
    rolling: Rolling | None
    rolling_laps: tuple[str, ...]
    theoretical: Composite | None
    second: Composite | None
    trend: Trend
    step: Step | None
    steadier: float | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    """By entry: ``places`` after each lap, by ``ranking`` (position, best_lap); ``gaps`` to the first, for races only; all
    clean laps by how long they took.
    """

    ranking: str
    places: dict[str, tuple[int, ...]]
    gaps: dict[str, tuple[Micros, ...]]
    histogram: Histogram | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """A session or a recording. ``by_loop``: sectors are those the loop timed, and not the karts' own recordings."""

    runs: tuple[Figures, ...]
    charts: Charts
    by_loop: bool


def ran_of(twins: Iterable[Twin], names: dict[str, str]) -> tuple[Ran, ...]:
    """The laps of a session by who drove them. ``names``: of drivers by id."""
    rows: dict[str, list[tuple[dict[str, Any], GpsLap | None]]] = {}
    for each in twins:
        if each.loop is not None:
            rows.setdefault(each.loop["entry"], []).append((each.loop, each.gps))
    found = []
    for entry, laps in rows.items():
        first = laps[0][0]
        found.append(Ran(entry, first["kart"], names.get(first["driver_id"] or "", ""), first["driver_id"],
                         tuple(_by_loop(*lap) for lap in sorted(laps, key=lambda lap: lap[0]["at_us"])), first["session"]))
    return tuple(found)


def _by_loop(row: dict[str, Any], gps: GpsLap | None) -> RanLap:
    sectors = tuple(row["sectors_us"])
    return RanLap(str(row["seq"]), row["number"], row["kart"], row["time_us"], row["at_us"], row["kind"], row["verdict"],
                  row["verdict"] in COUNTED and row["source"] != "split", row["verdict"] == "yellow",
                  sectors if any(each is not None for each in sectors) else (), gps.sectors_us if gps else ())


def ran_alone(key: str, kart: str, name: str, laps: Sequence[GpsLap]) -> Ran:
    """The laps of a recording."""
    return Ran(key, kart, name, None, tuple(
        RanLap(each.id, each.number, kart, each.time_us, each.start_us + each.time_us, each.kind, each.quality,
               not UNSURE & set(each.flags), gps_us=each.sectors_us) for each in laps))


def analysed(runs: Sequence[Ran], ranking: str) -> Analysis:
    """What these laps come to, in the order the runs are given."""
    from dataclasses import replace

    from trackd.analysis.consistency import percentile

    by_loop = any(lap.loop_us for ran in runs for lap in ran.laps)
    found = [_figures(ran, by_loop) for ran in runs]
    spreads = {each.ran.key: each.clean.spread_us for each in found if each.clean and each.clean.laps > 1}
    told = tuple(replace(each, steadier=percentile(spreads[key], [us for other, us in spreads.items() if other != key]))
                 if (key := each.ran.key) in spreads else each for each in found)
    return Analysis(told, _charts(told, ranking), by_loop)


def timed(ran: Ran, *, by_loop: bool) -> list[TimedLap]:
    """Its laps as analysis sees them, with their sectors by the loop or by GPS; those of a lap that is not complete are
    not known well enough.
    """
    from trackd.analysis.laps import TimedLap

    def sectors_of(lap: RanLap) -> tuple[Micros | None, ...]:
        return () if not lap.complete else lap.loop_us if by_loop else lap.gps_us

    return [TimedLap(lap.id, lap.time_us, sectors_of(lap), ran.key, lap.kind, lap.complete, lap.yellow) for lap in ran.laps]


def _figures(ran: Ran, by_loop: bool) -> Figures:
    from trackd.analysis.composite import best_lap, composite, rolling_of_sectors
    from trackd.analysis.consistency import consistency, judged, sanitized_us, step_change, trend

    laps = timed(ran, by_loop=by_loop)
    every = judged(laps)
    clean = [each.lap for each in every if each.clean]
    whole = [lap for lap in laps if lap.kind == "full" and lap.complete]
    green = [lap.time_us for lap in whole if not lap.yellow]
    numbers = {lap.id: lap.number for lap in ran.laps}
    roll, times = rolling_of_sectors(laps), [lap.time_us for lap in clean]
    return Figures(
        ran, every, sum(lap.time_us for lap in whole) // len(whole) if whole else None,
        sanitized_us(green) if green else None, consistency(times), best_lap(clean), roll,
        tuple(laps[index].lap for index in roll.laps) if roll else (), composite(clean), composite(clean, nth=2),
        trend([(numbers[lap.lap], lap.time_us) for lap in clean]), step_change(times))


def _charts(runs: Sequence[Figures], ranking: str) -> Charts:
    """Laps that were struck are no part of a race: the next one begins where the one before them ended."""
    from trackd.analysis.charts import best_chart, gap_chart, histogram, lap_chart

    driven = {each.ran.key: [lap for lap in each.ran.laps if lap.verdict != "void"] for each in runs}
    start = {key: laps[0].ended_us - laps[0].time_us for key, laps in driven.items() if laps}
    since = {key: min(start.values()) for key in start}
    times = {key: [b - a for a, b in zip([since.get(key, 0), *(lap.ended_us for lap in laps)],
                                         (lap.ended_us for lap in laps), strict=False)] for key, laps in driven.items()}
    clean = [each.lap.time_us for run in runs for each in run.judged if each.clean]
    if ranking == "position":
        return Charts(ranking, lap_chart(times), gap_chart(times), histogram(clean))
    best = {each.ran.key: [lap.lap.time_us for lap in each.judged if lap.lap.kind == "full" and lap.lap.complete]
            for each in runs}
    return Charts(ranking, best_chart(best), {}, histogram(clean))
