"""Why a lap is what it is: every read of a kart with its source and what was decided about it."""

from __future__ import annotations

from tests.journeys.conftest import Park
from tests.journeys.control import S, at_the_track, cross, karts, passing_at
from trackd.services.evidence import KartSheet, kart_sheet


async def sheet(venue: Park, kart: str) -> KartSheet:
    return await kart_sheet(venue.appliance, venue.session, kart)


@at_the_track()
async def test_a_sheet_tells_each_lap_by_its_reads_sources_and_decisions(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await cross(venue, (5, "7"), (45, "7"), (46, "7"), (50, "7"), (85, "7"))
    await venue.order("insert_crossing", kart="7", at_us=65 * S, reason="Seen by the marshal")
    venue.advance(120 * S)
    await venue.order("tap", kart="7")
    await venue.order("void_lap", kart="7", lap=1, reason="Cut the chicane")
    told = await sheet(venue, "7")
    assert [each.lap.time_us // S for each in told.laps] == [20, 20, 35]
    assert {each.lap.source for each in told.laps} == {"manual"}
    assert [read.source for each in told.laps for read in each.reads[1:]] == ["manual", "loop", "tap"]
    assert [read.at_us // S for read in told.laps[2].reads] == [85, 120]
    assert [(act.name, act.by) for act in told.laps[0].decisions] == [("insert_crossing", "test")]
    [struck] = told.struck
    assert ([act.name for act in struck.decisions], struck.reads[1].seq) == (["void_lap"], await passing_at(venue, 45))
    assert [(read.verdict, read.transponder) for read in told.others] == [("repeated", "1007"), ("too_short", "1007")]
    assert {read.link for read in told.others} == {"line"}


@at_the_track()
async def test_after_a_swap_each_driver_has_the_reads_of_the_karts_they_sat_in(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await cross(venue, (5, "7"), (6, "3"), (7, "7"), (45, "7"), (46, "3"), (50, "3"))
    venue.advance(60 * S)
    await venue.order("swap_kart", **{"from": "7", "to": "3", "since": "now"})
    await cross(venue, (85, "3"), (86, "3"), (90, "7"))
    begun_in_7, begun_in_3 = await sheet(venue, "3"), await sheet(venue, "7")
    assert [each.lap.kart for each in begun_in_7.laps] == ["7", "3"]
    assert [(read.at_us // S, read.transponder) for read in begun_in_7.others] == [(7, "1007"), (86, "1003")]
    assert [(read.at_us // S, read.transponder) for read in begun_in_3.others] == [(50, "1003")]
