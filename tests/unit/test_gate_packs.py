"""Which packs and rules bind whom, what lifts a rule, and how hours meet."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind, Decision
from duecourse.policy.history import Evidence
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Comparison, ConditionFact
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import Anchor, Grade, Link, OnFail, PackKind, SourceStatus
from duecourse.policy.packs.model import Applicability, Calendars, Pack, Place, TimezoneRule
from duecourse.policy.packs.vocabulary import ActorRole, Day, DebtorType, LenderType, Medium, Override, Purpose
from tests.gate_rules import FINE, NEVER, NOON, ask, blocks, open_hours, pack, rule, source, window

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def applies(found: Pack, **facts: Any) -> bool:
    return blocks(found, **facts)


def of(country: str, subdivision: str | None = None, **changed: Any) -> Pack:
    return pack(NEVER, country=country, subdivision=subdivision, **changed)


# ---------------------------------------------------------------- which packs


def test_a_pack_binds_by_home_by_present_place_by_lender_and_by_carrier() -> None:
    home: dict[str, Any] = {"residence": Place("US", "NY")}
    assert applies(of("US"), **home)
    assert not applies(of("CN"), **home)
    assert applies(of("CN"), **home, present=Place("CN"))
    assert applies(of("CN"), **home, lender_country="CN")
    assert applies(of("CN"), **home, carrier_country="CN")


def test_a_pack_may_say_what_ties_to_it() -> None:
    by_home = Applicability(links=frozenset({Link.RESIDENCE}))
    assert applies(of("US", applies_to=by_home))
    assert not applies(of("CN", applies_to=by_home), lender_country="CN", carrier_country="CN", present=Place("CN"))


def test_a_part_of_a_country_binds_who_lives_there_or_may() -> None:
    assert applies(of("BR", "SP"), residence=Place("BR", "SP"))
    assert not applies(of("BR", "SP"), residence=Place("BR", "RJ"))
    assert applies(of("BR", "SP"), residence=Place("BR"))
    assert applies(of("BR"), residence=Place("BR", "SP"))


def test_a_lenders_seat_says_nothing_of_the_law_of_a_part_of_its_country() -> None:
    assert not applies(of("BR", "SP"), lender_country="BR", carrier_country="BR")


def test_a_pack_may_be_of_many_countries() -> None:
    union = pack(NEVER, country=None, countries=frozenset({"DE", "FR"}))
    assert applies(union, residence=Place("FR"))
    assert not applies(union, residence=Place("US"))


def test_whoever_lives_nobody_knows_where_is_bound_by_every_pack() -> None:
    assert applies(of("CN"), residence=None)
    assert not applies(of("CN"), residence=None, present=Place("US"))


def test_the_house_binds_everybody() -> None:
    house = pack(NEVER, country=None, kind=PackKind.HOUSE)
    assert applies(house)
    assert not applies(pack(NEVER, country=None))


@pytest.mark.parametrize(
    ("applies_to", "others"),
    [
        ({"actor_roles": frozenset({ActorRole.FIRST_PARTY})}, {"actor_role": ActorRole.ASSIGNEE}),
        ({"debtor_types": frozenset({DebtorType.NATURAL_PERSON})}, {"debtor_type": DebtorType.BUSINESS}),
        ({"lender_types": frozenset({LenderType.BANK})}, {"lender_type": LenderType.P2P}),
    ],
)
def test_a_pack_may_be_for_some_only(applies_to: dict[str, Any], others: dict[str, Any]) -> None:
    some = of("US", applies_to=Applicability(**applies_to))
    assert applies(some)
    assert not applies(some, **others)


@pytest.mark.parametrize(
    ("bound", "others"),
    [
        ({"channels": frozenset({Medium.SMS})}, {"channel": Medium.CALL}),
        ({"purposes": frozenset({FINE.purpose})}, {"purpose": Purpose.MARKETING}),
        ({"actor_roles": frozenset({ActorRole.FIRST_PARTY})}, {"actor_role": ActorRole.ASSIGNEE}),
        ({"lender_types": frozenset({LenderType.BANK})}, {"lender_type": LenderType.P2P}),
    ],
)
def test_a_rule_may_be_for_some_only(bound: dict[str, Any], others: dict[str, Any]) -> None:
    some = pack(rule(NEVER, **bound))
    assert applies(some)
    assert not applies(some, **others)


def test_a_worker_that_calls_is_a_machine_that_calls() -> None:
    robots = pack(rule(NEVER, channels=frozenset({Medium.IVR})))
    assert applies(robots, channel=ChannelKind.VOICE)
    assert not applies(robots, channel=Medium.CALL)


# ---------------------------------------------------------------- which rules


@pytest.mark.parametrize("grade", Grade)
def test_only_what_was_verified_is_enforced_unless_the_operator_opts_in(grade: Grade) -> None:
    graded = pack(NEVER, sources={"law": source(grade=grade)})
    assert blocks(graded) is (grade in {Grade.A, Grade.B})
    assert blocks(graded, opt_in=["r"])
    reported = PackSet([graded]).reported(NOON)
    assert [(one.pack, one.rule.id, one.why) for one in reported] == (
        [] if grade in {Grade.A, Grade.B} else [("us@1", "r", f"grade {grade}")]
    )
    assert not PackSet([graded], opt_in=["r"]).reported(NOON)


@pytest.mark.parametrize("status", SourceStatus)
def test_only_what_is_in_force_is_enforced_unless_the_operator_opts_in(status: SourceStatus) -> None:
    stated = pack(NEVER, sources={"law": source(status=status)})
    assert blocks(stated) is (status is SourceStatus.IN_FORCE)
    assert blocks(stated, opt_in=["r"])
    assert len(PackSet([stated]).enforced(NOON)) == (status is SourceStatus.IN_FORCE)


def test_a_rule_may_be_checked_and_in_force_otherwise_than_its_source() -> None:
    assert not blocks(pack(rule(NEVER, grade=Grade.MEMORY_HIGH)))
    assert blocks(pack(rule(NEVER, grade=Grade.A), sources={"law": source(grade=Grade.C)}))
    assert not blocks(pack(rule(NEVER, status=SourceStatus.STAYED)))
    assert not blocks(pack(rule(NEVER, effective_from=date(2027, 1, 31))))
    assert not blocks(pack(rule(NEVER, effective_to=date(2026, 1, 31))))


def test_a_law_binds_from_the_first_moment_of_its_day_anywhere_to_the_last() -> None:
    begins, ends = datetime(2026, 11, 19, 10, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC)
    law = source(effective_from=date(2026, 11, 20), effective_to=date(2026, 11, 20))
    tick = timedelta(microseconds=1)
    new = pack(NEVER, sources={"law": source(effective_from=law.effective_from)})
    old = pack(NEVER, sources={"law": source(effective_to=law.effective_to)})
    assert [blocks(new, now=begins - tick), blocks(new, now=begins)] == [False, True]
    assert [blocks(old, now=ends - tick), blocks(old, now=ends)] == [True, False]
    whys = [one.why for pack_of in (new, old) for one in PackSet([pack_of]).reported(begins - tick)]
    assert whys == ["from 2026-11-20"]
    assert [one.why for one in PackSet([old]).reported(ends)] == ["until 2026-11-20"]


def test_the_house_is_enforced_whatever_its_grade() -> None:
    weak = source(grade=Grade.MEMORY_LOW, status=SourceStatus.DRAFT)
    assert blocks(pack(NEVER, kind=PackKind.HOUSE, sources={"law": weak}))


def test_a_verdict_names_every_pack_that_had_a_say_and_all_that_it_passed() -> None:
    said = ask(
        pack(window(8, 20)),
        of("CN", id="cn", rules=()),
        pack(window(8, 21), id="us-ny", subdivision="NY", rules=(rule(window(9, 17), "ny"),)),
    )
    assert said.decision is Decision.ALLOW
    assert said.packs == ("us@1", "us-ny@1")
    assert {"r", "ny", "paid"} <= set(said.rules)


# ---------------------------------------------------------------- conditions and evidence


@pytest.mark.parametrize(
    ("op", "value", "dpds"),
    [
        (Comparison.LT, 3, {2}),
        (Comparison.LE, 3, {2, 3}),
        (Comparison.EQ, 3, {3}),
        (Comparison.NE, 3, {2, 4}),
        (Comparison.GE, 3, {3, 4}),
        (Comparison.GT, 3, {4}),
    ],
)
def test_a_condition_holds_where_the_fact_compares_so(op: Comparison, value: int, dpds: set[int]) -> None:
    condition = p.Condition(fact=ConditionFact.DPD, op=op, value=value)
    while_it_holds = pack(rule(NEVER, when=(condition,)))
    assert {dpd for dpd in (2, 3, 4) if blocks(while_it_holds, dpd=dpd)} == dpds
    needed = pack(p.ConditionNeeded(all=(condition,)))
    assert {dpd for dpd in (2, 3, 4) if not blocks(needed, dpd=dpd)} == dpds


def test_a_fact_that_is_unknown_counts_against_the_contact() -> None:
    condition = p.Condition(fact=ConditionFact.UNDERAGE, op=Comparison.EQ, value=False)
    assert blocks(pack(rule(NEVER, when=(condition,))))
    assert blocks(pack(p.ConditionNeeded(all=(condition,))))
    assert not blocks(pack(p.ConditionNeeded(all=(condition,))), underage=False)
    assert blocks(pack(p.ConditionNeeded(all=(condition,))), underage=True)


def evidence(**changed: Any) -> Evidence:
    return Evidence(**{"id": "e-1", "kind": Override.DEBTOR_AGREEMENT, "given_at": NOON - DAY, **changed})


LIFTABLE = pack(rule(NEVER, overrides=frozenset({Override.DEBTOR_AGREEMENT})))


def test_evidence_of_the_right_kind_lifts_a_rule_and_is_named() -> None:
    said = ask(LIFTABLE, evidence=(evidence(),))
    assert (said.decision, said.evidence) == (Decision.ALLOW, ("e-1",))
    assert said.as_json()["evidence"] == ["e-1"]
    assert ask(pack(NEVER), evidence=(evidence(),)).rules == ("r",)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": Override.COURT_PERMISSION},
        {"given_at": NOON + HOUR},
        {"expires_at": NOON},
        {"rules": frozenset({"another"})},
        {"channels": frozenset({Medium.EMAIL})},
        {"purposes": frozenset({Purpose.MARKETING})},
    ],
)
def test_other_evidence_lifts_nothing(changed: dict[str, Any]) -> None:
    assert blocks(LIFTABLE, evidence=(evidence(**changed),))


@pytest.mark.parametrize(
    "changed",
    [
        {"given_at": NOON},
        {"expires_at": NOON + HOUR},
        {"rules": frozenset({"another", "r"})},
        {"channels": frozenset({Medium.SMS})},
        {"purposes": frozenset({FINE.purpose})},
    ],
)
def test_evidence_lifts_what_it_is_about(changed: dict[str, Any]) -> None:
    assert not blocks(LIFTABLE, evidence=(evidence(**changed),))


#: 22:30 in New York.
LATE = datetime(2026, 11, 19, 3, 30, tzinfo=UTC)
DAYTIME = pack(rule(window(8, 22), "hours", overrides=frozenset({Override.DEBTOR_AGREEMENT})))


def test_agreed_hours_open_a_window_then_and_only_then() -> None:
    agreed = (evidence(hours=(open_hours(20, 23),)),)
    said = ask(DAYTIME, now=LATE, evidence=agreed)
    assert (said.decision, said.evidence) == (Decision.ALLOW, ("e-1",))
    assert ask(DAYTIME, now=LATE).until == datetime(2026, 11, 19, 13, tzinfo=UTC)
    assert ask(DAYTIME, now=LATE + HOUR, evidence=agreed).until == datetime(2026, 11, 19, 13, tzinfo=UTC)
    assert ask(DAYTIME, now=NOON, evidence=agreed).evidence == ()
    assert ask(DAYTIME, now=LATE, evidence=(evidence(),)).decision is Decision.ALLOW


def test_what_is_put_off_waits_for_agreed_hours_too() -> None:
    early = (evidence(hours=(open_hours(6, 7),)),)
    assert ask(DAYTIME, now=LATE, evidence=early).until == datetime(2026, 11, 19, 11, tzinfo=UTC)
    ended = (evidence(hours=(open_hours(6, 7),), expires_at=LATE + HOUR),)
    assert ask(DAYTIME, now=LATE, evidence=ended).until == datetime(2026, 11, 19, 13, tzinfo=UTC)


def test_the_hours_that_the_borrower_asked_for_narrow_the_law() -> None:
    said = ask(DAYTIME, preferred_hours=(open_hours(18, 23),))
    assert (said.decision, said.rules) == (Decision.DEFER, ("preferred-hours",))
    assert said.until == datetime(2026, 11, 18, 23, tzinfo=UTC)
    late = ask(DAYTIME, now=LATE, preferred_hours=(open_hours(18, 23),))
    assert (late.rules, late.until) == (("hours",), datetime(2026, 11, 19, 23, tzinfo=UTC))


def test_wishes_by_weekday_know_no_holidays() -> None:
    thanksgiving = datetime(2026, 11, 26, 17, tzinfo=UTC)
    assert ask(preferred_hours=(open_hours(9, 17, {Day.THU}),), now=thanksgiving).decision is Decision.ALLOW


# ---------------------------------------------------------------- hours of several packs


def test_windows_of_several_packs_intersect_and_all_that_are_shut_are_named() -> None:
    one, other = pack(rule(window(8, 20), "one")), pack(rule(window(10, 22), "other"), id="other")
    assert ask(one, other).decision is Decision.ALLOW
    before = ask(one, other, now=NOON - 5 * HOUR)
    assert (set(before.rules), before.until) == ({"one", "other"}, NOON - 2 * HOUR)
    nine = ask(one, other, now=NOON - 3 * HOUR)
    assert (nine.rules, nine.until) == (("other",), NOON - 2 * HOUR)


def test_hours_that_never_meet_go_to_a_person() -> None:
    early, late = pack(rule(window(6, 9), "early")), pack(rule(window(18, 21), "late"), id="late")
    said = ask(early, late)
    assert (said.decision, set(said.rules)) == (Decision.REVIEW, {"early", "late"})
    shut = pack(rule(p.ContactWindow(allow=()), "shut"), id="shut")
    assert ask(early, shut).decision is Decision.SUPPRESS
    assert ask(early, candidate_zones=("Asia/Shanghai",)).decision is Decision.REVIEW


def test_who_might_be_in_two_zones_is_reached_when_it_is_day_in_both() -> None:
    day = pack(rule(window(8, 21), "hours"))
    half_past_eight = datetime(2026, 11, 18, 13, 30, tzinfo=UTC)
    assert ask(day, now=half_past_eight).decision is Decision.ALLOW
    west = ask(day, now=half_past_eight, candidate_zones=("America/Los_Angeles",))
    assert west.until == datetime(2026, 11, 18, 16, tzinfo=UTC)
    assert west.facts["local_times"] == {
        "America/New_York": "2026-11-18T08:30:00-05:00",
        "America/Los_Angeles": "2026-11-18T05:30:00-08:00",
    }
    assert ask(day, candidate_zones=("Nowhere/Land",)).rules == ("unknown-zone",)
    assert ask(day, time_zone=None, candidate_zones=("America/New_York",)).decision is Decision.ALLOW


def test_a_country_with_one_legal_time_adds_it_for_those_who_live_there() -> None:
    china = TimezoneRule(anchor=Anchor.FIXED, zone="Asia/Shanghai")
    pack_of = pack(rule(window(8, 22), "hours"), country="CN", timezone=china)
    half_past_eight = datetime(2026, 11, 18, 0, 30, tzinfo=UTC)  # in Shanghai; 06:30 in Urumqi
    there: dict[str, Any] = {"residence": Place("CN"), "now": half_past_eight}
    assert ask(pack_of, time_zone="Asia/Shanghai", **there).decision is Decision.ALLOW
    assert ask(pack_of, time_zone="Asia/Urumqi", **there).until == datetime(2026, 11, 18, 2, tzinfo=UTC)
    abroad = ask(pack_of, now=datetime(2026, 11, 18, 14, 30, tzinfo=UTC), lender_country="CN")
    assert abroad.decision is Decision.ALLOW  # 22:30 in Shanghai, 09:30 where the borrower is


def test_holidays_are_the_packs_or_else_those_of_the_borrowers_home() -> None:
    workdays = rule(window(8, 20, frozenset(Day) - {Day.HOLIDAY}), "hours")
    thanksgiving: dict[str, Any] = {"now": datetime(2026, 11, 26, 17, tzinfo=UTC), "not_after": NOON + 30 * DAY}
    friday = datetime(2026, 11, 27, 13, tzinfo=UTC)
    assert ask(pack(workdays), **thanksgiving).until == friday
    assert ask(pack(workdays, calendars=Calendars(public_holidays="US")), **thanksgiving).until == friday
    assert ask(pack(workdays, calendars=Calendars(public_holidays="GB")), **thanksgiving).decision is Decision.ALLOW
    assert ask(pack(workdays), **thanksgiving, residence=None).decision is Decision.SUPPRESS


def test_a_rule_that_comes_into_force_meanwhile_is_kept_by_what_waits() -> None:
    today = pack(rule(window(8, 10), "old"))
    tomorrow = pack(rule(window(9, 10), "new", effective_from=date(2026, 11, 19)), id="new")
    assert ask(today, tomorrow).until == datetime(2026, 11, 19, 14, tzinfo=UTC)
    barred = pack(rule(NEVER, "barred", effective_from=date(2026, 11, 20)), id="barred")
    assert ask(today, barred, now=NOON - 20 * HOUR).decision is Decision.DEFER
    said = ask(today, barred)
    assert (said.decision, said.rules) == (Decision.SUPPRESS, ("old", "barred"))
    assert [one.rule for one in said.citations] == ["old", "barred"]


# ---------------------------------------------------------------- how grave


def test_the_gravest_objection_decides_and_only_its_kind_is_named() -> None:
    waits = rule(window(1, 2), "waits")
    asks = rule(NEVER, "asks", on_fail=OnFail.REVIEW)
    warns = rule(NEVER, "warns", on_fail=OnFail.WARN)
    bars = rule(NEVER, "bars")
    assert ask(pack(waits, asks, warns, bars)).rules == ("bars",)
    reviewed = ask(pack(waits, asks, warns))
    assert (reviewed.decision, reviewed.rules) == (Decision.REVIEW, ("asks",))
    put_off = ask(pack(waits, warns))
    assert (put_off.decision, put_off.rules, put_off.warnings) == (Decision.DEFER, ("waits",), ("warns",))
    said = ask(pack(warns))
    assert (said.decision, said.warnings) == (Decision.ALLOW, ("warns",))
    assert said.as_json()["warnings"] == ["warns"]


def test_a_window_may_refuse_and_a_refusal_cannot_be_waited_for() -> None:
    assert ask(pack(rule(window(1, 2), "r", on_fail=OnFail.BLOCK))).decision is Decision.SUPPRESS
    assert ask(pack(rule(NEVER, on_fail=OnFail.DEFER))).decision is Decision.SUPPRESS
