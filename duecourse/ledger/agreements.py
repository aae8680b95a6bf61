"""Agreements and consents with their proof: what lifts a rule that says so. The gate reads them at the claim."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from duecourse.domain.clock import Times
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.ledger.debtors import lock_debtor
from duecourse.ledger.events import EventRows
from duecourse.ledger.evidence import put_once
from duecourse.ledger.hours import shown_hours, stored_hours
from duecourse.ports.evidence import Agreement, NewAgreement, Recorded

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_ADD = """
INSERT INTO agreements (borrower_id, kind, evidence, text_hash, channels, purposes, rules, hours, given_at, expires_at,
                        recorded_at, recorded_by)
VALUES (%(borrower)s, %(kind)s, %(evidence)s, %(hash)s, %(channels)s, %(purposes)s, %(rules)s, %(hours)s, %(given)s,
        %(expires)s, %(now)s, %(actor)s)
ON CONFLICT (borrower_id, evidence) DO NOTHING
RETURNING agreement_id
"""
_KNOWN = """
SELECT agreement_id, kind = %(kind)s AND text_hash IS NOT DISTINCT FROM %(hash)s AND channels = %(channels)s
       AND purposes = %(purposes)s AND rules = %(rules)s AND hours = %(hours)s
       AND expires_at IS NOT DISTINCT FROM %(expires)s
FROM agreements WHERE borrower_id = %(borrower)s AND evidence = %(evidence)s
"""
_LOCK_AGREED = """
SELECT b.borrower_id FROM agreements a JOIN borrowers b USING (borrower_id) WHERE a.agreement_id = %s
FOR NO KEY UPDATE OF b
"""
_REVOKE = "UPDATE agreements SET revoked_at = %s, revoked_by = %s WHERE agreement_id = %s AND revoked_at IS NULL"
_LIST = """
SELECT a.agreement_id, b.external_id AS borrower, a.kind, a.evidence, encode(a.text_hash, 'hex') AS text_hash,
       a.channels, a.purposes, a.rules, a.hours, a.given_at, a.expires_at, a.recorded_by, a.revoked_at, a.revoked_by
FROM agreements a JOIN borrowers b USING (borrower_id)
WHERE (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s)
  AND (%(all)s OR (a.revoked_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > %(now)s)))
ORDER BY a.agreement_id LIMIT %(limit)s
"""


class AgreementRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def record(self, agreement: NewAgreement, *, times: Times, actor: str) -> Recorded:
        """Write it once: the same evidence of the same borrower is the same agreement.

        Raises:
            InputError: no such borrower, or the evidence was recorded with another content.
        """
        debtor = await lock_debtor(self._conn, agreement.borrower)
        values = {
            "borrower": debtor.borrower_id,
            "kind": agreement.kind,
            "evidence": agreement.evidence,
            "hash": agreement.text_hash,
            "channels": sorted(agreement.channels),
            "purposes": sorted(agreement.purposes),
            "rules": sorted(agreement.rules),
            "hours": Jsonb([stored_hours(hours) for hours in agreement.hours]),
            "given": agreement.given_at or times.business,
            "expires": agreement.expires_at,
            "now": times.business,
            "actor": actor,
        }
        recorded = await put_once(self._conn, values, add=_ADD, known=_KNOWN)
        if not recorded.repeated:
            data = {"agreement_id": recorded.number, "kind": agreement.kind.value}
            event = Event(kind="agreement.recorded", borrower_id=debtor.borrower_id, data=data)
            await self._events.append(times, actor, [event])
        return recorded

    async def revoke(self, agreement_id: int, *, times: Times, actor: str) -> bool:
        """End it now; False where it had been revoked before.

        Raises:
            InputError: no such agreement.
        """
        row = await (await self._conn.execute(_LOCK_AGREED, (agreement_id,))).fetchone()
        if row is None:
            raise InputError(f"agreement {agreement_id}: no such agreement")
        cursor = await self._conn.execute(_REVOKE, (times.business, actor, agreement_id))
        if cursor.rowcount:
            event = Event(kind="agreement.revoked", borrower_id=row[0], data={"agreement_id": agreement_id})
            await self._events.append(times, actor, [event])
        return bool(cursor.rowcount)

    async def listed(self, borrower: str | None, *, now: datetime, everything: bool, limit: int) -> Sequence[Agreement]:
        """In the order they were recorded: those in force, or `everything`; of one borrower or of all."""
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_LIST, {"borrower": borrower, "all": everything, "now": now, "limit": limit})
            return [
                Agreement(**row | {"hours": list(map(shown_hours, row["hours"]))}) for row in await cursor.fetchall()
            ]
