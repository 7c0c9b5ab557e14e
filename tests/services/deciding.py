"""A venue without links in which people decide about recordings, through the writer as in the appliance."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.journeys.conftest import FakeTime, S
from trackd.services.commands import Decide, Draft
from trackd.services.intake import Intake
from trackd.services.pairing import paired, taken_out
from trackd.services.roster import Roster
from trackd.services.sessions import NewSession, Sessions
from trackd.services.undo import Turn
from trackd.services.verifying import vouch
from trackd.services.writer import Writer
from trackd.store.database import NAME, open_database, read_only
from trackd.timing.acts import Act
from trackd.timing.facts import PassingFact
from trackd.timing.recorded import DrivenFact, DrivenLap, MatchFact, ReadFact, RecordingFact

ROWS = ("SELECT id, name, model, kart, driver_id FROM units ORDER BY id", "SELECT * FROM recordings ORDER BY id",
        "SELECT g.* FROM gps_laps g JOIN recordings r ON r.driven = g.driven ORDER BY g.driven, g.number",
        "SELECT * FROM vouched ORDER BY lap", "SELECT * FROM verdicts ORDER BY lap",
        "SELECT number, class FROM karts ORDER BY number", "SELECT id, state FROM sessions ORDER BY id")
"""What people see of it: units, recordings with the laps that count, verdicts."""

LAPS = 4


class Desk:
    """Use ``with``; ``made`` is a folder as `a_day` leaves it, copied."""

    def __init__(self, folder: Path, made: Path | None = None) -> None:
        self.folder, self.time = folder, FakeTime()
        if made is not None:
            shutil.copytree(made, folder)
            self.time.us += 3600 * S
        open_database(folder).close()
        clock = self.time.clock()
        self.writer = Writer(folder, clock, Intake({}, clock.ahead), lambda _: None)
        self.sessions, self.roster = Sessions(self.writer, lambda _: 0), Roster(self.writer)

    def __enter__(self) -> Desk:
        self.writer.open()
        self.writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.stop()

    # --- what is done -------------------------------------------------------------------------------------------------

    def give(self, decide: Decide) -> int:
        self.time.us += S
        return self.writer.submit(decide).result(20)

    def facts(self, *drafts: Draft) -> int:
        return self.give(lambda _: drafts)

    def turn(self, name: str = "undo", of: int | None = None, **options: Any) -> Act:
        self.time.us += S
        turned, future = self.sessions.turn(Turn(name, options.pop("by", "Grace"), of=of, **options))
        future.result(20)
        return turned[0]

    def pair(self, unit: str, name: str, kart: str | None = None, driver: str | None = None) -> int:
        return self.give(paired(unit, name, "SOLO2", kart, driver, "Ada"))

    def unpair(self, unit: str) -> int:
        return self.give(taken_out(unit, "Ada"))

    def assign(self, recording: str, session: str | None, kart: str = "", by: str = "Ada") -> int:
        return self.facts(("match", session, MatchFact(recording, kart, 7, accepted=bool(kart), reason="By hand.", by=by)))

    def choose(self, recording: str, layout: str, session: str | None, kart: str = "", by: str = "Ada") -> int:
        """Laps on a layout and the match that comes of it, as `Recordings.on_layout` stores them; the act's place."""
        return self.facts(("driven", None, driven(recording, layout, 40, by)),
                          ("match", session, MatchFact(recording, kart, 9, accepted=bool(kart), reason="Found."))) - 1

    def vouch(self, session: str, laps: Sequence[str], verdict: str, by: str = "Ada", reason: str = "") -> int:
        self.time.us += S
        return vouch(self.writer, session, laps, verdict, reason, by).result(20)

    def kart(self, number: str, *, gone: bool = False) -> int:
        if gone:
            return int(self.roster.delete_kart(number, "Ada").result(20))
        return int(self.roster.save_kart(number, None, [], new=number not in self.writer.venue.karts, by="Ada").result(20))

    def order(self, session: str, name: str, **args: Any) -> int:
        self.time.us += S
        return self.sessions.order(session, name, args, "Ada").result(20)

    # --- what is there ------------------------------------------------------------------------------------------------

    def rows(self) -> list[list[tuple[Any, ...]]]:
        with closing(read_only(self.folder / NAME)) as db:
            return [db.execute(query).fetchall() for query in ROWS]

    def asked(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / NAME)) as db:
            return db.execute(query, values).fetchall()

    def laps(self, session: str) -> list[str]:
        return [str(row[0]) for row in self.asked("SELECT seq FROM laps WHERE session = ? ORDER BY seq", session)]

    def session_ids(self) -> list[str]:
        return [row[0] for row in self.asked("SELECT id FROM sessions ORDER BY created_seq")]


def driven(recording: str, layout: str | None, time_s: int, by: str = "", *, approved: bool = True) -> DrivenFact:
    laps = [DrivenLap(n, "full", n * time_s * S, time_s * S, 900, [None]) for n in range(1, 4)] if layout else []
    return DrivenFact(recording, layout, "digest", laps, f"Chosen by {by}." if by else "Recognised.", approved, by)


def a_day(folder: Path, heats: Iterable[str] = ("First", "Second")) -> Path:
    """Official heats of karts 1 and 2; recordings r1 matched by the machine, r2 with laps and no kart, r3 on no layout.

    What made it is older than the last fifty acts of whoever goes on from here.
    """
    with Desk(folder) as desk:
        for number in ("1", "2", "3"):
            desk.kart(number)
        for name in heats:
            session, future = desk.sessions.create(NewSession(name, [("1", None), ("2", None)], fields={
                "format": "8m", "min_lap_s": 20}), "Ada")
            future.result(20)
            for order in ("stage", "green"):
                desk.order(session, order)
            for _ in range(LAPS + 1):
                for kart in ("1", "2"):
                    desk.time.us += 20 * S
                    at_us = desk.writer.clock.now()
                    desk.facts(("passing", None, PassingFact("line", "p3", "1", "1", 1, at_us, at_us, kart=kart)))
            for order in ("chequered", "finish", "confirm"):
                desk.order(session, order)
        first = desk.session_ids()[0]
        for each in ("r1", "r2", "r3"):
            desk.facts(("recording", None, RecordingFact(each, each * 32, 9, "upload")),
                       ("read", None, ReadFact(each, "vbo")))
        desk.facts(("driven", None, driven("r1", "l1", 41)), ("match", first, MatchFact("r1", "1", 5, accepted=True)))
        desk.facts(("driven", None, driven("r2", "l1", 42)), ("match", None, MatchFact("r2", reason="No heat fits.")))
        desk.facts(("driven", None, driven("r3", None, 0)))
        desk.pair("u9", "Solo 9", "3")
        for _ in range(50):
            desk.kart("2")
    return folder
