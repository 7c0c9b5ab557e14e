"""Karts and drivers that come late, leave, change, are missed, or are counted by hand: each named after its row."""

from __future__ import annotations

from typing import Any

from tests.journeys.conftest import Park, until
from tests.journeys.control import (
    STRANGER,
    S,
    at_the_track,
    cross,
    drive,
    karts,
    order_of,
    passing_at,
    proposals,
    refused,
    times,
)

MANY = tuple(str(number) for number in range(1, 11))


async def drivers(venue: Park) -> dict[str, str | None]:
    """Who sits where, by kart."""
    return {kart: row["driver"] for kart, row in (await venue.rows()).items()}


@at_the_track()
async def test_a18_a_kart_that_does_not_come_is_overdue_on_the_board_and_in_the_stream(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="20m", min_lap_s=15)
    await drive(venue, {"7": [40, 40, 40], "3": [50, 60]})
    board = await venue.api("GET", f"/sessions/{venue.session}/board")
    assert board["expected"] == [{"kart": "7", "due_us": 40 * S, "overdue": False},
                                 {"kart": "3", "due_us": 46 * S, "overdue": False}]
    async with venue.stream() as stream:
        venue.advance(185 * S)                                  # 7 was due at 165, 1.5 laps are over at 185
        told = await stream.until("exception")
        assert told[-1].data["what"] == "proposal"
        assert told[-1].data["kind"] == "overdue"
        assert (told[-1].data["kart"], told[-1].id) == ("7", None)
        board = (await stream.until("board"))[-1].data
        assert {row["kart"]: row["overdue"] for row in board["items"]} == {"7": True, "3": False}
    [case] = await proposals(venue)
    assert case["id"] == told[-1].data["id"]
    await venue.order("accept", proposal=case["id"])
    assert (await venue.rows())["7"]["state"] == "dnf"
    await venue.order("undo")
    await cross(venue, (190, "7"))
    assert (await venue.rows())["7"]["overdue"] is False
    assert await proposals(venue) == []


@at_the_track()
async def test_a19_without_a_decoder_karts_are_counted_by_hand_and_reads_that_come_later_are_exact(venue: Park) -> None:
    await venue.heat(karts(*MANY), "stage", "green", format="20m", ranking="position", min_lap_s=15)
    await cross(venue, *((5 + n, kart) for n, kart in enumerate(MANY)))
    port = venue.decoder._port.port
    await venue.decoder.stop()
    await until(lambda: venue.appliance.live.statuses["line"].state == "down")
    for lap in (1, 2):
        for n, kart in enumerate(MANY):
            at = round((5 + n + lap * 40 + n / 100) * S)
            venue.advance(at)
            venue.decoder.cross(f"{1000 + int(kart)}", at)       # it reads on, and nobody hears it
            venue.advance(at + 300_000)
            await venue.order("tap", kart=kart)
    laps = await venue.laps()
    assert {kart: len(its) for kart, its in laps.items()} == dict.fromkeys(MANY, 2)
    assert {lap["source"] for its in laps.values() for lap in its} == {"manual"}
    assert [kart for _, kart, _ in await order_of(venue)] == [*MANY]
    venue.decoder._port.port = port
    await venue.decoder.start(begin=False)
    await until(lambda: venue.appliance.live.statuses["line"].state == "reading")
    await cross(venue, *((5 + n + 120, kart) for n, kart in enumerate(MANY)))
    laps = await venue.laps()
    assert {lap["source"] for its in laps.values() for lap in its} == {"loop"}
    assert {kart: [lap["time_us"] for lap in its][:1] for kart, its in laps.items()} == {
        kart: [40 * S + n * 10_000] for n, kart in enumerate(MANY)}
    assert {len(its) for its in laps.values()} == {3}            # no lap twice


@at_the_track(tracks=["small"])
async def test_a20_x12_two_tracks_run_at_once_and_a_passing_belongs_to_the_loop_it_was_read_on(venue: Park) -> None:
    main = await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    small = await venue.heat(karts("9", "4"), "stage", "green", name="Small", format="8m", min_lap_s=5, track="small")
    for at_s, kart, link in ((5, "7", "line"), (6, "9", "small"), (16, "9", "small"), (17, "7", "small"), (25, "9", "line"),
                             (26, "9", "small"), (45, "7", "line")):
        await venue.cross(at_s * S, f"{1000 + int(kart)}", link=link)
    assert await times(venue) == {"9": [10, 10]}
    venue.session = main
    assert await times(venue) == {"7": [40]}
    assert {row["session"] for row in await venue.journal() if row["link"] == "small"} == {small}
    await refused(venue, "join", "Kart 9 is in Small", kart="9")
    await venue.api("POST", "/karts", {"number": "12"})
    await refused(venue, "join", "is in Small too", kart="12", driver="Driver 9")
    await refused(venue, "swap_kart", "Kart 9 is in Small", **{"from": "7", "to": "9", "since": "now"})
    await refused(venue, "assign", "is in Small too", kart="7", driver="Driver 9")
    third = await venue.heat(karts("7"), name="Third", format="8m", track="small")
    await refused(venue, "stage", "Small is on this track", session=third)
    await venue.order("finish", session=small)
    await refused(venue, "stage", "Kart 7 is in Heat", session=third)
    await venue.order("leave", session=main, kart="7")
    await venue.order("stage", session=third)
    acts = (await venue.api("GET", "/acts"))["items"]
    leave = next(act["seq"] for act in acts if act["name"] == "leave")
    said = await venue.api("POST", f"/sessions/{main}/orders", {"order": "undo", "of": leave}, status=409)
    assert "Kart 7 is in Third" in said["detail"]
    venue.session = main


@at_the_track()
async def test_b5_a_flag_for_one_kart_stands_on_its_row_until_it_is_taken_down(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    for flag in ("black", "mechanical", "warning", "blue"):
        async with venue.stream() as stream:
            await venue.order("kart_flag", kart="7", flag=flag)
            board = (await stream.until("board"))[-1].data
        assert {row["kart"]: row["flag"] for row in board["items"]} == {"7": flag, "3": ""}
    await venue.order("kart_flag", kart="7", flag="none")
    assert {row["flag"] for row in (await venue.rows()).values()} == {""}
    await refused(venue, "kart_flag", "is shown no flag", kart="7", flag="none")
    await venue.order("undo")
    assert (await venue.rows())["7"]["flag"] == "blue"


@at_the_track()
async def test_b12_x6_late_join_leave_and_no_show(venue: Park) -> None:
    await venue.heat(karts("7", "3", "4"), "stage", "green", format="8m", ranking="position", min_lap_s=15)
    await venue.api("POST", "/karts", {"number": "9", "transponders": ["1009"]})
    await cross(venue, (5, "7"), (6, "3"), (7, "9"), (45, "7"), (47, "3"), (50, "9"))
    venue.advance(180 * S)
    await venue.order("join", kart="9", driver="Ada")
    assert ((await venue.rows())["9"]["laps"], (await drivers(venue))["9"]) == (0, "Ada")
    await refused(venue, "join", "in this heat already", kart="9")
    await cross(venue, (200, "9"), (240, "9"))
    assert (await times(venue))["9"] == [40]
    await venue.order("leave", kart="3")
    await cross(venue, (250, "3"))
    assert (await times(venue))["3"] == [41]
    await venue.order("join", kart="3")
    await cross(venue, (260, "3"), (301, "3"))
    assert len((await times(venue))["3"]) >= 2
    await venue.order("finish")
    states = {kart: row["state"] for kart, row in (await venue.rows("result")).items()}
    assert states == {"7": "dnf", "3": "dnf", "9": "dnf", "4": "dns"}
    await venue.order("undo")


@at_the_track()
async def test_x6_one_person_cannot_be_in_a_heat_twice_nor_in_two_that_are_on(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m")
    await venue.api("POST", "/karts", {"number": "9"})
    await refused(venue, "join", "Driver 7 is in this heat already", kart="9", driver="Driver 7")
    await refused(venue, "assign", "twice", kart="3", driver="Driver 7")
    await venue.order("assign", entries=[{"kart": "3", "driver": "Driver 7"}, {"kart": "7", "driver": "Driver 3"}])
    assert await drivers(venue) == {"3": "Driver 7", "7": "Driver 3"}
    names = [row["name"] for row in (await venue.api("GET", "/drivers"))["items"]]
    assert sorted(names) == ["Driver 3", "Driver 7"]              # nobody was made by what was refused


@at_the_track()
async def test_x4_a_transponder_that_was_moved_counts_for_the_kart_that_wears_it_from_then_on(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await cross(venue, (5, "7"), (45, "7"), (50, STRANGER), (90, STRANGER))
    await venue.order("bind", kart="3", transponder=STRANGER, since="start")
    assert await times(venue) == {"7": [40], "3": [40]}
    venue.advance(95 * S)
    await venue.order("bind", kart="7", transponder=STRANGER, since="now")
    await cross(venue, (100, STRANGER))
    assert await times(venue) == {"7": [40, 55], "3": [40]}
    await venue.order("undo")
    assert await times(venue) == {"7": [40], "3": [40]}           # 10 s: the same kart again too soon
    await venue.order("redo")
    assert (await times(venue))["7"] == [40, 55]


@at_the_track()
async def test_c4_x5_a_kart_is_swapped_from_now_on_or_since_the_start_and_laps_stay_with_their_driver(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", min_lap_s=15)
    await venue.api("POST", "/karts", {"number": "9", "transponders": ["1009"]})
    await drive(venue, {"7": [40, 40], "3": [42]})
    swap = {"from": "7", "to": "9", "since": "now"}
    await venue.order("swap_kart", **swap)
    await cross(venue, (90, "7"), (125, "9"), (165, "9"))
    laps = await venue.laps()
    assert await times(venue) == {"7": [40, 40], "3": [42], "9": [40, 40]}
    assert {lap["driver"] for kart in ("7", "9") for lap in laps[kart]} == {"Driver 7"}
    assert await drivers(venue) == {"9": "Driver 7", "3": "Driver 3"}
    assert (await venue.rows())["9"]["laps"] == 4
    await venue.order("undo")
    assert await drivers(venue) == {"7": "Driver 7", "3": "Driver 3"}
    await refused(venue, "swap_kart", "must be another kart", status=422, **{**swap, "to": "7"})
    await refused(venue, "swap_kart", "there is no kart 99", status=422, **{**swap, "to": "99"})
    await venue.order("swap_kart", **{**swap, "to": "3", "since": "start"})      # each sat in the other's all along
    assert await drivers(venue) == {"7": "Driver 3", "3": "Driver 7"}
    assert {(lap["driver"], lap["kart"]) for its in (await venue.laps()).values() for lap in its} == {
        ("Driver 3", "7"), ("Driver 7", "3")}
    await venue.order("finish")
    await refused(venue, "swap_kart", "only be since the start", **swap)


@at_the_track()
async def test_x16_the_wrong_people_in_a_heat_are_put_right_after_it_whole_or_one_by_one(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 39], "3": [41]})
    await venue.order("finish")
    await venue.order("assign", entries=[{"kart": "7", "driver": "Ada"}, {"kart": "3", "driver": "Grace"}])

    async def told() -> dict[str, Any]:
        names = {row["id"]: row["name"] for row in (await venue.api("GET", "/drivers"))["items"]}
        bests = await venue.appliance.reading.personal_bests(names)
        rows = await venue.appliance.reading.laps(venue.session)
        stored = {(names[row["driver_id"]], row["time_us"] // S) for row in rows}
        shown = {(lap["driver"], lap["time_us"] // S) for its in (await venue.laps()).values() for lap in its}
        assert stored == shown
        return {names[driver]: best // S for driver, best in bests.items()}
    assert await told() == {"Ada": 39, "Grace": 41}
    await venue.order("assign", kart="3", driver="Lin")
    assert await told() == {"Ada": 39, "Lin": 41}
    await venue.order("undo")
    assert await told() == {"Ada": 39, "Grace": 41}
    await venue.order("move_laps", **{"from": "7", "to": "3", "laps": None})
    assert list(await told()) == ["Grace"]
    await venue.order("undo")
    await venue.order("confirm")
    await refused(venue, "assign", "official", kart="3", driver="Lin")
    assert await passing_at(venue, 5) > 0

