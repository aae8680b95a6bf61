"""The scheduler's round on real stores, with and without Redis."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import redis

from duecourse.bootstrap import App, open_app
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.owners import LivingOwner
from duecourse.settings import Settings, load
from tests.seed import Person, seed
from workers.broker import make_broker
from workers.queue import DramatiqQueue
from workers.scheduler import Scheduler

DUE = date(2018, 7, 10)
AFTERNOON = datetime(2018, 7, 10, 17, 30, tzinfo=UTC)
SMS_ONLY = Person(due_on=(DUE,), points={"sms": "+12125550100"})


@pytest.fixture
def virtual(environment: dict[str, str]) -> Settings:
    return load(environment | {"DUECOURSE_CLOCK": "virtual", "DUECOURSE_SANDBOX": "true"})


@pytest.fixture
async def app(virtual: Settings) -> AsyncIterator[App]:
    async with open_app(virtual) as opened:
        await step(opened, AFTERNOON)
        yield opened


@pytest.fixture
async def scheduler(app: App) -> AsyncIterator[Scheduler]:
    made = scheduler_of(app)
    yield made
    await made.owner.aclose()


def scheduler_of(app: App) -> Scheduler:
    queue = DramatiqQueue(make_broker(app.settings.redis_url))
    return Scheduler(
        app=app,
        queue=queue,
        owner=LivingOwner(app.settings.database_url, "scheduler"),
        plan=app.planning(),
        release=app.releasing(queue),
        sweep=app.sweeping(queue),
        judge=app.judging(),
    )


async def step(app: App, business: datetime) -> None:
    async with app.ledger.transaction() as tx:
        await step_virtual_clock(tx.conn, business)


async def one(app: App, sql: str) -> Any:
    async with app.ledger.transaction() as tx:
        row = await (await tx.conn.execute(sql.encode())).fetchone()
    assert row
    return row[0]


def queued(url: str, queue: str) -> list[dict[str, object]]:
    with redis.Redis.from_url(url) as client:
        return [json.loads(value) for value in client.hvals(f"{{duecourse}}:{queue}.msgs")]


async def test_a_round_plans_and_hints_ids_and_nothing_else(app: App, scheduler: Scheduler) -> None:
    await seed(app.ledger, SMS_ONLY)

    await scheduler.tick()

    [message] = queued(app.settings.redis_url, "sms.urgent")
    due = await one(app, "SELECT contact_id FROM contacts WHERE state = 'released'")
    assert message["args"] == [[due]]
    assert message["kwargs"] == {}
    assert message["actor_name"] == "deliver_sms_urgent"


async def test_a_round_says_up_to_which_business_time_it_looked(app: App, scheduler: Scheduler) -> None:
    await scheduler.tick()

    assert await one(app, "SELECT max(ticked_business) FROM owners") == AFTERNOON


async def test_what_is_released_ahead_is_bounded_by_what_the_provider_can_carry(
    virtual: Settings,
) -> None:
    providers = tuple(replace(p, rate_per_s=2, burst=3) for p in virtual.providers)
    async with open_app(replace(virtual, providers=providers)) as app:
        await step(app, AFTERNOON)
        for _ in range(40):
            await seed(app.ledger, SMS_ONLY)
        scheduler = scheduler_of(app)

        await scheduler.tick()
        await scheduler.tick()

        released = await one(app, "SELECT count(*) FROM contacts WHERE state = 'released'")
        # The burst and five seconds of the rate, less what is kept for the more urgent.
        assert 2 * 5 <= released <= 3 + 2 * 5
        await scheduler.owner.aclose()


async def test_a_round_asks_a_worker_to_look_at_the_inbox_when_something_is_in_it(
    app: App, scheduler: Scheduler
) -> None:
    await scheduler.tick()
    assert queued(app.settings.redis_url, "inbox") == []
    async with app.ledger.transaction() as tx:
        await tx.inbox.store("sandbox-sms", "key-1", b"{}", times=await app.clock.read())

    await scheduler.tick()

    assert [m["actor_name"] for m in queued(app.settings.redis_url, "inbox")] == ["apply_inbox"]


async def test_new_rungs_are_planned_as_business_time_goes_on(app: App, scheduler: Scheduler) -> None:
    await seed(app.ledger, Person(due_on=(DUE + timedelta(days=30),)))
    await scheduler.tick()
    before = await one(app, "SELECT count(*) FROM contacts")

    await step(app, AFTERNOON + timedelta(days=29))
    await scheduler.tick()

    assert before == 0
    assert await one(app, "SELECT count(*) FROM contacts") != 0


async def test_without_redis_a_round_still_plans_and_what_it_released_is_hinted_later(virtual: Settings) -> None:
    away = replace(virtual, redis_url="redis://127.0.0.1:1/0")
    async with open_app(away) as app:
        await step(app, AFTERNOON)
        await seed(app.ledger, SMS_ONLY)
        scheduler = scheduler_of(app)
        await scheduler.tick()
        await scheduler.owner.aclose()
        assert await one(app, "SELECT count(*) FROM contacts WHERE state = 'released'") == 1
        async with app.ledger.transaction() as tx:
            await tx.conn.execute("UPDATE contacts SET released_at = released_at - interval '1 minute'")

    async with open_app(virtual) as app:
        scheduler = scheduler_of(app)
        await scheduler.tick()
        await scheduler.owner.aclose()
        assert len(queued(virtual.redis_url, "sms.urgent")) == 1


async def test_a_ring_of_the_bell_ends_the_wait(app: App) -> None:
    waiting = asyncio.create_task(app.bell.wait(30))

    await app.bell.hint_book()

    assert await waiting == "book"


async def test_channels_without_a_provider_are_left_alone(environment: dict[str, str]) -> None:
    settings = load(environment)
    async with open_app(settings) as app:
        await seed(app.ledger, SMS_ONLY)
        scheduler = scheduler_of(app)
        await scheduler.tick()
        await scheduler.owner.aclose()

        assert ChannelKind.SMS not in app.kinds
        assert queued(settings.redis_url, "sms.urgent") == []


async def test_a_database_without_its_migrations_is_refused_in_one_line(
    virtual: Settings, empty_database_url: str
) -> None:
    with pytest.raises(StoreUnavailable, match="run `duecourse migrate`"):
        async with open_app(virtual.with_stores(database_url=empty_database_url)):
            pass
