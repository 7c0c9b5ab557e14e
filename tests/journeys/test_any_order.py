"""Any order, legal or not, and any passing at any time: never a fault, and what is shown is what the journal gives."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Park, park
from tests.journeys.control import STRANGER, S, all_told, stays
from trackd.services.rebuild import rebuild
from trackd.services.sessions import ORDERS
from trackd.store.database import NAME, copy_verified
from trackd.timing.flags import FLAG_ORDERS

KARTS = {"7": "1007", "3": "1003", "12": "1012", "9": "1009", "21": "1021"}
DRIVERS = ("Ada", "Grace", "Lin", "Mia")
STEPS = 160
ANSWERS = {200, 201, 204, 404, 409, 422}

Args = dict[str, Any]


@dataclass
class Chaos:
    """Somebody who presses everything, with a preference for what keeps a heat going."""

    venue: Park
    rng: random.Random
    sessions: list[str] = field(default_factory=list)
    board: dict[str, Any] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call that may be refused, and must not fail."""
        answer = await self.venue.http.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code in ANSWERS, (method, path, body, answer.text)
        self.answers[answer.status_code] += 1
        storage = self.venue.appliance.live.writer.storage
        assert (storage.failing, storage.rows) == ("", ""), (method, path, body)
        return answer.json() if answer.content else None

    async def step(self) -> None:
        """One thing that happens."""
        await self.rng.choices((self.passing, self.order, self.make, self.roster, self.restart), (60, 30, 4, 5, 1))[0]()
        told = await self.call("GET", f"/sessions/{self.venue.session}/board")
        self.board = told

    async def passing(self) -> None:
        """A kart crosses, most likely one of the heat, after a moment or at once."""
        here = [KARTS[row["kart"]] for row in self.board.get("items", [])] or [STRANGER]
        transponder = self.rng.choice(here if self.rng.random() < 0.9 else [*KARTS.values(), STRANGER])
        await self.venue.cross(self.venue.now + round(self.rng.choice((0, 0.3, 1, 2, 3, 6)) * S), transponder)

    async def make(self) -> None:
        """A session with some of the karts."""
        chosen = self.rng.sample([*KARTS], self.rng.randrange(1, 5))
        made = await self.call("POST", "/sessions", {
            "name": f"Heat {len(self.sessions)}", "format": self.rng.choice(("2m", "10m", "15L", "5m+1L")), "min_lap_s": 5,
            "ranking": self.rng.choice(("best_lap", "position")), "finish": self.rng.choice(("individual", "leader")),
            "start": self.rng.choice(("green", "first_crossing")), "track": self.rng.choice(("main", "main", "small")),
            "first_lap": self.rng.choice(("from_crossing", "from_green")),
            "entries": [{"kart": kart, "driver": f"Driver {kart}"} for kart in chosen]})
        if "id" in made:
            self.sessions.append(made["id"])
        over = self.board.get("session", {}).get("state") in (None, "official", "void")
        if self.sessions and (over or self.rng.random() < 0.3):
            self.venue.session = self.sessions[-1 if over else self.rng.randrange(len(self.sessions))]

    async def roster(self) -> None:
        """Karts change, and anything is taken back."""
        kart = self.rng.choice([*KARTS])
        await self.call(*self.rng.choice((
            ("POST", "/undo", {}), ("POST", "/redo", {}), ("DELETE", f"/karts/{kart}"),
            ("PUT", f"/karts/{kart}", {"transponders": [self.rng.choice([*KARTS.values(), STRANGER])]}),
            ("POST", "/karts", {"number": kart, "transponders": [KARTS[kart]]}),
            ("POST", "/formats", {"name": self.rng.choice("AB"), "format": "3m"}))))

    async def restart(self) -> None:
        """The appliance is switched off and on."""
        await stays(self.venue)

    async def order(self) -> None:
        """An order: most likely a flag that is legal, else anything."""
        state, legal = self.board.get("session", {}).get("state"), [*self.board.get("orders", ())]
        if state in ("scheduled", "staged") and self.rng.random() < 0.6:
            name, args = {"scheduled": "stage", "staged": "green"}[state], {}
        elif legal and self.rng.random() < 0.3:
            weights = [{"finish": 0.1, "chequered": 0.1, "confirm": 0.3, "red": 0.3}.get(each, 1) for each in legal]
            name, args = self.rng.choices(legal, weights)[0], {}
        else:
            name, args = await self.anything()
        await self.call("POST", f"/sessions/{self.venue.session}/orders", {"order": name, **args})

    async def anything(self) -> tuple[str, Args]:
        """Any order with arguments that may or may not make sense."""
        rng = self.rng
        rows = self.board.get("items") or [{"kart": "7", "laps": 0}]
        row = rng.choice(rows)
        kart, lap, other = row["kart"], rng.randrange(1, row["laps"] + 2), rng.choice([*KARTS])
        acts = [act["seq"] for act in (await self.call("GET", "/acts"))["items"]][:8] or [1]
        seqs = [each["seq"] for each in (await self.venue.journal())[-30:]] or [1]
        doubts = [each["id"] for each in (await self.call("GET", f"/sessions/{self.venue.session}/proposals"))["items"]]
        name, args = rng.choice(_orders(rng, {"kart": kart, "lap": lap}, other, rng.choice(acts), rng.choice(seqs),
                                        rng.choice(doubts or ["x"])))
        return name, {key: value for key, value in args.items() if value is not None}


def _orders(rng: random.Random, one: Args, other: str, act: int, passing: int, doubt: str) -> list[tuple[str, Args]]:
    """Every order there is, with arguments of the moment."""
    kart, since = {"kart": one["kart"]}, rng.choice(("start", "now"))
    driver, transponder = rng.choice((*DRIVERS, None)), rng.choice([*KARTS.values(), STRANGER])
    both = {"from": one["kart"], "to": other}
    return [
        ("undo", {}), ("undo", {"of": act}), ("redo", {}), ("redo", {"of": act}), ("tap", kart), ("leave", kart),
        ("restart", {"laps": rng.choice(("keep", "void"))}), ("reinstate", {"attempt": rng.randrange(1, 3)}),
        ("countdown", {"seconds": rng.randrange(1, 9)}), ("abort", {}), ("attach", {"seconds": rng.choice((30, 600))}),
        ("join", {"kart": other, "driver": driver, "since": since}), ("assign", {**kart, "driver": driver}),
        ("bind", {**kart, "transponder": transponder, "since": since}), ("swap_kart", {**both, "since": since}),
        ("void_lap", one), ("merge_laps", one), ("move_laps", {**both, "laps": rng.choice((None, [one["lap"]]))}),
        ("split_lap", {**one, "parts": rng.choice((2, 3))}), ("count_crossing", {"passing": passing}),
        ("shift_crossing", {**one, "by_us": rng.randrange(-9 * S, 9 * S)}),
        ("insert_crossing", {**kart, "at_us": rng.randrange(400 * S)}),
        ("set_finish", rng.choice((one, {"passing": passing}))),
        ("ignore_crossing", rng.choice((one, {"passing": passing}))),
        ("set_start", rng.choice(({"at_us": rng.randrange(-30 * S, 60 * S)}, {"passing": passing}))),
        ("set", rng.choice(({"duration": "5m"}, {"duration": "3L"}, {"min_lap_s": rng.choice((5, 15))},
                            {"finish": "leader"}))),
        ("penalty", {**kart, "kind": rng.choice(("time", "laps", "positions", "lap", "dsq")),
                     "value": rng.choice((1, 5 * S))}),
        ("lift", {"penalty": act}), ("kart_flag", {**kart, "flag": rng.choice(("none", "black", "blue"))}),
        ("incident", {"karts": [one["kart"]], "text": "Contact"}), ("decide", {"incident": act, "decision": "None"}),
        ("accept", {"proposal": doubt}), ("dismiss", {"proposal": doubt}),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_orders_and_passings_never_fail_and_end_as_the_journal_says(run: Callable[..., None], tmp_path: Path,
                                                                           seed: int) -> None:
    async def day() -> None:
        async with park(tmp_path) as venue:
            chaos = await begun(venue, seed)
            for _ in range(STEPS):
                await chaos.step()
            assert chaos.answers[200] > STEPS / 2
            await stays(venue)
            told = await all_told(venue)
            await venue.off()
            rebuild(tmp_path)
            await venue.on()
            assert await all_told(venue) == told
    run(day)


def rows_of_before(now: Path, before: Path) -> None:
    """What a power cut may leave: the journal to its end, and rows from before; into the older copy."""
    with closing(sqlite3.connect(before / NAME)) as db:
        db.execute("ATTACH ? AS now", (str(now / NAME),))
        db.execute("INSERT INTO journal SELECT * FROM now.journal n WHERE n.seq > (SELECT MAX(seq) FROM journal)")
        for table in ("drivers", "staff", "tokens"):
            db.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM now.{table}")
        db.execute("INSERT OR REPLACE INTO meta SELECT * FROM now.meta WHERE key IN ('counters', 'clock')")
        db.commit()


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_rows_that_a_power_cut_took_are_folded_again_at_the_next_start(run: Callable[..., None], tmp_path: Path,
                                                                       seed: int) -> None:
    async def day() -> None:
        async with park(tmp_path / "now") as venue:
            chaos = await begun(venue, seed)
            for step in range(STEPS):
                if step == STEPS // 3:
                    (tmp_path / "before").mkdir()
                    copy_verified(venue.appliance.live.writer.rows.db, tmp_path / "before" / NAME)
                await chaos.step()
            told = await all_told(venue)
            await venue.off()
            rows_of_before(tmp_path / "now", tmp_path / "before")
            venue.folder = tmp_path / "before"
            await venue.on()
            assert await all_told(venue) == told
            await stays(venue)
    run(day)


async def begun(venue: Park, seed: int) -> Chaos:
    """Karts, and a first session."""
    chaos = Chaos(venue, random.Random(seed))
    for number, transponder in KARTS.items():
        await venue.api("POST", "/karts", {"number": number, "transponders": [transponder]})
    await chaos.make()
    venue.session = chaos.sessions[0]
    return chaos


def test_it_knows_every_order_there_is() -> None:
    tried = {name for name, _ in _orders(random.Random(1), {"kart": "7", "lap": 1}, "3", 1, 1, "x")}
    assert tried | FLAG_ORDERS == ORDERS.keys()
