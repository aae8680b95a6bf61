"""Which contacts a process had in hand when it died, and what becomes of one that was there every time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.contact import due_range
from duecourse.ledger.statements import Ids

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_NOTE = """
INSERT INTO trials (owner, lane, contact_ids) VALUES (%(owner)s, %(lane)s, %(ids)s)
ON CONFLICT (owner, lane) DO UPDATE SET contact_ids = EXCLUDED.contact_ids
"""

#: Whose lock is free has died: a process that ends in good order takes its rows with it.
_LEFT_BEHIND = """
WITH dead AS MATERIALIZED (SELECT owner, lane FROM trials WHERE pg_try_advisory_xact_lock(owner))
DELETE FROM trials t USING dead d WHERE t.owner = d.owner AND t.lane = d.lane
RETURNING t.contact_ids
"""

#: What was armed is no longer released, and is blamed where it is abandoned.
_BLAME = """
WITH there AS (
    SELECT due_on, contact_id FROM contacts
    WHERE due_on >= %(first)s AND due_on < %(last)s AND contact_id = ANY (%(ids)s) AND state = 'released'
    ORDER BY contact_id
    FOR UPDATE SKIP LOCKED
), blamed AS (
    UPDATE contacts c
    SET crashes = c.crashes + 1,
        state = CASE WHEN c.crashes + 1 < %(most)s THEN c.state ELSE 'suppressed' END,
        state_at = CASE WHEN c.crashes + 1 < %(most)s THEN c.state_at ELSE %(now)s END,
        reason = CASE WHEN c.crashes + 1 < %(most)s THEN c.reason ELSE 'quarantined' END
    FROM there t WHERE c.due_on = t.due_on AND c.contact_id = t.contact_id
    RETURNING c.contact_id, c.borrower_id, c.state
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.suppressed', %(actor)s, contact_id, borrower_id,
           '{"verdict": {"decision": "suppress", "rules": ["quarantined"]}}'
    FROM blamed WHERE state = 'suppressed'
)
SELECT count(*) FROM blamed WHERE state = 'suppressed'
"""

#: From so many deaths on, a contact is claimed alone, and a batch leaves it out.
SUSPECT_FROM = 2
#: After so many, it is for a person to look at.
QUARANTINE_FROM = 3


class TrialRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def note(self, owner: int, lane: int, contact_ids: Sequence[int]) -> None:
        """Say what this lane is about to claim. To be committed before it is."""
        await self._conn.execute(_NOTE, {"owner": owner, "lane": lane, "ids": Ids(contact_ids)})

    async def blame(self, *, times: Times, actor: str) -> int:
        """Count a death against what dead processes had in hand; how many contacts are quarantined by it."""
        rows = await (await self._conn.execute(_LEFT_BEHIND)).fetchall()
        return sum([await self._blame(row[0], times, actor) for row in rows if row[0]])

    async def _blame(self, contact_ids: Sequence[int], times: Times, actor: str) -> int:
        first, last = due_range(contact_ids)
        span = {"first": first, "last": last, "ids": Ids(contact_ids)}
        instants = {"now": times.business, "lease": times.lease}
        cursor = await self._conn.execute(_BLAME, {**span, **instants, "most": QUARANTINE_FROM, "actor": actor})
        row = await cursor.fetchone()
        return row[0] if row else 0
