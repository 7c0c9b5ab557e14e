"""The demo as a newcomer meets it: a venue that runs by itself, the same laps whenever the seed is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

WAIT_S = 60


def start(stack: ExitStack, folder: Path, seed: int, speed: int = 100) -> str:
    """A demo, a hundred times as fast; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trackd", "demo", "--data", folder, "--port", "0", "--speed", str(speed),
         "--seed", str(seed), "--json"], stdout=subprocess.PIPE, text=True)
    stack.enter_context(process)
    stack.callback(process.terminate)
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["address"])


def ask(address: str, path: str) -> Any:
    return httpx.get(f"{address}/api/v1{path}").json()


def first_heat(address: str, states: tuple[str, ...] = ("provisional", "official")) -> dict[str, list[int]]:
    """Lap times by kart of the first heat, once it has a result."""
    with httpx.stream("GET", f"{address}/api/v1/stream", timeout=WAIT_S) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line[5:]).get("state") in states:
                break
    session: dict[str, Any] = ask(address, "/sessions")["items"][0]
    laps = defaultdict(list)
    for lap in ask(address, f"/sessions/{session['id']}/laps")["items"]:
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
    firsts = {lap: sorted(one, key=lambda kart: sum(one[kart][:lap])) for lap in (1, 4)}
    assert firsts[1] != firsts[4], "the standings change"


def recordings(address: str) -> list[dict[str, Any]]:
    """The recordings of the first heat, by kart, once all are there and matched; looked for whenever anything happens."""
    with httpx.stream("GET", f"{address}/api/v1/stream", timeout=WAIT_S) as stream:
        for _ in chain([""], stream.iter_lines()):
            there = ask(address, "/recordings")["items"]
            if len(there) == 4 and all(each["state"] == "matched" for each in there):
                return sorted(there, key=lambda each: str(each["kart"]))
    raise AssertionError("the stream has ended")


def gps_laps(address: str, recording: str) -> tuple[list[int], list[str]]:
    """Times and ids of the full laps of a recording."""
    laps = [lap for lap in ask(address, f"/recordings/{recording}")["laps"] if lap["kind"] == "full"]
    return [lap["time_us"] for lap in laps], [lap["id"] for lap in laps]


def test_a_new_venue_has_driven_a_heat_before_anybody_can_wait_for_it_and_its_solos_have_come_in(tmp_path: Path) -> None:
    with ExitStack() as stack:
        address, other = (start(stack, tmp_path / name, 7, speed=1) for name in "ab")
        loop = first_heat(address, ("official",))
        session = ask(address, "/sessions")["items"][0]
        green, ended = (datetime.fromisoformat(session[name]) for name in ("green_at", "ended_at"))
        assert timedelta(minutes=5) <= ended - green < timedelta(minutes=7)
        assert timedelta(0) <= datetime.now(UTC) - ended < timedelta(minutes=2), "it was driven in seconds"
        there = recordings(address)
        assert [each["kart"] for each in there] == ["1", "2", "3", "4"]
        assert {(each["source"], each["format"], each["gps_hz"]) for each in there} == {("unit", "xrk", 10.0)}
        units = ask(address, "/units")["items"]
        assert [(each["name"], each["kart"]) for each in units] == [(f"Solo {kart}", kart) for kart in "1234"]
        by_gps = [gps_laps(address, each["id"]) for each in there]
        for each, (times, ids) in zip(there, by_gps, strict=True):
            assert len(loop[each["kart"]]) >= 6
            apart = [min(abs(time - own) for time in times) for own in loop[each["kart"]]]
            assert max(apart) < 100_000, "each lap of the loop is in the recording"
            page = httpx.get(f"{address}/laps/{ids[3]}").text
            assert "Verified: why" in page
            assert "Speed over distance" in page
        same = [gps_laps(other, each["id"])[0] for each in recordings(other)]
    for (times, _), others in zip(by_gps, same, strict=True):
        both = min(len(times), len(others))              # how long they go on differs by what real time makes of it
        assert both >= 5
        assert times[:both] == others[:both]
