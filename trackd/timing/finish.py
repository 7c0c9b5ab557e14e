"""How a heat ends: time up, last lap, chequered, grace, all in (R4, and CONTRACT's rules in words)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trackd.core.time import Micros
from trackd.timing import clock, start
from trackd.timing.flags import Flag, State
from trackd.timing.laps import Entry

if TYPE_CHECKING:
    from trackd.timing.heat import Heat

NEVER = 1 << 62


def race_key(entry: Entry) -> tuple[int, Micros]:
    """Race order: most laps, then who completed them first (R1)."""
    if entry.laps:
        return (-len(entry.laps), entry.laps[-1].end_us)
    return (0, entry.opened_us if entry.opened_us is not None else NEVER)


def running(heat: Heat) -> list[Entry]:
    """Entries that are out and have not had the flag, in race order."""
    out = [e for e in heat.entries.values() if e.opened_us is not None and e.finished_us is None and not e.left]
    return sorted(out, key=race_key)


def time_up(heat: Heat) -> Micros | None:
    """The instant the session clock runs out, None while that is not known. Time is never up while the clock stands."""
    start_us, duration_us = heat.start_us, heat.rules.length.duration_us
    if not heat.pauses and start_us is not None and duration_us is not None:
        return max(start_us + duration_us, heat.length_since_us, heat.up_floor_us)
    up_us = clock.time_up(start_us, heat.pauses, duration_us)
    if up_us is None:
        return None
    up_us = max(up_us, heat.length_since_us, heat.up_floor_us)
    for stood_us, stop_us in heat.pauses:
        if stop_us is not None and stood_us <= up_us < stop_us:
            up_us = stop_us
    return up_us


def elapsed_at_end(heat: Heat) -> Micros:
    """The session clock when the chequered flag was shown; 0 before that."""
    return 0 if heat.chequered_us is None else clock.race_time(heat.start_us, heat.pauses, heat.chequered_us)


def deadline(heat: Heat) -> Micros | None:
    """The next instant at which the heat changes by itself, None if it waits for a crossing or a person."""
    if heat.state is State.RUNNING:
        up_us = None if heat.finish_seq else time_up(heat)
        handed = up_us is not None and heat.bearer_until_us is not None and heat.rules.finish != "individual"
        return heat.bearer_until_us if handed else up_us
    if heat.state is State.FINISHING:
        return heat.grace_end_us
    return heat.go_us if heat.state in (State.STAGED, State.PAUSED) else None


def advance(heat: Heat, to_us: Micros) -> Heat:
    """Apply every deadline that lies before ``to_us``; time is up *at* its deadline (R4: clock >= T)."""
    while (due_us := deadline(heat)) is not None and (due_us < to_us or (due_us == to_us and _by_clock(heat))):
        if heat.state is State.FINISHING:
            heat = close(heat, due_us)
        elif heat.state is not State.RUNNING:
            heat = start.go(heat, due_us)
        elif heat.rules.finish == "individual":
            heat = _time_is_up(heat, due_us)
        else:
            heat = _hand_over(heat, due_us)
    return heat


def _by_clock(heat: Heat) -> bool:
    return heat.state is not State.FINISHING and (heat.state is not State.RUNNING or heat.rules.finish == "individual")


def _time_is_up(heat: Heat, at_us: Micros) -> Heat:
    """Finish `individual`: from now on each kart ends at its own next crossing (after the format's extra laps)."""
    plus = heat.rules.length.plus_laps
    wait_us = clock.grace(list(heat.entries.values()), heat.rules.grace_us) * (1 + plus)
    flag = Flag.WHITE if plus else Flag.CHEQUERED
    heat = replace(heat, state=State.FINISHING, flag=flag,
                   flag_since_us=clock.race_time(heat.start_us, heat.pauses, at_us),
                   chequered_us=at_us, grace_end_us=max(at_us + wait_us, heat.grace_floor_us),
                   yellows=clock.end(heat.yellows, at_us), barrier_us=at_us)
    return close_if_all_in(heat, at_us)


def _hand_over(heat: Heat, at_us: Micros) -> Heat:
    """Time is up and the kart that should bring the flag has not come: name it, or hand on to the next in order."""
    bearer = next((entry for entry in running(heat) if entry.kart not in heat.passed_over), None)
    if bearer is None:
        return show_chequered(heat, at_us)
    wait_us = clock.grace([bearer], heat.rules.grace_us)
    target = None if heat.target_laps is None else min(heat.target_laps, len(bearer.laps) + 1)
    return replace(heat, bearer=bearer.kart, bearer_until_us=at_us + wait_us, target_laps=target,
                   passed_over=(*heat.passed_over, bearer.kart), barrier_us=max(heat.barrier_us, at_us))


def show_chequered(heat: Heat, at_us: Micros) -> Heat:
    """The chequered flag is out: every kart ends at its next crossing, or at the end of the grace time."""
    wait_us = clock.grace(list(heat.entries.values()), heat.rules.grace_us)
    heat = replace(heat, state=State.FINISHING, flag=Flag.CHEQUERED, chequered_us=at_us, finish_seq=0,
                   grace_end_us=max(at_us + wait_us, heat.grace_floor_us),
                   flag_since_us=clock.race_time(heat.start_us, heat.pauses, at_us),
                   yellows=clock.end(heat.yellows, at_us), barrier_us=max(heat.barrier_us, at_us))
    return close_if_all_in(heat, at_us)


def show_as_seen(heat: Heat, at_us: Micros) -> Heat:
    """The chequered flag where people saw it come by itself, although by the laps as they are now it would not."""
    if heat.rules.finish == "leader" or heat.finish_seq:
        return show_chequered(heat, at_us)
    if heat.rules.length.laps is not None:
        return replace(show_chequered(heat, at_us), target_laps=heat.rules.length.laps)
    return _time_is_up(heat, at_us)


def close(heat: Heat, at_us: Micros) -> Heat:
    """The heat is over and its result provisional; who has not come is classified on completed laps."""
    return replace(heat, state=State.PROVISIONAL, flag=Flag.CHEQUERED, ended_us=at_us, countdown_us=None, go_us=None,
                   chequered_us=at_us if heat.chequered_us is None else heat.chequered_us,
                   pauses=clock.end(heat.pauses, at_us), yellows=clock.end(heat.yellows, at_us),
                   barrier_us=max(heat.barrier_us, at_us))


def close_if_all_in(heat: Heat, at_us: Micros) -> Heat:
    """Close the heat once every kart that was out has had the flag; one that was seen to end later ends then."""
    if heat.state is State.FINISHING and at_us >= heat.grace_floor_us and not running(heat):
        return close(heat, at_us)
    return heat


def after_lap(heat: Heat, entry: Entry, seq: int, at_us: Micros) -> Heat:
    """A lap of ``entry``, already in ``heat``, was closed by crossing ``seq``: does it end its heat, or all of it?"""
    length = heat.rules.length
    if heat.state is not State.RUNNING and heat.state is not State.FINISHING:
        return heat                        # passings from before green count by an `attach`, but end nothing
    if heat.finish_seq:                    # a person chose who finishes first (B10)
        return take_flag(show_chequered(heat, at_us), entry, at_us) if seq == heat.finish_seq else heat
    if heat.marks and seq in heat.marks and heat.marks[seq].flagged:
        return take_flag(heat, entry, at_us)
    if heat.rules.finish == "leader":
        if heat.state is State.FINISHING:
            return take_flag(heat, entry, at_us)
        return _leader(heat, entry, at_us)
    if length.laps is not None:
        if len(entry.laps) >= length.laps or (heat.state is State.FINISHING and heat.target_laps is None):
            if heat.state is not State.FINISHING:
                heat = replace(show_chequered(heat, at_us), target_laps=length.laps)
            return take_flag(heat, entry, at_us)
        return heat
    if heat.state is not State.FINISHING or heat.chequered_us is None:
        return heat
    since = -1 - length.plus_laps
    after = sum(1 for lap in (*entry.laps[since:], *entry.struck[since:]) if lap.end_us >= heat.chequered_us)
    if heat.flag is Flag.CHEQUERED or after > length.plus_laps:
        return take_flag(heat, entry, at_us)
    return heat


def _leader(heat: Heat, entry: Entry, at_us: Micros) -> Heat:
    """A counted crossing before chequered, finish `leader`: only the leader's (or the bearer's) moves the flag."""
    length, laps = heat.rules.length, len(entry.laps)
    if length.laps is not None:
        if laps < length.laps - 1 or not _leads(heat, entry):
            return heat
        if laps >= length.laps:
            return take_flag(show_chequered(heat, at_us), entry, at_us)
        return _last_lap(heat, at_us)
    up_us = time_up(heat)
    if up_us is None or at_us < up_us or not (entry.kart == heat.bearer or _leads(heat, entry)):
        return heat
    if heat.target_laps is not None and laps < heat.target_laps:
        return heat
    if heat.target_laps is not None or not length.plus_laps:
        return take_flag(show_chequered(heat, at_us), entry, at_us)
    wait_us = clock.grace([entry], heat.rules.grace_us)
    return replace(_last_lap(heat, at_us), target_laps=laps + length.plus_laps, bearer=entry.kart,
                   bearer_until_us=at_us + wait_us * length.plus_laps, passed_over=(*heat.passed_over, entry.kart))


def _leads(heat: Heat, entry: Entry) -> bool:
    key = race_key(entry)
    return all(key <= race_key(other) for other in heat.entries.values() if not other.left)


def _last_lap(heat: Heat, at_us: Micros) -> Heat:
    flag = Flag.WHITE if heat.flag is Flag.GREEN else heat.flag      # yellow stays yellow
    since_us = clock.race_time(heat.start_us, heat.pauses, at_us) if flag is not heat.flag else heat.flag_since_us
    return replace(heat, last_lap_us=at_us, flag=flag, flag_since_us=since_us, barrier_us=at_us)


def take_flag(heat: Heat, entry: Entry, at_us: Micros) -> Heat:
    """The entry has had the chequered flag; the heat is over once all have."""
    current = heat.entries[entry.kart]
    heat = replace(heat, entries={**heat.entries, entry.kart: replace(current, finished_us=at_us)})
    return close_if_all_in(heat, at_us)
