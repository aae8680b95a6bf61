"""What waits for a person, counted: for `duecourse doctor` and the metrics. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import class_row

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.clock import read_times
from duecourse.ledger.database import APP_ROLE
from duecourse.ledger.releasing import REACH

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_COUNT = """
SELECT (SELECT count(*)::int FROM encounters WHERE state = 'unrecorded') AS unrecorded,
       r.reviews, r.first_end, (SELECT count(*)::int FROM demands WHERE NOT sure AND answer IS NULL) AS questions
FROM (
    SELECT count(*)::int AS reviews, min(c.not_after) AS first_end
    FROM reviews r JOIN contacts c ON c.contact_id = r.contact_id AND c.due_on = r.due_on
    -- What is over stays undecided for ever: an id carries its month, so the index leads past all that is old.
    WHERE r.decision IS NULL AND r.contact_id >= contact_month_base(%(oldest)s)
      AND c.state = 'planned' AND c.not_after > %(now)s
) r
"""
_PATIENCE_S = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    reviews: int = 0
    """Contacts that wait for a person's decision."""
    first_end: datetime | None = None
    """When the first of them is over."""
    questions: int = 0
    """Words that were perhaps an opt-out."""
    unrecorded: int = 0
    """Calls and visits that were allowed and of which nobody said what became of them."""


_NOTHING = Waiting()


async def what_waits(database_url: str, *, virtual: bool) -> Waiting:
    """Log in as the application and count.

    Raises:
        StoreUnavailable: it cannot be reached, or its schema is of another version.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=_PATIENCE_S
        ) as conn:
            await conn.execute(f"SET ROLE {APP_ROLE}".encode())
            times = await read_times(conn, virtual=virtual)
            return await count_waiting(conn, times.business)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as exc:
        raise StoreUnavailable(f"Postgres cannot be asked what waits ({type(exc).__name__})") from exc


async def count_waiting(conn: "Connection", now: datetime) -> Waiting:
    """By partial indexes: it costs what waits. `now` is business time."""
    async with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        return await (await cursor.execute(_COUNT, {"now": now, "oldest": (now - REACH).date()})).fetchone() or _NOTHING
