"""From a unit on the wire to a verified lap on the driver's page, in one go: the journey this is all for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box
from tests.browser.test_panels import drive, heat
from tests.browser.test_recordings import TIMES
from tests.browser.test_units import Near, at_the_units
from tests.gps.drive import ROUND, laps_of
from tests.journeys.logger import aim_csv
from trackd.gps.layouts import geojson_of

pytestmark = pytest.mark.browser


def test_a_unit_is_paired_fetched_over_a_cut_and_its_laps_stand_verified_on_the_drivers_page(
        box: Box, open_page: Callable[..., Any], tmp_path: Path) -> None:
    near = Near(box, tmp_path / "held by the solo")
    box.karts(2)
    box.call(box.appliance.save_layout(geojson_of(ROUND), "test"))
    session_id = heat(box, min_lap_s=20)
    drive(box, **{f"k{kart}": " ".join(f"{10 + at_s:.3f}" for at_s in laps_of(times)[1]) for kart, times in TIMES.items()})
    for order in ("chequered", "finish", "confirm"):
        box.order(session_id, order)
    (near.garage.files / "a_0001.csv").write_bytes(aim_csv(laps_of(TIMES["2"])[0].trace(25)))
    near.solo("cut")
    page = at_the_units(box, open_page)
    page.get_by_role("link", name="Look again").click()
    page.locator(".units > li").get_by_role("link", name="Pair").click()
    page.get_by_label("Name").fill("Solo 2")
    page.get_by_label("Rides on").select_option("2")
    page.get_by_role("button", name="Pair the unit").click()
    near.tick(2)
    near.at_rest()
    page.get_by_role("link", name="Recordings").click()
    expect(page.locator(".recordings tbody tr")).to_contain_text("matched")
    expect(page.locator(".recordings .plate")).to_have_text("2")
    page.goto(box.address + "/console/drivers")
    page.get_by_role("link", name="Grace Hopper").click()
    expect(page.locator(".tag", has_text="Verified")).to_have_count(8)
    expect(page.locator(".tag", has_text="Speed and line")).to_have_count(8)
    page.locator(".pb").click()
    expect(page.locator("main")).to_contain_text("Verified")
    expect(page.locator("main")).to_contain_text("apart 0.00")
    near.empty()
