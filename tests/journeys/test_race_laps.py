"""Laps doubted, decided on, changed and changed back, while a heat is on and after it: each named after its row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.journeys.conftest import Park
from tests.journeys.control import S, at_the_track, cross, drive, karts, order_of, passing_at, proposals, refused, times
from tests.journeys.test_heat import facts
from trackd.store.database import NAME

TEN = [40.0, 40.6, 40.2, 40.4, 40.1, 40.3, 40.5, 40.2, 40.4, 40.3]


@at_the_track()
async def test_a3_a_read_below_the_shortest_lap_makes_no_lap_is_shown_and_comes_back_in_one_tap(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="8m", min_lap_s=20)
    await cross(venue, (5, "7"), (45, "7"), (50, "7"), (85, "7"))
    assert await times(venue) == {"7": [40, 40]}
    short = await passing_at(venue, 50)
    assert [row["verdict"] for row in await venue.journal()] == ["opened", "counted", "too_short", "counted"]
    [doubt] = await proposals(venue)
    assert (doubt["kind"], doubt["kart"]) == ("short", "7")
    assert "read again 5.000" in doubt["reason"]
    await venue.order("count_crossing", passing=short)
    assert await times(venue) == {"7": [40, 5, 35]}
    assert [lap["verdict"] for lap in (await venue.laps())["7"]] == ["valid", "short", "valid"]
    assert await proposals(venue) == []
    await venue.order("undo")
    assert await times(venue) == {"7": [40, 40]}
    await venue.order("count_crossing", passing=short)


@at_the_track()
async def test_a4_a_lap_over_the_longest_is_distance_and_neither_a_best_nor_in_an_average(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", min_lap_s=20, max_lap_s=60)
    await drive(venue, {"7": [75, 41, 43], "3": [80, 90]})
    row = (await venue.rows())["7"]
    assert (row["laps"], row["best_us"], row["average_us"]) == (3, 41 * S, 42 * S)
    assert [lap["verdict"] for lap in (await venue.laps())["7"]] == ["long", "valid", "valid"]
    assert (await venue.rows())["3"]["best_us"] is None
    assert await order_of(venue) == [(1, "7", 3), (2, "3", 2)]


@at_the_track(loops={"start_finish": "1", "pit_in": "2"}, roles={"1": "start_finish", "2": "pit_in"})
async def test_a6_x1_one_missed_read_raises_one_proposal_near_the_truth_and_changes_nothing_itself(venue: Park) -> None:
    await venue.heat(karts("7", "3", "9"), "stage", "green", format="30m", min_lap_s=20)
    laps = {"7": TEN, "3": [*TEN[:8], 83.0], "9": [40.1, 82.0, *TEN[:6]]}      # 3 in the pit, 9 under yellow meanwhile
    events: list[tuple[float, str, str]] = [(390.0, "1003", "pit_in"), (60.0, "", "yellow"), (75.0, "", "green")]
    for behind, (kart, its) in enumerate(laps.items()):
        events += [(5 + behind + sum(its[:n]), f"{1000 + int(kart)}", "start_finish") for n in range(len(its) + 1)]
    missed_s = 5 + sum(TEN[:6])
    for when_s, transponder, what in sorted(events):
        if not transponder:
            venue.advance(round(when_s * S))
            await venue.order(what)
        elif (when_s, transponder) != (missed_s, "1007"):
            await venue.cross(round(when_s * S), transponder, loop=what)
    [doubt] = await proposals(venue)
    assert (doubt["kind"], doubt["kart"], doubt["lap"]) == ("missed", "7", 6)
    assert "took 1:20.8" in doubt["reason"]
    assert "probably missed" in doubt["reason"]
    assert (await times(venue))["7"] == pytest.approx([*TEN[:5], TEN[5] + TEN[6], *TEN[7:]])
    before = await order_of(venue)
    await venue.order("accept", proposal=doubt["id"])
    halves = (await venue.laps())["7"][5:7]
    assert [abs(lap["time_us"] - true * S) / (true * S) < 0.02 for lap, true in zip(halves, TEN[5:7], strict=True)] == [
        True, True]
    assert {lap["source"] for lap in halves} == {"split"}
    assert await proposals(venue) == []
    assert before != await order_of(venue)
    await venue.order("undo")
    assert (await order_of(venue), [p["id"] for p in await proposals(venue)]) == (before, [doubt["id"]])
    await venue.order("dismiss", proposal=doubt["id"])
    assert await proposals(venue) == []


@at_the_track()
async def test_x3_of_two_reads_too_close_the_later_one_may_be_right_and_one_tap_says_so(venue: Park) -> None:
    await venue.heat(karts("7"), "stage", "green", format="8m", min_lap_s=20)
    await cross(venue, (5, "7"), (45, "7"), (85, "7"), (120, "7"), (125.5, "7"), (165.5, "7"))   # 120 was a ghost
    assert await times(venue) == {"7": [40, 40, 35, 45.5]}
    [doubt] = await proposals(venue)
    assert doubt["kind"] == "short"
    assert {order["order"] for order in doubt["orders"]} == {"ignore_crossing", "count_crossing"}
    await venue.order("accept", proposal=doubt["id"])
    assert await times(venue) == {"7": [40, 40, 40.5, 40]}
    told = {row["seq"]: row["verdict"] for row in await venue.journal()}
    assert [told[await passing_at(venue, at_s)] for at_s in (120, 125.5)] == ["ignored", "counted"]


# What a person can do to laps: the order, and the laps of kart 7 after it. It did laps of 40, 42, 44, 46 from 5 s on.
OPS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("void_lap", {"kart": "7", "lap": 3}, [40, 42, 46]),
    ("insert_crossing", {"kart": "7", "at_us": 67 * S}, [40, 22, 20, 44, 46]),
    ("split_lap", {"kart": "7", "lap": 2, "parts": 2}, [40, 21, 21, 44, 46]),
    ("merge_laps", {"kart": "7", "lap": 2}, [40, 86, 46]),
    ("ignore_crossing", {"kart": "7", "lap": 4}, [40, 42, 44]),
    ("shift_crossing", {"kart": "7", "lap": 2, "by_us": S}, [40, 43, 43, 46]),
    ("move_laps", {"from": "7", "to": "3", "laps": [4]}, [40, 42, 44]),
]


@at_the_track()
async def test_a9_a10_every_change_of_laps_works_live_and_after_the_finish_and_is_written_down(venue: Park) -> None:
    await venue.heat(karts("7", "3", "9"), "stage", "green", format="8m", ranking="position", min_lap_s=15)
    await drive(venue, {"7": [40, 42, 44, 46], "9": [41, 43, 45]})
    for phase in ("live", "after"):
        if phase == "after":
            await venue.order("finish")
        before = {"rows": await venue.rows(), "laps": await venue.laps()}
        for name, args, want in OPS:
            await venue.order(name, **args, reason=f"{name} {phase}")
            assert (await times(venue))["7"] == want, (phase, name)
            act = (await venue.api("GET", "/acts"))["items"][0]
            assert (act["name"], act["by"], act["reason"], act["undone"]) == (name, "test", f"{name} {phase}", None)
            written = facts(venue.folder, "order")[-1]["args"]
            places = written["changed"].get("7", {"was": [1, 4, 40 * S], "is": [1, 4, 40 * S]})
            assert (places["was"], places["is"][1]) == ([1, 4, 40 * S], len(want))
            was, now = ({time / S for _, *both in written["laps_changed"]["7"] if (time := both[side])} for side in (0, 1))
            assert (was - {*want}, now - {40, 42, 44, 46}) == ({40, 42, 44, 46} - {*want}, {*want} - {40, 42, 44, 46})
            edited = [lap for laps in (await venue.laps()).values() for lap in laps if act["seq"] in lap["edits"]]
            assert edited or name == "ignore_crossing", name
            await venue.order("undo")
            assert {"rows": await venue.rows(), "laps": await venue.laps()} == before, (phase, name)
            acts = (await venue.api("GET", "/acts"))["items"]
            assert (acts[0]["seq"], acts[0]["undone_by"]) == (act["seq"], "test")
    for name, args, want in OPS[:1]:
        await venue.order(name, **args)
        assert (await times(venue))["7"] == want
    await venue.order("confirm")
    assert "Amend it first" in await refused(venue, "void_lap", kart="7", lap=1)


@at_the_track()
async def test_a9_what_makes_no_sense_is_refused_in_words_and_changes_nothing(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", format="8m", min_lap_s=15)
    await refused(venue, "void_lap", "not started", kart="7", lap=1)
    await venue.order("green")
    await drive(venue, {"7": [40, 42]})
    before = await venue.laps()
    for name, words, args in (
            ("void_lap", "no lap 3; it has 2", {"kart": "7", "lap": 3}),
            ("void_lap", "not in this heat", {"kart": "9", "lap": 1}),
            ("insert_crossing", "has not come yet", {"kart": "7", "at_us": 400 * S}),
            ("insert_crossing", "Kart 7 has a crossing", {"kart": "7", "at_us": 46 * S}),
            ("insert_crossing", "before green", {"kart": "7", "at_us": -S}),
            ("split_lap", "shorter than the shortest", {"kart": "7", "lap": 1, "parts": 3}),
            ("merge_laps", "is the last", {"kart": "7", "lap": 2}),
            ("shift_crossing", "shorter than the shortest", {"kart": "7", "lap": 1, "by_us": -30 * S}),
            ("move_laps", "no lap 5", {"from": "7", "to": "3", "laps": [5]}),
            ("count_crossing", "no passing 99999", {"passing": 99_999}),
            ("accept", "does not stand", {"proposal": "missed-1"}), ("lift", "no such penalty", {"penalty": 1}),
            ("reinstate", "no attempt 1", {"attempt": 1}),
            ("decide", "no such incident", {"incident": 1, "decision": "x"})):
        await refused(venue, name, words, **args)
    for name, args in (("void_lap", {"kart": "7", "lap": "x"}), ("void_lap", {"kart": "7", "lap": 0}),
                       ("split_lap", {"kart": "7", "lap": 1, "parts": 9}), ("move_laps", {"from": "7", "to": "7"}),
                       ("move_laps", {"from": "7", "to": "3", "laps": "all"}), ("swap_kart", {"from": "7", "to": "3"}),
                       ("penalty", {"kart": "7", "kind": "beating"}),
                       ("penalty", {"kart": "7", "kind": "time", "value": -1}),
                       ("kart_flag", {"kart": "7", "flag": "pink"}), ("restart", {"laps": "some"}), ("restart", {}),
                       ("set", {}), ("set", {"duration": "soon"}), ("set", {"duration": True}), ("set", {"min_lap_s": -1}),
                       ("assign", {"entries": ["7"]}), ("assign", {"entries": [{"kart": "7", "driver": 4}]}),
                       ("bind", {"kart": "7", "transponder": "no way"}), ("incident", {"karts": 7, "text": "x"}),
                       ("incident", {"karts": ["7"]}), ("green", {"reason": 7}), ("undo", {"of": "yesterday"})):
        await venue.order(name, status=422, **args)
    assert await venue.laps() == before


@at_the_track()
async def test_a11_x18_an_edit_of_an_old_heat_reaches_every_row_once_and_makes_a_new_version(venue: Park) -> None:
    heat = await venue.heat(karts("7", "3"), "stage", "green", format="8m", min_lap_s=15)
    await drive(venue, {"7": [40, 42, 38], "3": [41, 39]})
    for order in ("finish", "confirm"):
        await venue.order(order)
    first = await venue.api("GET", f"/sessions/{heat}/result")
    driver = {row["kart"]: row["driver"] for row in first["items"]}
    assert [(row["kart"], row["best_us"]) for row in first["items"]] == [("7", 38 * S), ("3", 39 * S)]
    venue.advance(24 * 3600 * S)
    for name in ("Later", "Latest"):                       # by now the first heat rests on disk
        await venue.heat(karts("7", "3"), "stage", "green", "finish", "confirm", name=name, format="8m")
    venue.session = heat
    assert heat not in venue.appliance.live.shots
    await refused(venue, "void_lap", "Amend it first", kart="7", lap=3)
    await venue.order("amend", reason="Kart 7 cut the chicane in lap 3")
    await venue.order("void_lap", kart="7", lap=3)
    assert await order_of(venue, "result") == [(1, "3", 2), (2, "7", 2)]
    told = await venue.order("confirm")
    assert (told["version"], told["note"]) == (2, "Kart 7 cut the chicane in lap 3")
    second = await venue.api("GET", f"/sessions/{heat}/result?version=2")
    assert [(row["kart"], row["best_us"]) for row in second["items"]] == [("3", 39 * S), ("7", 40 * S)]
    assert (await venue.api("GET", f"/sessions/{heat}/result?version=1"))["items"] == first["items"]
    names = {row["name"]: row["id"] for row in (await venue.api("GET", "/drivers"))["items"]}
    bests = await venue.appliance.reading.personal_bests(names.values())
    assert bests == {names[driver["7"]]: 40 * S, names[driver["3"]]: 39 * S}
    with closing(sqlite3.connect(venue.folder / NAME)) as db:
        for table, rows in (("results", 2), ("sessions", 1), ("standings", 1), ("bests", 2), ("laps", 5)):
            column = "id" if table == "sessions" else "session"
            [count] = db.execute(f"SELECT COUNT(*) FROM {table} WHERE {column} = ?", (heat,)).fetchone()
            assert count == rows, table
        third = "SELECT verdict FROM laps WHERE session = ? AND entry = '7' AND number = 3"
        assert db.execute(third, (heat,)).fetchall() == [("void",)]


@at_the_track()
async def test_x17_a_lap_taken_out_that_changes_the_winner_is_announced_with_numbers_that_agree(venue: Park) -> None:
    await venue.heat(karts("7", "3"), "stage", "green", format="8m", ranking="position", min_lap_s=15)
    await drive(venue, {"7": [40, 42, 44], "3": [41, 43, 45]})
    last = (await venue.laps())["7"][2]
    async with venue.stream() as stream:
        await venue.order("merge_laps", kart="7", lap=2)
        events = await stream.until("board")
        laps = {event.data["id"]: event.data for event in events if event.kind == "lap"}
        gone = await passing_at(venue, 87)
        assert laps[str(gone)]["verdict"] == "void"
        assert (laps[last["id"]]["number"], laps[last["id"]]["time_us"]) == (2, 86 * S)
        assert [(row["kart"], row["laps"]) for row in events[-1].data["items"]] == [("3", 3), ("7", 2)]
        await venue.order("undo")
        events = await stream.until("board")
        told = {event.data["id"]: event.data["number"] for event in events if event.kind == "lap"}
        assert told == {str(gone): 2, last["id"]: 3}
        assert [(row["kart"], row["laps"]) for row in events[-1].data["items"]] == [("7", 3), ("3", 3)]
