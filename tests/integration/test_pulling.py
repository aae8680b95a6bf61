"""What a worker fetches by itself: ripe, of one class, no more than it may send, and nobody else's."""

import asyncio

import pytest

from duecourse.domain.vocabulary import Urgency
from duecourse.usecases.pull_contacts import PullContacts
from tests.pipeline import SMS, World
from tests.seed import Person, seed


@pytest.fixture
async def released(world: World) -> World:
    """Six contacts whose hint was lost, two of them of a campaign."""
    for _ in range(6):
        await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    await world.plan()
    await world.rows("UPDATE contacts SET priority = 8 WHERE contact_id % 3 = 0 RETURNING 1")
    await world.release()
    return world


def pulling(world: World, most: int = 100) -> PullContacts:
    return PullContacts(
        ledger=world.ledger, clock=world.clock, limiter=world.limiter, channel=SMS, providers=["fake"], most=most
    )


async def test_what_was_released_just_now_is_left_to_its_hint(released: World) -> None:
    assert await pulling(released)(Urgency.URGENT) == []


async def test_each_class_is_fetched_for_itself_and_once(released: World) -> None:
    released.later(seconds=3)

    urgent, bulk = await pulling(released)(Urgency.URGENT), await pulling(released)(Urgency.BULK)

    assert (len(urgent), len(bulk)) == (4, 2)
    assert await pulling(released)(Urgency.URGENT) == []


async def test_several_workers_fetch_different_ones(released: World) -> None:
    released.later(seconds=3)

    found = await asyncio.gather(*(pulling(released, most=2)(Urgency.URGENT) for _ in range(2)))

    assert len({contact_id for ids in found for contact_id in ids}) == sum(map(len, found)) == 4


async def test_no_more_is_fetched_than_may_be_sent_meanwhile(released: World) -> None:
    released.later(seconds=3)
    released.limiter.budget["fake"] = 1
    assert len(await pulling(released)(Urgency.URGENT)) == 1

    released.limiter.budget["fake"] = 0
    assert await pulling(released)(Urgency.URGENT) == []
