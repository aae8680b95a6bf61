"""Connections and transactions. Every statement runs in the application's role, in UTC."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.book import BookRows
from duecourse.ledger.claims import ClaimRows
from duecourse.ledger.contacts import ContactRows
from duecourse.ledger.crypto import Vault
from duecourse.ledger.events import EventRows
from duecourse.ledger.inbox import InboxRows
from duecourse.ledger.matches import MatchRows
from duecourse.ledger.planning import PlanRows
from duecourse.ledger.receipts import ReceiptRows
from duecourse.ledger.releasing import ReleaseRows
from duecourse.ledger.settlement import SettlementRows
from duecourse.ledger.stories import StoryRows
from duecourse.ledger.sweeping import SweepRows

Connection = psycopg.AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]

APP_ROLE = "duecourse_app"
_SESSION = f"-c role={APP_ROLE} -c timezone=UTC"


@dataclass(frozen=True)
class PostgresTransaction:
    """One open transaction, seen by aggregate."""

    conn: Connection
    vault: Vault

    @cached_property
    def book(self) -> BookRows:
        return BookRows(self.conn, self.vault)

    @cached_property
    def contacts(self) -> ContactRows:
        return ContactRows(self.conn, self.vault)

    @cached_property
    def planning(self) -> PlanRows:
        return PlanRows(self.conn)

    @cached_property
    def releases(self) -> ReleaseRows:
        return ReleaseRows(self.conn)

    @cached_property
    def claims(self) -> ClaimRows:
        return ClaimRows(self.conn, self.vault)

    @cached_property
    def settlements(self) -> SettlementRows:
        return SettlementRows(self.conn)

    @cached_property
    def sweeps(self) -> SweepRows:
        return SweepRows(self.conn)

    @cached_property
    def events(self) -> EventRows:
        return EventRows(self.conn)

    @cached_property
    def inbox(self) -> InboxRows:
        return InboxRows(self.conn, self.vault)

    @cached_property
    def matches(self) -> MatchRows:
        return MatchRows(self.conn, self.vault)

    @cached_property
    def receipts(self) -> ReceiptRows:
        return ReceiptRows(self.conn)

    @cached_property
    def stories(self) -> StoryRows:
        return StoryRows(self.conn, self.vault)


class PostgresLedger:
    """The truth. Open it once per process with `open_ledger`."""

    def __init__(self, pool: Pool, vault: Vault) -> None:
        self.pool = pool
        self.vault = vault

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """Commit when the block ends well, roll back when it raises.

        Raises:
            StoreUnavailable: Postgres cannot be reached.
        """
        try:
            async with self.pool.connection() as conn:
                yield PostgresTransaction(conn, self.vault)
        except (PoolTimeout, psycopg.OperationalError) as exc:
            raise StoreUnavailable(f"Postgres: {type(exc).__name__}") from exc


@asynccontextmanager
async def open_ledger(
    database_url: str, vault: Vault, *, max_size: int = 8, timeout_s: float = 10.0
) -> AsyncIterator[PostgresLedger]:
    """A ledger over a pool of connections, closed at the end.

    Raises:
        StoreUnavailable: no connection within `timeout_s`.
    """
    pool: Pool = AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=max_size,
        timeout=timeout_s,
        kwargs={"options": _SESSION, "application_name": _application_name()},
        # One round trip, so that a restarted Postgres costs nobody a batch.
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=timeout_s)
    except PoolTimeout as exc:
        await pool.close()
        raise StoreUnavailable("Postgres cannot be reached: check DATABASE_URL, and that migrations have run") from exc
    try:
        yield PostgresLedger(pool, vault)
    finally:
        await pool.close()


def _application_name() -> str:
    return f"duecourse {sys.argv[0].rsplit('/', 1)[-1]}"[:60]
