"""What an emulated AiM unit tells of itself: the answer to a probe, the device information, the list of its files.

The owner and the password in it are invented and always the same, so that a test can look for them where they must not
be. Source of the shapes: PROTOCOLS 9.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trackd.core.errors import BadInput
from trackd.protocols.aim_wifi import file_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWNER = "Greta Rennsteiger"
PASSWORD = "gravel-otter-7"  # noqa: S105 - invented, and planted to be looked for

_ANSWER_SIZE = 236
_COLUMNS = ("name,size,date,hour,nlap,nbest,best,pilota,track_name,veicolo,campionato,venue_type,mode,trk_type,motivolap,"
            "maxvel,device,track_lat,track_lon,test_dur,pname,ptype,ptime,pdist,pmaxv,")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the unit is."""

    model: str = "SOLO2DL"
    serial: str = "500417"
    name: str = ""

    @property
    def network(self) -> str:
        """The name of its own network, which is also what it calls itself."""
        return "-".join(filter(None, ("AiM", self.model, self.serial, self.name)))


def probe_answer(identity: Identity) -> bytes:
    """The reply to ``aim-ka``."""
    head = _ANSWER_SIZE.to_bytes(4, "little") + (2).to_bytes(4, "little") + bytes(8) + (0x1E).to_bytes(4, "little")
    return (head + identity.network.encode()[:103]).ljust(_ANSWER_SIZE, b"\0")


def device_info(identity: Identity) -> bytes:
    """The nested blocks of the device information; owner and password included, as on a real unit."""
    user = f"device=|pilota={OWNER}|veicolo=|campionato=|venue_type=|desired_racem=|vehicle_type=|".encode()
    user = b"<hUSR " + b"%010d" % len(user) + b"a>" + user + b"<USR " + b"%06X" % sum(user) + b">"
    settings = (f"WiFi,wf_ssid,SSID,s,{identity.network},\r\nWiFi,wf_pwd,Pwd,s,{PASSWORD},\r\n"
                "WiFi,wf_chan,Channel,i,1,-1,1,11,\r\nWiFi,wf_mode,Mode,e,ap,ap,ap,in,\r\n"
                "WiFi,wf_ip,IP,e,10.0.0.1,10.0.0.1,10.0.0.1,11.0.0.1,12.0.0.1,\r\n").encode()
    return b"".join((
        _block(b"iMST", b"idn\x01\x38\0\x1e\x02\xff\x01".ljust(128, b"\0")), _block(b"iHW ", b"WiFi=WF121|Reg=eu|Rev=01|"),
        _block(b"iUSR", user), _block(b"iPTH", b"recorded=1:/mem,1:/mem.N|\r\nlogs=1:/logs,1:/logs.N|\r\n"),
        _block(b"iLCK", b"lck_fw=0|lck_cfg=0|lck_mem=0|lck_trk=0|"), _block(b"iPRL", settings)))


def _block(tag: bytes, body: bytes) -> bytes:
    return (b"<h" + tag + len(body).to_bytes(4, "little") + b"a>" + body
            + b"<" + tag + (sum(body) & 0xFFFF).to_bytes(2, "little") + b">")


def served(folder: Path) -> Iterator[Path]:
    """The files of ``folder`` a unit can hold, by name: all whose name the wire can carry."""
    for path in sorted(folder.iterdir()):
        try:
            file_path(path.name)
        except BadInput:
            continue
        if path.is_file():
            yield path


def listing(folder: Path) -> bytes:
    """The list of files as a unit prepares it. Laps are invented from the name; the date is the file's, in UTC."""
    rows = [_COLUMNS]
    for path in served(folder):
        about, rng = path.stat(), random.Random(path.name)  # noqa: S311 - repeatable on purpose
        when = datetime.fromtimestamp(about.st_mtime, UTC)
        laps = rng.randint(6, 20)
        rows.append(f"{path.name},{about.st_size},{when:%d/%m/%Y},{when:%H:%M:%S},{laps},{rng.randint(1, laps)},"
                    f"{rng.randint(38_000, 62_000)},{OWNER},Demo Park,Kart,,,speed,closed,,{rng.randint(600, 900)},SOLO2DL,"
                    f"463105012,112301456,{laps * 60},,,,,,")
    return "\r\n".join([*rows, ""]).encode()


def part(path: Path, offset: int, size: int) -> bytes:
    """A stretch of a file."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
