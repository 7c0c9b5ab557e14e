"""The pit tablet: each kart in its place for ever, its state in a word, and five acts that say why they cannot be now."""

from __future__ import annotations

import html
import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journeys.conftest import Park
from tests.venues import KARTS, a_heat, at_the_park, guest, signed_in
from trackd.services.sessions import ORDERS
from trackd.timing.board import Board
from trackd.web.desk import KartLine
from trackd.web.fleet import TileView, fleet_view
from trackd.web.moment import Moment
from trackd.web.render import render, render_fragments
from trackd.web.views import LiveView, PageView, fragments, pit_view

_spec = importlib.util.spec_from_file_location("trackd_test_boards", Path(__file__).with_name("boards.py"))
assert _spec is not None
assert _spec.loader is not None
boards = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(boards)

FLEET = [KartLine(str(number), (f"56{number}",) if number != 20 else (), "adult") for number in range(1, 25)]
ACTS = ("tap", "kart_flag", "swap_kart", "leave", "join")


def board(state: str = "running", **changes: dict[str, Any]) -> Board:
    """A heat of twelve; ``changes`` of rows, ``k7={"flag": "black"}``."""
    made: Board = boards.board(state)
    plain: dict[str, Any] = {"flag": "", "overdue": False}
    return replace(made, rows=tuple(replace(row, **plain | changes.get("k" + row.kart, {})) for row in made.rows))


def tile(kart: str, heat: str = "running", elsewhere: dict[str, str] | None = None, **changes: Any) -> TileView:
    """One kart's tile in that heat."""
    made = board(heat, **({"k" + kart: changes} if changes else {}))
    return next(each for each in fleet_view(made, boards.NAMES, FLEET, elsewhere=elsewhere).tiles if each.kart == kart)


def refused(found: TileView) -> dict[str, str]:
    """The acts that cannot be now, with the reason."""
    return {act.order: act.refused for act in found.acts if act.refused}


def show(made: Board | None, karts: list[KartLine] = FLEET) -> LiveView:
    return pit_view(made, boards.NAMES, boards.VENUE, at=Moment(), karts=karts)


@pytest.mark.parametrize(("heat", "changes", "look", "word"), [
    ("scheduled", {}, "ready", "Ready"), ("staged", {}, "ready", "Ready"), ("running", {}, "track", "On track"),
    ("running", {"state": "waiting"}, "ready", "Not out yet"), ("running", {"state": "pit"}, "pit", "In the pit"),
    ("running", {"overdue": True}, "late", "Overdue"), ("running", {"state": "dnf"}, "out", "Has left"),
    ("running", {"flag": "black"}, "hold", "Black flag"), ("paused", {"flag": "mechanical"}, "hold", "Mechanical flag"),
    ("running", {"flag": "warning", "overdue": True}, "hold", "Warning flag"),
    ("running", {"flag": "blue"}, "hold", "Blue flag"),
    ("finishing", {"state": "finished"}, "done", "Finished"), ("finishing", {"state": "dsq"}, "done", "Disqualified"),
    ("official", {"state": "finished", "flag": "black"}, "done", "Finished"),
    ("official", {"state": "dnf"}, "done", "Did not finish"), ("official", {"state": "dns"}, "out", "Did not start"),
])
def test_a_kart_of_the_heat_says_its_state_in_a_word(heat: str, changes: dict[str, Any], look: str, word: str) -> None:
    found = tile("7", heat, **changes)
    assert (found.state, found.word, found.small) == (look, word, "Marta Ferri")
    assert found.flag == (changes.get("flag", "") if look == "hold" else "")


def test_a_kart_that_is_not_in_the_heat_says_where_it_is() -> None:
    assert (tile("1").state, tile("1").word) == ("out", "Not in this heat")
    assert tile("20").small == "no transponder"
    away = tile("1", elsewhere={"1": "Kids 3", "7": "Kids 3"})
    assert (away.state, away.word, away.small) == ("track", "On track", "Kids 3")
    assert refused(away) == dict.fromkeys(ACTS, "It is in Kids 3.")
    here = tile("7", elsewhere={"7": "Kids 3"})
    assert here.small == "Marta Ferri"
    assert "leave" not in refused(here)
    alone = fleet_view(None, {}, FLEET)
    assert {each.word for each in alone.tiles} == {"Ready"}
    assert refused(alone.tiles[0]) == dict.fromkeys(ACTS, "No heat is on.")


@pytest.mark.parametrize(("heat", "changes", "possible"), [
    ("running", {}, {"tap", "swap_kart", "leave"}),
    ("running", {"flag": "black"}, {"tap", "kart_flag", "swap_kart", "leave"}),
    ("running", {"state": "dnf"}, {"swap_kart", "join"}), ("staged", {}, {"swap_kart", "leave"}),
    ("finishing", {"state": "finished"}, {"swap_kart", "leave"}), ("paused", {}, {"swap_kart", "leave"}),
    ("provisional", {}, {"swap_kart"}), ("official", {}, set()),
])
def test_five_acts_keep_their_places_and_say_why_they_cannot_be_now(heat: str, changes: dict[str, Any],
                                                                    possible: set[str]) -> None:
    found = tile("7", heat, **changes)
    assert tuple(act.order for act in found.acts) == ACTS
    assert set(ACTS) - set(refused(found)) == possible
    assert all(why.endswith(".") for why in refused(found).values())


def test_a_kart_outside_the_heat_can_only_join() -> None:
    found = tile("1")
    assert set(ACTS) - set(refused(found)) == {"join"}
    assert found.acts[-1].word == "Joins"
    assert tile("7", laps=3).acts[-1].word == "Came back"


def test_every_act_is_an_order_the_box_knows_with_arguments_it_takes() -> None:
    for act in tile("7").acts:
        assert {name for name, _ in act.values} <= set(ORDERS[act.order])
        assert "kart" in ORDERS[act.order] or act.order == "swap_kart"


def test_the_tally_counts_what_there_is() -> None:
    made = board(k7={"flag": "black"}, k3={"overdue": True}, k12={"state": "finished"})
    found = fleet_view(made, boards.NAMES, FLEET, waiting=("Heat 15", 11))
    assert found.tally == "8 on track, 1 overdue, 1 under a flag, 1 in the pit, 1 finished"
    assert found.next == "Heat 15 needs 11 karts"


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.permutations(range(12)), st.sampled_from(sorted(boards.STATES)))
def test_no_kart_ever_moves_whatever_the_order_of_the_heat(order: list[int], state: str) -> None:
    made = boards.board(state)
    shuffled = replace(made, rows=tuple(made.rows[place] for place in order))
    assert [each.kart for each in fleet_view(shuffled, boards.NAMES, FLEET).tiles] == [kart.number for kart in FLEET]


def test_a_change_of_one_kart_sends_its_tile_and_its_sheet_and_nothing_else() -> None:
    before, after = board(), board(k7={"laps": 9, "hit_seq": 9000})
    found = fragments("pit", show(before), show(after))
    assert [(each.target, each.swap) for each in found] == [("#tile-7", "outerMorph"), ("#sheet-7", "outerMorph")]
    assert 'data-hit' in render_fragments(found[:1])
    assert fragments("pit", show(after), show(after)) == []
    flagged = fragments("pit", show(before), show(board(k7={"flag": "black"})))
    assert [each.target for each in flagged] == ["#tally", "#tile-7", "#sheet-7"]
    assert 'data-hit' not in render_fragments(flagged)
    fewer = fragments("pit", show(before), show(before, FLEET[:-1]))
    assert [each.target for each in fewer] == ["#fleet", "#sheets"]


@pytest.mark.parametrize("made", [None, *map(boards.board, boards.STATES)], ids=["none", *boards.STATES])
def test_the_page_prints_what_its_stream_sends(made: Board | None) -> None:
    shown = show(made)
    page = re.sub(r"\s+", "", render("pit.html", page=PageView("Pit", "Venue"), view=shown, may_order=True))
    for fragment in fragments("pit", None, shown):
        assert re.sub(r"\s+", "", render(fragment.template, **fragment.context)) in page


def test_a_number_that_staff_chose_breaks_neither_page_nor_order() -> None:
    evil = "7'\"<b>"
    shown = show(board(), [KartLine(evil)])
    page = render("pit.html", page=PageView("Pit", "Venue"), view=shown, may_order=True)
    assert "<b>\"" not in page
    values = re.findall(r"hx-vals='([^']*)'", page)
    assert len(values) == 4
    assert all('"order"' in html.unescape(each) for each in values)


@at_the_park()
async def test_b5_a_kart_flag_is_acknowledged_from_the_pit_tablet(venue: Park) -> None:
    await a_heat(venue)
    await venue.order("kart_flag", kart="1", flag="black")
    async with signed_in(venue) as (browser, csrf):
        page = (await browser.get("/pit")).text
        assert "Black flag" in page
        assert 'hx-sse:connect="/live/pit/now"' in page
        values = html.unescape(next(v for v in re.findall(r"hx-vals='([^']*)'", page) if "kart_flag" in v and '"1"' in v))
        order = dict(re.findall(r'"(\w+)": ?"(\w+)"', values))
        given = await browser.post(f"/console/sessions/{venue.session}/orders", data={"csrf": csrf, **order})
        assert given.status_code == 204, given.text
        assert "Black flag" not in (await browser.get("/pit")).text


@at_the_park()
async def test_only_staff_see_the_tablet_and_who_may_give_no_orders_may_look(venue: Park) -> None:
    await venue.heat(KARTS, "stage", format="8m")
    async with signed_in(venue, "mechanic") as (browser, csrf):
        page = (await browser.get("/pit")).text
        assert "data-look" in page
        assert "you may look here" in page
        answer = await browser.post(f"/console/sessions/{venue.session}/orders",
                                    data={"csrf": csrf, "order": "leave", "kart": "1"})
        assert answer.status_code == 403
    async with guest(venue) as http:
        assert (await http.get("/pit")).headers["location"] == "/console/login?next=/pit"
    async with signed_in(venue, "timekeeper") as (browser, _):
        assert "data-look" not in (await browser.get("/pit")).text


@at_the_park()
async def test_the_tablet_of_a_track_that_does_not_exist_says_so(venue: Park) -> None:
    async with signed_in(venue) as (browser, _):
        assert (await browser.get("/pit?track=main")).status_code == 200
        wrong = await browser.get("/pit?track=moon")
        assert wrong.status_code == 404
        assert "There is no track" in wrong.text
