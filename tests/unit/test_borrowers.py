"""Simulated borrowers: seeded, plausible, and never before their time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.demo import Debt, Point
from duecourse.simulator.borrowers import Act, Crowd, Deed, Habits, behaviours
from duecourse.simulator.sandbox.chance import Chance

START = datetime(2018, 6, 25, 8, tzinfo=UTC)
END = START + timedelta(days=10)
NEVER = Habits(pays_early=0, pays_on_the_day=0, pays_when_reminded=0, pays_late=0, bounces=0, hardship=0)


def a_debt(number: int, due_on: date = date(2018, 6, 28), *, autopay: bool = False) -> Debt:
    return Debt(
        borrower_id=number,
        borrower=f"B-{number}",
        loan=f"L-{number}",
        time_zone="America/New_York",
        due_on=due_on,
        outstanding_minor=10_000,
        currency="USD",
        autopay=autopay,
    )


def a_point(number: int, channel: ChannelKind = ChannelKind.SMS) -> Point:
    return Point(borrower_id=number, borrower=f"B-{number}", channel=channel, address=f"address-{number}")


def a_book(count: int = 2_000) -> list[Debt]:
    return [a_debt(number, date(2018, 6, 24) + timedelta(days=number % 14)) for number in range(count)]


def acts_of(seed: int, habits: Habits | None = None) -> list[Act]:
    return Crowd(Chance(seed), a_book(), habits).own_acts(START, END)


def test_the_same_seed_gives_the_same_acts_and_another_seed_others() -> None:
    assert acts_of(1) == acts_of(1)
    assert acts_of(1) != acts_of(2)


def test_acts_come_in_order_and_inside_the_time_shown() -> None:
    acts = acts_of(1)
    assert acts == sorted(acts)
    assert all(START <= act.at < END for act in acts)


def test_every_kind_of_payment_occurs_early_on_the_day_late_partial_and_reversed() -> None:
    days = Counter()  # type: ignore[var-annotated]
    for act in acts_of(1):
        if act.deed is Deed.PAY:
            local = act.at.astimezone(ZoneInfo("America/New_York")).date()
            days[(local - act.due_on).days] += 1
    assert days[0] > 100
    assert sum(count for day, count in days.items() if day < 0) > 100
    assert sum(count for day, count in days.items() if day > 0) > 30
    assert any(act.amount_minor < 10_000 for act in acts_of(1) if act.deed is Deed.PAY)
    assert any(act.deed is Deed.REVERSE for act in acts_of(1))


def test_only_a_payment_that_was_made_is_reversed_and_afterwards() -> None:
    paid: dict[tuple[str, date], datetime] = {}
    for act in acts_of(3, Habits(bounces=0.5)):
        if act.deed is Deed.PAY:
            paid[act.loan, act.due_on] = act.at
        elif act.deed is Deed.REVERSE:
            assert paid[act.loan, act.due_on] < act.at


def test_people_pay_when_they_are_awake_where_they_live() -> None:
    hours = {act.at.astimezone(ZoneInfo("America/New_York")).hour for act in acts_of(1) if act.deed is Deed.PAY}
    assert hours <= set(range(8, 22))


def test_autopay_collects_itself_on_the_due_day_and_sometimes_fails() -> None:
    book = [a_debt(number, autopay=True) for number in range(500)]
    acts = [a for a in Crowd(Chance(1), book, Habits(bounces=0)).own_acts(START, END) if a.deed is Deed.PAY]
    assert {act.at for act in acts} == {datetime(2018, 6, 28, 10, 20, tzinfo=UTC)}
    assert 450 < len(acts) < 500


def test_a_reminder_moves_those_it_moves_once_and_never_those_who_pay_anyway() -> None:
    crowd = Crowd(Chance(1), [a_debt(n) for n in range(1_000)], Habits(bounces=0))
    own = {act.loan for act in crowd.own_acts(START, END) if act.deed is Deed.PAY}
    at = datetime(2018, 6, 27, 14, tzinfo=UTC)
    first = [act for n in range(1_000) for act in crowd.on_message(a_point(n, ChannelKind.PUSH), at, None)]
    again = [act for n in range(1_000) for act in crowd.on_message(a_point(n, ChannelKind.PUSH), at, None)]
    assert 200 < len(first) < 320
    assert all(act.deed is Deed.PAY and act.at > at for act in first)
    assert not own & {act.loan for act in first}
    assert again == []


def test_some_answer_stop_to_an_sms_and_nobody_to_a_push() -> None:
    crowd = Crowd(Chance(1), [], Habits(stops=0.5, thanks=0.5))
    at = datetime(2018, 6, 27, 14, tzinfo=UTC)
    answers = [act for n in range(200) for act in crowd.on_message(a_point(n), at, None)]
    assert {act.deed for act in answers} == {Deed.STOP, Deed.THANK}
    assert all(act.at > at and act.address for act in answers)
    assert not [act for n in range(200) for act in crowd.on_message(a_point(n, ChannelKind.PUSH), at, None)]


def test_an_unsubscribe_needs_a_link_to_follow() -> None:
    crowd = Crowd(Chance(1), [], Habits(unsubscribes=1.0))
    mail, at = a_point(1, ChannelKind.EMAIL), datetime(2018, 6, 27, 14, tzinfo=UTC)
    (act,) = crowd.on_message(mail, at, "http://127.0.0.1/u/x")
    assert (act.deed, act.link) == (Deed.UNSUBSCRIBE, "http://127.0.0.1/u/x")
    assert crowd.on_message(mail, at, None) == []


def test_nobody_acts_where_nobody_has_the_habit() -> None:
    assert Crowd(Chance(1), a_book(), NEVER).own_acts(START, END) == []


def test_odd_addresses_are_few_and_of_every_kind() -> None:
    odd = behaviours(Chance(1), [a_point(number) for number in range(5_000)])
    kinds = Counter(b.refuse or b.undelivered for b in odd.values())
    assert set(kinds) == {"unreachable", "unknown_subscriber", "invalid_address", "opted_out"}
    assert len(odd) < 5_000 * 0.06


def test_an_act_shows_no_address() -> None:
    act = Act(at=START, deed=Deed.STOP, borrower="B-1", address="+12025550100", link="http://x/canary")
    assert "2025550100" not in repr(act)
    assert "canary" not in repr(act)
