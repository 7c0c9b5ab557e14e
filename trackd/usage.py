"""What the verbs share: what an argument may be (anything else is wrong usage, exit 2), how they speak and end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import Any

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


def say(args: Namespace, words: str, **values: Any) -> None:
    """One line for a person, or one object for a program."""
    print(json.dumps(values) if args.json else words, flush=True)


def loop(main_task: Any) -> None:
    """Run until done; SIGTERM and Ctrl-C end it in order."""
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main_task)


async def until_signal(work: Any) -> None:
    """Work until SIGTERM ends it."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
