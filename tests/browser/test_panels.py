"""Race control's panels in a real browser: why a number is what it is, and every order, by keyboard and by touch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Box, sign_in
from trackd.services.sessions import NewSession

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
RULES = {"format": "8m", "ranking": "position", "min_lap_s": 5, "hold_off_s": 0}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
TOUCH = {"has_touch": True}


def heat(box: Box, entries: tuple[tuple[str, str], ...] = (("1", "Ada Lovelace"), ("2", "Grace Hopper")), *,
         name: str = "Heat 1", orders: tuple[str, ...] = ("stage", "green"), **rules: Any) -> str:
    """A heat with these drivers, green unless told otherwise."""
    wanted = NewSession(name, list(entries), fields={**RULES, **rules})
    session_id = str(box.call(box.appliance.create_session(wanted, "Timo")))
    for order in orders:
        box.order(session_id, order)
    return session_id


def drive(box: Box, **crossings: str) -> None:
    """``k1="10 40 70"``: kart 1 over the line, in seconds of the decoder's time."""
    both = [(float(at_s), int(name[1:])) for name, text in crossings.items() for at_s in text.split()]
    for at_s, kart in sorted(both):
        box.cross(str(100 + kart), at_s)


def console(box: Box, open_page: Open, session_id: str, **options: Any) -> Any:
    """A timekeeper at race control of a session."""
    page = open_page(box.address + f"/console/login?next=/console/sessions/{session_id}", **options)
    sign_in(page)
    return page


def cell(page: Any, kart: str, place: int) -> Any:
    return page.locator(f"#row-{kart} td").nth(place)


def laps(page: Any, kart: str, count: int) -> None:
    """The live table says that a kart has so many laps."""
    expect(cell(page, kart, 3)).to_have_text(re.compile(rf"(^|\D){count}$"))


def last(page: Any, kart: str, time: str) -> None:
    expect(cell(page, kart, 4)).to_contain_text(time)


def find(page: Any, kart: str) -> Any:
    """Open the panel of a kart by keyboard."""
    page.keyboard.press("/")
    expect(page.locator("#panel-search")).to_be_focused()
    page.keyboard.type(kart)
    page.keyboard.press("Enter")
    expect(page.locator("#panel header[data-fresh] .plate")).to_have_text(kart)
    return page.locator("#panel")


def chosen(page: Any, number: int) -> None:
    expect(page.locator(".lap[aria-expanded=true] .n")).to_have_text(f"Lap {number}")


def keys(page: Any, text: str) -> None:
    for key in text.split():
        page.keyboard.press(key)


def newest(box: Box, session_id: str) -> Any:
    return box.appliance.live.acts.newest(session_id)[0]


# --- why ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("touch", [False, True], ids=["keyboard", "touch"])
def test_a3_a_read_too_short_counts_after_one_tap(box: Box, open_page: Open, touch: bool) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 43", k2="11 42")
    page = console(box, open_page, session_id, **(PHONE if touch else {}))
    laps(page, "1", 1)
    if touch:
        cell(page, "1", 4).locator("[data-why]").tap()
        read = page.locator("#panel .no-lap")
        expect(read).to_contain_text("3.000 s after the one before")
        read.get_by_role("button", name="Count it").tap()
        expect(page.locator("#panel .lap")).to_have_count(2)
        page.get_by_role("button", name="Close").tap()
    else:
        find(page, "1")
        expect(page.locator("#panel .no-lap")).to_contain_text("3.000 s after the one before")
        page.keyboard.press("u")
        page.keyboard.press("Escape")
    laps(page, "1", 2)
    last(page, "1", "3.000")
    assert (newest(box, session_id).name, newest(box, session_id).by) == ("count_crossing", "Renata")


def test_every_lap_tells_its_passings_and_the_panel_follows_the_heat(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40.5", k2="11 42")
    page = console(box, open_page, session_id)
    cell(page, "1", 4).locator("[data-why]").click()
    why = page.locator("#lap-why")
    expect(why).to_contain_text(re.compile(r"Begins.*passing \d+.*Ends.*start-finish, decoder \d+.*Transponder.*101"))
    expect(page.locator("#panel header")).to_contain_text("Ada Lovelace")
    assert page.evaluate("""() => { const row = document.querySelector("#order").getBoundingClientRect();
        return document.querySelector("#panel").getBoundingClientRect().left >= row.right; }"""), "it covers the live order"
    drive(box, k1="70")
    expect(page.locator("#panel .lap")).to_have_count(2)
    chosen(page, 1)                                        # what is in hand stays in hand
    page.keyboard.press("ArrowUp")
    chosen(page, 2)
    expect(why).to_contain_text("Ends")
    box.order(session_id, "void_lap", kart="1", lap=2, reason="cut the corner")
    expect(page.locator("#panel .lap[data-struck]")).to_have_count(1)
    expect(why).to_contain_text("Timo voided lap 2 of kart 1")
    expect(why).to_contain_text("cut the corner")
    page.keyboard.press("u")                               # let it count again
    expect(page.locator("#panel .lap[data-struck]")).to_have_count(0)
    laps(page, "1", 2)


def test_focus_stays_inside_and_comes_back_and_flags_are_never_locked_out(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    page = console(box, open_page, session_id)
    laps(page, "1", 2)
    button = cell(page, "1", 4).locator("[data-why]")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lap[aria-expanded=true]")).to_be_focused()
    for key in ("Tab", "Shift+Tab"):
        for _ in range(30):
            page.keyboard.press(key)
            assert page.evaluate("() => document.querySelector('#panel').contains(document.activeElement)")
    page.keyboard.press("r")
    expect(page.locator("#band .flag-plate b")).to_have_text("Red")
    expect(page.locator("#panel")).to_be_visible()
    page.locator("#panel-reason").focus()
    page.keyboard.press("g")                               # typed, not shown
    expect(page.locator("#panel-reason")).to_have_value("g")
    expect(page.locator("#band .flag-plate b")).to_have_text("Red")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(button).to_be_focused()
    cell(page, "1", 5).locator("[data-why]").click()       # by mouse: the next key is meant for race control
    expect(page.locator(".lap[aria-expanded=true]")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    expect(page.locator("#band .flag-plate b")).to_have_text("Green")


def test_keys_pressed_before_a_panel_is_there_are_not_lost(box: Box, open_page: Open) -> None:
    box.karts(3)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    page = console(box, open_page, session_id)
    laps(page, "1", 2)
    keys(page, "k 1 Enter 3 Enter n")
    expect(page.locator("#row-3")).to_contain_text("Ada Lovelace")
    expect(page.locator("#panel")).to_be_hidden()
    keys(page, "/ g r a c e Enter")
    expect(page.locator("#panel header[data-fresh]")).to_contain_text("Grace Hopper")


def test_a_refusal_is_a_sentence_in_the_panel(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    page = console(box, open_page, session_id)
    find(page, "1")
    keys(page, "o s")
    page.locator("#panel-moment").fill("-28")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-says")).to_have_text(re.compile("shorter than the shortest possible lap"))
    expect(page.locator("#panel-moment")).to_have_value("-28")
    page.keyboard.press("Escape")
    find(page, "1")
    page.keyboard.press("m")                               # the last lap: nothing to merge it with
    expect(page.locator("#panel-says")).to_have_text("There is no lap after it to merge it with.")


# --- laps ---------------------------------------------------------------------------------------------------------------

OPS: dict[str, tuple[str, str, int, str]] = {  # order -> keys after lap 2 was chosen, what is typed, laps, last
    "void_lap": ("o d", "", 2, "30.000"),
    "split_lap": ("o 2", "", 4, "30.000"),
    "merge_laps": ("m", "", 2, "1:30.000"),
    "ignore_crossing": ("i", "", 2, "1:30.000"),
    "shift_crossing": ("o s", "0.5", 3, "29.500"),
    "insert_crossing": ("o n", "", 4, "30.000"),
    "move_laps": ("v 2 Enter s", "-", 2, "30.000"),
}


@pytest.mark.parametrize("over", [False, True], ids=["live", "finished"])
@pytest.mark.parametrize("order", OPS)
def test_a9_every_edit_of_a_lap_by_keyboard_changes_the_order_on_the_page(box: Box, open_page: Open, order: str,
                                                                          over: bool) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 100 130", k2="11 42 73 134")
    page = console(box, open_page, session_id)
    laps(page, "1", 3)
    laps(page, "2", 3)
    if over:
        for each in ("chequered", "finish"):
            box.order(session_id, each)
        expect(page.locator("#band .stamp")).to_have_text("provisional")
    press, typed, count, time = OPS[order]
    find(page, "1")
    chosen(page, 3)
    page.keyboard.press("ArrowDown")
    chosen(page, 2)
    if not typed:
        page.locator("#panel-reason").fill("seen on camera")
        page.locator(".lap[aria-expanded=true]").focus()
    for key in press.split():
        page.keyboard.press(key)
        if key == "v":
            expect(page.locator("#panel .pad-kart").first).to_be_visible()
        elif key == "Enter":
            expect(page.locator("#panel .answer").first).to_be_focused()
    if order in ("shift_crossing", "insert_crossing"):
        moment = page.locator("#panel-moment")
        expect(moment).to_be_focused()
        if typed:
            moment.fill(typed)
        page.keyboard.press("Enter")
    expect(page.locator("#panel .lap").first).to_be_visible()    # back in the panel of the kart
    laps(page, "1", count)
    last(page, "1", time)
    act = newest(box, session_id)
    assert (act.name, act.by) == (order, "Renata")
    if not typed and order != "insert_crossing":
        assert act.body.args["reason"] == "seen on camera"
    assert act.body.args["changed"] or order == "shift_crossing"             # no place, no count of laps, no best
    if order == "move_laps":
        last(page, "2", "34.000")                          # it crossed when kart 1 was read, at 100
    page.keyboard.press("z")
    laps(page, "1", 3)
    laps(page, "2", 3)


def test_a9_a_lap_is_deleted_by_touch_and_has_its_way_back(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42 73")
    page = console(box, open_page, session_id, **PHONE)
    cell(page, "1", 4).locator("[data-why]").tap()
    page.get_by_role("button", name="More").tap()
    page.get_by_role("button", name="Delete", exact=True).tap()
    expect(page.locator("#panel .lap[data-struck]")).to_have_count(1)
    expect(page.locator("#panel .last")).to_contain_text("Renata voided lap 2 of kart 1")
    page.locator("#panel .last").get_by_role("button", name="Undo").tap()
    expect(page.locator("#panel .lap[data-struck]")).to_have_count(0)
    page.get_by_role("button", name="Close").tap()
    laps(page, "1", 2)


def test_b10_a_result_rolls_back_one_lap_in_one_action(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70 100", k2="11 42 73 104")
    for each in ("chequered", "finish"):
        box.order(session_id, each)
    page = console(box, open_page, session_id)
    laps(page, "1", 3)
    find(page, "2")
    keys(page, "o x")
    laps(page, "1", 2)
    laps(page, "2", 2)
    page.keyboard.press("z")
    laps(page, "1", 3)


def test_b10_the_first_lap_and_the_first_to_finish_are_set_afterwards(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70 100", k2="11 42 73 104")
    page = console(box, open_page, session_id)
    laps(page, "1", 3)
    find(page, "1")
    page.keyboard.press("ArrowDown")
    chosen(page, 2)
    keys(page, "o b")                                      # the heat began where lap 2 begins
    laps(page, "1", 2)
    keys(page, "z")
    laps(page, "1", 3)
    keys(page, "e")                                        # and ends with this lap
    expect(page.locator("#band .flag-plate b")).to_have_text("Finish")
    laps(page, "1", 2)


def test_an_order_waits_for_the_newest_news_of_the_laps_also_when_a_later_look_takes_the_place_of_an_earlier(
        box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70 100", k2="11 42 73 104")
    page = console(box, open_page, session_id)
    laps(page, "1", 3)
    find(page, "1")
    page.keyboard.press("ArrowDown")
    chosen(page, 2)
    keys(page, "o b")
    chosen(page, 1)
    held: list[Any] = []
    page.route("**/karts/1?*", lambda route: held.append(route))
    keys(page, "z")
    laps(page, "1", 3)
    with page.expect_request("**/orders") as given:
        keys(page, "e")                                    # it looks anew; so does the panel, each second
        page.wait_for_function("since => performance.now() > since + 1100", arg=page.evaluate("performance.now()"))
        page.unroute("**/karts/1?*")
    assert "lap=2" in given.value.post_data


def test_b14_an_official_result_is_amended_from_the_panel(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42 73")
    for each in ("chequered", "finish", "confirm"):
        box.order(session_id, each)
    page = console(box, open_page, session_id)
    find(page, "1")
    keys(page, "m")
    expect(page.locator("#panel-says")).to_contain_text("The result is official. Amend it first")
    page.get_by_label("Why it is amended").fill("a lap too many")
    page.keyboard.press("Enter")
    expect(page.locator("#band .stamp")).to_have_text("being amended")
    page.locator(".lap[aria-expanded=true]").focus()
    keys(page, "o d")
    laps(page, "1", 1)
    assert box.call(box.appliance.board(session_id)).session.note == "a lap too many"


# --- orders -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("touch", [False, True], ids=["keyboard", "touch"])
def test_b7_restart_keeps_or_voids_laps_and_an_attempt_comes_back(box: Box, open_page: Open, touch: bool) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    page = console(box, open_page, session_id, **(TOUCH if touch else {}))
    plate = page.locator("#band .flag-plate b")
    laps(page, "1", 2)

    def restart(key: str, word: str) -> None:
        if touch:
            page.locator("#acts").get_by_role("button", name="Restart").tap()
            page.locator("#panel").get_by_role("button", name=word).tap()
        else:
            page.keyboard.press("b")
            expect(page.locator("#panel .answer").first).to_be_visible()
            page.keyboard.press(key)

    restart("1", "Restart, laps kept")
    expect(plate).to_have_text("Staged")
    expect(page.locator("#panel")).to_be_hidden()
    laps(page, "1", 2)
    box.order(session_id, "green")
    expect(plate).to_have_text("Green")
    restart("2", "Restart from zero")
    expect(plate).to_have_text("Staged")
    laps(page, "1", 0)
    restart("3", "Bring attempt 1 back")
    laps(page, "1", 2)
    expect(plate).to_have_text("Red")


def test_b11_a_new_duration_counts_at_once_and_the_clock_follows_within_a_second(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    page = console(box, open_page, session_id)
    clock = page.locator("#band [data-clock] b")
    expect(clock).to_have_text(re.compile(r"^(8:00|7:[45]\d)$"))
    page.keyboard.press("d")
    expect(page.locator("#panel [data-key='2']")).to_be_focused()
    page.keyboard.press("2")                               # +1 min
    expect(clock).to_have_text(re.compile(r"^(9:00|8:[45]\d)$"), timeout=1000)
    page.get_by_label("Another length").fill("5m+1L")
    page.keyboard.press("Enter")
    expect(clock).to_have_text(re.compile(r"^(5:00|4:[45]\d)$"), timeout=1000)
    page.get_by_label("Shortest lap, s").fill("35")
    page.keyboard.press("Enter")
    laps(page, "1", 1)                                     # 30 s and 30 s: the second read comes after 60
    last(page, "1", "1:00.000")
    assert newest(box, session_id).body.args["rules"] == {"min_lap_us": 35_000_000}


def test_a_start_pressed_too_late_is_set_back_and_reads_from_before_it_are_taken_in(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box, orders=())
    drive(box, k1="12", k2="14")                           # karts went out before anybody staged
    box.order(session_id, "stage")
    drive(box, k1="42", k2="45")
    box.order(session_id, "green")
    drive(box, k1="73", k2="76")
    page = console(box, open_page, session_id)
    laps(page, "1", 0)
    page.keyboard.press("d")
    page.get_by_label("Green came too late by, s").fill("9")
    page.keyboard.press("Enter")
    laps(page, "1", 1)
    last(page, "1", "31.000")
    assert newest(box, session_id).name == "set_start"
    page.get_by_label("Take in reads of the last, s").fill("600")
    page.get_by_role("button", name="Take them in").click()
    laps(page, "1", 2)                                     # with the one from its last read before the heat
    expect(page.locator("#undo")).to_contain_text("Renata took in earlier passings")
    page.keyboard.press("Escape")
    keys(page, "z z")
    laps(page, "1", 0)


def test_b12_a_late_kart_joins_from_its_next_crossing_and_a_no_show_did_not_start(box: Box, open_page: Open) -> None:
    box.karts(4)
    session_id = heat(box)
    drive(box, k1="10 40", k3="50")
    page = console(box, open_page, session_id)
    laps(page, "1", 1)
    page.keyboard.press("j")
    expect(page.locator("#panel [data-kart='3']")).to_be_focused()           # the first that can
    keys(page, "3 Enter")
    driver = page.get_by_label("Driver", exact=True)
    expect(driver).to_be_focused()
    page.keyboard.type("Joan Clarke")
    page.keyboard.press("Enter")
    laps(page, "3", 0)
    expect(page.locator("#row-3")).to_contain_text("Joan Clarke")
    drive(box, k3="80 110", k1="112")
    laps(page, "3", 1)
    last(page, "3", "30.000")
    page.keyboard.press("l")
    expect(page.locator("#panel [data-kart='1']")).to_be_focused()
    keys(page, "2 Enter")
    for each in ("chequered", "finish"):
        box.order(session_id, each)
    expect(page.locator("#row-2")).to_contain_text("Did not start")


def test_keys_pressed_while_an_order_is_under_way_are_meant_for_what_follows_and_enter_pressed_twice_counts_once(
        box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42 73")
    page = console(box, open_page, session_id)
    held: list[Any] = []
    page.route("**/orders", lambda route: held.append(route))
    keys(page, "p 1 Enter")
    expect(page.locator("#panel [value='time:5']")).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_label("Reason").fill("Contact")
    with page.expect_request("**/orders"):
        page.keyboard.press("Enter")
    keys(page, "Enter p 2 Enter")
    expect(page.get_by_label("Reason")).to_have_value("Contact")
    held[0].continue_()
    expect(page.locator("#panel form [name='kart'][value='2']")).to_have_count(1)
    expect(page.locator("#panel [value='time:5']")).to_be_focused()
    expect(page.locator("#row-1")).to_contain_text("+5 s")
    expect(page.locator("#row-2")).not_to_contain_text("+5 s")
    assert len(held) == 1


def test_b13_penalties_reorder_and_lifting_them_restores_the_order(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42 73")
    page = console(box, open_page, session_id)
    places = page.locator("#order tbody .plate")
    expect(places).to_have_text(["1", "2"])
    page.keyboard.press("p")
    expect(page.locator("#panel [data-kart='1']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#panel [value='time:5']")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#panel .foreseen")).to_contain_text("Kart 1: from place 1 to place 2.")
    expect(places).to_have_text(["1", "2"])                # told, not done
    page.get_by_label("Reason").fill("Contact")
    page.keyboard.press("Enter")
    expect(places).to_have_text(["2", "1"])
    expect(page.locator("#row-1")).to_contain_text("+5 s")
    page.keyboard.press("p")
    keys(page, "1 Enter")
    expect(page.locator("#panel [value='time:5']")).to_be_focused()
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#panel [value='laps:1']")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("#row-1")).to_contain_text("-1 lap")
    find(page, "1")
    for left in (1, 0):
        page.locator("#panel .given").get_by_role("button", name="Lift").first.press("Enter")
        expect(page.locator("#panel .given li")).to_have_count(left)
    expect(places).to_have_text(["1", "2"])
    assert not box.appliance.live.shots[session_id].heat.entries["1"].penalties


def test_b5_a_kart_flag_stands_until_it_is_acknowledged(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    page = console(box, open_page, session_id)
    expect(page.locator("#row-1")).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator("#panel [data-kart='1']")).to_be_focused()
    keys(page, "Enter")
    expect(page.locator("#panel .answer").first).to_be_focused()
    page.keyboard.press("2")
    expect(page.locator("#row-1 .plate[data-flag=mechanical]")).to_be_visible()
    expect(page.locator("#panel")).to_be_hidden()
    keys(page, "f 1 Enter")
    expect(page.get_by_role("button", name="Acknowledged")).to_be_visible()
    page.keyboard.press("0")
    expect(page.locator("#row-1 .plate[data-flag]")).to_have_count(0)


def test_b22_an_incident_is_noted_decided_and_answered_with_a_penalty(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40", k2="11 42")
    page = console(box, open_page, session_id)
    laps(page, "1", 1)
    panel = page.locator("#panel")
    for text, kart in (("Contact in the hairpin", "1"), ("A cone was moved", "")):
        if not panel.is_visible():
            page.keyboard.press("i")
        expect(page.get_by_label("What happened")).to_be_focused()
        page.keyboard.type(text)
        if kart:
            page.keyboard.press("Tab")
            page.keyboard.press("Space")
        panel.get_by_role("button", name="Note it").press("Enter")
        expect(panel.locator(".incident", has_text=text)).to_be_visible()
    panel.locator(".incident", has_text="cone").get_by_role("button", name="No action").press("Enter")
    expect(panel.locator(".incident[data-done]")).to_contain_text("Renata decided: no action")
    panel.locator(".incident", has_text="Contact").get_by_role("button", name="Penalty").press("Enter")
    expect(page.get_by_label("Answers the incident")).to_have_value(re.compile(r"\d+"))
    page.locator("#panel [value='time:10']").check()
    page.locator("#panel [value='time:10']").press("Enter")
    expect(panel.locator(".incident[data-done]", has_text="Contact")).to_contain_text("Renata decided: +10 s for kart 1")
    expect(page.locator("#row-1")).to_contain_text("+10 s")


@pytest.mark.parametrize("touch", [False, True], ids=["keyboard", "touch"])
@pytest.mark.parametrize("since", ["start", "now"])
def test_c4_a_kart_is_swapped_since_the_start_or_from_now(box: Box, open_page: Open, since: str, touch: bool) -> None:
    box.karts(3)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42", k3="12 43 74.5 105")
    page = console(box, open_page, session_id, **(TOUCH if touch else {}))
    laps(page, "1", 2)
    word = "Since the start" if since == "start" else "From now on"
    if touch:
        cell(page, "1", 1).locator("[data-why]").tap()
        page.locator("#panel").get_by_role("button", name="Swap kart").tap()
        page.locator("#panel [data-kart='3']").tap()       # two taps once it is clear who swaps
        page.locator("#panel").get_by_role("button", name=word).tap()
    else:
        page.keyboard.press("k")
        expect(page.locator("#panel [data-kart='1']")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#panel h2")).to_have_text("Into which kart?")
        keys(page, "3 Enter")
        expect(page.locator("#panel .answer").first).to_be_focused()
        page.keyboard.press("s" if since == "start" else "n")
    expect(page.locator("#row-3")).to_contain_text("Ada Lovelace")
    expect(page.locator("#row-1")).to_have_count(0)
    laps(page, "3", 3 if since == "start" else 2)
    last(page, "3", "30.500" if since == "start" else "30.000")


def test_c4_a_plate_dragged_onto_a_row_asks_the_one_question(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    page = console(box, open_page, session_id)
    laps(page, "1", 2)
    page.locator("#row-1 .plate").drag_to(page.locator("#row-2 .name"))
    expect(page.locator("#panel h2")).to_have_text("Since when?")
    expect(page.locator("#panel .body")).to_contain_text("Ada Lovelace goes from kart 1 to kart 2, Grace Hopper from 2")
    page.keyboard.press("n")
    expect(page.locator("#row-2")).to_contain_text("Ada Lovelace")
    laps(page, "2", 2)


def test_x16_the_drivers_of_another_heat_are_taken_over_and_one_is_changed(box: Box, open_page: Open) -> None:
    box.karts(2)
    heat(box, (("1", "Mary Somerville"), ("2", "Emmy Noether")), name="Heat 2", orders=())
    session_id = heat(box)
    drive(box, k1="10 40 70", k2="11 42")
    for each in ("chequered", "finish"):
        box.order(session_id, each)
    page = console(box, open_page, session_id)
    expect(page.locator("#row-1")).to_contain_text("Ada Lovelace")
    page.keyboard.press("a")
    page.get_by_label("Drivers as in").select_option("Heat 2")
    expect(page.get_by_label("Driver of kart 2")).to_have_value("Emmy Noether")
    page.get_by_label("Reason").fill("the wrong heat was staged")
    page.keyboard.press("Enter")
    expect(page.locator("#row-1")).to_contain_text("Mary Somerville")
    expect(page.locator("#row-2")).to_contain_text("Emmy Noether")
    laps(page, "1", 2)
    page.keyboard.press("a")
    expect(page.get_by_label("Driver of kart 1")).to_be_focused()
    page.get_by_label("Driver of kart 1").fill("Lise Meitner")
    page.keyboard.press("Enter")
    expect(page.locator("#row-1")).to_contain_text("Lise Meitner")
    assert [kart for kart, _ in newest(box, session_id).body.args["drivers"]] == ["1"]


def test_a_tool_that_is_not_possible_says_why(box: Box, open_page: Open) -> None:
    box.karts(2)
    session_id = heat(box, orders=())
    page = console(box, open_page, session_id)
    tool = page.locator("#acts").get_by_role("button", name="Penalty")
    expect(tool).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("p")
    expect(page.locator("#panel")).to_contain_text("The heat is not staged yet.")
