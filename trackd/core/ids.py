"""Identities. Ids are minted by services when a fact is written, never while folding the journal."""

from __future__ import annotations

from epyxid import xid_create


def new_id() -> str:
    """A fresh XID: 20 lower-case characters, sortable by creation time."""
    return str(xid_create())
