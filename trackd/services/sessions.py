"""Sessions and the orders people give them: checked in the writer, stored as facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.ids import new_id
from trackd.core.time import SECOND
from trackd.services.commands import Decider, Draft
from trackd.services.roster import FORMAT_FIELDS, driver_of, rules_from, tidy
from trackd.services.writer import Writer
from trackd.store.journal import decode_body
from trackd.timing.facts import OrderFact, PassingFact, SessionFact
from trackd.timing.flags import FLAG_ORDERS
from trackd.timing.formats import Rules
from trackd.timing.session import ATTACH_AT_MOST_US, check
from trackd.timing.venue import Course, Venue

ORDERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(FLAG_ORDERS), ()),
    "join": ("kart", "driver"), "leave": ("kart",), "bind": ("kart", "transponder", "since"), "attach": ("seconds",),
}
"""Every order this version knows, with its arguments."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session somebody wants; what is None comes from the format or the venue."""

    name: str
    entries: Sequence[tuple[str, str | None]] = ()      # (kart, driver's name)
    track: str = "main"
    layout: str | None = None                           # id or name
    fields: dict[str, Any] = field(default_factory=dict)  # of FORMAT_FIELDS


class Sessions:
    """Makes sessions and passes orders to the writer. ``sector_lines`` counts a track's sector loops."""

    def __init__(self, writer: Writer, sector_lines: Callable[[str], int],
                 on_names: Callable[[dict[str, str]], None]) -> None:
        self.writer, self.sector_lines, self.on_names = writer, sector_lines, on_names

    def create(self, wanted: NewSession, by: str) -> tuple[str, Future[int]]:
        """The new session's id and a future that refuses or confirms it."""
        session_id, session_name = new_id(), tidy(wanted.name, "name")

        def decide(decider: Decider) -> Sequence[Draft]:
            venue = decider.venue
            layout = _layout(venue, wanted.layout)
            rules = msgspec.structs.replace(_rules(venue, wanted.fields, layout), sectors=self.sector_lines(wanted.track))
            _check_entries(venue, wanted.entries)
            entries = [(kart, driver_of(decider, name, f"entries[{index}].driver") if name else None)
                       for index, (kart, name) in enumerate(wanted.entries)]
            pairs = zip(entries, wanted.entries, strict=True)
            self.on_names({driver: " ".join(name.split()) for (_, driver), (_, name) in pairs if driver and name})
            return [("session", session_id, SessionFact(session_id, session_name, msgspec.to_builtins(rules),
                                                        wanted.track, layout, entries, by))]
        return session_id, self.writer.submit(decide)

    def order(self, session_id: str, name: str, args: dict[str, Any], by: str) -> Future[int]:
        """Give an order; the future raises Refused with the reason, or gives the journal sequence."""
        if name not in ORDERS:
            raise BadInput(Fault("order", f"'{name}' is not known; this version knows {', '.join(ORDERS)}"))
        unknown = sorted(set(args) - set(ORDERS[name]))
        if unknown:
            raise BadInput(*(Fault(each, f"'{name}' takes no such field") for each in unknown))

        def decide(decider: Decider) -> Sequence[Draft]:
            course = decider.course(session_id)
            checked = self._args(decider, course, name, args)
            check(course.heat, name, checked)
            if name == "stage":
                _check_stage(decider.venue, course)
            return [("order", session_id, OrderFact(name, max(decider.now_us, course.heat.last_us), by, checked))]
        return self.writer.submit(decide)

    def _args(self, decider: Decider, course: Course, name: str, args: dict[str, Any]) -> dict[str, Any]:
        faults = [Fault(each, "missing") for each in ORDERS[name]
                  if each not in args and each not in ("driver", "since")]
        faults += [Fault(each, "must be text") for each, value in args.items()
                   if each != "seconds" and not isinstance(value, str) and not (each == "driver" and value is None)]
        if faults:
            raise BadInput(*faults)
        if name == "join":
            kart = _kart(decider.venue, str(args["kart"]))
            driver = args.get("driver")
            driver_id = driver_of(decider, driver) if driver else None
            if driver_id and any(e.driver_id == driver_id and not e.left for e in course.heat.entries.values()):
                raise Refused(f"{driver} is in this heat already.")
            if driver_id:
                self.on_names({driver_id: " ".join(str(driver).split())})
            return {"kart": kart, "driver_id": driver_id}
        if name == "bind":
            since = args.get("since", "start")
            if since not in ("start", "now"):
                raise BadInput(Fault("since", "must be start or now"))
            return {"kart": str(args["kart"]), "transponder": str(args["transponder"]), "since": since}
        if name == "attach":
            return _attach(decider, course, args["seconds"])
        return {"kart": str(args["kart"])} if name == "leave" else {}


def _attach(decider: Decider, course: Course, seconds: Any) -> dict[str, Any]:
    """The passings of the last ``seconds`` that no session counted, to be carried by the order itself."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds * SECOND <= ATTACH_AT_MOST_US:
        raise BadInput(Fault("seconds", "must be more than 0 and at most 600"))
    from_us = decider.now_us - int(seconds * SECOND)
    held = {event.seq for event in course.session.log}
    rows = decider.db.execute(
        "SELECT j.seq, j.body FROM journal j JOIN crossings c ON c.seq = j.seq WHERE j.kind = 'passing' AND j.t_us >= ? "
        "AND (c.session IS NULL OR c.verdict IN ('late', 'unassigned')) ORDER BY j.seq", (from_us,)).fetchall()
    crossings = []
    for seq, raw in rows:
        body = decode_body("passing", raw)
        if isinstance(body, PassingFact) and body.track == course.spec.track and body.at >= from_us and seq not in held:
            crossings.append([seq, body.at, body.transponder, body.kart, body.role, f"{body.key}/{body.epoch}"])
    return {"from_us": from_us, "crossings": crossings}


def _rules(venue: Venue, fields: dict[str, Any], layout: str | None) -> Rules:
    """Rules from the request, over a saved format it names, over the layout's limits."""
    fields = {key: value for key, value in fields.items() if key in FORMAT_FIELDS and value is not None}
    base = Rules(length=rules_from({"format": "8m"}).length)
    if layout is not None:
        limits = venue.layouts[layout].body.get("properties") or {}
        base = rules_from({key: limits[key] for key in ("min_lap_s", "max_lap_s") if limits.get(key)}, base)
    saved = next((f for f in venue.formats.values() if fields.get("format") in (f.id, f.name)), None)
    if saved is not None:
        base = rules_from({key: value for key, value in saved.body.items() if key in FORMAT_FIELDS}, base)
        fields = {key: value for key, value in fields.items() if key != "format"}
    return rules_from(fields, base)


def _layout(venue: Venue, wanted: str | None) -> str | None:
    if wanted is None:
        return next(iter(venue.layouts)) if len(venue.layouts) == 1 else None
    for record in venue.layouts.values():
        if wanted in (record.id, record.name):
            return record.id
    raise BadInput(Fault("layout", f"there is no layout '{wanted}'"))


def _kart(venue: Venue, number: str) -> str:
    if number not in venue.karts:
        raise BadInput(Fault("kart", f"there is no kart {number}"))
    return number


def _check_entries(venue: Venue, entries: Sequence[tuple[str, str | None]]) -> None:
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


def _check_stage(venue: Venue, course: Course) -> None:
    """One heat a track, and nobody and no kart in two heats at once."""
    on = venue.live.get(course.spec.track)
    if on is not None:
        raise Refused(f"{venue.courses[on].spec.name} is on this track. It must end first.")
    for other_id in venue.live.values():
        other = venue.courses[other_id]
        for entry in other.heat.entries.values():
            mine = course.heat.entries.get(entry.kart)
            if mine is not None:
                raise Refused(f"Kart {entry.kart} is in {other.spec.name}, which is on now.")
            if entry.driver_id and any(e.driver_id == entry.driver_id for e in course.heat.entries.values()):
                raise Refused(f"The driver of kart {entry.kart} in {other.spec.name} is in this heat too.")


__all__ = ["ORDERS", "NewSession", "Sessions"]
