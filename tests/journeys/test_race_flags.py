"""Start, stop, start again, finish: each named after its row in the list of features and cases."""

from __future__ import annotations

from tests.journeys.conftest import Park, until
from tests.journeys.control import S, at_the_track, cross, drive, karts, order_of, passing_at, proposals, refused, times


async def session(venue: Park) -> dict[str, object]:
    told: dict[str, object] = await venue.api("GET", f"/sessions/{venue.session}")
    return told


@at_the_track()
async def test_b3_a_countdown_goes_green_at_zero_and_its_abort_leaves_the_heat_staged_without_laps(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", format="8m", countdown_s=10)
    await venue.order("countdown")
    await refused(venue, "countdown", "runs already")
    await cross(venue, (4, "7"))
    board = await venue.api("GET", f"/sessions/{venue.session}/board")
    assert (board["countdown_us"], board["session"]["state"]) == (6 * S, "staged")
    await venue.order("abort")
    venue.advance(30 * S)
    board = await venue.api("GET", f"/sessions/{venue.session}/board")
    assert (board["countdown_us"], board["session"]["state"], board["items"][0]["laps"]) == (None, "staged", 0)
    await refused(venue, "abort", "No countdown")
    await venue.order("countdown", seconds=5)
    venue.advance(35 * S)
    await venue.state("running")
    venue.advance(40 * S)
    told = await session(venue)
    assert (told["flag"], told["elapsed_us"]) == ("green", 5 * S)              # to the instant, however late it was seen
    await cross(venue, (41, "7"), (81, "7"))
    assert [row["verdict"] for row in await venue.journal()] == ["neutral", "opened", "counted"]


@at_the_track()
async def test_b3_with_a_random_hold_green_comes_some_time_after_zero_the_same_for_ever(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", format="8m", countdown_s=3, random_hold_s=4)
    await venue.order("countdown")
    venue.advance(7 * S + 1)
    await venue.state("running")
    elapsed_us = (await session(venue))["elapsed_us"]
    assert isinstance(elapsed_us, int)
    assert 1 <= elapsed_us <= 4 * S + 1
    await venue.order("undo")
    assert (await session(venue))["state"] == "staged"
    await venue.order("redo")
    assert (await session(venue))["elapsed_us"] == elapsed_us


@at_the_track()
async def test_b6_red_stops_the_clock_and_resume_leaves_the_time_that_was_left_and_the_laps(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 40, 40, 40, 40], "3": [41, 41, 41]})
    before = await times(venue)
    venue.advance(250 * S)
    told = await venue.order("red", reason="Tyre on the track")
    assert (told["state"], told["remaining_us"]) == ("paused", 230 * S)
    venue.advance(370 * S)
    assert (await session(venue))["remaining_us"] == 230 * S
    await venue.order("resume")
    venue.advance(380 * S)
    assert (await session(venue))["remaining_us"] == 220 * S
    assert await times(venue) == before == {"7": [40] * 5, "3": [41] * 3}
    assert (await venue.api("GET", "/acts"))["items"][1]["reason"] == "Tyre on the track"


@at_the_track()
async def test_x7_after_a_resume_no_lap_is_made_of_less_driving_than_the_hold_off(venue: Park) -> None:
    await venue.heat(karts("7", "3", "9"), "stage", "green", format="20m", min_lap_s=15)
    await drive(venue, {"7": [40, 40, 40], "3": [40, 40, 40], "9": [40, 40, 40]})
    venue.advance(140 * S)
    await venue.order("red")
    await cross(venue, (150, "7"))                              # pushed over the line
    venue.advance(400 * S)
    await venue.order("resume")
    await cross(venue, (403, "3"), (420, "7"), (431, "9"))      # 3 was 14 s from the line when it stood, 7 drove 15 + 20 s
    told = {row["seq"]: row["verdict"] for row in await venue.journal()}
    assert [told[await passing_at(venue, at_s)] for at_s in (150, 403)] == ["neutral", "neutral"]
    assert {kart: len(laps) for kart, laps in (await times(venue)).items()} == {"7": 4, "3": 3, "9": 4}
    assert (await venue.laps())["9"][3]["verdict"] == "red"
    assert (await venue.rows())["9"]["best_us"] == 40 * S
    await venue.order("red")
    venue.advance(500 * S)
    await venue.order("resume", hold_off_s=0)
    await cross(venue, (503, "7"))
    assert len((await times(venue))["7"]) == 5                  # 0: every read counts at once


@at_the_track()
async def test_x7_under_red_the_policy_of_the_format_is_proposed_and_one_tap_follows_it(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="10L", ranking="position", finish="leader", min_lap_s=15)
    await drive(venue, {"7": [40], "3": [41]})
    await venue.order("red")
    [advice] = await proposals(venue)
    assert (advice["kind"], [each["order"] for each in advice["orders"]]) == ("red", ["restart"])
    assert "original grid" in advice["reason"]
    told = await venue.order("accept", proposal=advice["id"])
    assert (told["state"], told["attempt"]) == ("staged", 2)
    await venue.order("undo")
    assert (await session(venue))["state"] == "paused"
    await venue.order("dismiss", proposal=advice["id"])
    assert await proposals(venue) == []


@at_the_track()
async def test_b7_a_restart_keeps_or_voids_the_laps_and_both_are_taken_back(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", min_lap_s=15)
    await drive(venue, {"7": [40, 41], "3": [42]})
    running = {"rows": await venue.rows(), "laps": await venue.laps()}
    told = await venue.order("restart", laps="keep", reason="Crash in turn one")
    assert (told["state"], told["attempt"]) == ("staged", 1)
    assert await times(venue) == {"7": [40, 41], "3": [42]}
    await venue.order("undo")
    assert {"rows": await venue.rows(), "laps": await venue.laps()} == running
    told = await venue.order("restart", laps="void")
    assert (told["state"], told["attempt"], told["elapsed_us"]) == ("staged", 2, 0)
    assert await times(venue) == {}
    assert {row["laps"] for row in (await venue.rows()).values()} == {0}
    notes = await venue.api("GET", f"/sessions/{venue.session}/notes")
    assert [(each["attempt"], [(row["kart"], row["laps"]) for row in each["rows"]]) for each in notes["attempts"]] == [
        (1, [("7", 2), ("3", 1)])]
    venue.advance(200 * S)
    await venue.order("green")
    await drive(venue, {"3": [39, 38], "7": [45]}, first=205)
    assert await order_of(venue) == [(1, "3", 2), (2, "7", 1)]
    again = await venue.order("reinstate", attempt=1)
    assert (again["state"], again["attempt"]) == ("paused", 1)
    assert await times(venue) == {"7": [40, 41], "3": [42]}
    await venue.order("undo")
    assert await times(venue) == {"7": [45], "3": [39, 38]}
    await venue.order("redo")
    await venue.order("finish")
    assert await order_of(venue, "result") == [(1, "7", 2), (2, "3", 1)]
    stored = await venue.appliance.reading.laps(venue.session)
    assert [lap["time_us"] for lap in stored] == [42 * S, 40 * S, 41 * S]      # of the attempt that counts, nothing else


@at_the_track()
async def test_b9_x13_a_stop_pressed_by_mistake_is_undone_and_no_passing_is_lost(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 40], "3": [41]})
    await venue.order("finish")
    await cross(venue, (87, "3"), (94, "9"))
    told = {row["seq"]: row["verdict"] for row in await venue.journal()}
    assert told[await passing_at(venue, 87)] == "late"
    await venue.order("undo")
    assert (await session(venue))["state"] == "running"
    assert await times(venue) == {"7": [40, 40], "3": [41, 40]}
    await cross(venue, (125, "7"))
    assert (await times(venue))["7"] == [40, 40, 40]


@at_the_track()
async def test_b9_a_chequered_shown_by_mistake_is_undone_within_the_grace_time(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", finish="leader", min_lap_s=15)
    await drive(venue, {"7": [40], "3": [41]})
    await venue.order("chequered")
    await cross(venue, (85, "7"))
    assert (await venue.rows())["7"]["state"] == "finished"
    await venue.order("undo")
    assert {row["state"] for row in (await venue.rows()).values()} == {"running"}
    await cross(venue, (88, "3"), (125, "7"))
    assert await times(venue) == {"7": [40, 40, 40], "3": [41, 41]}


@at_the_track()
async def test_b10_x14_who_finished_first_and_where_is_set_afterwards_in_one_order(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="20m", ranking="position", finish="leader", min_lap_s=15)
    await drive(venue, {"7": [40, 40, 40, 40], "3": [41, 41, 41, 41]})
    await venue.order("chequered")                              # a lap too late: it was over after lap 3
    await cross(venue, (205, "7"), (211, "3"))
    await venue.state("provisional")
    assert await order_of(venue, "result") == [(1, "7", 5), (2, "3", 5)]
    before = await venue.rows()
    await venue.order("set_finish", kart="7", lap=3, reason="Programmed distance")
    assert await order_of(venue, "result") == [(1, "7", 3), (2, "3", 3)]
    assert {row["state"] for row in (await venue.rows()).values()} == {"finished"}
    verdicts = {row["seq"]: row["verdict"] for row in await venue.journal()}
    assert verdicts[await passing_at(venue, 205)] == "late"
    await venue.order("undo")
    assert await venue.rows() == before


@at_the_track()
async def test_b10_x13_a_start_pressed_late_or_early_is_set_right_afterwards(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", format="8m", ranking="position", min_lap_s=15)
    await cross(venue, (5, "7"), (6, "3"))
    venue.advance(20 * S)
    await venue.order("green")                                  # they had been racing for a lap's beginning already
    await cross(venue, (45, "7"), (47, "3"), (85, "7"), (88, "3"))
    assert await times(venue) == {"7": [40], "3": [41]}
    await venue.order("set_start", at_us=-16 * S)               # before the first of them
    assert await times(venue) == {"7": [40, 40], "3": [41, 41]}
    assert (await session(venue))["elapsed_us"] == (88 - 4) * S
    await venue.order("set_start", passing=await passing_at(venue, 45))
    assert await times(venue) == {"7": [40], "3": [41]}
    for _ in range(2):
        await venue.order("undo")
    assert await times(venue) == {"7": [40], "3": [41]}
    assert (await session(venue))["elapsed_us"] == 68 * S


@at_the_track()
async def test_b11_length_and_shortest_lap_change_while_it_runs(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="8m", min_lap_s=45)
    await cross(venue, (5, "7"), (45, "7"), (85, "7"))
    assert await times(venue) == {"7": [80]}
    async with venue.stream() as stream:
        await venue.order("set", min_lap_s=20)
        assert (await stream.until("board"))[-1].data["items"][0]["laps"] == 2
    assert await times(venue) == {"7": [40, 40]}
    told = await venue.order("set", duration="10m")
    assert (told["format"], told["remaining_us"]) == ("10m", (600 - 85) * S)
    told = await venue.order("set", duration="90s")
    assert told["remaining_us"] == 5 * S
    venue.advance(91 * S)
    await venue.state("finishing")
    await venue.order("undo")                                   # not yet: there were ten minutes
    assert ((await session(venue))["state"], (await session(venue))["format"]) == ("running", "10m")
    await venue.order("set", ranking="position", grace_s=20)
    assert (await session(venue))["ranking"] == "position"


@at_the_track()
async def test_x14_a_chequered_shown_a_lap_early_gives_the_result_at_that_lap(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="5L", ranking="position", finish="leader", min_lap_s=15)
    await drive(venue, {"7": [40, 40, 40], "3": [41, 41, 41]})
    await venue.order("chequered")
    await cross(venue, (165, "7"), (170, "3"), (205, "7"))
    await venue.state("provisional")
    assert await order_of(venue, "result") == [(1, "7", 4), (2, "3", 4)]
    assert [row["verdict"] for row in await venue.journal()][-1] == "late"


@at_the_track()
async def test_the_clock_acts_while_the_box_is_off_and_a_restart_catches_up(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="2m", min_lap_s=15)
    await drive(venue, {"7": [40]})
    await venue.off()
    venue.advance(400 * S)
    await venue.on()
    await until(lambda: venue.appliance.live.boards[venue.session].session.state == "provisional")
    assert (await session(venue))["elapsed_us"] == 120 * S
