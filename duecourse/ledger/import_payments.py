"""Payments from a file: recorded as single ones are, thousands at a time."""

from collections.abc import Sequence

from duecourse.domain.book import Payment
from duecourse.domain.book_record import PaymentRecord, Reject
from duecourse.domain.money import Money
from duecourse.domain.payment import PaymentStatus
from duecourse.ledger.payments import PaymentRows
from duecourse.ledger.staging import Loading
from duecourse.usecases.import_book import Loaded
from duecourse.usecases.record_payment import REFUSALS


async def load_payments(loading: Loading, records: Sequence[PaymentRecord]) -> Loaded:
    """Record payments in the file's order; one with a reversal is recorded as reversed, or reversed now."""
    rows = PaymentRows(loading.conn)
    payments = [_payment(record) for record in records]
    results = await rows.record(payments, order=loading.order, times=loading.times, actor=loading.actor)
    rejects = [
        Reject(record.row, *REFUSALS[result.status].split(": ", 1))
        for record, result in zip(records, results, strict=True)
        if result.status in REFUSALS
    ]
    repeated = [p for p, result in zip(payments, results, strict=True) if result.status is PaymentStatus.REPEATED]
    for payment in repeated:
        if payment.reversed_at is not None:
            await rows.reverse(payment.external_id, order=loading.order, times=loading.times, actor=loading.actor)
    cancelled = sum(len(result.cancelled) for result in results)
    return Loaded(rejects=rejects, repeated=len(repeated), cancelled=cancelled)


def _payment(record: PaymentRecord) -> Payment:
    return Payment(
        external_id=record.external_id,
        loan_external_id=record.loan_external_id,
        amount=Money(minor=record.amount, currency=record.currency),
        paid_at=record.paid_at,
        reversed_at=record.reversed_at,
    )
