"""The loan book's values as use cases see them."""

from dataclasses import dataclass, field
from datetime import date, datetime

from duecourse.domain.address import DebtorAddress
from duecourse.domain.errors import NotReachable
from duecourse.domain.money import Money
from duecourse.domain.value import value
from duecourse.domain.vocabulary import ChannelKind, Component, Consent


@value
class ContactPoint:
    """One address of a borrower on one channel."""

    contact_point_id: int
    channel: ChannelKind
    address: str = field(repr=False)
    consent: Consent
    valid: bool
    index: bytes = field(repr=False)
    """The blind index: the same for the same address, and tells nobody the address."""

    def debtor_address(self) -> DebtorAddress:
        """Whom a letter may go to: a contact point is a borrower's own, and this one is known to be good.

        Raises:
            NotReachable: the borrower does not agree to be reached there, or nobody is.
        """
        if not self.valid or self.consent is not Consent.GRANTED:
            raise NotReachable(f"contact point {self.contact_point_id}")
        return DebtorAddress(self.address)


@value
class DueItem:
    """What is left to pay of one instalment."""

    instalment_id: int
    loan_id: int
    loan_reference: str
    """The lender's own number of the loan."""
    due_on: date
    number: int
    outstanding: Money
    autopay: bool = False
    product: str | None = None
    actor_role: str | None = None
    """In whose name it is collected; None: as the settings say."""
    notices: tuple[str, ...] = ()
    """Of what the borrower was told beforehand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInstalment:
    """One unmet instalment as a payment meets it, amounts in minor units: due and already paid per component."""

    instalment_id: int
    due_on: date
    number: int
    due: dict[Component, int]
    paid: dict[Component, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """Money received for a loan, known by the lender's own id."""

    external_id: str
    loan_external_id: str
    amount: Money
    paid_at: datetime
    reversed_at: datetime | None = None
    """Set where it was taken back before we heard of it: recorded, but it meets nothing."""
