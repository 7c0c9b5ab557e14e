"""GPX 1.0 and 1.1: track points with a time, and a speed where there is one (its own element or an extension, m/s).

Document types and entities are refused before anything is expanded: no track needs them. What comes before the place
where a file is damaged is kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import nan
from xml.parsers import expat

import numpy as np

from trackd.gps.readers.columns import Columns, cleaned, number
from trackd.gps.trace import Recording, Unreadable

Point = tuple[float, float, float, float]
"""Seconds since 1970, latitude and longitude in degrees, m/s."""


def read(data: bytes) -> Recording:
    """One GPX file; segments are put in order of time, so a pause between them is a gap like any other.

    Raises Unreadable where it is no GPX, declares a document type or holds no track points with a time.
    """
    track = _Track()
    faults = []
    try:
        track.parser.Parse(data.lstrip(), True)
    except (expat.ExpatError, LookupError, ValueError):    # the others: an encoding nobody knows
        faults.append(f"The file is damaged in line {track.parser.ErrorLineNumber}; what follows was left out.")
    if not track.found:
        raise Unreadable("It is no GPX file." if not faults else "It is no GPX file, or damaged from the start.")
    points, beside = _in_order(track.segments)
    if beside:
        faults.append(f"Track segments left out because they run at the same time as another: {beside}.")
    if not points:
        raise Unreadable("It holds no track points with a time.")
    seconds, lat, lon, speed = np.array(points).T.copy()
    sound = cleaned(Columns(seconds, lat, lon, speed))
    return Recording(sound.trace, "gpx", device=track.creator, utc_us=sound.zero_us, faults=(*faults, *sound.faults))


def _in_order(segments: list[list[Point]]) -> tuple[list[Point], int]:
    """The points of the segments by time, and how many segments were left out because another was still running."""
    timed = [segment for segment in segments if any(point[0] == point[0] for point in segment)]
    timed.sort(key=_begin)
    points: list[Point] = []
    end, beside = -np.inf, 0
    for segment in timed:
        if _begin(segment) < end:
            beside += 1
            continue
        points += segment
        end = max(point[0] for point in segment if point[0] == point[0])
    return points, beside


def _begin(segment: list[Point]) -> float:
    return next(point[0] for point in segment if point[0] == point[0])


class _Track:
    """Gathers points while expat reads."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.parser.EntityDeclHandler = _refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.segments: list[list[Point]] = []
        self.creator = ""
        self.found = False
        self._place: tuple[float, float] | None = None     # of the point being read
        self._told: dict[str, str] = {}                    # its time and speed as written
        self._open = ""                                    # which of the two is being read

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if name == "gpx":
            self.found, self.creator = True, attributes.get("creator", "")
        elif name == "trkseg":
            self.segments.append([])
        elif name == "trkpt" and self.segments:
            self._place, self._told = (number(attributes.get("lat", "")), number(attributes.get("lon", ""))), {}
        elif self._place and name in {"time", "speed"} and name not in self._told:
            self._open = name

    def _text(self, text: str) -> None:
        if self._open:
            self._told[self._open] = self._told.get(self._open, "") + text

    def _end(self, name: str) -> None:
        self._open = ""
        if name.rpartition(" ")[2] == "trkpt" and self._place:
            told = self._told
            self.segments[-1].append((_seconds(told.get("time", "")), *self._place, number(told.get("speed", ""))))
            self._place = None


def _refuse(*_: object) -> None:
    raise Unreadable("It declares a document type or entities, which no track needs. It was not read.")


def _seconds(text: str) -> float:
    """An instant as seconds since 1970, NaN where it is none; without a zone it is UTC, as GPX says."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return nan
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
