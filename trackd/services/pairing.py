"""Pairing a unit with a kart or a driver, and taking it out: what the writer checks, and the fact it makes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from trackd.core.errors import BadInput, Fault, NotFound, Refused
from trackd.services.commands import Decide, Decider, Draft
from trackd.services.roster import driver_of
from trackd.timing.recorded import UnitFact


def paired(unit_id: str, name: str, model: str, kart: str | None, driver: str | None, by: str) -> Decide:
    """A unit gets a name, and a kart it rides on or a driver it belongs to, or neither. Raises BadInput."""
    if kart and driver:
        raise BadInput(Fault("driver", "a unit rides on a kart or belongs to a driver, not both"))

    def decide(decider: Decider) -> Sequence[Draft]:
        _check_free(decider, unit_id, name, kart)
        driver_id = driver_of(decider, driver) if driver else None
        return [("unit", None, UnitFact(unit_id, name, model, kart, driver_id, by=by))]
    return decide


def paired_again(was: UnitFact, by: str) -> Decide:
    """A unit that was taken out is paired as it was."""
    def decide(decider: Decider) -> Sequence[Draft]:
        _check_free(decider, was.id, was.name, was.kart)
        return [("unit", None, replace(was, gone=False, by=by))]
    return decide


def taken_out(unit_id: str, by: str, made: list[UnitFact]) -> Decide:
    """A unit is paired no longer; the fact goes to ``made``."""
    def decide(decider: Decider) -> Sequence[Draft]:
        row = decider.db.execute("SELECT id, name, model, kart, driver_id FROM units WHERE id = ?", (unit_id,)).fetchone()
        if row is None:
            raise NotFound(f"Unit {unit_id} is not paired.")
        made.append(UnitFact(row[0], row[1], row[2], row[3], row[4], gone=True, by=by))
        return [("unit", None, made[0])]
    return decide


def _check_free(decider: Decider, unit_id: str, name: str, kart: str | None) -> None:
    """A name is one unit's, and a kart carries one. Raises BadInput, Refused."""
    if decider.db.execute("SELECT 1 FROM units WHERE name = ? AND id != ?", (name, unit_id)).fetchone():
        raise Refused(f"There is a unit '{name}' already.")
    if not kart:
        return
    if kart not in decider.venue.karts:
        raise BadInput(Fault("kart", f"there is no kart {kart}"))
    other = decider.db.execute("SELECT name FROM units WHERE kart = ? AND id != ?", (kart, unit_id)).fetchone()
    if other:
        raise Refused(f"Kart {kart} carries the unit '{other[0]}' already. Take that off it first.")
