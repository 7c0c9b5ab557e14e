"""What people did and what the box proposes, in words: for the undo toast, the inbox and the log. Pure.

``act_words`` is what follows a name: "voided lap 3 of kart 7". ``said`` is the whole sentence, with who did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trackd.core.time import clock_text, lap_text
from trackd.timing.board import Proposal
from trackd.timing.facts import KartFact, RecordFact, SessionFact
from trackd.timing.laps import Penalty
from trackd.timing.penalties import words as penalty_words
from trackd.timing.recorded import DrivenFact, MatchFact, UnitFact, VouchFact

if TYPE_CHECKING:
    from trackd.timing.acts import Act

Args = Mapping[str, Any]
Names = Mapping[str, str]
Orders = Iterable[Sequence[Any]]
"""Pairs of an order's name and its arguments, as a proposal and its acceptance hold them."""

NOBODY = "Somebody"

_PLAIN: Mapping[str, str] = {
    "stage": "staged the heat", "green": "showed green", "yellow": "showed yellow", "red": "showed red",
    "white": "showed white", "chequered": "showed the chequered flag", "finish": "closed the heat",
    "resume": "let the heat go on", "confirm": "made the result official", "amend": "opened the result again",
    "countdown": "began the countdown", "abort": "stopped the countdown", "attach": "took in earlier passings",
    "count_crossing": "let a read count", "set_start": "set the start anew", "set_finish": "set the finish anew",
    "lift": "lifted a penalty", "decide": "decided an incident",
}
_SET: Mapping[str, str] = {"ranking": "the ranking", "finish": "how the heat ends", "min_lap_us": "the shortest lap",
                           "max_lap_us": "the longest lap", "grace_us": "the grace time",
                           "hold_off_us": "the hold-off after red", "length": "the length"}
_PARTS = {2: "two", 3: "three"}
_FLAGS = {"black": "the black flag", "mechanical": "the mechanical flag", "warning": "the warning flag",
          "blue": "the blue flag"}
_DISMISSED = {"missed": "left a long lap as it is", "short": "left a short lap as it is",
              "overdue": "let an overdue kart be", "red": "set the advice under red aside"}


def _lap(verb: str, after: str = "") -> Callable[[Args, Names], str]:
    return lambda args, _: f"{verb} lap {args['lap']} of kart {args['kart']}{after}"


def _since(args: Args) -> str:
    return " since the start" if args.get("since") == "start" else ""


def _join(args: Args, names: Names) -> str:
    who = names.get(args.get("driver_id") or "")
    return f"entered {who} in kart {args['kart']}" if who else f"entered kart {args['kart']}"


def _assign(args: Args, names: Names) -> str:
    drivers = args["drivers"]
    if len(drivers) != 1:
        return f"changed the drivers of {len(drivers)} karts"
    kart, driver_id = drivers[0]
    who = names.get(driver_id or "")
    return f"put {who} in kart {kart}" if who else f"changed the driver of kart {kart}"


def _move(args: Args, _: Names) -> str:
    laps = args.get("laps")
    which = "all laps" if not laps else f"lap {laps[0]}" if len(laps) == 1 else f"{len(laps)} laps"
    return f"moved {which} of kart {args['from']} to kart {args['to']}"


def _shift(args: Args, _: Names) -> str:
    later = "later" if args["by_us"] > 0 else "earlier"
    return f"set the end of lap {args['lap']} of kart {args['kart']} {lap_text(abs(args['by_us']))} s {later}"


def _ignore(args: Args, _: Names) -> str:
    return f"ignored a read of kart {args['kart']}" if args.get("kart") else "ignored a read"


def _set(args: Args, _: Names) -> str:
    return "changed " + " and ".join(_SET.get(name, name) for name in args["rules"])


def _penalty(args: Args, _: Names) -> str:
    value = penalty_words((Penalty(0, args["kind"], args["value"]),))[0]
    if args["kind"] == "dsq":
        return f"disqualified kart {args['kart']}"
    return f"deleted lap {args['value']} of kart {args['kart']}" if args["kind"] == "lap" else \
        f"gave kart {args['kart']} {value}"


def _kart_flag(args: Args, _: Names) -> str:
    if args["flag"] == "none":
        return f"took the flag from kart {args['kart']}"
    return f"showed kart {args['kart']} {_FLAGS[args['flag']]}"


def _incident(args: Args, _: Names) -> str:
    karts = args.get("karts") or ()
    return "noted an incident" + (f" of kart{'s' * (len(karts) > 1)} {' and '.join(karts)}" if karts else "")


def _accept(args: Args, names: Names) -> str:
    kind, kart = args.get("kind", ""), args.get("kart", "")
    if kind == "missed":
        return _WORDS["split_lap"](dict(args["orders"][0][1]), names)
    if kind == "short":
        later = any(name == "count_crossing" for name, _ in args["orders"])
        return f"let the {'later' if later else 'first'} read of kart {kart} count"
    if kind == "overdue":
        return f"said that kart {kart} has left"
    word = proposed(kind, kart, args["orders"])
    return f"took the advice: {word[:1].lower() + word[1:]}"


_WORDS: Mapping[str, Callable[[Args, Names], str]] = {
    "restart": lambda args, _: ("restarted the heat and kept its laps" if args["laps"] == "keep"
                                else "restarted the heat from zero"),
    "reinstate": lambda args, _: f"brought attempt {args['attempt']} back",
    "join": _join,
    "leave": lambda args, _: f"took kart {args['kart']} out of the heat",
    "bind": lambda args, _: f"put transponder {args['transponder']} on kart {args['kart']}{_since(args)}",
    "assign": _assign,
    "swap_kart": lambda args, _: f"swapped kart {args['from']} for kart {args['to']}{_since(args)}",
    "void_lap": _lap("voided"), "merge_laps": _lap("merged", " with the next"),
    "insert_crossing": lambda args, _: f"inserted a crossing of kart {args['kart']} at "
                                       f"{clock_text(args['at_us'], up=True)}",
    "move_laps": _move,
    "split_lap": lambda args, _: f"split lap {args['lap']} of kart {args['kart']} in {_PARTS[args['parts']]}",
    "shift_crossing": _shift, "ignore_crossing": _ignore,
    "tap": lambda args, _: f"timed kart {args['kart']} by hand",
    "set": _set, "penalty": _penalty, "kart_flag": _kart_flag, "incident": _incident, "accept": _accept,
    "dismiss": lambda args, _: _DISMISSED.get(str(args["proposal"]).partition("-")[0], "left a case as it is"),
}
"""The words of every order that ``_PLAIN`` lacks, from its arguments as the journal keeps them."""


def _unit(body: UnitFact, names: Names) -> str:
    if body.gone:
        return f"took the unit {body.name} out"
    if body.kart:
        return f"put the unit {body.name} on kart {body.kart}"
    return f"gave the unit {body.name} to {names.get(body.driver_id, 'a driver')}" if body.driver_id else \
        f"saved the unit {body.name}"


def _match(body: MatchFact, names: Names) -> str:
    what = names.get(body.recording, "a recording")
    return f"gave {what} to kart {body.kart}" if body.kart else f"took {what} off its kart"


def _driven(body: DrivenFact, names: Names) -> str:
    layout = names.get(body.layout or "")
    return f"found the laps of {names.get(body.recording, 'a recording')}{f' on {layout}' if layout else ''}"


def _vouch(body: VouchFact, _: Names) -> str:
    count = len(body.laps)
    laps = f"lap {body.number}" if body.number else "all laps" if not count else "a lap" if count == 1 else f"{count} laps"
    if body.karts:
        karts = " and ".join(filter(None, (", ".join(body.karts[:-1]), body.karts[-1])))
        laps += f" of kart{'s' * (len(body.karts) > 1)} {karts}"
    return {"verified": f"verified {laps}", "no": f"left {laps} out"}.get(body.verdict, f"left {laps} to the rules again")


_DECIDED: Mapping[type, Callable[[Any, Names], str]] = {UnitFact: _unit, MatchFact: _match, DrivenFact: _driven,
                                                        VouchFact: _vouch}


def act_words(act: Act, names: Names | None = None) -> str:
    """What somebody did, as it follows their name: ``voided lap 3 of kart 7``. ``names``: of drivers by id, and where they
    are known of recordings and layouts.
    """
    body = act.body
    if type(body) in _DECIDED:
        return _DECIDED[type(body)](body, names or {})
    if isinstance(body, SessionFact):
        return f"made {body.name}"
    if isinstance(body, KartFact):
        return f"took kart {body.number} out" if body.gone else f"saved kart {body.number}"
    if isinstance(body, RecordFact):
        return f"took the {act.kind} {body.name} out" if body.gone else f"saved the {act.kind} {body.name}"
    if act.name in _PLAIN:
        return _PLAIN[act.name]
    words = _WORDS.get(act.name)
    return words(getattr(body, "args", {}), names or {}) if words else f"gave the order '{act.name}'"


def said(act: Act, names: Names | None = None) -> str:
    """The sentence of an act: ``Ben voided lap 3 of kart 7``."""
    return f"{act.by or NOBODY} {act_words(act, names)}"


def turned(turn: str, act: Act, names: Names | None = None) -> str:
    """The sentence after an undo or a redo: ``Undone: Ben voided lap 3 of kart 7``."""
    return f"{'Undone' if turn == 'undo' else 'Done again'}: {said(act, names)}"


def proposal_words(proposal: Proposal) -> str:
    """What accepting a proposal will do, for its button: ``Split lap 5 in two``."""
    return proposed(proposal.kind, proposal.kart, proposal.orders)


def proposed(kind: str, kart: str, orders: Orders) -> str:
    """The words of a proposal from what it would do."""
    pairs = [(str(name), dict(args)) for name, args in orders]
    names = {name for name, _ in pairs}
    name, args = pairs[0] if pairs else ("", {})
    if kind == "missed" and name == "split_lap":
        return f"Split lap {args['lap']} in {_PARTS[args['parts']]}"
    if kind == "short":
        return "Count the later read" if "count_crossing" in names else "Count the first read only"
    if kind == "overdue":
        return f"Kart {kart} has left"
    if name == "restart":
        return "Single-file restart" if args["laps"] == "keep" else "Full restart, laps from zero"
    return {"finish": "The result stands"}.get(name, "Do it")
