"""Every page renders in every state from declared values only, and what is served from elsewhere is what it says."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackd.core.errors import Fault
from trackd.web.desk import DriverLine, FormView, HeatsDesk, KartLine, NamedLine, StaffLine, form_view
from trackd.web.inbox import Trouble, UnknownTransponder
from trackd.web.lanes import TrackView, heats_view
from trackd.web.render import assets, environment, render, render_fragments, sse
from trackd.web.rulebook import CHOICES, NUMBERS
from trackd.web.sheet import result_view
from trackd.web.views import HealthItem, PageView, board_view, console_view, display_view, fragments

_spec = importlib.util.spec_from_file_location("trackd_test_boards", Path(__file__).with_name("boards.py"))
assert _spec is not None
assert _spec.loader is not None
boards = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(boards)

PAGE = PageView("A page", "Kartbahn Lindenau", "race", "Renata", "timekeeper", "token")
HEALTH = (HealthItem("loop", "Decoder", "silent", "12 s", "bad"), HealthItem("disk", "Storage", "41 GB", "free"))
UNKNOWN = (UnknownTransponder("5691251", 1, 0), UnknownTransponder("A/7 <b>", 3, 1))
TROUBLE = (Trouble("link", "The decoder does not answer", "Timing goes on with the other loops.", 0),)
TRACKS = (TrackView("main", "green", "Green", "Heat 14", current=True),
          TrackView("kids & co", "none", "Nothing on", "", current=False))
VOID_ELEMENTS = frozenset({"meta", "link", "input", "br", "path", "rect", "col", "circle", "ellipse"})
PAGES = {"console": "console/race.html", "board": "board.html", "display": "display/order.html"}
VIEWS = {"console": console_view, "board": board_view, "display": display_view}
SITUATIONS = [None, *[boards.board(state) for state in boards.STATES],
              *[boards.board("running", karts, sectors=sectors) for karts, sectors in ((0, 0), (40, 3), (1, 2))],
              boards.board("running", laps=0), boards.board("finishing", race_laps=12, ranking="best_lap")]


class Checker(HTMLParser):
    """Tags closed in order, ids once, labels and references that point at something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.wants: list[str] = []
        self.feed(html)
        assert not self.open
        assert len(self.ids) == len(set(self.ids))
        assert set(self.wants) <= set(self.ids), set(self.wants) - set(self.ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)
        self._note(tag, dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_ELEMENTS:
            assert self.open.pop() == tag

    def _note(self, tag: str, attrs: dict[str, str | None]) -> None:
        assert "style" not in attrs, f"inline style on {tag}"
        assert not any(name.startswith("on") for name in attrs), f"inline script on {tag}"
        if attrs.get("id"):
            self.ids.append(str(attrs["id"]))
        self.wants += [str(attrs[name]) for name in ("for", "list", "aria-labelledby") if attrs.get(name)]
        self.wants += str(attrs.get("aria-describedby") or "").split()
        if tag == "use":
            self.wants.append(str(attrs["href"])[1:])


def view(kind: str, board: Any) -> Any:
    more = {"health": HEALTH, "troubles": TROUBLE, "unknown": UNKNOWN, "at": boards.NOW, "tracks": TRACKS,
            "acts": [boards.act(9, "void_lap", kart="7", lap=3)]} if kind == "console" else {}
    heats = [boards.session(state, sid=f"s{n}") for n, state in enumerate(boards.STATES)] if board else []
    return VIEWS[kind](board, boards.NAMES, boards.VENUE, heats=heats, **more)


@pytest.mark.parametrize("board", SITUATIONS, ids=lambda b: f"{b.session.state}-{len(b.rows)}" if b else "none")
@pytest.mark.parametrize("kind", PAGES)
def test_live_pages_render_in_every_state(kind: str, board: Any) -> None:
    html = render(PAGES[kind], page=PAGE, view=view(kind, board))
    Checker(html)
    assert f'hx-sse:connect="/live/{kind}/now"' in html
    assert "data-hit" not in html
    assert "<Ortega>" not in html


@pytest.mark.parametrize("kind", PAGES)
def test_the_stream_sends_what_the_page_prints(kind: str) -> None:
    shown = view(kind, boards.board())
    page = re.sub(r"\s+", "", render(PAGES[kind], page=PAGE, view=shown))
    for fragment in fragments(kind, None, shown):
        piece = re.sub(r"\s+", "", render(fragment.template, **fragment.context))
        assert piece in page
        assert piece.split(">")[0].count(f'id="{fragment.target[1:]}"') == 1


def test_a_row_partial_is_one_element_with_the_id_it_replaces() -> None:
    from dataclasses import replace
    before = boards.board()
    rows = (*before.rows[:4], replace(before.rows[4], hit_seq=9000), *before.rows[5:])
    for kind, tag in (("console", "tr"), ("board", "li"), ("display", "li")):
        html = render_fragments(fragments(kind, view(kind, before), view(kind, replace(before, rows=rows))))
        opening, closing = f'<hx-partial hx-target="#row-21" hx-swap="outerHTML"><{tag} id="row-21" data-hit>', f"</{tag}>"
        assert html.startswith(opening)
        assert html.endswith(closing + "</hx-partial>")


@given(st.text())
def test_an_sse_message_gives_back_its_lines(text: str) -> None:
    raw = sse(text).decode()
    assert raw.endswith("\n\n")
    lines = raw[:-2].split("\n")
    assert all(line.startswith("data: ") for line in lines)
    assert "\n".join(line[6:] for line in lines) == re.sub(r"\r\n|\r", "\n", text)


@pytest.mark.parametrize(("state", "karts", "laps"), [("official", 12, 13), ("provisional", 40, 30), ("running", 1, 1),
                                                      ("scheduled", 12, 0), ("official", 0, 0)])
@pytest.mark.parametrize("ranking", ["position", "best_lap"])
def test_result_sheets_render(state: str, karts: int, laps: int, ranking: str) -> None:
    board = boards.board(state, karts, laps=laps, ranking=ranking)
    for qr in ("", '<svg viewBox="0 0 9 9"></svg>'):
        sheet = result_view(board, boards.laps_of(board), boards.NAMES, boards.VENUE, qr=qr)
        html = render("sessions/result.html", page=PAGE, sheet=sheet)
        Checker(html)
        assert qr in html
        assert "/sessions/s14.csv" in html


def _desk(template: str, *, full: bool, guest: bool = False) -> str:
    karts = [KartLine(n, (f"56{n}",), "adult") for n in boards.NUMBERS] if full else []
    bad = form_view({"name": "<x>", "kart": ["7"], "driver:7": "Ada", "old": "7"},
                    [Fault(name, "is not right") for name in ("name", "code", "number", "driver:7", "pin", "geojson", "")],
                    ["name", "code", "number", "driver:7", "pin", "geojson"])
    form = bad if full else FormView()
    forms = {name: FormView(form.values, form.faults, form.general, name) for name in ("staff", "format", "layout")}
    heats = heats_view([boards.session(s, sid=s) for s in boards.STATES] if full else [], boards.VENUE.zone)
    named = [NamedLine("Adult", "8 min", "f1")] if full else []
    drivers = [DriverLine("Ada", 3)] if full else []
    desk = HeatsDesk(heats, [("1", "Adult")], [("", "none")], [("main", "main"), ("mini", "mini")] if full else [], karts,
                     drivers, [("s1", "Heat 1")] if full else [], CHOICES, NUMBERS)
    return render(template, page=PageView("Desk", "Venue") if guest else PAGE, form=form, forms=forms, karts=karts,
                  desk=desk, drivers=drivers, health=HEALTH if full else (), choices=CHOICES, numbers=NUMBERS,
                  staff=[StaffLine("Renata", "admin")], roles=[("desk", "desk")], status=404, sentence="Nothing <here>.",
                  formats=named, layouts=named)


@pytest.mark.parametrize("full", [True, False], ids=["full", "empty"])
@pytest.mark.parametrize("template", ["console/heats.html", "console/karts.html", "console/drivers.html",
                                      "console/setup.html", "console/first.html", "console/login.html", "karts.html",
                                      "error.html"])
def test_desk_and_public_pages_render_full_and_empty(template: str, full: bool) -> None:
    html = _desk(template, full=full)
    Checker(html)
    Checker(_desk(template, full=full, guest=True))
    assert "<x>" not in html
    if full and template.startswith("console/"):
        assert "is not right" in html
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.DOTALL):
        assert 'name="csrf" value="token"' in form or template.endswith(("login.html", "first.html"))


def test_every_template_compiles_and_carries_no_inline_style_or_script() -> None:
    names = environment().list_templates()
    assert "console/race.html" in names
    for name in names:
        environment().get_template(name)
        source = (assets("templates") / name).read_text()
        assert " style=" not in source, name
        assert not re.search(r"<script(?![^>]*\ssrc=)", source), name


def test_icons_used_anywhere_are_in_the_sprite() -> None:
    texts = [path.read_text() for path in assets("templates").rglob("*.html")]
    used = {name for text in texts for name in re.findall(r'icon\("([a-z]+)"', text)}
    sprite = set(re.findall(r'id="i-([a-z]+)"', (assets("templates") / "partials/_sprite.html").read_text()))
    assert used <= sprite


def test_vendored_files_are_the_ones_named_with_their_licence() -> None:
    folder = assets("static") / "vendor"
    table = tomllib.loads((folder / "VENDOR.toml").read_text())["file"]
    for entry in table:
        assert hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
        assert (folder / entry["licence_file"]).is_file()
    named = {entry["path"] for entry in table} | {entry["licence_file"] for entry in table} | {"VENDOR.toml"}
    assert {path.name for path in folder.iterdir()} == named


def test_pages_ask_for_nothing_from_elsewhere() -> None:
    html = render("console/race.html", page=PAGE, view=view("console", boards.board()))
    assert all(url.startswith(("/", "#")) for url in re.findall(r'(?:src|href)="([^"]*)"', html))
    for name in ("app.css", "app.js", "tokens.css", "components.css", "console.css", "console.js", "panels.js", "drag.js"):
        assert "http" not in (assets("static") / name).read_text().replace("http://www.w3.org", "")
