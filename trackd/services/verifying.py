"""Which laps are verified, why, and what people decided beside the rules.

The rules with their sentences are worked out when they are asked for, from the session as it stands; what they come to for
official sessions stands in rows (`store.verdicts`), for leaderboards: an edit, an amended result or a recording taken off
its kart changes both at once. What a person vouched for is a fact of the journal; nobody can vouch for a lap that
may never be a best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from trackd.core.errors import BadInput, Fault, NotFound, Refused
from trackd.gps.verify import Judgement, verify
from trackd.services.commands import Decider, Draft
from trackd.services.reading import Reading
from trackd.services.twins import Twin, twin, twins_of
from trackd.services.writer import Writer
from trackd.store.recorded import ACCEPTED
from trackd.store.tables import laps as timed
from trackd.store.tables import sessions, vouched
from trackd.store.tables import verdicts as stored
from trackd.store.verdicts import Limits, evidence, standing
from trackd.timing.facts import RecordFact
from trackd.timing.recorded import VouchFact

VERDICTS = ("verified", "no", "")


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a person said of a lap, or of all laps of its session."""

    verdict: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One lap with what the rules say and what a person said."""

    twin: Twin
    judgement: Judgement
    vouched: Vouched | None = None

    @property
    def lap_id(self) -> str:
        """The loop's id where it timed the lap, else the recording's."""
        return str(self.twin.loop["seq"]) if self.twin.loop is not None else self.twin.gps.id if self.twin.gps else ""

    @property
    def verdict(self) -> str:
        """verified, queue or no."""
        return standing(self.judgement.verdict, self.vouched.verdict if self.vouched is not None else None)


async def verdicts(reading: Reading, session_id: str, layouts: Mapping[str, RecordFact]) -> list[Verdict]:
    """Every lap of a session with its verdict, by kart and number. Raises NotFound."""
    limits, said = await _limits(reading, session_id, layouts), await _said(reading, session_id)
    return [_judged(each, limits, said, session_id) for each in await twins_of(reading, session_id)]


async def stored_verdicts(reading: Reading, session_id: str) -> dict[tuple[str, int], str]:
    """The verdicts on the laps of an official session by entry and number, without their reasons; struck laps aside."""
    query = select(timed.c.entry, timed.c.number, stored.c.verdict).join(stored, stored.c.lap == timed.c.seq).where(
        stored.c.session == session_id, timed.c.verdict != "void")
    return {(row.entry, row.number): row.verdict for row in await reading.rows(query)}


async def verdict(reading: Reading, lap_id: str, layouts: Mapping[str, RecordFact]) -> Verdict:
    """One lap with its verdict. Raises NotFound."""
    found = await twin(reading, lap_id)
    if found.loop is None:
        layout = found.recorded.layout if found.recorded else None
        return _judged(found, Limits().on(_about(layouts.get(layout or ""))), {}, "")
    session_id = found.loop["session"]
    limits = await _limits(reading, session_id, layouts)
    return _judged(found, limits, await _said(reading, session_id), session_id)


def vouch(writer: Writer, session_id: str, laps: Sequence[str], verdict: str, reason: str, by: str) -> Future[int]:
    """A person's verdict on laps of a session, all of them where none is named; "" leaves them to the rules again.

    A future. Raises BadInput; the future Refused and NotFound.
    """
    if verdict not in VERDICTS:
        raise BadInput(Fault("verdict", "must be verified, no, or empty to leave it to the rules"))

    def decide(decider: Decider) -> Sequence[Draft]:
        course = decider.course(session_id)
        if course.heat.state.value != "official" and verdict == "verified":
            raise Refused(f"{course.spec.name} is not official yet. Confirm its result first.")
        own = {str(seq): (kart, number) for seq, kart, number in decider.db.execute(
            "SELECT seq, kart, number FROM laps WHERE session = ?", (session_id,))}
        for lap in laps:
            if lap not in own:
                raise NotFound(f"There is no lap {lap} in that session.")
        karts = sorted({own[lap][0] for lap in laps}, key=lambda kart: (len(kart), kart))
        return [("vouch", session_id, VouchFact(list(laps), verdict, reason[:200], by, karts,
                                                own[laps[0]][1] if len(laps) == 1 else 0))]
    return writer.submit(decide)


async def _limits(reading: Reading, session_id: str, layouts: Mapping[str, RecordFact]) -> Limits:
    found = await reading.rows(select(sessions.c.spec, sessions.c.state, sessions.c.layout).where(
        sessions.c.id == session_id))
    if not found:
        raise NotFound(f"There is no session {session_id}.")
    return Limits.of(found[0].state, found[0].spec, _about(layouts.get(found[0].layout or "")))


def _about(record: RecordFact | None) -> Mapping[str, Any] | None:
    return record.body.get("properties") if record is not None else None


async def _said(reading: Reading, session_id: str) -> dict[str, Vouched]:
    rows = await reading.rows(select(vouched).where(vouched.c.session == session_id))
    return {row.lap: Vouched(row.verdict, row.reason, row.given_by) for row in rows}


def _judged(each: Twin, limits: Limits, said: Mapping[str, Vouched], session_id: str) -> Verdict:
    matched = ""
    if each.recorded is not None and each.recorded.matched == ACCEPTED and each.recorded.match is not None:
        matched = "person" if each.recorded.match.by else "rules"
    lap_id = str(each.loop["seq"]) if each.loop is not None else ""
    return Verdict(each, verify(evidence(limits, each.loop, each.gps, matched)), said.get(lap_id) or said.get(session_id))
