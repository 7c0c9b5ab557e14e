"""Configuration: what is written is what counts, and whatever is wrong is said at once, by name."""

from __future__ import annotations

import json
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from trackd import log
from trackd.config import SETTINGS, Link, Settings, data_folder, load
from trackd.core.errors import BadInput, Fault

FULL = """
[venue]
name = "Demo Park"
timezone = "Europe/Rome"

[[links]]
name = "start-finish"
protocol = "p3"
url = "tcp://192.168.1.50:5403"
role = "start_finish"

[[links]]
name = "pits"
protocol = "chronelec"
url = "serial:///dev/ttyUSB0?baud=9600"
roles = { STA = "sector:1", BOX = "pit_in" }
track = "minis"

[recordings]
folder = "/media/races"
solos = "192.168.1.60, solo-7"

[cloud]
url = "https://cloud.example/v1"
schedule = "04:15"

[server]
host = "0.0.0.0"
port = 9000
read_login = true
capture_mb = 8
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trackd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(BadInput) as caught:
        load(written(tmp_path, text), env or {})
    return {fault.where: fault.what for fault in caught.value.faults}


def test_every_setting_of_the_file_arrives(tmp_path: Path) -> None:
    settings = load(written(tmp_path, FULL), {})
    assert (settings.venue.name, settings.venue.timezone) == ("Demo Park", "Europe/Rome")
    first, second = settings.links
    assert first == Link("start-finish", "p3", "tcp://192.168.1.50:5403", "start_finish")
    assert first.role_of("268307") == first.role_of(None) == "start_finish"
    assert [second.role_of(loop) for loop in ("STA", "BOX", "MAN", None)] == ["sector:1", "pit_in", None, None]
    assert (second.track, first.track) == ("minis", "main")
    assert (settings.cloud.url, settings.cloud.schedule) == ("https://cloud.example/v1", "04:15")
    assert (settings.recordings.folder, settings.recordings.targets) == (Path("/media/races"), ("192.168.1.60", "solo-7"))
    server = settings.server
    assert (server.host, server.port, server.read_login, server.capture_mb) == ("0.0.0.0", 9000, True, 8)


@pytest.mark.parametrize(("solos", "targets"), [("off", None), ("auto", "auto")])
def test_units_are_looked_for_only_where_somebody_wants_it(tmp_path: Path, solos: str,
                                                           targets: str | None) -> None:
    assert load(written(tmp_path, f'[recordings]\nsolos = "{solos}"'), {}).recordings.targets == targets
    assert load(None, {}).recordings.targets is None


def test_a_folder_is_a_whole_path_and_a_unit_has_an_address(tmp_path: Path) -> None:
    found = faults(tmp_path, '[recordings]\nfolder = "races"\nsolos = "192.168.1.60, -x-"')
    assert set(found) == {"recordings.folder", "recordings.solos"}
    assert '"-x-"' in found["recordings.solos"]


def test_without_a_file_the_defaults_count_and_they_are_those_documented() -> None:
    settings = load(None, {})
    assert settings == Settings()
    for setting in SETTINGS:
        section, _, key = setting.name.partition(".")
        if key and section != "links":
            value = getattr(getattr(settings, section), key)
            assert setting.default == {None: "", False: "false"}.get(value, str(value))


def test_the_documented_names_are_exactly_those_the_file_may_hold(tmp_path: Path) -> None:
    """Every key of FULL loads, any other is refused; so FULL's keys must be SETTINGS' names."""
    keys: set[str] = set()
    section = ""
    for line in FULL.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            keys.add(f"{section}.{line.split('=')[0].strip()}")
    assert keys == {setting.name for setting in SETTINGS if "." in setting.name}


def test_all_faults_are_reported_at_once_and_by_place(tmp_path: Path) -> None:
    found = faults(tmp_path, """
        [venue]
        timezone = "Europe"
        nam = "x"
        [[links]]
        name = "a"
        protocol = "p4"
        url = "tcp://host"
        role = "sector:0"
        [[links]]
        name = "a"
        protocol = "p3"
        url = "udp://host:1"
        role = "pit_in"
        roles = { "1" = "exit" }
        [[links]]
        protocol = 3
        [cloud]
        url = "http://cloud.example"
        schedule = "24:00"
        [server]
        port = true
        read_login = 1
        [extra]
    """, {"TRACKD_PORT": "70000"})
    assert set(found) == {
        "venue.timezone", "venue.nam", "links[0].protocol", "links[0].url", "links[0].role", "links[1].name",
        "links[1].url", "links[1].roles", "links[1].roles.1", "links[2].name", "links[2].protocol", "links[2].url",
        "cloud.url", "cloud.schedule", "server.port", "server.read_login", "extra"}
    assert found["venue.nam"] == 'is no setting; did you mean "name"?'
    assert found["links[2].name"] == "is missing"
    assert '"a" is the name of another link' in found["links[1].name"]


def test_broken_toml_names_the_line_and_a_missing_file_its_path(tmp_path: Path) -> None:
    path = written(tmp_path, '[venue]\nname = "x"\ntimezone = \n')
    with pytest.raises(BadInput, match=r"trackd\.toml line 3: Invalid value"):
        load(path, {})
    with pytest.raises(BadInput, match=r"none\.toml: cannot be read: No such file"):
        load(None, {"TRACKD_CONFIG": str(tmp_path / "none.toml")})
    path.write_bytes(b"\xff")
    with pytest.raises(BadInput, match="is not UTF-8"):
        load(path, {})


def test_environment_goes_before_the_file_and_the_argument_before_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    server = load(None, {"TRACKD_CONFIG": str(path), "TRACKD_HOST": "::1", "TRACKD_PORT": "0"}).server
    assert (server.host, server.port) == ("::1", 0)
    assert data_folder("x", {"TRACKD_DATA": "y"}) == Path("x")
    assert data_folder(None, {"TRACKD_DATA": "y"}) == Path("y")
    assert data_folder(None, {}) == platformdirs.user_data_path("trackd", appauthor=False)


JUNK = st.recursive(st.one_of(st.booleans(), st.integers(-5, 70_000), st.text("ab:/1é\n", max_size=6), st.floats(0, 1)),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["name", "url", "role", "roles", "port", "x"]), inner, max_size=3),
                    max_leaves=8)


@given(st.dictionaries(st.sampled_from(["venue", "links", "cloud", "server", "x"]), JUNK, max_size=4))
def test_any_content_either_loads_or_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory,
                                                         content: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.toml"
    path.write_text("\n".join(f"{key} = {_inline(value)}" for key, value in content.items()), encoding="utf-8")
    found: tuple[Fault, ...] | None = None
    try:
        load(path, {})
    except BadInput as error:
        found = error.faults
    assert found is None or (found and all(fault.where and fault.what for fault in found))


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=True)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def logging_restored() -> Any:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_the_log_is_json_under_systemd_and_hides_secrets_even_in_tracebacks(logging_restored: None) -> None:
    stream = StringIO()
    log.configure({"JOURNAL_STREAM": "8:1"}, stream=stream)
    try:
        raise ValueError("Authorization: Bearer abc.def and trk_0123456789abcdef")
    except ValueError:
        structlog.get_logger("trackd.web").exception("refused", pin="4711", Cookie="x", kart="7")
    logging.getLogger("uvicorn").warning("token %s", "trk_0123456789abcdef")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["kart"], first["level"], first["logger"]) == ("refused", "7", "error", "trackd.web")
    assert first["pin"] == first["Cookie"] == log.HIDDEN
    assert second["event"] == f"token {log.HIDDEN}"
    assert not [word for word in ("4711", "abc.def", "0123456789abcdef") if word in stream.getvalue()]


def test_the_log_is_words_on_a_terminal_even_one_started_by_systemd(logging_restored: None) -> None:
    stream = Terminal()
    log.configure({"INVOCATION_ID": "1"}, stream=stream)
    structlog.get_logger().info("link up", link="pits", token="trk_0123456789abcdef")
    assert "link up" in stream.getvalue()
    assert "{" not in stream.getvalue()
    assert "0123456789abcdef" not in stream.getvalue()
