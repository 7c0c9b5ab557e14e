"""What race control decided about a session, for its sheet: penalties, incidents, changed laps, earlier attempts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from trackd.core.time import Micros, clock_text
from trackd.services.reading import Given, Notes, ResultVersion
from trackd.timing.acts import Act
from trackd.timing.board import Row
from trackd.timing.facts import OrderFact
from trackd.timing.heat import Incident
from trackd.timing.penalties import words as penalty_words
from trackd.timing.words import act_words
from trackd.web.rows import TimeView, name_of, time_view
from trackd.web.views import local_time

CHANGES = frozenset({
    "void_lap", "insert_crossing", "move_laps", "split_lap", "merge_laps", "shift_crossing", "ignore_crossing",
    "count_crossing", "set_start", "set_finish", "set", "swap_kart", "assign", "bind", "attach", "restart", "reinstate",
    "accept", "lift"})
"""Orders that change a result without being a flag, a penalty or an incident: the sheet tells each of them (A12)."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What stands beside board and laps. ``before``: the best lap of each driver before this session, by id.
    ``shown``: the official version that is shown as it was, 0 for how it stands now.
    """

    versions: Sequence[ResultVersion] = ()
    notes: Notes = field(default_factory=Notes)
    acts: Sequence[Act] = ()
    before: Mapping[str, Micros] = field(default_factory=dict)
    shown: int = 0


@dataclass(frozen=True, slots=True)
class PenaltyLine:
    """A penalty that stands. ``when``: session clock."""

    when: str
    kart: str
    name: str
    words: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """Something race control saw. ``decision`` is "" while it is open."""

    when: str
    karts: str
    text: str
    by: str
    decision: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """Something that was changed by hand. ``when``: clock time."""

    when: str
    words: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One line of the order of an attempt that no longer counts."""

    position: str
    kart: str
    name: str
    laps: int
    best: TimeView


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt that a restart voided, as it stood."""

    title: str
    rows: tuple[AttemptRow, ...]


@dataclass(frozen=True, slots=True)
class DecisionsView:
    """Everything decided, in the order it was."""

    penalties: tuple[PenaltyLine, ...] = ()
    incidents: tuple[IncidentLine, ...] = ()
    changes: tuple[ChangeLine, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.penalties or self.incidents or self.changes)


def capital(text: str) -> str:
    """A sentence's first letter as sentences have it."""
    return text[:1].upper() + text[1:]


def reason_of(act: Act) -> str:
    """Why it was done, "" where nobody said."""
    return str(act.body.args.get("reason") or "") if isinstance(act.body, OrderFact) else ""


def karts_words(karts: Sequence[str]) -> str:
    """``kart 7``, ``karts 7 and 3``, ``karts 7, 3 and 12``; "" for none."""
    if len(karts) < 2:
        return f"kart {karts[0]}" if karts else ""
    return f"karts {', '.join(karts[:-1])} and {karts[-1]}"


def _decided(incident: Incident, penalties: Mapping[int, Given]) -> str:
    if not incident.penalty:
        return incident.decision
    given = penalties.get(incident.penalty)
    return f"{penalty_words((given,))[0]} for kart {given.kart}" if given else "a penalty, lifted since"


def on_the_clock(at_us: Micros, flag_us: Micros) -> str:
    """A moment of the session clock in words. ``flag_us``: what it showed at the chequered flag, 0 before that."""
    return "After the flag" if 0 < flag_us < at_us else clock_text(at_us, up=True)


def decisions_view(papers: Papers, names: Mapping[str, str], drivers: Mapping[str, str], zone: tzinfo,
                   flag_us: Micros = 0) -> DecisionsView:
    """What was decided. ``names``: of drivers by id, ``drivers``: of drivers by the kart they drive, ``flag_us``: the
    session clock at the chequered flag.
    """
    notes = papers.notes
    penalties = {each.seq: each for each in notes.penalties}
    return DecisionsView(
        tuple(PenaltyLine(on_the_clock(each.at_us, flag_us), each.kart, drivers.get(each.kart, ""),
                          penalty_words((each,))[0], each.reason, each.by)
              for each in sorted(notes.penalties, key=lambda each: each.seq)),
        tuple(IncidentLine(on_the_clock(each.at_us, flag_us), capital(karts_words(each.karts)), each.text, each.by,
                           _decided(each, penalties), each.decided_by)
              for each in notes.incidents),
        tuple(ChangeLine(local_time(act.wall_us, zone), capital(act_words(act, names)), reason_of(act), act.by)
              for act in papers.acts if act.name in CHANGES and not act.undone))


def attempts_view(papers: Papers, names: Mapping[str, str]) -> tuple[AttemptView, ...]:
    """Attempts that no longer count, the first first."""
    return tuple(AttemptView(f"Attempt {each.attempt}, voided at {clock_text(each.elapsed_us, up=True)}",
                             tuple(_rows(each.rows, names))) for each in papers.notes.attempts)


def _rows(rows: Iterable[Row], names: Mapping[str, str]) -> Iterable[AttemptRow]:
    for row in rows:
        yield AttemptRow("" if row.position is None else str(row.position), row.kart, name_of(row, names), row.laps,
                         time_view(row.best_us, "best" if row.best_is_session_best else ""))
