"""Rows of verdicts: every lap of an official session, whether it is verified, and what a leaderboard needs of it.

They follow from the rows of the session, its layout, its recordings and what people vouched for, so a session is judged
anew whenever one of these changes, and all of them once when everything is folded again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from trackd.core.time import SECOND, Micros
from trackd.gps.verify import Evidence, verify
from trackd.store.recorded import ACCEPTED
from trackd.timing.course import Changes
from trackd.timing.facts import PassingFact, SessionFact
from trackd.timing.formats import Rules
from trackd.timing.recorded import MatchFact

SAME_US: Micros = 4 * SECOND
"""Ends of a lap further apart than this are those of different laps (METHODS 1.3)."""

LABELS = {"valid": "valid", "yellow": "warning"}

_spec = msgspec.json.Decoder(SessionFact).decode
_passing = msgspec.json.Decoder(PassingFact).decode
_match = msgspec.json.Decoder(MatchFact).decode
_flags = msgspec.json.Decoder(tuple[str, ...]).decode
_edits = msgspec.json.Decoder(list[Any]).decode

_GPS = ("SELECT r.id, r.kart, r.evidence, g.start_us, g.time_us, g.sigma_us, g.quality, g.flags FROM recordings r "
        "JOIN gps_laps g ON g.driven = r.driven WHERE r.session = ? AND r.matched = ? AND g.kind = 'full' "
        "ORDER BY r.seq, g.number")
_LAPS = ("SELECT seq, kart, driver_id, time_us, at_us, kind, source, verdict, edits FROM laps WHERE session = ? "
         "ORDER BY entry, number, at_us")
_ROW = ("INSERT INTO verdicts (lap, session, layout, driver_id, kart, time_us, set_wall_us, label, verdict, given_by, "
        "recording, best) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")

VERIFIED, ANY = 1, 2
"""In ``best``: the lap is its driver's best in that kart in that session of those verified, or also of those that wait."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session says to all its laps. ``state``: the session's, "" where a lap belongs to none."""

    state: str = ""
    min_lap_us: Micros | None = None
    max_lap_us: Micros | None = None

    @classmethod
    def of(cls, state: str, spec: bytes, about: Mapping[str, Any] | None) -> Limits:
        """Those of the layout (``about``: its properties), where it has any, before those of the session as it stands."""
        rules = msgspec.convert(_spec(spec).rules, Rules)
        return cls(state, rules.min_lap_us or None, rules.max_lap_us).on(about)

    def on(self, about: Mapping[str, Any] | None) -> Limits:
        """With the limits of a layout, where it has any."""
        given = {f"{name}_lap_us": round(about[f"{name}_lap_s"] * SECOND) for name in ("min", "max")
                 if about and about.get(f"{name}_lap_s")}
        return replace(self, **given)


class GpsTime(Protocol):
    """The same lap as a recording tells it."""

    @property
    def time_us(self) -> Micros: ...
    @property
    def sigma_us(self) -> Micros: ...
    @property
    def quality(self) -> str: ...
    @property
    def flags(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class _Gps:
    recording: str
    end_us: Micros
    time_us: Micros
    sigma_us: Micros
    quality: str
    flags: tuple[str, ...]
    matched: str


def evidence(limits: Limits, loop: Mapping[str, Any] | None, gps: GpsTime | None, matched: str) -> Evidence:
    """What the rules are held against. ``matched``: who says that the recording was in this kart, as in `Evidence`."""
    told = Evidence(session=limits.state, min_lap_us=limits.min_lap_us, max_lap_us=limits.max_lap_us)
    if loop is not None:
        told = replace(told, loop_us=loop["time_us"], kind=loop["kind"], verdict=loop["verdict"], source=loop["source"],
                       edits=len(loop["edits"]))
    if gps is not None:
        told = replace(told, gps_us=gps.time_us, gps_sigma_us=gps.sigma_us, gps_quality=gps.quality,
                       gps_flags=gps.flags, matched=matched)
    return told


def standing(ruled: str, vouched: str | None) -> str:
    """What holds: a person's word before the rules, but nobody vouches for what may never be a best."""
    return ruled if vouched is None or ruled == "no" else vouched


def label_of(kind: str, verdict: str) -> str:
    """The one quality label of a lap that the loop timed (E11): valid, warning, invalid, incomplete."""
    return "incomplete" if kind != "full" else LABELS.get(verdict, "invalid")


def nearest(end_us: Micros, ends_us: Iterable[Micros]) -> int | None:
    """The place of the end of a lap that is the same end; None where all are those of other laps."""
    apart, place = min(((abs(each - end_us), place) for place, each in enumerate(ends_us)), default=(SAME_US + 1, 0))
    return place if apart <= SAME_US else None


def touched(db: sqlite3.Connection, changes: Changes) -> set[str]:
    """The sessions to be judged again for changes that are not written yet; those that only these name come with them."""
    found = set(changes.touched)
    for fact in changes.recorded:
        if fact.session:
            found.add(fact.session)
        recording = getattr(fact.body, "recording", None)
        if recording is not None:
            found.update(row[0] for row in db.execute("SELECT session FROM recordings WHERE id = ? AND session IS NOT NULL",
                                                      (recording,)))
    for (kind, layout), record in changes.records.items():
        if kind == "layout":
            about = None if record.gone else record.body.get("properties")
            found |= _judged_otherwise(db, layout, Limits().on(_about(db, layout)), Limits().on(about))
    return found


def _judged_otherwise(db: sqlite3.Connection, layout: str, before: Limits, now: Limits) -> set[str]:
    """The sessions on a layout in which other limits make a difference: with laps between the old limit and the new."""
    sessions = "SELECT DISTINCT session FROM verdicts WHERE layout = ?"
    found: set[str] = set()
    for old, new in ((before.min_lap_us, now.min_lap_us), (before.max_lap_us, now.max_lap_us)):
        if old is None or new is None:                # the session's own limit, or none at all, comes or goes
            between: tuple[str, tuple[Micros, ...]] = "", ()
        else:
            between = " AND time_us BETWEEN ? AND ?", (min(old, new), max(old, new))
        if old != new:
            found.update(row[0] for row in db.execute(sessions + between[0], (layout, *between[1])))
    return found


def judge(db: sqlite3.Connection, sessions: Iterable[str]) -> None:
    """Write the verdicts of these sessions anew, inside the caller's transaction."""
    for session in sessions:
        db.execute("DELETE FROM verdicts WHERE session = ?", (session,))
        row = db.execute("SELECT state, spec, layout, green_wall_us FROM sessions WHERE id = ? AND state = 'official'",
                         (session,)).fetchone()
        if row is not None:
            _judge(db, session, *row)


def judge_all(db: sqlite3.Connection) -> None:
    """Judge every session, once all else is folded."""
    judge(db, [row[0] for row in db.execute("SELECT id FROM sessions WHERE state = 'official' ORDER BY created_seq")])


def _judge(db: sqlite3.Connection, session: str, state: str, spec: bytes, layout: str | None,
           green_wall_us: Micros | None) -> None:
    limits = Limits.of(state, spec, _about(db, layout or ""))
    said = dict(db.execute("SELECT lap, verdict FROM vouched WHERE session = ?", (session,)))
    by = dict(db.execute("SELECT lap, given_by FROM vouched WHERE session = ?", (session,)))
    told = _told(db, session)
    rows = []
    for seq, kart, driver, time_us, at_us, kind, source, verdict, edits in db.execute(_LAPS, (session,)).fetchall():
        gps = _gps_of(db, seq, kart, told)
        loop = {"time_us": time_us, "kind": kind, "source": source, "verdict": verdict, "edits": _edits(edits)}
        ruled = verify(evidence(limits, loop, gps, gps.matched if gps else "")).verdict
        named = str(seq) if str(seq) in said else session
        stands = standing(ruled, said.get(named))
        rows.append((seq, session, layout, driver, kart, time_us, (green_wall_us or 0) + at_us, label_of(kind, verdict),
                     stands, by.get(named, "") if ruled != "no" else "", gps.recording if gps else None))
    best = _bests(rows)
    db.executemany(_ROW, [(*row, best.get(row[0], 0)) for row in rows])


def _bests(rows: Iterable[tuple[Any, ...]]) -> dict[int, int]:
    """What ``best`` is for the laps that a leaderboard may show (E11: only those labelled valid)."""
    found: dict[tuple[Any, ...], tuple[Micros, int]] = {}
    for lap, _, _, driver, kart, time_us, _, label, verdict, *_ in rows:
        for among in (VERIFIED, ANY) if verdict == "verified" else (ANY,) if verdict == "queue" else ():
            whose = (driver, kart, among)
            if label == "valid" and (whose not in found or time_us < found[whose][0]):
                found[whose] = (time_us, lap)
    best: dict[int, int] = {}
    for (_, _, among), (_, lap) in found.items():
        best[lap] = best.get(lap, 0) | among
    return best


def _told(db: sqlite3.Connection, session: str) -> dict[str, list[_Gps]]:
    """The laps of the recordings of a session by kart; their ends on the track's clock."""
    found: dict[str, list[_Gps]] = {}
    for recording, kart, match, start_us, time_us, sigma_us, quality, flags in db.execute(_GPS, (session, ACCEPTED)):
        known = _match(match)
        found.setdefault(kart, []).append(_Gps(
            recording, start_us + time_us + known.offset_us, time_us, sigma_us, quality, _flags(flags),
            "person" if known.by else "rules"))
    return found


def _gps_of(db: sqlite3.Connection, seq: int, kart: str, told: Mapping[str, list[_Gps]]) -> _Gps | None:
    if kart not in told:
        return None
    passing = db.execute("SELECT body FROM journal WHERE seq = ? AND kind = 'passing'", (seq,)).fetchone()
    place = nearest(_passing(passing[0]).at, (each.end_us for each in told[kart])) if passing else None
    return None if place is None else told[kart][place]


def _about(db: sqlite3.Connection, layout: str) -> Mapping[str, Any] | None:
    """What a stored layout says of itself."""
    row = db.execute("SELECT body FROM layouts WHERE id = ?", (layout,)).fetchone()
    about: Mapping[str, Any] | None = msgspec.json.decode(row[0]).get("properties") if row else None
    return about
