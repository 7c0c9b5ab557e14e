"""What an argument of the command line may be; anything else is wrong usage (exit 2)."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

from trackd.core.errors import BadInput


def protocols() -> tuple[str, ...]:
    """The wires by name."""
    from trackd.protocols.registry import PROTOCOLS

    return PROTOCOLS


def between(low: int, high: int) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``."""
    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ArgumentTypeError(f"must be from {low} to {high}")
        return int(text)
    return number


def listen(text: str) -> str:
    """``HOST:PORT``."""
    from trackd.emulator.run import parse_listen

    try:
        parse_listen(text)
    except BadInput as error:
        raise ArgumentTypeError(error.faults[0].what) from None
    return text
