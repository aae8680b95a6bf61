"""When a provider is given less, and when more again: bounded, slow to recover, never flapping, never for good."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import OutcomeClass
from duecourse.routing.health import (
    Change,
    Evidence,
    HealthTerms,
    Reason,
    Sign,
    Standing,
    in_time,
    is_late,
    judge,
    sign_of,
    tally_of,
)
from duecourse.routing.sightings import CALLS_S, RECEIPTS_S, Sightings, memory_s

TERMS = HealthTerms()
counts = st.integers(0, 500)
tallies = st.fixed_dictionaries(dict.fromkeys(Sign, counts))
receipts = st.tuples(counts, counts).map(lambda two: (max(two), min(two)))
evidences = st.builds(Evidence, recent=tallies, longer=tallies, receipts=receipts)
standings = st.builds(
    Standing,
    share=st.floats(TERMS.trickle, 1.0),
    age_s=st.floats(0, 5_000),
    fell_for=st.none() | st.sampled_from(Reason),
)


def evidence(*, good: int = 0, unsent: int = 0, unknown: int = 0, throttled: int = 0) -> Evidence:
    tally = {Sign.GOOD: good, Sign.UNSENT: unsent, Sign.UNKNOWN: unknown, Sign.THROTTLED: throttled}
    return Evidence(recent=tally, longer=tally)


@settings(deadline=None)
@given(standing=standings, seen=evidences, others=st.booleans())
def test_a_share_moves_in_bounded_steps_between_the_trickle_and_one(
    standing: Standing, seen: Evidence, *, others: bool
) -> None:
    change = judge(standing, seen, TERMS, others_in_time=others)
    if change is None:
        return
    assert TERMS.trickle <= change.share <= 1.0
    assert -TERMS.fall_step - 1e-5 <= change.share - standing.share <= TERMS.rise_step + 1e-5
    assert change.share != standing.share


@settings(deadline=None)
@given(standing=standings, seen=evidences)
def test_changes_keep_their_distance(standing: Standing, seen: Evidence) -> None:
    change = judge(standing, seen, TERMS)
    if change is None:
        return
    rises = change.share > standing.share
    assert standing.age_s >= (TERMS.rise_s if rises else TERMS.step_s)


@settings(deadline=None)
@given(standing=standings, failures=st.integers(0, TERMS.min_failures - 1), good=counts)
def test_a_few_failures_never_lower_a_share(standing: Standing, failures: int, good: int) -> None:
    change = judge(standing, evidence(good=good, unsent=failures), TERMS)
    assert change is None or change.share > standing.share


@settings(deadline=None)
@given(standing=standings, unsent=counts, unknown=counts, throttled=counts)
def test_below_the_floor_of_samples_nothing_falls(
    standing: Standing, unsent: int, unknown: int, throttled: int
) -> None:
    terms = HealthTerms(min_samples=5_000)
    change = judge(standing, evidence(unsent=unsent, unknown=unknown, throttled=throttled), terms)
    assert change is None or change.share > standing.share


def test_one_error_among_the_answers_changes_nothing() -> None:
    assert judge(Standing(), evidence(unknown=1), TERMS) is None
    assert judge(Standing(), evidence(good=1_000, unknown=1), TERMS) is None


@pytest.mark.parametrize("sign", ["unsent", "unknown"])
def test_a_quarter_of_failures_lowers_the_share_by_one_step(sign: str) -> None:
    change = judge(Standing(), evidence(good=75, **{sign: 25}), TERMS)
    assert change == Change(share=0.8, reason=Reason.FAILURES)


def test_being_throttled_weighs_half() -> None:
    assert judge(Standing(), evidence(good=75, throttled=25), TERMS) is None
    assert judge(Standing(), evidence(good=50, throttled=50), TERMS) == Change(share=0.8, reason=Reason.FAILURES)


@settings(deadline=None)
@given(failures=st.integers(6, 24), share=st.floats(TERMS.trickle, 0.95))
def test_between_the_two_thresholds_a_share_stays(failures: int, share: float) -> None:
    seen = evidence(good=100 - failures, unsent=failures)
    assert judge(Standing(share=share, age_s=10_000), seen, TERMS) is None


def test_a_drained_provider_is_still_tried_and_falls_no_further() -> None:
    drained = Standing(share=TERMS.trickle, age_s=1_000)
    assert TERMS.trickle > 0
    assert judge(drained, evidence(unsent=1_000), TERMS) is None


def test_good_probes_raise_a_drained_share_step_by_step() -> None:
    standing = Standing(share=TERMS.trickle, age_s=TERMS.rise_s)
    change = judge(standing, evidence(good=TERMS.probes), TERMS)
    assert change == Change(share=0.12, reason=Reason.RECOVERED)
    assert judge(Standing(share=0.02, age_s=TERMS.rise_s - 1), evidence(good=100), TERMS) is None


def test_an_untried_provider_gets_the_benefit_of_the_doubt_after_a_while() -> None:
    assert judge(Standing(share=0.02, age_s=TERMS.idle_s - 1), evidence(), TERMS) is None
    change = judge(Standing(share=0.02, age_s=TERMS.idle_s), evidence(), TERMS)
    assert change == Change(share=0.12, reason=Reason.UNTRIED)
    assert judge(Standing(share=0.02, age_s=TERMS.idle_s), evidence(unsent=2, good=1), TERMS) is None


@settings(deadline=None)
@given(
    trace=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=400),
    share=st.floats(TERMS.trickle, 1.0),
)
def test_whatever_happens_in_an_hour_the_share_turns_seldom(trace: list[tuple[int, int]], share: float) -> None:
    """Ten-second steps, each with so many good and bad calls; evidence is that since the last change."""
    standing, turned, last = Standing(share=share), 0, 0
    since: list[tuple[int, int]] = []
    for step in trace:
        since.append(step)
        window = since[-6:]
        seen = Evidence(recent=_tally(window), longer=_tally(since[-90:]))
        change = judge(standing, seen, TERMS)
        if change is None:
            standing = Standing(share=standing.share, age_s=standing.age_s + 10)
            continue
        direction = 1 if change.share > standing.share else -1
        turned += last not in {direction, 0}
        last, since = direction, []
        standing = Standing(share=change.share, age_s=0)
    # A turn upwards takes rise_s of good calls, so there are at most two turns in that time.
    assert turned <= 2 * (len(trace) * 10 / TERMS.rise_s) + 1


@settings(deadline=None)
@given(share=st.floats(TERMS.trickle, 0.99))
def test_a_provider_that_is_well_again_is_fully_back_in_time_but_not_at_once(share: float) -> None:
    standing, elapsed = Standing(share=share, age_s=0.0), 0
    while standing.share < 1.0:
        elapsed += 10
        standing = Standing(share=standing.share, age_s=standing.age_s + 10)
        change = judge(standing, evidence(good=100), TERMS)
        if change:
            standing = Standing(share=change.share, age_s=0.0)
    steps = (1.0 - share) / TERMS.rise_step
    assert TERMS.rise_s * (steps - 1e-6) <= elapsed <= TERMS.rise_s * (steps + 1)


def test_late_receipts_lower_a_share_unless_all_providers_have_them_late() -> None:
    seen = Evidence(recent={}, longer={Sign.GOOD: 100}, receipts=(100, 85))
    assert is_late(seen, TERMS)
    assert judge(Standing(), seen, TERMS, others_in_time=False) is None
    change = judge(Standing(), seen, TERMS, others_in_time=True)
    assert change == Change(share=0.8, reason=Reason.LATE_RECEIPTS)
    assert judge(Standing(share=0.8, age_s=TERMS.late_step_s - 1), seen, TERMS, others_in_time=True) is None


def test_after_late_receipts_a_share_rises_no_sooner_than_the_next_could_be_missed() -> None:
    seen = Evidence(recent={}, longer={Sign.GOOD: 100}, receipts=(100, 100))
    soon = Standing(share=0.8, age_s=TERMS.rise_s, fell_for=Reason.LATE_RECEIPTS)
    later = Standing(share=0.8, age_s=TERMS.rise_s + TERMS.late_after_s, fell_for=Reason.LATE_RECEIPTS)
    assert judge(soon, seen, TERMS) is None
    assert judge(later, seen, TERMS) == Change(share=0.9, reason=Reason.RECOVERED)


def test_too_few_receipts_prove_nothing() -> None:
    few = Evidence(recent={}, longer={}, receipts=(TERMS.late_samples - 1, 0))
    assert not is_late(few, TERMS)
    assert not in_time(few, TERMS)


@pytest.mark.parametrize(
    ("kind", "code", "sign"),
    [
        (OutcomeClass.ACCEPTED, None, Sign.GOOD),
        (OutcomeClass.DUPLICATE, None, Sign.GOOD),
        (OutcomeClass.TRANSIENT, "connect_refused", Sign.UNSENT),
        (OutcomeClass.MISCONFIGURED, "401", Sign.UNSENT),
        (OutcomeClass.THROTTLED, "429", Sign.THROTTLED),
        (OutcomeClass.UNKNOWN, "read_timeout", Sign.UNKNOWN),
        (OutcomeClass.REJECTED, "invalid_address", None),
        (OutcomeClass.TRANSIENT, "deadline", None),
        (OutcomeClass.TRANSIENT, "pool_timeout", None),
        (OutcomeClass.UNKNOWN, "cancelled", None),
        (OutcomeClass.UNKNOWN, "adapter-error", None),
    ],
)
def test_only_what_the_provider_did_is_a_sign(kind: OutcomeClass, code: str | None, sign: Sign | None) -> None:
    assert sign_of(Outcome(kind=kind, code=code)) is sign


def test_every_class_of_outcome_was_thought_of() -> None:
    silent = {kind for kind in OutcomeClass if sign_of(Outcome(kind=kind)) is None}
    assert silent == {OutcomeClass.REJECTED}
    assert tally_of([Outcome(kind=kind) for kind in OutcomeClass]).total() == len(OutcomeClass) - 1


NOW = 1_000_000.0


def _bucket(age_s: float, width: int) -> int:
    return int((NOW - age_s) // width)


def test_only_calls_since_the_last_change_count() -> None:
    old, new = _bucket(50, CALLS_S), _bucket(20, CALLS_S)
    seen = Sightings(now=NOW, counts={f"{old}:unsent": 7, f"{new}:unsent": 3, f"{new}:good": 1})
    assert seen.evidence(TERMS, age_s=1e9).recent == {Sign.UNSENT: 10, Sign.GOOD: 1}
    assert seen.evidence(TERMS, age_s=30).recent == {Sign.UNSENT: 3, Sign.GOOD: 1}


def test_messages_too_young_for_a_receipt_are_not_judged() -> None:
    young, ripe = _bucket(TERMS.late_after_s - 60, RECEIPTS_S), _bucket(TERMS.late_after_s + 120, RECEIPTS_S)
    gone = _bucket(TERMS.late_after_s + TERMS.late_window_s + 120, RECEIPTS_S)
    seen = Sightings(now=NOW, counts={f"{young}:sent": 50, f"{ripe}:sent": 40, f"{ripe}:timely": 30, f"{gone}:sent": 9})
    assert seen.evidence(TERMS, age_s=1e9).receipts == (40, 30)


def test_the_memory_reaches_as_far_back_as_anything_counts() -> None:
    assert memory_s(TERMS) >= TERMS.late_after_s + TERMS.late_window_s + RECEIPTS_S
    assert memory_s(HealthTerms(idle_s=5_000)) >= 5_000


def _tally(steps: list[tuple[int, int]]) -> Counter[Sign]:
    return Counter({Sign.GOOD: sum(good for good, _ in steps), Sign.UNSENT: sum(bad for _, bad in steps)})
