"""GPS recordings: units, files, the laps found in them, and what people vouched for."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = """
CREATE TABLE units (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, model TEXT NOT NULL, kart TEXT, driver_id TEXT,
    since_seq INTEGER NOT NULL);
CREATE TABLE recordings (id TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
    source TEXT NOT NULL, unit TEXT, given_by TEXT NOT NULL, seq INTEGER NOT NULL, wall_us INTEGER NOT NULL, read BLOB,
    layout TEXT, reason TEXT NOT NULL, driven INTEGER, proposed INTEGER, session TEXT, kart TEXT, matched INTEGER NOT NULL,
    evidence BLOB);
CREATE INDEX recordings_wall ON recordings (wall_us);
CREATE INDEX recordings_session ON recordings (session, kart);
CREATE TABLE gps_laps (driven INTEGER NOT NULL, number INTEGER NOT NULL, recording TEXT NOT NULL, layout TEXT,
    kind TEXT NOT NULL, start_us INTEGER NOT NULL, time_us INTEGER NOT NULL, sigma_us INTEGER NOT NULL,
    sectors_us BLOB NOT NULL, max_speed_kmh FLOAT, flags BLOB NOT NULL, quality TEXT NOT NULL,
    PRIMARY KEY (driven, number));
CREATE INDEX gps_laps_recording ON gps_laps (recording);
CREATE TABLE vouched (lap TEXT NOT NULL PRIMARY KEY, session TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    given_by TEXT NOT NULL, seq INTEGER NOT NULL);
CREATE INDEX vouched_session ON vouched (session);
CREATE TABLE files (recording TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, driver TEXT NOT NULL, vehicle TEXT NOT NULL,
    venue TEXT NOT NULL)
"""


def upgrade() -> None:
    """Make room for recordings."""
    for statement in STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """The copy made before it is the way back."""
    raise RuntimeError("restore the copy that was made before this step")
