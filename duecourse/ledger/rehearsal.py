"""A ledger that forgets: for asking what a use case would do. Every transaction is rolled back at its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from duecourse.ledger.database import PostgresLedger, PostgresTransaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """Stands for `ledger`. A use case that reads in one transaction what it wrote in another won't find it."""

    ledger: PostgresLedger

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        async with self.ledger.transaction() as tx:
            yield tx
            await tx.conn.rollback()
