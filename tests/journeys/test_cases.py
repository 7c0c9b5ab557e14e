"""What happens at a track besides racing: each named after its row in the list of cases and features."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.gps.drive import ROUND, laps_of
from tests.journeys.conftest import Park, park, until
from tests.journeys.heats import FORMAT, KARTS, LENGTH, STRANGER, drives, sheet, shown_everywhere
from tests.journeys.logger import aim_csv
from tests.journeys.test_heat import GREEN, drive, facts, result
from trackd import cli
from trackd.gps.layouts import geojson_of
from trackd.services.demo import LAYOUT
from trackd.services.rebuild import check, rebuild
from trackd.services.verifying import vouch
from trackd.store.tables import DERIVED
from trackd.timing.board import Row
from trackd.timing.recorded import UnitFact

S = 1_000_000


async def cross_all(venue: Park, *crossings: tuple[float, str]) -> None:
    for at_s, transponder in crossings:
        await venue.cross(round(at_s * S), transponder)


def derived_rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every derived row there is, byte for byte."""
    with closing(sqlite3.connect(folder / "trackd.db")) as db:
        return {t.name: db.execute(f"SELECT * FROM {t.name} ORDER BY 1, 2").fetchall() for t in DERIVED}


async def recorded(venue: Park) -> None:
    """A unit, what it recorded on a layout of its own, and a lap that somebody vouches for."""
    await venue.api("POST", "/layouts", geojson_of(ROUND))
    live = venue.appliance.live
    await live.done(live.writer.submit(lambda _: [("unit", None, UnitFact("500123", "Solo 7", kart="7", by="Renata"))]))
    data = aim_csv(laps_of([40.0] * 5)[0].trace(10))
    found, _ = await venue.appliance.recordings.receive(data, "a.csv", "unit", "", "500123")
    await venue.appliance.recordings.settled(found)
    await live.done(vouch(live.writer, venue.session, [], "verified", "seen", "Renata"))


def test_a1_rebuild_is_byte_identical(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def day() -> None:
        async with park(tmp_path, faults=["dropped_frame:0.2", "repeated_read:0.2"]) as venue:
            await venue.api("POST", "/formats", {"name": "Adult", "format": "2m"})
            await venue.api("POST", "/layouts", LAYOUT)
            await drive(venue)
            await venue.order("confirm")
            await recorded(venue)
            await venue.heat(KARTS, "stage", "green", name="Second", format="10m")
            await venue.cross(venue.now + 5 * S, STRANGER)
            await venue.order("bind", kart="7", transponder=STRANGER, since="start")
            await venue.cross(venue.now + 30 * S, STRANGER)
            await venue.api("DELETE", "/karts/21", status=409)
            await venue.order("finish")
            await venue.api("DELETE", "/karts/21")
    run(day)
    before = derived_rows(tmp_path)
    assert all(before.values())
    with closing(sqlite3.connect(tmp_path / "trackd.db")) as db:
        for table in DERIVED:
            db.execute(f"DELETE FROM {table.name}")
        db.commit()
    rebuild(tmp_path)
    assert derived_rows(tmp_path) == before
    assert cli.main(["rebuild", "--check", "--data", str(tmp_path)]) == 0
    with closing(sqlite3.connect(tmp_path / "trackd.db")) as db:
        db.execute("UPDATE laps SET time_us = time_us + 1 WHERE seq = (SELECT MAX(seq) FROM laps)")
        db.execute("DELETE FROM crossings WHERE seq = (SELECT MIN(seq) FROM crossings)")
        db.commit()
    capsys.readouterr()
    assert cli.main(["rebuild", "--check", "--data", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 2
    assert "laps" in told.err
    assert "crossings" in told.err
    assert "2 differences" in told.out


def test_a8_binding_an_unknown_transponder_gives_the_kart_its_laps_since_the_start(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007", "3": "1003"}, "stage", "green", format="8m", ranking="position")
            await cross_all(venue, (5, STRANGER), (6, "1003"), (45, STRANGER), (47, "1003"), (84, STRANGER))
            board = venue.appliance.current()
            assert [(u.transponder, u.passings) for u in venue.appliance.unknown(board)] == [(STRANGER, 3)]
            assert [(r["position"], r["kart"], r["laps"]) for r in (await venue.rows()).values()] == [
                (1, "3", 1), (None, "7", 0)]
            async with venue.stream() as stream:
                await venue.order("bind", kart="7", transponder=STRANGER)
                told = (await stream.until("board"))[-1].data["items"]
                assert [(row["position"], row["kart"], row["laps"]) for row in told] == [(1, "7", 2), (2, "3", 1)]
            assert [lap["time_us"] for lap in (await venue.laps())["7"]] == [40 * S, 39 * S]
            assert venue.appliance.unknown(venue.appliance.current()) == []
            mine = [row["verdict"] for row in await venue.journal() if row["transponder"] == STRANGER]
            assert mine == ["opened", "counted", "counted"]
        assert check(tmp_path).differences == []
    run(heat)


@pytest.mark.parametrize("hours", [1, -1, 24 * 365])
def test_x9_a16_a_jump_of_the_wall_clock_changes_no_lap(run, tmp_path: Path, hours: int) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            plan = drives(1, GREEN)
            await venue.heat(KARTS, "stage", format=FORMAT)
            for each in plan:
                if each.at > GREEN > venue.now:
                    venue.advance(GREEN)
                    await venue.order("green")
                if each.at > GREEN + LENGTH // 2 and not venue.time.jumped:
                    venue.time.jump(hours * 3600)
                await venue.cross(each.at, each.transponder)
            await venue.state("provisional")
            assert await result(venue) == sheet(plan, GREEN)
            await shown_everywhere(venue)
            session = await venue.api("GET", f"/sessions/{venue.session}")
            assert session["elapsed_us"] == LENGTH
            health = {c["name"]: c for c in (await venue.api("GET", "/health"))["checks"]}
            assert health["clock"]["status"] == "ok"
            assert "wall clock was set" in health["clock"]["message"]
        assert check(tmp_path).differences == []
    run(heat)


def test_x9_a_day_ends_at_midnight_of_the_venue_and_dst_moves_no_session(run, tmp_path: Path) -> None:
    async def night() -> None:
        async with park(tmp_path) as venue:
            # 2026-10-25 00:30 in Rome; at 03:00 the clocks there go back, so that day has 25 hours.
            venue.time.wall_offset_us = 1_792_881_000 * S - venue.time.us
            first = await venue.heat(KARTS, name="Before")
            venue.advance(24 * 3600 * S)                           # 23:30 of the same day
            second = await venue.heat({"7": "1007"}, name="After")
            venue.advance(venue.now + 3600 * S)                    # 00:30 of the next
            third = await venue.heat({"7": "1007"}, name="Tomorrow")

            async def of(day: str) -> list[str]:
                return [item["id"] for item in (await venue.api("GET", f"/sessions?date={day}"))["items"]]
            assert await of("2026-10-25") == [first, second]
            assert await of("2026-10-26") == [third]
            assert await of("2026-10-24") == []
            await venue.api("GET", "/sessions?date=tomorrow", status=422)
    run(night)


def test_x10_after_a_power_cut_the_heat_goes_on_and_what_passed_meanwhile_is_fetched(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path / "before") as venue:
            plan = drives(1, GREEN)
            await venue.heat(KARTS, "stage", format=FORMAT)
            cut, back = GREEN + 90 * S, GREEN + 130 * S
            for each in plan:
                if each.at > GREEN > venue.now:
                    venue.advance(GREEN)
                    await venue.order("green")
                if each.at > cut and venue.folder.name == "before":
                    shutil.copytree(venue.folder, tmp_path / "after")      # what the disk holds when the light goes out
                    order = [*await venue.rows()]
                    await venue.off()
                    venue.folder = tmp_path / "after"
                if cut < each.at < back:
                    venue.advance(each.at)
                    venue.decoder.cross(each.transponder, each.at)
                    continue
                if each.at > back and venue._serving.done():
                    venue.time.reboot()
                    venue.time.wall_offset_us = -venue.time.us             # a board without a clock of its own: 1970
                    await venue.on()
                    assert [*await venue.rows()] == order
                    assert (await venue.api("GET", f"/sessions/{venue.session}"))["state"] == "running"
                await venue.cross(each.at, each.transponder)
            await venue.state("provisional")
            assert await result(venue) == sheet(plan, GREEN)
            numbers = Counter(row["passing_number"] for row in await venue.journal())
            assert numbers == Counter(p.passing_number for p in venue.decoder.sent)
            assert [g["outcome"] for g in facts(tmp_path / "after", "gap")] == ["asked", "filled"]
            await shown_everywhere(venue)
        assert check(tmp_path / "after").differences == []
    run(heat)


def test_x15_a21_passings_while_no_session_is_on_can_be_attached(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007", "3": "1003"}, format="8m")
            await cross_all(venue, (5, "1007"), (6, "1003"), (44, "1007"), (46.5, "1003"))
            assert {row["verdict"] for row in await venue.journal()} == {"unassigned"}
            await venue.order("attach", seconds=100, status=409)           # nothing is on yet
            venue.advance(60 * S)
            for order in ("stage", "green"):
                await venue.order(order)
            for seconds in (0, 601, "all", True):
                await venue.order("attach", seconds=seconds, status=422)
            await venue.order("attach", seconds=60)
            await cross_all(venue, (84, "1007"), (86, "1003"))
            laps = {kart: [lap["time_us"] for lap in of] for kart, of in (await venue.laps()).items()}
            assert laps == {"7": [39 * S, 40 * S], "3": [40_500_000, 39_500_000]}
            stored = {row["verdict"] for row in await venue.journal()}
            assert stored == {"opened", "counted"}
            await venue.off()
            await venue.on()                                               # and it stays so
            assert {kart: [lap["time_us"] for lap in of] for kart, of in (await venue.laps()).items()} == laps
        assert check(tmp_path).differences == []
    run(heat)


def test_x2_a_kart_parked_on_the_loop_counts_once_and_makes_no_short_laps(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007"}, "stage", "green", format="8m")
            await cross_all(venue, (5, "1007"), *((45 + n / 2, "1007") for n in range(60)), (120, "1007"))
            laps = [lap["time_us"] for lap in (await venue.laps())["7"]]
            told = Counter(row["verdict"] for row in await venue.journal())
            assert laps == [40 * S, 75 * S]
            assert told == {"opened": 1, "counted": 2, "repeated": 59}
    run(heat)


def test_k1_every_value_of_the_board_can_be_had_from_the_api(run, tmp_path: Path) -> None:
    async def heat() -> None:
        loops = {"start_finish": "268307", "sector:1": "268308"}
        async with park(tmp_path, loops=loops, roles={number: role for role, number in loops.items()}) as venue:
            await venue.heat({"7": "1007", "3": "1003"}, "stage", "green", format="8m", ranking="position")
            for at_s, transponder, loop in ((5, "1007", "start_finish"), (7, "1003", "start_finish"),
                                            (20, "1007", "sector:1"), (45, "1007", "start_finish"),
                                            (48, "1003", "start_finish"), (61, "1007", "sector:1")):
                await venue.cross(at_s * S, transponder, loop=loop)
            board = await venue.appliance.board(venue.session)
            names = await venue.appliance.named(board)
            answer = await venue.api("GET", f"/sessions/{venue.session}/board")
            # What a page derives from these: marks, colours and arrows are presentation, ids of things are elsewhere.
            shown = {f.name for f in fields(Row)} - {
                "last_mark", "best_is_session_best", "sector_marks", "gap_old", "last_lap_id", "hit_seq", "moved"}
            for row, told in zip(board.rows, answer["items"], strict=True):
                for name in shown - {"driver_id", "sectors_us", "penalties"}:
                    assert told[name] == getattr(row, name)
                assert told["driver"] == names[row.driver_id]
                assert told["sectors_us"] == list(row.sectors_us)
                assert told["penalties"] == []
            assert answer["items"][0]["sectors_us"] == [16 * S, None]
            assert answer["items"][1]["sectors_us"] == [None, None]
            assert answer["session"]["remaining_us"] == 8 * 60 * S - 61 * S
            assert answer["session"]["flag"] == "green"
        assert check(tmp_path).differences == []
    run(heat)


def test_h3_a_decoder_that_is_gone_alarms_in_health_and_on_the_stream(run, tmp_path: Path) -> None:
    async def heat() -> None:
        async with park(tmp_path) as venue:
            async def link() -> tuple[str, str]:
                health = await venue.api("GET", "/health")
                [check_] = [c for c in health["checks"] if c["name"] == "link line"]
                return check_["status"], check_["message"]
            assert (await link())[0] == "ok"
            async with venue.stream() as stream:
                port = venue.decoder._port.port
                await venue.decoder.stop()
                told = (await stream.until("link", state="down"))[-1]
                assert "does not answer" in told.data["message"]
                status, message = await link()
                assert status == "degraded"
                assert "does not answer" in message
                assert (await venue.api("GET", "/health"))["status"] == "degraded"
                venue.decoder._port.port = port
                await venue.decoder.start(begin=False)
                await stream.until("link", state="reading")
            assert (await link())[0] == "ok"
            seen = ["connecting", "reading", "down", "reading"]
            await until(lambda: [fact["state"] for fact in facts(tmp_path, "link")] == seen)
    run(heat)


def test_b1_a_new_template_never_alters_a_session_that_was_made_before(run, tmp_path: Path) -> None:
    async def day() -> None:
        async with park(tmp_path) as venue:
            made = await venue.api("POST", "/formats", {"name": "Adult", "format": "8m+1L", "ranking": "position",
                                                        "finish": "leader", "min_lap_s": 20})
            await venue.heat({"7": "1007"}, format="Adult")
            before = await venue.api("GET", f"/sessions/{venue.session}")
            assert (before["format"], before["ranking"], before["finish"]) == ("8m+1L", "position", "leader")
            await venue.api("POST", "/formats", {"name": "Adult", "format": "5m"}, status=409)
            await venue.api("POST", "/formats", {"name": "Kids", "format": "12L"})
            assert await venue.api("GET", f"/sessions/{venue.session}") == before
            by_id = await venue.heat({"7": "1007"}, format=made["id"], ranking="best_lap")
            after = await venue.api("GET", f"/sessions/{by_id}")
            assert (after["format"], after["ranking"], after["finish"]) == ("8m+1L", "best_lap", "leader")
            for text in ("8m", "12L", "8m+1L", "1h30m", "90s"):
                await venue.heat({"7": "1007"}, format=text)
            await venue.api("POST", "/sessions", {"name": "x", "format": "8 laps"}, status=422)
    run(day)


def test_a_passing_after_the_last_result_is_official_is_nobodys_also_after_a_restart(run, tmp_path: Path) -> None:
    async def day() -> None:
        async with park(tmp_path) as venue:
            for name in ("First", "Second"):
                await venue.heat({"7": "1007"}, "stage", "green", "finish", name=name, format="8m")
            await venue.order("confirm")
            await venue.cross(5 * S, "1007")
            await venue.off()
            await venue.on()
            await venue.cross(20 * S, "1007")
            assert [row["verdict"] for row in await venue.journal()] == ["unassigned", "unassigned"]
        assert check(tmp_path).differences == []
    run(day)


def test_many_provisional_results_change_no_verdict(run, tmp_path: Path) -> None:
    async def day() -> None:
        async with park(tmp_path) as venue:
            first = await venue.heat({"7": "1007"}, "stage", "green", "finish", format="8m", track="main")
            for n in range(9):                                           # elsewhere, so that nothing succeeds it here
                await venue.heat({"3": "1003"}, "stage", "green", "finish", name=f"H{n}", format="8m", track="small")
            await venue.cross(5 * S, "1007")
            rows = await venue.journal()
            assert [(row["verdict"], row["session"]) for row in rows] == [("late", first)]
            await venue.off()
            await venue.on()
            await venue.cross(20 * S, "1007")
            assert [row["verdict"] for row in await venue.journal()] == ["late", "late"]
        assert check(tmp_path).differences == []
    run(day)


def test_attached_late_passings_survive_a_restart_and_a_change_of_the_heat_they_came_from(run, tmp_path: Path) -> None:
    async def day() -> None:
        async with park(tmp_path) as venue:
            first = await venue.heat({"7": "1007", "3": "1003"}, "stage", "green", name="First", format="8m")
            await cross_all(venue, (5, "1007"), (45, "1007"))
            await venue.order("finish")
            await cross_all(venue, (60, "1007"), (100, "1007"), (101, STRANGER))
            await venue.heat({"7": "1007"}, "stage", "green", name="Second", format="8m")
            await venue.order("attach", seconds=50)
            await venue.off()
            await venue.on()
            await venue.order("bind", session=first, kart="3", transponder=STRANGER)
            await cross_all(venue, (140, "1007"))
            assert [lap["time_us"] for lap in (await venue.laps())["7"]] == [40 * S, 40 * S]
        assert check(tmp_path).differences == []
    run(day)
