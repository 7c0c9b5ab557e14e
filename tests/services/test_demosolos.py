"""The Solos of the demo: near an appliance when they come in, paired and fetched from as any; without them, uploads."""

from __future__ import annotations

from hashlib import sha256

from tests.services.garage import Garage, at_the_garage
from trackd.core.time import SECOND
from trackd.emulator import course
from trackd.emulator.field import Field, FieldPassing
from trackd.services.demosolos import FIRST_SERIAL, KEPT, DemoSolos, Drive
from trackd.services.recorded import all_recordings
from trackd.services.unitsnow import UnitNow

UTC_US = 1_790_000_000 * SECOND


def driven(heat: int, kart: str = "1") -> Drive:
    field = Field(seed=heat, karts=2, lap_s=course.LAP_S, sectors=2, shares=course.shares())
    own = field.entries[int(kart) - 1].transponder
    passings: list[FieldPassing] = [each for each in field.passings(100) if each.transponder == own]
    return Drive(heat, kart, passings, UTC_US)


async def karts(garage: Garage) -> None:
    for number in ("1", "2"):
        await garage.appliance.live.done(garage.appliance.roster.save_kart(number, None, [], new=True, by="test"))


async def there(garage: Garage) -> dict[str, UnitNow]:
    return {unit.id: unit for unit in await garage.appliance.units.all()}


@at_the_garage
async def test_units_are_away_until_they_come_in_then_paired_with_their_karts_and_fetched_from(garage: Garage) -> None:
    await karts(garage)
    solos = DemoSolos(garage.folder, ["1", "2"], 1, "Nowhere")
    await solos.join(garage.appliance)
    assert await there(garage) == {}
    await solos.come_in(garage.appliance, [driven(1, "1"), driven(1, "2")], "Ada")
    found = await there(garage)
    assert {unit.id: (unit.name, unit.kart, unit.here) for unit in found.values()} == {
        str(FIRST_SERIAL): ("Solo 1", "1", True), str(FIRST_SERIAL + 1): ("Solo 2", "2", True)}
    stored = {each.unit: each for _, each in await all_recordings(garage.appliance.reading, 0, 9)}
    assert {unit: (each.name, each.source) for unit, each in stored.items()} == dict.fromkeys(found, ("a_0001.xrz", "unit"))
    for unit in found.values():
        held = (solos.folder / str(unit.kart) / "a_0001.xrz").read_bytes()
        assert stored[unit.id].sha256 == sha256(held).hexdigest()
    await garage.appliance.units.unpair(str(FIRST_SERIAL), "Ada")
    solos.go_out()
    await solos.come_in(garage.appliance, [driven(2, "1"), driven(2, "2")], "Ada")      # sooner than anybody would ask
    names = [(each.unit, each.name) for _, each in await all_recordings(garage.appliance.reading, 0, 9)]
    assert (str(FIRST_SERIAL + 1), "a_0002.xrz") in names
    assert len(names) == 3, "who was taken out is left alone"
    await solos.stop()


@at_the_garage
async def test_a_unit_holds_the_newest_recordings_whatever_their_numbers_are(garage: Garage) -> None:
    solos = DemoSolos(garage.folder, ["1"], 1, "Nowhere")
    (solos.folder / "1").mkdir(parents=True)
    for heat in (*range(20, 20 + KEPT), 1):              # the numbers begin anew each day
        await solos.come_in(garage.appliance, [driven(heat)], "Ada")
    held = {path.name for path in (solos.folder / "1").iterdir()}
    assert held == {f"a_{heat:04}.xrz" for heat in (*range(21, 20 + KEPT), 1)}


@at_the_garage
async def test_where_no_unit_can_be_recordings_come_in_as_uploads(garage: Garage) -> None:
    solos = DemoSolos(garage.folder, ["1"], 1, "Nowhere")
    (solos.folder / "1").mkdir(parents=True)
    await solos.come_in(garage.appliance, [driven(3), Drive(3, "1", (), UTC_US)], "Ada")
    (_, stored), = await all_recordings(garage.appliance.reading, 0, 9)
    assert (stored.name, stored.source, stored.unit, stored.given_by) == ("kart 1 a_0003.xrz", "upload", None, "Ada")
