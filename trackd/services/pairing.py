"""Pairing a unit with a kart or a driver, and taking it out: the facts that makes, and who was taken out lately."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy import text

from trackd.core.errors import BadInput, Fault, NotFound
from trackd.services.commands import Decide, Decider, Draft
from trackd.services.reading import Reading
from trackd.services.riding import check_free
from trackd.services.roster import driver_of
from trackd.store.journal import SAVED
from trackd.timing.recorded import UnitFact

_unit = msgspec.json.Decoder(UnitFact).decode
_UNITS = text("SELECT body FROM journal INDEXED BY journal_saved "  # noqa: S608 - our own words
              f"WHERE {SAVED} AND kind = 'unit' AND seq > :after ORDER BY seq")


def paired(unit_id: str, name: str, model: str, kart: str | None, driver: str | None, by: str) -> Decide:
    """A unit gets a name, and a kart it rides on or a driver it belongs to, or neither. Raises BadInput."""
    if kart and driver:
        raise BadInput(Fault("driver", "a unit rides on a kart or belongs to a driver, not both"))

    def decide(decider: Decider) -> Sequence[Draft]:
        check_free(decider, unit_id, name, kart)
        driver_id = driver_of(decider, driver) if driver else None
        return [("unit", None, UnitFact(unit_id, name, model, kart, driver_id, by=by))]
    return decide


def paired_again(was: UnitFact, by: str) -> Decide:
    """A unit that was taken out is paired as it was."""
    def decide(decider: Decider) -> Sequence[Draft]:
        check_free(decider, was.id, was.name, was.kart)
        return [("unit", None, replace(was, gone=False, by=by))]
    return decide


def taken_out(unit_id: str, by: str) -> Decide:
    """A unit is paired no longer."""
    def decide(decider: Decider) -> Sequence[Draft]:
        row = decider.db.execute("SELECT id, name, model, kart, driver_id FROM units WHERE id = ?", (unit_id,)).fetchone()
        if row is None:
            raise NotFound(f"Unit {unit_id} is not paired.")
        return [("unit", None, UnitFact(row[0], row[1], row[2], row[3], row[4], gone=True, by=by))]
    return decide


async def newest_fact(reading: Reading) -> int:
    """The place of the newest fact, 0 where there is none."""
    return int((await reading.rows(text("SELECT COALESCE(MAX(seq), 0) FROM journal")))[0][0])


async def gone_since(reading: Reading, after: int) -> dict[str, UnitFact]:
    """Units taken out after a fact and not paired again, also by undo: how they were, by id."""
    facts = [_unit(row.body) for row in await reading.rows(_UNITS.bindparams(after=after))]
    return {unit: fact for unit, fact in {fact.id: fact for fact in facts}.items() if fact.gone}
