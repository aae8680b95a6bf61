"""Whose key was destroyed is written to no more, and holds up nobody."""

import pytest

from duecourse.domain.vocabulary import Resolution
from tests.pipeline import ACCEPTED, UNKNOWN, World, fake
from tests.seed import Person, Seeded, seed


async def erase(world: World, who: Seeded) -> None:
    async with world.ledger.transaction() as tx:
        await tx.conn.execute(
            "DELETE FROM data_keys WHERE data_key_id = (SELECT data_key_id FROM borrowers WHERE borrower_id = %s)",
            (who.borrower_id,),
        )


async def test_an_erased_borrower_is_suppressed_and_the_neighbours_are_sent(world: World) -> None:
    gone = await seed(world.ledger)
    await seed(world.ledger, Person(points={"sms": "+12125550101"}))
    await erase(world, gone)
    world.channel.answer = None

    await world.deliver()

    assert sorted(await world.states()) == ["accepted", "suppressed"]
    assert [message.to for message in world.channel.sent] == ["+12125550101"]
    [(reason,)] = await world.rows("SELECT reason FROM contacts WHERE state = 'suppressed'")
    assert reason == "unreadable"


@pytest.mark.parametrize(
    ("resolution", "reason"), [(Resolution.NONE, "no-word"), (Resolution.LOOKUP, "cannot-be-asked")]
)
async def test_who_was_erased_while_a_message_was_in_doubt_is_assumed_to_have_it(
    world: World, resolution: Resolution, reason: str
) -> None:
    gone = await seed(world.ledger)
    world.channel = fake(UNKNOWN, ACCEPTED, resolution=resolution)
    await world.deliver()
    await erase(world, gone)

    world.later(seconds=120)
    await world.sweep(resolution)
    await world.worker()([contact_id for *_, ids in world.queue.hints for contact_id in ids])
    world.later(hours=2)
    swept = await world.sweep(resolution)

    assert swept["assumed_sent"] == 1
    assert len(world.channel.sent) == 1
    assert await world.rows("SELECT state, reason FROM contacts") == [("assumed_sent", reason)]
    told = "SELECT data ->> 'reason' FROM events WHERE kind = 'contact.assumed_sent'"
    assert await world.rows(told) == [(reason,)]
    assert await world.rows("SELECT counted FROM attempts WHERE kind = 'send'") == [(True,)]


async def test_a_provider_that_can_be_asked_is_asked_and_time_alone_assumes_nothing(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN, resolution=Resolution.LOOKUP)
    await world.deliver()

    world.later(hours=12)
    await world.sweep(Resolution.LOOKUP)

    assert await world.states() == ["unknown"]


async def test_what_a_provider_of_old_was_perhaps_told_does_not_stay_in_doubt_for_ever(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN)
    await world.deliver()
    await world.rows("UPDATE attempts SET provider = 'of-old' RETURNING 1")

    world.later(hours=23)
    await world.sweep()
    assert await world.states() == ["unknown"]
    world.later(hours=2)
    await world.sweep()
    assert await world.states() == ["assumed_sent"]
