"""Recordings in a real browser: files in, a layout drawn on the trace, whose it was, laps verified; keys and touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box
from tests.browser.test_panels import PHONE, Open, drive, heat
from tests.gps.drive import ROUND, laps_of
from tests.journeys.logger import aim_csv
from trackd.gps.layouts import geojson_of

pytestmark = pytest.mark.browser

TIMES = {"1": [40.2, 39.8, 40.9, 39.5, 40.1, 39.9, 41.3, 39.6], "2": [41.0, 40.6, 40.4, 41.8, 40.2, 41.1, 40.9, 41.5]}


def at_recordings(box: Box, open_page: Open, **options: Any) -> Any:
    page = open_page(box.address + "/console/login?next=/console/recordings", **options)
    sign_in_here(page)
    return page


def sign_in_here(page: Any) -> None:
    page.get_by_label("Name").fill("Renata")
    page.get_by_label("PIN").fill("4711")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".tabs")


def file_of(tmp_path: Path, kart: str) -> Path:
    path = tmp_path / f"kart {kart}.csv"
    path.write_bytes(aim_csv(laps_of(TIMES[kart])[0].trace(10)))
    return path


def put_in(page: Any, *paths: Path) -> None:
    page.get_by_label("Add recordings").set_input_files(list(paths))
    page.get_by_role("button", name="Add", exact=True).click()


def middle_of_way(page: Any, part: float) -> tuple[float, float]:
    """A place on the trace, in pixels of the page."""
    x, y = page.evaluate("""(part) => {
        const map = document.querySelector("#map"), way = map.querySelector(".way");
        const at = way.getPointAtLength(way.getTotalLength() * part).matrixTransform(map.getScreenCTM());
        return [at.x, at.y];
    }""", part)
    return x, y


def test_a_file_is_put_in_and_a_layout_drawn_on_it_by_keyboard_finds_its_laps(box: Box, open_page: Open,
                                                                             tmp_path: Path) -> None:
    page = at_recordings(box, open_page)
    put_in(page, file_of(tmp_path, "1"))
    expect(page.locator(".recordings tbody tr")).to_contain_text("no layout")
    page.get_by_role("link", name="kart 1.csv").click()
    page.get_by_role("link", name="Draw a layout on it").click()
    page.wait_for_selector("#map .way")
    page.locator("#map").focus()
    page.keyboard.press("Enter")                           # the start, somewhere on the way
    expect(page.locator("#chosen")).to_contain_text("Start")
    expect(page.locator("#found")).to_have_text("8")
    before = page.locator("#chosen .soft").text_content()
    for key in ("ArrowRight",) * 5 + ("ArrowUp",) * 4:
        page.keyboard.press(key)
    expect(page.locator("#chosen .soft")).not_to_have_text(before)
    expect(page.locator("#chosen .soft")).to_contain_text("20.0 m long")
    page.keyboard.press("t")                               # turned round nobody crosses it in its direction
    expect(page.locator("#found")).to_have_text("0")
    page.keyboard.press("z")
    expect(page.locator("#found")).to_have_text("8")
    for _ in range(10):                                    # nine steps and the line itself: nothing of it is saved yet
        page.keyboard.press("z")
    expect(page.locator("#map .line")).to_have_count(0)
    page.locator("#map").focus()
    page.get_by_role("button", name="Start").click()
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_have_text("8")
    page.get_by_label("Name").fill("Round")
    page.get_by_role("button", name="Save the layout").click()
    page.wait_for_url("**/console/recordings/*")
    expect(page.locator("tbody th a")).to_have_count(8)
    layout, = box.appliance.live.writer.venue.layouts.values()
    assert layout.name == "Round"
    assert [each["properties"]["role"] for each in layout.body["features"]] == ["start_finish", "reference"]


def test_sectors_are_put_by_touch_dragged_and_numbered_as_they_are_driven(box: Box, open_page: Open,
                                                                          tmp_path: Path) -> None:
    page = at_recordings(box, open_page, **{**PHONE, "viewport": {"width": 800, "height": 900}})
    put_in(page, file_of(tmp_path, "1"))
    page.get_by_role("link", name="kart 1.csv").tap()
    page.get_by_role("link", name="Draw a layout on it").tap()
    page.wait_for_selector("#map .way")
    lap = 1 / 8.3
    page.touchscreen.tap(*middle_of_way(page, 0.5))
    for part in (0.5 + lap * 0.66, 0.5 + lap * 0.33):      # the later one first
        page.get_by_role("button", name="Sector").tap()
        page.touchscreen.tap(*middle_of_way(page, part))
    expect(page.locator("#chosen")).to_contain_text("Sector 1")
    expect(page.locator("#map .line")).to_have_count(3)
    expect(page.locator("#laps tbody tr").nth(2).locator("td").last).to_contain_text(".")
    end = page.locator("#map [data-end='a']").bounding_box()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + 40, end["y"] + 40, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Lay it across the track").click()
    page.get_by_role("button", name="Take it away").click()
    expect(page.locator("#map .line")).to_have_count(2)
    page.get_by_label("Name").fill("")
    page.get_by_role("button", name="Save the layout").click()
    assert "/draw" in page.url                             # a layout has a name


def test_a_recording_of_a_heat_shows_its_kart_and_a_doubtful_lap_is_verified_and_taken_back(box: Box, open_page: Open,
                                                                                            tmp_path: Path) -> None:
    box.karts(2)
    box.call(box.appliance.save_layout(geojson_of(ROUND), "test"))
    session_id = heat(box, min_lap_s=20)
    drive(box, **{f"k{kart}": " ".join(f"{10 + at_s:.3f}" for at_s in laps_of(times)[1]) for kart, times in TIMES.items()})
    box.order(session_id, "shift_crossing", kart="1", lap=3, by_us=2000)
    page = at_recordings(box, open_page)
    put_in(page, file_of(tmp_path, "2"))
    expect(page.locator(".recordings tbody tr")).to_contain_text("matched")
    expect(page.locator(".recordings .plate")).to_have_text("2")
    for order in ("chequered", "finish", "confirm"):
        box.order(session_id, order)
    page.get_by_role("link", name="To verify").click()
    waiting = page.locator(".queue li")
    expect(waiting).to_have_count(2)                       # both laps at the crossing that was moved
    expect(waiting.first).to_contain_text("edited")
    page.get_by_role("button", name="Verify : kart 1 lap 3").or_(
        page.get_by_role("button", name="Verify: kart 1 lap 3")).click()
    expect(page.locator(".queue li", has_text="Verified by Renata")).to_have_count(1)
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator(".queue li", has_text="Verified by Renata")).to_have_count(0)
    page.get_by_role("button", name="Verify all 2").click()
    expect(page.locator(".queue li", has_text="Verified by Renata")).to_have_count(2)
    page.get_by_role("link", name="Recordings").first.click()
    page.get_by_role("link", name="kart 2.csv").click()
    page.get_by_role("button", name="It was none of these").click()
    expect(page.locator(".tag", has_text="no kart")).to_have_count(1)


def test_z_takes_back_a_kart_a_layout_and_a_verdict_on_their_pages(box: Box, open_page: Open, tmp_path: Path) -> None:
    box.karts(2)
    box.call(box.appliance.save_layout(geojson_of(ROUND), "test"))
    session_id = heat(box, min_lap_s=20)
    drive(box, **{f"k{kart}": " ".join(f"{10 + at_s:.3f}" for at_s in laps_of(times)[1]) for kart, times in TIMES.items()})
    box.order(session_id, "shift_crossing", kart="1", lap=3, by_us=2000)
    for order in ("chequered", "finish", "confirm"):
        box.order(session_id, order)
    page = at_recordings(box, open_page)
    told, state = page.locator("form.done"), page.locator(".tag").first
    put_in(page, file_of(tmp_path, "2"))
    expect(page.locator(".recordings tbody tr")).to_contain_text("matched")
    page.get_by_role("link", name="kart 2.csv").click()
    kart = page.locator("section", has_text="Whose it is").locator(".plate")
    expect(kart).to_have_text("2")
    page.get_by_role("button", name="It was none of these").click()
    expect(told).to_contain_text("Renata took a recording off its kart.")
    expect(kart).to_have_count(0)
    page.keyboard.press("z")
    expect(kart).to_have_text("2")
    page.get_by_role("button", name="It was none of these").click()
    page.get_by_label("Heat and kart").select_option(f"{session_id}/2")
    page.get_by_role("button", name="It was this one").click()
    expect(told).to_contain_text("Renata gave a recording to kart 2 (")
    for _ in range(2):
        page.keyboard.press("z")
        expect(told).to_contain_text("Undone by Renata")
    expect(kart).to_have_text("2")
    page.get_by_role("button", name="Find laps on it").click()
    expect(told).to_contain_text("Renata found the laps of a recording.")
    page.keyboard.press("z")
    expect(told).to_contain_text("Undone by Renata: found the laps")
    expect(state).to_contain_text("matched")
    page.goto(box.address + "/console/verify")
    page.get_by_role("button", name="Verify all 2").click()
    expect(page.locator(".queue li", has_text="Verified by Renata")).to_have_count(2)
    expect(told).to_contain_text("Renata verified 2 laps of kart 1 (")
    page.keyboard.press("z")
    expect(page.locator(".queue li", has_text="Verified by Renata")).to_have_count(0)
    expect(page.get_by_role("button", name="Verify all 2")).to_be_visible()
    page.keyboard.press("Control+y")
    expect(page.locator(".queue li", has_text="Verified by Renata")).to_have_count(2)
