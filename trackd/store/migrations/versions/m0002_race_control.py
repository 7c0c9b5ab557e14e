"""Race control: laps know their entry and their edits, results who confirmed them and why, sessions their story.

Derived tables are made anew and stay empty: the next start folds the journal into them.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = """
DROP TABLE sessions;
CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, track TEXT NOT NULL, layout TEXT,
    state TEXT NOT NULL, flag TEXT NOT NULL, spec BLOB NOT NULL, entries INTEGER NOT NULL, created_seq INTEGER NOT NULL,
    staged_us INTEGER, ended_us INTEGER, elapsed_us INTEGER NOT NULL,
    created_wall_us INTEGER NOT NULL, green_wall_us INTEGER, ended_wall_us INTEGER,
    version INTEGER NOT NULL, confirmed_by TEXT, confirmed_wall_us INTEGER,
    format TEXT NOT NULL, duration_us INTEGER, laps INTEGER, attempt INTEGER NOT NULL, notes BLOB NOT NULL);
CREATE INDEX sessions_created ON sessions (created_wall_us);
CREATE INDEX sessions_state ON sessions (state);
DROP TABLE laps;
CREATE TABLE laps (seq INTEGER NOT NULL PRIMARY KEY, session TEXT NOT NULL, entry TEXT NOT NULL, kart TEXT NOT NULL,
    driver_id TEXT, number INTEGER NOT NULL, time_us INTEGER NOT NULL, at_us INTEGER NOT NULL, kind TEXT NOT NULL,
    source TEXT NOT NULL, verdict TEXT NOT NULL, sectors_us BLOB NOT NULL, passings BLOB NOT NULL, edits BLOB NOT NULL);
CREATE INDEX laps_session ON laps (session, entry, number);
DROP TABLE results;
CREATE TABLE results (session TEXT NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL,
    confirmed_by TEXT, confirmed_wall_us INTEGER, note TEXT NOT NULL, PRIMARY KEY (session, version));
DELETE FROM crossings;
DELETE FROM standings;
DELETE FROM bests;
CREATE INDEX bests_driver ON bests (driver_id, best_us);
DELETE FROM karts;
DELETE FROM worn;
DELETE FROM formats;
DELETE FROM layouts;
DELETE FROM meta WHERE key = 'derived_seq';
CREATE INDEX journal_acts ON journal (seq) WHERE kind IN ('order', 'session', 'kart', 'format', 'layout')
"""


def upgrade() -> None:
    """Make room for what race control decides."""
    for statement in STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """The copy made before it is the way back."""
    raise RuntimeError("restore the copy that was made before this step")
