"""Why a kart's numbers are what they are, and what can be done about them: every lap, its passings, who decided. Pure.

The panel shows one kart in a session, newest lap first. The chosen lap opens and tells its evidence; the acts below it
are about that lap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from trackd.core.time import SECOND, Micros, lap_text, utc
from trackd.services.evidence import KartSheet, LapSheet, Read
from trackd.timing import clock
from trackd.timing.acts import Act
from trackd.timing.board import Row
from trackd.timing.events import LINE
from trackd.timing.flags import State
from trackd.timing.heat import Heat
from trackd.timing.laps import MEASURED, Lap
from trackd.timing.penalties import words as penalty_words
from trackd.timing.resolve import AMEND_FIRST
from trackd.timing.standings import standings
from trackd.timing.words import said
from trackd.web.decisions import reason_of
from trackd.web.deeds import DeedView, deeds_of
from trackd.web.rows import TimeView, name_of, qty

_ROLES = {LINE: "Line", "pit_in": "Pit in", "pit_out": "Pit out"}
_SOURCES = {"gps": "GPS", "manual": "by hand", "split": "split", "tap": "tapped"}
_OFF = {  # verdict of a lap that is distance only -> words, explanation
    "void": ("time deleted", "Its time was deleted: it counts as distance, never as a best."),
    "red": ("under red", "It contains red: it counts as distance, never as a best or in an average."),
    "long": ("too long", "It took longer than the longest lap: distance, never a best or in an average."),
    "short": ("very short", "It is below the shortest lap and was made to count: never a best."),
    "suspect": ("decoder restarted", "The decoder began anew during it: the time is only an estimate."),
}
_KINDS = {"in": ("in-lap", "It ended in the pit: timed, never a best."),
          "out": ("out-lap", "It began in the pit: timed, never a best.")}
_NO_LAP = {"too_short": "too soon for a lap", "late": "after the flag", "neutral": "before green or under red",
           "ignored": "not counted", "repeated": "the same crossing again", "opened": "began the first lap"}
_STATES = {"waiting": "has not begun", "running": "on track", "pit": "in the pit", "finished": "finished",
           "dnf": "did not finish", "dns": "did not start", "dsq": "disqualified"}
_CLOSED = {State.SCHEDULED: "The heat is not staged yet.", State.STAGED: "The heat has not started.",
           State.VOID: "The heat is void.", State.OFFICIAL: AMEND_FIRST}


@dataclass(frozen=True, slots=True)
class ReadView:
    """One passing of a lap: what it was, when on the session clock, and as the decoder reported it."""

    what: str
    at: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LapView:
    """A line of the list. ``key`` chooses it: its crossing."""

    key: int
    number: int
    time: TimeView
    at: str
    verdict: str
    source: str = ""
    edited: bool = False
    sectors: tuple[str, ...] = ()
    struck: bool = False


@dataclass(frozen=True, slots=True)
class NoLapView:
    """A read that made no lap. ``counts``: somebody may make it count; ``why`` says what it was."""

    key: int
    at: str
    why: str
    counts: bool
    decided: str = ""
    ignorable: bool = False


@dataclass(frozen=True, slots=True)
class WhyView:
    """Why the chosen lap is what it is."""

    explained: str
    reads: tuple[ReadView, ...]
    transponders: str
    decided: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GivenView:
    """A penalty that stands."""

    seq: int
    words: str
    told: str


@dataclass(frozen=True, slots=True)
class KartView:
    """One kart: who, where, every lap, and what can be done. ``closed``: why nothing can be changed now."""

    session_id: str
    kart: str
    name: str
    about: str
    flag: str
    lines: tuple[LapView | NoLapView, ...]
    beside: tuple[NoLapView, ...]    # reads that say little: the same crossing again, a sector line of no lap
    chosen: LapView | None
    why: WhyView | None
    deeds: tuple[DeedView, ...]
    penalties: tuple[GivenView, ...]
    closed: str
    official: bool
    undo: int = 0
    undone: str = ""                 # what that would take back, in words


def moment_text(at_us: Micros) -> str:
    """A moment on the session clock, ``0:38.190``; before green it is negative."""
    sign, minutes = "-" if at_us < 0 else "", abs(at_us) // (60 * SECOND)
    rest = lap_text(abs(at_us) % (60 * SECOND)).rjust(6, "0")
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest}" if minutes >= 60 else f"{sign}{minutes}:{rest}"


def kart_view(sheet: KartSheet, names: Mapping[str, str], zone: tzinfo, *, lap: int = 0, crossing: int = 0,
              last_act: Act | None = None, may_order: bool = True) -> KartView:
    """The panel of a kart. The lap is chosen by its ``crossing``, else by its number, else the last one is."""
    heat, entry = sheet.shot.heat, sheet.entry
    row = next(row for row in standings(heat) if row.entry == entry.id)
    counted = [_lap_view(each, row, struck=False) for each in sheet.laps]
    struck = [_lap_view(each, row, struck=True) for each in sheet.struck]
    chosen = _chosen(counted, struck, lap, crossing)
    under = next((each for each in (*sheet.laps, *sheet.struck) if chosen and each.lap.seq == chosen.key), None)
    others = [_no_lap(sheet, each, names, zone) for each in sheet.others if each.verdict in _NO_LAP]
    closed = _CLOSED.get(heat.state, "") if may_order else "Your role may look, not change."
    return KartView(
        session_id=sheet.shot.spec.id, kart=entry.kart, name=name_of(row, names), about=_about(row), flag=entry.flag,
        lines=_in_time(sheet, counted + struck, [view for read, view in others if _stands_out(read)]),
        beside=tuple(view for read, view in others if not _stands_out(read)),
        chosen=chosen, why=_why(under, names, zone, struck=chosen.struck) if under and chosen else None,
        deeds=deeds_of(heat, entry, under.lap if under and chosen and not chosen.struck else None, closed),
        penalties=_penalties(sheet, names, zone), closed=closed, official=heat.state is State.OFFICIAL and may_order,
        undo=last_act.seq if last_act and may_order else 0, undone=said(last_act, names) if last_act else "")


def _stands_out(read: Read) -> bool:
    return read.verdict != "repeated" and read.role == LINE


def _about(row: Row) -> str:
    place = f"place {row.position}" if row.position is not None else ""
    return " · ".join(filter(None, (place, qty(row.laps, "lap"), _STATES.get(row.state, row.state), *row.penalties)))


def _chosen(counted: Sequence[LapView], struck: Sequence[LapView], number: int, crossing: int) -> LapView | None:
    found = next((each for each in (*counted, *struck) if each.key == crossing), None)
    return found or next((each for each in counted if each.number == number), None) or next(reversed(counted), None)


def _lap_view(sheet: LapSheet, row: Row, *, struck: bool) -> LapView:
    lap = sheet.lap
    mark, words = _verdict(lap, row)
    return LapView(lap.seq, lap.number, TimeView(lap_text(lap.time_us), "off" if struck else mark),
                   moment_text(sheet.at_us), "deleted" if struck else words, source_words(lap), bool(lap.edits),
                   tuple("none" if each is None else lap_text(each) for each in lap.sectors), struck)


def _verdict(lap: Lap, row: Row) -> tuple[str, str]:
    """The glyph of a lap and what it was worth, in words."""
    if lap.kind in _KINDS:
        return "off", _KINDS[lap.kind][0]
    if lap.verdict in _OFF:
        return "off", _OFF[lap.verdict][0]
    if lap.source not in MEASURED and not (lap.tapped and row.best_by_hand):
        return "off", "distance only"
    worth = " under yellow" if lap.verdict == "yellow" else ""
    if lap.number == row.best_lap_number:
        return ("best", "session best" + worth) if row.best_is_session_best else ("pb", "own best" + worth)
    return "", worth.strip() or "counts"


def source_words(lap: Lap) -> str:
    """Where a lap's time comes from; "" for the loop."""
    return "tapped" if lap.tapped else _SOURCES.get(lap.source, "")


def _explained(lap: Lap) -> str:
    said_of = [_KINDS[lap.kind][1]] if lap.kind in _KINDS else []
    said_of += [_OFF[lap.verdict][1]] if lap.verdict in _OFF else []
    if lap.verdict == "yellow":
        said_of.append("Yellow was shown during it: it counts, and is marked.")
    if lap.tapped:
        said_of.append("Timed by hand at the line: a best only while the kart has no measured lap.")
    elif lap.source not in MEASURED:
        said_of.append("Never a best: one end of it is no measured time.")
    return " ".join(said_of)


def _why(sheet: LapSheet, names: Mapping[str, str], zone: tzinfo, *, struck: bool) -> WhyView:
    lap, last = sheet.lap, len(sheet.reads) - 1
    reads = []
    for index, read in enumerate(sheet.reads):
        what = "Ends" if index == last else "Begins" if read.seq == lap.start_seq else _role(read)
        reads.append(ReadView(what, moment_text(read.at_us), _facts(read)))
    if not lap.start_seq:
        reads.insert(0, ReadView("Begins", "", ("timed from green",)))
    worn = dict.fromkeys(read.transponder for read in sheet.reads if read.transponder)
    explained = "It was deleted: it does not count at all." if struck else _explained(lap)
    return WhyView(explained, tuple(reads), ", ".join(worn),
                   tuple(_told(act, names, zone) for act in sheet.decisions))


def _role(read: Read) -> str:
    return _ROLES.get(read.role) or read.role.replace("_", " ").replace(":", " ").capitalize()


def _facts(read: Read) -> tuple[str, ...]:
    """How the decoder put it: which passing, how strong, and where it was heard."""
    if read.source != "loop":
        return ({"tap": "tapped by hand", "manual": "put in by hand"}.get(read.source, "split, no passing"),)
    heard = [f"passing {read.seq}", f"strength {read.strength}" if read.strength is not None else "",
             f"hits {read.hits}" if read.hits is not None else ""]
    where = [read.link or "", f"decoder {read.decoder}" if read.decoder else ""]
    return tuple(", ".join(filter(None, part)) for part in (heard, where) if any(part))


def _told(act: Act, names: Mapping[str, str], zone: tzinfo) -> str:
    """Who decided what, when, and why: ``Renata voided lap 3 of kart 7, 14:15:59: cut the corner``."""
    when = utc(act.wall_us).astimezone(zone).strftime("%H:%M:%S")
    reason = reason_of(act)
    return f"{said(act, names)}, {when}" + (f": {reason}" if reason else "")


def _no_lap(sheet: KartSheet, read: Read, names: Mapping[str, str], zone: tzinfo) -> tuple[Read, NoLapView]:
    """A read that made no lap, with what it was; counting it helps where only its moment spoke against it."""
    heat = sheet.shot.heat
    short = next((each for each in sheet.entry.shorts if each.seq == read.seq), None)
    why = _NO_LAP[read.verdict]
    if short is not None:
        why = f"{lap_text(short.at_us - short.since_us)} s after the one before, {why}"
    elif read.verdict == "neutral":
        why = "before green" if read.at_us <= 0 else "under red" if read.at_us in _stops(heat) else "soon after red"
    elif read.role != LINE:
        why = f"{_role(read).lower()}, {why}"
    counts = read.role == LINE and (read.verdict in ("too_short", "repeated", "ignored") or why == "soon after red")
    decided = "; ".join(_told(act, names, zone) for act in read.decisions)
    return read, NoLapView(read.seq, moment_text(read.at_us), why, counts, decided, read.verdict == "opened")


def _stops(heat: Heat) -> frozenset[Micros]:
    """What the session clock showed while it stood."""
    return frozenset(clock.race_time(heat.start_us, heat.pauses, begin_us) for begin_us, _ in heat.pauses)


def _in_time(sheet: KartSheet, laps: Sequence[LapView], others: Sequence[NoLapView]) -> tuple[LapView | NoLapView, ...]:
    """All lines, newest first."""
    at = {each.lap.seq: each.at_us for each in (*sheet.laps, *sheet.struck)}
    at |= {each.seq: each.at_us for each in sheet.others}
    return tuple(sorted((*laps, *others), key=lambda each: (at[each.key], each.key), reverse=True))


def _penalties(sheet: KartSheet, names: Mapping[str, str], zone: tzinfo) -> tuple[GivenView, ...]:
    acts = {act.seq: act for act in sheet.penalties}
    return tuple(GivenView(each.seq, penalty_words((each,))[0],
                           _told(acts[each.seq], names, zone) if each.seq in acts else each.reason)
                 for each in sheet.entry.penalties)
