"""Events of the API stream, made from commits. The fields are those of the CONTRACT's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from trackd.core.time import Micros, rfc3339
from trackd.links.status import LinkStatus
from trackd.services.hub import Happening
from trackd.services.shapes import ActRow, BoardRow, ExpectedRow, InfoRow, LapRow, PassingRow, ProposalRow, SessionRow
from trackd.services.snapshots import Batch, Snapshot, board_of
from trackd.services.trackclock import TrackClock
from trackd.timing import clock
from trackd.timing.acts import Act
from trackd.timing.board import Board, Expected, Proposal, Row, SessionInfo
from trackd.timing.facts import Note, OrderFact, PassingFact
from trackd.timing.laps import Entry, Lap


def of_batch(batch: Batch, before: Mapping[str, Snapshot | None], names: Mapping[str, str],
             track_clock: TrackClock, *, board_follows: bool) -> list[Happening]:
    """All events of one commit in journal order; the last of each sequence is marked. Where a board follows, merged
    with those of later commits perhaps, it is the last of the newest sequence.
    """
    out: list[Happening] = []
    for fact in batch.facts:
        if isinstance(fact.body, PassingFact):
            out.append(Happening("passing", fact.seq, passing_row(fact.seq, fact.body, fact.wall_us,
                                                                  batch.verdicts.get(fact.seq))))
        elif isinstance(fact.body, Note) and fact.kind in ("gap", "rejected"):
            out.append(Happening("exception", fact.seq, {"what": fact.kind, **fact.body.body}))
    newest = batch.facts[-1].seq if batch.facts else 0
    here = {fact.seq for fact in batch.facts}
    for session_id, entry, lap in batch.laps:
        shot = batch.sessions.get(session_id)
        if shot is not None:                             # one that was changed or taken back is news of the newest fact
            out.append(Happening("lap", lap.seq if lap.seq in here else newest,
                                 {"session": session_id, **lap_row(shot, entry, lap, names)}))
    for session_id, shot in batch.sessions.items():
        out += _of_session(session_id, shot, before.get(session_id), track_clock, newest)
    out.sort(key=lambda event: event.seq)
    following = [event.seq for event in out[1:]] + [newest if board_follows else -1]
    return [replace(event, last=seq != event.seq) for event, seq in zip(out, following, strict=False)]


def boards(found: Sequence[Board], names: Mapping[str, str], seq: int) -> list[Happening]:
    """The order of sessions that changed, up to ``seq``; 0 where time alone changed them."""
    return [Happening("board", seq, {"session": board.session.id, "version": board.session.version,
                                     "items": [board_row(row, names) for row in board.rows]}, last=board is found[-1])
            for board in found]


def proposed(found: Sequence[Board], known: Mapping[str, Board], seq: int) -> list[Happening]:
    """Proposals that were not on the board before (``known``, by session)."""
    out = []
    for board in found:
        was = known.get(board.session.id)
        seen = {each.id for each in was.proposals} if was is not None else set()
        out += [Happening("exception", seq, {"what": "proposal", "session": board.session.id, **proposal_row(each)})
                for each in board.proposals if each.id not in seen]
    return out


def _of_session(session_id: str, shot: Snapshot, was: Snapshot | None, track_clock: TrackClock,
                seq: int) -> list[Happening]:
    heat = shot.heat
    moved, shown = (was is None or was.heat.state is not heat.state), (was is None or was.heat.flag is not heat.flag)
    if not moved and not shown:
        return []
    board = board_of(shot, track_clock.now(), rows=(), doubts=())
    out = [Happening("session", seq, session_row(board))] if moved else []
    if shown:
        out.append(Happening("flag", seq, {"session": session_id, "flag": heat.flag.value, "state": heat.state.value,
                                           "elapsed_us": board.elapsed_us}))
    return out


def link(status: LinkStatus) -> Happening:
    """A link changed its state."""
    return Happening("link", 0, {"link": status.name, "state": status.state, "message": status.sentence})


def passing_row(seq: int, body: PassingFact, wall_us: int,
                verdict: tuple[str | None, str | None, str] | None) -> PassingRow:
    """A passing as `GET /passings` gives it."""
    session, kart, said = verdict or (None, body.kart, None)
    return {"seq": seq, "link": body.link, "decoder_id": body.decoder, "passing_number": body.number,
            "transponder": body.transponder, "rtc_time_us": body.rtc, "strength": body.strength, "hits": body.hits,
            "received_at": rfc3339(wall_us), "verdict": said, "kart": kart, "session": session, "role": body.role}


def lap_row(shot: Snapshot, entry: Entry, lap: Lap, names: Mapping[str, str]) -> LapRow:
    """A lap as `GET /sessions/{id}/laps` gives it."""
    heat = shot.heat
    return {"id": str(lap.seq), "kart": lap.kart, "driver": names.get(entry.driver_id or ""), "number": lap.number,
            "time_us": lap.time_us, "at_us": clock.race_time(heat.start_us, heat.pauses, lap.end_us), "kind": lap.kind,
            "source": lap.source, "verdict": lap.verdict, "sectors_us": list(lap.sectors), "passings": list(lap.passings),
            "edits": list(lap.edits)}


def act_row(act: Act) -> ActRow:
    """What somebody did, as `GET /acts` gives it."""
    reason = act.body.args.get("reason", "") if isinstance(act.body, OrderFact) else ""
    return {"seq": act.seq, "kind": act.kind, "session": act.session, "name": act.name, "by": act.by,
            "at": rfc3339(act.wall_us), "reason": reason, "undone": act.undone or None, "undone_by": act.undone_by or None}


def proposal_row(proposal: Proposal) -> ProposalRow:
    """A proposal as `GET /sessions/{id}/proposals` gives it."""
    return {"id": proposal.id, "kind": proposal.kind, "kart": proposal.kart, "lap": proposal.lap or None,
            "reason": proposal.reason, "orders": [{"order": name, **args} for name, args in proposal.orders]}


def board_row(row: Row, names: Mapping[str, str]) -> BoardRow:
    """A row as `GET /sessions/{id}/board` gives it."""
    return {"position": row.position, "kart": row.kart, "driver": names.get(row.driver_id or ""), "laps": row.laps,
            "last_us": row.last_us, "best_us": row.best_us, "gap_us": row.gap_us, "gap_laps": row.gap_laps,
            "interval_us": row.interval_us, "interval_laps": row.interval_laps, "sectors_us": list(row.sectors_us),
            "state": row.state, "penalties": list(row.penalties),
            "best_lap_number": row.best_lap_number, "average_us": row.average_us, "flag": row.flag, "overdue": row.overdue,
            "lapping": row.lapping, "pits": row.pits, "pit_us": row.pit_us, "last_source": row.last_source,
            "best_by_hand": row.best_by_hand, "edited": row.edited, "entry": row.entry}


def expected_row(expected: Expected, now_us: Micros) -> ExpectedRow:
    """A kart on its way as `GET /sessions/{id}/board` gives it, at ``now_us`` track time."""
    return {"kart": expected.kart, "due_us": expected.due_us - now_us, "overdue": expected.overdue}


def session_row(board: Board) -> SessionRow:
    """A session as `GET /sessions/{id}` gives it."""
    return {**info_row(board.session), "elapsed_us": board.elapsed_us, "remaining_us": board.remaining_us,
            "remaining_laps": board.remaining_laps}


def rest_row(info: SessionInfo) -> SessionRow:
    """A session that rests on disk: it has ended, or it never ran."""
    remaining_us = None if info.duration_us is None else max(0, info.duration_us - info.elapsed_us)
    return {**info_row(info), "elapsed_us": info.elapsed_us, "remaining_us": remaining_us,
            "remaining_laps": None if info.laps is None else 0}


def info_row(info: SessionInfo) -> InfoRow:
    """A session's header as lists give it."""
    def when(instant_us: int | None) -> str | None:
        return rfc3339(instant_us) if instant_us is not None else None

    return {"id": info.id, "name": info.name, "track": info.track, "layout": info.layout, "format": info.format,
            "ranking": info.ranking, "start": info.start, "finish": info.finish, "state": info.state, "flag": info.flag,
            "entries": info.entries, "created_at": when(info.created_at_us), "green_at": when(info.green_at_us),
            "ended_at": when(info.ended_at_us), "version": info.version, "confirmed_by": info.confirmed_by,
            "confirmed_at": when(info.confirmed_at_us), "note": info.note, "attempt": info.attempt}
