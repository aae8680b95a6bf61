"""Holds: dated intervals in which a borrower, or one loan, is left in peace. The gate reads them at the claim."""

from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from duecourse.domain.clock import Times
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.domain.hold import Hold, NewHold
from duecourse.ledger.debtors import find_loan, lock_debtor
from duecourse.ledger.events import EventRows

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_PLACE = """
INSERT INTO holds (borrower_id, loan_id, channel, reason, starts_at, ends_at, placed_by)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING hold_id
"""
_LOCK_HELD = """
SELECT b.borrower_id FROM holds h JOIN borrowers b USING (borrower_id) WHERE h.hold_id = %s FOR NO KEY UPDATE OF b
"""
_RELEASE = "UPDATE holds SET released_at = %s, released_by = %s WHERE hold_id = %s AND released_at IS NULL"
_LIST = """
SELECT h.hold_id, b.external_id AS borrower, l.external_id AS loan, h.channel, h.reason, h.starts_at, h.ends_at,
       h.placed_by, h.released_at, h.released_by
FROM holds h JOIN borrowers b USING (borrower_id) LEFT JOIN loans l ON l.loan_id = h.loan_id
WHERE (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s)
  AND (%(all)s OR (h.released_at IS NULL AND (h.ends_at IS NULL OR h.ends_at > %(now)s)))
ORDER BY h.hold_id LIMIT %(limit)s
"""


class HoldRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def place(self, hold: NewHold, *, times: Times) -> int:
        """Place a hold and return its id.

        Raises:
            InputError: no such borrower, or the loan is not theirs.
        """
        borrower_id = (await lock_debtor(self._conn, hold.borrower)).borrower_id
        loan_id = await find_loan(self._conn, hold.loan, borrower_id)
        starts_at = hold.starts_at or times.business
        cursor = await self._conn.execute(
            _PLACE, (borrower_id, loan_id, hold.channel, hold.reason, starts_at, hold.ends_at, hold.placed_by)
        )
        (hold_id,) = await cursor.fetchone() or (0,)
        await self._log("hold.placed", borrower_id, hold_id, times=times, actor=hold.placed_by)
        return int(hold_id)

    async def release(self, hold_id: int, *, times: Times, actor: str) -> bool:
        """End a hold now; False where it had been released before.

        Raises:
            InputError: no such hold.
        """
        cursor = await self._conn.execute(_LOCK_HELD, (hold_id,))
        row = await cursor.fetchone()
        if row is None:
            raise InputError(f"hold {hold_id}: no such hold")
        cursor = await self._conn.execute(_RELEASE, (times.business, actor, hold_id))
        if not cursor.rowcount:
            return False
        await self._log("hold.released", row[0], hold_id, times=times, actor=actor)
        return True

    async def listed(self, borrower: str | None, *, now: datetime, everything: bool, limit: int) -> list[Hold]:
        """Holds in id order: those in force or to come, or `everything`; of one borrower or of all."""
        async with self._conn.cursor(row_factory=class_row(Hold)) as cursor:
            await cursor.execute(_LIST, {"borrower": borrower, "all": everything, "now": now, "limit": limit})
            return await cursor.fetchall()

    async def _log(self, kind: str, borrower_id: int, hold_id: int, *, times: Times, actor: str) -> None:
        await self._events.append(times, actor, [Event(kind=kind, borrower_id=borrower_id, data={"hold_id": hold_id})])
