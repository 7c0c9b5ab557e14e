"""Why a lap is what it is: its passings as the decoder reported them, its source, and who decided what about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trackd.core.errors import NotFound
from trackd.core.time import Micros
from trackd.services.commands import Decider, Draft
from trackd.services.snapshots import Snapshot
from trackd.store import database
from trackd.store.derived import load_course, notes_of
from trackd.timing import clock
from trackd.timing.acts import Act
from trackd.timing.asked import kart_then
from trackd.timing.course import Course
from trackd.timing.events import Crossing
from trackd.timing.facts import PassingFact
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap

if TYPE_CHECKING:
    from trackd.services.appliance import Appliance


@dataclass(frozen=True, slots=True)
class Look:
    """A session as the writer has it: what boards leave out."""

    shot: Snapshot
    verdicts: dict[int, str]
    holders: dict[int, str | None]
    crossings: dict[int, Crossing]       # as they were read; those a person made among them
    notes: dict[str, Any]

    @property
    def heat(self) -> Heat:
        """The session at this moment."""
        return self.shot.heat


@dataclass(frozen=True, slots=True)
class Read:
    """One crossing of a kart. ``at_us`` is the session clock; what a hand-made one lacks is None."""

    seq: int
    at_us: Micros
    role: str
    verdict: str
    source: str                      # loop gps tap manual split
    link: str | None = None
    decoder: str | None = None
    transponder: str | None = None
    strength: int | None = None
    hits: int | None = None
    decisions: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class LapSheet:
    """A lap and why it is what it is."""

    lap: Lap
    at_us: Micros
    reads: tuple[Read, ...]
    decisions: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class KartSheet:
    """All of a kart in a session: laps that count, laps that were voided, and reads that made none."""

    shot: Snapshot
    entry: Entry
    laps: tuple[LapSheet, ...]
    struck: tuple[LapSheet, ...] = ()
    others: tuple[Read, ...] = ()    # too_short repeated late neutral ignored, in order of time
    penalties: tuple[Act, ...] = field(default=())


async def look(appliance: Appliance, session_id: str) -> Look:
    """The session with every verdict. Raises NotFound."""
    found: list[Look] = []

    def decide(decider: Decider) -> Sequence[Draft]:
        found.append(_look(decider.course(session_id)))
        return []

    await appliance.live.done(appliance.live.writer.submit(decide))
    return found[0]


def _look(course: Course) -> Look:
    session = course.session
    return Look(Snapshot.of(course), {seq: verdict.value for seq, verdict in session.verdicts.items()},
                dict(session.holders), {e.seq: e for e in (*session.laid(), *session.log) if isinstance(e, Crossing)},
                notes_of(course))


async def look_back(appliance: Appliance, session_id: str, seq: int) -> Look:
    """The session as it stood at a fact of the journal, folded again beside the writer. Raises NotFound."""
    def fold() -> Look:
        with closing(database.connect(appliance.folder / database.NAME)) as db:
            db.execute("PRAGMA query_only=ON")
            try:
                return _look(load_course(db, session_id, seq))
            except KeyError:
                raise NotFound(f"There is no session {session_id}.") from None

    return await asyncio.to_thread(fold)


async def kart_sheet(appliance: Appliance, session_id: str, kart: str) -> KartSheet:
    """Everything known of a kart in a session. Raises NotFound."""
    seen = await look(appliance, session_id)
    entry = seen.heat.entries.get(kart)
    if entry is None:
        raise NotFound(f"Kart {kart} is not in this session.")
    laps = (*entry.laps, *entry.struck)
    in_laps = {seq for lap in laps for seq in lap.passings}
    others = [seq for seq, crossing in seen.crossings.items() if seq in seen.verdicts and seq not in in_laps
              and seen.holders.get(seq) == kart_then(seen.heat, entry, crossing.at_us)]
    acts = {act.seq: act for act in await appliance.reading.acts(
        {seq for lap in laps for seq in lap.edits} | {seq for mark in seen.heat.marks.values() for seq in mark.by}
        | {penalty.seq for penalty in entry.penalties})}
    bodies = await appliance.reading.passing_bodies(in_laps.union(others))

    def read(seq: int) -> Read:
        return _read(seen, seq, bodies.get(seq), acts)

    def sheet(lap: Lap) -> LapSheet:
        return LapSheet(lap, _clock(seen.heat, lap.end_us), tuple(map(read, lap.passings)),
                        tuple(acts[seq] for seq in lap.edits if seq in acts))

    return KartSheet(seen.shot, entry, tuple(map(sheet, entry.laps)), tuple(map(sheet, entry.struck)),
                     tuple(sorted(map(read, others), key=lambda each: (each.at_us, each.seq))),
                     tuple(acts[p.seq] for p in entry.penalties if p.seq in acts))


def _clock(heat: Heat, at_us: Micros) -> Micros:
    if heat.start_us is not None and at_us < heat.start_us:
        return at_us - heat.start_us
    return clock.race_time(heat.start_us, heat.pauses, at_us)


def _read(seen: Look, seq: int, body: PassingFact | None, acts: dict[int, Act]) -> Read:
    crossing, mark = seen.crossings[seq], seen.heat.marks.get(seq)
    return Read(seq, _clock(seen.heat, crossing.at_us), crossing.role, seen.verdicts.get(seq, ""), crossing.source,
                body.link if body else None, body.decoder if body else None, body.transponder if body else None,
                body.strength if body else None, body.hits if body else None,
                tuple(acts[each] for each in (mark.by if mark else ()) if each in acts))
