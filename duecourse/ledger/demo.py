"""What the demonstration reads and sets: the virtual clock, whether the pipeline rests, and all that happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row

from duecourse.domain.clock import Times
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import read_times
from duecourse.ledger.crypto import Vault, address_place

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Debt:
    """One unmet instalment, with what decides how its borrower behaves."""

    borrower_id: int
    borrower: str
    """The lender's number, like `loan`."""
    loan: str
    time_zone: str | None
    due_on: date
    outstanding_minor: int
    currency: str
    autopay: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """An address, opened: the demonstration's borrowers look at their phones."""

    borrower_id: int
    borrower: str
    channel: ChannelKind
    address: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """What is still to be done at this business time; all zero is rest."""

    working: int
    """Released or sending."""
    ready: int
    """Planned, and its time has come."""
    resolving: int
    """Unknown, and the provider can be asked."""
    inbox: int
    ticked: bool
    """A scheduler has looked at everything since the clock came here."""
    next_at: datetime | None
    """When the next planned contact is due."""

    @property
    def rests(self) -> bool:
        return self.ticked and not (self.working or self.ready or self.resolving or self.inbox)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactRow:
    contact_id: int
    borrower_id: int
    due_on: date
    rung: str
    channel: str
    state: str
    reason: str | None
    not_before: datetime
    not_after: datetime
    planned_at: datetime
    confirms: bool = False
    """It answers an opt-out and is about no debt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRow:
    contact_id: int
    reference: str
    kind: str
    outcome: str | None
    armed_business: datetime
    armed_at: datetime
    settled_at: datetime | None


#: An unknown contact that is asked about later than this waits for something else than the provider.
_SOON = timedelta(seconds=30)

_SET_CLOCK = """
INSERT INTO virtual_clock (only_row, business) VALUES (true, %s)
ON CONFLICT (only_row) DO UPDATE SET business = excluded.business
"""
_NOTE_STEP = "INSERT INTO virtual_steps (business, stepped_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_DEBTS = """
SELECT i.borrower_id, b.external_id AS borrower, l.external_id AS loan, b.time_zone, i.due_on, i.outstanding_minor,
       i.currency, l.autopay
FROM instalments i
JOIN loans l ON l.loan_id = i.loan_id AND l.status = 'active'
JOIN borrowers b ON b.borrower_id = i.borrower_id
WHERE i.outstanding_minor > 0 AND i.due_on <= %s
ORDER BY i.due_on, i.instalment_id
"""
_DUE_DAYS = """
SELECT i.due_on, count(*) FROM instalments i JOIN loans l ON l.loan_id = i.loan_id AND l.status = 'active'
WHERE i.outstanding_minor > 0 GROUP BY i.due_on ORDER BY i.due_on
"""
_POINTS = """
SELECT b.borrower_id, b.external_id, cp.channel, cp.address_sealed, cp.address_index, k.data_key_id, k.wrapped,
       k.master_version
FROM contact_points cp JOIN borrowers b USING (borrower_id) JOIN data_keys k USING (data_key_id)
ORDER BY b.borrower_id, cp.contact_point_id
"""
_PULSE = """
SELECT
    (SELECT count(*) FROM contacts WHERE state = 'released')
        + (SELECT count(*) FROM contacts WHERE state = 'sending') AS working,
    (SELECT count(*) FROM contacts WHERE state = 'planned' AND not_before <= %(now)s AND not_after > %(now)s
        AND channel = ANY (%(channels)s)) AS ready,
    (SELECT count(*) FROM contacts WHERE state = 'unknown' AND resolve_after < %(soon)s
        AND channel = ANY (%(resolving)s)) AS resolving,
    (SELECT count(*) FROM inbox WHERE processed_at IS NULL) AS inbox,
    EXISTS (SELECT 1 FROM owners WHERE ticked_business >= %(now)s) AS ticked,
    (SELECT min(not_before) FROM contacts WHERE state = 'planned' AND not_before > %(now)s
        AND channel = ANY (%(channels)s)) AS next_at
"""
_STATES = "SELECT state, count(*) FROM contacts GROUP BY state"
_CONTACTS = """
SELECT contact_id, borrower_id, due_on, rung, channel, state, reason, not_before, not_after, planned_at,
       cadence = 'opt-out' AS confirms
FROM contacts ORDER BY contact_id
"""
_ATTEMPTS = """
SELECT contact_id, reference, kind, outcome, armed_business, armed_at, settled_at FROM attempts
ORDER BY contact_id, number
"""
_RELEASED = "SELECT count(DISTINCT contact_id) FROM events WHERE kind = 'contact.released'"
_STEPS = "SELECT business, stepped_at FROM virtual_steps ORDER BY business"
_BOOK = "SELECT (SELECT count(*) FROM loans), (SELECT count(*) FROM instalments)"
_MET = """
SELECT DISTINCT i.borrower_id, i.due_on FROM instalments i
WHERE i.instalment_id = ANY (%s) AND NOT EXISTS (
    SELECT 1 FROM instalments o
    WHERE o.borrower_id = i.borrower_id AND o.due_on = i.due_on AND o.outstanding_minor > 0)
"""

_UNMET = "SELECT DISTINCT due_on FROM instalments WHERE borrower_id = %s AND outstanding_minor > 0"


class DemoRows:
    """Valid inside the transaction whose connection it was made with."""

    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def step(self, business: datetime, times: Times) -> None:
        """Set the virtual clock for all processes, and note when that was in real time."""
        await self._conn.execute(_SET_CLOCK, (business,))
        await self._conn.execute(_NOTE_STEP, (business, times.lease))

    async def due_days(self) -> list[tuple[date, int]]:
        """How many unmet instalments are due on each day, oldest first."""
        cursor = await self._conn.execute(_DUE_DAYS)
        return [(day, count) for day, count in await cursor.fetchall()]

    async def debts(self, until: date) -> list[Debt]:
        """Every unmet instalment due up to and on that day, oldest first."""
        async with self._conn.cursor(row_factory=class_row(Debt)) as cursor:
            await cursor.execute(_DEBTS, (until,))
            return await cursor.fetchall()

    async def points(self) -> list[Point]:
        """Every address of every borrower."""
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_POINTS)
            return [self._point(row) for row in await cursor.fetchall()]

    async def pulse(self, channels: Iterable[ChannelKind], resolving: Iterable[ChannelKind]) -> Pulse:
        """Is anything left to do at this virtual time?

        Args:
            channels: those that have a provider.
            resolving: those of them whose provider can be asked what became of a message.
        """
        times = await read_times(self._conn, virtual=True)
        async with self._conn.cursor(row_factory=class_row(Pulse)) as cursor:
            asked = {"channels": [c.value for c in channels], "resolving": [c.value for c in resolving]}
            await cursor.execute(_PULSE, {"now": times.business, "soon": times.lease + _SOON, **asked})
            pulse = await cursor.fetchone()
        if pulse is None:
            raise RuntimeError("the database did not answer")
        return pulse

    async def states(self) -> dict[str, int]:
        """How many contacts are in each state."""
        cursor = await self._conn.execute(_STATES)
        return dict(await cursor.fetchall())

    async def contacts(self) -> list[ContactRow]:
        async with self._conn.cursor(row_factory=class_row(ContactRow)) as cursor:
            await cursor.execute(_CONTACTS)
            return await cursor.fetchall()

    async def attempts(self) -> list[AttemptRow]:
        async with self._conn.cursor(row_factory=class_row(AttemptRow)) as cursor:
            await cursor.execute(_ATTEMPTS)
            return await cursor.fetchall()

    async def released(self) -> int:
        """How many contacts were ever handed to a queue."""
        cursor = await self._conn.execute(_RELEASED)
        row = await cursor.fetchone()
        return row[0] if row else 0

    async def steps(self) -> list[tuple[datetime, datetime]]:
        """Each virtual time and when it began in real time, in order."""
        cursor = await self._conn.execute(_STEPS)
        return [(business, stepped_at) for business, stepped_at in await cursor.fetchall()]

    async def book(self) -> tuple[int, int]:
        """How many loans and instalments there are."""
        cursor = await self._conn.execute(_BOOK)
        row = await cursor.fetchone()
        return (row[0], row[1]) if row else (0, 0)

    async def met(self, instalment_ids: Sequence[int]) -> list[tuple[int, date]]:
        """(borrower id, due date) of which nothing is left to pay, among those of the given instalments."""
        cursor = await self._conn.execute(_MET, (list(instalment_ids),))
        return [(borrower_id, due_on) for borrower_id, due_on in await cursor.fetchall()]

    async def unmet(self, borrower_id: int) -> set[date]:
        """The due dates on which something is left to pay."""
        cursor = await self._conn.execute(_UNMET, (borrower_id,))
        return {row[0] for row in await cursor.fetchall()}

    def _point(self, row: Mapping[str, Any]) -> Point:
        key = self._vault.open_key(row["wrapped"], row["master_version"])
        place = address_place(row["data_key_id"], row["channel"], row["address_index"])
        return Point(
            borrower_id=row["borrower_id"],
            borrower=row["external_id"],
            channel=ChannelKind(row["channel"]),
            address=self._vault.open(key, place, row["address_sealed"]),
        )
