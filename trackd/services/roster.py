"""Karts, drivers, formats and layouts: what staff set up, checked and turned into facts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from trackd.core.errors import BadInput, Fault, NotFound, Refused
from trackd.core.ids import new_id
from trackd.core.time import SECOND
from trackd.services.commands import Decider, Draft
from trackd.services.writer import Writer
from trackd.timing.course import Kart
from trackd.timing.facts import KartFact, RecordFact
from trackd.timing.formats import FINISHES, FIRST_LAPS, RANKINGS, STARTS, Length, Rules, parse_length

_NUMBER = re.compile(r"[A-Za-z0-9-]{1,8}")
TRANSPONDER = re.compile(r"[A-Za-z0-9-]{1,24}")

FORMAT_FIELDS = ("format", "ranking", "start", "finish", "first_lap", "min_lap_s", "max_lap_s", "grace_s", "hold_off_s",
                 "countdown_s", "random_hold_s", "restart_below", "stands_pct", "count_back")

WORDS = (("ranking", RANKINGS), ("start", STARTS), ("finish", FINISHES), ("first_lap", FIRST_LAPS))

SECONDS = (("min_lap_s", 0, 3600), ("max_lap_s", 1, 7200), ("grace_s", 0, 3600), ("hold_off_s", 0, 300),
           ("countdown_s", 0, 600), ("random_hold_s", 0, 60))
"""Fields in seconds, with the least and the most."""

WHOLE = (("restart_below", 0, 100), ("stands_pct", 0, 100), ("count_back", 0, 5))
"""Fields that are whole numbers: the red flag policy (R7)."""


def tidy(name: str, where: str) -> str:
    """A name as it is kept: single spaces, none at its ends. Raises BadInput naming ``where``."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80 or any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise BadInput(Fault(where, "a name has 1 to 80 visible characters"))
    return name


def driver_of(decider: Decider, name: str, where: str = "driver") -> str:
    """The id of the driver with this name; made, inside the writer's transaction, when named for the first time."""
    name = tidy(name, where)
    row = decider.db.execute("SELECT id FROM drivers WHERE name = ? ORDER BY id LIMIT 1", (name,)).fetchone()
    if row is not None:
        return str(row[0])
    driver_id = new_id()
    decider.db.execute("INSERT INTO drivers (id, name, created_wall_us) VALUES (?,?,?)", (driver_id, name, decider.wall_us))
    return driver_id


def rules_from(body: dict[str, Any], base: Rules | None = None) -> Rules:
    """Rules from the fields of a format or session; every fault at once. ``base`` gives what is left out."""
    faults: list[Fault] = []
    given: dict[str, Any] = {}
    try:
        if body.get("format"):
            given["length"] = parse_length(str(body["format"]))
        elif base is None:
            faults.append(Fault("format", "missing; write 90s, 8m, 1h30m, 12L or 8m+1L"))
    except BadInput as error:
        faults += error.faults
    for field, choices in WORDS:
        if body.get(field) is not None:
            if body[field] not in choices:
                faults.append(Fault(field, f"'{body[field]}' is not one of {', '.join(choices)}"))
            given[field] = body[field]
    given |= _numbers(body, faults)
    if faults:
        raise BadInput(*faults)
    rules = Rules(**given) if base is None else replace(base, **given)
    if rules.max_lap_us is not None and rules.max_lap_us <= rules.min_lap_us:
        raise BadInput(Fault("max_lap_s", f"must be more than the shortest lap, {rules.min_lap_us / SECOND:g} seconds"))
    return rules


def _numbers(body: dict[str, Any], faults: list[Fault]) -> dict[str, int]:
    """The fields with a number in them; what is wrong with one goes to ``faults``."""
    given = {}
    for field, low, high in (*SECONDS, *WHOLE):
        value, timed = body.get(field), field.endswith("_s")
        if value is None:
            continue
        if not _is_number(value) or not low <= value <= high or not (timed or value == int(value)):
            faults.append(Fault(field, f"must be between {low} and {high} seconds" if timed
                                else f"must be a whole number from {low} to {high}"))
        else:
            given[field.removesuffix("_s") + "_us" if timed else field] = round(value * SECOND) if timed else int(value)
    return given


def kart_fact(venue_karts: dict[str, Kart], owner: dict[str, str], number: str, kart_class: str | None,
              transponders: Sequence[str], *, new: bool, by: str) -> KartFact:
    """A kart to save. Raises BadInput, Refused when the number or a transponder is taken, NotFound."""
    faults = []
    if not _NUMBER.fullmatch(number):
        faults.append(Fault("number", "a kart number has 1 to 8 letters, digits or dashes"))
    faults += [Fault(f"transponders[{i}]", f"'{each}' is no transponder id (letters, digits, dashes)")
               for i, each in enumerate(transponders) if not TRANSPONDER.fullmatch(each)]
    if len(kart_class or "") > 40:
        faults.append(Fault("class", "a class has at most 40 characters"))
    if len(set(transponders)) < len(transponders):
        faults.append(Fault("transponders", "the same transponder is named twice"))
    if faults:
        raise BadInput(*faults)
    if new and number in venue_karts:
        raise Refused(f"There is a kart {number} already.")
    if not new and number not in venue_karts:
        raise NotFound(f"There is no kart {number}.")
    for each in transponders:
        if owner.get(each, number) != number:
            raise Refused(f"Transponder {each} is on kart {owner[each]}. Take it off there first.")
    return KartFact(number, kart_class, list(transponders), by=by)


def layout_faults(body: dict[str, Any]) -> list[Fault]:
    """What is wrong with a layout's GeoJSON."""
    from trackd.gps.layouts import layout_of  # it brings numpy, which a start does without

    about = body.get("properties")
    name = about.get("name") if isinstance(about, dict) else None
    faults = [] if isinstance(name, str) and name.strip() else [Fault("properties.name", "missing")]
    try:
        layout_of(body)
    except BadInput as error:
        faults = [*error.faults, *faults]
    if not faults:
        assert isinstance(about, dict)
        rules_from({limit: about.get(limit) for limit in ("min_lap_s", "max_lap_s")}, Rules(Length(laps=1)))
    return faults


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Roster:
    """What the console and the API do with karts, formats, layouts and drivers."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def save_kart(self, number: str, kart_class: str | None, transponders: Sequence[str], *, new: bool, by: str) -> Any:
        """A future of the fact's sequence."""
        def decide(decider: Decider) -> Sequence[Draft]:
            venue = decider.venue
            return [("kart", None, kart_fact(venue.karts, venue.owner, number, kart_class, transponders, new=new, by=by))]
        return self.writer.submit(decide)

    def delete_kart(self, number: str, by: str) -> Any:
        """Take a kart out of the roster; its history stays."""
        def decide(decider: Decider) -> Sequence[Draft]:
            if number not in decider.venue.karts:
                raise NotFound(f"There is no kart {number}.")
            busy = [c.spec.name for c in decider.venue.courses.values()
                    if number in c.heat.entries and c.spec.id in decider.venue.live.values()]
            if busy:
                raise Refused(f"Kart {number} is in {busy[0]}, which is on now.")
            return [("kart", None, KartFact(number, gone=True, by=by))]
        return self.writer.submit(decide)

    def save_format(self, name: str, body: dict[str, Any], by: str) -> tuple[str, Any]:
        """The new id and a future. Sessions made from a format keep what they were made with."""
        rules_from(body)
        return self._save_record("format", name, body, by)

    def save_layout(self, body: dict[str, Any], by: str, layout_id: str = "") -> tuple[str, Any]:
        """The id and a future. With ``layout_id`` that layout gets these lines instead of its own."""
        faults = layout_faults(body)
        if faults:
            raise BadInput(*faults)
        return self._save_record("layout", str(body["properties"]["name"]), body, by, layout_id)

    def delete_format(self, format_id: str, by: str) -> Any:
        """Take a format out; sessions made from it keep what they were made with."""
        return self._delete_record("format", format_id, by)

    def delete_layout(self, layout_id: str, by: str) -> Any:
        """Take a layout out; sessions on it keep its name and limits."""
        return self._delete_record("layout", layout_id, by)

    def _delete_record(self, kind: str, record_id: str, by: str) -> Any:
        def decide(decider: Decider) -> Sequence[Draft]:
            records = decider.venue.formats if kind == "format" else decider.venue.layouts
            if record_id not in records:
                raise NotFound(f"That {kind} is not there any more.")
            return [(kind, None, replace(records[record_id], gone=True, by=by, undoes=0, redoes=0))]
        return self.writer.submit(decide)

    def _save_record(self, kind: str, name: str, body: dict[str, Any], by: str, known: str = "") -> tuple[str, Any]:
        record_id, name = known or new_id(), tidy(name, "name" if kind == "format" else "properties.name")

        def decide(decider: Decider) -> Sequence[Draft]:
            records = decider.venue.formats if kind == "format" else decider.venue.layouts
            if known and known not in records:
                raise NotFound(f"That {kind} is not there any more.")
            if any(record.name == name for each, record in records.items() if each != known):
                raise Refused(f"There is a {kind} '{name}' already.")
            return [(kind, None, RecordFact(record_id, name, body, by))]
        return record_id, self.writer.submit(decide)

    def add_driver(self, name: str) -> Any:
        """A future; the driver is made if the name is new. Read the id back by name."""
        made: list[str] = []

        def decide(decider: Decider) -> Sequence[Draft]:
            made.append(driver_of(decider, name, "name"))
            return []
        return made, self.writer.submit(decide)
