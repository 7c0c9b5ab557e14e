"""Every verb as people and scripts call it: exit codes, what stands on stdout, one sentence where it failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from trackd import cli
from trackd.core.records import Passing, Status
from trackd.protocols.registry import open_station
from trackd.services.staff import Staff
from trackd.store.database import open_database

ROOT = Path(__file__).parents[1]


def trackd(*args: object, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    """One run of the program, to its end."""
    done = subprocess.run([sys.executable, "-m", "trackd", *map(str, args)], capture_output=True, timeout=60, check=False,
                          input=stdin.encode() if isinstance(stdin, str) else stdin, cwd=ROOT)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def serving(*args: object) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A verb that stays, with the JSON line it begins with; killed if it does not end by itself."""
    with subprocess.Popen([sys.executable, "-m", "trackd", *map(str, args), "--json"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            if process.poll() is None:
                process.kill()


def get(address: str, path: str, token: str = "") -> Any:
    request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def fails(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """The sentence of a verb that exits with 1."""
    assert cli.main([*map(str, args)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    [line] = told.err.splitlines()
    return line.removeprefix("trackd: ")


def works(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    assert cli.main([*map(str, args)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return told.out


@pytest.mark.parametrize("args", [
    [], ["fly"], ["run", "--port", "x"], ["decode", "x"], ["decode", "--protocol", "p4", "x"], ["staff"], ["staff", "add"],
    ["token", "add", "x"], ["demo", "--karts", "0"], ["rebuild", "--all"], ["emulate"],
    ["emulate", "decoder", "--protocol", "p3", "--listen", "x:1"]])
def test_wrong_usage_is_2_with_a_hint_and_nothing_on_stdout(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "usage: trackd" in told.err


def test_every_verb_tells_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    for args in ([], *([verb] for verb in cli.VERBS)):
        with pytest.raises(SystemExit) as ended:
            cli.main([*args, "--help"])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert all(verb in told for verb in (args or cli.VERBS))


def test_staff_and_tokens_can_be_added_before_the_first_run(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    token = trackd("token", "add", "Scoreboard", "--role", "timekeeper", "--data", folder)
    assert token.returncode == 0
    assert token.stderr == ""
    assert token.stdout == token.stdout.split()[0] + "\n"                       # alone on stdout
    added = trackd("staff", "add", "Ada", "--role", "admin", "--data", folder, "--json", stdin="4711\n")
    assert (added.returncode, json.loads(added.stdout)) == (0, {"name": "Ada", "role": "admin"})
    with closing(open_database(folder)) as db:
        staff = Staff(db)
        assert staff.login("Ada", "4711", "test")
        found = staff.check_token(token.stdout.strip())
        assert found is not None
        assert (found.name, found.role) == ("Scoreboard", "timekeeper")


def test_wrong_people_are_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    assert "none of" in fails(capsys, "token", "add", "x", "--role", "king", "--data", tmp_path)
    assert "name" in fails(capsys, "token", "add", " ", "--role", "read", "--data", tmp_path)
    bad = trackd("staff", "add", "Ada", "--role", "admin", "--data", tmp_path, stdin="12\n")
    assert bad.returncode == 1
    assert "pin" in bad.stderr
    assert trackd("staff", "add", "Ada", "--role", "admin", "--data", tmp_path, stdin="4711\n").returncode == 0
    again = trackd("staff", "add", "Ada", "--role", "desk", "--data", tmp_path, stdin="4712\n")
    assert again.returncode == 1
    assert len(again.stderr.splitlines()) == 1
    (tmp_path / "file").write_text("")
    assert "cannot be" in fails(capsys, "token", "add", "x", "--role", "read", "--data", tmp_path / "file")


def test_json_may_stand_before_or_after_the_action_and_is_all_there_is(tmp_path: Path,
                                                                       capsys: pytest.CaptureFixture[str]) -> None:
    for args in (["token", "--json", "add", "a", "--role", "read"], ["token", "add", "a", "--role", "read", "--json"]):
        told = json.loads(works(capsys, *args, "--data", tmp_path))
        assert told["token"].startswith("trk_")
    assert {c["status"] for c in json.loads(works(capsys, "check", "--json", "--data", tmp_path))["checks"]} <= {
        "ok", "degraded"}
    assert json.loads(works(capsys, "rebuild", "--check", "--json", "--data", tmp_path)) == {"facts": 0, "differences": []}
    assert json.loads(works(capsys, "rebuild", "--json", "--data", tmp_path)) == {"facts": 0}


def test_check_and_rebuild_speak_in_words_also_where_there_is_nothing(tmp_path: Path,
                                                                      capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = tmp_path / "nowhere"
    assert "the first `trackd run` makes it" in works(capsys, "check", "--data", nowhere)
    assert not nowhere.exists()
    for args in (["rebuild"], ["rebuild", "--check"]):
        assert "There is no venue" in fails(capsys, *args, "--data", nowhere)
        assert not nowhere.exists()
    config = tmp_path / "trackd.toml"
    config.write_text("[venue]\nname = 7\n")
    assert "venue.name" in fails(capsys, "check", "--config", config, "--data", nowhere)
    assert str(config.with_name("no.toml")) in fails(capsys, "check", "--config", config.with_name("no.toml"))


def test_decode_gives_one_object_a_line_from_a_file_or_stdin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = open_station("p3")
    wire = b"".join((b"\x00noise", station.passing(Passing("p3", "268307", 7, "5691251", 1_542_551_542_000_000, 178, 52)),
                     station.status(Status("p3", "268307", {"noise": 39}))))
    path = tmp_path / "wire.bin"
    path.write_bytes(wire)
    told = [json.loads(line) for line in works(capsys, "decode", "--protocol", "p3", path).splitlines()]
    assert [each["kind"] for each in told] == ["rejected", "passing", "status"]
    assert told[0]["reason"] == "noise"
    assert told[1].items() >= {"decoder_id": "268307", "passing_number": 7, "transponder": "5691251", "strength": 178,
                               "rtc_time_us": 1_542_551_542_000_000, "hits": 52}.items()
    piped = trackd("decode", "--protocol", "p3", "-", stdin=wire)
    assert [json.loads(line) for line in piped.stdout.splitlines()] == told
    assert str(tmp_path / "none") in fails(capsys, "decode", "--protocol", "p3", tmp_path / "none")


def test_an_emulated_decoder_says_where_it_listens_and_ends_on_a_signal(tmp_path: Path,
                                                                        capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "one.toml"
    scenario.write_text('[[passings]]\nat_s = 0\ntransponder = "5691251"\n')
    args = ["emulate", "decoder", "--protocol", "p3", "--listen"]
    with serving(*args, "127.0.0.1:0", "--scenario", scenario) as (told, process):
        assert told["port"] > 0
        assert str(told["port"]) in fails(capsys, *args, f"127.0.0.1:{told['port']}", "--scenario", scenario)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "faults" not in fails(capsys, *args, "127.0.0.1:0", "--scenario", tmp_path / "none.toml")
    assert "earthquake" in fails(capsys, *args, "127.0.0.1:0", "--scenario", scenario, "--fault", "earthquake")


def test_run_serves_until_a_signal_and_a_token_made_meanwhile_works_at_once(tmp_path: Path,
                                                                            capsys: pytest.CaptureFixture[str]) -> None:
    with serving("run", "--port", "0", "--data", tmp_path) as (told, process):
        assert len(told["setup_code"]) == 10
        assert get(told["address"], "/api/v1/health")["status"] in ("ok", "degraded")
        token = works(capsys, "token", "add", "x", "--role", "read", "--data", tmp_path).strip()
        assert get(told["address"], "/api/v1/karts", token) == {"items": [], "next": None}
        assert "ok        appliance: It runs." in works(capsys, "check", "--data", tmp_path)
        assert works(capsys, "rebuild", "--check", "--data", tmp_path)
        assert f"process {process.pid}" in fails(capsys, "rebuild", "--data", tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
    assert "It does not run now." in works(capsys, "check", "--data", tmp_path)


def test_the_demo_shows_a_running_heat_and_leaves_nothing_behind(tmp_path: Path,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["TMPDIR"], before = str(tmp_path), os.environ.get("TMPDIR")
    try:
        with serving("demo", "--port", "0", "--karts", "3", "--speed", "20") as (told, process):
            assert {"address", "console", "name", "pin"} == told.keys()
            assert len(get(told["address"], "/api/v1/karts")["items"]) <= 3
            assert len(list(tmp_path.glob("trackd-demo-*"))) == 1
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in (0, -signal.SIGTERM)
        assert list(tmp_path.iterdir()) == []
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
    with closing(open_database(tmp_path / "real")):
        assert "holds a real venue" in fails(capsys, "demo", "--port", "0", "--data", tmp_path / "real")
    assert "--speed" in fails(capsys, "demo", "--port", "0", "--speed", "0", "--data", tmp_path / "new")
