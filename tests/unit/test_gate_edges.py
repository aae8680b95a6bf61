"""Edges of the gate that changes of its code went past unnoticed: what evidence, debts, zones and times narrow."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind, Consent, Decision
from duecourse.policy.history import Evidence, Stop
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, ConsentBasis, OptOutScope, Permission, WindowKind
from duecourse.policy.packs.headings import Anchor
from duecourse.policy.packs.model import Place, TimezoneRule
from duecourse.policy.packs.vocabulary import Medium, Override, Purpose, StopEvent
from tests.gate_rules import NOON, ask, open_hours, pack, rule, touch, window

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def consented(**changed: Any) -> Evidence:
    return Evidence(id="c-1", kind=Override.DEBTOR_CONSENT, given_at=NOON - 9 * DAY, **changed)


@pytest.mark.parametrize(("debts", "rests"), [((1,), True), ((2,), False), ((), True)])
def test_a_promise_about_one_debt_gives_time_for_that_debt(debts: tuple[int, ...], *, rests: bool) -> None:
    quiet = pack(p.Cooldown(after=StopEvent.PROMISE_TO_PAY, days=3, scope=CapScope.DEBT))
    promised = (Stop(event=StopEvent.PROMISE_TO_PAY, when=NOON - DAY, debts=debts),)
    assert (ask(quiet, stops=promised).decision is Decision.SUPPRESS) is rests


def test_a_cool_down_counts_its_days_by_the_borrowers_clock() -> None:
    """Nine in the evening of the 17th in New York is the 18th in UTC."""
    quiet = pack(p.Cooldown(after=StopEvent.REFUSAL, days=2))
    refused = (Stop(event=StopEvent.REFUSAL, when=datetime(2026, 11, 18, 2, tzinfo=UTC)),)
    assert ask(quiet, stops=refused).decision is Decision.SUPPRESS
    assert ask(quiet, stops=refused, now=datetime(2026, 11, 19, 5, tzinfo=UTC)).decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("narrowed", "counts"),
    [
        ({}, True),
        ({"channels": frozenset({Medium.SMS})}, True),
        ({"channels": frozenset({Medium.EMAIL})}, False),
        ({"purposes": frozenset({Purpose.MARKETING})}, False),
    ],
)
def test_consent_on_record_is_a_basis_for_what_it_names(narrowed: dict[str, Any], *, counts: bool) -> None:
    basis = pack(p.ConsentNeeded(basis=frozenset({ConsentBasis.WRITTEN_CONSENT})))
    said = ask(basis, evidence=(consented(**narrowed),))
    assert (said.decision is Decision.ALLOW) is counts


def test_agreed_hours_are_waited_for_on_their_own_channel_only() -> None:
    daily = pack(rule(window(8, 10), overrides=frozenset({Override.DEBTOR_AGREEMENT})))
    agreed = Evidence(
        id="a-1",
        kind=Override.DEBTOR_AGREEMENT,
        given_at=NOON - DAY,
        channels=frozenset({Medium.EMAIL}),
        hours=(open_hours(14, 15),),
    )
    assert ask(daily, evidence=(agreed,)).until == datetime(2026, 11, 19, 13, tzinfo=UTC)
    by_mail = ask(daily, evidence=(agreed,), channel=ChannelKind.EMAIL)
    assert by_mail.until == datetime(2026, 11, 18, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "channel"),
    [
        (p.Social(private=Permission.DENY), Medium.SOCIAL),
        (p.Automation(robot_voice=Permission.DENY), ChannelKind.VOICE),
        (p.Automation(robot_voice=Permission.WITH_CONSENT), ChannelKind.VOICE),
    ],
)
def test_a_way_that_is_barred_leaves_the_others(params: Any, channel: Any) -> None:
    said = ask(pack(params), channel=channel)
    assert (said.decision, said.next_channel) == (Decision.SUPPRESS, True)


def test_consent_to_a_machines_voice_is_for_that_voice() -> None:
    voice = pack(p.Automation(robot_voice=Permission.WITH_CONSENT))
    for channels, allowed in ((frozenset({Medium.IVR}), True), (frozenset({Medium.SMS}), False)):
        said = ask(voice, channel=ChannelKind.VOICE, evidence=(consented(channels=channels),))
        assert (said.decision is Decision.ALLOW) is allowed


def test_each_opt_out_may_be_confirmed_once_and_to_the_minute() -> None:
    once = pack(p.OptOut(scope=OptOutScope.ADDRESS, confirmation=p.Confirmation(max=1, within_minutes=5)))
    confirming: dict[str, Any] = {"purpose": Purpose.CONFIRM_STOP, "opted_out": True, "consent": Consent.GRANTED}

    def said(since: timedelta, confirmed: timedelta | None = None) -> Decision:
        history = () if confirmed is None else (touch(confirmed, purpose=Purpose.CONFIRM_STOP),)
        stops = (Stop(event=StopEvent.MEDIUM_OPT_OUT, when=NOON - since),)
        return ask(once, **confirming, history=history, stops=stops).decision

    assert said(5 * MINUTE) is Decision.ALLOW
    assert said(5 * MINUTE + MINUTE / 60) is Decision.SUPPRESS
    assert said(4 * MINUTE, confirmed=5 * MINUTE) is Decision.ALLOW
    assert said(4 * MINUTE, confirmed=4 * MINUTE) is Decision.SUPPRESS
    assert ask(once, **confirming).decision is Decision.ALLOW


@pytest.mark.parametrize(("most", "decision"), [(0, Decision.SUPPRESS), (1, Decision.ALLOW)])
def test_a_cap_of_none_is_a_ban_and_a_cap_of_one_is_not(most: int, decision: Decision) -> None:
    day = p.CapWindow(kind=WindowKind.CALENDAR_DAY)
    cap = p.FrequencyCap(unit=CapUnit.ATTEMPT, max=most, window=day, scope=CapScope.DEBTOR)
    assert ask(pack(cap)).decision is decision


def test_a_countrys_legal_time_shuts_where_the_borrowers_own_would_not() -> None:
    """22:30 by the one legal time, 20:30 by the clocks that people live by."""
    china = TimezoneRule(anchor=Anchor.FIXED, zone="Asia/Shanghai")
    hours = pack(rule(window(8, 22), "hours"), country="CN", timezone=china)
    late = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
    said = ask(hours, time_zone="Asia/Urumqi", residence=Place("CN"), now=late)
    assert (said.decision, said.until) == (Decision.DEFER, datetime(2026, 11, 19, 2, tzinfo=UTC))


def test_all_evidence_that_lifted_something_is_named() -> None:
    agreed = frozenset({Override.DEBTOR_AGREEMENT})
    two = pack(rule(window(18, 21), "evening", overrides=agreed), rule(window(6, 9), "morning", overrides=agreed))
    evidence = tuple(
        Evidence(id=f"for-{name}", kind=Override.DEBTOR_AGREEMENT, given_at=NOON - DAY, rules=frozenset({name}))
        for name in ("evening", "morning")
    )
    said = ask(two, evidence=evidence)
    assert (said.decision, set(said.evidence)) == (Decision.ALLOW, {"for-evening", "for-morning"})


def test_a_verdict_keeps_each_place_and_its_time() -> None:
    facts = ask(candidate_zones=("Asia/Shanghai",)).facts
    assert (facts["time_zone"], facts["candidate_zones"]) == ("America/New_York", ["Asia/Shanghai"])
    assert facts["local_times"] == {
        "America/New_York": "2026-11-18T12:00:00-05:00",
        "Asia/Shanghai": "2026-11-19T01:00:00+08:00",
    }
    assert "local_times" not in ask().facts
