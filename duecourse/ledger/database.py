"""Connections and transactions. Every statement runs in the application's role, in UTC."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.book import BookRows
from duecourse.ledger.claims import ClaimRows
from duecourse.ledger.contacts import ContactRows
from duecourse.ledger.crypto import Vault
from duecourse.ledger.demands import DemandRows
from duecourse.ledger.events import EventRows
from duecourse.ledger.inbox import InboxRows
from duecourse.ledger.matches import MatchRows
from duecourse.ledger.owners import KEEPALIVE
from duecourse.ledger.planning import PlanRows
from duecourse.ledger.preferences import PreferenceRows
from duecourse.ledger.receipts import ReceiptRows
from duecourse.ledger.releasing import ReleaseRows
from duecourse.ledger.reviews import ReviewRows
from duecourse.ledger.routing import RouteRows
from duecourse.ledger.settlement import SettlementRows
from duecourse.ledger.stories import StoryRows
from duecourse.ledger.suppressions import SuppressionRows
from duecourse.ledger.sweeping import SweepRows
from duecourse.ledger.trials import TrialRows
from duecourse.ledger.verdicts import VerdictRows

Connection = psycopg.AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]

APP_ROLE = "duecourse_app"
#: No compiler: its work on a statement of ours takes longer than the statement.
_SESSION = f"-c role={APP_ROLE} -c timezone=UTC -c jit=off"
#: Few statements, run for ever, each of which finds its rows by key. Planning them anew took a fifth of Postgres' time;
#: planned once, while a month is new and empty, they would read it from end to end for as long as the plan is kept.
_BY_KEY = " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
#: A connection that answered this lately is not asked again.
_TRUSTED_S = 1.0


@dataclass(frozen=True)
class PostgresTransaction:
    """One open transaction, seen by aggregate."""

    conn: Connection
    vault: Vault

    def together(self) -> AbstractAsyncContextManager[object]:
        return self.conn.pipeline()

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
    def routing(self) -> RouteRows:
        return RouteRows(self.conn)

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
    def verdicts(self) -> VerdictRows:
        return VerdictRows(self.conn)

    @cached_property
    def trials(self) -> TrialRows:
        return TrialRows(self.conn)

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
    def demands(self) -> DemandRows:
        return DemandRows(self.conn, self.vault)

    @cached_property
    def suppressions(self) -> SuppressionRows:
        return SuppressionRows(self.conn, self.vault)

    @cached_property
    def preferences(self) -> PreferenceRows:
        return PreferenceRows(self.conn)

    @cached_property
    def reviews(self) -> ReviewRows:
        return ReviewRows(self.conn)

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
    async def statement(self) -> AsyncIterator[Connection]:
        """A connection for one reading statement, which is then its own transaction: one round trip, not three.

        Raises:
            StoreUnavailable: Postgres cannot be reached.
        """
        try:
            async with self.pool.connection() as conn:
                await conn.set_autocommit(True)
                try:
                    yield conn
                finally:
                    await conn.set_autocommit(False)
        except (PoolTimeout, psycopg.OperationalError) as exc:
            raise StoreUnavailable(f"Postgres: {type(exc).__name__}") from exc


class _Check:
    """Asks a connection whether it lives before it is used, so that a restarted Postgres costs nobody a batch."""

    def __init__(self) -> None:
        self._answered: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    async def __call__(self, conn: Connection) -> None:
        if time.monotonic() - self._answered.get(conn, 0.0) > _TRUSTED_S:
            await AsyncConnectionPool.check_connection(conn)
            self._answered[conn] = time.monotonic()


@asynccontextmanager
async def open_ledger(
    database_url: str, vault: Vault, *, max_size: int = 8, timeout_s: float = 10.0, by_key: bool = False
) -> AsyncIterator[PostgresLedger]:
    """A ledger over a pool of connections, closed at the end.

    Args:
        database_url: the application's.
        vault: seals and opens personal data.
        max_size: connections at most.
        timeout_s: seconds to wait for a connection.
        by_key: every statement finds its rows by key: plan each once per connection, and by an index.

    Raises:
        StoreUnavailable: no connection within `timeout_s`.
    """
    pool: Pool = AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=max_size,
        timeout=timeout_s,
        kwargs={
            "options": _SESSION + (_BY_KEY if by_key else ""),
            "application_name": _application_name(),
            "prepare_threshold": 0 if by_key else 5,
            **KEEPALIVE,
        },
        check=_Check(),
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
