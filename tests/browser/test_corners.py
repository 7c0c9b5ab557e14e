"""The corners of a layout in a real browser: found, settled, named, moved by hand and by key, taken back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.analysis import circuit
from tests.browser.conftest import Box
from tests.browser.test_looks import RULES, SIZES, TOO_SMALL, TOO_WIDE
from tests.browser.test_panels import Open
from tests.browser.test_recordings import sign_in_here
from tests.journeys.circuits import LAYOUT, laps_of
from tests.journeys.logger import dovex
from trackd.gps.layouts import geojson_of

pytestmark = pytest.mark.browser

UTC_US = 1_795_000_000_000_000


def put_in(box: Box, kart: int = 1) -> tuple[str, str]:
    """A layout and a recording on it, by id."""
    layout = str(next(iter(box.appliance.live.writer.venue.layouts), "")) or box.call(
        box.appliance.save_layout(geojson_of(LAYOUT), "Timo"))

    async def receive() -> str:
        data = dovex(laps_of(kart, 8)[0], UTC_US)
        recording, _ = await box.appliance.recordings.receive(data, f"{kart}.dovex", "upload", "Timo")
        await box.appliance.recordings.settled(recording)
        return recording
    return layout, str(box.call(receive()))


def at_corners(box: Box, open_page: Open, layout: str, **options: Any) -> Any:
    page = open_page(box.address + "/console/login?next=/console/recordings", **options)
    sign_in_here(page)
    page.goto(f"{box.address}/console/layouts/corners?layout={layout}")
    page.wait_for_selector("#list tbody tr")
    return page


def stored(box: Box, layout: str) -> list[dict[str, Any]]:
    corners: list[dict[str, Any]] = box.appliance.live.writer.venue.layouts[layout].body["properties"].get("corners", [])
    return corners


def test_corners_are_kept_named_moved_added_and_taken_away_and_that_is_undone(box: Box, open_page: Open) -> None:
    layout, recording = put_in(box)
    page = at_corners(box, open_page, layout)
    expect(page.locator("#list tbody tr")).to_have_count(len(circuit.CORNERS))
    assert stored(box, layout) == []
    page.get_by_role("button", name="T2", exact=True).click()
    page.get_by_label("Name").fill("Hairpin")
    page.get_by_label("Name").press("Tab")
    entry_m = float(page.get_by_label("Entry m").input_value())
    page.locator("[data-handle='entry_m']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Entry m")).to_have_value(f"{entry_m + 2:.1f}")
    apex_m = float(page.get_by_label("Apex m").input_value())
    spot = page.locator("[data-handle='apex_m'] rect").bounding_box()
    page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    page.mouse.down()
    exit_at = page.locator("[data-handle='exit_m'] .end").bounding_box()
    page.mouse.move(exit_at["x"] + exit_at["width"] / 2, exit_at["y"] + exit_at["height"] / 2, steps=5)
    page.mouse.up()
    assert float(page.get_by_label("Apex m").input_value()) > apex_m + 5
    page.get_by_label("Kind").select_option("fast")
    page.get_by_role("button", name="T5", exact=True).click()
    page.get_by_role("button", name="Take it away").click()
    page.get_by_role("button", name="Add a corner").click()
    page.keyboard.press("Enter")                           # where there is the most room
    expect(page.locator("#list tbody tr")).to_have_count(len(circuit.CORNERS))
    page.get_by_role("button", name="Keep these corners").click()
    expect(page.get_by_text("These corners are kept")).to_be_visible()
    kept = stored(box, layout)
    assert len(kept) == len(circuit.CORNERS)
    assert (kept[1]["name"], kept[1]["kind"], kept[1]["entry_m"]) == ("Hairpin", "fast", entry_m + 2)
    assert [each["name"] for each in kept[2:4]] == ["T3", "T4"]
    assert {each["direction"] for each in kept} == {"left", "right"}
    page.get_by_role("button", name="Undo").first.click()
    page.goto(f"{box.address}/console/layouts/corners?layout={layout}")
    expect(page.get_by_text("Keep them, and each has its place")).to_be_visible()
    assert stored(box, layout) == []
    page.goto(f"{box.address}/console/recordings/{recording}")
    expect(page.get_by_text("Newer laps wait")).to_have_count(0)


def test_what_is_wrong_with_a_corner_is_said_with_its_name_and_nothing_is_kept(box: Box, open_page: Open) -> None:
    layout, _ = put_in(box)
    page = at_corners(box, open_page, layout)
    page.get_by_role("button", name="T2", exact=True).click()
    page.get_by_label("Name").fill("T3")
    page.get_by_label("Name").press("Tab")
    page.get_by_role("button", name="T4", exact=True).click()
    page.get_by_label("Name").fill("Bend")
    page.get_by_label("Name").press("Tab")
    page.get_by_role("button", name="T1", exact=True).click()
    page.get_by_label("Name").fill("Bend")
    page.get_by_label("Name").press("Tab")
    page.get_by_role("button", name="Keep these corners").click()
    expect(page.locator("#faults")).to_contain_text("there are two corners called Bend")
    assert stored(box, layout) == []


def test_slow_medium_and_fast_follow_the_speeds_of_the_layout(box: Box, open_page: Open) -> None:
    layout, _ = put_in(box)
    page = at_corners(box, open_page, layout)
    page.get_by_label("Slow below").fill("20")
    page.get_by_label("Fast above").fill("30")
    page.get_by_label("Fast above").press("Tab")
    expect(page.locator("#list tbody tr td:last-child")).to_have_text(["fast"] * len(circuit.CORNERS))
    page.get_by_role("button", name="Keep these corners").click()
    expect(page.get_by_text("These corners are kept")).to_be_visible()
    assert {each["kind"] for each in stored(box, layout)} == {"fast"}
    assert box.appliance.live.writer.venue.layouts[layout].body["properties"]["corner_cuts_kmh"] == [20, 30]
    page.get_by_role("link", name="Find them anew").click()
    expect(page.get_by_label("Fast above")).to_have_value("30")


@pytest.mark.parametrize("size", SIZES)
def test_the_page_of_corners_fits_and_is_clear_in_both_themes(size: str, box: Box, open_page: Open) -> None:
    layout, _ = put_in(box)
    page, found, shots = at_corners(box, open_page, layout, reduced_motion="reduce"), [], os.environ.get("TRACKD_SHOTS")
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    page.get_by_role("button", name="T3", exact=True).click()
    page.evaluate("() => document.fonts.ready")
    found += page.evaluate(TOO_WIDE) + page.evaluate(TOO_SMALL, 24)
    for theme, rules in RULES.items():
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        found += [f"{theme}: {wrong['id']}: {wrong['help']}: {node['target']}"
                  for wrong in Axe().run(page, options=rules).response["violations"] for node in wrong["nodes"]]
        if shots:
            page.screenshot(path=Path(shots) / f"corners-{size}-{theme}.png", full_page=True)
    assert not found, "\n".join(map(str, found))
