"""The settle: what each call came to. Late evidence is kept even where the contact has moved on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState
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
_ATTEMPTS = """
UPDATE attempts a
SET outcome = u.outcome, code = u.code, provider_message_id = u.message_id, settled_at = %(lease)s,
    counted = a.counted AND NOT u.unsent
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(numbers)s::smallint[], %(outcomes)s::text[], %(codes)s::text[],
            %(messages)s::text[], %(unsent)s::boolean[])
    AS u (contact_id, due_on, number, outcome, code, message_id, unsent)
WHERE a.due_on = u.due_on AND a.contact_id = u.contact_id AND a.number = u.number AND a.outcome IS NULL
RETURNING a.contact_id
"""

#: Only the holder of the fence may move the contact.
_CONTACTS = """
UPDATE contacts c
SET state = u.state, state_at = %(now)s, reason = u.reason, owner = NULL, lease_until = NULL,
    not_before = coalesce(u.not_before, c.not_before),
    resolve_after = u.resolve_after, failures = c.failures + u.failed::integer,
    negatives = CASE WHEN u.state = 'unknown' THEN c.negatives + u.negative::integer ELSE 0 END
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(fences)s::integer[], %(states)s::text[], %(reasons)s::text[],
            %(not_before)s::timestamptz[], %(resolve_after)s::timestamptz[], %(failed)s::boolean[],
            %(negative)s::boolean[])
    AS u (contact_id, due_on, fence, state, reason, not_before, resolve_after, failed, negative)
WHERE c.due_on = u.due_on AND c.contact_id = u.contact_id AND c.fence = u.fence AND c.state IN ('sending', 'unknown')
RETURNING c.contact_id
"""

#: A worker that slept through its lease still knows what the provider said: acceptance is a fact.
_LATE = """
UPDATE contacts c SET state = 'accepted', state_at = %(now)s, reason = 'late-evidence'
WHERE c.due_on >= %(first)s AND c.due_on <= %(last)s AND c.contact_id = ANY (%(ids)s)
  AND EXISTS (SELECT 1 FROM contact_transitions t WHERE t.old_state = c.state AND t.new_state = 'accepted')
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
        span = self._span(settlements)
        await self._conn.execute(_LOCK, span)
        recorded = await self._write_attempts(settlements, times)
        await self._uncount(settlements)
        moved = await self._move(settlements, times)
        return Settled(recorded, moved, await self._accept_late(settlements, moved, times))

    async def _write_attempts(self, settlements: Sequence[Settlement], times: Times) -> frozenset[int]:
        cursor = await self._conn.execute(
            _ATTEMPTS,
            {
                **_keys(settlements),
                "outcomes": [s.outcome.kind.value for s in settlements],
                "codes": [s.outcome.code for s in settlements],
                "messages": [s.outcome.provider_message_id for s in settlements],
                "unsent": [s.disposition.unsent for s in settlements],
                "lease": times.lease,
            },
        )
        return frozenset(row[0] for row in await cursor.fetchall())

    async def _uncount(self, settlements: Sequence[Settlement]) -> None:
        proved = [s for s in settlements if s.disposition.unsent and s.armed.contact.held]
        if proved:
            await self._conn.execute(_UNCOUNT, self._span(proved))

    async def _move(self, settlements: Sequence[Settlement], times: Times) -> frozenset[int]:
        cursor = await self._conn.execute(
            _CONTACTS,
            {
                **_keys(settlements),
                "states": [s.disposition.state.value for s in settlements],
                "reasons": [s.disposition.reason for s in settlements],
                "not_before": [s.disposition.not_before for s in settlements],
                "resolve_after": [
                    times.lease + timedelta(seconds=wait)
                    if (wait := s.disposition.resolve_after_s) is not None
                    else None
                    for s in settlements
                ],
                "failed": [s.disposition.failed for s in settlements],
                "negative": [s.outcome.code == "not_found" for s in settlements],
                "now": times.business,
            },
        )
        return frozenset(row[0] for row in await cursor.fetchall())

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
        cursor = await self._conn.execute(_LATE, {**self._span(late), "now": times.business})
        return frozenset(row[0] for row in await cursor.fetchall())

    @staticmethod
    def _span(settlements: Sequence[Settlement]) -> dict[str, object]:
        days = [s.armed.contact.due_on for s in settlements]
        return {"first": min(days), "last": max(days), "ids": [s.armed.contact.contact_id for s in settlements]}


def _later(times: Times, seconds: float | None) -> datetime | None:
    return None if seconds is None else times.lease + timedelta(seconds=seconds)


def _keys(settlements: Sequence[Settlement]) -> dict[str, object]:
    return {
        "ids": [s.armed.contact.contact_id for s in settlements],
        "due": [s.armed.contact.due_on for s in settlements],
        "numbers": [s.armed.number for s in settlements],
        "fences": [s.armed.fence for s in settlements],
    }
