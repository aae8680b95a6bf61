"""One budget per person over all channels, workers and people: counted and used up in the claim's own transaction."""

import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.database import PostgresLedger
from duecourse.policy.packs.vocabulary import Medium, TouchOutcome
from duecourse.ports.evidence import EncounterState, NewEncounter, Question
from duecourse.usecases.record_encounter import list_encounters, record_encounter, release_encounter
from tests.claimant import MOST, Work, asking, capped, channel_of, work
from tests.pipeline import MORNING, World, rung
from tests.seed import Person, Seeded, seed

SMS, PUSH, EMAIL = ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.EMAIL
LADDER = tuple(rung(name=f"T0-{kind}", channels=(kind,), stop=frozenset()) for kind in (SMS, PUSH, EMAIL))
ADDRESSES = {"sms": "+12125550100", "push": "token-1", "email": "ada@example.com", "voice": "+12125550100"}


@pytest.fixture
async def budget(world: World) -> World:
    """Three channels on one morning, and a law that allows two touches a day."""
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    return replace(world, packs=capped(), rungs=LADDER)


async def deliver_everywhere(world: World, kinds: Sequence[ChannelKind] = (SMS, PUSH, EMAIL)) -> int:
    """How many messages left."""
    sent = 0
    await world.plan()
    for kind in kinds:
        on_channel = replace(world, channel=channel_of(kind))
        await on_channel.worker()(await on_channel.release())
        sent += len(on_channel.channel.sent)
    return sent


def a_call(who: Seeded, **changes: Any) -> NewEncounter:
    plain = NewEncounter(
        reference="C-1", borrower=who.external_id, medium=Medium.CALL, outcome=TouchOutcome.UNANSWERED, at=MORNING
    )
    return replace(plain, **changes)


def a_question(who: Seeded, **changes: Any) -> Question:
    return replace(Question(reference="Q-1", borrower=who.external_id, medium=Medium.CALL), **changes)


async def record(world: World, encounter: NewEncounter) -> None:
    await record_encounter(encounter, ledger=world.ledger, clock=world.clock, actor="test")


async def test_a_cap_counts_every_channel(budget: World) -> None:
    await seed(budget.ledger)
    assert await deliver_everywhere(budget) == MOST
    reasons = await budget.rows("SELECT state, reason FROM contacts ORDER BY state")
    assert reasons == [("accepted", None), ("accepted", None), ("suppressed", "r")]


async def test_a_call_by_a_person_uses_the_budget_up_too(budget: World) -> None:
    ada, bob = await seed(budget.ledger), await seed(budget.ledger)
    await record(budget, a_call(ada))
    await record(budget, a_call(ada, reference="C-2", medium=Medium.VISIT, outcome=TouchOutcome.ANSWERED))
    await record(budget, a_call(bob, reference="C-3"))
    assert await deliver_everywhere(budget) == 1


async def test_yesterdays_calls_do_not_count_today(budget: World) -> None:
    ada = await seed(budget.ledger)
    for number in range(MOST):
        await record(budget, a_call(ada, reference=f"C-{number}", at=MORNING - timedelta(hours=14)))
    assert await deliver_everywhere(budget) == MOST


async def test_a_reservation_counts_until_it_is_released(budget: World) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    ask = asking(budget.ledger, budget.packs)
    assert (await ask(a_question(ada))).reserved
    assert (await ask(a_question(ada, reference="Q-2"))).reserved
    refused = await ask(a_question(ada, reference="Q-3"))
    assert (refused.reserved, refused.verdict["rules"]) == (False, ["r"])
    assert await deliver_everywhere(budget, [SMS]) == 0
    assert await release_encounter("Q-2", ledger=budget.ledger, clock=budget.clock, actor="test")
    assert (await ask(a_question(ada, reference="Q-4"))).reserved


async def test_messages_that_left_leave_no_room_for_a_call(budget: World) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    await deliver_everywhere(budget)
    answer = await asking(budget.ledger, budget.packs)(a_question(ada))
    assert not answer.reserved
    kinds = await budget.rows("SELECT kind, data->'verdict'->'rules' FROM events ORDER BY event_id DESC LIMIT 1")
    assert kinds == [("encounter.refused", ["r"])]


async def test_the_same_question_again_is_the_same_reservation(budget: World) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    ask = asking(budget.ledger, budget.packs)
    first, again = await ask(a_question(ada)), await ask(a_question(ada))
    assert (first.repeated, again.repeated, again.reserved) == (False, True, True)
    assert dict(again.verdict) == dict(first.verdict)
    assert len(await list_encounters(ada.external_id, limit=10, ledger=budget.ledger)) == 1


async def test_a_reserved_call_becomes_what_came_of_it(budget: World) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    await asking(budget.ledger, budget.packs)(a_question(ada, agent="A17", address="+12125550100"))
    await record(budget, a_call(ada, reference="Q-1", outcome=TouchOutcome.CONVERSATION))
    await record(budget, a_call(ada, reference="Q-1", outcome=TouchOutcome.CONVERSATION))
    (found,) = await list_encounters(ada.external_id, limit=10, ledger=budget.ledger)
    assert (found.state, found.outcome, found.agent) == (EncounterState.RECORDED, "conversation", "A17")
    with pytest.raises(InputError, match="used before"):
        await asking(budget.ledger, budget.packs)(a_question(ada))


async def test_nobody_is_called_at_a_number_that_is_not_on_file(budget: World) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    answer = await asking(budget.ledger, budget.packs)(a_question(ada, address="+12125550199"))
    assert (answer.reserved, answer.verdict["rules"]) == (False, ["no-address"])


async def test_a_call_in_the_night_is_told_when_it_may_be_made(budget: World) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    night = MORNING + timedelta(hours=14)  # 23:00 in New York
    answer = await asking(budget.ledger, budget.packs)(a_question(ada, at=night))
    assert (answer.reserved, answer.verdict["decision"]) == (False, "defer")
    assert answer.verdict["until"] == "2018-07-11T12:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"borrower": "B-404"}, "borrower"),
        ({"loan": "L-404"}, "loan"),
        ({"at": MORNING - timedelta(seconds=1)}, "at: is past"),
        ({"address": "12"}, "address"),
        ({"medium": Medium.VISIT, "address": "+12125550100"}, "address: a visit has none"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(budget: World, changes: dict[str, Any], field: str) -> None:
    ada = await seed(budget.ledger, Person(points=ADDRESSES))
    with pytest.raises(InputError, match=field):
        await asking(budget.ledger, budget.packs)(a_question(ada, **changes))


async def test_no_number_of_processes_exceeds_a_cap(budget: World, ledger: PostgresLedger, database_url: str) -> None:
    people = [await seed(ledger, Person(points=ADDRESSES)) for _ in range(25)]
    await budget.plan()
    released = {kind: await replace(budget, channel=channel_of(kind)).release() for kind in (SMS, PUSH, EMAIL)}
    numbers = [person.external_id for person in people]
    jobs = [
        Work(
            database_url=database_url,
            channel=kind,
            contact_ids=released[kind] if kind else (),
            borrowers=numbers,
            seed=place,
        )
        for place, kind in enumerate((SMS, PUSH, EMAIL, SMS, PUSH, EMAIL, None, None))
    ]
    run_together(jobs)

    used = await budget.rows(
        "SELECT (SELECT count(*) FROM attempts a WHERE a.borrower_id = b.borrower_id AND a.counted)"
        " + (SELECT count(*) FROM encounters e WHERE e.borrower_id = b.borrower_id AND e.state = 'reserved')"
        " FROM borrowers b"
    )
    assert used == [(MOST,)] * len(people)
    ways = await budget.rows("SELECT (SELECT count(*) FROM attempts) > 0, (SELECT count(*) FROM encounters) > 0")
    assert ways == [(True, True)]


def run_together(jobs: Sequence[Work]) -> None:
    """Each in a process of its own, all at once; bounded, and none may fail."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(len(jobs))
    processes = [context.Process(target=work, args=(job, together)) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in processes] == [0] * len(jobs)
