"""Every act and every proposal has words, and they name what was done."""

from __future__ import annotations

from typing import Any

import pytest

from trackd.services.sessions import ORDERS
from trackd.timing.acts import Act
from trackd.timing.board import Proposal
from trackd.timing.facts import Body, KartFact, OrderFact, RecordFact, SessionFact
from trackd.timing.recorded import DrivenFact, MatchFact, UnitFact, VouchFact
from trackd.timing.words import act_words, proposal_words, said, turned

STORED: dict[str, tuple[dict[str, Any], str]] = {      # order -> (arguments as the journal keeps them, words)
    "stage": ({}, "staged the heat"), "green": ({}, "showed green"), "yellow": ({}, "showed yellow"),
    "red": ({}, "showed red"), "white": ({}, "showed white"), "chequered": ({}, "showed the chequered flag"),
    "finish": ({}, "closed the heat"), "resume": ({"hold_off_us": 1}, "let the heat go on"),
    "confirm": ({}, "made the result official"), "amend": ({"reason": "x"}, "opened the result again"),
    "restart": ({"laps": "keep"}, "restarted the heat and kept its laps"),
    "reinstate": ({"attempt": 1}, "brought attempt 1 back"),
    "countdown": ({"zero_us": 9, "go_us": 9}, "began the countdown"), "abort": ({}, "stopped the countdown"),
    "join": ({"kart": "7", "driver_id": "d1", "since": "now"}, "entered Ada in kart 7"),
    "leave": ({"kart": "7"}, "took kart 7 out of the heat"),
    "bind": ({"kart": "7", "transponder": "999", "since": "start"}, "put transponder 999 on kart 7 since the start"),
    "attach": ({"from_us": 0, "crossings": []}, "took in earlier passings"),
    "assign": ({"drivers": [["7", "d1"]]}, "put Ada in kart 7"),
    "swap_kart": ({"from": "7", "to": "3", "since": "now"}, "swapped kart 7 for kart 3"),
    "void_lap": ({"kart": "7", "lap": 3, "crossing": 9}, "voided lap 3 of kart 7"),
    "insert_crossing": ({"kart": "7", "at_us": 61_500_000}, "inserted a crossing of kart 7 at 1:01"),
    "move_laps": ({"from": "7", "to": "3", "laps": None, "crossings": [1]}, "moved all laps of kart 7 to kart 3"),
    "split_lap": ({"kart": "7", "lap": 3, "parts": 2}, "split lap 3 of kart 7 in two"),
    "merge_laps": ({"kart": "7", "lap": 3}, "merged lap 3 of kart 7 with the next"),
    "shift_crossing": ({"kart": "7", "lap": 3, "by_us": -250_000}, "set the end of lap 3 of kart 7 0.250 s earlier"),
    "ignore_crossing": ({"kart": None, "crossing": 9}, "ignored a read"),
    "count_crossing": ({"kart": "7", "crossing": 9}, "let a read count"),
    "tap": ({"kart": "7", "track_us": 9}, "timed kart 7 by hand"),
    "set_start": ({"green": 1, "track_us": 9}, "set the start anew"),
    "set_finish": ({"kart": "7", "crossing": 9, "track_us": 9}, "set the finish anew"),
    "set": ({"rules": {"length": {}, "min_lap_us": 9}}, "changed the length and the shortest lap"),
    "penalty": ({"kart": "7", "kind": "time", "value": 5_000_000}, "gave kart 7 +5 s"),
    "lift": ({"penalty": 9, "kart": "7"}, "lifted a penalty"),
    "kart_flag": ({"kart": "7", "flag": "black"}, "showed kart 7 the black flag"),
    "incident": ({"karts": ["7", "3"], "text": "contact"}, "noted an incident of karts 7 and 3"),
    "decide": ({"incident": 9, "decision": "no further action"}, "decided an incident"),
    "accept": ({"proposal": "missed-9", "kind": "missed", "kart": "7",
                "orders": [["split_lap", {"kart": "7", "lap": 5, "parts": 2}]]}, "split lap 5 of kart 7 in two"),
    "dismiss": ({"proposal": "overdue-7-9"}, "let an overdue kart be"),
}
TURNS = {"undo", "redo"}
RULES = {"length": {"duration_us": 480_000_000}}


def act(body: Body, name: str, kind: str = "order", by: str = "Ben") -> Act:
    return Act(9, kind, "s1", name, by, 0, body)


def test_every_order_of_this_version_has_words() -> None:
    assert set(STORED) == set(ORDERS) - TURNS


@pytest.mark.parametrize("name", STORED)
def test_an_order_is_told_in_words(name: str) -> None:
    args, words = STORED[name]
    assert act_words(act(OrderFact(name, 0, "Ben", args), name), {"d1": "Ada"}) == words


@pytest.mark.parametrize(("body", "kind", "words"), [
    (SessionFact("s1", "Heat 3", RULES, by="Ben"), "session", "made Heat 3"),
    (KartFact("7", by="Ben"), "kart", "saved kart 7"), (KartFact("7", gone=True, by="Ben"), "kart", "took kart 7 out"),
    (RecordFact("f", "Adult", {}, "Ben"), "format", "saved the format Adult"),
    (RecordFact("l", "Main", {}, "Ben", gone=True), "layout", "took the layout Main out")])
def test_karts_formats_layouts_and_sessions_are_told_too(body: Body, kind: str, words: str) -> None:
    assert said(act(body, kind, kind)) == "Ben " + words


@pytest.mark.parametrize(("body", "words"), [
    (UnitFact("u", "Solo 7", kart="7"), "put the unit Solo 7 on kart 7"),
    (UnitFact("u", "Own", driver_id="d1"), "gave the unit Own to Ada"),
    (UnitFact("u", "Own", driver_id="d2"), "gave the unit Own to a driver"),
    (UnitFact("u", "Spare"), "saved the unit Spare"),
    (UnitFact("u", "Solo 7", kart="7", gone=True), "took the unit Solo 7 out"),
    (MatchFact("r1", "7", accepted=True), "gave a.xrk to kart 7"), (MatchFact("r2", "7"), "gave a recording to kart 7"),
    (MatchFact("r1"), "took a.xrk off its kart"), (DrivenFact("r1", "l1"), "found the laps of a.xrk on Main"),
    (DrivenFact("r2", "l2"), "found the laps of a recording"),
    (VouchFact(["9"], "verified", karts=["7"], number=3), "verified lap 3 of kart 7"),
    (VouchFact(["9", "11"], "no", karts=["7"]), "left 2 laps of kart 7 out"),
    (VouchFact(["9", "11", "12"], "", karts=["3", "7", "12"]), "left 3 laps of karts 3, 7 and 12 to the rules again"),
    (VouchFact(["9"], "no"), "left a lap out"), (VouchFact([], "verified"), "verified all laps")])
def test_what_is_decided_about_recordings_is_told_with_the_names_that_are_known(body: Body, words: str) -> None:
    names = {"d1": "Ada", "r1": "a.xrk", "l1": "Main"}
    assert act_words(act(body, "", ""), names) == words


@pytest.mark.parametrize(("kind", "orders", "words"), [
    ("short", [["ignore_crossing", {}], ["count_crossing", {}]], "let the later read of kart 7 count"),
    ("short", [["ignore_crossing", {}]], "let the first read of kart 7 count"),
    ("overdue", [["leave", {"kart": "7"}]], "said that kart 7 has left"),
    ("red", [["restart", {"laps": "keep"}]], "took the advice: single-file restart"),
    ("red", [["finish", {}]], "took the advice: the result stands")])
def test_an_accepted_proposal_is_told_by_what_it_did(kind: str, orders: list[Any], words: str) -> None:
    args = {"proposal": "x", "kind": kind, "kart": "7", "orders": orders}
    assert act_words(act(OrderFact("accept", 0, "Ben", args), "accept")) == words


def test_who_did_it_is_named_and_what_became_of_it() -> None:
    voided = act(OrderFact("void_lap", 0, "Ben", {"kart": "7", "lap": 3}), "void_lap")
    assert said(voided) == "Ben voided lap 3 of kart 7"
    assert turned("undo", voided) == "Undone: Ben voided lap 3 of kart 7"
    assert turned("redo", voided) == "Done again: Ben voided lap 3 of kart 7"
    assert said(act(KartFact("7"), "kart", "kart", by="")).startswith("Somebody ")


@pytest.mark.parametrize(("kind", "orders", "words"), [
    ("missed", (("split_lap", {"kart": "7", "lap": 5, "parts": 2}),), "Split lap 5 in two"),
    ("missed", (("split_lap", {"kart": "7", "lap": 5, "parts": 3}),), "Split lap 5 in three"),
    ("short", (("ignore_crossing", {"passing": 8}), ("count_crossing", {"passing": 9})), "Count the later read"),
    ("short", (("ignore_crossing", {"passing": 9}),), "Count the first read only"),
    ("overdue", (("leave", {"kart": "7"}),), "Kart 7 has left"),
    ("red", (("restart", {"laps": "keep"}),), "Single-file restart"),
    ("red", (("restart", {"laps": "void"}),), "Full restart, laps from zero"),
    ("red", (("finish", {}),), "The result stands")])
def test_a_proposal_says_what_accepting_it_will_do(kind: str, orders: tuple[Any, ...], words: str) -> None:
    assert proposal_words(Proposal("id", kind, "7", 0, "", orders)) == words
