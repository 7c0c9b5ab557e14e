"""Sessions and the orders people give them: checked in the writer, stored as facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trackd.core.errors import BadInput, Fault
from trackd.core.ids import new_id
from trackd.services.commands import Decider, Draft
from trackd.services.entering import check_entries
from trackd.services.ordering import SETTABLE, Ordering
from trackd.services.roster import FORMAT_FIELDS, driver_of, rules_from, tidy
from trackd.services.undo import Turn
from trackd.services.writer import Writer
from trackd.timing.acts import Act
from trackd.timing.facts import SessionFact
from trackd.timing.flags import FLAG_ORDERS
from trackd.timing.formats import Rules
from trackd.timing.venue import Venue

ORDERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(FLAG_ORDERS), ()),
    "resume": ("hold_off_s",), "amend": ("reason",), "undo": ("of", "reason"), "redo": ("of", "reason"),
    "restart": ("laps", "reason"), "reinstate": ("attempt", "reason"), "countdown": ("seconds",), "abort": (),
    "join": ("kart", "driver", "since"), "leave": ("kart", "reason"), "bind": ("kart", "transponder", "since"),
    "attach": ("seconds",), "assign": ("kart", "driver", "entries"), "swap_kart": ("from", "to", "since", "reason"),
    "void_lap": ("kart", "lap", "reason"), "insert_crossing": ("kart", "at_us", "source", "reason"),
    "move_laps": ("from", "to", "laps", "reason"), "split_lap": ("kart", "lap", "parts", "at_us", "reason"),
    "merge_laps": ("kart", "lap", "reason"), "shift_crossing": ("kart", "lap", "by_us", "reason"),
    "ignore_crossing": ("kart", "lap", "passing", "reason"), "count_crossing": ("passing", "reason"), "tap": ("kart",),
    "set_start": ("at_us", "passing", "reason"), "set_finish": ("kart", "lap", "passing", "reason"),
    "set": (*SETTABLE, "reason"), "penalty": ("kart", "kind", "value", "reason", "incident"),
    "lift": ("penalty", "reason"), "kart_flag": ("kart", "flag", "reason"), "incident": ("karts", "text"),
    "decide": ("incident", "decision"), "accept": ("proposal",), "dismiss": ("proposal",),
}
"""Every order this version knows, with its arguments. Each may have a `reason`."""

OPTIONAL = frozenset({"driver", "since", "reason", "of", "hold_off_s", "seconds", "entries", "parts", "at_us", "laps",
                      "passing", "incident", "value", "karts", "source", *SETTABLE})
"""Arguments that an order may lack, or whose lack it explains itself."""


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

    def __init__(self, writer: Writer, sector_lines: Callable[[str], int]) -> None:
        self.writer, self.sector_lines = writer, sector_lines

    def create(self, wanted: NewSession, by: str) -> tuple[str, Future[int]]:
        """The new session's id and a future that refuses or confirms it."""
        session_id, session_name = new_id(), tidy(wanted.name, "name")

        def decide(decider: Decider) -> Sequence[Draft]:
            venue = decider.venue
            layout = _layout(venue, wanted.layout)
            rules = msgspec.structs.replace(_rules(venue, wanted.fields, layout), sectors=self.sector_lines(wanted.track))
            check_entries(venue, wanted.entries)
            entries = [(kart, driver_of(decider, name, f"entries[{index}].driver") if name else None)
                       for index, (kart, name) in enumerate(wanted.entries)]
            return [("session", session_id, SessionFact(session_id, session_name, msgspec.to_builtins(rules),
                                                        wanted.track, layout, entries, by))]
        return session_id, self.writer.submit(decide)

    def order(self, session_id: str, name: str, args: dict[str, Any], by: str) -> Future[int]:
        """Give an order; the future raises Refused with the reason, or gives the journal sequence."""
        if name not in ORDERS:
            raise BadInput(Fault("order", f"'{name}' is not known; this version knows {', '.join(ORDERS)}"))
        faults = [Fault(each, f"'{name}' takes no such field") for each in sorted(set(args) - {*ORDERS[name], "reason"})]
        faults += [Fault(each, "missing") for each in ORDERS[name] if args.get(each) is None and needed(name, each, args)]
        faults += [Fault(each, "must be text") for each in ("kart", "driver", "transponder", "from", "to", "proposal")
                   if args.get(each) is not None and not isinstance(args[each], str)]
        if faults:
            raise BadInput(*faults)
        return self.writer.submit(lambda decider: Ordering(decider, session_id, by).give(name, args))

    def turn(self, wanted: Turn) -> tuple[list[Act], Future[int]]:
        """Undo or redo; the future raises Refused with the reason, and once it is done the list holds the act."""
        turned: list[Act] = []

        def decide(decider: Decider) -> Sequence[Draft]:
            act, draft = wanted.make(decider)
            turned.append(act)
            return [draft]
        return turned, self.writer.submit(decide)


def needed(name: str, field: str, args: Mapping[str, Any]) -> bool:
    """Whether an order cannot do without this argument, given the others."""
    if name == "restart" and field == "laps":
        return True
    if name in ("set_finish", "ignore_crossing") and field in ("kart", "lap"):
        return args.get("passing") is None
    if name == "count_crossing":
        return field == "passing"
    if (name == "insert_crossing" and field == "at_us") or (name == "decide" and field == "incident") or name == "attach":
        return True
    if name == "assign":
        return field == "kart" and args.get("entries") is None
    return field not in OPTIONAL


def _rules(venue: Venue, fields: dict[str, Any], layout: str | None) -> Rules:
    """Rules from the request, over a saved format it names, over the layout's limits."""
    fields = {key: value for key, value in fields.items() if key in FORMAT_FIELDS and value is not None}
    base = Rules(length=rules_from({"format": "8m"}).length, hold_off_us=None)
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


__all__ = ["ORDERS", "NewSession", "Sessions"]
