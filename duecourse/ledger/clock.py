"""The clock service: the only SQL that asks for the time. Everything else takes it as a parameter."""

from typing import TYPE_CHECKING

from duecourse.domain.clock import Times

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection, PostgresLedger

_READ = "SELECT clock_timestamp(), (SELECT business FROM virtual_clock WHERE %s)"


async def read_times(conn: "Connection", *, virtual: bool) -> Times:
    """Both times from the database: lease time is its own, business time the same unless a virtual clock is set."""
    cursor = await conn.execute(_READ, (virtual,))
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("the database did not tell the time")
    lease, business = row
    return Times(business=business or lease, lease=lease)


class LedgerClock:
    """A `Clock` that reads Postgres, so that all processes agree whatever their hosts think."""

    def __init__(self, ledger: "PostgresLedger", *, virtual: bool) -> None:
        self._ledger = ledger
        self._virtual = virtual

    async def read(self) -> Times:
        async with self._ledger.transaction() as tx:
            return await read_times(tx.conn, virtual=self._virtual)
