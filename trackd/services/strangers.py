"""Transponders nobody knows, as they are seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trackd.core.time import Micros
from trackd.timing.facts import Fact, PassingFact

AT_MOST = 50


@dataclass(slots=True)
class Unknown:
    """A transponder nobody knows, seen lately on a track."""

    transponder: str
    track: str
    passings: int
    first_us: Micros
    last_us: Micros


def note(unknown: dict[tuple[str, str], Unknown], facts: Iterable[Fact]) -> None:
    """Take note of the strangers among these, by track and transponder; the ones seen first are forgotten first."""
    for fact in facts:
        body = fact.body
        if not isinstance(body, PassingFact) or body.transponder is None or body.kart is not None:
            continue
        key = (body.track, body.transponder)
        seen = unknown.setdefault(key, Unknown(body.transponder, body.track, 0, fact.t_us, fact.t_us))
        seen.passings += 1
        seen.last_us = fact.t_us
        while len(unknown) > AT_MOST:
            unknown.pop(next(iter(unknown)))
