"""Whether a lap is verified: the rules, each with its values, for a page that shows why.

The source of the rules is issue point 6 and FEATURES F4: a lap that the loop timed in an official session, inside the
layout's limits, without an edit, is vouched for by the loop alone; no yellow, and what the kart's own GPS says must not
contradict it (a loop time outranks a GPS time, R25). What may never be a best (`timing.laps`: R16, red, out- and in-laps)
cannot be verified by anybody; the rest waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from trackd.core.time import MS, Micros, lap_text

LEAST_US: Micros = 50 * MS
"""The loop and the GPS may differ by so much in any case, unless a layout says otherwise."""

SIGMAS = 3.0
"""... or by so many standard deviations of the two, where that is more."""

MOST_US: Micros = 500 * MS
"""Where they would have to be allowed more than this the GPS proves nothing for a lap; against it, it still does."""

LOOP_SIGMA_US: Micros = 4 * MS
"""Of a lap between two reads of 3 ms each."""

WORTHLESS = frozenset({"gap", "lost", "estimated", "below_minimum", "above_maximum"})
"""Flags of a GPS lap whose time is not one to hold against another."""

_BARRED = {"void": "It was struck.", "red": "It contains red.", "short": "It is below the shortest lap.",
           "long": "It is above the longest lap.", "suspect": "The decoder began anew in it: its time is an estimate."}
_KINDS = {"out": "It is an out-lap: timed, never a best.", "in": "It is an in-lap: timed, never a best."}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one lap, from the loop, from GPS, or from both. Times are microseconds.

    ``session``: its state, "" where the lap belongs to none; ``official`` is the one whose laps are judged. ``loop_us``
    with ``kind``, ``verdict``, ``source`` and ``edits`` (how many orders) as in `timing.laps.Lap`; None: no loop timed it.
    ``gps_us`` with ``gps_sigma_us``, ``gps_quality``, ``gps_flags`` as in `gps.segment.GpsLap`; None: no recording has it.
    ``matched``: who says the recording was in this kart: rules, person, "" nobody. ``tolerance_us``: what loop and GPS may
    differ by at least.
    """

    session: str = ""
    loop_us: Micros | None = None
    kind: str = "full"
    verdict: str = "valid"
    source: str = "loop"
    edits: int = 0
    yellow: bool = False
    red: bool = False
    min_lap_us: Micros | None = None
    max_lap_us: Micros | None = None
    gps_us: Micros | None = None
    gps_sigma_us: Micros = 0
    gps_quality: str = "valid"
    gps_flags: tuple[str, ...] = ()
    matched: str = ""
    tolerance_us: Micros = LEAST_US


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule held against one lap. ``name``: time session lap limits edits flags agreement. ``says``: passed; silent (it
    has nothing to go by, which is no harm); queue (a person decides); no (nobody can).
    """

    name: str
    says: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """``verdict``: verified, queue or no, the worst that ``rules`` say. ``apart_us``: GPS minus loop, and ``allowed_us``
    what they may differ by; None where one of them has no time to compare.
    """

    verdict: str
    rules: tuple[Rule, ...]
    apart_us: Micros | None = None
    allowed_us: Micros | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What stands in the way of verification; empty for a verified lap."""
        return tuple(rule.sentence for rule in self.rules if rule.says == self.verdict)


def allowed_us(gps_sigma_us: float, least_us: Micros = LEAST_US) -> Micros:
    """What a loop lap and a GPS lap known this well may differ by."""
    return max(least_us, round(SIGMAS * sqrt(gps_sigma_us**2 + LOOP_SIGMA_US**2)))


def verify(evidence: Evidence) -> Judgement:
    """The verdict on one lap with every rule it was held against. Raises ValueError for a lap nobody timed."""
    if evidence.loop_us is None and evidence.gps_us is None:
        raise ValueError("a lap is timed by the loop or by GPS")
    rules = (_time(evidence), _session(evidence), _lap(evidence), _limits(evidence), _edits(evidence), _flags(evidence),
             _agreement(evidence))
    said = {rule.says for rule in rules}
    verdict = "no" if "no" in said else "queue" if "queue" in said else "verified"
    if evidence.loop_us is None or evidence.gps_us is None:
        return Judgement(verdict, rules)
    return Judgement(verdict, rules, evidence.gps_us - evidence.loop_us,
                     allowed_us(evidence.gps_sigma_us, evidence.tolerance_us))


def _time(of: Evidence) -> Rule:
    if of.loop_us is None:
        return Rule("time", "queue", f"No loop timed it: GPS alone says {_gps(of)}.")
    loop = lap_text(of.loop_us)
    if of.source == "loop":
        return Rule("time", "passed", f"Loop {loop}.")
    if of.source == "split":
        return Rule("time", "no", f"{loop} was worked out from a longer lap, not measured.")
    if of.source == "gps":
        return Rule("time", "queue", f"{loop} ends at a moment the kart's GPS told: the loop missed it.")
    return Rule("time", "queue", f"{loop} was timed by hand.")


def _session(of: Evidence) -> Rule:
    if of.session == "official":
        return Rule("session", "passed", "The session is official.")
    if not of.session:
        return Rule("session", "queue", "It belongs to no session.")
    if of.session == "void":
        return Rule("session", "no", "The session is void.")
    return Rule("session", "no", "The session is not official yet.")


def _lap(of: Evidence) -> Rule:
    """Whether it may be a best at all. What the loop says goes before what GPS says."""
    if of.loop_us is None:
        if of.gps_quality in ("invalid", "incomplete"):
            return Rule("lap", "no", f"Its GPS lap is {of.gps_quality}{_because(of.gps_flags)}.")
        if "pit" in of.gps_flags:
            return Rule("lap", "no", "It leads through the pit.")
        if of.gps_quality != "valid":
            return Rule("lap", "queue", f"Its GPS lap carries a warning{_because(of.gps_flags)}.")
    if of.kind != "full":
        return Rule("lap", "no", _KINDS.get(of.kind, "It is no full lap."))
    if of.verdict in _BARRED:
        return Rule("lap", "no", _BARRED[of.verdict])
    return Rule("lap", "passed", "It is a full lap that counts.")


def _limits(of: Evidence) -> Rule:
    time_us = of.loop_us if of.loop_us is not None else of.gps_us or 0
    least, most = of.min_lap_us, of.max_lap_us
    if least is not None and time_us < least:
        return Rule("limits", "no", f"{lap_text(time_us)} is below the layout's shortest lap of {lap_text(least)}.")
    if most is not None and time_us > most:
        return Rule("limits", "no", f"{lap_text(time_us)} is above the layout's longest lap of {lap_text(most)}.")
    if least is None:
        return Rule("limits", "queue", "The layout names no shortest lap, so nothing tells whether it is too short.")
    above = f" and below its longest of {lap_text(most)}" if most is not None else ""
    return Rule("limits", "passed", f"{lap_text(time_us)} is above the layout's shortest lap of {lap_text(least)}{above}.")


def _edits(of: Evidence) -> Rule:
    if of.edits:
        return Rule("edits", "queue", "Somebody edited it." if of.edits == 1 else f"It was edited {of.edits} times.")
    return Rule("edits", "passed", "Nobody edited it.")


def _flags(of: Evidence) -> Rule:
    if of.red or of.verdict == "red":
        return Rule("flags", "no", "Red was shown in it.")
    if of.yellow or of.verdict == "yellow":
        return Rule("flags", "queue", "Yellow was shown in it.")
    if not of.session:
        return Rule("flags", "silent", "Without a session nobody knows which flags were shown.")
    return Rule("flags", "passed", "Neither yellow nor red was shown in it.")


def _agreement(of: Evidence) -> Rule:
    """Loop against GPS. A recording that proves nothing takes nothing from the loop (F4)."""
    if of.loop_us is None:
        return Rule("agreement", "silent", "There is no loop time to hold it against.")
    if of.gps_us is None:
        return Rule("agreement", "silent", "There is no recording of it: the loop alone vouches for it.")
    if not of.matched:
        return Rule("agreement", "silent", "Nobody has decided yet that the recording is of this kart.")
    if of.gps_quality in ("invalid", "incomplete") or WORTHLESS.intersection(of.gps_flags):
        return Rule("agreement", "silent", f"Its GPS lap proves nothing{_because(of.gps_flags)}.")
    apart, allowed = abs(of.gps_us - of.loop_us), allowed_us(of.gps_sigma_us, of.tolerance_us)
    told = (f"Loop {lap_text(of.loop_us)}, GPS {lap_text(of.gps_us)[:-1]}, apart {lap_text(apart)} s, "
            f"allowed {lap_text(allowed)} s.")
    if apart > allowed:
        return Rule("agreement", "queue", told)
    if allowed > max(MOST_US, of.tolerance_us):
        return Rule("agreement", "silent", f"{told} That is too much to prove anything.")
    return Rule("agreement", "passed", told)


_FLAGS = {"gap": "samples are missing", "lost": "the kart was lost for seconds", "estimated": "a crossing is an estimate",
          "below_minimum": "it is too short", "above_maximum": "it is too long", "pit": "it leads through the pit",
          "uncertain": "its time is not well known", "sector_missed": "a sector line was missed",
          "beside": "a crossing lies beyond the end of the line", "slow": "the kart hardly moved over the line",
          "turned": "the kart came back over the line", "soon": "it took less than half of the others"}


def _because(flags: tuple[str, ...]) -> str:
    said = ", ".join(_FLAGS.get(flag, flag) for flag in flags)
    return f": {said}" if said else ""


def _gps(of: Evidence) -> str:
    """To the hundredth: more is not known (METHODS 0.1)."""
    return f"{lap_text(of.gps_us or 0)[:-1]} s, give or take {lap_text(of.gps_sigma_us)[:-1]} s"
