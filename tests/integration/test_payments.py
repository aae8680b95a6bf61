"""Payments against a real Postgres: recorded once, spread oldest first, taken back exactly, contacts cancelled."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duecourse.domain.allocation import DEFAULT_ORDER
from duecourse.domain.book import Payment
from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.domain.money import Money
from duecourse.domain.payment import PaymentResult, PaymentStatus
from duecourse.ledger.database import PostgresLedger
from duecourse.usecases.record_payment import record_payment, reverse_payment

NOW = datetime(2018, 7, 2, 15, tzinfo=UTC)
CLOCK = FixedClock(NOW)
FIRST, SECOND = date(2018, 7, 3), date(2018, 8, 3)
Due = tuple[date, int, int]
TWO: Sequence[Due] = ((FIRST, 6000, 4000), (SECOND, 7000, 3000))
DB = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def seed(
    ledger: PostgresLedger, *, loan: str = "L1", instalments: Sequence[Due] = TWO, zone: str = "America/New_York"
) -> tuple[int, int]:
    """A borrower with one loan; instalments as (due, principal, interest). Returns (borrower id, loan id)."""
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (date(2018, 6, 1), date(2018, 9, 1)))
        cursor = await tx.conn.execute(
            "INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, time_zone, created_at,"
            " updated_at) VALUES (%s, 1, 'x', 'en', 'US', %s, %s, %s) RETURNING borrower_id",
            (f"B-{loan}", zone, NOW, NOW),
        )
        (borrower,) = await cursor.fetchone() or (0,)
        cursor = await tx.conn.execute(
            "INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on)"
            " VALUES (%s, %s, 'USD', 13000, '2018-06-01') RETURNING loan_id",
            (loan, borrower),
        )
        (loan_id,) = await cursor.fetchone() or (0,)
        for number, (due_on, principal, interest) in enumerate(instalments, 1):
            await tx.conn.execute(
                "INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor,"
                " interest_minor) VALUES (%s, %s, %s, %s, 'USD', %s, %s)",
                (loan_id, borrower, number, due_on, principal, interest),
            )
    return borrower, loan_id


async def plan(
    ledger: PostgresLedger, borrower: int, due_on: date, *, rung: str = "T-1", state: str = "planned"
) -> int:
    async with ledger.transaction() as tx:
        cursor = await tx.conn.execute(
            "INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, audience,"
            " template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)"
            " VALUES (contact_month_base(%(due)s) + nextval('contact_numbers'), %(due)s, %(borrower)s, 'c', 1,"
            " %(rung)s, 'sms', 'standard', 't', '{paid}', 5, %(now)s, %(now)s, %(later)s, %(now)s, %(now)s)"
            " RETURNING contact_id",
            {"due": due_on, "borrower": borrower, "rung": rung, "now": NOW, "later": NOW + timedelta(days=1)},
        )
        (contact_id,) = await cursor.fetchone() or (0,)
        for step in {"planned": [], "released": ["released"], "sending": ["released", "sending"]}[state]:
            await tx.conn.execute("UPDATE contacts SET state = %s WHERE contact_id = %s", (step, contact_id))
    return int(contact_id)


def payment(
    external_id: str, minor: int, *, loan: str = "L1", currency: str = "USD", paid_at: datetime = NOW
) -> Payment:
    return Payment(
        external_id=external_id, loan_external_id=loan, amount=Money(minor=minor, currency=currency), paid_at=paid_at
    )


async def pay(ledger: PostgresLedger, external_id: str, minor: int, **keywords: Any) -> PaymentResult:
    return await record_payment(
        payment(external_id, minor, **keywords), ledger=ledger, clock=CLOCK, order=DEFAULT_ORDER, actor="test"
    )


async def reverse(ledger: PostgresLedger, external_id: str) -> PaymentResult:
    return await reverse_payment(external_id, ledger=ledger, clock=CLOCK, order=DEFAULT_ORDER, actor="test")


async def rows(ledger: PostgresLedger, query: LiteralString, *args: Any) -> list[Any]:
    async with ledger.transaction() as tx:
        cursor = await tx.conn.execute(query, args)
        return await cursor.fetchall()


async def book(ledger: PostgresLedger) -> tuple[list[Any], list[int]]:
    """(number, interest paid, principal paid, met on) of every instalment, and the loans' credit."""
    query = "SELECT number, interest_paid, principal_paid, met_on FROM instalments ORDER BY instalment_id"
    return await rows(ledger, query), [c for (c,) in await rows(ledger, "SELECT credit_minor FROM loans")]


async def test_a_payment_pays_the_oldest_instalment_interest_first(ledger: PostgresLedger) -> None:
    await seed(ledger)
    result = await pay(ledger, "P1", 5_000)
    assert result.status is PaymentStatus.RECORDED
    assert await book(ledger) == ([(1, 4_000, 1_000, None), (2, 0, 0, None)], [0])


async def test_what_one_instalment_does_not_need_goes_to_the_next(ledger: PostgresLedger) -> None:
    await seed(ledger)
    await pay(ledger, "P1", 12_000)
    assert await book(ledger) == ([(1, 4_000, 6_000, NOW.date()), (2, 2_000, 0, None)], [0])


async def test_an_instalment_is_met_on_the_borrowers_own_day(ledger: PostgresLedger) -> None:
    await seed(ledger)
    await pay(ledger, "P1", 10_000, paid_at=datetime(2018, 7, 3, 3, tzinfo=UTC))
    assert (await book(ledger))[0][0][3] == date(2018, 7, 2)


async def test_an_overpayment_waits_as_credit_and_meets_what_opens_later(ledger: PostgresLedger) -> None:
    await seed(ledger)
    result = await pay(ledger, "P1", 21_500)
    assert (result.credit, (await book(ledger))[1]) == (1_500, [1_500])
    async with ledger.transaction() as tx:
        await tx.conn.execute("UPDATE instalments SET interest_minor = 5000 WHERE number = 1")
    await pay(ledger, "P2", 100)
    instalments, credit = await book(ledger)
    assert instalments[0] == (1, 5_000, 6_000, NOW.date())
    assert credit == [600]
    assert await rows(ledger, "SELECT credit_minor FROM payments ORDER BY payment_id") == [(500,), (100,)]


async def test_a_loan_with_many_instalments_is_paid_off_at_once(ledger: PostgresLedger) -> None:
    many = tuple((FIRST + timedelta(days=n), 100, 10) for n in range(60))
    await seed(ledger, instalments=many)
    result = await pay(ledger, "P1", 6_600)
    assert len(result.instalments) == 60
    assert all(met_on for *_, met_on in (await book(ledger))[0])


async def test_the_same_payment_again_is_reported_and_changes_nothing(ledger: PostgresLedger) -> None:
    await seed(ledger)
    await pay(ledger, "P1", 5_000)
    before = await book(ledger)
    assert (await pay(ledger, "P1", 5_000)).status is PaymentStatus.REPEATED
    assert await book(ledger) == before
    assert await rows(ledger, "SELECT count(*) FROM events WHERE kind = 'payment.recorded'") == [(1,)]


@pytest.mark.parametrize(
    ("keywords", "field"),
    [
        ({"external_id": "P1", "minor": 4_999}, "external_id"),
        ({"external_id": "P2", "minor": 1, "loan": "L9"}, "loan_external_id: no such loan"),
        ({"external_id": "P2", "minor": 1, "currency": "EUR"}, "currency"),
        ({"external_id": "P2", "minor": 0}, "amount"),
        ({"external_id": "P2", "minor": -5}, "amount"),
    ],
)
async def test_a_payment_that_makes_no_sense_is_refused_and_nothing_changes(
    ledger: PostgresLedger, keywords: dict[str, Any], field: str
) -> None:
    await seed(ledger)
    await pay(ledger, "P1", 5_000)
    before = await book(ledger)
    with pytest.raises(InputError, match=field):
        await pay(ledger, **keywords)
    assert await book(ledger) == before
    assert await rows(ledger, "SELECT count(*) FROM payments") == [(1,)]


async def test_a_payment_cancels_the_pending_contacts_of_what_it_met(ledger: PostgresLedger) -> None:
    borrower, _ = await seed(ledger)
    planned = await plan(ledger, borrower, FIRST)
    released = await plan(ledger, borrower, FIRST, rung="T0", state="released")
    sending = await plan(ledger, borrower, FIRST, rung="T0-noon", state="sending")
    later = await plan(ledger, borrower, SECOND)
    result = await pay(ledger, "P1", 10_000)
    assert set(result.cancelled) == {planned, released}
    states = dict(await rows(ledger, "SELECT contact_id, state FROM contacts"))
    assert states == {planned: "cancelled", released: "cancelled", sending: "sending", later: "planned"}
    events = await rows(ledger, "SELECT contact_id, data FROM events WHERE kind = 'contact.cancelled' ORDER BY 1")
    assert events == [(planned, {"reason": "paid"}), (released, {"reason": "paid"})]


async def test_a_part_payment_cancels_nothing(ledger: PostgresLedger) -> None:
    borrower, _ = await seed(ledger)
    await plan(ledger, borrower, FIRST)
    assert (await pay(ledger, "P1", 9_999)).cancelled == ()


async def test_another_loan_due_the_same_day_keeps_the_contact(ledger: PostgresLedger) -> None:
    borrower, _ = await seed(ledger)
    async with ledger.transaction() as tx:
        await tx.conn.execute(
            "WITH l AS (INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on)"
            " VALUES ('L2', %s, 'USD', 500, '2018-06-01') RETURNING loan_id)"
            " INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor)"
            " SELECT loan_id, %s, 1, %s, 'USD', 500 FROM l",
            (borrower, borrower, FIRST),
        )
    contact = await plan(ledger, borrower, FIRST)
    assert (await pay(ledger, "P1", 10_000)).cancelled == ()
    assert (await pay(ledger, "P2", 500, loan="L2")).cancelled == (contact,)


async def test_a_reversal_reopens_exactly_what_the_payment_met(ledger: PostgresLedger) -> None:
    await seed(ledger)
    await pay(ledger, "P1", 3_000)
    before = await book(ledger)
    await pay(ledger, "P2", 25_000)
    assert (await reverse(ledger, "P2")).status is PaymentStatus.REVERSED
    assert await book(ledger) == before
    assert (await reverse(ledger, "P2")).status is PaymentStatus.REPEATED
    assert await book(ledger) == before
    assert (await pay(ledger, "P2", 25_000)).status is PaymentStatus.REPEATED


async def test_what_a_reversal_reopens_is_met_by_another_payments_credit(ledger: PostgresLedger) -> None:
    await seed(ledger)
    await pay(ledger, "P1", 20_000)
    await pay(ledger, "P2", 1_000)
    await reverse(ledger, "P1")
    assert await book(ledger) == ([(1, 1_000, 0, None), (2, 0, 0, None)], [0])


async def test_reversing_what_was_never_paid_is_refused(ledger: PostgresLedger) -> None:
    with pytest.raises(InputError, match="no such payment"):
        await reverse(ledger, "P404")


@DB
@given(amounts=st.lists(st.integers(min_value=1, max_value=15_000), min_size=1, max_size=5), victim=st.integers(0, 4))
async def test_money_is_conserved_through_payments_and_a_reversal(
    ledger: PostgresLedger, amounts: list[int], victim: int
) -> None:
    loan = f"L{next(_LOANS)}"
    await seed(ledger, loan=loan)
    for number, minor in enumerate(amounts):
        await pay(ledger, f"{loan}-{number}", minor, loan=loan)
    assert await held(ledger, loan) == sum(amounts)
    await reverse(ledger, f"{loan}-{victim % len(amounts)}")
    assert await held(ledger, loan) == sum(amounts) - amounts[victim % len(amounts)]


async def held(ledger: PostgresLedger, loan: str) -> int:
    """What the book says was received: paid on instalments plus credit; allocations and payments must agree."""
    query = """
    SELECT sum(i.principal_paid + i.interest_paid + i.fee_paid + i.penalty_paid)::bigint, min(l.credit_minor),
           (SELECT coalesce(sum(a.amount_minor), 0)::bigint FROM allocations a JOIN payments p USING (payment_id)
            WHERE p.loan_id = min(l.loan_id) AND NOT a.reversed),
           (SELECT coalesce(sum(p.credit_minor), 0)::bigint FROM payments p
            WHERE p.loan_id = min(l.loan_id) AND p.reversed_at IS NULL)
    FROM instalments i JOIN loans l USING (loan_id) WHERE l.external_id = %s"""
    ((paid, credit, allocated, left_over),) = await rows(ledger, query, loan)
    assert (paid, credit) == (allocated, left_over)
    return int(paid + credit)


_LOANS = iter(range(100, 10_000))


async def test_payments_that_race_each_other_each_count_once(ledger: PostgresLedger) -> None:
    await seed(ledger)
    results = await asyncio.gather(*(pay(ledger, f"P{n % 4}", 1_000) for n in range(8)))
    assert sorted(r.status for r in results) == ["recorded"] * 4 + ["repeated"] * 4
    assert await held(ledger, "L1") == 4_000


async def test_one_batch_answers_each_payment_in_order(ledger: PostgresLedger) -> None:
    await seed(ledger)
    batch = [payment("P1", 10), payment("P1", 10), payment("P1", 11), payment("P2", 5, loan="L9"), payment("P3", 7)]
    async with ledger.transaction() as tx:
        results = await tx.book.payments.record(batch, order=DEFAULT_ORDER, times=await CLOCK.read(), actor="test")
    assert [r.status for r in results] == ["recorded", "repeated", "conflict", "unknown_loan", "recorded"]
    assert await held(ledger, "L1") == 17
