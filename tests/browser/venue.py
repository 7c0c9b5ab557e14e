"""A venue in the middle of a day: a heat of twelve karts under way, one that is finished, one amended, one that waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.browser.conftest import Box
from tests.gps.drive import ROUND
from tests.gps.drive import laps_of as driven_laps
from tests.journeys.logger import aim_csv
from trackd.gps.layouts import geojson_of
from trackd.services.recorded import laps_of
from trackd.services.recorded import recording as stored
from trackd.services.sessions import NewSession
from trackd.timing.board import Board

ON = ("7", "3", "12", "9", "21", "15", "18", "4", "11", "2", "23", "6")
PEOPLE = ("Marta Ferri", "Luca Bandini", "Jonas Keller", "Tom Havel", "Aisha Rahal", "Giulia Conti", "Sofia Marchetti",
          "Elias Brandt", "Maximilian-Alexander Freiherr von Hohenstein-Wasserburg", "Hanna Lindqvist", "Pietro Sala",
          "Carmen Ortega")
RULES = {"format": "8m", "ranking": "position", "min_lap_s": 5, "start": "green"}


@dataclass(frozen=True, slots=True)
class Day:
    """The heats of the day, by id, and when the decoder's clock stands."""

    box: Box
    waiting: str
    running: str
    finished: str
    amended: str
    recording: str
    lap: str                         # the fifth of that recording
    driver: str                      # who drove kart 7
    at_s: float


def make_heat(box: Box, name: str, karts: tuple[str, ...]) -> str:
    """A heat that waits."""
    people = dict(zip(ON, PEOPLE, strict=True))
    wanted = NewSession(name, [(kart, people[kart]) for kart in karts], fields=RULES)
    return str(box.call(box.appliance.create_session(wanted, "Timo")))


def drive(box: Box, session_id: str, karts: tuple[str, ...], from_s: float, laps: int) -> float:
    """Let karts go round, the first one fastest; the decoder's time after it. Comes back when all of it is on the board."""
    at_s = {kart: from_s + 4 + place * 0.7 for place, kart in enumerate(karts)}
    for lap in range(laps + 1):
        for place, kart in enumerate(karts):
            box.cross(str(100 + int(kart)), at_s[kart])
            at_s[kart] += 38.1 + place * 0.113 + (lap * 7 + place * 5) % 9 * 0.147
    counted(box, session_id, len(karts) * laps)
    return max(at_s.values())


def counted(box: Box, session_id: str, laps: int, of: str = "") -> None:
    """Wait until a session counts so many laps of one kart, or of all of them together."""
    async def wait() -> None:
        there = asyncio.Event()

        def look(board: Board) -> None:
            if board.session.id == session_id and sum(row.laps for row in board.rows if of in ("", row.kart)) >= laps:
                there.set()

        box.appliance.live.hub.boards.append(look)
        look(await box.appliance.board(session_id))
        async with asyncio.timeout(10):
            await there.wait()
        box.appliance.live.hub.boards.remove(look)
    box.call(wait())


def make_day(box: Box) -> Day:
    """The morning, as far as Heat 14."""
    box.karts(24)
    waiting = make_heat(box, "Heat 15", ON[:11])
    ids, at_s = [], 10.0
    for name, karts in (("Heat 12", ON[:6]), ("Heat 13", ON[4:10]), ("Heat 14", ON)):
        heat = make_heat(box, name, karts)
        for order in ("stage", "green"):
            box.order(heat, order)
        at_s = drive(box, heat, karts, at_s, 3)
        ids.append(heat)
        if name != "Heat 14":
            decide(box, heat, karts)
            for order in ("chequered", "finish"):
                box.order(heat, order)
        if name == "Heat 12":
            box.order(heat, "confirm")
            box.order(heat, "amend", reason="The protest of kart 12 was right")
            box.order(heat, "penalty", kart=karts[3], kind="positions", value=1, reason="jumped the start")
            box.order(heat, "confirm")
    running = ids[2]
    box.order(running, "kart_flag", kart="21", flag="black")
    box.order(running, "kart_flag", kart="4", flag="mechanical")
    box.order(running, "penalty", kart="15", kind="laps", value=1, reason="cut the corner")
    box.order(running, "leave", kart="6")
    return Day(box, waiting, running, ids[1], ids[0], *recorded(box), driver_of(box, ids[0], "7"), at_s)


def recorded(box: Box) -> tuple[str, str]:
    """A layout, and what a Solo in a kart recorded on it; its id, and that of a lap."""
    async def put_in() -> tuple[str, str]:
        await box.appliance.save_layout(geojson_of(ROUND), "Timo")
        driven, _ = driven_laps([38.1 + lap * 7 % 9 * 0.147 for lap in range(12)])
        data = aim_csv(driven.trace(25))
        recording, _ = await box.appliance.recordings.receive(data, "kart 7, heat 12.csv", "upload", "Timo")
        await box.appliance.recordings.settled(recording)
        driven_in = (await stored(box.appliance.reading, recording)).driven
        return recording, (await laps_of(box.appliance.reading, driven_in))[5].id
    found: tuple[str, str] = box.call(put_in())
    return found


def decide(box: Box, heat: str, karts: tuple[str, ...]) -> None:
    """Race control has seen something, and changed something."""
    box.order(heat, "incident", karts=[karts[1], karts[2]], text="Contact before the hairpin; kart 12 turned round")
    box.order(heat, "penalty", kart=karts[1], kind="time", value=5_000_000, reason="contact")
    box.order(heat, "split_lap", kart=karts[2], lap=2, parts=2, reason="the loop missed one")
    box.order(heat, "void_lap", kart=karts[0], lap=1, reason="cut the corner")


def driver_of(box: Box, session_id: str, kart: str) -> str:
    """Who drove a kart in a heat, by id."""
    board: Board = box.call(box.appliance.board(session_id))
    return next(row.driver_id or "" for row in board.rows if row.kart == kart)
