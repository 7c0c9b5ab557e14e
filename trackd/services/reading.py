"""Reading what is stored, beside the writer: lists, laps, results. SQLAlchemy Core over aiosqlite, read-only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from trackd.core.errors import NotFound
from trackd.core.time import Micros
from trackd.services.happenings import passing_row
from trackd.services.shapes import PassingRow
from trackd.store.database import NAME
from trackd.store.journal import SAVED, fact_of
from trackd.store.tables import bests, crossings, drivers, journal, laps, results, sessions, standings
from trackd.timing.acts import KINDS, Act, Acts
from trackd.timing.board import Board, Row, SessionInfo
from trackd.timing.facts import PassingFact, RecordFact, SessionFact
from trackd.timing.flags import NEXT, NEXT_STEP, State
from trackd.timing.formats import Rules
from trackd.timing.heat import Amend, Incident
from trackd.timing.laps import Penalty

_passing = msgspec.json.Decoder(PassingFact).decode
_rows = msgspec.json.Decoder(tuple[Row, ...]).decode
_spec = msgspec.json.Decoder(SessionFact).decode
_record = msgspec.json.Decoder(RecordFact).decode


class Given(Penalty, frozen=True):
    """A penalty that stands, and the kart it was given to."""

    kart: str = ""


class Attempt(msgspec.Struct, frozen=True):
    """How a session stood when a restart voided it. ``elapsed_us``: its clock then."""

    attempt: int
    rows: tuple[Row, ...]
    elapsed_us: Micros


class Notes(msgspec.Struct, frozen=True):
    """What stands beside the laps of a session. ``at_us`` of incidents and penalties is its session clock."""

    amends: tuple[Amend, ...] = ()
    incidents: tuple[Incident, ...] = ()
    penalties: tuple[Given, ...] = ()
    attempts: tuple[Attempt, ...] = ()


_notes = msgspec.json.Decoder(Notes).decode

_LAYOUTS = text(f"SELECT body FROM journal INDEXED BY journal_saved WHERE {SAVED} AND kind = 'layout' "  # noqa: S608 - our own words
                "ORDER BY seq DESC")

PASSINGS_AT_MOST = 1000
SEQS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class ResultVersion:
    """One official version of a result; ``note``: why the one before it was opened again."""

    version: int
    confirmed_by: str | None
    confirmed_wall_us: Micros | None
    note: str
    seq: int = 0                  # the order that made it official


class Reading:
    """Queries for pages and API. Every method is one short read; nothing here changes anything."""

    def __init__(self, folder: Path) -> None:
        self.engine: AsyncEngine = create_async_engine(f"sqlite+aiosqlite:///{folder / NAME}", pool_size=4)

        @event.listens_for(self.engine.sync_engine, "connect")
        def _read_only(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA query_only=ON")

    async def close(self) -> None:
        """Let the connections go."""
        await self.engine.dispose()

    async def rows(self, query: Any) -> list[Any]:
        """The rows of a query."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(query)).all())

    async def passings(self, after: int, limit: int) -> list[PassingRow]:
        """Passings in journal order, with the verdict each got."""
        query = (select(journal.c.seq, journal.c.wall_us, journal.c.body, crossings.c.verdict, crossings.c.kart,
                        crossings.c.session)
                 .select_from(journal.outerjoin(crossings, crossings.c.seq == journal.c.seq))
                 .where(journal.c.kind == "passing", journal.c.seq > after)
                 .order_by(journal.c.seq).limit(min(limit, PASSINGS_AT_MOST)))
        found = []
        for row in await self.rows(query):
            verdict = (row.session, row.kart, row.verdict) if row.verdict is not None else None
            found.append(passing_row(row.seq, _passing(row.body), row.wall_us, verdict))
        return found

    async def passing_bodies(self, seqs: Iterable[int]) -> dict[int, PassingFact]:
        """Passings as they were stored, by sequence."""
        found: dict[int, PassingFact] = {}
        wanted = list(seqs)
        for start in range(0, len(wanted), SEQS_AT_ONCE):
            query = select(journal.c.seq, journal.c.body).where(
                journal.c.seq.in_(wanted[start:start + SEQS_AT_ONCE]), journal.c.kind == "passing")
            found |= {row.seq: _passing(row.body) for row in await self.rows(query)}
        return found

    async def acts(self, seqs: Iterable[int]) -> list[Act]:
        """What people did, by the sequence of the fact it made."""
        query = select(journal.c.seq, journal.c.t_us, journal.c.wall_us, journal.c.kind, journal.c.session,
                       journal.c.body).where(journal.c.seq.in_(list(seqs)), journal.c.kind.in_(KINDS))
        acts = Acts(keep=1 << 30)
        acts.fold(fact_of(tuple(row)) for row in await self.rows(query))
        return list(acts.all.values())

    async def session_acts(self, session_id: str, until: int | None = None) -> list[Act]:
        """What people did in a session, oldest first; ``until`` a sequence: as it stood then."""
        query = select(journal.c.seq, journal.c.t_us, journal.c.wall_us, journal.c.kind, journal.c.session,
                       journal.c.body).where(journal.c.session == session_id, journal.c.kind.in_(KINDS),
                                             journal.c.seq <= (until or 1 << 62)).order_by(journal.c.seq)
        acts = Acts(keep=1 << 30)
        acts.fold(fact_of(tuple(row)) for row in await self.rows(query))
        return list(acts.all.values())

    async def notes(self, session_id: str) -> Notes:
        """What stands beside the laps of a session. Raises NotFound."""
        found = await self.rows(select(sessions.c.notes).where(sessions.c.id == session_id))
        if not found:
            raise NotFound(f"There is no session {session_id}.")
        return _notes(found[0].notes)

    async def layout_name(self, layout_id: str) -> str:
        """The name of a layout, also of one that was taken out; "" when there never was one."""
        saved = (_record(row.body) for row in await self.rows(_LAYOUTS))
        return next((record.name for record in saved if record.id == layout_id), "")

    async def versions(self, session_id: str) -> list[ResultVersion]:
        """The official versions of a result, newest first."""
        query = select(results.c.version, results.c.confirmed_by, results.c.confirmed_wall_us, results.c.note,
                       results.c.seq).where(results.c.session == session_id).order_by(results.c.version.desc())
        return [ResultVersion(*row) for row in await self.rows(query)]

    async def personal_bests(self, driver_ids: Iterable[str]) -> dict[str, Micros]:
        """The best lap of each driver over all sessions, by driver id."""
        wanted = list(set(driver_ids))
        query = select(bests.c.driver_id, func.min(bests.c.best_us)).where(bests.c.driver_id.in_(wanted)).group_by(
            bests.c.driver_id)
        return {row[0]: row[1] for row in await self.rows(query)} if wanted else {}

    async def bests_before(self, info: SessionInfo, driver_ids: Iterable[str]) -> dict[str, Micros]:
        """The best lap of each driver on the layout of a session, in those that went green before it; by driver id."""
        query = select(bests.c.driver_id, func.min(bests.c.best_us)).where(
            bests.c.driver_id.in_(list(set(driver_ids))), bests.c.layout.is_not_distinct_from(info.layout),
            bests.c.session != info.id, bests.c.set_wall_us < (info.green_at_us or info.created_at_us)).group_by(
                bests.c.driver_id)
        return {row[0]: row[1] for row in await self.rows(query)}

    async def sessions(self, from_us: Micros | None, to_us: Micros | None, limit: int = 500) -> list[SessionInfo]:
        """Sessions made between two wall-clock instants, oldest first; of all time the newest ``limit``."""
        query = select(sessions).where(sessions.c.state != "void").order_by(
            sessions.c.created_wall_us.desc()).limit(limit)
        if from_us is not None:
            query = query.where(sessions.c.created_wall_us >= from_us)
        if to_us is not None:
            query = query.where(sessions.c.created_wall_us < to_us)
        return [_info(row) for row in reversed(await self.rows(query))]

    async def session(self, session_id: str) -> SessionInfo:
        """One session. Raises NotFound."""
        found = await self.rows(select(sessions).where(sessions.c.id == session_id))
        if not found:
            raise NotFound(f"There is no session {session_id}.")
        return _info(found[0])

    async def board(self, session_id: str, version: int | None = None) -> Board:
        """The board of a session that has ended, or one that has not begun; a ``version`` says who confirmed it, and why.

        Raises NotFound.
        """
        info = await self.session(session_id)
        if version is None:
            found = await self.rows(select(standings.c.seq, standings.c.body).where(standings.c.session == session_id))
        else:
            found = await self.rows(select(results).where(results.c.session == session_id, results.c.version == version))
            if not found:
                raise NotFound(f"There is no version {version} of this result.")
            then = found[0]
            info = replace(info, state="official", version=version, confirmed_by=then.confirmed_by,
                           confirmed_at_us=then.confirmed_wall_us, note=then.note)
        seq, rows = (found[0].seq, _rows(found[0].body)) if found else (0, ())
        leader = max((row.laps for row in rows), default=0)
        return Board(
            session=info, rows=rows, seq=seq, elapsed_us=info.elapsed_us,
            remaining_us=None if info.duration_us is None else max(0, info.duration_us - info.elapsed_us),
            remaining_laps=None if info.laps is None else 0,
            clock_running=False, leader_lap=leader, sectors=max((len(row.sectors_us) for row in rows), default=0),
            next_order=NEXT_STEP[State(info.state)], next_due=True, flag_since_us=0,
            legal_orders=frozenset(NEXT[State(info.state)]))

    async def laps(self, session_id: str) -> list[dict[str, Any]]:
        """All laps of a session by kart and number."""
        query = select(laps).where(laps.c.session == session_id).order_by(laps.c.entry, laps.c.number, laps.c.at_us)
        return [_lap(row) for row in await self.rows(query)]

    async def lap(self, lap_id: str) -> dict[str, Any]:
        """One lap by its id. Raises NotFound."""
        known = lap_id.isdecimal() and len(lap_id) < 19          # SQLite counts to 63 bits
        found = await self.rows(select(laps).where(laps.c.seq == int(lap_id))) if known else []
        if not found:
            raise NotFound(f"There is no lap {lap_id}.")
        return _lap(found[0])

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        """Driver names by id; an erased driver is missing."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        return {row.id: row.name for row in await self.rows(select(drivers).where(drivers.c.id.in_(wanted)))}

    async def drivers(self, after: str, limit: int) -> list[Any]:
        """Drivers by id."""
        return await self.rows(select(drivers).where(drivers.c.id > after).order_by(drivers.c.id).limit(limit))

    async def sessions_of(self, driver_id: str, limit: int) -> list[str]:
        """The sessions in which a driver has a lap, the newest first."""
        query = select(laps.c.session).where(laps.c.driver_id == driver_id).group_by(laps.c.session).order_by(
            laps.c.session.desc()).limit(limit)
        return [row.session for row in await self.rows(query)]

    async def session_counts(self) -> dict[str, int]:
        """In how many ended sessions each driver has a lap that ranks, by driver id."""
        query = select(bests.c.driver_id, func.count()).where(bests.c.driver_id.isnot(None)).group_by(bests.c.driver_id)
        return {row[0]: row[1] for row in await self.rows(query)}


def _lap(row: Any) -> dict[str, Any]:
    return {**row._mapping, "sectors_us": msgspec.json.decode(row.sectors_us),
            "passings": msgspec.json.decode(row.passings), "edits": msgspec.json.decode(row.edits)}


def _info(row: Any) -> SessionInfo:
    spec = _spec(row.spec)
    rules = msgspec.convert(spec.rules, Rules)
    amends = msgspec.json.decode(row.notes)["amends"]
    return SessionInfo(
        id=row.id, name=row.name, track=row.track, layout=row.layout, format=row.format, ranking=rules.ranking,
        start=rules.start, finish=rules.finish, state=row.state, flag=row.flag, entries=row.entries,
        duration_us=row.duration_us, laps=row.laps, created_at_us=row.created_wall_us,
        green_at_us=row.green_wall_us, ended_at_us=row.ended_wall_us, version=row.version, confirmed_by=row.confirmed_by,
        confirmed_at_us=row.confirmed_wall_us, elapsed_us=row.elapsed_us, attempt=row.attempt,
        note=amends[-1]["reason"] if amends else "")
