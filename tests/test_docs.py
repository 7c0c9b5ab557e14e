"""The README and the program say the same: settings, verbs, pages, and every example of a configuration loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trackd.cli import VERBS
from trackd.config import SETTINGS, load
from trackd.web.routes import PAGES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def code(readme: str) -> str:
    """All that stands as code, one piece a line: fenced blocks, then inline code outside them."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", readme, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", prose)])


def test_every_setting_is_documented_and_none_that_does_not_exist(code: str) -> None:
    lines = set(code.splitlines())
    assert [setting.name for setting in SETTINGS if setting.name not in lines] == []
    documented = {line for line in lines if re.fullmatch(r"(venue|links|cloud|server)\.[a-z_]+|TRACKD_[A-Z]+", line)}
    assert documented - {setting.name for setting in SETTINGS} == set()


def test_every_verb_is_documented_and_none_that_does_not_exist(code: str) -> None:
    shown = set(re.findall(r"\btrackd ((?:[a-z]+ ?)+)", code))
    assert [verb for verb in VERBS if not any(f"{words} ".startswith(f"{verb} ") for words in shown)] == []
    first = {verb.split()[0] for verb in VERBS}
    assert {words for words in shown if words.split()[0] not in first} == set()


def test_every_page_is_documented(code: str) -> None:
    paths = {re.sub(r"\{(\w+):\w+\}", r"{\1}", page) for page in PAGES}
    assert sorted(path for path in paths if path not in code.splitlines()) == []


def test_every_configuration_shown_loads(readme: str, tmp_path: Path) -> None:
    examples = re.findall(r"^```toml\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        (tmp_path / "trackd.toml").write_text(example, encoding="utf-8")
        load(tmp_path / "trackd.toml", {})
