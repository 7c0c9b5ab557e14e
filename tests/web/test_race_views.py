"""What race control shows beside the order: undo, the inbox, who comes next, tiles, lanes, and the band in every state."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackd.core.time import SECOND
from trackd.timing.board import Board
from trackd.web.ahead import SHOWN, ahead_view, tiles_view
from trackd.web.band import LAST_LAP, band_view
from trackd.web.inbox import Trouble, UnknownTransponder, inbox_view
from trackd.web.lanes import heats_view
from trackd.web.moment import Moment, age_text
from trackd.web.render import render
from trackd.web.rows import LAPPING, row_view
from trackd.web.undo import DRAINS_US, undo_view
from trackd.web.views import LiveView, console_view, fragments

_spec = importlib.util.spec_from_file_location("trackd_test_boards", Path(__file__).with_name("boards.py"))
assert _spec is not None
assert _spec.loader is not None
boards = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(boards)

DOWN = Trouble("link-a", "A is not heard", "It does not answer.", boards.NOW.wall_us - 30 * SECOND, icon="loop", tap=True)
STRANGER = UnknownTransponder("999", 3, boards.NOW.wall_us - 60 * SECOND)


def show(board: Board | None, **more: Any) -> LiveView:
    return console_view(board, boards.NAMES, boards.VENUE, at=more.pop("at", boards.NOW), heats=[boards.session()], **more)


def with_row(board: Board, kart: str, **changes: Any) -> Board:
    return replace(board, rows=tuple(replace(row, **changes) if row.kart == kart else row for row in board.rows))


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"flag": "black"}, {"overdue": True}, {"lapping": True}, {"edited": True},
                                     {"penalties": ("+5 s",)}, {"pits": 2, "pit_us": 90 * SECOND}])
def test_b5_a18_what_concerns_one_kart_repaints_its_row_alone(changes: dict[str, Any]) -> None:
    before = show(boards.board())
    after = show(with_row(boards.board(), "3", **changes))
    assert [f.target for f in fragments("console", before, after)] == ["#row-3"]


def test_a_row_that_is_overdue_counts_on_without_being_sent_again() -> None:
    board, later = boards.board(), replace(boards.NOW, track_us=boards.NOW.track_us + 5 * SECOND)
    first, second = show(board), show(board, at=later)
    rows = [next(row for row in view.order.rows if row.kart == "6") for view in (first, second)]
    assert [(row.state, row.last.mark, row.late) for row in rows] == [("late", "late", "22 s"), ("late", "late", "27 s")]
    assert [f.target for f in fragments("console", first, second)] == []


def test_overdue_and_the_hint_of_blue_are_for_race_control_alone() -> None:
    board = boards.board()
    late, lapped = (next(row for row in board.rows if row.kart == kart) for kart in ("6", "2"))
    assert (row_view(board, late, {}).state, row_view(board, lapped, {}).say) == ("", "")
    assert row_view(board, lapped, {}, boards.NOW).say == LAPPING


# --- the inbox ----------------------------------------------------------------------------------------------------------


def test_the_inbox_has_what_is_broken_first_then_red_then_the_oldest() -> None:
    late = replace(DOWN, since_us=boards.NOW.wall_us)
    cases = inbox_view(boards.board("paused"), [late], [STRANGER], boards.VENUE.zone, boards.NOW).cases
    assert [case.id for case in cases] == ["case-link-a", "case-red-1", "case-overdue-6-5", "case-short-8", "case-999",
                                           "case-missed-9"]
    assert [case.kind for case in cases] == ["bad"] * 3 + ["warn"] * 3


def test_each_proposal_says_what_one_tap_will_do() -> None:
    found = inbox_view(boards.board("paused"), [], [], boards.VENUE.zone, boards.NOW).cases
    cases = {case.proposal: case for case in found}
    assert {name: case.word for name, case in cases.items()} == {
        "missed-9": "Split lap 6 in two", "short-8": "Count the first read only", "overdue-6-5": "Kart 6 has left",
        "red-1": "Single-file restart"}
    assert cases["overdue-6-5"].sound == "once"
    assert cases["missed-9"].age_us == 41 * SECOND


@pytest.mark.parametrize("state", ["official", "void"])
def test_what_is_decided_for_good_proposes_nothing(state: str) -> None:
    board = replace(boards.board(state), proposals=boards.proposals("running"))
    inbox = inbox_view(board, [DOWN], [STRANGER], boards.VENUE.zone, boards.NOW)
    assert (inbox.session_id, [case.proposal for case in inbox.cases]) == ("", ["", ""])


def test_a_lost_decoder_offers_to_time_by_hand_while_the_heat_runs() -> None:
    def offers(state: str) -> bool:
        return inbox_view(boards.board(state), [DOWN], [], boards.VENUE.zone, boards.NOW).cases[0].tap
    assert {state: offers(state) for state in ("staged", "running", "paused", "finishing")} == {
        "staged": False, "running": True, "paused": False, "finishing": True}


def test_a_stranger_is_guessed_on_the_one_kart_that_was_not_seen() -> None:
    def guess(*waiting: str) -> str:
        board = boards.board()
        for kart in waiting:
            board = with_row(board, kart, state="waiting")
        return inbox_view(board, [], [STRANGER], boards.VENUE.zone, boards.NOW).guess
    assert (guess(), guess("9"), guess("9", "3")) == ("", "9", "")


# --- undo -----------------------------------------------------------------------------------------------------------------


def test_the_newest_act_stands_with_who_did_it_and_drains_from_when_it_was_done() -> None:
    acts = [boards.act(9, "red", "Ada", age_us=3 * SECOND), boards.act(5, "void_lap", "Ben", kart="7", lap=3)]
    view = undo_view(acts, {}, boards.NOW, session_id="s14")
    assert view is not None
    assert (view.said, view.turn, view.of, view.newest, view.left_us) == ("Ada showed red", "undo", 9, 9, 7 * SECOND)
    assert undo_view([], {}, boards.NOW) is None


def test_what_was_undone_last_can_be_done_again_and_z_goes_on_to_the_one_before() -> None:
    acts = [boards.act(9, "red", undone=12, undone_by="Ben"), boards.act(5, "void_lap", kart="7", lap=3)]
    view = undo_view(acts, {}, boards.NOW, session_id="s14")
    assert view is not None
    assert (view.said, view.turn, view.of, view.newest) == ("Undone by Ben: showed red", "redo", 9, 5)
    again = undo_view([acts[0], boards.act(5, "void_lap", "Ben", kart="7", lap=3, redone=14)], {}, boards.NOW)
    assert again is not None
    assert (again.said, again.turn, again.of, again.newest) == ("Ben voided lap 3 of kart 7", "undo", 5, 5)
    older = undo_view([boards.act(13, "green"), *acts], {}, boards.NOW, session_id="s14")
    assert older is not None
    assert (older.turn, older.of) == ("undo", 13)


def test_an_act_of_another_heat_says_of_which() -> None:
    view = undo_view([boards.act(9, "red", session="s2")], {}, boards.NOW, session_id="s14", titles={"s2": "Heat 2"})
    assert view is not None
    assert view.said == "Ada showed red (Heat 2)"


@given(st.integers(-20 * SECOND, 40 * SECOND))
def test_what_drains_is_never_below_nothing_nor_above_ten_seconds(age_us: int) -> None:
    view = undo_view([boards.act(9, "red", age_us=age_us)], {}, boards.NOW)
    assert view is not None
    assert view.left_us == min(DRAINS_US, max(0, DRAINS_US - max(0, age_us)))


def test_an_act_is_sent_alone() -> None:
    before, after = show(boards.board()), show(boards.board(), acts=[boards.act(9, "incident")])
    assert [f.target for f in fragments("console", before, after)] == ["#undo"]


# --- who comes next, and the tiles ------------------------------------------------------------------------------------


def test_a18_the_next_karts_stand_soonest_first_and_late_ones_say_so() -> None:
    view = ahead_view(boards.board(), boards.NOW)
    assert len(view) == SHOWN
    assert [(each.kart, each.overdue, each.text) for each in view[:4]] == [
        ("6", True, "22 s late"), ("7", False, "now"), ("3", False, "1 s"), ("12", False, "2 s")]
    assert [each.in_us for each in view] == sorted(each.in_us for each in view)


def test_tiles_keep_the_order_of_the_numbers_whatever_the_race_does() -> None:
    board = boards.board()
    turned = replace(board, rows=board.rows[::-1])
    assert tiles_view(board) == tiles_view(turned)
    assert [tile.kart for tile in tiles_view(board).tiles] == sorted(boards.NUMBERS, key=int)
    assert [tiles_view(boards.board(state)).on for state in ("staged", "running", "paused")] == [False, True, False]
    assert [tile.kart for tile in tiles_view(with_row(board, "7", state="finished")).tiles if tile.done] == ["7"]


@pytest.mark.parametrize(("us", "text"), [(-5, "0 s"), (0, "0 s"), (59_999_999, "59 s"), (60_000_000, "1:00")])
def test_ages_are_seconds_then_minutes(us: int, text: str) -> None:
    assert age_text(us) == text


# --- lanes ----------------------------------------------------------------------------------------------------------------


def test_the_next_heat_can_be_staged_unless_its_track_is_taken() -> None:
    on = boards.session("finishing", sid="a", name="Heat 1")
    waits = boards.session("scheduled", sid="b", name="Heat 2")
    elsewhere = replace(waits, id="c", track="kids")
    empty = replace(elsewhere, id="d", entries=0)
    queue = heats_view([on, waits, elsewhere, empty], boards.VENUE.zone).queue
    assert [(heat.stages, heat.refused) for heat in queue] == [
        (True, "Heat 1 is on this track. It must end first."), (True, ""), (True, "It has no karts yet.")]


# --- the band -------------------------------------------------------------------------------------------------------------


def counting(state: str, left_us: int) -> Board:
    return replace(boards.board(state), countdown_us=left_us)


def test_b3_a_format_with_a_countdown_counts_and_can_be_stopped() -> None:
    before = replace(boards.board("staged"), next_order="countdown", legal_orders=frozenset({"green", "countdown"}))
    assert band_view(before).next.order == "countdown"
    band = band_view(counting("staged", 4 * SECOND))
    assert (band.next.order, band.next.word, band.next.early, band.next.aborts) == ("green", "Green now", True, True)
    clock = band.clock
    assert (clock.text, clock.counts, clock.state, clock.label) == ("0:04", "down", "running", "to green")
    assert band_view(counting("paused", SECOND)).next.order == "resume"
    assert not band_view(boards.board("staged")).next.aborts


def test_a_countdown_that_runs_is_not_sent_again() -> None:
    views = [show(counting("staged", left * SECOND)) for left in (4, 3)]
    assert fragments("console", *views) == []


def test_the_last_lap_is_foretold_in_words() -> None:
    band = band_view(replace(boards.board(), predicted_last=True))
    assert (band.flag_note, band.last_lap) == (LAST_LAP, True)


def test_a_result_that_is_amended_and_a_second_attempt_say_so() -> None:
    def stamped(state: str, version: int) -> tuple[str, str]:
        board = boards.board(state)
        band = band_view(replace(board, session=replace(board.session, version=version)))
        return band.stamp, band.stamp_word
    assert [stamped("provisional", 0), stamped("provisional", 1), stamped("official", 1), stamped("official", 2)] == [
        ("provisional", "provisional"), ("amended", "being amended"), ("official", "official"),
        ("amended", "amended, version 2")]
    board = boards.board()
    assert band_view(replace(board, session=replace(board.session, attempt=2))).sub.startswith("attempt 2 · ")
    assert "attempt" not in band_view(board).sub


def test_after_the_last_step_the_next_heat_is_one_key_away() -> None:
    done = boards.board("official")
    assert band_view(done, ("s15", "Heat 15")).next.href == "/console/sessions/s15"
    assert band_view(done).next.href == "/console/heats#new"


# --- J5 -------------------------------------------------------------------------------------------------------------------


def test_j5_no_colour_of_timing_stands_without_its_glyph_and_its_word() -> None:
    glyphs = {"best": "star", "pb": "up", "slow": "dash", "off": "off", "late": "bang"}
    html = "".join(render("partials/_row_console.html", row=row) for row in show(boards.board()).order.rows)
    found = re.findall(r'data-t="([a-z]+)">(.*?)</(?:span></)?(?:button|span)>', html)
    assert {mark for mark, _ in found} == set(glyphs)
    for mark, inside in found:
        assert f"#i-{glyphs[mark]}" in inside
        assert '<span class="vh">' in inside


def test_j5_every_state_of_a_row_is_a_word_too() -> None:
    board = boards.board()
    words = {"late": "Overdue", "pit": "In the pit", "done": "finished"}
    rows = [*show(board).order.rows, *show(boards.board("provisional")).order.rows]
    assert {row.state for row in rows} >= set(words)
    for row in rows:
        html = render("partials/_row_console.html", row=row)
        assert not row.state or words[row.state] in html
        assert not row.flag or (f'data-flag="{row.flag}"' in html and f"{row.flag.capitalize()} flag" in html)


def test_a_moment_turns_track_time_into_wall_time() -> None:
    assert Moment(1_000, 5_000).wall_of(400) == 4_400
