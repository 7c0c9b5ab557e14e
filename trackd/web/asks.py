"""The forms of race control beside the pads: penalty, incidents, restart, rules, drivers, search, a moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackd.core.time import SECOND, Micros, clock_text, lap_text
from trackd.timing import clock
from trackd.timing.finish import elapsed_at_end
from trackd.timing.flags import LIVE, State
from trackd.timing.heat import Heat, Incident
from trackd.timing.laps import Entry
from trackd.timing.penalties import words as penalty_words
from trackd.timing.resolve import BEGUN
from trackd.web.decisions import capital, karts_words, on_the_clock
from trackd.web.pads import Ground, PadView, Query, Tile, entry_of, entry_tiles, who
from trackd.web.rows import element_id, qty
from trackd.web.why import moment_text

CHOICES = (("time:5", "+5 s"), ("time:10", "+10 s"), ("time:", "Other time"), ("laps:1", "-1 lap"), ("laps:", "Other laps"),
           ("positions:", "Places back"), ("lap:", "Delete a lap"), ("dsq:", "Disqualify"))
"""Penalties as the form offers them: kind, and its value where the choice says it."""

REASONS = ("Contact", "Jump start", "Cut the corner", "Overtook under yellow", "Ignored a flag", "Unsafe driving")


@dataclass(frozen=True, slots=True)
class PenaltyView:
    """A penalty for one kart. ``laps``: number and words of those that can be deleted; ``incident`` is answered by it."""

    kart: str
    name: str
    closed: str
    laps: tuple[tuple[str, str], ...]
    incidents: tuple[tuple[str, str], ...]
    incident: str = ""
    choices: tuple[tuple[str, str], ...] = CHOICES
    reasons: tuple[str, ...] = REASONS


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident in the log. ``penalise``: the form that answers it with a penalty."""

    seq: int
    when: str
    karts: str
    text: str
    by: str
    decision: str
    decided_by: str
    penalise: str


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """The log, open ones first, and who can be named in a new one."""

    open: tuple[IncidentView, ...]
    decided: tuple[IncidentView, ...]
    tiles: tuple[Tile, ...]
    closed: str
    session_id: str
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class RestartView:
    """Both ways to start again, and the attempts that can be had back: number and words."""

    closed: str
    why_not: str
    attempts: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class RulesView:
    """What can be changed about a heat. ``steps``: lengths one tap away; ``fields``: name, label, hint, value.
    ``starts``: the start can be set back; ``attaches``: passings from before can be taken in.
    """

    closed: str
    fixed: str
    length: str
    steps: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str, str, str], ...]
    starts: bool = False
    attaches: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """Who drives a kart, and who would."""

    kart: str
    was: str
    driver: str


@dataclass(frozen=True, slots=True)
class SeatsView:
    """Everybody's kart; ``heats``: others whose drivers can be taken over whole (X16)."""

    closed: str
    seats: tuple[Seat, ...]
    heats: tuple[tuple[str, str], ...]
    source: str
    focus: str
    drivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A kart that can be looked for. ``row``: its element on the page."""

    kart: str
    name: str
    row: str


@dataclass(frozen=True, slots=True)
class SearchView:
    """Every kart of the heat."""

    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class MomentView:
    """A time somebody writes: a moment to insert, or by how much to shift."""

    title: str
    kart: str
    text: str
    closed: str
    order: str
    field: str
    label: str
    hint: str
    value: str
    word: str
    lap: str = ""


View = tuple[str, Any]


def penalty(ground: Ground, query: Query) -> View:
    """A penalty: which kart, which kind, why (B13)."""
    closed, entry = ground.closed("penalty"), entry_of(ground, query)
    incident = query.get("incident", "")
    if entry is None:
        form = f"penalty?incident={incident}" if incident else "penalty"
        named = next((each.karts for each in ground.heat.incidents if str(each.seq) == incident), ())
        entries = [ground.heat.entries[kart] for kart in named if kart in ground.heat.entries]
        return "pad", PadView("Penalty: which kart?", entry_tiles(ground, form, entries or None), closed)
    return "penalty", PenaltyView(
        entry.kart, who(ground, entry), closed,
        tuple((str(lap.number), f"Lap {lap.number}, {lap_text(lap.time_us)}") for lap in reversed(entry.laps)),
        tuple((str(each.seq), f"{_when(ground.heat, each.at_us)} {each.text}") for each in ground.heat.incidents
              if not each.decision or str(each.seq) == incident), incident)


def incident(ground: Ground, query: Query) -> View:
    """The incident log: what was seen, what was decided (B22)."""
    penalties = {each.seq: (entry.kart, penalty_words((each,))[0]) for entry in ground.heat.entries.values()
                 for each in entry.penalties}
    views = [_incident(ground.heat, each, penalties) for each in ground.heat.incidents]
    return "incident", IncidentsView(
        tuple(each for each in views if not each.decision), tuple(each for each in reversed(views) if each.decision),
        entry_tiles(ground, "incident"), ground.closed("incident"), ground.session_id, query.get("kart", ""))


def _incident(heat: Heat, each: Incident, penalties: Mapping[int, tuple[str, str]]) -> IncidentView:
    decision = each.decision
    if each.penalty:
        given = penalties.get(each.penalty)
        decision = f"{given[1]} for kart {given[0]}" if given else "a penalty, lifted since"
    only = f"&kart={each.karts[0]}" if len(each.karts) == 1 else ""
    return IncidentView(each.seq, _when(heat, each.at_us), capital(karts_words(each.karts)), each.text, each.by, decision,
                        each.decided_by, f"penalty?incident={each.seq}{only}")


def _when(heat: Heat, at_us: Micros) -> str:
    return on_the_clock(clock.race_time(heat.start_us, heat.pauses, at_us), elapsed_at_end(heat))


def restart(ground: Ground, _query: Query) -> View:
    """Start again with the laps or without them, or have an earlier attempt back (B7)."""
    heat = ground.heat
    why_not = "" if heat.state in BEGUN else "The heat has not started; there is nothing to restart."
    attempts = tuple((each.attempt, _attempt(each)) for each in heat.attempts)
    return "restart", RestartView("" if attempts and not why_not else ground.closed("restart"), why_not, attempts)


def _attempt(heat: Heat) -> str:
    laps = max((len(entry.laps) for entry in heat.entries.values()), default=0)
    at_us = heat.pauses[-1][0] if heat.pauses else heat.last_us
    elapsed_us = elapsed_at_end(heat) or clock.race_time(heat.start_us, heat.pauses, at_us)
    return f"{qty(laps, 'lap')}, stopped at {clock_text(elapsed_us, up=True)}"


def rules(ground: Ground, _query: Query) -> View:
    """The length from now on, and the limits of the whole heat (B11)."""
    heat, length = ground.heat, ground.heat.rules.length
    over = heat.state in (State.FINISHING, State.PROVISIONAL)
    if length.laps is not None:
        steps = [(f"{length.laps + by}L", f"{by:+d} {'lap' if abs(by) == 1 else 'laps'}") for by in (-1, 1, 2)
                 if length.laps + by > 0]
    else:
        plus = f"+{length.plus_laps}L" if length.plus_laps else ""
        seconds = (length.duration_us or 0) // SECOND
        steps = [(f"{seconds + by * 60}s{plus}", f"{by:+d} min") for by in (-1, 1, 2) if seconds + by * 60 > 0]
    of = heat.rules
    fields = (("min_lap_s", "Shortest lap, s", "Sooner is no lap", _s(of.min_lap_us)),
              ("max_lap_s", "Longest lap, s", "Longer is distance only", _s(of.max_lap_us)),
              ("grace_s", "Grace after the flag, s", "Empty: one and a half laps", _s(of.grace_us)),
              ("hold_off_s", "Hold-off after red, s", "Empty: three quarters of a lap", _s(of.hold_off_us)))
    return "set", RulesView(ground.closed("set"), "The heat is over: its length stands." if over else "", str(length),
                            tuple(steps), fields,
                            starts=heat.green_us is not None and of.start != "first_crossing", attaches=heat.state in LIVE)


def _s(duration_us: Micros | None) -> str:
    return "" if duration_us is None else f"{duration_us / SECOND:g}"


def assign(ground: Ground, query: Query) -> View:
    """Other drivers in the same karts: one, or those of another heat (X16)."""
    source = query.get("from", "")
    seats = tuple(Seat(entry.kart, was := ground.driver(entry), ground.copied.get(entry.kart, "") if source else was)
                  for entry in ground.entries())
    return "assign", SeatsView(ground.closed("assign"), seats, ground.heats, source, query.get("kart", ""), ground.drivers)


def search(ground: Ground, _query: Query) -> View:
    """A kart or a driver of this heat."""
    return "search", SearchView(tuple(Found(entry.kart, ground.driver(entry) or f"Kart {entry.kart}",
                                            element_id("row", entry.kart)) for entry in ground.entries()))


def insert(ground: Ground, query: Query) -> View:
    """A crossing nobody read, at a moment of the session clock (A9)."""
    entry, number = entry_of(ground, query), query.get("lap", "")
    if entry is None:
        return "pad", PadView("Insert: for which kart?", entry_tiles(ground, "insert"), ground.closed("insert"))
    lap = _lap(entry, number)
    at_us = (lap[0] + lap[1]) // 2 if lap else ground.heat.last_us
    return "moment", MomentView(
        "Insert a crossing", entry.kart, f"In the middle of lap {number}, unless you write another moment." if lap else "",
        ground.closed("insert"), "insert_crossing", "at", "At, on the session clock", "Minutes and seconds, like 1:02.345",
        moment_text(clock.race_time(ground.heat.start_us, ground.heat.pauses, at_us)), "Insert it")


def shift(ground: Ground, query: Query) -> View:
    """The end of a lap, earlier or later (A9)."""
    entry, number = entry_of(ground, query), query.get("lap", "")
    if entry is None or _lap(entry, number) is None:
        return "pad", PadView("Shift: of which kart?", (), "Choose a lap in the panel of its kart first.")
    return "moment", MomentView(
        f"Shift the end of lap {number}", entry.kart, "The lap after it takes what this one gives.", ground.closed("shift"),
        "shift_crossing", "by", "By, in seconds", "0.350 is later, -0.350 is earlier", "", "Shift it", number)


def _lap(entry: Entry, number: str) -> tuple[Micros, Micros] | None:
    lap = next((each for each in entry.laps if str(each.number) == number), None)
    return (lap.start_us, lap.end_us) if lap else None
