"""How the disk is doing, in words a marshal understands."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

CRASHED = ("Timing stopped because of a fault in trackd, which is in the log; it starts again by itself. Passings wait in "
           "memory and nothing is lost while the power stays on.")


@dataclass(slots=True)
class Storage:
    """How the disk is doing, in words; ``waiting`` counts the frames held in memory until it takes them."""

    failing: str = ""
    rows: str = ""                # why lists and results on disk are behind the journal, "" while they are not
    waiting: int = 0
    commits: int = 0
    facts: int = 0


def in_words(error: sqlite3.Error) -> str:
    """Why the disk did not take facts, and what that means."""
    text = str(error)
    if "full" in text:
        return "The disk is full. Passings wait in memory and nothing is lost while the power stays on; free some space."
    if "readonly" in text or "read-only" in text:
        return "The disk is read-only. Passings wait in memory and nothing is lost while the power stays on."
    return f"The disk does not take data ({text}). Passings wait in memory and nothing is lost while the power stays on."
