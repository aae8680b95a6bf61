"""What may happen to a contact outside the claim: verdicts carried out, the next channel of a rung, an opt-out."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.contact import due_range
from duecourse.domain.vocabulary import ChannelKind, Decision
from duecourse.ledger.crypto import Vault
from duecourse.ledger.reviews import ReviewRows
from duecourse.ports import Judged

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_LOCK_BORROWERS = """
SELECT borrower_id FROM borrowers WHERE borrower_id = ANY (%s) ORDER BY borrower_id FOR NO KEY UPDATE
"""

_JUDGE = """
UPDATE contacts c
SET state = u.state, state_at = %(now)s, reason = u.reason, released_at = NULL,
    not_before = coalesce(u.until, c.not_before)
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(states)s::text[], %(reasons)s::text[], %(untils)s::timestamptz[])
    AS u (contact_id, due_on, state, reason, until)
WHERE c.due_on = u.due_on AND c.contact_id = u.contact_id AND c.contact_id = ANY (%(ids)s)
"""

#: The rung's next channel that the borrower agreed to; the ones in between are skipped for good. Who said which ones
#: they want gets the best of those that are left, and no other.
_NEXT_CHANNEL = """
WITH planted AS (
    INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, step, channel, next_channels,
                          audience, template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)
    SELECT contact_month_base(c.due_on) + nextval('contact_numbers'), c.due_on, c.borrower_id, c.cadence, c.version,
           c.rung, c.step + 1, c.next_channels[pick.place],
           CASE WHEN w.channels <> '{}' THEN array_remove(c.next_channels, c.next_channels[pick.place])
                ELSE c.next_channels[pick.place + 1:] END,
           c.audience, c.template, c.stop, c.priority, c.scheduled_at, %(now)s, c.not_after, %(now)s, %(now)s
    FROM contacts c
    LEFT JOIN preferences w ON w.borrower_id = c.borrower_id
    CROSS JOIN LATERAL (
        SELECT n.place::integer AS place
        FROM unnest(c.next_channels) WITH ORDINALITY AS n (channel, place)
        WHERE coalesce(w.channels = '{}' OR n.channel = ANY (w.channels), true) AND EXISTS (
            SELECT 1 FROM contact_points cp
            WHERE cp.borrower_id = c.borrower_id AND cp.channel = n.channel
              AND cp.consent = 'granted' AND cp.invalid_since IS NULL)
        ORDER BY array_position(w.channels, n.channel), n.place LIMIT 1
    ) pick
    WHERE c.due_on >= %(first)s AND c.due_on < %(last)s AND c.contact_id = ANY (%(ids)s)
      AND c.not_after > %(now)s
    ON CONFLICT DO NOTHING
    RETURNING contact_id, borrower_id, due_on, rung, channel, audience, step
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.planned', %(actor)s, contact_id, borrower_id,
           jsonb_build_object('rung', rung, 'channel', channel, 'audience', audience, 'due_on', due_on, 'step', step)
    FROM planted
)
SELECT contact_id FROM planted
"""

_SUPPRESS_CHANNEL = """
WITH silenced AS (
    UPDATE contacts SET state = 'suppressed', state_at = %(now)s, reason = 'opted-out', released_at = NULL
    WHERE borrower_id = %(borrower)s AND state IN ('planned', 'released')
      AND (%(channel)s::text IS NULL OR channel = %(channel)s)
      -- The one message that may follow an opt-out, planned by an earlier word of the same demand.
      AND cadence <> 'opt-out'
    RETURNING contact_id, borrower_id
)
INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
SELECT %(now)s, %(lease)s, 'contact.suppressed', %(actor)s, contact_id, borrower_id,
       '{"verdict": {"decision": "suppress", "rules": ["opted-out"]}}' FROM silenced
"""

_FLAG_ADDRESSES = """
UPDATE contact_points SET invalid_since = %(now)s
WHERE contact_point_id = ANY (%(points)s) AND invalid_since IS NULL
"""


class ContactRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def lock_borrowers(self, borrower_ids: Sequence[int]) -> None:
        """Before anything of theirs is changed: always in id order, always before their contacts."""
        if borrower_ids:
            await self._conn.execute(_LOCK_BORROWERS, (sorted(borrower_ids),))

    async def carry_out(self, judged: Sequence[Judged], *, times: Times) -> None:
        """Move contacts that do not leave now to where their verdicts put them."""
        if not judged:
            return
        await self._conn.execute(
            _JUDGE,
            {
                "ids": [j.contact.contact_id for j in judged],
                "due": [j.contact.due_on for j in judged],
                "states": [j.state.value for j in judged],
                "reasons": [j.verdict.rules[0] if j.verdict.rules else None for j in judged],
                "untils": [_waits_until(j) for j in judged],
                "now": times.business,
            },
        )
        await ReviewRows(self._conn).ask([j for j in judged if j.verdict.decision is Decision.REVIEW], times=times)

    async def plan_next_channels(self, contact_ids: Sequence[int], *, times: Times, actor: str) -> list[int]:
        """Plan the next channel of each contact's rung, where there is one that the borrower agreed to."""
        if not contact_ids:
            return []
        first, last = due_range(contact_ids)
        cursor = await self._conn.execute(
            _NEXT_CHANNEL,
            {
                "first": first,
                "last": last,
                "ids": list(contact_ids),
                "actor": actor,
                "now": times.business,
                "lease": times.lease,
            },
        )
        return [row[0] for row in await cursor.fetchall()]

    async def suppress_channel(
        self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str
    ) -> None:
        """After an opt-out: nothing pending on this channel (None: on any) leaves any more."""
        await self._conn.execute(
            _SUPPRESS_CHANNEL,
            {
                "borrower": borrower_id,
                "channel": channel.value if channel else None,
                "actor": actor,
                "now": times.business,
                "lease": times.lease,
            },
        )

    async def flag_addresses(self, contact_point_ids: Sequence[int], *, times: Times) -> None:
        """The provider says that these addresses cannot work."""
        if contact_point_ids:
            await self._conn.execute(_FLAG_ADDRESSES, {"points": list(contact_point_ids), "now": times.business})


def _waits_until(judged: Judged) -> datetime | None:
    """Whatever waits for a person is put aside: its end comes first, unless somebody decides."""
    return judged.contact.not_after if judged.verdict.decision is Decision.REVIEW else judged.verdict.until
