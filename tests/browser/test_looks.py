"""How every page looks: nothing wider than the screen, nothing too small to touch, nothing a weak eye stumbles over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import NAME, PIN, WAIT_S, Box, sign_in
from tests.browser.venue import Day, counted, make_day
from trackd.web.routes import PAGES

pytestmark = pytest.mark.browser

SIZES = {"desk": (1280, 800), "wall": (1920, 1080), "phone": (390, 844)}
THEMES = ("light", "dark")
PAINTED = {"runOnly": ["color-contrast"]}
"""What another theme can change; all other rules are looked at once a size."""

TOO_SMALL = """(least) => {
    const small = [];
    for (const each of document.querySelectorAll('a, button, input, select, textarea, summary, [role=button]')) {
        const style = getComputedStyle(each);
        if (each.matches('[type=hidden], .skip, .vh') || !each.checkVisibility({visibilityProperty: true})) continue;
        if (each.tagName === 'A' && style.display === 'inline') continue;                     // a link in a sentence
        if (each.closest('.health')) continue;       // a line of words; the same page is a target in the rail
        const box = (each.matches('[type=checkbox], [type=radio]') ? each.closest('label') : each).getBoundingClientRect();
        if (Math.min(box.width, box.height) < least - 0.5) {
            small.push(`${each.outerHTML.slice(0, 90)} is ${Math.round(box.width)} x ${Math.round(box.height)}`);
        }
    }
    return small;
}"""

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
    found = [(page, page.replace("{name}", "hall").replace("{id}", day.amended)) for page in PAGES]
    return [*found, ("/console/login", "/console/login"),
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
        least = 72 if name.startswith("/pit") else 48 if name.startswith("/console") else 24
        found += [f"{name}: wider than the screen: {each}" for each in page.evaluate(TOO_WIDE)]
        found += [f"{name}: {each}, less than {least}" for each in page.evaluate(TOO_SMALL, least)]
        for theme in THEMES:
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            result = axe.run(page, options={"resultTypes": ["violations"], **(PAINTED if theme == "dark" else {})})
            found += [f"{name}, {theme}: {wrong['id']}: {wrong['help']}: {node['target']}"
                      for wrong in result.response["violations"] for node in wrong["nodes"]]
    assert not found, "\n".join(found)
    assert not eyes.wrong, eyes.wrong
