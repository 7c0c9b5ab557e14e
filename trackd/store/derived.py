"""Rows that come from folding: written from the venue's changes, and loaded back at start."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from trackd.core.time import Micros
from trackd.store import journal, recorded, verdicts
from trackd.timing import clock
from trackd.timing.course import Changes, Course, Kart, rows_of
from trackd.timing.events import Crossing, Order, Tick
from trackd.timing.facts import Fact, OrderFact, PassingFact, RecordFact, SessionFact, TickFact
from trackd.timing.finish import elapsed_at_end
from trackd.timing.flags import LIVE, State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.session import Session
from trackd.timing.standings import standings
from trackd.timing.venue import Venue

_json = msgspec.json.Encoder().encode
_dict = msgspec.structs.asdict

NONE = _json(())
"""What most laps have for sectors and edits."""

_CROSSING = "INSERT OR REPLACE INTO crossings (seq, session, kart, verdict) VALUES (?,?,?,?)"
_LAP = ("INSERT OR REPLACE INTO laps (seq, session, entry, kart, driver_id, number, time_us, at_us, kind, source, verdict, "
        "sectors_us, passings, edits) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
_SESSION = ("INSERT OR REPLACE INTO sessions (id, name, track, layout, state, flag, spec, entries, created_seq, staged_us, "
            "ended_us, elapsed_us, created_wall_us, green_wall_us, ended_wall_us, version, confirmed_by, "
            "confirmed_wall_us, format, duration_us, laps, attempt, notes) VALUES "
            "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")


MOVES = frozenset({"stage", "attach", "undo", "redo"})
"""Orders by which passings change hands between sessions."""


def fold_all(venue: Venue, facts: Iterable[Fact], write_rows: Callable[[Changes], None], chunk: int) -> int:
    """Fold many facts, writing rows every ``chunk`` of them. The number of facts.

    A session's rows are written as it stands when they are: so also before passings change hands, for it may be at rest
    by then and would keep them.
    """
    count = 0
    for fact in facts:
        if count % chunk == chunk - 1 or (isinstance(fact.body, OrderFact) and fact.body.name in MOVES):
            write_rows(venue.take_changes())
        venue.fold(fact)
        count += 1
    write_rows(venue.take_changes())
    return count


def write(db: sqlite3.Connection, changes: Changes, *, judge: bool = True) -> None:
    """Store what folding changed, inside the caller's transaction. Without ``judge``: all but the verdicts on laps."""
    again = changes.again
    judged = verdicts.touched(db, changes) if judge else set()
    db.executemany(_CROSSING, changes.verdicts)
    for session_id, course in again.items():      # after them: what was nobody's may have been attached since
        _rewrite(db, session_id, course)
    db.executemany(_LAP, [_lap_row(changes.touched[s], entry, lap) for s, entry, lap in changes.laps if s not in again])
    for (session_id, version), (seq, heat) in changes.confirmed.items():
        _confirmed(db, session_id, version, seq, heat)
    for course in changes.touched.values():
        _session(db, course)
    for number, kart in changes.karts.items():
        if kart is None:
            db.execute("DELETE FROM karts WHERE number = ?", (number,))
        else:
            db.execute("INSERT OR REPLACE INTO karts (number, class, since_seq) VALUES (?,?,?)",
                       (number, kart.kart_class, kart.since_seq))
    for seq, transponder, wearer in changes.worn:
        if wearer is None:
            db.execute("UPDATE worn SET until_seq = ? WHERE transponder = ? AND until_seq IS NULL", (seq, transponder))
        else:
            db.execute("INSERT INTO worn (transponder, since_seq, kart) VALUES (?,?,?)", (transponder, seq, wearer))
    for (kind, record_id), record in changes.records.items():
        db.execute(f"DELETE FROM {kind}s WHERE id = ?", (record_id,))  # noqa: S608 - format or layout
        if not record.gone:
            db.execute(f"INSERT INTO {kind}s (id, name, body) VALUES (?,?,?)",  # noqa: S608 - as above
                       (record_id, record.name, _json(record.body)))
    recorded.write(db, changes.recorded)
    verdicts.judge(db, judged)
    set_meta(db, "derived_seq", str(changes.seq))


def judge_old(db: sqlite3.Connection) -> None:
    """Judge the laps that were stored before verdicts were rows, once."""
    if get_meta(db, "judged") is None:
        db.execute("BEGIN IMMEDIATE")
        verdicts.judge_all(db)
        set_meta(db, "judged", "1")
        db.execute("COMMIT")


def set_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Keep one value by name."""
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)", (key, value))


def set_latest(db: sqlite3.Connection, venue: Venue) -> None:
    """Keep which session of each track late passings go to; it depends on the order in which sessions ended."""
    set_meta(db, "latest", _json(venue.latest).decode())


def get_meta(db: sqlite3.Connection, key: str) -> str | None:
    """A value kept by name."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else None


def _lap_row(course: Course, entry: Entry, lap: Lap) -> tuple[object, ...]:
    heat = course.heat
    return (lap.seq, course.spec.id, entry.id, lap.kart, entry.driver_id, lap.number, lap.time_us,
            clock.race_time(heat.start_us, heat.pauses, lap.end_us), lap.kind, lap.source, lap.verdict,
            _json(lap.sectors) if lap.sectors else NONE, _json(lap.passings), _json(lap.edits) if lap.edits else NONE)


def _rewrite(db: sqlite3.Connection, session_id: str, course: Course) -> None:
    db.execute("DELETE FROM laps WHERE session = ?", (session_id,))
    holders, verdicts = course.session.holders, course.session.verdicts
    db.executemany(_CROSSING, [(e.seq, session_id, holders[e.seq] or e.kart, verdicts[e.seq].value)
                               for e in course.session.log if isinstance(e, Crossing) and e.seq in verdicts])
    db.executemany(_LAP, [_lap_row(course, entry, lap) for entry, lap in rows_of(course)])


def _session(db: sqlite3.Connection, course: Course) -> None:
    spec, heat, length = course.spec, course.heat, course.heat.rules.length
    stands = msgspec.structs.replace(spec, rules=msgspec.to_builtins(heat.rules))
    db.execute(_SESSION, (
        spec.id, spec.name, spec.track, spec.layout, heat.state.value, heat.flag.value, _json(stands), len(heat.entries),
        course.created_seq, course.staged_us, heat.ended_us, elapsed_at_end(heat), course.created_wall_us,
        course.green_wall_us, course.ended_wall_us, heat.version, heat.confirmed_by, heat.confirmed_wall_us,
        str(length), length.duration_us, length.laps, heat.attempt, _json(notes_of(course))))
    db.execute("DELETE FROM results WHERE session = ? AND version > ?", (spec.id, heat.version))
    if heat.state not in (State.PROVISIONAL, State.OFFICIAL):
        for table in ("standings", "bests"):
            db.execute(f"DELETE FROM {table} WHERE session = ?", (spec.id,))  # noqa: S608 - two fixed names
        return
    db.execute("INSERT OR REPLACE INTO standings (session, seq, body) VALUES (?,?,?)",
               (spec.id, _newest(course), _rows(_Same(heat))))
    db.execute("DELETE FROM bests WHERE session = ?", (spec.id,))
    db.executemany("INSERT INTO bests (session, kart, driver_id, layout, best_us, set_wall_us) VALUES (?,?,?,?,?,?)",
                   [(spec.id, e.kart, e.driver_id, spec.layout, e.bests[0][0], _wall(course, e.bests[0][1]))
                    for e in heat.entries.values() if e.bests])


def _newest(course: Course) -> int:
    """The newest fact that is part of the session; passings that were its own and are another's are not."""
    verdicts = course.session.verdicts
    return max((e.seq for e in course.session.log if e.seq in verdicts or not isinstance(e, Crossing)),
               default=course.created_seq)


def notes_of(course: Course) -> dict[str, Any]:
    """What stands beside the laps of a session: amendments, incidents, and how earlier attempts stood."""
    heat = course.heat
    return {
        "amends": heat.amends,
        "incidents": [{**_dict(each), "at_us": clock.race_time(heat.start_us, heat.pauses, each.at_us)}
                      for each in heat.incidents],
        "penalties": [{"kart": e.kart, **_dict(each), "at_us": clock.race_time(heat.start_us, heat.pauses, each.at_us)}
                      for e in heat.entries.values() for each in e.penalties],
        "attempts": [_stood(_Same(each)) for each in heat.attempts]}


class _Same:
    """A heat known by identity: it never changes, and how it stood is asked for more than once."""

    __slots__ = ("heat",)

    def __init__(self, heat: Heat) -> None:
        self.heat = heat

    def __hash__(self) -> int:
        return id(self.heat)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.heat is other.heat


@lru_cache(maxsize=32)
def _stood(attempt: _Same) -> dict[str, Any]:
    heat = attempt.heat
    return {"attempt": heat.attempt, "rows": standings(heat),
            "elapsed_us": clock.race_time(heat.start_us, heat.pauses, heat.last_us)}


@lru_cache(maxsize=8)
def _rows(same: _Same) -> bytes:
    return _json(standings(same.heat))


def _confirmed(db: sqlite3.Connection, session_id: str, version: int, seq: int, heat: Heat) -> None:
    amend = heat.amends[-1] if heat.amends else None
    db.execute("INSERT OR REPLACE INTO results (session, version, seq, body, confirmed_by, confirmed_wall_us, note) "
               "VALUES (?,?,?,?,?,?,?)", (session_id, version, seq, _rows(_Same(heat)), heat.confirmed_by,
                                          heat.confirmed_wall_us, amend.reason if amend and version > 1 else ""))


def _wall(course: Course, at_us: Micros) -> Micros:
    heat = course.heat
    if course.green_wall_us is None or heat.green_us is None:
        return course.created_wall_us
    return course.green_wall_us + at_us - heat.green_us


def load_venue(db: sqlite3.Connection, keep: int) -> Venue:
    """The venue as it stood when the derived rows were last written (``meta.derived_seq``)."""
    venue = Venue(keep=keep)
    venue.seq = int(get_meta(db, "derived_seq") or 0)
    worn: dict[str, list[str]] = {}
    for transponder, kart in db.execute("SELECT transponder, kart FROM worn WHERE until_seq IS NULL ORDER BY since_seq"):
        worn.setdefault(kart, []).append(transponder)
        venue.owner[transponder] = kart
    for number, kart_class, since in db.execute("SELECT number, class, since_seq FROM karts"):
        venue.karts[number] = Kart(number, kart_class, tuple(worn.get(number, ())), since)
    for table, records in (("formats", venue.formats), ("layouts", venue.layouts)):
        for record_id, name, body in db.execute(f"SELECT id, name, body FROM {table}"):  # noqa: S608 - two fixed names
            records[record_id] = RecordFact(record_id, name, msgspec.json.decode(body))
    venue.latest = msgspec.json.decode(get_meta(db, "latest") or "{}")
    for session_id in (*_ended(db, keep, set(venue.latest.values())),
                       *(row[0] for row in db.execute("SELECT id FROM sessions WHERE state NOT IN ('official', 'void', "
                                                      "'provisional') ORDER BY created_seq"))):
        adopt(venue, load_course(db, session_id, venue.seq))
    return venue


def _ended(db: sqlite3.Connection, keep: int, latest: set[str]) -> list[str]:
    """Provisional sessions to have in memory: the newest, and of each track the two that may get late passings."""
    over = db.execute("SELECT id, track FROM sessions WHERE state = 'provisional' "
                      "ORDER BY staged_us, created_seq").fetchall()
    newest = latest | {session_id for session_id, _ in over[-keep:]}
    for track in {track for _, track in over}:
        newest.update([session_id for session_id, its in over if its == track][-2:])
    return [session_id for session_id, _ in over if session_id in newest]


def adopt(venue: Venue, course: Course) -> None:
    """Put a loaded session where the fold would have left it."""
    venue.courses[course.spec.id] = course
    if course.heat.state in LIVE:
        venue.live[course.spec.track] = course.spec.id


def load_course(db: sqlite3.Connection, session_id: str, until: int) -> Course:
    """One session folded again from its own facts."""
    course: Course | None = None
    events: list[Crossing | Order | Tick] = []
    for fact in journal.read_session(db, session_id, until):
        body = fact.body
        if isinstance(body, SessionFact):
            course = Course.made_by(fact, body)
        elif isinstance(body, PassingFact):
            events.append(Crossing(fact.seq, body.at, body.transponder, body.kart, body.role, f"{body.key}/{body.epoch}"))
        elif isinstance(body, TickFact):
            events.append(Tick(fact.seq, body.at))
        elif isinstance(body, OrderFact):
            events.append(Order(fact.seq, body.at, body.name, body.by, body.args, fact.wall_us))
    if course is None:
        raise KeyError(session_id)
    course.session = Session.of(course.session.start, events)
    course.seq = max((e.seq for e in events), default=course.created_seq)
    return course
