"""What the chaos harness writes and reads in Postgres: a whole book at once, the two of our books, and cut lines."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg.rows import class_row

from duecourse.ledger.crypto import Vault, address_place, name_place

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_FIRST_ID = 1_000_000
#: More than any server of ours allows.
_MOST_CONNECTIONS = 1_000
#: By table; each row of a person is made by the function of the same place in `_rows`.
_COLUMNS: dict[LiteralString, LiteralString] = {
    "data_keys": "data_key_id, purpose, wrapped, master_version",
    "borrowers": (
        "borrower_id, external_id, data_key_id, name_sealed, locale, country, time_zone, created_at, updated_at"
    ),
    "contact_points": "borrower_id, channel, address_sealed, address_index, consent",
    "loans": "loan_id, external_id, borrower_id, currency, principal_minor, issued_on",
    "instalments": "loan_id, borrower_id, number, due_on, currency, principal_minor",
}

_ERASE = "DELETE FROM data_keys WHERE data_key_id = ANY (%s)"
_CONTACTS = """
SELECT c.contact_id, c.borrower_id, b.external_id AS borrower, c.state, c.reason, c.state_at
FROM contacts c JOIN borrowers b USING (borrower_id)
"""
_ATTEMPTS = """
SELECT contact_id, number, kind, provider, reference, outcome, counted, armed_business, armed_at FROM attempts
"""
_TOLD = "SELECT contact_id, kind FROM events WHERE contact_id IS NOT NULL ORDER BY contact_id, event_id"
_SOME = "SELECT contact_id FROM contacts WHERE channel = %s AND state = ANY (%s) ORDER BY contact_id OFFSET %s LIMIT %s"
_LOCK_HALF = """
SELECT FROM borrowers WHERE borrower_id % 2 = 0 ORDER BY borrower_id FOR NO KEY UPDATE SKIP LOCKED
"""
_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = current_database()
      AND pid <> pg_backend_pid() AND (NOT %(busy)s OR state <> 'idle')
      AND (NOT %(owners)s OR application_name LIKE 'duecourse owner%%')
    ORDER BY md5(pid::text || %(salt)s) LIMIT %(limit)s) chosen
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Debtor:
    """One borrower of the harness, with one loan and one instalment."""

    number: int
    """Decides every id; at least 0."""
    name: str = field(repr=False)
    points: dict[str, str] = field(repr=False)
    """Channel to address."""
    instalment: int
    """The instalment's number in its loan, which decides the audience."""
    due_on: date
    minor: int

    @property
    def borrower(self) -> str:
        """The lender's number."""
        return f"CH-{self.number}"

    @property
    def loan(self) -> str:
        return f"{self.borrower}-L"

    @property
    def row_id(self) -> int:
        return _FIRST_ID + self.number


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFate:
    """Where a contact ended."""

    contact_id: int
    borrower_id: int
    borrower: str
    state: str
    reason: str | None
    state_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptFate:
    """One committed permission to call, and what came of it."""

    contact_id: int
    number: int
    kind: str
    provider: str
    reference: str
    outcome: str | None
    counted: bool
    armed_business: datetime
    armed_at: datetime


class ChaosRows:
    """Valid inside the transaction whose connection it was made with."""

    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def seed(self, debtors: Iterable[Debtor], *, now: datetime) -> None:
        """Copy a whole book in. The numbers of one book must differ."""
        rows = [self._rows(debtor, now) for debtor in debtors]
        for place, (table, columns) in enumerate(_COLUMNS.items()):
            copy_in: LiteralString = "COPY " + table + " (" + columns + ") FROM STDIN"
            async with self._conn.cursor() as cursor, cursor.copy(copy_in) as copy:
                for row in (row for person in rows for row in person[place]):
                    await copy.write_row(row)

    async def erase(self, debtors: Iterable[Debtor]) -> None:
        """Destroy their keys, as an erasure does: whoever reads them finds nothing but seals."""
        await self._conn.execute(_ERASE, ([debtor.row_id for debtor in debtors],))

    async def contacts(self) -> list[ContactFate]:
        async with self._conn.cursor(row_factory=class_row(ContactFate)) as cursor:
            return await (await cursor.execute(_CONTACTS)).fetchall()

    async def attempts(self) -> list[AttemptFate]:
        async with self._conn.cursor(row_factory=class_row(AttemptFate)) as cursor:
            return await (await cursor.execute(_ATTEMPTS)).fetchall()

    async def told(self) -> list[tuple[int, str]]:
        """(contact id, kind) of every event about a contact: by contact, in the order in which they were written."""
        return [(row[0], row[1]) for row in await (await self._conn.execute(_TOLD)).fetchall()]

    async def some(self, channel: str, states: Sequence[str], *, skip: int, limit: int) -> list[int]:
        """Ids of contacts in these states: for hints that nobody asked for."""
        cursor = await self._conn.execute(_SOME, (channel, list(states), skip, limit))
        return [row[0] for row in await cursor.fetchall()]

    def _rows(self, who: Debtor, now: datetime) -> tuple[list[tuple[object, ...]], ...]:
        """One list of rows per table, in the order of `_COLUMNS`."""
        key, wrapped, version = self._vault.new_key()
        row_id = who.row_id
        name = self._vault.seal(key, name_place(row_id), who.name)
        points: list[tuple[object, ...]] = []
        for channel, address in who.points.items():
            index = self._vault.index(channel, address)
            sealed = self._vault.seal(key, address_place(row_id, channel, index), address)
            points.append((row_id, channel, sealed, index, "granted"))
        return (
            [(row_id, "borrower", wrapped, version)],
            [(row_id, who.borrower, row_id, name, "en", "US", "America/New_York", now, now)],
            points,
            [(row_id, who.loan, row_id, "USD", 1_000_000, who.due_on)],
            [(row_id, row_id, who.instalment, who.due_on, "USD", who.minor)],
        )


async def cut_backends(owner_url: str, *, salt: int, limit: int, busy: bool = False, owners: bool = False) -> int:
    """Cut connections of everybody else, by salt, and return how many.

    Only those inside a transaction where `busy`, only the sessions of owners where `owners`. 0 where the server is
    away: there is nothing to cut then.
    """
    with suppress(psycopg.OperationalError):
        async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True, connect_timeout=2) as conn:
            wanted = {"busy": busy, "owners": owners, "salt": str(salt), "limit": limit}
            row = await (await conn.execute(_CUT, wanted)).fetchone()
            return row[0] if row else 0
    return 0


async def exhaust_connections(url: str, seconds: float) -> bool:
    """Take connections until there are none left, and keep them so long. False where there were none to take."""
    async with AsyncExitStack() as stack:
        taken = 0
        with suppress(psycopg.OperationalError):
            for _ in range(_MOST_CONNECTIONS):
                conn = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=2)
                stack.push_async_callback(conn.close)
                taken += 1
        await asyncio.sleep(seconds)
        return taken > 0


async def lock_borrowers(owner_url: str, seconds: float) -> bool:
    """Lock half of the borrowers in a transaction that reads an old state. False where the server is away."""
    with suppress(psycopg.OperationalError):
        async with await psycopg.AsyncConnection.connect(owner_url, connect_timeout=2) as conn:
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await conn.execute(
                "SELECT FROM borrowers WHERE borrower_id % 2 = 0 ORDER BY borrower_id FOR UPDATE SKIP LOCKED"
            )
            await asyncio.sleep(seconds)
            return True
    return False
