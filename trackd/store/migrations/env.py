"""Alembic's entry: runs on the connection `trackd.store.database` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from trackd.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata,
                  transactional_ddl=True, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
