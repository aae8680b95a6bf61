"""The rate limit in Redis: one script, the same arithmetic as in one process, whoever asks and however many."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from channels.gcra import SECOND, Cell, Rate
from channels.limits import _SCRIPT, FakeLimiter, RedisLimiter, connect, rates_of

KEYS = ("duecourse:{acme}:tat", "duecourse:{acme}:pause")
RATES = st.builds(Rate, per_s=st.floats(0.01, 5_000), burst=st.integers(1, 200))
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 250)),
        st.tuples(st.just("give"), st.integers(1, 50)),
        st.tuples(st.just("left"), st.integers(0, 5 * SECOND)),
        st.tuples(st.just("pause"), st.integers(0, 3 * SECOND)),
        st.tuples(st.just("sleep"), st.integers(1, 4 * SECOND)),
    ),
    max_size=25,
)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    """Without our short patience: how long a busy machine takes is not what these tests are about."""
    opened = Redis.from_url(redis_url)
    yield opened
    await opened.aclose()


async def _pass_time(client: Redis, span: int) -> None:
    """Times in the script matter only relative to now: to let time pass, move all that is remembered back."""
    for key in KEYS:
        if await client.exists(key):
            await client.decrby(key, span)


async def _follow(client: Redis, rate: Rate, operations: list[tuple[str, int]]) -> None:
    await client.delete(*KEYS)
    script, model, passed = client.register_script(_SCRIPT), Cell(rate), 0
    for operation, amount in operations:
        if operation == "sleep":
            await _pass_time(client, amount)
            passed += amount
            continue
        answer: list[Any] = await script(KEYS, (operation, repr(rate.emission), rate.burst, amount))
        first, wait, now = answer
        step = getattr(model, operation)(now + passed, amount)
        expected = step if operation == "take" else (step or 0, 0)
        assert (first, wait) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rate=RATES, operations=OPERATIONS)
def test_the_script_does_what_the_model_does(redis_url: str, rate: Rate, operations: list[tuple[str, int]]) -> None:
    async def run() -> None:
        client = connect(redis_url)
        try:
            await _follow(client, rate, operations)
        finally:
            await client.aclose()

    asyncio.run(run())


async def test_several_clients_together_never_get_more_than_the_bound_in_any_window(redis_url: str) -> None:
    """Each grant is dated by Redis' own clock, so the bound is checked exactly, whatever this machine's load."""
    rate, wanted = Rate(per_s=2_000, burst=50), 600
    grants: list[tuple[int, int]] = []

    async def ask(client: Redis) -> None:
        script = client.register_script(_SCRIPT)
        while sum(count for _, count in grants) < wanted:
            granted, wait, now = await script(KEYS, ("take", repr(rate.emission), rate.burst, 7))
            grants.append((now, granted))
            await asyncio.sleep(wait / SECOND)

    clients = [connect(redis_url) for _ in range(4)]
    await asyncio.gather(*map(ask, clients))
    await asyncio.gather(*(client.aclose() for client in clients))
    _check_windows(rate, sorted(grants))


def _check_windows(rate: Rate, grants: list[tuple[int, int]]) -> None:
    for first, (start, _) in enumerate(grants):
        granted = 0
        for now, count in grants[first:]:
            granted += count
            assert granted <= rate.burst + (now - start) / rate.emission + 1e-6


async def test_grants_n_of_want_and_says_when_to_ask_again(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": Rate(per_s=0.01, burst=40)})
    grant = await limiter.take("acme", 100)
    assert grant.granted == 40
    # Half a burst at a hundred seconds a token.
    assert grant.wait_s == pytest.approx(2_000, rel=0.01)
    assert (await limiter.take("acme", 1)).granted == 0


async def test_unused_tokens_go_back(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": Rate(per_s=0.01, burst=40)})
    await limiter.take("acme", 40)
    await limiter.give_back("acme", 15)
    assert await limiter.left("acme", 0.0) == 15
    assert await limiter.left("acme", 1_000.0) == 25
    assert (await limiter.take("acme", 100)).granted == 15


async def test_one_workers_pause_silences_all_and_a_shorter_one_does_not_end_it(client: Redis) -> None:
    rates = {"acme": Rate(per_s=100, burst=10), "other": Rate(per_s=100, burst=10)}
    one, other, third = (RedisLimiter(client, rates) for _ in range(3))
    await one.pause("acme", 90)
    await other.pause("acme", 5)
    grant = await third.take("acme", 1)
    assert grant.granted == 0
    assert 60 < grant.wait_s <= 90
    assert await third.left("acme", 10) == 0
    assert (await third.take("other", 1)).granted == 1


async def test_a_pause_is_at_most_an_hour_and_never_negative(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": Rate(per_s=100, burst=10), "other": Rate(per_s=100, burst=10)})
    await limiter.pause("acme", 1e9)
    assert 3_000 < (await limiter.take("acme", 1)).wait_s <= 3_600
    await limiter.pause("other", -5)
    assert (await limiter.take("other", 1)).granted == 1


async def test_every_key_carries_the_providers_hash_tag_and_expires(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": Rate(per_s=0.01, burst=10)})
    await limiter.take("acme", 5)
    await limiter.pause("acme", 500)
    assert sorted(await client.keys("*")) == sorted(key.encode() for key in KEYS)
    assert all([0 < await client.pttl(key) <= 500_000 for key in KEYS])


async def test_a_flush_in_between_costs_at_most_one_burst(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": Rate(per_s=0.01, burst=10)})
    first = await limiter.take("acme", 100)
    await client.flushall()
    await client.script_flush()
    second = await limiter.take("acme", 100)
    assert (first.granted, second.granted) == (10, 10)


async def test_without_redis_each_worker_keeps_to_its_share(unused_tcp_port: int) -> None:
    now = 0.0
    limiter = RedisLimiter(
        connect(f"redis://127.0.0.1:{unused_tcp_port}/0"),
        {"acme": Rate(per_s=100, burst=50)},
        expected_workers=4,
        monotonic=lambda: now,
    )
    granted = 0
    for second in range(11):
        now = float(second)
        granted += (await limiter.take("acme", 1_000)).granted
    assert granted <= 100 * 0.8 / 4 * 10 + 50
    assert granted >= 100
    assert await limiter.left("acme", 1.0) <= 30
    await limiter.give_back("acme", 5)
    assert (await limiter.take("acme", 1_000)).granted == 5
    await limiter.aclose()


async def test_a_pause_that_redis_never_heard_of_is_kept_here(client: Redis, unused_tcp_port: int) -> None:
    rates, now = {"acme": Rate(per_s=100, burst=50)}, 0.0
    limiter = RedisLimiter(connect(f"redis://127.0.0.1:{unused_tcp_port}/0"), rates, monotonic=lambda: now)
    await limiter.pause("acme", 60)
    limiter._script = client.register_script(_SCRIPT)
    now = 30.0
    assert (await limiter.take("acme", 1)).granted == 0
    now = 61.0
    assert (await limiter.take("acme", 1)).granted == 1
    await limiter.aclose()


async def test_redis_is_asked_again_after_a_while(client: Redis, unused_tcp_port: int) -> None:
    now = 0.0
    limiter = RedisLimiter(
        connect(f"redis://127.0.0.1:{unused_tcp_port}/0"), {"acme": Rate(per_s=0.01, burst=50)}, monotonic=lambda: now
    )
    await limiter.take("acme", 1)
    limiter._script = client.register_script(_SCRIPT)
    await limiter.take("acme", 1)
    assert await client.exists(KEYS[0]) == 0
    now = 2.0
    await limiter.take("acme", 1)
    assert await client.exists(KEYS[0]) == 1
    await limiter.aclose()


async def test_the_client_never_repeats_a_call(redis_url: str) -> None:
    """redis-py 8 would run a script ten times where one answer was lost."""
    assert connect(redis_url).connection_pool.connection_kwargs["retry"]._retries == 0


async def test_the_fake_grants_what_its_budget_holds() -> None:
    fake = FakeLimiter({"acme": 5})
    assert (await fake.take("acme", 3)).granted == 3
    assert (await fake.take("acme", 3)).granted == 2
    await fake.give_back("acme", 1)
    assert await fake.left("acme", 5.0) == 1
    assert (await fake.take("other", 100)).granted == 100
    await fake.pause("other", 9)
    assert (await fake.take("other", 1)).granted == 0


def test_rates_come_from_the_providers_files(settings: Any) -> None:
    rates = rates_of(settings.providers)
    assert rates["sandbox-sms"] == Rate(per_s=400, burst=40)
