"""Which passing is new, what is missing, and where a decoder's own clock lies in track time."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackd.core.records import Passing
from trackd.core.time import HOUR, MINUTE, SECOND
from trackd.timing.sequence import (
    LOST_AT_MOST,
    UNHEARD_AT_MOST,
    WRAPS,
    Counter,
    Judged,
    News,
    decoder_key,
    give_up,
    heard,
    identity,
    judge,
)

NOW = 1_795_000_000 * SECOND
RTC = 1_550_000_000 * SECOND


class Decoder:
    """One decoder's counter with a journal that remembers what was stored, as the intake does it."""

    def __init__(self, protocol: str = "p3", decoder_id: str | None = "268307", rtc_us: int = RTC) -> None:
        self.protocol, self.decoder_id, self.rtc_us = protocol, decoder_id, rtc_us
        self.key = decoder_key("link", protocol, decoder_id)
        self.counter = Counter()
        self.journal: dict[str, tuple[str | None, int]] = {}
        self.at: list[int] = []

    def hear(self, number: int | None, at_s: float, *, transponder: str = "101", clock_s: float | None = None,
             boot: str | None = None, live: bool = True) -> Judged:
        """A passing the decoder stamped at ``clock_s`` of its clock and that came at ``at_s``; both from 0."""
        clock_us = self.rtc_us + round((at_s if clock_s is None else clock_s) * SECOND)
        if self.protocol in WRAPS:
            clock_us %= WRAPS[self.protocol]
        passing = Passing(self.protocol, self.decoder_id, number, transponder, clock_us, boot=boot)
        judged = judge(self.counter, passing, NOW + round(at_s * SECOND), self.key, self.journal.get, settle=not live)
        self.counter = judged.counter
        name = identity(self.key, self.counter.epoch, passing, judged.clock_us)
        if judged.news is not News.KNOWN:
            self.at.append(judged.at_us)
            if name is not None:
                assert name not in self.journal, "a passing is stored once"
                self.journal[name] = (transponder, clock_us)
        return judged

    def hears(self, numbers: Iterable[int], at_s: float = 0) -> list[News]:
        return [self.hear(n, at_s + i).news for i, n in enumerate(numbers)]


def test_numbers_that_rise_are_new_and_lie_by_decoder_ticks_whatever_the_delay_of_the_wire():
    decoder = Decoder()
    for number, (clock_s, came_s) in enumerate(((0, 0), (30.123456, 30.9), (60.2, 60.2), (90.1, 99)), start=1):
        assert decoder.hear(number, came_s, clock_s=clock_s).news is News.NEW
    assert [each - NOW for each in decoder.at] == [0, 30_123_456, 60_200_000, 90_100_000]


def test_the_offset_follows_the_decoder_between_heats_and_is_fixed_while_one_runs():
    decoder = Decoder()
    decoder.hear(1, 0, live=False)
    assert decoder.hear(2, 100, clock_s=99.9, live=False).at_us == NOW + 100 * SECOND
    assert decoder.hear(3, 200, clock_s=199.8).at_us == NOW + round(199.9 * SECOND)


def test_a_gap_is_told_once_filled_in_any_order_and_then_closed():
    decoder = Decoder()
    decoder.hears([1, 2])
    judged = decoder.hear(6, 10)
    assert (judged.news, judged.gap, judged.counter.missing) == (News.NEW, (3, 5), ((3, 5),))
    assert decoder.hear(4, 11, clock_s=5).news is News.FILLS
    assert decoder.counter.missing == ((3, 3), (5, 5))
    assert decoder.hear(3, 11.1, clock_s=4).news is News.FILLS
    late = decoder.hear(5, 11.2, clock_s=6)
    assert (late.news, late.at_us, late.counter.missing) == (News.FILLS, NOW + 6 * SECOND, ())
    assert decoder.hear(7, 12).gap is None


def test_what_is_stored_already_is_known_however_often_it_comes():
    decoder = Decoder()
    decoder.hears([1, 2, 3])
    before = decoder.counter
    for _ in range(3):
        assert decoder.hear(2, 20, clock_s=1).news is News.KNOWN
    assert decoder.counter == before


def test_a_number_that_starts_again_is_a_restart_with_the_clock_running_on_or_not():
    for clock_s in (100.0, -RTC / SECOND + 3):           # counter cleared only; clock reset as well
        decoder = Decoder()
        decoder.hears(range(40, 45))
        judged = decoder.hear(1, 100, clock_s=clock_s, transponder="102")
        assert (judged.news, judged.counter.epoch, judged.gap) == (News.RESTART, 1, None)
        assert judged.at_us == NOW + 100 * SECOND, "anchored anew to the moment it came"
        after = decoder.hear(2, 131, clock_s=clock_s + 30)
        assert (after.news, after.at_us, after.gap) == (News.NEW, NOW + 130 * SECOND, None)


def test_what_a_restarted_decoder_counted_before_it_was_heard_is_missing_if_it_is_not_too_much():
    for number, gap in ((1, None), (2, (1, 1)), (UNHEARD_AT_MOST, (1, UNHEARD_AT_MOST - 1)), (UNHEARD_AT_MOST + 1, None)):
        decoder = Decoder()
        decoder.hears(range(500, 503))
        judged = decoder.hear(number, 100, clock_s=-RTC / SECOND + 60)
        assert (judged.news, judged.gap, judged.counter.missing) == (News.RESTART, gap, (gap,) if gap else ())
        if gap:
            filled = decoder.hear(gap[0], 101, clock_s=-RTC / SECOND + 50)
            assert (filled.news, filled.at_us) == (News.FILLS, NOW + 90 * SECOND)


def test_the_same_number_for_another_kart_is_a_restart_and_not_a_duplicate():
    decoder = Decoder()
    decoder.hears([1, 2, 3])
    assert decoder.hear(2, 50, transponder="999").news is News.RESTART


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_decoder_clock_set_by_an_hour_begins_an_epoch_and_moves_no_time(step):
    decoder = Decoder()
    decoder.hears([1, 2])
    stepped = decoder.hear(3, 30, clock_s=30 + step / SECOND)
    assert (stepped.news, stepped.counter.epoch, stepped.at_us, stepped.gap) == (News.RESTART, 1, NOW + 30 * SECOND, None)
    after = decoder.hear(4, 60.5, clock_s=60 + step / SECOND)
    assert (after.news, after.at_us) == (News.NEW, NOW + 60 * SECOND)


def test_a_clock_that_is_set_while_passings_are_lost_still_shows_the_gap():
    decoder = Decoder()
    decoder.hears([1, 2])
    judged = decoder.hear(6, 30, clock_s=30 + 3600)
    assert (judged.news, judged.gap, judged.counter.missing) == (News.RESTART, (3, 5), ((3, 5),))


def test_passings_two_seconds_out_of_order_are_no_restart():
    decoder = Decoder()
    decoder.hear(1, 10)
    assert decoder.hear(2, 10.1, clock_s=8.0).news is News.NEW
    assert decoder.hear(3, 10.2, clock_s=7.9).news is News.RESTART


def test_passings_a_decoder_held_back_while_the_wire_was_cut_come_at_once_and_lie_where_they_were():
    decoder = Decoder()
    decoder.hears([1, 2])
    for number, clock_s in ((3, 60), (4, 61), (5, 60 + 40 * 60), (6, 100 * 60)):
        judged = decoder.hear(number, 100 * 60 + number / 100, clock_s=clock_s)
        assert (judged.news, judged.at_us) == (News.NEW, NOW + clock_s * SECOND), number


def test_a_gap_given_up_is_told_as_lost_and_welcome_when_it_comes_after_all():
    decoder = Decoder()
    decoder.hears([1, 2])
    decoder.hear(6, 10)
    decoder.hear(4, 11, clock_s=5)
    decoder.counter, lost = give_up(decoder.counter, (3, 5))
    assert (lost, decoder.counter.missing) == (((3, 3), (5, 5)), ())
    decoder.hear(7, 40)
    judged = decoder.hear(5, 41, clock_s=6)
    assert (judged.news, judged.counter.epoch, judged.at_us) == (News.FILLS, 0, NOW + 6 * SECOND)
    assert decoder.hear(8, 50).news is News.NEW
    assert decoder.hear(5, 51, clock_s=6).news is News.KNOWN


def test_a_restarted_decoder_does_not_fill_old_gaps_with_new_numbers():
    for clock_s in (500.0, -RTC / SECOND + 3):
        decoder = Decoder()
        decoder.hears([1, 2])
        decoder.hear(6, 10)
        assert decoder.hear(4, 500, clock_s=clock_s).news is News.RESTART


def test_a_counter_remembers_a_bounded_number_of_lost_gaps():
    counter = Counter(last_number=10_000)
    for number in range(0, 4 * LOST_AT_MOST, 2):
        counter = Counter(last_number=counter.last_number, missing=((number, number),), lost=counter.lost)
        counter, _ = give_up(counter, (number, number))
    assert len(counter.lost) == LOST_AT_MOST


def test_statuses_take_numbers_of_the_passings_own_sequence():
    decoder = Decoder("p98", "101", rtc_us=0)
    assert heard(decoder.counter, 5, None) == (Counter(), None), "before the first passing there is nothing to miss"
    decoder.hear(10, 1)
    decoder.counter, gap = heard(decoder.counter, 11, None)
    assert gap is None
    assert decoder.hear(12, 2).gap is None
    decoder.counter, gap = heard(decoder.counter, 15, None)
    assert (gap, decoder.counter.missing) == ((13, 14), ((13, 14),))
    decoder.counter, gap = heard(decoder.counter, 13, None)
    assert (gap, decoder.counter.missing) == (None, ((14, 14),)), "a status sent again closes its gap"
    assert decoder.hear(16, 3).gap is None
    assert heard(decoder.counter, None, None) == (decoder.counter, None)


def test_a_node_that_boots_anew_begins_an_epoch_even_when_its_numbers_go_on():
    decoder = Decoder("node", "beam-1", rtc_us=0)
    decoder.hear(41, 1, boot="aaaa")
    judged = decoder.hear(42, 2, clock_s=0.5, boot="bbbb")
    assert (judged.news, judged.counter.boot) == (News.RESTART, "bbbb")
    assert heard(judged.counter, 99, "aaaa") == (judged.counter, None), "a status of the old boot says nothing"
    assert heard(judged.counter, 44, "bbbb")[1] == (43, 43)


def test_tranx2_ticks_wrap_after_49_days_without_moving_a_lap():
    decoder = Decoder("tranx2", None, rtc_us=WRAPS["tranx2"] - 20 * SECOND)
    news = [decoder.hear(None, at_s).news for at_s in (0, 19, 21, 19.5, 60)]
    assert news == [News.NEW] * 5
    assert [each - NOW for each in decoder.at] == [0, 19 * SECOND, 21 * SECOND, 19_500_000, 60 * SECOND]
    assert decoder.counter.epoch == 0


def test_a_tranx2_line_has_no_identity_and_every_line_is_new():
    decoder = Decoder("tranx2", None, rtc_us=0)
    assert [decoder.hear(None, 5).news for _ in range(3)] == [News.NEW] * 3


def test_a_tranx2_box_switched_off_and_on_is_a_restart_after_a_day_and_after_a_month():
    for uptime_s in (86_400, 30 * 86_400):
        decoder = Decoder("tranx2", None, rtc_us=0)
        decoder.hear(None, 0, clock_s=uptime_s)
        judged = decoder.hear(None, 100, clock_s=3)
        assert (judged.news, judged.at_us) == (News.RESTART, NOW + 100 * SECOND)


def test_chronelec_crosses_midnight_and_knows_what_it_repeats():
    decoder = Decoder("chronelec", "STA", rtc_us=24 * HOUR - 30 * SECOND)
    assert [decoder.hear(None, at_s).news for at_s in (0, 20, 40, 80)] == [News.NEW] * 4
    assert [each - NOW for each in decoder.at] == [0, 20 * SECOND, 40 * SECOND, 80 * SECOND]
    assert decoder.hear(None, 81, clock_s=80).news is News.KNOWN
    assert decoder.hear(None, 81, clock_s=80, transponder="102").news is News.NEW


def test_the_same_time_of_another_day_is_another_passing():
    decoder = Decoder("chronelec", "STA", rtc_us=15 * HOUR)
    days = [day * 24 * HOUR // SECOND for day in range(3)]
    assert [decoder.hear(None, at_s + more).news for at_s in days for more in (0, 5 * HOUR // SECOND)] == [News.NEW] * 6
    assert [decoder.hear(None, days[2] + 6 * HOUR // SECOND, clock_s=at_s).news for at_s in days[2:]] == [News.KNOWN]


def test_keys_tell_decoders_apart_by_identity_or_by_their_link():
    assert decoder_key("a", "p3", "268307") == decoder_key("b", "p3", "268307")
    assert decoder_key("a", "chronelec", "STA") != decoder_key("b", "chronelec", "STA")
    assert decoder_key("a", "tranx2", None) != decoder_key("b", "tranx2", None)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_over_any_lossy_wire_with_resends_every_passing_is_stored_once_at_its_own_time(data):
    """Some passings never arrive by themselves; they are asked for, come in any order, twice, or after the give-up."""
    count = data.draw(st.integers(2, 40))
    gone = data.draw(st.sets(st.integers(2, count - 1), max_size=count)) if count > 2 else set()
    decoder, at_s = Decoder(), 0.0
    asked: list[int] = []
    for number in range(1, count + 1):
        at_s += 1
        if number in gone:
            continue
        judged = decoder.hear(number, at_s, clock_s=number)
        if judged.gap:
            if data.draw(st.booleans()):
                decoder.counter, _ = give_up(decoder.counter, judged.gap)
            asked += [*range(judged.gap[0], judged.gap[1] + 1)] * data.draw(st.integers(1, 2))
        while asked and data.draw(st.booleans()):
            again = asked.pop(data.draw(st.integers(0, len(asked) - 1)))
            assert decoder.hear(again, at_s, clock_s=again).news in (News.FILLS, News.KNOWN)
    for again in asked:
        assert decoder.hear(again, at_s, clock_s=again).news in (News.FILLS, News.KNOWN)
    assert sorted(decoder.at) == [NOW + n * SECOND for n in range(1, count + 1)]
    assert (decoder.counter.epoch, decoder.counter.missing) == (0, ())


def test_a_decoder_whose_clock_creeps_is_followed_without_epochs():
    decoder = Decoder()
    for number in range(1, 500):
        decoder.hear(number, number * 30.0, clock_s=number * 30.0 * 1.0001)
    assert decoder.counter.epoch == 0
    assert abs(decoder.at[-1] - NOW - 499 * 30 * SECOND) < MINUTE
