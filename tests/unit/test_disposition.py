"""What follows an outcome: exhaustive over outcomes and capabilities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.contact import AttemptKind, ContactState, Disposition
from duecourse.domain.message import Capability, Outcome
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, Resolution
from duecourse.policy.disposition import (
    Backoff,
    Ended,
    after_lookup,
    after_recall,
    after_send,
    kind_of_resolution,
    recall_allowed,
)

NOW = datetime(2018, 7, 10, 13, tzinfo=UTC)
BACKOFF = Backoff(base_s=30, cap_s=3_600, max_failures=6)
TAKEN = {OutcomeClass.ACCEPTED, OutcomeClass.DUPLICATE}
SURELY_UNSENT = {OutcomeClass.THROTTLED, OutcomeClass.TRANSIENT, OutcomeClass.MISCONFIGURED, OutcomeClass.REJECTED}

outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(OutcomeClass),
    code=st.none() | st.just("code"),
    retry_after_s=st.none() | st.floats(0, 4_000),
)
capabilities = st.builds(Capability, channel=st.just(ChannelKind.SMS), resolution=st.sampled_from(Resolution))
endings = st.builds(
    Ended,
    outcome=outcomes,
    capability=capabilities,
    failures=st.integers(0, 10),
    jitter=st.floats(0, 1, exclude_max=True),
    now=st.just(NOW),
)


@given(endings)
def test_only_what_is_proved_unsent_stops_counting_as_a_contact(ended: Ended) -> None:
    assert after_send(ended, BACKOFF).unsent == (ended.outcome.kind in SURELY_UNSENT)


@given(endings)
def test_perhaps_sent_never_goes_back_to_planned(ended: Ended) -> None:
    unknown = Outcome(kind=OutcomeClass.UNKNOWN, code=ended.outcome.code)
    blind = Ended(
        outcome=unknown, capability=ended.capability, failures=ended.failures, jitter=ended.jitter, now=ended.now
    )

    assert after_send(blind, BACKOFF).state is ContactState.UNKNOWN
    assert after_recall(blind).state is ContactState.UNKNOWN
    assert after_lookup(blind, found=True, negatives=9).state is ContactState.UNKNOWN


@given(endings)
def test_what_is_planned_again_is_planned_for_later_and_only_failures_use_up_tries(ended: Ended) -> None:
    disposition = after_send(ended, BACKOFF)

    if disposition.state is ContactState.PLANNED:
        assert disposition.not_before is not None
        assert disposition.not_before >= NOW
    assert disposition.failed == (ended.outcome.kind is OutcomeClass.TRANSIENT)


@given(endings)
def test_a_same_key_call_that_was_not_processed_says_nothing_of_the_first(ended: Ended) -> None:
    disposition = after_recall(ended)

    assert disposition.state is not ContactState.PLANNED
    assert (disposition.state is ContactState.ACCEPTED) == (ended.outcome.kind in TAKEN)


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_the_cap_and_never_shrink_below_half(failures: int, jitter: float) -> None:
    full = min(3_600.0, 30.0 * 2 ** (failures - 1))

    assert full / 2 <= BACKOFF.delay_s(failures, jitter) <= full


def ended(kind: OutcomeClass, *, failures: int = 0, retry_after_s: float | None = None) -> Ended:
    outcome = Outcome(kind=kind, code=None, retry_after_s=retry_after_s)
    capability = Capability(channel=ChannelKind.SMS, settle_s=60)
    return Ended(outcome=outcome, capability=capability, failures=failures, jitter=0.0, now=NOW)


def test_the_last_failure_gives_the_rung_to_its_next_channel() -> None:
    disposition = after_send(ended(OutcomeClass.TRANSIENT, failures=5), BACKOFF)

    assert disposition == Disposition(
        state=ContactState.REJECTED, reason="retries-exhausted", unsent=True, next_channel=True, failed=True
    )


def test_the_provider_may_ask_for_a_longer_pause_than_ours() -> None:
    disposition = after_send(ended(OutcomeClass.TRANSIENT, retry_after_s=900), BACKOFF)

    assert disposition.not_before == NOW + timedelta(seconds=900)


def test_one_look_up_that_finds_nothing_is_not_enough() -> None:
    once = after_lookup(ended(OutcomeClass.TRANSIENT), found=False, negatives=1)
    twice = after_lookup(ended(OutcomeClass.TRANSIENT), found=False, negatives=2)

    assert (once.state, once.resolve_after_s) == (ContactState.UNKNOWN, 60)
    assert (twice.state, twice.unsent) == (ContactState.PLANNED, True)


@pytest.mark.parametrize(("age_s", "allowed"), [(0, True), (479, True), (481, False), (10_000, False)])
def test_the_same_key_is_used_only_while_the_provider_surely_remembers_it(age_s: int, *, allowed: bool) -> None:
    capability = Capability(channel=ChannelKind.SMS, resolution=Resolution.KEY, window_s=600, settle_s=60)

    assert recall_allowed(capability, NOW, NOW + timedelta(seconds=age_s)) is allowed


def test_a_provider_that_offers_neither_is_not_asked() -> None:
    kinds = {r: kind_of_resolution(Capability(channel=ChannelKind.SMS, resolution=r)) for r in Resolution}

    assert kinds == {
        Resolution.KEY: AttemptKind.RECALL,
        Resolution.LOOKUP: AttemptKind.LOOKUP,
        Resolution.NONE: None,
    }


@given(endings, st.sampled_from([OutcomeClass.THROTTLED, OutcomeClass.TRANSIENT, OutcomeClass.MISCONFIGURED]))
def test_what_surely_was_not_sent_waits_for_nothing_where_another_provider_is_left(
    ended: Ended, kind: OutcomeClass
) -> None:
    after = after_send(_routed(ended, kind, elsewhere=True), BACKOFF)
    if after.state is ContactState.PLANNED:
        assert after.not_before == NOW
        assert after.unsent
    else:
        assert (kind, after.reason) == (OutcomeClass.TRANSIENT, "retries-exhausted")


@given(ended=endings, left_s=st.floats(0, 7_200), elsewhere=st.booleans())
def test_no_try_is_planned_after_the_channels_deadline(ended: Ended, left_s: float, *, elsewhere: bool) -> None:
    give_up_at = NOW + timedelta(seconds=left_s)
    after = after_send(replace(ended, give_up_at=give_up_at, elsewhere=elsewhere), BACKOFF)
    if after.state is ContactState.PLANNED:
        assert after.not_before is not None
        assert after.not_before <= give_up_at
    elif after.reason == "channel-deadline":
        assert (after.unsent, after.next_channel) == (True, True)


@given(endings)
def test_the_route_changes_nothing_about_a_call_that_was_perhaps_processed(ended: Ended) -> None:
    plain = _routed(ended, OutcomeClass.UNKNOWN, elsewhere=False)
    routed = replace(plain, elsewhere=True, give_up_at=NOW - timedelta(hours=1))
    assert after_send(routed, BACKOFF) == after_send(plain, BACKOFF)
    assert after_recall(routed) == after_recall(plain)
    assert after_lookup(routed, found=True, negatives=1) == after_lookup(plain, found=True, negatives=1)


def _routed(ended: Ended, kind: OutcomeClass, *, elsewhere: bool) -> Ended:
    return replace(ended, outcome=replace(ended.outcome, kind=kind), elsewhere=elsewhere)
