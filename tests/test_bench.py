"""`trackd bench` measures what it says: nothing here is timed, only counted."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from trackd.bench import FIGURES, run, stored
from trackd.bench.crowd import Crowd, Screen
from trackd.bench.figures import Figure, Spread, as_table
from trackd.bench.live import Load, run_load
from trackd.bench.race import race
from trackd.bench.soak import run_soak, soak
from trackd.core.errors import BadInput, Refused
from trackd.core.records import Passing
from trackd.protocols.p3 import Codec
from trackd.services.rebuild import check, rebuild


def test_a_percentile_is_the_duration_that_so_many_do_not_exceed() -> None:
    spread = Spread()
    for ms in range(1, 101):
        spread.add(ms / 1000 - 0.00005)
    assert spread.percentile_ms(50) == pytest.approx(50)
    assert spread.percentile_ms(99) == pytest.approx(99)
    assert Spread().percentile_ms(50) == float("inf")


def test_the_table_says_which_target_was_missed() -> None:
    table = as_table([Figure("one", "<= 1", "2", ok=False), Figure("two", "<= 2", "1", ok=True)], "a machine")
    assert [line.rsplit("|", 2)[1].strip() for line in table.splitlines()[2:4]] == ["missed", "ok"]


async def _measured(name: str, folder: Path) -> list[Figure]:
    return await FIGURES[name](folder, quick=True)


def test_frames_are_not_made_up_where_there_is_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="install chromium"):
        asyncio.run(_measured("frames", tmp_path))


def test_a_race_is_decodable_and_every_kart_crosses_once_a_round_in_the_order_of_time() -> None:
    sent = race(7, 70, rtc_us=1_700_000_000_000_000)
    found = Codec().receive(b"".join(each.frame for each in sent))
    passings = [frame for frame in found if isinstance(frame, Passing)]
    assert [p.passing_number for p in passings] == list(range(1, 71))
    assert all(a.rtc_time_us < b.rtc_time_us for a, b in pairwise(passings))
    everyone = [(str(kart + 1), lap) for kart in range(7) for lap in range(10)]
    assert sorted((each.kart, each.lap) for each in sent) == sorted(everyone)


def test_a_screen_counts_a_passing_when_its_lap_or_a_later_one_is_shown_however_the_bytes_arrive() -> None:
    crowd = Crowd(0)
    crowd.sent_at = {"7": [0.0, 0.0, 0.0, 0.0]}
    row = (b'data: <li id="row-7" data-hit><span class="plate">7</span>\n'
           b'data: <span>%d laps \xc2\xb7 last 20.001</span></li>\n\n')
    screen = Screen(crowd)
    crowd.screens.append(screen)
    for byte in b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"".join(
            b"%x\r\n%b\r\n" % (len(row % laps), row % laps) for laps in (2, 2)):
        screen.data_received(bytes((byte,)))
    assert (screen.shown, crowd.delays.count) == ({"7": 2}, 2)
    assert asyncio.run(crowd.settle(within_s=0)) == 1


def test_under_a_small_load_every_passing_is_stored_once_and_shown_on_every_screen(tmp_path: Path) -> None:
    result = asyncio.run(run_load(tmp_path / "venue", Load(karts=4, screens=3, per_s=40, seconds=1)))
    assert (result.wrong, result.unseen) == (0, 0)
    assert result.p99_ms < float("inf")


def test_descriptors_stay_where_they_are_over_a_short_soak(tmp_path: Path) -> None:
    _, descriptors = asyncio.run(run_soak(tmp_path / "venue", 6.0))
    assert len(descriptors) > 2
    assert descriptors[0] == descriptors[-1]


@pytest.mark.soak
def test_memory_and_descriptors_stay_where_they_are_over_a_long_soak(tmp_path: Path) -> None:
    figures = asyncio.run(soak(tmp_path / "venue", quick=False))
    assert [figure.measured for figure in figures if not figure.ok] == []


def test_the_made_up_past_is_a_journal_from_which_its_rows_follow(tmp_path: Path) -> None:
    facts = stored.fill(tmp_path, 1000, derive=True)
    assert check(tmp_path).differences == []
    assert rebuild(tmp_path) == facts


def test_a_named_figure_is_measured_alone_and_given_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(as_json=True, quick=True, only=["decode"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert [figure["name"] for figure in figures] == ["P3 decode, checksums checked"]
    assert "wrong" not in figures[0]["measured"]


def test_the_whole_way_of_a_recording_is_measured_from_the_pairing_to_its_verified_laps(tmp_path: Path) -> None:
    figure, = asyncio.run(_measured("cycle", tmp_path))
    assert 0 < float(figure.measured.removesuffix(" s")) < 30


def test_an_unknown_figure_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadInput, match="soak"):
        run(as_json=False, quick=True, only=["nothing"])
    assert "soak" in FIGURES
