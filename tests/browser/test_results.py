"""Results, the log and the next heat in a real browser: from provisional to amended, on paper, and back again."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box, arrived, sign_in
from tests.browser.venue import counted
from trackd.services.sessions import NewSession

pytestmark = pytest.mark.browser

BLACK = "rgb(0, 0, 0)"
COUNT_PRINTS = "window.printed = 0; window.print = () => { window.printed += 1; };"


def a_heat(box: Box, karts: int = 2, laps: int = 3, name: str = "Heat 1") -> str:
    """A heat that everybody has finished: kart 1 laps in 30 s, each further one a little slower."""
    box.karts(karts)
    wanted = NewSession(name, [(str(n), f"Driver {n}") for n in range(1, karts + 1)],
                        fields={"format": f"{laps}L", "ranking": "position", "finish": "leader", "min_lap_s": 5})
    session_id = str(box.call(box.appliance.create_session(wanted, "Timo")))
    for order in ("stage", "green"):
        box.order(session_id, order)
    crossings = [(5 + n / 10 + lap * (30 + (n - 1) / 20), str(100 + n)) for n in range(1, karts + 1)
                 for lap in range(laps + 1)]
    for at_s, transponder in sorted(crossings):
        box.cross(transponder, round(at_s, 3))
    counted(box, session_id, karts * laps)
    if box.call(box.appliance.board(session_id)).session.state == "finishing":
        box.order(session_id, "finish")
    return session_id


def staff_page(box: Box, open_page: Callable[..., Any], path: str, **options: Any) -> Any:
    """A page of somebody who is signed in."""
    page = open_page(box.address + "/console", **options)
    sign_in(page)
    page.goto(box.address + path)
    return page


def pages_of(pdf: bytes) -> int:
    """How many sheets of paper a PDF is."""
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


def test_b14_a_result_becomes_official_and_amended_with_its_note_and_version_1_stays(
        box: Box, open_page: Callable[..., Any]) -> None:
    session_id = a_heat(box)
    page = staff_page(box, open_page, f"/sessions/{session_id}")
    stamp, order = page.locator(".stamp"), page.locator("table.result tbody tr")
    expect(stamp).to_have_text("provisional")
    assert stamp.evaluate("e => getComputedStyle(e).borderTopStyle") == "dashed"

    page.get_by_role("button", name="Make it official").focus()
    page.keyboard.press("Enter")
    expect(stamp).to_have_text("official")
    assert stamp.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"
    expect(page.locator(".stamps")).to_contain_text("Renata")
    expect(order.first).to_contain_text("Driver 1")

    page.get_by_label("Why open it again").fill("Kart 1 cut the chicane on lap 2")
    page.keyboard.press("Enter")
    expect(stamp).to_have_text("provisional")
    box.order(session_id, "void_lap", kart="1", lap=2, reason="cut the chicane")
    page.reload()
    expect(order.first).to_contain_text("Driver 2")
    page.get_by_role("button", name="Make it official").click()
    expect(stamp).to_have_text("amended v2")
    expect(page.locator(".why-note")).to_contain_text("Version 1 was opened again by Renata")
    expect(page.locator(".why-note")).to_contain_text("Kart 1 cut the chicane on lap 2")
    expect(page.locator(".matrix .void")).to_contain_text("30.000")
    expect(page.locator(".decided")).to_contain_text("Voided lap 2 of kart 1")

    page.get_by_role("link", name="Version 1").click()
    expect(stamp).to_have_text("version 1")
    expect(order.first).to_contain_text("Driver 1")
    expect(page.locator(".matrix .void")).to_have_count(0)
    page.get_by_role("link", name="How it stands now").click()
    expect(stamp).to_have_text("amended v2")

    guest = open_page(f"{box.address}/sessions/{session_id}")
    expect(guest.locator(".stamp")).to_have_text("amended v2")
    expect(guest.get_by_role("button", name="Amend")).to_have_count(0)


def test_a10_acts_of_any_page_are_undone_from_the_karts_page_by_key(box: Box, open_page: Callable[..., Any]) -> None:
    session_id = a_heat(box)
    box.order(session_id, "penalty", kart="1", kind="time", value=5_000_000, reason="contact")
    page = staff_page(box, open_page, "/console/karts")
    page.get_by_label("Number").fill("9")
    page.get_by_label("Transponders").fill("109")
    page.get_by_role("button", name="Add the kart").click()
    last = page.locator(".done")
    expect(last).to_contain_text("Renata saved kart 9.")
    karts = box.appliance.live.writer.venue.karts
    assert "9" in karts

    page.keyboard.press("z")
    expect(last).to_contain_text("Undone by Renata: saved kart 9.")
    assert "9" not in karts
    page.keyboard.press("z")
    expect(last).to_contain_text("Undone by Renata: gave kart 1 +5 s (Heat 1).")
    assert box.call(box.appliance.board(session_id)).rows[0].penalties == ()
    page.get_by_role("button", name="Do it again").click()
    expect(last).to_contain_text("Timo gave kart 1 +5 s (Heat 1).")
    assert {p for row in box.call(box.appliance.board(session_id)).rows for p in row.penalties} == {"+5 s"}
    page.keyboard.press("Control+y")
    expect(last).to_contain_text("Renata saved kart 9.")
    expect(last.get_by_role("button")).to_have_text("Undo Z")

    page.get_by_label("Number").press_sequentially("z")      # typed into a field a key is a letter
    expect(page.get_by_label("Number")).to_have_value("z")
    assert "9" in karts


def test_a10_the_log_undoes_the_act_one_points_at_and_reads_without_the_network(
        box: Box, open_page: Callable[..., Any]) -> None:
    session_id = a_heat(box)
    box.order(session_id, "penalty", kart="1", kind="time", value=5_000_000, reason="contact")
    box.order(session_id, "void_lap", kart="2", lap=1, reason="cut")
    page = staff_page(box, open_page, "/console/log", viewport={"width": 390, "height": 844}, has_touch=True)
    line = page.locator(".log > li", has_text="gave kart 1 +5 s")
    expect(line).to_contain_text("Why: contact")
    expect(line).to_contain_text("Kart 1: place 1 to 2")
    line.get_by_role("button", name="Undo").tap()
    expect(line).to_contain_text("undone by Renata")
    expect(line.locator("s")).to_have_count(1)
    rows = {row.kart: row for row in box.call(box.appliance.board(session_id)).rows}
    assert (rows["1"].penalties, rows["2"].laps) == ((), 2)
    line.get_by_role("button", name="Redo").tap()
    expect(line).not_to_contain_text("undone by")

    box.order(session_id, "lift", penalty=box.appliance.live.acts.newest(session_id)[1].seq)
    before = page.locator(".log > li").count()
    page.get_by_role("link", name="Look again").tap()
    expect(page.locator(".log > li")).to_have_count(before + 1)
    page.context.set_offline(True)
    expect(page.locator(".log > li", has_text="made Heat 1")).to_contain_text("Timo")


def test_a_finished_heat_is_printed_and_saved_in_one_press(box: Box, open_page: Callable[..., Any], tmp_path: Path) -> None:
    session_id = a_heat(box)
    page = staff_page(box, open_page, "/console/heats")
    page.add_init_script(COUNT_PRINTS)
    row = page.locator(".heat-list > li", has_text="Heat 1")
    with page.expect_download() as download:
        row.get_by_role("link", name="CSV").click()
    path = tmp_path / "laps.csv"
    download.value.save_as(path)
    assert download.value.suggested_filename == f"session-{session_id}.csv"
    laps = list(csv.DictReader(path.read_text().splitlines()))
    assert [(lap["driver"], lap["kart"], lap["lap"], lap["time"], lap["source"], lap["verdict"], lap["edited"])
            for lap in laps] == [(f"Driver {n}", str(n), str(lap), time, "loop", "valid", "no")
                                 for n, time in ((1, "30.000"), (2, "30.050")) for lap in (1, 2, 3)]
    row.get_by_role("link", name="Print").click()
    expect(page.locator("h1")).to_have_text("Heat 1")
    page.wait_for_load_state("load")
    assert page.evaluate("() => window.printed") == 1
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("() => window.printed") == 2


def test_a_heat_of_12_karts_and_13_laps_is_one_page_of_a4_with_black_marks(box: Box, open_page: Callable[..., Any]) -> None:
    session_id = a_heat(box, karts=12, laps=13, name="Großmeisterschaftsvorentscheidungslauf")
    box.order(session_id, "confirm")
    page = open_page(f"{box.address}/sessions/{session_id}")
    expect(page.locator(".matrix tbody tr")).to_have_count(13)
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    page.emulate_media(media="print")
    for mark in ("best", "pb"):
        glyph = page.locator(f".t[data-t={mark}]").first
        assert glyph.evaluate("e => getComputedStyle(e).color") == BLACK
        assert glyph.locator(".g").evaluate("e => getComputedStyle(e).fill") == BLACK
    expect(page.locator(".masthead")).to_be_hidden()
    expect(page.locator(".qr svg")).to_be_visible()


def test_b22_the_incident_log_is_one_page_of_pdf(box: Box, open_page: Callable[..., Any]) -> None:
    session_id = a_heat(box)
    for n in range(8):
        box.order(session_id, "incident", karts="1, 2", text=f"Contact number {n} at the hairpin, kart 2 turned round")
    seq = box.appliance.live.acts.newest(session_id)[0].seq
    box.order(session_id, "penalty", kart="1", kind="positions", value=1, reason="contact", incident=seq)
    page = open_page(f"{box.address}/sessions/{session_id}")
    page.get_by_role("link", name="Incidents").click()
    expect(page.locator(".incidents > li")).to_have_count(8)
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    page.emulate_media(media="print")
    for words in ("Karts 1 and 2", "Contact number 7 at the hairpin", "-1 place for kart 1", "Timo"):
        expect(page.locator(".incidents > li").last).to_contain_text(words)
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_the_next_heat_is_prepared_while_one_runs_and_staged_when_it_is_over(
        box: Box, open_page: Callable[..., Any]) -> None:
    a_heat(box, name="Heat 1")
    page = staff_page(box, open_page, "/console/heats")
    page.get_by_label("Same karts and drivers as").select_option(label="Heat 1")
    page.get_by_role("button", name="Fill in").click()
    expect(page.get_by_label("Name")).to_have_value("Heat 2")
    expect(page.get_by_label("Driver of kart 2")).to_have_value("Driver 2")
    page.get_by_role("button", name="Make the heat").click()
    arrived(page, "#next")
    second = page.url.rpartition("/")[2]
    for order in ("stage", "green"):
        box.order(second, order)

    page.goto(box.address + "/console/heats")
    page.get_by_label("Name").fill("Heat 3")
    page.get_by_label("Format").select_option("own")
    page.get_by_text("Rules of this heat only").click()
    page.get_by_label("Length").fill("soon")
    page.get_by_label("Driver of kart 1").fill("Ada Lovelace")
    page.get_by_role("button", name="Make it and stay here").click()
    expect(page.locator("#f-length-says")).to_contain_text("no session length")
    page.get_by_label("Length").fill("2L")
    page.get_by_label("Countdown to green, seconds").fill("3")
    page.get_by_role("button", name="Make it and stay here").click()
    third = page.locator(".heat-list > li", has_text="Heat 3")
    expect(third).to_contain_text("Waiting")
    expect(third).to_contain_text("2 laps · 1 kart")
    expect(page.locator(".heat-list > li", has_text="Heat 2")).to_contain_text("On track")
    assert box.call(box.appliance.board(second)).session.state == "running"

    third.get_by_role("button", name="Stage").click()
    expect(page.get_by_role("alert").first).to_contain_text("Heat 2 is on this track.")
    box.order(second, "finish")
    third.get_by_role("button", name="Stage").click()
    arrived(page, "#next")
    expect(page.locator("#band .flag-plate b")).to_have_text("Staged")
