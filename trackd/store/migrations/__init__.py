"""Alembic migrations, one file a step; all steps of one start run in one transaction."""
