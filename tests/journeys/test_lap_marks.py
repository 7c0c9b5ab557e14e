"""What every lap is marked with: where its time comes from, whether it was edited, whether it is verified, how sound its
recording is; and that an exported lap comes back as the same lap, of real recordings too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import SHARED
from tests.gps.drive import ROUND, laps_of
from tests.gps.real import ADRIA, FILES, OKC, SSKC, content, layout, read_real
from tests.journeys.conftest import Park
from tests.journeys.logger import aim_csv
from tests.venues import KARTS, S, at_the_park
from trackd.gps.layouts import Layout, geojson_of
from trackd.gps.readers.formats import read
from trackd.gps.segment import GpsLap, segment
from trackd.gps.trace import Trace

TIMES = [40.2, 39.8, 40.9, 39.5, 40.1, 39.9, 41.3, 39.6]
SOURCES = {"loop", "gps", "manual", "split"}
LABELS = {"valid", "warning", "invalid", "incomplete"}
REASONS = {"warning": {"gap", "estimated", "pit", "uncertain", "sector_missed"},
           "invalid": {"below_minimum", "above_maximum", "lost"}}


async def a_heat(park: Park) -> str:
    """Kart 1 with a logger, kart 2 a second behind it: one lap of it split, one voided, one that ends by hand; official."""
    made = await park.api("POST", "/layouts", geojson_of(replace(ROUND, min_lap_us=15 * S)))
    await park.heat(KARTS, "stage", format="8m", ranking="best_lap", layout=made["id"])
    begin = park.now + S
    park.advance(begin)
    await park.order("green")
    drive, crossed = laps_of(TIMES)
    for at_s in crossed:
        await park.cross(begin + round(at_s * S), KARTS["1"])
        await park.cross(begin + round((at_s + 1) * S), KARTS["2"])
    answer = await park.http.post("/api/v1/recordings", files={"file": ("kart 1.csv", aim_csv(drive.trace(10)))})
    await park.appliance.recordings.settled(answer.json()["id"])
    await park.order("split_lap", kart="2", lap=2, parts=2, reason="the loop missed one")
    await park.order("void_lap", kart="2", lap=5, reason="cut the corner")
    await park.order("shift_crossing", kart="1", lap=8, by_us=2000)
    for name in ("chequered", "finish", "confirm"):
        await park.order(name)
    return park.session


def cells(page: str) -> dict[tuple[str, str], str]:
    """What stands at each lap in the table of every lap, by kart and lap."""
    found: dict[tuple[str, str], str] = {}
    table = re.search(r'<table class="grid matrix".*?</table>', page, re.DOTALL)
    assert table is not None
    karts = re.findall(r'<th scope="col">([^<]+)</th>', table[0])[1:]
    for row in re.findall(r"<tr>(.*?)</tr>", table[0].partition("</thead>")[2], re.DOTALL):
        number, *texts = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        found |= {(kart, number): text for kart, text in zip(karts, texts, strict=True) if text.strip()}
    return found


@at_the_park()
async def test_a12_each_lap_shows_its_source_its_edits_and_its_verdict_in_words_and_glyphs_that_print(park: Park) -> None:
    session = await a_heat(park)
    laps = await park.api("GET", f"/sessions/{session}/laps")
    assert {lap["source"] for lap in laps["items"]} <= SOURCES
    page = (await park.http.get(f"/sessions/{session}")).text
    told = cells(page)
    counted = [lap for lap in laps["items"] if lap["verdict"] != "void"]
    assert told.keys() == {(lap["kart"], str(lap["number"])) for lap in counted}
    for lap in counted:
        text = told[lap["kart"], str(lap["number"])]
        signs = "".join(re.findall(r"<sup>(.*?)</sup>", text))
        assert ("S" in signs) == (lap["source"] == "split")
        assert ("E" in signs) == bool(lap["edits"])
        assert len(re.findall(r'class="seal" data-verdict=', text)) == 1
        word = "not verified" if lap["source"] == "split" else "waits for a person" if lap["edits"] else "verified"
        assert f'<span class="vh"> {word}</span>' in text
    verified = sum(not lap["edits"] for lap in counted)
    assert f"{verified} of {len(counted)} laps are verified, " in page
    legend = page[page.index("legend"):]
    for words in ("> verified</span>", "waits for a person", "not verified", "split by hand", "changed by hand",
                  "All others by loop"):
        assert words in legend
    assert not re.search(r'class="[^"]*(seal|legend)[^"]*no-print', page)


@at_the_park()
async def test_a12_laps_carry_no_verdict_before_their_result_is_official_nor_on_a_version_that_was_replaced(
        park: Park) -> None:
    session = await a_heat(park)
    await park.order("amend", reason="kart 2 was read twice")
    assert "data-verdict" not in (await park.http.get(f"/sessions/{session}")).text
    assert "data-verdict" not in (await park.http.get(f"/sessions/{session}?version=1")).text
    await park.order("confirm")
    assert "data-verdict" in (await park.http.get(f"/sessions/{session}")).text
    assert "data-verdict" not in (await park.http.get(f"/sessions/{session}?version=1")).text
    assert "data-verdict" in (await park.http.get(f"/sessions/{session}?version=2")).text


@at_the_park()
async def test_e11_every_lap_has_one_verdict_of_the_loop_and_one_label_of_its_recording(park: Park) -> None:
    session = await a_heat(park)
    laps = (await park.api("GET", f"/sessions/{session}/laps"))["items"]
    assert {lap["verdict"] for lap in laps} <= {"valid", "short", "long", "suspect", "void", "red", "yellow"}
    recording, = (await park.api("GET", "/recordings"))["items"]
    found = (await park.api("GET", f"/recordings/{recording['id']}"))["laps"]
    assert [lap["quality"] for lap in found] == ["incomplete", *["valid"] * len(TIMES), "incomplete"]


def labelled(laps: tuple[GpsLap, ...]) -> None:
    """Each has one label, and the flags say why it is that one."""
    for lap in laps:
        assert lap.quality in LABELS
        assert (lap.quality == "incomplete") == (lap.kind != "full")
        if lap.kind == "full":
            grave, light = REASONS["invalid"].intersection(lap.flags), REASONS["warning"].intersection(lap.flags)
            assert lap.quality == ("invalid" if grave else "warning" if light else "valid")


@pytest.mark.parametrize("name", FILES)
def test_e11_every_lap_of_a_real_recording_has_exactly_one_label_and_its_flags_say_why(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("real recordings are not here")
    found = read_real(SHARED, name)
    where = layout(SHARED, name, found)
    sound = segment(found.trace, where)
    labelled(sound)
    rng, trace = np.random.default_rng(11), found.trace
    for part, stretch in ((0.1, 0), (0.0, 40), (0.0, 200)):        # samples that are missing one by one, and in a row
        keep = rng.random(len(trace)) >= part
        at = len(trace) // 2
        keep[at:at + stretch] = False
        labelled(segment(thinned(trace, keep), where))
    labelled(segment(trace, replace(where, min_lap_us=max((lap.time_us for lap in sound), default=0) + 1)))


def thinned(trace: Trace, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> Trace:
    return Trace(trace.t_us[keep], trace.lat_deg[keep], trace.lon_deg[keep], trace.speed_mps[keep])


def again(kind: str, data: bytes, where: Layout) -> list[GpsLap]:
    """The full laps of what was exported, put in once more."""
    trace = read(data, f"x.{kind}").trace
    return [lap for lap in segment(trace, where) if lap.kind == "full"]


TREMBLE_US = 25_000
"""The stamps of a MyChron tremble by so much, and are steadied by all of the recording: a lap alone has less to go by."""


def reimported(name: str, off_us: int) -> Any:
    """A test of one real file; laps alone are off by at most so much."""
    @at_the_park()
    async def test(park: Park) -> None:
        where = layout(SHARED, name, read_real(SHARED, name))
        await park.api("POST", "/layouts", geojson_of(replace(where, name="Real")))
        answer = await park.http.post("/api/v1/recordings", files={"file": (name, content(SHARED, name))})
        await park.appliance.recordings.settled(answer.json()["id"])
        recording = await park.api("GET", f"/recordings/{answer.json()['id']}")
        laps = [lap for lap in recording["laps"] if lap["kind"] == "full"]
        assert laps
        for kind in ("csv", "json", "gpx"):
            whole = again(kind, (await park.http.get(f"/recordings/{recording['id']}/export.{kind}")).content, where)
            assert [lap.time_us for lap in whole] == pytest.approx([lap["time_us"] for lap in laps], abs=1000)
            for lap in {lap["id"]: lap for lap in (laps[0], laps[len(laps) // 2], laps[-1])}.values():
                one, = again(kind, (await park.http.get(f"/laps/{lap['id']}/export.{kind}")).content, where)
                assert one.time_us == pytest.approx(lap["time_us"], abs=off_us)
                assert list(one.sectors_us) == pytest.approx(lap["sectors_us"], abs=off_us)
                assert one.quality == lap["quality"]
    return test


@pytest.mark.parametrize(("name", "off_us"), [(ADRIA, TREMBLE_US), (OKC, 1000), (SSKC, 1000)])
def test_e12_a_lap_of_a_real_recording_exported_and_put_in_again_is_the_same_lap(name: str, off_us: int,
                                                                                 tmp_path: Any) -> None:
    if not SHARED.is_dir():
        pytest.skip("real recordings are not here")
    reimported(name, off_us)(tmp_path)
