"""The settle: what each call came to. Late evidence is kept even where the contact has moved on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState
from duecourse.ledger.statements import WITHOUT_NESTED_LOOPS, Column, Ids, Texts, columns
from duecourse.ports import Settled, Settlement

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: Rows are locked in id order, like everywhere, before any of them is changed.
_LOCK = """
SELECT contact_id FROM contacts
WHERE due_on >= %(first)s AND due_on <= %(last)s AND contact_id = ANY (%(ids)s)
ORDER BY contact_id FOR NO KEY UPDATE
"""

#: An attempt's outcome is written once. It counts as a contact made unless it is proved unsent.
#: Only the holder of the fence may move the contact.
#: What a receipt told of it meanwhile stays. Under the provider's id it is found by `messages`.
#: Ids are named twice: joined alone, a partition without statistics is read from end to end.
_SETTLE = """
WITH u AS MATERIALIZED (
    SELECT contact_id, number::smallint, fence::integer, outcome, code, message_id, unsent = 1 AS unsent, state, reason,
           not_before::timestamptz, wait_s::double precision, failed::integer, negative::integer
    FROM unnest(%(ids)s, %(number)s, %(fence)s, %(outcome)s, %(code)s, %(message_id)s, %(unsent)s, %(state)s,
                %(reason)s, %(not_before)s, %(wait_s)s, %(failed)s, %(negative)s)
        AS r (contact_id, number, fence, outcome, code, message_id, unsent, state, reason, not_before, wait_s, failed,
              negative)
), recorded AS (
    UPDATE attempts a
    SET outcome = u.outcome, code = u.code, settled_at = %(lease)s, counted = a.counted AND NOT u.unsent,
        provider_message_id = coalesce(u.message_id, a.provider_message_id)
    FROM u
    WHERE a.contact_id = u.contact_id AND a.number = u.number AND a.outcome IS NULL
      AND a.contact_id = ANY (%(ids)s) AND a.due_on BETWEEN %(first)s AND %(last)s
    RETURNING a.contact_id, a.due_on, a.number, u.message_id
), noted AS (
    INSERT INTO messages (contact_id, due_on, number, message_id)
    SELECT contact_id, due_on, number, message_id FROM recorded WHERE message_id IS NOT NULL
), moved AS (
    UPDATE contacts c
    SET state = u.state, state_at = %(now)s, reason = u.reason, owner = NULL, lease_until = NULL,
        not_before = coalesce(u.not_before, c.not_before), failures = c.failures + u.failed,
        resolve_after = %(lease)s + make_interval(secs => u.wait_s),
        negatives = CASE WHEN u.state = 'unknown' THEN c.negatives + u.negative ELSE 0 END
    FROM u
    WHERE c.contact_id = u.contact_id AND c.fence = u.fence AND c.state IN ('sending', 'unknown')
      AND c.contact_id = ANY (%(ids)s) AND c.due_on BETWEEN %(first)s AND %(last)s
    RETURNING c.contact_id
)
SELECT (SELECT array_agg(contact_id) FROM recorded), (SELECT array_agg(contact_id) FROM moved)
"""
_SETTLED: dict[str, Column] = {
    "ids": Ids,
    "number": Ids,
    "fence": Ids,
    "outcome": Texts,
    "code": Texts,
    "message_id": Texts,
    "unsent": Ids,
    "state": Texts,
    "reason": Texts,
    "not_before": Texts,
    "wait_s": Texts,
    "failed": Ids,
    "negative": Ids,
}

#: A worker that slept through its lease still knows what the provider said: acceptance is a fact.
_LATE = """
UPDATE contacts c SET state = 'accepted', state_at = %(now)s, reason = 'late-evidence'
WHERE c.due_on >= %(first)s AND c.due_on <= %(last)s AND c.contact_id = ANY (%(ids)s)
  AND contact_may_become(c.state, 'accepted')
  AND c.state <> 'sending'
RETURNING c.contact_id
"""

#: A look-up proved that an earlier call was not processed: that call no longer counts either.
_UNCOUNT = """
UPDATE attempts SET counted = false
WHERE due_on >= %(first)s AND due_on <= %(last)s AND contact_id = ANY (%(ids)s) AND counted
"""


class SettlementRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def settle(self, settlements: Sequence[Settlement], *, times: Times) -> Settled:
        """Write outcomes, and move the contacts whose fence still holds."""
        span = _span(settlements)
        rows = columns(_SETTLED, [_row(settlement) for settlement in settlements])
        async with self._conn.pipeline():
            await self._conn.execute(WITHOUT_NESTED_LOOPS)
            await self._conn.execute(_LOCK, span)
            changes = {**span, **rows, "now": times.business, "lease": times.lease}
            cursor = await self._conn.execute(_SETTLE, changes)
            recorded, moved = await cursor.fetchone() or (None, None)
        await self._uncount(settlements)
        late = await self._accept_late(settlements, frozenset(moved or ()), times)
        return Settled(frozenset(recorded or ()), frozenset(moved or ()), late)

    async def _uncount(self, settlements: Sequence[Settlement]) -> None:
        proved = [s for s in settlements if s.disposition.unsent and s.armed.contact.held]
        if proved:
            await self._conn.execute(_UNCOUNT, _span(proved))

    async def _accept_late(
        self, settlements: Sequence[Settlement], moved: frozenset[int], times: Times
    ) -> frozenset[int]:
        late = [
            s
            for s in settlements
            if s.armed.contact.contact_id not in moved and s.disposition.state is ContactState.ACCEPTED
        ]
        if not late:
            return frozenset()
        cursor = await self._conn.execute(_LATE, {**_span(late), "now": times.business})
        return frozenset(row[0] for row in await cursor.fetchall())


def _span(settlements: Sequence[Settlement]) -> dict[str, object]:
    days = [s.armed.contact.due_on for s in settlements]
    return {"first": min(days), "last": max(days), "ids": Ids(s.armed.contact.contact_id for s in settlements)}


def _row(settlement: Settlement) -> tuple[object, ...]:
    armed, outcome, disposition = settlement
    not_before, wait_s = disposition.not_before, disposition.resolve_after_s
    return (
        armed.contact.contact_id,
        armed.number,
        armed.fence,
        outcome.kind,
        outcome.code,
        outcome.provider_message_id,
        int(disposition.unsent),
        disposition.state,
        disposition.reason,
        None if not_before is None else not_before.isoformat(),
        None if wait_s is None else str(wait_s),
        int(disposition.failed),
        int(disposition.negative),
    )
