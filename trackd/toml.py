"""A TOML file while it is read: known keys handed out, every fault collected, what nobody asked for refused."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackd.core.errors import BadInput, Fault

_TOML_LINE = re.compile(r"^(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.DOTALL)


def read(path: Path) -> dict[str, Any]:
    """The tables of a file. Raises BadInput with the file and the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(Fault(str(path), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise BadInput(Fault(str(path), f"is not UTF-8 text (byte {error.start})")) from error
    except tomllib.TOMLDecodeError as error:
        place = _TOML_LINE.match(str(error))
        where = f"{path} line {place['line']}" if place else str(path)
        raise BadInput(Fault(where, place["what"] if place else str(error))) from error


class Table:
    """One TOML table while it is read: hands out known keys, collects faults, refuses what nobody asked for."""

    def __init__(self, values: Mapping[str, Any], where: str, faults: list[Fault]) -> None:
        self._values, self._where, self._faults = values, where, faults
        self._known: list[str] = []

    def fault(self, key: str, what: str) -> None:
        """Something is wrong with a key."""
        self._faults.append(Fault(f"{self._where}.{key}" if self._where else key, what))

    def has(self, key: str) -> bool:
        """Whether it is there."""
        return key in self._values

    def _take(self, key: str, kind: type, wanted: str) -> Any:
        self._known.append(key)
        value = self._values.get(key)
        if value is None or type(value) is kind:
            return value
        self.fault(key, f"must be {wanted}, not {value!r}")
        return None

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty text on one line; without a default it must be there. "" after a fault."""
        value = self._take(key, str, "text")
        if value is None:
            if default is None and key not in self._values:
                self.fault(key, "is missing")
            return default or ""
        if not value.strip() or not value.isprintable():
            self.fault(key, "must not be empty or hold control characters")
            return default or ""
        return str(value)

    def number(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within limits."""
        value = self._take(key, int, "a whole number")
        if value is not None and not low <= value <= high:
            self.fault(key, f"must be from {low} to {high}, not {value}")
            return default
        return default if value is None else int(value)

    def switch(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(key, bool, "true or false")
        return default if value is None else bool(value)

    def table(self, key: str) -> Table:
        """A table in it; an empty one where there is none."""
        value = self._take(key, dict, "a table")
        return Table(value or {}, f"{self._where}.{key}" if self._where else key, self._faults)

    def tables(self, key: str) -> list[Table]:
        """The tables of a list."""
        value = self._take(key, list, f"tables, each under [[{key}]]") or []
        for index, entry in enumerate(value):
            if not isinstance(entry, dict):
                self.fault(f"{key}[{index}]", "must be a table")
        return [Table(entry, f"{key}[{index}]", self._faults)
                for index, entry in enumerate(value) if isinstance(entry, dict)]

    def keys(self) -> list[str]:
        """The keys there are."""
        return list(self._values)

    def close(self) -> None:
        """Everything has been asked for; what is left has no meaning."""
        for key in self._values.keys() - set(self._known):
            near = difflib.get_close_matches(key, self._known, n=1)
            self.fault(key, f'is no setting; did you mean "{near[0]}"?' if near else "is no setting")
