"""Gaps are asked for, filled or given up, each told once; a commit that failed leaves no trace in the counters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from trackd.core.records import Frame, Passing, Rejected, Status
from trackd.protocols.registry import open_codec
from trackd.services.intake import ASK_AT_MOST, GIVE_UP_US, REJECTED_PER_SECOND, Arrival, Intake, Source
from trackd.timing.facts import Note, PassingFact
from trackd.timing.venue import Venue

S = 1_000_000
RTC = 1_700_000_000 * S


class Rig:
    """An intake with one link, remembering what it stored."""

    def __init__(self, protocol: str = "p3") -> None:
        self.protocol = protocol
        self.intake = Intake({"line": Source(open_codec(protocol), "main", "start_finish", {})})
        self.known: dict[str, tuple[str | None, int]] = {}
        self.facts: list[Any] = []
        self.numbers = itertools.count(1)
        self.boot: str | None = "b1" if protocol == "node" else None

    def passing(self, number: int, at_s: float, transponder: str = "1007") -> Passing:
        return Passing(self.protocol, "1", number, transponder, RTC + round(at_s * S), boot=self.boot)

    def arrive(self, at_s: float, *frames: Frame, connection: int = 1, keep: bool = True) -> int:
        """Deliver frames; how many requests to send again went out."""
        arrival = Arrival("line", connection, frames, round(at_s * S), 0)
        mark = self.intake.mark()
        placed, replies = self.intake.place([arrival], Venue(), self.known.get, lambda: next(self.numbers))
        if not keep:
            self.intake.back(mark)
            return 0
        for fact, identity in placed:
            self.facts.append(fact)
            if identity is not None and isinstance(fact.body, PassingFact):
                assert identity not in self.known
                self.known[identity] = (fact.body.transponder, fact.body.rtc)
        return len(replies)

    def gaps(self) -> list[tuple[int, int, str]]:
        bodies = [fact.body.body for fact in self.facts if fact.kind == "gap" and isinstance(fact.body, Note)]
        return [(body["first"], body["last"], body["outcome"]) for body in bodies]

    def stored(self) -> list[int | None]:
        return [fact.body.number for fact in self.facts if isinstance(fact.body, PassingFact)]


def test_a_gap_is_asked_for_again_on_a_new_connection_and_given_up_in_time() -> None:
    rig = Rig()
    rig.arrive(0, rig.passing(1, 0))
    assert rig.arrive(1, rig.passing(4, 1)) == 1
    for connection in range(2, 2 + 2 * ASK_AT_MOST):
        asked = rig.arrive(connection, rig.passing(3 + connection, connection), connection=connection)
        assert asked == (1 if connection < 2 + ASK_AT_MOST else 0)
    rig.arrive(100, Status("p3", "1"), connection=99)
    assert rig.gaps() == [(2, 3, "asked"), (2, 3, "unrecoverable")]
    assert rig.intake.gaps == ()


def test_part_of_a_gap_that_comes_is_kept_and_only_the_rest_is_lost() -> None:
    rig = Rig()
    rig.arrive(0, rig.passing(1, 0))
    rig.arrive(5, rig.passing(6, 5))
    rig.arrive(5.1, rig.passing(3, 2), rig.passing(4, 3))
    rig.arrive(6 + GIVE_UP_US // S, rig.passing(7, 17))
    assert rig.stored() == [1, 6, 3, 4, 7]
    assert rig.gaps() == [(2, 5, "asked"), (2, 2, "unrecoverable"), (5, 5, "unrecoverable")]


def test_a_decoder_that_begins_anew_takes_its_gaps_with_it_and_they_are_told() -> None:
    rig = Rig()
    rig.arrive(0, *(rig.passing(n, n) for n in range(1, 10)))
    rig.arrive(20, rig.passing(12, 20))
    # Numbers and clock began anew while it was away, and what it counted meanwhile comes in the same breath.
    rig.arrive(30, rig.passing(3, -1000), rig.passing(1, -1002), rig.passing(2, -1001), connection=2)
    assert rig.gaps() == [(10, 11, "asked"), (1, 2, "asked"), (1, 2, "filled"), (10, 11, "unrecoverable")]
    assert rig.stored()[-3:] == [3, 1, 2]
    assert rig.intake.gaps == ()


def test_a_numbered_status_that_fills_a_gap_closes_it() -> None:
    rig = Rig("node")
    rig.arrive(0, rig.passing(1, 0))
    rig.arrive(1, rig.passing(3, 1))
    rig.arrive(1.1, Status("node", "1", {}, 2, rig.boot))
    assert rig.gaps() == [(2, 2, "asked"), (2, 2, "filled")]
    assert rig.intake.gaps == ()


def test_a_failed_commit_leaves_nothing_behind_so_that_the_next_try_stores_all() -> None:
    rig = Rig()
    rig.arrive(0, rig.passing(1, 0))
    damaged = [Rejected("p3", "checksum", n, b"\x8e") for n in range(REJECTED_PER_SECOND)]
    arrived: Sequence[Frame] = [*damaged, Status("p3", "1", {"noise": 1}), rig.passing(4, 1)]
    for _ in range(5):
        rig.arrive(1, *arrived, keep=False)
    rig.arrive(1, *arrived)
    kinds = [fact.kind for fact in rig.facts]
    assert kinds.count("rejected") == REJECTED_PER_SECOND
    assert kinds.count("status") == 1
    assert rig.stored() == [1, 4]
    assert rig.gaps() == [(2, 3, "asked")]


def test_the_counters_go_on_after_a_restart_of_trackd_where_they_were_saved() -> None:
    rig = Rig()
    rig.arrive(0, rig.passing(1, 0))
    rig.arrive(1, rig.passing(4, 1))
    saved = rig.intake.saved()
    rig.intake = Intake(rig.intake.sources)
    rig.intake.restore(saved)
    assert rig.arrive(2, rig.passing(4, 1)) == 1                 # known; and the gap is asked for on the new connection
    rig.arrive(2.1, rig.passing(2, 0.3), rig.passing(3, 0.6))
    assert rig.stored() == [1, 4, 2, 3]
    assert rig.gaps() == [(2, 3, "asked"), (2, 3, "filled")]
