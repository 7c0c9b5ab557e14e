"""Rows of units and recordings, from the facts about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from trackd.timing.facts import Fact
from trackd.timing.recorded import DrivenFact, MatchFact, ReadFact, RecordingFact, UnitFact, VouchFact, said_in

_json = msgspec.json.Encoder().encode

PROPOSED, ACCEPTED = 1, 2
"""How a recording is matched; 0 while nobody looked or nothing fits."""

_LAP = ("INSERT INTO gps_laps (driven, number, recording, layout, kind, start_us, time_us, sigma_us, sectors_us, "
        "max_speed_kmh, flags, quality) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")


def write(db: sqlite3.Connection, facts: Iterable[Fact]) -> None:
    """Take in facts about recordings, in their order, inside the caller's transaction."""
    for fact in facts:
        body = fact.body
        if isinstance(body, RecordingFact):
            db.execute("INSERT INTO recordings (id, sha256, size, source, unit, given_by, seq, wall_us, reason, matched) "
                       "VALUES (?,?,?,?,?,?,?,?,'',0)", (body.id, body.sha256, body.size, body.source, body.unit, body.by,
                                                         fact.seq, fact.wall_us))
        elif isinstance(body, ReadFact):
            db.execute("UPDATE recordings SET read = ? WHERE id = ?", (_json(body), body.recording))
        elif isinstance(body, DrivenFact):
            _driven(db, fact.seq, body)
        elif isinstance(body, MatchFact):
            _matched(db, fact.session, body.recording, body.holds if body.undoes or body.redoes else body)
        elif isinstance(body, UnitFact):
            _unit(db, fact.seq, body)
        elif isinstance(body, VouchFact):
            _vouched(db, fact, body)


def _driven(db: sqlite3.Connection, seq: int, body: DrivenFact) -> None:
    db.executemany(_LAP, [(seq, lap.number, body.recording, body.layout, lap.kind, lap.start_us, lap.time_us, lap.sigma_us,
                           _json(lap.sectors_us), lap.max_speed_kmh, _json(lap.flags), lap.quality) for lap in body.laps])
    if body.holds is not None:
        then = body.holds
        db.execute("UPDATE recordings SET layout = ?, reason = ?, driven = ?, proposed = ? WHERE id = ?",
                   (then.layout, then.reason, then.driven or None, then.proposed or None, body.recording))
        _matched(db, then.session, body.recording, then.match)
    elif body.approved:
        db.execute("UPDATE recordings SET layout = ?, reason = ?, driven = ?, proposed = NULL WHERE id = ?",
                   (body.layout, body.reason, seq, body.recording))
    else:
        db.execute("UPDATE recordings SET proposed = ? WHERE id = ?", (seq, body.recording))


def _matched(db: sqlite3.Connection, session: str | None, recording: str, match: MatchFact | None) -> None:
    kart = match.kart if match else ""
    matched = 0 if match is None or not kart else ACCEPTED if match.accepted else PROPOSED
    db.execute("UPDATE recordings SET session = ?, kart = ?, matched = ?, evidence = ? WHERE id = ?",
               (session, kart or None, matched, _json(match) if match else None, recording))


def _unit(db: sqlite3.Connection, seq: int, body: UnitFact) -> None:
    db.execute("DELETE FROM units WHERE id = ?", (body.id,))
    if not body.gone:
        db.execute("INSERT INTO units (id, name, model, kart, driver_id, since_seq) VALUES (?,?,?,?,?,?)",
                   (body.id, body.name, body.model, body.kart, body.driver_id, seq))


def _vouched(db: sqlite3.Connection, fact: Fact, body: VouchFact) -> None:
    """By lap; a verdict on a whole session stands under its id and goes for the laps nobody named."""
    session = fact.session or ""
    for said in said_in(fact.seq, session, body):
        db.execute("DELETE FROM vouched WHERE lap = ?", (said.lap,))
        if said.verdict:
            db.execute("INSERT INTO vouched (lap, session, verdict, reason, given_by, seq) VALUES (?,?,?,?,?,?)",
                       (said.lap, session, said.verdict, said.reason, said.by, said.seq))
