"""Files that would take all memory or never end, by what is wrong with them."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from tests.gps.written import AIM_HEAD, VBO_HEAD, sentence

M = 1_000_000
AIM = AIM_HEAD.encode() + b"\n"
RMC = sentence("GPRMC,120000.00,A,5120.4,N,01222.2,E,20,85,140626,,,A") + "\n"
POINT = b"<trkpt lat='1' lon='1'><time>2026-01-01T00:00:00Z</time></trkpt>"

BOMBS: dict[str, Callable[[], bytes]] = {
    "an XRZ of 900 MB": lambda: zlib.compress(b"<hCNF" + bytes(900 * M), 9),
    "an XRZ of 199 MB of nothing": lambda: zlib.compress(b"<hCNF" + bytes(199 * M), 9),
    "64 MB of commas": lambda: AIM + b"," * 64 * M,
    "9 million rows of commas": lambda: AIM + b",,,,,,\n" * 9 * M,
    "a line of 100 MB": lambda: AIM + b"1" * 100 * M,
    "150 million empty lines": lambda: AIM + b"\n" * 150 * M,
    "a million columns": lambda: (b"Format,AiM CSV File\nTime,GPS Latitude,GPS Longitude," + b"x," * M + b"\n"
                                  + (b"1," * (M + 3) + b"\n") * 20),
    "100 MB of quotes": lambda: b'Format,AiM CSV File\n"Time","GPS Latitude","GPS Longitude"\n' + b'"' * 100 * M,
    "5 million rows of words": lambda: AIM + b"x,y,z,a,b,c,d\n" * 5 * M,
    "400,000 rows that go back": lambda: AIM + b"\n".join(b"%.2f,54,12,1,51.%06d,12,9" % (4_000 - i / 100, i)
                                                          for i in range(400_000)),
    "150 MB of blanks": lambda: VBO_HEAD.format(gates="").encode() + b" " * 150 * M,
    "20 million sections": lambda: b"[column names]\ntime lat long\n" + b"[a]\n" * 20 * M,
    "5 million gates": lambda: b"[column names]\ntime lat long\n[laptiming]\n" + b"Start 1 2 3 4\n" * 5 * M,
    "150 million dollars": lambda: b"$GPRMC,1*00\n" + b"$" * 150 * M,
    "2 million sentences": lambda: RMC.encode() * 2 * M,
    "20 million elements, one in the other": lambda: b"<gpx>" + b"<a>" * 20 * M,
    "3 million attributes": lambda: b"<gpx " + b" ".join(b'a%d="1"' % i for i in range(3 * M)) + b">",
    "an attribute of 150 MB": lambda: b'<gpx a="' + b"x" * 150 * M,
    "a time of 150 MB": lambda: b"<gpx><trk><trkseg><trkpt lat='1' lon='1'><time>" + b"1" * 150 * M,
    "2 million points": lambda: b"<gpx><trk><trkseg>" + POINT * 2 * M,
    "10 million segments": lambda: b"<gpx><trk>" + b"<trkseg>" * 10 * M,
    "5 million columns": lambda: b"timestamp,fragment_id,latitude,longitude," + b"speed," * 5 * M + b"\n1,2,3,4\n",
    "150 MB of padding": lambda: b"datetime,driver,course\n" + b"\0" * 150 * M + b"timestamp,lat,lng\n1,2,3\n",
    "10 million positions begun": lambda: b"<hCNF" + b"<hGPS\0\x38\0\0\0\0>" * 10 * M,
}
QUICK = ("an XRZ of 900 MB", "64 MB of commas", "20 million elements, one in the other")
