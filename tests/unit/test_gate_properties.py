"""Whatever the packs, the facts and the hour: the gate answers, a wait ends in a yes, and no pack ever loosens."""

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from duecourse.domain.vocabulary import ChannelKind, Decision
from duecourse.domain.zones import find_zone
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide, judge
from duecourse.policy.history import Evidence, Stop, Touch
from duecourse.policy.packs import params as p
from duecourse.policy.packs.binding import kind_of
from duecourse.policy.packs.clauses import (
    CapScope,
    CapUnit,
    Comparison,
    ConditionFact,
    ConsentBasis,
    Permission,
    StopEffect,
    WindowKind,
    WorkplaceAllow,
)
from duecourse.policy.packs.compile import PackSet, days_at
from duecourse.policy.packs.headings import Ambiguous, Anchor, Grade, OnFail, PackKind, SourceStatus
from duecourse.policy.packs.model import Calendars, Pack, Place, Rule, TimezoneRule
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.span import days_back
from duecourse.policy.packs.vocabulary import (
    ActorRole,
    Day,
    Direction,
    LenderType,
    Medium,
    NoticeBefore,
    Override,
    Party,
    Purpose,
    StopEvent,
    TouchOutcome,
)
from tests.gate_rules import FINE, NOON, rule, source

PLACES = sorted(name for name in available_timezones() if find_zone(name))
#: Where clocks change, stand at a half or a quarter of an hour, or once skipped a day.
ODD_PLACES = [
    "America/New_York", "America/St_Johns", "Europe/London", "Asia/Shanghai", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Kiritimati", "America/Sao_Paulo", "Asia/Jayapura", "Africa/Casablanca", "Asia/Kolkata",
]  # fmt: skip
COUNTRIES = ["US", "CN", "BR", "ID"]
DAY, HALF_HOUR = timedelta(days=1), timedelta(minutes=30)

near = st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(lambda by: NOON + by)
moments = st.one_of(
    near,
    st.datetimes(
        datetime(2011, 12, 25),  # noqa: DTZ001 - hypothesis wants naive bounds
        datetime(2035, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
)


def some(words: Any) -> st.SearchStrategy[Any]:
    return st.frozensets(st.sampled_from(words), max_size=3)


spans = st.tuples(st.integers(0, 48), st.integers(0, 48)).filter(lambda two: two[0] != two[1]).map(sorted)
hours = st.builds(
    lambda two, days: Hours(days=days, start=two[0] * 30, end=two[1] * 30),
    spans,
    st.one_of(st.just(frozenset(Day)), st.frozensets(st.sampled_from(Day), min_size=4)),
)
wide = st.builds(
    lambda two: Hours(days=frozenset(Day), start=two[0] * 60, end=two[1] * 60),
    st.tuples(st.integers(0, 11), st.integers(14, 24)),
)
conditions = st.builds(
    p.Condition, fact=st.just(ConditionFact.DPD), op=st.sampled_from(Comparison), value=st.integers(0, 9)
)
caps = st.builds(
    p.FrequencyCap,
    unit=st.sampled_from(CapUnit),
    max=st.integers(0, 4),
    window=st.builds(p.CapWindow, kind=st.sampled_from(WindowKind), n=st.integers(1, 3)),
    scope=st.sampled_from(CapScope),
    per_channel=st.booleans(),
    initiated_by_lender=st.booleans(),
)
params = st.one_of(
    st.builds(p.ContactWindow, allow=st.lists(st.one_of(wide, hours), min_size=1, max_size=2).map(tuple)),
    st.builds(p.ContactWindow, allow=st.tuples(wide)),
    caps,
    st.builds(p.Cooldown, after=st.sampled_from(StopEvent), days=st.integers(0, 9), scope=st.sampled_from(CapScope)),
    st.builds(
        p.StopTrigger,
        event=st.sampled_from(StopEvent),
        effect=st.sampled_from(StopEffect),
        days=st.one_of(st.none(), st.integers(0, 9)),
        allowed_after=some(Purpose),
    ),
    st.builds(p.ThirdParty, allowed_parties=st.just(frozenset({Party.DEBTOR}))),
    st.builds(p.Workplace, allow=st.sampled_from(WorkplaceAllow), deny_employer_email=st.booleans()),
    st.builds(p.ConsentNeeded, basis=some(ConsentBasis)),
    st.builds(p.ConditionNeeded, all=st.tuples(conditions)),
    st.builds(p.Automation, robot_voice=st.sampled_from(Permission)),
    st.builds(p.TransferNotice, before=st.sampled_from(NoticeBefore)),
    st.builds(p.Carrier, rate_per_day=st.integers(1, 2), send_window=st.tuples(wide)),
)
rules = st.builds(
    rule,
    params,
    on_fail=st.sampled_from([OnFail.DEFER, OnFail.DEFER, OnFail.DEFER, OnFail.BLOCK, OnFail.REVIEW, OnFail.WARN]),
    channels=st.one_of(st.just(frozenset()), some(Medium)),
    purposes=st.one_of(st.just(frozenset()), some(Purpose)),
    actor_roles=st.one_of(st.just(frozenset()), some(ActorRole)),
    lender_types=st.one_of(st.just(frozenset()), some(LenderType)),
    overrides=st.one_of(st.just(frozenset()), some(Override)),
    when=st.one_of(st.just(()), st.tuples(conditions)),
    grade=st.sampled_from([None, None, Grade.B, Grade.C]),
    status=st.sampled_from([None, None, SourceStatus.DRAFT]),
    effective_from=st.one_of(st.none(), st.dates(date(2026, 11, 1), date(2026, 11, 30))),
)


def made_pack(number: int, found: list[Rule], **changed: Any) -> Pack:
    named = tuple(dataclasses.replace(one, id=f"p{number}.{n}") for n, one in enumerate(found))
    return Pack(
        id=f"p{number}", version="1", as_of=date(2026, 11, 1), sources={"law": source()}, rules=named, **changed
    )


@st.composite
def packs(draw: st.DrawFn, most: int = 3) -> list[Pack]:
    return [
        made_pack(
            number,
            draw(st.lists(rules, max_size=4)),
            kind=draw(st.sampled_from([PackKind.JURISDICTION, PackKind.JURISDICTION, PackKind.HOUSE])),
            country=draw(st.sampled_from(COUNTRIES)),
            subdivision=draw(st.sampled_from([None, None, "NY", "SP"])),
            timezone=draw(
                st.sampled_from([
                    TimezoneRule(),
                    TimezoneRule(anchor=Anchor.FIXED, zone="Asia/Shanghai"),
                    TimezoneRule(ambiguous=Ambiguous.BLOCK),
                ])
            ),
            calendars=draw(st.sampled_from([Calendars(), Calendars(public_holidays="US")])),
        )
        for number in range(draw(st.integers(1, most)))
    ]


@st.composite
def waiting_packs(draw: st.DrawFn) -> list[Pack]:
    """Whose rules all have an end."""
    waiting = st.one_of(
        st.builds(p.ContactWindow, allow=st.lists(st.one_of(wide, hours), min_size=1, max_size=2).map(tuple)),
        st.builds(p.Cooldown, after=st.just(StopEvent.CONVERSATION), days=st.integers(0, 9)),
        caps,
    )
    found = st.lists(waiting.map(lambda made: rule(made, on_fail=OnFail.DEFER)), min_size=1, max_size=3)
    return [made_pack(number, draw(found), kind=PackKind.HOUSE) for number in range(draw(st.integers(1, 2)))]


touches = st.builds(
    Touch,
    when=near,
    medium=st.sampled_from(Medium),
    outcome=st.sampled_from(TouchOutcome),
    direction=st.sampled_from(Direction),
    number=st.sampled_from([None, "a", "b"]),
    debts=st.sampled_from([(), (1,), (2,)]),
    purpose=st.one_of(st.none(), st.sampled_from(Purpose)),
)
stops = st.builds(
    Stop,
    event=st.sampled_from(StopEvent),
    when=near,
    until=st.one_of(st.none(), near),
    channels=some(Medium),
    purposes=some(Purpose),
    debts=st.sampled_from([(), (1,), (2,)]),
)
evidences = st.builds(
    Evidence,
    id=st.sampled_from(["e-1", "e-2"]),
    kind=st.sampled_from(Override),
    given_at=near,
    expires_at=st.one_of(st.none(), near),
    hours=st.lists(hours, max_size=1).map(tuple),
)
places = st.one_of(
    st.none(), st.builds(Place, st.sampled_from(COUNTRIES), st.one_of(st.none(), st.sampled_from(["NY", "SP"])))
)
zone_names = st.one_of(st.sampled_from(ODD_PLACES), st.sampled_from(PLACES))
facts_of = st.builds(
    lambda **changed: dataclasses.replace(FINE, **changed),
    channel=st.one_of(st.sampled_from(ChannelKind), st.sampled_from(Medium)),
    not_after=st.timedeltas(DAY, timedelta(days=30)).map(lambda by: NOON + by),
    time_zone=zone_names,
    candidate_zones=st.lists(zone_names, max_size=2).map(tuple),
    purpose=st.sampled_from(Purpose),
    actor_role=st.sampled_from(ActorRole),
    lender_type=st.one_of(st.none(), st.sampled_from(LenderType)),
    residence=places,
    present=places,
    lender_country=st.one_of(st.none(), st.sampled_from(COUNTRIES)),
    dpd=st.one_of(st.none(), st.integers(0, 9)),
    debts=st.sampled_from([(), (1,), (1, 2)]),
    number=st.sampled_from([None, "a"]),
    history=st.lists(touches, max_size=4).map(tuple),
    stops=st.lists(stops, max_size=2).map(tuple),
    evidence=st.lists(evidences, max_size=2).map(tuple),
    preferred_hours=st.lists(wide, max_size=1).map(tuple),
    at_workplace=st.booleans(),
    touches_today=st.integers(0, 1),
)
waiting_facts = st.builds(
    lambda zones, **changed: dataclasses.replace(FINE, time_zone=zones[0], candidate_zones=zones[1:], **changed),
    st.lists(zone_names, min_size=1, max_size=2).map(tuple),
    history=st.lists(touches, max_size=4).map(tuple),
    preferred_hours=st.lists(wide, max_size=1).map(tuple),
)
nonsense = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.just(()))
broken_facts = st.builds(
    lambda facts, name, value: dataclasses.replace(facts, **{name: value}),
    facts_of,
    st.sampled_from([field.name for field in dataclasses.fields(ContactFacts)]),
    nonsense,
)
unhurried = settings(deadline=None)


@unhurried
@given(
    facts=st.one_of(facts_of, broken_facts),
    found=packs(),
    now=st.one_of(moments, nonsense, st.just(NOON.replace(tzinfo=None))),
)
def test_the_gate_answers_whatever_it_is_asked(facts: ContactFacts, found: list[Pack], now: Any) -> None:
    said = decide(facts, now, PackSet(found))
    json.dumps(said.as_json())
    assert said.rules
    assert (said.until is not None) is (said.decision is Decision.DEFER)


@unhurried
@given(facts=st.one_of(facts_of, waiting_facts), found=st.one_of(packs(), waiting_packs()), now=near)
def test_what_is_deferred_is_allowed_at_the_instant_it_waits_for(
    facts: ContactFacts, found: list[Pack], now: datetime
) -> None:
    chosen = PackSet(found)
    said = judge(facts, now, chosen)
    if said.until is None:
        return
    assert now < said.until < facts.not_after
    assert judge(facts, said.until, chosen).decision is Decision.ALLOW


@unhurried
@given(facts=waiting_facts, found=waiting_packs(), now=near, offset=st.integers(0, 60))
def test_nothing_is_allowed_between_now_and_the_instant_it_waits_for(
    facts: ContactFacts, found: list[Pack], now: datetime, offset: int
) -> None:
    """Looked at on some of the half hours between: days and hours begin on those."""
    chosen = PackSet(found)
    said = judge(facts, now, chosen)
    if said.until is None:
        return
    half_hours = int((said.until - NOON) / HALF_HOUR)
    step = max(1, int((said.until - now) / HALF_HOUR) // 20)
    for back in range(offset, offset + 20 * step, step):
        between = NOON + (half_hours - back) * HALF_HOUR
        if now <= between < said.until:
            assert judge(facts, between, chosen).decision is not Decision.ALLOW


#: Windows of months, cool-downs of weeks.
far_looking = st.one_of(
    st.builds(
        p.FrequencyCap,
        unit=st.sampled_from(CapUnit),
        max=st.just(1),
        window=st.builds(p.CapWindow, kind=st.sampled_from(WindowKind), n=st.integers(1, 9)),
        scope=st.sampled_from(CapScope),
    ),
    st.builds(
        p.Cooldown, after=st.just(StopEvent.CONVERSATION), days=st.integers(0, 40), count_event_day_as_1=st.booleans()
    ),
    st.builds(p.Carrier, rate_per_day=st.integers(1, 2)),
).map(lambda made: rule(made, on_fail=OnFail.DEFER))


@settings(deadline=None, max_examples=1_000)
@given(
    zone=zone_names,
    found=st.lists(far_looking, min_size=1, max_size=2),
    now=moments,
    hours_ago=st.lists(st.integers(-48, 6), min_size=1, max_size=3),
)
def test_what_is_older_than_the_packs_look_decides_nothing(
    zone: str, found: list[Rule], now: datetime, hours_ago: list[int]
) -> None:
    """Touches that count for every rule, around the day that a claim reads from: by the borrower's own calendar."""
    packs = [made_pack(0, found, kind=PackKind.HOUSE)]
    since = now - (days_back(packs) + 1) * DAY
    history = tuple(Touch(when=since + timedelta(hours=by), medium=Medium.CALL) for by in hours_ago)
    read = tuple(one for one in history if one.when.astimezone(ZoneInfo(zone)).date() >= since.date())
    facts = dataclasses.replace(FINE, channel=Medium.CALL, time_zone=zone, not_after=now + 60 * DAY)

    whole, known = (judge(dataclasses.replace(facts, history=past), now, PackSet(packs)) for past in (history, read))

    assert (known.decision, known.rules, known.until) == (whole.decision, whole.rules, whole.until)


@unhurried
@given(facts=facts_of, found=packs(), now=near)
def test_nothing_leaves_outside_a_window_in_any_zone_that_the_borrower_may_be_in(
    facts: ContactFacts, found: list[Pack], now: datetime
) -> None:
    facts = dataclasses.replace(facts, evidence=())
    chosen = PackSet(found)
    said = judge(facts, now, chosen)
    leaves = now if said.decision is Decision.ALLOW else said.until
    if leaves is None:
        return
    names = {facts.time_zone, *facts.candidate_zones}
    for bound in chosen.applying(facts, leaves).windows:
        if bound.rule.on_fail is OnFail.WARN or bound.rule.when:
            continue
        for name in names:
            local = leaves.astimezone(ZoneInfo(str(name)))
            minute = local.hour * 60 + local.minute
            assert any(one.start <= minute < one.end for one in bound.params.allow)


@unhurried
@given(facts=facts_of, found=packs(most=4), now=near)
def test_adding_a_pack_never_allows_more_nor_sooner(facts: ContactFacts, found: list[Pack], now: datetime) -> None:
    more, fewer = judge(facts, now, PackSet(found)), judge(facts, now, PackSet(found[:-1]))
    if more.decision is Decision.ALLOW:
        assert fewer.decision is Decision.ALLOW
    if more.until is not None and fewer.decision is not Decision.ALLOW and fewer.until is not None:
        assert fewer.until <= more.until


@unhurried
@given(facts=facts_of, found=packs(), now=near, rule_id=st.sampled_from(["p0.0", "p0.1", "p0.2"]))
def test_opting_in_never_allows_more(facts: ContactFacts, found: list[Pack], now: datetime, rule_id: str) -> None:
    assume(any(one.id == rule_id for pack in found for one in pack.rules))
    if judge(facts, now, PackSet(found, opt_in=[rule_id])).decision is Decision.ALLOW:
        assert judge(facts, now, PackSet(found)).decision is Decision.ALLOW


@unhurried
@given(facts=facts_of, found=packs(), now=near, worse=st.one_of(touches, stops))
def test_more_history_never_opens_the_gate(
    facts: ContactFacts, found: list[Pack], now: datetime, worse: Touch | Stop
) -> None:
    assume(facts.purpose is not Purpose.CONFIRM_STOP)
    added: dict[str, Any] = (
        {"history": (*facts.history, worse)} if isinstance(worse, Touch) else {"stops": (*facts.stops, worse)}
    )
    if judge(dataclasses.replace(facts, **added), now, PackSet(found)).decision is Decision.ALLOW:
        assert judge(facts, now, PackSet(found)).decision is Decision.ALLOW


@unhurried
@given(facts=facts_of, found=packs(), now=near)
def test_the_same_question_has_the_same_answer_whoever_asked_before(
    facts: ContactFacts, found: list[Pack], now: datetime
) -> None:
    chosen = PackSet(found)
    first = judge(facts, now, chosen)
    judge(dataclasses.replace(facts, time_zone="Asia/Tokyo", dpd=None), now + DAY, chosen)
    assert judge(facts, now, chosen) == first
    assert judge(facts, now, PackSet(found)) == first


@unhurried
@given(facts=facts_of, found=packs(), now=near)
def test_only_enforced_rules_are_ever_named(facts: ContactFacts, found: list[Pack], now: datetime) -> None:
    chosen = PackSet(found)
    said = judge(facts, now, chosen)
    enforced = {one.id for _, one in chosen.enforced(now)} | {one.id for _, one in chosen.enforced(facts.not_after)}
    assert {name for name in said.rules if name.startswith("p") and "." in name} <= enforced
    regime = chosen.regime(kind_of(facts), days_at(now))
    assert {one.id for one in regime.bound} <= {one.id for _, one in chosen.enforced(now)}
