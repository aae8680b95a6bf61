"""The rate limit in Redis: one script, the same arithmetic as in one process, whoever asks and however many."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from channels.gcra import SECOND, Account, Limits, Rate, Recipients, Share
from channels.limits import FakeLimiter, RedisLimiter, call_of, connect, rates_of, script_of
from duecourse.settings import Settings
from duecourse.settings.values import Endpoint, RecipientLimit

PACE, CELL, SLOW = "duecourse:{acme}:pace", "duecourse:{acme}:account", "duecourse:{acme}:endpoint:slow"
SHARES = (Share(up_to=3, fraction=0.6), Share(up_to=6, fraction=0.2), Share(up_to=9, fraction=0.1))
#: What tells a time; the rest of what is remembered tells a part.
TIMES = {CELL: None, SLOW: None, PACE: {b"until", b"at", b"time", b"from", b"fell"}}
RATES = st.builds(Rate, per_s=st.floats(0.01, 5_000), burst=st.integers(1, 200))
RECIPIENTS = ("a" * 16, "b" * 16, "c" * 16)


def plain(rate: Rate) -> Limits:
    return Limits(account=rate)


def shared(rate: Rate, reserve: float = 0.5) -> Limits:
    return Limits(account=rate, shares=SHARES, reserve=reserve, endpoints={"slow": rate.share(0.5)})


LIMITS = st.one_of(st.builds(plain, RATES), st.builds(shared, RATES, st.sampled_from([0.0, 0.5])))
WHERE = {"turn": st.integers(0, 2), "endpoint": st.sampled_from(["", "slow"])}
Operation = tuple[str, int, dict[str, Any]]
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 250), st.fixed_dictionaries(WHERE)),
        st.tuples(st.just("take"), st.integers(1, 250), st.fixed_dictionaries(WHERE)),
        st.tuples(st.just("give"), st.integers(1, 50), st.fixed_dictionaries({"endpoint": WHERE["endpoint"]})),
        st.tuples(st.just("left"), st.integers(0, 5 * SECOND), st.fixed_dictionaries(WHERE)),
        st.tuples(st.just("pause"), st.integers(0, 3 * SECOND), st.just({})),
        st.tuples(st.just("sleep"), st.integers(1, 4 * SECOND), st.just({})),
    ),
    max_size=25,
)
FULL = shared(Rate(per_s=10, burst=200))
FLOOD: Operation = ("take", 250, {"turn": 0, "endpoint": ""})
REST: Operation = ("sleep", int(1.5 * SECOND), {})
LATER: Operation = ("sleep", 6 * SECOND, {})


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    """Without our short patience: how long a busy machine takes is not what these tests are about."""
    opened = Redis.from_url(redis_url)
    yield opened
    await opened.aclose()


async def _pass_time(client: Redis, span: int) -> None:
    """Times in the script matter only relative to now: to let time pass, move all that is remembered back."""
    for key, fields in TIMES.items():
        for name in await client.hkeys(key):
            if fields is None or name in fields:
                await client.hincrby(key, name, -span)


async def _follow(client: Redis, limits: Limits, operations: list[Operation]) -> None:
    await client.delete(*TIMES)
    script, model, passed = script_of(client, "gcra.lua"), Account(limits), 0
    for operation, amount, where in operations:
        if operation == "sleep":
            await _pass_time(client, amount)
            passed += amount
            continue
        keys, arguments = call_of("acme", limits, **where)
        first, wait, now = await script(keys, [operation, amount, *arguments])
        step = getattr(model, operation)(now + passed, amount, **where)
        expected = step if operation == "take" else (step or 0, 0)
        assert (first, wait) == expected


@example(limits=FULL, operations=[FLOOD, ("pause", 3 * SECOND, {}), REST, ("pause", 3 * SECOND, {}), LATER, FLOOD])
@example(limits=FULL, operations=[("pause", 0, {}), REST] * 9 + [FLOOD, LATER, FLOOD])
@example(limits=FULL, operations=[("pause", 0, {}), LATER, FLOOD, ("pause", 0, {}), FLOOD, LATER, FLOOD])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=LIMITS, operations=OPERATIONS)
def test_the_script_does_what_the_model_does(redis_url: str, limits: Limits, operations: list[Operation]) -> None:
    async def run() -> None:
        client = Redis.from_url(redis_url)
        try:
            await _follow(client, limits, operations)
        finally:
            await client.aclose()

    asyncio.run(run())


async def test_several_clients_together_never_get_more_than_the_bound_in_any_window(redis_url: str) -> None:
    """Each grant is dated by Redis' own clock, so the bound is checked exactly, whatever this machine's load."""
    limits, wanted = shared(Rate(per_s=2_000, burst=50)), 600
    grants: list[tuple[int, int]] = []

    async def ask(client: Redis, turn: int) -> None:
        script, (keys, arguments) = script_of(client, "gcra.lua"), call_of("acme", limits, turn=turn)
        while sum(count for _, count in grants) < wanted:
            granted, wait, now = await script(keys, ["take", 7, *arguments])
            grants.append((now, granted))
            await asyncio.sleep(wait / SECOND)

    clients = [connect(redis_url) for _ in range(4)]
    await asyncio.gather(*(ask(client, turn) for client, turn in zip(clients, (0, 0, 1, 2), strict=True)))
    await asyncio.gather(*(client.aclose() for client in clients))
    _check_windows(limits.account, sorted(grants))


def _check_windows(rate: Rate, grants: list[tuple[int, int]]) -> None:
    for first, (start, _) in enumerate(grants):
        granted = 0
        for now, count in grants[first:]:
            granted += count
            assert granted <= rate.burst + (now - start) / rate.emission + 1e-6


async def test_grants_n_of_want_and_says_when_to_ask_again(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": plain(Rate(per_s=0.01, burst=40))})
    grant = await limiter.take("acme", 100)
    assert grant.granted == 40
    # Half a burst at a hundred seconds a token.
    assert grant.wait_s == pytest.approx(2_000, rel=0.01)
    assert (await limiter.take("acme", 1)).granted == 0


async def test_unused_tokens_go_back(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": plain(Rate(per_s=0.01, burst=40))})
    await limiter.take("acme", 40)
    await limiter.give_back("acme", 15)
    assert await limiter.left("acme", 0.0) == 15
    assert await limiter.left("acme", 1_000.0) == 25
    assert (await limiter.take("acme", 100)).granted == 15


async def test_one_workers_pause_silences_all_and_a_shorter_one_does_not_end_it(client: Redis) -> None:
    rates = {"acme": plain(Rate(per_s=100, burst=10)), "other": plain(Rate(per_s=100, burst=10))}
    one, other, third = (RedisLimiter(client, rates) for _ in range(3))
    await one.pause("acme", 90)
    await other.pause("acme", 5)
    grant = await third.take("acme", 1)
    assert grant.granted == 0
    assert 60 < grant.wait_s <= 90
    assert await third.left("acme", 10) == 0
    assert (await third.take("other", 1)).granted == 1


async def test_a_pause_is_at_most_an_hour_and_never_negative(client: Redis) -> None:
    limiter = RedisLimiter(
        client, {"acme": plain(Rate(per_s=100, burst=10)), "other": plain(Rate(per_s=100, burst=10))}
    )
    await limiter.pause("acme", 1e9)
    assert 3_000 < (await limiter.take("acme", 1)).wait_s <= 3_600
    await limiter.pause("other", -5)
    assert (await limiter.take("other", 1)).granted == 1


async def test_every_key_carries_the_providers_hash_tag_and_expires(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": plain(Rate(per_s=0.01, burst=10))})
    await limiter.take("acme", 5)
    await limiter.pause("acme", 500)
    assert sorted(await client.keys("*")) == sorted(key.encode() for key in (CELL, PACE))
    assert 0 < await client.pttl(CELL) <= 500_000
    assert 0 < await client.pttl(PACE) <= 86_400_000


async def test_what_one_class_owes_is_not_forgotten_sooner_because_another_takes_little(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": shared(Rate(per_s=0.01, burst=40))})
    await limiter.take("acme", 100, priority=0)
    await limiter.give_back("acme", 40)
    await limiter.take("acme", 1, priority=9)
    assert await client.pttl(CELL) > 3_000_000


async def test_a_flush_in_between_costs_at_most_one_burst(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": plain(Rate(per_s=0.01, burst=10))})
    first = await limiter.take("acme", 100)
    await client.flushall()
    await client.script_flush()
    second = await limiter.take("acme", 100)
    assert (first.granted, second.granted) == (10, 10)


async def test_workers_whose_clocks_are_wrong_get_no_more_together(client: Redis) -> None:
    limits = {"acme": plain(Rate(per_s=0.01, burst=40))}
    clocks = (lambda: 0.0, lambda: 300.0, lambda: 1e9)
    limiters = [RedisLimiter(client, limits, monotonic=clock) for clock in clocks]
    assert sum([(await limiter.take("acme", 30)).granted for limiter in limiters]) == 40


async def test_without_redis_each_worker_keeps_to_its_share(unused_tcp_port: int) -> None:
    now = 0.0
    limiter = RedisLimiter(
        connect(f"redis://127.0.0.1:{unused_tcp_port}/0"),
        {"acme": plain(Rate(per_s=100, burst=50))},
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
    rates, now = {"acme": plain(Rate(per_s=100, burst=50))}, 0.0
    limiter = RedisLimiter(connect(f"redis://127.0.0.1:{unused_tcp_port}/0"), rates, monotonic=lambda: now)
    await limiter.pause("acme", 60)
    limiter._script = script_of(client, "gcra.lua")
    now = 30.0
    assert (await limiter.take("acme", 1)).granted == 0
    now = 61.0
    assert (await limiter.take("acme", 1)).granted == 1
    await limiter.aclose()


async def test_redis_is_asked_again_after_a_while(client: Redis, unused_tcp_port: int) -> None:
    now = 0.0
    limiter = RedisLimiter(
        connect(f"redis://127.0.0.1:{unused_tcp_port}/0"),
        {"acme": plain(Rate(per_s=0.01, burst=50))},
        monotonic=lambda: now,
    )
    await limiter.take("acme", 1)
    limiter._script = script_of(client, "gcra.lua")
    await limiter.take("acme", 1)
    assert await client.exists(CELL) == 0
    now = 2.0
    await limiter.take("acme", 1)
    assert await client.exists(CELL) == 1
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
    fake.refused_recipients.add("one")
    assert await fake.take_recipients("acme", ["one", "two"]) == [False, True]


async def test_one_workers_pause_slows_all_of_them_down_afterwards(client: Redis) -> None:
    limits = {"acme": plain(Rate(per_s=100, burst=100))}
    one, other = RedisLimiter(client, limits), RedisLimiter(client, limits)
    assert await other.left("acme", 100.0) == 10_100
    await one.pause("acme", 1)
    # A second of silence at 0.7 of the rate, fifteen in which it climbs, 84 of all; the full burst at the silence' end.
    climb = sum(0.7 + 0.02 * (n + 0.5) for n in range(15))
    assert await other.left("acme", 100.0) == pytest.approx(100 + 100 * (climb + 84), abs=5)


async def test_each_priority_finds_its_guarantee_whatever_others_took(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": shared(Rate(per_s=0.01, burst=40))})
    granted = [(await limiter.take("acme", 100, priority=priority)).granted for priority in (9, 7, 6, 4, 3, 0)]
    assert granted == [24, 0, 8, 0, 8, 0]


async def test_under_a_flood_each_class_gets_its_share_and_the_account_is_used_to_the_full(client: Redis) -> None:
    """Time passes only where all wait: by the least of what they were told, as in a world without other delays."""
    limits = shared(Rate(per_s=200, burst=40))
    script, passed, end = script_of(client, "gcra.lua"), 0, 5 * SECOND
    turns, due, got = (2, 2, 1, 0), [0, 0, 0, 0], Counter[int]()
    started = None
    while passed < end:
        caller = due.index(min(due))
        await _pass_time(client, max(due[caller] - passed, 1))
        passed = max(due[caller], passed + 1)
        keys, arguments = call_of("acme", limits, turn=turns[caller])
        granted, wait, now = await script(keys, ["take", 100, *arguments])
        started = started or now
        got[turns[caller]] += granted
        due[caller] = passed + wait
    seconds = (passed + now - started) / SECOND
    assert all(got[turn] >= 0.98 * share.fraction * 1_000 for turn, share in enumerate(SHARES))
    assert 0.98 * 1_000 <= sum(got.values()) <= 200 * seconds + 40


async def test_an_endpoints_limit_holds_besides_the_accounts(client: Redis) -> None:
    limits = Limits(account=Rate(per_s=0.01, burst=10), endpoints={"slow": Rate(per_s=0.01, burst=4)})
    limiter = RedisLimiter(client, {"acme": limits})
    assert (await limiter.take("acme", 9, endpoint="slow")).granted == 4
    await limiter.give_back("acme", 1, endpoint="slow")
    assert await limiter.left("acme", 0.0, endpoint="slow") == 1
    assert (await limiter.take("acme", 9)).granted == 7


async def test_a_recipient_is_taken_once_in_its_time_and_others_are_not_kept_from_theirs(client: Redis) -> None:
    limits = {"acme": replace(plain(Rate(per_s=1, burst=1)), recipient=Rate(per_s=1 / 60, burst=1))}
    one, other = RedisLimiter(client, limits), RedisLimiter(client, limits)
    a, b, c = RECIPIENTS
    assert await one.take_recipients("acme", [a, b, a]) == [True, True, False]
    assert await other.take_recipients("acme", [c, b]) == [True, False]
    assert all([59_000 < await client.pttl(f"duecourse:{{acme}}:to:{key}") <= 60_000 for key in RECIPIENTS])


async def test_without_a_limit_for_recipients_all_may_be_called(client: Redis) -> None:
    limiter = RedisLimiter(client, {"acme": plain(Rate(per_s=1, burst=1))})
    assert await limiter.take_recipients("acme", [RECIPIENTS[0]] * 2) == [True, True]
    assert await client.keys("*") == []


@pytest.mark.parametrize("address", ["+14155550100", "14155550100", "somebody@example.com", ""])
async def test_an_address_is_no_key_and_the_error_does_not_repeat_it(client: Redis, address: str) -> None:
    limiter = RedisLimiter(client, {"acme": plain(Rate(per_s=1, burst=1))})
    with pytest.raises(ValueError, match="acme") as caught:
        await limiter.take_recipients("acme", [address])
    assert not address or address not in str(caught.value)


async def test_without_redis_a_worker_still_keeps_recipients_apart(unused_tcp_port: int) -> None:
    limits = replace(plain(Rate(per_s=1, burst=1)), recipient=Rate(per_s=1 / 60, burst=1))
    now = 0.0
    limiter = RedisLimiter(connect(f"redis://127.0.0.1:{unused_tcp_port}/0"), {"acme": limits}, monotonic=lambda: now)
    assert await limiter.take_recipients("acme", RECIPIENTS[:2]) == [True, True]
    now = 59.0
    assert await limiter.take_recipients("acme", RECIPIENTS[1:]) == [False, True]
    await limiter.aclose()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    burst=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.integers(0, 90 * SECOND), st.lists(st.sampled_from(RECIPIENTS), min_size=1)), max_size=12
    ),
)
def test_the_recipients_script_does_what_the_model_does(
    redis_url: str, burst: int, steps: list[tuple[int, list[str]]]
) -> None:
    async def run() -> None:
        async with Redis.from_url(redis_url) as client:
            await _follow_recipients(client, Rate(per_s=1 / 60, burst=burst), steps)

    asyncio.run(run())


async def _follow_recipients(client: Redis, rate: Rate, steps: list[tuple[int, list[str]]]) -> None:
    await client.flushall()
    script, model, passed = script_of(client, "recipients.lua"), Recipients(rate), 0
    for gap, keys in steps:
        for key in await client.keys("*"):
            await client.decrby(key, gap)
        passed += gap
        *answer, now = await script(keys, [repr(rate.emission), rate.burst])
        assert [bool(one) for one in answer] == model.take(now + passed, keys)


def test_limits_come_from_the_providers_files(settings: Settings) -> None:
    provider = settings.provider("sandbox-sms")
    assert provider is not None
    endpoint, recipient = Endpoint(rate_per_s=3, burst=2), RecipientLimit(every_s=60)
    found = rates_of([replace(provider, endpoints={"eu": endpoint}, recipient=recipient)])["sandbox-sms"]
    assert found.account == Rate(per_s=400, burst=40)
    assert found.endpoints == {"eu": Rate(per_s=3, burst=2)}
    assert found.recipient == Rate(per_s=1 / 60, burst=1)
    assert (found.shares, found.reserve) == (SHARES, 0.5)
