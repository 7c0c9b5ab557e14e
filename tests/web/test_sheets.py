"""Result sheets, the log of what was done and the rules in forms: the pure views behind these pages."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trackd.core.errors import BadInput
from trackd.core.time import MINUTE, SECOND
from trackd.services.reading import Attempt, Given, Notes, ResultVersion
from trackd.services.roster import rules_from
from trackd.timing.acts import Act, Acts
from trackd.timing.board import Board
from trackd.timing.facts import Fact, KartFact, OrderFact, SessionFact
from trackd.timing.formats import FINISHES, FIRST_LAPS, RANKINGS, STARTS, Length, Rules
from trackd.timing.heat import Amend, Incident
from trackd.web.decisions import Papers, karts_words
from trackd.web.history import changed_words, done_view, log_lines
from trackd.web.matrix import LapLine
from trackd.web.moment import Moment
from trackd.web.rulebook import NUMBERS, next_name, rules_given, rules_values, rules_words
from trackd.web.sheet import chart_view, lap_blocks, result_view

_spec = importlib.util.spec_from_file_location("trackd_test_boards", Path(__file__).with_name("boards.py"))
assert _spec is not None
assert _spec.loader is not None
boards = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(boards)

NOON = boards.GREEN_AT
V1 = ResultVersion(1, "Renata", NOON + 10 * MINUTE, "", 40)
V2 = ResultVersion(2, "Timo", NOON + 30 * MINUTE, "kart 9 was read twice", 60)
AMEND = Amend(1, "kart 9 was read twice", "Timo", NOON + 20 * MINUTE)


def sheet(board: Board, laps: Any = (), **papers: Any) -> Any:
    return result_view(board, laps, boards.NAMES, boards.VENUE, papers=Papers(**papers))


def official(version: int = 1, state: str = "official") -> Board:
    board: Board = boards.board("official")
    return replace(board, session=replace(board.session, version=version, state=state))


def order(seq: int, name: str, by: str = "Timo", session: str = "s14", **args: Any) -> Fact:
    return Fact(seq, seq * SECOND, NOON + seq * SECOND, "order", session, OrderFact(name, seq * SECOND, by, args))


def acts(*facts: Fact) -> Acts:
    found = Acts()
    found.fold(facts)
    return found


# --- every lap --------------------------------------------------------------------------------------------------------


def swapped() -> tuple[Board, list[LapLine]]:
    """Two drivers, who exchanged karts 7 and 3 after their first lap; the one who has 3 now lost a lap to race control."""
    board = boards.board("official", 2, laps=2)
    rows = (replace(board.rows[0], kart="7", entry="3"), replace(board.rows[1], kart="3", entry="7"))
    laps = [LapLine("7", 1, 40 * SECOND, 40, entry="7"), LapLine("3", 1, 41 * SECOND, 41, entry="3"),
            LapLine("7", 2, 38 * SECOND, 80, entry="3"), LapLine("3", 2, 43 * SECOND, 122, entry="7", source="split"),
            LapLine("3", 2, 39 * SECOND, 79, entry="7", verdict="void", struck=True, edited=True)]
    return replace(board, rows=rows), laps


def test_laps_follow_their_driver_into_another_kart_and_say_which_was_driven() -> None:
    board, laps = swapped()
    [block] = lap_blocks(board, laps)
    assert block.karts == ("7", "3")
    assert [(number, [(cell.time.text, cell.kart) for cell in cells]) for number, cells in block.lines] == [
        ("1", [("41.000", "3"), ("40.000", "7")]), ("void", [("", ""), ("39.000", "")]),
        ("2", [("38.000", ""), ("43.000", "")])]
    assert result_view(board, laps, boards.NAMES, boards.VENUE).swapped
    assert not sheet(official(), boards.laps_of(official())).swapped


def test_a_voided_lap_is_shown_and_never_counted() -> None:
    board, laps = swapped()
    [block] = lap_blocks(board, laps)
    [void] = [cell for number, cells in block.lines for cell in cells if cell.struck]
    assert (void.time.mark, void.sup) == ("off", "E")
    chart = chart_view(board, laps, boards.NAMES)
    assert chart is not None
    assert [line.kart for line in chart.lines] == ["7", "3"]
    assert len(chart.ticks) == 2
    without = chart_view(board, [lap for lap in laps if not lap.struck], boards.NAMES)
    assert chart == without
    assert sheet(board, laps).sources == (("E", "changed by hand, see the decisions"), ("S", "split by hand"))


@pytest.mark.parametrize(("karts", "wide"), [(1, [1]), (13, [13]), (14, [7, 7]), (40, [10, 10, 10, 10])])
def test_the_table_of_laps_is_cut_into_even_parts_that_fit_on_paper(karts: int, wide: list[int]) -> None:
    board = boards.board("official", karts, laps=3)
    assert [len(block.karts) for block in lap_blocks(board, boards.laps_of(board))] == wide


# --- stamps and versions ------------------------------------------------------------------------------------------------


def test_b14_the_stamp_says_where_a_result_stands_and_why() -> None:
    notes = Notes(amends=(AMEND,))
    cases = [
        (sheet(official(0, "provisional")), ("provisional", "provisional", "")),
        (sheet(official(1)), ("official", "official", "")),
        (sheet(official(1, "provisional"), notes=notes),
         ("provisional", "provisional", "Version 1 was opened again by Timo, 14:31: kart 9 was read twice")),
        (sheet(official(2), notes=notes),
         ("amended", "amended v2", "Version 1 was opened again by Timo, 14:31: kart 9 was read twice")),
        (sheet(official(2), notes=notes, versions=(V2, V1), shown=1),
         ("superseded", "version 1", "Replaced by version 2: kart 9 was read twice")),
        (sheet(official(1, "provisional"), notes=notes, versions=(V1,), shown=1),
         ("superseded", "version 1", "It was opened again and is being changed.")),
        (sheet(boards.board("scheduled")), ("", "", "")), (sheet(boards.board("void")), ("", "", ""))]
    for view, (stamp, word, why) in cases:
        assert (view.stamp, view.stamp_word, view.why) == (stamp, word, why)
    assert sheet(official(2), versions=(V2, V1), shown=1).stamp_note == "Renata, 14:21 · version 1"


def test_every_version_is_one_step_away_and_the_shown_one_is_no_link() -> None:
    def links(view: Any) -> list[tuple[str, str]]:
        return [(line.word, line.href) for line in view.versions]

    page = "/sessions/s14"
    assert links(sheet(official(1), versions=(V1,))) == []
    assert links(sheet(official(2), versions=(V2, V1))) == [("Version 2", ""), ("Version 1", page + "?version=1")]
    assert links(sheet(official(2), versions=(V2, V1), shown=1)) == [("Version 2", page), ("Version 1", "")]
    assert links(sheet(official(1, "provisional"), versions=(V1,))) == [
        ("Now, provisional", ""), ("Version 1", page + "?version=1")]
    assert links(sheet(official(1, "provisional"), versions=(V1,), shown=1)) == [
        ("Now, provisional", page), ("Version 1", "")]


def test_a_personal_best_is_told_only_where_an_earlier_one_was_beaten_by_a_measured_lap() -> None:
    board = official()
    best = [row.best_us or 0 for row in board.rows]
    before = {"d0": best[0] + 412_000, "d1": best[1], "d2": best[2] + SECOND}
    rows = (*board.rows[:2], replace(board.rows[2], best_by_hand=True), *board.rows[3:])
    assert [row.faster for row in sheet(replace(board, rows=rows), before=before).rows[:4]] == ["0.412", "", "", ""]


# --- decisions ----------------------------------------------------------------------------------------------------------


def test_b22_incidents_are_told_with_what_was_decided_and_penalties_with_their_reason() -> None:
    notes = Notes(
        incidents=(Incident(7, 90 * SECOND, ("7", "3"), "contact", "Renata", "penalty", "Timo", 8),
                   Incident(9, 95 * SECOND, ("9",), "cut the chicane", "Renata"),
                   Incident(10, 99 * SECOND, (), "oil on track", "Renata", "cleaned", "Timo"),
                   Incident(11, 99 * SECOND, ("4",), "push", "Renata", "penalty", "Timo", 99)),
        penalties=(Given(8, "time", 5 * SECOND, "contact", "Timo", 100 * SECOND, 7, kart="3"),))
    found = sheet(official(), notes=notes).decisions
    assert [(line.when, line.karts, line.decision) for line in found.incidents] == [
        ("1:30", "Karts 7 and 3", "+5 s for kart 3"), ("1:35", "Kart 9", ""), ("1:39", "", "cleaned"),
        ("1:39", "Kart 4", "a penalty, lifted since")]
    [penalty] = found.penalties
    assert (penalty.when, penalty.kart, penalty.name, penalty.words, penalty.why) == (
        "1:40", "3", "Luca Bandini", "+5 s", "contact")
    assert not sheet(official()).decisions.any


def test_what_was_changed_by_hand_is_told_while_it_stands() -> None:
    facts = [order(1, "stage"), order(2, "void_lap", kart="7", lap=3, reason="cut"),
             order(3, "split_lap", kart="9", lap=5, parts=2), order(4, "undo", of=3), order(5, "tap", kart="7"),
             order(6, "penalty", kart="7", kind="dsq", value=0)]
    [line] = sheet(official(), acts=[*acts(*facts).all.values()]).decisions.changes
    assert (line.words, line.why, line.by) == ("Voided lap 3 of kart 7", "cut", "Timo")


def test_an_attempt_that_was_voided_stays_with_its_order() -> None:
    rows = boards.board("paused", 3, laps=2).rows
    [attempt] = sheet(official(), notes=Notes(attempts=(Attempt(1, rows, 250 * SECOND),))).attempts
    assert attempt.title == "Attempt 1, voided at 4:10"
    assert [(row.position, row.kart, row.laps) for row in attempt.rows] == [("1", "7", 2), ("2", "3", 2), ("3", "12", 2)]


def test_karts_are_named_as_people_do() -> None:
    assert [karts_words(k) for k in ((), ("7",), ("7", "3"), ("7", "3", "12"))] == [
        "", "kart 7", "karts 7 and 3", "karts 7, 3 and 12"]


# --- the log ------------------------------------------------------------------------------------------------------------


def test_the_log_tells_who_did_what_and_offers_the_turn_that_is_legal() -> None:
    changed = {"7": {"was": [1, 13, 38_190_999], "is": [2, 12, None]}}
    facts = [Fact(1, 0, NOON, "session", "s14", SessionFact("s14", "Heat 14", {}, by="Renata")), order(2, "stage"),
             order(3, "green"), order(4, "void_lap", kart="7", lap=3, reason="cut", changed=changed),
             Fact(5, 0, NOON, "kart", None, KartFact("7", by="Ada")), order(6, "undo", "Ben", of=4)]
    lines = log_lines(acts(*facts), {}, {"s14": "Heat 14"}, UTC, NOON + 60 * SECOND)
    assert [(line.seq, line.who, line.what, line.turn, line.undone) for line in lines] == [
        (5, "Ada", "saved kart 7", "undo", False), (4, "Timo", "voided lap 3 of kart 7", "redo", True),
        (3, "Timo", "showed green", "undo", False), (2, "Timo", "staged the heat", "", False),
        (1, "Renata", "made Heat 14", "", False)]
    assert (lines[1].undone_by, lines[1].why, lines[1].session) == ("Ben", "cut", "Heat 14")
    assert lines[1].changed == ("Kart 7: place 1 to 2, laps 13 to 12, best 38.190 to none",)
    assert "Undo that first" in lines[3].refused
    assert [line.seq for line in log_lines(acts(*facts), {}, {}, UTC, NOON, "s14")] == [4, 3, 2, 1]


def test_an_act_of_another_day_says_which() -> None:
    [line] = log_lines(acts(order(1, "stage")), {}, {}, UTC, NOON)
    assert line.when == "13:11:01"
    [old] = log_lines(acts(order(1, "stage")), {}, {}, UTC, NOON + 24 * 3600 * SECOND)
    assert old.when == "21 Nov 13:11"


def test_many_changed_karts_are_counted_not_listed() -> None:
    changed = {str(n): {"was": None if n == 1 else [n, 1, 1], "is": [n + 1, 1, 1]} for n in range(1, 41)}
    words = changed_words(changed)
    assert words[0] == "Kart 1: place none to 2, laps 0 to 1, best none to 0.000"
    assert words[1] == "Kart 2: place 2 to 3"
    assert (len(words), words[-1]) == (7, "and 34 more karts")


def test_pages_tell_what_was_done_last_and_what_to_undo_next() -> None:
    found = acts(order(1, "stage"), order(2, "green"))
    here = ("/console/karts", Moment(0, NOON + 5 * SECOND))

    def done(log: Acts) -> Any:
        return done_view(log, {}, here[1], here[0])

    assert (done(found).sentence, done(found).seq, done(found).turn, done(found).before) == (
        "Timo showed green.", 2, "undo", 0)
    found.fold([order(3, "undo", "Ben", of=2)])
    assert (done(found).sentence, done(found).seq, done(found).turn, done(found).before) == (
        "Undone by Ben: showed green.", 2, "redo", 1)
    assert done(Acts()) is None


# --- rules in forms -----------------------------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None)
@example(Rules(Length(laps=12), grace_us=4_100_000))             # 4.1 is a little less than 4.1 to a computer
@given(st.builds(
    Rules, length=st.sampled_from([Length(laps=12), Length(8 * MINUTE), Length(8 * MINUTE, None, 1)]),
    ranking=st.sampled_from(RANKINGS), start=st.sampled_from(STARTS), finish=st.sampled_from(FINISHES),
    first_lap=st.sampled_from(FIRST_LAPS), min_lap_us=st.integers(0, 60).map(lambda s: s * SECOND),
    max_lap_us=st.none() | st.integers(61, 600).map(lambda s: s * SECOND),
    grace_us=st.none() | st.integers(0, 36_000).map(lambda tenths: tenths * SECOND // 10),
    hold_off_us=st.none() | st.integers(0, 300).map(lambda s: s * SECOND),
    countdown_us=st.integers(0, 600).map(lambda s: s * SECOND), random_hold_us=st.integers(0, 60).map(lambda s: s * SECOND),
    restart_below=st.integers(0, 100), stands_pct=st.integers(0, 100), count_back=st.integers(0, 5)))
def test_rules_come_back_from_the_form_as_they_were(rules: Rules) -> None:
    assert rules_from(rules_given(rules_values(rules)), Rules(Length(laps=1), hold_off_us=None)) == rules


def test_numbers_are_read_as_people_write_them_and_every_fault_is_named() -> None:
    assert rules_given({"length": ["12L"], "min_lap_s": ["7,5"], "countdown_s": [" 10 "], "max_lap_s": [""],
                        "ranking": ["position"], "start": [""]}) == {
        "format": "12L", "min_lap_s": 7.5, "countdown_s": 10, "ranking": "position"}
    with pytest.raises(BadInput) as wrong:
        rules_given({"min_lap_s": ["soon"], "grace_s": ["inf"], "count_back": ["1"]})
    assert [fault.where for fault in wrong.value.faults] == ["min_lap_s", "grace_s"]


def test_a_saved_format_is_told_in_words() -> None:
    assert rules_words({"format": "8m+1L"}) == "8 min and 1 lap"
    body = {"format": "12L", "ranking": "position", "finish": "leader", "min_lap_s": 7.5, "countdown_s": 10}
    assert rules_words(body) == ("12 laps · most laps in least time · ends when the leader crosses, then for all others · "
                                 "shortest lap 7.5 s · countdown 10 s")
    assert all(each.words.count("{}") == 1 for each in NUMBERS)


def test_the_next_heat_is_named_after_the_last() -> None:
    assert [next_name(names) for names in ([], ["Cup"], ["Heat 9", "Cup"], ["Heat 9", "Heat 10"], ["14"])] == [
        "", "", "Heat 10", "Heat 11", "15"]


def test_a_done_act_keeps_its_name_when_nobody_is_known() -> None:
    lines = log_lines(acts(order(1, "stage", "")), {}, {}, UTC, NOON)
    assert lines[0].who == "Somebody"
    assert isinstance(acts(order(1, "stage")).all[1], Act)
