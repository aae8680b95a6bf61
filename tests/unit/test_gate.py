"""The gate is total, fail-closed, and never lets a contact out at a bad hour or without consent."""

import dataclasses
import json
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind, Consent, Decision, StopRule
from duecourse.domain.zones import find_zone
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide, judge
from duecourse.policy.house import house_alone, house_pack
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import Ambiguous
from duecourse.policy.packs.model import TimezoneRule
from duecourse.policy.packs.vocabulary import Medium, Party
from duecourse.policy.quiet_hours import Quiet
from duecourse.policy.rules import RULES
from duecourse.policy.situation import Situation
from tests.gate_rules import PLAIN

HOUSE = house_alone(Quiet(start=time(20), end=time(9)))
HOUSE_RULES = ("channel-day-cap", "quiet-hours")
NOON_IN_NEW_YORK = datetime(2018, 3, 1, 17, tzinfo=UTC)
FINE = dataclasses.replace(PLAIN, not_after=NOON_IN_NEW_YORK + timedelta(hours=2))
PLACES = sorted(name for name in available_timezones() if find_zone(name))

moments = st.datetimes(
    datetime(2012, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
local_times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
quiets = st.builds(Quiet, start=local_times, end=local_times).filter(lambda quiet: quiet.start != quiet.end)
any_facts = st.builds(
    ContactFacts,
    contact_id=st.integers(1, 2**53),
    borrower_id=st.integers(1, 2**53),
    channel=st.sampled_from(ChannelKind),
    not_after=moments,
    time_zone=st.one_of(st.none(), st.sampled_from(PLACES), st.text(max_size=20)),
    consent=st.one_of(st.none(), st.sampled_from(Consent)),
    address_valid=st.booleans(),
    open_items=st.integers(-1, 3),
    autopay=st.booleans(),
    holds=st.lists(st.integers(1, 9), max_size=2).map(tuple),
    opted_out=st.booleans(),
    touches_today=st.integers(0, 2),
    reached_today=st.booleans(),
    stop=st.frozensets(st.sampled_from(StopRule)),
)
#: Mostly sendable, so that the later rules are reached too.
good_facts = st.builds(
    lambda zone, lead, channel: dataclasses.replace(
        FINE, time_zone=zone, not_after=NOON_IN_NEW_YORK + lead, channel=channel
    ),
    st.sampled_from(PLACES),
    st.timedeltas(timedelta(0), timedelta(hours=40)),
    st.sampled_from(ChannelKind),
)


def verdict(now: datetime = NOON_IN_NEW_YORK, **changed: Any) -> Verdict:
    return decide(dataclasses.replace(FINE, **changed), now, HOUSE)


def test_a_contact_with_nothing_against_it_is_allowed_and_lists_every_rule_it_passed() -> None:
    allowed = verdict()
    assert allowed.decision is Decision.ALLOW
    assert allowed.rules == (*RULES, *HOUSE_RULES)
    assert allowed.packs == ("house@1",)
    assert allowed.facts["local"] == "2018-03-01T12:00:00-05:00"


@pytest.mark.parametrize(
    ("changed", "decision", "rule", "next_channel"),
    [
        ({"open_items": 0}, Decision.CANCEL, "paid", False),
        ({"not_after": NOON_IN_NEW_YORK}, Decision.SUPPRESS, "not-after", False),
        ({"holds": (4,)}, Decision.SUPPRESS, "hold", False),
        ({"autopay": True}, Decision.SUPPRESS, "autopay", False),
        ({"reached_today": True}, Decision.SUPPRESS, "reached-today", False),
        ({"consent": None, "address_valid": False}, Decision.SUPPRESS, "no-address", True),
        ({"address_valid": False}, Decision.SUPPRESS, "invalid-address", True),
        ({"consent": Consent.WITHDRAWN}, Decision.SUPPRESS, "no-consent", True),
        ({"consent": Consent.UNKNOWN}, Decision.SUPPRESS, "no-consent", True),
        ({"opted_out": True}, Decision.SUPPRESS, "opted-out", True),
        ({"recipient": Party.SPOUSE}, Decision.SUPPRESS, "not-the-debtor", False),
        ({"recipient_refused": True}, Decision.SUPPRESS, "party-refused", False),
        ({"preferred_channels": frozenset({Medium.EMAIL})}, Decision.SUPPRESS, "preferred-channel", True),
        ({"time_zone": None}, Decision.SUPPRESS, "unknown-zone", False),
        ({"time_zone": "Mars/Olympus"}, Decision.SUPPRESS, "unknown-zone", False),
        ({"touches_today": 1}, Decision.SUPPRESS, "channel-day-cap", False),
        ({"time_zone": "Asia/Shanghai"}, Decision.SUPPRESS, "quiet-hours", False),
    ],
)
def test_each_rule_refuses_by_its_own_name(
    changed: dict[str, Any], *, decision: Decision, rule: str, next_channel: bool
) -> None:
    refused = verdict(**changed)
    assert (refused.decision, refused.rules, refused.next_channel) == (decision, (rule,), next_channel)


def test_each_rule_is_decided_by_at_least_one_of_those_cases() -> None:
    [mark] = test_each_rule_refuses_by_its_own_name.pytestmark
    # The last needs a pack that asks for it: see below.
    assert {case[2] for case in mark.args[1]} == {*RULES, *HOUSE_RULES} - {"ambiguous-zone"}


def test_a_pack_may_refuse_whoever_might_be_in_two_zones() -> None:
    pack = dataclasses.replace(
        house_pack(Quiet(start=time(20), end=time(9))), timezone=TimezoneRule(ambiguous=Ambiguous.BLOCK)
    )
    facts = dataclasses.replace(FINE, candidate_zones=("America/Chicago",))
    assert decide(facts, NOON_IN_NEW_YORK, HOUSE).decision is Decision.ALLOW
    assert decide(facts, NOON_IN_NEW_YORK, PackSet([pack])).rules == ("ambiguous-zone",)
    assert decide(FINE, NOON_IN_NEW_YORK, PackSet([pack])).decision is Decision.ALLOW


def test_autopay_and_reached_today_silence_only_the_rungs_that_say_so() -> None:
    stop = frozenset({StopRule.PAID, StopRule.HOLD})
    assert verdict(autopay=True, reached_today=True, stop=stop).decision is Decision.ALLOW


def test_paid_and_hold_silence_every_rung_whatever_it_says() -> None:
    assert verdict(open_items=0, stop=frozenset()).rules == ("paid",)
    assert verdict(holds=(1,), stop=frozenset()).rules == ("hold",)


def test_a_contact_in_the_evening_waits_until_the_borrowers_morning() -> None:
    evening = datetime(2018, 3, 11, 2, tzinfo=UTC)  # 21:00 in New York, the night in which clocks go forward
    deferred = verdict(evening, not_after=evening + timedelta(days=1))
    assert deferred.decision is Decision.DEFER
    assert deferred.until == datetime(2018, 3, 11, 13, tzinfo=UTC)


def test_a_contact_that_would_be_too_late_by_morning_is_suppressed() -> None:
    evening = datetime(2018, 3, 2, 2, tzinfo=UTC)
    assert verdict(evening, not_after=evening + timedelta(hours=12)).rules == ("quiet-hours",)
    assert verdict(evening, not_after=evening + timedelta(hours=12)).decision is Decision.SUPPRESS
    assert verdict(evening, not_after=evening + timedelta(hours=12, seconds=1)).decision is Decision.DEFER


def test_the_last_quiet_second_is_quiet_and_the_first_after_it_is_not() -> None:
    nine = datetime(2018, 3, 1, 14, tzinfo=UTC)
    assert verdict(nine - timedelta(microseconds=1)).decision is Decision.DEFER
    assert verdict(nine).decision is Decision.ALLOW
    eight_in_the_evening = datetime(2018, 3, 2, 1, tzinfo=UTC)
    late = eight_in_the_evening + timedelta(days=1)
    assert verdict(eight_in_the_evening - timedelta(microseconds=1), not_after=late).decision is Decision.ALLOW
    assert verdict(eight_in_the_evening, not_after=late).decision is Decision.DEFER


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_that_raises_means_do_not_send(monkeypatch: pytest.MonkeyPatch, rule_id: str) -> None:
    def broken(at: Situation) -> None:
        raise RuntimeError(f"canary {at.facts.contact_id}")

    monkeypatch.setitem(RULES, rule_id, broken)
    refused = verdict()
    assert (refused.decision, refused.rules) == (Decision.SUPPRESS, ("policy-error",))
    assert refused.facts == {"error": "RuntimeError"}


def test_facts_that_make_no_sense_mean_do_not_send() -> None:
    naive = NOON_IN_NEW_YORK.replace(tzinfo=None)
    assert verdict(naive).rules == ("policy-error",)
    assert verdict(not_after=naive).rules == ("policy-error",)
    assert decide(None, NOON_IN_NEW_YORK, HOUSE).rules == ("policy-error",)  # type: ignore[arg-type]
    assert verdict(holds=None, time_zone=[]).decision is not Decision.ALLOW


@given(facts=st.one_of(any_facts, good_facts), now=moments, quiet=quiets)
def test_whatever_the_facts_an_allow_keeps_every_promise(facts: ContactFacts, now: datetime, quiet: Quiet) -> None:
    said = decide(facts, now, house_alone(quiet))
    json.dumps(said.as_json())
    assert said.rules
    if said.decision is not Decision.ALLOW:
        return
    zone = ZoneInfo(facts.time_zone or "")
    assert not quiet.covers(now, zone)
    assert now < facts.not_after
    assert facts.consent is Consent.GRANTED
    assert facts.address_valid
    assert not facts.holds
    assert not facts.opted_out
    assert not facts.touches_today
    assert facts.open_items > 0


@given(facts=good_facts, now=st.timedeltas(timedelta(0), timedelta(hours=40)), quiet=quiets)
def test_what_is_deferred_is_allowed_at_the_instant_it_waits_for(
    facts: ContactFacts, now: timedelta, quiet: Quiet
) -> None:
    packs = house_alone(quiet)
    said = judge(facts, NOON_IN_NEW_YORK + now, packs)
    if said.decision is Decision.DEFER:
        assert said.until is not None
        assert judge(facts, said.until, packs).decision is Decision.ALLOW
    else:
        assert said.until is None


worse = st.sampled_from([
    {"holds": (9,)},
    {"opted_out": True},
    {"consent": Consent.WITHDRAWN},
    {"consent": None},
    {"address_valid": False},
    {"open_items": 0},
    {"touches_today": 1},
    {"time_zone": None},
    {"stop": frozenset(StopRule), "autopay": True},
])


@given(facts=st.one_of(any_facts, good_facts), now=moments, quiet=quiets, change=worse)
def test_making_any_fact_worse_never_opens_the_gate(
    facts: ContactFacts, now: datetime, quiet: Quiet, change: dict[str, Any]
) -> None:
    assert decide(dataclasses.replace(facts, **change), now, house_alone(quiet)).decision is not Decision.ALLOW
