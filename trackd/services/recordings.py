"""Recordings of GPS loggers, from a file to laps with a kart: kept, read, laid on a layout, matched.

A file is durable before it is read, and its fact before anybody is told. All else follows from it in one transaction, is
done one file at a time beside timing, and is begun again at the next start if the power went meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from trackd.core.errors import BadInput, Fault, NotFound, Refused, TrackdError
from trackd.core.ids import new_id
from trackd.core.time import Micros
from trackd.services.commands import Decider, Draft
from trackd.services.driving import drive, driven_on
from trackd.services.files import Files
from trackd.services.writer import Writer
from trackd.store.database import NAME, read_only
from trackd.store.recorded import ACCEPTED, PROPOSED
from trackd.timing.recorded import DrivenFact, MatchFact, ReadFact, RecordingFact, Source

if TYPE_CHECKING:                        # numpy comes with the first file, not with the start
    from trackd.gps.trace import Recording
    from trackd.services.reader import Reader

log = structlog.get_logger()

FILE_MOST = 64_000_000
"""Bytes. A day in a kart is a fourth of it."""

NAME_MOST = 120
AGAIN_S = 30.0
_match_fact = msgspec.json.Decoder(MatchFact).decode
BUG = "A fault in trackd, written to its log. The file is kept; choose its layout to have it tried again."
KEPT = 16
"""Recordings held as arrays for the pages that show them: some 1 MB each."""


class Recordings:
    """Takes files in and works them through. ``start`` and ``stop`` on the event loop."""

    def __init__(self, folder: Path, writer: Writer) -> None:
        self.folder, self.writer = folder, writer
        self.files = Files(folder)
        self._reader: Reader | None = None
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._read: OrderedDict[str, Recording] = OrderedDict()   # those looked at last
        self._open: dict[str, asyncio.Event] = {}        # what waits or is worked on

    async def start(self) -> None:
        """Begin to work, with what was left undone."""
        for recording in await asyncio.to_thread(self._undone):
            self._take(recording)
        self._task = asyncio.create_task(self._forever(), name="recordings")

    async def stop(self) -> None:
        """End; what is not done is begun again at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._reader is not None:
            await self._reader.close()

    async def read(self, sha256: str, name: str) -> Recording:
        """A stored file as a recording; those looked at last are kept. Raises BadInput with the reader's sentence."""
        from trackd.services.reader import Reader

        if sha256 in self._read:
            self._read.move_to_end(sha256)
            return self._read[sha256]
        if self._reader is None:
            self._reader = Reader()
        found = self._read[sha256] = await self._reader.read(self.files.path(sha256), name)
        if len(self._read) > KEPT:
            self._read.popitem(last=False)
        return found

    def _undone(self) -> list[str]:
        with contextlib.closing(read_only(self.folder / NAME)) as db:
            return [row[0] for row in db.execute("SELECT id FROM recordings WHERE read IS NULL ORDER BY seq")]

    async def names(self, recordings: Iterable[str]) -> dict[str, str]:
        """What these are called, by id."""
        def asked() -> dict[str, str]:
            with contextlib.closing(read_only(self.folder / NAME)) as db:
                found = (db.execute("SELECT recording, name FROM files WHERE recording = ?", (each,)).fetchone()
                         for each in recordings)
                return dict(row for row in found if row)
        return await asyncio.to_thread(asked)

    # --- taking in ----------------------------------------------------------------------------------------------------

    async def receive(self, data: bytes, name: str, source: Source, by: str, unit: str | None = None) -> tuple[str, bool]:
        """Keep a file and have it read. Its id, and whether that very file was there already.

        Raises BadInput for an empty or far too large file, StorageFailing.
        """
        if not data:
            raise BadInput(Fault("file", "is empty"))
        if len(data) > FILE_MOST:
            raise BadInput(Fault("file", "is larger than 64 MB"))
        sha256 = await asyncio.to_thread(self.files.keep, data)
        made: list[tuple[str, bool]] = []

        def decide(decider: Decider) -> Sequence[Draft]:
            known = decider.db.execute("SELECT id FROM recordings WHERE sha256 = ?", (sha256,)).fetchone()
            made.append((known[0], True) if known else (new_id(), False))
            if known:
                return []
            decider.db.execute("INSERT INTO files (recording, name, driver, vehicle, venue) VALUES (?,?,'','','')",
                               (made[0][0], _short(name)))
            return [("recording", None, RecordingFact(made[0][0], sha256, len(data), source, unit, by))]
        await asyncio.wrap_future(self.writer.submit(decide))
        recording, known = made[0]
        if not known:
            self._take(recording)
        return recording, known

    def _take(self, recording: str) -> None:
        self._open[recording] = asyncio.Event()
        self._waiting.put_nowait(recording)

    async def settled(self, recording: str) -> None:
        """Wait until a recording that came in has been worked through."""
        if recording in self._open:
            await self._open[recording].wait()

    # --- working through ----------------------------------------------------------------------------------------------

    async def _forever(self) -> None:
        while True:
            recording = await self._waiting.get()
            try:
                await self.work(recording)
            except TrackdError as error:
                log.warning("a recording waits", recording=recording, says=str(error))
                asyncio.get_running_loop().call_later(AGAIN_S, self._waiting.put_nowait, recording)
                continue
            except Exception:            # the job runner: one file must not end the reading of others
                log.exception("a recording could not be worked through", recording=recording)
                with contextlib.suppress(TrackdError):
                    await self._store(recording, [("read", None, ReadFact(recording, refused=BUG))])
            self._open.pop(recording).set()

    async def work(self, recording: str) -> None:
        """Read a recording, find its laps and its kart, and store all of it at once. Raises TrackdError."""
        row = await asyncio.to_thread(self._row, recording)
        try:
            found = await self.read(row.sha256, row.name)
        except BadInput as error:
            await self._store(recording, [("read", None, ReadFact(recording, refused=error.faults[0].what))])
            return
        layouts, read = dict(self.writer.venue.layouts), _read_fact(recording, found)
        if row.layout is not None and row.layout in layouts:     # its lines were moved: what was matched waits
            driven = await asyncio.to_thread(driven_on, recording, found, row.layout, layouts[row.layout], row.reason,
                                             approved=not row.decided)
            drafts: list[Draft] = [("driven", None, driven)]
        else:
            driven = await asyncio.to_thread(drive, recording, found, layouts)
            drafts = [("read", None, read), ("driven", None, driven)]
        if driven.layout is not None and driven.approved and not row.decided:
            drafts.append(await asyncio.to_thread(self._match, row, read, driven))
        await self._store(recording, drafts, found)
        _, session, last = drafts[-1]
        if session is not None and isinstance(last, MatchFact) and last.accepted:
            await self._look_again(session)

    async def layout_saved(self, layout_id: str) -> None:
        """Lay recordings on a layout that is new or has other lines: those on it, and those on none."""
        def asked() -> list[str]:
            with contextlib.closing(read_only(self.folder / NAME)) as db:
                return [row[0] for row in db.execute(
                    "SELECT id FROM recordings WHERE driven IS NOT NULL AND (layout IS NULL OR layout = ?) ORDER BY seq",
                    (layout_id,))]
        for recording in await asyncio.to_thread(asked):
            if recording not in self._open:
                self._take(recording)

    async def approve(self, recording: str, by: str) -> None:
        """Let laps found on moved lines take the place of those that counted. Raises Refused where none wait."""
        row = await asyncio.to_thread(self._row, recording)
        if row.proposed is None or row.layout is None:
            raise Refused("There are no newer laps to approve.")
        await self.on_layout(recording, row.layout, by)

    # --- decisions ----------------------------------------------------------------------------------------------------

    async def assign(self, recording: str, session: str | None, kart: str, by: str) -> None:
        """A person says which kart of which session it was; without ``kart`` that it was none of them.

        Raises NotFound, Refused where that kart is not in that session or the recording has no laps.
        """
        row = await asyncio.to_thread(self._row, recording)
        fact = MatchFact(recording, reason="Taken off by hand.", by=by)
        if kart:
            fact = await asyncio.to_thread(self._held_against, row, session or "", kart, by)

        def decide(decider: Decider) -> Sequence[Draft]:
            if kart and kart not in decider.course(session or "").heat.entries:
                raise Refused(f"Kart {kart} is not in that heat.")
            return [("match", session if kart else None, fact)]
        await asyncio.wrap_future(self.writer.submit(decide))

    def _held_against(self, row: Row, session: str, kart: str, by: str) -> MatchFact:
        from trackd.services.matching import held_against

        return held_against(self.folder, row.id, session, kart, by)

    async def on_layout(self, recording: str, layout_id: str, by: str) -> None:
        """A person says on which layout it was driven: its laps are found there, then its kart. Raises NotFound."""
        row = await asyncio.to_thread(self._row, recording)
        record = self.writer.venue.layouts.get(layout_id)
        if record is None:
            raise NotFound("That layout is not there any more.")
        found = await self.read(row.sha256, row.name)
        driven = await asyncio.to_thread(driven_on, recording, found, layout_id, record, f"Chosen by {by}.", by=by)
        match = await asyncio.to_thread(self._match, row, _read_fact(recording, found), driven)
        await self._store(recording, [("driven", None, driven), match])

    def _row(self, recording: str) -> Row:
        with contextlib.closing(read_only(self.folder / NAME)) as db:
            found = db.execute(
                "SELECT r.id, r.sha256, r.wall_us, COALESCE(f.name, ''), u.kart, r.layout, r.reason, r.matched, "
                "r.proposed, r.evidence FROM recordings r LEFT JOIN files f ON f.recording = r.id "
                "LEFT JOIN units u ON u.id = r.unit WHERE r.id = ?", (recording,)).fetchone()
        if found is None:
            raise NotFound(f"There is no recording {recording}.")
        return Row(*found)

    def _match(self, row: Row, read: ReadFact, driven: DrivenFact) -> Draft:
        from trackd.services.matching import Asked, find

        asked = Asked(row.id, driven.laps, read.duration_us, read.utc_us, row.wall_us, row.kart)
        session, matched = find(self.folder, asked)
        return ("match", session, matched)

    async def _look_again(self, session: str) -> None:
        """Accept what was only proposed for a heat and is certain now, as long as that decides anything more."""
        from trackd.services.matching import decided_now

        while found := await asyncio.to_thread(decided_now, self.folder, session):
            def decide(decider: Decider) -> Sequence[Draft]:
                open_ = {row[0] for row in decider.db.execute("SELECT id FROM recordings WHERE matched = ?", (PROPOSED,))}
                return [("match", *each) for each in found if each[1].recording in open_]
            await asyncio.wrap_future(self.writer.submit(decide))

    async def _store(self, recording: str, drafts: Sequence[Draft], found: Recording | None = None) -> None:
        def decide(decider: Decider) -> Sequence[Draft]:
            if found is not None:
                decider.db.execute("UPDATE files SET driver = ?, vehicle = ?, venue = ? WHERE recording = ?",
                                   (_short(found.driver), _short(found.vehicle), _short(found.venue), recording))
            return drafts
        await asyncio.wrap_future(self.writer.submit(decide))


@dataclass(frozen=True, slots=True)
class Row:
    """What is stored of a recording. ``kart``: the one its unit rides on; ``proposed``: newer laps that wait."""

    id: str
    sha256: str
    wall_us: Micros
    name: str
    kart: str | None
    layout: str | None
    reason: str
    matched: int
    proposed: int | None
    evidence: bytes | None

    @property
    def decided(self) -> bool:
        """Whether its kart is known, or a person has said that it was none: nothing of that changes by itself."""
        return self.matched == ACCEPTED or (self.evidence is not None and bool(_match_fact(self.evidence).by))


def _read_fact(recording: str, found: Recording) -> ReadFact:
    device, marks = list(found.device_laps.times_us), found.device_laps.marks_us
    return ReadFact(recording, found.format, found.device, found.utc_us, found.trace.duration_us,
                    round(found.trace.rate_hz, 3), len(found.trace), device or [b - a for a, b in pairwise(marks)],
                    list(found.faults))


def _short(text: str) -> str:
    """A name out of a file, as far as it can be shown."""
    return "".join(filter(str.isprintable, text)).strip()[:NAME_MOST]
