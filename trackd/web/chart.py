"""The lap chart of a result sheet: the place of every kart after each lap, as SVG paths. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trackd.timing.board import Board
from trackd.web.matrix import LapLine, key_of
from trackd.web.rows import name_of

_WIDTH, _LEFT, _RIGHT, _STEP, _TOP = 828.0, 40.0, 700.0, 23.2, 16.0


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One kart in the lap chart: an SVG path, and its labels left and right (y in drawing units)."""

    path: str
    kart: str
    name: str
    position: str
    first_y: float
    last_y: float
    wins: bool


@dataclass(frozen=True, slots=True)
class ChartView:
    """Position of every kart after each lap, ready to draw."""

    width: float
    height: float
    ticks: tuple[tuple[float, int], ...]
    lines: tuple[ChartLine, ...]


def _order_after(lap: int, ends: Mapping[str, Sequence[LapLine]], ranking: str, final: Sequence[str]) -> list[str]:
    def key(entry: str) -> tuple[int, int, int]:
        done = ends[entry][:lap]
        if ranking == "best_lap":
            return 0, min(line.time_us for line in done), final.index(entry)
        return -len(done), done[-1].at_us, final.index(entry)

    return sorted(ends, key=key)


def curve_of(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path from place to place that leaves each as it comes."""
    (x, y), *rest = points
    pieces = [f"M{x:.1f} {y:.1f}"]
    if not rest:
        pieces.append(f"h{_STEP:.1f}")
    for to_x, to_y in rest:
        middle = (x + to_x) / 2
        pieces.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(pieces)


def chart_view(board: Board, laps: Sequence[LapLine], names: Mapping[str, str]) -> ChartView | None:
    """The lap chart; None when no kart has a lap that counts.

    A kart that did fewer laps keeps its place to the end, behind those that did more; in a best-lap session the best
    so far ranks. Laps are taken in the order they ended; laps follow their driver into another kart.
    """
    final = [key_of(row) for row in board.rows]
    ends: dict[str, list[LapLine]] = {}
    for line in sorted(laps, key=lambda line: line.at_us):
        if not line.struck and line.key in final:
            ends.setdefault(line.key, []).append(line)
    if not ends:
        return None
    count = max(map(len, ends.values()))
    width = (_RIGHT - _LEFT) / max(count - 1, 1)
    places: dict[str, list[tuple[float, float]]] = {entry: [] for entry in ends}
    for lap in range(1, count + 1):
        for place, entry in enumerate(_order_after(lap, ends, board.session.ranking, final)):
            places[entry].append((_LEFT + width * (lap - 1), _TOP + _STEP * place))
    lines = tuple(ChartLine(curve_of(points), row.kart, name_of(row, names), str(row.position or ""), points[0][1],
                            points[-1][1], row.position == 1)
                  for row in board.rows if (points := places.get(key_of(row))))
    step = -(-count // 20)
    ticks = tuple((_LEFT + width * (lap - 1), lap) for lap in range(1, count + 1) if (lap - 1) % step == 0)
    return ChartView(_WIDTH, _TOP + _STEP * len(ends) + 14, ticks, lines)
