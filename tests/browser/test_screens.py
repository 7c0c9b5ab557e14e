"""What everybody else sees: the pit tablet under gloves, the public board, televisions, and both tracks of a venue."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box, sign_in
from tests.browser.venue import drive, make_heat
from trackd.services.sessions import NewSession

pytestmark = pytest.mark.browser

KARTS = ("7", "3", "12")
TELEVISION, PHONE = {"width": 1920, "height": 1080}, {"width": 390, "height": 844}


def running(box: Box, karts: tuple[str, ...] = KARTS, laps: int = 2) -> str:
    """A heat under way, each kart with some laps."""
    box.karts(15)
    heat = make_heat(box, "Heat 14", karts)
    for order in ("stage", "green"):
        box.order(heat, order)
    drive(box, heat, karts, 10, laps)
    return heat


def at_the_pit(box: Box, open_page: Callable[..., Any], **options: Any) -> Any:
    """The tablet of somebody who may give orders."""
    page = open_page(box.address + "/console/login?next=/pit", **options)
    sign_in(page)
    return page


def row(box: Box, heat: str, kart: str) -> Any:
    """What the box itself says of a kart."""
    return next((each for each in box.call(box.appliance.board(heat)).rows if each.kart == kart), None)


def test_b5_a_kart_flag_is_on_board_and_television_until_the_pit_says_it_was_seen(box: Box,
                                                                                  open_page: Callable[..., Any]) -> None:
    heat = running(box)
    board = open_page(box.address + "/", viewport=PHONE)
    screen = open_page(box.address + "/display/hall", viewport=TELEVISION)
    tablet = at_the_pit(box, open_page)
    box.order(heat, "kart_flag", kart="7", flag="black")
    for page in (board, screen):
        expect(page.locator("#flags li")).to_contain_text("Kart 7 black flag")
        expect(page.locator("#row-7 .plate")).to_have_attribute("data-flag", "black")
        expect(page.locator("#row-7")).to_contain_text("Black flag")
    tile = tablet.locator("#tile-7")
    expect(tile).to_contain_text("Black flag")
    tile.click()
    tablet.locator("#sheet-7").get_by_role("button", name="Flag seen").click()
    for page in (board, screen):
        expect(page.locator("#flags li")).to_have_count(0)
        expect(page.locator("#row-7")).not_to_contain_text("Black flag")
    expect(tile).to_contain_text("On track")
    assert row(box, heat, "7").flag == ""


def test_a_touched_kart_keeps_its_five_acts_while_the_heat_goes_on(box: Box, open_page: Callable[..., Any]) -> None:
    running(box)
    page = at_the_pit(box, open_page, has_touch=True)
    expect(page.locator(".fleet .tile b")).to_have_text([str(number) for number in range(1, 16)])
    page.locator("#tile-7").tap()
    sheet = page.locator("#sheet-7")
    expect(sheet.locator(".acts .btn")).to_have_count(5)
    laps = sheet.locator(".facts dd").first
    expect(laps).to_have_text("2")
    box.cross("107", 400)
    expect(laps).to_have_text("3")
    expect(page.locator("#tile-7")).to_have_attribute("aria-pressed", "true")
    sheet.get_by_role("button", name="Has left").tap()
    expect(page.locator("#tile-7")).to_contain_text("Has left")
    expect(sheet.get_by_role("button", name="Tap")).to_have_attribute("aria-disabled", "true")
    sheet.get_by_role("button", name="Came back").tap()
    expect(page.locator("#tile-7")).to_contain_text("On track")
    page.locator("#undo").get_by_role("button", name="Undo").tap()
    expect(page.locator("#tile-7")).to_contain_text("Has left")
    expect(sheet).to_be_visible()


def test_a19_b12_a_kart_that_left_comes_back_and_a_tap_at_the_pit_is_its_crossing(box: Box,
                                                                                open_page: Callable[..., Any]) -> None:
    box.karts(12)
    heat = make_heat(box, "Heat 14", KARTS)
    for order in ("stage", "green"):
        box.order(heat, order)
    page = at_the_pit(box, open_page)
    expect(page.locator("#tile-7")).to_contain_text("Not out yet")
    page.locator("#tile-7").click()
    for act, word in (("Has left", "Has left"), ("Came back", "Not out yet"), ("Tap", "On track")):
        page.locator("#sheet-7").get_by_role("button", name=act).click()
        expect(page.locator("#tile-7")).to_contain_text(word)
    assert row(box, heat, "7").state == "running"


@pytest.mark.parametrize(("since", "laps"), [("Since the start", 2), ("From now on", 2)])
def test_c4_a_swap_is_two_taps_the_other_kart_and_since_when(since: str, laps: int, box: Box,
                                                             open_page: Callable[..., Any]) -> None:
    heat = running(box)
    page = at_the_pit(box, open_page)
    page.locator("#tile-7").click()
    page.locator("#sheet-7").get_by_role("button", name="Swap kart").click()
    form = page.locator("#sheet-7 .swap")
    expect(form.get_by_role("button", name=since)).to_be_disabled()
    page.locator("#tile-9").click()
    expect(form).to_contain_text("Kart 7 for kart 9")
    form.get_by_role("button", name=since).click()
    expect(page.locator("#tile-9")).to_contain_text("Marta Ferri")
    expect(page.locator("#tile-9")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#tile-7")).to_contain_text("Not in this heat")
    expect(page.locator("#sheet-9")).to_be_visible()
    assert row(box, heat, "7") is None
    assert row(box, heat, "9").laps == (0 if since == "Since the start" else laps)


def test_whoever_may_give_no_orders_sees_the_karts_and_no_act(box: Box, open_page: Callable[..., Any]) -> None:
    running(box)
    box.appliance.staff.add_staff("Rosa", "mechanic", "4712")
    page = open_page(box.address + "/console/login?next=/pit")
    page.get_by_label("Name").fill("Rosa")
    page.get_by_label("PIN").fill("4712")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#tile-7").click()
    expect(page.locator("#sheet-7")).to_contain_text("Marta Ferri")
    expect(page.locator("#sheet-7 .acts")).to_be_hidden()
    expect(page.locator(".side")).to_contain_text("you may look here")


def test_b3_the_countdown_stands_large_on_every_screen_and_goes_when_it_is_aborted(box: Box,
                                                                                   open_page: Callable[..., Any]) -> None:
    box.karts(12)
    heat = make_heat(box, "Heat 14", KARTS)
    box.order(heat, "stage")
    board = open_page(box.address + "/", viewport=PHONE)
    screen = open_page(box.address + "/display/hall", viewport=TELEVISION)
    box.order(heat, "countdown", seconds=300)
    for page, least in ((board, 100), (screen, 300)):
        figure = page.locator("#count b")
        expect(figure).to_have_text(re.compile(r"^[45]:\d\d$"))
        assert figure.bounding_box()["height"] > least
        expect(page.locator("#count")).to_contain_text("to green")
    box.order(heat, "abort")
    for page in (board, screen):
        expect(page.locator("#count .clock")).to_have_count(0)


def test_penalties_attempts_and_stamps_stand_in_words_on_board_and_television(box: Box,
                                                                             open_page: Callable[..., Any]) -> None:
    heat = running(box)
    pages = [open_page(box.address + path) for path in ("/", "/display/hall")]
    box.order(heat, "penalty", kart="3", kind="laps", value=1, reason="cut")
    for page in pages:
        expect(page.locator("#row-3")).to_contain_text("-1 lap")
    box.order(heat, "restart", laps="void")
    for page in pages:
        expect(page.locator("#band")).to_contain_text("attempt 2")
    for order in ("green", "chequered"):             # nobody is out: it is over at once
        box.order(heat, order)
    for page in pages:
        expect(page.locator("#band .stamp")).to_have_text(re.compile("provisional", re.IGNORECASE))
    for order in ("confirm", "amend", "confirm"):
        box.order(heat, order)
    for page in pages:
        expect(page.locator("#band .stamp")).to_have_text(re.compile("amended, version 2", re.IGNORECASE))


def test_under_red_a_television_says_one_word_and_then_the_order_again(box: Box, open_page: Callable[..., Any]) -> None:
    heat = running(box)
    screen = open_page(box.address + "/display/hall", viewport=TELEVISION)
    box.order(heat, "red")
    expect(screen.locator(".word b")).to_have_text("Stop")
    expect(screen.locator("#foot")).to_contain_text("Laps and time left are kept.")
    expect(screen.locator("#order li")).to_have_count(0)
    box.order(heat, "resume")
    expect(screen.locator("#order li")).to_have_count(3)
    expect(screen.locator("#foot")).not_to_contain_text("Laps and time left")


def test_a20_each_track_has_its_own_board_television_and_pit(box: Box, open_page: Callable[..., Any]) -> None:
    running(box)
    kids = box.call(box.appliance.create_session(NewSession("Kids 3", [("5", "Bea Molnar")], track="kids",
                                                            fields={"format": "5m"}), "Timo"))
    box.order(kids, "stage")
    for path in ("/", "/display/hall"):
        both = [open_page(f"{box.address}{path}?track={track}") for track in ("main", "kids")]
        expect(both[0].locator("#band h1")).to_have_text("Heat 14")
        expect(both[1].locator("#band h1")).to_have_text("Kids 3")
        expect(both[1].locator("#row-5")).to_contain_text("Bea Molnar")
    tablet = at_the_pit(box, open_page)
    expect(tablet.locator("#tile-5")).to_contain_text("Kids 3")
    tablet.goto(box.address + "/pit?track=kids")
    expect(tablet.locator("#tile-5")).to_contain_text("Ready")
    expect(tablet.locator("#tile-7")).to_contain_text("Heat 14")
    box.order(kids, "green")
    expect(tablet.locator("#band")).to_contain_text("Green")


def test_forty_karts_fit_a_television_and_the_flag_stays_in_sight_on_a_phone(box: Box,
                                                                             open_page: Callable[..., Any]) -> None:
    box.karts(40)
    names = {str(n): f"Maximilian-Alexander Freiherr von Hohenstein-Wasserburg {n}" for n in range(1, 41)}
    heat = box.call(box.appliance.create_session(NewSession("Junioren-Vereinsmeisterschaft Zwischenlauf", [*names.items()],
                                                            fields={"format": "8m"}), "Timo"))
    for order in ("stage", "green"):
        box.order(heat, order)
    box.order(heat, "kart_flag", kart="40", flag="blue")
    screen = open_page(box.address + "/display/hall", viewport=TELEVISION)
    expect(screen.locator(".halves[data-dense] li")).to_have_count(40)
    last = screen.locator("#row-40").bounding_box()
    assert last["y"] + last["height"] <= screen.locator("#foot").bounding_box()["y"] + 1
    widths = screen.evaluate("() => [...document.querySelectorAll('.name .cut:first-child')].map((n) => n.clientWidth)")
    assert min(widths) > 150, "names give way to notes"
    phone = open_page(box.address + "/", viewport=PHONE)
    phone.mouse.wheel(0, 1500)
    expect(phone.locator("#row-40")).to_be_attached()
    phone.locator("#row-40").scroll_into_view_if_needed()
    expect(phone.locator("#band .flag-plate")).to_be_in_viewport()
    assert phone.evaluate("() => document.documentElement.scrollWidth") == 390
