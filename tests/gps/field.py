"""One outing as loggers in the field write it: their formats, dialects, units and habits."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

import numpy as np

from tests.gps.outings import Outing
from tests.gps.written import sentence
from trackd.gps.lines import EQUATOR_M, SQUARED_ECCENTRICITY, Plane
from trackd.gps.trace import Gate, Point

# AiM

SPEEDS = {"km/h": 3.6, "m/s": 1.0, "mph": 1 / 0.44704, "knots": 3600 / 1852, "kts": 3600 / 1852}
AIM_NAMES = ("Time", "GPS Speed", "GPS Nsat", "GPS LatAcc", "GPS Heading", "GPS PosAccuracy", "GPS Latitude",
             "GPS Longitude", "RPM")


def aim(outing: Outing, *, speed: str = "km/h", place: str = "deg", time: str = "s", accuracy: str = "m",
        names: tuple[str, ...] = AIM_NAMES, units: bool = True, separator: str = ",", comma: bool = False,
        cell: Callable[[str], str] = str, head: str = "Venue,Round\nVehicle,Kart 7\nRacer,Mia Brandt\n",
        duration: str | None = None) -> str:
    """An AiM CSV. ``cell``: how each cell is written; ``comma``: decimals behind a comma."""
    angle = {"deg": 1.0, "rad": np.pi / 180, "1e-7deg": 1e7}[place]
    factor = SPEEDS[speed]
    end = float(outing.t_s[-1])
    marks = ",".join(f"{mark:.3f}" for mark in [*outing.crossings_s.tolist(), end])
    top = (f"Format,AiM CSV File\n{head}Date,\"Sunday, June 14, 2026\"\nTime,3:30 PM\nSample Rate,{outing.rate_hz:.0f}\n"
           f"Duration,{duration or f'{end:.3f}'}\nSegment,Session\nBeacon Markers,{marks}\n\n")
    told = [list(names)]
    if units:
        told.append([time, speed, "", "g", "deg", accuracy, place, place, "rpm"])
    scale = 1000 if time == "ms" else 1
    digits = 10 if place == "rad" else 8
    told += [[f"{t * scale:.3f}", f"{v * factor:.4f}", "12", "0.0100", f"{h:.4f}", "0.4000", f"{lat * angle:.{digits}f}",
              f"{lon * angle:.{digits}f}", "9000"]
             for t, v, h, lat, lon in zip(*_lists(outing), strict=True)]
    point = "," if comma else "."
    rows = "\n".join(separator.join(cell(each.replace(".", point) if i > units else each) for each in row)
                     for i, row in enumerate(told))
    return (top if separator == "," else top.replace(",", separator)) + rows + "\n"


def _lists(outing: Outing) -> tuple[list[float], ...]:
    return tuple(each.tolist() for each in (outing.t_s, outing.speed, outing.heading, outing.lat, outing.lon))


# RaceChrono

V3_HEAD = ("This file is created using RaceChrono Pro v10.2.4 ( http://racechrono.com/ ).\nFormat,3\n"
           'Session title,"Round"\nSession type,Lap timing\nTrack name,"Round"\nDriver name,\n'
           "Created,14/06/2026,15:30\nNote,\n\n")


def lap_numbers(outing: Outing) -> list[str]:
    laps = np.searchsorted(outing.crossings_s, outing.t_s, side="right")
    return ["" if lap in {0, len(outing.crossings_s)} else str(lap) for lap in laps.tolist()]


def racechrono(outing: Outing, *, blanks: int = 0, extra: tuple[str, ...] = (),
               fragment: Callable[[float], int] = lambda _: 0) -> str:
    """Format 3. ``blanks``: so many rows of another sensor, which tell no place, behind each of the receiver's."""
    names = ["timestamp", "fragment_id", "lap_number", "elapsed_time", "speed", "accuracy", "latitude", "longitude",
             "satellites", "speed", *extra]
    units = ["unix time", "", "", "s", "m/s", "m", "deg", "deg", "sats", "m/s", *[".C"] * len(extra)]
    sources = ["", "", "", "", "300: canbus", *["100: gps"] * 5, *["300: canbus"] * len(extra)]
    begin, rows = outing.start.timestamp(), []
    for t, v, lat, lon, lap in zip(outing.t_s, outing.speed, outing.lat, outing.lon, lap_numbers(outing), strict=True):
        more = ",90.0" * len(extra)
        rows.append(f"{begin + t:.3f},{fragment(t)},{lap},{t:.3f},,0.4,{lat:.8f},{lon:.8f},12,{v:.4f}{more}")
        rows += [f"{begin + t + k * 0.01:.3f},{fragment(t)},{lap},{t + k * 0.01:.3f},{v * 1.05:.3f},,,,,{more}"
                 for k in range(1, blanks + 1)]
    return V3_HEAD + "\n".join([",".join(names), ",".join(units), ",".join(sources), *rows]) + "\n"


def racechrono_v2(outing: Outing) -> str:
    """Format 2: names, units and sources in one line."""
    names = ("Time (s),Session fragment #,Lap #,Trap name,X-position (m),Y-position (m),Distance (m),Speed (m/s),"
             "Altitude (m),Bearing (deg),Device update rate (Hz),Elapsed time (s),Latitude (deg),Longitude (deg),"
             "Satellites (sats),Fix type,Accuracy (m),Speed (m/s) *calc,RPM (rpm) *canbus")
    begin = outing.start.timestamp()
    rows = [f"{begin + t:.3f},0,{lap},,0.0,0.0,{t * 10:.2f},{v:.4f},112.0,{h:.2f},10.0,{t:.3f},{lat:.8f},{lon:.8f},12,3,"
            f"0.4,{v * 1.3:.4f},9000"
            for t, v, h, lat, lon, lap in zip(*_lists(outing), lap_numbers(outing), strict=True)]
    return V3_HEAD.replace("Format,3", "Format,2") + names + "\n" + "\n".join(rows) + "\n"


# VBO

VBO_COLUMNS = ("sats", "time", "lat", "long", "velocity", "heading", "height")
VBO_TITLES = {"sats": "satellites", "lat": "latitude", "lng": "longitude", "long": "longitude", "velocity": "velocity kmh"}


def clock(instant: datetime, digits: int = 2) -> str:
    seconds = instant.second + instant.microsecond / 1e6
    return f"{instant:%H%M}{seconds:0{3 + digits}.{digits}f}"


def minutes(lat: float, lon: float) -> tuple[str, str]:
    return f"{lat * 60:+012.6f}", f"{-lon * 60:+013.6f}"


def racebox_gate(gate: Gate, word: str = "Start") -> str:
    """Two ends, latitude first."""
    return " ".join([word, *minutes(gate.a.lat_deg, gate.a.lon_deg), *minutes(gate.b.lat_deg, gate.b.lon_deg), "¬ Line"])


def behind_gate(gate: Gate, word: str = "Start", metres: float = 20.0) -> str:
    """The middle and a point behind it, longitude first."""
    lat, lon = (gate.a.lat_deg + gate.b.lat_deg) / 2, (gate.a.lon_deg + gate.b.lon_deg) / 2
    plane, heading = Plane.about(Point(lat, lon)), np.radians(gate.heading_deg or 0)
    behind = lat - metres * np.cos(heading) / plane.north_m, lon - metres * np.sin(heading) / plane.east_m
    return " ".join([word, *minutes(lat, lon)[::-1], *minutes(*behind)[::-1], "¬ Line"])


def vbo(outing: Outing, *, columns: tuple[str, ...] = VBO_COLUMNS, titles: dict[str, str] | None = None,
        writer: str = "Generated by RaceBox\nSerial Number : 12345", gate: Callable[[Gate, str], str] = racebox_gate,
        created: str = "File created on {:%d/%m/%Y @ %H:%M}", digits: int = 2, factor: float = 3.6,
        words: tuple[str, str] = ("Start", "Split")) -> str:
    """A VBO. ``titles``: how the header names the columns."""
    called = VBO_TITLES | (titles or {})
    lines = [gate(outing.layout.start_finish, words[0]), *(gate(each, words[1]) for each in outing.layout.sectors)]
    rows = []
    for instant, v, h, lat, lon in zip(outing.instants(), *_lists(outing)[1:], strict=True):
        here = dict(zip(("lat", "long"), minutes(lat, lon), strict=True))
        here |= {"lng": here["long"], "time": clock(instant, digits), "velocity": f"{v * factor:07.3f}", "sats": "076",
                 "heading": f"{h:06.2f}", "height": "+00112.00", "event1": "00000", "avifileindex": "0001",
                 "Engine_Speed-canbus": "9.000000E+03"}
        rows.append(" ".join(here[name] for name in columns))
    header = [called.get(name, name) for name in columns]
    return "\n".join([created.format(outing.start), "", "[header]", *header, "", "[comments]", writer, "", "[laptiming]",
                      *lines, "", "[column names]", " ".join(columns), "", "[data]", *rows]) + "\n"


# NMEA

KINDS = ("GSA", "GGA", "RMC", "VTG", "GSV")


def nmea(outing: Outing, *, talker: str = "GN", kinds: tuple[str, ...] = KINDS, clock_digits: int = 2, digits: int = 7,
         dated: bool = True, before: Callable[[datetime], str] = lambda _: "") -> str:
    """NMEA. ``before``: what stands on the line before each sentence."""
    told = []
    for instant, v, h, lat, lon in zip(outing.instants(), *_lists(outing)[1:], strict=True):
        at = clock(instant, clock_digits)
        place = f"{_angle(lat, 2, digits)},{'N' if lat >= 0 else 'S'},{_angle(lon, 3, digits)},{'E' if lon >= 0 else 'W'}"
        bodies = {"GGA": f"GGA,{at},{place},2,12,0.7,112.0,M,46.0,M,1.0,0120",
                  "RMC": f"RMC,{at},A,{place},{v * 3600 / 1852:.4f},{h:.2f},{f'{instant:%d%m%y}' if dated else ''},,,D",
                  "VTG": f"VTG,{h:.2f},T,,M,{v * 3600 / 1852:.3f},N,{v * 3.6:.3f},K,D",
                  "GLL": f"GLL,{place},{at},A,D", "GSA": "GSA,A,3,10,12,15,17,19,24,,,,,,,1.2,0.7,1.0",
                  "GSV": "GSV,1,1,04,10,63,137,17,12,61,098,15,15,59,290,20,17,54,157,30"}
        told += [before(instant) + sentence(talker + bodies[kind]) for kind in kinds]
    return "\r\n".join(told) + "\r\n"


def _angle(value: float, width: int, digits: int) -> str:
    minutes_all = round(abs(value) * 60, digits)
    return f"{int(minutes_all // 60):0{width}d}{minutes_all % 60:0{3 + digits}.{digits}f}"


# DOVEX

def dovex(outing: Outing, *, columns: str = "timestamp,sats,hdop,lat,lng,speed_mph,altitude_m,heading_deg,h_acc_m,rpm",
          head: str = "datetime,driver,course,short_name,best_lap_ms,optimal_ms,device_name,race_mode\n"
                      "2026-06-14 13:30:00,Mia,Normal,RND,40000,39000,Dove,\nlap_times_ms\n{laps}\n") -> str:
    laps = ",".join(str(round(each / 1000)) for each in outing.laps_us)
    begin, rows = outing.start.timestamp(), []
    for t, v, h, lat, lon in zip(*_lists(outing), strict=True):
        cells = {"timestamp": str(round((begin + t) * 1000)), "sats": "12", "hdop": "0.7", "lat": f"{lat:.8f}",
                 "lng": f"{lon:.8f}", "speed_mph": f"{v / 0.44704:.3f}", "altitude_m": "34.1", "heading_deg": f"{h:.2f}",
                 "h_acc_m": "0.35", "rpm": "9000", "accel_x": "-0.199"}
        rows.append(",".join(cells[name] for name in columns.split(",")))
    return (head.format(laps=laps) + columns + "\n" + "\n".join(rows) + "\n")


# GPX

SPEED = "<extensions><x:TrackPointExtension><x:speed>{:.3f}</x:speed></x:TrackPointExtension></extensions>"


def utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def gpx(outing: Outing, *, version: str = "1/1", prefix: str = "", speed: str = SPEED,
        time: Callable[[datetime], str] = utc, parts: tuple[int, ...] = (), tracks: bool = False,
        first: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> str:
    """GPX. ``parts``: where segments end; ``tracks``: each is a track of its own."""
    p = f"{prefix}:" if prefix else ""
    points = [f'<{p}trkpt lat="{lat:.8f}" lon="{lon:.8f}"><{p}ele>112</{p}ele><{p}time>{time(instant)}</{p}time>'
              f"{speed.format(v)}</{p}trkpt>"
              for instant, v, _h, lat, lon in zip(outing.instants(), *_lists(outing)[1:], strict=True)]
    between = f"</{p}trkseg></{p}trk><{p}trk><{p}trkseg>" if tracks else f"</{p}trkseg>\n<{p}trkseg>"
    body = between.join("\n".join(points[a:b]) for a, b in pairwise([0, *parts, len(points)]))
    return (f'{first}<{p}gpx version="{version.replace("/", ".")}" creator="Some app" '
            f'xmlns{":" + prefix if prefix else ""}="http://www.topografix.com/GPX/{version}" xmlns:x="urn:x"><{p}metadata>'
            f'<{p}time>2026-06-14T13:30:00Z</{p}time></{p}metadata><{p}wpt lat="0" lon="0"/><{p}trk><{p}trkseg>{body}'
            f"</{p}trkseg></{p}trk></{p}gpx>\n")


# XRK

GPS_EPOCH_S, LEAP_S, WEEK_MS = 315_964_800, 18, 7 * 86_400_000


def message(token: bytes, payload: bytes) -> bytes:
    token = token.ljust(4, b"\0")
    return (b"<h" + token + struct.pack("<I", len(payload)) + b"\0>" + payload + b"<" + token
            + struct.pack("<H", sum(payload) & 0xFFFF) + b">")


def xrk(outing: Outing, token: bytes = b"GPS") -> bytes:
    """The positions alone, as the receiver told them; no channels and no laps."""
    lat, lon, height_m = np.radians(outing.lat), np.radians(outing.lon), 112.0
    across = EQUATOR_M / np.sqrt(1 - SQUARED_ECCENTRICITY * np.sin(lat)**2)
    place = np.stack([(across + height_m) * np.cos(lat) * np.cos(lon), (across + height_m) * np.cos(lat) * np.sin(lon),
                      (across * (1 - SQUARED_ECCENTRICITY) + height_m) * np.sin(lat)], axis=1)
    moved = np.gradient(place, outing.t_s, axis=0)
    moved *= (outing.speed / np.maximum(np.sqrt((moved**2).sum(axis=1)), 1e-3))[:, None]
    begin_ms = round((outing.start.timestamp() - GPS_EPOCH_S + LEAP_S) * 1000)
    told = [message(b"CNF", b"")]
    for t, xyz, velocity in zip(outing.t_s.tolist(), place.tolist(), moved.tolist(), strict=True):
        week, of_week_ms = divmod(begin_ms + round(t * 1000), WEEK_MS)
        place_cm, velocity_cmps = ([round(each * 100) for each in three] for three in (xyz, velocity))
        told.append(message(token, struct.pack("<iIiHBB3iI3iIHBBI", 4_000 + round(t * 1000), of_week_ms, 0, week, 3, 0xF,
                                               *place_cm, 40, *velocity_cmps, 20, 120, 0, 12, 0)))
    return b"".join(told)
