"""A person runs a heat in a real browser, and the screens follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box, arrived, sign_in

pytestmark = pytest.mark.browser


def new_heat(box: Box, page: Any, name: str, length: str = "3L") -> str:
    """Make a heat of two karts through the form; its id."""
    page.goto(box.address + "/console/heats")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Format").select_option(length)
    page.locator("[name='driver:1']").fill("Ada Lovelace")
    page.locator("[name='driver:2']").fill("Grace Hopper")
    page.get_by_role("button", name="Make the heat").click()
    arrived(page, "#next")
    return str(page.url.rpartition("/")[2])


def formats(box: Box) -> None:
    for name, body in (("3L", {"format": "3L", "ranking": "position", "min_lap_s": 5}),
                       ("8m", {"format": "8m", "ranking": "best_lap", "min_lap_s": 5})):
        box.call(box.appliance.live.done(box.appliance.roster.save_format(name, body, "test")[1]))


def race_control(box: Box, open_page: Callable[..., Any]) -> Any:
    """A timekeeper at the console of a venue with two karts."""
    box.karts(2)
    formats(box)
    page = open_page(box.address + "/console")
    sign_in(page)
    return page


def test_a_heat_from_staging_to_an_official_result_by_keyboard(box: Box, open_page: Callable[..., Any]) -> None:
    page = race_control(box, open_page)
    session_id = new_heat(box, page, "Heat 1")
    phone = open_page(box.address + "/", viewport={"width": 390, "height": 844})
    television = open_page(box.address + "/display/hall", viewport={"width": 1920, "height": 1080})
    plate = page.locator("#band .flag-plate b")

    page.keyboard.press("Space")
    expect(plate).to_have_text("Staged")
    page.keyboard.press("g")
    expect(plate).to_have_text("Green")
    for each in (phone, television):
        expect(each.locator(".flag-plate b")).to_have_text("Green")

    for at_s, transponder in ((10, "101"), (11, "102"), (40.123, "101"), (42.5, "102")):
        box.cross(transponder, at_s)
    expect(page.locator("#row-1")).to_contain_text("30.123")
    expect(phone.locator("#row-2")).to_contain_text("31.500")
    expect(television.locator("#row-1")).to_contain_text("Ada Lovelace")

    for key, word in (("y", "Yellow"), ("g", "Green"), ("w", "White"), ("r", "Red")):
        page.keyboard.press(key)
        expect(plate).to_have_text(word)
    expect(television.locator(".word b")).to_have_text("Stop")
    page.keyboard.press("Space")
    expect(plate).to_have_text("Green")

    for at_s, transponder in ((70, "101"), (73, "102"), (99, "101"), (104, "102")):
        box.cross(transponder, at_s)
    expect(page.locator("#band .stamp")).to_have_text("provisional")
    page.keyboard.press("Space")
    expect(page.locator("#band .stamp")).to_have_text("official")

    sheet = open_page(f"{box.address}/sessions/{session_id}")
    expect(sheet.locator(".stamp").first).to_have_text(re.compile("official", re.IGNORECASE))
    expect(sheet.locator("main")).to_contain_text("Renata")
    first = sheet.locator("table tbody tr").first
    expect(first).to_contain_text("Ada Lovelace")
    laps = [re.findall(r"\d+\.\d{3}", sheet.locator(".matrix tbody tr").nth(i).inner_text()) for i in range(3)]
    assert laps == [["30.123", "31.500"], ["29.877", "30.500"], ["29.000", "31.000"]]


def test_keys_never_act_while_typing(box: Box, open_page: Callable[..., Any]) -> None:
    page = race_control(box, open_page)
    session_id = new_heat(box, page, "Heat 1")
    box.order(session_id, "stage")
    expect(page.locator("#band .flag-plate b")).to_have_text("Staged")
    box.cross("999", 5)                                    # an unknown transponder opens a form in the inbox
    field = page.locator("#inbox select").first
    field.focus()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    expect(page.locator("#band .flag-plate b")).to_have_text("Green")
    assert box.call(box.appliance.board(session_id)).session.flag == "green"


def test_an_unknown_transponder_is_bound_in_the_inbox_and_its_laps_come_back(box: Box,
                                                                             open_page: Callable[..., Any]) -> None:
    page = race_control(box, open_page)
    session_id = new_heat(box, page, "Heat 1")
    for order in ("stage", "green"):
        box.order(session_id, order)
    for at_s in (5, 36, 66.5):
        box.cross("999", at_s)
    case = page.locator(".case", has_text="999")
    expect(case).to_be_visible()
    case.locator("select").select_option("2")
    case.get_by_role("button", name="Since the start").click()
    expect(page.locator("#row-2")).to_contain_text("30.500")
    expect(case).to_have_count(0)


def test_a_refused_order_is_a_sentence_on_the_screen(box: Box, open_page: Callable[..., Any]) -> None:
    page = race_control(box, open_page)
    first = new_heat(box, page, "Heat 1")
    for order in ("stage", "green"):
        box.order(first, order)
    new_heat(box, page, "Heat 2")
    page.keyboard.press("Space")
    expect(page.locator("#toasts")).to_contain_text("Heat 1 is on this track. It must end first")


@pytest.mark.parametrize(("path", "label"), [("/", "board"), ("/display/hall", "display"), ("/console", "console")])
def test_x11_j2_a_screen_says_it_is_stale_within_5_s_and_recovers_by_itself(
        box: Box, open_page: Callable[..., Any], path: str, label: str) -> None:
    operator = race_control(box, open_page)
    session_id = new_heat(box, operator, "Heat 1")
    for order in ("stage", "green"):
        box.order(session_id, order)
    page = operator if path == "/console" else open_page(box.address + path)
    page.goto(box.address + path)
    box.cross("101", 5)
    box.cross("101", 36)
    expect(page.locator("#row-1")).to_contain_text("31.000")
    marked = page.evaluate("window.marked = Math.random()")
    box.stop()
    expect(page.locator("#stale .stale")).to_be_visible(timeout=5000)
    box.cross("101", 65)                                   # while the box is off: the decoder keeps it
    box.start()
    box.cross("101", 95.5)                                 # shows that one is missing; it is asked for again
    expect(page.locator("#stale .stale")).to_be_hidden()
    expect(page.locator("#row-1")).to_contain_text("30.500")
    expect(page.locator("#row-1")).to_contain_text("29.000")
    assert page.evaluate("window.marked") == marked, "the page was loaded again"


def test_the_first_start_opens_set_up_only_with_the_code_of_the_terminal(tmp_path: Any,
                                                                         open_page: Callable[..., Any]) -> None:
    box = Box(tmp_path)
    box.start()
    try:
        page = open_page(box.address + "/console")
        code = box.appliance.staff.setup_code()
        page.get_by_label("One-time code").fill("wrong")
        page.get_by_label("Your name").fill("Renata")
        page.get_by_label("PIN").fill("4711")
        page.get_by_role("button", name="Make me the first admin").click()
        expect(page.locator("main")).to_contain_text("not the code")
        page.get_by_label("One-time code").fill(code)
        page.get_by_label("PIN").fill("4711")
        page.get_by_role("button", name="Make me the first admin").click()
        arrived(page, "#band")
    finally:
        box.close()


def test_h3_a_decoder_that_is_gone_is_seen_and_heard_at_race_control(box: Box, open_page: Callable[..., Any]) -> None:
    page = open_page(box.address + "/console")
    sign_in(page)
    expect(page.locator("#health")).to_contain_text("reading")
    page.evaluate("""() => {
        const was = AudioContext.prototype.createOscillator;
        window.sounded = 0;
        AudioContext.prototype.createOscillator = function () { window.sounded++; return was.call(this); };
    }""")
    page.keyboard.press("Shift")                           # a touch, without which no browser lets a page sound
    box.call(box.decoder.stop())
    expect(page.locator(".case[data-kind=bad]")).to_contain_text("does not answer", timeout=5000)
    expect(page.locator("#health [data-kind=bad]")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-alarm", re.compile("start-finish"))
    assert page.evaluate("() => window.sounded") > 0
