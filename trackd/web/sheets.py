"""Result sheets on paper and screen: versions, attempts, incidents, CSV."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
