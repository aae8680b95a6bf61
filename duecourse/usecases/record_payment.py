"""Money came in, or was taken back: the book follows, and contacts that lost their reason are cancelled with it."""

from collections.abc import Sequence

from duecourse.domain.book import Payment
from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.payment import PaymentResult, PaymentStatus
from duecourse.domain.vocabulary import Component
from duecourse.ports import Ledger

#: What is the caller's to put right, and how to say it: the field first.
REFUSALS = {
    PaymentStatus.UNKNOWN_LOAN: "loan_external_id: no such loan",
    PaymentStatus.WRONG_CURRENCY: "currency: not the loan's currency",
    PaymentStatus.CONFLICT: "external_id: belongs to a payment of another loan, amount or currency",
    PaymentStatus.UNKNOWN_PAYMENT: "external_id: no such payment",
}


async def record_payment(
    payment: Payment, *, ledger: Ledger, clock: Clock, order: Sequence[Component], actor: str
) -> PaymentResult:
    """Record one payment and cancel the contacts it makes needless, in one transaction.

    The same payment again is answered with `repeated` and changes nothing.

    Raises:
        InputError: not above zero, an unknown loan, another currency, or an id that belongs to another payment.
    """
    if payment.amount.minor <= 0:
        raise InputError("amount: must be above zero")
    times = await clock.read()
    async with ledger.transaction() as tx:
        (result,) = await tx.book.payments.record([payment], order=order, times=times, actor=actor)
    return _accepted(result)


async def reverse_payment(
    external_id: str, *, ledger: Ledger, clock: Clock, order: Sequence[Component], actor: str
) -> PaymentResult:
    """Take a payment back: exactly what it met is open again. A second reversal is answered with `repeated`.

    Raises:
        InputError: no such payment.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        result = await tx.book.payments.reverse(external_id, order=order, times=times, actor=actor)
    return _accepted(result)


def _accepted(result: PaymentResult) -> PaymentResult:
    if result.status in REFUSALS:
        raise InputError(REFUSALS[result.status])
    return result
