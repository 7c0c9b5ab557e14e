"""A whole heat over the real wire: perfect on every protocol, and with everything that goes wrong at a track."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Park, park
from tests.journeys.heats import FORMAT, KARTS, LENGTH, STRANGER, Drive, drives, place, sheet, shown_everywhere
from trackd.emulator.faults import KINDS
from trackd.protocols.registry import PROTOCOLS
from trackd.services.rebuild import check

S = 1_000_000
GREEN = 60 * S


async def drive(venue: Park, seed: int = 1) -> list[Drive]:
    """Stage, green, and every crossing of the heat; each is through before the next begins."""
    plan = drives(seed, GREEN)
    await venue.heat(KARTS, "stage", format=FORMAT)
    for each in plan:
        if each.at > GREEN > venue.now:
            venue.advance(GREEN)
            await venue.order("green")
        await venue.cross(each.at, each.transponder)
    venue.advance(GREEN + LENGTH + 120 * S)
    await venue.state("provisional")
    await venue.settled()
    return plan


async def result(venue: Park) -> list[tuple[str, tuple[int, ...]]]:
    """(kart, lap times) in the order of the result sheet."""
    laps = await venue.laps()
    items = (await venue.api("GET", f"/sessions/{venue.session}/result"))["items"]
    assert [row["position"] for row in items] == [*range(1, len(items) + 1)]
    for row in items:
        times = [lap["time_us"] for lap in laps[row["kart"]]]
        assert (row["laps"], row["best_us"], row["last_us"]) == (len(times), min(times), times[-1])
        assert row["gap_us"] == (row["best_us"] - items[0]["best_us"] if row is not items[0] else None)
    return [(row["kart"], tuple(lap["time_us"] for lap in laps[row["kart"]])) for row in items]


def kept(row: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a journal row its passing."""
    return (row["decoder_id"], row["passing_number"], row["transponder"], row["rtc_time_us"])


def facts(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Bodies of the journal's facts of one kind."""
    with closing(sqlite3.connect(folder / "trackd.db")) as db:
        return [json.loads(body) for (body,) in db.execute("SELECT body FROM journal WHERE kind = ? ORDER BY seq", (kind,))]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_heat_on_a_perfect_wire_gives_the_result_its_passings_make(run, tmp_path: Path, protocol: str) -> None:
    async def heat() -> None:
        async with park(tmp_path, protocol) as venue:
            plan = await drive(venue)
            assert await result(venue) == sheet(plan, GREEN)
            rows = await venue.journal()
            assert [kept(row) for row in rows] == [place(passing) for passing in venue.decoder.sent]
            assert {row["verdict"] for row in rows if row["transponder"] == STRANGER} == {"unassigned"}
            told = Counter(row["verdict"] for row in rows)
            laps = sum(len(want.laps) for want in sheet(plan, GREEN))
            assert told == {"neutral": len(KARTS), "opened": len(KARTS), "counted": laps, "unassigned": 2}
            assert not facts(tmp_path, "gap")
            assert not facts(tmp_path, "rejected")
        assert check(tmp_path).differences == []
    run(heat)


FAULTS = {  # what is asked of the emulator, and whether the decoder's clock or numbers begin anew in it
    "dropped_frame": ("dropped_frame:0.25", False), "corrupted_byte": ("corrupted_byte:0.25", False),
    "duplicate_frame": ("duplicate_frame:0.5", False), "split_every_byte": ("split_every_byte", False),
    "repeated_read": ("repeated_read:0.4", False), "missed_read": ("missed_read:0.1", False),
    "disconnect": ("disconnect@150", False), "silence": ("silence@140=40", False),
    "restart": ("restart@150", True), "clock_step": ("clock_step@150=3600", True),
}


def test_every_fault_the_emulator_knows_is_tried() -> None:
    assert FAULTS.keys() == KINDS.keys()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", [name for name, (_, anew) in FAULTS.items() if not anew])
def test_no_fault_loses_or_doubles_a_passing(run, tmp_path: Path, name: str, seed: int) -> None:
    async def heat() -> None:
        async with park(tmp_path, faults=[FAULTS[name][0]], seed=seed) as venue:
            await drive(venue, seed)
            sent = [*venue.decoder.sent]
            rows: Counter[tuple[Any, ...]] = Counter()
            while place(venue.decoder.sent[-1]) not in rows:         # one that arrives reveals what was lost at the end
                await venue.cross(venue.now + 5 * S, STRANGER)
                rows = Counter(kept(row) for row in await venue.journal())
            assert rows == Counter(map(place, venue.decoder.sent))
            seen = [(p.rtc_time_us - venue.decoder.box._rtc_start_us, p.transponder) for p in sent]
            assert await result(venue) == sheet(seen, GREEN)
            await the_repairs(venue, tmp_path, name)
        assert check(tmp_path).differences == []
    run(heat)


async def the_repairs(venue: Park, folder: Path, name: str) -> None:
    """Every gap stands in the journal as asked for and as filled; nothing else was repaired."""
    gaps = facts(folder, "gap")
    asked = [(g["first"], g["last"]) for g in gaps if g["outcome"] == "asked"]
    filled = [(g["first"], g["last"]) for g in gaps if g["outcome"] == "filled"]
    assert sorted(asked) == sorted(filled)
    assert len(asked) + len(filled) == len(gaps)
    if name in ("dropped_frame", "corrupted_byte", "disconnect", "silence"):
        assert asked
    else:
        assert not asked
    if name == "missed_read":
        assert venue.decoder.missed
    if name == "corrupted_byte":
        assert {r["reason"] for r in facts(folder, "rejected")} & {"checksum", "length", "escape"}


@pytest.mark.parametrize("name", [name for name, (_, anew) in FAULTS.items() if anew])
def test_x8_a_decoder_that_begins_anew_loses_no_passing_and_spoils_only_the_lap_across_it(run, tmp_path: Path,
                                                                                         name: str) -> None:
    async def heat() -> None:
        async with park(tmp_path, faults=[FAULTS[name][0]]) as venue:
            plan = await drive(venue)
            rows = Counter(kept(row) for row in await venue.journal())
            assert rows == Counter(map(place, venue.decoder.sent))
            laps = await venue.laps()
            for kart, times in sheet(plan, GREEN):
                crossed = [at for at, transponder in plan if transponder == KARTS[kart] and at > GREEN]
                assert len(laps[kart]) == len(times)
                for number, (lap, time_us) in enumerate(zip(laps[kart], times, strict=True)):
                    across = crossed[number] < 150 * S <= crossed[number + 1]
                    assert (lap["verdict"] == "suspect") == across
                    # Across it only our own clock tells, to the delay of the wire; here it stood still meanwhile.
                    assert lap["time_us"] == time_us
            await shown_everywhere(venue)
        assert check(tmp_path).differences == []
    run(heat)


@pytest.mark.parametrize("fault", ["dropped_frame:0.25", "disconnect:0.05", "silence@140=40", "restart@150",
                                   "clock_step@150=3600"])
@pytest.mark.parametrize("protocol", ["node", "chronelec"])
def test_other_wires_that_can_send_again_lose_and_double_nothing_either(run, tmp_path: Path, protocol: str,
                                                                        fault: str) -> None:
    async def heat() -> None:
        async with park(tmp_path, protocol, faults=[fault]) as venue:
            await drive(venue)
            rows: Counter[tuple[Any, ...]] = Counter()
            while place(venue.decoder.sent[-1]) not in rows:
                await venue.cross(venue.now + 5 * S, STRANGER)
                rows = Counter(kept(row) for row in await venue.journal())
            assert rows == Counter(map(place, venue.decoder.sent))
            assert {gap["outcome"] for gap in facts(tmp_path, "gap")} <= {"asked", "filled"}
            acked = {place(passing) for passing in venue.decoder.acked}
            assert acked <= rows.keys()
            assert bool(acked) == (protocol == "chronelec")
        assert check(tmp_path).differences == []
    run(heat)


def test_a_wire_that_cannot_send_again_has_every_lost_number_in_the_journal(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path, "p98", faults=["dropped_frame:0.25"]) as venue:
            await drive(venue)
            rows: Counter[tuple[Any, ...]] = Counter()
            while place(venue.decoder.sent[-1]) not in rows:
                await venue.cross(venue.now + 5 * S, STRANGER)
                rows = Counter(kept(row) for row in await venue.journal())
            lost = Counter(map(place, venue.decoder.sent)) - rows
            gaps = facts(tmp_path, "gap")
            assert lost
            assert {gap["outcome"] for gap in gaps} == {"unrecoverable"}
            told = [number for gap in gaps for number in range(gap["first"], gap["last"] + 1)]
            assert told == sorted(number for _, number, _, _ in lost)
    run(heat)
