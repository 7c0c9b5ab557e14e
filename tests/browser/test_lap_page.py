"""The page of a lap in a browser: drawn for the width it gets, one cursor through all, four laps over one another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.browser.conftest import WAIT_S, Box
from tests.browser.test_looks import RULES, SIZES, TOO_SMALL, TOO_WIDE
from tests.browser.venue import counted
from tests.journeys.circuits import LAYOUT, laps_of, of_lap
from tests.journeys.logger import dovex
from trackd.gps.layouts import geojson_of

pytestmark = pytest.mark.browser

PEOPLE = ("Marta Ferri", "Luca Bandini", "Maximilian-Alexander Freiherr von Hohenstein-Wasserburg")
LAPS = 10
DRAWN = "(each) => { const of = getComputedStyle(each); return `${of.stroke} ${of.strokeDasharray}`; }"
UTC_US = 1_795_000_000_000_000


@dataclass(frozen=True, slots=True)
class Driven:
    """Laps by loop of each kart in order, and of each recording by kart."""

    box: Box
    loop: dict[str, list[dict[str, Any]]]
    told: dict[str, list[dict[str, Any]]]

    def address(self, *laps: str) -> str:
        """The page of the first with the others laid over it."""
        return f"{self.box.address}/laps/{laps[0]}?{'&'.join(f'with={each}' for each in laps[1:])}"


@pytest.fixture(scope="module")
def heat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """A heat of three karts, all with loggers aboard, in the box."""
    box = Box(tmp_path_factory.mktemp("laps"))
    box.start()
    yield driven(box)
    box.close()


def driven(box: Box) -> Driven:
    """Drive it, and hand the recordings in."""
    box.karts(len(PEOPLE))
    token = box.appliance.staff.add_token("test", "admin")
    known = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=box.address + "/api/v1", headers=known, timeout=WAIT_S) as http:
        layout = http.post("/layouts", json=geojson_of(LAYOUT)).json()["id"]
        entries = [{"kart": str(kart), "driver": name} for kart, name in enumerate(PEOPLE, 1)]
        session = http.post("/sessions", json={"name": "Heat 12", "entries": entries, "layout": layout,
                                               "format": "8m"}).json()["id"]
        for order in ("stage", "green"):
            box.order(session, order)
        drives = {kart: laps_of(kart, LAPS) for kart in range(1, len(PEOPLE) + 1)}
        for at_s, kart in sorted((at_s + kart, kart) for kart, (_, crossed) in drives.items() for at_s in crossed):
            box.cross(str(100 + kart), 10 + at_s)
        counted(box, session, LAPS * len(PEOPLE))
        told = {}
        for kart, (trace, _) in drives.items():
            made = http.post("/recordings", files={"file": (f"{kart}.dovex", dovex(trace, UTC_US))}).json()["id"]
            box.call(box.appliance.recordings.settled(made))
            told[str(kart)] = http.get(f"/recordings/{made}").json()["laps"]
        loop: dict[str, list[dict[str, Any]]] = {}
        for lap in http.get(f"/sessions/{session}/laps").json()["items"]:
            loop.setdefault(lap["kart"], []).append(lap)
    return Driven(box, loop, told)


def pages(heat: Driven) -> dict[str, str]:
    """Its kinds: alone, with one other, with three."""
    lap = [best(heat, kart)["id"] for kart in ("1", "2", "3")]
    other = next(each for each in heat.loop["1"] if each != best(heat, "1"))
    return {"alone": heat.address(lap[0]), "two": heat.address(*lap[:2]),
            "four": heat.address(*lap, of_lap(heat.told["1"], other["number"])["id"])}


def best(heat: Driven, kart: str) -> dict[str, Any]:
    """The fastest lap of a kart, by loop."""
    return min(heat.loop[kart], key=lambda lap: lap["time_us"])


@pytest.mark.parametrize("size", SIZES)
def test_the_page_fits_is_large_enough_to_touch_and_clear_in_both_themes(size: str, heat: Driven, open_page: Any) -> None:
    page, found, shots = open_page("about:blank", reduced_motion="reduce"), [], os.environ.get("TRACKD_SHOTS")
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    for kind, address in pages(heat).items():
        assert page.goto(address).status == 200
        page.evaluate("() => document.fonts.ready")
        found += [f"{kind}: wider than the screen: {each}" for each in page.evaluate(TOO_WIDE)]
        found += [f"{kind}: {each}, less than 24" for each in page.evaluate(TOO_SMALL, 24)]
        for theme, rules in RULES.items():
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            found += [f"{kind}, {theme}: {wrong['id']}: {wrong['help']}: {node['target']}"
                      for wrong in Axe().run(page, options=rules).response["violations"] for node in wrong["nodes"]]
            if shots:
                page.screenshot(path=Path(shots) / f"lap-{kind}-{size}-{theme}.png", full_page=True)
    assert not found, "\n".join(found)


def test_e3_one_cursor_goes_through_curves_and_map_by_key_and_by_pointer(heat: Driven, open_page: Any) -> None:
    page = open_page(pages(heat)["two"])
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    for key, metres in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Shift+ArrowRight", 11), ("PageUp", 36)):
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuenow", str(metres))
    expect(page.locator("#readout")).to_contain_text("36 m")
    before = page.locator("#map .dot.fa").get_attribute("cx")
    page.keyboard.press("End")
    most = slider.get_attribute("aria-valuemax")
    expect(slider).to_have_attribute("aria-valuenow", most)
    lost_s = (best(heat, "1")["time_us"] - best(heat, "2")["time_us"]) / 1e6
    expect(page.locator("#readout")).to_contain_text(f"{lost_s:+.2f}".replace("-", "−"))
    assert page.locator("#map .dot.fa").get_attribute("cx") != before
    curve = page.locator("#speed").bounding_box()
    page.mouse.move(curve["x"] + 44 + (curve["width"] - 54) / 2, curve["y"] + 60)
    expect(slider).to_have_attribute("aria-valuenow", str(round(int(most) / 2)))
    spot = page.locator("#map .dot.fb").bounding_box()
    page.keyboard.press("Home")
    page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    assert abs(int(slider.get_attribute("aria-valuenow")) - int(most) / 2) <= 3


def test_e2_four_laps_of_a_minute_at_10_hz_are_drawn_within_a_second(box: Box, open_page: Any) -> None:
    box.call(box.appliance.save_layout(geojson_of(LAYOUT), "Timo"))
    laps = []
    for kart in range(1, 5):
        trace, _ = laps_of(kart, 3, 10, np.linspace(17.5, 19, 3))

        async def receive(data: bytes = dovex(trace, UTC_US + kart), name: str = f"{kart}.dovex") -> str:
            recording, _ = await box.appliance.recordings.receive(data, name, "upload", "Timo")
            await box.appliance.recordings.settled(recording)
            return recording
        told = httpx.get(f"{box.address}/api/v1/recordings/{box.call(receive())}").json()["laps"]
        laps.append(of_lap(told, 2))
    assert all(59e6 < lap["time_us"] < 63e6 for lap in laps)
    page, took = open_page("about:blank"), []
    for _ in range(3):                                     # the machine may be busy once
        since = time.perf_counter()
        page.goto(f"{box.address}/laps/{laps[0]['id']}?" + "&".join(f"with={lap['id']}" for lap in laps[1:]))
        page.locator("#delta .l").nth(2).wait_for()
        took.append(time.perf_counter() - since)
    for letter in "abcd":
        assert page.locator(f"#map .l.{letter}").evaluate("(path) => path.getTotalLength()") > 500
        assert page.locator(f"#speed .l.{letter}").count() == 1
    assert min(took) < 1


def test_on_a_phone_the_form_for_another_lap_fits_and_clears_no_rule(heat: Driven, open_page: Any) -> None:
    for kind, address in pages(heat).items():
        page = open_page(address, viewport={"width": 390, "height": 844})
        if kind != "four":
            page.get_by_text("Add a lap").click()
            box = page.get_by_role("button", name="Lay it over").bounding_box()
            assert 0 <= box["x"] < box["x"] + box["width"] <= 390
            assert page.evaluate(TOO_WIDE) == []
            assert Axe().run(page, options=RULES["light"]).response["violations"] == []


def test_laps_are_added_and_taken_out_and_each_has_its_own_line(heat: Driven, open_page: Any) -> None:
    page = open_page(pages(heat)["alone"])
    for count in (2, 3, 4):
        page.get_by_text("Add a lap").click()
        options = page.locator("#with option")
        choice = options.nth(0 if count == 2 else options.count() - 1)
        page.get_by_label("Lap of the same layout").select_option(choice.get_attribute("value"))
        page.get_by_role("button", name="Lay it over").click()
        expect(page.locator(".lapchip")).to_have_count(count)
    expect(page.get_by_text("Add a lap")).to_have_count(0)
    for letter in "abcd":
        expect(page.locator(f"#speed .l.{letter}")).to_have_count(1)
        expect(page.locator(f"#map .l.{letter}")).to_have_count(1)
    assert len({page.locator(f"#speed .l.{letter}").evaluate(DRAWN) for letter in "abcd"}) == 4
    expect(page.locator("#delta .l")).to_have_count(3)
    page.get_by_role("link", name="Take").first.click()
    expect(page.locator(".lapchip")).to_have_count(3)


def test_on_paper_it_is_drawn_for_the_paper(heat: Driven, open_page: Any) -> None:
    page = open_page(pages(heat)["four"])
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#speed").get_attribute("viewBox").startswith("0 0 700 ")
    expect(page.get_by_text("Add a lap")).to_be_hidden()
    shots = os.environ.get("TRACKD_SHOTS")
    if shots:
        page.set_viewport_size({"width": 700, "height": 1000})
        page.screenshot(path=Path(shots) / "lap-print.png", full_page=True)
        page.pdf(path=Path(shots) / "lap.pdf", format="A4")
