"""Corners in a layout's GeoJSON: in and out unchanged, and what is wrong with them said with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.gps.drive import ROUND, place
from trackd.core.errors import BadInput
from trackd.gps.layouts import KeptCorner, Layout, geojson_of, layout_of

SIDE_M = 100.0
REFERENCE = tuple(place(x, y) for x, y in ((0, 0), (SIDE_M, 0), (SIDE_M, SIDE_M), (0, SIDE_M)))
CORNERS = (KeptCorner("T1", 80, 100, 120, "slow", "left"), KeptCorner("Hairpin", 120, 200.5, 220, "", "left"),
           KeptCorner("T3", 280, 300, 320))
KEPT = replace(ROUND, reference=REFERENCE, corners=CORNERS, cuts_kmh=(45.0, 60.0))


def body(layout: Layout = KEPT) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(geojson_of(layout)))
    return found


def test_corners_and_their_cuts_come_out_of_geojson_as_they_went_in() -> None:
    assert layout_of(body()) == KEPT
    assert body()["properties"]["corners"][2] == {"name": "T3", "entry_m": 280.0, "apex_m": 300.0, "exit_m": 320.0}
    assert body()["properties"]["corner_cuts_kmh"] == [45.0, 60.0]


def test_a_layout_without_corners_says_nothing_of_them_and_unnamed_ones_are_numbered() -> None:
    assert not {"corners", "corner_cuts_kmh"} & body(ROUND)["properties"].keys()
    unnamed = body()
    for each in unnamed["properties"]["corners"]:
        del each["name"]
    assert [each.name for each in layout_of(unnamed).corners] == ["T1", "T2", "T3"]


def corner(of: str, value: Any, index: int = 1) -> Callable[[dict[str, Any]], None]:
    return lambda given: given["properties"]["corners"][index].update({of: value})


def no_reference(given: dict[str, Any]) -> None:
    given["features"] = [each for each in given["features"] if each["properties"]["role"] != "reference"]


@pytest.mark.parametrize(("spoil", "where", "what"), [
    (lambda given: given["properties"].update(corners="T1"), "properties.corners", "must be a list of at most 60 corners"),
    (lambda given: given["properties"].update(corners=given["properties"]["corners"] * 21), "properties.corners",
     "must be a list of at most 60 corners"),
    (lambda given: given["properties"].update(corners=[7]), "properties.corners[0]", "must be an object with entry_m"),
    (no_reference, "properties.corners", "corners are measured along a line with the role reference, and there is none"),
    (corner("entry_m", "120"), "properties.corners[1].entry_m", "must be metres along the reference line, 0 or more"),
    (corner("exit_m", -1), "properties.corners[1].exit_m", "must be metres along the reference line, 0 or more"),
    (corner("apex_m", None), "properties.corners[1].apex_m", "must be metres along the reference line, 0 or more"),
    (corner("apex_m", 221), "properties.corners[1]", "Hairpin: the entry comes before the exit and the apex lies between"),
    (corner("entry_m", 119), "properties.corners[1].entry_m", "Hairpin begins at 119 m, before T1 ends at 120 m"),
    (corner("exit_m", 500, 2), "properties.corners[2].exit_m", "T3 ends at 500 m, but the reference line is 400 m long"),
    (corner("name", "T3"), "properties.corners[2].name", "there are two corners called T3"),
    (corner("name", ""), "properties.corners[1].name", "a corner's name has 1 to 24 visible characters"),
    (corner("name", "a\nb"), "properties.corners[1].name", "a corner's name has 1 to 24 visible characters"),
    (corner("kind", "hard"), "properties.corners[1].kind", "must be slow, medium, fast"),
    (corner("direction", "up"), "properties.corners[1].direction", "must be left, right"),
    (lambda given: given["properties"].update(corner_cuts_kmh=[60, 45]), "properties.corner_cuts_kmh",
     "must be two speeds in km/h"),
    (lambda given: given["properties"].update(corner_cuts_kmh=[60]), "properties.corner_cuts_kmh",
     "must be two speeds in km/h"),
])
def test_a_bad_corner_is_refused_with_what_and_where(spoil: Callable[[dict[str, Any]], None], where: str,
                                                     what: str) -> None:
    given = body()
    spoil(given)
    with pytest.raises(BadInput) as raised:
        layout_of(given)
    assert [fault.where for fault in raised.value.faults] == [where]
    assert raised.value.faults[0].what.startswith(what)
