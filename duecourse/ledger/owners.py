"""Owners of leases: a process proves that it lives by a lock that Postgres drops when its connection ends.

A sweep may take a lease away only if it has run out *and* its owner is gone: a frozen process still holds its lock.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.clock import read_lease

_BITS = 62
#: The lock is asked after this often. It may be lost in between: then the lease alone, which is far longer than a
#: call may last, keeps others off what was armed.
_TRUSTED_S = 1.0
#: A network that went silent is given up after half a minute, not after the two hours of the system's own patience.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
#: A half-open connection must not hold a dead process's lock for hours: Postgres asks after it and gives up.
_KEEPALIVE = "-c role=duecourse_app -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"

_RECORD = "INSERT INTO owners (owner, kind, started_at) VALUES (%s, %s, %s)"
#: With what it had in hand: a process that ends in good order is nobody's fault.
_FORGET = """
WITH ended AS (DELETE FROM trials WHERE owner = %(owner)s)
DELETE FROM owners WHERE owner = %(owner)s
"""


class Owner:
    """This process, as Postgres knows it. `id` is what leases carry: random, 62 bits, never used twice."""

    def __init__(self, owner_id: int, conn: psycopg.AsyncConnection[TupleRow]) -> None:
        self.id = owner_id
        self._conn = conn
        # One statement at a time on a connection; several jobs of a process may ask at once.
        self._asking = asyncio.Lock()
        self._answered = 0.0

    async def alive(self) -> bool:
        """Whether the lock is still held. When it is not, this process owns nothing and must not send."""
        async with self._asking:
            if not self._conn.closed and time.monotonic() - self._answered < _TRUSTED_S:
                return True
            try:
                await self._conn.execute("SELECT 1")
            except psycopg.Error:
                return False
            self._answered = time.monotonic()
        return True


@asynccontextmanager
async def hold_owner(database_url: str, kind: str) -> AsyncIterator[Owner]:
    """Become an owner for as long as the block lasts, on a connection of its own.

    Args:
        database_url: the application's; a pooler in front must be in session mode.
        kind: what the process does: `worker:sms`, `scheduler`.

    Raises:
        StoreUnavailable: Postgres cannot be reached.
    """
    try:
        conn = await psycopg.AsyncConnection.connect(
            database_url,
            autocommit=True,
            options=_KEEPALIVE,
            application_name=f"duecourse owner {kind}"[:60],
            **KEEPALIVE,
        )
    except psycopg.OperationalError as exc:
        raise StoreUnavailable(f"Postgres: {type(exc).__name__}") from exc
    async with conn:
        owner = Owner(secrets.randbits(_BITS) or 1, conn)
        # The lock first: an owner that can be read is an owner that holds its lock.
        await conn.execute("SELECT pg_advisory_lock(%s)", (owner.id,))
        await conn.execute(_RECORD, (owner.id, kind, await read_lease(conn)))
        yield owner
        if await owner.alive():
            await conn.execute(_FORGET, {"owner": owner.id})


class LivingOwner:
    """An `Owner` port: the same id while its session holds, a new one after the session was lost."""

    def __init__(self, database_url: str, kind: str) -> None:
        self._database_url = database_url
        self._kind = kind
        self._stack = AsyncExitStack()
        self._owner: Owner | None = None
        self._renewing = asyncio.Lock()

    async def current(self) -> int:
        """The id under which leases may be taken now.

        Raises:
            StoreUnavailable: Postgres cannot be reached.
        """
        async with self._renewing:
            if self._owner is None or not await self._owner.alive():
                await self.aclose()
                self._owner = await self._stack.enter_async_context(hold_owner(self._database_url, self._kind))
            return self._owner.id

    async def aclose(self) -> None:
        self._owner = None
        with suppress(psycopg.Error):
            await self._stack.aclose()
