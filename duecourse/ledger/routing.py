"""The routes' rows: what was tried for a contact, and the share of its weight that each provider is given."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from duecourse.domain.clock import Times
from duecourse.domain.contact import due_range
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Past, Share
from duecourse.routing.choice import UNTRIED, Tried
from duecourse.routing.health import Change, Reason, Standing

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: Attempts are read of those contacts only that had one.
_PAST = """
SELECT c.contact_id, c.state, c.attempts, b.country, c.next_channels <> '{}' AS more_channels, t.first, t.last
FROM contacts c
JOIN borrowers b USING (borrower_id)
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(s.provider, s.at) AS first, (array_agg(s.provider ORDER BY s.number DESC))[1] AS last
    FROM (SELECT a.provider, min(a.armed_business) AS at, max(a.number) AS number FROM attempts a
          WHERE c.attempts > 0 AND a.due_on = c.due_on AND a.contact_id = c.contact_id AND a.kind = 'send'
          GROUP BY a.provider) s
) t ON true
WHERE c.due_on >= %(from)s AND c.due_on < %(until)s AND c.contact_id = ANY (%(ids)s)
  AND c.state IN ('released', 'unknown')
"""

_SHARES = """
SELECT provider, share, reason, fell_for, version, changed_at FROM provider_shares
WHERE channel = %s AND provider = ANY (%s)
"""

#: Nothing where somebody else changed it since: `seen` is the version that was judged.
_CHANGE = """
INSERT INTO provider_shares AS p (channel, provider, share, reason, fell_for, version, changed_at)
SELECT %(channel)s, %(provider)s, %(share)s, %(reason)s, %(fell_for)s, %(seen)s + 1, %(lease)s
WHERE %(seen)s = 0 OR EXISTS (SELECT 1 FROM provider_shares WHERE channel = %(channel)s AND provider = %(provider)s)
ON CONFLICT (channel, provider) DO UPDATE
SET share = excluded.share, reason = excluded.reason, fell_for = excluded.fell_for, version = excluded.version,
    changed_at = excluded.changed_at
WHERE p.version = %(seen)s
"""


class RouteRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def past(self, contact_ids: Sequence[int]) -> list[Past]:
        """What is known of those that are still to be sent or resolved. Locks nothing: the claim decides."""
        if not contact_ids:
            return []
        first, last = due_range(contact_ids)
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_PAST, {"from": first, "until": last, "ids": list(contact_ids)})
            return [_past(row) for row in await cursor.fetchall()]

    async def shares(self, channel: ChannelKind, providers: Sequence[str], *, times: Times) -> list[Share]:
        """One for each provider, in the order given."""
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SHARES, (channel.value, list(providers)))
            rows = {row["provider"]: row for row in await cursor.fetchall()}
        return [_share(name, rows.get(name), times.lease) for name in providers]

    async def change(self, channel: ChannelKind, share: Share, change: Change, *, times: Times) -> bool:
        """Write a change; False where another judge was first. Its event goes into the same transaction."""
        fell = change.share < share.standing.share
        fell_for = change.reason if fell else share.standing.fell_for
        cursor = await self._conn.execute(
            _CHANGE,
            {
                "channel": channel.value,
                "provider": share.provider,
                "share": change.share,
                "reason": change.reason.value,
                "fell_for": fell_for.value if fell_for else None,
                "seen": share.version,
                "lease": times.lease,
            },
        )
        return cursor.rowcount == 1


def _past(row: Mapping[str, Any]) -> Past:
    first = {name: datetime.fromisoformat(at) for name, at in (row["first"] or {}).items()}
    return Past(
        contact_id=row["contact_id"],
        country=row["country"],
        attempts=row["attempts"],
        tried=Tried(first=first, last=row["last"]) if first else UNTRIED,
        held_by=row["last"] if row["state"] == "unknown" else None,
        more_channels=row["more_channels"],
    )


def _share(provider: str, row: Mapping[str, Any] | None, now: datetime) -> Share:
    if row is None:
        return Share(provider=provider, standing=Standing(), version=0)
    age_s = max((now - row["changed_at"]).total_seconds(), 0.0)
    fell_for = Reason(row["fell_for"]) if row["fell_for"] else None
    return Share(
        provider=provider,
        standing=Standing(share=row["share"], age_s=age_s, fell_for=fell_for),
        version=row["version"],
        reason=row["reason"],
        changed_at=row["changed_at"],
    )
