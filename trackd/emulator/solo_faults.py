"""What goes wrong with an AiM unit, by name and on purpose. Seeded: the same seed and requests give the same faults.

A fault is written ``NAME`` or ``NAME=VALUE``: ``cut``, ``cut=3``, ``wrong_checksum=0.1``, ``slow=0.5``. A number of times
may be ``always``.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class SoloKind:
    """What a fault does, and its value when none is written: times, or what the words say."""

    does: str
    value: float = 1


SOLO_FAULTS: dict[str, SoloKind] = {
    "busy": SoloKind("the first VALUE connections are closed at once, as when another program has the unit", math.inf),
    "cut": SoloKind("the connection closes in the middle of a file, VALUE times"),
    "hang": SoloKind("in the middle of a file it stops answering on that connection and to probes, VALUE times"),
    "disappear": SoloKind("in the middle of a file it leaves the network: no answer on any connection or to any probe"),
    "wrong_checksum": SoloKind("VALUE parts of files have a wrong checksum; below 1: that share of all parts"),
    "no_resume": SoloKind("whatever part is asked for first, it begins at the beginning", math.inf),
    "slow": SoloKind("every part of a file takes VALUE seconds", 0.2),
}


class SoloFaults:
    """The faults of one emulated unit. Raises BadInput for one that is not known, or whose value is no number."""

    def __init__(self, faults: Iterable[str] = (), seed: int = 0) -> None:
        self._left = dict(map(_parse, faults))
        self._rng = random.Random(f"{seed}:solo")  # noqa: S311 - repeatable on purpose

    def strikes(self, name: str) -> bool:
        """Whether the fault happens now; counts down what happens a number of times, draws what has a share."""
        left = self._left.get(name, 0)
        if 0 < left < 1:
            return self._rng.random() < left
        if left >= 1:
            self._left[name] = left - 1
        return left >= 1

    @property
    def slow_s(self) -> float:
        """Seconds every part of a file takes."""
        return self._left.get("slow", 0)


def _parse(text: str) -> tuple[str, float]:
    name, given, value = text.partition("=")
    if name not in SOLO_FAULTS:
        raise BadInput(Fault("fault", f"'{name}' is not known; known are {', '.join(SOLO_FAULTS)}"))
    if not given:
        return name, SOLO_FAULTS[name].value
    try:
        number = math.inf if value == "always" else float(value)
    except ValueError:
        number = -1
    if not number > 0 or (name == "slow" and math.isinf(number)):
        raise BadInput(Fault("fault", f"'{text}': {value or 'nothing'} is not a number above 0"))
    return name, number
