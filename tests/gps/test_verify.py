"""Which laps are verified by the rules, which wait for a person, which nobody can verify; and what the loop missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.gps.simulate import Heat, Plan, heat
from trackd.core.time import Micros
from trackd.gps.missed import MissedRead, missed
from trackd.gps.verify import LEAST_US, MOST_US, Evidence, Judgement, Rule, allowed_us, verify

S = 1_000_000
LOOP = Evidence(session="official", loop_us=58_648_000, min_lap_us=40 * S, max_lap_us=90 * S)
BOTH = replace(LOOP, gps_us=58_660_000, gps_sigma_us=83_000, matched="rules")
GPS = Evidence(gps_us=58_660_000, gps_sigma_us=66_000, matched="rules", min_lap_us=40 * S)


def rule(judgement: Judgement, name: str) -> Rule:
    return next(each for each in judgement.rules if each.name == name)


def test_a_lap_that_loop_and_gps_agree_on_is_verified_and_every_rule_says_why() -> None:
    judgement = verify(BOTH)
    assert (judgement.verdict, judgement.reasons, judgement.apart_us) == ("verified", (), 12_000)
    assert judgement.allowed_us == allowed_us(83_000) == 249_289
    assert [(each.name, each.says) for each in judgement.rules] == [
        (name, "passed") for name in ("time", "session", "lap", "limits", "edits", "flags", "agreement")]
    assert [each.sentence for each in judgement.rules] == [
        "Loop 58.648.", "The session is official.", "It is a full lap that counts.",
        "58.648 is above the layout's shortest lap of 40.000 and below its longest of 1:30.000.", "Nobody edited it.",
        "Neither yellow nor red was shown in it.", "Loop 58.648, GPS 58.66, apart 0.012 s, allowed 0.249 s."]


def test_the_loop_alone_vouches_for_a_lap_without_a_recording() -> None:
    judgement = verify(LOOP)
    assert (judgement.verdict, judgement.apart_us, judgement.allowed_us) == ("verified", None, None)
    assert rule(judgement, "agreement").says == "silent"
    assert rule(judgement, "agreement").sentence == "There is no recording of it: the loop alone vouches for it."


@pytest.mark.parametrize(("changed", "name", "sentence"), [
    ({"gps_us": 59_100_000}, "agreement", "Loop 58.648, GPS 59.10, apart 0.452 s, allowed 0.249 s."),
    ({"gps_us": 58_200_000}, "agreement", "Loop 58.648, GPS 58.20, apart 0.448 s, allowed 0.249 s."),
    ({"edits": 1}, "edits", "Somebody edited it."),
    ({"edits": 3}, "edits", "It was edited 3 times."),
    ({"yellow": True}, "flags", "Yellow was shown in it."),
    ({"verdict": "yellow"}, "flags", "Yellow was shown in it."),
    ({"source": "manual"}, "time", "58.648 was timed by hand."),
    ({"source": "gps"}, "time", "58.648 ends at a moment the kart's GPS told: the loop missed it."),
    ({"session": ""}, "session", "It belongs to no session."),
    ({"min_lap_us": None}, "limits", "The layout names no shortest lap, so nothing tells whether it is too short.")])
def test_what_a_person_decides_on(changed: dict[str, Any], name: str, sentence: str) -> None:
    judgement = verify(replace(BOTH, **changed))
    assert (judgement.verdict, rule(judgement, name).says) == ("queue", "queue")
    assert judgement.reasons == (sentence,)


@pytest.mark.parametrize(("changed", "name", "sentence"), [
    ({"session": "provisional"}, "session", "The session is not official yet."),
    ({"session": "running"}, "session", "The session is not official yet."),
    ({"session": "void"}, "session", "The session is void."),
    ({"kind": "out"}, "lap", "It is an out-lap: timed, never a best."),
    ({"kind": "in"}, "lap", "It is an in-lap: timed, never a best."),
    ({"verdict": "void"}, "lap", "It was struck."),
    ({"verdict": "suspect"}, "lap", "The decoder began anew in it: its time is an estimate."),
    ({"verdict": "long"}, "lap", "It is above the longest lap."),
    ({"red": True}, "flags", "Red was shown in it."),
    ({"source": "split"}, "time", "58.648 was worked out from a longer lap, not measured."),
    ({"loop_us": 39_999_999, "gps_us": 40_000_000}, "limits", "39.999 is below the layout's shortest lap of 40.000."),
    ({"max_lap_us": 58_000_000}, "limits", "58.648 is above the layout's longest lap of 58.000.")])
def test_what_nobody_can_verify(changed: dict[str, Any], name: str, sentence: str) -> None:
    judgement = verify(replace(BOTH, **changed))
    assert (judgement.verdict, rule(judgement, name).says) == ("no", "no")
    assert judgement.reasons == (sentence,)


def test_a_bar_outranks_a_doubt_and_both_are_told() -> None:
    judgement = verify(replace(BOTH, kind="out", edits=2))
    assert (judgement.verdict, judgement.reasons) == ("no", ("It is an out-lap: timed, never a best.",))
    assert rule(judgement, "edits").says == "queue"


def test_the_tolerance_is_three_sigma_of_both_and_never_below_what_the_layout_allows() -> None:
    assert [allowed_us(sigma) for sigma in (0, 10_000, 20_000, 100_000)] == [50_000, 50_000, 61_188, 300_240]
    tight = verify(replace(BOTH, gps_us=58_690_000, gps_sigma_us=5_000))
    assert (tight.verdict, tight.allowed_us) == ("verified", LEAST_US)
    assert verify(replace(BOTH, gps_us=58_690_000, gps_sigma_us=5_000, tolerance_us=30_000)).verdict == "queue"
    edge_us = 58_648_000 + 249_289
    assert [verify(replace(BOTH, gps_us=each)).verdict for each in (edge_us, edge_us + 1)] == ["verified", "queue"]


def test_a_gps_lap_known_too_badly_proves_nothing_yet_contradicts() -> None:
    vague = replace(BOTH, gps_sigma_us=200_000)
    judgement = verify(vague)
    assert (judgement.allowed_us or 0) > MOST_US
    assert (judgement.verdict, rule(judgement, "agreement").says) == ("verified", "silent")
    assert rule(judgement, "agreement").sentence.endswith("allowed 0.600 s. That is too much to prove anything.")
    assert verify(replace(vague, gps_us=59_600_000)).verdict == "queue"


@pytest.mark.parametrize(("changed", "sentence"), [
    ({"gps_flags": ("gap", "estimated"), "gps_quality": "warning"},
     "Its GPS lap proves nothing: samples are missing, a crossing is an estimate."),
    ({"gps_flags": ("above_maximum",), "gps_quality": "invalid"}, "Its GPS lap proves nothing: it is too long."),
    ({"gps_quality": "incomplete"}, "Its GPS lap proves nothing."),
    ({"matched": ""}, "Nobody has decided yet that the recording is of this kart.")])
def test_a_gps_lap_that_is_not_sound_or_not_surely_of_the_kart_takes_nothing_from_the_loop(
        changed: dict[str, Any], sentence: str) -> None:
    judgement = verify(replace(BOTH, gps_us=70 * S, **changed))
    assert (judgement.verdict, rule(judgement, "agreement")) == ("verified", Rule("agreement", "silent", sentence))


def test_a_match_by_a_person_is_as_good_as_one_by_the_rules() -> None:
    assert verify(replace(BOTH, gps_us=60 * S, matched="person")).verdict == "queue"


@pytest.mark.parametrize("session", ["", "official"])
def test_a_lap_by_gps_alone_always_waits_for_a_person(session: str) -> None:
    judgement = verify(replace(GPS, session=session))
    assert judgement.verdict == "queue"
    assert judgement.reasons[0] == "No loop timed it: GPS alone says 58.66 s, give or take 0.06 s."


@pytest.mark.parametrize(("flags", "quality", "verdict"), [
    (("uncertain",), "warning", "queue"), (("gap",), "warning", "queue"), (("pit",), "warning", "no"),
    (("below_minimum",), "invalid", "no"), ((), "incomplete", "no")])
def test_a_lap_by_gps_alone_that_is_not_sound(flags: tuple[str, ...], quality: str, verdict: str) -> None:
    judgement = verify(replace(GPS, gps_flags=flags, gps_quality=quality))
    assert (judgement.verdict, rule(judgement, "lap").says) == (verdict, verdict)


def test_a_lap_nobody_timed_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="timed by the loop or by GPS"):
        verify(Evidence(session="official"))


def one_heat(seed: int, plan: Plan | None = None) -> Heat:
    return heat(plan or Plan(gps_s=0.01), np.random.default_rng(seed))


def proposals(truth: Heat, *lost: int, sigma_us: float = 20_000.0) -> tuple[MissedRead, ...]:
    """What is proposed where the loop did not read these passings of kart 1."""
    passings = truth.candidates["1"]
    return missed(truth.crossings_us + truth.offset_us, np.delete(passings, lost), sigma_us, span(truth))


def span(truth: Heat) -> tuple[Micros, Micros]:
    passings = truth.candidates["1"]
    return int(passings[0]) - 5 * S, int(passings[-1]) + 5 * S


@pytest.mark.parametrize("lost", [(), (4,), (0,), (12,), (2, 9), (5, 6), (11, 12)])
def test_what_the_loop_missed_and_nothing_else_is_proposed(lost: tuple[int, ...]) -> None:
    truth = one_heat(3)
    found = proposals(truth, *lost)
    assert [each.at_us for each in found] == pytest.approx([int(truth.candidates["1"][i]) for i in lost], abs=60_000)


def test_a_proposal_is_within_a_tenth_of_the_true_crossing_although_the_receiver_drifts() -> None:
    """A7. A receiver that drifts by half a metre, at 15 m/s over the line."""
    off, stated = [], []
    for seed in range(120):
        truth = one_heat(seed, Plan(gps_s=0.004, drift_s=0.033))
        found = proposals(truth, 6, sigma_us=33_000.0)
        off += [each.at_us - int(truth.candidates["1"][6]) for each in found]
        stated += [each.sigma_us for each in found]
    assert len(off) == 120
    assert max(map(abs, off)) < 100_000
    assert 0.88 <= np.mean(np.abs(off) <= 2 * np.array(stated)) <= 0.99


def test_a_proposal_says_what_it_goes_by() -> None:
    truth = one_heat(3)
    middle, first, last = (proposals(truth, each)[0] for each in (4, 0, 12))
    assert middle.sentence.startswith("By its own GPS the kart crossed the line 41.113 after its last read and 41.354 ")
    assert middle.sentence.endswith(" before its next, and the loop read nothing. The moment is known to 0.012 s.")
    assert (first.since_us, last.until_us) == (None, None)
    assert " after its last read" not in first.sentence
    assert "before its next" not in last.sentence
    assert middle.since_us is not None
    assert middle.at_us - middle.since_us == int(truth.candidates["1"][3])


def test_nothing_is_proposed_outside_the_session_or_where_the_loop_read_at_another_moment() -> None:
    truth = one_heat(3)
    crossings, passings = truth.crossings_us + truth.offset_us, truth.candidates["1"]
    assert missed(crossings, passings[3:], 20_000.0, (int(passings[3]) - S, int(passings[-1]) + S)) == ()
    moved = passings.copy()
    moved[5] += S
    assert missed(crossings, moved, 20_000.0, span(truth)) == ()


def test_nothing_is_proposed_from_a_recording_of_another_kart_or_from_too_little() -> None:
    truth = one_heat(3)
    crossings = truth.crossings_us + truth.offset_us
    assert missed(crossings, truth.candidates["2"], 20_000.0, span(truth)) == ()
    assert missed(crossings, truth.candidates["1"][:2], 20_000.0, span(truth)) == ()
    assert missed(crossings, truth.candidates["1"][:0], 20_000.0, span(truth)) == ()
    assert missed(crossings + 3600 * S, truth.candidates["1"], 20_000.0, span(truth)) == ()


def test_with_three_reads_the_moment_is_known_as_its_receiver_says() -> None:
    truth = one_heat(3)
    crossings, passings = truth.crossings_us[:4] + truth.offset_us, np.delete(truth.candidates["1"][:4], 2)
    found = missed(crossings, passings, 20_000.0, span(truth))
    assert [each.sigma_us for each in found] == [round(np.sqrt(1.5) * 20_000)]
