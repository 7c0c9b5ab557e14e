"""What the writer hands to the screens: commits, sessions as they stand after them, and the boards these make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as struct_replace

from trackd.core.time import Micros
from trackd.services.intake import Reply
from trackd.timing import clock, finish
from trackd.timing.acts import Acts
from trackd.timing.board import Board, Expected, Proposal, Row, SessionInfo
from trackd.timing.cases import cases, overdue
from trackd.timing.course import Changes, Course, rows_of
from trackd.timing.expected import expected, lapping, predicted_last
from trackd.timing.facts import Fact, SessionFact
from trackd.timing.finish import elapsed_at_end
from trackd.timing.flags import NEXT_STEP, State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.timing.session import legal_orders
from trackd.timing.standings import standings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One session after one commit."""

    spec: SessionFact
    heat: Heat
    seq: int
    created_wall_us: Micros
    green_wall_us: Micros | None
    ended_wall_us: Micros | None

    @classmethod
    def of(cls, course: Course) -> Snapshot:
        """The session as it stands now."""
        return cls(course.spec, course.heat, course.seq, course.created_wall_us, course.green_wall_us,
                   course.ended_wall_us)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit made durable, as screens and links need it. All of it is frozen or never written again."""

    facts: list[Fact]
    verdicts: dict[int, tuple[str | None, str | None, str]]   # passing seq -> (session, kart, verdict)
    laps: list[tuple[str, Entry, Lap]]                        # new or changed; one that is no more is void
    sessions: dict[str, Snapshot]
    replies: list[Reply]
    karts_changed: bool = False
    acts: Acts | None = None                                  # after a fault: all of them, read again
    names: Mapping[str, str] = field(default_factory=dict)    # of drivers seen for the first time, by id


def batch_of(facts: list[Fact], changes: Changes, replies: list[Reply], before: Mapping[str, Heat]) -> Batch:
    """Everything the event loop needs of a commit, frozen. ``before``: the sessions as they stood before it."""
    verdicts = {seq: (session, kart, verdict) for seq, session, kart, verdict in changes.verdicts}
    laps = [*changes.laps]
    here = {fact.seq for fact in facts}
    for session_id, course in changes.again.items():
        holders = course.session.holders
        verdicts |= {seq: (session_id, holders[seq], verdict.value) for seq, verdict in course.session.verdicts.items()
                     if seq in here and seq in holders}
        laps = [each for each in laps if each[0] != session_id]
        laps += [(session_id, entry, lap) for entry, lap in _differing(before.get(session_id), course, here)]
    shots = {session_id: Snapshot.of(course) for session_id, course in changes.touched.items()}
    return Batch(facts, verdicts, laps, shots, replies, bool(changes.karts))


def _differing(was: Heat | None, course: Course, here: set[int]) -> Iterator[tuple[Entry, Lap]]:
    """Laps that folding again changed: gone ones as void, then those that are new or not what they were (X17)."""
    now = {lap.seq: (entry, lap) for entry, lap in rows_of(course)}
    old = {} if was is None else {lap.seq: (entry, lap) for entry in was.entries.values()
                                  for lap in (*entry.laps, *entry.struck)}
    for seq, (entry, lap) in old.items():
        if seq not in now:
            yield entry, struct_replace(lap, verdict="void")
    for seq, (entry, lap) in now.items():
        if seq in here or seq not in old or was is None or _told(course.heat, entry, lap) != _told(was, *old[seq]):
            yield entry, lap


def _told(heat: Heat, entry: Entry, lap: Lap) -> tuple[Lap, str | None, Micros]:
    return lap, entry.driver_id, clock.race_time(heat.start_us, heat.pauses, lap.end_us)


def info_of(shot: Snapshot) -> SessionInfo:
    """The session's header."""
    spec, heat = shot.spec, shot.heat
    rules = heat.rules
    return SessionInfo(
        id=spec.id, name=spec.name, track=spec.track, layout=spec.layout, format=str(rules.length), ranking=rules.ranking,
        start=rules.start, finish=rules.finish, state=heat.state.value, flag=heat.flag.value, entries=len(heat.entries),
        duration_us=rules.length.duration_us, laps=rules.length.laps, created_at_us=shot.created_wall_us,
        green_at_us=shot.green_wall_us, ended_at_us=shot.ended_wall_us, version=heat.version,
        confirmed_by=heat.confirmed_by, confirmed_at_us=heat.confirmed_wall_us, elapsed_us=elapsed_at_end(heat),
        note=heat.amends[-1].reason if heat.amends else "", attempt=heat.attempt)


def board_of(shot: Snapshot, now_us: Micros, rows: tuple[Row, ...] | None = None, due: tuple[Expected, ...] | None = None,
             doubts: tuple[Proposal, ...] | None = None) -> Board:
    """The board at ``now_us`` track time. Of the same snapshot may be known already: ``rows``, who is ``due`` now, and
    the ``doubts`` of an earlier moment, of which only those about karts that do not come change with time.
    """
    heat = shot.heat
    length = heat.rules.length
    until_us = heat.chequered_us if heat.chequered_us is not None else now_us
    elapsed_us = clock.race_time(heat.start_us, heat.pauses, until_us)
    leader = max((len(e.laps) for e in heat.entries.values() if e.out), default=-1)
    counts = heat.state is State.STAGED and heat.rules.countdown_us > 0 and heat.go_us is None
    next_order, legal = NEXT_STEP[heat.state], legal_orders(heat)
    if counts:
        next_order, legal = "countdown", legal | {"countdown"}
    due = expected(heat, now_us) if due is None else due
    return Board(
        session=info_of(shot), rows=standings(heat) if rows is None else rows, seq=shot.seq, elapsed_us=elapsed_us,
        remaining_us=None if length.duration_us is None else max(0, length.duration_us - elapsed_us),
        remaining_laps=_laps_left(heat, leader),
        clock_running=heat.state is State.RUNNING and heat.start_us is not None,
        leader_lap=leader + 1, sectors=heat.rules.sectors + 1 if heat.rules.sectors else 0,
        next_order=next_order, next_due=_due(heat, now_us), flag_since_us=heat.flag_since_us,
        legal_orders=legal, predicted_last=predicted_last(heat, now_us), expected=due,
        countdown_us=None if heat.countdown_us is None else max(0, heat.countdown_us - now_us),
        proposals=cases(heat, now_us, due) if doubts is None else _still(heat, doubts, due))


def _still(heat: Heat, doubts: tuple[Proposal, ...], due: tuple[Expected, ...]) -> tuple[Proposal, ...]:
    late = (overdue(heat, each) for each in due if each.overdue)
    return (*(each for each in doubts if each.kind != "overdue"), *(each for each in late if each.id not in heat.dismissed))


def _laps_left(heat: Heat, leader: int) -> int | None:
    """Of a lap race; none once it is over, however short it was cut."""
    laps = heat.rules.length.laps
    return laps if laps is None else max(0, laps - max(leader, 0)) if heat.ended_us is None else 0


InTime = tuple[frozenset[str], frozenset[str], bool]


def in_time(heat: Heat, now_us: Micros, due: tuple[Expected, ...]) -> InTime:
    """What of a board changes by time alone: karts overdue, karts about to be lapped, the last lap predicted."""
    overdue = frozenset(each.kart for each in due if each.overdue)
    return overdue, lapping(heat, now_us), predicted_last(heat, now_us)


def with_time(rows: tuple[Row, ...], overdue: frozenset[str], lapped: frozenset[str]) -> tuple[Row, ...]:
    """Rows with what time alone tells of them."""
    if not overdue and not lapped:
        return rows
    return tuple(replace(row, overdue=row.kart in overdue, lapping=row.kart in lapped) for row in rows)


def _due(heat: Heat, now_us: Micros) -> bool:
    """Whether the next step is the thing to do now, or will come by itself."""
    if heat.state is State.RUNNING:
        up_us = finish.time_up(heat)
        return up_us is not None and now_us > up_us + clock.grace([], heat.rules.grace_us)
    return heat.state is not State.FINISHING


def with_moves(rows: tuple[Row, ...], before: Mapping[str, Row]) -> tuple[Row, ...]:
    """Rows with the places each kart gained or lost at its latest crossing."""
    out = []
    for row in rows:
        was = before.get(row.kart)
        if was is None or was.position is None or row.position is None:
            out.append(row)
        elif row.hit_seq != was.hit_seq:
            out.append(replace(row, moved=was.position - row.position))
        else:
            out.append(replace(row, moved=was.moved))
    return tuple(out)
