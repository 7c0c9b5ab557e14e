"""What the page of units prints, as words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from trackd.core.time import Micros, utc
from trackd.services.unitsnow import UnitNow
from trackd.web.gpsviews import StateView, when_of
from trackd.web.moment import local_time

OFF = ("Units are not looked for. Set recordings.solos to auto in the configuration file, or to their addresses with "
       "commas between, and start the box again. Files come in by hand meanwhile.")


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A unit in the list. ``told``: what it says it is; ``part``: how much of the file is here, in thousandths."""

    id: str
    name: str
    told: str
    kart: str
    driver: str
    state: StateView
    part: int | None
    last: str
    trouble: str
    paired: bool
    may_fetch: bool
    again: bool


@dataclass(frozen=True, slots=True)
class UnitForm:
    """The form for one unit: which, whether it is paired already, and the karts that carry no other."""

    id: str
    title: str
    paired: bool
    karts: tuple[tuple[str, str], ...]
    drivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitsView:
    """All of it. ``notes`` are sentences about looking for units at all."""

    lines: tuple[UnitLine, ...]
    notes: tuple[str, ...]
    looks: bool
    busy: bool


def units_view(units: Iterable[UnitNow], names: Mapping[str, str], nameless: Iterable[str], trouble: str, *, looks: bool,
               zone: tzinfo, now_us: Micros) -> UnitsView:
    """The list; names of drivers by id."""
    lines = tuple(_line(unit, names, zone, now_us) for unit in units)
    notes = [trouble] if trouble else []
    notes += [f"The unit at {address} does not say who it is. Close Race Studio where it is open; if that does not help, "
              "give the unit a name there." for address in nameless]
    return UnitsView(lines, tuple(notes), looks, any(line.part is not None for line in lines))


def unit_form(unit: UnitNow, units: Iterable[UnitNow], karts: Iterable[str], drivers: Iterable[str]) -> UnitForm:
    """The form for ``unit``."""
    carrying = {each.kart: each.name for each in units if each.kart and each.id != unit.id}
    offered = [("", "on no kart"), *((kart, f"kart {kart}") for kart in karts if kart not in carrying)]
    return UnitForm(unit.id, unit.name, unit.paired, tuple(offered), tuple(sorted(drivers, key=str.casefold)))


def state_of(unit: UnitNow, zone: tzinfo, now_us: Micros) -> StateView:
    """How a unit stands: "downloading file 2 of 3, 41 %", "in reach, 3 recordings waiting", "not seen since 14:05"."""
    at = unit.progress
    if unit.busy:
        if at is None:
            return StateView("being asked what it holds", "clock", "accent")
        return StateView(f"downloading file {at.file} of {at.files}, {at.done * 100 // at.size} %", "in", "accent")
    if not unit.here:
        return StateView(("" if unit.paired else "not paired, ") + _away(unit.seen_us, zone, now_us), "clock", "")
    if not unit.paired:
        return StateView("in reach, not paired", "who", "warn")
    if unit.waiting:
        return StateView(f"in reach, {unit.waiting} recording{'s' * (unit.waiting > 1)} waiting", "clock", "warn")
    return StateView("in reach" if unit.waiting is None else "in reach, nothing new on it", "check", "good")


def _line(unit: UnitNow, names: Mapping[str, str], zone: tzinfo, now_us: Micros) -> UnitLine:
    at = unit.progress
    told = ", ".join(filter(None, (unit.model and f"AiM {unit.model}", f"number {unit.id}" if unit.id.isdigit() else "")))
    return UnitLine(
        unit.id, unit.name, told, unit.kart or "", names.get(unit.driver_id or "", ""), state_of(unit, zone, now_us),
        (at.done * 1000 // at.size if at else 0) if unit.busy else None,
        when_of(unit.last_us, zone) if unit.last_us is not None else "none yet", unit.trouble, unit.paired,
        unit.paired and unit.here and not unit.busy, unit.was is not None)


def _away(seen_us: Micros | None, zone: tzinfo, now_us: Micros) -> str:
    if seen_us is None:
        return "not seen since the box was switched on"
    today = utc(seen_us).astimezone(zone).date() == utc(now_us).astimezone(zone).date()
    return f"not seen since {local_time(seen_us, zone) if today else when_of(seen_us, zone)}"
