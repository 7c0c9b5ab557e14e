"""One log line an event: words on a terminal, JSON under systemd, secrets never."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "(hidden)"
_SECRET_NAMES = frozenset({"pin", "pin_hash", "token", "secret", "password", "passphrase", "code", "setup_code",
                           "cookie", "set-cookie", "authorization", "csrf", "credential"})
_SECRET_TEXT = re.compile(r"\btrk_[A-Za-z0-9_-]{8,}|(?<=Bearer )[A-Za-z0-9._~+/=-]+")


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: blanks values that are named like a secret and bearer tokens inside any text."""
    for name, value in event.items():
        if name.lower() in _SECRET_NAMES:
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = _SECRET_TEXT.sub(HIDDEN, value)
    return event


def for_machines(env: Mapping[str, str], stream: TextIO) -> bool:
    """True when systemd reads the log. A terminal started as a user service inherits the variables, hence isatty."""
    return bool(env.get("INVOCATION_ID") or env.get("JOURNAL_STREAM")) and not stream.isatty()


def configure(env: Mapping[str, str], *, level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to ``stream`` (stderr), one line an event.

    Tracebacks are plain on purpose: the richer renderers print local variables, and those hold PINs.
    """
    stream = stream or sys.stderr
    machine = for_machines(env, stream)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso" if machine else "%H:%M:%S", utc=machine),
    ]
    render: Processor = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*before, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info,
                    hide_secrets, render]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False)
