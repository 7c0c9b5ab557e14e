"""What people decide about recordings is taken back and done again like every other act (A10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.services.deciding import Desk, a_day, driven
from trackd.core.errors import Refused
from trackd.services.rebuild import check
from trackd.services.sessions import NewSession
from trackd.store import journal
from trackd.store.database import NAME, read_only
from trackd.timing.facts import Fact
from trackd.timing.recorded import MatchFact, VouchFact
from trackd.timing.words import said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a day, to go on from."""
    return a_day(tmp_path_factory.mktemp("day") / "made")


@pytest.fixture
def day(made: Path, tmp_path: Path) -> Iterator[Desk]:
    """Going on from that day; at its end every row is what the journal gives."""
    with Desk(tmp_path / "data", made) as desk:
        yield desk
        desk.writer.stop()
        assert check(desk.folder).differences == []


def no(desk: Desk, words: str, name: str = "undo", of: int | None = None, **options: Any) -> None:
    with pytest.raises(Refused, match=re.escape(words)):
        desk.turn(name, of, **options)


def newest(desk: Desk) -> Fact:
    with closing(read_only(desk.folder / NAME)) as db:
        return list(journal.read(db))[-1]


def one(desk: Desk, query: str, *values: Any) -> Any:
    (row,) = desk.asked(query, *values)
    return row


def test_a_turn_is_a_fact_with_who_when_and_why_and_what_holds_again_is_as_it_was_given(day: Desk) -> None:
    first = day.session_ids()[0]
    lap, other = day.laps(first)[:2]
    day.vouch(first, [lap], "no", by="Bea", reason="cut the corner")
    before = day.rows()
    act = day.vouch(first, [lap, other], "verified")
    turned = day.turn(by="Grace", why="Wrong heat")
    fact = newest(day)
    assert (turned.seq, fact.kind, fact.session, fact.wall_us) == (act, "vouch", first, day.writer.clock.wall())
    assert isinstance(fact.body, VouchFact)
    assert (fact.body.by, fact.body.why, fact.body.undoes) == ("Grace", "Wrong heat", act)
    assert day.rows() == before
    assert one(day, "SELECT verdict, reason, given_by FROM vouched") == ("no", "cut the corner", "Bea")
    for name, by, undone_by in (("redo", "Bea", ""), ("undo", "Bea", "Bea")):
        day.turn(name, by=by)
        assert next(each for each in day.writer.acts().newest() if each.seq == act).undone_by == undone_by


def test_an_act_names_many_laps_or_a_whole_heat_and_each_gets_back_what_was_said_of_it(day: Desk) -> None:
    first = day.session_ids()[0]
    laps = day.laps(first)
    day.vouch(first, laps[:1], "no", by="Bea")
    day.vouch(first, laps[1:2], "verified", by="Cleo")
    before = day.rows()
    day.vouch(first, laps, "verified")
    day.vouch(first, [], "no")
    assert len(day.asked("SELECT 1 FROM vouched")) == len(laps) + 1
    day.turn()
    day.turn()
    assert day.rows() == before
    assert {row[0] for row in day.asked("SELECT given_by FROM vouched")} == {"Bea", "Cleo"}


def test_a_match_that_holds_again_is_the_machines_or_the_persons_whose_it_was(day: Desk) -> None:
    first, second = day.session_ids()
    day.assign("r1", None)
    day.turn(by="Grace")
    assert one(day, "SELECT session, kart, matched, evidence FROM recordings WHERE id = 'r1'") == (
        first, "1", 2, b'{"recording":"r1","kart":"1","offset_us":5,"accepted":true}')
    day.assign("r1", second, "2", by="Bea")
    day.assign("r1", None)
    day.turn(by="Grace")
    session, evidence = one(day, "SELECT session, evidence FROM recordings WHERE id = 'r1'")
    assert (session, b'"by":"Bea"' in evidence, b"Grace" in evidence) == (second, True, False)
    assert newest(day).session == second
    day.assign("r3", second, "1")
    day.turn()
    assert one(day, "SELECT session, kart, matched, evidence FROM recordings WHERE id = 'r3'") == (None, None, 0, None)


def test_a_layout_that_was_chosen_is_taken_back_with_the_match_that_came_of_it(day: Desk) -> None:
    first, second = day.session_ids()
    stood = "SELECT layout, reason, driven, proposed, session, kart FROM recordings WHERE id = 'r1'"
    before = one(day, stood)
    act = day.choose("r1", "l2", second, "2")
    chosen = one(day, stood)
    assert chosen == ("l2", "Chosen by Ada.", act, None, second, "2")
    day.turn()
    assert one(day, stood) == before
    assert [each[0] for each in day.asked("SELECT driven FROM gps_laps WHERE driven = ?", before[2])] == [before[2]] * 3
    day.turn("redo")
    assert one(day, stood) == chosen
    day.turn()
    waits = day.facts(("driven", None, driven("r1", "l1", 39, approved=False)))
    assert one(day, stood) == (*before[:3], waits, *before[4:])
    act = day.choose("r1", "l1", first, "1")                    # the newer laps, approved
    assert one(day, stood)[2:4] == (act, None)
    day.turn()
    assert one(day, stood) == (*before[:3], waits, *before[4:]), "they wait again"


def test_what_the_machine_found_is_no_act_and_stays(day: Desk) -> None:
    first = day.session_ids()[0]
    paired = day.pair("u1", "Unit 1", "1")
    for _ in range(3):
        day.facts(("driven", None, driven("r2", "l1", 40)), ("match", first, MatchFact("r2", "2", accepted=True)))
    assert day.writer.acts().newest()[0].seq == paired
    assert day.turn().seq == paired
    assert one(day, "SELECT kart FROM recordings WHERE id = 'r2'") == ("2",)
    day.assign("r2", None)
    assert day.turn().kind == "match"
    assert one(day, "SELECT kart FROM recordings WHERE id = 'r2'") == ("2",)


def test_what_hangs_on_something_is_taken_back_before_it_and_what_does_not_in_any_order(day: Desk) -> None:
    first = day.session_ids()[0]
    lap, other = day.laps(first)[:2]
    seqs = [day.pair("u1", "Unit 1", "1"), day.pair("u2", "Unit 2"), day.assign("r1", None), day.choose("r2", "l2", None),
            day.vouch(first, [lap], "no"), day.vouch(first, [other], "no")]
    later = {day.pair("u1", "Unit 1 renamed"): (seqs[0], "put the unit"),
             day.choose("r1", "l2", first, "1"): (seqs[2], "took a recording off its kart"),
             day.assign("r2", first, "2"): (seqs[3], "found the laps"),
             day.vouch(first, [other, lap], ""): (seqs[4], "left lap 1 of kart 1 out")}
    for of, words in later.values():
        assert words in said(next(act for act in day.writer.acts().newest() if act.seq == of))
        no(day, "after that. Undo that first.", of=of)
    assert day.turn(of=seqs[1]).kind == "unit"
    for each in later:
        day.turn(of=each)
    for of in (seqs[4], seqs[0], seqs[5], seqs[3], seqs[2]):
        day.turn(of=of)
    no(day, "before that. Redo that first.", "redo", of=min(later))
    day.turn("redo", of=seqs[0])
    day.turn("redo", of=min(later))
    day.assign("r1", first, "2")
    no(day, "since then; what was undone before that stays undone.", "redo", of=seqs[2])


def test_the_heat_a_verdict_was_given_in_is_not_undone_under_it(day: Desk) -> None:
    session, future = day.sessions.create(NewSession("Third", [("1", None)], fields={"format": "8m"}), "Ada")
    made = future.result(20)
    match = day.assign("r2", session, "1")
    no(day, "gave a recording to kart 1 after that. Undo that first.", of=made)
    assert day.turn(of=match).kind == "match"
    day.turn(of=made)
    no(day, "made Third before that. Redo that first.", "redo", of=match)
    day.turn("redo", of=made)
    for order in ("stage", "green", "chequered"):
        day.order(session, order)
    confirm = day.order(session, "confirm")
    verdict = day.vouch(session, [], "verified")
    no(day, "verified all laps after that. Undo that first.", of=confirm)
    day.order(session, "amend", reason="Protest")               # opened again, and the verdict may still go
    assert day.turn(of=verdict).kind == "vouch"


def test_a_unit_that_rode_on_a_kart_which_was_taken_out_before_goes_back_to_that(day: Desk) -> None:
    day.kart("3", gone=True)
    before = day.rows()
    day.unpair("u9")
    day.turn()
    assert day.rows() == before
    assert one(day, "SELECT kart FROM units") == ("3",)


def test_where_something_is_in_the_way_by_now_a_sentence_says_what(day: Desk) -> None:
    first = day.session_ids()[0]
    out = day.unpair("u9")
    day.kart("3", gone=True)
    no(day, "Kart 3 is gone by now. Add it again first.", of=out)
    day.kart("3")
    other = day.pair("u1", "Unit 1", "3")
    no(day, "Kart 3 carries the unit 'Unit 1' already. Take that off it first.", of=out)
    day.turn(of=other)
    day.pair("u2", "Solo 9")
    no(day, "There is a unit 'Solo 9' already.", of=out)
    session, future = day.sessions.create(NewSession("Third", [("1", None)], fields={"format": "8m"}), "Ada")
    future.result(20)
    joined = day.order(session, "join", kart="2")
    day.facts(("match", session, MatchFact("r2", "2", accepted=True)))
    moved = day.assign("r2", first, "1")
    day.turn(of=joined)
    no(day, "Kart 2 is not in Third by now.", of=moved)
    day.turn(of=future.result())
    no(day, "The heat that the recording was in is not there by now.", of=moved)


def test_who_may_what_takes_it_back_too(day: Desk) -> None:
    first = day.session_ids()[0]
    match = day.assign("r1", None)
    unit, kart = day.pair("u1", "Unit 1"), day.kart("1")
    no(day, "A unit is for an admin to change.", of=unit, admin=False)
    for of in (unit, kart):
        with pytest.raises(Refused):
            day.turn(of=of, admin=False, orders=False)
    assert day.turn(admin=False, orders=False).seq == match, "the newest of those they may"
    assert day.turn("redo", admin=False, orders=False).seq == match
    assert day.turn(admin=False).seq == kart
    verdict = day.vouch(first, day.laps(first)[:1], "no")
    assert day.turn(admin=False, orders=False).seq == verdict
    no(day, "That is for a timekeeper to take back.", "redo", of=kart, admin=False, orders=False)


def test_acts_of_an_older_trackd_are_taken_back_too(day: Desk) -> None:
    first = day.session_ids()[0]
    start, lap = day.rows(), day.laps(first)[0]
    for kind, session, body in (("vouch", first, f'{{"laps":["{lap}"],"verdict":"no","by":"Ada"}}'),
                                ("match", None, '{"recording":"r1","reason":"Taken off by hand.","by":"Ada"}'),
                                ("driven", None, '{"recording":"r2","layout":"l2","lines":"x","by":"Ada"}'),
                                ("match", first, '{"recording":"r2","kart":"2","accepted":true}'),
                                ("unit", None, '{"id":"u9","name":"Solo 9","gone":true,"by":"Ada"}')):
        day.facts((kind, session, journal.decode_body(kind, body.encode())))
    assert len({str(table) for table in zip(start, day.rows(), strict=True)}) > 1
    for words in ("took the unit Solo 9 out", "found the laps of a recording", "took a recording off its kart",
                  "left a lap out"):
        assert said(day.turn()) == f"Ada {words}"
    assert day.rows() == start
