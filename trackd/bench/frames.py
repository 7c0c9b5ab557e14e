"""What a timekeeper's eye sees: frames of race control while 40 karts cross and the list is scrolled all the time."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from trackd.bench.figures import Figure
from trackd.core.errors import Refused

LONGEST_MS = 100
WARM_UP_S = 10
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking")
GAPS = """(ms) => new Promise((done) => {
  const pane = document.querySelector("#live"), began = performance.now(), gaps = [];
  let last = began;
  const frame = () => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    pane.scrollTop = (Math.sin((now - began) / 700) + 1) / 2 * (pane.scrollHeight - pane.clientHeight);
    if (now - began < ms) requestAnimationFrame(frame); else done(gaps);
  };
  requestAnimationFrame(frame);
})"""
"""Scroll for so long; milliseconds from each frame to the next."""


async def frames(folder: Path, *, quick: bool) -> list[Figure]:
    """Race control of a demo with 40 karts at 8 times their speed, in a browser on this machine. Raises Refused without."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        path = None
    if path is None:
        raise Refused("Frames are seen in a browser: install chromium, and trackd with its [dev] extra.")
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trackd", "demo", "--data", str(folder), "--port", "0", "--speed", "8", "--karts", "40",
        "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    try:
        assert demo.stdout is not None
        told = json.loads(await demo.stdout.readline())
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=ARGS)
            gaps = await _gaps(browser, told, 3 if quick else 15)
            await browser.close()
    finally:
        demo.terminate()
        await demo.wait()
    long = sum(gap > LONGEST_MS for gap in gaps)
    what = f"race control, 40 karts at 8 times their speed, scrolled all the time: frames over {LONGEST_MS} ms"
    return [Figure(what, "none", f"{long} of {len(gaps)}, longest {max(gaps):.0f} ms", not long)]


async def _gaps(browser: Any, told: dict[str, Any], seconds: float) -> list[float]:
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.goto(f"{told['console']}/login")
    await page.fill("[name=name]", told["name"])
    await page.fill("[name=pin]", told["pin"])
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#live tbody tr")
    await asyncio.sleep(WARM_UP_S)                # by then most karts have laps
    gaps: list[float] = await page.evaluate(GAPS, seconds * 1000)
    return gaps
