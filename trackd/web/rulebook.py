"""The rules of a heat as a form asks for them: its fields, numbers out of what people write, and rules in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trackd.core.errors import BadInput, Fault
from trackd.core.time import SECOND, Micros
from trackd.timing.formats import Rules
from trackd.web.band import RANKINGS, format_words
from trackd.web.forms import Values, one

Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RuleField:
    """A field of the form: a choice between ``options``, else a number. ``words`` tell it where a format is told."""

    name: str
    label: str
    hint: str = ""
    options: Options = ()
    words: str = ""


CHOICES = (
    RuleField("ranking", "What ranks", options=(("best_lap", "best lap"), ("position", "most laps in least time"))),
    RuleField("start", "The clock starts", options=(("green", "at green"),
                                                    ("first_crossing", "at the first crossing of any kart")),
              words="starts {}"),
    RuleField("first_lap", "Lap 1 begins", options=(("from_crossing", "at each kart's first crossing"),
                                                    ("from_green", "at green, for a standing start")),
              words="lap 1 begins {}"),
    RuleField("finish", "It ends", options=(("individual", "for each kart at its own next crossing"),
                                            ("leader", "when the leader crosses, then for all others")),
              words="ends {}"),
)

NUMBERS = (
    RuleField("min_lap_s", "Shortest lap, seconds", "A read sooner does not count.", words="shortest lap {} s"),
    RuleField("max_lap_s", "Longest lap, seconds", "A longer lap is never a best.", words="longest lap {} s"),
    RuleField("grace_s", "Time to come in, seconds", "After the chequered flag. Empty: 1.5 laps, at least 30 s.",
              words="{} s to come in"),
    RuleField("countdown_s", "Countdown to green, seconds", "0: green at once.", words="countdown {} s"),
    RuleField("random_hold_s", "Random hold after it, seconds at most", "So that nobody jumps the start.",
              words="random hold up to {} s"),
    RuleField("hold_off_s", "Hold-off after red, seconds", "Reads of karts that are pushed do not count. "
              "Empty: three quarters of a lap.", words="hold-off {} s"),
    RuleField("restart_below", "Red before lap", "The leader has done fewer laps: start again from zero.",
              words="full restart below lap {}"),
    RuleField("stands_pct", "Red from percent of the distance", "The result stands.", words="stands from {} percent"),
    RuleField("count_back", "Laps counted back", "Where it ends under red.", words="counted back {} laps"),
)

RULE_FIELDS = ("length", *(each.name for each in (*CHOICES, *NUMBERS)))
"""Names of the form's fields; ``length`` is the format text of CONTRACT."""


def rules_given(values: Values) -> dict[str, Any]:
    """What was filled in, by the names formats have. Raises BadInput with every field that is no number."""
    given: dict[str, Any] = {each.name: one(values, each.name) for each in CHOICES if one(values, each.name)}
    if one(values, "length"):
        given["format"] = one(values, "length")
    faults = []
    for each in NUMBERS:
        text = one(values, each.name).replace(",", ".")
        if not text:
            continue
        try:
            number = float(text)
            given[each.name] = int(number) if number == int(number) else number
        except (ValueError, OverflowError):
            faults.append(Fault(each.name, f"'{text}' is no number"))
    if faults:
        raise BadInput(*faults)
    return given


def rules_values(rules: Rules) -> dict[str, Sequence[str]]:
    """Rules as they stand in the form, so that a heat can be made like an earlier one."""
    values: dict[str, Sequence[str]] = {"length": [str(rules.length)]}
    values |= {each.name: [str(getattr(rules, each.name))] for each in CHOICES}
    for each in NUMBERS:
        timed = each.name.endswith("_s")
        value: Micros | None = getattr(rules, each.name.removesuffix("_s") + "_us" if timed else each.name)
        values[each.name] = [""] if value is None else [f"{value / SECOND:g}" if timed else str(value)]
    return values


def rules_words(body: Mapping[str, Any]) -> str:
    """A saved format in words: its length, what ranks, how it ends, and every number somebody set."""
    choices = [each.words.format(dict(each.options).get(str(body[each.name]), body[each.name]))
               for each in CHOICES if each.words and body.get(each.name)]
    numbers = [each.words.format(f"{body[each.name]:g}") for each in NUMBERS if body.get(each.name) is not None]
    return " · ".join(filter(None, (format_words(str(body["format"])), RANKINGS.get(str(body.get("ranking", "")), ""),
                                    *choices, *numbers)))


def next_name(names: Sequence[str]) -> str:
    """The name a further heat of the day would have: ``Heat 15`` after ``Heat 14``; "" where names have no number."""
    for name in reversed(names):
        head, _, number = name.rpartition(" ")
        if number.isdecimal():
            return f"{head} {int(number) + 1}".strip()
    return ""
