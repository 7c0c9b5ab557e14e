"""The API of an analysis: what the laps of a session come to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypedDict

from litestar import Controller, get
from litestar.params import FromPath, FromQuery

from trackd.services.fields import FieldBest, field_best
from trackd.services.pace import Analysis, Figures, analysed
from trackd.web.analysis import ordered
from trackd.web.given import TheAppliance

if TYPE_CHECKING:
    from trackd.analysis.composite import Composite


class JudgedLapRow(TypedDict):
    """A lap and whether it is clean; ``reason`` where it is not: in, out, incomplete, yellow, slow."""

    id: str
    number: int
    time_us: int
    clean: bool
    reason: str | None


class PartRow(TypedDict):
    """A sector of a composite and the lap it was driven in."""

    sector: int
    time_us: int
    lap: str
    kart: str
    driver: str | None


class CompositeRow(TypedDict):
    """The sum of best sectors, which nobody drove; null where there are no sectors."""

    time_us: int
    parts: list[PartRow]


class RollingRow(TypedDict):
    """The fastest round driven in one piece: from the begin of ``sector`` in the first of ``laps`` on."""

    time_us: int
    sector: int | None
    laps: list[str]


class TrendRow(TypedDict):
    """How lap times go: ``word`` fading, improving, steady or unknown; ``slope_us`` a lap with its 95 % interval, ``n`` the
    laps it is worked out of, ``p`` how often laps without a trend look like it.
    """

    word: str
    n: int
    slope_us: float | None
    low_us: float | None
    high_us: float | None
    p: float | None


class StepRow(TypedDict):
    """A change of pace: the first lap after it, and the medians on either side."""

    lap: str
    before_us: int
    after_us: int


class PaceRow(TypedDict):
    """What one driver's laps come to (FEATURES R20). ``average_us``: of whole laps; ``sanitized_us``: without yellow ones
    and those more than 10 % slower than their mean; ``deviation_us``, ``spread_us``, ``off_us`` (mean distance from the
    mean) and ``close`` (laps within 0.1 s of the best): of the ``clean`` ones; ``steadier_pct``: of the field that spreads
    more. ``places`` and ``gaps_us`` after each lap.
    """

    kart: str
    driver: str | None
    laps: list[JudgedLapRow]
    clean: int
    best: str | None
    best_us: int | None
    average_us: int | None
    sanitized_us: int | None
    deviation_us: int | None
    spread_us: int | None
    off_us: int | None
    close: int
    steadier_pct: float | None
    rolling: RollingRow | None
    theoretical: CompositeRow | None
    second: CompositeRow | None
    trend: TrendRow
    step: StepRow | None
    places: list[int]
    gaps_us: list[int]


class FieldRow(TypedDict):
    """The composite over a field; ``kind``: theoretical of one driver, field of several."""

    over: str
    kind: str
    laps: int
    composite: CompositeRow | None


class HistogramRow(TypedDict):
    """How many clean laps lie between one edge and the next."""

    width_us: int
    edges_us: list[int]
    counts: list[int]


class AnalysisBody(TypedDict):
    """A session. ``sectors``: whether the loop timed them or the karts' own GPS; ``ranking``: what ``places`` go by."""

    items: list[PaceRow]
    next: None
    sectors: str
    ranking: str
    field: FieldRow
    histogram: HistogramRow | None


class AnalysisApi(Controller):
    """What laps come to."""

    path = "/api/v1"
    tags = ("sessions",)

    @get("/sessions/{session_id:str}/analysis")
    async def analysis(self, appliance: TheAppliance, session_id: FromPath[str],
                       over: FromQuery[str] = "session") -> AnalysisBody:
        """Pace, bests, steadiness and charts of a session. ``over``: what the composite is taken over: session, day (all of
        the day on its layout), or of that day driver:ID, kart:NUMBER, class:NAME.
        """
        board, runs = await ordered(appliance, session_id)
        best = await field_best(appliance, board.session, runs, over)
        return _body(await asyncio.to_thread(analysed, runs, board.session.ranking), best)


def _body(found: Analysis, best: FieldBest) -> AnalysisBody:
    bins = found.charts.histogram
    people = {lap: (ran.kart, ran.driver) for lap, (ran, _) in best.sources.items()}
    return {"items": [_row(each, found) for each in found.runs], "next": None,
            "sectors": "loop" if found.by_loop else "gps", "ranking": found.charts.ranking,
            "field": {"over": best.over, "kind": "field" if best.several else "theoretical", "laps": best.laps,
                      "composite": _composite(best.composite, people)},
            "histogram": None if bins is None else {"width_us": bins.width_us, "edges_us": list(bins.edges_us),
                                                    "counts": list(bins.counts)}}


def _composite(found: Composite | None, people: dict[str, tuple[str, str]]) -> CompositeRow | None:
    return None if found is None else {"time_us": found.time_us, "parts": [
        {"sector": part.sector, "time_us": part.time_us, "lap": part.lap, "kart": people[part.lap][0],
         "driver": people[part.lap][1] or None} for part in found.parts]}


def _row(found: Figures, of: Analysis) -> PaceRow:
    ran, clean, trend, step = found.ran, found.clean, found.trend, found.step
    people = {lap.id: (lap.kart, ran.driver) for lap in ran.laps}
    kept = [each.lap for each in found.judged if each.clean]
    return {
        "kart": ran.kart, "driver": ran.driver or None,
        "laps": [{"id": lap.id, "number": lap.number, "time_us": lap.time_us, "clean": judged.clean,
                  "reason": judged.reason or None} for lap, judged in zip(ran.laps, found.judged, strict=True)],
        "clean": clean.laps if clean else 0, "best": found.best.lap if found.best else None,
        "best_us": found.best.time_us if found.best else None, "average_us": found.average_us,
        "sanitized_us": found.sanitized_us, "deviation_us": clean.deviation_us if clean else None,
        "spread_us": clean.spread_us if clean else None, "off_us": clean.off_us if clean else None,
        "close": clean.close if clean else 0, "steadier_pct": found.steadier,
        "rolling": None if found.rolling is None else {"time_us": found.rolling.time_us, "sector": found.rolling.sector,
                                                       "laps": list(found.rolling_laps)},
        "theoretical": _composite(found.theoretical, people), "second": _composite(found.second, people),
        "trend": {"word": trend.word, "n": trend.laps, "slope_us": trend.slope_us, "low_us": trend.low_us,
                  "high_us": trend.high_us, "p": trend.p},
        "step": None if step is None else {"lap": kept[step.at].lap, "before_us": step.before_us,
                                           "after_us": step.after_us},
        "places": list(of.charts.places.get(ran.key, ())), "gaps_us": list(of.charts.gaps.get(ran.key, ()))}
