"""The ledger of events: append-only, written in the transaction that makes them true."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from duecourse.domain.clock import Times
from duecourse.domain.event import Event

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection


_APPEND = """
INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
SELECT %(at)s, %(recorded_at)s, e.kind, %(actor)s, e.contact_id, e.borrower_id, e.data
FROM unnest(%(kinds)s::text[], %(contacts)s::bigint[], %(borrowers)s::bigint[], %(data)s::jsonb[])
    AS e (kind, contact_id, borrower_id, data)
"""


class EventRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def append(self, times: Times, actor: str, events: Iterable[Event]) -> None:
        """Write events in order. `actor` is who did it: `worker:sms`, `cli`, `webhook:acme`."""
        rows = tuple(events)
        if not rows:
            return
        await self._conn.execute(
            _APPEND,
            {
                "at": times.business,
                "recorded_at": times.lease,
                "actor": actor,
                "kinds": [e.kind for e in rows],
                "contacts": [e.contact_id for e in rows],
                "borrowers": [e.borrower_id for e in rows],
                "data": [Jsonb(dict(e.data)) for e in rows],
            },
        )
