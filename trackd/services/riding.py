"""What a unit may be called and where it may ride: the checks of pairing one, and of taking that back."""

from __future__ import annotations

from trackd.core.errors import BadInput, Fault, Refused
from trackd.services.commands import Decider
from trackd.store import journal
from trackd.timing.recorded import UnitFact


def check_free(decider: Decider, unit_id: str, name: str, kart: str | None) -> None:
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


def check_fits(decider: Decider, unit: UnitFact, since: int) -> None:
    """Whether a unit can be as it was before a fact, ``since`` which its kart may have gone. Raises Refused."""
    if unit.gone:
        return
    kart = unit.kart
    if kart and kart not in decider.venue.karts:
        gone = next(journal.read_saved(decider.db, "kart", kart, 1 << 62), None)
        if gone is not None and gone.seq < since:          # it rode on a kart that was gone already
            kart = None
        else:
            raise Refused(f"Kart {kart} is gone by now. Add it again first.")
    check_free(decider, unit.id, unit.name, kart)
