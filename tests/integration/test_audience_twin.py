"""The planning statement and `risk.audience` put everybody into the same band."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.clock import Times
from duecourse.domain.vocabulary import Audience, ChannelKind, StopRule
from duecourse.ledger.database import PostgresLedger
from duecourse.ports import PlanWindow
from duecourse.risk.audience import classify, riskiest

DUE = date(2018, 9, 3)
NOW = datetime(2018, 9, 3, 10, tzinfo=UTC)
RUNG = Rung(
    name="T0",
    audiences=frozenset(Audience),
    offset_days=0,
    at=time(9),
    not_after=time(19),
    channels=(ChannelKind.SMS,),
    template="due_today",
    priority=1,
    stop=frozenset(StopRule),
)


@dataclass
class Loan:
    number: int
    autopay: bool
    missed_before: int
    late: int
    still_open: int

    @property
    def band(self) -> Audience:
        missed = self.missed_before + self.late + self.still_open
        met = self.number - 1 - self.still_open
        return classify(first=self.number == 1, missed=missed, met=met, autopay=self.autopay)


def some_loan(rng: random.Random) -> Loan:
    number = rng.choice([1, 2, 5, 6, 7, 8, 12])
    troubled = number > 3 and rng.random() < 0.3
    return Loan(
        number=number,
        autopay=rng.random() < 0.3,
        missed_before=rng.choice([0, 0, 0, 0, 2]),
        late=rng.randint(0, 2) if troubled else 0,
        still_open=rng.randint(0, 1) if troubled else 0,
    )


async def insert(conn: Any, sql: str, *values: Any) -> int:
    row = await (await conn.execute(sql, values)).fetchone()
    return int(row[0])


async def put(conn: Any, name: str, loans: list[Loan]) -> int:
    borrower = await insert(
        conn,
        "INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, time_zone, created_at,"
        " updated_at) VALUES (%s, 1, '', 'en', 'GB', 'UTC', %s, %s) RETURNING borrower_id",
        name, NOW, NOW,
    )  # fmt: skip
    for place, loan in enumerate(loans):
        loan_id = await insert(
            conn,
            "INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on, autopay,"
            " missed_before) VALUES (%s, %s, 'GBP', 1, '2017-01-01', %s, %s) RETURNING loan_id",
            f"{name}-{place}", borrower, loan.autopay, loan.missed_before,
        )  # fmt: skip
        await put_instalments(conn, loan, loan_id, borrower)
    return borrower


async def put_instalments(conn: Any, loan: Loan, loan_id: int, borrower: int) -> None:
    for number in range(1, loan.number + 1):
        due_on = DUE - timedelta(days=30 * (loan.number - number))
        is_open = number == loan.number or number <= loan.still_open
        is_late = loan.still_open < number <= loan.still_open + loan.late
        met_on = None if is_open else due_on + timedelta(days=1 if is_late else 0)
        await conn.execute(
            "INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor,"
            " principal_paid, met_on) VALUES (%s, %s, %s, %s, 'GBP', 100, %s, %s)",
            (loan_id, borrower, number, due_on, 0 if is_open else 100, met_on),
        )


async def test_sql_and_python_agree_on_the_audience_of_any_borrower(ledger: PostgresLedger) -> None:
    rng = random.Random(2018)
    books = [[some_loan(rng) for _ in range(rng.randint(1, 3))] for _ in range(100)]
    window = PlanWindow(now=NOW, until=NOW + timedelta(hours=1))
    times = Times(business=NOW, lease=NOW)
    async with ledger.transaction() as tx:
        expected = {
            await put(tx.conn, f"B-{number}", loans): riskiest([loan.band for loan in loans])
            for number, loans in enumerate(books)
        }
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (DUE, DUE))
        cadence = Cadence(name="c", version=1, rungs=(RUNG,))
        page = await tx.planning.plan_page(cadence, [RUNG], window, times=times, actor="test")
        rows = await (
            await tx.conn.execute("SELECT borrower_id, audience FROM contacts WHERE due_on = %s", (DUE,))
        ).fetchall()
    assert page.planned == {RUNG.name: len(books)}
    assert {borrower: Audience(audience) for borrower, audience in rows} == expected
    assert set(expected.values()) == set(Audience)
