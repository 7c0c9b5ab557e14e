"""Penalties, incidents, and results that stand: each named after its row in the list of features."""

from __future__ import annotations

from tests.journeys.conftest import Park
from tests.journeys.control import S, at_the_track, cross, drive, karts, order_of, passing_at, refused, times, told_of


async def notes(venue: Park) -> dict[str, list[dict[str, object]]]:
    told: dict[str, list[dict[str, object]]] = await venue.api("GET", f"/sessions/{venue.session}/notes")
    return told


@at_the_track()
async def test_b13_penalties_lie_over_the_laps_and_lifting_them_gives_the_order_back_exactly(venue: Park) -> None:
    await venue.heat(karts("7", "3", "9"), "stage", "green", format="8m", ranking="position", finish="leader", min_lap_s=15)
    await drive(venue, {"7": [40, 40, 40], "3": [41, 41, 41], "9": [42, 42, 42]})
    await venue.order("chequered")
    await cross(venue, (165, "7"), (171, "3"), (176, "9"))
    await venue.state("provisional")
    before = {"rows": await venue.rows(), "laps": await venue.laps(), "passings": await venue.journal()}
    assert [kart for _, kart, _ in await order_of(venue)] == ["7", "3", "9"]
    await venue.order("penalty", kart="7", kind="time", value=8 * S, reason="Jump start")
    assert [kart for _, kart, _ in await order_of(venue)] == ["3", "7", "9"]      # 6 s ahead of one, 11 s of the other
    await venue.order("penalty", kart="3", kind="laps", value=1)
    assert await order_of(venue) == [(1, "7", 4), (2, "9", 4), (3, "3", 3)]
    assert (await venue.rows())["7"]["penalties"] == ["+8 s"]
    assert (await venue.rows())["3"]["penalties"] == ["-1 lap"]
    assert await venue.laps() == before["laps"]
    assert await venue.journal() == before["passings"]
    given = {each["kart"]: each["seq"] for each in (await notes(venue))["penalties"]}
    await venue.order("lift", penalty=given["3"])
    await venue.order("undo")                                   # undo of the lifting: it is back
    assert await order_of(venue) == [(1, "7", 4), (2, "9", 4), (3, "3", 3)]
    for kart in ("3", "7"):
        await venue.order("lift", penalty=given[kart])
    assert {"rows": await venue.rows(), "laps": await venue.laps(), "passings": await venue.journal()} == before
    await refused(venue, "lift", "no such penalty", penalty=given["7"])
    await venue.order("penalty", kart="7", kind="dsq")
    assert await order_of(venue) == [(1, "3", 4), (2, "9", 4), (None, "7", 4)]
    assert (await venue.rows())["7"]["state"] == "dsq"
    await venue.order("undo")
    await venue.order("penalty", kart="9", kind="lap", value=4)
    assert (await venue.laps())["9"][3]["verdict"] == "void"
    await venue.order("lift", penalty=(await notes(venue))["penalties"][0]["seq"])
    assert (await venue.laps())["9"][3]["verdict"] == "valid"
    assert await venue.rows() == before["rows"] | {"9": {**before["rows"]["9"], "edited": True}}
    await venue.order("undo")
    assert (await venue.laps())["9"][3]["verdict"] == "void"
    await venue.order("undo")
    assert {"rows": await venue.rows(), "laps": await venue.laps(), "passings": await venue.journal()} == before


@at_the_track()
async def test_b14_a_result_is_provisional_then_official_then_amended_and_every_version_stays(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    heat = f"/sessions/{venue.session}"
    await drive(venue, {"7": [40, 39], "3": [41, 40]})
    assert "no result yet" in (await venue.api("GET", f"{heat}/result", status=409))["detail"]
    await venue.order("finish")
    assert (await venue.api("GET", f"{heat}/result"))["version"] == 1
    await venue.api("GET", f"{heat}/result?version=1", status=404)        # not official yet
    await venue.order("confirm")
    first = await venue.api("GET", f"{heat}/result?version=1")
    assert first["items"] == (await venue.api("GET", f"{heat}/result"))["items"]
    header = first["session"]
    assert (header["confirmed_by"], header["note"], header["state"]) == ("test", "", "official")
    told = await venue.order("amend", reason="Weighed too light")
    assert (told["state"], told["version"], told["note"]) == ("provisional", 1, "Weighed too light")
    await venue.order("penalty", kart="7", kind="dsq", reason="5 kg under")
    assert await venue.api("GET", f"{heat}/result?version=1") == first
    venue.advance(venue.now + 60 * S)
    await venue.order("confirm")
    second = await venue.api("GET", f"{heat}/result?version=2")
    assert second == await venue.api("GET", f"{heat}/result")
    assert [row["state"] for row in second["items"]] != [row["state"] for row in first["items"]]
    assert (second["version"], second["session"]["note"]) == (2, "Weighed too light")
    assert second["session"]["confirmed_at"] > first["session"]["confirmed_at"]
    assert await venue.api("GET", f"{heat}/result?version=1") == first
    [amend] = (await notes(venue))["amends"]
    assert (amend["version"], amend["reason"], amend["by"]) == (1, "Weighed too light", "test")
    await venue.order("undo")                                   # of the second confirmation
    assert (await venue.api("GET", heat))["version"] == 1
    await venue.api("GET", f"{heat}/result?version=2", status=404)
    assert await venue.api("GET", f"{heat}/result?version=1") == first
    await venue.order("redo")
    assert (await venue.api("GET", f"{heat}/result?version=2"))["items"] == second["items"]
    for _ in range(4):                                          # confirmation, penalty, amendment, confirmation
        await venue.order("undo")
    assert ((await venue.api("GET", heat))["state"], (await venue.api("GET", heat))["version"]) == ("provisional", 0)
    await venue.api("GET", f"{heat}/result?version=1", status=404)
    await venue.order("confirm")


@at_the_track()
async def test_b14_an_official_result_is_never_edited(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 39], "3": [41, 40]})
    for order in ("finish", "confirm"):
        await venue.order(order)
    before = await venue.api("GET", f"/sessions/{venue.session}/result")
    for name, args in (("penalty", {"kart": "7", "kind": "dsq"}),
                       ("swap_kart", {"from": "7", "to": "3", "since": "start"}),
                       ("assign", {"kart": "7", "driver": "Ada"}), ("set", {"ranking": "position"}),
                       ("join", {"kart": "7"}),
                       ("leave", {"kart": "7"}), ("bind", {"kart": "7", "transponder": "1"}), ("attach", {"seconds": 9}),
                       ("restart", {"laps": "void"}), ("kart_flag", {"kart": "7", "flag": "black"})):
        await refused(venue, name, "official", **args)
    await cross(venue, (200, "7"))
    assert await venue.api("GET", f"/sessions/{venue.session}/result") == before


@at_the_track()
async def test_b22_an_incident_is_written_down_decided_and_linked_to_its_penalty(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", min_lap_s=15)
    await drive(venue, {"7": [40, 40], "3": [41]})
    await venue.order("incident", karts=["7", "3"], text="Contact in turn four")
    await venue.order("incident", karts="3", text="Short cut")
    await refused(venue, "incident", "not in this heat", karts=["12"], text="x")
    one, two = (await notes(venue))["incidents"]
    assert (one["karts"], one["text"], one["by"], one["decision"], one["at_us"]) == (
        ["7", "3"], "Contact in turn four", "test", "", 85 * S)
    await venue.order("finish")
    await venue.order("penalty", kart="7", kind="positions", value=1, incident=one["seq"], reason="Avoidable contact")
    await venue.order("decide", incident=two["seq"], decision="No further action")
    one, two = (await notes(venue))["incidents"]
    [penalty] = (await notes(venue))["penalties"]
    assert (one["decision"], one["decided_by"], one["penalty"]) == ("penalty", "test", penalty["seq"])
    assert (penalty["kart"], penalty["kind"], penalty["incident"]) == ("7", "positions", one["seq"])
    assert (two["decision"], two["penalty"]) == ("No further action", 0)
    assert [kart for _, kart, _ in await order_of(venue)] == ["3", "7"]
    for _ in range(2):
        await venue.order("undo")
    assert [each["decision"] for each in (await notes(venue))["incidents"]] == ["", ""]
    assert [kart for _, kart, _ in await order_of(venue)] == ["7", "3"]
    assert await times(venue) == {"7": [40, 40], "3": [41]}


@at_the_track()
async def test_b14_no_edit_moves_the_end_of_a_heat_behind_the_moment_its_result_was_official(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", finish="leader", min_lap_s=15)
    await drive(venue, {"7": [40], "3": [41]})
    for order in ("finish", "confirm", "amend"):
        await venue.order(order)
    first = await venue.api("GET", f"/sessions/{venue.session}/result?version=1")
    await cross(venue, (85, "7"))
    late = await passing_at(venue, 85)
    before = await told_of(venue, venue.session)
    await refused(venue, "set_finish", "result was official", passing=late)
    assert await told_of(venue, venue.session) == before
    await venue.order("confirm")
    assert await venue.api("GET", f"/sessions/{venue.session}/result?version=1") == first


@at_the_track()
async def test_b11_what_was_set_while_it_ran_stays_when_the_heat_rests_on_disk(venue: Park) -> None:
    heat = await venue.heat(karts("7"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40]})
    await venue.order("set", ranking="position", finish="leader", duration="12L")
    for order in ("finish", "confirm"):
        await venue.order(order)
    live = await venue.api("GET", f"/sessions/{heat}")
    assert (live["ranking"], live["finish"], live["format"], live["remaining_laps"]) == ("position", "leader", "12L", 0)
    await venue.heat(karts("7"), "stage", name="Next", format="8m")
    assert heat not in venue.appliance.live.shots
    assert await venue.api("GET", f"/sessions/{heat}") == live
