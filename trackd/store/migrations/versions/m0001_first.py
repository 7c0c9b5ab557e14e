"""The first schema: journal, what is derived from it, roster, staff.

Written out, not taken from ``tables.metadata``: a step must stay what it was when later steps change the tables.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = """
CREATE TABLE journal (seq INTEGER NOT NULL PRIMARY KEY, t_us INTEGER NOT NULL, wall_us INTEGER NOT NULL,
    kind TEXT NOT NULL, session TEXT, identity TEXT UNIQUE, body BLOB NOT NULL);
CREATE INDEX journal_session ON journal (session, seq) WHERE session IS NOT NULL;
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE crossings (seq INTEGER NOT NULL PRIMARY KEY, session TEXT, kart TEXT, verdict TEXT NOT NULL);
CREATE INDEX crossings_session ON crossings (session, seq) WHERE session IS NOT NULL;
CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, track TEXT NOT NULL, layout TEXT,
    state TEXT NOT NULL, flag TEXT NOT NULL, spec BLOB NOT NULL, entries INTEGER NOT NULL, created_seq INTEGER NOT NULL,
    staged_us INTEGER, ended_us INTEGER, elapsed_us INTEGER NOT NULL,
    created_wall_us INTEGER NOT NULL, green_wall_us INTEGER, ended_wall_us INTEGER,
    version INTEGER NOT NULL, confirmed_by TEXT, confirmed_wall_us INTEGER);
CREATE INDEX sessions_created ON sessions (created_wall_us);
CREATE INDEX sessions_state ON sessions (state);
CREATE TABLE laps (seq INTEGER NOT NULL PRIMARY KEY, session TEXT NOT NULL, kart TEXT NOT NULL, driver_id TEXT,
    number INTEGER NOT NULL, time_us INTEGER NOT NULL, at_us INTEGER NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL,
    verdict TEXT NOT NULL, sectors_us BLOB NOT NULL, passings BLOB NOT NULL);
CREATE INDEX laps_session ON laps (session, kart, number);
CREATE TABLE standings (session TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE results (session TEXT NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (session, version));
CREATE TABLE bests (session TEXT NOT NULL, kart TEXT NOT NULL, driver_id TEXT, layout TEXT, best_us INTEGER NOT NULL,
    set_wall_us INTEGER NOT NULL, PRIMARY KEY (session, kart));
CREATE INDEX bests_set ON bests (set_wall_us, best_us);
CREATE TABLE karts (number TEXT NOT NULL PRIMARY KEY, class TEXT, since_seq INTEGER NOT NULL);
CREATE TABLE worn (transponder TEXT NOT NULL, since_seq INTEGER NOT NULL, kart TEXT NOT NULL, until_seq INTEGER,
    PRIMARY KEY (transponder, since_seq));
CREATE INDEX worn_kart ON worn (kart);
CREATE TABLE formats (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE layouts (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE drivers (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_wall_us INTEGER NOT NULL);
CREATE INDEX drivers_name ON drivers (name);
CREATE TABLE staff (name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, pin_hash TEXT NOT NULL,
    created_us INTEGER NOT NULL);
CREATE TABLE tokens (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
    created_us INTEGER NOT NULL);
CREATE TABLE logins (hash TEXT NOT NULL PRIMARY KEY, staff TEXT NOT NULL, created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL)
"""


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """The first step has nothing before it."""
    raise RuntimeError("the first schema cannot be taken back")
