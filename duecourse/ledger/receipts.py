"""Receipts: that each is applied once, and what it moves."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState, due_range
from duecourse.domain.receipt import Incoming, Match, Move, Standing

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_RECORD = """
INSERT INTO receipts (provider, event_key, inbox_id, kind, contact_id, applied_at)
SELECT provider, event_key, inbox_id, kind, contact_id, %(business)s
FROM unnest(%(providers)s::text[], %(keys)s::text[], %(inboxes)s::bigint[], %(kinds)s::text[], %(contacts)s::bigint[])
    AS u (provider, event_key, inbox_id, kind, contact_id)
-- In one order everywhere: two workers that hold the same doubled receipts wait, and never for each other.
ORDER BY provider, event_key
ON CONFLICT DO NOTHING
RETURNING provider, event_key
"""
_LOCK_CONTACTS = """
SELECT c.contact_id, c.due_on, c.borrower_id, c.state,
       (SELECT a.idempotency_key FROM attempts a
        WHERE a.due_on = c.due_on AND a.contact_id = c.contact_id AND a.kind <> 'lookup'
          AND a.due_on >= %(first)s AND a.due_on < %(last)s
        ORDER BY a.number DESC LIMIT 1)
FROM contacts c
WHERE c.due_on >= %(first)s AND c.due_on < %(last)s AND c.contact_id = ANY (%(ids)s)
ORDER BY c.contact_id
FOR NO KEY UPDATE
"""
_MOVE = """
UPDATE contacts c SET state = u.state, state_at = %(business)s, reason = u.reason,
    owner = NULL, lease_until = NULL, resolve_after = NULL, released_at = NULL
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(states)s::text[], %(reasons)s::text[])
    AS u (contact_id, due_on, state, reason)
WHERE c.due_on = u.due_on AND c.contact_id = u.contact_id AND c.contact_id = ANY (%(ids)s)
"""
#: A receipt proves that the provider took the message: it counts against the budget whatever we believed.
_PROVE = """
WITH proved AS (
    UPDATE attempts a SET counted = counted OR kind = 'send',
        provider_message_id = coalesce(a.provider_message_id, u.message_id)
    FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(numbers)s::smallint[], %(messages)s::text[])
        AS u (contact_id, due_on, number, message_id)
    WHERE a.due_on = u.due_on AND a.contact_id = u.contact_id AND a.number = u.number
      AND a.contact_id = ANY (%(ids)s)
      AND (NOT a.counted OR a.provider_message_id IS NULL)
    RETURNING a.contact_id, a.due_on, a.number, a.provider_message_id AS message_id
)
INSERT INTO messages (contact_id, due_on, number, message_id)
SELECT contact_id, due_on, number, message_id FROM proved p
WHERE message_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM messages m WHERE m.message_id = p.message_id AND m.contact_id = p.contact_id AND m.number = p.number)
"""


class ReceiptRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def lock_contacts(self, contact_ids: Iterable[int]) -> dict[int, Standing]:
        ids = sorted(set(contact_ids))
        if not ids:
            return {}
        first, last = due_range(ids)
        cursor = await self._conn.execute(_LOCK_CONTACTS, {"first": first, "last": last, "ids": ids})
        return {
            row[0]: Standing(
                contact_id=row[0], due_on=row[1], borrower_id=row[2], state=ContactState(row[3]), latest_key=row[4]
            )
            for row in await cursor.fetchall()
        }

    async def record(self, items: Sequence[tuple[Incoming, Match | None]], *, times: Times) -> set[tuple[str, str]]:
        """Note each receipt. Returns (provider, event key) of those that were not here before."""
        cursor = await self._conn.execute(
            _RECORD,
            {
                "providers": [item.provider for item, _ in items],
                "keys": [item.receipt.event_key for item, _ in items],
                "inboxes": [item.inbox_id for item, _ in items],
                "kinds": [item.receipt.kind.value for item, _ in items],
                "contacts": [match.contact_id if match else None for _, match in items],
                "business": times.business,
            },
        )
        return {(row[0], row[1]) for row in await cursor.fetchall()}

    async def move(self, moves: Sequence[Move], *, times: Times) -> None:
        """Set states; Postgres refuses what the table of transitions does not list."""
        if not moves:
            return
        await self._conn.execute(
            _MOVE,
            {
                "ids": [m.contact_id for m in moves],
                "due": [m.due_on for m in moves],
                "states": [m.state.value for m in moves],
                "reasons": [m.reason for m in moves],
                "business": times.business,
            },
        )

    async def prove_sent(self, proofs: Sequence[tuple[Match, str | None]]) -> None:
        """These attempts reached their provider, under this message id."""
        if not proofs:
            return
        await self._conn.execute(
            _PROVE,
            {
                "ids": [match.contact_id for match, _ in proofs],
                "due": [match.due_on for match, _ in proofs],
                "numbers": [match.number for match, _ in proofs],
                "messages": [message for _, message in proofs],
            },
        )
