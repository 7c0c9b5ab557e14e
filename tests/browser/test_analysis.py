"""The analysis of a session in a real browser: a field chosen, laps opened from it, on every screen and on paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.browser.conftest import Box
from tests.browser.test_lap_page import PEOPLE, Driven, driven
from tests.browser.test_looks import RULES, SIZES, TOO_SMALL, TOO_WIDE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def heat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """A heat of three karts, all with loggers aboard, in the box."""
    box = Box(tmp_path_factory.mktemp("analysis"))
    box.start()
    yield driven(box)
    box.close()


def address(heat: Driven) -> str:
    session = next(iter(heat.box.appliance.today))
    return f"{heat.box.address}/sessions/{session}/analysis"


def test_a_field_is_chosen_and_its_laps_are_opened(heat: Driven, open_page: Any) -> None:
    page = open_page(address(heat))
    expect(page.locator("#field h2")).to_have_text("Field composite")
    everybody = page.locator(".field-time").inner_text()
    page.get_by_label("Best sectors of").select_option(label="Kart 2")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**over=kart*")
    expect(page.locator("#field h2")).to_have_text("Theoretical best")
    expect(page.locator("#field tbody tr")).to_have_count(3)
    assert page.locator(".field-time").inner_text() > everybody
    page.locator("#field tbody a").first.click()
    expect(page.locator(".lap-head")).to_contain_text(PEOPLE[1])
    page.get_by_role("link", name="Analysis").click()
    expect(page.locator("h1")).to_have_text("Analysis: Heat 12")


@pytest.mark.parametrize("size", SIZES)
def test_the_analysis_fits_and_is_clear_in_both_themes(size: str, heat: Driven, open_page: Any) -> None:
    page, shots = open_page(address(heat), reduced_motion="reduce"), os.environ.get("TRACKD_SHOTS")
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    page.evaluate("() => document.fonts.ready")
    found = [*page.evaluate(TOO_WIDE), *page.evaluate(TOO_SMALL, 24)]
    for theme, rules in RULES.items():
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        found += [f"{theme}: {wrong['id']}: {wrong['help']}: {node['target']}"
                  for wrong in Axe().run(page, options=rules).response["violations"] for node in wrong["nodes"]]
        if shots:
            page.screenshot(path=Path(shots) / f"analysis-{size}-{theme}.png", full_page=True)
    assert not found, "\n".join(found)


def test_on_paper_there_is_nothing_to_press(heat: Driven, open_page: Any) -> None:
    page = open_page(address(heat))
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    expect(page.get_by_role("link", name="JSON")).to_be_hidden()
    expect(page.locator("table.matrix")).to_be_visible()
