"""Everything in a session that asks for a decision: doubtful laps, karts that do not come, what to do after red."""

from __future__ import annotations

from trackd.core.errors import Refused
from trackd.core.time import Micros
from trackd.timing.board import Expected, Proposal
from trackd.timing.expected import expected
from trackd.timing.heat import Heat
from trackd.timing.proposals import proposals
from trackd.timing.red import advice


def cases(heat: Heat, now_us: Micros, due: tuple[Expected, ...] | None = None) -> tuple[Proposal, ...]:
    """All proposals of a session at ``now_us`` track time. ``due``: the karts expected, where they are known already."""
    found = [*proposals(heat)]
    under_red = advice(heat)
    if under_red is not None:
        found.append(under_red)
    for each in expected(heat, now_us) if due is None else due:
        case = overdue(heat, each)
        if each.overdue and case.id not in heat.dismissed:
            found.append(case)
    return tuple(found)


def overdue(heat: Heat, due: Expected) -> Proposal:
    """A kart that did not come; accepting says that it has left the heat."""
    entry = heat.entries[due.kart]
    return Proposal(f"overdue-{entry.kart}-{entry.opened_seq}", "overdue", entry.kart, due.overdue_us,
                    f"Kart {entry.kart} has not come for one and a half of its laps.",
                    (("leave", {"kart": entry.kart}),))


def case_of(heat: Heat, proposal: str, now_us: Micros) -> Proposal:
    """The proposal by its id. Raises Refused when it does not stand any more."""
    found = next((each for each in cases(heat, now_us) if each.id == proposal), None)
    if found is None:
        raise Refused("That proposal does not stand any more; somebody has decided it, or the kart has come.")
    return found
