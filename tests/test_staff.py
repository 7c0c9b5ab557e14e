"""Staff, tokens, logins: a right secret opens, nothing else does, and guessing gets slow."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.core.errors import BadInput, NotFound, Refused, StorageFailing
from trackd.core.time import MINUTE, SECOND
from trackd.services.staff import (
    FLAG_ORDERS,
    LOGIN_LIFETIME_US,
    MAY,
    WRONG_WINDOW_US,
    Principal,
    Staff,
    TooManyTries,
    Tries,
    WrongSecret,
    action_of_order,
    may,
    pin_faults,
)
from trackd.store import people
from trackd.store.database import open_database


class Clock:
    def __init__(self) -> None:
        self.us = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def staff(db: sqlite3.Connection, clock: Clock) -> Staff:
    return Staff(db, now_us=clock, clock_us=clock)


def test_a_login_outlives_a_restart_and_ends_after_fourteen_hours(staff: Staff, clock: Clock, tmp_path: Path) -> None:
    staff.add_staff(" Ada ", "timekeeper", "4711")
    cookie = staff.login("Ada", "4711", "10.0.0.2")
    clock.us += LOGIN_LIFETIME_US - 1
    with closing(open_database(tmp_path)) as again:
        restarted = Staff(again, now_us=clock, clock_us=clock)
        assert restarted.principal(cookie) == Principal("Ada", "timekeeper", "staff")
        clock.us += 1
        assert restarted.principal(cookie) is None


def test_logging_out_and_removing_a_person_end_logins_at_once(staff: Staff) -> None:
    staff.add_staff("Root", "admin", "long passphrase")
    staff.add_staff("Ada", "desk", "4711")
    first, second = (staff.login("Ada", "4711", "c") for _ in range(2))
    staff.logout(first)
    assert (staff.principal(first), staff.principal(second)) == (None, Principal("Ada", "desk", "staff"))
    staff.remove_staff("Ada")
    assert staff.principal(second) is None
    with pytest.raises(NotFound):
        staff.remove_staff("Ada")
    with pytest.raises(Refused, match="only admin"):
        staff.remove_staff("Root")


def test_unknown_name_and_wrong_pin_are_told_the_same(staff: Staff) -> None:
    staff.add_staff("Ada", "desk", "4711")
    told = []
    for name, pin in [("Ada", "4712"), ("Bob", "4711"), ("Ada", "x" * 5_000), ("", "")]:
        with pytest.raises(WrongSecret) as caught:
            staff.login(name, pin, "c")
        told.append(str(caught.value))
    assert set(told) == {"The name or the PIN is wrong."}


def test_the_sixth_try_is_refused_even_if_right_until_the_window_has_passed(staff: Staff, clock: Clock) -> None:
    staff.add_staff("Ada", "desk", "4711")
    for _ in range(5):
        with pytest.raises(WrongSecret):
            staff.login("Ada", "0000", "tablet")
        clock.us += MINUTE // 2
    with pytest.raises(TooManyTries, match="Wait 150 s") as caught:
        staff.login("Ada", "4711", "tablet")
    assert caught.value.wait_s == 150
    assert staff.login("Ada", "4711", "another tablet")
    clock.us += 150 * SECOND
    assert staff.login("Ada", "4711", "tablet")


def test_one_client_cannot_try_one_pin_on_every_name(staff: Staff) -> None:
    for number in range(20):
        with pytest.raises(WrongSecret):
            staff.login(f"name {number}", "1234", "tablet")
    with pytest.raises(TooManyTries):
        staff.login("name 20", "1234", "tablet")


@given(st.lists(st.tuples(st.integers(0, 90 * SECOND), st.sampled_from("ab")), max_size=60))
def test_no_window_ever_holds_more_tries_than_the_limit(steps: list[tuple[int, str]]) -> None:
    clock = Clock()
    tries, let_in, waits = Tries(clock), [], []
    for step, key in steps:
        clock.us += step
        try:
            tries.begin(((key,), 5))
        except TooManyTries as refused:
            waits.append(refused.wait_s)
        else:
            let_in.append((clock.us, key))
    assert all(0 < wait_s <= WRONG_WINDOW_US // SECOND for wait_s in waits)
    for key in "ab":
        times = [at for at, of in let_in if of == key]
        assert all(later - earlier >= WRONG_WINDOW_US for earlier, later in zip(times, times[5:], strict=False))


def test_set_up_needs_the_code_makes_one_admin_and_burns_it(staff: Staff, db: sqlite3.Connection) -> None:
    code = staff.setup_code()
    assert code
    assert code != Staff(db).setup_code()
    for wrong in ["", "é", code[:-1], code + "x"]:
        with pytest.raises(WrongSecret):
            staff.setup(wrong, "Ada", "4711", "c")
    with pytest.raises(BadInput) as caught:
        staff.setup(code, "", "12", "c")
    assert [fault.where for fault in caught.value.faults] == ["name", "pin"]
    assert staff.setup(f" {code.upper()} ", "Ada", "4711", "c") == Principal("Ada", "admin", "staff")
    assert staff.setup_code() is None
    with pytest.raises(Refused, match="log in"):
        staff.setup(code, "Eve", "4711", "c")
    assert staff.list_staff() == [Principal("Ada", "admin", "staff")]


def test_wrong_set_up_codes_are_limited(staff: Staff) -> None:
    for _ in range(5):
        with pytest.raises(WrongSecret):
            staff.setup("wrong", "Ada", "4711", "c")
    with pytest.raises(TooManyTries):
        staff.setup(staff.setup_code() or "", "Ada", "4711", "c")


def test_staff_added_beside_a_running_appliance_closes_set_up(staff: Staff, tmp_path: Path) -> None:
    code = staff.setup_code() or ""
    with closing(open_database(tmp_path)) as other:
        Staff(other).add_staff("Ada", "marshal", "4711")
        with pytest.raises(Refused, match="Staff exist"):  # also when both check first and write then
            people.insert_staff(other, people.StaffRow("Eve", "admin", "", 0), first=True)
    with pytest.raises(Refused, match="Set-up is done"):
        staff.setup(code, "Eve", "4711", "c")


def test_a_token_counts_at_once_in_a_running_appliance_and_is_gone_once_withdrawn(staff: Staff, tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as other:
        token = Staff(other).add_token("scoreboard", "read")
    assert token.startswith("trk_")
    assert staff.check_token(token) == Principal("scoreboard", "read", "token")
    assert staff.check_token(token + "x") is None
    staff.revoke_token(staff.list_tokens()[0].id)
    assert staff.check_token(token) is None


def test_no_secret_is_stored_in_the_clear(staff: Staff, db: sqlite3.Connection) -> None:
    staff.add_staff("Ada", "desk", "47114711")
    secrets = ["47114711", staff.login("Ada", "47114711", "c"), staff.add_token("x", "admin")]
    dump = "\n".join(db.iterdump())
    assert "Ada" in dump
    assert not [secret for secret in secrets if secret in dump]


def test_names_roles_and_pins_are_checked_together(staff: Staff) -> None:
    with pytest.raises(BadInput) as caught:
        staff.add_staff("a\nb", "boss", "1")
    assert [fault.where for fault in caught.value.faults] == ["name", "role", "pin"]
    with pytest.raises(BadInput, match="read, timekeeper, admin"):
        staff.add_token("x", "marshal")
    staff.add_staff("Ada", "desk", "4711")
    with pytest.raises(Refused, match="Ada is staff already"):
        staff.add_staff("Ada", "admin", "4711")


@given(st.one_of(st.text("0123456789", max_size=14), st.text(max_size=140)))
@settings(max_examples=50)
def test_a_pin_is_four_to_twelve_digits_or_a_long_phrase(pin: str) -> None:
    digits = bool(pin) and set(pin) <= set("0123456789")
    assert (not pin_faults(pin)) == (4 <= len(pin) <= 12 if digits else 8 <= len(pin) <= 128)


def test_a_full_or_busy_disk_is_said_in_words(staff: Staff, db: sqlite3.Connection) -> None:
    db.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageFailing, match="does not take this now"):
        staff.add_token("x", "read")
    db.execute("PRAGMA query_only = 0")
    assert staff.add_token("x", "read")


def test_roles_may_what_the_table_says_and_a_marshal_only_shows_flags() -> None:
    marshal, keeper = Principal("M", "marshal", "staff"), Principal("T", "timekeeper", "staff")
    orders = [*FLAG_ORDERS, "stage", "finish", "confirm", "undo", "penalty", "bind"]
    assert {order for order in orders if may(marshal, action_of_order(order))} == FLAG_ORDERS
    assert all(may(keeper, action_of_order(order)) for order in orders)
    assert not may(keeper, "admin")
    assert not may(None, "read")
    assert not may(Principal("x", "marshal", "token"), "read")  # a role of another kind counts for nothing
    for kind, roles in MAY.items():
        assert all("read" in roles[role] for role in roles), kind
    everything = set(itertools.chain.from_iterable(MAY["staff"].values()))
    assert MAY["staff"]["admin"] == MAY["token"]["admin"] == everything
