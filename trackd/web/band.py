"""The band at the top of every live screen: flag, clock, title, flag keys, the one next step. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from trackd.core.time import Micros, clock_text
from trackd.timing.board import Board, SessionInfo
from trackd.web.rows import qty

STATE_WORDS = {
    "scheduled": "Waiting", "staged": "Staged", "running": "On track", "paused": "Stopped", "finishing": "Finishing",
    "provisional": "Provisional", "official": "Official", "void": "Void",
}
_PLATES = {"scheduled": "Waiting", "staged": "Staged", "official": "Finished", "void": "Void"}
_FLAGS = {"none": "No flag", "green": "Green", "yellow": "Yellow", "red": "Red", "white": "White",
          "chequered": "Finish"}
_KEYS = (("G", "green", ("resume", "green")), ("Y", "yellow", ("yellow",)), ("R", "red", ("red",)),
         ("W", "white", ("white",)), ("C", "chequered", ("chequered",)))
_STEPS = {  # order -> (icon, words)
    "stage": ("heats", "Stage the heat"), "green": ("play", "Start: green"), "resume": ("play", "Go on: green"),
    "chequered": ("stop", "End the heat"), "finish": ("check", "Close the heat"),
    "confirm": ("check", "Make it official"),
}
RANKINGS = {"best_lap": "best lap counts", "position": "most laps in least time"}


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock the page lets run by itself: two are equal while a page showing one needs no word about the other."""

    state: str                                # "" | running | paused
    label: str
    counts: str                               # "down" | "up": which of the two figures is the large one
    whole_us: Micros | None                   # remaining and elapsed together, None when there is no end by time
    text: str = field(compare=False)
    elapsed_us: Micros = field(compare=False)
    remaining_us: Micros | None = field(compare=False)
    frozen_us: Micros | None                  # elapsed, while it does not run


@dataclass(frozen=True, slots=True)
class KeyView:
    """A flag key. ``order`` is what it gives; ``usable`` says whether that is legal now."""

    key: str
    flag: str
    word: str
    order: str
    pressed: bool
    usable: bool


@dataclass(frozen=True, slots=True)
class NextView:
    """The one next step. ``early``: legal, not yet due; ``refused``: why not, in words. Without ``order`` a link."""

    order: str
    icon: str
    word: str
    note: str
    early: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class BandView:
    """Flag plate, clock, title, keys and next step of one session, or of none (``session_id`` is "")."""

    session_id: str
    flag: str
    word: str
    flag_note: str
    lap_note: str                             # shorter, for the public board
    title: str
    format: str
    sub: str
    stamp: str                                # "" | provisional | official
    clock: ClockView
    part: int = field(compare=False)          # of the progress line, in thousandths; a page lets it grow by itself
    keys: tuple[KeyView, ...] = ()
    next: NextView | None = None


def format_words(text: str) -> str:
    """``8m`` -> ``8 min``, ``12L`` -> ``12 laps``, ``8m+1L`` -> ``8 min and 1 lap``."""
    units = {"h": "h", "m": "min", "s": "s"}
    words: list[str] = []
    for part in text.split("+"):
        found = re.findall(r"(\d+)([hmsL])", part)
        words.append(" ".join(qty(int(n), "lap") if unit == "L" else f"{n} {units[unit]}" for n, unit in found) or part)
    return " and ".join(words)


def _flag(board: Board) -> tuple[str, str]:
    info = board.session
    if info.state in _PLATES:
        return ("chequered" if info.state == "official" else "none"), _PLATES[info.state]
    return info.flag, _FLAGS[info.flag]


def _flag_note(board: Board) -> str:
    info, karts = board.session, qty(len(board.rows), "kart")
    done = sum(row.state == "finished" for row in board.rows)
    match info.state:
        case "scheduled":
            return f"{karts} entered"
        case "staged":
            return f"{karts}, waiting for green"
        case "finishing":
            return f"{done} of {len(board.rows)} are in"
        case "provisional":
            return "not yet official"
        case "official":
            return "the result stands"
        case "void":
            return "it does not count"
    return f"since {clock_text(board.flag_since_us, up=True)}, {karts}"


def _label(board: Board, *, over: bool, started: bool) -> str:
    info = board.session
    length = clock_text(info.duration_us) if info.duration_us is not None else format_words(info.format)
    laps = max((row.laps for row in board.rows), default=0)
    if over:
        return f"ran {clock_text(board.elapsed_us, up=True)} · {qty(laps, 'lap')}"
    if not started:
        return f"to run: {format_words(info.format)}"
    if info.laps is not None:
        return f"lap {max(board.leader_lap, 1)} of {info.laps}"
    return f"left of {length}" + (f" · lap {board.leader_lap}" if board.leader_lap else "")


def clock_view(board: Board) -> ClockView:
    """Time left where the session ends by time, else time gone."""
    state = board.session.state
    over = state in {"provisional", "official", "void"}
    started = state not in {"scheduled", "staged"}
    remaining = board.remaining_us
    down = remaining is not None
    running = board.clock_running and not over
    return ClockView(
        state="running" if running else "paused" if state == "paused" else "",
        label=_label(board, over=over, started=started),
        counts="down" if down else "up",
        whole_us=None if remaining is None else (remaining + board.elapsed_us) // 1000 * 1000,
        text=clock_text(remaining) if remaining is not None else clock_text(board.elapsed_us, up=True),
        elapsed_us=board.elapsed_us,
        remaining_us=remaining,
        frozen_us=None if running else board.elapsed_us,
    )


def _next_note(board: Board) -> str:
    info = board.session
    if board.next_order == "chequered":
        if info.laps is not None:
            return f"Ends by itself after {qty(info.laps, 'lap')}"
        return "Ends by itself when time is up"
    if board.next_order == "finish":
        out = [row.kart for row in board.rows if row.state in {"running", "pit"}]
        if not out:
            return "All karts are in"
        return f"Kart {out[0]} is still out" if len(out) == 1 else f"{len(out)} karts are still out"
    return {
        "stage": f"{qty(len(board.rows), 'kart')} entered",
        "green": "The clock starts at green" if info.start == "green" else "The clock starts at the first crossing",
        "resume": "Laps and time left are kept",
        "confirm": f"{qty(len(board.rows), 'kart')} ranked",
    }.get(board.next_order or "", "")


def next_view(board: Board) -> NextView:
    """The next step of a session; of one that is done, the way to the next heat."""
    order = board.next_order
    if order is None:
        return NextView("", "right", "Next heat", "This one is done", early=True)
    icon, word = _STEPS[order]
    refused = "" if order in board.legal_orders else "Not possible now"
    return NextView(order, icon, word, _next_note(board), early=not board.next_due, refused=refused)


def _keys(board: Board) -> tuple[KeyView, ...]:
    keys = []
    for key, flag, orders in _KEYS:
        usable = next((order for order in orders if order in board.legal_orders), "")
        word = _FLAGS[flag]
        keys.append(KeyView(key, flag, word, usable or orders[-1], board.session.flag == flag, bool(usable)))
    return tuple(keys)


def sub_words(info: SessionInfo) -> str:
    """Format, layout and what ranks, in words."""
    return " · ".join(filter(None, (format_words(info.format), info.layout or "", RANKINGS.get(info.ranking, ""))))


NO_SESSION = BandView("", "none", "No session", "", "", "Nothing on track", "", "", "",
                      ClockView("", "", "up", None, "", 0, None, 0), 0)


def band_view(board: Board | None) -> BandView:
    """The band of a session, or of none."""
    if board is None:
        return NO_SESSION
    info, clock = board.session, clock_view(board)
    flag, word = _flag(board)
    whole = clock.whole_us or 0
    part = 0
    if info.laps:
        part = 1000 * max(board.leader_lap - 1, 0) // info.laps
    elif whole:
        part = 1000 * board.elapsed_us // whole
    if info.state in {"provisional", "official"}:
        part = 1000
    return BandView(
        session_id=info.id, flag=flag, word=word, flag_note=_flag_note(board),
        lap_note=f"lap {board.leader_lap}" if board.leader_lap and info.state == "running" else "",
        title=info.name, format=format_words(info.format), sub=sub_words(info),
        stamp=info.state if info.state in {"provisional", "official"} else "",
        clock=clock, part=min(part, 1000), keys=_keys(board), next=next_view(board),
    )
