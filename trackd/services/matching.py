"""Which heat and kart a recording was in: its crossings against the passings of the heats it may have been at."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from trackd.core.errors import Refused
from trackd.core.time import HOUR, MINUTE, Micros
from trackd.gps.match import Match, joint_offset, match, match_by_clock
from trackd.gps.trace import Times
from trackd.store.database import NAME, read_only
from trackd.store.recorded import ACCEPTED, PROPOSED
from trackd.timing.events import LINE
from trackd.timing.facts import PassingFact
from trackd.timing.recorded import DrivenLap, MatchFact, ReadFact

CLOCKS_APART_US: Micros = 10 * MINUTE
"""The wall clock of a box without a network may be off by so much."""

LATELY_US: Micros = 48 * HOUR
HEATS_AT_MOST = 40
"""Of a recording that tells no time, these are looked at: all heats of the last two days."""

OVERLAP = 0.9
"""So much of a recording lies within the heat it was made in (H2)."""

SAME_DAY_US: Micros = 12 * HOUR
TOLD_AT_MOST = 200
"""Recordings of other heats within half a day tell the decoder's clock, where two or more of the latest ones agree."""

_passing = msgspec.json.Decoder(PassingFact).decode
_match_of = msgspec.json.Decoder(MatchFact).decode
_read_of = msgspec.json.Decoder(ReadFact).decode


@dataclass(frozen=True, slots=True)
class Asked:
    """A recording whose kart is wanted. ``utc_us``: when its clock was 0; ``came_us``: when the file came in.

    ``kart``: the one its unit rides on, if the unit is known.
    """

    recording: str
    laps: Sequence[DrivenLap]
    duration_us: Micros
    utc_us: Micros | None
    came_us: Micros
    kart: str | None = None


def find(folder: Path, asked: Asked) -> tuple[str | None, MatchFact]:
    """The session, and what was found. Reads the database; blocks: use a thread.

    Accepted only where the rule accepts one kart of one session, and no unit says otherwise.
    """
    crossings_us, sigma_us = crossings_of(asked.laps)
    with contextlib.closing(read_only(folder / NAME)) as db:
        told = _clocks(db, asked)
        found = [(session, match_by_clock(crossings_us, candidates(db, session), sigma_us, _windows(told, session, asked)))
                 for session in _sessions(db, asked)]
        accepted = _at_its_time(db, asked, crossings_us, [each for each in found if each[1].accepted])
    fits = [(session, each) for session, each in found if each.kart]
    if not fits:
        reason = found[0][1].reason if len(found) == 1 else "No heat has passings at such intervals."
        return None, MatchFact(asked.recording, of=len(crossings_us), reason=reason)
    session, best = (accepted or sorted(fits, key=lambda each: each[1].chance))[0]
    doubt = ""
    if len(accepted) > 1:
        doubt = f"It fits {len(accepted)} heats."
    elif accepted and asked.kart is not None and asked.kart != best.kart:
        doubt = f"The unit rides on kart {asked.kart}."
    return session, _fact(asked.recording, best, doubt)


def decided_now(folder: Path, session: str) -> list[tuple[str | None, MatchFact]]:
    """Recordings that were proposed for a heat and are certain by now: another of the heat may have told the clocks. Reads
    the database; blocks: use a thread.
    """
    with contextlib.closing(read_only(folder / NAME)) as db:
        rows = db.execute(
            "SELECT r.id, r.read, r.wall_us, r.driven, u.kart FROM recordings r LEFT JOIN units u ON u.id = r.unit "
            "WHERE r.session = ? AND r.matched = ? ORDER BY r.seq", (session, PROPOSED)).fetchall()
        laps = {driven: [DrivenLap(*row) for row in db.execute(
            "SELECT number, kind, start_us, time_us, sigma_us FROM gps_laps WHERE driven = ? ORDER BY number", (driven,))]
            for _, _, _, driven, _ in rows}
    reads = [(row, _read_of(row[1])) for row in rows]
    found = [find(folder, Asked(recording, laps[driven], read.duration_us, read.utc_us, came_us, kart))
             for (recording, _, came_us, driven, kart), read in reads]
    return [each for each in found if each[1].accepted]


def held_against(folder: Path, recording: str, session: str, kart: str, by: str) -> MatchFact:
    """What a person decided, with what the passings of that kart say to it. Raises Refused without any lap to hold."""
    with contextlib.closing(read_only(folder / NAME)) as db:
        rows = db.execute("SELECT number, kind, start_us, time_us, sigma_us FROM gps_laps WHERE driven = "
                          "(SELECT driven FROM recordings WHERE id = ?) ORDER BY number", (recording,)).fetchall()
        passings = candidates(db, session).get(kart)
    crossings_us, sigma_us = crossings_of([DrivenLap(*row) for row in rows])
    if passings is None or len(passings) < 2 or len(crossings_us) < 2:
        raise Refused("It takes two crossings of the line, and two passings of that kart, to lay one over the other.")
    best = match(crossings_us, {kart: passings}, sigma_us)
    if not best.kart:
        raise Refused(f"No laps of kart {kart} in that heat are like those of the recording. {best.reason}")
    return replace(_fact(recording, best, ""), accepted=True, by=by)


def _fact(recording: str, best: Match, doubt: str) -> MatchFact:
    return MatchFact(
        recording, best.kart, best.offset_us, round(best.score_us), best.inliers, best.of, best.runner_up,
        None if np.isnan(best.rival_us) else round(best.rival_us), best.accepted and not doubt,
        f"{best.reason} {doubt}".strip())


def crossings_of(laps: Sequence[DrivenLap]) -> tuple[Times, float]:
    """The moments a recording crossed the line (n,) int64 on its own clock, and the standard deviation of one."""
    full = [lap for lap in laps if lap.kind == "full"]
    moments = {lap.start_us for lap in full} | {lap.start_us + lap.time_us for lap in full}
    sigma_us = float(np.median([lap.sigma_us for lap in full])) / np.sqrt(2) if full else 0.0
    return np.array(sorted(moments), dtype=np.int64), sigma_us


def _sessions(db: sqlite3.Connection, asked: Asked) -> list[str]:
    """The sessions it may have been in: those on at its time, else those of the last two days."""
    ran = "SELECT id FROM sessions WHERE state != 'void' AND green_wall_us IS NOT NULL AND "
    last = f" ORDER BY green_wall_us DESC LIMIT {HEATS_AT_MOST}"
    if asked.utc_us is not None:
        span = (asked.utc_us + asked.duration_us + CLOCKS_APART_US, asked.utc_us - CLOCKS_APART_US)
        rows = db.execute(ran + "green_wall_us <= ? AND COALESCE(ended_wall_us, green_wall_us + 86400000000) >= ?" + last,
                          span).fetchall()
        if rows:
            return [row[0] for row in rows]
    span = (asked.came_us + CLOCKS_APART_US, asked.came_us - LATELY_US)
    return [row[0] for row in db.execute(ran + "green_wall_us <= ? AND green_wall_us >= ?" + last, span)]


def _at_its_time(db: sqlite3.Connection, asked: Asked, crossings_us: Times,
                 accepted: list[tuple[str, Match]]) -> list[tuple[str, Match]]:
    """Of several heats with such laps the one that was on while the recording was made, where one was (H2)."""
    if len(accepted) < 2 or asked.utc_us is None:
        return accepted
    begin, end = asked.utc_us + int(crossings_us[0]), asked.utc_us + int(crossings_us[-1])
    then = [each for each in accepted if _shared_us(db, each[0], begin, end) >= OVERLAP * (end - begin)]
    return then if len(then) == 1 else accepted


def _shared_us(db: sqlite3.Connection, session: str, begin_us: Micros, end_us: Micros) -> Micros:
    """How much of a span of time a heat was on, by the wall clock."""
    green_us, ended_us = db.execute("SELECT green_wall_us, ended_wall_us FROM sessions WHERE id = ?", (session,)).fetchone()
    return max(0, min(end_us, int(ended_us or end_us)) - max(begin_us, int(green_us)))


@dataclass(frozen=True, slots=True)
class _Told:
    """What an accepted recording tells: of a ``session``, the track's clock less UTC, when it was made."""

    session: str
    offset_us: Micros
    utc_us: Micros


def _clocks(db: sqlite3.Connection, asked: Asked) -> list[_Told]:
    """What accepted recordings with GPS time say of the track's clock; those a person assigned may be laps off."""
    if asked.utc_us is None:
        return []
    rows = db.execute("SELECT session, evidence, read FROM recordings WHERE matched = ? AND id != ? AND read IS NOT NULL "
                      "ORDER BY seq DESC LIMIT ?", (ACCEPTED, asked.recording, TOLD_AT_MOST))
    found = [(session, _match_of(evidence), _read_of(read)) for session, evidence, read in rows]
    return [_Told(session, fact.offset_us - read.utc_us, read.utc_us) for session, fact, read in found
            if read.utc_us is not None and not fact.by]


def _windows(told: Sequence[_Told], session: str, asked: Asked) -> list[tuple[Micros, Micros]]:
    """What this recording's offset lies between in a session, the narrowest first; none where the clock is not known. What
    its own recordings tell goes before what others of the day do.
    """
    own = [each.offset_us for each in told if each.session == session]
    others = [each.offset_us for each in told if abs(each.utc_us - (asked.utc_us or 0)) <= SAME_DAY_US]
    joint = joint_offset(own or others)
    if asked.utc_us is None or joint is None or (not own and joint.of < 2):
        return []
    return joint.windows_us(asked.utc_us)


def candidates(db: sqlite3.Connection, session: str) -> dict[str, Times]:
    """The passings of the line of each kart of a session (m,) int64, track time, repeated reads left out."""
    rows = db.execute("SELECT c.kart, j.body FROM crossings c JOIN journal j ON j.seq = c.seq WHERE c.session = ? "
                      "AND c.kart IS NOT NULL AND c.verdict != 'repeated' ORDER BY c.seq", (session,))
    found: dict[str, list[int]] = {}
    for kart, body in rows:
        passing = _passing(body)
        if passing.role == LINE:
            found.setdefault(kart, []).append(passing.at)
    return {kart: np.array(sorted(moments), dtype=np.int64) for kart, moments in found.items()}
