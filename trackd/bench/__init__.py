"""`trackd bench`: the README's performance table, measured here and now, load generator and appliance on one machine."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from trackd.bench import cycle, edit, figures, frames, live, recordings, soak, start, stored, wire
from trackd.bench.figures import Figure
from trackd.core.errors import BadInput, Fault

Measure = Callable[..., Awaitable[list[Figure]]]

FIGURES: dict[str, Measure] = {
    "live": live.steady, "rush": live.rush, "decode": wire.decode, "start": start.start, "pages": stored.pages,
    "edit": edit.edit, "rebuild": stored.fold, "gps": recordings.pure, "reading": recordings.beside,
    "cycle": cycle.cycle, "frames": frames.frames, "soak": soak.soak,
}
"""What can be asked for by name, in the order of the table."""

ONLY_WHEN_NAMED = frozenset({"frames", "soak"})
"""One needs a browser, one half an hour."""


def run(as_json: bool, quick: bool, only: list[str] | None) -> int:
    """Measure and print. Always 0: a missed target is a result, not a failure. Raises BadInput for an unknown name."""
    unknown = [name for name in only or () if name not in FIGURES]
    if unknown:
        raise BadInput(*(Fault("only", f"'{name}' is not one of {', '.join(FIGURES)}") for name in unknown))
    names = [name for name in FIGURES if (name in only if only else name not in ONLY_WHEN_NAMED)]
    folder = Path(tempfile.mkdtemp(prefix="trackd-bench-"))
    try:
        where = figures.machine(folder)
        found = uvloop.run(_measure(names, folder, quick=quick))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write((figures.as_json if as_json else figures.as_table)(found, where) + "\n")
    return 0


async def _measure(names: list[str], folder: Path, *, quick: bool) -> list[Figure]:
    found: list[Figure] = []
    for index, name in enumerate(names):
        _say(f"[{index + 1}/{len(names)}] {name} ...")
        began = time.perf_counter()
        found += await FIGURES[name](folder / name, quick=quick)
        shutil.rmtree(folder / name, ignore_errors=True)
        _say(f" {time.perf_counter() - began:.0f} s\n")
    return found


def _say(words: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(words)
        sys.stderr.flush()

