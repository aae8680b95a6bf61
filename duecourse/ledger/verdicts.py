"""The lists of rules that verdicts name, and verdicts read back from the ledger of events, page by page."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from duecourse.domain.contact import due_range
from duecourse.domain.errors import InputError
from duecourse.domain.verdict import RuleList
from duecourse.policy.replay import Kept

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection, PostgresLedger

_PAGE = """
SELECT event_id, at, contact_id, borrower_id, whole_verdict(data -> 'verdict')
FROM events
WHERE data ? 'verdict' AND contact_id IS NOT NULL AND borrower_id IS NOT NULL
  AND at >= %(since)s AND (at, event_id) > (%(at)s, %(event_id)s)
  AND (%(contact)s::bigint IS NULL OR contact_id = %(contact)s)
ORDER BY at, event_id
LIMIT %(limit)s
"""
_ROWS = 500

_KEEP = "INSERT INTO rule_lists (digest, rules) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictFilter:
    """Which verdicts: what is None does not narrow."""

    contact_id: int | None = None
    since: datetime | None = None
    """Business time."""


class VerdictRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def keep(self, lists: Collection[RuleList]) -> None:
        """Keep these lists, each once. Needed before an event may name them."""
        # In one order everywhere: two that keep the same new ones would wait for each other.
        for one in sorted(lists, key=lambda each: each.digest):
            await self._conn.execute(_KEEP, (one.digest, list(one)))


_BEGINNING = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


async def kept_verdicts(ledger: "PostgresLedger", wanted: VerdictFilter) -> AsyncIterator[Kept]:
    """The verdicts in the order of their business time. No transaction is open while one is looked at.

    Raises:
        InputError: the contact's id can be nobody's.
    """
    if wanted.contact_id is not None:
        _check(wanted.contact_id)
    since = wanted.since or _BEGINNING
    at, event_id = since, 0
    while True:
        span = {"since": since, "at": at, "event_id": event_id, "contact": wanted.contact_id, "limit": _ROWS}
        async with ledger.transaction() as tx:
            rows = await (await tx.conn.execute(_PAGE, span)).fetchall()
        for row in rows:
            event_id, at, contact_id, borrower_id, record = row
            yield Kept(event_id=event_id, at=at, contact_id=contact_id, borrower_id=borrower_id, record=record)
        if len(rows) < _ROWS:
            return


def _check(contact_id: int) -> None:
    try:
        due_range([contact_id])
    except InputError as exc:
        raise InputError(f"there is no contact {contact_id}") from exc
