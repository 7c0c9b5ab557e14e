"""A scenario file: what an emulated decoder shall see, as TOML or JSON (by the file's ending).

    seed = 7                         # of field and faults; default 1
    faults = ["dropped_frame:0.05"]  # see trackd.emulator.faults; added to those of the command line

    [loops]                          # decoder id of each loop; default: the line only
    start_finish = "268307"
    "sector:1" = "268308"

    [field]                          # a simulated field ...
    karts = 12
    lap_s = 48.0
    sectors = 1
    start = "rolling"                # or "standing"
    duration_s = 480                 # default: for ever
    pit_rate = 0.01                  # chances per lap
    spin_rate = 0.012

    [[passings]]                     # ... or passings one by one, in any order; both together are merged
    at_s = 1.5
    transponder = "5691251"
    loop = "start_finish"            # the default
    strength = 100
    hits = 30
"""

from __future__ import annotations

import heapq
import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from trackd.core.errors import BadInput, Fault, NotFound
from trackd.core.time import SECOND
from trackd.emulator.faults import parse_faults
from trackd.emulator.field import LINE, Field, FieldPassing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?", re.DOTALL)


class _Field(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    karts: int = 12
    lap_s: float = 48.0
    sectors: int = 0
    start: Literal["rolling", "standing"] = "rolling"
    duration_s: float | None = None
    pit_rate: float = 0.01
    spin_rate: float = 0.012


class _Passing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    at_s: float
    transponder: str
    loop: str = LINE
    strength: int = 100
    hits: int = 30


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    seed: int = 1
    faults: tuple[str, ...] = ()
    loops: dict[str, str] = {}
    field: _Field | None = None
    passings: tuple[_Passing, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """A scenario, checked. ``loops`` is None where the file names none."""

    seed: int
    faults: tuple[str, ...]
    loops: dict[str, str | None] | None
    field: Field | None
    duration_s: float | None
    listed: tuple[FieldPassing, ...]

    def passings(self) -> Iterator[FieldPassing]:
        """All passings in time order; endless for a field without a duration."""
        field = self.field.passings(self.duration_s) if self.field else ()
        return iter(heapq.merge(self.listed, field, key=lambda passing: passing.at_us))


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises NotFound, or BadInput naming the line or the field."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"The scenario {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError:
        raise BadInput(Fault(str(path), "this is not a text file in UTF-8")) from None
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(Fault(f"{path}, line {error.lineno}", error.msg)) from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(Fault(str(path), str(error))) from None
    try:
        return _checked(msgspec.convert(data, _File))
    except msgspec.ValidationError as error:
        match = _AT.fullmatch(str(error))
        assert match is not None
        raise BadInput(Fault(f"{path}, {match['where'] or 'as a whole'}", match["what"])) from None
    except BadInput as error:
        raise BadInput(*(Fault(f"{path}, {fault.where}", fault.what) for fault in error.faults)) from None


def _checked(file: _File) -> Scenario:
    parse_faults(file.faults)
    if file.field is None and not file.passings:
        raise BadInput(Fault("as a whole", "there is neither a [field] nor any [[passings]]"))
    for number, passing in enumerate(file.passings):
        if passing.at_s < 0:
            raise BadInput(Fault(f"passings[{number}].at_s", "must not be negative"))
        if file.loops and passing.loop not in file.loops:
            raise BadInput(Fault(f"passings[{number}].loop", f"'{passing.loop}' is not in [loops]"))
    listed = sorted(FieldPassing(round(p.at_s * SECOND), p.transponder, p.loop, p.strength, p.hits)
                    for p in file.passings)
    of = file.field
    field = None if of is None else Field(file.seed, of.karts, of.lap_s, of.sectors, of.start, of.pit_rate, of.spin_rate)
    return Scenario(file.seed, file.faults, dict(file.loops) or None, field, of.duration_s if of else None, tuple(listed))
