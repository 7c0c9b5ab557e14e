"""What can be done about a lap and its kart: every act with its key and its words, and why one is not possible. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trackd.core.time import lap_text
from trackd.timing.finish import race_key
from trackd.timing.flags import State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry, Lap
from trackd.web.pads import kart_key
from trackd.web.rows import qty

Pairs = tuple[tuple[str, str], ...]

TOLD_AT_MOST = 3
"""So many karts are told of before an order; the others are counted."""


@dataclass(frozen=True, slots=True)
class DeedView:
    """An act in the panel of a kart. It gives ``order`` with ``args`` at once, or opens ``form``. ``place``: where its
    button stands: ``lap`` always seen, ``more`` folded away, ``kart`` about the kart as a whole.
    """

    key: str
    word: str
    title: str                   # what will happen, as a sentence
    place: str
    order: str = ""
    args: Pairs = ()
    form: str = ""
    refused: str = ""

    @property
    def values(self) -> dict[str, str]:
        """The form fields it sends."""
        return {"order": self.order, **dict(self.args)}


def deeds_of(heat: Heat, entry: Entry, lap: Lap | None, closed: str) -> tuple[DeedView, ...]:
    """Everything that can be done about an entry and its chosen lap. ``closed``: why nothing can be changed now."""
    found = [*(_lap_deeds(heat, entry, lap) if lap is not None else ()), _insert(entry, lap), _back_one(heat)]
    return (*(_closed(deed, closed) for deed in found), *_kart_deeds(entry))


def _closed(deed: DeedView, closed: str) -> DeedView:
    if not closed:
        return deed
    return DeedView(deed.key, deed.word, deed.title, deed.place, deed.order, deed.args, deed.form, closed)


def _lap_deeds(heat: Heat, entry: Entry, lap: Lap) -> Iterator[DeedView]:
    number, own = lap.number, (("kart", entry.kart), ("lap", str(lap.number)))
    last = number == len(entry.laps)
    yield DeedView("M", "Merge", f"Merge lap {number} with lap {number + 1}", "lap", "merge_laps", own,
                   refused="There is no lap after it to merge it with." if last else "")
    yield DeedView("I", "Ignore", f"Ignore the crossing that ended lap {number}; the lap goes on", "lap",
                   "ignore_crossing", own)
    yield DeedView("V", "Move", f"Move lap {number} to another kart", "lap", form=f"move?kart={entry.kart}&lap={number}")
    yield DeedView("D", "Delete", f"Delete lap {number}: it does not count at all", "more", "void_lap", own)
    for parts in (2, 3):
        short = lap.time_us // parts < heat.rules.min_lap_us
        yield DeedView(str(parts), f"Split in {parts}", f"Split lap {number} in {parts} equal laps", "more", "split_lap",
                       (*own, ("parts", str(parts))),
                       refused="Its parts would be shorter than the shortest lap." if short else "")
    yield DeedView("S", "Shift", f"Shift the end of lap {number}", "more", form=f"shift?kart={entry.kart}&lap={number}")
    yield DeedView("T", "Delete time", f"Delete the time of lap {number}: distance, never a best", "more", "penalty",
                   (("kart", entry.kart), ("kind", "lap"), ("value", str(number))),
                   refused="Its time is deleted already." if lap.verdict == "void" else "")
    yield DeedView("B", "First lap of the heat", f"The heat begins where lap {number} begins", "more", "set_start",
                   (("passing", str(lap.start_seq)),),
                   refused="" if lap.start_seq else "The heat began with it already.")
    yield DeedView("E", "First to finish", f"The chequered flag falls at the end of lap {number}", "more", "set_finish",
                   own)


def _insert(entry: Entry, lap: Lap | None) -> DeedView:
    query = f"insert?kart={entry.kart}" + (f"&lap={lap.number}" if lap is not None else "")
    return DeedView("N", "Insert", f"Insert a crossing of kart {entry.kart}", "more", form=query)


def _back_one(heat: Heat) -> DeedView:
    """The chequered flag one lap earlier, for the kart that was shown it first (B10)."""
    first = min((each for each in heat.entries.values() if each.laps), key=race_key, default=None)
    over = heat.state in (State.FINISHING, State.PROVISIONAL)
    refused = ("" if first is not None and len(first.laps) > 1 and over
               else "Only when there is a lap to give back." if over else "The chequered flag has not been shown.")
    args = (("kart", first.kart), ("lap", str(len(first.laps) - 1))) if first is not None else ()
    return DeedView("X", "Back one lap", "Roll the result back one lap: the flag falls a lap earlier", "more",
                    "set_finish", args, refused=refused)


def _kart_deeds(entry: Entry) -> Iterator[DeedView]:
    for key, word, title, form in (
            ("P", "Penalty", "Give a penalty to", "penalty"), ("F", "Kart flag", "Show a flag to", "flag"),
            ("K", "Swap kart", "Put its driver in another kart than", "swap"),
            ("A", "Driver", "Change the driver of", "assign"), ("L", "Leave", "Take out of the heat:", "leave")):
        yield DeedView(key, word, f"{title} kart {entry.kart}", "kart", form=f"{form}?kart={entry.kart}")


def foreseen(changes: Mapping[str, Mapping[str, Sequence[int | None] | None]], kart: str = "") -> tuple[str, ...]:
    """What an order would do to the order of karts: ``kart`` first, then a few others, each a sentence.
    ``changes``: place, laps and best, before and after, of each kart that differs.
    """
    told = {number: words for number, of in sorted(changes.items(), key=lambda item: (item[0] != kart, kart_key(item[0])))
            if (words := _change(number, of.get("was") or (None, None, None), of.get("is") or (None, None, None)))}
    lines = [*told.values()]
    rest = len(lines) - TOLD_AT_MOST
    if rest > 1:
        lines = [*lines[:TOLD_AT_MOST], f"{rest} others change too."]
    return tuple(lines) or ("The order stays as it is.",)


def _change(kart: str, was: Sequence[int | None], now: Sequence[int | None]) -> str:
    parts = []
    if was[0] != now[0]:
        parts.append(f"from {_place(was[0])} to {_place(now[0])}")
    if was[1] != now[1]:
        parts.append(f"{was[1] or 0} to {qty(now[1] or 0, 'lap')}")
    if was[2] != now[2]:
        parts.append(f"best {lap_text(now[2]) if now[2] is not None else 'gone'}")
    return f"Kart {kart}: {', '.join(parts)}." if parts else ""


def _place(position: int | None) -> str:
    return "no place" if position is None else f"place {position}"
