"""Who may be where: one heat a track, and nobody and no kart in two heats at once (X6, X12, A20)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trackd.core.errors import BadInput, Fault, Refused
from trackd.timing.course import Course
from trackd.timing.flags import LIVE
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry
from trackd.timing.venue import Venue


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


def check_place(venue: Venue, course: Course, heat: Heat) -> None:
    """Whether ``course`` may stand as ``heat``: not on a track that another heat has, and with nobody who is elsewhere.

    Raises Refused.
    """
    if heat.state not in LIVE:
        return
    entered: set[tuple[str, str | None]] = set()
    if course.heat.state in LIVE:
        entered = {(e.kart, e.driver_id) for e in course.heat.entries.values() if not e.left}
    else:
        on = venue.live.get(course.spec.track)
        if on is not None and on != course.spec.id:
            raise Refused(f"{venue.courses[on].spec.name} is on this track. It must end first, or its staging be undone.")
    check_free(venue, course, [e for e in heat.entries.values() if (e.kart, e.driver_id) not in entered])


def check_free(venue: Venue, course: Course, entries: Iterable[Entry]) -> None:
    """That none of these karts and drivers is in another heat that is on. Who has left one is free. Raises Refused."""
    wanted = [entry for entry in entries if not entry.left]
    for other_id in venue.live.values():
        other = venue.courses[other_id]
        if other is course:
            continue
        there = [e for e in other.heat.entries.values() if not e.left]
        karts, drivers = {e.kart for e in there}, {e.driver_id for e in there if e.driver_id}
        for entry in wanted:
            if entry.kart in karts:
                raise Refused(f"Kart {entry.kart} is in {other.spec.name}, which is on now.")
            if entry.driver_id in drivers:
                raise Refused(f"The driver of kart {entry.kart} is in {other.spec.name} too, which is on now.")
