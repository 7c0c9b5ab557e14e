"""The page of an analysis: every lap, what each driver's come to, bests with where they come from, charts. Pure.

Times by the loop are shown to the millisecond, by GPS to the hundredth, as everywhere (METHODS 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.time import SECOND, Micros, lap_text
from trackd.services.fields import FieldBest
from trackd.services.pace import Analysis, Figures, Ran
from trackd.web.chart import ChartView
from trackd.web.gpsviews import hundredths
from trackd.web.lapfigures import TREND_WORDS, p_of, signed
from trackd.web.racecharts import BarsView, GapView, bars, gap_chart, order_chart

if TYPE_CHECKING:
    from trackd.analysis.composite import Composite

Text = Callable[[Micros], str]
COLUMNS = 13
"""Karts beside each other in the table of every lap: what fits on A4."""

REASONS = {"in": "in-lap", "out": "out-lap", "incomplete": "does not count", "yellow": "under yellow",
           "slow": "much slower than the others"}


@dataclass(frozen=True, slots=True)
class Who:
    """A kart's number, "" where unknown, and who drove it."""

    kart: str
    name: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A lap in the table of every lap. ``mark``: best, pb, off or ""; ``words``: why it is not clean."""

    text: str = ""
    href: str = ""
    mark: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Some drivers side by side, one line a lap."""

    heads: tuple[Who, ...]
    lines: tuple[tuple[int, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class PaceLine:
    """One driver's laps in numbers."""

    who: Who
    laps: int
    clean: int
    best: Cell
    average: str
    sanitized: str
    deviation: str


@dataclass(frozen=True, slots=True)
class Best:
    """A time and what it is made of: words with the address of the lap they name."""

    time: str = "·"
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BestsLine:
    """Driven in one lap, driven in one piece, never driven: apart."""

    who: Who
    best: Best
    rolling: Best
    theoretical: Best
    second: Best


@dataclass(frozen=True, slots=True)
class SteadyLine:
    """How steady one driver was. ``slope`` with its 95 % interval, ``laps`` it is worked out of, ``p``."""

    who: Who
    spread: str
    off: str
    close: str
    steadier: str
    word: str
    slope: str
    interval: str
    laps: int
    p: str
    step: str


@dataclass(frozen=True, slots=True)
class PartLine:
    """A sector of a composite."""

    sector: int
    time: str
    who: Who
    lap: str
    href: str
    heat: str


@dataclass(frozen=True, slots=True)
class FieldView:
    """A composite over a chosen field. ``choices``: groups of fields to choose from, value and words each."""

    title: str
    time: str
    words: str
    parts: tuple[PartLine, ...]
    choices: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class AnalysisPage:
    """The whole page. ``about``: a line of words under the title; ``address``: the page itself; ``data``: the same as JSON,
    "" where there is none.
    """

    title: str
    about: str
    back: tuple[str, str]
    address: str
    data: str
    blocks: tuple[Block, ...]
    pace: tuple[PaceLine, ...]
    bests: tuple[BestsLine, ...]
    steady: tuple[SteadyLine, ...]
    field: FieldView | None
    order: ChartView | None
    gaps: GapView | None
    bars: BarsView | None
    by_loop: bool
    gps_only: bool
    race: bool
    sectors: bool


def who_of(ran: Ran) -> Who:
    """The driver, or else the kart."""
    return Who(ran.kart, ran.driver or (f"Kart {ran.kart}" if ran.kart else "Unknown"))


def page_of(found: Analysis, *, title: str, about: str, back: tuple[str, str], address: str, data: str = "",
            field: FieldView | None = None, gps_only: bool = False) -> AnalysisPage:
    """The page of a session, or with ``gps_only`` of a recording."""
    text, digits = (hundredths, 2) if gps_only else (lap_text, 3)
    parts = lap_text if found.by_loop else hundredths
    karts = {each.ran.key: (each.ran.kart, who_of(each.ran).name) for each in found.runs}
    charts = found.charts
    return AnalysisPage(
        title, about, back, address, data, _blocks(found, gps_only),
        tuple(_pace(each, text, digits) for each in found.runs), tuple(_bests(each, text, parts) for each in found.runs),
        tuple(_steady(each, text, digits) for each in found.runs), field,
        order_chart(charts.places, karts) if len(found.runs) > 1 else None,
        gap_chart(charts.gaps, karts) if len(found.runs) > 1 else None, bars(charts.histogram), found.by_loop, gps_only,
        charts.ranking == "position", any(each.theoretical and len(each.theoretical.parts) > 1 for each in found.runs))


def _blocks(found: Analysis, gps_only: bool) -> tuple[Block, ...]:
    runs = [each for each in found.runs if each.ran.laps]
    bests = [each.best.time_us for each in runs if each.best]
    text, top = hundredths if gps_only else lap_text, min(bests, default=0)
    wide = -(-len(runs) // max(1, -(-len(runs) // COLUMNS)))
    blocks = []
    for start in range(0, len(runs), wide or 1):
        some = runs[start:start + wide]
        cells: list[dict[int, Cell]] = []
        for run in some:
            own = {}
            for lap, judged in zip(run.ran.laps, run.judged, strict=True):
                if (lap.kind != "full" and gps_only) or (lap.number in own and judged.reason):
                    continue                     # what was struck stands on the result sheet
                mark = "off" if judged.reason else "" if not run.best or lap.id != run.best.lap else (
                    "best" if lap.time_us == top else "pb")
                own[lap.number] = Cell(text(lap.time_us), f"/laps/{lap.id}", mark, REASONS.get(judged.reason, ""))
            cells.append(own)
        last = max((number for own in cells for number in own), default=0)
        blocks.append(Block(tuple(who_of(each.ran) for each in some), tuple(
            (number, tuple(own.get(number, Cell()) for own in cells)) for number in range(1, last + 1))))
    return tuple(blocks)


def _numbers(found: Figures) -> dict[str, int]:
    return {lap.id: lap.number for lap in found.ran.laps}


def _pace(found: Figures, text: Text, digits: int) -> PaceLine:
    numbers, best, clean = _numbers(found), found.best, found.clean
    return PaceLine(who_of(found.ran), sum(lap.kind == "full" and lap.verdict != "void" for lap in found.ran.laps),
                    clean.laps if clean else 0,
                    Cell(text(best.time_us), f"/laps/{best.lap}", words=str(numbers[best.lap])) if best else Cell("·"),
                    text(found.average_us) if found.average_us is not None else "·",
                    text(found.sanitized_us) if found.sanitized_us is not None else "·",
                    f"{clean.deviation_us / SECOND:.{digits}f}" if clean and clean.laps > 1 else "·")


def _bests(found: Figures, text: Text, parts: Text) -> BestsLine:
    numbers, best, rolling = _numbers(found), found.best, found.rolling

    def named(lap: str) -> tuple[str, str]:
        return f"lap {numbers[lap]}", f"/laps/{lap}"

    def made(of: Composite | None) -> Best:
        if of is None or len(of.parts) < 2:      # one sector is the lap itself
            return Best()
        return Best(parts(of.time_us), tuple((f"S{part.sector} {named(part.lap)[0]}", named(part.lap)[1])
                                             for part in of.parts))

    driven = Best(text(best.time_us), (named(best.lap),)) if best else Best()
    rolled = Best()
    if rolling is not None and found.theoretical is not None and len(found.theoretical.parts) > 1:
        begins = f"from S{rolling.sector} of " if rolling.sector and rolling.sector > 1 else ""
        first, *rest = found.rolling_laps
        rolled = Best(parts(rolling.time_us), ((begins + named(first)[0], named(first)[1]),
                                               *((f"to {named(lap)[0]}", named(lap)[1]) for lap in rest)))
    return BestsLine(who_of(found.ran), driven, rolled, made(found.theoretical), made(found.second))


def _steady(found: Figures, text: Text, digits: int) -> SteadyLine:
    clean, trend, step = found.clean, found.trend, found.step
    several = clean if clean and clean.laps > 1 else None
    slope = interval = p = ""
    if trend.slope_us is not None and trend.low_us is not None and trend.high_us is not None and trend.p is not None:
        slope, interval = signed(trend.slope_us, 3), f"{signed(trend.low_us, 3)} to {signed(trend.high_us, 3)}"
        p = p_of(trend.p)
    return SteadyLine(
        who_of(found.ran), f"{several.spread_us / SECOND:.{digits}f}" if several else "·",
        f"{several.off_us / SECOND:.{digits}f}" if several else "·", str(clean.close) if clean else "·",
        f"{found.steadier:.0f} %" if found.steadier is not None else "·", TREND_WORDS[trend.word], slope or "·",
        interval, trend.laps, p or "·",
        f"{text(step.before_us)} to {text(step.after_us)}" if step else "")


def field_view(found: FieldBest, own: Sequence[Ran], classes: Sequence[str], heats: Mapping[str, str],
               session: str) -> FieldView:
    """A composite over a field, and the fields to choose from: those of the session's drivers, karts and ``classes``.
    ``heats``: names of other sessions by id.
    """
    text = lap_text if found.by_loop else hundredths
    drivers = {f"driver:{ran.driver_id}": ran.driver for ran in own if ran.driver_id and ran.driver}
    karts = {f"kart:{lap.kart}": f"Kart {lap.kart}" for ran in own for lap in ran.laps}
    groups = (("Everybody", (("session", "This session"), ("day", "This day on this layout"))),
              ("One driver, this day on this layout", tuple(sorted(drivers.items(), key=lambda pair: pair[1]))),
              ("One kart, this day on this layout", tuple(karts.items())),
              ("One class of karts, this day on this layout", tuple((f"class:{each}", each) for each in classes)))
    name = next((words for _, fields in groups for value, words in fields if value == found.over), found.over)
    parts = []
    for part in found.composite.parts if found.composite else ():
        ran, lap = found.sources[part.lap]
        parts.append(PartLine(part.sector, text(part.time_us), who_of(ran), str(lap.number), f"/laps/{lap.id}",
                              "" if ran.session == session else heats.get(ran.session, "")))
    several = "Field composite" if found.several else "Theoretical best"
    where = "" if found.over in ("session", "day") else ", this day on this layout"
    once = len({part.href for part in parts}) == 1
    words = (f"{name}{where}: the best sectors of {found.laps} clean laps. "
             f"{'They are all of one lap.' if once else 'Nobody drove it in one piece.'}")
    if not found.composite or len(parts) < 2:
        words = "There are no sector lines here, so no lap can be put together." if not parts else (
            "There is one sector only: the best lap itself.")
    return FieldView(several, text(found.composite.time_us) if found.composite and len(parts) > 1 else "", words,
                     tuple(parts) if len(parts) > 1 else (), tuple(group for group in groups if group[1]), found.over)
