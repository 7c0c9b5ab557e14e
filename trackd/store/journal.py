"""The journal on disk: append, and read back as facts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from trackd.timing.facts import KINDS, Body, Fact, Note, PassingFact

# Indexes and the queries that use them say the same, word for word: by that SQLite knows that they fit.
ACTS = ("(kind IN ('order', 'session', 'kart', 'format', 'layout') "
        "OR (kind IN ('unit', 'match', 'driven', 'vouch') AND instr(body, '\"by\":\"')))")
"""Facts that people made. Of recordings the machine makes many; those of a person say by whom."""

SAVED = "kind IN ('kart', 'format', 'layout', 'unit', 'match', 'driven')"
_BODY = "CAST(body AS TEXT)"
THING = (f"COALESCE(json_extract({_BODY}, '$.recording'), json_extract({_BODY}, '$.id'), "
         f"json_extract({_BODY}, '$.number'))")
"""What such a fact is about."""

_encode = msgspec.json.Encoder().encode
_decoders = {kind: msgspec.json.Decoder(type_) for kind, type_ in KINDS.items() if type_ is not Note}
_decode_passing = msgspec.json.Decoder(PassingFact).decode
_decode_note = msgspec.json.Decoder(dict).decode


def encode_body(body: Body) -> bytes:
    """A body as the journal stores it."""
    return _encode(body.body if isinstance(body, Note) else body)


def decode_body(kind: str, raw: bytes) -> Body:
    """A body as it was stored; kinds of a newer trackd become notes."""
    decoder = _decoders.get(kind)
    return decoder.decode(raw) if decoder is not None else Note(_decode_note(raw))


def append(connection: sqlite3.Connection, facts: Iterable[tuple[Fact, str | None]]) -> None:
    """Write facts with their identity (None for all but numbered passings), inside the caller's transaction."""
    connection.executemany(
        "INSERT INTO journal (seq, t_us, wall_us, kind, session, identity, body) VALUES (?,?,?,?,?,?,?)",
        [(f.seq, f.t_us, f.wall_us, f.kind, f.session, identity, encode_body(f.body)) for f, identity in facts],
    )


def last_seq(connection: sqlite3.Connection) -> int:
    """The newest sequence, 0 for an empty journal."""
    return int(connection.execute("SELECT COALESCE(MAX(seq), 0) FROM journal").fetchone()[0])


def last_t_us(connection: sqlite3.Connection) -> int:
    """Track time of the newest fact."""
    row = connection.execute("SELECT t_us FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    return int(row[0]) if row else 0


def last_before(connection: sqlite3.Connection, t_us: int) -> int:
    """The newest sequence from before this track time, looked for from the end; 0 when there is none."""
    row = connection.execute("SELECT seq FROM journal WHERE t_us < ? ORDER BY seq DESC LIMIT 1", (t_us,)).fetchone()
    return int(row[0]) if row else 0


_CLAIMED = ("FROM crossings c JOIN sessions s ON s.id = c.session WHERE c.session != :session "
            "AND c.verdict NOT IN ('late', 'unassigned') AND s.state NOT IN ('scheduled', 'void')")
"""Passings that count in another session, or came while its clock ran."""


def unclaimed(connection: sqlite3.Connection, after: int, session: str) -> list[tuple[int, PassingFact]]:
    """Passings after a sequence that a session may take, with their sequences."""
    rows = connection.execute(
        f"SELECT seq, body FROM journal WHERE seq > :after AND kind = 'passing' AND seq NOT IN "  # noqa: S608 - our own words
        f"(SELECT c.seq {_CLAIMED} AND c.seq > :after) ORDER BY seq", {"after": after, "session": session})
    return [(seq, _decode_passing(raw)) for seq, raw in rows]


def claimed(connection: sqlite3.Connection, seq: int, session: str) -> bool:
    """Whether a passing counts in another session than this."""
    found = connection.execute(f"SELECT 1 {_CLAIMED} AND c.seq = :seq", {"seq": seq, "session": session})
    return found.fetchone() is not None


def read(connection: sqlite3.Connection, after: int = 0, until: int | None = None) -> Iterator[Fact]:
    """All facts with ``after < seq <= until`` in order."""
    rows = connection.execute(
        "SELECT seq, t_us, wall_us, kind, session, body FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq",
        (after, until if until is not None else 1 << 62),
    )
    return map(fact_of, rows)


def read_session(connection: sqlite3.Connection, session: str, until: int) -> Iterator[Fact]:
    """The facts of one session up to ``until``: its own, and the passings it owns."""
    rows = connection.execute(
        "SELECT seq, t_us, wall_us, kind, session, body FROM journal WHERE seq <= :until AND seq IN "
        "(SELECT seq FROM journal WHERE session = :id UNION SELECT seq FROM crossings WHERE session = :id) ORDER BY seq",
        {"until": until, "id": session},
    )
    return map(fact_of, rows)


def known(connection: sqlite3.Connection, identity: str) -> tuple[str | None, int] | None:
    """(transponder, decoder clock) of the stored passing with this identity, None if there is none."""
    row = connection.execute("SELECT body FROM journal WHERE identity = ?", (identity,)).fetchone()
    if row is None:
        return None
    body = _decode_passing(row[0])
    return body.transponder, body.rtc


def fact_of(row: tuple[int, int, int, str, str | None, bytes]) -> Fact:
    """A row of the journal as a fact."""
    seq, t_us, wall_us, kind, session, raw = row
    return Fact(seq, t_us, wall_us, kind, session, decode_body(kind, raw))


def read_acts(connection: sqlite3.Connection, most: int) -> list[Fact]:
    """The newest facts that people made, oldest first."""
    rows = connection.execute(
        "SELECT seq, t_us, wall_us, kind, session, body FROM journal INDEXED BY journal_acts "  # noqa: S608 - our own words
        f"WHERE {ACTS} ORDER BY seq DESC LIMIT ?", (most,)).fetchall()
    return [fact_of(row) for row in reversed(rows)]


def read_saved(connection: sqlite3.Connection, kind: str, thing: str, before: int) -> Iterator[Fact]:
    """Facts of a kind about one kart, format, layout, unit or recording older than ``before``, newest first."""
    rows = connection.execute(
        "SELECT seq, t_us, wall_us, kind, session, body FROM journal INDEXED BY journal_saved "  # noqa: S608 - as above
        f"WHERE {SAVED} AND kind = ? AND {THING} = ? AND seq < ? ORDER BY seq DESC", (kind, thing, before))
    return map(fact_of, rows)


def read_vouched(connection: sqlite3.Connection, session: str, before: int) -> Iterator[Fact]:
    """What people said of laps of a session before ``before``, newest first."""
    rows = connection.execute(
        "SELECT seq, t_us, wall_us, kind, session, body FROM journal WHERE session = ? AND kind = 'vouch' AND seq < ? "
        "ORDER BY seq DESC", (session, before))
    return map(fact_of, rows)
