"""Part `payments`: a payment is recorded while its contact is about to leave. How long, and was anything sent after?

A payment and the cancelling of its contacts are one transaction, so a contact is cancelled at the very commit that
records the payment. What is timed is the whole use case, from its call to the commit's answer: the delay that a lender
sees. The pipeline delivers at full speed meanwhile, and the payments go for contacts that it reaches last.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime

from bench.delivery import SMS_AT, answered
from bench.due_day import BEGUN, DAY, ENDED
from bench.measuring import quantile
from bench.stage import SCHEDULER, NotMeasured, Stage, worker
from bench.wishes import Wishes
from duecourse.bootstrap import App
from duecourse.domain.book import Payment
from duecourse.domain.clock import Times, host_now
from duecourse.domain.money import Money
from duecourse.ledger.clock import step_virtual_clock
from duecourse.usecases.record_payment import record_payment

#: What the book of the day asks for each instalment, in minor units.
_WHOLE = 10_000
# A claim and a payment lock the borrower before they write, so for one borrower the order of events is that of locks.
_SENT_AFTER = """
SELECT (SELECT min(armed_at) FROM attempts), count(*) FROM events p JOIN events s USING (borrower_id)
WHERE p.kind = 'payment.recorded' AND s.kind = 'contact.sending' AND s.event_id > p.event_id
"""


@dataclass(kw_only=True)
class Paid:
    """The payments that cancelled something, as (when it began, milliseconds), and how many there were in all."""

    took: list[tuple[datetime, float]] = field(default_factory=list)
    payments: int = 0
    cancelled: int = 0


async def payments(stage: Stage, wishes: Wishes) -> dict[str, float]:
    async with stage.app("payments", DAY) as (app, env):
        async with app.ledger.transaction() as tx:
            await step_virtual_clock(tx.conn, SMS_AT)
            # A payment writes its event, perhaps before the scheduler has made the month.
            await tx.planning.ensure_months(Times(business=SMS_AT, lease=SMS_AT))
        paid = Paid()
        with stage.running(env, *[worker("sms")] * wishes.workers, SCHEDULER):
            ended = asyncio.Event()
            paying = asyncio.create_task(_pay_until(ended, app, paid, wishes.contacts))
            await answered(app, BEGUN)
            await answered(app, ENDED)
            ended.set()
            await paying
        first, sent_after = await _evidence(app)
    took_ms = [took for at, took in paid.took if at >= first]
    if not took_ms:
        raise NotMeasured("no payment came while contacts were sent: ask for more contacts")
    return {
        "payments": paid.payments,
        "payments_timed": len(took_ms),
        "payments_cancelled_contacts": paid.cancelled,
        "cancel_p50_ms": round(quantile(took_ms, 0.50), 1),
        "cancel_p95_ms": round(quantile(took_ms, 0.95), 1),
        "cancel_p99_ms": round(quantile(took_ms, 0.99), 1),
        "sent_after_payment": sent_after,
    }


async def _evidence(app: App) -> tuple[datetime, int]:
    """When the first contact was claimed, and how many were claimed after their borrower had paid."""
    async with app.ledger.transaction() as tx:
        first, sent_after = await (await tx.conn.execute(_SENT_AFTER)).fetchone() or (None, 0)
    if first is None:
        raise NotMeasured("nothing was sent: ask for more contacts")
    return first, sent_after


async def _pay_until(ended: asyncio.Event, app: App, paid: Paid, contacts: int) -> None:
    """From the last loan backwards, two at a time, while the pipeline comes towards us."""
    loans = iter(range(contacts * 2 - 1, 0, -2))

    async def lane() -> None:
        for number in loans:
            if ended.is_set():
                return
            await _pay(app, number, paid)

    await asyncio.gather(lane(), lane())


async def _pay(app: App, number: int, paid: Paid) -> None:
    payment = Payment(
        external_id=f"P{number}",
        loan_external_id=f"L{number}",
        amount=Money(minor=_WHOLE, currency="USD"),
        paid_at=SMS_AT,
    )
    at, began = host_now(), time.perf_counter()
    result = await record_payment(
        payment, ledger=app.ledger, clock=app.clock, order=app.settings.allocation_order, actor="bench"
    )
    took = time.perf_counter() - began
    paid.payments += 1
    if result.cancelled:
        paid.took.append((at, took * 1_000))
        paid.cancelled += len(result.cancelled)
