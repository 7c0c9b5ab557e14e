"""Which format a file is in, and its reader: told by what it holds, then by how its name ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from trackd.core.time import micros
from trackd.gps.readers import aim_csv, dovex, exported, gpx, nmea, racechrono, vbo, xrk
from trackd.gps.readers.columns import lines_of
from trackd.gps.trace import Recording, Unreadable

NAME_MOST = 64
"""Letters of a name that are kept."""

HEAD = 16_384
"""A file shows what it is within so many bytes; DOVEX pads its header with half of them."""

FIRST_US, LAST_US = micros(datetime(2008, 12, 28, tzinfo=UTC)), micros(datetime(2049, 1, 1, tzinfo=UTC))
"""No sound instant lies outside."""

READABLE = "It can be XRK, XRZ, AiM CSV, RaceChrono CSV, VBO, NMEA, DOVEX, GPX or trackd's own JSON."


@dataclass(frozen=True, slots=True)
class Format:
    """One text format: its name as in ``Recording.format``, what its first bytes show, how its file names end."""

    name: str
    shows: re.Pattern[str]
    endings: tuple[str, ...]
    read: Callable[[bytes], Recording]


FORMATS = (
    Format("trackd", re.compile(r'\A\s*\{"recording":\s*\{"id"'), (), exported.read),
    Format("racechrono", re.compile(r"^(This file is created using RaceChrono|timestamp,fragment_id,)", re.MULTILINE), (),
           racechrono.read),
    Format("vbo", re.compile(r"^\[(column names|laptiming)\]", re.MULTILINE | re.IGNORECASE), (".vbo",), vbo.read),
    Format("dovex", re.compile(r"timestamp,[^\n]*\blat,(\w+,)*lng\b|^datetime,driver,course"), (".dovex", ".dove"),
           dovex.read),
    Format("gpx", re.compile(r"<(\w+:)?gpx\b"), (".gpx",), gpx.read),
    Format("nmea", re.compile(r"\$[A-Z]{2}(RMC|GGA|GLL|VTG|GSA|GSV),"), (".nmea", ".nma"), nmea.read),
    Format("aim_csv", re.compile(r'AiM CSV File|^"?Time"?[,;\t].*GPS[ _]Latitude', re.MULTILINE | re.IGNORECASE), (".csv",),
           aim_csv.read),
)


def format_of(data: bytes, name: str = "") -> str:
    """The format of a file as in ``Recording.format``; ``name`` is its file name, if known.

    Raises Unreadable where it is in none that can be read.
    """
    if not data:
        raise Unreadable("The file is empty.")
    if xrk.holds(data):
        return "xrk"
    head = "\n".join(lines_of(data[:HEAD]))
    for known in FORMATS:
        if known.shows.search(head):
            return known.name
    ending = name.lower()
    if ending.endswith(".drk"):
        raise Unreadable("DRK files cannot be read here. Open it in Race Studio and export it as AiM CSV.")
    if ending.endswith((".xrk", ".xrz")):
        return "xrk"
    for known in FORMATS:
        if known.endings and ending.endswith(known.endings):
            return known.name
    raise Unreadable(f"The format of the file is not known. {READABLE}")


def read(data: bytes, name: str = "") -> Recording:
    """Any file of a logger as a recording; ``name`` is its file name, if known.

    Raises Unreadable where its format is not known or it holds no usable recording.
    """
    found = format_of(data, name)
    reader = xrk.read if found == "xrk" else next(known.read for known in FORMATS if known.name == found)
    recording = _dated(reader(data))
    return replace(recording, device=_words(recording.device), driver=_words(recording.driver),
                   vehicle=_words(recording.vehicle), venue=_words(recording.venue))


def _dated(recording: Recording) -> Recording:
    """The recording without its instant where that cannot be: receivers whose weeks began anew are 19 years behind."""
    if recording.utc_us is None or FIRST_US <= recording.utc_us < LAST_US:
        return recording
    return replace(recording, utc_us=None, faults=(*recording.faults, xrk.UNDATED))


def _words(text: str) -> str:
    """A name fit to be shown: damage puts anything into it."""
    return "".join(filter(str.isprintable, text[:NAME_MOST * 4])).strip()[:NAME_MOST]
