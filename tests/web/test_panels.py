"""What opens on top of race control: what a form becomes as an order, what a kart's panel tells, what is possible when."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journeys.conftest import Park
from tests.timing.race import Race
from tests.venues import KARTS, S, a_heat, at_the_park, signed_in
from tests.web.test_templates import Checker
from trackd.core.errors import BadInput
from trackd.services.sessions import ORDERS
from trackd.timing.flags import State
from trackd.timing.resolve import KART_FLAGS
from trackd.web import pads
from trackd.web.forms import micros_of, order_args
from trackd.web.pads import POSSIBLE, Ground
from trackd.web.panels import FORMS
from trackd.web.render import render
from trackd.web.why import moment_text


@pytest.mark.parametrize(("name", "form", "args"), [
    ("penalty", {"kart": "7", "choice": "time:5"}, {"kart": "7", "kind": "time", "value": 5 * S}),
    ("penalty", {"kart": "7", "choice": "time:", "seconds": "2,5", "laps": "2"},
     {"kart": "7", "kind": "time", "value": 2_500_000}),
    ("penalty", {"kart": "7", "choice": "laps:1", "reason": " Contact "},
     {"kart": "7", "kind": "laps", "value": "1", "reason": "Contact"}),
    ("penalty", {"kart": "7", "choice": "positions:", "places": "3"}, {"kart": "7", "kind": "positions", "value": "3"}),
    ("penalty", {"kart": "7", "choice": "lap:", "lap": "4", "incident": ""}, {"kart": "7", "kind": "lap", "value": "4"}),
    ("penalty", {"kart": "7", "choice": "dsq:", "seconds": "15"}, {"kart": "7", "kind": "dsq"}),
    ("penalty", {"kart": "7", "kind": "time", "value": "10"}, {"kart": "7", "kind": "time", "value": 10 * S}),
    ("insert_crossing", {"kart": "7", "at": "1:02.345"}, {"kart": "7", "at_us": 62_345_000}),
    ("shift_crossing", {"kart": "7", "lap": "3", "by": "-0.35"}, {"kart": "7", "lap": "3", "by_us": -350_000}),
    ("split_lap", {"kart": "7", "lap": "3", "at": "39.288"}, {"kart": "7", "lap": "3", "at_us": 39_288_000}),
    ("split_lap", {"kart": "7", "lap": "3", "parts": "2"}, {"kart": "7", "lap": "3", "parts": "2"}),
    ("move_laps", {"from": "7", "to": "9", "laps": "3, 4 5"}, {"from": "7", "to": "9", "laps": [3, 4, 5]}),
    ("move_laps", {"from": "7", "to": "9", "laps": ""}, {"from": "7", "to": "9"}),
    ("set", {"duration": "8m", "min_lap_s": "12.5"}, {"duration": "8m", "min_lap_s": 12.5}),
    ("countdown", {"seconds": "10"}, {"seconds": 10}),
    ("attach", {"seconds": "90"}, {"seconds": 90.0}),
    ("assign", {"kart": "7", "driver": "Ada"}, {"kart": "7", "driver": "Ada"}),
    ("incident", {"karts": ["7", "9"], "text": "Contact"}, {"karts": ["7", "9"], "text": "Contact"}),
    ("join", {"kart": "7", "driver": "", "since": "now", "csrf": "x", "reason": "late"},
     {"kart": "7", "since": "now", "reason": "late"}),
])
def test_a_form_becomes_the_arguments_of_its_order(name: str, form: dict[str, Any], args: dict[str, Any]) -> None:
    values = {field: given if isinstance(given, list) else [given] for field, given in form.items()}
    assert order_args(name, values) == args


def test_what_somebody_did_not_touch_is_not_in_the_order() -> None:
    limits = {"was:min_lap_s": ["10"], "min_lap_s": ["10"], "was:max_lap_s": [""], "max_lap_s": ["90"]}
    assert order_args("set", limits) == {"max_lap_s": 90.0}
    seats = {"was:driver:1": ["Ada"], "driver:1": ["Ada"], "was:driver:2": ["Ben"], "driver:2": [""], "driver:B-3": ["Cy"]}
    assert order_args("assign", seats) == {"entries": [{"kart": "2", "driver": None}, {"kart": "B-3", "driver": "Cy"}]}


@pytest.mark.parametrize(("name", "form", "says"), [
    ("shift_crossing", {"kart": "7", "lap": "3", "by": "soon"}, "'soon' is no time"),
    ("insert_crossing", {"kart": "7", "at": "1:2:3:4"}, "is no time"),
    ("penalty", {"kart": "7", "choice": "time:", "seconds": "five"}, "'five' is no time"),
    ("move_laps", {"from": "7", "to": "9", "laps": "three"}, "Laps are numbers"),
    ("assign", {"was:driver:1": "Ada", "driver:1": "Ada"}, "No driver was changed."),
    ("set", {"was:max_lap_s": "90", "max_lap_s": ""}, "A limit can be changed, not taken away."),
    ("set", {"was:max_lap_s": "90", "max_lap_s": "90"}, "Nothing was changed."),
])
def test_what_cannot_be_read_is_refused_with_a_sentence(name: str, form: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        order_args(name, {field: [given] for field, given in form.items()})


@settings(derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted({field for fields in ORDERS.values() for field in fields})),
                       st.text(max_size=12)), st.sampled_from(sorted(ORDERS)))
def test_any_form_gives_known_arguments_or_a_refusal(form: dict[str, str], name: str) -> None:
    try:
        args = order_args(name, {field: [given] for field, given in form.items()})
    except BadInput:
        return
    assert set(args) <= {*ORDERS[name], "reason"}


@settings(derandomize=True, deadline=None)
@given(st.integers(-599_999, 86_400_000))
def test_a_moment_is_read_as_it_is_written(ms: int) -> None:
    assert micros_of(moment_text(ms * 1000)) == ms * 1000


# --- pads and questions -----------------------------------------------------------------------------------------------

def ground(race: Race | None = None, **more: Any) -> Ground:
    heat = (race or Race("8m", 3)).heat
    return Ground("s1", heat, {"driver-1": "Ada", "driver-2": "Ben", "driver-3": "Cy"}, ("1", "2", "3", "4", "5"), **more)


def test_c4_a_swap_is_a_tile_and_one_question() -> None:
    on = ground(elsewhere={"5": "Heat 2"})
    _, pad = pads.swap(on, {"kart": "1"})
    assert isinstance(pad, pads.PadView)
    tiles = {tile.kart: tile for tile in pad.tiles}
    assert [*tiles] == ["1", "2", "3", "4", "5"]
    assert tiles["4"].form == "swap?kart=1&to=4"
    assert tiles["2"].caption == "Ben"                       # in this heat: they change karts
    assert (tiles["1"].off, tiles["5"].off) == ("Ada has it now.", "Kart 5 is in Heat 2, which is on now.")
    _, question = pads.swap(on, {"kart": "1", "to": "2"})
    assert isinstance(question, pads.AskView)
    assert question.text == "Ada goes from kart 1 to kart 2, Ben from 2 to 1."
    assert [each.values["since"] for each in question.answers] == ["start", "now"]


def test_a_kart_that_is_in_no_heat_or_has_left_can_join() -> None:
    race = Race("8m", 3)
    race.order(5, "leave", kart="2")
    _, pad = pads.join(ground(race, elsewhere={"5": "Heat 2"}), {})
    assert isinstance(pad, pads.PadView)
    assert {tile.kart: tile.off or tile.caption for tile in pad.tiles} == {
        "1": "Kart 1 is in this heat already.", "2": "had left", "3": "Kart 3 is in this heat already.", "4": "free",
        "5": "Kart 5 is in Heat 2, which is on now."}


def test_b5_a_kart_flag_can_be_shown_once_and_acknowledged() -> None:
    race = Race("8m", 2)
    race.order(5, "kart_flag", kart="1", flag="black")
    _, question = pads.flag(ground(race), {"kart": "1"})
    assert isinstance(question, pads.AskView)
    assert {each.values["flag"]: each.off for each in question.answers} == {
        "black": "It is shown now.", "mechanical": "", "warning": "", "blue": "", "none": ""}
    assert set(KART_FLAGS) == {each.values["flag"] for each in question.answers}
    _, pad = pads.flag(ground(race), {})
    assert isinstance(pad, pads.PadView)
    assert [tile.flag for tile in pad.tiles] == ["black", ""]


QUERIES: dict[str, tuple[dict[str, str], ...]] = {
    name: ({}, {"kart": "1"}, {"kart": "1", "lap": "1"}, {"kart": "1", "to": "2", "lap": "1"}, {"kart": "4"},
           {"kart": "<b>"}) for name in FORMS}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", FORMS)
def test_every_step_of_every_form_renders_in_every_state_and_closed_ones_send_nothing(name: str, state: State) -> None:
    from msgspec.structs import replace
    race = Race("8m", 3)
    race.run(k1="5 40 80", k2="6 42")
    race.order(90, "incident", karts=["1"], text="Contact <b>")
    on = ground(race, drivers=("Ada", 'Zoe "Z" <i>'), heats=(("s2", "Heat 2"),))
    object.__setattr__(on, "heat", replace(on.heat, state=state))
    for query in QUERIES[name]:
        template, view = FORMS[name](on, query)
        html = render(f"panels/{template}.html", view=view, session_id="s1", official=state is State.OFFICIAL)
        Checker(render("partials/_sprite.html") + html)
        assert "<b>" not in re.sub(r"<b>\d+</b>", "", html)
        if state not in POSSIBLE[name] and name != "search":
            assert re.findall(r'data-order="(\w+)"', html) == (["amend"] if state is State.OFFICIAL else [])
            assert "data-send" not in html


@pytest.mark.parametrize("state", [*State, ""])
def test_the_tool_bar_offers_exactly_what_the_forms_take(state: str) -> None:
    html = render("partials/_acts.html", view=SimpleNamespace(band=SimpleNamespace(session_id="s1", state=str(state))))
    tools = {name: "aria-disabled" not in rest for name, rest in re.findall(r"forms/(\w+)\"([^>]*)>", html)}
    assert set(tools) == set(POSSIBLE) - {"move", "insert", "shift"}
    assert tools == {name: state in POSSIBLE[name] for name in tools}
    keys = re.findall(r'aria-keyshortcuts="(.)"', html)
    assert len(keys) == len(set(keys)) == len(tools)
    assert not set(keys) & set("GYRWCZT?")                   # flags, undo, tapping, help


# --- the panel of a kart ------------------------------------------------------------------------------------------------

async def panel(venue: Park, kart: str, query: str = "", status: int = 200) -> str:
    answer = await venue.http.get(f"/console/sessions/{venue.session}/karts/{kart}{query}", headers={"HX-Request": "true"})
    assert answer.status_code == status, answer.text
    if status == 200:
        Checker(render("partials/_sprite.html") + answer.text)
    return unescape(answer.text)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def sends(html: str) -> list[str]:
    return re.findall(r"""data-send='([^']*)'""", html)


@at_the_park()
async def test_the_panel_tells_every_lap_and_why_the_chosen_one_is_what_it_is(venue: Park) -> None:
    await a_heat(venue)
    html = await panel(venue, "1", "?lap=1")
    said = words(html)
    assert "Driver 1" in said
    assert "2 laps" in said
    assert "1:00.000 counts" in said
    assert "58.000 session best" in said
    assert re.search(r"Begins 0:05\.\d+ passing \d+, strength \d+, hits \d+ line, decoder \d+ Ends 1:05", said), said
    assert re.search(r"Ends 1:05\.\d+ passing \d+", said)
    assert "Transponder 101 Decided by the box alone" in said
    assert said.index("58.000 session best") < said.index("1:00.000 counts")     # newest first
    assert len(re.findall(r'aria-expanded="true"', html)) == 1
    await venue.order("void_lap", kart="1", lap=1, reason="cut the corner")
    said = words(await panel(venue, "1"))
    assert "test voided lap 1 of kart 1" in said


@at_the_park()
async def test_a3_a_read_too_short_is_shown_and_one_tap_makes_it_count(venue: Park) -> None:
    await a_heat(venue, min_lap_s=20)
    await venue.cross(venue.now + 8 * S, "101")
    html = await panel(venue, "1")
    assert "8.000 s after the one before, too soon for a lap" in words(html)
    [tap] = [each for each in sends(html) if "count_crossing" in each]
    passing = re.search(r'"passing": "(\d+)"', tap)
    assert passing is not None
    await venue.order("count_crossing", passing=int(passing[1]))
    html = await panel(venue, "1")
    assert "3 laps" in words(html)
    assert not [each for each in sends(html) if "count_crossing" in each]


@at_the_park()
async def test_a_lap_that_was_deleted_stays_in_sight_and_offers_the_way_back(venue: Park) -> None:
    await a_heat(venue)
    await venue.order("void_lap", kart="1", lap=2)
    deleted = venue.appliance.live.acts.newest(venue.session)[0].seq
    html = await panel(venue, "1")
    key = re.search(r'data-lap="(\d+)"[^>]*data-struck', html)
    assert key is not None, html
    html = await panel(venue, "1", f"?crossing={key[1]}")
    assert f'{{"of": "{deleted}", "order": "undo"}}' in sends(html)
    assert "Let lap 2 count again" in words(html)
    assert "It was deleted: it does not count at all." in words(html)
    assert not [each for each in sends(html) if "merge_laps" in each]        # nothing else is done to what does not count


@at_the_park()
async def test_acts_are_closed_until_an_official_result_is_amended(venue: Park) -> None:
    await a_heat(venue)
    for order in ("chequered", "finish", "confirm"):
        await venue.order(order)
    html = await panel(venue, "1")
    assert 'data-order="amend"' in html
    assert "The result is official. Amend it first" in words(html)
    assert not [each for each in sends(html) if '"undo"' not in each and "kart" in each and "aria-disabled" not in html]
    await venue.order("amend", reason="a lap was missed")
    html = await panel(venue, "1")
    assert 'data-order="amend"' not in html
    assert [each for each in sends(html) if "void_lap" in each]


@at_the_park()
async def test_b10_a_result_rolls_back_one_lap_in_one_act(venue: Park) -> None:
    await a_heat(venue, ranking="position")
    html = await panel(venue, "2")
    assert re.search(r'id="deed-X"[^>]*aria-disabled', html)
    for order in ("chequered", "finish"):
        await venue.order(order)
    [back] = [each for each in sends(await panel(venue, "2")) if "set_finish" in each and '"kart": "1"' in each]
    assert '"lap": "1"' in back
    await venue.order("set_finish", kart="1", lap=1)
    assert (await venue.rows())["1"]["laps"] == 1


@at_the_park()
async def test_b13_penalties_are_told_and_can_be_lifted(venue: Park) -> None:
    await a_heat(venue)
    await venue.order("penalty", kart="1", kind="lap", value=1)
    await venue.order("penalty", kart="1", kind="time", value=5 * S, reason="Contact")
    given = (p.seq for p in venue.appliance.live.shots[venue.session].heat.entries["1"].penalties)
    html = await panel(venue, "1")
    assert "+5 s" in words(html)
    assert "Contact" in words(html)
    assert {f'{{"order": "lift", "penalty": "{seq}"}}' for seq in given} <= set(sends(html))


@at_the_park()
async def test_what_an_order_would_do_is_told_and_not_done(venue: Park) -> None:
    await a_heat(venue, ranking="position")
    before = await venue.api("GET", f"/sessions/{venue.session}/board")
    seq = venue.appliance.live.writer.venue.seq
    answer = await venue.http.get(f"/console/sessions/{venue.session}/foresee",
                                  params={"order": "penalty", "kart": "1", "choice": "laps:2"})
    assert answer.status_code == 200
    assert "Kart 1: from place 1 to place 2, 2 to 0 laps." in answer.text
    assert "Kart 2: from place 2 to place 1." in answer.text
    assert venue.appliance.live.writer.venue.seq == seq
    assert (await venue.api("GET", f"/sessions/{venue.session}/board"))["items"] == before["items"]
    answer = await venue.http.get(f"/console/sessions/{venue.session}/foresee", headers={"HX-Request": "true"},
                                  params={"order": "penalty", "kart": "9", "choice": "laps:2"})
    assert (answer.status_code, answer.text) == (409, "Kart 9 is not in this heat.")
    answer = await venue.http.get(f"/console/sessions/{venue.session}/foresee",
                                  params={"order": "join", "kart": "9", "driver": "Nobody Yet"})
    assert answer.status_code == 422
    assert "Nobody Yet" not in (await venue.http.get("/console/drivers")).text


@at_the_park()
async def test_x16_the_drivers_of_another_heat_are_offered_whole(venue: Park) -> None:
    other = await venue.heat(KARTS, name="Heat 1")
    entries = [{"kart": "1", "driver": "Zoe"}, {"kart": "2"}]
    made = await venue.api("POST", "/sessions", {"name": "Heat 2", "entries": entries})
    answer = await venue.http.get(f"/console/sessions/{made['id']}/forms/assign", params={"from": other})
    seats = dict(re.findall(r'name="(driver:\d)" value="([^"]*)"', answer.text))
    assert seats == {"driver:1": "Driver 1", "driver:2": "Driver 2"}
    assert '<input type="hidden" name="was:driver:1" value="Zoe">' in answer.text


@at_the_park()
async def test_who_may_not_order_may_look(venue: Park) -> None:
    await a_heat(venue)
    async with signed_in(venue, "marshal") as (browser, _):
        answer = await browser.get(f"/console/sessions/{venue.session}/karts/1")
        assert answer.status_code == 200
        assert "1:00.000" in answer.text
        assert "Your role may look, not change." in answer.text
        assert '"void_lap"' not in "".join(sends(re.sub(r"<button[^>]*aria-disabled[^>]*>", "", answer.text)))
        assert (await browser.get(f"/console/sessions/{venue.session}/forms/penalty")).status_code == 403


@at_the_park()
async def test_what_is_not_there_is_said_in_a_sentence(venue: Park) -> None:
    await a_heat(venue)
    assert await panel(venue, "9", status=404) == "Kart 9 is not in this session."
    answer = await venue.http.get(f"/console/sessions/{venue.session}/forms/dance", headers={"HX-Request": "true"})
    assert (answer.status_code, unescape(answer.text)) == (404, "There is no form 'dance'.")
