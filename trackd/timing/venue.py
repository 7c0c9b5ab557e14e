"""The venue as the fold over the whole journal: karts, formats, layouts, sessions, and which session owns a passing.

The same fold runs live, at start and in `trackd rebuild`. It notes what it changed in ``changes``; what becomes of
that (rows, screens) is the services' business.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from trackd.core.time import Micros
from trackd.timing.course import Changes, Course, Kart
from trackd.timing.crossing import whose
from trackd.timing.events import LINE, Crossing, Order, Tick, Verdict
from trackd.timing.facts import Fact, KartFact, OrderFact, PassingFact, Recorded, RecordFact, SessionFact, TickFact
from trackd.timing.flags import LIVE, State
from trackd.timing.heat import Heat
from trackd.timing.session import Outcome


class Venue:
    """Folds facts. ``keep`` bounds how many provisional sessions stay in memory (None: all, as `rebuild` needs)."""

    def __init__(self, keep: int | None = None, load: Callable[[str, int], Course | None] | None = None) -> None:
        self.keep, self.load = keep, load        # ``load`` brings a resting session back, as it was at a sequence
        self.seq = 0
        self.karts: dict[str, Kart] = {}
        self.owner: dict[str, str] = {}                    # transponder -> kart
        self.formats: dict[str, RecordFact] = {}
        self.layouts: dict[str, RecordFact] = {}
        self.courses: dict[str, Course] = {}
        self.live: dict[str, str] = {}                     # track -> session that owns its passings
        self.latest: dict[str, str] = {}                   # track -> session that ended last
        self.changes = Changes()

    def take_changes(self) -> Changes:
        """Everything changed since the last call."""
        changes, self.changes = self.changes, Changes()
        changes.seq = self.seq
        return changes

    def fold(self, fact: Fact) -> None:
        """Take in the next fact of the journal."""
        self.seq = fact.seq
        body = fact.body
        if isinstance(body, PassingFact):
            self._passing(fact.seq, body)
        elif isinstance(body, OrderFact):
            self._order(fact, body)
        elif isinstance(body, TickFact):
            course = self.course(fact.session or "", fact.seq - 1)
            if course is not None:
                self._apply(course, Tick(fact.seq, body.at))
        elif isinstance(body, SessionFact):
            course = Course.made_by(fact, body)
            self.courses[body.id] = self.changes.touched[body.id] = course
        elif isinstance(body, KartFact):
            self._kart(fact.seq, body)
        elif isinstance(body, RecordFact):
            records = self.formats if fact.kind == "format" else self.layouts
            records[body.id] = body
            if body.gone:
                del records[body.id]
            self.changes.records[fact.kind, body.id] = body
        elif isinstance(body, Recorded):
            self.changes.recorded.append(fact)

    def _passing(self, seq: int, body: PassingFact) -> None:
        crossing = Crossing(seq, body.at, body.transponder, body.kart, body.role, f"{body.key}/{body.epoch}")
        course = self.course_at(body.track, body.at)
        if course is None:
            self.changes.verdicts.append((seq, None, body.kart, Verdict.UNASSIGNED.value))
            return
        self._apply(course, crossing)

    def course_at(self, track: str, at_us: Micros) -> Course | None:
        """The session that owns a passing of this track at this moment."""
        for session in (self.live.get(track), self.latest.get(track)):
            course = self.courses.get(session) if session else None
            if course is not None and course.staged_us is not None and at_us >= course.staged_us:
                return course
        return None

    def course(self, session_id: str, until: int | None = None) -> Course | None:
        """The session, brought back from the journal where it rests there; None when there is none."""
        known = self.courses.get(session_id)
        if known is not None or self.load is None or not session_id:
            return known
        course = self.load(session_id, self.seq if until is None else until)
        if course is not None:
            self.courses[session_id] = course
        return course

    def _order(self, fact: Fact, body: OrderFact) -> None:
        course = self.course(fact.session or "", fact.seq - 1)
        if course is None:
            return
        order = Order(fact.seq, body.at, body.name, body.by, body.args, fact.wall_us)
        if body.name == "stage":
            self._forget_old()
        brings = body.name in ("attach", "undo", "redo")
        had = course.session.attached if brings else {}
        self._apply(course, order)
        has = course.session.attached if brings else {}
        self._take_from_others(course, has.keys() - had.keys())
        self._give_back(course, [had[seq] for seq in had.keys() - has.keys()])

    def _take_from_others(self, course: Course, seqs: Set[int]) -> None:
        """What is attached to a session no longer belongs to the one that had it as late or not its own."""
        for session_id, other in self.courses.items() if seqs else ():
            if other is not course and other.session.drop(seqs):
                self.changes.touched[session_id] = self.changes.again[session_id] = other

    def _give_back(self, course: Course, crossings: list[Crossing]) -> None:
        """What an `attach` had brought, once that is undone: whose it would have been without it, else nobody's again."""
        for crossing in crossings:
            owner = self.course_at(course.spec.track, crossing.at_us)
            if owner is not None and owner is not course:
                owner.session.take([crossing])
                self.changes.touched[owner.spec.id] = self.changes.again[owner.spec.id] = owner
            else:
                self.changes.verdicts.append((crossing.seq, None, crossing.kart, Verdict.UNASSIGNED.value))

    def _apply(self, course: Course, event: Crossing | Order | Tick) -> Outcome:
        before, session_id = course.heat, course.spec.id
        outcome = course.session.apply(event)
        heat = course.heat
        course.seq = self.seq
        changes = self.changes
        changes.touched[session_id] = course
        if outcome.again or (isinstance(event, Order) and _anew(before, heat)):
            changes.again.pop(session_id, None)      # the last to be folded again is written last
            changes.again[session_id] = course
        elif outcome.verdict is not None and isinstance(event, Crossing):
            self._judged(course, event, before, outcome.verdict)
        if heat.state is not before.state:
            self._state_changed(course, before.state)
        return outcome

    def _judged(self, course: Course, event: Crossing, before: Heat, verdict: Verdict) -> None:
        entry = whose(course.heat, event)
        kart = entry.kart if entry else event.kart
        self.changes.verdicts.append((event.seq, course.spec.id, kart, verdict.value))
        if entry is not None and verdict is Verdict.COUNTED and event.role == LINE:
            was = before.entries.get(entry.kart)
            if was is None or len(entry.laps) > len(was.laps):
                self.changes.laps.append((course.spec.id, entry, entry.laps[-1]))

    def _state_changed(self, course: Course, was: State) -> None:
        track, session_id, state = course.spec.track, course.spec.id, course.heat.state
        if state is State.OFFICIAL:
            self.changes.confirmed[session_id, course.heat.version] = (self.seq, course.heat)
        if state in LIVE:
            self.live.setdefault(track, session_id)      # an old session that opens again does not take the track
        elif self.live.get(track) == session_id:
            del self.live[track]
        if state is State.PROVISIONAL:
            latest = self.courses.get(self.latest.get(track, ""))
            if latest is None or (latest.staged_us or 0) <= (course.staged_us or 0):
                self.latest[track] = session_id
        elif self.latest.get(track) == session_id and (state not in LIVE or self.live[track] == session_id):
            del self.latest[track]
            before = self._ended(track) if state in (*LIVE, State.SCHEDULED) else []
            if before:                                   # it is not over after all: late passings are the one's before it
                self.latest[track] = before[-1].spec.id
        if state in (State.OFFICIAL, State.VOID):
            self.courses.pop(session_id, None)
        if was is State.SCHEDULED and state in LIVE:
            self._share_passings(course, staged=True)
        elif state is State.SCHEDULED and was in LIVE:
            self._share_passings(course, staged=False)

    def _ended(self, track: str) -> list[Course]:
        """Sessions of a track that are over and not official, by when they were staged."""
        over = [c for c in self.courses.values() if c.heat.state is State.PROVISIONAL and c.spec.track == track]
        return sorted(over, key=lambda each: each.staged_us or 0)

    def _share_passings(self, course: Course, *, staged: bool) -> None:
        """What was heard since a session was staged is its own; while the staging is undone, the one's before it."""
        latest = self.courses.get(self.latest.get(course.spec.track, ""))
        if latest is None or latest is course:
            return
        giver, taker = (latest, course) if staged else (course, latest)
        since_us = (course.staged_us or 0) if staged else 0
        orders = [e for e in giver.session.log if isinstance(e, Order) and e.name == "attach"]
        brought = {each[0] for order in orders for each in order.args["crossings"]}
        moved = [e for e in giver.session.log if isinstance(e, Crossing) and e.at_us >= since_us and e.seq not in brought]
        if moved:
            giver.session.drop({each.seq for each in moved})
            taker.session.take(moved)
            for each in (giver, taker):
                self.changes.touched[each.spec.id] = self.changes.again[each.spec.id] = each

    def _forget_old(self) -> None:
        """Ended sessions rest in the journal, but for the newest, and the two of each track that may get late passings."""
        if self.keep is None:
            return
        rest = [c for c in self.courses.values() if c.heat.state in (State.OFFICIAL, State.VOID)]
        over = [c for c in self.courses.values() if c.heat.state is State.PROVISIONAL]
        late = {c.spec.id for track in {c.spec.track for c in over} for c in self._ended(track)[-2:]}
        for old in (*rest, *over[: max(0, len(over) - self.keep)]):
            if old.spec.id not in late:
                del self.courses[old.spec.id]

    def _kart(self, seq: int, body: KartFact) -> None:
        old = self.karts.pop(body.number, None)
        for transponder in old.transponders if old else ():
            self.owner.pop(transponder, None)
            if body.gone or transponder not in body.transponders:
                self.changes.worn.append((seq, transponder, None))
        if body.gone:
            self.changes.karts[body.number] = None
            return
        kart = Kart(body.number, body.kart_class, tuple(body.transponders), seq)
        for transponder in kart.transponders:
            self.owner[transponder] = kart.number
            if old is None or transponder not in old.transponders:
                self.changes.worn.append((seq, transponder, kart.number))
        self.karts[kart.number] = self.changes.karts[kart.number] = kart


def _anew(before: Heat, heat: Heat) -> bool:
    """Whether laps told of before are of another attempt or driver now, or lie elsewhere on the session clock."""
    if before.attempt != heat.attempt or (before.chequered_us is not None and heat.chequered_us is None):
        return True
    return [entry.driver_id for entry in before.entries.values()] != [entry.driver_id for entry in heat.entries.values()]
