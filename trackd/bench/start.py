"""Starting and standing by: seconds to the first answer, memory at rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

from trackd.bench.box import Box
from trackd.bench.figures import Figure
from trackd.bench.race import Decoder

PAGES = ("/", "/karts", "/help", "/display/hall", "/api/v1/health", "/api/v1/sessions")


async def start(folder: Path, *, quick: bool) -> list[Figure]:
    """The first start makes the database, the second finds it; the slower one counts."""
    decoder = Decoder()
    await decoder.start()
    took_s, memory_mb = [], []
    try:
        for _ in range(2 if quick else 4):
            with Box(folder, decoder.port) as box:
                took_s.append(box.first_answer_s)
                await asyncio.wait_for(decoder.connected.wait(), 10)
                for page in PAGES:
                    await asyncio.to_thread(box.get, page)
                await asyncio.sleep(2.5)
                memory_mb.append(box.memory_mb())
            decoder.connected.clear()
    finally:
        await decoder.stop()
    return [
        Figure("first answer after start", "<= 2.0 s", f"{max(took_s):.2f} s (new venue {took_s[0]:.2f} s, "
               f"again {min(took_s[1:]):.2f} s)", max(took_s) <= 2.0),
        Figure("idle memory", "<= 110 MB", f"{max(memory_mb):.0f} MB", max(memory_mb) <= 110),
    ]
