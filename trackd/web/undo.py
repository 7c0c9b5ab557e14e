"""The reserved place that says what was done last, by whom, and takes it back or does it again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trackd.core.time import SECOND, Micros
from trackd.timing.acts import Act
from trackd.timing.words import Names, act_words, said
from trackd.web.moment import Moment

DRAINS_US: Micros = 10 * SECOND
"""So long an act stands out; it can be undone afterwards too, as one of the last fifty."""


@dataclass(frozen=True, slots=True)
class UndoView:
    """What was done last, undone last or done again last. ``turn`` is what its button does, to the act ``of``."""

    of: int
    said: str
    turn: str                    # undo | redo
    newest: int                  # what Z takes back: this act, or where it is undone the newest that stands; 0 for none
    left_us: Micros = field(compare=False)       # it stands out so much longer; a page lets it drain by itself


def undo_view(acts: Sequence[Act], names: Names, at: Moment, *, session_id: str = "",
              titles: Mapping[str, str] | None = None) -> UndoView | None:
    """Of ``acts``, newest first. ``titles``: sessions by id; an act of another one than ``session_id`` says of which."""
    if not acts:
        return None
    shown = max(acts, key=lambda act: max(act.seq, act.turned))
    if shown.undone:
        by = f" by {shown.undone_by}" if shown.undone_by else ""
        turn, words = "redo", f"Undone{by}: {act_words(shown, names)}"
        newest = next((act for act in acts if not act.undone), None)
    else:
        turn, words, newest = "undo", said(shown, names), shown
    elsewhere = "" if shown.session in (None, session_id) else (titles or {}).get(shown.session or "", "")
    left_us = DRAINS_US - max(0, at.wall_us - max(shown.wall_us, shown.turned_wall_us))
    return UndoView(shown.seq, f"{words} ({elsewhere})" if elsewhere and shown.kind != "session" else words, turn,
                    newest.seq if newest else 0, min(max(0, left_us), DRAINS_US))
