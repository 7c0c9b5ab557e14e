"""The manual says what the program does: its buttons and pictures exist, its table of orders is the program's."""

from __future__ import annotations

import ast
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.journeys.conftest import Park
from tests.venues import at_the_park, guest
from trackd import web
from trackd.services.sessions import ORDERS
from trackd.timing import words
from trackd.web.manual import CHAPTERS, DOES, JOBS, order_lines, pictures
from trackd.web.render import assets

HELP = assets("templates") / "help"
PICTURES = assets("static") / "manual"
FRAMES = {"index", "all", "page", "_frame", "_marks"}
VOID = frozenset({"meta", "link", "input", "br", "img", "path", "rect", "col", "circle", "ellipse"})
LETTERS = re.compile(r"[A-Za-z]")


def texts() -> dict[str, str]:
    """The source of every page of the manual, by its name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(HELP.glob("*.html"))}


def plain(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", text)).split())


def of_template(source: str) -> set[str]:
    """What a template prints between its tags, with … for a value, and the words its expressions hold."""
    source = re.sub(r"{#.*?#}", "", source, flags=re.DOTALL)
    words = {text for code in re.findall(r"{[{%].*?[%}]}", source, re.DOTALL) for text in re.findall(r'"([^"]*)"', code)}
    source = re.sub(r"{%.*?%}|{{ ?(?:icon|cloth)\(.*?}}", "", source, flags=re.DOTALL)
    return words | set(re.split(r"<[^>]*>", re.sub(r"{{.*?}}", "…", source, flags=re.DOTALL)))


def of_module(source: str) -> set[str]:
    """Every text a module of the web holds, with … for a value."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
    return found


@pytest.fixture(scope="module")
def buttons() -> list[re.Pattern[str]]:
    """Everything that can stand on a button anywhere else in the program."""
    found: set[str] = set()
    for path in assets("templates").rglob("*.html"):
        if path.parent != HELP:
            found |= of_template(path.read_text(encoding="utf-8"))
    for path in (*Path(web.__file__).parent.glob("*.py"), Path(words.__file__)):
        if path.stem != "manual":
            found |= of_module(path.read_text(encoding="utf-8"))
    return [re.compile(re.escape(plain(text)).replace("…", "[a-z0-9]+")) for text in found if LETTERS.search(plain(text))]


@pytest.mark.parametrize("name", sorted(texts()))
def test_every_button_the_manual_names_stands_on_one(name: str, buttons: list[re.Pattern[str]]) -> None:
    named = {plain(text).replace("…", "7") for text in re.findall(r'<b class="press">(.*?)</b>', texts()[name])}
    assert sorted(text for text in named if not any(each.fullmatch(text) for each in buttons)) == []


def test_every_job_of_the_day_has_a_page_and_every_page_is_a_job() -> None:
    assert set(JOBS) | FRAMES == set(texts())
    assert sum(len(jobs) for _, jobs in CHAPTERS) == len(JOBS)
    for slug in set(JOBS) - {"orders"}:
        assert '<section class="whatif"><h2>What if</h2>' in texts()[slug], slug


def test_the_table_of_orders_is_the_programs_own() -> None:
    assert set(DOES) == set(ORDERS)
    lines = {line.name: line for line in order_lines()}
    assert list(lines) == list(ORDERS)
    for name, fields in ORDERS.items():
        assert sorted((*lines[name].needs, *lines[name].takes)) == sorted(fields), name
    assert lines["insert_crossing"].needs == ("kart", "at_us")
    assert lines["penalty"].takes == ("value", "reason", "incident")
    assert lines["red"].roles == ("marshal", "timekeeper", "admin")
    assert lines["void_lap"].roles == ("timekeeper", "admin")


def test_every_picture_is_there_referenced_and_small() -> None:
    wanted = set(re.findall(r'picture\(pictures, "([a-z0-9-]+)", "[^"]{20,}"', "".join(texts().values())))
    there = {path.stem: path.stat().st_size for path in PICTURES.glob("*.webp")}
    assert wanted == set(there)
    assert {name: size for name, size in there.items() if size >= 80_000} == {}
    assert sum(there.values()) < 2_500_000
    for name, picture in pictures().items():
        assert 200 <= picture.width <= 1280, name
        assert 40 <= picture.height <= 844, name


class Reader(HTMLParser):
    """Tags closed in order, ids once, addresses collected."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: set[str] = set()
        self.feed(html)
        assert not self.open
        assert len(self.ids) == len(set(self.ids)), [each for each in self.ids if self.ids.count(each) > 1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._note(dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def _note(self, attrs: dict[str, str | None]) -> None:
        assert "style" not in attrs
        if attrs.get("id"):
            self.ids.append(str(attrs["id"]))
        self.addresses |= {str(attrs[name]) for name in ("href", "src") if attrs.get(name)}


@at_the_park()
async def test_every_page_answers_without_the_network_and_every_link_on_it_too(venue: Park) -> None:
    venue.appliance.staff.add_staff("Ada", "admin", "4711")
    seen: set[str] = set()
    async with guest(venue, follow_redirects=True) as http:
        for path in ("/help", "/help/all", *(f"/help/{slug}" for slug in JOBS)):
            answer = await http.get(path)
            assert answer.status_code == 200, path
            page = Reader(answer.text)
            for address in page.addresses - seen:
                assert address.startswith(("/", "#")), address
                where, _, anchor = address.partition("#")
                if not where:
                    assert anchor in page.ids or anchor.startswith("i-") or anchor == "main", address
                    continue
                assert (await http.get(where)).status_code == 200, address
            seen |= {each for each in page.addresses if not each.startswith("#")}
        assert (await http.get("/help/nonsense")).status_code == 404


@at_the_park()
async def test_the_whole_manual_holds_every_page_and_the_index_every_link(venue: Park) -> None:
    async with guest(venue) as http:
        whole, index = (await http.get("/help/all")).text, (await http.get("/help")).text
        for slug, job in JOBS.items():
            assert f'href="/help/{slug}"' in index
            assert f"<b>{job.title}</b>" in index
            assert f'<article class="job" id="{slug}">' in whole
