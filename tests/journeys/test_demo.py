"""The demo as a newcomer meets it: a venue that runs by itself, the same laps whenever the seed is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

WAIT_S = 60


def start(stack: ExitStack, folder: Path, seed: int) -> str:
    """A demo a hundred times as fast; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trackd", "demo", "--data", folder, "--port", "0", "--speed", "100", "--seed", str(seed),
         "--json"], stdout=subprocess.PIPE, text=True)
    stack.enter_context(process)
    stack.callback(process.terminate)
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["address"])


def first_heat(address: str) -> dict[str, list[int]]:
    """Lap times by kart of the first heat, once it has a result."""
    with httpx.stream("GET", f"{address}/api/v1/stream", timeout=WAIT_S) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line[5:]).get("state") in ("provisional", "official"):
                break
    session: dict[str, Any] = httpx.get(f"{address}/api/v1/sessions").json()["items"][0]
    laps = defaultdict(list)
    for lap in httpx.get(f"{address}/api/v1/sessions/{session['id']}/laps").json()["items"]:
        laps[lap["kart"]].append(lap["time_us"])
    return laps


def test_two_demos_with_one_seed_drive_the_same_laps_and_another_seed_drives_others(tmp_path: Path) -> None:
    with ExitStack() as stack:
        addresses = [start(stack, tmp_path / name, seed) for name, seed in (("a", 7), ("b", 7), ("c", 8))]
        one, same, other = (first_heat(address) for address in addresses)
    assert len(one) == 12
    for kart, times in one.items():
        both = min(len(times), len(same[kart]))          # the flag may fall a lap apart: orders come in real time
        assert both >= 4
        assert times[:both] == same[kart][:both]
    assert one["1"][:4] != other["1"][:4]
    firsts = {lap: sorted(one, key=lambda kart, lap=lap: sum(one[kart][:lap])) for lap in (1, 4)}
    assert firsts[1] != firsts[4], "the standings change"
