"""A contact that kills each worker that takes it in hand is found, and its neighbours are sent."""

import asyncio
import signal
import sys
from collections.abc import Sequence

import pytest

from duecourse.ledger.owners import hold_owner
from duecourse.ports import Owner
from duecourse.usecases.trial import Trial
from tests.conftest import REPOSITORY
from tests.pipeline import OneOwner, World
from tests.seed import seed

_GONE = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'duecourse owner%'"


async def run_worker(database_url: str, poison: int, contact_ids: Sequence[int]) -> bool:
    """Whether it lived to the end."""
    command = ("-m", "tests.poisoned_worker", database_url, str(poison), *map(str, contact_ids))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=REPOSITORY)
    code = await process.wait()
    assert code in (0, -signal.SIGKILL)
    return code == 0


async def sweep_after_death(world: World) -> int:
    """Postgres notices the end of a killed process' session a moment later."""
    async with asyncio.timeout(10):
        while await world.rows(_GONE):  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.01)
    return (await world.sweep())["quarantined"]


async def test_a_contact_that_kills_its_worker_three_times_is_quarantined_and_its_neighbours_are_sent(
    world: World, database_url: str
) -> None:
    for _ in range(4):
        await seed(world.ledger)
    await world.plan()
    poison = max(await world.release())
    hints, deaths = [ids for *_, ids in world.queue.hints], 0
    while hints:
        for ids in hints:
            if not await run_worker(database_url, poison, ids):
                deaths += 1
                await sweep_after_death(world)
        world.later(seconds=11)
        await world.release()
        hints = [ids for *_, ids in world.queue.hints]

    assert deaths == 3
    found = await world.rows("SELECT contact_id, state, reason, crashes FROM contacts ORDER BY state")
    assert [state for _, state, *_ in found] == ["accepted"] * 3 + ["suppressed"]
    assert found[-1] == (poison, "suppressed", "quarantined", 3)
    told = await world.rows(f"SELECT data #>> '{{verdict,rules,0}}' FROM events WHERE contact_id = {poison}")
    assert ("quarantined",) in told


@pytest.fixture
async def trial(world: World) -> Trial:
    return Trial(ledger=world.ledger, owner=OneOwner())


async def test_what_a_living_worker_has_in_hand_is_nobodys_fault(world: World, database_url: str) -> None:
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()

    async with hold_owner(database_url, "worker:sms") as living:

        class Living(Owner):
            async def current(self) -> int:
                return living.id

        async with Trial(ledger=world.ledger, owner=Living())(ids):
            await world.sweep()

    assert await world.rows("SELECT crashes FROM contacts") == [(0,)]
    assert await world.rows("SELECT owner FROM trials") == []


async def test_a_contact_that_comes_alone_has_the_process_to_itself(trial: Trial) -> None:
    inside: list[str] = []

    async def claim(name: str, *contact_ids: int) -> None:
        async with trial(contact_ids):
            inside.append(name)
            await asyncio.sleep(0)
            together.append(tuple(inside))
            inside.remove(name)

    together: list[tuple[str, ...]] = []
    await asyncio.gather(claim("batch", 1, 2), claim("other", 3, 4), claim("alone", 5), claim("last", 6, 7))

    assert all(names == ("alone",) for names in together if "alone" in names)
    assert len(together) == 4


async def test_a_lane_is_used_again_once_it_is_free(world: World, trial: Trial) -> None:
    async with trial([1, 2]), trial([3, 4]):
        pass
    async with trial([5, 6]):
        pass

    assert await world.rows("SELECT lane, contact_ids FROM trials ORDER BY lane") == [(0, [5, 6]), (1, [3, 4])]
