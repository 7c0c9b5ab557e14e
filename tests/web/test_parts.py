"""The page of components shows every part of the look in every state, and none of them does anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.journeys.conftest import Park
from tests.venues import at_the_park, guest
from trackd.web.parts import dead, icons, parts
from trackd.web.render import render
from trackd.web.views import PageView

COMPONENTS = (  # LOOK.md, section 3, in its order: (class, attribute, value)
    ("live", "", ""), ("", "data-hit", "hold"), *(("", "data-state", state) for state in ("late", "pit", "done")),
    *(("t", "data-t", mark) for mark in ("best", "pb", "slow", "off", "late")), ("t", "data-old", ""), ("src", "", ""),
    *(("plate", "data-flag", flag) for flag in ("black", "mechanical", "warning", "blue")), ("plate", "", ""),
    ("next", "data-early", ""), ("next", "aria-disabled", "true"), ("next", "", ""),
    ("flag-key", "aria-pressed", "true"), ("flag-key", "aria-pressed", "false"), ("flag-key", "disabled", ""),
    *(("flag-plate", "data-flag", flag) for flag in ("green", "yellow", "red", "white", "chequered", "none")),
    ("clock", "data-state", "paused"), ("clock", "data-state", "running"), ("clock", "data-counts", "down"),
    ("toast", "", ""), ("case", "data-kind", "bad"), ("case", "data-kind", "warn"), ("health", "", ""),
    ("", "data-kind", "bad"), ("", "data-kind", "warn"), ("", "id", "panel"), ("facts", "", ""),
    ("heat", "", ""), ("heat", "data-state", "on"), ("strip", "", ""), ("lanes-pane", "", ""), ("seg", "", ""),
    *(("tile", "data-state", state) for state in ("ready", "track", "pit", "late", "hold", "done", "out",
                                                  "charge", "workshop", "retired")),
    ("tap", "", ""), ("chip", "", ""), ("chip", "data-drag", ""), ("stale", "", ""), ("empty", "", ""), ("note", "", ""),
    ("field", "", ""), ("field", "data-bad", ""), ("says", "", ""), ("pad", "", ""), ("pin", "", ""),
    *(("stamp", "data-state", state) for state in ("provisional", "official", "amended")), ("chart", "", ""),
    ("btn", "data-kind", "do"), ("btn", "data-kind", "bare"), ("btn", "data-kind", "bad"), ("btn", "aria-busy", "true"),
    ("btn", "disabled", ""), ("btn", "aria-pressed", "true"), ("btn", "data-size", "glove"), ("count", "", ""),
    ("tag", "", ""), ("move", "", ""), ("kart-flags", "", ""), ("count-down", "", ""), ("word", "data-flag", "red"),
)


class Elements(HTMLParser):
    """Every element's attributes; ids once."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.feed(source)
        ids = [each["id"] for each in self.found if "id" in each]
        assert sorted(ids) == sorted(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append({"": tag, **{name: value or "" for name, value in attrs}})

    def has(self, name: str, attribute: str, value: str) -> bool:
        return any((not name or name in each.get("class", "").split()) and (not attribute or each.get(attribute) == value)
                   for each in self.found)


@pytest.fixture(scope="module")
def page() -> str:
    return render("components.html", page=PageView("Components", "Kartbahn Lindenau"), **parts())


@pytest.mark.parametrize(("name", "attribute", "value"), COMPONENTS, ids=lambda each: each or "-")
def test_every_component_of_the_look_is_there(name: str, attribute: str, value: str, page: str) -> None:
    assert Elements(page).has(name, attribute, value)


def test_nothing_on_it_does_anything(page: str) -> None:
    main = page[page.index("<main"):page.index("</main>")]
    assert "hx-" not in main
    assert "aria-keyshortcuts" not in main
    for name in ("data-turn", "data-tap", "data-send", "data-panel"):
        assert f" {name}=" not in main, name
    assert set(re.findall(r'href="([^"#][^"]*)"', main)) == set()


def test_a_part_without_its_deeds_keeps_its_looks() -> None:
    source = ('<section aria-label="To decide" id="a"><label for="b c">x</label><button hx-post="/x" hx-vals=\'{"a":1}\' '
              'aria-keyshortcuts="Z" data-turn="undo" data-hit class="btn">Undo</button><a href="/console">y</a></section>')
    assert dead(source, 3) == ('<section aria-label="To decide, sample 3" id="a-3"><label for="b-3 c-3">x</label>'
                               '<button data-hit="hold" class="btn">Undo</button><a href="#main">y</a></section>')
    assert 'id="a"' in dead(source, 3, ids=False)


def test_every_drawing_is_shown(page: str) -> None:
    names = [name for name, _ in icons()]
    assert len(names) > 40
    assert all(f'href="#i-{name}"' in page for name in names)


@at_the_park()
async def test_anybody_at_the_venue_may_look_at_it(venue: Park) -> None:
    async with guest(venue) as http:
        answer = await http.get("/components")
        assert answer.status_code == 200
        assert "For whoever carries the look on" in answer.text
