"""What the venue decides in files and environment: read once at start, every fault reported at once, then frozen."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

import platformdirs

from trackd.core.errors import BadInput, Fault
from trackd.links.transport import parse_url
from trackd.toml import Table, read

PROTOCOLS = ("p3", "p98", "tranx2", "chronelec", "node")
MAX_PORT = 65_535

_ROLE = re.compile(r"start_finish|pit_in|pit_out|sector:[1-9][0-9]?")
_ADDRESS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,61}[A-Za-z0-9])?")
_SCHEDULE = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the README documents it. ``default`` is shown as written there, "" for none."""

    name: str
    default: str
    doc: str


SETTINGS: tuple[Setting, ...] = (
    Setting("venue.name", "Track", "the name on screens and results"),
    Setting("venue.timezone", "UTC", "IANA name; days and opening hours are counted in it"),
    Setting("links.name", "", "what staff call this connection; unique"),
    Setting("links.protocol", "", "p3, p98, tranx2, chronelec or node"),
    Setting("links.url", "", "tcp://HOST:PORT or serial:///dev/NAME?baud=9600"),
    Setting("links.role", "start_finish", "start_finish, sector:1 and up, pit_in or pit_out"),
    Setting("links.roles", "", "instead of role, where one link carries several loops: decoder id to role"),
    Setting("links.track", "main", "the track the loops lie on"),
    Setting("recordings.folder", "", "a folder watched for recordings (an export, a stick, a share); read, never changed"),
    Setting("recordings.solos", "off", "auto looks for AiM units on the network; or their addresses, with commas"),
    Setting("cloud.url", "", "where verified laps replicate to; absent: never"),
    Setting("cloud.schedule", "03:30", "when they do, in the venue's time"),
    Setting("server.host", "127.0.0.1", "the address to listen on; 0.0.0.0 for the venue's network"),
    Setting("server.port", "8000", "the port to listen on; 0 lets the system choose"),
    Setting("server.read_login", "false", "true: reading needs a login or a token too"),
    Setting("server.capture_mb", "64", "raw bytes kept of each link, in megabytes; 0 keeps none"),
    Setting("TRACKD_DATA", "", "the data folder, when --data is not given"),
    Setting("TRACKD_CONFIG", "", "the configuration file, when --config is not given"),
    Setting("TRACKD_HOST", "", "goes before server.host"),
    Setting("TRACKD_PORT", "", "goes before server.port"),
)


@dataclass(frozen=True, slots=True)
class Venue:
    """The place. ``timezone`` is an IANA name that zoneinfo knows."""

    name: str = "Track"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Link:
    """One connection to a decoder. Either ``role`` counts for all it reports, or ``roles`` for each decoder id."""

    name: str
    protocol: str
    url: str
    role: str | None = "start_finish"
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    track: str = "main"

    def role_of(self, decoder_id: str | None) -> str | None:
        """The role of the loop that reports as ``decoder_id``; None for a loop nobody named."""
        return self.role if self.role is not None else self.roles.get(decoder_id or "")


@dataclass(frozen=True, slots=True)
class Recordings:
    """Where recordings come from beside uploads. ``solos``: auto, off, or addresses with commas."""

    folder: Path | None = None
    solos: str = "off"

    @property
    def targets(self) -> tuple[str, ...] | Literal["auto"] | None:
        """The addresses of units to ask, "auto" to look for them; None: no units at all."""
        if self.solos == "off":
            return None
        return "auto" if self.solos == "auto" else tuple(map(str.strip, self.solos.split(",")))


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where verified laps go. Without ``url`` nothing leaves; ``schedule`` is HH:MM in the venue's time."""

    url: str | None = None
    schedule: str = "03:30"


@dataclass(frozen=True, slots=True)
class Server:
    """Where the web listens, whether reading needs a login, and how much raw wire is kept of each link."""

    host: str = "127.0.0.1"
    port: int = 8000
    read_login: bool = False
    capture_mb: int = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. ``Settings()`` is a venue without decoders on this machine alone."""

    venue: Venue = Venue()
    links: tuple[Link, ...] = ()
    recordings: Recordings = Recordings()
    cloud: Cloud = Cloud()
    server: Server = Server()


def data_folder(arg: Path | str | None, env: Mapping[str, str]) -> Path:
    """The data folder: what ``--data`` says, else ``$TRACKD_DATA``, else the platform's user data folder."""
    chosen = arg or env.get("TRACKD_DATA")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("trackd", appauthor=False)


def load(path: Path | None, env: Mapping[str, str]) -> Settings:
    """Settings from ``path`` (else ``$TRACKD_CONFIG``, else defaults) and the environment, which goes first.

    Raises BadInput with every fault found, each naming its place as ``links[1].url`` (links count from 0) or the line.
    """
    if path is None and env.get("TRACKD_CONFIG"):
        path = Path(env["TRACKD_CONFIG"]).expanduser()
    faults: list[Fault] = []
    top = Table(read(path) if path else {}, "", faults)
    settings = Settings(
        venue=_venue(top.table("venue")),
        links=_links(top.tables("links"), faults),
        recordings=_recordings(top.table("recordings")),
        cloud=_cloud(top.table("cloud")),
        server=_server(top.table("server"), env),
    )
    top.close()
    if faults:
        raise BadInput(*faults)
    return settings


def _venue(table: Table) -> Venue:
    venue = Venue(table.text("name", Venue().name), table.text("timezone", Venue().timezone))
    try:
        zoneinfo.ZoneInfo(venue.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, as "Europe"
        table.fault("timezone", f'"{venue.timezone}" is no time zone; write one as "Europe/Rome"')
    table.close()
    return venue


def _links(tables: list[Table], faults: list[Fault]) -> tuple[Link, ...]:
    links: list[Link] = []
    for table in tables:
        link = _link(table)
        if link.name and any(link.name == other.name for other in links):
            table.fault("name", f'"{link.name}" is the name of another link')
        links.append(link)
    return () if faults else tuple(links)


def _link(table: Table) -> Link:
    name, protocol, url = table.text("name"), table.text("protocol"), table.text("url")
    if protocol and protocol not in PROTOCOLS:
        table.fault("protocol", f'"{protocol}" is none of {", ".join(PROTOCOLS)}')
    if url:
        try:
            parse_url(url)
        except BadInput as error:
            for fault in error.faults:
                table.fault("url", fault.what)
    role, roles = table.text("role", "start_finish"), table.table("roles")
    if table.has("role") and table.has("roles"):
        table.fault("roles", "stands beside role; keep one of the two")
    by_id = {key: roles.text(key) for key in roles.keys()}  # noqa: SIM118 - a Table is no mapping
    if table.has("roles") and not by_id:
        table.fault("roles", 'must name at least one loop, as { "268307" = "start_finish" }')
    for where, key, value in [(table, "role", role), *((roles, key, value) for key, value in by_id.items())]:
        if value and not _ROLE.fullmatch(value):
            where.fault(key, f'"{value}" is none of start_finish, sector:1 and up, pit_in, pit_out')
    track = table.text("track", "main")
    table.close()
    return Link(name, protocol, url, None if by_id else role, MappingProxyType(by_id), track)


def _recordings(table: Table) -> Recordings:
    folder, solos = table.text("folder", ""), table.text("solos", "off")
    path = Path(folder).expanduser() if folder else None
    if path is not None and not path.is_absolute():
        table.fault("folder", f'"{folder}" must be a whole path, from / or ~')
    if solos not in ("auto", "off"):
        for each in map(str.strip, solos.split(",")):
            if not _ADDRESS.fullmatch(each):
                table.fault("solos", f'"{each}" is no address; write auto, off, or addresses with commas')
    table.close()
    return Recordings(path, solos)


def _cloud(table: Table) -> Cloud:
    url = table.text("url", "")
    if url:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or not (parts.scheme == "https" or local):
            table.fault("url", f'"{url}" must begin with https:// (plain http only to this machine)')
    schedule = table.text("schedule", Cloud().schedule)
    if not _SCHEDULE.fullmatch(schedule):
        table.fault("schedule", f'"{schedule}" must be a time of day, as 03:30')
    table.close()
    return Cloud(url or None, schedule)


def _server(table: Table, env: Mapping[str, str]) -> Server:
    default = Server()
    host = table.text("host", default.host)
    port = table.number("port", default.port, 0, MAX_PORT)
    read_login = table.switch("read_login", default=default.read_login)
    capture_mb = table.number("capture_mb", default.capture_mb, 0, 100_000)
    if wanted := env.get("TRACKD_PORT"):
        if wanted.isascii() and wanted.isdecimal() and int(wanted) <= MAX_PORT:
            port = int(wanted)
        else:
            table.fault("port", f'$TRACKD_PORT is "{wanted}", and must be a number from 0 to {MAX_PORT}')
    table.close()
    return Server(env.get("TRACKD_HOST") or host, port, read_login, capture_mb)
