"""What rules ask about people, places and papers: who is spoken to, where, with whose leave, and after what notice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind, Consent, Decision
from duecourse.policy.gate import decide
from duecourse.policy.history import Evidence, Stop
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import ConsentBasis, Permission, WorkplaceAllow
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import OnFail, RuleType
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.periods import Period
from duecourse.policy.packs.vocabulary import (
    DebtorState,
    Medium,
    NoticeBefore,
    Override,
    Party,
    Purpose,
    StopEvent,
    TouchOutcome,
)
from tests.gate_rules import FINE, NEVER, NOON, ask, blocks, open_hours, pack, rule, touch

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def evidence(**changed: Any) -> Evidence:
    return Evidence(**{"id": "e-1", "kind": Override.DEBTOR_AGREEMENT, "given_at": NOON - DAY, **changed})


#: 22:30 in New York.
LATE = datetime(2026, 11, 19, 3, 30, tzinfo=UTC)


def test_a_machine_speaks_to_the_debtor_and_to_nobody_else() -> None:
    for channel in (*ChannelKind, Medium.VOICEMAIL, Medium.SOCIAL):
        for party in set(Party) - {Party.DEBTOR}:
            said = ask(channel=channel, recipient=party, purpose=Purpose.LOCATE)
            assert said.rules == ("not-the-debtor",)


def test_a_person_speaks_to_those_who_owe_and_asks_others_only_where_the_debtor_is() -> None:
    assert ask(channel=Medium.CALL, recipient=Party.GUARANTOR).decision is Decision.ALLOW
    assert ask(channel=Medium.CALL, recipient=Party.SPOUSE).rules == ("not-the-debtor",)
    locating: dict[str, Any] = {"channel": Medium.CALL, "recipient": Party.SPOUSE, "purpose": Purpose.LOCATE}
    assert ask(**locating).decision is Decision.ALLOW
    assert ask(**locating, recipient_refused=True).rules == ("party-refused",)


LOST = frozenset({DebtorState.UNREACHABLE})
LOCATE = p.Locate(parties=frozenset({Party.NOMINATED_CONTACT}), only_if=LOST, max_per_party=1)
THIRD = pack(p.ThirdParty(allowed_parties=frozenset({Party.DEBTOR}), locate=LOCATE))
ASKING: dict[str, Any] = {
    "channel": Medium.CALL,
    "recipient": Party.NOMINATED_CONTACT,
    "purpose": Purpose.LOCATE,
    "debtor_state": LOST,
}


def test_somebody_else_is_asked_only_as_the_rule_allows() -> None:
    assert not blocks(THIRD)
    assert not blocks(THIRD, **ASKING)
    assert blocks(THIRD, **(ASKING | {"debtor_state": frozenset()}))
    assert blocks(THIRD, **(ASKING | {"debtor_state": frozenset({DebtorState.DECEASED})}))
    assert blocks(THIRD, **(ASKING | {"recipient": Party.SPOUSE}))
    assert blocks(THIRD, **(ASKING | {"recipient": Party.GUARANTOR, "purpose": FINE.purpose}))
    assert blocks(THIRD, **ASKING, history=(touch(DAY, purpose=Purpose.LOCATE),))
    assert not blocks(THIRD, **ASKING, history=(touch(DAY, purpose=Purpose.SERVICE),))
    assert blocks(pack(p.ThirdParty(allowed_parties=frozenset({Party.DEBTOR}))), **ASKING)
    anytime = p.Locate(parties=LOCATE.parties)
    free = pack(p.ThirdParty(allowed_parties=frozenset(), locate=anytime))
    assert not blocks(free, **(ASKING | {"debtor_state": frozenset()}), history=(touch(DAY, purpose=Purpose.LOCATE),))


def consent(*basis: ConsentBasis, **changed: Any) -> Pack:
    return pack(p.ConsentNeeded(basis=frozenset(basis), **changed))


MARKETING: dict[str, Any] = {"purpose": Purpose.MARKETING}
GIVEN = (evidence(kind=Override.DEBTOR_CONSENT),)


def test_a_contract_is_reason_enough_but_not_for_advertising() -> None:
    for basis in (ConsentBasis.CONTRACT, ConsentBasis.LEGITIMATE_INTEREST):
        assert not blocks(consent(basis))
        assert blocks(consent(basis), **MARKETING)
        assert not blocks(consent(basis), **MARKETING, evidence=GIVEN)
    assert not blocks(consent(ConsentBasis.CONSENT), **MARKETING)
    assert blocks(consent(ConsentBasis.WRITTEN_CONSENT))
    assert not blocks(consent(ConsentBasis.WRITTEN_CONSENT), evidence=GIVEN)
    about_a_rule = (evidence(kind=Override.DEBTOR_CONSENT, rules=frozenset({"another"})),)
    assert blocks(consent(ConsentBasis.WRITTEN_CONSENT), evidence=about_a_rule)
    assert ask(consent(ConsentBasis.WRITTEN_CONSENT)).next_channel


def test_an_address_may_have_to_be_confirmed_anew() -> None:
    fresh = consent(ConsentBasis.CONTRACT, reverify=Period(days=60))
    assert blocks(fresh)
    assert not blocks(fresh, address_verified_at=NOON - 59 * DAY)
    assert blocks(fresh, address_verified_at=NOON - 60 * DAY)


def heard(until: datetime | None = None) -> tuple[Stop, ...]:
    return (Stop(event=StopEvent.EMPLOYER_FORBIDS, when=NOON - timedelta(days=300), until=until),)


@pytest.mark.parametrize(
    ("allow", "changed", "barred"),
    [
        (WorkplaceAllow.NEVER, {}, False),
        (WorkplaceAllow.NEVER, {"at_workplace": True}, True),
        (WorkplaceAllow.UNLESS_FORBIDDEN, {"at_workplace": True}, False),
        (WorkplaceAllow.UNLESS_FORBIDDEN, {"at_workplace": True, "employer_forbids": True}, True),
        (WorkplaceAllow.UNLESS_FORBIDDEN, {"at_workplace": True, "employer_forbids": False}, False),
        (WorkplaceAllow.UNLESS_FORBIDDEN, {"at_workplace": True, "stops": heard()}, True),
        (WorkplaceAllow.UNLESS_FORBIDDEN, {"at_workplace": True, "stops": heard(NOON)}, False),
        (WorkplaceAllow.UNLESS_FORBIDDEN, {"stops": heard()}, False),
        (WorkplaceAllow.OWN_HOURS, {"at_workplace": True}, False),
        (WorkplaceAllow.OWN_HOURS, {"at_workplace": True, "now": NOON + 6 * HOUR}, True),
        (WorkplaceAllow.NEVER, {"channel": ChannelKind.EMAIL, "employer_address": True}, True),
        (WorkplaceAllow.NEVER, {"employer_address": True}, False),
        (
            WorkplaceAllow.NEVER,
            {"channel": ChannelKind.EMAIL, "employer_address": True, "employer_address_used": True},
            False,
        ),
    ],
)
def test_work_is_left_alone(allow: WorkplaceAllow, changed: dict[str, Any], *, barred: bool) -> None:
    params = p.Workplace(allow=allow, deny_employer_email=True, hours=(open_hours(9, 17),))
    assert blocks(pack(params), **changed) is barred
    assert ask(pack(params), **changed).next_channel is barred


def test_an_employers_address_is_fine_where_no_rule_denies_it() -> None:
    params = pack(p.Workplace(allow=WorkplaceAllow.NEVER))
    assert not blocks(params, channel=ChannelKind.EMAIL, employer_address=True)


@pytest.mark.parametrize(("params", "medium"), [(p.Social, Medium.SOCIAL), (p.Automation, Medium.IVR)])
def test_some_ways_need_leave(params: Any, medium: Medium) -> None:
    word = "private" if params is p.Social else "robot_voice"
    for permission, barred in (
        (Permission.DENY, True),
        (Permission.WITH_CONSENT, True),
        (Permission.ALLOW, False),
        (Permission.WITH_IDENTITY, False),
    ):
        asked = pack(params(**{word: permission}))
        assert blocks(asked, channel=medium) is barred
        assert not blocks(asked)
    assert not blocks(pack(params(**{word: Permission.WITH_CONSENT})), channel=medium, evidence=GIVEN)


def test_a_visit_needs_enough_people_and_may_need_notice() -> None:
    two = pack(p.Visit(min_staff=2))
    assert blocks(two, channel=Medium.VISIT)
    assert blocks(two, channel=Medium.VISIT, staff=1)
    assert not blocks(two, channel=Medium.VISIT, staff=2)
    assert not blocks(two)
    noted = pack(p.Visit(notice_hours=24))
    assert blocks(noted, channel=Medium.VISIT, staff=1)
    assert blocks(noted, channel=Medium.VISIT, staff=1, visit_announced_at=NOON - 23 * HOUR)
    assert not blocks(noted, channel=Medium.VISIT, staff=1, visit_announced_at=NOON - 24 * HOUR)


@pytest.mark.parametrize(
    ("before", "medium", "barred"),
    [
        (NoticeBefore.FIRST_COLLECTION, Medium.SMS, True),
        (NoticeBefore.AGENCY_START, Medium.CALL, True),
        (NoticeBefore.CREDIT_REPORTING, Medium.SMS, False),
        (NoticeBefore.VISIT, Medium.SMS, False),
        (NoticeBefore.VISIT, Medium.VISIT, True),
    ],
)
def test_who_was_to_be_told_first_was_told(before: NoticeBefore, medium: Medium, *, barred: bool) -> None:
    noticed = pack(p.TransferNotice(before=before))
    assert blocks(noticed, channel=medium) is barred
    assert not blocks(noticed, channel=medium, notices=frozenset({before}))


def test_an_opt_out_is_confirmed_once_and_soon() -> None:
    confirming: dict[str, Any] = {"purpose": Purpose.CONFIRM_STOP, "opted_out": True}
    asked = (Stop(event=StopEvent.MEDIUM_OPT_OUT, when=NOON - timedelta(minutes=4)),)
    assert ask(**confirming).decision is Decision.ALLOW
    assert ask(opted_out=True).rules == ("opted-out",)
    again = (touch(HOUR, purpose=Purpose.CONFIRM_STOP),)
    assert ask(**confirming, history=again).rules == ("opted-out",)
    assert ask(**confirming, history=again, stops=asked).decision is Decision.ALLOW
    once = p.OptOut(scope="address", confirmation=p.Confirmation(max=1, within_minutes=5))  # type: ignore[arg-type]
    assert ask(pack(once), **confirming, stops=asked).decision is Decision.ALLOW
    assert ask(pack(once), **confirming, stops=asked, now=NOON + timedelta(minutes=2)).rules == ("r",)
    of_everything = (Stop(event=StopEvent.CEASE_WRITTEN, when=NOON - timedelta(minutes=4)),)
    assert ask(pack(once), **confirming, stops=of_everything, history=again).decision is Decision.ALLOW
    assert ask(pack(once), **confirming, stops=of_everything, now=NOON + timedelta(minutes=2)).rules == ("r",)
    never = p.OptOut(scope="address", confirmation=p.Confirmation(max=0))  # type: ignore[arg-type]
    assert ask(pack(never), **confirming).rules == ("r",)
    assert ask(pack(never)).decision is Decision.ALLOW


def test_a_carriers_hours_and_rate_are_a_window_and_a_cap() -> None:
    carrier = pack(rule(p.Carrier(rate_per_day=1, send_window=(open_hours(8, 20),)), on_fail=OnFail.DEFER))
    assert ask(carrier).decision is Decision.ALLOW
    assert ask(carrier, now=LATE).until == datetime(2026, 11, 19, 13, tzinfo=UTC)
    used = touch(HOUR, Medium.SMS, outcome=TouchOutcome.DELIVERED)
    assert ask(carrier, history=(used,)).until == datetime(2026, 11, 19, 13, tzinfo=UTC)
    assert ask(carrier, history=(touch(HOUR, Medium.SMS, number="b"),)).decision is Decision.ALLOW


def test_a_rule_that_no_contact_can_fail_stops_none() -> None:
    silent = pack(
        p.Retention(object="collection_record", min=Period(months=24)),
        p.Recording(),
        p.CallerId(),
        p.DataMinimum(),
        p.IdentityGate(verify_before=frozenset({"amount"})),
    )
    assert ask(silent).decision is Decision.ALLOW


def test_a_fault_of_ours_names_the_packs_and_lets_nothing_out() -> None:
    said = decide(FINE, NOON.replace(tzinfo=None), PackSet([pack(NEVER)]))
    assert (said.decision, said.rules, said.packs) == (Decision.SUPPRESS, ("policy-error",), ("us@1",))
    assert decide(FINE, NOON, None).packs == ()  # type: ignore[arg-type]


def test_withdrawn_consent_is_the_gates_own_no() -> None:
    assert ask(pack(NEVER), consent=Consent.WITHDRAWN).rules == ("no-consent",)


def test_every_type_of_rule_has_params_of_its_own() -> None:
    from duecourse.policy.packs.model import PARAMS_OF

    assert set(PARAMS_OF) == set(RuleType)
    assert len(set(PARAMS_OF.values())) == len(RuleType)
