"""The heat reducer: ``(heat, event) -> (heat, verdict)``. A session is a fold of this over its part of the journal.

Events must come in track time order; ``timing.session`` sorts late arrivals in and folds again. Nothing here reads a
clock: deadlines (time up, grace over) are applied when the next event, perhaps a Tick, lies beyond them.
"""

from __future__ import annotations

from msgspec.structs import replace

from trackd.timing import crossing, finish
from trackd.timing.events import Crossing, Event, Order, Verdict, place
from trackd.timing.heat import Heat
from trackd.timing.orders import ORDERS


def reduce(heat: Heat, event: Event) -> tuple[Heat, Verdict | None]:
    """Apply one event at or after ``heat.last_us``. A crossing gets its verdict, other events None."""
    if isinstance(event, Crossing):
        if event.at_us > heat.last_us:
            heat = finish.advance(heat, event.at_us)
        return crossing.judge(heat, event)
    at_us, _ = place(event)
    if at_us > heat.last_us:
        heat = finish.advance(heat, at_us)
    if isinstance(event, Order) and event.name in ORDERS:
        heat = ORDERS[event.name](heat, event)
    return replace(heat, last_us=max(heat.last_us, at_us), barrier_us=max(heat.barrier_us, at_us)), None
