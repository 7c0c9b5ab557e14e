"""The command line: exit codes, what goes to stdout and what to stderr, and never a traceback for what a person did."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from tests.journeys.conftest import Park, park
from tests.venues import a_heat
from trackd import __version__
from trackd.cli import VERBS, main
from trackd.core.records import Passing, Status
from trackd.protocols.registry import PROTOCOLS, open_station
from trackd.services.staff import Staff
from trackd.store.database import open_database

Said = tuple[int, str, str]
Trackd = Callable[..., Said]


@pytest.fixture
def trackd(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Trackd:
    """Run a verb in this process: exit code, stdout, stderr."""
    monkeypatch.delenv("TRACKD_DATA", raising=False)
    monkeypatch.setattr("trackd.log.configure", lambda *_, **__: None)     # of the whole process, and it outlives a test

    def run(*args: object, stdin: str | None = None) -> Said:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as error:
            code = int(error.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err
    return run


def refused(said: Said, *words: str) -> None:
    """Exit 1, nothing on stdout, and sentences on stderr that say so much."""
    code, out, err = said
    assert (code, out) == (1, ""), said
    assert all(line.startswith("trackd: ") for line in err.splitlines())
    assert all(word in err for word in words), err


def process(*args: object, data: bytes = b"", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """A verb as a process of its own."""
    return subprocess.run([sys.executable, "-m", "trackd", *map(str, args)], input=data, capture_output=True, timeout=60,
                          env={**os.environ, **(env or {})}, check=False)


# --- decode ---------------------------------------------------------------------------------------------------------------


def wire(protocol: str) -> tuple[bytes, list[Passing]]:
    """A status and three passings as a decoder sends them, noise between, the last cut short."""
    station = open_station(protocol)
    decoder = {"p3": "268307", "p98": "101", "chronelec": "STA", "node": "line"}.get(protocol)
    transponder = "691251"                       # six digits: Chronelec carries no more
    sent = [Passing(protocol, decoder, number if protocol not in ("tranx2", "chronelec") else None, transponder,
                    1_000_000 * number, boot="b1" if protocol == "node" else None) for number in (1, 2, 3)]
    frames = [station.passing(passing) for passing in sent]
    status = station.status(Status(protocol, decoder, sequence=9 if protocol in ("p98", "node") else None,
                                   boot="b1" if protocol == "node" else None))
    return status + b"".join(frames[:2]) + b"\x00\xff\x00\r\n" + frames[2] + frames[0][:-3], sent


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_decode_gives_one_object_a_line_for_every_byte_of_a_recording(trackd: Trackd, tmp_path: Path, protocol: str,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    data, sent = wire(protocol)
    file = tmp_path / "day.bin"
    file.write_bytes(data)
    code, out, err = trackd("decode", "--protocol", protocol, file)
    assert (code, err) == (0, "")
    objects = [json.loads(line) for line in out.splitlines()]
    passings = [each for each in objects if each["kind"] == "passing"]
    assert [(p["transponder"], p.get("passing_number"), p.get("decoder_id")) for p in passings] == [
        (p.transponder, p.passing_number, p.decoder_id) for p in sent]
    assert all(p["protocol"] == protocol and isinstance(p["rtc_time_us"], int) and None not in p.values() for p in passings)
    assert [each["kind"] for each in objects if each["kind"] in ("status", "passing")][-3:] == ["passing"] * 3
    rejected = [each for each in objects if each["kind"] == "rejected"]
    assert len(rejected) >= 2
    for each in rejected:
        assert each["reason"] in ("checksum", "length", "escape", "noise", "overflow", "syntax")
        lost = bytes.fromhex(each["bytes"])
        assert data[each["offset"]:each["offset"] + len(lost)] == lost
    with file.open("rb") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert trackd("decode", "--protocol", protocol, "-", "--json") == (0, out, "")


def test_decode_takes_a_pipe_that_nobody_reads_to_the_end(tmp_path: Path) -> None:
    file = tmp_path / "day.bin"
    file.write_bytes(wire("p3")[0] * 2000)
    with subprocess.Popen([sys.executable, "-m", "trackd", "decode", "--protocol", "p3", str(file)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as decode:
        assert decode.stdout is not None
        assert decode.stderr is not None
        assert json.loads(decode.stdout.readline())["kind"] == "status"
        decode.stdout.close()
        assert decode.stderr.read() == b""
        assert decode.wait(30) == 1


def test_decode_says_what_it_cannot_read(trackd: Trackd, tmp_path: Path) -> None:
    refused(trackd("decode", "--protocol", "p3", tmp_path / "gone.bin"), "gone.bin")
    refused(trackd("decode", "--protocol", "p3", tmp_path), "no capture")
    bad = tmp_path / "bad.hex"
    bad.write_text("8e02\nzz\n")
    code, _, err = trackd("decode", "--protocol", "p3", bad)
    assert (code, "2" in err, err.count("\n")) == (1, True, 1)


# --- wrong usage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [
    (), ("fly",), ("decode",), ("decode", "--protocol", "morse", "x"), ("decode", "--protocol", "p3"),
    ("run", "--port", "70000"), ("run", "--port", "http"), ("demo", "--karts", "0"), ("demo", "--port", "-1"),
    ("staff",), ("staff", "add"), ("staff", "add", "Ada"), ("token", "add", "till"), ("rebuild", "now"),
    ("emulate",), ("emulate", "decoder"), ("emulate", "decoder", "--protocol", "p3"),
    ("emulate", "decoder", "--protocol", "p3", "--listen", "127.0.0.1:0"),
    ("emulate", "decoder", "--protocol", "p3", "--listen", "127.0.0.1:0", "--capture", "a", "--scenario", "b"),
    ("emulate", "decoder", "--protocol", "p3", "--listen", "5403", "--capture", "a"),
    ("emulate", "decoder", "--protocol", "p3", "--listen", "127.0.0.1:99999", "--capture", "a"),
    ("emulate", "decoder", "--protocol", "p3", "--listen", "127.0.0.1:0", "--capture", "a", "--speed", "fast"),
], ids=" ".join)
def test_wrong_usage_is_exit_2_with_the_usage_on_stderr(trackd: Trackd, args: tuple[str, ...]) -> None:
    code, out, err = trackd(*args)
    assert (code, out) == (2, "")
    assert err.startswith("usage: trackd")


def test_version_and_help_go_to_stdout(trackd: Trackd) -> None:
    assert trackd("--version") == (0, f"trackd {__version__}\n", "")
    code, out, _ = trackd("--help")
    assert code == 0
    assert all(f"\n    {verb} " in out for verb in VERBS)
    assert process("--version").stdout.decode() == f"trackd {__version__}\n"


def test_emulate_says_what_is_wrong_with_what_it_is_given(trackd: Trackd, tmp_path: Path) -> None:
    emulate = ("emulate", "decoder", "--protocol", "p3", "--listen", "127.0.0.1:0")
    refused(trackd(*emulate, "--capture", tmp_path / "gone.bin"), "gone.bin")
    refused(trackd(*emulate, "--scenario", tmp_path / "gone.toml"), "gone.toml")
    (tmp_path / "day.bin").write_bytes(wire("p3")[0])
    refused(trackd(*emulate, "--capture", tmp_path / "day.bin", "--fault", "gremlins"), "gremlins")
    refused(trackd(*emulate, "--capture", tmp_path / "day.bin", "--speed", "-1"), "speed")
    refused(trackd(*emulate, "--capture", tmp_path / "day.bin", "--speed", "nan"), "speed")


# --- people and programs --------------------------------------------------------------------------------------------------


def test_staff_and_tokens_are_made_before_the_first_run(trackd: Trackd, tmp_path: Path) -> None:
    data = tmp_path / "new" / "venue"
    code, out, err = trackd("staff", "add", "Ada Lovelace", "--role", "admin", "--data", data, stdin="4711\n")
    assert (code, out, err) == (0, "Ada Lovelace is admin now.\n", "")
    code, out, err = trackd("token", "add", "till", "--role", "read", "--data", data)
    assert (code, err, out.count("\n")) == (0, "", 1)
    token = out.strip()
    assert token.startswith("trk_")
    code, out, err = trackd("token", "add", "till", "--role", "admin", "--data", data, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["name"], told["role"]) == ("till", "admin")
    with closing(open_database(data)) as db:
        staff = Staff(db)
        assert staff.login("Ada Lovelace", "4711", "test")
        assert [staff.check_token(each).role for each in (token, told["token"])] == ["read", "admin"]
        assert staff.setup_code() is None
    refused(trackd("staff", "add", "Ada Lovelace", "--role", "desk", "--data", data, stdin="4711\n"), "Ada Lovelace")
    refused(trackd("staff", "add", "Eve", "--role", "king", "--data", data, stdin="1\n"), "role", "pin", "marshal")
    refused(trackd("staff", "add", "Eve", "--role", "desk", "--data", data, stdin=""), "pin")
    refused(trackd("token", "add", "till", "--role", "marshal", "--data", data), "role", "timekeeper")


def test_a_token_made_beside_a_running_appliance_is_taken_at_once(trackd: Trackd, tmp_path: Path) -> None:
    async def test() -> None:
        async with park(tmp_path) as venue, httpx.AsyncClient(base_url=venue.address) as http:
            code, out, _ = await asyncio.to_thread(trackd, "token", "add", "till", "--role", "timekeeper", "--data",
                                                   tmp_path)
            assert code == 0
            answer = await http.post("/api/v1/karts", json={"number": "7"},
                                     headers={"Authorization": f"Bearer {out.strip()}"})
            assert answer.status_code == 201
            code, _, err = await asyncio.to_thread(trackd, "rebuild", "--data", tmp_path)
            assert (code, "runs on" in err) == (1, True)
            assert (await asyncio.to_thread(trackd, "rebuild", "--check", "--data", tmp_path))[0] == 0
            code, out, _ = await asyncio.to_thread(trackd, "check", "--data", tmp_path)
            assert (code, "appliance: It runs." in out) == (0, True)
    uvloop.run(test())


@pytest.mark.parametrize("verb", [("staff", "add", "A", "--role", "admin"), ("token", "add", "A", "--role", "admin"),
                                  ("rebuild",), ("rebuild", "--check"), ("run", "--port", "0"), ("demo", "--port", "0")],
                         ids=" ".join)
@pytest.mark.parametrize("place", ["a file", "not a database", "no folder"])
def test_a_data_folder_that_is_none_is_said_in_words(trackd: Trackd, tmp_path: Path, verb: tuple[str, ...],
                                                     place: str) -> None:
    data = tmp_path / "venue"
    if place == "a file":
        data.write_text("x")
    elif place == "no folder":
        data = Path("/proc/nothing/venue")
    else:
        data.mkdir()
        (data / "trackd.db").write_bytes(b"no database" * 100)
    refused(trackd(*verb, "--data", data, stdin="4711\n"), str(data))
    if place == "not a database":
        assert (data / "trackd.db").read_bytes() == b"no database" * 100


# --- rebuild and check ----------------------------------------------------------------------------------------------------


async def a_day(folder: Path) -> None:
    async with park(folder) as venue:
        assert isinstance(venue, Park)
        await a_heat(venue)


def test_rebuild_proves_and_mends_what_is_derived(trackd: Trackd, tmp_path: Path) -> None:
    refused(trackd("rebuild", "--data", tmp_path), "no venue")
    refused(trackd("rebuild", "--check", "--json", "--data", tmp_path), "no venue")
    uvloop.run(a_day(tmp_path))
    code, out, err = trackd("rebuild", "--check", "--json", "--data", tmp_path)
    facts = json.loads(out)["facts"]
    assert (code, err, json.loads(out)["differences"]) == (0, "", [])
    assert facts > 10
    with closing(open_database(tmp_path)) as db:
        db.execute("UPDATE laps SET time_us = time_us - 1 WHERE number = 2")
    code, out, err = trackd("rebuild", "--check", "--data", tmp_path)
    assert (code, "1 differences" in out, err.startswith("trackd: ")) == (1, True, True)
    code, out, err = trackd("rebuild", "--check", "--json", "--data", tmp_path)
    assert (code, len(json.loads(out)["differences"])) == (1, 1)
    code, out, err = trackd("rebuild", "--json", "--data", tmp_path)
    assert (code, json.loads(out), err) == (0, {"facts": facts}, "")
    assert trackd("rebuild", "--check", "--data", tmp_path)[0] == 0


def test_check_tells_all_in_words_and_fails_only_on_what_fails(trackd: Trackd, tmp_path: Path) -> None:
    config = tmp_path / "trackd.toml"
    config.write_text('[[links]]\nname = "line"\nprotocol = "p3"\nurl = "tcp://127.0.0.1:5403"\nrole = "start_finish"\n')
    data = tmp_path / "venue"
    code, out, err = trackd("check", "--data", data, "--config", config)
    assert (code, err) == (0, "")
    assert all(f" {name}: " in out for name in ("appliance", "database", "storage", "clock", "link line"))
    assert not data.exists()                                     # a look changes nothing
    data.mkdir()
    (data / "trackd.db").write_bytes(b"no database" * 100)
    code, out, err = trackd("check", "--json", "--data", data, "--config", config)
    told = {check["name"]: check["status"] for check in json.loads(out)["checks"]}
    assert (code, err, told["database"]) == (1, "", "failing")


@pytest.mark.parametrize("verb", ["run", "check"])
def test_every_fault_of_a_configuration_is_told_at_once(trackd: Trackd, tmp_path: Path, verb: str) -> None:
    config = tmp_path / "trackd.toml"
    config.write_text('[venue]\ntimezone = "Mars/Olympus"\ncolour = "red"\n'
                      '[[links]]\nname = "line"\nprotocol = "morse"\nurl = "carrier-pigeon"\n[server]\nport = "x"\n')
    said = trackd(verb, "--data", tmp_path / "venue", "--config", config, "--json")
    refused(said, "Mars/Olympus", "colour", "morse", "pigeon", "port")
    assert len(said[2].splitlines()) >= 5
    refused(trackd(verb, "--data", tmp_path / "venue", "--config", tmp_path / "gone.toml"), "gone.toml")
    assert not (tmp_path / "venue").exists()


def test_run_says_when_its_port_or_its_folder_is_taken(trackd: Trackd, tmp_path: Path) -> None:
    async def test() -> None:
        async with park(tmp_path / "one") as venue:
            port = venue.address.rpartition(":")[2]
            said = await asyncio.to_thread(trackd, "run", "--data", tmp_path / "two", "--port", port)
            refused(said, port, "in use")
            refused(await asyncio.to_thread(trackd, "run", "--data", tmp_path / "one", "--port", "0"), "runs on")
            refused(await asyncio.to_thread(trackd, "run", "--data", tmp_path / "two", "--host", "no.such.host.invalid",
                                            "--port", "0"), "no.such.host.invalid")
    uvloop.run(test())


def test_demo_refuses_a_venue_it_did_not_make(trackd: Trackd, tmp_path: Path) -> None:
    open_database(tmp_path).close()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    refused(trackd("demo", "--data", tmp_path, "--port", "0"), "real venue")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    refused(trackd("demo", "--port", "0", "--speed", "0"), "--speed")


def test_run_tells_programs_where_it_is_and_ends_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trackd", "run", "--json", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "TRACKD_DATA": str(tmp_path)}) as running:
        assert running.stdout is not None
        told: dict[str, Any] = json.loads(running.stdout.readline())
        assert told["address"].startswith("http://127.0.0.1:")
        assert len(told["setup_code"]) >= 10
        assert httpx.get(told["address"] + "/api/v1/health").json()["status"] == "ok"
        running.terminate()
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (0, b"")
    assert b"Traceback" not in err
    assert (tmp_path / "trackd.db").exists()
