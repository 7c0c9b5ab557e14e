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
    "stage": ("heats", "Stage the heat"), "countdown": ("clock", "Begin the countdown"),
    "green": ("play", "Start: green"), "resume": ("play", "Go on: green"),
    "chequered": ("stop", "End the heat"), "finish": ("check", "Close the heat"),
    "confirm": ("check", "Make it official"),
}
LAST_LAP = "LAST LAP (predicted)"
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
    goes: str = ""                            # "green" while it counts down to that


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
    href: str = ""
    aborts: bool = False                      # beside it stands the way back: a countdown runs


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
    stamp: str                                # "" | provisional | official | amended
    clock: ClockView
    part: int = field(compare=False)          # of the progress line, in thousandths; a page lets it grow by itself
    keys: tuple[KeyView, ...] = ()
    next: NextView | None = None
    state: str = ""
    last_lap: bool = False                    # predicted to be the last, so the white flag is due next
    stamp_word: str = ""


def format_words(text: str) -> str:
    """``8m`` -> ``8 min``, ``12L`` -> ``12 laps``, ``8m+1L`` -> ``8 min and 1 lap``."""
    units = {"h": "h", "m": "min", "s": "s"}
    words: list[str] = []
    for part in text.split("+"):
        found = re.findall(r"(\d+)([hmsL])", part)
        words.append(" ".join(qty(int(n), "lap") if unit == "L" else f"{n} {units[unit]}" for n, unit in found) or part)
    return " and ".join(words)


def flag_of(board: Board) -> tuple[str, str]:
    """The flag a session shows, and its word; before and after it the word of its state."""
    info = board.session
    if info.state in _PLATES:
        return ("chequered" if info.state == "official" else "none"), _PLATES[info.state]
    return info.flag, _FLAGS[info.flag]


def _flag_note(board: Board) -> str:
    info, karts = board.session, qty(len(board.rows), "kart")
    done = sum(row.state == "finished" for row in board.rows)
    if board.predicted_last:
        return LAST_LAP
    match info.state:
        case "scheduled":
            return f"{karts} entered"
        case "staged":
            return f"{karts}, waiting for green" if board.countdown_us is None else "the countdown runs"
        case "finishing":
            return f"{done} of {len(board.rows)} are in"
        case "provisional":
            return "not yet official" if not info.version else f"being amended, version {info.version + 1}"
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
    """Time left where the session ends by time, else time gone; while a countdown runs, the time to green."""
    state = board.session.state
    if board.countdown_us is not None:
        left_us = board.countdown_us
        return ClockView("running", "to green" if left_us else "held a moment, then green", "down", None,
                         clock_text(left_us), 0, left_us, None, goes="green")
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
            return f"By itself after {qty(info.laps, 'lap')}"
        return "By itself when time is up"
    if board.next_order == "finish":
        out = [row.kart for row in board.rows if row.state in {"running", "pit"}]
        if not out:
            return "All karts are in"
        return f"Kart {out[0]} is still out" if len(out) == 1 else f"{len(out)} karts are still out"
    return {
        "stage": f"{qty(len(board.rows), 'kart')} entered",
        "countdown": "It goes green by itself at zero",
        "green": "By itself at zero" if board.countdown_us is not None else
                 "The clock starts at green" if info.start == "green" else "The clock starts at the first crossing",
        "resume": "Laps and time left are kept",
        "confirm": f"{qty(len(board.rows), 'kart')} ranked",
    }.get(board.next_order or "", "")


def next_view(board: Board, next_heat: tuple[str, str] | None = None) -> NextView:
    """The next step of a session; of one that is done, the way to ``next_heat`` (its id and name)."""
    order = board.next_order
    if order is None:
        if next_heat is None:
            return NextView("", "plus", "New heat", "None is waiting", early=True, href="/console/heats#new")
        return NextView("", "right", f"Next: {next_heat[1]}", "This one is done", early=True,
                        href=f"/console/sessions/{next_heat[0]}")
    if board.countdown_us is not None:
        order = "resume" if board.session.state == "paused" else "green"
        return NextView(order, "play", "Green now", _next_note(board), early=True, aborts=True)
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


def band_view(board: Board | None, next_heat: tuple[str, str] | None = None) -> BandView:
    """The band of a session, or of none. ``next_heat``: the id and name of the one that waits."""
    if board is None:
        return NO_SESSION
    info, clock = board.session, clock_view(board)
    flag, word = flag_of(board)
    stamp, stamp_word = _stamp(info)
    attempt = f"attempt {info.attempt}" if info.attempt > 1 else ""
    return BandView(
        session_id=info.id, flag=flag, word=word, flag_note=_flag_note(board),
        lap_note=f"lap {board.leader_lap}" if board.leader_lap and info.state == "running" else "",
        title=info.name, format=format_words(info.format), sub=" · ".join(filter(None, (attempt, sub_words(info)))),
        stamp=stamp, clock=clock, part=_part(board, clock.whole_us or 0), keys=_keys(board),
        next=next_view(board, next_heat), state=info.state, last_lap=board.predicted_last, stamp_word=stamp_word,
    )


def _stamp(info: SessionInfo) -> tuple[str, str]:
    """How the result stands: a look and a word."""
    if info.state == "provisional":
        return ("amended", "being amended") if info.version else ("provisional", "provisional")
    if info.state == "official":
        return ("amended", f"amended, version {info.version}") if info.version > 1 else ("official", "official")
    return "", ""


def _part(board: Board, whole_us: Micros) -> int:
    """How much of the session has gone by, in thousandths."""
    info = board.session
    if info.state in {"provisional", "official"}:
        return 1000
    if info.laps:
        return min(1000, 1000 * max(board.leader_lap - 1, 0) // info.laps)
    return min(1000, 1000 * board.elapsed_us // whole_us) if whole_us else 0
