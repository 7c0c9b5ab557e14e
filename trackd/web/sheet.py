"""The result sheet of a session: stamp, order, lap chart, every lap, decisions. Made from a board and its laps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trackd.core.time import Micros, lap_text, utc
from trackd.services.reading import ResultVersion
from trackd.timing.board import Board, Row
from trackd.timing.heat import Amend
from trackd.web.band import sub_words
from trackd.web.chart import ChartView, chart_view
from trackd.web.decisions import AttemptView, DecisionsView, Papers, attempts_view, decisions_view
from trackd.web.matrix import LapBlock, LapLine, key_of, lap_blocks, signs_of
from trackd.web.rows import TimeView, gap_view, name_of, row_view, time_view
from trackd.web.views import VenueView, local_time

_NO_STAMP = {"scheduled": "The heat has not begun.", "void": "The heat was taken back; it does not count."}
_STATES = {"dnf": "did not finish", "dns": "did not start", "dsq": "disqualified"}


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of the final order. ``faster``: by how much the driver's best of all days was beaten, "" for not."""

    position: str
    kart: str
    name: str
    laps: int
    best: TimeView
    best_lap: str
    average: str
    gap: str
    penalty: str
    note: str
    faster: str


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in the list of them. ``href`` is "" for the one that is shown."""

    word: str
    who: str
    note: str
    href: str


@dataclass(frozen=True, slots=True)
class StaffPart:
    """What a sheet shows to who may decide on it. ``fault``: why the last try was refused."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class SheetView:
    """A result page. ``qr`` is SVG made by us, or ""; ``why`` is the sentence that goes with the stamp. ``verified``: the
    verdict on each lap (verified, queue, no) by kart and lap number as they are printed; empty until it is official.
    """

    id: str
    title: str
    when: str
    sub: str
    state: str
    stamp: str                    # provisional | official | amended | superseded, "" while it is not over
    stamp_word: str
    stamp_note: str
    why: str
    rows: tuple[SheetRow, ...]
    chart: ChartView | None
    blocks: tuple[LapBlock, ...]
    sources: tuple[tuple[str, str], ...]
    decisions: DecisionsView
    attempts: tuple[AttemptView, ...]
    versions: tuple[VersionLine, ...]
    shown: int
    qr: str
    staff: StaffPart | None = None
    verified: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def verified_words(self) -> str:
        """How many laps are verified, and what of the rest; "" while none has a verdict."""
        said = list(self.verified.values())
        good, waits, out = (said.count(verdict) for verdict in ("verified", "queue", "no"))
        if not said:
            return ""
        rest = [f"{waits} wait{'s' if waits == 1 else ''} for a person"] * bool(waits)
        rest += [f"{out} {'is' if out == 1 else 'are'} not"] * bool(out)
        return ", ".join([f"{good} of {len(said)} laps {'is' if good == 1 else 'are'} verified", *rest]) + "."

    @property
    def swapped(self) -> bool:
        """Whether a lap was driven in another kart than the row's."""
        return any(cell.kart for block in self.blocks for _, cells in block.lines for cell in cells)


def _who(by: str | None, at_us: Micros | None, venue: VenueView) -> str:
    return ", ".join(filter(None, (by or "", local_time(at_us, venue.zone) if at_us else "")))


def _opened(amend: Amend, venue: VenueView) -> str:
    return f"Version {amend.version} was opened again by {_who(amend.by, amend.wall_us, venue)}" + (
        f": {amend.reason}" if amend.reason else "")


@dataclass(frozen=True, slots=True)
class _Stamp:
    state: str
    word: str
    note: str
    why: str = ""


def _stamp(board: Board, papers: Papers, venue: VenueView) -> _Stamp:
    info = board.session
    amended = {amend.version: amend for amend in papers.notes.amends}
    if papers.shown:
        return _superseded(board, papers, venue)
    if info.state == "official":
        words = " · ".join(filter(None, (_who(info.confirmed_by, info.confirmed_at_us, venue), f"version {info.version}")))
        if info.version == 1:
            return _Stamp("official", "official", words)
        amend = amended.get(info.version - 1)
        return _Stamp("amended", f"amended v{info.version}", words, _opened(amend, venue) if amend else info.note)
    if info.state == "provisional":
        amend = amended.get(info.version)
        return _Stamp("provisional", "provisional", "not confirmed yet", _opened(amend, venue) if amend else "")
    return _Stamp("", "", _NO_STAMP.get(info.state, "The heat is not over; this is how it stands."))


def _superseded(board: Board, papers: Papers, venue: VenueView) -> _Stamp:
    shown, now = papers.shown, board.session.version
    version = next(each for each in papers.versions if each.version == shown)
    words = f"{_who(version.confirmed_by, version.confirmed_wall_us, venue)} · version {shown}"
    if shown == now and board.session.state == "official":
        return _Stamp("official" if shown == 1 else "amended", "official" if shown == 1 else f"amended v{shown}", words)
    follows = next((each for each in papers.versions if each.version == shown + 1), None)
    if follows is None:
        return _Stamp("superseded", f"version {shown}", words, "It was opened again and is being changed.")
    return _Stamp("superseded", f"version {shown}", words, f"Replaced by version {follows.version}" + (
        f": {follows.note}" if follows.note else "."))


def _versions(board: Board, versions: Sequence[ResultVersion], shown: int, venue: VenueView) -> tuple[VersionLine, ...]:
    """Newest first; a result that is open again stands above its official versions."""
    info, page = board.session, f"/sessions/{board.session.id}"
    lines = []
    if versions and info.state == "provisional":
        lines.append(VersionLine("Now, provisional", "", "", page if shown else ""))
    for each in versions:
        newest = each.version == info.version and info.state == "official"
        here = shown == each.version or (newest and not shown)
        who = _who(each.confirmed_by, each.confirmed_wall_us, venue)
        lines.append(VersionLine(f"Version {each.version}", who, each.note,
                                 "" if here else page if newest else f"{page}?version={each.version}"))
    return tuple(lines) if len(lines) > 1 else ()


def _row(board: Board, row: Row, names: Mapping[str, str], before: Mapping[str, Micros]) -> SheetRow:
    view = row_view(board, row, names)
    was_us = before.get(row.driver_id or "")
    faster = ""
    if was_us is not None and row.best_us is not None and row.best_us < was_us and not row.best_by_hand:
        faster = lap_text(was_us - row.best_us)
    notes = (_STATES.get(row.state, ""), "timed by hand" if row.best_by_hand else "")
    return SheetRow(
        view.position, row.kart, view.name, row.laps, view.best,
        "" if row.best_lap_number is None else str(row.best_lap_number), time_view(row.average_us).text,
        gap_view(row.gap_us, row.gap_laps).text, ", ".join(row.penalties), ", ".join(filter(None, notes)), faster)


def result_view(board: Board, laps: Sequence[LapLine], names: Mapping[str, str], venue: VenueView, *,
                papers: Papers | None = None, qr: str = "",
                verified: Mapping[tuple[str, int], str] | None = None) -> SheetView:
    """The result page of a session at any state. ``qr``: trusted SVG of the page's own address. ``verified``: verdicts by
    entry and lap number.
    """
    papers = papers or Papers()
    karts = {key_of(row): row.kart for row in board.rows}
    info = board.session
    stamp = _stamp(board, papers, venue)
    local = utc(info.green_at_us or info.created_at_us).astimezone(venue.zone)
    drivers = {row.kart: name_of(row, names) for row in board.rows if row.driver_id is not None}
    return SheetView(
        id=info.id, title=info.name, when=f"{local:%a} {local.day} {local:%B %Y, %H:%M}", sub=sub_words(info),
        state=info.state, stamp=stamp.state, stamp_word=stamp.word, stamp_note=stamp.note, why=stamp.why,
        rows=tuple(_row(board, row, names, papers.before) for row in board.rows),
        chart=chart_view(board, laps, names), blocks=lap_blocks(board, laps), sources=signs_of(laps),
        decisions=decisions_view(papers, names, drivers, venue.zone, info.elapsed_us),
        attempts=attempts_view(papers, names),
        versions=_versions(board, papers.versions, papers.shown, venue), shown=papers.shown, qr=qr,
        verified={(karts[entry], str(number)): verdict for (entry, number), verdict in (verified or {}).items()
                  if entry in karts})


__all__ = ["ChartView", "LapLine", "SheetView", "StaffPart", "chart_view", "lap_blocks", "result_view"]
