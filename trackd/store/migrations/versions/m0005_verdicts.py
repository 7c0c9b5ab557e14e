"""Verdicts of laps as rows: what leaderboards read."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = """
CREATE TABLE verdicts (lap INTEGER NOT NULL PRIMARY KEY, session TEXT NOT NULL, layout TEXT, driver_id TEXT,
    kart TEXT NOT NULL, time_us INTEGER NOT NULL, set_wall_us INTEGER NOT NULL, label TEXT NOT NULL, verdict TEXT NOT NULL,
    given_by TEXT NOT NULL, recording TEXT, best INTEGER NOT NULL);
CREATE INDEX verdicts_session ON verdicts (session);
CREATE INDEX verdicts_best ON verdicts (layout, set_wall_us, best, driver_id, kart, time_us) WHERE best > 0
"""


def upgrade() -> None:
    """Make room for verdicts; the next start judges what is there."""
    for statement in STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """The copy made before it is the way back."""
    raise RuntimeError("restore the copy that was made before this step")
