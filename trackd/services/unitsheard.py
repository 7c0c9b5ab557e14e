"""Who the units are that answer: by what they say to everybody, or by asking them once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from trackd.core.errors import LinkDown
from trackd.core.time import HOUR, MINUTE, SECOND, Micros
from trackd.links.aim import AimSession
from trackd.links.clock import Clock
from trackd.links.discovery import MOST, Discovery, UnitSeen
from trackd.protocols.aim_told import UnitInfo

REACH_US = 8 * SECOND
"""A unit that has not answered for so long is away; it is asked every second, and three without an answer mean little."""

LATELY_US = HOUR
ASK_US = MINUTE
"""Before a unit that would not say who it is is asked again."""

_NETWORK = re.compile(r"AiM-([A-Za-z0-9 _+]{1,24})-([0-9]{1,10})(?:-(.{1,40}))?")


@dataclass(frozen=True, slots=True)
class Heard:
    """A unit that answered, and what is known of who it is. ``here``: just now; ``lately``: within the hour."""

    seen: UnitSeen
    info: UnitInfo
    sure: bool                           # it has said who it is
    at_us: Micros                        # monotonic
    asked_us: Micros | None = None       # the same
    here: bool = True
    lately: bool = True

    @property
    def id(self) -> str:
        """Its serial number, else its name; "" when it tells neither, or has not yet."""
        return (self.info.serial or re.sub(r"[^\w .+-]", "", self.info.name).strip()) if self.sure else ""

    @property
    def title(self) -> str:
        """What to call it until somebody gives it a name."""
        return self.info.name or " ".join(filter(None, (self.info.model, self.info.serial)))


class Ear:
    """Keeps what `Discovery` hears, on a clock that never jumps."""

    def __init__(self, discovery: Discovery, clock: Clock) -> None:
        self.discovery, self.clock = discovery, clock
        self._heard: dict[str, Heard] = {}       # by address
        self._before: dict[str, Heard] = {}      # by id: another is at its address by now; many are at 10.0.0.1

    def heard(self) -> dict[str, Heard]:
        """Units by id, each at the address where it was heard last."""
        now_us = self._listen()
        found = {each: replace(unit, here=False, lately=now_us - unit.at_us < LATELY_US)
                 for each, unit in self._before.items()}
        return found | {unit.id: replace(unit, here=now_us - unit.at_us < REACH_US, lately=now_us - unit.at_us < LATELY_US)
                        for unit in sorted(self._heard.values(), key=lambda unit: unit.at_us) if unit.id}

    def nameless(self) -> list[str]:
        """Addresses of units in reach that were asked and did not say who they are."""
        now_us = self._listen()
        return [address for address, unit in self._heard.items()
                if not unit.id and unit.asked_us is not None and now_us - unit.at_us < REACH_US]

    async def ask_who(self, session: Callable[[str], AimSession]) -> None:
        """Ask those that do not say their number to everybody; that takes a session of its own. No errors."""
        now_us = self._listen()
        for address, unit in list(self._heard.items()):
            early = unit.asked_us is not None and now_us - unit.asked_us < ASK_US
            if unit.sure or early or now_us - unit.at_us >= REACH_US:
                continue
            info, sure = unit.info, False
            try:
                async with session(address) as asked:
                    info, sure = replace(asked.info, name=asked.info.name or info.name), True
            except LinkDown:
                pass                     # busy, or out of reach again
            still = self._heard.get(address)
            if still is not None and still.seen.name == unit.seen.name:
                self._heard[address] = replace(still, info=info, sure=sure, asked_us=now_us)

    def _listen(self) -> Micros:
        now_us = self.clock.monotonic_us()
        units = self.discovery.units()
        for seen in units:
            before = self._heard.get(seen.address)
            if before is None or before.seen.name != seen.name:
                self._forget(seen.address)
                info = _said(seen.name)
                self._heard[seen.address] = Heard(seen, info, bool(info.serial), now_us)
            elif before.seen.answers != seen.answers:
                self._heard[seen.address] = replace(before, seen=seen, at_us=now_us)
        for address in self._heard.keys() - {seen.address for seen in units}:
            self._forget(address)
        return now_us

    def _forget(self, address: str) -> None:
        """Who was at this address is not there any more."""
        unit = self._heard.pop(address, None)
        if unit is not None and unit.id:
            self._before.pop(unit.id, None)
            self._before[unit.id] = unit
            if len(self._before) > MOST:
                del self._before[next(iter(self._before))]


def _said(name: str) -> UnitInfo:
    """Who a unit is by the name it answers with; normally that is the one of its own network."""
    match = _NETWORK.fullmatch(name)
    return UnitInfo(match[1], match[2], match[3] or "") if match else UnitInfo(name=name)
