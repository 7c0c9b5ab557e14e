"""The page of units as people use it: pairing, fetching, taking out; and how it looks, in both themes at three sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.browser.conftest import Box, sign_in
from tests.browser.test_looks import RULES, SIZES, TOO_SMALL, TOO_WIDE
from tests.emulator.solos import recording
from tests.services.garage import ID, Garage
from trackd.emulator.solo_told import Identity

pytestmark = pytest.mark.browser

REFRESH = '<meta http-equiv="refresh" content="2">'
"""Axe has a word against it; it stands only while a download runs, and only without a form."""


class Near:
    """Units near a venue; what happens to them happens in the venue's own thread."""

    def __init__(self, box: Box, files: Path) -> None:
        self.box, self.garage = box, Garage(box.folder, files)
        files.mkdir()
        box.call(self.garage.beside(box.appliance))

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.box.call(getattr(self.garage, name)(*args, **options))


@pytest.fixture
def near(box: Box, tmp_path: Path) -> Iterator[Near]:
    """Units near the venue; it has 24 karts."""
    found = Near(box, tmp_path / "held by the solo")
    box.karts(24)
    yield found
    found.empty()


def at_the_units(box: Box, open_page: Callable[..., Any], **options: Any) -> Any:
    """The page of somebody who may do everything."""
    page = open_page(box.address + "/console", **options)
    sign_in(page)
    page.goto(box.address + "/console/units")
    return page


def test_a_unit_is_paired_fetched_from_taken_out_and_paired_again(box: Box, near: Near,
                                                                 open_page: Callable[..., Any]) -> None:
    page = at_the_units(box, open_page)
    expect(page.locator(".empty")).to_contain_text("Switch a Solo or MyChron on near the box")
    (near.garage.files / "a_7064.xrz").write_bytes(recording(400_000))
    near.solo()
    page.get_by_role("link", name="Look again").click()
    line = page.locator(".units > li")
    expect(line).to_contain_text("in reach, not paired")
    line.get_by_role("link", name="Pair").click()
    page.get_by_label("Name").fill("Solo 7")
    page.get_by_label("Rides on").select_option("7")
    page.get_by_role("button", name="Pair the unit").click()
    expect(line.locator(".plate")).to_have_text("7")
    expect(line).to_contain_text("Solo 7")
    near.tick(2)
    near.at_rest()
    page.get_by_role("link", name="Look again").click()
    expect(line).to_contain_text("in reach, nothing new on it")
    (near.garage.files / "b_7065.xrz").write_bytes(recording(5000, seed=2))
    line.get_by_role("button", name="Download now").click()
    near.at_rest()
    assert sorted(near.garage.stored()) == ["a_7064.xrz", "b_7065.xrz"]
    page.get_by_role("link", name="Look again").click()
    line.get_by_role("link", name="Change").click()
    page.get_by_role("button", name="Take Solo 7 out").click()
    line.get_by_role("button", name="Pair again").click()
    expect(line.locator(".plate")).to_have_text("7")


def test_z_takes_back_what_was_done_with_a_unit_and_in_a_field_it_is_a_letter(box: Box, near: Near,
                                                                            open_page: Callable[..., Any]) -> None:
    near.solo()
    page = at_the_units(box, open_page)
    line, told = page.locator(".units > li"), page.locator("form.done")
    line.get_by_role("link", name="Pair").click()
    page.get_by_label("Name").fill("Solo 7")
    page.get_by_label("Rides on").select_option("7")
    page.get_by_role("button", name="Pair the unit").click()
    expect(told).to_contain_text("Renata put the unit Solo 7 on kart 7.")
    page.keyboard.press("z")
    expect(told).to_contain_text("Undone by Renata: put the unit Solo 7 on kart 7.")
    expect(line).to_contain_text("in reach, not paired")
    told.get_by_role("button", name="Do it again").click()
    expect(line.locator(".plate")).to_have_text("7")
    line.get_by_role("link", name="Change").click()
    page.get_by_label("Name").fill("Solo seven")
    page.get_by_label("Rides on").select_option("9")
    page.get_by_role("button", name="Save the unit").click()
    expect(told).to_contain_text("Renata put the unit Solo seven on kart 9.")
    line.get_by_role("link", name="Change").click()
    page.get_by_role("button", name="Take Solo seven out").click()
    expect(told).to_contain_text("Renata took the unit Solo seven out.")
    page.keyboard.press("z")
    expect(line.locator(".plate")).to_have_text("9")
    page.keyboard.press("z")
    expect(line.locator(".plate")).to_have_text("7")
    expect(line).to_contain_text("Solo 7")
    line.get_by_role("link", name="Change").click()
    page.get_by_label("Name").focus()
    page.keyboard.press("z")                               # in a field it is a letter
    expect(page.get_by_label("Name")).to_have_value("zSolo 7")


def test_a_page_without_scripts_follows_a_download_by_itself(box: Box, near: Near, chromium: Any) -> None:
    (near.garage.files / "a_7064.xrz").write_bytes(recording(400_000))
    solo = near.solo("hang")
    near.pair()
    near.hanging(solo)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(box.address + "/console/login?next=/console/units")
    page.get_by_label("Name").fill("Renata")
    page.get_by_label("PIN").fill("4711")
    page.get_by_role("button", name="Sign in").click()
    line = page.locator(".units > li")
    expect(line).to_contain_text("downloading file 1 of 1, 49 %")
    near.given_up()
    near.at_rest()
    expect(line).to_contain_text("in reach, nothing new on it")
    context.close()


def several(near: Near) -> None:
    """One of each: in reach with a kart, downloading, gone with a driver, in trouble, not paired, taken out."""
    near.solo("hang")
    near.pair("7", "Solo 7")
    near.at_rest()
    other = near.solo("busy=always", host="127.0.0.3", identity=Identity("MYC5S", "500999"))
    near.pair("12", "The long-named MyChron of kart 12, bought second-hand", "500999")
    near.at_rest("500999")
    near.leave(other)
    other = near.solo(host="127.0.0.3", identity=Identity("SOLO2", "501222"))
    near.pair(None, "Maximilian's own", "501222", driver="Maximilian-Alexander Freiherr von Hohenstein-Wasserburg")
    near.at_rest("501222")
    near.leave(other)
    near.garage.clock.advance(20)
    near.solo(host="127.0.0.3", identity=Identity("MYC6S", "502333", "Guest"))
    near.at_rest()


@pytest.mark.parametrize("size", SIZES)
def test_every_state_fits_is_large_enough_to_touch_and_clear_in_both_themes(
        size: str, box: Box, near: Near, open_page: Callable[..., Any]) -> None:
    wide, high = SIZES[size]
    page = at_the_units(box, open_page, viewport={"width": wide, "height": high}, reduced_motion="reduce")
    found = looked_at(page, size, "empty")
    several(near)
    page.goto(box.address + "/console/units")
    expect(page.locator(".units > li")).to_have_count(4)
    found += looked_at(page, size, "list")
    page.goto(box.address + "/console/units?unit=502333")
    page.get_by_label("Name").fill("Solo 7")
    page.get_by_label("Rides on").select_option("9")
    page.get_by_role("button", name="Pair the unit").click()
    expect(page.locator("#pair .note")).to_contain_text("There is a unit 'Solo 7' already.")
    found += looked_at(page, size, "form")
    (near.garage.files / "a_7064.xrz").write_bytes(recording(1_000_000))
    (near.garage.files / "b_7065.xrz").write_bytes(recording(5000))
    box.call(box.appliance.units.unpair("501222", "Ada"))
    box.call(box.appliance.units.download(ID, "Ada"))
    near.hanging(near.garage.solos[0])
    page.route("**/console/units", without_refresh)
    page.goto(box.address + "/console/units")
    expect(page.locator(".units")).to_contain_text("downloading file 1 of 2")
    found += looked_at(page, size, "busy")
    assert not found, "\n".join(found)


def without_refresh(route: Any) -> None:
    """The page as it is, but it does not come anew while somebody looks at it."""
    answer = route.fetch()
    assert REFRESH in answer.text()
    route.fulfill(response=answer, body=answer.text().replace(REFRESH, ""))


def looked_at(page: Any, size: str, name: str) -> list[str]:
    """What is wrong with a page as it stands."""
    page.evaluate("() => document.fonts.ready")
    found = [f"{name}: wider than the screen: {each}" for each in page.evaluate(TOO_WIDE)]
    found += [f"{name}: {each}, less than 48" for each in page.evaluate(TOO_SMALL, 48)]
    for theme, rules in RULES.items():
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        found += [f"{name}, {theme}: {wrong['id']}: {wrong['help']}: {node['target']}"
                  for wrong in Axe().run(page, options=rules).response["violations"] for node in wrong["nodes"]]
    return found
