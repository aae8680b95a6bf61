"""The clock service: the only SQL that asks for the time. Everything else takes it as a parameter."""

from datetime import datetime
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection, PostgresLedger

_LEASE = "SELECT clock_timestamp()"
_READ = "SELECT clock_timestamp(), (SELECT business FROM virtual_clock WHERE %s)"

_STEP = """
WITH stepped AS (
    INSERT INTO virtual_steps (business, stepped_at) VALUES (%(business)s, %(lease)s)
    ON CONFLICT (business) DO UPDATE SET stepped_at = excluded.stepped_at
)
INSERT INTO virtual_clock (business) VALUES (%(business)s)
ON CONFLICT (only_row) DO UPDATE SET business = excluded.business
"""


async def read_times(conn: "Connection", *, virtual: bool) -> Times:
    """Both times from the database: lease time is its own, business time the same unless a virtual clock is set."""
    cursor = await conn.execute(_READ, (virtual,))
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("the database did not tell the time")
    lease, business = row
    return Times(business=business or lease, lease=lease)


async def read_lease(conn: "Connection") -> datetime:
    """The database's own time, whatever tables there are."""
    row = await (await conn.execute(_LEASE)).fetchone()
    if row is None:
        raise RuntimeError("the database did not tell the time")
    lease: datetime = row[0]
    return lease


async def step_virtual_clock(conn: "Connection", business: datetime) -> None:
    """Set the stepped business clock, and remember when that was done.

    Raises:
        ValueError: `business` is naive.
    """
    if business.tzinfo is None:
        raise ValueError("business time must be aware: give it a time zone")
    lease = await read_lease(conn)
    await conn.execute(_STEP, {"business": business, "lease": lease})


class LedgerClock:
    """A `Clock` that reads Postgres, so that all processes agree whatever their hosts think."""

    def __init__(self, ledger: "PostgresLedger", *, virtual: bool) -> None:
        self._ledger = ledger
        self._virtual = virtual

    async def read(self) -> Times:
        async with self._ledger.statement() as conn:
            return await read_times(conn, virtual=self._virtual)
