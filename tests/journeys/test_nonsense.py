"""Nonsense over the API harms nobody, and open streams end with the appliance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Events, Park, park, until
from trackd.services.demo import LAYOUT

HEAT = {"name": "Heat 1", "format": "8m", "entries": [{"kart": "7", "driver": "Ada"}]}


async def problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """A refusal as RFC 9457 has it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    said = answer.json()
    assert said["status"] == status
    assert {"type", "title", "detail", "instance"} <= said.keys()
    for word in words:
        assert word in said["detail"]
    return said


async def ended(stream: Events) -> None:
    with pytest.raises(AssertionError, match="has ended"):
        await stream.next()


async def kart(venue: Park, number: str, *transponders: str) -> Any:
    return await venue.api("POST", "/karts", {"number": number, "transponders": transponders})


@pytest.mark.parametrize("body", [
    {"order": "join", "kart": "7", "driver": 5}, {"order": "bind", "kart": ["7"], "transponder": "1"}, {"order": 7}, {},
    {"order": "join"}, {"order": "bind", "kart": "7", "transponder": "1", "since": "ever"}, {"order": "fly"}])
def test_a_wrong_order_is_bad_input_and_the_next_one_works(run, tmp_path: Path, body: dict[str, Any]) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            await venue.heat({"7": "1007"}, format="8m")
            await problem(await venue.http.post(f"/api/v1/sessions/{venue.session}/orders", json=body), 422)
            assert (await venue.order("stage"))["state"] == "staged"
    run(calls)


@pytest.mark.parametrize("spoil", [
    {"min_lap_s": "18"}, {"min_lap_s": True}, {"max_lap_s": -1}, {"name": 7}], ids=str)
def test_a_layout_with_nonsense_is_refused_and_cannot_harm_a_session(run, tmp_path: Path, spoil: dict[str, Any]) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue:
            wrong = {**LAYOUT, "properties": {**LAYOUT["properties"], **spoil}}
            await problem(await venue.http.post("/api/v1/layouts", json=wrong), 422, next(iter(spoil)))
            for body in ({}, {"type": "FeatureCollection", "features": ["x", {"geometry": "y", "properties": []}]},
                         {"type": "FeatureCollection", "properties": [], "features": []}):
                await problem(await venue.http.post("/api/v1/layouts", json=body), 422)
            await kart(venue, "7", "1007")
            await venue.api("POST", "/sessions", HEAT)
    run(calls)


def test_a_switch_off_ends_open_streams_at_once(run, tmp_path: Path) -> None:
    async def calls() -> None:
        async with park(tmp_path) as venue, venue.stream() as stream:
            venue._off.set()
            await until(venue._serving.done)
            await ended(stream)
    run(calls)
