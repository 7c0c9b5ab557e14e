"""Who may be where: one heat a track, and nobody and no kart in two heats at once (X6, X12, A20)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trackd.core.errors import BadInput, Fault, Refused
from trackd.timing.flags import LIVE, State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry
from trackd.timing.venue import Course, Venue

OVER = frozenset({State.SCHEDULED, State.PROVISIONAL, State.OFFICIAL, State.VOID})


def kart_of(venue: Venue, number: str, where: str = "kart") -> str:
    """A kart of the roster. Raises BadInput."""
    if number not in venue.karts:
        raise BadInput(Fault(where, f"there is no kart {number}"))
    return number


def check_entries(venue: Venue, entries: Sequence[tuple[str, str | None]]) -> None:
    """The karts and drivers of a new session. Raises BadInput with every fault."""
    faults, seen, people = [], set(), set()
    for index, (kart, name) in enumerate(entries):
        driver = " ".join(name.split()) if name else None
        if kart not in venue.karts:
            faults.append(Fault(f"entries[{index}].kart", f"there is no kart {kart}"))
        elif kart in seen:
            faults.append(Fault(f"entries[{index}].kart", f"kart {kart} is named twice"))
        if driver and driver in people:
            faults.append(Fault(f"entries[{index}].driver", f"{driver} is named twice"))
        seen.add(kart)
        people.add(driver)
    if faults:
        raise BadInput(*faults)


def check_track(venue: Venue, course: Course, heat: Heat) -> None:
    """Whether ``course`` may stand as ``heat``: not on a track that another heat has. Raises Refused."""
    if heat.state not in LIVE or course.heat.state in LIVE:
        return
    on = venue.live.get(course.spec.track)
    if on is not None and on != course.spec.id:
        raise Refused(f"{venue.courses[on].spec.name} is on this track. It must end first, or its staging be undone.")
    check_free(venue, course, heat.entries.values())


def check_free(venue: Venue, course: Course, entries: Iterable[Entry]) -> None:
    """That none of these karts and drivers is in another heat that is on. Raises Refused."""
    wanted = list(entries)
    for other_id in venue.live.values():
        other = venue.courses[other_id]
        if other is course:
            continue
        drivers = {e.driver_id for e in other.heat.entries.values() if e.driver_id and not e.left}
        for entry in wanted:
            if entry.kart in other.heat.entries:
                raise Refused(f"Kart {entry.kart} is in {other.spec.name}, which is on now.")
            if entry.driver_id in drivers:
                raise Refused(f"The driver of kart {entry.kart} is in {other.spec.name} too, which is on now.")
