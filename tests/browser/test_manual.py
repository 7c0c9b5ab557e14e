"""Every job of the manual is done once in a real browser; `make pictures` writes the manual's pictures meanwhile.

Without TRACKD_PICTURES the same is done and looked for, and no file is touched.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import NAME, Box, sign_in
from tests.browser.venue import ON, PEOPLE, counted, drive, make_heat
from trackd.emulator import course
from trackd.emulator.field import LINE, Field
from trackd.emulator.outing import outing
from trackd.emulator.solo_file import xrz
from trackd.services.recorded import laps_of
from trackd.services.recorded import recording as stored
from trackd.services.sessions import NewSession
from trackd.web.manual import JOBS
from trackd.web.render import assets

pytestmark = pytest.mark.browser

TAKING = bool(os.environ.get("TRACKD_PICTURES"))
FOLDER = assets("static") / "manual"
MOST_BYTES = 79_000
QUALITIES = (92, 86, 80, 72, 64)
MARGIN = 8
FROM_S = 10.0
DESK = {"width": 1280, "height": 800}
SCREENS = (("screens-pit", "/pit", DESK), ("screens-display", "/display/hall", {"width": 1280, "height": 720}),
           ("screens-phone", "/", {"width": 390, "height": 844}))


@dataclass
class Camera:
    """Takes the pictures of one page. ``taken`` and ``keys`` are what was seen on the way."""

    page: Any
    taken: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    def take(self, name: str, *parts: str, margin: int = 0, below: int = 0) -> None:
        """The part of the page that these elements fill together, else all of it, in pixels more. Each must be seen."""
        page = self.page
        for part in parts:
            expect(page.locator(part).first).to_be_visible()
        self.taken.add(name)
        self.look()
        if not TAKING:
            return
        page.mouse.move(0, 0)
        expect(page.locator("[data-hit]")).to_have_count(0)
        page.evaluate("() => { document.activeElement?.blur(); return document.fonts.ready; }")
        for part in parts:
            page.locator(part).first.scroll_into_view_if_needed()
        size = page.viewport_size
        boxes = [page.locator(part).first.bounding_box() for part in parts] or [{"x": 0, "y": 0, **size}]
        left, top = (max(0, min(box[at] for box in boxes) - margin) for at in ("x", "y"))
        right = min(size["width"], max(box["x"] + box["width"] for box in boxes) + margin)
        bottom = min(size["height"], max(box["y"] + box["height"] for box in boxes) + margin + below)
        top_of_page = page.evaluate("() => window.scrollY")
        clip = {"x": left, "y": top + top_of_page, "width": right - left, "height": bottom - top, "scale": 1}
        (FOLDER / f"{name}.webp").write_bytes(self._small(clip))

    def _small(self, clip: dict[str, float]) -> bytes:
        devtools = self.page.context.new_cdp_session(self.page)
        for quality in QUALITIES:
            shot = devtools.send("Page.captureScreenshot", {"format": "webp", "quality": quality, "clip": clip})
            picture = base64.b64decode(shot["data"])
            if len(picture) < MOST_BYTES:
                break
        devtools.detach()
        return picture

    def look(self) -> None:
        """Note the keys that act on this page now."""
        self.keys |= set(self.page.evaluate(
            "() => [...document.querySelectorAll('[aria-keyshortcuts], [data-key]')]"
            ".map((each) => each.getAttribute('aria-keyshortcuts') ?? 'panel ' + each.dataset.key)"))


Open = Callable[..., Any]


def race_control(box: Box, open_page: Open, karts: int = 24) -> Camera:
    """A timekeeper at the console of a venue with karts."""
    for number in range(1, karts + 1):
        box.call(box.appliance.live.done(box.appliance.roster.save_kart(
            str(number), None, [str(100 + number)], new=True, by=NAME)))
    page = open_page(box.address + "/console", color_scheme="light", reduced_motion="reduce")
    sign_in(page)
    return Camera(page)


def press(camera: Camera, *keys: str) -> None:
    for key in keys:
        camera.page.keyboard.press(key)


def plate(camera: Camera, word: str) -> None:
    expect(camera.page.locator("#band .flag-plate b")).to_have_text(re.compile(word, re.IGNORECASE))


def close_panel(camera: Camera) -> None:
    press(camera, "Escape")
    expect(camera.page.locator("#panel")).to_be_hidden()


def catch_up(box: Box, heat: str, more_s: float = 0) -> None:
    """Karts drive faster here than time goes by: let the clock be where the last of them is, and so much further."""
    async def ahead() -> None:
        box.appliance.live.clock.ahead(box.appliance.live.shots[heat].heat.last_us + round(more_s * 1_000_000))
    box.call(ahead())


def crossing_s(place: int, number: int) -> float:
    """When the kart at this place of ``ON`` crosses for the n-th time, by the decoder's clock: as ``drive`` lets it."""
    laps = (38.1 + place * 0.113 + (lap * 7 + place * 5) % 9 * 0.147 for lap in range(number))
    return FROM_S + 4 + place * 0.7 + sum(laps)


def on_track(box: Box, camera: Camera, laps: int = 3) -> str:
    """A heat of twelve karts that has driven so many laps; its id."""
    heat = make_heat(box, "Heat 14", ON)
    for order in ("stage", "green"):
        box.order(heat, order)
    drive(box, heat, ON, FROM_S, laps)
    catch_up(box, heat)
    camera.page.goto(f"{box.address}/console/sessions/{heat}")
    expect(camera.page.locator("#row-7")).to_be_visible()
    return heat


def test_open_prepare_and_start_with_a_countdown(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page, 12)
    page = camera.page
    camera.take("open-race")
    box.call(box.appliance.live.done(box.appliance.roster.save_format(
        "Sprint", {"format": "8m", "ranking": "best_lap", "min_lap_s": 5}, NAME)[1]))
    page.get_by_role("link", name="New heat").first.click()
    page.get_by_label("Name", exact=True).fill("Heat 14")
    page.get_by_label("Format").select_option("Sprint")
    for kart, driver in zip(range(1, 10), PEOPLE, strict=False):
        page.locator(f"[name='driver:{kart}']").fill(driver)
    page.locator("#new").scroll_into_view_if_needed()
    page.evaluate("() => document.querySelector('#new').scrollIntoView()")
    camera.take("prepare-form", "#new")
    page.get_by_role("button", name="Make the heat").click()
    expect(page.locator("#next")).to_contain_text("Stage the heat")
    press(camera, "Space")
    plate(camera, "Staged")
    camera.take("start-staged", "#band")
    press(camera, "z")
    plate(camera, "Waiting")
    wanted = NewSession("Heat 15", [(kart, None) for kart in ("3", "7", "9")], fields={"format": "8m", "countdown_s": 60})
    heat = box.call(box.appliance.create_session(wanted, NAME))
    page.goto(f"{box.address}/console/sessions/{heat}")
    for word in ("Stage the heat", "Begin the countdown"):
        expect(page.locator("#next")).to_contain_text(word)
        press(camera, "Space")
    expect(page.locator("#abort")).to_be_visible()
    camera.take("start-countdown", "#band")
    press(camera, "x")
    expect(page.locator("#next")).to_contain_text("Begin the countdown")
    press(camera, "g")
    plate(camera, "Green")


def test_flags_a_restart_and_taking_it_back(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    on_track(box, camera)
    camera.take("start-green", "#band", "#live")
    press(camera, "y")
    plate(camera, "Yellow")
    camera.take("flags-yellow", "#band")
    press(camera, "g")
    plate(camera, "Green")
    press(camera, "r")
    plate(camera, "Red")
    expect(page.locator("#inbox .case")).to_contain_text("How to go on after red")
    camera.take("flags-red", ".stage")
    press(camera, "b")
    expect(page.locator("#panel h2")).to_contain_text("Restart the heat")
    camera.take("flags-restart", "#panel header", "#panel form", below=MARGIN)
    page.locator("#panel").get_by_role("button", name="Restart from zero").click()
    expect(page.locator("#panel")).to_be_hidden()
    plate(camera, "Staged")
    press(camera, "b")
    expect(page.locator("#panel")).to_contain_text("Bring attempt 1 back")
    close_panel(camera)
    press(camera, "z")
    plate(camera, "Red")
    expect(page.locator("#row-7 td.mid").first).to_have_text("3")
    press(camera, "g")
    plate(camera, "Green")


def test_karts_change_and_a_stranger_is_bound(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    on_track(box, camera, 1)
    press(camera, "k")
    page.locator("#panel [data-kart='7']").click()
    page.locator("#panel [data-kart='24']").click()
    expect(page.locator("#panel")).to_contain_text("From now on")
    camera.take("changes-swap", "#panel header", "#panel form", below=MARGIN)
    close_panel(camera)
    for at_s in (95, 134, 173):
        box.cross("5691251", at_s)
    case = page.locator(".case", has_text="5691251")
    expect(case).to_contain_text("3 passings")
    camera.take("changes-unknown", ".case:has-text('5691251')", margin=MARGIN)
    case.locator("select").select_option("6")
    case.get_by_role("button", name="Since the start").click()
    expect(case).to_have_count(0)


def test_a_lap_is_asked_why_a_missed_read_split_and_undone(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    heat = on_track(box, camera)
    for number in (4, 5):
        for place, kart in enumerate(ON):
            if (kart, number) != ("7", 4):                       # the loop does not hear kart 7 this time
                box.cross(str(100 + int(kart)), crossing_s(place, number))
    counted(box, heat, 12 * 5 - 1)
    catch_up(box, heat)
    case = page.locator(".case", has_text="read missed?")
    expect(case).to_contain_text("Split lap 4 in two")
    camera.take("laps-missed", ".case:has-text('read missed?')", margin=MARGIN)
    case.get_by_role("button", name="Split lap 4 in two").click()
    expect(case).to_have_count(0)
    camera.take("undo-toast", "#undo .toast")
    page.locator("#row-7 [data-why]").nth(1).click()
    expect(page.locator("#panel #lap-why")).to_be_visible()
    camera.take("laps-panel", "#panel")
    press(camera, "o")
    camera.look()
    close_panel(camera)
    page.goto(f"{box.address}/console/log?session={heat}")
    expect(page.locator(".log")).to_contain_text("split lap 4 of kart 7")
    page.keyboard.press("Control+z")
    expect(page.locator("body")).to_contain_text("Undone")
    page.reload()
    expect(page.locator(".log [data-undone]")).to_have_count(1)
    camera.take("undo-log", "main .panel")
    page.goto(f"{box.address}/console/sessions/{heat}")
    expect(page.locator(".case", has_text="read missed?")).to_have_count(1)


def test_an_incident_is_noted_and_answered_by_a_penalty(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    heat = on_track(box, camera, 2)
    for karts, text in ((["3", "12"], "Contact before the hairpin"), (["9"], "Cut the chicane twice")):
        box.order(heat, "incident", karts=karts, text=text)
    incidents = box.call(box.appliance.reading.notes(heat)).incidents
    box.order(heat, "penalty", kart="3", kind="time", value=5_000_000, reason="contact", incident=incidents[0].seq)
    press(camera, "p")
    page.locator("#panel [data-kart='9']").click()
    page.locator("#panel label", has_text="+5 s").click()
    expect(page.locator("#panel .foreseen")).not_to_be_empty()
    camera.take("penalties-form", "#panel")
    close_panel(camera)
    press(camera, "i")
    expect(page.locator("#panel .incident[data-done]")).to_contain_text("+5 s")
    camera.take("penalties-incident", "#panel .incident", "#panel .incident[data-done]", margin=MARGIN)


def test_the_decoder_is_lost_and_a_hand_times(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    heat = on_track(box, camera, 2)
    box.call(box.decoder.stop())
    expect(page.locator(".case[data-kind=bad]", has_text="Time by hand")).to_be_visible()
    camera.take("decoder-lost", ".stage")
    page.get_by_role("button", name="Time by hand").click()
    laps = page.locator("#row-7 td.mid").first
    before = int(laps.inner_text())
    catch_up(box, heat, crossing_s(0, 3) - crossing_s(11, 2))
    press(camera, "7", "Enter")
    expect(laps).to_have_text(str(before + 1))
    camera.take("decoder-taps", "#band", "#live", "#tiles")


def test_every_screen_and_the_end_official_and_amended(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    heat = on_track(box, camera)
    press(camera, "y")
    plate(camera, "Yellow")
    for name, path, size in SCREENS:
        page.set_viewport_size(size)
        page.goto(box.address + path)
        if name == "screens-pit":
            page.locator(".tile[data-kart='21']").click()
            expect(page.get_by_role("button", name="Swap kart")).to_be_visible()
        camera.take(name)
    page.set_viewport_size(DESK)
    page.goto(f"{box.address}/console/sessions/{heat}")
    press(camera, "c")
    plate(camera, "Finish")
    for place, kart in enumerate(ON[:9]):
        box.cross(str(100 + int(kart)), crossing_s(place, 4))
    expect(page.locator("#band .flag-plate")).to_contain_text("9 of 12 are in")
    catch_up(box, heat)
    page.reload()
    camera.take("end-draining", ".stage")
    for stamp in ("provisional", "official"):
        press(camera, "Space")
        expect(page.locator("#band .stamp")).to_have_text(stamp)
    page.goto(f"{box.address}/sessions/{heat}")
    camera.take("end-result", "main")
    page.get_by_label("Why open it again").fill("The protest of kart 12 was right")
    page.get_by_role("button", name="Amend").click()
    box.order(heat, "penalty", kart="7", kind="positions", value=1, reason="jumped the start")
    page.reload()
    page.get_by_role("button", name="Make it official").click()
    expect(page.locator(".stamp").first).to_contain_text(re.compile("amended", re.IGNORECASE))
    camera.take("amend-version", "main")


def test_two_tracks_run_side_by_side(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    wanted = NewSession("Juniors 3", [(kart, None) for kart in ("1", "5", "8")], track="small",
                        fields={"format": "6m", "ranking": "best_lap"})
    other = str(box.call(box.appliance.create_session(wanted, "Timo")))
    for order in ("stage", "green", "yellow"):
        box.order(other, order)
    on_track(box, camera, 1)
    camera.page.goto(box.address + "/console?track=main")
    expect(camera.page.locator("#tracks")).to_contain_text("Juniors 3")
    camera.take("tracks-strip", "#tracks", "#band")


def recorded(box: Box) -> str:
    """A heat of two karts on the track of the demo, what the Solo in kart 7 recorded of it, and one lap that was edited."""
    field = Field(seed=5, karts=2, lap_s=course.LAP_S, sectors=2, shares=course.shares(), pit_rate=0, spin_rate=0)
    box.call(box.appliance.save_layout(course.layout("Main"), NAME))
    heat = make_heat(box, "Heat 14", ON[:2])
    for order in ("stage", "green"):
        box.order(heat, order)
    passings, worn = list(field.passings(400)), dict(zip((each.transponder for each in field.entries), ON, strict=False))
    for each in passings:
        if each.loop == LINE:
            box.cross(str(100 + int(worn[each.transponder])), each.at_us / 1_000_000)
    box.order(heat, "shift_crossing", kart="3", lap=4, by_us=3000)
    found = outing([each for each in passings if worn[each.transponder] == "7"], seed="manual")
    data = xrz(found, box.appliance.live.clock.wall() - found.samples[-1].t_us, serial=500_417, vehicle="Kart 7")

    async def put_in() -> str:
        recording, _ = await box.appliance.recordings.receive(data, "a_0014.xrz", "upload", NAME)
        await box.appliance.recordings.settled(recording)
        return recording
    recording: str = box.call(put_in())
    for order in ("chequered", "finish", "confirm"):
        box.order(heat, order)
    return recording


def test_a_recording_its_layout_its_verified_laps_and_the_kiosk(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page = camera.page
    recording = recorded(box)
    page.goto(box.address + "/console/recordings")
    expect(page.locator(".recordings tbody tr")).to_contain_text("matched")
    camera.take("recordings-list", ".tabs", "form.drop", ".recordings", margin=MARGIN)
    page.get_by_role("link", name="a_0014.xrz").click()
    expect(page.locator("#main h1, .stage h1").first).to_contain_text("a_0014")
    camera.take("recordings-one")
    page.get_by_role("link", name="Draw a layout on it").click()
    expect(page.locator("#map .line")).to_have_count(3)
    page.locator("#map .line .grip").first.click(force=True)
    expect(page.locator("#chosen")).to_contain_text("Start")
    camera.take("layout-draw")
    page.goto(box.address + "/console/verify")
    expect(page.locator(".queue li")).to_have_count(2)
    camera.take("verify-queue", ".panel:has(.queue)", margin=MARGIN)
    page.goto(f"{box.address}/kiosk")
    camera.take("kiosk-start", ".kiosk > header", ".choices", below=24)
    page.goto(f"{box.address}/kiosk/recording/{recording}")
    expect(page.locator(".laps .tag").first).to_contain_text("Verified")
    camera.take("kiosk-found")
    lap = box.call(laps_of(box.appliance.reading, box.call(stored(box.appliance.reading, recording)).driven))[5]
    page.goto(f"{box.address}/laps/{lap.id}")
    camera.take("verify-why", ".panel:has(h2:has-text('why'))", margin=MARGIN)


def test_every_key_the_manual_names_acts_and_its_pages_are_clear_to_everybody(box: Box, open_page: Open) -> None:
    camera = race_control(box, open_page)
    page, heat = camera.page, make_heat(box, "Heat 14", ON)
    box.order(heat, "stage")
    box.order(heat, "countdown", seconds=60)
    expect(page.locator("#abort")).to_be_visible()
    camera.look()
    box.order(heat, "green")
    at_s = drive(box, heat, ON, FROM_S, 2)
    box.cross("107", at_s)
    box.cross("107", at_s + 3)                           # too soon: somebody may make it count
    expect(page.locator("#row-7 td.mid").first).to_have_text("3")
    camera.look()
    page.locator("#row-7 [data-why]").nth(1).click()
    expect(page.locator("#panel #lap-why")).to_be_visible()
    press(camera, "o")
    expect(page.locator("#panel #deed-2")).to_be_visible()
    camera.look()
    source = "".join((assets("templates") / "help" / f"{slug}.html").read_text(encoding="utf-8") for slug in JOBS)
    named = set(re.findall(r"<kbd>(.*?)</kbd>", source)) - {"Ctrl Z", "Ctrl Y", "Enter", "?"}
    assert named - camera.keys == set()
    assert {f"panel {key}" for key in re.findall(r'<kbd class="panel-key">(.*?)</kbd>', source)} - camera.keys == set()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_role("link", name="The manual").click()
    expect(page).to_have_url(re.compile("/help"))
    axe = Axe()
    for path in ("/help", "/help/orders", "/help/all"):
        page.goto(box.address + path)
        assert axe.run(page).response["violations"] == [], path
        pictures = page.evaluate("() => [...document.images].filter((each) => !each.naturalWidth).map((each) => each.src)")
        assert pictures == [], path
