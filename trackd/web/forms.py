"""What the forms of race control send, as the orders take it: numbers out of what people write, lists out of fields. Pure.

People write seconds, session clock times and kart numbers; orders hold microseconds and lists. A field that comes with
``was:FIELD`` of the same value was not touched and is left out, so that an order says only what somebody changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trackd.core.errors import BadInput, Fault
from trackd.core.time import MINUTE, SECOND, Micros
from trackd.services.ordering import SETTABLE
from trackd.services.sessions import ORDERS

Values = Mapping[str, Sequence[str]]
"""A form as it comes: every field with all its values."""

_MOMENT = re.compile(r"(?P<sign>[-+−]?)(?:(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,3}):)?(?P<s>\d{1,5})(?:[.,](?P<part>\d{1,6}))?")
_VALUE_OF = {"time": "seconds", "laps": "laps", "positions": "places", "lap": "lap"}
_NUMBERS = ("min_lap_s", "max_lap_s", "grace_s", "hold_off_s")


def order_args(name: str, values: Values) -> dict[str, Any]:
    """The arguments of order ``name`` out of a form. Raises BadInput with a sentence; the order itself checks the rest."""
    args: dict[str, Any] = {field: given for field in {*ORDERS.get(name, ()), "reason"}
                            if (given := one(values, field)) and given != one(values, "was:" + field)}
    read = _READ.get(name)
    return args | read(values) if read else args


def one(values: Values, field: str) -> str:
    """The (last) value of a field without spaces around it; "" where there is none."""
    given = values.get(field) or ("",)
    return given[-1].strip()


def micros_of(text: str) -> Micros:
    """``5``, ``2.5``, ``-0.350``, ``1:02.345`` or ``1:02:03`` in microseconds. Raises BadInput."""
    found = _MOMENT.fullmatch(text.replace(" ", ""))
    if found is None:
        raise BadInput(Fault("", f"'{text}' is no time; write seconds like 2.5, or minutes and seconds like 1:02.345"))
    whole = int(found["h"] or 0) * 60 * MINUTE + int(found["m"] or 0) * MINUTE + int(found["s"]) * SECOND
    us = whole + int((found["part"] or "").ljust(6, "0"))
    return -us if found["sign"] in ("-", "−") else us


def _timed(field: str, arg: str) -> Callable[[Values], dict[str, Any]]:
    """A reader of one time that people write."""
    return lambda values: {arg: micros_of(given)} if (given := one(values, field)) else {}


def _listed(values: Values, field: str) -> list[str]:
    """What somebody ticked or wrote with commas."""
    return [each for given in values.get(field, ()) for each in given.replace(",", " ").split()]


def _penalty(values: Values) -> dict[str, Any]:
    """``choice`` holds kind and value as the form offers them (``time:5``); a kind alone takes its own field's value."""
    kind, _, value = one(values, "choice").partition(":")
    if kind:
        value = value or one(values, _VALUE_OF.get(kind, ""))
    else:
        kind, value = one(values, "kind"), one(values, "value")
    if kind == "time" and value:
        return {"kind": kind, "value": micros_of(value)}
    return {"kind": kind, **({"value": value} if value else {})}


def _moved(values: Values) -> dict[str, Any]:
    laps = _listed(values, "laps")
    if any(not each.isdecimal() for each in laps):
        raise BadInput(Fault("", "Laps are numbers, like 3, 4, 5."))
    return {"laps": [int(each) for each in laps]} if laps else {}


def _set(values: Values) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in _NUMBERS:
        given, was = one(values, field), one(values, "was:" + field)
        if was and not given:
            raise BadInput(Fault("", "A limit can be changed, not taken away. Write a number of seconds."))
        if given != was:
            out[field] = micros_of(given) / SECOND
    if not out and not any(one(values, field) for field in SETTABLE if field not in _NUMBERS):
        raise BadInput(Fault("", "Nothing was changed."))
    return out


def _assign(values: Values) -> dict[str, Any]:
    """``driver:7`` holds who drives kart 7; an empty one that was not empty means nobody."""
    entries = [{"kart": field.partition(":")[2], "driver": one(values, field) or None} for field in values
               if field.startswith("driver:") and one(values, field) != one(values, "was:" + field)]
    if entries:
        return {"entries": entries}
    if one(values, "kart"):
        return {}
    raise BadInput(Fault("", "No driver was changed."))


def _start(values: Values) -> dict[str, Any]:
    """``at``: a moment of the session clock; ``late``: by how much green came too late."""
    late = one(values, "late")
    return {"at_us": -abs(micros_of(late))} if late else _timed("at", "at_us")(values)


def _seconds(values: Values) -> dict[str, Any]:
    given = one(values, "seconds")
    return {"seconds": micros_of(given) / SECOND} if given else {}


def _whole_seconds(values: Values) -> dict[str, Any]:
    return {field: round(seconds) for field, seconds in _seconds(values).items()}


_READ: Mapping[str, Callable[[Values], dict[str, Any]]] = {
    "penalty": _penalty, "move_laps": _moved, "set": _set, "assign": _assign, "attach": _seconds,
    "countdown": _whole_seconds, "incident": lambda values: {"karts": _listed(values, "karts")},
    "insert_crossing": _timed("at", "at_us"), "split_lap": _timed("at", "at_us"), "set_start": _start,
    "shift_crossing": _timed("by", "by_us"),
}
"""Orders whose forms hold more, or other words, than the arguments by name."""
