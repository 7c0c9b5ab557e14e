"""What of the acts can be taken back and done again: the last fifty, newest first or by name (A10)."""

from __future__ import annotations

from typing import Any

import pytest

from trackd.core.errors import Refused
from trackd.timing.acts import MOVES, UNDO_AT_MOST, Acts
from trackd.timing.facts import Body, Fact, KartFact, Note, OrderFact, PassingFact, RecordFact, SessionFact, TickFact
from trackd.timing.words import said

ARGS: dict[str, dict[str, Any]] = {
    "void_lap": {"kart": "1", "lap": 1}, "tap": {"kart": "1"}, "restart": {"laps": "keep"}, "reinstate": {"attempt": 1},
    "accept": {"kind": "overdue", "kart": "1", "orders": []}}


class Log:
    """A journal of acts."""

    def __init__(self, keep: int = 400) -> None:
        self.acts, self.seq = Acts(keep=keep), 0

    def fact(self, kind: str, body: Body, session: str | None = None) -> int:
        self.seq += 1
        self.acts.fold([Fact(self.seq, self.seq, 1000 + self.seq, kind, session, body)])
        return self.seq

    def order(self, name: str, session: str = "A", by: str = "Ada", **args: Any) -> int:
        return self.fact("order", OrderFact(name, self.seq, by, ARGS.get(name, {}) | args), session)

    def undo(self, session: str | None = "A", of: int | None = None, by: str = "Ada") -> int:
        act = self.acts.to_undo(session, of)
        self.order("undo", act.session or "A", by, of=act.seq)
        return act.seq

    def redo(self, session: str | None = "A", of: int | None = None) -> int:
        act = self.acts.to_redo(session, of)
        self.order("redo", act.session or "A", of=act.seq)
        return act.seq

    def standing(self) -> list[int]:
        return [seq for seq, act in self.acts.all.items() if not act.undone]


def test_the_last_fifty_are_taken_back_newest_first_and_come_again_in_the_order_in_which_they_were_done():
    log = Log()
    seqs = [log.order("void_lap", kart="1", lap=n) for n in range(60)]
    assert [log.undo() for _ in range(UNDO_AT_MOST)] == seqs[:9:-1]
    with pytest.raises(Refused, match="nothing to undo"):
        log.undo()
    with pytest.raises(Refused, match="Only the last 50"):
        log.undo(of=seqs[3])
    assert [log.redo() for _ in range(UNDO_AT_MOST)] == seqs[10:]
    with pytest.raises(Refused, match="nothing to redo"):
        log.redo()
    assert log.standing() == seqs


def test_undo_and_redo_are_acts_of_nobody_and_say_who_turned_what_and_when():
    log = Log()
    seq = log.order("void_lap", kart="1", lap=1)
    log.undo(by="Bea")
    act = log.acts.all[seq]
    assert (act.name, act.by, act.undone, act.undone_by, act.turned_wall_us) == ("void_lap", "Ada", 2, "Bea", 1002)
    assert list(log.acts.all) == [seq]
    with pytest.raises(Refused, match="Bea has undone that already"):
        log.undo(of=seq)
    log.redo()
    act = log.acts.all[seq]
    assert (act.undone, act.undone_by, act.turned_wall_us) == (0, "", 1003)


def test_a_new_act_in_a_session_ends_its_way_forward_and_that_of_no_other():
    log = Log()
    a, b = log.order("void_lap", "A"), log.order("void_lap", "B")
    log.undo("A")
    log.undo("B")
    log.order("tap", "A")
    with pytest.raises(Refused, match="Ada timed kart 1 by hand since then; what was undone"):
        log.redo("A")
    assert log.redo("B") == b
    log.undo("A")
    assert log.acts.to_redo("A").name == "tap", "what was done since and taken back comes again"
    log.redo("A")
    with pytest.raises(Refused, match="since then"):
        log.redo("A", of=a)


def test_of_the_whole_venue_the_newest_act_of_any_session_goes_first():
    log = Log()
    first, second = log.order("void_lap", "A"), log.order("void_lap", "B")
    kart = log.fact("kart", KartFact("7", by="Ada"))
    assert log.acts.to_undo().seq == kart
    assert log.acts.to_undo("A").seq == first
    log.fact("kart", KartFact("7", gone=True, by="Ada", undoes=kart))
    assert [log.undo(None), log.undo(None)] == [second, first]
    assert [log.redo(None), log.redo(None)] == [first, second]
    assert log.acts.to_redo().seq == kart


@pytest.mark.parametrize("move", sorted(MOVES - {"abort"}))
def test_what_moved_a_session_on_is_taken_back_only_when_nothing_came_after_it_and_so_is_what_came_before_it(move):
    log = Log()
    edit, moved, later = log.order("void_lap"), log.order(move), log.order("tap")
    for of in (edit, moved):
        with pytest.raises(Refused, match=r"^Ada .* after that\. Undo that first"):
            log.undo(of=of)
    assert [log.undo(of=later), log.undo(of=moved), log.undo(of=edit)] == [later, moved, edit]
    for of, before in ((later, moved), (moved, edit)):
        with pytest.raises(Refused) as refused:
            log.redo(of=of)
        assert str(refused.value) == f"{said(log.acts.all[before])} before that. Redo that first."
    assert [log.redo(of=edit), log.redo(of=moved), log.redo(of=later)] == [edit, moved, later]


def test_among_edits_any_one_of_the_last_fifty_is_taken_back_and_done_again_by_name():
    log = Log()
    seqs = [log.order("void_lap", lap=n) for n in range(5)]
    for of in (seqs[1], seqs[3], seqs[0]):
        log.undo(of=of)
    assert log.standing() == [seqs[2], seqs[4]]
    assert log.redo(of=seqs[3]) == seqs[3]
    assert [log.redo(), log.redo()] == [seqs[0], seqs[1]]
    assert log.standing() == seqs


def test_the_making_of_a_session_is_taken_back_once_nothing_in_it_stands():
    log = Log()
    made = log.fact("session", SessionFact("A", "Heat", {}, by="Ada"), "A")
    stage = log.order("stage")
    with pytest.raises(Refused, match="Ada staged the heat after that"):
        log.undo(of=made)
    assert [log.undo(), log.undo()] == [stage, made]
    assert log.redo() == made


def test_a_kart_saved_again_since_is_not_set_back_over_the_newer_one():
    log = Log()
    first = log.fact("kart", KartFact("7", transponders=["a"], by="Ada"))
    log.fact("kart", KartFact("8", by="Ada"))
    second = log.fact("kart", KartFact("7", transponders=["b"], by="Ada"))
    log.fact("format", RecordFact("7", "Sprint", {}, by="Ada"))
    with pytest.raises(Refused, match=r"^Ada .* after that\. Undo that first"):
        log.acts.to_undo(of=first)
    log.fact("kart", KartFact("7", transponders=["a"], by="Ada", undoes=second))
    assert log.acts.to_undo(of=first).seq == first


def test_only_what_people_did_is_an_act_and_only_so_many_are_kept():
    log = Log(keep=10)
    log.fact("tick", TickFact(1), "A")
    log.fact("passing", PassingFact("l", "p3", None, "k", 0, 0, 0), "A")
    log.fact("gap", Note({}))
    assert log.acts.all == {}
    for _ in range(30):
        log.order("tap")
    assert len(log.acts.all) == 10
    log.order("undo", of=5)
    assert log.acts.newest("B") == []
