"""What distinguishes the decoders the emulator plays, beyond their bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trackd.core.errors import BadInput, Fault
from trackd.core.time import HOUR, MS, Micros
from trackd.emulator.field import LINE

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Wire:
    """One kind of decoder."""

    line: str | None                 # decoder id of the start/finish loop
    rtc_start_us: Micros = 0         # what its clock shows when it starts
    rtc_wrap_us: Micros | None = None
    resolution_us: Micros = 1
    numbers: bool = True             # passings carry a number
    numbers_status: bool = False     # statuses take a number of the passings' sequence
    status_each: bool = True         # each loop sends a status of its own
    status_unasked: bool = True
    holds: bool = False              # stop-and-wait
    has_boot: bool = False
    most: int = 0xFFFF               # strength and hits at most
    status: dict[str, Any] = field(default_factory=dict)


WIRES: dict[str, Wire] = {
    # A free-running clock that was once set to local time; the date is arbitrary, as on a real one.
    "p3": Wire("268307", rtc_start_us=1_767_261_600_000_000,
               status={"noise": 39, "temperature": 22, "input_voltage": 118, "gps": 0}),
    "p98": Wire("101", resolution_us=MS, numbers_status=True, status={"noise": 39}),
    "tranx2": Wire(None, resolution_us=MS, rtc_wrap_us=MS << 32, numbers=False, status_each=False, most=0xFF,
                   status={"noise": 0x0970}),
    "chronelec": Wire("STA", rtc_start_us=10 * HOUR, resolution_us=MS, rtc_wrap_us=24 * HOUR, numbers=False,
                      status_each=False, status_unasked=False, holds=True, most=99),
    "node": Wire("line", numbers_status=True, has_boot=True, status={"noise": 39}),
}


def wire(protocol: str) -> Wire:
    """The decoder of ``protocol``. Raises BadInput for one that is not known."""
    if protocol not in WIRES:
        raise BadInput(Fault("protocol", f"'{protocol}' is not known; known are {', '.join(WIRES)}"))
    return WIRES[protocol]


def default_loops(protocol: str, roles: Iterable[str] = (LINE,)) -> dict[str, str | None]:
    """A decoder id for each loop role the wire can tell apart: numbers count up, nodes are named after the role.

    Roles without one are left out: TranX-2 has the line only, Chronelec the line and ``pit_in`` (its BOX channel).
    """
    start = wire(protocol).line
    loops: dict[str, str | None] = {}
    for role in roles:
        if role == LINE:
            loops[role] = start
        elif protocol == "chronelec" and role == "pit_in":
            loops[role] = "BOX"
        elif protocol == "node":
            loops[role] = role.replace(":", "-").replace("_", "-")
        elif start is not None and start.isdigit():
            loops[role] = str(int(start) + sum(other != LINE for other in loops) + 1)
    return loops
