"""The reserved place that says what was done last, by whom, and takes it back or does it again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trackd.core.time import SECOND, Micros
from trackd.timing.acts import Act
from trackd.web.moment import Moment
from trackd.web.words import Names, act_words, said

DRAINS_US: Micros = 10 * SECOND
"""So long an act stands out; it can be undone afterwards too, as one of the last fifty."""


@dataclass(frozen=True, slots=True)
class UndoView:
    """The newest act, or what was undone last. ``turn`` is what its button does, to the act ``of``."""

    of: int
    said: str
    turn: str                    # undo | redo
    newest: int                  # what Z takes back: the newest act that stands, 0 for none
    left_us: Micros = field(compare=False)       # it stands out so much longer; a page lets it drain by itself


def undo_view(acts: Sequence[Act], names: Names, at: Moment, *, session_id: str = "",
              titles: Mapping[str, str] | None = None) -> UndoView | None:
    """Of ``acts``, newest first. ``titles``: sessions by id; an act of another one than ``session_id`` says of which."""
    if not acts:
        return None
    newest = next((act for act in acts if not act.undone), None)
    undone = max(acts, key=lambda act: act.undone)
    if undone.undone and (newest is None or undone.undone > newest.seq):
        shown, turn = undone, "redo"
        words = f"Undone by {undone.undone_by}: {act_words(undone, names)}" if undone.undone_by else \
            f"Undone: {act_words(undone, names)}"
    else:
        assert newest is not None
        shown, turn, words = newest, "undo", said(newest, names)
    elsewhere = "" if shown.session in (None, session_id) else (titles or {}).get(shown.session or "", "")
    left_us = DRAINS_US - max(0, at.wall_us - max(shown.wall_us, shown.turned_wall_us))
    return UndoView(shown.seq, f"{words} ({elsewhere})" if elsewhere and shown.kind == "order" else words, turn,
                    newest.seq if newest else 0, min(max(0, left_us), DRAINS_US))
