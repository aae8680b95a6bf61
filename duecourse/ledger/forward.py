"""What a simulation reads of the ledger it runs on: who owes what, what is due next, and what came of it all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row, dict_row

from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import Ids, statement

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """One unmet instalment, with what decides how its borrower behaves."""

    borrower: str
    """The lender's number, like `loan`."""
    loan: str
    time_zone: str | None
    due_on: date
    number: int
    outstanding_minor: int
    currency: str
    autopay: bool
    missed: int
    """Earlier instalments of the loan that were met late or are still open."""


class Place(NamedTuple):
    """What a contact is about: the same in every run, as its id is not."""

    borrower_id: int
    due_on: date
    rung: str
    step: int


class Coming(NamedTuple):
    """The next planned contact of a class."""

    channel: ChannelKind
    urgency: Urgency
    at: datetime


_OWED = """
SELECT b.external_id AS borrower, l.external_id AS loan, b.time_zone, i.due_on, i.number, i.outstanding_minor,
       i.currency, l.autopay,
       l.missed_before + (SELECT count(*) FROM instalments p
                          WHERE p.loan_id = i.loan_id AND p.number < i.number
                            AND ((p.outstanding_minor > 0 AND p.due_on < %(today)s) OR p.met_on > p.due_on))::integer
           AS missed
FROM instalments i
JOIN loans l ON l.loan_id = i.loan_id AND l.status = 'active'
JOIN borrowers b ON b.borrower_id = i.borrower_id
WHERE i.outstanding_minor > 0 AND i.due_on <= %(until)s
ORDER BY i.due_on, l.external_id, i.number
"""
#: Each class by its own index entry: grouped as a whole, every planned contact would be read at every step.
_NEXT = """
SELECT way.channel, way.priority, coming.not_before
FROM (SELECT channel, priority FROM unnest(%(channels)s::text[]) AS channel, generate_series(0, 9) AS priority) way
CROSS JOIN LATERAL (
    SELECT c.not_before FROM contacts c
    WHERE c.state = 'planned' AND c.channel = way.channel AND c.priority = way.priority AND c.not_after > %(now)s
      AND c.due_on BETWEEN %(oldest)s AND %(newest)s
    ORDER BY c.not_before LIMIT 1
) coming
"""
_PLACES = """
SELECT contact_id, borrower_id, due_on, rung, step FROM contacts
WHERE contact_id = ANY (%(ids)s) AND due_on BETWEEN %(oldest)s AND %(newest)s
"""
_BOOK = """
SELECT (SELECT count(*) FROM borrowers) AS borrowers, (SELECT count(*) FROM loans) AS loans,
       (SELECT count(*) FROM instalments) AS instalments
"""


class ForwardRows:
    """Valid inside the transaction whose connection it was made with."""

    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def owed(self, today: date, until: date) -> list[Owed]:
        """Every unmet instalment due up to and on `until`, oldest first."""
        async with self._conn.cursor(row_factory=class_row(Owed)) as cursor:
            await cursor.execute(_OWED, {"today": today, "until": until})
            return await cursor.fetchall()

    async def coming(self, now: datetime, channels: Iterable[ChannelKind]) -> list[Coming]:
        """When the next planned contact of each class is due: `now` or before where one is waiting."""
        cursor = await self._conn.execute(_NEXT, {"now": now, "channels": [c.value for c in channels], **_near(now)})
        return [
            Coming(ChannelKind(channel), Urgency.of(priority), at) for channel, priority, at in await cursor.fetchall()
        ]

    async def places(self, contact_ids: Sequence[int], now: datetime) -> dict[int, Place]:
        """What each of these is about."""
        cursor = await self._conn.execute(_PLACES, {"ids": Ids(contact_ids), **_near(now)})
        return {contact_id: Place(*place) for contact_id, *place in await cursor.fetchall()}

    async def book(self) -> dict[str, int]:
        """How many borrowers, loans and instalments there are."""
        (row,) = await self._rows(_BOOK)
        return row

    async def instalments(self, first: date, last: date) -> list[dict[str, Any]]:
        """What became of those due from `first` to before `last`, by currency: counts and minor units."""
        return await self._rows(statement("simulated_instalments"), first=first, last=last)

    async def contacts(self) -> list[dict[str, Any]]:
        """How many contacts ended how, by rung, channel, state and reason."""
        return await self._rows(statement("simulated_contacts"))

    async def verdicts(self) -> list[dict[str, Any]]:
        """How often each rule kept a contact back, with where it comes from if a pack holds it."""
        return await self._rows(statement("simulated_verdicts"))

    async def packs(self) -> list[dict[str, Any]]:
        """Which packs were asked about how many contacts."""
        return await self._rows(statement("simulated_packs"))

    async def _rows(self, query: Any, **values: object) -> list[dict[str, Any]]:
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()


def _near(now: datetime) -> dict[str, date]:
    return {"oldest": (now - REACH).date(), "newest": (now + REACH).date()}
