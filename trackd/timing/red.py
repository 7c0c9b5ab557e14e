"""What to do under red, by the format's policy (R7). A proposal only: race control decides."""

from __future__ import annotations

from typing import Any

from trackd.core.time import Micros, clock_text
from trackd.timing import clock, finish
from trackd.timing.board import Proposal
from trackd.timing.flags import State
from trackd.timing.heat import Heat


def advice(heat: Heat) -> Proposal | None:
    """A full restart, a single-file restart or the result as it stands; None unless the heat is stopped under red, and
    where the best lap ranks: there the heat just goes on.

    By the laps the leader had completed (fewer than ``restart_below``: all of it again), then by the share of the
    distance, of the laps in a lap race, else of the time on the session clock (from ``stands_pct`` on it stands).
    """
    if heat.state is not State.PAUSED or not heat.pauses or heat.rules.ranking != "position":
        return None
    since_us = heat.pauses[-1][0]
    name = f"red-{since_us}"
    if name in heat.dismissed:
        return None
    reason, order, args = _policy(heat, since_us)
    return Proposal(name, "red", "", since_us, reason, ((order, args),))


def _policy(heat: Heat, red_us: Micros) -> tuple[str, str, dict[str, Any]]:
    rules = heat.rules
    order = sorted((e for e in heat.entries.values() if e.out and not e.left), key=finish.race_key)
    laps = len(order[0].laps) if order else 0
    if laps < rules.restart_below:
        done = f"The leader, kart {order[0].kart}, had completed {_laps(laps)}" if laps else "Nobody had completed a lap"
        return (f"{done} when red came out. Below {_laps(rules.restart_below)} all start again from the original grid.",
                "restart", {"laps": "void"})
    share, done = _share(heat, laps, red_us)
    if share >= rules.stands_pct:
        back = f", counted back {_laps(rules.count_back)}" if rules.count_back else ""
        return f"Red came out {done}. From {rules.stands_pct} % on the result stands{back}.", "finish", {}
    karts = ", ".join(entry.kart for entry in order)
    reason = f"Red came out {done}. Below {rules.stands_pct} % the heat goes on after a single-file restart in this order"
    return f"{reason}: {karts}.", "restart", {"laps": "keep"}


def _share(heat: Heat, laps: int, red_us: Micros) -> tuple[int, str]:
    """How much of the distance was done, in per cent (cut), and that in words."""
    length = heat.rules.length
    if length.laps is not None:
        share = 100 * laps // length.laps
        return share, f"after {laps} of {_laps(length.laps)}, {share} % of the distance"
    duration_us = length.duration_us or 0
    run_us = min(clock.race_time(heat.start_us, heat.pauses, red_us), duration_us)
    share = 100 * run_us // duration_us if duration_us else 100
    return share, f"after {clock_text(run_us, up=True)} of {clock_text(duration_us)}, {share} % of the time"


def _laps(count: int) -> str:
    return "1 lap" if count == 1 else f"{count} laps"
