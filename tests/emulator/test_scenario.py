"""Scenario files: what they can say, and how a mistake is told."""

from __future__ import annotations

import json

import pytest

from trackd.core.errors import BadInput, NotFound
from trackd.core.time import SECOND
from trackd.emulator import scenario as module
from trackd.emulator.field import LINE, Field, FieldPassing
from trackd.emulator.scenario import load_scenario


def test_the_documented_file_is_a_valid_one(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(module.__doc__.split("\n\n", 1)[1].replace("\n    ", "\n").strip())
    scenario = load_scenario(path)
    assert scenario.seed == 7
    assert scenario.loops == {"start_finish": "268307", "sector:1": "268308"}
    assert scenario.field == Field(7, 12, 48.0, 1)
    passings = list(scenario.passings())
    listed = FieldPassing(1_500_000, "5691251", LINE, 100, 30)
    assert sorted(passings, key=lambda p: p.at_us) == passings
    assert [p for p in passings if p != listed] == list(scenario.field.passings(480))


def test_json_says_the_same_and_a_list_may_be_in_any_order(tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"passings": [{"at_s": 2, "transponder": "a"}, {"at_s": 0.5, "transponder": "b"}]}))
    assert [(p.at_us, p.transponder) for p in load_scenario(path).passings()] == [(SECOND // 2, "b"), (2 * SECOND, "a")]
    assert load_scenario(path).loops is None


@pytest.mark.parametrize(("name", "text", "says"), [
    ("s.toml", "seed = 1\nfield = = 3", "line 2"),
    ("s.json", '{\n"seed": }', "s.json, line 2"),
    ("s.toml", "seed = 1", "neither"),
    ("s.toml", "[field]\nkartz = 3", "s.toml, field: .*kartz"),
    ("s.toml", "[field]\nkarts = 'many'", r"s.toml, field.karts: Expected `int`, got `str`"),
    ("s.toml", "[field]\nkarts = 0", "s.toml, karts: must be"),
    ("s.toml", "[[passings]]\nat_s = 1\ntransponder = 7", r"passings\[0\].transponder"),
    ("s.toml", "[[passings]]\nat_s = -1\ntransponder = '7'", r"passings\[0\].at_s: must not be negative"),
    ("s.toml", "faults = ['gremlins']\n[field]", "'gremlins' is not known"),
    ("s.toml", "[loops]\nstart_finish = '1'\n[[passings]]\nat_s = 1\ntransponder = '7'\nloop = 'pit_in'",
     r"passings\[0\].loop: 'pit_in'"),
])
def test_a_mistake_is_told_with_its_place(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=says):
        load_scenario(tmp_path / name)


def test_a_missing_or_binary_file_is_told(tmp_path):
    with pytest.raises(NotFound):
        load_scenario(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        load_scenario(tmp_path / "b.toml")
