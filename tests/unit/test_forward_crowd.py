"""Simulated borrowers: what moves them, what does not, and that their answers do not depend on the policy."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from duecourse.domain.vocabulary import Audience, ChannelKind
from duecourse.ledger.forward import Owed
from duecourse.simulator.forward.acts import OF_THEMSELVES, Act, Deed, Touch
from duecourse.simulator.forward.crowd import Crowd
from duecourse.simulator.forward.effects import EFFECTS, Factor, Grade
from duecourse.simulator.forward.latent import audience_of, intent_of
from duecourse.simulator.sandbox.chance import Chance

START = datetime(2018, 6, 25, tzinfo=UTC)
DUE = date(2018, 7, 10)
PEOPLE = 3_000


def owed(who: int, **changes: object) -> Owed:
    plain = Owed(
        borrower=f"B-{who}",
        loan=f"L-{who}",
        time_zone="America/New_York",
        due_on=DUE,
        number=3,
        outstanding_minor=10_000,
        currency="USD",
        autopay=False,
        missed=0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def crowd(**changes: object) -> Crowd:
    return Crowd(Chance(7), [owed(number, **changes) for number in range(PEOPLE)], START)


def touch(number: int, *, days: int = -1, **changes: object) -> Touch:
    plain = Touch(
        contact_id=number,
        channel=ChannelKind.SMS,
        template="due_tomorrow",
        due_on=DUE,
        loans=(f"L-{number}",),
        named=True,
        segments=1,
        at=datetime(2018, 7, 10, 14, tzinfo=UTC) + timedelta(days=days),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def moved_share(people: Crowd, **changes: object) -> float:
    """The part of the otherwise late that such a message makes pay."""
    late = [one for one in people.standing.values() if one.intent.late]
    paying = 0
    for one in late:
        acts = people.on_touch(touch(int(one.owed.loan.removeprefix("L-")), **changes))  # type: ignore[arg-type]
        paying += any(act.deed is Deed.PAY for act in acts)
    return paying / len(late)


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"number": 9}, Factor.LATE_LOW),
        ({}, Factor.LATE_STANDARD),
        ({"number": 1}, Factor.LATE_HIGH),
        ({"missed": 1}, Factor.LATE_HIGH),
        ({"autopay": True}, Factor.AUTOPAY_FAILS),
    ],
)
def test_without_any_contact_as_many_are_late_as_assumed(changes: dict[str, object], factor: Factor) -> None:
    late = [one.intent.late for one in crowd(**changes).standing.values()]
    assert sum(late) / PEOPLE == pytest.approx(EFFECTS[factor].amount, abs=0.03)


def test_who_pays_by_themselves_is_not_moved_by_a_message() -> None:
    people = crowd()
    punctual = [one for one in people.standing.values() if not one.intent.late]
    acts = [act for one in punctual for act in people.on_touch(touch(int(one.owed.loan.removeprefix("L-"))))]
    assert [act for act in acts if act.deed is Deed.PAY] == []


def test_a_reminder_raises_payment_in_time_by_what_the_study_found() -> None:
    """+8 % of the 80 % that pay in time are 32 % of the others."""
    assert moved_share(crowd()) == pytest.approx(0.32, abs=0.04)


def test_a_proven_client_is_moved_by_no_reminder() -> None:
    assert moved_share(crowd(number=9)) == 0.0


def test_an_early_warning_moves_nobody() -> None:
    assert moved_share(crowd(), days=-7) == 0.0


def test_a_message_without_the_name_does_less() -> None:
    assert moved_share(crowd(), named=False) == pytest.approx(0.32 * 18 / 28, abs=0.04)


def test_a_plain_message_after_the_due_date_moves_nobody_and_an_offer_of_help_some() -> None:
    assert moved_share(crowd(), days=3, template="statement") == 0.0
    assert moved_share(crowd(), days=3, template="offer_help") == pytest.approx(0.07, abs=0.025)


def test_the_same_reminder_again_moves_nobody_else() -> None:
    people = crowd()
    first = moved_share(people, days=-1)
    assert first > 0
    again = Crowd(Chance(7), [one.owed for one in people.standing.values()], START)
    for number in range(PEOPLE):
        again.on_touch(touch(number, days=-2))
        again.on_touch(touch(number, days=-1))
    moved = sum(one.pays_at != one.intent.pays_at for one in again.standing.values())
    late = sum(one.intent.late for one in again.standing.values())
    assert moved / late == pytest.approx(first, abs=1e-9)


def test_a_moved_borrower_pays_before_the_due_day_ends_and_only_once() -> None:
    people = crowd()
    for number in range(PEOPLE):
        for act in people.on_touch(touch(number)):
            if act.deed is Deed.PAY:
                assert act.at <= datetime(2018, 7, 11, 2, tzinfo=UTC)
                assert (people.settle(act), people.settle(act)) == (True, False)


def test_what_they_do_by_themselves_is_the_same_whatever_was_sent() -> None:
    quiet, busy = crowd(), crowd()
    for number in range(PEOPLE):
        busy.on_touch(touch(number))
    assert [one.intent for one in quiet.standing.values()] == [one.intent for one in busy.standing.values()]


def test_another_seed_is_another_crowd() -> None:
    other = Crowd(Chance(8), [owed(number) for number in range(PEOPLE)], START)
    assert sorted(crowd().own_acts()) == sorted(crowd().own_acts())
    assert sorted(crowd().own_acts()) != sorted(other.own_acts())


def test_the_more_contacts_in_a_week_the_more_want_no_more() -> None:
    def stops(each: int) -> Counter[Deed]:
        people, said = crowd(), Counter[Deed]()
        for number in range(PEOPLE):
            for nth in range(each):
                said.update(act.deed for act in people.on_touch(touch(number, days=nth - 8)))
        return said

    few, many = stops(2), stops(8)
    assert many[Deed.STOP] / 8 > 1.5 * few[Deed.STOP] / 2


def test_a_talk_moves_some_of_the_late_and_hears_others_in_difficulty() -> None:
    people = crowd()
    late = [one for one in people.standing.values() if one.intent.late]
    at = datetime(2018, 7, 11, 15, tzinfo=UTC)
    acts = [
        act
        for one in late
        for act in people.on_call(
            Act(at=at, deed=Deed.CALL, borrower=one.owed.borrower, loan=one.owed.loan, due_on=DUE)
        )
    ]
    deeds = Counter(act.deed for act in acts)
    assert deeds[Deed.HARDSHIP] / len(late) == pytest.approx(EFFECTS[Factor.CALLS_HARDSHIP].amount, abs=0.05)
    assert 0.1 < deeds[Deed.PAY] / len(late) < EFFECTS[Factor.TALK].amount
    assert {act.cause for act in acts if act.deed is Deed.PAY} == {"call"}


def test_what_was_overdue_when_the_story_begins_is_late_and_paid_in_it() -> None:
    old = owed(1, due_on=date(2018, 6, 10))
    intent = intent_of(old, Chance(1), EFFECTS, START)
    assert intent.late
    assert intent.pays_at > START


def test_the_band_is_that_of_the_planner() -> None:
    assert audience_of(owed(1, number=1)) is Audience.HIGH
    assert audience_of(owed(1, missed=2)) is Audience.HIGH
    assert audience_of(owed(1, number=9)) is Audience.LOW
    assert audience_of(owed(1)) is Audience.STANDARD


def test_a_borrower_without_a_zone_pays_all_the_same() -> None:
    people = Crowd(Chance(1), [owed(1, time_zone=None)], START)
    assert [act.cause for act in people.own_acts()] == [OF_THEMSELVES]


def test_every_assumption_names_where_it_comes_from() -> None:
    assert set(EFFECTS) == set(Factor)
    for factor, assumed in EFFECTS.items():
        assert assumed.means, factor
        assert assumed.source, factor
    read = [factor for factor, assumed in EFFECTS.items() if assumed.grade is not Grade.JUDGEMENT]
    assert {Factor.REMINDER_GAIN, Factor.DUE_DAY, Factor.NO_NAME, Factor.HELP, Factor.TALK} <= set(read)
