"""What was done, by whom and why, with undo; and the same turns for every page."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
