"""What the pages of recordings print, as words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from math import isfinite
from typing import TYPE_CHECKING

from trackd.core.time import SECOND, Micros, clock_text, lap_text, utc
from trackd.services.missedreads import MissedRead
from trackd.services.recorded import GpsLap, Recorded

if TYPE_CHECKING:
    from trackd.gps.monitor import Agreement
    from trackd.services.agreeing import UnitAgreement

SOURCES = {"upload": "uploaded", "kiosk": "from the kiosk", "api": "from a program", "folder": "from the watched folder",
           "unit": "from the unit", "import": "imported", "demo": "made for the demo"}
FLAGS = {"gap": "places are missing", "lost": "places are missing for long", "estimated": "no place near the line",
         "below_minimum": "shorter than a lap can be", "above_maximum": "longer than a lap may be",
         "pit": "through the pit", "uncertain": "not well known", "sector_missed": "a sector line was missed",
         "beside": "crossed beside the line", "slow": "hardly moved over the line", "turned": "came back over the line",
         "soon": "less than half of the others"}
FORMATS = {"aim_csv": "AiM CSV", "racechrono": "RaceChrono CSV", "vbo": "VBO", "nmea": "NMEA", "dovex": "DOVEX",
           "gpx": "GPX", "xrk": "AiM XRK", "trackd": "trackd JSON"}
GLYPHS = {"valid": "", "warning": "warn", "invalid": "x", "incomplete": ""}


@dataclass(frozen=True, slots=True)
class StateView:
    """How a recording stands: a word, an icon, and the kind of its tag."""

    word: str
    icon: str
    kind: str


STATES = {
    "waiting": StateView("being read", "clock", ""), "refused": StateView("not readable", "x", "bad"),
    "unknown": StateView("no layout", "who", "warn"), "unmatched": StateView("no kart", "who", "warn"),
    "proposed": StateView("kart to confirm", "who", "warn"), "matched": StateView("matched", "check", "good"),
}


@dataclass(frozen=True, slots=True)
class RecordingLine:
    """A recording in the list."""

    id: str
    name: str
    when: str
    source: str
    state: StateView
    layout: str
    kart: str
    heat: str
    session: str
    best: str
    laps: int
    reason: str


@dataclass(frozen=True, slots=True)
class LapLine:
    """A lap of a recording."""

    id: str
    name: str
    time: str
    sure: str
    sectors: tuple[str, ...]
    top: str
    words: str
    icon: str
    best: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class MissedView:
    """A read the loop missed, to be counted. ``at``: on the session clock; ``at_us``: the same for the order."""

    kart: str
    at: str
    at_us: Micros
    sentence: str


@dataclass(frozen=True, slots=True)
class AgreementView:
    """How GPS and loop agree, in words; ``warning``: what to look at, "" where nothing is wrong."""

    words: str
    warning: str


@dataclass(frozen=True, slots=True)
class DayView:
    """How a unit agreed with the loop on one day, seconds; "" where too few laps say."""

    day: str
    laps: int
    bias: str
    spread: str
    warning: str


@dataclass(frozen=True, slots=True)
class RecordingView:
    """One recording. ``facts``: what is known of the file, by name."""

    line: RecordingLine
    facts: tuple[tuple[str, str], ...]
    laps: tuple[LapLine, ...]
    sectors: int
    faults: tuple[str, ...]
    evidence: str
    accepted: bool
    proposed: bool
    newer: bool


def missed_view(found: MissedRead) -> MissedView:
    """One missed read."""
    return MissedView(found.kart, lap_text(found.at_us), found.at_us, found.sentence)


def agreement_view(found: Agreement | None) -> AgreementView | None:
    """The agreement of a recording or a unit; None while there are too few laps to say anything."""
    if found is None or not isfinite(found.bias_us):
        return None
    bias = f"{abs(found.bias_us) / SECOND:.3f} s {'longer' if found.bias_us > 0 else 'shorter'} than the loop's"
    return AgreementView(f"Over {found.laps} laps its times are {bias}, give or take {found.sure_us / SECOND:.3f}; one lap "
                         f"differs by {found.spread_us / SECOND:.3f} s. {found.within:.0%} are within what may be.",
                         found.warning)


def days_view(found: UnitAgreement | None) -> tuple[DayView, ...]:
    """The agreement of a unit day by day."""
    return tuple(DayView(day.strftime("%a %-d %b"), each.laps,
                         f"{each.bias_us / SECOND:+.3f}" if isfinite(each.bias_us) else "",
                         f"{each.spread_us / SECOND:.3f}" if isfinite(each.spread_us) else "", each.warning)
                 for day, each in (found.days if found else ()))


def when_of(instant_us: Micros, zone: tzinfo) -> str:
    """``Sat 21 Nov, 13:57``."""
    return utc(instant_us).astimezone(zone).strftime("%a %-d %b, %H:%M")


def line_of(each: Recorded, laps: Sequence[GpsLap], zone: tzinfo, layouts: Mapping[str, str],
            heats: Mapping[str, str]) -> RecordingLine:
    """A recording in the list; names of layouts and heats by id."""
    best = best_of(laps)
    read, match = each.read, each.match
    reason = (read.refused if read and read.refused else each.reason if each.state == "unknown" else
              match.reason if match and each.state in ("unmatched", "proposed") else "")
    return RecordingLine(
        each.id, each.name or each.id, when_of(each.came_us, zone), SOURCES.get(each.source, each.source),
        STATES[each.state], layouts.get(each.layout or "", ""), each.kart or "", heats.get(each.session or "", ""),
        each.session or "", lap_text(best.time_us) if best else "", sum(lap.kind == "full" for lap in laps), reason)


def best_of(laps: Sequence[GpsLap]) -> GpsLap | None:
    """The fastest lap that is sound."""
    return min((lap for lap in laps if lap.kind == "full" and lap.quality in ("valid", "warning")),
               key=lambda lap: (lap.quality != "valid", lap.time_us), default=None)


def recording_view(each: Recorded, laps: Sequence[GpsLap], line: RecordingLine, zone: tzinfo) -> RecordingView:
    """One recording with its laps."""
    read, match, best = each.read, each.match, best_of(laps)
    facts = [("Came", f"{line.when}, {line.source}"), ("Size", f"{each.size / 1000:,.0f} kB")]
    if read is not None and not read.refused:
        facts += [("Logger", read.device or FORMATS.get(read.format, read.format)),
                  ("Format", FORMATS.get(read.format, read.format)),
                  ("Places", f"{read.samples:,}, {read.rate_hz:.0f} a second"),
                  ("Length", clock_text(read.duration_us, up=True)),
                  ("Recorded", when_of(read.utc_us, zone) if read.utc_us is not None else "the file tells no time")]
    if each.driver:
        facts.append(("Driver, says the file", each.driver))
    return RecordingView(
        line, tuple(facts), tuple(_lap(lap, best) for lap in laps), max((len(lap.sectors_us) for lap in laps), default=0),
        tuple(read.faults) if read else (), match.reason if match else "", each.state == "matched",
        each.state == "proposed", each.proposed is not None)


def _lap(lap: GpsLap, best: GpsLap | None) -> LapLine:
    full = lap.kind == "full"
    words = "to the first crossing" if lap.kind == "out" else "after the last crossing" if lap.kind == "in" else ", ".join(
        FLAGS.get(flag, flag) for flag in lap.flags)
    return LapLine(
        lap.id, str(lap.number) if full else lap.kind, hundredths(lap.time_us),
        f"{lap.sigma_us / SECOND:.2f}" if full else "",
        tuple("" if each is None else hundredths(each) for each in lap.sectors_us),
        "" if lap.max_speed_kmh is None else f"{lap.max_speed_kmh:.1f}", words, GLYPHS[lap.quality], lap == best,
        full and lap.quality != "invalid")


def hundredths(duration_us: Micros) -> str:
    """A GPS time as it may honestly be shown: cut to the hundredth (METHODS 0)."""
    return lap_text(duration_us)[:-1]
