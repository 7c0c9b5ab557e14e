"""Sectors by loops and by the lines of a layout (A13): one that is missing is empty and takes nothing else along."""

from __future__ import annotations

import numpy as np

from tests.gps.drive import MIDDLE, PLANE, RADIUS_M, ROUND, laps_of, trace_at
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv
from tests.journeys.test_recordings import sent
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import geojson_of
from trackd.gps.trace import Trace

LOOPS = {"start_finish": "268307", "sector:1": "268308", "sector:2": "268309"}


@at_the_park(loops=LOOPS, role=None, roles={loop: role for role, loop in LOOPS.items()})
async def test_a13_a_sector_the_loop_missed_is_empty_and_the_lap_and_its_other_sectors_stay(park: Park) -> None:
    await park.heat(KARTS, "stage", format="8m", ranking="best_lap", min_lap_s=20)
    begin = park.now + S
    park.advance(begin)
    await park.order("green")
    for at_s, role in ((5, "start_finish"), (18, "sector:1"), (32, "sector:2"), (45, "start_finish"),
                       (72, "sector:2"), (85, "start_finish"), (98, "sector:1"), (125, "start_finish")):
        await park.cross(begin + at_s * S, KARTS["1"], loop=role)
    laps = (await park.laps())["1"]
    assert [lap["time_us"] // S for lap in laps] == [40, 40, 40]
    assert [[each and each // S for each in lap["sectors_us"]] for lap in laps] == [
        [13, 14, 13], [None, None, 13], [13, None, None]]
    assert {lap["verdict"] for lap in laps} == {"valid"}


def with_a_detour(trace: Trace, from_s: float, to_s: float) -> Trace:
    """The kart leaves the track to the inside between two moments, as over a run-off, and passes no line there."""
    t_s = trace.t_us / 1e6
    xy = np.stack(((trace.lon_deg - MIDDLE.lon_deg) * PLANE.east_m, (trace.lat_deg - MIDDLE.lat_deg) * PLANE.north_m), 1)
    xy[(t_s > from_s) & (t_s < to_s)] *= 1 - 30 / RADIUS_M
    return trace_at(t_s, xy)




@at_the_park()
async def test_a13_a_sector_line_the_kart_went_round_is_empty_and_the_lap_stands(park: Park) -> None:
    drive, crossed = laps_of([40.0, 41.0, 40.5, 40.2])
    await park.api("POST", "/layouts", geojson_of(ROUND))
    second_s = crossed[1] + 41.0 / 3
    _, found = await sent(park, "kart.csv", aim_csv(with_a_detour(drive.trace(25), second_s - 2, second_s + 2)))
    full = [lap for lap in found["laps"] if lap["kind"] == "full"]
    assert np.abs(np.array([lap["time_us"] for lap in full]) - np.diff(crossed) * S).max() < 5_000
    assert [[each is None for each in lap["sectors_us"]] for lap in full] == [
        [False] * 3, [True, True, False], [False] * 3, [False] * 3]
    assert "sector_missed" in full[1]["flags"]
