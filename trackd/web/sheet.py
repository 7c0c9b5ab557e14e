"""The result sheet of a session: order, lap chart, every lap. Made from a board and its laps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trackd.core.time import Micros, utc
from trackd.timing.board import Board
from trackd.web.band import sub_words
from trackd.web.rows import TimeView, gap_view, name_of, row_view, time_view
from trackd.web.views import VenueView, local_time

COLUMNS = 13
"""Karts beside each other in the table of every lap: what fits on A4."""

_SOURCES = {"gps": "G", "split": "S", "manual": "M"}
_SOURCE_WORDS = {"G": "timed by the kart's own GPS", "S": "split by hand", "M": "tapped by hand"}
_STATES = {"dnf": "did not finish", "dns": "did not start", "dsq": "disqualified"}
_WIDTH, _LEFT, _RIGHT, _STEP, _TOP = 828.0, 40.0, 700.0, 23.2, 16.0


@dataclass(frozen=True, slots=True)
class LapLine:
    """One lap of a session as the sheet needs it; names and values as in CONTRACT's ``/sessions/{id}/laps``.

    ``at_us``: when it ended, on any clock common to the session.
    """

    kart: str
    number: int
    time_us: Micros
    at_us: Micros
    kind: str = "full"
    verdict: str = "valid"
    source: str = "loop"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of the final order."""

    position: str
    kart: str
    name: str
    laps: int
    best: TimeView
    best_lap: str
    average: str
    gap: str
    note: str


@dataclass(frozen=True, slots=True)
class LapCell:
    """One lap in the table of every lap; ``sup`` marks its source when that is not the loop."""

    time: TimeView
    sup: str = ""


@dataclass(frozen=True, slots=True)
class LapBlock:
    """Some karts side by side, one line a lap."""

    karts: tuple[str, ...]
    lines: tuple[tuple[int, tuple[LapCell, ...]], ...]


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


@dataclass(frozen=True, slots=True)
class SheetView:
    """A result page. ``qr`` is SVG made by us, or ""."""

    id: str
    title: str
    when: str
    sub: str
    stamp: str                    # provisional | official | amended, "" while it is not over
    stamp_note: str
    rows: tuple[SheetRow, ...]
    chart: ChartView | None
    blocks: tuple[LapBlock, ...]
    sources: tuple[tuple[str, str], ...]
    qr: str


def _order_after(lap: int, ends: Mapping[str, Sequence[LapLine]], ranking: str, final: Sequence[str]) -> list[str]:
    def key(kart: str) -> tuple[int, int, int]:
        done = ends[kart][:lap]
        if ranking == "best_lap":
            return 0, min(line.time_us for line in done), final.index(kart)
        return -len(done), done[-1].at_us, final.index(kart)

    return sorted(ends, key=key)


def _path(points: Sequence[tuple[float, float]]) -> str:
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
    """The lap chart; None when no kart has a lap.

    A kart that did fewer laps keeps its place to the end, behind those that did more; in a best-lap session the best
    so far ranks. Laps are taken in the order they ended.
    """
    final = [row.kart for row in board.rows]
    ends = {kart: sorted((line for line in laps if line.kart == kart), key=lambda line: line.at_us) for kart in final}
    ends = {kart: lines for kart, lines in ends.items() if lines}
    if not ends:
        return None
    count = max(map(len, ends.values()))
    width = (_RIGHT - _LEFT) / max(count - 1, 1)
    places: dict[str, list[tuple[float, float]]] = {kart: [] for kart in ends}
    for lap in range(1, count + 1):
        for place, kart in enumerate(_order_after(lap, ends, board.session.ranking, final)):
            places[kart].append((_LEFT + width * (lap - 1), _TOP + _STEP * place))
    rows = {row.kart: row for row in board.rows}
    lines = tuple(ChartLine(_path(points), kart, name_of(rows[kart], names), str(rows[kart].position or ""),
                            points[0][1], points[-1][1], rows[kart].position == 1) for kart, points in places.items())
    step = -(-count // 20)
    ticks = tuple((_LEFT + width * (lap - 1), lap) for lap in range(1, count + 1) if (lap - 1) % step == 0)
    return ChartView(_WIDTH, _TOP + _STEP * len(ends) + 14, ticks, lines)


def _cell(line: LapLine | None, best: Mapping[str, tuple[int | None, str]]) -> LapCell:
    if line is None:
        return LapCell(TimeView())
    number, mark = best[line.kart]
    off = line.kind != "full" or line.verdict not in {"valid", "yellow"}
    return LapCell(time_view(line.time_us, "off" if off else mark if line.number == number else ""),
                   _SOURCES.get(line.source, ""))


def lap_blocks(board: Board, laps: Sequence[LapLine]) -> tuple[LapBlock, ...]:
    """Every lap, in blocks of as many karts as fit beside each other on A4."""
    by_number = {(line.kart, line.number): line for line in laps}
    best = {row.kart: (row.best_lap_number, "best" if row.best_is_session_best else "pb") for row in board.rows}
    karts = [row.kart for row in board.rows if any(line.kart == row.kart for line in laps)]
    count = max((line.number for line in laps), default=0)
    found = []
    for start in range(0, len(karts), COLUMNS):
        some = tuple(karts[start:start + COLUMNS])
        found.append(LapBlock(some, tuple(
            (number, tuple(_cell(by_number.get((kart, number)), best) for kart in some))
            for number in range(1, count + 1))))
    return tuple(found)


def _stamp(board: Board, venue: VenueView) -> tuple[str, str]:
    info = board.session
    if info.state == "official":
        who = ", ".join(filter(None, (
            info.confirmed_by or "", local_time(info.confirmed_at_us, venue.zone) if info.confirmed_at_us else "")))
        words = " · ".join(filter(None, (who, f"version {info.version}")))
        return ("amended" if info.version > 1 else "official"), words
    if info.state == "provisional":
        return "provisional", "not confirmed yet"
    return "", "The heat is not over; this is how it stands."


def result_view(board: Board, laps: Sequence[LapLine], names: Mapping[str, str], venue: VenueView, *,
                qr: str = "") -> SheetView:
    """The result page of a session at any state. ``qr``: trusted SVG of the page's own address."""
    info = board.session
    rows = []
    for row in board.rows:
        view = row_view(board, row, names)
        rows.append(SheetRow(
            view.position, row.kart, view.name, row.laps, view.best,
            "" if row.best_lap_number is None else str(row.best_lap_number), time_view(row.average_us).text,
            gap_view(row.gap_us, row.gap_laps).text,
            ", ".join(filter(None, (_STATES.get(row.state, ""), *row.penalties)))))
    at = info.green_at_us or info.created_at_us
    stamp, note = _stamp(board, venue)
    local = utc(at).astimezone(venue.zone)
    signs = sorted({_SOURCES[line.source] for line in laps if line.source in _SOURCES})
    return SheetView(
        id=info.id, title=info.name, when=f"{local:%a} {local.day} {local:%B %Y, %H:%M}", sub=sub_words(info),
        stamp=stamp, stamp_note=note, rows=tuple(rows), chart=chart_view(board, laps, names),
        blocks=lap_blocks(board, laps), sources=tuple((sign, _SOURCE_WORDS[sign]) for sign in signs), qr=qr,
    )
