"""A real browser against the real appliance with an emulated decoder, both in a thread of the test's own."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trackd.app import serve
from trackd.config import Link, Server, Settings, Venue
from trackd.emulator.decoder import DecoderEmulator
from trackd.services.appliance import Appliance

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
ARGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-gpu"]
NAME, PIN = "Renata", "4711"
WAIT_S = 20
STORED_S = 1.0
"""A crossing is waited for at most this long: a decoder that was unplugged this moment is still taken for heard."""

# What a browser itself notes while the box is off, and when an order is refused on purpose.
EXPECTED = ("ERR_CONNECTION", "ERR_INCOMPLETE", "Failed to fetch", "network error", "409", "422")


class Box:
    """One venue: appliance on a port that stays the same over restarts, decoder beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.appliance: Appliance
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.decoder = self.call(self._decoder())
        self._until: asyncio.Event
        self._serving: Any = None

    async def _decoder(self) -> DecoderEmulator:
        decoder = DecoderEmulator("p3")
        self.decoder_port = await decoder.start()
        return decoder

    def call(self, work: Any) -> Any:
        """Run a coroutine in the venue's thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Switch the appliance on."""
        settings = Settings(venue=Venue("Kartbahn Lindenau", "Europe/Berlin"), server=Server(port=self.port),
                            links=(Link("start-finish", "p3", f"tcp://127.0.0.1:{self.decoder_port}"),))
        ready = threading.Event()

        def on_ready(appliance: Appliance, address: str) -> None:
            self.appliance, self.port = appliance, int(address.rpartition(":")[2])

            def look() -> None:            # a kart must not cross before the decoder is heard
                if any(status.state == "reading" for status in appliance.live.statuses.values()):
                    ready.set()

            appliance.live.hub.surroundings.append(look)
            look()

        async def run() -> None:
            self._until = asyncio.Event()
            await serve(self.folder, settings, on_ready, until=self._until)

        self._serving = asyncio.run_coroutine_threadsafe(run(), self.loop)
        assert ready.wait(WAIT_S), "the appliance did not come up"

    def stop(self) -> None:
        """Switch the appliance off."""
        self.loop.call_soon_threadsafe(self._until.set)
        self._serving.result(WAIT_S)

    def close(self) -> None:
        """End everything."""
        if not self._serving.done():
            self.stop()
        self.call(self.decoder.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()

    def order(self, session_id: str, name: str, **args: Any) -> None:
        """An order as a second operator would give it."""
        self.call(self.appliance.order(session_id, name, args, "Timo"))

    def cross(self, transponder: str, at_s: float) -> None:
        """A kart over the line, ``at_s`` seconds after the decoder's start; stored, where the decoder is heard."""
        async def crossing() -> None:
            live = self.appliance.live
            before, heard = live.writer.storage.facts, any(s.state == "reading" for s in live.statuses.values())
            self.decoder.cross(transponder, round(at_s * 1_000_000))
            until = self.loop.time() + STORED_S
            while heard and live.writer.storage.facts == before and self.loop.time() < until:
                await asyncio.sleep(0.002)
        self.call(crossing())

    def karts(self, count: int) -> None:
        """Karts 1 to ``count``, wearing transponders 101 and up."""
        for number in range(1, count + 1):
            self.call(self.appliance.live.done(self.appliance.roster.save_kart(
                str(number), None, [str(100 + number)], new=True, by="test")))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A venue that runs, with one timekeeper."""
    venue = Box(tmp_path)
    venue.start()
    venue.appliance.staff.add_staff(NAME, "admin", PIN)
    yield venue
    venue.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for a module. No longer: playwright keeps an event loop running, and other tests bring their own."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: browser tests need `apt install chromium`")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_S * 1000)                # as long as a page may take: a machine under load is slow
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a page of its own context; any error in its console fails the test."""
    contexts, wrong = [], []

    def open_one(url: str, **options: Any) -> Any:
        context = chromium.new_context(viewport=options.pop("viewport", {"width": 1280, "height": 800}), **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_S * 1000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text)
                if message.type == "error" and not any(each in message.text for each in EXPECTED) else None)
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not wrong, wrong


def arrived(page: Any, selector: str) -> None:
    """A link or a form led to the page with this element, and keys are heard: scripts run after its elements are there."""
    page.wait_for_selector(selector)
    page.wait_for_load_state()


def sign_in(page: Any) -> None:
    """Name and PIN."""
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("PIN").fill(PIN)
    page.get_by_role("button", name="Sign in").click()
    arrived(page, "#band")
