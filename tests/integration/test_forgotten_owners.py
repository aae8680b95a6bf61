"""Records of processes that were killed are deleted, once nothing needs them."""

from duecourse.ledger.owners import hold_owner
from tests.pipeline import World
from tests.seed import seed


async def record(world: World, owner: int) -> None:
    """Of a process that was killed now."""
    await world.rows(
        f"INSERT INTO owners (owner, kind, started_at) VALUES ({owner}, 'worker:sms', '{world.clock.times.lease}')"
        " RETURNING 1"
    )


async def recorded(world: World) -> set[int]:
    return {row[0] for row in await world.rows("SELECT owner FROM owners")}


async def test_a_killed_process_is_forgotten_and_a_living_one_is_not(world: World, database_url: str) -> None:
    await record(world, 7)
    async with hold_owner(database_url, "worker:sms") as living:
        await world.rows(f"UPDATE owners SET started_at = '{world.clock.times.lease}' RETURNING 1")
        assert (await world.sweep())["owners_forgotten"] == 0
        world.later(minutes=2)

        assert (await world.sweep())["owners_forgotten"] == 1
        assert await recorded(world) == {living.id}


async def test_a_killed_process_is_remembered_while_a_contact_names_it(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    await world.worker().arm(await world.release(), world.channel)
    await record(world, 4711)
    world.later(minutes=2)
    # Its lease is long: it is not looked for yet.
    await world.rows("UPDATE contacts SET lease_until = lease_until + interval '10 minutes' RETURNING 1")
    await world.sweep()
    assert await recorded(world) == {4711}

    world.later(minutes=20)
    await world.sweep()

    assert await world.states() == ["unknown"]
    assert await recorded(world) == set()
