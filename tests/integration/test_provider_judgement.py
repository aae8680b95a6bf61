"""What workers see of providers meets in Redis, is judged, recorded once in Postgres and told to all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest
from redis.asyncio import Redis

from channels.health import RedisHealth
from channels.limits import connect
from duecourse.domain.clock import FixedClock
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import read_lease
from duecourse.ledger.database import PostgresLedger
from duecourse.routing.health import HealthTerms, Sign
from duecourse.routing.route import Lane, Route
from duecourse.routing.sightings import CALLS_S, RECEIPTS_S, Sightings, memory_s
from duecourse.usecases.judge_providers import JudgeProviders

SMS = ChannelKind.SMS
TERMS = HealthTerms()
ROUTE = Route(channel=SMS, lanes=(Lane(provider="acme"), Lane(provider="bolt")), health=TERMS)
MEMORY = {SMS: memory_s(TERMS)}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def health(redis: Redis) -> RedisHealth:
    return RedisHealth(redis, MEMORY)


@pytest.fixture
async def clock(ledger: PostgresLedger) -> FixedClock:
    """Lease time that can be moved on: business time stands still."""
    async with ledger.transaction() as tx:
        await tx.planning.ensure_months(await _times(ledger))
    return FixedClock((await _times(ledger)).business, (await _times(ledger)).lease)


async def _times(ledger: PostgresLedger) -> Any:
    async with ledger.transaction() as tx:
        lease = await read_lease(tx.conn)
    return FixedClock(lease).times


def judging(ledger: PostgresLedger, clock: FixedClock, health: RedisHealth) -> JudgeProviders:
    return JudgeProviders(ledger=ledger, clock=clock, health=health, routes=[ROUTE])


def later(clock: FixedClock, seconds: float) -> None:
    clock.set(clock.times.business, clock.times.lease + timedelta(seconds=seconds))


async def rows(ledger: PostgresLedger, sql: str) -> list[tuple[Any, ...]]:
    async with ledger.transaction() as tx:
        return await (await tx.conn.execute(sql.encode())).fetchall()


EVENTS = "SELECT data->>'provider', data->>'reason', (data->>'share')::float FROM events ORDER BY event_id"


async def test_two_workers_see_one_provider_and_read_the_sum(redis: Redis) -> None:
    one, other = RedisHealth(redis, MEMORY), RedisHealth(redis, MEMORY)
    await one.see(SMS, "acme", {Sign.GOOD: 3, Sign.UNSENT: 2}, sent=3)
    await other.see(SMS, "acme", {Sign.GOOD: 1, Sign.THROTTLED: 4}, sent=1)
    seen = await one.read(SMS, "acme")
    assert seen
    assert seen.evidence(TERMS, age_s=1e9).recent == {Sign.GOOD: 4, Sign.UNSENT: 2, Sign.THROTTLED: 4}
    assert await other.read(SMS, "bolt") == Sightings(now=seen.now, counts={})


async def test_a_receipt_is_counted_with_the_time_at_which_its_message_was_sent(health: RedisHealth) -> None:
    await health.see_timely(SMS, "acme", [400.0, 401.0, 10.0])
    seen = await health.read(SMS, "acme")
    assert seen
    buckets = {field: count for field, count in seen.counts.items() if field.endswith(":timely")}
    assert sum(buckets.values()) == 3
    assert f"{int((seen.now - 10) // RECEIPTS_S)}:timely" in buckets


async def test_what_is_too_old_is_forgotten_when_something_new_begins(redis: Redis, health: RedisHealth) -> None:
    key = "duecourse:{route:sms}:seen:acme"
    await redis.hset(key, mapping={"1:good": "7", "1:sent": "7"})
    await health.see(SMS, "acme", {Sign.GOOD: 1}, sent=1)
    assert not {b"1:good", b"1:sent"} & set(await redis.hkeys(key))
    assert 0 < await redis.ttl(key) <= memory_s(TERMS) + 60


async def test_a_failing_provider_falls_once_with_its_reason_and_all_workers_hear_of_it(
    ledger: PostgresLedger, clock: FixedClock, redis: Redis
) -> None:
    worker, judge = RedisHealth(redis, MEMORY), judging(ledger, clock, RedisHealth(redis, MEMORY))
    await worker.see(SMS, "acme", {Sign.GOOD: 20, Sign.UNSENT: 30})
    await worker.see(SMS, "bolt", {Sign.GOOD: 50})

    assert await judge() == {"acme": 0.8}
    assert await judge() == {}

    assert await rows(ledger, EVENTS) == [("acme", "failures", 0.8)]
    assert await RedisHealth(redis, MEMORY).shares(SMS) == {"acme": 0.8, "bolt": 1.0}


async def test_the_same_failures_do_not_lower_a_share_twice(
    ledger: PostgresLedger, clock: FixedClock, health: RedisHealth
) -> None:
    judge = judging(ledger, clock, health)
    await health.see(SMS, "acme", {Sign.UNSENT: 500})
    assert await judge() == {"acme": 0.8}
    later(clock, 0.5)
    assert await judge() == {}
    assert await rows(ledger, "SELECT version FROM provider_shares") == [(1,)]


async def test_several_schedulers_that_judge_at_once_make_each_change_once(
    ledger: PostgresLedger, clock: FixedClock, redis: Redis
) -> None:
    await RedisHealth(redis, MEMORY).see(SMS, "acme", {Sign.UNKNOWN: 60})
    judges = [judging(ledger, clock, RedisHealth(redis, MEMORY)) for _ in range(6)]
    made = await asyncio.gather(*(judge() for judge in judges))
    assert [change for change in made if change] == [{"acme": 0.8}]
    assert await rows(ledger, EVENTS) == [("acme", "failures", 0.8)]


async def test_a_flush_of_redis_means_healthy_until_the_recorded_share_is_told_again(
    ledger: PostgresLedger, clock: FixedClock, redis: Redis
) -> None:
    judge = judging(ledger, clock, RedisHealth(redis, MEMORY))
    await RedisHealth(redis, MEMORY).see(SMS, "acme", {Sign.UNSENT: 60})
    await judge()
    await redis.flushall()
    assert await RedisHealth(redis, MEMORY).shares(SMS) == {}
    assert await judge() == {}
    assert await RedisHealth(redis, MEMORY).shares(SMS) == {"acme": 0.8, "bolt": 1.0}
    assert len(await rows(ledger, EVENTS)) == 1


async def test_while_redis_is_away_nobody_is_judged_and_the_last_shares_stay(
    ledger: PostgresLedger, clock: FixedClock, health: RedisHealth, free_tcp_port: int
) -> None:
    await health.see(SMS, "acme", {Sign.UNSENT: 60})
    await judging(ledger, clock, health)()
    gone = RedisHealth(connect(f"redis://127.0.0.1:{free_tcp_port}"), MEMORY)
    later(clock, 10_000)
    assert await judging(ledger, clock, gone)() == {}
    await gone.see(SMS, "acme", {Sign.GOOD: 1})
    assert await gone.shares(SMS) == {}
    await gone.aclose()
    assert await rows(ledger, "SELECT share FROM provider_shares") == [(0.8,)]


async def test_an_untried_provider_rises_and_tells_why(
    ledger: PostgresLedger, clock: FixedClock, health: RedisHealth
) -> None:
    judge = judging(ledger, clock, health)
    await health.see(SMS, "acme", {Sign.UNSENT: 60})
    await judge()
    await health._client.flushall()
    later(clock, TERMS.idle_s)
    assert await judge() == {"acme": 0.9}
    assert (await rows(ledger, EVENTS))[-1] == ("acme", "untried", 0.9)


async def test_late_receipts_of_one_provider_lower_it_and_late_receipts_of_all_lower_none(
    ledger: PostgresLedger, clock: FixedClock, redis: Redis, health: RedisHealth
) -> None:
    judge = judging(ledger, clock, health)
    now = int((await redis.time())[0])
    ripe = (now - 400) // RECEIPTS_S
    await redis.hset("duecourse:{route:sms}:seen:acme", mapping={f"{ripe}:sent": "100", f"{ripe}:timely": "60"})
    await redis.hset("duecourse:{route:sms}:seen:bolt", mapping={f"{ripe}:sent": "100", f"{ripe}:timely": "50"})
    assert await judge() == {}
    await redis.hset("duecourse:{route:sms}:seen:bolt", mapping={f"{ripe}:timely": "95"})
    assert await judge() == {"acme": 0.8}
    assert await rows(ledger, EVENTS) == [("acme", "late-receipts", 0.8)]
    assert await rows(ledger, "SELECT fell_for FROM provider_shares") == [("late-receipts",)]


async def test_the_event_tells_on_what_it_was_judged_and_no_person(
    ledger: PostgresLedger, clock: FixedClock, health: RedisHealth
) -> None:
    await health.see(SMS, "acme", {Sign.UNSENT: 15, Sign.UNKNOWN: 15, Sign.GOOD: 10}, sent=10)
    await judging(ledger, clock, health)()
    [(kind, actor, contact, data)] = await rows(ledger, "SELECT kind, actor, contact_id, data FROM events")
    assert (kind, actor, contact) == ("provider.reweighted", "scheduler", None)
    assert data == {
        "channel": "sms",
        "provider": "acme",
        "version": 1,
        "before": 1.0,
        "share": 0.8,
        "reason": "failures",
        "calls": {"good": 10, "unsent": 15, "unknown": 15},
        "receipts": {"due": 0, "in_time": 0},
    }


def test_the_script_and_the_judge_agree_on_the_width_of_a_bucket() -> None:
    script = files("channels").joinpath("health.lua").read_text("utf-8")
    assert f"local CALLS_S, RECEIPTS_S, SHARES_LIFE_MS = {CALLS_S}, {RECEIPTS_S}," in script
