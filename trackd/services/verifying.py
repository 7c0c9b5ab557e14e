"""Which laps are verified, why, and what people decided beside the rules.

Verdicts are worked out when they are asked for, from the session as it stands: an edit, an amended result or a recording
taken off its kart changes them at once. What a person vouched for is a fact of the journal; nobody can vouch for a lap that
may never be a best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from trackd.core.errors import BadInput, Fault, NotFound, Refused
from trackd.core.time import SECOND, Micros
from trackd.services.commands import Decider, Draft
from trackd.services.reading import Reading
from trackd.services.twins import Twin, twin, twins_of
from trackd.services.writer import Writer
from trackd.store.recorded import ACCEPTED
from trackd.store.tables import sessions, vouched
from trackd.timing.facts import RecordFact, SessionFact
from trackd.timing.formats import Rules
from trackd.timing.recorded import VouchFact

if TYPE_CHECKING:
    from trackd.gps.verify import Judgement

VERDICTS = ("verified", "no", "")
_spec = msgspec.json.Decoder(SessionFact).decode


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
        if self.vouched is None or self.judgement.verdict == "no":
            return self.judgement.verdict
        return self.vouched.verdict


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a session says to all its laps."""

    state: str
    min_lap_us: Micros | None
    max_lap_us: Micros | None


async def verdicts(reading: Reading, session_id: str, layouts: Mapping[str, RecordFact]) -> list[Verdict]:
    """Every lap of a session with its verdict, by kart and number. Raises NotFound."""
    limits, said = await _limits(reading, session_id, layouts), await _said(reading, session_id)
    return [_judged(each, limits, said, session_id) for each in await twins_of(reading, session_id)]


async def verdict(reading: Reading, lap_id: str, layouts: Mapping[str, RecordFact]) -> Verdict:
    """One lap with its verdict. Raises NotFound."""
    found = await twin(reading, lap_id)
    if found.loop is None:
        layout = found.recorded.layout if found.recorded else None
        return _judged(found, _of_layout(_Limits("", None, None), layouts.get(layout or "")), {}, "")
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
        own = {str(row[0]) for row in decider.db.execute("SELECT seq FROM laps WHERE session = ?", (session_id,))}
        for lap in laps:
            if lap not in own:
                raise NotFound(f"There is no lap {lap} in that session.")
        return [("vouch", session_id, VouchFact(list(laps), verdict, reason[:200], by))]
    return writer.submit(decide)


async def _limits(reading: Reading, session_id: str, layouts: Mapping[str, RecordFact]) -> _Limits:
    found = await reading.rows(select(sessions.c.spec, sessions.c.state, sessions.c.layout).where(
        sessions.c.id == session_id))
    if not found:
        raise NotFound(f"There is no session {session_id}.")
    rules = msgspec.convert(_spec(found[0].spec).rules, Rules)
    limits = _Limits(found[0].state, rules.min_lap_us or None, rules.max_lap_us)
    return _of_layout(limits, layouts.get(found[0].layout or ""))


def _of_layout(limits: _Limits, record: RecordFact | None) -> _Limits:
    """The limits of the layout, where it has any, before those of the session."""
    about = record.body.get("properties") if record is not None else None
    given = {name: round(about[f"{name[:3]}_lap_s"] * SECOND) for name in ("min_lap_us", "max_lap_us")
             if about and about.get(f"{name[:3]}_lap_s")}
    return _Limits(limits.state, given.get("min_lap_us", limits.min_lap_us), given.get("max_lap_us", limits.max_lap_us))


async def _said(reading: Reading, session_id: str) -> dict[str, Vouched]:
    rows = await reading.rows(select(vouched).where(vouched.c.session == session_id))
    return {row.lap: Vouched(row.verdict, row.reason, row.given_by) for row in rows}


def _judged(each: Twin, limits: _Limits, said: Mapping[str, Vouched], session_id: str) -> Verdict:
    from trackd.gps.verify import Evidence, verify  # it brings numpy, which a start does without

    loop, gps, recorded = each.loop, each.gps, each.recorded
    told = Evidence(session=limits.state, min_lap_us=limits.min_lap_us, max_lap_us=limits.max_lap_us)
    if loop is not None:
        told = replace(told, loop_us=loop["time_us"], kind=loop["kind"], verdict=loop["verdict"], source=loop["source"],
                       edits=len(loop["edits"]))
    if gps is not None and recorded is not None:
        by = recorded.match.by if recorded.match else ""
        matched = "" if recorded.matched != ACCEPTED else "person" if by else "rules"
        told = replace(told, gps_us=gps.time_us, gps_sigma_us=gps.sigma_us, gps_quality=gps.quality,
                       gps_flags=gps.flags, matched=matched)
    lap_id = str(loop["seq"]) if loop is not None else ""
    return Verdict(each, verify(told), said.get(lap_id) or said.get(session_id))
