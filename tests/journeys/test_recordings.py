"""A recording's way through the box: kept once, read beside timing, laid on a layout, matched with a kart, told."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from tests.gps.drive import ROUND, gate, laps_of
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv, dovex
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import geojson_of
from trackd.services.agreeing import agreement_of
from trackd.services.inbox import import_files, in_words
from trackd.services.missedreads import missed_reads
from trackd.services.rebuild import check
from trackd.services.recorded import recording
from trackd.services.verifying import Verdict, verdicts, vouch

TIMES = {"1": [40.2, 39.8, 40.9, 39.5, 40.1, 39.9, 41.3, 39.6], "2": [41.0, 40.6, 40.4, 41.8, 40.2, 41.1, 40.9, 41.5],
         "3": [42.7, 41.2, 42.0, 41.6, 42.9, 41.1, 42.4, 41.9]}


async def a_heat_with_gps(venue: Park) -> dict[str, Any]:
    """A heat of three karts on the round layout; the drive of each, and the session clock's start at the decoder."""
    layout = await venue.api("POST", "/layouts", geojson_of(ROUND))
    await venue.heat(KARTS, "stage", format="8m", ranking="best_lap", layout=layout["id"])
    begin = venue.now + S
    venue.advance(begin)
    await venue.order("green")
    drives = {kart: laps_of(times) for kart, times in TIMES.items()}
    passings = sorted((at_s + place, kart) for place, kart in enumerate(TIMES) for at_s in drives[kart][1])
    for at_s, kart in passings:
        await venue.cross(begin + round(at_s * S), KARTS[kart])
    return {"layout": layout["id"], "drives": drives}


async def sent(venue: Park, name: str, data: bytes) -> tuple[int, dict[str, Any]]:
    answer = await venue.http.post("/api/v1/recordings", files={"file": (name, data)})
    assert answer.status_code in (200, 201), answer.text
    await venue.appliance.recordings.settled(answer.json()["id"])
    return answer.status_code, await venue.api("GET", f"/recordings/{answer.json()['id']}")


@at_the_park()
async def test_a_file_becomes_laps_on_its_layout_matched_with_its_kart_and_is_stored_once(park: Park) -> None:
    made = await a_heat_with_gps(park)
    drive, crossed = made["drives"]["2"]
    data = aim_csv(drive.trace(25))
    status, found = await sent(park, "kart.csv", data)
    assert status == 201
    assert (found["state"], found["kart"], found["session"]) == ("matched", "2", park.session)
    assert found["layout"] == made["layout"]
    full = [lap for lap in found["laps"] if lap["kind"] == "full"]
    assert np.abs(np.array([lap["time_us"] for lap in full]) - np.diff(crossed) * S).max() < 1000
    status, again = await sent(park, "another name.csv", data)
    assert (status, again["id"], again["name"]) == (200, found["id"], "kart.csv")
    assert len((await park.api("GET", "/recordings"))["items"]) == 1
    stored = [each for each in (park.folder / "recordings").rglob("*") if each.is_file()]
    assert [each.read_bytes() for each in stored] == [data]
    assert check(park.folder).differences == []


@at_the_park()
async def test_nothing_of_a_recording_names_a_person_in_the_journal(park: Park) -> None:
    drive, _ = laps_of(TIMES["1"])
    await sent(park, "ada-lovelace.csv", aim_csv(drive.trace(10)))
    with closing(sqlite3.connect(park.folder / "trackd.db")) as db:
        bodies = b" ".join(row[0] for row in db.execute("SELECT body FROM journal"))
    assert b"ovelace" not in bodies
    assert json.dumps(await park.api("GET", "/recordings")).count("ada-lovelace.csv") == 1


@at_the_park()
async def test_what_cannot_be_read_is_kept_and_refused_with_a_sentence(park: Park) -> None:
    _, found = await sent(park, "notes.txt", b"What a lovely day. " * 40)
    assert (found["state"], found["laps"]) == ("refused", [])
    assert "not known" in found["reason"]


@at_the_park()
async def test_a_recording_of_another_place_has_no_layout_and_no_kart(park: Park) -> None:
    await a_heat_with_gps(park)
    drive, _ = laps_of(TIMES["1"])
    trace = drive.trace(10)
    elsewhere = type(trace)(trace.t_us, trace.lat_deg + 1, trace.lon_deg, trace.speed_mps)
    _, found = await sent(park, "far.dovex", dovex(elsewhere, 1_760_000_000_000_000))
    assert (found["state"], found["laps"], found["kart"]) == ("unknown", [], None)
    assert found["reason"]


async def official(venue: Park) -> None:
    venue.advance(venue.now + 60 * S)
    for each in ("chequered", "finish", "confirm"):
        await venue.order(each)


async def all_judged(venue: Park) -> list[Verdict]:
    """All verdicts, which are those of the rows that leaderboards read."""
    live = venue.appliance.live
    found = await verdicts(venue.appliance.reading, venue.session, dict(live.writer.venue.layouts))
    await live.done(live.writer.submit(lambda _: ()))
    with closing(sqlite3.connect(venue.folder / "trackd.db")) as db:
        stored = {str(lap): told for lap, *told in db.execute(
            "SELECT lap, verdict, given_by, recording FROM verdicts WHERE session = ?", (venue.session,))}
        state = db.execute("SELECT state FROM sessions WHERE id = ?", (venue.session,)).fetchone()[0]
    by = {each.lap_id: each.vouched.by for each in found if each.vouched and each.judgement.verdict != "no"}
    of = {each.lap_id: each.twin.recorded.id for each in found if each.twin.recorded}
    told = {lap: [verdict, by.get(lap, ""), of.get(lap)] for lap, verdict in ((e.lap_id, e.verdict) for e in found)}
    assert stored == (told if state == "official" else {})
    return found


async def judged(venue: Park) -> dict[tuple[str, int], Verdict]:
    """Those that were not struck, by kart and number."""
    return {(each.twin.loop["kart"], each.twin.loop["number"]): each for each in await all_judged(venue)
            if each.twin.loop and each.twin.loop["verdict"] != "void"}


@at_the_park()
async def test_laps_of_an_official_heat_are_verified_with_what_loop_and_gps_say_and_an_edit_ends_that(park: Park) -> None:
    made = await a_heat_with_gps(park)
    await sent(park, "kart2.csv", aim_csv(made["drives"]["2"][0].trace(25)))
    assert {each.verdict for each in (await judged(park)).values()} == {"no"}            # not official yet
    await official(park)
    found = await judged(park)
    assert {each.verdict for each in found.values()} == {"verified"}
    assert found["2", 3].judgement.apart_us is not None
    assert abs(found["2", 3].judgement.apart_us) < 5_000
    assert found["1", 3].judgement.apart_us is None                                      # the loop alone vouches for it
    await park.order("amend", reason="protest")
    await park.order("shift_crossing", kart="2", lap=3, by_us=400_000)
    await park.order("confirm")
    found = await judged(park)
    assert [found["2", lap].verdict for lap in (2, 3, 4)] == ["verified", "queue", "queue"]
    assert "allowed" in " ".join(found["2", 3].judgement.reasons)


@at_the_park()
async def test_a_person_vouches_for_a_lap_takes_it_back_and_never_for_one_that_cannot_be_a_best(park: Park) -> None:
    await a_heat_with_gps(park)
    await park.order("void_lap", kart="3", lap=2)
    await park.order("shift_crossing", kart="1", lap=4, by_us=1)
    await official(park)
    doubtful = (await judged(park))["1", 4]
    struck = next(each for each in await all_judged(park) if each.twin.loop and each.twin.loop["verdict"] == "void")
    live = park.appliance.live
    assert doubtful.verdict == "queue"
    for said, then in (("verified", "verified"), ("no", "no"), ("", "queue")):
        await live.done(vouch(live.writer, park.session, [doubtful.lap_id, struck.lap_id], said, "seen", "Renata"))
        assert {each.lap_id: each.verdict for each in await all_judged(park)}.items() >= {
            doubtful.lap_id: then, struck.lap_id: "no"}.items()
    assert check(park.folder).differences == []


@at_the_park()
async def test_another_shortest_lap_of_the_layout_and_a_recording_taken_off_judge_official_heats_anew(park: Park) -> None:
    made = await a_heat_with_gps(park)
    _, found = await sent(park, "kart2.csv", aim_csv(made["drives"]["2"][0].trace(25)))
    await official(park)
    assert {each.verdict for each in (await judged(park)).values()} == {"verified"}
    layout = geojson_of(ROUND)
    layout["properties"]["min_lap_s"] = 40.0
    await park.api("PUT", f"/layouts/{made['layout']}", layout)
    too_short = {("1", 2), ("1", 4), ("1", 6), ("1", 8)}
    assert {place for place, each in (await judged(park)).items() if each.verdict == "no"} == too_short
    layout["properties"].update(min_lap_s=39.85, max_lap_s=42.0)
    await park.api("PUT", f"/layouts/{made['layout']}", layout)
    out = too_short - {("1", 6)} | {("3", 1), ("3", 5), ("3", 7)}
    assert {place for place, each in (await judged(park)).items() if each.verdict == "no"} == out
    layout["properties"].update(min_lap_s=40.0, max_lap_s=90.0)
    await park.api("PUT", f"/layouts/{made['layout']}", layout)
    await park.appliance.recordings.assign(found["id"], None, "", "Renata")
    assert {each.twin.recorded for each in await all_judged(park)} == {None}
    await park.order("amend", reason="protest")
    assert {each.verdict for each in await all_judged(park)} == {"no"}
    await park.order("confirm")
    assert {each.verdict for each in await all_judged(park)} == {"verified", "no"}
    assert check(park.folder).differences == []


@at_the_park()
async def test_a7_a_read_the_loop_missed_is_proposed_from_the_karts_own_gps_and_counts_as_timed_by_gps(park: Park) -> None:
    drive, crossed = laps_of(TIMES["2"])
    await park.api("POST", "/layouts", geojson_of(ROUND))
    await park.heat(KARTS, "stage", format="8m", ranking="best_lap")
    begin = park.now + S
    park.advance(begin)
    await park.order("green")
    others = {kart: laps_of(TIMES[kart])[1] for kart in ("1", "3")}
    passings = [(at_s, "2") for at_s in (*crossed[:4], *crossed[5:])] + [
        (at_s + 1, kart) for kart, moments in others.items() for at_s in moments]
    for at_s, kart in sorted(passings):
        await park.cross(begin + round(at_s * S), KARTS[kart])
    _, found = await sent(park, "kart2.csv", aim_csv(drive.trace(10)))
    assert (found["state"], found["kart"]) == ("matched", "2")
    missed = await missed_reads(park.appliance, park.session)
    assert [each.kart for each in missed] == ["2"]
    assert abs(missed[0].at_us - crossed[4] * S) < 100_000
    assert len((await park.laps())["2"]) == 7                        # nothing happened by itself
    await park.order("insert_crossing", kart="2", at_us=missed[0].at_us, source="gps")
    laps = (await park.laps())["2"]
    assert [lap["source"] for lap in laps] == ["loop"] * 3 + ["gps"] * 2 + ["loop"] * 3
    assert await missed_reads(park.appliance, park.session) == []
    await park.api("POST", "/undo", {})
    assert len((await park.laps())["2"]) == 7
    assert check(park.folder).differences == []


@at_the_park()
async def test_e13_gps_and_loop_are_held_against_each_other_once_there_are_enough_laps(park: Park) -> None:
    made = await a_heat_with_gps(park)
    _, found = await sent(park, "kart1.csv", aim_csv(made["drives"]["1"][0].trace(25)))
    each = await recording(park.appliance.reading, found["id"])
    told = await agreement_of(park.appliance.reading, each)
    assert told is not None
    assert (told.laps, told.warning) == (8, "")                      # too few to say more


@at_the_park()
async def test_a15_moving_the_line_makes_a_new_version_that_waits_where_laps_were_matched(park: Park) -> None:
    made = await a_heat_with_gps(park)
    _, found = await sent(park, "kart1.csv", aim_csv(made["drives"]["1"][0].trace(25)))
    moved = geojson_of(replace(ROUND, start_finish=gate("start_finish", 30), sectors=()))
    await park.api("PUT", f"/layouts/{made['layout']}", moved)
    await park.appliance.recordings.settled(found["id"])
    same = await park.api("GET", f"/recordings/{found['id']}")
    assert same["laps"] == found["laps"]                             # published times stay
    await park.appliance.recordings.approve(found["id"], "Renata")
    anew = await park.api("GET", f"/recordings/{found['id']}")
    assert [lap["id"] for lap in anew["laps"]] != [lap["id"] for lap in found["laps"]]
    assert anew["laps"][0]["time_us"] > found["laps"][0]["time_us"] + S
    assert check(park.folder).differences == []


@at_the_park()
async def test_a_layout_drawn_later_finds_the_laps_of_recordings_that_had_none(park: Park) -> None:
    drive, _ = laps_of(TIMES["1"])
    _, found = await sent(park, "kart1.csv", aim_csv(drive.trace(10)))
    assert (found["state"], found["laps"]) == ("unknown", [])
    await park.api("POST", "/layouts", geojson_of(ROUND))
    await park.appliance.recordings.settled(found["id"])
    assert len((await park.api("GET", f"/recordings/{found['id']}"))["laps"]) == 10


@at_the_park()
async def test_what_was_cut_off_by_the_power_is_worked_through_at_the_next_start(park: Park) -> None:
    made = await a_heat_with_gps(park)
    await park.appliance.recordings.stop()
    data = aim_csv(made["drives"]["3"][0].trace(10))
    answer = await park.http.post("/api/v1/recordings", files={"file": ("a.csv", data)})
    assert answer.json()["state"] == "waiting"
    await park.off()
    await park.on()
    await park.appliance.recordings.settled(answer.json()["id"])
    found = await park.api("GET", f"/recordings/{answer.json()['id']}")
    assert (found["state"], found["kart"]) == ("matched", "3")


@at_the_park()
async def test_files_are_imported_beside_the_running_appliance_and_without_one(park: Park) -> None:
    made = await a_heat_with_gps(park)
    files = [park.folder.parent / f"kart {kart}.csv" for kart in ("1", "2")]
    for file, kart in zip(files, ("1", "2"), strict=True):
        file.write_bytes(aim_csv(made["drives"][kart][0].trace(25)))
    beside = await import_files(park.folder, [files[0], park.folder / "nothing.csv"])
    assert in_words(beside[0]) == "kart 1.csv: 8 laps, kart 1"
    assert in_words(beside[1]).endswith("cannot be read: No such file or directory")
    await park.off()
    without = await import_files(park.folder, files)         # on the day of this machine: no heat was on
    assert [in_words(each)[:18] for each in without] == ["kart 1.csv: 8 laps", "kart 2.csv: 8 laps"]
    assert list((park.folder / "inbox").iterdir()) == []
    await park.on()
    assert len((await park.api("GET", "/recordings"))["items"]) == 2


@at_the_park()
async def test_a_fault_in_reading_one_file_ends_neither_its_page_nor_the_reading_of_others(park: Park) -> None:
    made = await a_heat_with_gps(park)
    recordings = park.appliance.recordings
    sound = recordings.read

    async def broken(sha256: str, name: str) -> Any:
        raise KeyError(sha256, name)

    recordings.read = broken  # type: ignore[method-assign]
    _, found = await sent(park, "a.csv", aim_csv(made["drives"]["1"][0].trace(10)))
    recordings.read = sound  # type: ignore[method-assign]
    assert found["state"] == "refused"
    assert "fault in trackd" in found["reason"]
    _, found = await sent(park, "b.csv", aim_csv(made["drives"]["2"][0].trace(10)))
    assert (found["state"], found["kart"]) == ("matched", "2")
