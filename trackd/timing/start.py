"""How a heat starts, stops under red and starts again: green, countdown, resume, restart, reinstate (B3, B6, B7, R6)."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trackd.core.time import MINUTE, Micros
from trackd.timing import clock
from trackd.timing.flags import Flag, State
from trackd.timing.laps import Entry

if TYPE_CHECKING:
    from trackd.timing.heat import Heat

HOLD_OFF_PART = 0.75
HOLD_OFF_AT_MOST_US: Micros = 5 * MINUTE
"""After a resume reads are ignored for this part of the median lap, at most this long (R6)."""


def green(heat: Heat, at_us: Micros, seq: int, wall_us: Micros) -> Heat:
    """The green flag on a staged heat: it starts, or after a restart that kept its laps it goes on. What time is left is
    driven now, were it none at all.
    """
    heat = replace(heat, state=State.RUNNING, flag=Flag.GREEN, countdown_us=None, go_us=None,
                   flag_since_us=clock.race_time(heat.start_us, heat.pauses, at_us),
                   up_floor_us=max(heat.up_floor_us, at_us))
    if heat.green_us is not None:
        return replace(heat, pauses=clock.end(heat.pauses, at_us))
    start_us = heat.start_us if heat.start_us is not None else at_us if heat.rules.start == "green" else None
    return replace(heat, green_us=at_us, green_seq=seq, green_wall_us=wall_us, start_us=start_us,
                   counts_from_us=at_us if heat.counts_from_us is None else heat.counts_from_us)


def resume(heat: Heat, at_us: Micros, hold_off_us: Micros | None) -> Heat:
    """Green after red: the clock goes on, laps are kept, and for the hold-off time no lap is closed that was driven for
    less than that: karts that stood still go on from where they stood, karts pushed over the line make no lap (R6).
    """
    if heat.bearer_until_us is not None:            # nobody could bring the flag under red
        heat = replace(heat, bearer_until_us=heat.bearer_until_us + at_us - heat.pauses[-1][0])
    wait_us = hold_off_us if hold_off_us is not None else hold_off(heat)
    return replace(heat, state=State.RUNNING, flag=Flag.GREEN, countdown_us=None, go_us=None,
                   flag_since_us=clock.race_time(heat.start_us, heat.pauses, at_us),
                   pauses=clock.end(heat.pauses, at_us), yellows=clock.end(heat.yellows, at_us),
                   hold_until_us=at_us + wait_us, hold_us=wait_us)


def hold_off(heat: Heat) -> Micros:
    """How long reads are ignored after a resume: the format's time, else 0.75 median laps; 0 before anyone has a lap."""
    if heat.rules.hold_off_us is not None:
        return heat.rules.hold_off_us
    times = [lap.time_us for entry in heat.entries.values() for lap in entry.laps if lap.ranks]
    return min(HOLD_OFF_AT_MOST_US, int(HOLD_OFF_PART * median(times))) if times else 0


def countdown(heat: Heat, seq: int, zero_us: Micros, go_us: Micros, go_wall_us: Micros) -> Heat:
    """Count down to green, or under red to the resume. It goes green at ``go_us``: zero and the random hold after it."""
    return replace(heat, countdown_us=zero_us, go_us=go_us, go_wall_us=go_wall_us, go_seq=seq)


def abort(heat: Heat) -> Heat:
    """Stop the countdown: the heat stands as before it (B3)."""
    return replace(heat, countdown_us=None, go_us=None)


def go(heat: Heat, at_us: Micros) -> Heat:
    """The countdown is over."""
    if heat.state is State.PAUSED:
        return resume(heat, at_us, None)
    return green(heat, at_us, heat.go_seq, heat.go_wall_us)


def restart(heat: Heat, at_us: Micros, *, keep: bool) -> Heat:
    """Back to the grid. Laps kept: the clock stands, open laps are given up. Voided: they stay as an earlier attempt.

    The session clock has stood since the chequered flag, so what was left of it then is left now.
    """
    if not keep:
        attempts = _with(heat, _stopped(heat, at_us))
        return _afresh(replace(heat, attempts=attempts, attempt=max(a.attempt for a in attempts) + 1), at_us)
    stood_us = at_us if heat.chequered_us is None else heat.chequered_us
    entries = {kart: _on_grid(entry) for kart, entry in heat.entries.items()}
    return replace(_unfinished(heat, stood_us), state=State.STAGED, flag=Flag.NONE, entries=entries, grid_us=at_us,
                   pauses=clock.begin(heat.pauses, stood_us))


def reinstate(heat: Heat, number: int, at_us: Micros) -> Heat:
    """An earlier attempt counts again, stopped under red as it was left; what ran since is kept as an attempt (B7)."""
    wanted = next(each for each in heat.attempts if each.attempt == number)
    kept = heat.attempts if heat.green_us is None else _with(heat, _stopped(heat, at_us))
    if wanted.state in (State.STAGED, State.RUNNING, State.PAUSED):
        wanted = replace(wanted, state=State.PAUSED, flag=Flag.RED)
    return replace(wanted, attempts=tuple(each for each in kept if each.attempt != number), incidents=heat.incidents,
                   dismissed=heat.dismissed, binds=heat.binds, rebound=heat.rebound, taps=heat.taps, amends=heat.amends,
                   version=heat.version, last_us=max(heat.last_us, at_us), barrier_us=max(heat.barrier_us, at_us))


def _with(heat: Heat, attempt: Heat) -> tuple[Heat, ...]:
    return tuple(sorted((*heat.attempts, replace(attempt, attempts=())), key=lambda each: each.attempt))


def _stopped(heat: Heat, at_us: Micros) -> Heat:
    """The attempt as it is put away: its clock stands and nothing counts down."""
    pauses = clock.begin(heat.pauses, at_us) if heat.state is State.RUNNING else heat.pauses
    return replace(heat, pauses=pauses, yellows=clock.end(heat.yellows, at_us), countdown_us=None, go_us=None,
                   last_us=max(heat.last_us, heat.ended_us or 0))


def _on_grid(entry: Entry) -> Entry:
    return replace(entry, opened_us=None, opened_seq=0, splits=(), split_seqs=(), finished_us=None, pit="",
                   lap_kind="full", reads={}, open_edits=(), pits=tuple(each for each in entry.pits if each[1] is not None))


def _unfinished(heat: Heat, at_us: Micros) -> Heat:
    return replace(heat, last_lap_us=None, target_laps=None, bearer=None, bearer_until_us=None, passed_over=(),
                   chequered_us=None, grace_end_us=None, ended_us=None, countdown_us=None, go_us=None, hold_until_us=0,
                   finish_seq=0, grace_floor_us=0, up_floor_us=0, yellows=clock.end(heat.yellows, at_us))


def _afresh(heat: Heat, at_us: Micros) -> Heat:
    entries = {kart: Entry(kart, e.driver_id, id=e.id, left=e.left, flag=e.flag, flag_us=e.flag_us)
               for kart, e in heat.entries.items()}
    return replace(_unfinished(heat, at_us), state=State.STAGED, flag=Flag.NONE, flag_since_us=0, entries=entries,
                   pauses=(), yellows=(), green_us=None, green_seq=0, green_wall_us=None, start_us=None,
                   counts_from_us=None, length_since_us=0, grid_us=at_us)
