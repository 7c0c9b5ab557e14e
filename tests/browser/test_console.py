"""Race control by keyboard and by touch: undo from every page, what is proposed, timing by hand, flags, two tracks."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PIN, Box, arrived, sign_in
from tests.browser.venue import counted, drive, make_day, make_heat
from trackd.core.time import SECOND, lap_text
from trackd.services.hub import Happening
from trackd.services.sessions import NewSession

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


def at_the_console(box: Box, open_page: Open, **options: Any) -> Any:
    """A timekeeper at race control."""
    page = open_page(box.address + "/console", **options)
    sign_in(page)
    return page


def plate(page: Any) -> Any:
    return page.locator("#band .flag-plate b")


def heat(box: Box, name: str = "Heat 1", karts: int = 3, track: str = "main", first: int = 1, **fields: Any) -> str:
    """A heat of karts ``first`` and up that waits, made by somebody else."""
    rules = {"format": "8m", "ranking": "position", "min_lap_s": 5, "start": "green", **fields}
    entries = [(str(number), f"Driver {chr(64 + number)}") for number in range(first, first + karts)]
    return str(box.call(box.appliance.create_session(NewSession(name, entries, track=track, fields=rules), "Timo")))


def under_way(box: Box, karts: int = 3, **fields: Any) -> str:
    """A heat that has gone green."""
    box.karts(karts)
    made = heat(box, karts=karts, **fields)
    for order in ("stage", "green"):
        box.order(made, order)
    return made


def cross(box: Box, kart: int, *times_s: float) -> None:
    """A kart over the line at these seconds of the decoder's clock; the box's clock goes along."""
    race(box, {kart: times_s})


def race(box: Box, crossings: dict[int, tuple[float, ...]]) -> None:
    """Several karts, in the order of time."""
    for at_s, kart in sorted((at_s, kart) for kart, times_s in crossings.items() for at_s in times_s):
        reached_s = clocks.setdefault(box.folder, at_s)
        later(box, max(0.0, at_s - reached_s))
        clocks[box.folder] = max(reached_s, at_s)
        box.call(_heard(box, str(100 + kart), at_s))


async def _heard(box: Box, transponder: str, at_s: float) -> None:
    """Wait until the box has it: time must not leap while it is still on the wire."""
    there, hub = asyncio.Event(), box.appliance.live.hub

    def look(events: list[Happening]) -> None:
        if any(event.kind == "passing" for event in events):
            there.set()

    hub.happenings.append(look)
    box.decoder.cross(transponder, round(at_s * SECOND))
    async with asyncio.timeout(10):
        await there.wait()
    hub.happenings.remove(look)


clocks: dict[Path, float] = {}
"""How far the decoder's clock of each venue has been brought, in seconds."""


def later(box: Box, seconds: float) -> None:
    """Time goes by for the box, without anybody waiting for it."""
    async def jump() -> None:
        clock = box.appliance.live.clock
        clock.ahead(clock.now() + round(seconds * SECOND))
    box.call(jump())


def board(box: Box, session_id: str) -> Any:
    return box.call(box.appliance.board(session_id))


def row(box: Box, session_id: str, kart: int) -> Any:
    return next(each for each in board(box, session_id).rows if each.kart == str(kart))


# --- undo ---------------------------------------------------------------------------------------------------------------


def test_a10_undo_and_redo_by_key_at_race_control(box: Box, open_page: Open) -> None:
    made = under_way(box)
    page = at_the_console(box, open_page)
    undo = page.locator("#undo")
    page.keyboard.press("y")
    expect(undo).to_contain_text("Renata showed yellow")
    page.keyboard.press("r")
    expect(undo).to_contain_text("Renata showed red")
    page.keyboard.press("z")
    expect(undo).to_contain_text("Undone by Renata: showed red")
    expect(plate(page)).to_have_text("Yellow")
    page.keyboard.press("Control+y")
    expect(plate(page)).to_have_text("Red")
    expect(undo).to_contain_text("Renata showed red")
    for keys, word in (("Control+z", "Yellow"), ("Control+z", "Green"), ("Control+Shift+z", "Yellow"), ("Meta+z", "Green")):
        page.keyboard.press(keys)
        expect(plate(page)).to_have_text(word)
    assert board(box, made).session.flag == "green"


def test_a10_two_quick_presses_take_back_two_acts(box: Box, open_page: Open) -> None:
    under_way(box)
    page = at_the_console(box, open_page)
    for key, word in (("y", "Yellow"), ("r", "Red")):
        page.keyboard.press(key)
        expect(plate(page)).to_have_text(word)
    expect(page.locator("#undo")).to_contain_text("showed red")
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(plate(page)).to_have_text("Green")
    expect(page.locator("#toasts .toast")).to_have_count(0)


def test_a10_undo_and_redo_from_the_karts_page_and_never_while_typing(box: Box, open_page: Open) -> None:
    box.karts(2)
    page = at_the_console(box, open_page)
    page.goto(box.address + "/console/karts")
    page.get_by_label("Number").fill("9")
    page.get_by_role("button", name="Add the kart").click()
    ninth = page.locator("table .plate", has_text=re.compile("^9$"))
    expect(ninth).to_have_count(1)
    page.get_by_label("Number").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("z")
    assert page.get_by_label("Number").input_value() == "z"
    assert "9" in box.appliance.live.writer.venue.karts
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+z")
    expect(ninth).to_have_count(0)
    expect(page.locator("#main")).to_contain_text(re.compile("Undone.*saved kart 9"))
    assert page.get_by_label("Number").input_value() == "z", "a form somebody had begun was lost"
    page.keyboard.press("Control+y")
    expect(ninth).to_have_count(1)


def test_b9_a_heat_ended_by_mistake_goes_on_with_no_lap_lost(box: Box, open_page: Open) -> None:
    made = under_way(box)
    race(box, {1: (5, 35), 2: (6, 37)})
    page = at_the_console(box, open_page)
    page.keyboard.press("c")
    expect(plate(page)).to_have_text("Finish")
    cross(box, 1, 65)
    expect(page.locator("#row-1")).to_contain_text("finished")
    page.keyboard.press("z")
    expect(plate(page)).to_have_text("Green")
    cross(box, 1, 95)
    expect(page.locator("#row-1 td.mid").first).to_have_text("3")
    assert row(box, made, 1).state == "running"


def test_two_operators_see_each_others_acts_at_once(box: Box, open_page: Open) -> None:
    under_way(box)
    box.appliance.staff.add_staff("Ben", "timekeeper", PIN)
    first = at_the_console(box, open_page)
    second = open_page(box.address + "/console")
    second.get_by_label("Name").fill("Ben")
    second.get_by_label("PIN").fill(PIN)
    second.get_by_role("button", name="Sign in").click()
    arrived(second, "#band")
    first.keyboard.press("r")
    expect(second.locator("#undo")).to_contain_text("Renata showed red")
    expect(plate(second)).to_have_text("Red")
    second.keyboard.press("z")
    expect(first.locator("#undo")).to_contain_text("Undone by Ben: showed red")
    expect(plate(first)).to_have_text("Green")
    told: list[bool] = []                                  # what concerns no heat goes to the screens at once too
    box.appliance.live.hub.surroundings.append(lambda: told.append(True))
    box.call(box.appliance.live.done(box.appliance.roster.save_format("Quick", {"format": "3m"}, "Ben")[1]))
    assert told
    expect(first.locator("#undo")).to_contain_text("Ben saved the format Quick")


# --- the inbox ----------------------------------------------------------------------------------------------------------


def test_a6_a_missed_read_is_split_in_one_tap_and_another_left_as_it_is(box: Box, open_page: Open) -> None:
    made = under_way(box, 2)
    page = at_the_console(box, open_page)
    title = page.title()
    page.evaluate("""() => {
        const was = AudioContext.prototype.createOscillator;
        window.sounded = 0;
        AudioContext.prototype.createOscillator = function () { window.sounded++; return was.call(this); };
    }""")
    page.keyboard.press("Shift")                           # a touch, without which no browser lets a page sound
    race(box, {1: (10, 40, 70, 100, 130, 190, 220), 2: (12, 43, 74, 105, 136, 198, 229)})
    ours, other = (page.locator(".case", has_text=f"Kart {kart}: read") for kart in (1, 2))
    expect(ours).to_contain_text("probably missed")
    expect(page).to_have_title("(2) " + title)
    expect(page.locator(".rail [data-badge]")).to_have_text("2")
    assert page.evaluate("""() => new Promise((done) => {
        const look = () => (window.sounded ? done(true) : setTimeout(look, 50));
        look();
    })""")
    expect(page.locator("html:not([data-alarm])")).to_have_count(1)            # softly: it can wait
    ours.get_by_role("button", name="Split lap 5 in two").click()
    expect(ours).to_have_count(0)
    expect(page.locator("#row-1 td.mid").first).to_have_text(re.compile("7$"))
    other.get_by_role("button", name="Leave it").click()
    expect(other).to_have_count(0)
    assert (row(box, made, 1).laps, row(box, made, 2).laps) == (7, 6)
    expect(page.locator("#row-1 td.mid .g").first).to_be_visible()             # and says that its laps were edited
    page.keyboard.press("z")
    expect(other).to_be_visible()


def test_a18_a_kart_that_does_not_come_is_shown_within_a_second_and_gone_when_it_comes(box: Box, open_page: Open) -> None:
    under_way(box, 2)
    page = at_the_console(box, open_page)
    race(box, {1: (10, 40, 70), 2: (11, 41, 71)})
    expect(page.locator("#row-1 td.mid").first).to_have_text("2")
    expect(page.locator("#ahead li")).to_have_count(2)
    expect(page.locator("#ahead li").first).to_contain_text("1")
    cross(box, 2, 101, 116)                                # a short lap; 46 s after kart 1 was seen
    late = page.locator("#row-1[data-state=late]")
    expect(late).to_contain_text(re.compile(r"Overdue by \d+ s"), timeout=1000)
    expect(late.locator("[data-t=late] .g").first).to_be_visible()
    expect(page.locator("#ahead li[data-late]")).to_contain_text("overdue")
    expect(page.locator(".case[data-kind=bad]")).to_contain_text("Kart 1 is overdue")
    cross(box, 1, 118)
    expect(page.locator("#row-1[data-state=late]")).to_have_count(0)
    expect(page.locator(".case", has_text="overdue")).to_have_count(0)


def test_a18_an_overdue_kart_is_taken_out_in_one_tap(box: Box, open_page: Open) -> None:
    made = under_way(box, 2)
    page = at_the_console(box, open_page)
    race(box, {1: (10, 40, 70), 2: (11, 41, 71, 101, 131)})
    page.get_by_role("button", name="Kart 1 has left").click()
    expect(page.locator("#row-1")).to_contain_text("Did not finish")
    expect(page.locator("#undo")).to_contain_text("Renata said that kart 1 has left")
    assert row(box, made, 1).state == "dnf"


def test_b7_under_red_the_policy_advises_and_one_tap_follows_it(box: Box, open_page: Open) -> None:
    made = under_way(box, 2)
    page = at_the_console(box, open_page)
    race(box, {1: (10, 40), 2: (11, 42)})
    expect(page.locator("#row-2 td.mid").first).to_have_text("1")
    page.keyboard.press("r")
    expect(page.locator("#next b")).to_have_text("Go on: green")
    advice = page.locator(".case").first
    expect(advice).to_contain_text("How to go on after red")
    advice.get_by_role("button", name="Full restart, laps from zero").click()
    expect(plate(page)).to_have_text("Staged")
    expect(page.locator("#band")).to_contain_text("attempt 2")
    assert board(box, made).session.attempt == 2
    page.keyboard.press("z")
    expect(plate(page)).to_have_text("Red")
    expect(page.locator("#band")).not_to_contain_text("attempt")


# --- timing by hand -----------------------------------------------------------------------------------------------------


def test_a19_ten_karts_are_timed_by_touch_without_a_decoder_and_reads_come_back(box: Box, open_page: Open) -> None:
    made = under_way(box, 10)
    cross(box, 1, 10)
    counted(box, made, 0)
    page = at_the_console(box, open_page, has_touch=True)
    box.call(box.decoder.stop())
    page.get_by_role("button", name="Time by hand").tap()
    tiles = page.locator("#tiles .tap")
    places = [tiles.nth(n).bounding_box() for n in range(10)]
    later(box, 30)
    for number in range(1, 11):
        page.locator(f"[data-tap='{number}']").tap()
    expect(page.locator("#row-1 td.mid").first).to_have_text("1")
    expect(page.locator("#row-1 .src").first).to_contain_text("timed by hand")
    counted(box, made, 1)
    first_us = row(box, made, 1).last_us
    later(box, 30)
    for number in range(10, 0, -1):
        page.locator(f"[data-tap='{number}']").tap()
    counted(box, made, 11)
    assert [tiles.nth(n).bounding_box() for n in range(10)] == places, "a tile moved"

    # The decoder had read kart 1 all the while, 0.4 s before the finger came down.
    read_us = first_us - 400_000
    box.cross("101", 10 + read_us / SECOND)
    box.call(box.decoder.start(begin=False))
    expect(page.locator(".case", has_text="not heard")).to_have_count(0)
    later(box, 12)
    box.cross("101", 10 + (first_us + row(box, made, 1).last_us) / SECOND + 12)
    expect(page.locator("#row-1 td.mid").first).to_have_text("3")
    expect(page.locator("#row-1")).to_contain_text(lap_text(read_us))          # what was missing was asked for again
    laps = [lap for lap in box.call(box.appliance.reading.laps(made)) if lap["kart"] == "1"]
    assert (laps[0]["source"], laps[0]["time_us"]) == ("loop", read_us), "the tap did not give way to the read"
    assert [lap["source"] for lap in laps[1:]] == ["manual", "manual"]


def test_a19_a_number_and_enter_time_a_kart_and_letters_stay_flags(box: Box, open_page: Open) -> None:
    made = under_way(box, 12)
    page = at_the_console(box, open_page)
    page.keyboard.press("t")
    expect(page.locator("#tiles")).to_be_visible()
    for key in ("1", "2"):
        page.keyboard.press(key)
    expect(page.locator("#typed")).to_have_text("Kart 12, press Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#undo")).to_contain_text("Renata timed kart 12 by hand")
    expect(page.locator("#typed")).to_be_empty()
    page.keyboard.press("9")
    page.keyboard.press("9")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("There is no kart 99 in this heat.")
    page.keyboard.press("y")
    expect(plate(page)).to_have_text("Yellow")
    page.keyboard.press("t")
    expect(page.locator("#tiles")).to_be_hidden()
    assert row(box, made, 12).hit_seq
    assert not row(box, made, 9).hit_seq


# --- flags and the clock ------------------------------------------------------------------------------------------------


def test_b3_space_begins_the_countdown_x_stops_it_and_green_comes_by_itself(box: Box, open_page: Open) -> None:
    box.karts(2)
    made = heat(box, karts=2, countdown_s=30)
    page = at_the_console(box, open_page)
    page.goto(f"{box.address}/console/sessions/{made}")
    page.keyboard.press("Space")
    expect(page.locator("#next b")).to_have_text("Begin the countdown")
    place = page.locator("#key-chequered").bounding_box()
    page.keyboard.press("Space")
    expect(page.locator("#band .clock")).to_contain_text("to green")
    expect(page.locator("#band .clock b")).to_have_text(re.compile(r"0:(30|29|28)"))
    expect(page.locator("#next b")).to_have_text("Green now")
    expect(page.locator("#next")).to_have_attribute("data-early", "")
    page.keyboard.press("x")
    expect(page.locator("#abort")).to_have_count(0)
    expect(page.locator("#next b")).to_have_text("Begin the countdown")
    assert board(box, made).session.state == "staged"
    page.keyboard.press("Space")
    expect(page.locator("#abort")).to_be_visible()
    later(box, 30)
    expect(plate(page)).to_have_text("Green")
    assert place is not None
    assert all(each.laps == 0 for each in board(box, made).rows)


def test_b3_green_does_not_wait_for_the_countdown_when_it_is_told_not_to(box: Box, open_page: Open) -> None:
    box.karts(2)
    made = heat(box, karts=2, countdown_s=30)
    page = at_the_console(box, open_page)
    page.goto(f"{box.address}/console/sessions/{made}")
    for word in ("Begin the countdown", "Green now"):
        page.keyboard.press("Space")
        expect(page.locator("#next b")).to_have_text(word)
    page.keyboard.press("Space")
    expect(plate(page)).to_have_text("Green")


def test_b6_under_red_the_clock_stands_and_space_goes_on_with_what_was_left(box: Box, open_page: Open) -> None:
    made = under_way(box)
    cross(box, 1, 10, 260)                                 # the box's clock follows the decoder: 4:10 after green
    page = at_the_console(box, open_page)
    page.keyboard.press("r")
    clock = page.locator("#band .clock")
    expect(clock).to_have_attribute("data-state", "paused")
    left = clock.locator("b").inner_text()
    later(box, 120)
    page.keyboard.press("Space")
    expect(plate(page)).to_have_text("Green")
    minutes, seconds = left.split(":")
    after = board(box, made)
    assert abs(after.remaining_us / SECOND - int(minutes) * 60 - int(seconds)) < 5
    assert row(box, made, 1).laps == 1


def test_the_last_lap_is_foretold_before_the_white_flag_is_due(box: Box, open_page: Open) -> None:
    under_way(box, 2, format="3L")
    page = at_the_console(box, open_page)
    cross(box, 1, 10, 40)
    note = page.locator("#band .flag-plate span")
    expect(note).to_have_text("LAST LAP (predicted)")
    cross(box, 1, 70)
    expect(note).not_to_have_text("LAST LAP (predicted)")


def test_every_flag_has_its_key_and_its_place(box: Box, open_page: Open) -> None:
    under_way(box)
    page = at_the_console(box, open_page)
    keys = page.locator("#band .flag-key")
    places = [keys.nth(n).bounding_box() for n in range(5)]
    for key, word in (("y", "Yellow"), ("w", "White"), ("g", "Green"), ("r", "Red"), ("g", "Green"), ("c", "Finish")):
        page.keyboard.press(key)
        expect(plate(page)).to_have_text(word)
        assert [keys.nth(n).bounding_box() for n in range(5)] == places


# --- two tracks, the lanes ----------------------------------------------------------------------------------------------


def test_a20_keys_act_on_the_track_that_is_shown(box: Box, open_page: Open) -> None:
    box.karts(4)
    ours, theirs = heat(box, "Adults 1", 2), heat(box, "Kids 1", 2, track="kids", first=3)
    for made in (ours, theirs):
        for order in ("stage", "green"):
            box.order(made, order)
    page = at_the_console(box, open_page)
    tabs = page.locator("#tracks a")
    expect(tabs).to_have_count(2)
    tabs.filter(has_text="kids").click()
    expect(page.locator("#band h1")).to_have_text("Kids 1")
    page.keyboard.press("r")
    expect(plate(page)).to_have_text("Red")
    assert [board(box, made).session.flag for made in (ours, theirs)] == ["green", "red"]
    tabs.filter(has_text="main").click()
    expect(page.locator("#band h1")).to_have_text("Adults 1")
    expect(plate(page)).to_have_text("Green")
    expect(page.locator("#tracks")).to_contain_text("Red, Kids 1")
    box.order(ours, "finish")
    expect(page.locator("#band .stamp")).to_have_text("provisional")
    expect(page.locator("#band h1")).to_have_text("Adults 1")        # and not what is on elsewhere


def test_the_next_heat_is_staged_from_the_strip_and_the_last_one_saved_from_it(box: Box, open_page: Open) -> None:
    made = under_way(box)
    following = heat(box, "Heat 2")
    page = at_the_console(box, open_page)
    stage = page.locator("#strip").get_by_role("button", name="Stage")
    stage.click(force=True)                                # it says itself that it cannot be now
    expect(page.locator("#toasts")).to_contain_text("Heat 1 is on this track. It must end first.")
    cross(box, 1, 10, 40)
    counted(box, made, 1)
    for order in ("chequered", "finish"):
        box.order(made, order)
    stage.click()
    expect(plate(page)).to_have_text("Staged")
    assert board(box, following).session.state == "staged"
    with page.expect_download() as download:
        page.locator("#strip").get_by_role("link", name="CSV of Heat 1").click()
    assert "30.000" in download.value.path().read_text()
    with page.context.expect_page() as opened:
        page.locator("#strip").get_by_role("link", name="Print Heat 1").click()
    assert opened.value.url.endswith(f"/sessions/{made}?print")


# --- by touch, in words, in place ---------------------------------------------------------------------------------------


def test_a_heat_is_run_by_touch(box: Box, open_page: Open) -> None:
    box.karts(2)
    made = heat(box, karts=2)
    page = at_the_console(box, open_page, has_touch=True, viewport={"width": 1024, "height": 768})
    page.goto(f"{box.address}/console/sessions/{made}")
    for word in ("Staged", "Green"):
        page.locator("#next").tap()
        expect(plate(page)).to_have_text(word)
    cross(box, 1, 10, 40, 70, 100, 130, 190, 220)
    page.get_by_role("button", name="Split lap 5 in two").tap()
    expect(page.locator("#row-1 td.mid").first).to_have_text(re.compile("7$"))
    page.locator("#undo").get_by_role("button", name="Undo").tap()
    expect(page.locator("#row-1 td.mid").first).to_have_text("6")
    page.locator("#undo").get_by_role("button", name="Redo").tap()
    expect(page.locator("#row-1 td.mid").first).to_have_text(re.compile("7$"))
    page.locator("#key-red").tap()
    expect(plate(page)).to_have_text("Red")


WORDLESS = """() => {
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }), bad = [];
  for (const t of document.querySelectorAll("[data-t]"))
    if (seen(t) && (!t.querySelector("svg.g") || !t.querySelector(".vh")?.textContent)) bad.push(t.outerHTML);
  for (const row of document.querySelectorAll(".live tr[data-state]"))
    if (!row.querySelector("td.name small, td.name .vh")) bad.push(row.outerHTML);
  for (const plate of document.querySelectorAll(".plate[data-flag]"))
    if (!/flag/.test(plate.closest("tr, li").textContent)) bad.push(plate.outerHTML);
  for (const cloth of document.querySelectorAll(".cloth"))
    if (seen(cloth) && !cloth.parentElement.textContent.trim()) bad.push(cloth.outerHTML);
  for (const each of document.querySelectorAll(".case, .health [data-kind], .flag-plate, .heat[data-state]"))
    if (seen(each) && !each.textContent.trim()) bad.push(each.outerHTML);
  for (const each of document.querySelectorAll(".case")) if (!each.querySelector("h3 svg")) bad.push(each.outerHTML);
  return { bad, marks: [...new Set([...document.querySelectorAll("[data-t]")].map((t) => t.dataset.t))].sort() };
}"""

SMALL = """() => [...document.querySelectorAll(".race button, .race .rail a")]
  .filter((each) => each.checkVisibility() && !each.closest("[hidden]"))
  .map((each) => [each.textContent.trim().slice(0, 30), each.getBoundingClientRect()])
  .filter(([, at]) => at.width && (at.height < 47.9 || at.width < 47.9))
  .map(([name, at]) => `${name} ${at.width}x${at.height}`)"""


def test_j5_no_state_is_told_by_colour_alone(box: Box, open_page: Open) -> None:
    day = make_day(box)
    later(box, day.at_s + 60)                              # time goes on, and nobody comes
    page = at_the_console(box, open_page)
    page.goto(f"{box.address}/console/sessions/{day.running}")
    expect(page.locator("#row-12[data-state=late]")).to_be_visible()
    found = page.evaluate(WORDLESS)
    assert found["bad"] == []
    assert {"best", "late"} <= set(found["marks"])


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (390, 844)], ids=str)
def test_targets_are_48_px_and_nothing_moves_when_a_kart_crosses(box: Box, open_page: Open, size: tuple[int, int]) -> None:
    box.karts(24)
    karts = ("7", "3", "12", "9")
    made = make_heat(box, "Heat 14", karts)
    for order in ("stage", "green"):
        box.order(made, order)
    at_s = drive(box, made, karts, 10, 1)
    page = at_the_console(box, open_page, viewport={"width": size[0], "height": size[1]})
    page.keyboard.press("t")
    assert page.evaluate(SMALL) == []
    fixed = ".live th, #next, #undo, #inbox, .flag-key, #ahead, .tap, #band h1"
    where = f"() => [...document.querySelectorAll('{fixed}')].map((each) => JSON.stringify(each.getBoundingClientRect()))"
    before = page.evaluate(where)
    box.cross("107", at_s + 61.5)                          # a lap of over a minute: a longer word in its column
    expect(page.locator("#row-7")).to_contain_text(re.compile(r"\d:\d\d\.\d{3}"))
    assert page.evaluate(where) == before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_all_keys_are_told_by_one_key(box: Box, open_page: Open) -> None:
    under_way(box)
    page = at_the_console(box, open_page)
    page.keyboard.press("?")
    told = page.locator("#key-list")
    expect(told).to_be_visible()
    known = {text.strip() for text in told.locator(".key").all_inner_texts()}
    used = set(page.evaluate("() => [...document.querySelectorAll('[aria-keyshortcuts]')].map((e) => e.ariaKeyShortcuts)"))
    assert {key for key in used if "+" not in key} <= known
    page.keyboard.press("r")
    expect(plate(page)).to_have_text("Green")
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()


SCROLL = """(ms) => new Promise((done) => {
  const pane = document.querySelector("#live"), began = performance.now();
  let by = 6, frames = 0;
  const frame = (now) => {
    frames++;
    const before = pane.scrollTop;
    pane.scrollTop += by;
    if (pane.scrollTop === before) by = -by;
    if (now - began < ms) requestAnimationFrame(frame); else done(frames);
  };
  requestAnimationFrame(frame);
})"""


def test_forty_karts_scroll_and_cross_ten_times_a_second_without_a_long_frame(box: Box, open_page: Open) -> None:
    """Frames are as long as the main thread works for them: its own processor time is measured, not the machine's load."""
    made = under_way(box, 40, min_lap_s=1)
    page = at_the_console(box, open_page)
    rng = random.Random(40)

    async def drive_on() -> None:
        due_s = {number: 4 * rng.random() for number in range(1, 41)}
        began = asyncio.get_running_loop().time()
        while True:
            number = min(due_s, key=due_s.__getitem__)
            await asyncio.sleep(max(0.0, began + due_s[number] - asyncio.get_running_loop().time()))
            box.decoder.cross(str(100 + number))
            due_s[number] += 4 * rng.uniform(0.88, 1.12)

    driving = asyncio.run_coroutine_threadsafe(drive_on(), box.loop)
    browser = page.context.browser
    try:
        counted(box, made, 45)
        browser.start_tracing(page=page, categories=["toplevel", "-*"])
        assert page.evaluate(SCROLL, 3000) > 10
        events = json.loads(browser.stop_tracing())["traceEvents"]
    finally:
        driving.cancel()
    mains = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"}
    tasks_ms = [e.get("tdur", e["dur"]) / 1000 for e in events
                if e["ph"] == "X" and e["name"].endswith("RunTask") and (e["pid"], e["tid"]) in mains]
    assert len(tasks_ms) > 100
    assert max(tasks_ms) < 100
    shown, told = page.evaluate("""() => [[...document.querySelectorAll(".live tbody tr")].map((row) => row.id).join(" "),
                                          document.querySelector("#places").dataset.places.trim()]""")
    assert shown == told, "the rows do not stand where the box says"
