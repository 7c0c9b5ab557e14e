"""Taking back what people did (A10): any of the last fifty acts, from any page, by anybody, and doing it again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.journeys.conftest import Park, park
from tests.journeys.control import STRANGER, S, all_told, at_the_track, cross, drive, karts, refused, stays, times
from tests.journeys.test_failures import fill_last_page, full
from tests.venues import bearer, guest
from trackd.services.demo import LAYOUT
from trackd.services.rebuild import check


async def turn(venue: Park, name: str = "undo", **body: Any) -> Any:
    return await venue.api("POST", f"/{name}", body)


async def standing(venue: Park) -> list[str]:
    """The acts that stand, newest first."""
    return [act["name"] for act in (await venue.api("GET", "/acts"))["items"] if act["undone"] is None]


def shown(told: dict[str, Any]) -> dict[str, Any]:
    """Without the list of acts, which tells of every turn."""
    return {path: body for path, body in told.items() if path != "/acts"}


@at_the_track()
async def test_everything_done_in_a_day_is_undone_one_by_one_and_done_again(venue: Park) -> None:
    states = [shown(await all_told(venue))]
    heat = ""

    async def then(*what: Any) -> None:
        await venue.api(*what) if what[0] in ("POST", "PUT", "DELETE") else await venue.order(what[0], **what[1])
        states.append(shown(await all_told(venue)))
    await then("POST", "/karts", {"number": "7", "transponders": ["1007"], "class": "adult"})
    await then("POST", "/karts", {"number": "3", "transponders": ["1003"]})
    await then("PUT", "/karts/7", {"transponders": ["1007", "77"], "class": "junior"})
    await then("POST", "/formats", {"name": "Sprint", "format": "5m", "min_lap_s": 15})
    await then("POST", "/layouts", LAYOUT)
    await then("POST", "/sessions", {"name": "Heat", "format": "Sprint", "entries": [{"kart": "7"}, {"kart": "3"}]})
    heat = venue.session = (await venue.api("GET", "/sessions"))["items"][0]["id"]
    await then("stage", {})
    await then("green", {})
    await drive(venue, {"7": [40, 40], "3": [41]})
    states[-1] = shown(await all_told(venue))                    # what passed is not an act
    driven = len(states)
    for name, args in (("yellow", {}), ("green", {}), ("void_lap", {"kart": "7", "lap": 1}), ("finish", {}),
                       ("penalty", {"kart": "7", "kind": "time", "value": S}), ("confirm", {}), ("amend", {"reason": "x"}),
                       ("confirm", {})):
        await then(name, args)
    await then("DELETE", "/karts/3")
    assert len(await standing(venue)) == len(states) - 1
    for count in range(len(states) - 1, driven - 1, -1):
        await turn(venue)
        assert shown(await all_told(venue)) == states[count - 1], count
    for count in range(driven, len(states)):
        await turn(venue, "redo")
        assert shown(await all_told(venue)) == states[count], count
    for _ in range(len(states) - 1):
        await turn(venue)
    assert await standing(venue) == []
    assert (await venue.api("GET", "/karts"))["items"] == (await venue.api("GET", "/formats"))["items"] == []
    assert (await venue.api("GET", f"/sessions/{heat}"))["state"] == "void"
    assert (await venue.api("GET", "/sessions"))["items"] == []
    assert "nothing to undo" in (await venue.api("POST", "/undo", {}, status=409))["detail"]


@at_the_track()
async def test_an_undone_act_is_itself_written_down_with_who_when_and_why(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="8m")
    act = await turn(venue, reason="Pressed by mistake")
    assert (act["name"], act["undone_by"]) == ("green", "test")
    listed = (await venue.api("GET", "/acts"))["items"][0]
    assert listed == act
    assert act["undone"] > act["seq"]
    again = await turn(venue, "redo")
    assert (again["seq"], again["undone"], again["undone_by"]) == (act["seq"], None, None)


@at_the_track()
async def test_no_more_than_the_last_fifty(venue: Park) -> None:
    for number in range(1, 61):
        await venue.api("POST", "/karts", {"number": str(number)})
    acts = (await venue.api("GET", "/acts"))["items"]
    assert len(acts) == 50
    first = acts[-1]["seq"] - 1
    assert "last 50" in (await venue.api("POST", "/undo", {"of": first}, status=409))["detail"]
    for _ in range(50):
        await turn(venue)
    assert "nothing to undo" in (await venue.api("POST", "/undo", {}, status=409))["detail"]
    assert [kart["number"] for kart in (await venue.api("GET", "/karts"))["items"]] == [
        str(number) for number in sorted(range(1, 11), key=str)]
    await venue.off()
    await venue.on()
    assert "nothing to undo" in (await venue.api("POST", "/undo", {}, status=409))["detail"]
    for _ in range(50):
        await turn(venue, "redo")
    assert len((await venue.api("GET", "/karts"))["items"]) == 60


@at_the_track()
async def test_to_and_fro_as_often_as_you_like_and_the_list_is_still_whole(venue: Park) -> None:
    await venue.api("POST", "/karts", {"number": "7"})
    await venue.api("POST", "/karts", {"number": "3"})
    for _ in range(210):
        await turn(venue)
        await turn(venue, "redo")
    await turn(venue)
    await turn(venue)
    assert (await venue.api("GET", "/karts"))["items"] == []
    assert len((await venue.api("GET", "/acts"))["items"]) == 2


@at_the_track()
async def test_two_who_undo_the_same_act_at_once_undo_it_once_and_one_hears_who_was_first(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="8m")
    green = (await venue.api("GET", "/acts"))["items"][0]["seq"]
    async with guest(venue) as http:
        tokens = [venue.appliance.staff.add_token(name, "timekeeper") for name in ("Ada", "Grace")]
        headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        for path, body in ((f"/api/v1/sessions/{venue.session}/orders", {"order": "undo", "of": green}),
                           ("/api/v1/undo", {"of": green})):
            answers: list[httpx.Response] = await asyncio.gather(*(http.post(path, json=body, headers=h) for h in headers))
            assert sorted(answer.status_code for answer in answers) == [200, 409]
            said = next(answer.json()["detail"] for answer in answers if answer.status_code == 409)
            act = (await venue.api("GET", "/acts"))["items"][0]
            assert said == f"{act['undone_by']} has undone that already."
            assert act["undone_by"] in ("Ada", "Grace")
            await turn(venue, "redo")


@at_the_track()
async def test_two_who_undo_at_once_each_hear_of_the_act_they_took_back(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", "yellow", "red", format="8m")
    told = await asyncio.gather(*(turn(venue) for _ in range(4)))
    assert sorted(act["name"] for act in told) == ["green", "red", "stage", "yellow"]      # whoever was heard first
    told = await asyncio.gather(*(turn(venue, "redo") for _ in range(4)))
    assert sorted(act["name"] for act in told) == ["green", "red", "stage", "yellow"]
    assert not (await venue.api("GET", "/acts"))["items"][0]["undone"]


@at_the_track()
async def test_what_came_after_is_undone_first(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 40], "3": [41, 41]})
    await venue.order("void_lap", kart="7", lap=1)
    await venue.order("void_lap", kart="3", lap=2)
    seqs = [act["seq"] for act in (await venue.api("GET", "/acts"))["items"]]
    await venue.order("undo", of=seqs[1])                        # layers come off in any order
    assert await times(venue) == {"7": [40, 40], "3": [41]}
    for of in (seqs[2], seqs[3]):                                # what moved the heat on does not
        await refused(venue, "undo", "after that. Undo that first.", of=of)
    await venue.order("undo", of=seqs[0])
    await venue.order("redo", of=seqs[1])
    assert await times(venue) == {"7": [40], "3": [41, 41]}
    await venue.api("PUT", "/karts/7", {"transponders": ["1007"], "class": "b"})
    made = next(act["seq"] for act in (await venue.api("GET", "/acts"))["items"][::-1] if act["kind"] == "kart")
    problem = await venue.api("POST", "/undo", {"of": made}, status=409)
    assert "saved kart 7 after that. Undo that first." in problem["detail"]
    assert "nothing to redo" in (await venue.api("POST", "/redo", {"of": made}, status=409))["detail"]


@at_the_track()
async def test_steps_of_a_heat_are_done_again_in_the_order_in_which_they_were_done(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="8m")
    green, stage = [act["seq"] for act in (await venue.api("GET", "/acts"))["items"][:2]]
    await turn(venue)
    await turn(venue)
    problem = await venue.api("POST", "/redo", {"of": green}, status=409)
    assert "staged the heat before that. Redo that first." in problem["detail"]
    await turn(venue, "redo", of=stage)
    await turn(venue, "redo", of=green)
    await turn(venue)
    await venue.order("leave", kart="7")
    assert "since then" in (await venue.api("POST", "/redo", {"of": green}, status=409))["detail"]


@at_the_track()
async def test_a_transponder_a_name_or_a_kart_that_is_taken_by_now_keeps_an_act_undone(venue: Park) -> None:
    async def no(words: str, of: int, name: str = "undo") -> None:
        assert words in (await venue.api("POST", f"/{name}", {"of": of}, status=409))["detail"]

    async def newest() -> int:
        return int((await venue.api("GET", "/acts"))["items"][0]["seq"])
    await venue.api("POST", "/karts", {"number": "7", "transponders": ["5"]})
    await venue.api("PUT", "/karts/7", {"transponders": []})
    moved = await newest()
    await venue.api("POST", "/karts", {"number": "3", "transponders": ["5"]})
    await no("Transponder 5 is on kart 3", moved)
    await venue.api("POST", "/formats", {"name": "Sprint", "format": "5m"})
    await turn(venue)
    gone = next(act["seq"] for act in (await venue.api("GET", "/acts"))["items"] if act["kind"] == "format")
    await venue.api("POST", "/formats", {"name": "Sprint", "format": "6m"})
    await no("since then", gone, "redo")
    assert [each["format"] for each in (await venue.api("GET", "/formats"))["items"]] == ["6m"]
    [sprint] = (await venue.api("GET", "/formats"))["items"]
    await asyncio.wrap_future(venue.appliance.roster.delete_format(sprint["id"], "test"))
    taken_out = await newest()
    await venue.api("POST", "/formats", {"name": "Sprint", "format": "7m"})
    await no("another format 'Sprint'", taken_out)
    await venue.api("POST", "/karts", {"number": "9"})
    made = await newest()
    await venue.heat({"9": ""}, "stage", format="8m")
    await no("Kart 9 is in Heat", made)


@at_the_track()
async def test_a_heat_made_by_mistake_is_taken_back_and_harms_no_other(venue: Park) -> None:
    first = await venue.heat(karts("7", "3"), "stage", "green", name="First", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 40], "3": [41]})
    await venue.order("finish")
    before = await times(venue)
    venue.advance(90 * S)
    second = await venue.heat(karts("7"), name="Second", format="8m")
    await turn(venue)
    assert (await venue.api("GET", f"/sessions/{second}"))["state"] == "void"
    venue.session = first
    assert await times(venue) == before
    assert "void" in await refused(venue, "stage", session=second)
    assert venue.appliance.live.current["main"] == first
    await turn(venue, "redo")
    assert (await venue.order("stage", session=second))["state"] == "staged"
    assert await times(venue) == before


@at_the_track()
async def test_when_the_only_heat_is_taken_back_nothing_is_shown(venue: Park) -> None:
    only = await venue.heat(karts("7"), format="8m")
    assert venue.appliance.live.current == {"main": only}
    await turn(venue)
    assert (venue.appliance.live.current, venue.appliance.current()) == ({}, None)
    assert (await venue.http.get("/")).status_code == 200
    await turn(venue, "redo")
    assert venue.appliance.live.current == {"main": only}


@at_the_track()
async def test_late_passings_go_to_the_heat_before_however_long_ago_the_box_was_started(venue: Park) -> None:
    first = await venue.heat(karts("7"), "stage", "green", "finish", name="First", format="8m")
    venue.advance(10 * S)
    second = await venue.heat(karts("7"), "stage", "green", "finish", name="Second", format="8m")
    for number in range(9):                                      # elsewhere: more than are kept in memory
        venue.advance(venue.now + S)
        await venue.heat(karts("3"), "stage", "green", "finish", name=f"H{number}", format="8m", track="small")
    await venue.off()
    await venue.on()
    for _ in range(3):                                           # the second was never to be
        await venue.order("undo", session=second)
    await cross(venue, (40, "7"))
    assert [(row["session"], row["verdict"]) for row in await venue.journal()] == [(first, "late")]
    await venue.order("confirm", session=first)
    await cross(venue, (60, "7"))
    await venue.order("undo", session=first)
    await cross(venue, (80, "7"))
    assert [row["session"] for row in await venue.journal()] == [first, None, first]


@at_the_track()
async def test_attached_passings_go_back_where_they_were_also_in_a_rebuild(venue: Park) -> None:
    first = await venue.heat(karts("7", "3"), "stage", "green", name="First", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40], "3": [41]})
    await venue.order("finish")
    await cross(venue, (60, "7"), (65, "3"), (66, STRANGER))
    late = [(row["session"], row["verdict"]) for row in (await venue.journal())[4:]]
    assert late == [(first, "late"), (first, "late"), (first, "unassigned")]
    standings = (await venue.api("GET", f"/sessions/{first}/board"))["items"]
    venue.advance(80 * S)
    await venue.heat(karts("7", "3"), "stage", "green", name="Second", format="8m", min_lap_s=15)
    await venue.order("attach", seconds=40)
    await cross(venue, (100, "7"))
    assert await times(venue) == {"7": [40]}
    await stays(venue)
    await venue.order("undo")
    assert [(row["session"], row["verdict"]) for row in (await venue.journal())[4:7]] == late
    assert (await venue.api("GET", f"/sessions/{first}/board"))["items"] == standings
    await venue.order("redo")
    assert await times(venue) == {"7": [40]}
    await venue.order("undo")
    await venue.order("attach", seconds=60)                      # the same once more, as an act of its own
    assert await times(venue) == {"7": [40]}
    await venue.order("confirm", session=first)
    await venue.order("undo")
    assert [(row["session"], row["verdict"]) for row in (await venue.journal())[4:7]] == [(None, "unassigned")] * 3


@at_the_track()
async def test_late_passings_of_an_official_heat_are_nobodys_once_they_were_attached_and_given_back(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", name="First", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40]})
    for order in ("void_lap", "finish"):
        await venue.order(order, **({"kart": "7", "lap": 1} if order == "void_lap" else {}))
    await cross(venue, (60, "7"))
    await venue.order("confirm")
    await venue.heat(karts("7"), "stage", "green", name="Second", format="8m", min_lap_s=15)
    await venue.order("attach", seconds=10)
    await venue.order("undo")
    assert [row["session"] for row in await venue.journal()][2:] == [None]


@at_the_track()
async def test_a_heat_that_gave_up_passings_one_by_one_is_the_same_before_and_after_a_start(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", name="First", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40]})
    await venue.order("finish")
    await cross(venue, (60, "7"), (75, "7"))
    venue.advance(80 * S)
    await venue.heat(karts("7"), "stage", "green", name="Second", format="8m", min_lap_s=15)
    await venue.order("attach", seconds=10)
    await stays(venue)
    await venue.order("attach", seconds=40)
    await cross(venue, (100, "7"))
    assert await times(venue) == {"7": [15, 25]}


@at_the_track()
async def test_a_staging_taken_back_gives_what_passed_since_to_the_heat_before_and_done_again_takes_it(venue: Park) -> None:
    first = await venue.heat(karts("7", "3"), "stage", "green", name="First", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40], "3": [41]})
    await venue.order("finish")
    second = await venue.heat(karts("7", "3"), "stage", name="Second", format="8m", min_lap_s=15)
    await cross(venue, (90, "7"), (92, "3"))

    async def owners() -> list[tuple[str, str]]:
        return [(row["session"], row["verdict"]) for row in (await venue.journal())[4:]]
    assert await owners() == [(second, "neutral")] * 2
    await venue.order("undo")
    assert await owners() == [(first, "late")] * 2
    await cross(venue, (130, "7"))
    assert (await owners())[2] == (first, "late")
    await venue.order("undo", session=first)                     # the stop was the mistake
    venue.session = first
    assert await times(venue) == {"7": [40, 45, 40], "3": [41, 45]}
    await refused(venue, "redo", "First is on this track", session=second)
    await venue.order("redo", session=first)
    await venue.order("redo", session=second)
    assert await owners() == [(second, "neutral")] * 3
    await cross(venue, (140, "7"))
    assert (await owners())[3] == (second, "neutral")


@at_the_track()
async def test_what_only_an_admin_sets_up_a_timekeeper_does_not_take_back(venue: Park) -> None:
    await venue.heat(karts("7"), format="8m")
    await venue.api("POST", "/layouts", LAYOUT)
    layout = (await venue.api("GET", "/acts"))["items"][0]["seq"]
    async with guest(venue) as http:
        for role, status in (("read", 403), ("timekeeper", 409)):
            answer = await http.post("/api/v1/undo", json={"of": layout}, headers=bearer(venue, role))
            assert answer.status_code == status
        assert "admin" in answer.json()["detail"]
        answer = await http.post("/api/v1/undo", json={}, headers=bearer(venue, "timekeeper"))
        assert (answer.status_code, answer.json()["name"]) == (200, "session")
        assert (await http.post("/api/v1/undo", json={})).status_code == 401
    assert len((await venue.api("GET", "/layouts"))["items"]) == 1


@at_the_track()
async def test_nonsense_asked_of_undo_is_bad_input(venue: Park) -> None:
    for body in ({"of": "x"}, {"of": 1.5}, {"what": 1}, {"reason": 5}, []):
        await venue.api("POST", "/undo", body, status=422)
    await venue.api("POST", "/undo", {"of": 10**30}, status=409)
    await venue.api("POST", "/sessions/nothing/orders", {"order": "undo"}, status=404)


def test_while_the_disk_is_full_nothing_is_undone_and_the_sentence_says_why(run, tmp_path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            await venue.heat(karts("7"), "stage", "green", format="8m", min_lap_s=15)
            await drive(venue, {"7": [40]})
            before = await all_told(venue)
            writer = venue.appliance.live.writer
            again = [full(db) for db in (writer._truth, writer.rows.db)]
            await fill_last_page(venue)
            for path, body in (("/undo", {}), (f"/sessions/{venue.session}/orders", {"order": "undo"})):
                said = (await venue.api("POST", path, body, status=503))["detail"]
                assert said.startswith("The disk is full.")
            told = await venue.api("GET", "/acts")
            assert told == before["/acts"]
            assert await times(venue) == {"7": [40]}
            for back in again:
                back()
            await venue.settled()
            assert (await turn(venue))["name"] == "green"
            await stays(venue)
        assert check(tmp_path).differences == []
    run(heat)
