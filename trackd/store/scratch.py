"""Derived rows in a scratch database, and where they differ from those that are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from trackd.store.tables import DERIVED


def create_tables(db: sqlite3.Connection) -> None:
    """Empty derived tables in a scratch database, for `rebuild`."""
    from sqlalchemy.dialects import sqlite as dialect
    from sqlalchemy.schema import CreateTable

    for table in DERIVED:
        db.execute(str(CreateTable(table).compile(dialect=dialect.dialect())))
    db.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)")


def compare(db: sqlite3.Connection, fresh: sqlite3.Connection, most: int = 5) -> list[str]:
    """Sentences on derived rows of ``db`` that differ from ``fresh``; both are read in key order, side by side."""
    found: list[str] = []
    for table in DERIVED:
        columns = ", ".join(f'"{c.name}"' for c in table.columns)
        keys = [index for index, c in enumerate(table.columns) if c.primary_key]
        query = f"SELECT {columns} FROM {table.name} ORDER BY {', '.join(str(k + 1) for k in keys)}"  # noqa: S608 - our own names
        different = 0
        for stored, follows in _side_by_side(db.execute(query), fresh.execute(query), keys):
            if stored == follows:
                continue
            different += 1
            if different <= most:
                found.append(f"{table.name}: stored is {stored or 'no row'!r:.200}, "
                             f"from the journal follows {follows or 'no row'!r:.200}")
        if different > most:
            found.append(f"{table.name}: {different - most} further differences")
    return found


Values = tuple[Any, ...]


def _side_by_side(one: Iterator[Values], other: Iterator[Values],
                  keys: list[int]) -> Iterator[tuple[Values | None, Values | None]]:
    """Rows of both in key order, matched by key; None where one side has no such row."""
    a, b = next(one, None), next(other, None)
    while a is not None or b is not None:
        at = [a[k] for k in keys] if a is not None else None
        bt = [b[k] for k in keys] if b is not None else None
        if at == bt:
            yield a, b
            a, b = next(one, None), next(other, None)
        elif bt is None or (at is not None and at < bt):
            yield a, None
            a = next(one, None)
        else:
            yield None, b
            b = next(other, None)
