"""Pages of a listing: a limit and a cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from litestar.params import QueryParameter

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="rows at most")]
After = Annotated[int, QueryParameter(le=2**63 - 1, description="rows after this sequence")]

Row = TypeVar("Row")


def page(items: list[Row], limit: int, cursor: Callable[[Row], object]) -> tuple[list[Row], str | None]:
    """A page of a listing: one row more than asked for was read, so that the cursor of the next is known."""
    more = len(items) > limit
    items = items[:limit]
    return items, str(cursor(items[-1])) if more else None
