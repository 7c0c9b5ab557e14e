"""The forms of race control that choose a kart on a pad of tiles: swap, join, leave, flag, move. Typed values, pure.

Every form is a function of the ground it stands on (the heat, the karts of the venue, who is where) and of what was
chosen so far. Tiles stand in the order of the kart numbers, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trackd.timing.flags import LIVE, OPEN, State
from trackd.timing.heat import Heat
from trackd.timing.laps import Entry
from trackd.timing.resolve import AMEND_FIRST, BEGUN

Query = Mapping[str, str]

WHY_CLOSED = {
    State.SCHEDULED: "The heat is not staged yet.", State.STAGED: "The heat has not started.",
    State.RUNNING: "The heat is running.", State.PAUSED: "The heat is stopped under red.",
    State.FINISHING: "The chequered flag is out.", State.PROVISIONAL: "The heat is over.", State.OFFICIAL: AMEND_FIRST,
    State.VOID: "The heat is void."}

POSSIBLE: Mapping[str, frozenset[State]] = {
    "swap": OPEN, "penalty": BEGUN, "join": OPEN, "leave": LIVE | {State.SCHEDULED}, "flag": BEGUN,
    "incident": frozenset(State) - {State.VOID}, "restart": BEGUN | {State.STAGED}, "set": OPEN, "assign": OPEN,
    "search": frozenset(State), "move": BEGUN, "insert": BEGUN, "shift": BEGUN}
"""In which states each form can be sent; the tool bar greys the others out."""

FLAGS = (("1", "black", "Black", "Come in, you are out"), ("2", "mechanical", "Mechanical", "Come in, something is loose"),
         ("3", "warning", "Warning", "Behave, this is your warning"), ("4", "blue", "Blue", "Let the faster kart pass"))


@dataclass(frozen=True, slots=True)
class Ground:
    """What the forms of a session stand on. ``names``: of drivers by id; ``elsewhere``: karts in another heat that is
    on, with its name; ``heats``: others of the day, by id; ``copied``: driver by kart of the one chosen to copy from.
    """

    session_id: str
    heat: Heat
    names: Mapping[str, str] = field(default_factory=dict)
    karts: tuple[str, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    drivers: tuple[str, ...] = ()
    heats: tuple[tuple[str, str], ...] = ()
    copied: Mapping[str, str] = field(default_factory=dict)

    def driver(self, entry: Entry) -> str:
        """Who drives, "" for nobody known."""
        return self.names.get(entry.driver_id or "", "")

    def entries(self) -> list[Entry]:
        """All entries in the order of their kart numbers."""
        return sorted(self.heat.entries.values(), key=lambda entry: kart_key(entry.kart))

    def closed(self, form: str) -> str:
        """Why a form cannot be sent now, "" when it can."""
        return "" if self.heat.state in POSSIBLE[form] else WHY_CLOSED[self.heat.state]


@dataclass(frozen=True, slots=True)
class Tile:
    """A kart on a pad. It opens ``form``, or sends ``values``; ``off`` says why it does neither."""

    kart: str
    caption: str
    form: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    off: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True)
class PadView:
    """Choose a kart. ``note`` is said above the tiles, ``closed`` instead of them."""

    title: str
    tiles: tuple[Tile, ...]
    closed: str = ""
    note: str = ""
    kart: str = ""                  # whose tiles these are: the plate beside the title ...
    name: str = ""                  # ... and who drives it


@dataclass(frozen=True, slots=True)
class Answer:
    """One button of a question: the key, what it says, what it sends, why not."""

    key: str
    word: str
    note: str
    values: Mapping[str, str]
    off: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True)
class AskView:
    """One question with its answers. ``driver``: who may be named with the answer, None where nobody is."""

    title: str
    kart: str
    text: str
    answers: tuple[Answer, ...]
    closed: str = ""
    driver: str | None = None
    drivers: tuple[str, ...] = ()


View = tuple[str, PadView | AskView]
"""A template and what it prints."""


def kart_key(number: str) -> tuple[int, str]:
    """The order of kart numbers: 2 before 11, B1 after all numbers."""
    return (int(number), "") if number.isdecimal() else (1 << 30, number)


def entry_of(ground: Ground, query: Query, field_name: str = "kart") -> Entry | None:
    """The entry that was chosen, None before one was."""
    return ground.heat.entries.get(query.get(field_name, ""))


def who(ground: Ground, entry: Entry) -> str:
    """A driver by name, else by kart."""
    return ground.driver(entry) or f"kart {entry.kart}"


def entry_tiles(ground: Ground, form: str, entries: Iterable[Entry] | None = None) -> tuple[Tile, ...]:
    """The karts of the heat; choosing one opens the next step of ``form``."""
    return tuple(Tile(entry.kart, _caption(ground, entry), f"{form}{'&' if '?' in form else '?'}kart={entry.kart}",
                      flag=entry.flag)
                 for entry in (ground.entries() if entries is None else entries))


def _caption(ground: Ground, entry: Entry) -> str:
    return "has left" if entry.left else ground.driver(entry)


def swap(ground: Ground, query: Query) -> View:
    """Another kart for a driver: whose, which, and one question (C4)."""
    closed, entry, to = ground.closed("swap"), entry_of(ground, query), query.get("to", "")
    if entry is None:
        return "pad", PadView("Swap: whose kart?", entry_tiles(ground, "swap"), closed)
    if to not in ground.karts or to == entry.kart:
        return "pad", PadView("Into which kart?", tuple(_swap_tiles(ground, entry)), closed, kart=entry.kart,
                              name=ground.driver(entry))
    other = ground.heat.entries.get(to)
    text = f"{who(ground, entry)} goes from kart {entry.kart} to kart {to}"
    text += f", {who(ground, other)} from {to} to {entry.kart}." if other is not None else "."
    values = {"order": "swap_kart", "from": entry.kart, "to": to}
    over = "The heat is over; a swap can only be since the start." if ground.heat.state is State.PROVISIONAL else ""
    return "ask", AskView("Since when?", entry.kart, text, (
        Answer("S", "Since the start", "It was that kart all along: its passings count", {**values, "since": "start"}),
        Answer("N", "From now on", "The laps so far stay with the driver", {**values, "since": "now"}, over)), closed)


def _swap_tiles(ground: Ground, entry: Entry) -> Iterable[Tile]:
    for kart in ground.karts:
        other = ground.heat.entries.get(kart)
        if kart == entry.kart:
            yield Tile(kart, "has it now", off=f"{who(ground, entry)} has it now.")
        elif kart in ground.elsewhere:
            yield Tile(kart, ground.elsewhere[kart], off=f"Kart {kart} is in {ground.elsewhere[kart]}, which is on now.")
        else:
            yield Tile(kart, _caption(ground, other) if other else "free", f"swap?kart={entry.kart}&to={kart}")


def join(ground: Ground, query: Query) -> View:
    """A kart that comes late: which, and who drives (B12)."""
    closed, kart, heat = ground.closed("join"), query.get("kart", ""), ground.heat
    inside = {number for number, entry in heat.entries.items() if not entry.left}
    if kart not in ground.karts or kart in inside or kart in ground.elsewhere:
        return "pad", PadView("Join: which kart?", tuple(_join_tiles(ground, inside)), closed)
    values = {"order": "join", "kart": kart}
    from_now = Answer("N", "Join from its next crossing", "It begins with no laps", {**values, "since": "now"},
                      "The heat is over; a kart can only have been in it since the start."
                      if heat.state is State.PROVISIONAL else "")
    begun = heat.state in BEGUN
    since = (Answer("S", "Since the start", "It was in the heat all along: its passings count",
                    {**values, "since": "start"}),) if begun else ()
    known = heat.entries.get(kart)
    answers = (from_now, *since) if begun else (Answer("N", "Enter it", "It starts with the others", values),)
    return "ask", AskView("Join the heat", kart, "", answers, closed, ground.driver(known) if known else "", ground.drivers)


def _join_tiles(ground: Ground, inside: set[str]) -> Iterable[Tile]:
    for kart in ground.karts:
        if kart in inside:
            yield Tile(kart, "in this heat", off=f"Kart {kart} is in this heat already.")
        elif kart in ground.elsewhere:
            yield Tile(kart, ground.elsewhere[kart], off=f"Kart {kart} is in {ground.elsewhere[kart]}, which is on now.")
        else:
            yield Tile(kart, "had left" if kart in ground.heat.entries else "free", f"join?kart={kart}")


def leave(ground: Ground, query: Query) -> View:
    """A kart that leaves, or that never came (B12)."""
    closed, entry = ground.closed("leave"), entry_of(ground, query)
    if entry is not None and not entry.left:
        return "ask", AskView("Leave the heat", entry.kart, f"{who(ground, entry)} takes no further part.", (
            Answer("L", "Take it out", "Its laps stay; without any it did not start", _left(entry)),), closed)
    tiles = tuple(Tile(entry.kart, _caption(ground, entry), values={} if entry.left else _left(entry),
                       off=f"Kart {entry.kart} has left already." if entry.left else "") for entry in ground.entries())
    return "pad", PadView("Leave: which kart?", tiles, closed, "Its laps stay. Who has none did not start.")


def _left(entry: Entry) -> dict[str, str]:
    return {"order": "leave", "kart": entry.kart}


def flag(ground: Ground, query: Query) -> View:
    """A flag for one kart, shown on its row until it is acknowledged (B5)."""
    closed, entry = ground.closed("flag"), entry_of(ground, query)
    if entry is None:
        return "pad", PadView("Flag: which kart?", entry_tiles(ground, "flag"), closed)
    values = {"order": "kart_flag", "kart": entry.kart}
    answers = [Answer(key, word, note, {**values, "flag": name}, "It is shown now." if entry.flag == name else "", name)
               for key, name, word, note in FLAGS]
    if entry.flag:
        answers.append(Answer("0", "Acknowledged", "The flag comes down", {**values, "flag": "none"}))
    return "ask", AskView("Show a flag", entry.kart, who(ground, entry), tuple(answers), closed)


def move(ground: Ground, query: Query) -> View:
    """A lap, or everything a kart drove, to another kart (A9)."""
    closed, entry, lap = ground.closed("move"), entry_of(ground, query), query.get("lap", "")
    if entry is None:
        return "pad", PadView("Move: whose laps?", entry_tiles(ground, "move"), closed)
    other = entry_of(ground, query, "to")
    if other is None or other is entry:
        title = f"Where does lap {lap} go?" if lap else "Where do its laps go?"
        tiles = tuple(Tile(each.kart, _caption(ground, each), f"move?kart={entry.kart}&lap={lap}&to={each.kart}",
                           off="They are its own." if each is entry else "") for each in ground.entries())
        return "pad", PadView(title, tiles, closed, kart=entry.kart, name=ground.driver(entry))
    values = {"order": "move_laps", "from": entry.kart, "to": other.kart}
    only = (Answer("S", f"Only lap {lap}", f"Kart {other.kart} has the crossing that ended it", {**values, "laps": lap}),
            ) if lap else ()
    return "ask", AskView(f"To kart {other.kart}", entry.kart, f"{who(ground, entry)} gives, {who(ground, other)} takes.", (
        *only, Answer("A", "Everything it drove", "All its passings, as if the wrong kart had been read", values)), closed)
