"""The ledger of events: append-only, written in the transaction that makes them true."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.event import Event
from duecourse.ledger.statements import document

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_APPEND = """
INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
SELECT %(at)s, %(recorded_at)s, e.kind, %(actor)s, e.contact_id, e.borrower_id, e.data
FROM jsonb_to_recordset(%(events)s) AS e (kind text, contact_id bigint, borrower_id bigint, data jsonb)
"""


class EventRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def append(self, times: Times, actor: str, events: Iterable[Event]) -> None:
        """Write events in order. `actor` is who did it: `worker:sms`, `cli`, `webhook:acme`."""
        rows = [
            {"kind": e.kind, "contact_id": e.contact_id, "borrower_id": e.borrower_id, "data": dict(e.data)}
            for e in events
        ]
        if rows:
            await self._conn.execute(
                _APPEND,
                {"at": times.business, "recorded_at": times.lease, "actor": actor, "events": document(rows)},
            )
