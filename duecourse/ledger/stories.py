"""Reading what happened: contacts by filter, and the whole story of one. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from duecourse.domain.contact import ContactState, due_range
from duecourse.domain.errors import InputError
from duecourse.domain.letter import Letter
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault, body_place
from duecourse.ledger.statements import statement

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

Row = dict[str, Any]
"""Column to value, as the table names it."""

_LIST = """
SELECT c.contact_id, c.due_on, b.external_id AS borrower, c.cadence, c.rung, c.channel, c.state, c.reason,
       c.scheduled_at, c.state_at, c.attempts
FROM contacts c JOIN borrowers b USING (borrower_id)
WHERE {conditions}
ORDER BY c.due_on DESC, c.contact_id DESC
LIMIT {limit}
"""
_ATTEMPTS = """
SELECT number, kind, channel, provider, outcome, code, reference, provider_message_id, counted, local_day,
       armed_business, armed_at, settled_at
FROM attempts WHERE due_on = %s AND contact_id = %s ORDER BY number
"""
_EVENTS = """
SELECT event_id, at, recorded_at, kind, actor,
       CASE WHEN data ? 'verdict' THEN data || jsonb_build_object('verdict', whole_verdict(data -> 'verdict')) ELSE data
       END AS data
FROM events WHERE contact_id = %s ORDER BY event_id
"""
_RECEIPTS = """
SELECT r.provider, r.kind, r.event_key, r.applied_at, r.inbox_id, i.received_at
FROM receipts r LEFT JOIN inbox i USING (inbox_id)
WHERE r.contact_id = %s ORDER BY r.applied_at, r.event_key
"""
_LETTERS = """
SELECT a.number, a.reference, a.body_sealed, b.data_key_id, k.wrapped, k.master_version
FROM attempts a JOIN borrowers b USING (borrower_id) JOIN data_keys k USING (data_key_id)
WHERE a.due_on = %s AND a.contact_id = %s AND a.kind = 'send' ORDER BY a.number
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFilter:
    """Which contacts: what is None does not narrow."""

    state: ContactState | None = None
    channel: ChannelKind | None = None
    due_on: date | None = None
    borrower: str | None = None
    """The lender's own id."""
    rung: str | None = None
    limit: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """Everything that is recorded of one contact, oldest first. No personal data."""

    contact: Row
    attempts: Sequence[Row]
    events: Sequence[Row]
    receipts: Sequence[Row]


class StoryRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def find(self, wanted: ContactFilter) -> Sequence[Row]:
        """Contacts that fit, the newest due dates first."""
        chosen: dict[LiteralString, Any] = {
            "c.state = %s": wanted.state,
            "c.channel = %s": wanted.channel,
            "c.due_on = %s": wanted.due_on,
            "b.external_id = %s": wanted.borrower,
            "c.rung = %s": wanted.rung,
        }
        conditions = {text: value for text, value in chosen.items() if value is not None}
        query = sql.SQL(_LIST).format(
            conditions=sql.SQL(" AND ").join([sql.SQL("true"), *map(sql.SQL, conditions)]),
            limit=sql.Literal(wanted.limit),
        )
        return await self._rows(query, tuple(conditions.values()))

    async def tell(self, contact_id: int) -> Story | None:
        """The story of a contact; None where there is no such contact."""
        try:
            first, last = due_range([contact_id])
        except InputError:
            return None
        found = await self._rows(statement("story"), {"first": first, "last": last, "id": contact_id})
        if not found:
            return None
        key = (found[0]["due_on"], contact_id)
        return Story(
            contact=found[0],
            attempts=await self._rows(_ATTEMPTS, key),
            events=await self._rows(_EVENTS, (contact_id,)),
            receipts=await self._rows(_RECEIPTS, (contact_id,)),
        )

    async def letters(self, due_on: date, contact_id: int) -> dict[int, Letter]:
        """What was sent to whom, by attempt number. The caller records that it was looked at.

        Raises:
            SealBroken: the borrower's key is gone or does not fit.
        """
        rows = await self._rows(_LETTERS, (due_on, contact_id))
        return {row["number"]: self._open(row) for row in rows}

    def _open(self, row: Row) -> Letter:
        key = self._vault.open_key(row["wrapped"], row["master_version"])
        place = body_place(row["data_key_id"], row["reference"])
        return Letter.thaw(self._vault.open_bytes(key, place, row["body_sealed"]))

    async def _rows(self, query: LiteralString | sql.Composed, values: Sequence[Any] | Row) -> list[Row]:
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()
