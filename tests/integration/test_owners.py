"""Who lives, asked of Postgres: a process that was killed is gone, one that was frozen is not."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.owners import hold_owner

Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]

HOLD = """
import asyncio, sys
from duecourse.ledger.owners import hold_owner

async def main() -> None:
    async with hold_owner(sys.argv[1], "test") as owner:
        print(owner.id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def gone(url: str, owner: int) -> bool:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        row = await (await conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (owner,))).fetchone()
        return row is not None and bool(row[0])


async def another_process(url: str, environment: dict[str, str]) -> tuple[asyncio.subprocess.Process, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, url, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, int(await process.stdout.readline())


async def test_an_owner_lives_for_as_long_as_its_block(database_url: str, eventually: Eventually) -> None:
    async with hold_owner(database_url, "test") as owner:
        assert await owner.alive()
        assert not await gone(database_url, owner.id)
    assert not await owner.alive()
    await eventually(lambda: gone(database_url, owner.id))


async def test_an_owner_is_on_record_while_it_lives(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        async with hold_owner(database_url, "worker:sms") as owner:
            rows = await (await conn.execute("SELECT owner, kind FROM owners")).fetchall()
            assert rows == [(owner.id, "worker:sms")]
        assert await (await conn.execute("SELECT owner FROM owners")).fetchall() == []


async def test_two_owners_are_never_the_same(database_url: str) -> None:
    async with hold_owner(database_url, "a") as one, hold_owner(database_url, "b") as other:
        assert one.id != other.id
        assert 0 < one.id < 2**62


async def test_a_killed_process_is_gone_and_a_frozen_one_is_not(
    database_url: str, environment: dict[str, str], eventually: Eventually
) -> None:
    process, owner = await another_process(database_url, environment)
    os.kill(process.pid, signal.SIGSTOP)
    assert not await gone(database_url, owner)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    await eventually(lambda: gone(database_url, owner))


async def test_an_owner_whose_connection_was_ended_knows_that_it_is_dead(
    database_url: str, owner_database_url: str
) -> None:
    async with hold_owner(database_url, "test") as owner:
        async with await psycopg.AsyncConnection.connect(owner_database_url, autocommit=True) as conn:
            await conn.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
                " AND (classid::bigint << 32 | objid::bigint) = %s",
                (owner.id,),
            )
        assert not await owner.alive()
        assert await gone(database_url, owner.id)


async def test_many_may_ask_an_owner_at_once(database_url: str) -> None:
    async with hold_owner(database_url, "test") as owner:
        assert await asyncio.gather(*(owner.alive() for _ in range(20))) == [True] * 20


async def test_an_owner_needs_a_server() -> None:
    with pytest.raises(StoreUnavailable):
        async with hold_owner("postgresql://nobody@127.0.0.1:1/nothing", "test"):
            pass
