"""What all tests share: real captures beside the checkout, a fresh venue's database, soak tests only when asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trackd.store.database import open_database

SHARED = Path(__file__).parents[1] / ".." / "shared"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave soak tests out unless the run names them: ``pytest -m soak``."""
    if "soak" in config.getoption("markexpr"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real captures and recordings; the test is skipped where it was not delivered."""
    if not SHARED.is_dir():
        pytest.skip(f"real captures are not here: {SHARED} is missing")
    return SHARED.resolve()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A fresh venue's database in ``tmp_path``."""
    with closing(open_database(tmp_path)) as connection:
        yield connection
