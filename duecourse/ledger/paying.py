"""Money meets instalments: the reads and writes that recording, reversing and using up credit share."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from duecourse.domain.allocation import Allocation, allocate
from duecourse.domain.book import OpenInstalment
from duecourse.domain.vocabulary import Component
from duecourse.ledger.statements import statement

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: What most payments reach at most; the few that reach further are read again in full.
_FIRST_READ = 2

_COMPONENTS = (Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY)

_LOCK = """
SELECT borrower_id FROM borrowers
WHERE borrower_id IN (SELECT borrower_id FROM loans WHERE external_id = ANY (%s))
ORDER BY borrower_id FOR NO KEY UPDATE
"""
_LOANS = """
SELECT l.external_id, l.loan_id, l.borrower_id, l.currency, l.credit_minor, b.time_zone
FROM loans l JOIN borrowers b USING (borrower_id) WHERE l.external_id = ANY (%s)
"""
_ALLOCATE = "COPY allocations (payment_id, instalment_id, component, amount_minor) FROM STDIN (FORMAT BINARY)"
_ADD_CREDIT = """
WITH change AS (
    SELECT * FROM unnest(%(payments)s::bigint[], %(loans)s::bigint[], %(amounts)s::bigint[])
        AS c (payment_id, loan_id, amount)
), noted AS (
    UPDATE payments p SET credit_minor = p.credit_minor + c.amount FROM change c WHERE p.payment_id = c.payment_id
)
UPDATE loans l SET credit_minor = l.credit_minor + c.amount
FROM (SELECT loan_id, sum(amount)::bigint AS amount FROM change GROUP BY loan_id) c WHERE l.loan_id = c.loan_id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoanRow:
    """A loan whose borrower is locked."""

    loan_id: int
    borrower_id: int
    currency: str
    credit: int
    time_zone: str | None

    def local_date(self, instant: datetime) -> date:
        """The borrower's calendar day, or that of UTC where the zone is unknown."""
        return instant.astimezone(ZoneInfo(self.time_zone or "UTC")).date()


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """Money of one payment that is to be spread, in minor units."""

    payment_id: int
    loan: LoanRow
    amount: int
    met_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Where it went."""

    parts: Mapping[int, Sequence[Allocation]]
    """By payment id."""
    rest: Mapping[int, int]
    """By payment id: what no instalment needed."""
    met: Sequence[tuple[int, date]]
    """(borrower id, due date) of instalments that were met in full."""


async def lock_loans(conn: "Connection", external_ids: Collection[str]) -> dict[str, LoanRow]:
    """Lock the borrowers of these loans, in id order, then read the loans. Unknown ids are left out."""
    wanted = list(external_ids)
    await conn.execute(_LOCK, (wanted,))
    cursor = await conn.execute(_LOANS, (wanted,))
    return {
        name: LoanRow(loan_id=loan_id, borrower_id=borrower_id, currency=currency, credit=credit, time_zone=zone)
        for name, loan_id, borrower_id, currency, credit, zone in await cursor.fetchall()
    }


async def spend(conn: "Connection", demands: Sequence[Demand], order: Sequence[Component]) -> Spent:
    """Spread each demand over its loan's oldest unmet instalments, and write what was met."""
    books = await _open_instalments(conn, demands)
    parts: dict[int, Sequence[Allocation]] = {}
    rest: dict[int, int] = {}
    met_on: dict[int, date] = {}
    for demand in demands:
        book = books.get(demand.loan.loan_id, [])
        found, left = allocate(demand.amount, book, order)
        books[demand.loan.loan_id] = _after(book, found)
        parts[demand.payment_id], rest[demand.payment_id] = found, left
        met_on.update((part.instalment_id, demand.met_on) for part in found)
    await _write_allocations(conn, parts)
    met = await pay_instalments(conn, [part for found in parts.values() for part in found], met_on)
    return Spent(parts=parts, rest=rest, met=met)


async def pay_instalments(
    conn: "Connection", parts: Iterable[Allocation], met_on: Mapping[int, date]
) -> list[tuple[int, date]]:
    """Add the parts (below zero: take them back) to what is paid of their instalments.

    Returns:
        (borrower id, due date) of those that now have nothing left to pay.
    """
    sums: dict[int, dict[Component, int]] = {}
    for part in parts:
        paid = sums.setdefault(part.instalment_id, {})
        paid[part.component] = paid.get(part.component, 0) + part.amount
    if not sums:
        return []
    cursor = await conn.execute(
        statement("pay_instalments"),
        {
            "ids": list(sums),
            "met_on": [met_on.get(instalment_id) for instalment_id in sums],
            **{c.value: [paid.get(c, 0) for paid in sums.values()] for c in _COMPONENTS},
        },
    )
    return [(borrower_id, due_on) for borrower_id, due_on, met in await cursor.fetchall() if met]


async def add_credit(conn: "Connection", changes: Iterable[tuple[int, int, int]]) -> None:
    """Change what payments left over, and with it their loans' credit: (payment id, loan id, minor units)."""
    rows = [change for change in changes if change[2]]
    if rows:
        payments, loans, amounts = (list(column) for column in zip(*rows, strict=True))
        await conn.execute(_ADD_CREDIT, {"payments": payments, "loans": loans, "amounts": amounts})


async def _write_allocations(conn: "Connection", parts: Mapping[int, Sequence[Allocation]]) -> None:
    if not any(parts.values()):
        return
    async with conn.cursor() as cursor, cursor.copy(_ALLOCATE) as copy:
        copy.set_types(["int8", "int8", "text", "int8"])
        for payment_id, found in parts.items():
            for part in found:
                await copy.write_row((payment_id, part.instalment_id, part.component.value, part.amount))


async def _open_instalments(conn: "Connection", demands: Sequence[Demand]) -> dict[int, list[OpenInstalment]]:
    needs: dict[int, int] = {}
    loans = {demand.loan.loan_id: demand.loan for demand in demands}
    for demand in demands:
        needs[demand.loan.loan_id] = needs.get(demand.loan.loan_id, 0) + demand.amount
    books = await _read_open(conn, loans.values(), _FIRST_READ)
    short = [
        loans[loan_id] for loan_id, book in books.items()
        if len(book) == _FIRST_READ and sum(_missing(item) for item in book) < needs[loan_id]
    ]  # fmt: skip
    if short:
        books |= await _read_open(conn, short, None)
    return books


async def _read_open(
    conn: "Connection", loans: Iterable[LoanRow], at_most: int | None
) -> dict[int, list[OpenInstalment]]:
    asked = list(loans)
    cursor = await conn.execute(
        statement("open_instalments"),
        {
            "borrowers": [loan.borrower_id for loan in asked],
            "loans": [loan.loan_id for loan in asked],
            "at_most": at_most,
        },
    )
    books: dict[int, list[OpenInstalment]] = {}
    for loan_id, instalment_id, due_on, number, *amounts in await cursor.fetchall():
        half = len(_COMPONENTS)
        books.setdefault(loan_id, []).append(
            OpenInstalment(
                instalment_id=instalment_id,
                due_on=due_on,
                number=number,
                due=dict(zip(_COMPONENTS, amounts[:half], strict=True)),
                paid=dict(zip(_COMPONENTS, amounts[half:], strict=True)),
            )
        )
    return books


def _missing(item: OpenInstalment) -> int:
    return sum(item.due.values()) - sum(item.paid.values())


def _after(book: list[OpenInstalment], parts: Iterable[Allocation]) -> list[OpenInstalment]:
    """The book, which is ours to change, once the parts are paid: only what is still open."""
    by_id = {item.instalment_id: item for item in book}
    for part in parts:
        by_id[part.instalment_id].paid[part.component] += part.amount
    return [item for item in book if _missing(item)]
