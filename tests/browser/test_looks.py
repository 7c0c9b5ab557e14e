"""How every page looks: nothing wider than the screen, nothing too small to touch, nothing a weak eye stumbles over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.browser.conftest import NAME, PIN, WAIT_S, Box, sign_in
from tests.browser.venue import Day, counted, make_day
from trackd.core.time import lap_text
from trackd.timing.board import Board, Row
from trackd.web.routes import PAGES

pytestmark = pytest.mark.browser

SIZES = {"desk": (1280, 800), "wall": (1920, 1080), "phone": (390, 844)}
RULES: dict[str, dict[str, Any]] = {"light": {"resultTypes": ["violations"]},
                                    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}}
"""A theme changes only contrasts; every other rule of axe is about the page itself and is asked once a size."""

TOO_SMALL = """(least) => {
    const sized = (each) => (each.type === 'checkbox' || each.type === 'radio' ? each.closest('label') : each)
        .getBoundingClientRect();
    const fits = (each) => Math.min(sized(each).width, sized(each).height) >= least - 0.5;
    const all = [...document.querySelectorAll('a, button, input, select, textarea, summary, [role=button]')]
        .filter((each) => each.type !== 'hidden' && !each.matches('.skip, .vh'))
        .filter((each) => each.checkVisibility({visibilityProperty: true}));
    const reached = new Set(all.filter((each) => each.tagName === 'A' && fits(each)).map((each) => each.pathname));
    return all.filter((each) => !fits(each) && getComputedStyle(each).display !== 'inline')
        .filter((each) => each.tagName !== 'A' || !reached.has(each.pathname))
        .map((each) => `${each.outerHTML.slice(0, 90)} is ${sized(each).width} x ${sized(each).height}`);
}"""
"""Targets smaller than that. Not asked of words in a sentence, nor of a link to where a large enough one leads as well."""

PLACES = """() => Object.fromEntries([...document.querySelectorAll('[id^=row-]')].map((row) => [row.id, [...row.children]
    .map((cell) => cell.getBoundingClientRect()).map((box) => `${box.left.toFixed(1)} ${box.width.toFixed(1)}`)]))"""
"""Where each cell of a table begins and how wide it is, by row."""

TOO_WIDE = """() => {
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= wide) return [];
    return [...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > wide + 1)
        .map((each) => each.outerHTML.slice(0, 90)).slice(0, 5);
}"""


@dataclass
class Eyes:
    """One signed-in browser page, and what its console said."""

    page: Any
    wrong: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A venue in the middle of a day, for all tests here."""
    box = Box(tmp_path_factory.mktemp("venue"))
    box.start()
    box.appliance.staff.add_staff(NAME, "admin", PIN)
    yield make_day(box)
    box.close()


@pytest.fixture(scope="module")
def eyes(day: Day, chromium: Any) -> Iterator[Eyes]:
    """A page of somebody who may see everything."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(WAIT_S * 1000)
    found = Eyes(page)
    page.on("pageerror", lambda error: found.wrong.append(str(error)))
    page.on("console", lambda message: found.wrong.append(message.text) if message.type == "error" else None)
    page.goto(day.box.address + "/console")
    sign_in(page)
    yield found
    context.close()


def addresses(day: Day) -> list[tuple[str, str]]:
    """Every page, by an address of it where there is the most to see; and each kind of session page."""
    found = [(page, page.replace("{name}", "hall").replace("/laps/{id}", f"/laps/{day.lap}")
              .replace("/drivers/{id}", f"/drivers/{day.driver}").replace("{id}", day.amended))
             for page in PAGES]
    return [*found, ("/console/login", "/console/login"),
            ("/console/recordings/{id}", f"/console/recordings/{day.recording}"),
            ("/kiosk/recording", "/kiosk/recording"), ("/kiosk/recording/{id}", f"/kiosk/recording/{day.recording}"),
            ("/kiosk/laps", "/kiosk/laps?name=MA"), ("/kiosk/laps/{id}", f"/kiosk/laps/{day.driver}"),
            ("/console/layouts/draw", f"/console/layouts/draw?recording={day.recording}"),
            ("/recordings/{id}/analysis", f"/recordings/{day.recording}/analysis"),
            *((f"{under}/{{{name}}}", f"{under}/{getattr(day, name)}")
              for under, name in (("/sessions", "running"), ("/sessions", "finished"), ("/sessions", "waiting"),
                                  ("/console/sessions", "finished"), ("/console/sessions", "amended"),
                                  ("/console/sessions", "waiting")))]


@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_is_large_enough_to_touch_and_clear_in_both_themes(size: str, day: Day, eyes: Eyes) -> None:
    page, axe, found = eyes.page, Axe(), []
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    for name, address in addresses(day):
        answer = page.goto(day.box.address + address)
        if answer.status != 200:
            found.append(f"{name}: answer {answer.status}")
            continue
        page.evaluate("() => document.fonts.ready")
        if name == "/pit":
            page.locator("#tile-21").click()
        least = 72 if name.startswith(("/pit", "/kiosk")) else 48 if name.startswith("/console") else 24
        found += [f"{name}: wider than the screen: {each}" for each in page.evaluate(TOO_WIDE)]
        found += [f"{name}: {each}, less than {least}" for each in page.evaluate(TOO_SMALL, least)]
        for theme, rules in RULES.items():
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            found += [f"{name}, {theme}: {wrong['id']}: {wrong['help']}: {node['target']}"
                      for wrong in axe.run(page, options=rules).response["violations"] for node in wrong["nodes"]]
    assert not found, "\n".join(found)
    assert not eyes.wrong, eyes.wrong


@pytest.mark.parametrize(("path", "size", "at_s"), [
    ("/console", "desk", 40), ("/console", "phone", 110.1), ("/", "desk", 180.3), ("/", "phone", 250.6),
    ("/display/hall", "wall", 321)])
def test_a_longer_value_moves_nothing(path: str, size: str, at_s: float, day: Day, eyes: Eyes) -> None:
    page = eyes.page
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    page.goto(day.box.address + path)
    page.evaluate("() => document.fonts.ready")
    before = page.evaluate(PLACES)
    row = leader(day)
    day.box.cross("107", day.at_s + at_s)                      # more than a minute after its last: one figure more
    counted(day.box, day.running, row.laps + 1, of=row.kart)
    last_us = leader(day).last_us
    assert last_us is not None
    expect(page.locator("#row-7")).to_contain_text(lap_text(last_us))
    assert page.evaluate(PLACES) == before
    page.evaluate("() => { for (const each of document.querySelectorAll('#row-7 .t')) each.append('00:00'); }")
    assert page.evaluate(PLACES) == before, "a lap of hours would"


def leader(day: Day) -> Row:
    """Kart 7, as the box has it."""
    board: Board = day.box.call(day.box.appliance.board(day.running))
    return next(row for row in board.rows if row.kart == "7")
