"""What a published loan owes and has paid, instalment by instalment, in cents.

The file says what was paid in all, as principal and as interest, but not when, nor on which day instalments fall due.
For 91 % of the running loans the paid principal is, within ten cents, that of the first k instalments: those are met.
Their paid interest differs from the schedule's by the days of the first period, so the first instalment's interest is
set to what was really charged. For the others what was paid is spread over the schedule, the oldest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from duecourse.domain.annuity import Share, annuity, month_after

#: The day the published figures are read as of: chosen from 15 June to 16 July 2018 as one of those (17 to 27 June)
#: with the fewest loans, 49 of 10,000, whose status no due day can explain; of these the busiest days follow it.
SNAPSHOT_ON = date(2018, 6, 25)

#: Lending Club's own rounding over the first instalments of a loan.
_ROUNDING = 10
_DUE_DAYS = range(1, 29)
_MANY = 10_000


class LoanStatus(StrEnum):
    CURRENT = "Current"
    FULLY_PAID = "Fully Paid"
    IN_GRACE = "In Grace Period"
    LATE = "Late (16-30 days)"
    VERY_LATE = "Late (31-120 days)"
    CHARGED_OFF = "Charged Off"

    @property
    def days_past_due(self) -> range:
        """What the status says of the oldest unmet instalment."""
        return _DAYS_PAST_DUE[self]

    @property
    def ours(self) -> str:
        return {LoanStatus.FULLY_PAID: "closed", LoanStatus.CHARGED_OFF: "charged_off"}.get(self, "active")


_DAYS_PAST_DUE = {
    LoanStatus.CURRENT: range(1),
    LoanStatus.FULLY_PAID: range(1),
    LoanStatus.IN_GRACE: range(1, 16),
    LoanStatus.LATE: range(16, 31),
    LoanStatus.VERY_LATE: range(31, 121),
    # The file's seven were charged off early, some after one missed instalment.
    LoanStatus.CHARGED_OFF: range(1, _MANY),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedLoan:
    """A row's figures; amounts in cents. `paid` includes interest and late fees."""

    number: int
    amount: int
    yearly_percent: Decimal
    term: int
    issued_on: date
    """The first day of the published month."""
    status: LoanStatus
    paid: int
    paid_principal: int
    paid_interest: int
    late_fees: int

    @property
    def missed_before(self) -> int:
        """Late fees were charged, or it is late now."""
        return int(self.late_fees > 0) + int(0 not in self.status.days_past_due)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """One instalment, in cents."""

    due_on: date
    principal: int
    interest: int
    penalty: int = 0
    paid: int = 0

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.penalty


def schedule(loan: PublishedLoan) -> list[Due]:
    """Every instalment with what has been paid of it; what was paid adds up to the published total."""
    shares = annuity(loan.amount, loan.yearly_percent, loan.term)
    shares = _settled_early(loan, shares) if loan.status is LoanStatus.FULLY_PAID else _first_period(loan, shares)
    dues = [Due(due_on=loan.issued_on, principal=s.principal, interest=s.interest) for s in shares]
    # Which instalment was late is not published. The first one that was paid carries the fee.
    dues[0] = replace(dues[0], penalty=loan.late_fees)
    dues = _paid(dues, loan.paid)
    day = due_day(loan, unmet=_first_unmet(dues))
    return [replace(due, due_on=month_after(loan.issued_on, n, day)) for n, due in enumerate(dues, 1)]


def due_day(loan: PublishedLoan, *, unmet: int | None) -> int:
    """A day of the month, 1 to 28, spread by the row number over those that agree with the status on `SNAPSHOT_ON`.

    `unmet` is the number of the oldest unmet instalment. Where no day agrees, any day may come.
    """
    agreeing = [day for day in _DUE_DAYS if _agrees(loan, unmet, day)] or _DUE_DAYS
    return agreeing[loan.number % len(agreeing)]


def contradicts(loan: PublishedLoan, dues: Sequence[Due]) -> bool:
    """No due day makes what was paid of the loan's schedule agree with its published status."""
    unmet = _first_unmet(dues)
    return not any(_agrees(loan, unmet, day) for day in _DUE_DAYS)


def _agrees(loan: PublishedLoan, unmet: int | None, day: int) -> bool:
    if unmet is None:
        return 0 in loan.status.days_past_due
    late = (SNAPSHOT_ON - month_after(loan.issued_on, unmet, day)).days
    return max(0, late) in loan.status.days_past_due


def _first_unmet(dues: Sequence[Due]) -> int | None:
    return next((number for number, due in enumerate(dues, 1) if due.paid < due.total), None)


def _first_period(loan: PublishedLoan, shares: list[Share]) -> list[Share]:
    """The schedule with the first instalment's interest as charged, where the paid principal shows how many are met."""
    met = _met(shares, loan.paid_principal)
    if not met:
        return shares
    charged = loan.paid - loan.late_fees - sum(share.principal + share.interest for share in shares[:met])
    interest = shares[0].interest + charged
    return [replace(shares[0], interest=interest), *shares[1:]] if interest >= 0 else shares


def _met(shares: Sequence[Share], paid_principal: int) -> int:
    """How many instalments the paid principal is that of; 0 where it is that of no whole number."""
    left = paid_principal
    for number, share in enumerate(shares, 1):
        left -= share.principal
        if abs(left) <= _ROUNDING:
            return number
        if left < 0:
            break
    return 0


def _settled_early(loan: PublishedLoan, shares: list[Share]) -> list[Share]:
    """Paid off before its term: only the interest that was paid was ever charged."""
    left = loan.paid - loan.late_fees - loan.amount
    settled = []
    for share in shares:
        interest = max(0, min(share.interest, left))
        settled.append(replace(share, interest=interest))
        left -= interest
    return [replace(settled[0], interest=settled[0].interest + left), *settled[1:]] if left > 0 else settled


def _paid(dues: Sequence[Due], received: int) -> list[Due]:
    paid = []
    for due in dues:
        part = min(received, due.total)
        paid.append(replace(due, paid=part))
        received -= part
    return paid
