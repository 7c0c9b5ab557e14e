"""A running venue for tests of what stands at its edge: the API, the pages, the command line beside it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvloop

from tests.journeys.conftest import Park, park

KARTS = {"1": "101", "2": "102", "3": "103"}
PIN = "4711"
S = 1_000_000


def at_the_park(**options: Any) -> Callable[[Callable[[Park], Awaitable[None]]], Callable[[Path], None]]:
    """Make ``async def test(park)`` a test of its own, over a fresh venue that is switched on."""
    def decorate(test: Callable[[Park], Awaitable[None]]) -> Callable[[Path], None]:
        def runner(tmp_path: Path) -> None:
            async def main() -> None:
                async with asyncio.timeout(60), park(tmp_path, **options) as venue:
                    await test(venue)
            uvloop.run(main())                                   # as `trackd run` does
        runner.__name__, runner.__doc__ = test.__name__, test.__doc__
        return runner
    return decorate


def bearer(venue: Park, role: str) -> dict[str, str]:
    """The header of a new program with this role."""
    return {"Authorization": f"Bearer {venue.appliance.staff.add_token(role, role)}"}


def guest(venue: Park, **options: Any) -> httpx.AsyncClient:
    """A client that nobody knows."""
    return httpx.AsyncClient(base_url=venue.address, timeout=30, **options)


@asynccontextmanager
async def signed_in(venue: Park, role: str = "admin") -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A browser's session of somebody with this role, and the CSRF token its pages carry."""
    await asyncio.to_thread(venue.appliance.staff.add_staff, role, role, PIN)
    async with guest(venue) as browser:
        answer = await browser.post("/console/login", data={"name": role, "pin": PIN})
        assert answer.status_code == 303, answer.text
        page = (await browser.get("/console/karts")).text
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
        assert found is not None, page
        yield browser, found[1]


async def a_heat(venue: Park, **fields: Any) -> None:
    """Kart 1 does laps of 60 and 58 s, kart 2 one of 61 s, kart 3 stays in the pit; then the chequered flag."""
    await venue.heat(KARTS, "stage", **{"format": "8m", "ranking": "best_lap", **fields})
    begin = venue.now + S
    venue.advance(begin)
    await venue.order("green")
    for at, kart in ((5, "1"), (7, "2"), (65, "1"), (68, "2"), (123, "1")):
        await venue.cross(begin + at * S, KARTS[kart])
