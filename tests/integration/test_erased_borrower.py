"""Whose key was destroyed is written to no more, and holds up nobody."""

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


async def test_who_was_erased_while_a_message_was_in_doubt_is_assumed_to_have_it(world: World) -> None:
    gone = await seed(world.ledger)
    world.channel = fake(UNKNOWN, ACCEPTED)
    await world.deliver()
    await erase(world, gone)

    world.later(seconds=120)
    await world.sweep()
    await world.worker()([contact_id for *_, ids in world.queue.hints for contact_id in ids])
    world.later(hours=2)
    await world.sweep()

    assert len(world.channel.sent) == 1
    assert await world.states() == ["assumed_sent"]
