"""Recordings and laps as files for other programs: AiM CSV and GPX, which our own readers read back to the same laps. Pure.

Times keep their microseconds and places their tenth of a millimetre, so that a crossing is found again where it was. No
name of a person is written into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from trackd.core.time import SECOND, Micros, lap_text, rfc3339

if TYPE_CHECKING:                        # numpy comes with the recording
    from trackd.gps.trace import Trace

AROUND_US: Micros = SECOND
"""So much before and after a lap goes along with it: its line is crossed within."""

GPX = "http://www.topografix.com/GPX/1/1"
GARMIN = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"
SPEED = ("<extensions><tpx:TrackPointExtension><tpx:speed>{:.4f}</tpx:speed></tpx:TrackPointExtension>"
         "</extensions>")


def stretch(trace: Trace, start_us: Micros, end_us: Micros) -> Trace:
    """The samples of a lap, with at least two and about a second of them on either side."""
    import numpy as np

    from trackd.gps.trace import Trace

    first = min(int(np.searchsorted(trace.t_us, start_us - AROUND_US)), int(np.searchsorted(trace.t_us, start_us)) - 2)
    last = max(int(np.searchsorted(trace.t_us, end_us + AROUND_US)), int(np.searchsorted(trace.t_us, end_us, "right")) + 2)
    some = slice(max(0, first), last)
    return Trace(trace.t_us[some], trace.lat_deg[some], trace.lon_deg[some], trace.speed_mps[some])


def aim_csv(trace: Trace, marks_us: Sequence[Micros], *, venue: str, kart: str, device: str) -> bytes:
    """As Race Studio writes it. ``marks_us``: where the line was crossed, on the trace's clock; Time counts from the first
    sample.
    """
    import numpy as np

    zero_us, told = int(trace.t_us[0]), bool(np.isfinite(trace.speed_mps).any())
    ends = [mark_us - zero_us for mark_us in marks_us] + [trace.duration_us]
    lengths = [b - a for a, b in zip([0, *ends], ends, strict=False)]
    head = [("Format", "AiM CSV File"), ("Venue", venue), ("Vehicle", kart), ("Comment", device),
            ("Sample Rate", f"{trace.rate_hz:.0f}"), ("Duration", _seconds(trace.duration_us)), ("Segment", "Session"),
            ("Beacon Markers", ",".join(map(_seconds, ends))), ("Segment Times", ",".join(map(lap_text, lengths)))]
    rows = [f"{key},{value if key in ('Beacon Markers', 'Segment Times') else _cell(value)}" for key, value in head]
    names, units = ("Time,GPS Latitude,GPS Longitude", "s,deg,deg")
    rows += ["", names + ",GPS Speed" * told, units + ",km/h" * told, ""]
    places = zip((trace.t_us - zero_us).tolist(), trace.lat_deg.tolist(), trace.lon_deg.tolist(),
                 (trace.speed_mps * 3.6).tolist(), strict=True)
    rows += [f"{_seconds(t_us)},{lat:.9f},{lon:.9f},{kmh:.4f}" if told else f"{_seconds(t_us)},{lat:.9f},{lon:.9f}"
             for t_us, lat, lon, kmh in places]
    return ("\r\n".join(rows) + "\r\n").encode()


def gpx(trace: Trace, utc_us: Micros | None, *, name: str, about: str) -> bytes:
    """GPX 1.1 with speed as Garmin writes it. ``utc_us``: the instant at which the trace's clock is 0; where nobody knows,
    it begins with 1970 and says so.
    """
    since_us = 0 if utc_us is None else utc_us
    if utc_us is None:
        about = f"{about} The recording tells no time of day: times are those since it began.".strip()
    rows = ['<?xml version="1.0" encoding="UTF-8"?>',
            f'<gpx version="1.1" creator="trackd" xmlns="{GPX}" xmlns:tpx="{GARMIN}">',
            f"<trk><name>{escape(name)}</name><desc>{escape(about)}</desc><trkseg>"]
    for t_us, lat, lon, speed in zip(trace.t_us.tolist(), trace.lat_deg.tolist(), trace.lon_deg.tolist(),
                                     trace.speed_mps.tolist(), strict=True):
        told = "" if isnan(speed) else SPEED.format(speed)
        at = rfc3339(since_us + t_us)
        rows.append(f'<trkpt lat="{lat:.9f}" lon="{lon:.9f}"><time>{at}</time>{told}</trkpt>')
    return ("\n".join(rows) + "\n</trkseg></trk></gpx>\n").encode()


def _seconds(duration_us: Micros) -> str:
    return f"{duration_us // SECOND}.{duration_us % SECOND:06d}"


def _cell(text: str) -> str:
    """Words fit for one cell of one line, never a formula."""
    words = " ".join(text.replace('"', "'").split())
    safe = f"'{words}" if words[:1] in ("=", "+", "-", "@") else words
    return f'"{safe}"' if "," in safe else safe
