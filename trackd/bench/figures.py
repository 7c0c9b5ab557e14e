"""What was measured against what was promised, and how both are shown."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BUCKETS_PER_S = 10_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``ok`` says whether the target was met here and now."""

    name: str
    target: str
    measured: str
    ok: bool


class Spread:
    """Durations counted in buckets of 0.1 ms up to 20 s, so that millions of them cost no memory."""

    __slots__ = ("count", "counts")

    def __init__(self) -> None:
        self.counts = [0] * (20 * BUCKETS_PER_S)
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[min(int(seconds * BUCKETS_PER_S), len(self.counts) - 1)] += 1
        self.count += 1

    def percentile_ms(self, percent: float) -> float:
        """The duration that ``percent`` of all do not exceed, in milliseconds; infinite when there are none."""
        wanted, seen = self.count * percent / 100, 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return (bucket + 1) * 1000 / BUCKETS_PER_S
        return float("inf")


def machine(folder: Path) -> str:
    """What it was measured on, in one line."""
    path, kind = str(folder.resolve()), "unknown file system"
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    for _, place, name, *_ in sorted(mounts, key=lambda mount: len(mount[1])):
        if path == place or path.startswith(place.rstrip("/") + "/"):
            kind = name
    cpus = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (f"{cpus} cores ({platform.machine()}), Python {platform.python_version()}, data on {kind}, "
            f"load before {load:.1f}")


def as_table(figures: Sequence[Figure], where: str) -> str:
    """A Markdown table, as the README shows it."""
    lines = [("figure", "target", "measured here", ""), *((f.name, f.target, f.measured, "ok" if f.ok else "missed")
                                                          for f in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:], "", where])


def as_json(figures: Sequence[Figure], where: str) -> str:
    """The same for programs."""
    return json.dumps({"machine": where, "figures": [asdict(figure) for figure in figures]}, indent=2)
