"""What the venue's fold holds and tells: a kart, a session with its stages, and what folding has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from trackd.core.time import Micros
from trackd.timing.facts import Fact, RecordFact, SessionFact
from trackd.timing.formats import Rules
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.session import Session


class Kart(msgspec.Struct, frozen=True):
    """A kart and the transponders it wears now."""

    number: str
    kart_class: str | None = None
    transponders: tuple[str, ...] = ()
    since_seq: int = 0


@dataclass(slots=True)
class Course:
    """A session in the venue: how it was made, its fold, and when it went through its stages."""

    spec: SessionFact
    session: Session
    created_seq: int
    created_wall_us: Micros
    seq: int = 0                      # newest fact folded into it

    @classmethod
    def made_by(cls, fact: Fact, spec: SessionFact) -> Course:
        """A session fresh from the fact that created it."""
        rules = msgspec.convert(spec.rules, Rules)
        entries = {kart: Entry(kart, driver_id) for kart, driver_id in spec.entries}
        return cls(spec, Session.new(Heat(rules=rules, entries=entries)), fact.seq, fact.wall_us, seq=fact.seq)

    @property
    def heat(self) -> Heat:
        """The session as it stands."""
        return self.session.heat

    @property
    def staged_us(self) -> Micros | None:
        """When it was first staged: from then on the passings of its track are its own."""
        return self.heat.staged_us

    @property
    def green_wall_us(self) -> Micros | None:
        """When it went green, on the wall clock."""
        return self.heat.green_wall_us

    @property
    def ended_wall_us(self) -> Micros | None:
        """When it ended, on the wall clock of the start."""
        heat = self.heat
        if heat.ended_us is None or heat.green_us is None or self.green_wall_us is None:
            return None
        return self.green_wall_us + heat.ended_us - heat.green_us


@dataclass(slots=True)
class Changes:
    """What folding has changed since this was last taken."""

    verdicts: list[tuple[int, str | None, str | None, str]] = field(default_factory=list)   # (seq, session, kart, it)
    laps: list[tuple[str, Entry, Lap]] = field(default_factory=list)
    touched: dict[str, Course] = field(default_factory=dict)      # anything of the session changed
    again: dict[str, Course] = field(default_factory=dict)        # all its verdicts and laps may be others now
    karts: dict[str, Kart | None] = field(default_factory=dict)
    worn: list[tuple[int, str, str | None]] = field(default_factory=list)   # seq, transponder, kart from then on
    records: dict[tuple[str, str], RecordFact] = field(default_factory=dict)  # (kind, id)
    confirmed: dict[tuple[str, int], tuple[int, Heat]] = field(default_factory=dict)  # (session, version): seq, heat
    recorded: list[Fact] = field(default_factory=list)            # of recordings: units, files, laps, matches, verdicts
    seq: int = 0


def rows_of(course: Course) -> Iterator[tuple[Entry, Lap]]:
    """Every lap of a session with its entry, those that were struck among them."""
    for entry in course.heat.entries.values():
        for lap in (*entry.laps, *entry.struck):
            yield entry, lap
