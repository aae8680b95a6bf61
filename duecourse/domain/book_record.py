"""One row of a book file, read and checked by itself: what the import stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


class RecordKind(StrEnum):
    """A file holds one kind."""

    BORROWERS = "borrowers"
    LOANS = "loans"
    INSTALMENTS = "instalments"
    PAYMENTS = "payments"


# Named tuples, not dataclasses: a book has tens of millions of these, and COPY takes tuples as they are.


class PointRecord(NamedTuple):
    """An address on one channel; None says nothing."""

    channel: str
    address: str
    consent: str | None
    consent_at: datetime | None
    consent_source: str | None
    country: str | None = None
    """Whose numbering plan; of a phone only."""
    employer: bool | None = None
    """At work, or provided by the employer."""
    verified_at: datetime | None = None
    """When it was last shown to be the borrower's own."""

    def __repr__(self) -> str:
        return f"PointRecord({self.channel})"


class BorrowerRecord(NamedTuple):
    row: int
    external_id: str
    name: str
    locale: str
    country: str
    region: str | None
    time_zone: str | None
    points: tuple[PointRecord, ...]
    place_country: str | None = None
    """Where they are now, if elsewhere."""
    place_region: str | None = None
    zone_evidence: Mapping[str, Sequence[str]] | None = None
    """What else speaks of a zone: source to IANA names."""
    employer_forbids: bool | None = None
    """The employer wants no such contacts at work."""
    underage: bool | None = None

    def __repr__(self) -> str:
        return f"BorrowerRecord(row {self.row})"


class LoanRecord(NamedTuple):
    """`principal` in minor units; None keeps what is known."""

    row: int
    external_id: str
    borrower_external_id: str
    currency: str
    principal: int
    issued_on: date
    product: str | None
    autopay: bool | None
    status: str | None
    missed_before: int | None
    actor_role: str | None = None
    notices: Mapping[str, datetime] | None = None
    """What the borrower was told beforehand, and when."""


class InstalmentRecord(NamedTuple):
    """Amounts are decimal texts in major units: the loan knows the currency, and only the ledger knows the loan."""

    row: int
    loan_external_id: str
    number: int
    due_on: date
    principal: str
    interest: str
    fee: str | None
    penalty: str | None
    paid: str | None
    met_on: date | None


class PaymentRecord(NamedTuple):
    """`amount` in minor units."""

    row: int
    external_id: str
    loan_external_id: str
    amount: int
    currency: str
    paid_at: datetime
    reversed_at: datetime | None


Record = BorrowerRecord | LoanRecord | InstalmentRecord | PaymentRecord


class Reject(NamedTuple):
    """A row that was not loaded, and why. No value of the row is repeated."""

    row: int
    """As an editor counts lines: the header is 1. In Parquet the first row is 1."""
    field: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """Some rows of a file, of one kind: what is loaded in one transaction."""

    kind: RecordKind
    records: Sequence[Record]
    rejects: Sequence[Reject]
