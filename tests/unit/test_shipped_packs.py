"""The packs in config/ say what the law was found to say, no more, and the house is stricter than all of them."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from duecourse.policy.history import COUNTS_AS
from duecourse.policy.packs import params as p
from duecourse.policy.packs.binding import Days, why_not_enforced
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.headings import Grade, PackKind, RuleType, SourceStatus, Verification
from duecourse.policy.packs.model import Pack, Rule
from duecourse.policy.packs.periods import Deadline, Period
from duecourse.policy.packs.vocabulary import Day, Medium, Purpose
from duecourse.settings.packs import load_packs, read_packs

CONFIG = Path(__file__).parents[2] / "config"
PACKS = {pack.id: pack for pack in load_packs(CONFIG)}
HOUSE = PACKS["house"]
OTHERS = [pack for pack in PACKS.values() if pack.kind is not PackKind.HOUSE]
TODAY = Days(date(2026, 11, 23), date(2026, 11, 23))
EVERY_DAY = frozenset(Day)
WEEKDAYS = frozenset({Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI})
TONE = {
    "threat_of_violence", "threat_of_illegal_action", "false_legal_claim", "public_shaming_third_party_disclosure",
    "false_urgency_credit_threat", "impersonating_authority", "obscene_insulting", "excessive_disclosure",
}  # fmt: skip


def rule(pack: str, name: str) -> Rule:
    [found] = [one for one in PACKS[pack].rules if one.id == name]
    return found


def enforced(pack: Pack) -> list[Rule]:
    return [one for one in pack.rules if why_not_enforced(one, pack.sources[one.source], TODAY) is None]


def test_every_place_is_there_and_nothing_is_wrong_with_it() -> None:
    assert read_packs(CONFIG).errors == ()
    wanted = {
        "cn-mainland", "us-federal", "us-ma", "us-dc", "us-wa", "us-nyc", "in", "uk", "eu-baseline", "id", "ph", "vn",
        "th", "mx", "br", "br-sp", "br-rj", "br-al", "br-es", "br-am", "au", "kr", "my", "sg", "house",
    }  # fmt: skip
    assert wanted - set(PACKS) == set()


@pytest.mark.parametrize("pack", OTHERS, ids=lambda pack: pack.id)
def test_what_is_enforced_was_read_or_reported_twice_and_is_in_force(pack: Pack) -> None:
    for one in enforced(pack):
        source = pack.sources[one.source]
        assert (one.grade or source.grade) in {Grade.A, Grade.B}, one.id
        assert (one.status or source.status) is SourceStatus.IN_FORCE, one.id


@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: pack.id)
def test_every_source_says_how_it_was_checked_and_only_what_was_read_has_grade_a(pack: Pack) -> None:
    for source in pack.sources.values():
        assert source.verification is not None, source.id
        assert (source.grade is Grade.A) == (source.verification is Verification.TEXT_READ), source.id
    for one in pack.rules:
        categories = set(one.params.categories) if isinstance(one.params, p.ProhibitedContent) else set()
        assert categories <= TONE, one.id


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("us.tcpa.stop_all_topics", "from 2027-01-31"),
        ("in.window.draft2026", "draft"),
        ("cn.sms.draft2020", "draft"),
        ("cn.content.public_security2012", "until 2026-01-01"),
        ("id.window", "grade C"),
        ("th.once_a_day", "grade C"),
        ("us.ma.calls2", "grade M-m"),
        ("us.dc.calls3", "grade M-m"),
        ("us.wa.contacts3", "grade M-m"),
        ("us.nyc.attempts3", "grade M-l"),
        ("us.regf.work_email", "grade M-h"),
        ("kr.window", "grade M-h"),
        ("cn.third_party.nifa2018", "grade C"),
    ],
)
def test_what_is_not_verified_or_not_in_force_is_only_reported(name: str, why: str) -> None:
    [(pack, one)] = [(pack, one) for pack in OTHERS for one in pack.rules if one.id == name]
    assert why_not_enforced(one, pack.sources[one.source], TODAY) == why


def test_the_superseded_stop_gap_of_2024_and_the_convention_without_hours_bring_no_hours() -> None:
    pack = PACKS["cn-mainland"]
    assert pack.sources["nifa2024"].status is SourceStatus.SUPERSEDED
    windows = [one.source for one in pack.rules if one.type is RuleType.CONTACT_WINDOW]
    assert sorted(windows) == ["cba2026", "gbt45251"]


def span(start: int, end: int, days: frozenset[Day] = EVERY_DAY) -> dict[Day, tuple[int, int]]:
    return dict.fromkeys(days, (start * 60, end * 60))


@pytest.mark.parametrize(
    ("pack", "name", "hours"),
    [
        ("cn-mainland", "cn.window.default", span(8, 22)),
        ("cn-mainland", "cn.window.cba", span(8, 22)),
        ("us-federal", "us.regf.hours", span(8, 21)),
        ("in", "in.window", span(8, 19)),
        ("in", "in.window.microfinance", span(9, 18)),
        ("uk", "uk.window", span(8, 21)),
        ("id", "id.window", span(8, 20, WEEKDAYS | {Day.SAT})),
        ("id", "id.window.p2p", span(8, 20)),
        ("ph", "ph.window", span(6, 22)),
        ("vn", "vn.window", span(7, 21)),
        ("th", "th.window", span(8, 18) | span(8, 20, WEEKDAYS)),
        ("mx", "mx.window", span(7, 22)),
        ("br-sp", "br.sp.window", span(8, 20, WEEKDAYS) | span(8, 14, frozenset({Day.SAT}))),
        ("br-al", "br.al.window", span(8, 20, WEEKDAYS) | span(8, 14, frozenset({Day.SAT}))),
        ("br-rj", "br.rj.window", span(9, 19, WEEKDAYS)),
        ("br-es", "br.es.window", span(8, 19, WEEKDAYS)),
        ("kr", "kr.window", span(8, 21)),
        ("us-wa", "us.wa.hours", dict.fromkeys(EVERY_DAY, (450, 1260))),
        ("au", "au.window", dict.fromkeys(WEEKDAYS, (450, 1260)) | span(9, 21, frozenset({Day.SAT, Day.SUN}))),
    ],
)
def test_the_hours_are_those_that_were_found(pack: str, name: str, hours: dict[Day, tuple[int, int]]) -> None:
    params: Any = rule(pack, name).params
    assert {day: (one.start, one.end) for one in params.allow for day in one.days} == hours


@pytest.mark.parametrize(
    ("pack", "name", "cap"),
    [
        ("cn-mainland", "cn.voice.effective3", ("conversation", 3, "calendar_day", 1, "debtor")),
        ("cn-mainland", "cn.voice.unanswered6", ("unanswered_attempt", 6, "calendar_day", 1, "number")),
        ("us-federal", "us.regf.calls7", ("attempt", 7, "consecutive_days", 7, "debtor_x_debt")),
        ("us-ma", "us.ma.calls2", ("attempt", 2, "consecutive_days", 7, "debtor_x_debt")),
        ("us-dc", "us.dc.calls3", ("attempt", 3, "consecutive_days", 7, "account")),
        ("us-nyc", "us.nyc.attempts3", ("attempt", 3, "consecutive_days", 7, "debtor")),
        ("vn", "vn.reminders5", ("reminder", 5, "calendar_day", 1, "debtor")),
        ("th", "th.once_a_day", ("contact_made", 1, "calendar_day", 1, "debtor")),
        ("au", "au.week3", ("contact_made", 3, "week", 1, "account")),
        ("au", "au.month10", ("contact_made", 10, "month", 1, "account")),
        ("kr", "kr.contacts7", ("contact_made", 7, "consecutive_days", 7, "debt")),
    ],
)
def test_the_caps_are_those_that_were_found(pack: str, name: str, cap: tuple[Any, ...]) -> None:
    params: Any = rule(pack, name).params
    assert (params.unit, params.max, params.window.kind, params.window.n, params.scope) == cap


def test_the_other_numbers_are_those_that_were_found() -> None:
    cooldown: Any = rule("us-federal", "us.regf.cooldown7").params
    assert (cooldown.days, cooldown.count_event_day_as_1, cooldown.scope) == (7, True, "debtor_x_debt")
    kept = {
        ("cn-mainland", "cn.retention.card"): Period(months=24),
        ("cn-mainland", "cn.retention.impact"): Period(months=36),
        ("us-federal", "us.regf.retention"): Period(months=36),
        ("uk", "uk.complaint.records"): Period(months=36),
        ("eu-baseline", "eu.records"): Period(months=60),
    }
    assert {key: rule(*key).params.min for key in kept} == kept  # type: ignore[union-attr]
    answered = {
        ("cn-mainland", "cn.complaint"): [(15, "calendar_days"), (30, "calendar_days"), (60, "calendar_days")],
        ("in", "in.complaint"): [(30, "calendar_days")],
        ("uk", "uk.complaint"): [(8, "weeks")],
    }
    stages = {key: rule(*key).params.stages for key in answered}  # type: ignore[union-attr]
    found = {key: [(stage.deadline.n, stage.deadline.clock) for stage in value] for key, value in stages.items()}
    assert found == answered
    moratoria = [rule("uk", name).params.days for name in ("uk.debt_advice", "uk.breathing_space")]  # type: ignore[union-attr]
    assert moratoria == [30, 60]
    revocation: Any = rule("us-federal", "us.tcpa.revocation").params
    assert revocation.deadline == Deadline(n=10, clock="business_days")  # type: ignore[arg-type]


def test_the_hours_of_the_philippines_end_after_fifteen_days_past_due() -> None:
    [condition] = rule("ph", "ph.window").when
    assert (condition.fact, condition.op, condition.value) == ("dpd", "<=", 15)


def test_regulation_f_binds_no_lender_that_writes_in_its_own_name() -> None:
    of_regulation_f = [one for one in PACKS["us-federal"].rules if one.source == "reg_f"]
    assert {role for one in of_regulation_f for role in one.actor_roles} == {"third_party_agency", "assignee"}
    assert all(one.actor_roles for one in of_regulation_f)
    assert any(not one.actor_roles for one in enforced(PACKS["us-federal"]))


# ---------------------------------------------------------------- the house is stricter than all


ALL_WINDOWS = [(pack, one) for pack in OTHERS for one in enforced(pack) if isinstance(one.params, p.ContactWindow)]
ALL_CAPS = [(pack, one) for pack in OTHERS for one in enforced(pack) if isinstance(one.params, p.FrequencyCap)]


def allowed(one: Rule, day: Day) -> set[int]:
    params = one.params
    assert isinstance(params, p.ContactWindow)
    return {minute for hours in params.allow if day in hours.days for minute in range(hours.start, hours.end)}


@pytest.mark.parametrize("one", [one for _, one in ALL_WINDOWS], ids=lambda one: one.id)
def test_the_house_opens_no_minute_that_an_enforced_rule_closes(one: Rule) -> None:
    [own] = [rule for rule in HOUSE.rules if rule.type is RuleType.CONTACT_WINDOW]
    assert one.channels - {Medium.LETTER} <= own.channels
    assert binds_all(own)
    assert not own.overrides
    assert [day for day in Day if not allowed(own, day) <= allowed(one, day)] == []


def counts(unit: CapUnit) -> set[str]:
    return {outcome for outcome, units in COUNTS_AS.items() if unit in units}


def days(window: p.CapWindow) -> int:
    return {WindowKind.WEEK: 7, WindowKind.MONTH: 31}.get(window.kind, window.n)


def periods(own: p.CapWindow, other: p.CapWindow) -> int:
    """How many of the house's periods a period of the other rule can touch."""
    if own == other:
        return 1
    length = days(other)
    match own.kind:
        case WindowKind.WEEK:
            return (length + 5) // 7 + 1
        case WindowKind.MONTH:
            return 2
        case _:
            return -(-length // own.n)


def binds_all(own: Rule) -> bool:
    """Every purpose, but perhaps the answer to somebody who asked to be left alone."""
    return not own.purposes or own.purposes >= set(Purpose) - {Purpose.CONFIRM_STOP}


def most(own: Rule, other: Rule) -> int | None:
    """How many touches that `other` counts the house's rule can let through in a period of it; None: any number."""
    house, law = own.params, other.params
    assert isinstance(house, p.FrequencyCap)
    assert isinstance(law, p.FrequencyCap)
    covers = (not own.channels or (other.channels and other.channels <= own.channels)) and binds_all(own)
    if not covers or house.per_channel or house.scope is not CapScope.DEBTOR or house.exclude or own.overrides:
        return None
    if not counts(law.unit) <= counts(house.unit):
        return None
    return house.max * periods(house.window, law.window)


@pytest.mark.parametrize("one", [one for _, one in ALL_CAPS], ids=lambda one: one.id)
def test_the_house_lets_no_more_through_than_an_enforced_cap(one: Rule) -> None:
    assert isinstance(one.params, p.FrequencyCap)
    own = [rule for rule in HOUSE.rules if rule.type is RuleType.FREQUENCY_CAP]
    bounds = [bound for rule in own if (bound := most(rule, one)) is not None]
    assert min(bounds) <= one.params.max


def test_the_house_is_measured_against_something() -> None:
    assert len(ALL_WINDOWS) > 10
    assert {one.id for _, one in ALL_CAPS} >= {
        "us.regf.calls7",
        "au.week3",
        "au.month10",
        "vn.reminders5",
        "kr.contacts7",
    }


def test_the_house_keeps_records_at_least_as_long_as_any_enforced_rule() -> None:
    def kept(packs: list[Pack]) -> dict[str, float]:
        found: dict[str, float] = {}
        for params in (one.params for pack in packs for one in enforced(pack)):
            if isinstance(params, p.Retention) and params.min:
                found[params.object] = max(found.get(params.object, 0), params.min.about_days)
        return found

    own = kept([HOUSE])
    assert {name: own[name] >= least for name, least in kept(OTHERS).items() if name in own} == dict.fromkeys(own, True)
