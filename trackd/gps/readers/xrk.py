"""AiM XRK, and XRZ, which is the same packed with zlib.

A file is a run of messages, each framed ``<hTOK length version>payload<TOK sum>``, among them one ``GPS`` message a
position: the logger's stamp and what its u-blox receiver told (NAV-SOL, checksummed). Those are taken from the bytes here,
for they alone hold the receiver's own clock, against which every stamp is held. Laps, names and engine speed come from
libxrk, which also says where time 0 is. It answers rubbish with less or with any error, so nothing of it is taken unseen.

Stamps stay the time of a sample, as in all else the logger measures. They tremble by some 25 ms about the even steps of
the receiver, and the logger's clock drifts against it (130 ppm seen).
"""

from __future__ import annotations

import re
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trackd.core.time import MS, Micros
from trackd.gps.lines import EQUATOR_M, SQUARED_ECCENTRICITY
from trackd.gps.trace import Array, DeviceLaps, Recording, Times, Trace, Unreadable, trace_of

UNPACKED_MOST = 200_000_000
"""Bytes. A day in a kart is a tenth of it."""

BEGINS = re.compile(rb"<h[A-Z]{3}")       # in capitals: pages of the web begin with <html
POSITION_HEAD = re.compile(rb"<hGPS[\0 1]\x38\0\0\0.>", re.DOTALL)
POSITION = re.compile(POSITION_HEAD.pattern + rb"(.{56}<GPS[\0 1]..>)", re.DOTALL)
COUNTED = re.compile(rb"<hLAP[\0 ]\x14\0\0\0.>")
"""A lap the logger counted, in the form libxrk reads; without one libxrk finds laps by the stored start/finish point."""

MESSAGE = np.dtype([
    ("stamp_ms", "<i4"), ("tow_ms", "<u4"), ("_tow_ns", "<i4"), ("week", "<u2"), ("fix", "u1"), ("flags", "u1"),
    ("place_cm", "<i4", 3), ("accuracy_cm", "<u4"), ("velocity_cmps", "<i4", 3), ("_accuracy_cmps", "<u4"),
    ("_dop", "<u2"), ("_reserved1", "u1"), ("satellites", "u1"), ("_reserved2", "<u4"), ("_foot", "V5"), ("sum", "<u2"),
    ("_end", "u1")])
PAYLOAD = 56

FIX_LEAST = 2                          # 2 and 3: in the plane, in space
CLOCK_SET = 0b1100                     # flags: week and time of week are known
WEEK_MS = 7 * 86_400_000
WEEKS = range(1512, 3600)              # 2009 to 2048; receivers that count weeks to 1024 and begin anew fall out
GPS_EPOCH_S = 315_964_800
LEAPS = ((1_136_073_600, 14), (1_230_768_000, 15), (1_341_100_800, 16), (1_435_708_800, 17), (1_483_228_800, 18))
"""Since these instants (s since 1970) GPS time is so many seconds ahead of UTC; none is announced."""

SURFACE_M = (6_330_000.0, 6_400_000.0)  # from the earth's middle
FAR_M = 50_000.0                        # a recording stays at one track
JUMP_M, SPEED_MOST_MPS = 30.0, 150.0
NEIGHBOURS = 3                          # on either side, for what stands out alone
ALONE_MS, ALONE_UNCHECKED_MS = 1_000, 5_000
SHIFT_MS = 5_000                        # more than drift: the logger's clock jumped
GAP_US: Micros = 500_000                # METHODS 1.1
RPM_OLD_MS = 1_000

UNDATED = "The receiver's date cannot be right; its time of day is not used."


def holds(data: bytes) -> bool:
    """Whether the bytes begin like XRK or XRZ."""
    head = _inflated(data[:4096], 64)[0] if _packed(data) else data
    return BEGINS.match(head) is not None


def read(data: bytes) -> Recording:
    """One XRK or XRZ. ``t_us`` is on the clock of the logger's laps, 0 where its first channel begins.

    Raises Unreadable where it is neither, unpacks to more than 200 MB, or holds fewer than two sound positions.
    """
    faults: list[str] = []
    if _packed(data):
        data, whole = _inflated(data, UNPACKED_MOST)
        if len(data) > UNPACKED_MOST:
            raise Unreadable("It unpacks to more than 200 MB.")
        if not whole:
            faults.append("It is cut off or damaged; what unpacks was read.")
    if not BEGINS.search(data) or _packed(data):
        raise Unreadable("It is not an AiM recording (XRK or XRZ).")
    told, damaged = _positions(data)
    if not len(told):
        raise Unreadable("It holds no GPS positions.")
    rows, t_ms, clocked, unsound = _sound(told)
    log = _log(data, told)
    if log is None:
        faults.append("Its laps and names could not be read.")
        log = Log(int(t_ms[0]) if len(t_ms) else 0, fits=True)
    told, t_ms = told[rows], t_ms - log.zero_ms
    lat_deg, lon_deg = _places(_metres(told["place_cm"]))
    accuracy = np.where(told["accuracy_cm"] > 0, told["accuracy_cm"] / 100, np.nan)
    trace, kept, left_out = trace_of(t_ms * MS, lat_deg, lon_deg, _speed_mps(told), accuracy)
    told, t_ms = told[kept], t_ms[kept]
    utc_us, dated = _utc(told, t_ms) if clocked else (None, ())
    marks, marked = _marks(log, trace, counted=COUNTED.search(data) is not None)
    channels = {"satellites": told["satellites"].astype(np.float64)} | log.rpm_at(t_ms)
    return Recording(
        trace, "xrk", device=log.device, driver=log.name("Driver"), vehicle=log.name("Vehicle"), venue=log.name("Venue"),
        utc_us=utc_us, device_laps=DeviceLaps(marks_us=marks), channels=channels,
        faults=(*faults, *damaged, *unsound, *left_out, *dated, *marked))


def _packed(data: bytes) -> bool:
    return data[:1] == b"\x78" and data[1:2] in {b"\x01", b"\x5e", b"\x9c", b"\xda"}


def _inflated(data: bytes, most: int) -> tuple[bytes, bool]:
    """What unpacks before the first damage, a little over ``most`` bytes of it, and whether that is all."""
    machine, out, step = zlib.decompressobj(), bytearray(), 4096
    try:
        for at in range(0, len(data), step):
            out += machine.decompress(data[at:at + step], most + 1 - len(out))
            if machine.eof or len(out) > most:
                break
    except zlib.error:
        return bytes(out), False
    return bytes(out), machine.eof


def _positions(data: bytes) -> tuple[NDArray[np.void], tuple[str, ...]]:
    """The position messages (n,) whose checksum holds, in the order of the file, and a sentence about the others."""
    told = np.frombuffer(b"".join(POSITION.findall(data)), MESSAGE)
    sums = told.view(np.uint8).reshape(len(told), MESSAGE.itemsize)[:, :PAYLOAD].sum(axis=1, dtype=np.int64)
    sound: NDArray[np.void] = told[sums & 0xFFFF == told["sum"]]
    damaged = len(POSITION_HEAD.findall(data)) - len(sound)
    return sound, (f"Positions left out because they are damaged: {damaged}.",) if damaged else ()


def _sound(told: NDArray[np.void]) -> tuple[Times, Times, bool, tuple[str, ...]]:
    """Which positions (n,) have a place on earth and a time that can be, and their times (k,) in the logger's
    milliseconds; whether the receiver's clock told so; sentences about what was left out or mended.
    """
    place_m = _metres(told["place_cm"])
    far = np.sqrt((place_m**2).sum(axis=1))
    rows = np.flatnonzero((told["fix"] >= FIX_LEAST) & (far > SURFACE_M[0]) & (far < SURFACE_M[1]))
    nowhere = len(told) - len(rows)
    if len(rows) < 2:
        raise Unreadable("It holds no GPS positions.")
    stamp_ms, gps_ms = told["stamp_ms"][rows].astype(np.int64), _gps_ms(told[rows])
    known = (told["flags"][rows] & CLOCK_SET) == CLOCK_SET
    clocked = _runs_with(stamp_ms, gps_ms, known)
    ahead = stamp_ms - gps_ms if clocked else stamp_ms
    usual = _middle(ahead)
    timed = (known & (np.abs(ahead - usual) <= ALONE_MS)) if clocked else np.abs(ahead - usual) <= ALONE_UNCHECKED_MS
    rows, t_ms, faults = rows[timed], stamp_ms[timed], []
    if clocked and len(rows):
        shift = usual[timed] - usual[timed][0]
        jumped = np.abs(shift) > SHIFT_MS
        if jumped.any():
            t_ms = np.where(jumped, gps_ms[timed] + int(np.median(ahead[timed][~jumped])), t_ms)
            faults.append("The logger's clock jumps; behind the jump the receiver's own clock was used.")
    here = _at_one_track(place_m[rows], t_ms)
    lost, strayed = int((~timed).sum()), int((~here).sum())
    for count, why in ((nowhere, "they hold no place on earth"), (lost, "their time is damaged"),
                       (strayed, "their place cannot be")):
        if count:
            faults.append(f"Rows left out because {why}: {count}.")
    return rows[here], t_ms[here], clocked, tuple(faults)


def _gps_ms(told: NDArray[np.void]) -> Times:
    """The receiver's clock, milliseconds since GPS time began."""
    return told["week"].astype(np.int64) * WEEK_MS + told["tow_ms"].astype(np.int64)


def _runs_with(stamp_ms: Times, gps_ms: Times, known: NDArray[np.bool_]) -> bool:
    """Whether the receiver's clock is set nearly always and goes as fast as the logger's."""
    step_ms = np.median(np.diff(stamp_ms))
    return bool(known.mean() > 0.9 and step_ms > 0 and 0.8 < np.median(np.diff(gps_ms)) / step_ms < 1.25)


def _middle(values: NDArray[Any]) -> NDArray[Any]:
    """The running median (n,) of each value and its neighbours: what stands out alone stands out against it."""
    window = np.lib.stride_tricks.sliding_window_view(np.pad(values, NEIGHBOURS, mode="edge"), 2 * NEIGHBOURS + 1)
    return np.sort(window, axis=1)[:, NEIGHBOURS]


def _at_one_track(place_m: Array, t_ms: Times) -> NDArray[np.bool_]:
    """Which places (n, 3) lie near the middle one and where a car can have come from those around it."""
    if not len(t_ms):
        return np.zeros(0, dtype=np.bool_)
    near = np.abs(place_m - np.median(place_m, axis=0)).max(axis=1) <= FAR_M
    around = np.stack([_middle(place_m[:, axis]) for axis in range(3)], axis=1)
    padded = np.pad(t_ms, NEIGHBOURS, mode="edge")
    within_s = np.abs(padded[2 * NEIGHBOURS:] - padded[:-2 * NEIGHBOURS]) / 1000
    reached = np.abs(place_m - around).max(axis=1) <= JUMP_M + SPEED_MOST_MPS * within_s
    return np.asarray(near & reached)


def _metres(centimetres: NDArray[np.int32]) -> Array:
    return centimetres.astype(np.float64) / 100


def _speed_mps(told: NDArray[np.void]) -> Array:
    return np.asarray(np.sqrt((_metres(told["velocity_cmps"])**2).sum(axis=1)))


def _places(place_m: Array) -> tuple[Array, Array]:
    """Degrees of latitude and longitude of places (n, 3) in metres from the earth's middle, by Bowring's formula
    (exact to well under a millimetre near the ground).
    """
    x, y, z = place_m.T
    flat = np.sqrt(1 - SQUARED_ECCENTRICITY)
    axis_m = np.hypot(x, y)
    leaning = np.arctan2(z, axis_m * flat)
    lat = np.arctan2(z + SQUARED_ECCENTRICITY / flat * EQUATOR_M * np.sin(leaning)**3,
                     axis_m - SQUARED_ECCENTRICITY * EQUATOR_M * np.cos(leaning)**3)
    return np.degrees(lat), np.degrees(np.arctan2(y, x))


def _utc(told: NDArray[np.void], t_ms: Times) -> tuple[Micros | None, tuple[str, ...]]:
    """The instant at which ``t_ms`` is 0, by the receiver; the logger's own date and time are set by hand."""
    if int(np.median(told["week"])) not in WEEKS:
        return None, (UNDATED,)
    zero_ms = int(np.median(_gps_ms(told) - t_ms)) + GPS_EPOCH_S * 1000
    ahead_s = [seconds for since_s, seconds in LEAPS if zero_ms >= (since_s + seconds) * 1000][-1]
    return (zero_ms - ahead_s * 1000) * MS, ()


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """What libxrk told. ``zero_ms``: the stamp at its time 0. ``fits``: its times are those of the positions.
    ``laps``: begin, end (ms since ``zero_ms``) and kind: full, out, in.
    """

    zero_ms: int
    fits: bool
    laps: tuple[tuple[int, int, str], ...] = ()
    about: dict[str, Any] | None = None
    rpm: tuple[Times, Array] | None = None

    def name(self, key: str) -> str:
        """A name the file holds, "" for none."""
        value = (self.about or {}).get(key)
        return value if isinstance(value, str) else ""

    @property
    def device(self) -> str:
        """The logger by model and serial number; not by the name its owner gave it, which may be a person's."""
        about = self.about or {}
        model = self.name("Logger Model") or about.get("Logger Model ID") or ""
        return " ".join(str(part) for part in ("AiM", model, about.get("Logger ID")) if part)

    def rpm_at(self, t_ms: Times) -> dict[str, Array]:
        """Engine speed as last told before each time (n,), NaN where that is old."""
        if self.rpm is None or not self.fits:
            return {}
        when_ms, rpm = self.rpm
        last = np.maximum(np.searchsorted(when_ms, t_ms, side="right") - 1, 0)
        age_ms = t_ms - when_ms[last]
        return {"rpm": np.where((age_ms >= 0) & (age_ms <= RPM_OLD_MS), rpm[last], np.nan)}


def _log(data: bytes, told: NDArray[np.void]) -> Log | None:
    """What libxrk makes of the file; None where it fails or finds other positions."""
    from libxrk import aim_xrk

    try:
        with warnings.catch_warnings(action="ignore"):
            log = aim_xrk(data)
        lat = log.channels["GPS Latitude"]
        lat_deg, when_ms = (np.asarray(lat.column(name)) for name in ("GPS Latitude", "timecodes"))
        laps = tuple((lap["start_time"], lap["end_time"], lap["lap_type"]) for lap in log.laps.to_pylist())
        rpm = next(((np.asarray(table.column("timecodes")), np.asarray(table.column(name), dtype=np.float64))
                    for name, table in log.channels.items() if name in {"RPM", "Engine RPM"} and len(table)), None)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - of a damaged file it may say anything, and the positions are sound without it
        return None
    if not len(lat_deg):
        return None
    stamp_ms = told["stamp_ms"].astype(np.int64)
    same = len(lat_deg) // 10                # early: libxrk mends times behind a jump of the clock
    twins = np.flatnonzero(np.abs(_places(_metres(told["place_cm"]))[0] - lat_deg[same]) < 1e-8)
    zeros = stamp_ms[twins] - int(when_ms[same])
    shares = [float(np.isin(when_ms + zero, stamp_ms).mean()) for zero in zeros[:50]]
    if not shares:
        return None
    return Log(int(zeros[int(np.argmax(shares))]), max(shares) > 0.99, laps, log.metadata, rpm)


def _marks(log: Log, trace: Trace, *, counted: bool) -> tuple[tuple[Micros, ...], tuple[str, ...]]:
    """When the logger crossed its line: an out-lap begins and an in-lap ends elsewhere. Those it did not count itself
    are libxrk's, and it looks for them across gaps.
    """
    begun = {start for start, _end, kind in log.laps if kind != "out"}
    marks = np.array(sorted(begun | {end for _start, end, kind in log.laps if kind != "in"}), dtype=np.int64) * MS
    if not len(marks):
        return (), ()
    after = np.clip(np.searchsorted(trace.t_us, marks), 1, len(trace) - 1)
    inside = bool(marks[0] >= trace.t_us[0] and marks[-1] <= trace.t_us[-1])
    if not log.fits or not inside or (not counted and (np.diff(trace.t_us)[after - 1] > GAP_US).any()):
        return (), ("The logger's own laps do not fit its positions and were left out.",)
    return tuple(marks.tolist()), ()
