"""The figures of a lap: sectors, corners, bests, how steady its driver is, how it was timed. Pure.

A loop's time is shown to the millisecond, one by GPS to the hundredth, for no more is known of it (METHODS 0); what is
lost between two places of the track is known to some 0.03 s and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from trackd.core.time import SECOND, Micros, lap_text
from trackd.services.lapstints import Stint
from trackd.services.laptraces import SOUND, Driven
from trackd.web.gpsviews import FLAGS, FORMATS, hundredths
from trackd.web.matrix import COUNTED
from trackd.web.rows import TimeView

if TYPE_CHECKING:
    from trackd.services.laptraces import Laid

TREND_WORDS = {"fading": "getting slower", "improving": "getting faster", "steady": "steady",
               "unknown": "too few laps to say"}



@dataclass(frozen=True, slots=True)
class SectorLine:
    """The sector times of one lap."""

    name: str
    sectors: tuple[TimeView, ...]
    time: str


@dataclass(frozen=True, slots=True)
class CornerLine:
    """One corner as the lap of the page drove it; ``name``: "" where it only has its number; ``lost`` to
    each other lap in the picture, with its uncertainty.
    """

    number: int
    name: str
    pace: str
    entry: str
    slowest: str
    exit: str
    time: str
    lost: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BestLine:
    """A best of the recording: its time and which laps it is made of."""

    name: str
    time: str
    source: str


def time_of(lap: Driven) -> str:
    """Its time as it may be shown."""
    return lap_text(lap.time_us) if lap.twin.loop else hundredths(lap.time_us)


def name_of(lap: Driven) -> str:
    """Who drove it, or what."""
    recorded = lap.twin.recorded
    return lap.driver or (f"Kart {lap.kart}" if lap.kart else recorded.name if recorded and recorded.name else "Unknown")


def _own_sectors(lap: Driven) -> tuple[tuple[Micros | None, ...], bool]:
    """Its sector times, and whether the loop measured them."""
    if lap.twin.loop and any(each is not None for each in lap.twin.loop["sectors_us"]):
        return tuple(lap.twin.loop["sectors_us"]), True
    return (lap.twin.gps.sectors_us if lap.twin.gps else ()), False


def told_apart(laps: Sequence[Driven], names: Sequence[str]) -> tuple[str, ...]:
    """These names of laps, with the lap's number where one comes twice; where all are the same, the number alone."""
    if len(names) > 1 and len(set(names)) == 1 and len({number_of(each) for each in laps}) == len(laps):
        return tuple(f"Lap {number_of(each)}" for each in laps)
    return tuple(name if names.count(name) == 1 else f"{name}, lap {number_of(each)}"
                 for name, each in zip(names, laps, strict=True))


def number_of(lap: Driven) -> int:
    """Which lap of its session or recording it is."""
    return int(lap.twin.loop["number"]) if lap.twin.loop else lap.twin.gps.number if lap.twin.gps else 0


def sectors_of(lap: Driven, name: str) -> SectorLine:
    """Its sectors, by the loop where it has sector lines, each marked: best of the session, own best, slower."""
    times, by_loop = _own_sectors(lap)
    own: Sequence[Sequence[Micros | None]] = _counted(lap.stint) if by_loop else [
        each.sectors_us for each in lap.told if each.kind == "full" and each.quality in SOUND]
    field = _counted(lap.field) if by_loop else lap.told_field
    views = []
    for index, time_us in enumerate(times):
        if time_us is None:
            views.append(TimeView("·"))
            continue
        mark = "best" if field and time_us == _least(field, index) else "pb" if time_us == _least(own, index) else "slow"
        views.append(TimeView(lap_text(time_us) if by_loop else hundredths(time_us), mark))
    return SectorLine(name, tuple(views), time_of(lap))


def _counted(rows: Sequence[dict[str, Any]]) -> list[Sequence[Micros | None]]:
    return [row["sectors_us"] for row in rows if row["kind"] == "full" and row["verdict"] in COUNTED]


def _least(laps: Sequence[Sequence[Micros | None]], index: int) -> Micros | None:
    return min((time_us for each in laps if len(each) > index and (time_us := each[index]) is not None), default=None)


def signed(us: float, digits: int) -> str:
    """Seconds with their sign, to so many digits."""
    text = f"{abs(us) / SECOND:.{digits}f}"
    return text if not float(text) else f"{'+' if us > 0 else '−'}{text}"


def difference_of(laps: Sequence[Driven]) -> tuple[str, ...]:
    (ours, ours_loop), (theirs, theirs_loop) = (_own_sectors(each) for each in laps)
    digits = 3 if ours_loop and theirs_loop else 2
    every = ["·" if a is None or b is None else signed(a - b, digits) for a, b in zip(ours, theirs, strict=False)]
    every += ["·"] * (max(len(ours), len(theirs)) - len(every))
    whole = 3 if laps[0].twin.loop and laps[1].twin.loop else 2
    return (*every, signed(laps[0].time_us - laps[1].time_us, whole))


def bests_of(lap: Driven, laid: Laid | None, stint: Stint | None) -> tuple[BestLine, ...]:
    """Driven in one lap, driven in one piece, and never driven: three numbers that are not one another."""
    if stint is None:
        return ()
    found = []
    if stint.best:
        found.append(BestLine("Best lap", hundredths(stint.best.time_us), f"lap {stint.best.number}"))
    if laid and (rolling := laid.rolling):
        full = [each.number for each in lap.told if each.kind == "full"]
        laps = " and ".join(str(full[index]) for index in rolling.laps)
        found.append(BestLine("Rolling best", hundredths(rolling.time_us),
                              f"laps {laps}, from {rolling.start_m:.0f} m" if rolling.start_m else f"lap {laps}"))
    for name, composite in (("Theoretical best", stint.theoretical), ("Second best sectors", stint.second)):
        if composite and len(composite.parts) > 1:
            found.append(BestLine(name, hundredths(composite.time_us),
                                  "laps " + ", ".join(part.lap for part in composite.parts)))
    return tuple(found)


def steady_of(stint: Stint | None) -> tuple[tuple[str, str], ...]:
    """How steady the laps of the recording are, and whether they get slower."""
    if stint is None or stint.consistency is None:
        return ()
    of, trend, step = stint.consistency, stint.trend, stint.step
    told = f", {trend.laps} laps, p {p_of(trend.p)}" if trend.p is not None else ""
    facts = [("Clean laps", f"{of.laps} of {sum(each.lap.kind == 'full' for each in stint.judged)}"),
             ("Median", hundredths(of.median_us)), ("Spread", f"{of.spread_us / SECOND:.2f} s"),
             ("Within 0.1 s of the best", str(of.close)), ("Trend", TREND_WORDS[trend.word] + told)]
    if trend.slope_us is not None and trend.low_us is not None and trend.high_us is not None:
        low, high = signed(trend.low_us, 3), signed(trend.high_us, 3)
        facts.append(("Seconds a lap", f"{signed(trend.slope_us, 3)} ({low} to {high}, 95 %)"))
    if step:
        facts.append(("Step", f"{hundredths(step.before_us)} to {hundredths(step.after_us)}, {step.word}"))
    return tuple(facts)


def p_of(p: float) -> str:
    """A probability as it is told."""
    return "under 0.001" if p < 0.001 else f"{p:.3f}"


def timed_of(lap: Driven) -> tuple[tuple[str, str], ...]:
    """How the lap was timed: by the loop, and by the kart's own recording."""
    row, gps, recorded, facts = lap.twin.loop, lap.twin.gps, lap.twin.recorded, []
    if row is not None:
        passings = " and ".join(map(str, row["passings"]))
        facts.append(("Loop", f"{lap_text(row['time_us'])}" + (f", passings {passings}" if passings else "")))
        if row["edits"]:
            facts.append(("Changed by hand", f"{len(row['edits'])} times" if len(row["edits"]) > 1 else "once"))
    if gps is not None and recorded is not None:
        off = f", off by {signed(gps.time_us - row['time_us'], 2)}" if row else ""
        facts.append(("Recording", f"{hundredths(gps.time_us)} ± {gps.sigma_us / SECOND:.2f}{off}"))
        words = ", ".join(FLAGS.get(flag, flag) for flag in gps.flags)
        facts += [("Remarks", words)] if words else []
        if read := recorded.read:
            logger = read.device or FORMATS.get(read.format, read.format)
            facts.append(("Logger", f"{logger}, {read.rate_hz:.0f} places a second"))
        facts += [("Top speed", f"{gps.max_speed_kmh:.1f} km/h")] if gps.max_speed_kmh is not None else []
    return tuple(facts)


def rounded(values: Any, digits: int) -> list[float | None]:
    """An array as JSON has it; None where unknown."""
    return [None if isnan(each) else each for each in values.round(digits).tolist()]


def corners_of(laid: Laid) -> tuple[CornerLine, ...]:
    def kmh(value: float | None) -> str:
        return "·" if value is None else f"{value:.1f}"

    lines = []
    for index, corner in enumerate(laid.corners):
        own = laid.driven[0][index]
        lost = tuple(("·", "") if (us := each[index].lost_us) is None else
                     (signed(us, 2), f"{each[index].sigma_us / SECOND:.2f}") for each in laid.lost[1:])
        lines.append(CornerLine(corner.number, corner.called if corner.called != f"T{corner.number}" else "",
                                corner.pace or "", kmh(own.entry_kmh), kmh(own.apex_kmh), kmh(own.exit_kmh),
                                "·" if own.time_us is None else f"{own.time_us / SECOND:.2f}", lost))
    return tuple(lines)
