"""Race control over HTTP: what a session tells through the API, and that a restart and a rebuild tell the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.journeys.conftest import Park, park, until
from trackd.services.rebuild import check
from trackd.timing import finish

S = 1_000_000
STRANGER = "4444"

Journey = Callable[[Park], Awaitable[None]]


def at_the_track(**options: Any) -> Callable[[Journey], Callable[..., None]]:
    """Make ``async def test(venue)`` a test. At its end what the API tells is the same after the appliance was switched
    off and on again, and every derived row is what the journal gives.
    """
    def decorate(test: Journey) -> Callable[..., None]:
        def runner(run: Callable[..., None], tmp_path: Path) -> None:
            async def main() -> None:
                async with park(tmp_path, **options) as venue:
                    await test(venue)
                    await stays(venue)
            run(main)
        runner.__name__, runner.__doc__ = test.__name__, test.__doc__
        return runner
    return decorate


async def stays(venue: Park) -> None:
    """Off and on again: the same sessions, boards, laps, proposals, results, and the same list of what can be undone."""
    before = await all_told(venue)
    await venue.off()
    assert check(venue.folder).differences == []
    await venue.on()
    assert await all_told(venue) == before


async def all_told(venue: Park) -> dict[str, Any]:
    """All that the API tells of race control, once nothing is left that time alone is about to change."""
    live = venue.appliance.live

    def nothing_due() -> bool:
        now_us = live.clock.now() - S                # a deadline is journalled a moment after it
        return all((due_us := finish.deadline(shot.heat)) is None or due_us > now_us for shot in [*live.shots.values()])
    await until(nothing_due)
    await venue.settled()
    sessions = [each["id"] for each in (await venue.api("GET", "/sessions?limit=1000"))["items"]]
    told = {f"/{what}": await venue.api("GET", f"/{what}") for what in ("acts", "karts", "formats", "layouts")}
    told["/passings"] = await venue.journal()
    for session in sessions:
        told |= await told_of(venue, session)
    return told


async def told_of(venue: Park, session: str) -> dict[str, Any]:
    """All that the API tells of one session, every version of its result among it."""
    at = f"/sessions/{session}"
    told = {at + what: await venue.api("GET", at + what) for what in ("", "/board", "/laps", "/proposals", "/notes")}
    for version in range(1, told[at]["version"] + 1):
        told[f"{at} v{version}"] = await venue.api("GET", f"{at}/result?version={version}")
    if told[at]["state"] in ("provisional", "official"):
        told[f"{at} result"] = await venue.api("GET", f"{at}/result")
    return told


async def cross(venue: Park, *crossings: tuple[float, str]) -> None:
    """Karts by number cross at seconds of the decoder's clock; kart 7 wears transponder 1007."""
    for at_s, kart in crossings:
        await venue.cross(round(at_s * S), f"{1000 + int(kart)}" if kart != STRANGER else STRANGER)


async def drive(venue: Park, times: dict[str, list[float]], *, first: float = 5, apart: float = 1) -> None:
    """Each kart does these laps (seconds), the first from ``first`` on, the others ``apart`` seconds behind each other."""
    crossings = []
    for index, (kart, laps) in enumerate(times.items()):
        at_s = first + index * apart
        crossings.append((at_s, kart))
        for lap in laps:
            at_s += lap
            crossings.append((at_s, kart))
    await cross(venue, *sorted(crossings))


async def times(venue: Park) -> dict[str, list[float]]:
    """The laps that count, in seconds, by kart."""
    return {kart: [lap["time_us"] / S for lap in laps if lap["verdict"] != "void"]
            for kart, laps in (await venue.laps()).items()}


async def order_of(venue: Park, what: str = "board") -> list[tuple[int | None, str, int]]:
    """(position, kart, laps) from the top."""
    items = (await venue.api("GET", f"/sessions/{venue.session}/{what}"))["items"]
    return [(row["position"], row["kart"], row["laps"]) for row in items]


async def proposals(venue: Park) -> list[dict[str, Any]]:
    """What the box is not sure of."""
    found: list[dict[str, Any]] = (await venue.api("GET", f"/sessions/{venue.session}/proposals"))["items"]
    return found


async def refused(venue: Park, name: str, *words: str, status: int = 409, session: str | None = None, **args: Any) -> str:
    """An order that is not possible; the sentence that says why."""
    said = (await venue.order(name, status=status, session=session, **args))["detail"]
    assert all(word in said for word in words), said
    return str(said)


async def passing_at(venue: Park, at_s: float) -> int:
    """The sequence of the passing at this moment of the decoder's clock."""
    start_us = venue.decoder.box._rtc_start_us
    return next(int(row["seq"]) for row in await venue.journal() if row["rtc_time_us"] - start_us == round(at_s * S))


def karts(*numbers: str) -> dict[str, str]:
    """Karts with their transponders."""
    return {number: f"{1000 + int(number)}" for number in numbers}
