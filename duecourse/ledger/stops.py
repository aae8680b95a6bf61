"""Stop events: what a borrower said or suffered that closes doors. The gate reads them at the claim."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from duecourse.domain.clock import Times
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.ledger.debtors import find_loan, lock_debtor
from duecourse.ledger.events import EventRows
from duecourse.ledger.evidence import put_once
from duecourse.ports.evidence import NewStop, Recorded, StopRecord

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_ADD = """
INSERT INTO stop_events (borrower_id, loan_id, kind, evidence, channels, purposes, happened_at, ends_at, recorded_at,
                         recorded_by)
VALUES (%(borrower)s, %(loan)s, %(kind)s, %(evidence)s, %(channels)s, %(purposes)s, %(happened)s, %(ends)s, %(now)s,
        %(actor)s)
ON CONFLICT (borrower_id, kind, evidence) DO NOTHING
RETURNING stop_id
"""
_KNOWN = """
SELECT stop_id, loan_id IS NOT DISTINCT FROM %(loan)s AND channels = %(channels)s AND purposes = %(purposes)s
       AND ends_at IS NOT DISTINCT FROM %(ends)s
FROM stop_events WHERE borrower_id = %(borrower)s AND kind = %(kind)s AND evidence = %(evidence)s
"""
_LOCK_STOPPED = """
SELECT b.borrower_id FROM stop_events s JOIN borrowers b USING (borrower_id) WHERE s.stop_id = %s
FOR NO KEY UPDATE OF b
"""
_LIFT = "UPDATE stop_events SET lifted_at = %s, lifted_by = %s WHERE stop_id = %s AND lifted_at IS NULL"
_LIST = """
SELECT s.stop_id, b.external_id AS borrower, l.external_id AS loan, s.kind, s.evidence, s.channels, s.purposes,
       s.happened_at, s.ends_at, s.recorded_by, s.lifted_at, s.lifted_by
FROM stop_events s JOIN borrowers b USING (borrower_id) LEFT JOIN loans l ON l.loan_id = s.loan_id
WHERE (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s)
  AND (%(all)s OR (s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > %(now)s)))
ORDER BY s.stop_id LIMIT %(limit)s
"""


class StopRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def record(self, stop: NewStop, *, times: Times, actor: str) -> Recorded:
        """Write it once: the same kind with the same evidence is the same event.

        Raises:
            InputError: no such borrower, the loan is not theirs, or the evidence was recorded with another content.
        """
        debtor = await lock_debtor(self._conn, stop.borrower)
        loan_id = await find_loan(self._conn, stop.loan, debtor.borrower_id)
        values = {
            "borrower": debtor.borrower_id,
            "loan": loan_id,
            "kind": stop.kind,
            "evidence": stop.evidence,
            "channels": sorted(stop.channels),
            "purposes": sorted(stop.purposes),
            "happened": stop.happened_at or times.business,
            "ends": stop.ends_at,
            "now": times.business,
            "actor": actor,
        }
        recorded = await put_once(self._conn, values, add=_ADD, known=_KNOWN)
        if not recorded.repeated:
            data = {"stop_id": recorded.number, "kind": stop.kind.value, "loan_id": loan_id}
            event = Event(kind="stop.recorded", borrower_id=debtor.borrower_id, data=data)
            await self._events.append(times, actor, [event])
        return recorded

    async def lift(self, stop_id: int, *, times: Times, actor: str) -> bool:
        """End it now; False where it had been lifted before.

        Raises:
            InputError: no such stop.
        """
        row = await (await self._conn.execute(_LOCK_STOPPED, (stop_id,))).fetchone()
        if row is None:
            raise InputError(f"stop {stop_id}: no such stop")
        cursor = await self._conn.execute(_LIFT, (times.business, actor, stop_id))
        if cursor.rowcount:
            event = Event(kind="stop.lifted", borrower_id=row[0], data={"stop_id": stop_id})
            await self._events.append(times, actor, [event])
        return bool(cursor.rowcount)

    async def listed(
        self, borrower: str | None, *, now: datetime, everything: bool, limit: int
    ) -> Sequence[StopRecord]:
        """In the order they were recorded: those in force, or `everything`; of one borrower or of all."""
        async with self._conn.cursor(row_factory=class_row(StopRecord)) as cursor:
            await cursor.execute(_LIST, {"borrower": borrower, "all": everything, "now": now, "limit": limit})
            return await cursor.fetchall()
