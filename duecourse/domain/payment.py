"""What became of a payment that was handed in."""

from dataclasses import dataclass
from enum import StrEnum


class PaymentStatus(StrEnum):
    RECORDED = "recorded"
    REPEATED = "repeated"
    """The same payment was recorded before: nothing was done."""
    REVERSED = "reversed"
    CONFLICT = "conflict"
    """Its id belongs to a payment of another loan or amount."""
    UNKNOWN_LOAN = "unknown_loan"
    UNKNOWN_PAYMENT = "unknown_payment"
    """Asked to reverse what was never recorded."""
    WRONG_CURRENCY = "wrong_currency"


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentResult:
    """One payment's answer. Amounts in minor units of the loan's currency."""

    external_id: str
    status: PaymentStatus
    payment_id: int | None = None
    loan_id: int | None = None
    borrower_id: int | None = None
    credit: int = 0
    """What was left over: kept for the loan's next instalment."""
    instalments: tuple[int, ...] = ()
    """Ids of those it paid into, or was taken back from."""
    cancelled: tuple[int, ...] = ()
    """Ids of contacts that are no longer needed."""
