"""The page of a lap: its time, the laps in its picture, those that may be added. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import msgspec

from trackd.core.time import SECOND
from trackd.services.lapstints import Offer, Stint
from trackd.services.laptraces import Driven
from trackd.web.gpsviews import best_of, hundredths, when_of
from trackd.web.lapfigures import (
    BestLine,
    CornerLine,
    SectorLine,
    bests_of,
    corners_of,
    difference_of,
    name_of,
    number_of,
    rounded,
    sectors_of,
    steady_of,
    time_of,
    timed_of,
    told_apart,
)
from trackd.web.lapmap import LapMap, lap_map
from trackd.web.matrix import COUNTED
from trackd.web.rows import TimeView

if TYPE_CHECKING:
    from trackd.services.laptraces import Laid

LETTERS = "abcd"
_SOURCES = {"manual": "hand", "split": "split", "gps": "gps"}


@dataclass(frozen=True, slots=True)
class VerdictView:
    """Whether a lap is verified, in a word with its kind (good, warn, bad or "") and icon, and why, by name."""

    word: str
    kind: str
    icon: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A lap in the picture. ``letter``: how it is drawn, "" where no recording tells of it; ``without``: the page without
    it.
    """

    id: str
    letter: str
    time: str
    name: str
    about: str
    without: str


@dataclass(frozen=True, slots=True)
class PictureView:
    """Laps over one another. ``data``: what the charts are drawn from, JSON."""

    map: LapMap
    data: str
    length: str
    letters: str
    names: tuple[str, ...]
    corners: tuple[CornerLine, ...]


@dataclass(frozen=True, slots=True)
class LapPage:
    """The whole page. ``note``: why something is not shown, in a sentence."""

    id: str
    about: str
    back: tuple[str, str]
    time: TimeView
    sure: str
    chips: tuple[Chip, ...]
    offered: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    picture: PictureView | None
    sectors: tuple[SectorLine, ...]
    columns: int
    difference: tuple[str, ...]
    bests: tuple[BestLine, ...]
    steady: tuple[tuple[str, str], ...]
    timed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    exports: bool
    verdict: VerdictView | None = None
    layout: str = ""
    analysis: str = ""


def lap_page(laps: Sequence[Driven], laid: Laid | None, stint: Stint | None, offered: Sequence[Offer], zone: tzinfo,
             note: str = "", verdict: VerdictView | None = None) -> LapPage:
    """The page of the first of these laps, with the others in its picture."""
    first, told = laps[0], laid.ids if laid else ()
    letters = {lap_id: LETTERS[index] for index, lap_id in enumerate(told)}
    chips = tuple(Chip(each.id, letters.get(each.id, ""), time_of(each), name_of(each), _about(each),
                       _address(laps, each) if each is not first else "") for each in laps)
    notes = [note] if note else []
    if not first.twin.recorded:
        notes.append("No recording tells of this lap. Its time and its passings are those of the loop.")
    elif first.twin.gps and first.twin.gps.kind != "full":
        notes.append("This is the way to the first crossing, or from the last one: no lap to lay over others.")
    elif laid is None:
        notes.append("No line can be made of the laps on this layout yet.")
    unlaid = [name_of(each) for each in laps if each.twin.recorded and each.id in told and laid
              and not len(laid.overlay.laps[told.index(each.id)].laid.s_m)]
    notes += [f"The lap of {name} did not follow the line of the layout, so it has no curve." for name in unlaid]
    sectors = tuple(map(sectors_of, laps, told_apart(laps, [name_of(each) for each in laps])))
    columns = max(len(each.sectors) for each in sectors)
    gps = first.twin.gps
    return LapPage(
        first.id, _about(first, zone), _back(first), _time(first), "" if first.twin.loop or not gps else
        f"± {gps.sigma_us / SECOND:.2f}", chips, _offered(laps, offered, zone), _picture(laps, laid) if laid else None,
        sectors if columns else (), columns, difference_of(laps) if len(laps) == 2 and columns else (),
        bests_of(first, laid, stint), steady_of(stint), timed_of(first), tuple(notes), gps is not None, verdict,
        first.layout or "", _analysis(first))


def _kind(lap: Driven) -> str:
    return str(lap.twin.loop["kind"]) if lap.twin.loop else lap.twin.gps.kind if lap.twin.gps else "full"


def _about(lap: Driven, zone: tzinfo | None = None) -> str:
    """``Marta Ferri, kart 7 · lap 6 of 12 · Heat 12 · Sat 21 Nov, 13:57``; without a zone what a chip tells."""
    count = max((row["number"] for row in lap.stint), default=0) if lap.twin.loop else sum(
        each.kind == "full" for each in lap.told)
    kart = f"kart {lap.kart}" if lap.kart else ""
    heat = lap.session.name if lap.session else ""
    if zone is None:
        return ", ".join(filter(None, (kart if lap.driver else "", f"lap {number_of(lap)}", heat)))
    recorded = lap.twin.recorded
    read = recorded.read if recorded else None
    at_us = (lap.session.green_at_us or lap.session.created_at_us) if lap.session else read.utc_us if read else None
    words = f"lap {number_of(lap)} of {count}" if _kind(lap) == "full" else f"{_kind(lap)}-lap"
    who = f"{name_of(lap)}, {kart}" if kart and lap.driver else name_of(lap)
    return " · ".join(filter(None, (who, words, heat, when_of(at_us, zone) if at_us is not None else "")))


def _back(lap: Driven) -> tuple[str, str]:
    if lap.session:
        return f"/sessions/{lap.session.id}", lap.session.name
    recorded = lap.twin.recorded
    return (f"/console/recordings/{recorded.id}", "Recording") if recorded else ("/", "Board")


def _analysis(lap: Driven) -> str:
    """The page of all laps it was driven among."""
    if lap.session:
        return f"/sessions/{lap.session.id}/analysis"
    return f"/recordings/{lap.twin.recorded.id}/analysis" if lap.twin.recorded else ""


def _address(laps: Sequence[Driven], without: Driven) -> str:
    first, *others = [each for each in laps if each is not without]
    return f"/laps/{first.id}" + "".join(f"{'&' if index else '?'}with={each.id}" for index, each in enumerate(others))


def _time(lap: Driven) -> TimeView:
    """The time with its mark: the best of the session, the driver's own in it, or not counted."""
    row, gps = lap.twin.loop, lap.twin.gps
    if row is None:
        fastest = gps is not None and gps == best_of(lap.told)
        return TimeView(time_of(lap), "off" if gps and gps.quality == "invalid" else "pb" if fastest else "")
    if row["kind"] != "full" or row["verdict"] not in COUNTED:
        return TimeView(time_of(lap), "off", source=_SOURCES.get(row["source"], ""))
    best, own = (min((each["time_us"] for each in rows if each["kind"] == "full" and each["verdict"] == "valid"), default=0)
                 for rows in (lap.field, lap.stint))
    return TimeView(time_of(lap), "best" if row["time_us"] == best else "pb" if row["time_us"] == own else "",
                    source=_SOURCES.get(row["source"], ""))


def _offered(laps: Sequence[Driven], offered: Sequence[Offer],
             zone: tzinfo) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Groups of laps to choose from, without those in the picture."""
    there = {each.twin.gps.id for each in laps if each.twin.gps}
    same = [(each.id, f"Lap {each.number}, {hundredths(each.time_us)}") for each in offered
            if each.number and each.id not in there]
    others = [(each.id, ", ".join(filter(None, (hundredths(each.time_us), f"kart {each.kart}" if each.kart else "",
                                                each.session, when_of(each.recorded_us, zone)))))
              for each in offered if not each.number and each.id not in there]
    groups = (("The same recording", tuple(same)), ("Best of other recordings here", tuple(others)))
    return tuple(group for group in groups if group[1])


def _short(laps: Sequence[Driven]) -> tuple[str, ...]:
    """First names, where they tell people apart: there is little room beside a curve."""
    names = [name_of(each) for each in laps]
    firsts = [each.driver.split()[0] if each.driver.split() else name for each, name in zip(laps, names, strict=True)]
    people = {first: {name for name, other in zip(names, firsts, strict=True) if other == first} for first in firsts}
    return told_apart(laps, [first if len(people[first]) == 1 else name for first, name in zip(firsts, names, strict=True)])


def _picture(laps: Sequence[Driven], laid: Laid) -> PictureView:
    there = [next(each for each in laps if each.id == lap_id) for lap_id in laid.ids]
    names = _short(there)
    drawn = lap_map(laid)
    over = laid.overlay
    data: dict[str, Any] = {
        "at_m": [round(each, 1) for each in over.distance_m.tolist()],
        "corners": [[each.number, round(each.apex_m, 1)] for each in laid.corners],
        "laps": [{"name": name, "kmh": rounded(each.speed_kmh, 1), "ms": rounded(-each.delta_us / 1000, 0), "xy": places}
                 for name, each, places in zip(names, over.laps, drawn.places, strict=True)]}
    return PictureView(drawn, msgspec.json.encode(data).decode(), f"{laid.line.length_m:.0f} m",
                       LETTERS[:len(names)], names, corners_of(laid))
