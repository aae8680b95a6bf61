"""From planned to released: which contacts are handed to a channel's queue, and which come back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.contact import due_range
from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ledger.trials import SUSPECT_FROM

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: No rung reaches further from its due date than this: it keeps old and far partitions out of every scan.
REACH = timedelta(days=62)

_RELEASE = """
WITH ready AS (
    SELECT due_on, contact_id FROM contacts
    WHERE state = 'planned' AND channel = %(channel)s AND priority BETWEEN %(first)s AND %(last)s
      AND not_before <= %(now)s AND not_after > %(now)s AND due_on BETWEEN %(oldest)s AND %(newest)s
    ORDER BY priority, not_before LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), released AS (
    UPDATE contacts c SET state = 'released', state_at = %(now)s, released_at = %(lease)s
    FROM ready r WHERE c.due_on = r.due_on AND c.contact_id = r.contact_id
    RETURNING c.contact_id, c.borrower_id, c.priority
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id)
    SELECT %(now)s, %(lease)s, 'contact.released', %(actor)s, contact_id, borrower_id FROM released
)
SELECT contact_id FROM released ORDER BY priority, contact_id
"""

_OUTSTANDING = """
SELECT priority, count(*) FROM contacts
WHERE state = 'released' AND channel = %(channel)s AND due_on BETWEEN %(oldest)s AND %(newest)s
GROUP BY priority
"""

_STALE = """
WITH stale AS (
    SELECT due_on, contact_id FROM contacts
    WHERE state = 'released' AND channel = %(channel)s AND released_at < %(before)s
      AND (crashes >= %(suspect_from)s) = %(suspects)s
      AND priority BETWEEN %(first)s AND %(last)s AND due_on BETWEEN %(oldest)s AND %(newest)s
    ORDER BY released_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE contacts c SET released_at = %(lease)s
FROM stale s WHERE c.due_on = s.due_on AND c.contact_id = s.contact_id
RETURNING c.contact_id, c.priority
"""

_RETURN = """
WITH returned AS (
    UPDATE contacts SET state = 'planned', state_at = %(now)s, released_at = NULL
    WHERE due_on >= %(first)s AND due_on < %(last)s AND contact_id = ANY (%(ids)s) AND state = 'released'
    RETURNING contact_id, borrower_id
)
INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id)
SELECT %(now)s, %(lease)s, 'contact.returned', %(actor)s, contact_id, borrower_id FROM returned
"""


class ReleaseRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def release(
        self, channel: ChannelKind, urgency: Urgency, limit: int, *, times: Times, actor: str
    ) -> list[int]:
        """Mark up to `limit` ready contacts of this class as released, most urgent first, and return their ids."""
        band = {"first": urgency.first, "last": urgency.value}
        cursor = await self._conn.execute(
            _RELEASE, {"channel": channel.value, "limit": limit, "actor": actor, **band, **instants(times)}
        )
        return [row[0] for row in await cursor.fetchall()]

    async def outstanding(self, channel: ChannelKind, *, times: Times) -> Counter[Urgency]:
        """How many are released and not claimed yet."""
        cursor = await self._conn.execute(_OUTSTANDING, {"channel": channel.value, **instants(times)})
        released: Counter[Urgency] = Counter()
        for priority, count in await cursor.fetchall():
            released[Urgency.of(priority)] += count
        return released

    async def stale(
        self,
        channel: ChannelKind,
        after: timedelta,
        limit: int,
        *,
        times: Times,
        urgency: Urgency | None = None,
        suspects: bool = False,
    ) -> dict[Urgency, list[int]]:
        """Released ones that nobody claimed for `after`: their hint was lost, hint them again.

        Args:
            channel: theirs.
            after: since they were released, or hinted again.
            limit: how many at most.
            times: now.
            urgency: only those of this class; else of all.
            suspects: those that were there when workers died, which are to be hinted each alone; else the others.
        """
        band = {"first": urgency.first if urgency else 0, "last": urgency or max(Urgency)}
        which = {"suspect_from": SUSPECT_FROM, "suspects": suspects}
        span = {"channel": channel.value, "before": times.lease - after, "limit": limit}
        cursor = await self._conn.execute(_STALE, {**span, **which, **band, **instants(times)})
        return by_urgency(await cursor.fetchall())

    async def give_back(self, contact_ids: Sequence[int], *, times: Times, actor: str) -> None:
        """Return what was released and could not be claimed now; the next release paces it anew."""
        if not contact_ids:
            return
        first, last = due_range(contact_ids)
        await self._conn.execute(
            _RETURN, {"first": first, "last": last, "ids": list(contact_ids), "actor": actor, **instants(times)}
        )


def by_urgency(rows: Iterable[Sequence[int]]) -> dict[Urgency, list[int]]:
    """Ids by class, most urgent class first. Rows are (contact id, priority)."""
    ids: dict[Urgency, list[int]] = {urgency: [] for urgency in Urgency}
    for contact_id, priority in rows:
        ids[Urgency.of(priority)].append(contact_id)
    return ids


def instants(times: Times) -> dict[str, object]:
    return {
        "now": times.business,
        "lease": times.lease,
        "oldest": (times.business - REACH).date(),
        "newest": (times.business + REACH).date(),
    }
