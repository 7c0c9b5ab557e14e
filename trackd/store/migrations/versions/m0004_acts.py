"""What people decide about recordings can be taken back: an index knows their facts, another what a fact is about."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = """
DROP INDEX journal_acts;
CREATE INDEX journal_acts ON journal (seq) WHERE (kind IN ('order', 'session', 'kart', 'format', 'layout')
    OR (kind IN ('unit', 'match', 'driven', 'vouch') AND instr(body, '"by":"')));
CREATE INDEX journal_saved ON journal (kind, COALESCE(json_extract(CAST(body AS TEXT), '$.recording'),
    json_extract(CAST(body AS TEXT), '$.id'), json_extract(CAST(body AS TEXT), '$.number')), seq)
    WHERE kind IN ('kart', 'format', 'layout', 'unit', 'match', 'driven')
"""


def upgrade() -> None:
    """Let the newest acts be found, and what stood before them, without reading all that came between."""
    for statement in STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """The copy made before it is the way back."""
    raise RuntimeError("restore the copy that was made before this step")
