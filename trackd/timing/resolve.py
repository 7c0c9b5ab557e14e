"""What a person asks for, checked against the heat and made exact.

An order is stored resolved, so that it means the same however often the session is folded again. What is not possible
is refused here, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as with_
from typing import Any

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.time import SECOND, Micros
from trackd.timing import finish
from trackd.timing.asked import choice, entry_of, lap_of, text, whole
from trackd.timing.events import Order
from trackd.timing.flags import LIVE, State, why_not
from trackd.timing.heat import Heat, Mark
from trackd.timing.marshalling import LAP_ORDERS
from trackd.timing.session import Session

Args = dict[str, Any]

BEGUN = frozenset({State.RUNNING, State.PAUSED, State.FINISHING, State.PROVISIONAL})
AMEND_FIRST = "The result is official. Amend it first: what is official stays until you confirm the new version."
KART_FLAGS = ("none", "black", "mechanical", "warning", "blue")
PENALTIES = ("time", "laps", "positions", "lap", "dsq")


def resolve(session: Session, name: str, args: Args, now_us: Micros) -> Args:
    """The order's arguments as they are stored. Raises Refused with the reason, BadInput with what and where."""
    heat = finish.advance(session.heat, now_us)
    if heat is not session.heat:                    # a deadline has gone by and nothing has said so yet
        session = with_(session, heat=heat)
    if name in EDITING and heat.state not in BEGUN:
        if heat.state is State.OFFICIAL:
            raise Refused(AMEND_FIRST)
        raise Refused(why_not(heat.state, name))
    return RESOLVE[name](session, args, now_us) if name in RESOLVE else dict(args)


def _swap(session: Session, args: Args, _now_us: Micros) -> Args:
    heat = session.heat
    if heat.state not in LIVE | {State.SCHEDULED, State.PROVISIONAL}:
        raise Refused(AMEND_FIRST if heat.state is State.OFFICIAL else "The heat is void.")
    since = choice(args, "since", ("start", "now"))
    one = entry_of(heat, args["from"])
    other = str(args["to"])
    if one.kart == other:
        raise BadInput(Fault("to", "must be another kart"))
    if since == "now" and heat.state is State.PROVISIONAL:
        raise Refused("The heat is over; a swap can only be since the start.")
    out: Args = {"from": one.kart, "to": other, "since": since, "reason": text(args, "reason")}
    if since == "start" and other not in heat.entries:
        if any({one.kart, other} & {*karts} for _, *karts in heat.swaps):
            raise Refused(f"Kart {one.kart} or {other} was swapped from then on in this heat. Undo that first.")
        out["renames"] = True
    return out


def _penalty(session: Session, args: Args, _now_us: Micros) -> Args:
    heat = session.heat
    entry, kind = entry_of(heat, args["kart"]), choice(args, "kind", PENALTIES)
    out: Args = {"kart": entry.kart, "kind": kind, "reason": text(args, "reason"), "value": 0}
    if kind == "lap":
        _, lap = lap_of(heat, {"kart": entry.kart, "value": args.get("value")}, "value")
        if heat.marks.get(lap.seq, Mark()).no_best:
            raise Refused(f"The time of lap {lap.number} is deleted already.")
        out |= {"value": lap.number, "crossing": lap.seq}
    elif kind != "dsq":
        high = {"time": 3600 * SECOND, "laps": 1000, "positions": 200}[kind]
        out["value"] = whole(args, "value", 1, high)
    if args.get("incident"):
        out["incident"] = _incident_seq(heat, args)
    return out


def _lift(session: Session, args: Args, _now_us: Micros) -> Args:
    seq = whole(args, "penalty", 1, 1 << 62)
    entry = next((e for e in session.heat.entries.values() if any(p.seq == seq for p in e.penalties)), None)
    if entry is None:
        raise Refused("There is no such penalty.")
    given = next(event for event in session.log if isinstance(event, Order) and event.seq == seq)
    deleted = {"crossing": given.args["crossing"]} if given.args["kind"] == "lap" else {}
    return {"penalty": seq, "kart": entry.kart, **deleted, "reason": text(args, "reason")}


def _kart_flag(session: Session, args: Args, _now_us: Micros) -> Args:
    entry, flag = entry_of(session.heat, args["kart"]), choice(args, "flag", KART_FLAGS)
    if flag == "none" and not entry.flag:
        raise Refused(f"Kart {entry.kart} is shown no flag.")
    return {"kart": entry.kart, "flag": flag, "reason": text(args, "reason")}


def _incident(session: Session, args: Args, _now_us: Micros) -> Args:
    karts = args.get("karts") or []
    karts = karts.replace(",", " ").split() if isinstance(karts, str) else karts
    if not isinstance(karts, list):
        raise BadInput(Fault("karts", "must be a list of kart numbers"))
    return {"karts": [entry_of(session.heat, kart).kart for kart in karts],
            "text": text(args, "text", needed=True, most=500)}


def _incident_seq(heat: Heat, args: Args) -> int:
    seq = whole(args, "incident", 1, 1 << 62)
    if all(each.seq != seq for each in heat.incidents):
        raise Refused("There is no such incident.")
    return seq


def _decide(session: Session, args: Args, _now_us: Micros) -> Args:
    return {"incident": _incident_seq(session.heat, args), "decision": text(args, "decision", needed=True)}


def _countdown(session: Session, args: Args, now_us: Micros) -> Args:
    heat = session.heat
    if heat.state not in (State.STAGED, State.PAUSED):
        raise Refused(why_not(heat.state, "countdown"))
    if heat.go_us is not None:
        raise Refused("The countdown runs already.")
    default = heat.rules.countdown_us // SECOND or 5
    zero_us = now_us + whole({"seconds": default, **args}, "seconds", 1, 600) * SECOND
    hold_us = whole({"hold_us": 0, **args}, "hold_us", 0, 60 * SECOND)
    return {"zero_us": zero_us, "go_us": zero_us + hold_us}


def _abort(session: Session, _args: Args, now_us: Micros) -> Args:
    if session.heat.go_us is None or session.heat.go_us <= now_us:
        raise Refused("No countdown runs.")
    return {}


def _restart(session: Session, args: Args, _now_us: Micros) -> Args:
    if session.heat.state not in BEGUN:
        raise Refused(AMEND_FIRST if session.heat.state is State.OFFICIAL
                      else why_not(session.heat.state, "restart"))
    return {"laps": choice(args, "laps", ("keep", "void")), "reason": text(args, "reason")}


def _reinstate(session: Session, args: Args, _now_us: Micros) -> Args:
    number = whole(args, "attempt", 1, 1000)
    if session.heat.state is State.OFFICIAL or all(each.attempt != number for each in session.heat.attempts):
        raise Refused(f"There is no attempt {number} to bring back.")
    return {"attempt": number, "reason": text(args, "reason")}


def _resume(_session: Session, args: Args, _now_us: Micros) -> Args:
    if args.get("hold_off_s") in (None, ""):
        return {}
    return {"hold_off_us": whole(args, "hold_off_s", 0, 300) * SECOND}


def _amend(_session: Session, args: Args, _now_us: Micros) -> Args:
    return {"reason": text(args, "reason")}


RESOLVE: dict[str, Callable[[Session, Args, Micros], Args]] = {
    **LAP_ORDERS, "swap_kart": _swap, "penalty": _penalty, "lift": _lift, "kart_flag": _kart_flag, "incident": _incident,
    "decide": _decide, "countdown": _countdown, "abort": _abort, "restart": _restart, "reinstate": _reinstate,
    "resume": _resume, "amend": _amend,
}

EDITING = frozenset({*LAP_ORDERS, "penalty", "lift", "kart_flag"})
"""Orders that need a heat that has begun and is not official."""
