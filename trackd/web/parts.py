"""Every component in all its states, for whoever carries the look on."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
