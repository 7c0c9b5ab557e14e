"""Time as trackd holds and shows it: integer microseconds, shown cut (never rounded) to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Micros = int
"""A duration or an instant in integer microseconds; which of the two, the name of the value says."""

MS: Micros = 1_000
SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lap_text(duration_us: Micros) -> str:
    """A lap or sector time: ``38.190``, ``1:18.604``, ``1:02:03.004``; cut to the millisecond."""
    sign = "-" if duration_us < 0 else ""
    seconds, rest = divmod(abs(duration_us), SECOND)
    ms = rest // MS
    if seconds < 60:
        return f"{sign}{seconds}.{ms:03d}"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{sign}{minutes}:{seconds:02d}.{ms:03d}"
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{seconds:02d}.{ms:03d}"


def clock_text(duration_us: Micros, *, up: bool = False) -> str:
    """A session clock: ``2:36``, ``1:05:09``. Time left is shown rounded up to the second, elapsed time cut (``up``)."""
    seconds = max(0, duration_us) // SECOND if up else -(-max(0, duration_us) // SECOND)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def rfc3339(instant_us: Micros) -> str:
    """Microseconds since 1970 as an RFC 3339 instant in UTC, ``2026-11-21T14:11:02.123456Z``."""
    return (_EPOCH + timedelta(microseconds=instant_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc(instant_us: Micros) -> datetime:
    """Microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant_us)


def micros(instant: datetime) -> Micros:
    """An aware datetime as microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)
