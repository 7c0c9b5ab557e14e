"""Frames to facts: which passings are new, where they lie in track time, whose they are, and what to ask again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from trackd.core.records import Frame, Passing, Record, Rejected, Status
from trackd.core.time import MINUTE, SECOND, Micros
from trackd.protocols.codec import Codec
from trackd.timing import sequence
from trackd.timing.events import LINE
from trackd.timing.facts import Fact, Note, PassingFact
from trackd.timing.sequence import Counter, News
from trackd.timing.venue import Venue

GIVE_UP_US: Micros = 11 * SECOND
"""A gap asked for and not answered within two status periods of 5 s is unrecoverable."""

ASK_AT_MOST = 3
STATUS_EVERY_US: Micros = 10 * MINUTE
REJECTED_PER_SECOND = 10
REJECTED_BYTES = 256


@dataclass(frozen=True, slots=True)
class Arrival:
    """Frames as a link delivered them, with the moment they came."""

    link: str
    connection: int
    frames: tuple[Frame, ...]
    t_us: Micros
    wall_us: Micros


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send on a connection, after the commit."""

    link: str
    connection: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """What is configured of a link: its codec, its track, and the role of its loop or loops."""

    codec: Codec
    track: str
    role: str | None
    roles: Mapping[str, str]

    def role_of(self, decoder_id: str | None) -> str:
        """The role of the loop a passing came from; "" for a loop nobody configured."""
        named = self.roles.get(decoder_id or "")
        return named or self.role or ("" if self.roles else LINE)


class Gap(msgspec.Struct, frozen=True):
    """Numbers of an ``epoch`` that did not arrive. ``asked`` counts the requests, on ``connection``, until ``until_us``."""

    link: str
    key: str
    decoder: str | None
    boot: str | None
    first: int
    last: int
    connection: int
    until_us: Micros
    asked: int = 1
    epoch: int = 0


Placed = list[tuple[Fact, str | None]]
Mark = tuple[dict[str, Counter], tuple[Gap, ...], dict[str, Micros], dict[str, tuple[int, int]]]


@dataclass(slots=True)
class Intake:
    """Counters of all decoders and the gaps being repaired. Everything in it is frozen, so going back is cheap."""

    sources: Mapping[str, Source]
    ahead: Callable[[Micros], bool] = lambda _: False
    counters: dict[str, Counter] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    _heard: dict[str, Micros] = field(default_factory=dict)          # status notes: decoder and connection -> when
    _rejected: dict[str, tuple[int, int]] = field(default_factory=dict)   # link -> (second, count)
    _settled: set[str] = field(default_factory=set)

    def mark(self) -> Mark:
        """A place to go ``back`` to when the commit fails."""
        return dict(self.counters), self.gaps, dict(self._heard), dict(self._rejected)

    def back(self, mark: Mark) -> None:
        """Forget what was placed since ``mark``."""
        self.counters, self.gaps, self._heard, self._rejected = mark

    def saved(self) -> str:
        """All counters and gaps, stored with every commit."""
        return msgspec.json.encode({"counters": self.counters, "gaps": self.gaps}).decode()

    def restore(self, saved: str | None) -> None:
        """Go on from the last commit; gaps are asked for again on the next connection."""
        state = msgspec.json.decode(saved) if saved else {"counters": {}, "gaps": []}
        self.counters = msgspec.convert(state["counters"], dict[str, Counter])
        self.gaps = tuple(replace(g, connection=-1) for g in msgspec.convert(state["gaps"], list[Gap]))

    def place(self, arrivals: Sequence[Arrival], venue: Venue, known: Callable[[str], tuple[str | None, int] | None],
              number: Callable[[], int]) -> tuple[Placed, list[Reply]]:
        """Facts with identities and replies for what arrived. ``known`` also sees what this call has placed."""
        placing = _Placing(self, venue, known, number)
        for arrival in arrivals:
            source = self.sources[arrival.link]
            for frame in arrival.frames:
                if isinstance(frame, Passing):
                    placing.passing(frame, arrival, source)
                elif isinstance(frame, Rejected):
                    placing.rejected(frame, arrival)
                else:
                    placing.told(frame, arrival, source)
            placing.repair(arrival, source)
        return placing.facts, placing.replies


@dataclass(slots=True)
class _Placing:
    intake: Intake
    venue: Venue
    stored: Callable[[str], tuple[str | None, int] | None]
    number: Callable[[], int]
    facts: Placed = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    fresh: dict[str, tuple[str | None, int]] = field(default_factory=dict)

    def known(self, identity: str) -> tuple[str | None, int] | None:
        return self.fresh.get(identity) or self.stored(identity)

    def passing(self, frame: Passing, arrival: Arrival, source: Source) -> None:
        intake, link = self.intake, arrival.link
        key = sequence.decoder_key(link, frame.protocol, frame.decoder_id)
        counter = intake.counters.get(key, Counter())
        judged = sequence.judge(counter, frame, arrival.t_us, key, self.known, settle=source.track not in self.venue.live)
        intake.counters[key] = judged.counter
        if judged.news is not News.KNOWN:
            identity = sequence.identity(key, judged.counter.epoch, frame, judged.clock_us)
            if identity is not None:
                self.fresh[identity] = (frame.transponder, frame.rtc_time_us)
            if key not in intake._settled:
                intake._settled.add(key)
                intake.ahead(judged.at_us)
            self._add("passing", self._fact_of(frame, arrival, source, key, judged), arrival, identity)
            if judged.news is News.FILLS:
                self._filled(key, arrival)
            if judged.gap:
                self._missing(judged.gap, frame.decoder_id, key, frame.boot, arrival, source)
        data = source.codec.acknowledge(frame)
        if data:
            self.replies.append(Reply(link, arrival.connection, data))

    def _fact_of(self, frame: Passing, arrival: Arrival, source: Source, key: str, judged: sequence.Judged) -> PassingFact:
        kart = self.venue.owner.get(frame.transponder) if frame.transponder is not None else None
        return PassingFact(
            link=arrival.link, protocol=frame.protocol, decoder=frame.decoder_id, key=key, epoch=judged.counter.epoch,
            rtc=frame.rtc_time_us, at=judged.at_us, number=frame.passing_number, transponder=frame.transponder, kart=kart,
            track=source.track, role=source.role_of(frame.decoder_id), strength=frame.strength, hits=frame.hits,
            flags=frame.flags, kind=frame.kind, news=judged.news.value, extra=frame.extra)

    def rejected(self, frame: Rejected, arrival: Arrival) -> None:
        """Every damaged frame is a fact, up to a bound a second: a broken cable must not fill the disk."""
        second = arrival.t_us // SECOND
        since, count = self.intake._rejected.get(arrival.link, (second, 0))
        count = count + 1 if since == second else 1
        self.intake._rejected[arrival.link] = (second, count)
        if count <= REJECTED_PER_SECOND:
            self._note("rejected", arrival, link=arrival.link, protocol=frame.protocol, reason=frame.reason,
                       offset=frame.offset, bytes=frame.data[:REJECTED_BYTES].hex(), size=len(frame.data))

    def told(self, frame: Status | Record, arrival: Arrival, source: Source) -> None:
        """Status and other records: kept now and then; a numbered status also takes its number."""
        if isinstance(frame, Status):
            key = sequence.decoder_key(arrival.link, frame.protocol, frame.decoder_id)
            counter = self.intake.counters.get(key)
            if counter is not None:
                self.intake.counters[key], gap = sequence.heard(counter, frame.sequence, frame.boot)
                if gap:
                    self._missing(gap, frame.decoder_id, key, frame.boot, arrival, source)
                elif self.intake.counters[key] is not counter:
                    self._filled(key, arrival)
        what = "status" if isinstance(frame, Status) else frame.type
        name = f"{arrival.link}/{arrival.connection}/{frame.decoder_id}/{what}"
        if arrival.t_us - self.intake._heard.get(name, -STATUS_EVERY_US) >= STATUS_EVERY_US:
            self.intake._heard[name] = arrival.t_us
            self._note("status", arrival, link=arrival.link, decoder=frame.decoder_id, type=what, fields=frame.fields)

    def _missing(self, gap: tuple[int, int], decoder: str | None, key: str, boot: str | None, arrival: Arrival,
                 source: Source) -> None:
        data = source.codec.resend(decoder, gap[0], gap[1], boot)
        told: dict[str, Any] = {"link": arrival.link, "decoder": decoder, "first": gap[0], "last": gap[1]}
        if not data:
            self.intake.counters[key], _ = sequence.give_up(self.intake.counters[key], gap)
            self._note("gap", arrival, **told, outcome="unrecoverable", why="this decoder cannot send again")
            return
        self.replies.append(Reply(arrival.link, arrival.connection, data))
        self.intake.gaps += (Gap(arrival.link, key, decoder, boot, gap[0], gap[1], arrival.connection,
                                 arrival.t_us + GIVE_UP_US, epoch=self.intake.counters[key].epoch),)
        self._note("gap", arrival, **told, outcome="asked")

    def _filled(self, key: str, arrival: Arrival) -> None:
        """Gaps of this decoder that are whole again are closed."""
        counter = self.intake.counters[key]
        for gap in self.intake.gaps:
            if gap.key == key and gap.epoch == counter.epoch and not any(
                    a <= gap.last and b >= gap.first for a, b in counter.missing):
                self.intake.gaps = tuple(g for g in self.intake.gaps if g is not gap)
                self._note("gap", arrival, link=gap.link, decoder=gap.decoder, first=gap.first, last=gap.last,
                           outcome="filled")

    def repair(self, arrival: Arrival, source: Source) -> None:
        """Ask again on a new connection; give up what was asked for and did not come."""
        for gap in self.intake.gaps:
            if gap.link != arrival.link:
                continue
            counter = self.intake.counters[gap.key]
            if gap.epoch != counter.epoch:
                self._lost(gap, [(gap.first, gap.last)], arrival, "the decoder began anew")
            elif gap.connection != arrival.connection and gap.asked <= ASK_AT_MOST:
                data = source.codec.resend(gap.decoder, gap.first, gap.last, gap.boot)
                self.replies.append(Reply(arrival.link, arrival.connection, data))
                self._change(gap, replace(gap, connection=arrival.connection, asked=gap.asked + 1,
                                          until_us=arrival.t_us + GIVE_UP_US))
            elif arrival.t_us > gap.until_us:
                self.intake.counters[gap.key], lost = sequence.give_up(counter, (gap.first, gap.last))
                self._lost(gap, lost, arrival, "the decoder did not send it again")

    def _lost(self, gap: Gap, lost: Iterable[tuple[int, int]], arrival: Arrival, why: str) -> None:
        self._change(gap, None)
        for first, last in lost:
            self._note("gap", arrival, link=gap.link, decoder=gap.decoder, first=first, last=last,
                       outcome="unrecoverable", why=why)

    def _change(self, gap: Gap, to: Gap | None) -> None:
        self.intake.gaps = tuple(g for g in (to if g is gap else g for g in self.intake.gaps) if g is not None)

    def _note(self, kind: str, arrival: Arrival, **body: Any) -> None:
        self._add(kind, Note(body), arrival, None)

    def _add(self, kind: str, body: PassingFact | Note, arrival: Arrival, identity: str | None) -> None:
        self.facts.append((Fact(self.number(), arrival.t_us, arrival.wall_us, kind, None, body), identity))
