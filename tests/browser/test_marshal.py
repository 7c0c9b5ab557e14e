"""Laps decided on long after: one over the maximum, and one of a heat that was official before the box was switched off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box
from tests.browser.test_panels import TOUCH, cell, console, drive, find, heat, keys, laps, last

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


@pytest.mark.parametrize("touch", [False, True], ids=["keyboard", "touch"])
def test_a4_a_lap_over_the_maximum_is_long_distance_only_and_no_best(box: Box, open_page: Open, touch: bool) -> None:
    box.karts(2)
    session_id = heat(box, ranking="best_lap", max_lap_s=60)
    drive(box, k1="10 40 105", k2="11 42")
    page = console(box, open_page, session_id, **(TOUCH if touch else {}))
    laps(page, "1", 2)
    last(page, "1", "1:05.000")
    expect(cell(page, "1", 5)).to_contain_text("30.000")
    if touch:
        cell(page, "1", 4).locator("[data-why]").tap()
    else:
        find(page, "1")
    expect(page.locator("#panel .lap").first).to_contain_text("long")
    assert box.call(box.appliance.board(session_id)).rows[0].average_us == 30_000_000


def test_a11_a_heat_of_before_the_box_was_off_is_amended_and_all_that_follows_changes(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70 99 129", k2="11 42 73 104 135")
    for order in ("chequered", "finish", "confirm"):
        box.order(session_id, order)
    box.stop()
    box.start()
    board = box.call(box.appliance.board(session_id))
    driver_id = next(row.driver_id for row in board.rows if row.kart == "1")

    def best() -> int:
        return int(box.call(box.appliance.reading.personal_bests([driver_id]))[driver_id])

    assert (board.session.version, best()) == (1, 29_000_000)
    page = console(box, open_page, session_id)
    find(page, "1")
    page.get_by_label("Why it is amended").fill("cut the chicane on lap 3")
    page.keyboard.press("Enter")
    expect(page.locator("#band .stamp")).to_have_text("being amended")
    page.locator(".lap", has_text="29.000").locator("visible=true").first.click()
    keys(page, "o d")
    expect(page.locator("#panel .lap[data-struck]")).to_contain_text("29.000")
    laps(page, "1", 3)
    expect(page.locator("#order tbody tr").first).to_have_attribute("id", "row-2")
    expect(page.locator("#row-1")).to_contain_text("Ada Lovelace")
    assert best() == 30_000_000
    page.keyboard.press("Escape")
    box.order(session_id, "confirm")

    page.goto(f"{box.address}/sessions/{session_id}")
    expect(page.locator(".stamp")).to_have_text("amended v2")
    expect(page.locator("table.result tbody tr").first).to_contain_text("Grace Hopper")
    expect(page.locator(".why-note")).to_contain_text("cut the chicane on lap 3")
    page.get_by_role("link", name="Version 1").click()
    expect(page.locator("table.result tbody tr").first).to_contain_text("Ada Lovelace")
