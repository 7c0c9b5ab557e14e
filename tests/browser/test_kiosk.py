"""The kiosk as drivers use it, by touch alone: a recording brought, laps found, and the first page that comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.browser.conftest import PIN, Box
from tests.browser.test_looks import RULES, TOO_SMALL, TOO_WIDE
from tests.browser.test_panels import PHONE, Open, drive, heat
from tests.browser.test_recordings import TIMES, file_of
from tests.gps.drive import ROUND, laps_of
from trackd.gps.layouts import geojson_of
from trackd.services.recorded import all_recordings

pytestmark = pytest.mark.browser

TOUCH = {**PHONE, "viewport": {"width": 1280, "height": 800}}


def at_the_kiosk(box: Box, open_page: Open, name: str = "Greta", role: str = "desk") -> Any:
    """A screen in the hall, opened by somebody of the desk."""
    box.appliance.staff.add_staff(name, role, PIN)
    page = open_page(box.address + "/console/kiosk", **TOUCH)
    page.get_by_label("Name").fill(name)
    page.get_by_label("PIN").fill(PIN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".choices")
    return page


def bring(page: Any, path: Path, *, taken: bool = True) -> None:
    """Choose a file; it has been read where it is ``taken``."""
    link = page.get_by_role("link", name="Bring your recording").or_(page.get_by_role("link", name="Another file"))
    if link.count():
        link.tap()
    page.locator("#file").set_input_files(path)
    if taken:
        page.wait_for_url("**/kiosk/recording/*")
        page.get_by_role("link", name="Another file").wait_for()


def test_a_recording_is_brought_and_its_laps_stand_there_with_kart_and_heat_and_are_found_by_name(
        box: Box, open_page: Open, tmp_path: Path) -> None:
    box.karts(2)
    box.call(box.appliance.save_layout(geojson_of(ROUND), "test"))
    session_id = heat(box, min_lap_s=20)
    drive(box, **{f"k{kart}": " ".join(f"{10 + at_s:.3f}" for at_s in laps_of(times)[1]) for kart, times in TIMES.items()})
    page = at_the_kiosk(box, open_page)
    bring(page, file_of(tmp_path, "2"))
    expect(page.locator("h1")).to_have_text("2 Heat 1")
    expect(page.locator(".lead")).to_contain_text("Grace Hopper, 8 laps, the best in 40.2")
    expect(page.locator(".lead")).to_contain_text("not official yet")
    expect(page.locator(".laps li")).to_have_count(8)
    expect(page.locator(".laps .tag")).to_have_count(0)
    for order in ("chequered", "finish", "confirm"):
        box.order(session_id, order)
    page.get_by_role("link", name="All laps of Grace Hopper").tap()
    expect(page.locator(".tag", has_text="Verified")).to_have_count(8)
    page.get_by_role("link", name="Back to the start").tap()
    page.get_by_role("link", name="Find your laps").tap()
    for letter in "HO":
        page.get_by_role("link", name=letter, exact=True).tap()
    page.get_by_role("link", name="Grace Hopper").tap()
    expect(page.locator("h1")).to_have_text("Grace Hopper")
    (_, stored), = box.call(all_recordings(box.appliance.reading, 0, 9))
    assert (stored.source, stored.given_by) == ("kiosk", "Greta")
    assert {link.get_attribute("href") for link in page.locator("main a, header a, footer a").all()} == {"/kiosk"}


def test_what_cannot_be_read_is_refused_with_the_readers_sentence_and_another_file_can_follow(
        box: Box, open_page: Open, tmp_path: Path) -> None:
    page = at_the_kiosk(box, open_page)
    drk = tmp_path / "drive.drk"
    drk.write_bytes(b"\x00\x01" * 200)
    bring(page, drk)
    expect(page.locator("h1")).to_have_text("This file cannot be read")
    expect(page.locator(".note")).to_contain_text(".")
    (tmp_path / "empty.csv").write_bytes(b"")
    bring(page, tmp_path / "empty.csv", taken=False)
    expect(page.locator(".bring [role=status]")).to_contain_text("empty")
    bring(page, file_of(tmp_path, "1"))
    expect(page.locator("h1")).to_have_text("No lap in your recording")
    expect(page.locator(".note")).to_contain_text("no layout of this track")


def test_without_a_touch_the_first_page_comes_back_and_a_touch_keeps_the_page(box: Box, open_page: Open) -> None:
    page = open_page(box.address + "/kiosk", **TOUCH)
    page.clock.install()
    page.get_by_role("link", name="Find your laps").tap()
    page.wait_for_selector(".abc")
    page.clock.run_for(50_000)
    page.locator("h1").tap()
    page.clock.run_for(50_000)
    assert page.url.endswith("/kiosk/laps")
    page.clock.run_for(11_000)
    page.wait_for_url("**/kiosk")


def test_a_kiosk_nobody_of_staff_has_opened_takes_no_file_and_says_so(box: Box, open_page: Open) -> None:
    page = open_page(box.address + "/kiosk/recording", **TOUCH)
    assert page.url.endswith("/kiosk")
    expect(page.locator(".note")).to_contain_text("Recordings can be brought when staff has opened this page.")
    expect(page.locator(".choices a")).to_have_count(1)
    marshal = at_the_kiosk(box, open_page, "Mara", "marshal")
    expect(marshal.locator(".note")).to_contain_text("Mara may not put recordings in.")
    expect(marshal.locator(".choices a")).to_have_count(1)


def test_on_an_upright_screen_every_page_fits_is_large_enough_to_touch_and_clear_in_both_themes(
        box: Box, open_page: Open, tmp_path: Path) -> None:
    box.call(box.appliance.live.done(box.appliance.roster.add_driver("Zoë Müller")[1]))
    page = at_the_kiosk(box, open_page)
    page.set_viewport_size({"width": 1080, "height": 1920})
    page.emulate_media(reduced_motion="reduce")
    bring(page, file_of(tmp_path, "1"))
    found = []
    for path in ("", "/recording", "/laps", "/laps?name=ZO", page.url.partition("/kiosk")[2]):
        page.goto(f"{box.address}/kiosk{path}")
        page.evaluate("() => document.fonts.ready")
        found += [f"{path}: {each}" for each in (*page.evaluate(TOO_WIDE), *page.evaluate(TOO_SMALL, 72))]
        for theme, rules in RULES.items():
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            found += [f"{path}, {theme}: {wrong['id']}: {node['target']}"
                      for wrong in Axe().run(page, options=rules).response["violations"] for node in wrong["nodes"]]
    assert not found, "\n".join(found)
