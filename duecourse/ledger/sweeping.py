"""What time alone may do to a contact: expire it, find its dead owner, assume it sent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ledger.releasing import by_urgency, instants
from duecourse.ledger.trials import QUARANTINE_FROM, SUSPECT_FROM

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_EXPIRE = """
WITH late AS (
    SELECT due_on, contact_id FROM contacts
    -- Not `IN`: each state has an index of its own.
    WHERE (state = 'planned' OR state = 'released') AND not_after <= %(now)s
      AND due_on BETWEEN %(oldest)s AND %(newest)s
    ORDER BY not_after LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE contacts c SET state = 'expired', state_at = %(now)s, reason = coalesce(c.reason, 'not-after'),
        released_at = NULL
    FROM late l WHERE c.due_on = l.due_on AND c.contact_id = l.contact_id
    RETURNING c.contact_id, c.borrower_id, c.reason
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.expired', %(actor)s, contact_id, borrower_id,
           jsonb_build_object('reason', reason) FROM expired
)
SELECT count(*) FROM expired
"""

#: A lease alone proves nothing: the owner's session lock must be free too, else it is only slow.
_ABANDONED = """
SELECT contact_id, due_on, owner FROM contacts
WHERE state = 'sending' AND lease_until < %(lease)s AND due_on BETWEEN %(oldest)s AND %(newest)s
ORDER BY contact_id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""

_GONE = """
SELECT owner FROM unnest(%s::bigint[]) AS o (owner) WHERE pg_try_advisory_xact_lock(owner)
"""

_ABANDON = """
WITH left_behind AS (
    UPDATE contacts c
    SET state = 'unknown', state_at = %(now)s, reason = 'owner-gone', owner = NULL, lease_until = NULL,
        crashes = c.crashes + 1,
        -- One that was there too often is not asked about again: see trials.py.
        resolve_after = CASE WHEN c.crashes + 1 < %(most_crashes)s
            THEN %(lease)s + make_interval(secs => coalesce(w.settle_s, %(default_settle)s)) END
    FROM contacts s
    JOIN attempts a ON a.due_on = s.due_on AND a.contact_id = s.contact_id AND a.number = s.attempts
    LEFT JOIN unnest(%(providers)s::text[], %(settles)s::double precision[]) AS w (provider, settle_s)
        ON w.provider = a.provider
    WHERE s.due_on BETWEEN %(oldest)s AND %(newest)s AND s.contact_id = ANY (%(ids)s)
      AND a.due_on BETWEEN %(oldest)s AND %(newest)s
      AND c.due_on = s.due_on AND c.contact_id = s.contact_id AND c.state = 'sending'
    RETURNING c.contact_id, c.borrower_id
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.unknown', %(actor)s, contact_id, borrower_id, '{"reason": "owner-gone"}'
    FROM left_behind
)
SELECT count(*) FROM left_behind
"""

_RESOLVABLE = """
SELECT contact_id, priority FROM contacts
WHERE state = 'unknown' AND resolve_after <= %(lease)s AND channel = %(channel)s
  AND (crashes >= %(suspect_from)s) = %(suspects)s
  AND due_on BETWEEN %(oldest)s AND %(newest)s
ORDER BY resolve_after LIMIT %(limit)s
"""

#: A provider that can be asked is asked, as long as somebody means to: without `resolve_after` nobody does.
_ASSUME = """
WITH old AS (
    SELECT c.due_on, c.contact_id, CASE WHEN doubt.asked THEN 'cannot-be-asked' ELSE 'no-word' END AS reason
    FROM contacts c
    -- One contact after the other: joined as a whole, the months are read from end to end to find none.
    CROSS JOIN LATERAL (
        SELECT bool_or(coalesce(h.asked, false)) AS asked,
               bool_and(a.armed_business + make_interval(secs => coalesce(h.horizon_s, %(default_horizon)s)) <= %(now)s
                        AND (c.resolve_after IS NULL OR NOT coalesce(h.asked, false))) AS over
        FROM attempts a
        LEFT JOIN unnest(%(providers)s::text[], %(horizons)s::double precision[], %(asked)s::boolean[])
            AS h (provider, horizon_s, asked) ON h.provider = a.provider
        WHERE a.contact_id = c.contact_id AND a.due_on = c.due_on AND a.kind = 'send'
    ) doubt
    WHERE c.state = 'unknown' AND c.due_on BETWEEN %(oldest)s AND %(newest)s AND doubt.over
    LIMIT %(limit)s
), assumed AS (
    UPDATE contacts c SET state = 'assumed_sent', state_at = %(now)s, reason = o.reason, resolve_after = NULL
    FROM old o WHERE c.due_on = o.due_on AND c.contact_id = o.contact_id AND c.state = 'unknown'
    RETURNING c.contact_id, c.borrower_id, c.reason
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.assumed_sent', %(actor)s, contact_id, borrower_id,
           jsonb_build_object('reason', reason) FROM assumed
)
SELECT count(*) FROM assumed
"""

#: Whose lock is free lives no more, and never comes back: an id is used once. As long as a contact names it, it stays
#: for whoever asks who that was.
_FORGET = """
WITH gone AS MATERIALIZED (
    SELECT owner FROM owners WHERE started_at < %(before)s AND pg_try_advisory_xact_lock(owner)
), forgotten AS (
    DELETE FROM owners o USING gone g
    WHERE o.owner = g.owner AND NOT EXISTS (
        SELECT FROM contacts c
        WHERE c.owner = o.owner AND c.state IN ('sending', 'unknown') AND c.due_on BETWEEN %(oldest)s AND %(newest)s)
    RETURNING o.owner
)
SELECT count(*) FROM forgotten
"""

_PAGE = 5_000
#: For an attempt whose provider is no longer configured.
_DEFAULT_SETTLE_S = 60.0
_DEFAULT_HORIZON_S = 86_400.0
#: A younger one is of no interest yet.
_OWNER_AGE = timedelta(minutes=1)


class SweepRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def expire(self, *, times: Times, actor: str) -> int:
        """End what is too late to be true. Returns how many; a full page means that there may be more."""
        return await self._count(_EXPIRE, {"limit": _PAGE, "actor": actor, **instants(times)})

    async def abandon(self, settle_s: Mapping[str, float], *, times: Times, actor: str) -> int:
        """Make unknown what a dead process left in sending. `settle_s`: seconds to wait, per provider."""
        cursor = await self._conn.execute(_ABANDONED, {"limit": _PAGE, **instants(times)})
        rows = await cursor.fetchall()
        gone = await self._gone({row[2] for row in rows if row[2] is not None})
        ids = [row[0] for row in rows if row[2] is None or row[2] in gone]
        if not ids:
            return 0
        return await self._count(
            _ABANDON,
            {
                "ids": ids,
                "providers": list(settle_s),
                "settles": list(settle_s.values()),
                "default_settle": _DEFAULT_SETTLE_S,
                "most_crashes": QUARANTINE_FROM,
                "actor": actor,
                **instants(times),
            },
        )

    async def resolvable(
        self, channel: ChannelKind, *, times: Times, suspects: bool = False, limit: int = 1_000
    ) -> dict[Urgency, list[int]]:
        """Unknown contacts whose waiting time is over. `suspects`: those to be asked about alone; else the others."""
        which = {"suspect_from": SUSPECT_FROM, "suspects": suspects}
        span = {"channel": channel.value, "limit": limit}
        cursor = await self._conn.execute(_RESOLVABLE, {**span, **which, **instants(times)})
        return by_urgency(await cursor.fetchall())

    async def assume_sent(
        self, horizon_s: Mapping[str, float], *, asked: Collection[str], times: Times, actor: str
    ) -> int:
        """Give up: past the horizon it counts as sent.

        Args:
            horizon_s: seconds of business time, per provider.
            asked: the providers whose word on a call is waited for, as long as one means to ask them.
            times: now.
            actor: who does it.
        """
        return await self._count(
            _ASSUME,
            {
                "providers": list(horizon_s),
                "horizons": list(horizon_s.values()),
                "asked": [provider in asked for provider in horizon_s],
                "default_horizon": _DEFAULT_HORIZON_S,
                "limit": _PAGE,
                "actor": actor,
                **instants(times),
            },
        )

    async def forget_owners(self, *, times: Times) -> int:
        """Delete the records of processes that were killed. Those that ended in good order deleted their own."""
        return await self._count(_FORGET, {"before": times.lease - _OWNER_AGE, **instants(times)})

    async def _gone(self, owners: set[int]) -> set[int]:
        cursor = await self._conn.execute(_GONE, (sorted(owners),))
        return {row[0] for row in await cursor.fetchall()}

    async def _count(self, sql: str, parameters: dict[str, object]) -> int:
        cursor = await self._conn.execute(sql, parameters)
        row: Sequence[int] | None = await cursor.fetchone()
        return row[0] if row else 0
