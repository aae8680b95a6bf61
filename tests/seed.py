"""One borrower with loans and contact points, straight into the tables: for tests that are not about importing."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from duecourse.ledger.crypto import address_place, name_place
from duecourse.ledger.database import PostgresLedger, PostgresTransaction

_serial = itertools.count(1)
LONG_AGO = datetime(2018, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Seeded:
    borrower_id: int
    loan_ids: list[int]
    instalment_ids: list[int]
    external_id: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """What the seed should look like; the defaults are somebody who may be reached everywhere."""

    name: str = "Ada Lovelace"
    locale: str = "en"
    time_zone: str | None = "America/New_York"
    points: dict[str, str] = field(
        default_factory=lambda: {"sms": "+12125550100", "push": "token-1", "email": "ada@example.com"}
    )
    consent: str = "granted"
    due_on: tuple[date, ...] = (date(2018, 7, 10),)
    number: int = 3
    loans: int = 1
    autopay: bool = False
    missed_before: int = 0
    minor: int = 10_000


async def seed(ledger: PostgresLedger, person: Person | None = None) -> Seeded:
    """Write one borrower and return the ids."""
    who = person or Person()
    external_id = f"B-{next(_serial)}"
    async with ledger.transaction() as tx:
        key_id, borrower_id = await _borrower(tx, who, external_id)
        loan_ids = [await _loan(tx, who, borrower_id, f"{external_id}-L{n}") for n in range(who.loans)]
        instalments = [
            await _instalment(tx, who, borrower_id, loan_id, who.number + place, due)
            for loan_id in loan_ids
            for place, due in enumerate(who.due_on)
        ]
    assert key_id
    return Seeded(borrower_id=borrower_id, loan_ids=loan_ids, instalment_ids=instalments, external_id=external_id)


async def _one(tx: PostgresTransaction, sql: str, parameters: tuple[object, ...]) -> int:
    row = await (await tx.conn.execute(sql.encode(), parameters)).fetchone()
    assert row
    return int(row[0])


async def _borrower(tx: PostgresTransaction, who: Person, external_id: str) -> tuple[int, int]:
    key, wrapped, version = tx.vault.new_key()
    key_id = await _one(
        tx,
        "INSERT INTO data_keys (purpose, wrapped, master_version) VALUES ('borrower', %s, %s) RETURNING data_key_id",
        (wrapped, version),
    )
    name = tx.vault.seal(key, name_place(key_id), who.name)
    borrower_id = await _one(
        tx,
        "INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, time_zone, created_at,"
        " updated_at) VALUES (%s, %s, %s, %s, 'US', %s, %s, %s) RETURNING borrower_id",
        (external_id, key_id, name, who.locale, who.time_zone, LONG_AGO, LONG_AGO),
    )
    for channel, address in who.points.items():
        index = tx.vault.index(channel, address)
        sealed = tx.vault.seal(key, address_place(key_id, channel, index), address)
        await tx.conn.execute(
            "INSERT INTO contact_points (borrower_id, channel, address_sealed, address_index, consent)"
            " VALUES (%s, %s, %s, %s, %s)",
            (borrower_id, channel, sealed, index, who.consent),
        )
    return key_id, borrower_id


async def _loan(tx: PostgresTransaction, who: Person, borrower_id: int, external_id: str) -> int:
    return await _one(
        tx,
        "INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on, autopay, missed_before)"
        " VALUES (%s, %s, 'USD', 1000000, '2018-01-01', %s, %s) RETURNING loan_id",
        (external_id, borrower_id, who.autopay, who.missed_before),
    )


async def _instalment(
    tx: PostgresTransaction, who: Person, borrower_id: int, loan_id: int, number: int, due: date
) -> int:
    return await _one(
        tx,
        "INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor)"
        " VALUES (%s, %s, %s, %s, 'USD', %s) RETURNING instalment_id",
        (loan_id, borrower_id, number, due, who.minor),
    )
