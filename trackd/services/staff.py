"""Who is who, and who may do what: PINs for people, tokens for programs, a one-time code for the very first admin."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import argon2

from trackd.core.errors import BadInput, Fault, Refused
from trackd.core.ids import new_id
from trackd.core.time import HOUR, MINUTE, SECOND, Micros
from trackd.store import people

Action = Literal["read", "flags", "orders", "karts", "drivers", "recordings", "admin"]
Kind = Literal["staff", "token"]

# read: whatever is not public; flags: show a flag; orders: sessions and every order; karts: karts, transponders;
# drivers: drivers and who sits in which session; recordings: files of loggers and whose they are;
# admin: staff, tokens, layouts, units, settings.
MAY: dict[Kind, dict[str, frozenset[Action]]] = {
    "staff": {
        "marshal": frozenset({"read", "flags"}),
        "timekeeper": frozenset({"read", "flags", "orders", "karts", "drivers", "recordings"}),
        "mechanic": frozenset({"read", "karts", "recordings"}),
        "desk": frozenset({"read", "drivers", "recordings"}),
        "admin": frozenset({"read", "flags", "orders", "karts", "drivers", "recordings", "admin"}),
    },
    "token": {
        "read": frozenset({"read"}),
        "timekeeper": frozenset({"read", "flags", "orders", "karts", "drivers", "recordings"}),
        "admin": frozenset({"read", "flags", "orders", "karts", "drivers", "recordings", "admin"}),
    },
}
STAFF_ROLES = tuple(MAY["staff"])
TOKEN_ROLES = tuple(MAY["token"])
FLAG_ORDERS = frozenset({"green", "yellow", "red", "resume", "white", "chequered"})

LOGIN_LIFETIME_US: Micros = 14 * HOUR
WRONG_LIMIT, WRONG_WINDOW_US = 5, 5 * MINUTE
WRONG_LIMIT_CLIENT = 20        # over all names, so that one tablet cannot try one PIN on everybody
TOKEN_PREFIX = "trk_"          # noqa: S105 - the public beginning of every token, so that logs can hide them
MAX_PIN = 128                  # longer input only costs hashing time

# OWASP's smallest argon2id setting: 19 MiB and about 0.1 s on a Pi 4, which also serves the race meanwhile.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when the name is unknown, so that the answer takes as long as for a known one. No PIN has this hash.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "A" * 43
_CODE_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


class WrongSecret(Refused):
    """Name, PIN or code do not fit; which of them is not said (HTTP 401)."""


class TooManyTries(Refused):
    """Too many wrong secrets; ``wait_s`` whole seconds until the next try counts (HTTP 429)."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many wrong tries. Wait {wait_s} s, then try again.")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: a member of staff or a program with a token."""

    name: str
    role: str
    kind: Kind


def may(principal: Principal | None, action: Action) -> bool:
    """Whether the table above lets ``principal`` do ``action``; nobody (None) may nothing."""
    return principal is not None and action in MAY[principal.kind].get(principal.role, frozenset())


def roles_that_may(action: Action) -> tuple[str, ...]:
    """The staff roles that may do ``action``, for the sentence that refuses the others."""
    return tuple(role for role, actions in MAY["staff"].items() if action in actions)


def action_of_order(order: str) -> Action:
    """What it takes to give a session order: flags for the flags, orders for the rest."""
    return "flags" if order in FLAG_ORDERS else "orders"


def steady_us() -> Micros:
    """Microseconds of a clock that never jumps; only differences mean anything."""
    return time.monotonic_ns() // 1_000


def wall_us() -> Micros:
    """Microseconds since 1970 by this machine's clock."""
    return time.time_ns() // 1_000


class Tries:
    """Counts tries by key within a window. A try counts when it begins, so that parallel tries gain nothing."""

    def __init__(self, clock_us: Callable[[], Micros]) -> None:
        self._clock_us = clock_us
        self._at: dict[tuple[str, ...], list[Micros]] = {}
        self._lock = threading.Lock()

    def begin(self, *limits: tuple[tuple[str, ...], int]) -> None:
        """Count a try under each key. Raises TooManyTries, counting nothing, when one of them is at its limit."""
        with self._lock:
            since = self._clock_us() - WRONG_WINDOW_US
            self._at = {key: kept for key, times in self._at.items() if (kept := [at for at in times if at > since])}
            waits = [times[-limit] - since for key, limit in limits if len(times := self._at.get(key, [])) >= limit]
            if waits:
                raise TooManyTries(-(-max(waits) // SECOND))
            for key, _limit in limits:
                self._at.setdefault(key, []).append(since + WRONG_WINDOW_US)

    def succeed(self, own: tuple[str, ...], *shared: tuple[str, ...]) -> None:
        """The try was right: forget all under ``own``, and this one try under the ``shared`` keys."""
        with self._lock:
            self._at.pop(own, None)
            for key in shared:
                if times := self._at.get(key):
                    times.pop()


class Staff:
    """People, tokens and logins over one connection (opened with ``check_same_thread=False``).

    Hashing a PIN takes a tenth of a second and writes wait for the disk: on an event loop call ``add_staff``,
    ``setup``, ``login`` and the other writes through ``asyncio.to_thread``; all methods are safe to call from threads.
    """

    def __init__(self, db: sqlite3.Connection, *, now_us: Callable[[], Micros] = wall_us,
                 clock_us: Callable[[], Micros] = steady_us) -> None:
        self._db, self._now_us = db, now_us
        self._lock = threading.Lock()
        self._tries = Tries(clock_us)
        self._code: str | None = "".join(secrets.choice(_CODE_LETTERS) for _ in range(10))

    def setup_code(self) -> str | None:
        """The code that opens set-up: new in every process, None as soon as there is any staff."""
        with self._lock:
            if self._code is not None and people.has_staff(self._db):
                self._code = None
            return self._code

    def setup(self, code: str, name: str, pin: str, client: str) -> Principal:
        """Make the first admin and burn the code. Raises WrongSecret, TooManyTries, BadInput, Refused."""
        expected = self.setup_code()
        if expected is None:
            raise Refused("Set-up is done: log in instead.")
        key = ("setup",)
        self._tries.begin((key, WRONG_LIMIT_CLIENT), ((*key, client), WRONG_LIMIT))
        if not secrets.compare_digest(code.strip().lower().encode(), expected.encode()):
            raise WrongSecret("This is not the code that trackd printed when it started.")
        self._tries.succeed((*key, client), key)
        person = self._add_staff(name, "admin", pin, first=True)
        self._code = None
        return person

    def add_staff(self, name: str, role: str, pin: str) -> Principal:
        """Add a person. Raises BadInput naming role or PIN, Refused when the name is taken."""
        return self._add_staff(name, role, pin, first=False)

    def _add_staff(self, name: str, role: str, pin: str, *, first: bool) -> Principal:
        name, faults = _checked_name(name)
        faults += _role_faults(role, STAFF_ROLES) + pin_faults(pin)
        if faults:
            raise BadInput(*faults)
        row = people.StaffRow(name, role, _HASHER.hash(pin), self._now_us())
        with self._lock:
            people.insert_staff(self._db, row, first=first)
        return Principal(name, role, "staff")

    def list_staff(self) -> list[Principal]:
        """All staff by name."""
        with self._lock:
            return [Principal(row.name, row.role, "staff") for row in people.list_staff(self._db)]

    def remove_staff(self, name: str) -> None:
        """Remove a person; logins end at once. Raises NotFound, and Refused for the only admin."""
        with self._lock:
            people.delete_staff(self._db, name)

    def login(self, name: str, pin: str, client: str) -> str:
        """The cookie's token for the right PIN. Raises WrongSecret, or TooManyTries after five wrong ones in 5 min."""
        name = _plain(name)
        own, shared = ("login", name[:MAX_PIN], client), ("login", client)
        self._tries.begin((own, WRONG_LIMIT), (shared, WRONG_LIMIT_CLIENT))
        with self._lock:
            row = people.find_staff(self._db, name)
        fits = _fits(row.pin_hash if row else _NOBODY, pin)
        if row is None or not fits:
            raise WrongSecret("The name or the PIN is wrong.")
        self._tries.succeed(own, shared)
        token, now_us = secrets.token_urlsafe(32), self._now_us()
        with self._lock:
            people.insert_login(self._db, _digest(token), row.name, now_us, now_us + LOGIN_LIFETIME_US)
        return token

    def principal(self, cookie: str) -> Principal | None:
        """Who holds this login, None when it has ended or never was. Logins outlive a restart."""
        with self._lock:
            found = people.find_login(self._db, _digest(cookie), self._now_us())
        return Principal(*found, "staff") if found else None

    def logout(self, cookie: str) -> None:
        """End this login."""
        with self._lock:
            people.delete_login(self._db, _digest(cookie))

    def add_token(self, name: str, role: str) -> str:
        """A new bearer token for a program; it is shown this once and kept only as a hash. Raises BadInput."""
        name, faults = _checked_name(name)
        faults += _role_faults(role, TOKEN_ROLES)
        if faults:
            raise BadInput(*faults)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            people.insert_token(self._db, people.TokenRow(new_id(), name, role, self._now_us()), _digest(token))
        return token

    def check_token(self, token: str) -> Principal | None:
        """The program behind a bearer token. The database is asked each time, so changes count at once."""
        with self._lock:
            row = people.find_token(self._db, _digest(token))
        return Principal(row.name, row.role, "token") if row else None

    def list_tokens(self) -> list[people.TokenRow]:
        """All tokens without their secrets, oldest first."""
        with self._lock:
            return people.list_tokens(self._db)

    def revoke_token(self, token_id: str) -> None:
        """Withdraw a token at once. Raises NotFound."""
        with self._lock:
            people.delete_token(self._db, token_id)


def pin_faults(pin: str) -> list[Fault]:
    """What is wrong with a new PIN: 4 to 12 digits, or a passphrase of 8 to 128 characters."""
    if pin.isascii() and pin.isdecimal():
        return [] if 4 <= len(pin) <= 12 else [Fault("pin", "must have 4 to 12 digits")]
    if 8 <= len(pin) <= MAX_PIN:
        return []
    return [Fault("pin", f"must be 4 to 12 digits, or a passphrase of 8 to {MAX_PIN} characters")]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def _checked_name(name: str) -> tuple[str, list[Fault]]:
    name = _plain(name)
    sound = 1 <= len(name) <= 64 and name.isprintable()
    return name, [] if sound else [Fault("name", "must have 1 to 64 visible characters")]


def _role_faults(role: str, roles: tuple[str, ...]) -> list[Fault]:
    return [] if role in roles else [Fault("role", f'"{role}" is none of {", ".join(roles)}')]


def _fits(pin_hash: str, pin: str) -> bool:
    try:
        return len(pin) <= MAX_PIN and _HASHER.verify(pin_hash, pin)
    except argon2.exceptions.VerifyMismatchError:
        return False


def _digest(token: str) -> str:
    """Tokens are 256 random bits, so one round of SHA-256 keeps them as safe as any slow hash would."""
    return hashlib.sha256(token.encode()).hexdigest()
