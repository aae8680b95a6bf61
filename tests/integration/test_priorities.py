"""A campaign never delays a due-day message: by release, by queue, by rate and by thread."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from channels.gcra import Limits, Rate, Share
from channels.limits import RedisLimiter, connect
from duecourse.domain.vocabulary import Urgency
from duecourse.usecases.deliver import Deliver
from tests.pipeline import World
from tests.seed import Person, seed

Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
Hint = tuple[Urgency, list[int]]
Hints = asyncio.PriorityQueue[Hint]

CAMPAIGN, DUE_DAY = 120, 20
#: A tenth is surely the campaign's. Slower than any machine, so that the rate decides and nothing else.
LIMITS = Limits(
    account=Rate(per_s=20, burst=4),
    shares=(Share(up_to=3, fraction=0.6), Share(up_to=6, fraction=0.2), Share(up_to=9, fraction=0.1)),
    reserve=0.5,
)
THREADS = 2


@pytest.fixture
async def limiter(redis_url: str) -> AsyncIterator[RedisLimiter]:
    made = RedisLimiter(connect(redis_url), {"fake": LIMITS})
    yield made
    await made.aclose()


@pytest.fixture
async def due(world: World) -> World:
    """A campaign and some due-day messages, planned for the same minute."""
    for _ in range(CAMPAIGN + DUE_DAY):
        await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    await world.plan()
    await world.rows("UPDATE contacts SET priority = 8 RETURNING 1")
    last = f"SELECT borrower_id FROM contacts ORDER BY borrower_id DESC LIMIT {DUE_DAY}"
    await world.rows(f"UPDATE contacts SET priority = 1 WHERE borrower_id IN ({last}) RETURNING 1")
    return world


@asynccontextmanager
async def process(deliver: Deliver) -> AsyncIterator[Hints]:
    """A worker process as Dramatiq runs it: few threads, and the most urgent hint first."""
    hints: Hints = asyncio.PriorityQueue()

    async def thread() -> None:
        while True:
            urgency, ids = await hints.get()
            await deliver(ids, urgency)

    tasks = [asyncio.create_task(thread()) for _ in range(THREADS)]
    yield hints
    # Told again until they end: a cancellation is lost where it comes at the moment at which what `asyncio.wait_for`
    # waits for is done, until Python 3.12.
    ending: set[asyncio.Task[None]] = set(tasks)
    while ending:
        for task in ending:
            task.cancel()
        _, ending = await asyncio.wait(ending, timeout=0.1)


async def test_each_hint_is_of_one_class_and_the_urgent_come_first(due: World) -> None:
    await due.release()

    hinted = [(urgency, len(ids)) for _, urgency, ids in due.queue.hints]
    assert hinted == [(Urgency.URGENT, 20), (Urgency.BULK, 100), (Urgency.BULK, 20)]
    urgent = {row[0] for row in await due.rows("SELECT contact_id FROM contacts WHERE priority = 1")}
    assert set(due.queue.hints[0][2]) == urgent


async def test_what_is_released_of_a_class_takes_no_room_of_another(due: World) -> None:
    due.limiter.budget["fake"] = 50

    first = await due.release()
    again = await due.release()

    assert len(first) == DUE_DAY + 50
    assert again == []


async def test_a_lost_hint_is_found_again_in_its_class(due: World) -> None:
    await due.release()
    due.later(minutes=1)

    await due.release()

    assert [urgency for _, urgency, _ in due.queue.hints][:2] == [Urgency.URGENT, Urgency.BULK]
    assert sum(len(ids) for *_, ids in due.queue.hints) == CAMPAIGN + DUE_DAY


async def test_a_campaign_that_waits_for_the_rate_never_delays_a_due_day_message(
    due: World, limiter: RedisLimiter, eventually: Eventually
) -> None:
    urgent = {row[0] for row in await due.rows("SELECT contact_id FROM contacts WHERE priority = 1")}
    campaign = sorted(set(await due.release()) - urgent)
    sent = due.channel.sent

    def left() -> set[int]:
        return urgent - {message.contact_id for message in sent}

    async def begun() -> bool:
        return len(sent) > LIMITS.account.burst

    async def gone() -> bool:
        return not left()

    async with process(_on(due, limiter)) as first, process(_on(due, limiter)) as second:
        for place in range(0, CAMPAIGN, 10):
            (first, second)[place % 20 // 10].put_nowait((Urgency.BULK, campaign[place : place + 10]))
        await eventually(begun)
        before = len(sent)
        for hints, ids in zip((first, second), (sorted(urgent)[::2], sorted(urgent)[1::2]), strict=True):
            hints.put_nowait((Urgency.URGENT, ids))
        await eventually(gone)

    last = max(place for place, message in enumerate(sent) if message.contact_id in urgent)
    between = [message for message in sent[before:last] if message.contact_id not in urgent]
    # By its guarantee it gets one for nine others, and a burst before anybody knew that others wait; without classes it
    # would get as many.
    assert len(between) <= DUE_DAY // 2 + LIMITS.account.burst
    assert len({message.contact_id for message in sent}) == len(sent)


def _on(world: World, limiter: RedisLimiter) -> Deliver:
    return replace(world.worker(), limiter=limiter)
