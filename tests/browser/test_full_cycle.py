"""From a unit on the wire to a verified lap on the driver's page, in one go: the journey this is all for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box
from tests.browser.test_panels import heat
from tests.browser.test_units import Near, at_the_units
from trackd.core.time import SECOND
from trackd.emulator import course
from trackd.emulator.field import LINE, Field
from trackd.emulator.outing import outing
from trackd.emulator.solo_file import xrz

pytestmark = pytest.mark.browser

TEN_MINUTES_S = 600


def driven(box: Box, files: Path) -> int:
    """Two karts drive ten minutes, and a Solo in kart 2 records it, 25 times a second, in its own kind of file; the laps of
    that kart.
    """
    field = Field(seed=5, karts=2, lap_s=course.LAP_S, sectors=2, shares=course.shares(), pit_rate=0, spin_rate=0)
    passings = list(field.passings(TEN_MINUTES_S))
    kart = {entry.transponder: 100 + int(entry.kart) for entry in field.entries}
    for each in passings:
        if each.loop == LINE:
            box.cross(str(kart[each.transponder]), each.at_us / SECOND)
    found = outing([each for each in passings if kart[each.transponder] == 102], rate_hz=25)
    assert found.samples[-1].t_us >= TEN_MINUTES_S * SECOND
    (files / "a_0001.xrz").write_bytes(xrz(found, box.appliance.live.clock.wall(), serial=500_417, vehicle="Kart 2"))
    return len(found.crossed_us) - 1


def test_a_unit_is_paired_fetched_over_a_cut_and_its_laps_stand_verified_on_the_drivers_page(
        box: Box, open_page: Callable[..., Any], tmp_path: Path) -> None:
    near = Near(box, tmp_path / "held by the solo")
    box.karts(2)
    box.call(box.appliance.save_layout(course.layout("Main"), "test"))
    session_id = heat(box, format="15m", min_lap_s=20)
    laps = driven(box, near.garage.files)
    for order in ("chequered", "finish", "confirm"):
        box.order(session_id, order)
    solo = near.solo("cut")
    page = at_the_units(box, open_page)
    page.get_by_role("link", name="Look again").click()
    page.locator(".units > li").get_by_role("link", name="Pair").click()
    page.get_by_label("Name").fill("Solo 2")
    page.get_by_label("Rides on").select_option("2")
    page.get_by_role("button", name="Pair the unit").click()
    near.tick(2)
    near.at_rest()
    assert solo.sessions > 2, "it was cut off and fetched on"
    page.get_by_role("link", name="Recordings").click()
    expect(page.locator(".recordings tbody tr")).to_contain_text("matched")
    expect(page.locator(".recordings .plate")).to_have_text("2")
    page.goto(box.address + "/console/drivers")
    page.get_by_role("link", name="Grace Hopper").click()
    expect(page.locator(".tag", has_text="Verified")).to_have_count(laps)
    expect(page.locator(".tag", has_text="Speed and line")).to_have_count(laps)
    page.locator(".pb").click()
    expect(page.locator("main")).to_contain_text("Verified")
    expect(page.locator("main")).to_contain_text("apart 0.0")
    near.empty()
