"""What live screens show, and the least that is sent when it changes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackd.core.errors import Fault
from trackd.core.time import SECOND
from trackd.timing.board import Board
from trackd.web.band import band_view, format_words
from trackd.web.desk import form_view
from trackd.web.inbox import Trouble, UnknownTransponder
from trackd.web.rows import element_id, gap_view, row_view
from trackd.web.sheet import chart_view, lap_blocks, result_view
from trackd.web.views import HealthItem, LiveView, board_view, console_view, display_view, fragments

_spec = importlib.util.spec_from_file_location("trackd_test_boards", Path(__file__).with_name("boards.py"))
assert _spec is not None
assert _spec.loader is not None
boards = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(boards)

BUILDERS: dict[str, Callable[..., LiveView]] = {"console": console_view, "board": board_view, "display": display_view}


def show(kind: str, board: Board | None, **more: Any) -> LiveView:
    more |= {"at": boards.NOW} if kind == "console" and "at" not in more else {}
    return BUILDERS[kind](board, boards.NAMES, boards.VENUE, heats=[boards.session()], **more)


def targets(kind: str, before: Board | None, after: Board | None) -> list[str]:
    return [f.target for f in fragments(kind, show(kind, before), show(kind, after))]


def crossed(board: Board, place: int, **changes: object) -> Board:
    """The board after the kart on ``place`` has crossed the line once more."""
    rows = list(board.rows)
    rows[place] = replace(rows[place], laps=rows[place].laps + 1, hit_seq=board.seq + 1, **changes)
    return replace(board, rows=tuple(rows), seq=board.seq + 1)


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_screen_that_shows_nothing_gets_every_part_and_no_paint(kind: str) -> None:
    found = fragments(kind, None, show(kind, boards.board()))
    assert {"#band", "#order"} <= {f.target for f in found}
    assert not any(row.hit for f in found for row in f.context["view"].order.rows)


@pytest.mark.parametrize("kind", BUILDERS)
def test_nothing_is_sent_while_only_the_clock_runs(kind: str) -> None:
    board = boards.board()
    assert targets(kind, board, replace(board, elapsed_us=board.elapsed_us + 7 * SECOND,
                                        remaining_us=board.remaining_us - 7 * SECOND, seq=4712)) == []


def test_a_clock_that_was_set_anew_is_sent() -> None:
    board = boards.board()
    assert targets("console", board, replace(board, remaining_us=board.remaining_us + 60 * SECOND)) == ["#band"]


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_crossing_that_moves_nobody_sends_one_painted_row(kind: str) -> None:
    board = boards.board()
    found = fragments(kind, show(kind, board), show(kind, crossed(board, 4)))
    assert [(f.target, f.template, f.swap, f.context["row"].hit) for f in found] == [
        ("#row-21", f"partials/_row_{kind}.html", "outerHTML", True)]


def overtaken(board: Board) -> Board:
    """The board after the kart on place 4 has crossed and gained one."""
    after = crossed(board, 4)
    return replace(after, rows=(*after.rows[:3], after.rows[4], after.rows[3], *after.rows[5:]))


@pytest.mark.parametrize("kind", ["board", "display"])
def test_a_change_of_order_sends_the_whole_order_and_paints_who_crossed(kind: str) -> None:
    (found,) = fragments(kind, show(kind, boards.board()), show(kind, overtaken(boards.board())))
    assert found.target == "#order"
    assert [row.kart for row in found.context["view"].order.rows if row.hit] == ["21"]


def test_at_race_control_a_change_of_order_sends_the_rows_that_differ_and_their_places() -> None:
    found = fragments("console", show("console", boards.board()), show("console", overtaken(boards.board())))
    assert [(f.target, f.swap) for f in found] == [("#row-21", "outerHTML"), ("#places", "outerHTML")]
    assert found[0].context["row"].hit
    assert [row.kart for row in found[1].context["order"].rows][3:5] == ["21", "9"]


def test_a_kart_that_joins_or_leaves_sends_the_whole_order() -> None:
    fewer = replace(boards.board(), rows=boards.board().rows[:-1])
    assert "#order" in targets("console", boards.board(), fewer)
    assert "#order" in targets("console", fewer, boards.board())


def test_a_flag_sends_the_band_and_no_row() -> None:
    assert targets("console", boards.board(), boards.board("yellow")) == ["#band"]


def test_red_turns_a_display_into_one_word_and_crossings_no_longer_repaint_it() -> None:
    red = boards.board("paused")
    assert targets("display", boards.board(), red) == ["#band", "#order", "#foot"]
    assert targets("display", red, crossed(red, 3)) == []
    assert targets("display", red, boards.board()) == ["#band", "#order", "#foot"]
    assert targets("console", red, crossed(red, 3)) == ["#row-9"]
    assert show("display", red).order.red


def test_another_session_sends_everything_of_it_without_paint() -> None:
    board = boards.board()
    other = replace(board, session=boards.session(sid="s15", name="Heat 15"),
                    rows=tuple(replace(row, hit_seq=row.hit_seq + 500) for row in board.rows))
    found = {f.target: f for f in fragments("console", show("console", board), show("console", other))}
    assert {"#band", "#order"} <= found.keys()
    assert not any(row.hit for row in found["#order"].context["view"].order.rows)


def test_health_and_inbox_go_alone() -> None:
    board = boards.board()
    before = show("console", board)
    sick = show("console", board, health=[HealthItem("loop", "Decoder", "silent", kind="bad")])
    told = show("console", board, unknown=[UnknownTransponder("5691251", 3, 0)],
                troubles=[Trouble("disk", "Storage is full", "Laps are kept in memory.", SECOND)])
    assert [f.target for f in fragments("console", before, sick)] == ["#health"]
    assert [f.target for f in fragments("console", before, told)] == ["#inbox"]


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=4, unique=True))
def test_what_is_sent_makes_the_screen_equal_to_the_new_view(order: list[int], crossing: list[int]) -> None:
    before = boards.board()
    after = before
    for place in crossing:
        after = crossed(after, place)
    after = replace(after, rows=tuple(after.rows[n] for n in order))
    old, new = show("console", before), show("console", after)
    screen = {row.id: row for row in old.order.rows}
    for fragment in fragments("console", old, new):
        if fragment.target == "#order":
            screen = {row.id: row for row in fragment.context["view"].order.rows}
        elif fragment.target == "#places":
            screen = {row.id: screen[row.id] for row in fragment.context["order"].rows}
        elif fragment.target.startswith("#row-"):
            screen[fragment.target[1:]] = fragment.context["row"]
    assert list(screen.values()) == list(new.order.rows)
    assert {row.kart for row in screen.values() if row.hit} == {before.rows[n].kart for n in crossing}


def test_rows_say_gaps_and_states_in_words() -> None:
    assert [gap_view(us, laps).text for us, laps in ((1_192_999, None), (None, 1), (None, 2), (None, None), (0, 0))] == [
        "+1.192", "+1 lap", "+2 laps", "", "+0.000"]
    board = boards.board()
    rows = {row.kart: row_view(board, row, boards.NAMES) for row in board.rows}
    assert rows["7"].leads
    assert not rows["3"].leads
    assert (rows["23"].state, rows["23"].note) == ("pit", "In the pit")
    assert rows["21"].note == "Warning flag · +5 s, contact"
    assert (rows["21"].say, rows["21"].flag, rows["21"].penalties) == ("Warning flag", "warning", "+5 s, contact")
    assert (rows["23"].pit, rows["7"].pit) == ("1 / 1:05", "")
    assert (rows["4"].last.source, rows["12"].edited, rows["7"].edited) == ("hand", True, False)
    assert rows["9"].gap.old
    assert rows["6"].sectors[2].text == ""
    assert len(rows["6"].sectors) == 3


def test_a_driver_without_a_name_here_is_told_as_such() -> None:
    board = boards.board("running", 40)
    assert [row_view(board, board.rows[n], boards.NAMES).name for n in (38, 39)] == ["Name erased", "Kart 59"]


@given(st.text(min_size=1, max_size=8))
def test_element_ids_are_plain_and_distinct(name: str) -> None:
    found = element_id("row", name)
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in found)
    assert element_id("row", name + "!") != found


@pytest.mark.parametrize(("text", "words"), [("8m", "8 min"), ("12L", "12 laps"), ("1L", "1 lap"), ("90s", "90 s"),
                                             ("1h30m", "1 h 30 min"), ("8m+1L", "8 min and 1 lap"), ("odd", "odd")])
def test_formats_are_told_in_words(text: str, words: str) -> None:
    assert format_words(text) == words


def test_keys_and_next_step_follow_what_is_legal() -> None:
    paused = band_view(boards.board("paused"))
    assert {k.key: (k.order, k.usable) for k in paused.keys} == {
        "G": ("resume", True), "Y": ("yellow", False), "R": ("red", False), "W": ("white", False),
        "C": ("chequered", True)}
    assert (paused.word, paused.next.order, paused.next.early, paused.clock.state) == ("Red", "resume", False, "paused")
    running = band_view(boards.board())
    assert (running.next.order, running.next.early) == ("chequered", True)
    assert band_view(replace(boards.board(), legal_orders=frozenset())).next.refused
    assert band_view(boards.board("official")).next.order == ""
    assert band_view(None).next is None


def test_the_clock_counts_down_to_time_and_up_to_laps() -> None:
    down, up = band_view(boards.board()).clock, band_view(boards.board("running", race_laps=12)).clock
    assert (down.counts, down.text, down.label) == ("down", "2:36", "left of 8:00 · lap 9")
    assert (up.counts, up.text, up.label) == ("up", "5:24", "lap 9 of 12")


def test_many_karts_stand_in_two_columns_on_a_display_only() -> None:
    many = boards.board("running", 15)
    assert [len(column) for column in show("display", many).order.columns] == [8, 7]
    assert len(show("console", many).order.columns) == 1


def test_the_lap_chart_ends_in_the_order_of_laps_and_time() -> None:
    board = boards.board("provisional", laps=13)
    laps = boards.laps_of(board)
    chart = chart_view(board, laps, boards.NAMES)
    ends = {kart: max((lap.number, -lap.at_us) for lap in laps if lap.kart == kart) for kart in boards.NUMBERS}
    drawn = [line.kart for line in sorted(chart.lines, key=lambda line: line.last_y)]
    assert drawn == sorted(ends, key=ends.__getitem__, reverse=True)
    assert len({line.first_y for line in chart.lines}) == len(drawn)
    assert chart_view(board, [], boards.NAMES) is None


def test_every_lap_is_in_the_table_once_with_its_mark_and_source() -> None:
    board = boards.board("official", 40, laps=13)
    laps = boards.laps_of(board)
    cells = [cell for block in lap_blocks(board, laps) for _n, line in block.lines for cell in line if cell.time.text]
    assert len(cells) == len(laps)
    assert [cell.time.mark for cell in cells].count("best") == 1
    assert [cell.time.mark for cell in cells].count("off") == 1
    assert [cell.sup for cell in cells if cell.sup] == ["G"]


def test_a_superseded_result_is_stamped_amended() -> None:
    board = boards.board("official")
    later = replace(board, session=replace(board.session, version=2))
    stamps = [result_view(b, [], boards.NAMES, boards.VENUE).stamp for b in (board, later, boards.board())]
    assert stamps == ["official", "amended", ""]
    assert result_view(board, [], boards.NAMES, boards.VENUE).stamp_note == "Renata Voss, 14:23 · version 1"


def test_faults_stand_by_their_field_or_above_the_form() -> None:
    form = form_view({"name": "", "kart": ["7", "3"]}, [Fault("name", "is empty"), Fault("lines", "none")], ["name"])
    assert (form.fault("name"), form.general) == ("is empty", ("lines: none",))
    assert form.chosen("kart", "7")
    assert not form.chosen("kart", "1")
