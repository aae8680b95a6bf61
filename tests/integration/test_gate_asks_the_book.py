"""Rules that ask what the book alone can tell: each fact comes from its column to the claim and into the verdict."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Comparison, ConditionFact, WorkplaceAllow
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.vocabulary import Direction, Medium, NoticeBefore, TouchOutcome
from duecourse.policy.record import facts_from_record
from duecourse.ports.evidence import NewEncounter, Question
from duecourse.usecases.record_encounter import record_encounter
from tests.claimant import asking, channel_of
from tests.gate_rules import NEVER, open_hours, pack, window
from tests.pipeline import MORNING, World, rung
from tests.seed import Person, Seeded, seed

SMS, EMAIL = ChannelKind.SMS, ChannelKind.EMAIL
LONG_AGO = MORNING - timedelta(days=400)
NOT_AT_WORK = p.Workplace(allow=WorkplaceAllow.NEVER, deny_employer_email=True)
UNLESS_FORBIDDEN = p.Workplace(allow=WorkplaceAllow.UNLESS_FORBIDDEN)
TOLD = p.TransferNotice(before=NoticeBefore.AGENCY_START)
ADULTS = p.ConditionNeeded(all=(p.Condition(fact=ConditionFact.UNDERAGE, op=Comparison.EQ, value=False),))


async def under(world: World, params: p.Params, channel: ChannelKind = SMS) -> World:
    """With this one rule."""
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    return replace(
        world, packs=PackSet((pack(window(0, 24), params),)), rungs=(rung(channels=(channel,), stop=frozenset()),)
    )


async def change(world: World, table: str, **columns: object) -> None:
    async with world.ledger.transaction() as tx:
        for column, value in columns.items():
            await tx.conn.execute(f"UPDATE {table} SET {column} = %s".encode(), (value,))


async def told(world: World) -> tuple[list[str], dict[str, Any]]:
    """The contacts' states, and what the last verdict rests on."""
    rows = await world.rows("SELECT data->'verdict'->'facts' FROM events WHERE data ? 'verdict' ORDER BY event_id")
    return await world.states(), rows[-1][0]


@pytest.mark.parametrize(
    ("employer", "params", "forbids", "state"),
    [
        (False, NOT_AT_WORK, None, "accepted"),
        (True, NOT_AT_WORK, None, "suppressed"),
        (True, UNLESS_FORBIDDEN, None, "accepted"),
        (True, UNLESS_FORBIDDEN, False, "accepted"),
        (True, UNLESS_FORBIDDEN, True, "suppressed"),
        (False, UNLESS_FORBIDDEN, True, "accepted"),
    ],
)
async def test_a_number_at_work_is_the_workplace(
    world: World, *, employer: bool, params: p.Workplace, forbids: bool | None, state: str
) -> None:
    world = await under(world, params)
    await seed(world.ledger)
    await change(world, "contact_points", employer=employer)
    await change(world, "borrowers", employer_forbids=forbids)
    await world.deliver()
    states, facts = await told(world)
    assert states == [state]
    assert (facts.get("at_workplace", False), facts.get("employer_forbids")) == (employer, forbids)


@pytest.mark.parametrize(("direction", "states"), [(Direction.INBOUND, "accepted"), (Direction.OUTBOUND, "suppressed")])
async def test_an_employers_mailbox_that_the_borrower_used_however_long_ago_may_be_written_to(
    world: World, direction: Direction, states: str
) -> None:
    world = await under(world, NOT_AT_WORK, EMAIL)
    ada = await seed(world.ledger, Person(points={"email": "ada@work.example"}))
    await change(world, "contact_points", employer=True)
    wrote = NewEncounter(
        reference="M-1",
        borrower=ada.external_id,
        medium=Medium.EMAIL,
        direction=direction,
        address="ada@work.example",
        outcome=TouchOutcome.DELIVERED,
        at=LONG_AGO,
    )
    await record_encounter(wrote, ledger=world.ledger, clock=world.clock, actor="test")
    await replace(world, channel=channel_of(EMAIL)).deliver()
    assert await world.states() == [states]


@pytest.mark.parametrize(("underage", "state"), [(None, "suppressed"), (True, "suppressed"), (False, "accepted")])
async def test_a_rule_for_adults_wants_to_know_that_the_borrower_is_one(
    world: World, *, underage: bool | None, state: str
) -> None:
    world = await under(world, ADULTS)
    await seed(world.ledger)
    await change(world, "borrowers", underage=underage)
    await world.deliver()
    states, facts = await told(world)
    assert (states, facts.get("underage")) == ([state], underage)


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("{}", "{}", "suppressed"),
        ('{"agency_start": "2018-07-01T09:00:00Z"}', "{}", "suppressed"),
        ('{"first_collection": "2018-07-01T09:00:00Z"}', '{"agency_start": "2018-07-01T09:00:00Z"}', "suppressed"),
        ('{"agency_start": "2018-07-01T09:00:00Z"}', '{"agency_start": "2018-07-11T09:00:00Z"}', "suppressed"),
        ('{"agency_start": "2018-07-01T09:00:00Z"}', '{"agency_start": "2018-07-09T09:00:00Z"}', "accepted"),
    ],
)
async def test_the_borrower_was_told_of_every_loan_that_a_contact_is_about(
    world: World, first: str, second: str, state: str
) -> None:
    world = await under(world, TOLD)
    ada = await seed(world.ledger, Person(loans=2))
    async with world.ledger.transaction() as tx:
        for loan_id, notices in zip(ada.loan_ids, (first, second), strict=True):
            await tx.conn.execute("UPDATE loans SET notices = %s::jsonb WHERE loan_id = %s", (notices, loan_id))
    await world.deliver()
    states, facts = await told(world)
    assert states == [state]
    assert facts_from_record(facts, contact_id=1, borrower_id=1).notices == (
        {NoticeBefore.AGENCY_START} if state == "accepted" else frozenset()
    )


def a_visit(who: Seeded, **changes: Any) -> Question:
    return replace(Question(reference="V-1", borrower=who.external_id, medium=Medium.VISIT, staff=2), **changes)


async def test_a_visit_was_announced_in_time_and_is_not_made_at_work(world: World) -> None:
    world = await under(world, p.Visit(min_staff=2, notice_hours=24))
    ada = await seed(world.ledger)
    ask = asking(world.ledger, world.packs)
    early = MORNING - timedelta(hours=24)
    assert not (await ask(a_visit(ada))).reserved
    assert not (await ask(a_visit(ada, announced_at=MORNING - timedelta(hours=23)))).reserved
    assert (await ask(a_visit(ada, announced_at=early))).reserved

    ask = asking(world.ledger, PackSet((pack(window(0, 24), NOT_AT_WORK),)))
    refused = await ask(a_visit(ada, reference="V-2", announced_at=early, at_work=True))
    assert (refused.reserved, refused.verdict["facts"]["notices"]) == (False, ["visit"])
    assert (await ask(a_visit(ada, reference="V-3", announced_at=early))).reserved


async def test_what_was_said_of_one_debt_is_the_first_word_of_another(world: World) -> None:
    world = await under(world, NEVER)
    ada = await seed(world.ledger, Person(loans=2))
    [(loan,), _] = await world.rows("SELECT external_id FROM loans ORDER BY loan_id")
    spoke = NewEncounter(
        reference="C-1",
        borrower=ada.external_id,
        loan=loan,
        medium=Medium.CALL,
        outcome=TouchOutcome.UNANSWERED,
        at=MORNING - timedelta(days=3),
    )
    after = [
        spoke,
        replace(spoke, reference="C-2", outcome=TouchOutcome.CONVERSATION),
        replace(spoke, reference="C-3", outcome=TouchOutcome.ANSWERED, loan=None),
    ]
    assert [await firsts(world, call, loan) for call in after] == [[None, None], [False, None], [False, False]]


async def test_who_was_told_of_the_collection_has_had_the_first_word_however_long_ago(world: World) -> None:
    world = await under(world, p.ContactWindow(allow=(open_hours(0, 24),)))
    await seed(world.ledger)
    await change(world, "loans", notices='{"first_collection": "2016-01-01T09:00:00Z"}')
    await world.deliver()
    states, facts = await told(world)
    assert (states, facts.get("first_contact")) == (["accepted"], False)


async def firsts(world: World, call: NewEncounter, loan: str) -> list[bool | None]:
    """Would it be the first word, after that call: about the one loan, about both?"""
    await record_encounter(call, ledger=world.ledger, clock=world.clock, actor="test")
    ask = asking(world.ledger, world.packs)
    about = [Question(reference="Q", borrower=call.borrower, loan=one, medium=Medium.CALL) for one in (loan, None)]
    return [(await ask(one)).verdict["facts"].get("first_contact") for one in about]
