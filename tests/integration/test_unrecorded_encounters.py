"""A call that was allowed and of which nobody tells counts on, is missed, and can still be told of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from duecourse.cli.findings import Finding, Health
from duecourse.cli.open_work import of_people
from duecourse.domain.errors import InputError
from duecourse.policy.gate import decide
from duecourse.policy.packs.vocabulary import Medium, TouchOutcome
from duecourse.policy.terms import Terms
from duecourse.ports.evidence import OPEN, Answer, Encounter, EncounterState, NewEncounter, Question
from duecourse.settings import Settings
from duecourse.usecases.ask_gate import AskGate
from duecourse.usecases.record_encounter import list_encounters, record_encounter, release_encounter
from tests.claimant import capped
from tests.pipeline import MORNING, World, rung
from tests.seed import Seeded, seed


@pytest.fixture
async def law(world: World) -> World:
    """One touch a day."""
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    return replace(world, packs=capped(1), rungs=(rung(stop=frozenset()),))


@pytest.fixture
async def ada(law: World) -> Seeded:
    """She is to be called; it was asked and allowed."""
    who = await seed(law.ledger)
    assert (await ask(law, who)).reserved
    return who


async def ask(world: World, who: Seeded, **changed: Any) -> Answer:
    question = Question(reference="Q-1", borrower=who.external_id, medium=Medium.VISIT)
    gate = partial(decide, packs=world.packs)
    asking = AskGate(ledger=world.ledger, clock=world.clock, gate=gate, terms=Terms(), actor="test")
    return await asking(replace(question, **changed))


async def record(world: World, who: Seeded) -> None:
    made = NewEncounter(reference="Q-1", borrower=who.external_id, medium=Medium.VISIT, outcome=TouchOutcome.UNANSWERED)
    await record_encounter(made, ledger=world.ledger, clock=world.clock, actor="test")


async def still_open(world: World) -> Sequence[Encounter]:
    return await list_encounters(None, states=OPEN, limit=10, ledger=world.ledger)


async def kinds(world: World) -> list[str]:
    return [kind for (kind,) in await world.rows("SELECT kind FROM events ORDER BY event_id")]


async def test_a_reservation_is_missed_once_its_time_is_long_over(law: World, ada: Seeded) -> None:
    law.later(hours=23, minutes=59)
    assert (await law.sweep())["unrecorded"] == 0
    law.later(minutes=1)
    assert (await law.sweep())["unrecorded"] == 1
    assert (await law.sweep())["unrecorded"] == 0
    (found,) = await still_open(law)
    assert (found.borrower, found.state, found.outcome) == (ada.external_id, EncounterState.UNRECORDED, None)
    assert await kinds(law) == ["encounter.reserved", "encounter.unrecorded"]


async def test_it_counts_from_the_time_that_was_asked_for(law: World) -> None:
    who = await seed(law.ledger)
    assert (await ask(law, who, at=MORNING + timedelta(hours=3))).reserved
    law.later(hours=24)
    assert (await law.sweep())["unrecorded"] == 0


@pytest.mark.parametrize("missed", [False, True])
async def test_it_goes_on_counting_as_what_it_may_have_been(law: World, ada: Seeded, *, missed: bool) -> None:
    if missed:
        async with law.ledger.transaction() as tx:
            assert await tx.book.encounters.overdue(MORNING, times=law.clock.times, actor="test") == 1
    refused = await ask(law, ada, reference="Q-2")
    assert (refused.reserved, refused.verdict["rules"]) == (False, ["r"])
    await law.deliver()
    assert law.channel.sent == []


async def test_it_can_be_told_of_late_and_then_was_when_it_was_asked_for(law: World, ada: Seeded) -> None:
    law.later(hours=30)
    await law.sweep()
    await record(law, ada)
    await record(law, ada)
    (found,) = await list_encounters(ada.external_id, limit=10, ledger=law.ledger)
    assert (found.state, found.outcome, found.at) == (EncounterState.RECORDED, "unanswered", MORNING)
    assert await still_open(law) == []
    assert (await kinds(law))[-1] == "encounter.recorded"


async def test_it_can_be_released_late_and_counts_no_more(law: World, ada: Seeded) -> None:
    async with law.ledger.transaction() as tx:
        await tx.book.encounters.overdue(MORNING, times=law.clock.times, actor="test")
    assert await release_encounter("Q-1", ledger=law.ledger, clock=law.clock, actor="test")
    assert (await ask(law, ada, reference="Q-2")).reserved


async def test_the_same_question_is_no_yes_any_more(law: World, ada: Seeded) -> None:
    law.later(hours=24)
    await law.sweep()
    with pytest.raises(InputError, match="reference: its time is over"):
        await ask(law, ada)


async def test_a_reservation_is_of_its_own_time_only(law: World, ada: Seeded) -> None:
    law.later(minutes=5)
    again = await ask(law, ada)
    assert (again.repeated, again.at) == (True, MORNING)
    with pytest.raises(InputError, match="used before"):
        await ask(law, ada, at=MORNING + timedelta(hours=1))


async def test_a_hold_that_will_be_in_force_then_counts(law: World) -> None:
    who = await seed(law.ledger)
    async with law.ledger.transaction() as tx:
        query = "INSERT INTO holds (borrower_id, reason, starts_at, placed_by) VALUES (%s, 'disaster', %s, 'test')"
        await tx.conn.execute(query, (who.borrower_id, MORNING + timedelta(hours=1)))
    assert (await ask(law, who, reference="Q-8", at=MORNING + timedelta(hours=2))).verdict["rules"] == ["hold"]
    assert (await ask(law, who, reference="Q-9")).reserved


def told(findings: list[Finding]) -> dict[str, tuple[Health, str]]:
    return {one.check: (one.health, one.found) for one in findings}


async def test_the_doctor_tells_who_is_waited_for(law: World, ada: Seeded, settings: Settings) -> None:
    well = told(await of_people(settings))
    assert {health for health, _ in well.values()} == {Health.OK}
    async with law.ledger.transaction() as tx:
        await tx.book.encounters.overdue(MORNING, times=law.clock.times, actor="test")
    found = told(await of_people(settings))
    assert found.pop("people.encounters") == (Health.WARN, "1 calls or visits were allowed and never recorded")
    assert {health for health, _ in found.values()} == {Health.OK}
