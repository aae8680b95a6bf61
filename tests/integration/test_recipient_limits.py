"""What a provider takes for one recipient: the second message waits in Postgres, and costs nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from channels.gcra import Limits, Rate
from channels.limits import RedisLimiter, connect
from duecourse.domain.vocabulary import Resolution
from duecourse.ports import Limiter
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.recipients import Recipients
from tests.pipeline import MORNING, UNKNOWN, World, fake
from tests.seed import Person, seed

SAME = Person(points={"sms": "+12125550100"})
OTHER = Person(points={"sms": "+12125550199"})
LIMITS = Limits(account=Rate(per_s=1_000, burst=100), recipient=Rate(per_s=1 / 60, burst=1))


@pytest.fixture
async def limiter(redis_url: str) -> AsyncIterator[RedisLimiter]:
    made = RedisLimiter(connect(redis_url), {"fake": LIMITS})
    yield made
    await made.aclose()


def worker(world: World, limiter: Limiter) -> Deliver:
    made = world.worker()
    return replace(made, limiter=limiter, arm=replace(made.arm, recipients=Recipients(limiter=limiter)))


async def test_the_second_message_to_one_recipient_waits_and_costs_no_attempt(
    world: World, limiter: RedisLimiter
) -> None:
    for person in (SAME, SAME, OTHER):
        await seed(world.ledger, person)
    await world.plan()

    await worker(world, limiter)(await world.release())

    assert await world.states() == ["accepted", "planned", "accepted"]
    waiting = await world.rows("SELECT not_before, reason, attempts, failures FROM contacts WHERE state = 'planned'")
    assert waiting == [(MORNING + timedelta(minutes=1), "provider-recipient-limit", 0, 0)]
    [(verdict,)] = await world.rows("SELECT data -> 'verdict' FROM events WHERE kind = 'contact.deferred'")
    assert (verdict["rules"], verdict["facts"]) == (["provider-recipient-limit"], {"provider": "fake"})


async def test_it_leaves_once_the_provider_takes_it_again(world: World, limiter: RedisLimiter, redis_url: str) -> None:
    await seed(world.ledger, SAME)
    await seed(world.ledger, SAME)
    await world.plan()
    await worker(world, limiter)(await world.release())
    assert await world.release() == []

    world.later(minutes=1)
    async with connect(redis_url) as redis:
        await redis.flushdb()
    await worker(world, limiter)(await world.release())

    assert await world.states() == ["accepted", "accepted"]
    assert len(world.channel.sent) == 2


async def test_what_was_refused_gives_its_token_of_the_rate_back(world: World) -> None:
    await seed(world.ledger, SAME)
    world.limiter.every_s = 60
    [(index,)] = await world.rows("SELECT encode(address_index, 'hex') FROM contact_points")
    world.limiter.refused_recipients = {index}
    await world.plan()

    await worker(world, world.limiter)(await world.release())

    assert world.channel.sent == []
    assert (world.limiter.taken["fake"], world.limiter.given_back["fake"]) == (1, 1)


async def test_a_recipient_is_limited_while_redis_is_away_too(world: World) -> None:
    away = RedisLimiter(connect("redis://127.0.0.1:1/0"), {"fake": LIMITS})
    for person in (SAME, SAME, OTHER):
        await seed(world.ledger, person)
    await world.plan()

    await worker(world, away)(await world.release())

    await away.aclose()
    assert await world.states() == ["accepted", "planned", "accepted"]


async def test_asking_after_a_message_takes_nothing_from_its_recipient(world: World, limiter: RedisLimiter) -> None:
    world.channel = fake(UNKNOWN, resolution=Resolution.LOOKUP)
    await seed(world.ledger, SAME)
    await world.plan()
    await worker(world, limiter)(await world.release())
    world.later(minutes=2)
    world.queue.hints.clear()
    await world.sweep(Resolution.LOOKUP)

    await worker(world, limiter)([contact_id for *_, ids in world.queue.hints for contact_id in ids])

    assert len(world.channel.looked_up) == 1
