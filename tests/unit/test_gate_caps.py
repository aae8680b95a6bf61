"""Caps, cool-downs and stops: what counts, over what time and whom, and when the door opens again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.domain.verdict import Citation
from duecourse.domain.vocabulary import Decision
from duecourse.domain.zones import find_zone
from duecourse.policy.caps import counted_since
from duecourse.policy.gate import judge
from duecourse.policy.history import Stop, Touch
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, Excluded, StopEffect, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.vocabulary import Direction, Medium, Party, Purpose, StopEvent, TouchOutcome
from tests.gate_rules import FINE, NOON, ask, pack, rule, touch, window

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PHONES = frozenset({Medium.CALL, Medium.IVR})
A_DAY = p.CapWindow(kind=WindowKind.CALENDAR_DAY)


def cap(unit: CapUnit = CapUnit.ATTEMPT, most: int = 1, window: p.CapWindow = A_DAY, **changed: Any) -> p.FrequencyCap:
    return p.FrequencyCap(**{"unit": unit, "max": most, "window": window, "scope": CapScope.DEBTOR, **changed})


def blocks(params: p.Params, *touches: Touch, now: datetime = NOON, **facts: Any) -> bool:
    said = ask(pack(params), now=now, history=touches, **facts)
    assert said.decision in {Decision.ALLOW, Decision.SUPPRESS}
    return said.decision is Decision.SUPPRESS


def test_a_cap_is_reached_by_as_many_touches_as_it_allows() -> None:
    assert not blocks(cap(most=2), touch(HOUR))
    assert blocks(cap(most=2), touch(HOUR), touch(2 * HOUR))
    assert not blocks(cap(most=2))


def test_a_refusal_names_the_rule_its_source_and_its_pack() -> None:
    said = ask(pack(rule(cap(), "law.cap", pinpoint="s. 9")), history=(touch(HOUR),))
    assert said.rules == ("law.cap",)
    [citation] = said.citations
    assert citation == Citation("law.cap", "us@1", "The Act", "s. 9", "A")
    assert said.as_json()["citations"] == [citation._asdict()]


@pytest.mark.parametrize(
    ("outcome", "units"),
    [
        (TouchOutcome.UNKNOWN, set(CapUnit)),
        (TouchOutcome.NOT_CONNECTED, {"attempt", "unanswered_attempt"}),
        (TouchOutcome.UNDELIVERED, {"attempt", "unanswered_attempt"}),
        (TouchOutcome.UNANSWERED, {"attempt", "unanswered_attempt", "reminder"}),
        (TouchOutcome.DELIVERED, {"attempt", "delivered", "contact_made", "reminder"}),
        (TouchOutcome.ANSWERED, {"attempt", "delivered", "contact_made", "reminder"}),
        (TouchOutcome.CONVERSATION, {"attempt", "delivered", "contact_made", "reminder", "conversation"}),
    ],
)
def test_each_outcome_counts_as_what_it_may_have_been(outcome: TouchOutcome, units: set[str]) -> None:
    counting = {unit for unit in CapUnit if blocks(cap(unit), touch(HOUR, outcome=outcome))}
    assert counting == units


@pytest.mark.parametrize(
    ("kind", "n", "within", "beyond"),
    [
        (WindowKind.CALENDAR_DAY, 1, 12 * HOUR, 12 * HOUR + timedelta(seconds=1)),
        (WindowKind.CONSECUTIVE_DAYS, 7, 6 * DAY + 12 * HOUR, 6 * DAY + 13 * HOUR),
        (WindowKind.WEEK, 1, 2 * DAY + 12 * HOUR, 2 * DAY + 13 * HOUR),
        (WindowKind.WEEK, 2, 9 * DAY + 12 * HOUR, 9 * DAY + 13 * HOUR),
        # The clocks went back on the 1st, at two in the morning.
        (WindowKind.MONTH, 1, 17 * DAY + 13 * HOUR, 17 * DAY + 14 * HOUR),
        (WindowKind.MONTH, 2, 48 * DAY + 13 * HOUR, 48 * DAY + 14 * HOUR),
    ],
)
def test_a_window_is_whole_local_days_with_today_the_last(
    kind: WindowKind, n: int, within: timedelta, beyond: timedelta
) -> None:
    params = cap(window=p.CapWindow(kind=kind, n=n))
    assert blocks(params, touch(within))
    assert not blocks(params, touch(beyond))


def test_a_touch_that_is_dated_ahead_of_us_counts() -> None:
    assert blocks(cap(), touch(-HOUR))


def test_a_day_has_begun_if_it_has_begun_anywhere_the_borrower_may_be() -> None:
    # 00:30 in New York is 21:30 of the day before in Los Angeles.
    at_night = NOON - 11.5 * HOUR
    params, earlier = cap(), touch(13 * HOUR)
    assert not blocks(params, earlier, now=at_night)
    assert blocks(params, earlier, now=at_night, candidate_zones=("America/Los_Angeles",))


@pytest.mark.parametrize(
    ("scope", "changed", "counts"),
    [
        (CapScope.DEBTOR, {"number": "b", "debts": (2,)}, True),
        (CapScope.NUMBER, {"number": "a", "debts": (2,)}, True),
        (CapScope.NUMBER, {"number": "b"}, False),
        (CapScope.NUMBER, {"number": None}, True),
        (CapScope.DEBT, {"debts": (1, 2)}, True),
        (CapScope.DEBT, {"debts": (2,)}, False),
        (CapScope.DEBTOR_X_DEBT, {"debts": (2,)}, False),
        (CapScope.ACCOUNT, {"debts": (2,)}, False),
        (CapScope.ACCOUNT, {"debts": ()}, True),
    ],
)
def test_a_cap_counts_within_its_scope(scope: CapScope, changed: dict[str, Any], *, counts: bool) -> None:
    assert blocks(cap(scope=scope), touch(HOUR, **changed)) is counts


def test_a_contact_about_several_debts_is_held_to_the_one_that_has_most() -> None:
    params = cap(most=2, scope=CapScope.DEBTOR_X_DEBT)
    assert not blocks(params, touch(HOUR, debts=(1,)), touch(HOUR, debts=(2,)), debts=(1, 2))
    assert blocks(params, touch(HOUR, debts=(2,)), touch(2 * HOUR, debts=(2,)), debts=(1, 2))
    assert not blocks(params, touch(HOUR, debts=(2,)), touch(2 * HOUR, debts=(2,)), debts=(1,))


def test_where_the_contacts_debt_or_number_is_unknown_all_count() -> None:
    assert blocks(cap(scope=CapScope.DEBT), touch(HOUR, debts=(2,)), debts=())
    assert blocks(cap(scope=CapScope.NUMBER), touch(HOUR, number="b"), number=None)


def test_only_touches_on_the_rules_channels_and_for_its_purposes_count() -> None:
    phones = rule(cap(), channels=PHONES | {Medium.SMS})
    reminding = rule(cap(), purposes=frozenset({FINE.purpose}))
    for bound, other, same in (
        (phones, touch(HOUR, Medium.EMAIL), touch(HOUR, Medium.CALL)),
        (reminding, touch(HOUR, purpose=Purpose.MARKETING), touch(HOUR, purpose=FINE.purpose)),
        (rule(cap(per_channel=True)), touch(HOUR, Medium.EMAIL), touch(HOUR, Medium.SMS)),
        (reminding, touch(HOUR, purpose=Purpose.SERVICE), touch(HOUR, purpose=None)),
    ):
        assert ask(pack(bound), history=(other,)).decision is Decision.ALLOW
        assert ask(pack(bound), history=(same,)).decision is Decision.SUPPRESS


def test_what_the_borrower_began_counts_only_where_the_cap_says_so() -> None:
    inbound = touch(HOUR, direction=Direction.INBOUND)
    assert not blocks(cap(), inbound)
    assert blocks(cap(initiated_by_lender=False), inbound)


@pytest.mark.parametrize(
    ("excluded", "changed"),
    [
        (Excluded.CONSUMER_REQUESTED, {"requested": True}),
        (Excluded.CONSENTED, {"consented": True}),
        (Excluded.NOT_CONNECTED, {"outcome": TouchOutcome.NOT_CONNECTED}),
    ],
)
def test_what_a_cap_leaves_out_does_not_count(excluded: Excluded, changed: dict[str, Any]) -> None:
    assert blocks(cap(), touch(HOUR, **changed))
    assert not blocks(cap(exclude=frozenset({excluded})), touch(HOUR, **changed))
    assert blocks(cap(exclude=frozenset({excluded})), touch(HOUR))
    assert blocks(cap(exclude=frozenset(Excluded) - {excluded}), touch(HOUR, **changed))


def test_the_claims_own_count_of_today_is_not_forgotten() -> None:
    assert blocks(cap(per_channel=True), touches_today=1)
    assert not blocks(cap(per_channel=True, most=2), touches_today=1)
    assert not blocks(cap(), touches_today=1)
    assert not blocks(cap(CapUnit.CONVERSATION, per_channel=True), touches_today=1)
    week = p.CapWindow(kind=WindowKind.WEEK)
    assert not blocks(cap(window=week, per_channel=True), touches_today=1)


def test_a_cap_may_wait_for_the_first_day_with_room() -> None:
    week = p.CapWindow(kind=WindowKind.CONSECUTIVE_DAYS, n=7)
    waiting = pack(rule(cap(most=2, window=week), on_fail=OnFail.DEFER))
    said = ask(waiting, history=(touch(HOUR), touch(3 * DAY), touch(5 * DAY)))
    # The touch of five days ago leaves after its seventh day, and then that of three days ago.
    assert (said.decision, said.until) == (Decision.DEFER, datetime(2026, 11, 22, 5, tzinfo=UTC))
    assert ask(waiting, history=(touch(HOUR),), not_after=NOON + DAY).decision is Decision.ALLOW
    short = ask(waiting, history=(touch(HOUR), touch(3 * DAY)), not_after=NOON + 3 * DAY)
    assert (short.decision, short.rules) == (Decision.SUPPRESS, ("r",))


def test_a_cap_waits_for_the_day_to_begin_in_every_zone_where_the_borrower_may_be() -> None:
    """In New York the day begins first; what lies in Auckland's today lies in New York's yesterday."""
    waiting = pack(rule(cap(), on_fail=OnFail.DEFER))
    west = ask(waiting, history=(touch(HOUR),), candidate_zones=("America/Los_Angeles",))
    assert west.until == datetime(2026, 11, 19, 8, tzinfo=UTC)
    # 06:00 of the 19th in Auckland: its 20th begins while New York has the 19th, and that day knows no touch.
    east = ask(waiting, history=(touch(HOUR),), candidate_zones=("Pacific/Auckland",))
    assert east.until == datetime(2026, 11, 19, 11, tzinfo=UTC)


def test_a_cap_without_room_for_months_is_not_waited_for() -> None:
    ahead = tuple(touch(-day * DAY) for day in range(120))
    assert ask(pack(rule(cap(), on_fail=OnFail.DEFER)), history=ahead).decision is Decision.SUPPRESS


def test_a_cap_of_nothing_lets_nothing_out() -> None:
    assert blocks(cap(most=0))
    assert blocks(cap(most=0), touch(300 * DAY))


def test_a_cap_may_ask_a_person() -> None:
    said = ask(pack(rule(cap(), on_fail=OnFail.REVIEW)), history=(touch(HOUR),))
    assert (said.decision, said.rules) == (Decision.REVIEW, ("r",))


MONDAY = datetime(2026, 11, 16, 15, tzinfo=UTC)


def talk(**changed: Any) -> Touch:
    return touch(NOON - MONDAY, outcome=TouchOutcome.CONVERSATION, **changed)


@pytest.mark.parametrize("direction", Direction)
def test_after_a_talk_on_monday_the_phone_rests_until_the_next_monday(direction: Direction) -> None:
    rest = pack(rule(p.Cooldown(after=StopEvent.CONVERSATION, days=7), channels=PHONES))
    sunday_night = datetime(2026, 11, 23, 4, 59, 59, tzinfo=UTC)
    call: dict[str, Any] = {"channel": Medium.CALL, "history": (talk(direction=direction),)}
    assert ask(rest, now=sunday_night, **call).rules == ("r",)
    assert ask(rest, now=sunday_night + timedelta(seconds=1), **call).decision is Decision.ALLOW
    assert ask(rest, history=(talk(),)).decision is Decision.ALLOW  # by text
    assert ask(rest, **(call | {"history": (touch(HOUR),)})).decision is Decision.ALLOW  # nobody answered
    assert ask(rest, **(call | {"history": (talk(medium=Medium.EMAIL),)})).decision is Decision.ALLOW


def test_a_cool_down_may_count_from_the_day_after() -> None:
    params = p.Cooldown(after=StopEvent.CONVERSATION, days=7, count_event_day_as_1=False)
    monday = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert blocks(params, talk(), now=monday)
    assert not blocks(params, talk(), now=monday + DAY)


def test_a_cool_down_ends_last_of_all_zones_and_of_all_events() -> None:
    params = p.Cooldown(after=StopEvent.CONVERSATION, days=7)
    ended_in_new_york = datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert not blocks(params, talk(), now=ended_in_new_york)
    assert blocks(params, talk(), now=ended_in_new_york, candidate_zones=("America/Los_Angeles",))
    assert blocks(params, talk(), talk(when=MONDAY + DAY), now=ended_in_new_york)


def test_a_cool_down_may_be_of_one_debt_and_may_be_waited_for() -> None:
    by_debt = p.Cooldown(after=StopEvent.CONVERSATION, days=7, scope=CapScope.DEBTOR_X_DEBT)
    assert blocks(by_debt, talk())
    assert not blocks(by_debt, talk(debts=(2,)))
    assert blocks(by_debt, talk(debts=()))
    assert blocks(p.Cooldown(after=StopEvent.CONVERSATION, days=7), talk(debts=(2,)))
    said = ask(pack(rule(by_debt, on_fail=OnFail.DEFER)), history=(talk(),))
    assert said.until == datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_a_promise_or_a_refusal_gives_time_too() -> None:
    params = p.Cooldown(after=StopEvent.PROMISE_TO_PAY, days=3)
    promised = Stop(event=StopEvent.PROMISE_TO_PAY, when=NOON - DAY)
    assert blocks(params, stops=(promised,))
    assert not blocks(params, stops=(Stop(event=StopEvent.REFUSAL, when=NOON - DAY),))
    assert not blocks(params, stops=(promised,), now=NOON + 2 * DAY)
    assert not blocks(params, talk())


def stop(event: StopEvent = StopEvent.DISPUTE, **changed: Any) -> Stop:
    return Stop(**{"event": event, "when": NOON - DAY, **changed})


def trigger(effect: StopEffect = StopEffect.STOP_ALL, **changed: Any) -> p.StopTrigger:
    return p.StopTrigger(**{"event": StopEvent.DISPUTE, "effect": effect, **changed})


SMS, MAIL = frozenset({Medium.SMS}), frozenset({Medium.EMAIL})


@pytest.mark.parametrize(
    ("effect", "changed", "closes"),
    [
        (StopEffect.STOP_ALL, {"channels": MAIL, "debts": (2,)}, True),
        (StopEffect.STOP_CHANNEL, {"channels": SMS}, True),
        (StopEffect.STOP_CHANNEL, {"channels": MAIL}, False),
        (StopEffect.STOP_CHANNEL, {}, True),
        (StopEffect.STOP_TOPIC, {"channels": SMS, "purposes": frozenset({FINE.purpose})}, True),
        (StopEffect.STOP_TOPIC, {"channels": MAIL, "purposes": frozenset({FINE.purpose})}, False),
        (StopEffect.STOP_TOPIC, {"channels": SMS, "purposes": frozenset({Purpose.MARKETING})}, False),
        (StopEffect.STOP_TOPIC, {"channels": SMS}, True),
        (StopEffect.STOP_DEBT, {"debts": (1,)}, True),
        (StopEffect.STOP_DEBT, {"debts": (2,)}, False),
        (StopEffect.STOP_DEBT, {}, True),
        (StopEffect.ROUTE_TO, {}, True),
    ],
)
def test_a_stop_closes_what_its_effect_says(effect: StopEffect, changed: dict[str, Any], *, closes: bool) -> None:
    assert blocks(trigger(effect), stops=(stop(**changed),)) is closes


def test_a_stop_is_of_its_own_event_and_ends_when_it_is_lifted_or_its_time_is_over() -> None:
    assert not blocks(trigger(), stops=(stop(StopEvent.COMPLAINT),))
    assert not blocks(trigger(), stops=(stop(until=NOON),))
    assert blocks(trigger(), stops=(stop(until=NOON + HOUR),))
    assert blocks(trigger(days=2), stops=(stop(),))
    assert not blocks(trigger(days=1), stops=(stop(),))
    assert not blocks(trigger(days=30), stops=(stop(until=NOON - HOUR),))
    assert blocks(trigger(days=30), stops=(stop(until=NOON - HOUR), stop()))


def test_a_stop_leaves_the_notices_that_its_rule_leaves() -> None:
    params = trigger(allowed_after=frozenset({Purpose.LEGAL_NOTICE}))
    assert blocks(params, stops=(stop(),))
    assert not blocks(params, stops=(stop(),), purpose=Purpose.LEGAL_NOTICE)


def test_a_stop_may_send_us_to_somebody_else() -> None:
    params = trigger(StopEffect.ROUTE_TO, route_to=Party.ATTORNEY)
    assert blocks(params, stops=(stop(),), channel=Medium.CALL)
    assert not blocks(params, stops=(stop(),), channel=Medium.CALL, recipient=Party.ATTORNEY)


def test_a_stop_that_ends_may_be_waited_for_and_one_for_good_may_not() -> None:
    waiting = pack(rule(trigger(), on_fail=OnFail.DEFER))
    assert ask(waiting, stops=(stop(until=NOON + HOUR),)).until == NOON + HOUR
    assert ask(waiting, stops=(stop(),)).decision is Decision.SUPPRESS


touches = st.builds(
    Touch,
    when=st.timedeltas(timedelta(), 9 * DAY).map(lambda before: NOON - before),
    medium=st.sampled_from(Medium),
    outcome=st.sampled_from(TouchOutcome),
    direction=st.sampled_from(Direction),
    number=st.sampled_from([None, "a", "b"]),
    debts=st.sampled_from([(), (1,), (2,), (1, 2)]),
    requested=st.booleans(),
)
caps = st.builds(
    cap,
    st.sampled_from(CapUnit),
    st.integers(1, 3),
    st.builds(p.CapWindow, kind=st.sampled_from(WindowKind), n=st.integers(1, 2)),
    scope=st.sampled_from(CapScope),
    per_channel=st.booleans(),
)


@given(params=caps, history=st.lists(touches, max_size=6).map(tuple), more=touches)
def test_another_touch_never_opens_a_cap(params: p.FrequencyCap, history: tuple[Touch, ...], more: Touch) -> None:
    if blocks(params, *history):
        assert blocks(params, *history, more)


@settings(deadline=None)
@given(
    most=st.integers(1, 3),
    kind=st.sampled_from(WindowKind),
    n=st.integers(1, 8),
    pauses=st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=2)), max_size=25),
    zones=st.sets(st.sampled_from(["Asia/Tokyo", "Europe/London", "Pacific/Apia", "America/St_Johns"]), max_size=2),
)
def test_no_sequence_of_allowed_contacts_exceeds_a_cap_in_any_zone(
    most: int, kind: WindowKind, n: int, pauses: list[timedelta], zones: set[str]
) -> None:

    window_of = p.CapWindow(kind=kind, n=n)
    packs = pack(rule(cap(most=most, window=window_of), on_fail=OnFail.DEFER))
    now = datetime(2026, 10, 20, 3, tzinfo=UTC)
    history: tuple[Touch, ...] = ()
    for pause in pauses:
        now += pause
        said = ask(packs, now=now, history=history, candidate_zones=tuple(zones), not_after=now + 90 * DAY)
        if said.decision is Decision.ALLOW:
            history += (touch(NOON - now),)
        elif said.until:
            later: dict[str, Any] = {"history": history, "candidate_zones": tuple(zones), "not_after": now + 90 * DAY}
            assert ask(packs, now=said.until, **later).decision is Decision.ALLOW
    for name in {"America/New_York", *zones}:
        zone = find_zone(name)
        assert zone
        for made in history:
            since = counted_since(window_of, made.when, [zone])
            assert sum(since <= other.when <= made.when for other in history) <= most


@settings(deadline=None, max_examples=60)
@given(
    params=caps,
    history=st.lists(touches, min_size=1, max_size=5).map(tuple),
    zones=st.sets(
        st.sampled_from(["Pacific/Auckland", "Asia/Kolkata", "Pacific/Honolulu", "Europe/London"]),
        min_size=1,
        max_size=2,
    ),
)
def test_a_cap_is_waited_for_until_the_first_half_hour_at_which_it_has_room(
    params: p.FrequencyCap, history: tuple[Touch, ...], zones: set[str]
) -> None:
    waiting = PackSet([pack(rule(params, on_fail=OnFail.DEFER))])
    facts = replace(FINE, history=history, candidate_zones=tuple(zones), not_after=NOON + 8 * DAY)
    said = judge(facts, NOON, waiting)
    if said.until is not None:
        free = (NOON + n * HOUR / 2 for n in range(8 * 48))
        assert said.until == next(at for at in free if judge(facts, at, waiting).decision is Decision.ALLOW)


def test_hours_and_caps_that_wait_agree_on_one_instant() -> None:
    waiting = pack(rule(cap(), on_fail=OnFail.DEFER), rule(window(9, 17), "hours"))
    said = ask(waiting, history=(touch(HOUR),), now=NOON)
    assert (said.decision, said.until, said.rules) == (Decision.DEFER, datetime(2026, 11, 19, 14, tzinfo=UTC), ("r",))
    assert said.until
    assert ask(waiting, now=said.until, history=(touch(HOUR),)).decision is Decision.ALLOW


def test_a_pack_set_refuses_what_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="two packs have one id"):
        PackSet([pack(), pack()])
    with pytest.raises(ValueError, match="two rules have one id"):
        PackSet([pack(rule(cap(), "x"), rule(cap(), "x"))])
    with pytest.raises(ValueError, match="opt_in: no such rule: y"):
        PackSet([pack(rule(cap(), "x"))], opt_in=["y"])
    with pytest.raises(ValueError, match="us: x: no such source: nowhere"):
        PackSet([pack(rule(cap(), "x", source="nowhere"))])
