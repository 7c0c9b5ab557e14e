"""A venue timed by an older trackd: it opens, tells the same results, and its running heat goes on.

``tests/data/venue-0001.db.gz`` was made by the version before race control: an official heat, one with a red flag and a
transponder bound afterwards, a provisional one with passings attached, one that is on, one that waits. The ``.json.gz``
beside it holds what that version told of them.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import park
from tests.journeys.control import S, stays
from trackd.services.rebuild import check
from trackd.store.database import HEAD, NAME, open_database, version

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder as the older version left it."""
    (tmp_path / NAME).write_bytes(gzip.decompress((DATA / "venue-0001.db.gz").read_bytes()))
    return tmp_path


def told_before() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((DATA / "venue-0001.json.gz").read_bytes()))
    return found


def test_an_old_venue_is_migrated_after_a_copy_and_opens_twice(folder: Path) -> None:
    for _ in range(2):
        with closing(open_database(folder)) as db:
            assert version(db) == HEAD
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT COUNT(*) FROM journal").fetchone() == (122,)
    with closing(sqlite3.connect(folder / f"trackd-before-{HEAD}.db")) as copy:
        assert version(copy) == "0001"
        assert copy.execute("SELECT COUNT(*) FROM results").fetchone() == (2,)


def test_an_old_venue_tells_the_same_laps_results_and_verdicts_and_its_heat_goes_on(run, folder: Path) -> None:
    before = told_before()

    async def day() -> None:
        async with park(folder) as venue:
            passings = [[row[key] for key in ("seq", "verdict", "kart", "session")] for row in await venue.journal()]
            assert passings == before.pop("passings")
            for session, old in before.items():
                venue.session = session
                now = {"session": await venue.api("GET", f"/sessions/{session}"),
                       "items": (await venue.api("GET", f"/sessions/{session}/board"))["items"],
                       "laps": (await venue.api("GET", f"/sessions/{session}/laps"))["items"]}
                assert old["session"].items() <= now["session"].items()
                for what in ("items", "laps"):
                    key = "kart" if what == "items" else "at_us"
                    shown = sorted(now[what], key=lambda row, key=key: row[key])
                    was = sorted(old[what], key=lambda row, key=key: row[key])
                    assert [{name: row[name] for name in of} for row, of in zip(shown, was, strict=True)] == was
            first, _, attached, running, _ = before
            venue.session = running
            for at_s, transponder in ((40, "1003"), (45, "2012"), (80, "1003")):
                await venue.cross(at_s * S, transponder)
            assert [row["laps"] for row in (await venue.rows()).values()] == [4, 3]
            await venue.order("finish", session=attached, status=409)
            result = await venue.api("GET", f"/sessions/{first}/result?version=1")
            await venue.order("amend", session=first, reason="Looked at again")
            await venue.order("void_lap", session=first, kart=result["items"][0]["kart"], lap=1)
            await venue.order("confirm", session=first)
            assert (await venue.api("GET", f"/sessions/{first}/result?version=1"))["items"] == result["items"]
            await stays(venue)
    run(day)
    assert check(folder).differences == []
