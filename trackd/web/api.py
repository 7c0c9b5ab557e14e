"""The HTTP API, `/api/v1`. Handlers check who asks and what was sent, call a service, and give plain values back."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from trackd.core.errors import BadInput, Fault, Refused
from trackd.services.evidence import look
from trackd.services.happenings import act_row, board_row, expected_row, lap_row, proposal_row, rest_row, session_row
from trackd.services.sessions import NewSession
from trackd.services.shapes import (
    ActList,
    ActRow,
    BoardBody,
    HealthBody,
    LapList,
    LapRow,
    LapWithEvidence,
    NotesBody,
    PassingList,
    PassingRow,
    ProposalList,
    SessionList,
    SessionRow,
)
from trackd.services.staff import action_of_order, may
from trackd.timing.board import Board
from trackd.timing.cases import cases
from trackd.web.auth import PUBLIC, check, principal, requires
from trackd.web.bodies import SessionBody, TurnBody
from trackd.web.given import AnyRequest, TheAppliance
from trackd.web.laps_api import RecordedLapRow, recorded_lap
from trackd.web.paging import After, Limit, page
from trackd.web.roster_api import RosterApi

__all__ = ["RosterApi", "SessionsApi", "health", "metrics", "stored_lap"]

Version = Annotated[int, QueryParameter(ge=0, le=2**31 - 1, description="of the result, from 1; 0 is the newest")]


def _by(request: AnyRequest) -> str:
    who = principal(request)
    return who.name if who is not None else ""


class SessionsApi(Controller):
    """Sessions, their boards, laps and results, and the orders given to them."""

    path = "/api/v1"
    tags = ("sessions",)

    @get("/passings")
    async def passings(self, appliance: TheAppliance, after: After = 0, limit: Limit = 100) -> PassingList:
        """Passings in journal order with the verdict each got."""
        rows = await appliance.reading.passings(after, min(limit + 1, 1000))
        if limit == 1000:
            return {"items": rows, "next": str(rows[-1]["seq"]) if len(rows) == limit else None}
        items, cursor = page(rows, limit, lambda row: row["seq"])
        return {"items": items, "next": cursor}

    @get("/sessions")
    async def sessions(self, appliance: TheAppliance, date: FromQuery[str | None] = None,
                       limit: Limit = 200) -> SessionList:
        """Sessions of a day at the venue (2026-11-21), or the newest of all."""
        try:
            from_us, to_us = (appliance.day_start(date), appliance.day_end(date)) if date else (None, None)
        except (ValueError, OverflowError):
            raise BadInput(Fault("date", f"'{date}' is no date; write 2026-11-21")) from None
        stored = await appliance.reading.sessions(from_us, to_us, limit)
        boards = [appliance.live.board_now(info.id) for info in stored]
        return {"items": [session_row(b) if b else rest_row(i) for i, b in zip(stored, boards, strict=True)], "next": None}

    @post("/sessions", guards=[requires("orders")])
    async def create(self, appliance: TheAppliance, request: AnyRequest, data: JSONBody[SessionBody]) -> SessionRow:
        """A new session, scheduled."""
        wanted = NewSession(data.name, [(e.kart, e.driver) for e in data.entries], data.track, data.layout, data.given())
        session_id = await appliance.create_session(wanted, _by(request))
        return session_row(await appliance.board(session_id))

    @get("/sessions/{session_id:str}")
    async def session(self, appliance: TheAppliance, session_id: FromPath[str]) -> SessionRow:
        """One session with its clock."""
        return session_row(await appliance.board(session_id))

    @get("/sessions/{session_id:str}/board")
    async def board(self, appliance: TheAppliance, session_id: FromPath[str]) -> BoardBody:
        """The order as it stands."""
        board = await appliance.board(session_id)
        return await _board(appliance, board, board.session.version)

    @get("/sessions/{session_id:str}/result")
    async def result(self, appliance: TheAppliance, session_id: FromPath[str],
                     version: Version = 0) -> BoardBody:
        """The result; ``version`` asks for an earlier one. 409 while the session has none."""
        board, found = await appliance.result(session_id, version or None)
        if board.session.state not in ("provisional", "official"):
            raise Refused(f"{board.session.name} has no result yet; it is {board.session.state}.")
        return await _board(appliance, board, found)

    @get("/sessions/{session_id:str}/laps")
    async def laps(self, appliance: TheAppliance, session_id: FromPath[str]) -> LapList:
        """Every lap, by kart and number."""
        shot = appliance.live.shots.get(session_id)
        if shot is not None:
            names = appliance.live.names
            entries = sorted(shot.heat.entries.values(), key=lambda entry: entry.id)      # as they are listed from disk
            rows = [lap_row(shot, entry, lap, names) for entry in entries
                    for lap in sorted((*entry.laps, *entry.struck), key=lambda lap: (lap.number, lap.end_us))]
            return {"items": rows, "next": None}
        await appliance.reading.session(session_id)
        stored = await appliance.reading.laps(session_id)
        names = await appliance.reading.names({row["driver_id"] for row in stored if row["driver_id"]})
        return {"items": [stored_lap(row, names) for row in stored], "next": None}

    @get("/laps/{lap_id:str}")
    async def lap(self, appliance: TheAppliance, lap_id: FromPath[str]) -> LapWithEvidence | RecordedLapRow:
        """One lap with its evidence: the passings it was made of; of a recording ("412.3"), what that tells of it."""
        if "." in lap_id:
            return await recorded_lap(appliance, lap_id)
        row = await appliance.reading.lap(lap_id)
        names = await appliance.reading.names({row["driver_id"]} if row["driver_id"] else ())
        evidence: list[PassingRow] = []
        for seq in row["passings"]:
            evidence += await appliance.reading.passings(seq - 1, 1)
        return {**stored_lap(row, names), "session": row["session"], "evidence": evidence}

    @post("/sessions/{session_id:str}/orders", status_code=200)
    async def order(self, appliance: TheAppliance, request: AnyRequest, session_id: FromPath[str],
                    data: JSONBody[dict[str, Any]]) -> SessionRow:
        """Give an order: `{"order":"green"}`. The new state, or 409 with the reason.

        Flags and states: stage, green, yellow, red, resume {hold_off_s}, white, chequered, finish, confirm, amend,
        countdown {seconds}, abort, restart {laps: keep|void}, reinstate {attempt}, set {duration, min_lap_s ...}. Karts:
        join {kart, driver, since}, leave {kart}, bind {kart, transponder, since: start|now}, swap_kart {from, to, since},
        assign {kart, driver} or {entries}, kart_flag {kart, flag}. Laps: void_lap {kart, lap}, insert_crossing {kart,
        at_us}, split_lap {kart, lap, parts}, merge_laps {kart, lap}, move_laps {from, to, laps}, shift_crossing {kart, lap,
        by_us}, ignore_crossing and count_crossing {passing}, tap {kart}, set_start {at_us}, set_finish {kart, lap}.
        Decisions: penalty {kart, kind, value}, lift {penalty}, incident {karts, text}, decide {incident, decision}, accept
        and dismiss {proposal}; undo and redo {of}. attach {seconds} counts the passings of the last seconds (at most 600)
        that no session counted. Every order takes a `reason`.
        """
        name = data.pop("order", None)
        if not isinstance(name, str):
            raise BadInput(Fault("order", "missing"))
        who = check(request, action_of_order(name))
        board = await appliance.order(session_id, name, data, who.name)
        return session_row(board)

    @get("/sessions/{session_id:str}/proposals")
    async def proposals(self, appliance: TheAppliance, session_id: FromPath[str]) -> ProposalList:
        """What the box is not sure of: `accept` or `dismiss` each by its id."""
        board = await appliance.board(session_id)
        found = board.proposals
        if board.session.state == "provisional" and session_id not in appliance.live.shots:     # at rest: looked at anew
            found = cases((await look(appliance, session_id)).heat, appliance.live.clock.now())
        return {"items": [proposal_row(each) for each in found], "next": None}

    @get("/sessions/{session_id:str}/notes")
    async def notes(self, appliance: TheAppliance, session_id: FromPath[str]) -> NotesBody:
        """Incidents, penalties, amendments, and attempts that a restart voided."""
        seen = await look(appliance, session_id)
        return {"amends": [msgspec.to_builtins(each) for each in seen.notes["amends"]],
                **{key: msgspec.to_builtins(seen.notes[key]) for key in ("incidents", "penalties", "attempts")}}  # type: ignore[typeddict-item]

    @get("/acts")
    async def acts(self, appliance: TheAppliance) -> ActList:
        """What people did lately, newest first: the acts that can be undone."""
        return {"items": [act_row(act) for act in appliance.live.acts.newest()], "next": None}

    @post("/undo", guards=[requires("orders")], status_code=200)
    async def undo(self, appliance: TheAppliance, request: AnyRequest, data: JSONBody[TurnBody]) -> ActRow:
        """Take back the newest act of the venue, or the one `of` names. 409 when that is not possible."""
        return await _turn("undo", appliance, request, data)

    @post("/redo", guards=[requires("orders")], status_code=200)
    async def redo(self, appliance: TheAppliance, request: AnyRequest, data: JSONBody[TurnBody]) -> ActRow:
        """Do again what was undone last."""
        return await _turn("redo", appliance, request, data)


async def _board(appliance: TheAppliance, board: Board, version: int) -> BoardBody:
    names, now_us = await appliance.named(board), appliance.live.clock.now()
    return {"items": [board_row(row, names) for row in board.rows], "session": session_row(board), "version": version,
            "expected": [expected_row(each, now_us) for each in board.expected], "predicted_last": board.predicted_last,
            "countdown_us": board.countdown_us, "orders": sorted(board.legal_orders)}


async def _turn(name: str, appliance: TheAppliance, request: AnyRequest, wanted: TurnBody) -> ActRow:
    who = check(request, "orders")
    return act_row(await appliance.turn(name, wanted.of, who.name, wanted.reason, admin=may(who, "admin")))


def stored_lap(row: dict[str, Any], names: dict[str, str]) -> LapRow:
    """A lap from its row."""
    return {"id": str(row["seq"]), "kart": row["kart"], "driver": names.get(row["driver_id"] or ""),
            "number": row["number"], "time_us": row["time_us"], "at_us": row["at_us"], "kind": row["kind"],
            "source": row["source"], "verdict": row["verdict"], "sectors_us": row["sectors_us"],
            "passings": row["passings"], "edits": row["edits"]}


@get("/api/v1/health", opt=PUBLIC, tags=["appliance"])
async def health(appliance: TheAppliance) -> HealthBody:
    """How the appliance is, in words."""
    status, checks = appliance.health()
    return {"status": status, "checks": [{"name": c.name, "status": c.status, "message": c.message} for c in checks]}


@get("/metrics", tags=["appliance"])
async def metrics(appliance: TheAppliance) -> Response[str]:
    """Prometheus text."""
    from trackd.web.metrics import text

    return Response(text(appliance), media_type="text/plain; version=0.0.4")

