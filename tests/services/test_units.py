"""Units over real sockets: paired by the venue's rules, and their recordings brought home whole, once, whatever happens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC

import pytest

from tests.emulator.solos import recording, until
from tests.journeys.conftest import FakeTime
from tests.services.garage import HOST, ID, Garage, at_the_garage
from trackd.core.errors import BadInput, NotFound, Refused
from trackd.emulator.solo import Solo
from trackd.emulator.solo_told import OWNER, PASSWORD, Identity, probe_answer
from trackd.protocols.aim_told import FileEntry
from trackd.protocols.aim_wifi import CHUNK, PROBE
from trackd.services.rebuild import check
from trackd.services.recordings import FILE_MOST
from trackd.services.unitfiles import UnitFiles
from trackd.store.database import NAME
from trackd.web.unitviews import units_view

LONG = recording(20 * CHUNK + 99)
SHORT = recording(5000, seed=2)


def hold(garage: Garage, **files: bytes) -> None:
    """What the unit has recorded."""
    for name, data in files.items():
        (garage.files / f"{name}.xrz").write_bytes(data)


@at_the_garage
async def test_a_unit_that_is_not_paired_is_listed_and_left_alone(garage: Garage) -> None:
    hold(garage, a=SHORT)
    solo = await garage.solo(identity=Identity("MYC5S", "500123", "Greta"))
    await garage.tick(3)
    (unit,) = await garage.units.all()
    assert (unit.id, unit.name, unit.model, unit.address) == ("500123", "Greta", "MYC5S", HOST)
    assert (unit.paired, unit.state, unit.seen_us) == (False, "in_reach", garage.clock.wall_us())
    with pytest.raises(Refused, match="Pair the unit first"):
        await garage.units.download("500123", "Ada")
    assert solo.sessions == 0
    await garage.leave(solo)
    garage.clock.advance(3599)
    assert [unit.state for unit in await garage.units.all()] == ["away"]
    garage.clock.advance(10)
    assert await garage.units.all() == []


@at_the_garage
async def test_a_paired_unit_brings_its_recordings_by_itself_and_each_once(garage: Garage) -> None:
    hold(garage, a=LONG, b=SHORT, empty=b"")
    solo = await garage.solo()
    await garage.pair()
    unit = await garage.at_rest()
    assert garage.stored() == {"a.xrz": (LONG, ID, ""), "b.xrz": (SHORT, ID, "")}
    assert (unit.name, unit.kart, unit.state, unit.waiting, unit.trouble) == ("Solo 7", "7", "in_reach", 0, "")
    assert unit.last_us == garage.clock.wall_us()
    pulls, sessions = list(solo.pulls), solo.sessions
    hold(garage, c=recording(100, seed=3))
    await garage.tick(290)
    assert solo.sessions == sessions, "it is let be for five minutes"
    await garage.tick(20)
    await until(lambda: len(solo.pulls) > len(pulls))
    await garage.at_rest()
    assert [*solo.pulls][len(pulls):] == [("c.xrz", 0)], "only what is new"
    assert len(garage.stored()) == 3
    assert not solo.refused


@at_the_garage
async def test_a_download_cut_in_mid_file_goes_on_there(garage: Garage) -> None:
    hold(garage, a=LONG)
    solo = await garage.solo("cut")
    await garage.pair()
    unit = await garage.at_rest()
    assert garage.stored()["a.xrz"][0] == LONG
    assert unit.trouble == ""
    assert [at for _, at in solo.pulls] == list(range(0, len(LONG), CHUNK)), "nothing was sent twice"
    assert not list(garage.folder.rglob("*.part"))


@at_the_garage
async def test_the_appliance_switched_off_in_mid_download_goes_on_where_it_was(garage: Garage) -> None:
    hold(garage, a=LONG)
    solo = await garage.solo("slow=0.005")
    await garage.pair()
    await until(lambda: len(solo.pulls) > 8)
    unit = await garage.now()
    assert unit.state == "downloading"
    assert unit.progress is not None
    assert (unit.progress.file, unit.progress.files, unit.progress.size) == (1, 1, len(LONG))
    await garage.off()
    await until(lambda: solo._visit is None)
    assert garage.stored() == {}
    first = len(solo.pulls)
    await garage.on()
    await garage.tick(2)
    await garage.at_rest()
    assert garage.stored()["a.xrz"][0] == LONG
    assert [*solo.pulls][first][1] >= 6 * CHUNK, "only the last stretch is fetched again"
    assert [at for _, at in [*solo.pulls][first:]] == list(range([*solo.pulls][first][1], len(LONG), CHUNK))


@at_the_garage
async def test_a_unit_that_leaves_in_mid_file_is_missed_in_words_and_goes_on_when_it_is_back(garage: Garage) -> None:
    hold(garage, a=LONG)
    solo = await garage.solo("slow=0.005")
    await garage.pair()
    await until(lambda: len(solo.pulls) > 8)
    left_us = garage.clock.wall_us()
    await garage.leave(solo)
    unit = await garage.at_rest()
    assert (unit.waiting, unit.progress) == (1, None)
    assert unit.trouble
    garage.clock.advance(10)
    unit = await garage.now()
    assert (unit.state, unit.seen_us) == ("away", left_us)
    with pytest.raises(Refused, match="Solo 7 is not in reach"):
        await garage.units.download(ID, "Ada")
    garage.clock.advance(60)
    back = await garage.solo()
    await until(lambda: back.sessions)
    unit = await garage.at_rest()
    assert garage.stored()["a.xrz"][0] == LONG
    assert unit.trouble == ""
    assert back.pulls[0][1] >= 6 * CHUNK


@at_the_garage
async def test_a_unit_that_was_away_is_visited_again_soon(garage: Garage) -> None:
    solo = await garage.solo()
    await garage.pair()
    await garage.at_rest()
    await garage.leave(solo)
    garage.clock.advance(10)
    await garage.tick(2)
    await until(lambda: garage.units._works[ID].away)                # it was missed before it came back
    back = await garage.solo()
    assert back.sessions == 0, "it was visited this minute"
    await garage.tick(30)
    await until(lambda: back.sessions)
    await garage.at_rest()


@at_the_garage
async def test_a_busy_unit_says_so_and_is_asked_again_in_half_a_minute(garage: Garage) -> None:
    hold(garage, a=SHORT)
    solo = await garage.solo("busy=1")
    await garage.pair()
    unit = await garage.at_rest()
    assert "busy" in unit.trouble
    await garage.tick(25)
    assert solo.sessions == 0
    await garage.tick(10)
    await until(lambda: solo.sessions)
    unit = await garage.at_rest()
    assert unit.trouble == ""
    assert "a.xrz" in garage.stored()


@at_the_garage
async def test_a_person_may_ask_for_a_download_and_stands_beside_it(garage: Garage) -> None:
    solo = await garage.solo()
    await garage.pair()
    await garage.at_rest()
    hold(garage, a=SHORT)
    await garage.units.download(ID, "Timo")
    await garage.units.download(ID, "Ada")
    await garage.at_rest()
    assert garage.stored() == {"a.xrz": (SHORT, ID, "Timo")}
    assert [*solo.pulls] == [("a.xrz", 0)], "two who ask get one download"
    with pytest.raises(NotFound):
        await garage.units.download("999", "Ada")


@at_the_garage
async def test_what_came_by_hand_before_is_stored_once_and_fetched_once(garage: Garage) -> None:
    hold(garage, a=SHORT)
    await garage.appliance.recordings.receive(SHORT, "by hand.xrz", "upload", "Ada")
    solo = await garage.solo()
    await garage.pair()
    await garage.at_rest()
    assert garage.stored() == {"by hand.xrz": (SHORT, None, "Ada")}
    await garage.units.download(ID, "Ada")
    await garage.at_rest()
    assert len(solo.pulls) == 1


@at_the_garage
async def test_too_large_a_recording_stays_on_the_unit_and_the_rest_comes(garage: Garage) -> None:
    hold(garage, b=SHORT)
    with (garage.files / "a.xrz").open("wb") as file:
        file.truncate(FILE_MOST + 1)
    await garage.solo()
    await garage.pair()
    unit = await garage.at_rest()
    assert unit.trouble == "a.xrz is larger than 64 MB and stays on the unit."
    assert list(garage.stored()) == ["b.xrz"]


@at_the_garage
async def test_a_disk_that_takes_nothing_is_said_and_the_recording_stays_on_the_unit(garage: Garage) -> None:
    await garage.solo()
    await garage.pair()
    await garage.at_rest()
    hold(garage, a=SHORT)
    place = UnitFiles(garage.folder, ID).folder
    place.parent.mkdir()
    place.write_bytes(b"in the way")
    await garage.units.download(ID, "Ada")
    unit = await garage.at_rest()
    assert unit.trouble == "Recordings cannot be stored: File exists. They stay on the unit."
    assert unit.waiting == 1
    place.unlink()
    await garage.tick(35)
    await until(lambda: garage.stored())
    assert (await garage.at_rest()).trouble == ""


@at_the_garage
async def test_a_box_with_a_wrong_clock_opens_no_session_since_that_would_set_the_units(garage: Garage) -> None:
    hold(garage, a=SHORT)
    garage.time.wall_offset_us = 0
    solo = await garage.solo()
    await garage.pair()
    with pytest.raises(Refused, match="clock of this box is wrong"):
        await garage.units.download(ID, "Ada")
    assert "clock of this box is wrong" in (await garage.at_rest()).trouble
    assert (solo.sessions, solo.told) == (0, None)
    garage.time.wall_offset_us = FakeTime.wall_offset_us
    await garage.tick(35)
    await until(lambda: solo.sessions)
    await garage.at_rest()
    assert "a.xrz" in garage.stored()


@at_the_garage
async def test_another_unit_at_the_same_address_is_not_taken_for_the_first(garage: Garage) -> None:
    hold(garage, a=SHORT)
    solo = await garage.solo()
    solo.identity = Identity(serial="999")
    await garage.units.pair(ID, "Solo 7", None, None, "Ada")
    await garage.units.download(ID, "Ada")
    unit = await garage.at_rest()
    assert "Another unit" in unit.trouble
    assert garage.stored() == {}
    assert not solo.pulls


@at_the_garage
async def test_units_that_take_turns_at_one_address_are_each_remembered(garage: Garage) -> None:
    first = await garage.solo()
    seen_us = (await garage.now()).seen_us
    garage.clock.advance(1)
    await garage.leave(first)
    await garage.solo(identity=Identity(serial="999"))
    units = {unit.id: unit for unit in await garage.units.all()}
    assert (units[ID].state, units[ID].seen_us) == ("away", seen_us)
    assert units["999"].state == "in_reach"


class Quiet(Solo):
    """A unit that answers probes with a name of its own, or none."""

    said = ""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = probe_answer(self.identity)
        if data == PROBE and self._radio:
            self._radio.sendto(answer[:20] + self.said.encode().ljust(len(answer) - 20, b"\0"), addr)


@pytest.mark.parametrize("said", ["", "MyLogger"])
def test_a_unit_that_does_not_tell_its_number_to_everybody_is_asked_once(said: str, tmp_path) -> None:
    @at_the_garage
    async def test(garage: Garage) -> None:
        solo = Quiet(garage.files, HOST, 0, garage.ports[1], identity=Identity("MYC5S", "500123"))
        solo.said = said
        await solo.start()
        garage.solos.append(solo)
        garage.units.tcp_port = solo.tcp_port
        await garage.tick(2)
        await until(lambda: garage.units.ear.heard())
        await garage.tick(70)
        (unit,) = await garage.units.all()
        assert (unit.id, unit.model) == ("500123", "MYC5S")
        assert solo.sessions == 1

    test(tmp_path)


@at_the_garage
async def test_a_unit_that_does_not_say_who_it_is_cannot_be_paired_and_is_told_by_its_address(garage: Garage) -> None:
    solo = Quiet(garage.files, HOST, 0, garage.ports[1], faults=["busy"])
    await solo.start()
    garage.solos.append(solo)
    garage.units.tcp_port = solo.tcp_port
    await garage.tick(2)
    await until(garage.units.ear.nameless)
    assert await garage.units.all() == []
    view = units_view([], {}, garage.units.ear.nameless(), "", looks=True, zone=UTC, now_us=0)
    assert view.notes[0].startswith(f"The unit at {HOST} does not say who it is.")


@at_the_garage
async def test_pairing_is_checked_and_refused_in_words(garage: Garage) -> None:
    await garage.solo()
    await garage.solo(host="127.0.0.3", identity=Identity(serial="500999"))
    await garage.pair()
    pair = garage.units.pair
    with pytest.raises(Refused, match="Kart 7 carries the unit 'Solo 7' already"):
        await pair("500999", "Solo 8", "7", None, "Ada")
    with pytest.raises(Refused, match="There is a unit 'Solo 7' already"):
        await pair("500999", " Solo  7 ", None, None, "Ada")
    with pytest.raises(BadInput, match="kart: there is no kart 8"):
        await pair("500999", "Solo 8", "8", None, "Ada")
    with pytest.raises(BadInput, match="not both"):
        await pair("500999", "Solo 8", "7", "Ada Berg", "Ada")
    with pytest.raises(BadInput, match="name: a name has"):
        await pair("500999", " ", None, None, "Ada")
    with pytest.raises(NotFound):
        await pair("123", "Solo 8", None, None, "Ada")
    with pytest.raises(NotFound, match="not paired"):
        await garage.units.unpair("500999", "Ada")
    assert not (await garage.now("500999")).paired
    assert await pair("500999", "Ada's", None, "Ada Berg", "Ada"), "it is new"
    assert not await pair("500999", "Ada's own", None, "Ada Berg", "Ada"), "it is changed"
    unit = await garage.now("500999")
    names = await garage.appliance.reading.names([unit.driver_id or ""])
    assert (unit.name, unit.kart, list(names.values())) == ("Ada's own", None, ["Ada Berg"])
    assert not await pair(ID, "Solo 7", None, None, "Ada"), "off its kart"
    assert not await pair("500999", "Solo 8", "7", None, "Ada"), "the kart is free now"


@at_the_garage
async def test_a_unit_taken_out_comes_back_as_it_was(garage: Garage) -> None:
    hold(garage, a=LONG)
    solo = await garage.solo("slow=0.005")
    await garage.pair()
    await until(lambda: len(solo.pulls) > 3)
    await garage.units.unpair(ID, "Ada")
    unit = await garage.now()
    assert (unit.paired, unit.busy, unit.kart, unit.name) == (False, False, None, "Solo 7")
    assert unit.was is not None
    assert garage.stored() == {}, "its download has ended"
    await garage.units.pair_again(ID, "Ada")
    await garage.tick(2)
    unit = await garage.at_rest()
    assert (unit.paired, unit.kart, unit.was) == (True, "7", None)
    assert garage.stored()["a.xrz"][0] == LONG
    with pytest.raises(NotFound):
        await garage.units.pair_again(ID, "Ada")
    await garage.units.unpair(ID, "Ada")
    await garage.solo(host="127.0.0.3", identity=Identity(serial="500999"))
    await garage.pair(unit="500999", name="Solo 8")
    with pytest.raises(Refused, match="Kart 7 carries"):
        await garage.units.pair_again(ID, "Ada")
    assert check(garage.folder).differences == []


@at_the_garage
async def test_undo_of_a_pairing_ends_its_download_and_of_a_taking_out_lets_it_be_visited(garage: Garage) -> None:
    hold(garage, a=LONG)
    solo = await garage.solo("slow=0.005")
    await garage.pair()
    await until(lambda: len(solo.pulls) > 3)
    assert (await garage.appliance.turn("undo", None, "Bea")).kind == "unit"
    await garage.tick(2)
    unit = await garage.now()
    assert (unit.paired, unit.busy, unit.kart, garage.stored()) == (False, False, None, {})
    assert unit.was is not None, "it may be paired again by hand too"
    await garage.appliance.turn("redo", None, "Bea")
    await garage.tick(2)
    unit = await garage.at_rest()
    assert (unit.paired, unit.kart, unit.was) == (True, "7", None)
    assert garage.stored()["a.xrz"][0] == LONG
    await garage.units.unpair(ID, "Ada")
    await garage.tick()
    await garage.appliance.turn("undo", None, "Bea")
    hold(garage, b=SHORT)
    await garage.tick(2)
    await garage.at_rest()
    assert set(garage.stored()) == {"a.xrz", "b.xrz"}
    assert check(garage.folder).differences == []


@at_the_garage
async def test_nothing_of_a_units_owner_stays(garage: Garage) -> None:
    hold(garage, a=SHORT)
    await garage.solo()
    await garage.pair()
    await garage.at_rest()
    with closing(sqlite3.connect(garage.folder / NAME)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = b"".join(each.read_bytes() for each in garage.folder.rglob("*") if each.is_file())
    assert b"Solo 7" in kept
    assert OWNER.encode() not in kept
    assert PASSWORD.encode() not in kept


@at_the_garage
async def test_without_targets_nothing_is_looked_for_and_paired_units_are_still_told(garage: Garage) -> None:
    await garage.solo()
    await garage.pair()
    await garage.at_rest()
    await garage.beside(garage.appliance, targets=None)
    garage.clock.advance(5)
    (unit,) = await garage.units.all()
    assert (unit.name, unit.state, unit.seen_us, garage.units.looks) == ("Solo 7", "away", None, False)


ENTRY = FileEntry("a_1.xrz", 5 * CHUNK, "2026-11-21 15:00:00", None, None)


def test_what_a_power_cut_may_have_torn_is_fetched_again(tmp_path) -> None:
    files, told = UnitFiles(tmp_path, ID), []
    part = files.open(ENTRY, told.append)
    part.write(LONG[:CHUNK])
    part.write(LONG[CHUNK:2 * CHUNK + 7])
    assert told == [0, CHUNK, 2 * CHUNK + 7]
    part.close()
    again = files.open(ENTRY, told.append)
    assert again.whole() == LONG[:CHUNK + 7]
    again.close()


def test_a_recording_is_known_by_name_size_and_time_and_forgotten_when_the_unit_forgets_it(tmp_path) -> None:
    files = UnitFiles(tmp_path, ID)
    files.open(ENTRY, lambda _: None).close()
    files.took(ENTRY, 5)
    assert files.missing([ENTRY]) == []
    assert files.read().last_us == 5
    others = [FileEntry(ENTRY.name, ENTRY.size + 1, ENTRY.told_at, None, None),
              FileEntry(ENTRY.name, ENTRY.size, "2026-11-22 15:00:00", None, None),
              FileEntry("b_1.xrz", ENTRY.size, ENTRY.told_at, None, None)]
    assert files.missing([ENTRY, *others]) == others
    files.open(others[0], lambda _: None).close()
    assert files.missing(others[1:]) == others[1:]
    assert not list(tmp_path.rglob("*.part")), "what is half of something that is gone goes too"
    assert files.missing([ENTRY]) == [ENTRY]
    assert UnitFiles(tmp_path, "500999").read().taken == []


def test_notes_that_cannot_be_read_are_begun_anew(tmp_path) -> None:
    files = UnitFiles(tmp_path, ID)
    files.open(ENTRY, lambda _: None).close()
    files.took(ENTRY, 5)
    files._notes.write_bytes(b"\0\0\0")
    assert files.missing([ENTRY]) == [ENTRY]
    files.took(ENTRY, 6)
    assert files.missing([ENTRY]) == []
