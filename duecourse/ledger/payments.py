"""Payments: recorded once, spread over the oldest instalments, taken back exactly.

Every method locks the borrowers first, in id order, as the claim does: a payment comes before a claim or after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from duecourse.domain.allocation import Allocation
from duecourse.domain.book import Payment
from duecourse.domain.clock import Times
from duecourse.domain.event import Event
from duecourse.domain.payment import PaymentResult, PaymentStatus
from duecourse.domain.vocabulary import Component
from duecourse.ledger.cancelling import CancelReason, cancel_needless
from duecourse.ledger.events import EventRows
from duecourse.ledger.paying import Demand, LoanRow, Spent, add_credit, lock_loans, pay_instalments, spend

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_EXISTING = """
SELECT p.external_id, l.external_id, p.amount_minor, p.currency
FROM payments p JOIN loans l USING (loan_id) WHERE p.external_id = ANY (%s)
"""
_INSERT = """
INSERT INTO payments (external_id, loan_id, currency, amount_minor, paid_at, reversed_at, recorded_at)
SELECT p.*, %(now)s FROM unnest(%(ids)s::text[], %(loans)s::bigint[], %(currencies)s::text[], %(amounts)s::bigint[],
                               %(paid_at)s::timestamptz[], %(reversed_at)s::timestamptz[]) AS p
ON CONFLICT (external_id) DO NOTHING
RETURNING external_id, payment_id
"""
_LOAN_OF = "SELECT l.external_id FROM payments p JOIN loans l USING (loan_id) WHERE p.external_id = %s"
_READ = "SELECT payment_id, credit_minor, reversed_at FROM payments WHERE external_id = %s"
_TAKE_BACK = """
WITH marked AS (
    UPDATE payments SET reversed_at = %(now)s WHERE payment_id = %(payment_id)s
)
UPDATE allocations SET reversed = true WHERE payment_id = %(payment_id)s AND NOT reversed
RETURNING instalment_id, component, -amount_minor
"""
_LEFT_OVER = """
SELECT payment_id, loan_id, credit_minor FROM payments
WHERE loan_id = ANY (%s) AND credit_minor > 0 ORDER BY payment_id
"""

Content = tuple[str, int, str]
"""Loan, minor units, currency: what makes two payments of one id the same."""


class PaymentRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def record(
        self, payments: Sequence[Payment], *, order: Sequence[Component], times: Times, actor: str
    ) -> list[PaymentResult]:
        """Record payments in the order given; one answer each. `order` is that of components in an instalment."""
        loans = await lock_loans(self._conn, {p.loan_external_id for p in payments})
        await self.use_credit(loans.values(), order=order, times=times, actor=actor)
        known = await self._known(payments)
        fresh: dict[str, Payment] = {}
        statuses = []
        for payment in payments:
            status = _status(payment, loans.get(payment.loan_external_id), known.get(payment.external_id))
            statuses.append(status)
            if status is PaymentStatus.RECORDED:
                fresh[payment.external_id] = payment
                known[payment.external_id] = _content(payment)
        recorded = await self._record(fresh, loans, order=order, times=times, actor=actor)
        return [
            recorded[payment.external_id]
            if status is PaymentStatus.RECORDED
            else PaymentResult(external_id=payment.external_id, status=status)
            for payment, status in zip(payments, statuses, strict=True)
        ]

    async def reverse(self, external_id: str, *, order: Sequence[Component], times: Times, actor: str) -> PaymentResult:
        """Take a payment back: what it met is open again. A second reversal is reported and does nothing."""
        cursor = await self._conn.execute(_LOAN_OF, (external_id,))
        found = await cursor.fetchone()
        if found is None:
            return PaymentResult(external_id=external_id, status=PaymentStatus.UNKNOWN_PAYMENT)
        (loan,) = (await lock_loans(self._conn, found)).values()
        cursor = await self._conn.execute(_READ, (external_id,))
        row = await cursor.fetchone()
        if row is None or row[2] is not None:
            return PaymentResult(external_id=external_id, status=PaymentStatus.REPEATED)
        taken = await self._take_back(row[0], loan, credit=row[1], times=times)
        result = PaymentResult(
            external_id=external_id,
            status=PaymentStatus.REVERSED,
            payment_id=row[0],
            loan_id=loan.loan_id,
            borrower_id=loan.borrower_id,
            instalments=_instalments(taken),
        )
        await self._events.append(times, actor, [_event("payment.reversed", result)])
        await self.use_credit([loan], order=order, times=times, actor=actor)
        return result

    async def use_credit(
        self, loans: Iterable[LoanRow], *, order: Sequence[Component], times: Times, actor: str
    ) -> None:
        """Let what earlier payments left over meet instalments that are open now. The borrowers are locked."""
        by_id = {loan.loan_id: loan for loan in loans}
        cursor = await self._conn.execute(_LEFT_OVER, (list(by_id),))
        demands = [
            Demand(
                payment_id=payment_id,
                loan=by_id[loan_id],
                amount=credit,
                met_on=by_id[loan_id].local_date(times.business),
            )
            for payment_id, loan_id, credit in await cursor.fetchall()
        ]
        if not demands:
            return
        spent = await spend(self._conn, demands, order)
        used = [(d.payment_id, d.loan.loan_id, spent.rest[d.payment_id] - d.amount) for d in demands]
        await add_credit(self._conn, used)
        await cancel_needless(self._conn, spent.met, reason=CancelReason.PAID, times=times, actor=actor)

    async def _known(self, payments: Sequence[Payment]) -> dict[str, Content]:
        cursor = await self._conn.execute(_EXISTING, ([p.external_id for p in payments],))
        return {name: (loan, amount, currency) for name, loan, amount, currency in await cursor.fetchall()}

    async def _record(
        self,
        fresh: Mapping[str, Payment],
        loans: Mapping[str, LoanRow],
        *,
        order: Sequence[Component],
        times: Times,
        actor: str,
    ) -> dict[str, PaymentResult]:
        ids = await self._insert(fresh.values(), loans, times)
        demands = [_demand(ids[name], payment, loans) for name, payment in fresh.items() if name in ids]
        spent = await spend(self._conn, demands, order)
        await add_credit(self._conn, [(d.payment_id, d.loan.loan_id, spent.rest[d.payment_id]) for d in demands])
        cancelled = await cancel_needless(self._conn, spent.met, reason=CancelReason.PAID, times=times, actor=actor)
        results = {
            name: _recorded(name, demand, spent, cancelled.pop(demand.loan.borrower_id, []))
            for name, demand in zip((name for name in fresh if name in ids), demands, strict=True)
        }
        await self._events.append(
            times,
            actor,
            [_event("payment.recorded", r, amount_minor=fresh[n].amount.minor) for n, r in results.items()],
        )
        # Another process took the id for another loan between our read and our write.
        lost = {name: PaymentResult(external_id=name, status=PaymentStatus.CONFLICT) for name in fresh}
        return lost | results

    async def _insert(self, payments: Iterable[Payment], loans: Mapping[str, LoanRow], times: Times) -> dict[str, int]:
        rows = tuple(payments)
        if not rows:
            return {}
        cursor = await self._conn.execute(
            _INSERT,
            {
                "now": times.lease,
                "ids": [p.external_id for p in rows],
                "loans": [loans[p.loan_external_id].loan_id for p in rows],
                "currencies": [p.amount.currency for p in rows],
                "amounts": [p.amount.minor for p in rows],
                "paid_at": [p.paid_at for p in rows],
                "reversed_at": [p.reversed_at for p in rows],
            },
        )
        return dict(await cursor.fetchall())

    async def _take_back(self, payment_id: int, loan: LoanRow, *, credit: int, times: Times) -> list[Allocation]:
        cursor = await self._conn.execute(_TAKE_BACK, {"now": times.business, "payment_id": payment_id})
        taken = [
            Allocation(instalment_id=instalment_id, component=Component(component), amount=amount)
            for instalment_id, component, amount in await cursor.fetchall()
        ]
        await pay_instalments(self._conn, taken, {})
        await add_credit(self._conn, [(payment_id, loan.loan_id, -credit)])
        return taken


def _status(payment: Payment, loan: LoanRow | None, known: Content | None) -> PaymentStatus:
    if known is not None:
        return PaymentStatus.REPEATED if known == _content(payment) else PaymentStatus.CONFLICT
    if loan is None:
        return PaymentStatus.UNKNOWN_LOAN
    if loan.currency != payment.amount.currency:
        return PaymentStatus.WRONG_CURRENCY
    return PaymentStatus.RECORDED


def _content(payment: Payment) -> Content:
    return payment.loan_external_id, payment.amount.minor, payment.amount.currency


def _demand(payment_id: int, payment: Payment, loans: Mapping[str, LoanRow]) -> Demand:
    loan = loans[payment.loan_external_id]
    return Demand(
        payment_id=payment_id,
        loan=loan,
        amount=0 if payment.reversed_at else payment.amount.minor,
        met_on=loan.local_date(payment.paid_at),
    )


def _recorded(name: str, demand: Demand, spent: Spent, cancelled: Sequence[int]) -> PaymentResult:
    return PaymentResult(
        external_id=name,
        status=PaymentStatus.RECORDED,
        payment_id=demand.payment_id,
        loan_id=demand.loan.loan_id,
        borrower_id=demand.loan.borrower_id,
        credit=spent.rest[demand.payment_id],
        instalments=_instalments(spent.parts[demand.payment_id]),
        cancelled=tuple(cancelled),
    )


def _instalments(parts: Iterable[Allocation]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(part.instalment_id for part in parts))


def _event(kind: str, result: PaymentResult, **data: int) -> Event:
    return Event(
        kind=kind,
        borrower_id=result.borrower_id,
        data={
            "payment_id": result.payment_id,
            "loan_id": result.loan_id,
            "credit_minor": result.credit,
            "instalments": list(result.instalments),
            **data,
        },
    )
