"""What an AiM unit tells of itself: its name, who it is, and the list of its recordings.

The device information also holds the owner's name and the Wi-Fi password, the list the names of drivers. What is not
in the values made here is not read, and the bytes are not kept. Source: PROTOCOLS 9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trackd.core.errors import BadInput
from trackd.core.time import MS, Micros
from trackd.protocols.aim_wifi import PROBE, file_path

_NETWORK = rb"AiM-(?P<model>[A-Za-z0-9 _+]{1,24})-(?P<serial>[0-9]{1,10})(?:-(?P<name>[\x20-\x2b\x2d-\x7e]{1,40}))?"
_SSID = re.compile(rb"(?:^|[\r\n,])wf_ssid,[^,\r\n]{0,40},[^,\r\n]{0,8}," + _NETWORK + rb"(?=[,\r\n]|$)")
_TEXT = re.compile(rb"[\x20-\x7e]{3,64}")
_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
_HOUR = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")

ENTRIES = 10_000
"""The most recordings believed of one unit."""


@dataclass(frozen=True, slots=True)
class UnitInfo:
    """Who a unit is, "" where it does not say. All of it is also in the name of its own network.

    Its firmware stands in a part of the device information that nobody has deciphered.
    """

    model: str = ""
    serial: str = ""
    name: str = ""               # what people call it


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One recording in a unit's list."""

    name: str
    size: int                    # bytes
    told_at: str                 # when it was made by the unit's own local clock, "2026-04-21 18:24:23"; "" unknown
    laps: int | None
    best_us: Micros | None


def read_info(body: bytes) -> UnitInfo:
    """Who the unit is. It says so in the name of the network it opens; in a track's network it may not."""
    match = _SSID.search(body)
    return UnitInfo(*(_text(match[part]) for part in ("model", "serial", "name"))) if match else UnitInfo()


def read_answer(datagram: bytes) -> str | None:
    """The name in a unit's answer to a probe, "" when it has none; None for a datagram that answers nothing.

    Nothing else in it is the same on all firmwares.
    """
    if len(datagram) < 20 or datagram.startswith(PROBE):
        return None
    match = _TEXT.search(datagram, 16, 124)
    return _text(match[0]) if match else ""


def read_list(body: bytes) -> tuple[FileEntry, ...] | None:
    """The recordings in a list, in its order; None when it does not begin with the row of column names.

    Rows that are damaged, or whose name cannot be asked for, are left out.
    """
    header, *rows = body.decode("latin-1").splitlines() or [""]
    columns = {name.strip(): place for place, name in enumerate(header.split(","))}
    if not {"name", "size"} <= columns.keys():
        return None
    entries = []
    for row in rows[:ENTRIES]:
        cells = row.split(",")
        entry = _entry({name: cells[place].strip() for name, place in columns.items() if place < len(cells)})
        if entry:
            entries.append(entry)
    return tuple(entries)


def _entry(cells: dict[str, str]) -> FileEntry | None:
    size = _number(cells.get("size"))
    try:
        file_path(cells.get("name", ""))
    except BadInput:
        return None
    if size is None:
        return None
    date, hour = _DATE.fullmatch(cells.get("date", "")), _HOUR.fullmatch(cells.get("hour", ""))
    told_at = f"{date[3]}-{date[2]}-{date[1]} {hour[0]}" if date and hour else ""
    best = _number(cells.get("best"))
    return FileEntry(cells["name"], size, told_at, _number(cells.get("nlap")), best * MS if best else None)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 11 else None


def _text(value: bytes | None) -> str:
    return (value or b"").decode("ascii", "replace").strip()
