"""`trackd laps FILE --layout`: right laps on layouts of other makers, or a sentence that says what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gps.drive import ROUND, laps_of
from tests.journeys.logger import aim_csv
from trackd.cli import main
from trackd.core.errors import BadInput
from trackd.gps.layouts import geojson_of
from trackd.services.single import as_json, as_table, laps_of_file

TIMES_S = [41.2, 39.5, 40.1]


def line(**changed: Any) -> dict[str, Any]:
    """The layout with a start line only, its parts changed: ``coordinates``, ``heading_deg``."""
    body = geojson_of(ROUND)
    body["features"] = body["features"][:1]
    feature = body["features"][0]
    for name, value in changed.items():
        part = feature["geometry"] if name == "coordinates" else feature["properties"]
        part[name] = value
    if changed.get("heading_deg", 0) is None:
        del feature["properties"]["heading_deg"]
    return body


ENDS = line()["features"][0]["geometry"]["coordinates"]
MIDDLE = np.mean(ENDS, axis=0)


def ends(times: float) -> list[list[float]]:
    """The same line so many times as long."""
    return [(MIDDLE + (np.array(end) - MIDDLE) * times).tolist() for end in ENDS]


def files(folder: Path, body: dict[str, Any]) -> tuple[Path, Path]:
    drive, _ = laps_of(TIMES_S)
    (folder / "kart.csv").write_bytes(aim_csv(drive.trace(10)))
    (folder / "layout.geojson").write_text(json.dumps(body))
    return folder / "kart.csv", folder / "layout.geojson"


@pytest.mark.parametrize("body", [
    line(), line(coordinates=ENDS[::-1]), line(heading_deg=None), line(coordinates=ENDS[::-1], heading_deg=None),
    line(heading_deg=-320.0), line(heading_deg=50.0), line(coordinates=ends(0.1)), line(coordinates=ends(25)),
    line(coordinates=[[*end, 112.0] for end in ENDS]), line(coordinates=[ENDS[0], MIDDLE.tolist(), ENDS[1]])],
    ids=["as drawn", "ends swapped", "no heading", "neither", "another turn", "50 degrees off", "short", "long", "heights",
         "three points"])
def test_layouts_of_other_makers_give_the_same_laps(tmp_path: Path, body: dict[str, Any]) -> None:
    found = laps_of_file(*files(tmp_path, body))
    assert [lap.time_us / 1e6 for lap in found.laps if lap.kind == "full"] == pytest.approx(TIMES_S, abs=0.001)
    assert as_json(found)["notes"] == []


BACKWARDS = ("The start line is crossed 4 times against its direction, heading_deg 180. Was the track driven backwards, "
             "or is heading_deg off by 180?")


@pytest.mark.parametrize(("body", "note"), [
    (line(heading_deg=180.0), BACKWARDS),
    (line(coordinates=[[lat, lon] for lon, lat in ENDS], heading_deg=None), "or are latitude and longitude swapped?"),
    (line(coordinates=[[lon - 0.0006, lat] for lon, lat in ENDS]), "The start line is never crossed: the recording comes")])
def test_where_no_lap_is_found_a_sentence_says_what_to_look_at(tmp_path: Path, body: dict[str, Any], note: str) -> None:
    found = laps_of_file(*files(tmp_path, body))
    assert not [lap for lap in found.laps if lap.kind == "full"]
    assert note in as_json(found)["notes"][0]
    assert as_table(found).endswith(as_json(found)["notes"][0])


@pytest.mark.parametrize(("body", "fault"), [
    (line(heading_deg=90.0), "features[0].properties.heading_deg: runs along the line start_finish, not across it"),
    (line(heading_deg=-90.0), "runs along the line start_finish, not across it"),
    (line(coordinates=[ENDS[0], ENDS[0]]), "the line start_finish has no length"),
    (line(coordinates=ends(100)), "the line start_finish is longer than a kilometre"),
    (line(heading_deg="N"), "must be degrees from north")])
def test_a_layout_that_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, body: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadInput) as refused:
        laps_of_file(*files(tmp_path, body))
    assert fault in str(refused.value)


def test_the_verb_prints_the_note_and_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording, layout = files(tmp_path, line(heading_deg=180.0))
    assert not main(["laps", str(recording), "--layout", str(layout), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [lap["kind"] for lap in told["laps"]] == ["out"]
    assert "off by 180" in told["notes"][0]
