"""Who may do what: staff, programs' tokens and logins. Secrets come hashed; every write is one short transaction.

These run beside the journal's writer and beside a running appliance, so a write waits up to five seconds for its turn.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trackd.core.errors import NotFound, Refused, StorageFailing
from trackd.core.time import Micros

BUSY_TIMEOUT_MS = 5_000


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff. ``created_us`` is wall-clock microseconds since 1970."""

    name: str
    role: str
    pin_hash: str
    created_us: Micros


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A program's token, without the secret itself."""

    id: str
    name: str
    role: str
    created_us: Micros


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """A write transaction. Raises StorageFailing when the disk or another writer does not let it through."""
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise StorageFailing(f"The database does not take this now ({error}); try again.") from error


def has_staff(db: sqlite3.Connection) -> bool:
    """Whether anyone was ever made staff and still is."""
    return db.execute("SELECT 1 FROM staff LIMIT 1").fetchone() is not None


def find_staff(db: sqlite3.Connection, name: str) -> StaffRow | None:
    """The member of staff of that exact name."""
    row = db.execute("SELECT name, role, pin_hash, created_us FROM staff WHERE name = ?", (name,)).fetchone()
    return StaffRow(*row) if row else None


def list_staff(db: sqlite3.Connection) -> list[StaffRow]:
    """All staff by name."""
    return [StaffRow(*row) for row in db.execute("SELECT name, role, pin_hash, created_us FROM staff ORDER BY name")]


def insert_staff(db: sqlite3.Connection, row: StaffRow, *, first: bool = False) -> None:
    """Add one. Raises Refused when the name is taken or, with ``first``, when there is any staff already."""
    with _transaction(db):
        if first and has_staff(db):
            raise Refused("Staff exist already: log in, or add staff with `trackd staff add`.")
        if find_staff(db, row.name):
            raise Refused(f"{row.name} is staff already.")
        db.execute("INSERT INTO staff (name, role, pin_hash, created_us) VALUES (?, ?, ?, ?)",
                   (row.name, row.role, row.pin_hash, row.created_us))


def delete_staff(db: sqlite3.Connection, name: str) -> None:
    """Remove one and end their logins. Raises NotFound, or Refused for the last admin (nobody could log in again)."""
    with _transaction(db):
        row = find_staff(db, name)
        if row is None:
            raise NotFound(f"{name} is not staff.")
        admins = db.execute("SELECT count(*) FROM staff WHERE role = 'admin'").fetchone()[0]
        if row.role == "admin" and admins == 1:
            raise Refused(f"{name} is the only admin; make another one first.")
        db.execute("DELETE FROM logins WHERE staff = ?", (name,))
        db.execute("DELETE FROM staff WHERE name = ?", (name,))


def insert_token(db: sqlite3.Connection, row: TokenRow, token_hash: str) -> None:
    """Add a program's token, kept as its hash."""
    with _transaction(db):
        db.execute("INSERT INTO tokens (id, name, role, hash, created_us) VALUES (?, ?, ?, ?, ?)",
                   (row.id, row.name, row.role, token_hash, row.created_us))


def find_token(db: sqlite3.Connection, token_hash: str) -> TokenRow | None:
    """The token with that hash."""
    row = db.execute("SELECT id, name, role, created_us FROM tokens WHERE hash = ?", (token_hash,)).fetchone()
    return TokenRow(*row) if row else None


def list_tokens(db: sqlite3.Connection) -> list[TokenRow]:
    """All tokens, oldest first."""
    return [TokenRow(*row) for row in db.execute("SELECT id, name, role, created_us FROM tokens ORDER BY id")]


def delete_token(db: sqlite3.Connection, token_id: str) -> None:
    """Withdraw a token. Raises NotFound."""
    with _transaction(db):
        if not db.execute("DELETE FROM tokens WHERE id = ?", (token_id,)).rowcount:
            raise NotFound("There is no such token.")


def insert_login(db: sqlite3.Connection, login_hash: str, staff: str, now_us: Micros, expires_us: Micros) -> None:
    """Remember a login and forget those that have ended. Raises NotFound when the person was removed meanwhile."""
    with _transaction(db):
        if find_staff(db, staff) is None:
            raise NotFound(f"{staff} is not staff.")
        db.execute("DELETE FROM logins WHERE expires_us <= ?", (now_us,))
        db.execute("INSERT INTO logins (hash, staff, created_us, expires_us) VALUES (?, ?, ?, ?)",
                   (login_hash, staff, now_us, expires_us))


def find_login(db: sqlite3.Connection, login_hash: str, now_us: Micros) -> tuple[str, str] | None:
    """Name and role of who is logged in under that hash at ``now_us``."""
    row = db.execute("SELECT staff.name, staff.role FROM logins JOIN staff ON staff.name = logins.staff"
                     " WHERE logins.hash = ? AND logins.expires_us > ?", (login_hash, now_us)).fetchone()
    return (row[0], row[1]) if row else None


def delete_login(db: sqlite3.Connection, login_hash: str) -> None:
    """Log out; a login that is gone already is no fault."""
    with _transaction(db):
        db.execute("DELETE FROM logins WHERE hash = ?", (login_hash,))
