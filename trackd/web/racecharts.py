"""The charts of an analysis, as SVG paths: who was where after each lap, how far behind, how lap times spread. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.time import MS, SECOND, Micros
from trackd.web.chart import ChartLine, ChartView, curve_of

if TYPE_CHECKING:
    from trackd.analysis.charts import Histogram

WIDTH, LEFT, RIGHT, TOP, STEP = 828.0, 40.0, 700.0, 16.0, 23.2
TALL = 240.0
"""Of the gap chart and the histogram, drawing units, without their labels."""

APART = 16.0
"""Names beside each other are at least so far apart."""

TICKS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
OUT_OF_SIGHT = 2.0
"""Gaps above so many times what nine of ten come to are cut off: one kart that stood does not flatten all others."""

LEAST_US: Micros = 2 * SECOND


@dataclass(frozen=True, slots=True)
class GapView:
    """Gaps by lap. ``rows``: y and text of each line of seconds; ``ends``: x, y and kart where one stopped before the last
    lap; ``cut``: the gap above which nothing is drawn, "" where nothing is cut.
    """

    width: float
    height: float
    ticks: tuple[tuple[float, int], ...]
    rows: tuple[tuple[float, str], ...]
    lines: tuple[ChartLine, ...]
    ends: tuple[tuple[float, float, str], ...]
    cut: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin of the histogram in drawing units, with its count."""

    x: float
    y: float
    width: float
    height: float
    count: int


@dataclass(frozen=True, slots=True)
class BarsView:
    """A histogram. ``ticks``: x and text of edges; ``bin``: how wide a bin is, in words."""

    width: float
    height: float
    base: float
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    bin: str


def _lap_ticks(count: int) -> tuple[tuple[float, int], ...]:
    step = -(-count // 20)
    return tuple((_lap_x(lap, count), lap) for lap in range(1, count + 1) if (lap - 1) % step == 0)


def _lap_x(lap: int, count: int) -> float:
    return LEFT + (RIGHT - LEFT) * (lap - 1) / max(count - 1, 1)


def order_chart(places: Mapping[str, Sequence[int]], karts: Mapping[str, tuple[str, str]]) -> ChartView | None:
    """The position of each after each lap. ``karts``: number and name by entry. None without a lap."""
    driven = {key: found for key, found in places.items() if found}
    if not driven:
        return None
    count = max(map(len, driven.values()))
    lines = []
    for key, found in driven.items():
        points = [(_lap_x(lap, count), STEP * (place - 0.5)) for lap, place in enumerate(found, 1)]
        whole = len(found) == count
        lines.append(ChartLine(curve_of(points), *karts[key], str(found[-1]) if whole else "", points[0][1], points[-1][1],
                               whole and found[-1] == 1))
    return ChartView(WIDTH, STEP * len(driven) + 16, _lap_ticks(count), tuple(lines))


def gap_chart(gaps: Mapping[str, Sequence[Micros]], karts: Mapping[str, tuple[str, str]]) -> GapView | None:
    """How far behind the first each was after each lap, further down is further behind. None without a lap."""
    driven = {key: found for key, found in gaps.items() if found}
    every = sorted(gap for found in driven.values() for gap in found)
    if not every:
        return None
    count, most = max(map(len, driven.values())), every[-1]
    sight = max(LEAST_US, round(OUT_OF_SIGHT * every[min(len(every) - 1, int(0.9 * len(every)))]))
    deepest = max(LEAST_US, min(most, sight))

    def y(gap_us: Micros) -> float:
        return TOP + TALL * min(gap_us, deepest) / deepest

    points = {key: [(_lap_x(lap, count), y(gap)) for lap, gap in enumerate(found, 1)] for key, found in driven.items()}
    last = [key for key, found in driven.items() if len(found) == count]
    spots = dict(zip(sorted(last, key=lambda key: driven[key][-1]), spread(sorted(points[key][-1][1] for key in last)),
                     strict=True))
    lines = tuple(ChartLine(straight(points[key]), *karts[key], _gap(driven[key][-1]) if key in spots else "",
                            points[key][0][1], spots.get(key, 0.0), key in spots and driven[key][-1] == 0)
                  for key in driven)
    ends = tuple((x, at_y, karts[key][0]) for key in driven if key not in spots for x, at_y in points[key][-1:])
    step_s = next((each for each in TICKS_S if deepest / SECOND / each <= 6), TICKS_S[-1])
    rows = tuple((y(round(n * step_s * SECOND)), f"{n * step_s:g}") for n in range(int(deepest / SECOND / step_s) + 1))
    bottom = max(TOP + TALL, *(spots.values() or (0.0,)))
    return GapView(WIDTH, bottom + 30, _lap_ticks(count), rows, lines, ends,
                   f"{deepest / SECOND:.1f} s" if most > deepest else "")


def spread(wanted: Sequence[float]) -> list[float]:
    """Places in order, moved down where they are closer than what a name needs."""
    found: list[float] = []
    for each in wanted:
        found.append(max(each, found[-1] + APART) if found else each)
    return found


def straight(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path from place to place; of one alone a dash."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("h8" if len(points) == 1 else "")


def _gap(gap_us: Micros) -> str:
    return f"+{gap_us // (100 * MS) / 10:.1f}" if gap_us else ""


def bars(found: Histogram | None) -> BarsView | None:
    """A histogram; None without a lap."""
    if found is None:
        return None
    wide, most = (WIDTH - LEFT) / len(found.counts), max(found.counts)
    views = tuple(Bar(LEFT + wide * n + 1, TOP + TALL * (1 - count / most), wide - 2, TALL * count / most, count)
                  for n, count in enumerate(found.counts))
    step = -(-len(found.edges_us) // 12)
    ticks = tuple((LEFT + wide * n, _edge(edge, found.width_us)) for n, edge in enumerate(found.edges_us) if n % step == 0)
    return BarsView(WIDTH, TOP + TALL + 24, TOP + TALL, views, ticks, f"{found.width_us / SECOND:g} s")


def _edge(time_us: Micros, width_us: Micros) -> str:
    digits = 2 if width_us % (100 * MS) else 1 if width_us % SECOND else 0
    minutes, seconds = divmod(time_us / SECOND, 60)
    return f"{minutes:.0f}:{seconds:0{digits + 3 if digits else 2}.{digits}f}" if minutes else f"{seconds:.{digits}f}"
