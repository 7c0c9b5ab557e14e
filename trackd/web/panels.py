"""What a click on a number opens: a kart with every lap and its evidence, and the forms of race control's orders."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
