"""What goes wrong at a track, by name and on purpose. Pure and seeded: the same seed and passings give the same faults.

A fault is written ``NAME``, ``NAME:RATE`` (a chance from 0 to 1, drawn for every passing) or ``NAME@SECONDS`` (once, at
that time of the decoder's own clock since it started), with ``=VALUE`` behind where the fault has a size:
``dropped_frame:0.05``, ``restart@30``, ``silence@60=20``, ``clock_step@30=-1``.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput, Fault
from trackd.core.time import MS, SECOND, Micros

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does; the rate or time that holds when none is written, and its size."""

    does: str
    rate: float | None = None
    at_s: float | None = None
    value: float | None = None


KINDS: dict[str, Kind] = {
    "dropped_frame": Kind("the passing is numbered and stored but never sent", rate=0.05),
    "corrupted_byte": Kind("one byte of the frame arrives wrong", rate=0.05),
    "duplicate_frame": Kind("the same frame is sent twice", rate=0.05),
    "split_every_byte": Kind("every byte of the frame is sent by itself", rate=1.0),
    "repeated_read": Kind("the same transponder is read again some milliseconds later, with a new number", rate=0.1),
    "missed_read": Kind("the decoder does not see the kart: no number, no frame", rate=0.02),
    "disconnect": Kind("every connection is closed", at_s=30),
    "restart": Kind("connections close, numbers and clock begin anew, what was stored is gone", at_s=30),
    "clock_step": Kind("the decoder's clock jumps by VALUE seconds", at_s=30, value=3600),
    "silence": Kind("nothing is sent for VALUE seconds, status included; passings are stored", at_s=30, value=20),
}
PASSING_FAULTS = ("dropped_frame", "corrupted_byte", "duplicate_frame", "split_every_byte", "repeated_read",
                  "missed_read")

_SPEC = re.compile(r"(?P<name>\w+)(?::(?P<rate>[\d.]+)|@(?P<at>[\d.]+))?(?:=(?P<value>-?[\d.]+))?")


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault as asked for: by chance (``rate``) or once (``at_us`` of the decoder's time since its start)."""

    name: str
    rate: float | None
    at_us: Micros | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What chance does to one passing."""

    dropped: bool = False
    corrupt: tuple[float, int] | None = None   # where in the frame (0 to 1), and what to xor into that byte
    duplicate: bool = False
    split: bool = False
    repeats_us: tuple[Micros, ...] = ()        # further reads, as delays after the passing
    missed: bool = False
    happenings: tuple[FaultSpec, ...] = ()     # disconnect, restart, clock_step, silence: after the passing

    def damage(self, frame: bytes) -> bytes:
        """The frame as it arrives."""
        if self.corrupt is None or not frame:
            return frame
        where, change = self.corrupt
        index = min(len(frame) - 1, int(where * len(frame)))
        return frame[:index] + bytes([frame[index] ^ change]) + frame[index + 1:]


def parse_faults(specs: Iterable[str]) -> tuple[FaultSpec, ...]:
    """Read faults as they are written on the command line. Raises BadInput with all that is wrong."""
    found: list[FaultSpec] = []
    faults: list[Fault] = []
    for text in specs:
        try:
            found.append(_parse(text.strip()))
        except BadInput as error:
            faults.extend(error.faults)
    if faults:
        raise BadInput(*faults)
    return tuple(found)


def _parse(text: str) -> FaultSpec:
    match = _SPEC.fullmatch(text)
    if match is None:
        raise BadInput(Fault("fault", f"'{text}' is not NAME, NAME:RATE or NAME@SECONDS, with =VALUE where it has one"))
    name = match["name"]
    kind = KINDS.get(name)
    if kind is None:
        raise BadInput(Fault("fault", f"'{name}' is not known; known are {', '.join(KINDS)}"))
    rate, at_s, value = (_number(text, match[part]) for part in ("rate", "at", "value"))
    if rate is None and at_s is None:
        rate, at_s = kind.rate, kind.at_s
    if rate is not None and rate > 1:
        raise BadInput(Fault("fault", f"'{text}': the rate is a chance from 0 to 1"))
    if at_s is not None and name in PASSING_FAULTS:
        raise BadInput(Fault("fault", f"'{text}': {name} happens by chance; write {name}:{kind.rate:g}"))
    if value is not None and kind.value is None:
        raise BadInput(Fault("fault", f"'{text}': {name} has no size, leave ={match['value']} away"))
    return FaultSpec(name, rate, None if at_s is None else round(at_s * SECOND), kind.value if value is None else value)


def _number(text: str, digits: str | None) -> float | None:
    try:
        return None if digits is None else float(digits)
    except ValueError:
        raise BadInput(Fault("fault", f"'{text}': {digits} is not a number")) from None


class FaultPlan:
    """Draws faults in the order passings come. Each fault has a generator of its own, so adding one moves no other."""

    def __init__(self, specs: Iterable[FaultSpec] = (), seed: int = 0) -> None:
        specs = tuple(specs)
        self._chances = [(spec, random.Random(f"{seed}:{index}:{spec.name}"))  # noqa: S311 - repeatable on purpose
                         for index, spec in enumerate(specs) if spec.rate is not None]
        self._timed = sorted((spec for spec in specs if spec.at_us is not None), key=_at)

    @property
    def next_at_us(self) -> Micros | None:
        """When the next timed fault is due."""
        return _at(self._timed[0]) if self._timed else None

    def due(self, now_us: Micros) -> list[FaultSpec]:
        """The timed faults up to ``now_us`` that have not happened yet; each is given once."""
        count = sum(_at(spec) <= now_us for spec in self._timed)
        now, self._timed = self._timed[:count], self._timed[count:]
        return now

    def draw(self) -> Trouble:
        """What happens to the next passing."""
        hit: dict[str, random.Random] = {}
        happenings = []
        for spec, rng in self._chances:
            if rng.random() < (spec.rate or 0):
                if spec.name in PASSING_FAULTS:
                    hit[spec.name] = rng
                else:
                    happenings.append(spec)
        if not hit and not happenings:
            return NO_TROUBLE
        corrupt = hit.get("corrupted_byte")
        repeated = hit.get("repeated_read")
        return Trouble(
            dropped="dropped_frame" in hit,
            corrupt=(corrupt.random(), corrupt.randint(1, 255)) if corrupt else None,
            duplicate="duplicate_frame" in hit,
            split="split_every_byte" in hit,
            repeats_us=_repeats(repeated) if repeated else (),
            missed="missed_read" in hit,
            happenings=tuple(happenings))


NO_TROUBLE = Trouble()


def _at(spec: FaultSpec) -> Micros:
    return spec.at_us or 0


def _repeats(rng: random.Random) -> tuple[Micros, ...]:
    delay, delays = 0, []
    for _ in range(rng.randint(1, 3)):
        delay += rng.randint(2, 40) * MS
        delays.append(delay)
    return tuple(delays)
