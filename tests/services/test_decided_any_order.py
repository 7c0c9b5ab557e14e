"""Any acts about recordings, turned to and fro: undoing everything brings back the start, whatever was done between."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.deciding import Desk, a_day
from trackd.core.errors import TrackdError
from trackd.services.rebuild import check

KARTS = ("1", "2")
RECORDINGS = ("r1", "r2", "r3")
VERDICTS = ("verified", "no", "")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a day, to go on from."""
    return a_day(tmp_path_factory.mktemp("day") / "made")


# Each unit has karts and names of its own: who stands in another's way is refused, and is told of below.
ACTS = st.one_of(
    st.tuples(st.just("pair"), st.sampled_from(["u9", "u1"]), st.integers(0, 2)),
    st.tuples(st.just("unpair"), st.sampled_from(["u9", "u1"])),
    st.tuples(st.just("assign"), st.sampled_from(RECORDINGS), st.integers(0, 1), st.sampled_from(["", *KARTS])),
    st.tuples(st.just("choose"), st.sampled_from(RECORDINGS), st.sampled_from(["l1", "l2"]), st.sampled_from(["", *KARTS])),
    st.tuples(st.just("vouch"), st.integers(0, 1), st.lists(st.integers(0, 3), unique=True, max_size=3),
              st.sampled_from(VERDICTS)),
    st.tuples(st.just("order"), st.integers(0, 1), st.sampled_from(["amend", "confirm"])),
    st.tuples(st.just("kart"), st.booleans()),
    st.tuples(st.just("undo"), st.none() | st.integers(0, 4)), st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("redo"), st.none() | st.integers(0, 4)), st.tuples(st.just("redo"), st.none()))


class Day(Desk):
    """Does one of the acts above; what is refused is not done."""

    def act(self, what: Any) -> bool:
        name, *args = what
        try:
            getattr(self, f"do_{name}")(*args)
        except TrackdError:
            return False
        return True

    def do_pair(self, unit: str, where: int) -> None:
        kart = {"u9": "3", "u1": "1"}[unit] if where == 0 else None
        self.pair(unit, f"Unit {unit}{where}", kart, f"Driver {unit}" if where == 1 else None)

    def do_unpair(self, unit: str) -> None:
        self.unpair(unit)

    def do_assign(self, recording: str, heat: int, kart: str) -> None:
        self.assign(recording, self.session_ids()[heat] if kart else None, kart)

    def do_choose(self, recording: str, layout: str, kart: str) -> None:
        self.choose(recording, layout, self.session_ids()[0] if kart else None, kart)

    def do_vouch(self, heat: int, laps: list[int], verdict: str) -> None:
        session = self.session_ids()[heat]
        ids = self.laps(session)
        self.vouch(session, [ids[each] for each in laps], verdict)

    def do_order(self, heat: int, name: str) -> None:
        self.order(self.session_ids()[heat], name, **({"reason": "Protest"} if name == "amend" else {}))

    def do_kart(self, gone: bool) -> None:
        self.kart("3", gone=gone)

    def do_undo(self, place: int | None) -> None:
        self.turn("undo", None if place is None else self.acted(place))

    def do_redo(self, place: int | None) -> None:
        self.turn("redo", None if place is None else self.acted(place))

    def acted(self, place: int) -> int:
        """An act of the last few, by its place."""
        return self.writer.acts().newest()[place].seq


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(ACTS, min_size=1, max_size=14))
def test_undoing_everything_brings_back_the_start_and_doing_it_again_the_end(made: Path, acts: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, Day(Path(folder) / "data", made) as day:
        start = day.rows()
        older = {act.seq for act in day.writer.acts().newest() if not act.undone}
        for what in acts:
            before = day.rows()
            if day.act(what) and what[0] not in ("undo", "redo"):
                after = day.rows()
                day.turn()
                assert day.rows() == before, f"{what}, taken back at once"
                day.turn("redo")
                assert day.rows() == after, f"{what}, done again"
        end, turned = day.rows(), []
        while (newest := day.writer.acts().to_undo().seq) not in older:
            turned.append(newest)
            day.turn()
        assert day.rows() == start
        for _ in turned:
            day.turn("redo")
        assert day.rows() == end
        day.writer.stop()
        assert check(day.folder).differences == []
