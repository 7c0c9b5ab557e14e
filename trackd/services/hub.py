"""From one commit to many screens: whoever listens is told, once a change, on the event loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trackd.timing.board import Board


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the API stream. ``last``: no further event of this journal sequence follows, so it carries the id."""

    kind: str                 # passing lap board flag session link exception
    seq: int
    data: Mapping[str, Any]
    last: bool = False


@dataclass(slots=True)
class Hub:
    """Callbacks of the screens and of the stream. A listener must not block and must not raise."""

    boards: list[Callable[[Board], None]] = field(default_factory=list)
    happenings: list[Callable[[list[Happening]], None]] = field(default_factory=list)
    surroundings: list[Callable[[], None]] = field(default_factory=list)     # health, lists: anything beside a board

    def board(self, board: Board) -> None:
        """A session changed."""
        for listener in [*self.boards]:
            listener(board)

    def happened(self, events: list[Happening]) -> None:
        """Things happened, in journal order."""
        for listener in [*self.happenings]:
            listener(events)

    def around(self) -> None:
        """Something beside the boards changed."""
        for listener in [*self.surroundings]:
            listener()
